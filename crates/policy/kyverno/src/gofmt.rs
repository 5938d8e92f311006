//! Values as Go prints them with `%v`, for that is what Kyverno compares and says.

use probity_model::value::Number;
use probity_model::{SmolStr, Value};

/// A value as Go's `fmt.Sprint` writes it.
pub(crate) fn print(value: &Value) -> SmolStr {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".into(),
        Value::Bool(true) => "true".into(),
        Value::Bool(false) => "false".into(),
        Value::Number(number) => self::number(number).into(),
        Value::Array(array) => list(array.iter()),
        Value::Set(set) => list(set.iter()),
        Value::Object(object) => {
            let entries: Vec<String> = object.iter().map(|(key, value)| format!("{key}:{}", print(value))).collect();
            format!("map[{}]", entries.join(" ")).into()
        }
        Value::Unknown(what) => format!("<unknown: {what}>").into(),
    }
}

fn list<'v>(elements: impl Iterator<Item = &'v Value>) -> SmolStr {
    let elements: Vec<SmolStr> = elements.map(print).collect();
    format!("[{}]", elements.join(" ")).into()
}

/// Whole numbers in full, others as short as reads back the same.
fn number(number: &Number) -> String {
    if let Some(int) = number.as_i64() {
        return int.to_string();
    }
    let float = number.as_f64();
    let exponent = if float == 0.0 { 0.0 } else { float.abs().log10().floor() };
    if (-4.0..21.0).contains(&exponent) { format!("{float}") } else { scientific(float, 'e') }
}

/// A number with one digit before the point and an exponent of at least two digits, as short as reads back the same.
pub(crate) fn scientific(float: f64, letter: char) -> String {
    let text = format!("{float:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}{letter}{sign}{digits:0>2}")
}

/// What a value is, as Go names its type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.as_i64().is_some() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) | Value::Set(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
        Value::Unknown(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_in_go() {
        for (json, expected) in [
            (r#"{"b":[1,"x",null],"a":true}"#, "map[a:true b:[1 x <nil>]]"),
            ("1.50", "1.5"),
            ("1.0", "1"),
            ("1e30", "1e+30"),
            ("0.00001", "1e-05"),
        ] {
            assert_eq!(print(&probity_model::json::read(json.as_bytes()).unwrap()), expected, "{json}");
        }
        assert_eq!(scientific(1.5, 'E'), "1.5E+00");
    }
}
