//! Paths of documents as expressions of `JMESPath`.

use probity_model::{Span, Value};

use crate::anchor::Anchor;

/// The expression that leads from a root to a place of a document, such as `/spec/containers/0/image`. Anchors on the
/// way are left out, for the resource has none.
pub(crate) fn expression(root: &str, path: &str) -> String {
    let mut expression = root.to_owned();
    for segment in segments(path) {
        let field = Anchor::field(&segment);
        if field.parse::<u64>().is_ok() {
            expression.push_str(&format!("[{field}]"));
        } else if is_identifier(field) {
            expression.push_str(&format!(".{field}"));
        } else {
            expression.push_str(&format!(".{}", probity_model::json::write(&field.into())));
        }
    }
    expression
}

/// Where the entry stands that a path leads to, such as `/spec/containers/0/image`, or the last one on the way.
pub(crate) fn span(document: &Value, path: &str) -> Option<Span> {
    let (mut value, mut span) = (document, None);
    for segment in segments(path) {
        let field = Anchor::field(&segment);
        let (next, at) = match value {
            Value::Object(object) => (object.get(field), object.span(field)),
            Value::Array(array) => {
                let index = field.parse().ok();
                (index.and_then(|index| array.get(index)), index.and_then(|index| array.span(index)))
            }
            _ => break,
        };
        let Some(next) = next else { break };
        (value, span) = (next, at.or(span));
    }
    span
}

/// The segments of a path, where `\/` is a slash within one.
fn segments(path: &str) -> Vec<String> {
    let (mut all, mut current, mut is_escaped) = (Vec::new(), String::new(), false);
    for character in path.chars() {
        match character {
            _ if is_escaped => {
                current.push(character);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '/' => all.push(std::mem::take(&mut current)),
            other => current.push(other),
        }
    }
    all.push(current);
    all.retain(|segment| !segment.is_empty());
    all
}

fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn places_become_expressions() {
        for (path, expected) in [
            ("/spec/containers/0/image", "request.object.spec.containers[0].image"),
            ("/metadata/=(labels)/a.b\\/c", "request.object.metadata.labels.\"a.b/c\""),
            ("", "request.object"),
        ] {
            assert_eq!(expression("request.object", path), expected);
        }
    }
}
