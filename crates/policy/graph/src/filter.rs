//! `JSONPath` filters, `[?(@.name == 'x' & @.port > 22)]`, in the dialect of Checkov's policies (that of `jsonpath_ng.ext`).

use fancy_regex::Regex;
use probity_model::Value;

use crate::operator::{loosely_equal, text_of};

/// What an element must meet to be taken: all of the comparisons.
#[derive(Debug, Clone)]
pub(crate) struct Filter(Vec<Comparison>);

#[derive(Debug, Clone)]
struct Comparison {
    /// Keys from the element to the value that is compared.
    keys: Vec<String>,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists,
    Equal(Value),
    NotEqual(Value),
    Less(f64),
    LessOrEqual(f64),
    Greater(f64),
    GreaterOrEqual(f64),
    Matches(Regex),
}

/// Longer operators first.
const OPERATORS: [&str; 8] = ["==", "!=", "<=", ">=", "=~", "<", ">", "="];

impl Filter {
    /// Reads what stands between `?` and `]`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let inner = text.trim();
        let inner = inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(inner);
        split(inner).into_iter().map(Comparison::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the element is taken; `None` when that cannot be known.
    pub(crate) fn takes(&self, element: &Value) -> Option<bool> {
        let mut unknown = false;
        for comparison in &self.0 {
            match comparison.holds(element) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => unknown = true,
            }
        }
        (!unknown).then_some(true)
    }
}

impl Comparison {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a comparison such as @.name == 'x'");
        let rest = text.trim().strip_prefix('@').ok_or_else(wrong)?;
        let end = rest.find(['=', '!', '<', '>', ' ']).unwrap_or(rest.len());
        let keys = rest[..end].split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect();
        let rest = rest[end..].trim_start();
        if rest.is_empty() {
            return Ok(Self { keys, test: Test::Exists });
        }
        let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator)).ok_or_else(wrong)?;
        let value = literal(rest[operator.len()..].trim());
        let number = || text_of(&value).parse::<f64>().map_err(|_| wrong());
        let test = match operator {
            "==" | "=" => Test::Equal(value),
            "!=" => Test::NotEqual(value),
            "<" => Test::Less(number()?),
            "<=" => Test::LessOrEqual(number()?),
            ">" => Test::Greater(number()?),
            ">=" => Test::GreaterOrEqual(number()?),
            _ => Test::Matches(
                fancy_regex::RegexBuilder::new(&text_of(&value))
                    .backtrack_limit(100_000)
                    .build()
                    .map_err(|error| format!("not a regular expression: {error}"))?,
            ),
        };
        Ok(Self { keys, test })
    }

    /// Some value at the keys meets it; what is not there meets nothing.
    fn holds(&self, element: &Value) -> Option<bool> {
        let mut found = Vec::new();
        collect(element, &self.keys, &mut found);
        let mut result = Some(false);
        for value in found {
            match self.test.meets(value) {
                Some(true) => return Some(true),
                None => result = None,
                Some(false) => {}
            }
        }
        result
    }
}

impl Test {
    fn meets(&self, value: &Value) -> Option<bool> {
        if let Value::Unknown(_) = value {
            return None;
        }
        let number = || text_of(value).parse::<f64>().ok();
        Some(match self {
            Self::Exists => true,
            Self::Equal(expected) => loosely_equal(value, expected),
            Self::NotEqual(expected) => !loosely_equal(value, expected),
            Self::Less(bound) => number().is_some_and(|number| number < *bound),
            Self::LessOrEqual(bound) => number().is_some_and(|number| number <= *bound),
            Self::Greater(bound) => number().is_some_and(|number| number > *bound),
            Self::GreaterOrEqual(bound) => number().is_some_and(|number| number >= *bound),
            Self::Matches(regex) => return regex.is_match(&text_of(value)).ok(),
        })
    }
}

/// Values at the end of the keys; lists on the way are looked through.
fn collect<'v>(value: &'v Value, keys: &[String], found: &mut Vec<&'v Value>) {
    match (value, keys.split_first()) {
        (Value::Null, None) => {}
        (value, None) | (value @ Value::Unknown(_), _) => found.push(value),
        (Value::Object(object), Some((key, rest))) => {
            if let Some(inner) = object.get(key) {
                collect(inner, rest, found);
            }
        }
        (Value::Array(list), Some(_)) => list.iter().for_each(|inner| collect(inner, keys, found)),
        _ => {}
    }
}

/// The comparisons between `&` or `&&`, outside of quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None, '&') => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// A quoted text, or a bare word; how it compares does not depend on its type.
fn literal(text: &str) -> Value {
    let unquoted = ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    unquoted.unwrap_or(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::json;
    use proptest::prelude::*;

    #[test]
    fn elements_are_taken() {
        let element = json::read(br#"{"name":"a & b","port":22,"on":true,"inner":[{"x":"Root"}]}"#).unwrap();
        for (filter, expected) in [
            ("(@.name == 'a & b')", true),
            ("(@.name == 'a & b' & @.port == 22)", true),
            ("(@.name == \"a & b\" && @.port > 22)", false),
            ("(@.port >= 22 & @.port < 23)", true),
            ("(@.on == true)", true),
            ("(@.port != 23)", true),
            ("(@.none != 23)", false),
            ("(@.none)", false),
            ("@.port", true),
            ("(@.inner.x =~ '(?i)^ROOT$')", true),
            ("(@.inner.x =~ '^ROOT$')", false),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().takes(&element), Some(expected), "{filter}");
        }
        assert_eq!(Filter::parse("(@ == 'x')").unwrap().takes(&"x".into()), Some(true));
        let unknown = Value::object([("name", Value::Unknown("var.x".into()))]);
        assert_eq!(Filter::parse("(@.name == 'x')").unwrap().takes(&unknown), None);
    }

    #[test]
    fn wrong_filters_are_refused() {
        for filter in ["(name == 1)", "(@.a ! 1)", "(@.a < b)", "(@.a =~ '((')"] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_refused(text in "[a-b.@()'\"&=!<>~0-9ü ]*") {
            let _ = Filter::parse(&text);
        }
    }
}
