//! Values as people read them.

use super::Value;

/// Longest text that is made of a value.
const MAX_LENGTH: usize = 64 << 10;

/// Deepest nesting that is shown.
const MAX_DEPTH: usize = 32;

/// The value as `print` writes it: strings as they are, those inside of lists and maps quoted.
pub(crate) fn show(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::String(text) => out.push_str(&text.to_str()),
        _ => write(value, 0, &mut out),
    }
    if out.len() > MAX_LENGTH {
        let end = (0..=MAX_LENGTH).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0);
        out.truncate(end);
        out.push('…');
    }
    out
}

fn write(value: &Value, depth: usize, out: &mut String) {
    if depth > MAX_DEPTH || out.len() > MAX_LENGTH {
        return out.push('…');
    }
    match value {
        Value::Undefined(_) => out.push_str("undefined"),
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(int) => out.push_str(&int.to_string()),
        Value::Float(float) => out.push_str(&float.to_string()),
        Value::String(text) => out.push_str(&format!("{text:?}")),
        Value::List(list) => {
            out.push('[');
            for index in 0..list.len() {
                if out.len() > MAX_LENGTH {
                    break;
                }
                out.push_str(if index == 0 { "" } else { ", " });
                if let Some(element) = list.get(index) {
                    write(&element, depth + 1, out);
                }
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (index, (key, value)) in map.to_vec().iter().enumerate() {
                if out.len() > MAX_LENGTH {
                    break;
                }
                out.push_str(if index == 0 { "" } else { ", " });
                write(&key.to_value(), depth + 1, out);
                out.push_str(": ");
                write(value, depth + 1, out);
            }
            out.push('}');
        }
        Value::Object(object) => write(&object.data(), depth, out),
        Value::Function(function) => out.push_str(&format!("func {}", function.name())),
        Value::Rule(_) => out.push_str("rule"),
        Value::Import(_) => out.push_str("import"),
    }
}
