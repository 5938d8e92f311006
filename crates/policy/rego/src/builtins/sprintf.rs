//! Values as Rego writes them.

use probity_model::value::Value;

use super::gofmt::quoted;
pub(crate) use super::gofmt::{format, format_or_nil};

/// A value as Rego writes it: like JSON with spaces, but texts quoted as in Go and sets in braces.
pub(crate) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    let list = |items: &mut dyn Iterator<Item = &Value>, out: &mut String| {
        for (position, item) in items.enumerate() {
            if position > 0 {
                out.push_str(", ");
            }
            write(item, out);
        }
    };
    match value {
        Value::Array(array) => {
            out.push('[');
            list(&mut array.iter(), out);
            out.push(']');
        }
        Value::Set(set) if set.is_empty() => out.push_str("set()"),
        Value::Set(set) => {
            out.push('{');
            list(&mut set.iter(), out);
            out.push('}');
        }
        Value::Object(object) => {
            out.push('{');
            for (position, (key, value)) in object.iter().enumerate() {
                if position > 0 {
                    out.push_str(", ");
                }
                write(&key.to_value(), out);
                out.push_str(": ");
                write(value, out);
            }
            out.push('}');
        }
        Value::String(text) => {
            out.push('"');
            text.chars().for_each(|character| quoted(character, '"', false, out));
            out.push('"');
        }
        other => out.push_str(&probity_model::json::write(other)),
    }
}
