//! Values as YAML, for people: block style, texts in quotes where they would be something else without.

use probity_model::{Value, json};

/// A document.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(object) if !object.is_empty() => block(value, 0, &mut out),
        Value::Array(array) if !array.is_empty() => block(value, 0, &mut out),
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(object) => {
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    pad(indent, out);
                }
                out.push_str(&text(key.as_str()));
                out.push(':');
                // Lists stand as far in as their key.
                let deeper = if matches!(value, Value::Array(_)) { indent } else { indent + 2 };
                nested(value, deeper, "\n", out);
            }
        }
        Value::Array(array) => {
            for (at, value) in array.iter().enumerate() {
                if at > 0 {
                    pad(indent, out);
                }
                out.push('-');
                nested(value, indent + 2, " ", out);
            }
        }
        other => {
            out.push_str(&inline(other));
            out.push('\n');
        }
    }
}

/// What stands behind a colon or a dash.
fn nested(value: &Value, indent: usize, before: &str, out: &mut String) {
    let is_block = match value {
        Value::Object(object) => !object.is_empty(),
        Value::Array(array) => !array.is_empty(),
        _ => false,
    };
    if is_block {
        out.push_str(before);
        if before == "\n" {
            pad(indent, out);
        }
        block(value, indent, out);
    } else {
        out.push(' ');
        out.push_str(&inline(value));
        out.push('\n');
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(own) => text(own),
        other => json::write(other),
    }
}

/// A text, in double quotes as JSON has them unless it can stand as it is.
fn text(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { json::write(&text.into()) }
}

/// Whether every reader of YAML takes the text for itself.
fn is_plain(text: &str) -> bool {
    const WORDS: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"];
    let Some(first) = text.chars().next() else { return false };
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "-_./() ".contains(character);
    (first.is_ascii_alphabetic() || first == '/')
        && text.chars().all(is_safe)
        && !text.ends_with(' ')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use probity_model::yaml::{self, Dialect};
    use probity_model::{SourceId, Value, json};

    use super::write;

    #[test]
    fn documents_are_read_as_they_were() {
        for text in [
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{},"name":"a"},"spec":{"containers":[{"args":["-x","y: z","- #"],"image":"a:1","name":"c"},{"name":"d"}],"list":[[1,2],[],[{"a":null}]]}}"#,
            r#"{"a":"true","b":"1","c":"","d":" x","e":"x ","f":"a\nb","g":"ja","h":"2020-01-01","i":"~","j":"0x1f","k":"no","l":"x: y","m":"ö","/a/b":1}"#,
            "[]",
            "{}",
            r#""text""#,
            r#"[{"a":[{"b":[]}]}]"#,
        ] {
            let value: Value = json::read(text.as_bytes()).unwrap();
            let written = write(&value);
            for dialect in [Dialect::Core, Dialect::Kubernetes] {
                let read = yaml::read(&written, SourceId(0), dialect).unwrap();
                assert_eq!(read[0].value, value, "{written}");
            }
        }
    }

    #[test]
    fn lists_stand_as_far_in_as_their_key() {
        let value: Value = json::read(br#"{"a":[{"b":1,"c":2}],"d":"x"}"#).unwrap();
        assert_eq!(write(&value), "a:\n- b: 1\n  c: 2\nd: x\n");
    }
}
