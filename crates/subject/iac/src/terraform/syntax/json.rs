//! The JSON syntax of Terraform (its documentation, "JSON Configuration Syntax"), brought into the same tree.

use probity_model::value::{Object, Value};
use probity_model::{Problem, SourceId, Span, json};

use super::{Attribute, Block, Body, Expression, Kind};

/// Parses a file; `is_values` for one that has the values of variables.
pub(crate) fn body(text: &str, source: SourceId, is_values: bool) -> (Body, Vec<Problem>) {
    let value = match json::read_with_spans(text, source) {
        Ok(value) => value,
        Err(problem) => {
            return (Body::default(), vec![problem.with_help("the file is not judged before it is mended")]);
        }
    };
    let mut made = Maker { body: Body::default(), problems: Vec::new(), nowhere: Span::new(source, 0..0) };
    match value.as_object() {
        Some(_) if is_values => made.values(&value),
        Some(_) => made.file(&value),
        None => made.problems.push(Problem::new("not valid Terraform: the file is no JSON object", made.nowhere)),
    }
    (made.body, made.problems)
}

/// Attributes that take a mapping, in the order of bytes. JSON writes a single block as an object as well; which of the two it is
/// only a provider's schema tells for sure.
const MAPPINGS: &[&str] = &[
    "annotations",
    "app_settings",
    "args",
    "assume_role_policy",
    "attributes",
    "binary_data",
    "connection_properties",
    "data",
    "default_arguments",
    "depends_on",
    "environment_variables",
    "for_each",
    "inputs",
    "keepers",
    "labels",
    "limits",
    "match_labels",
    "node_labels",
    "node_selector",
    "options",
    "parameters",
    "params",
    "policy",
    "properties",
    "providers",
    "provisioner",
    "query_string",
    "request_parameters",
    "request_templates",
    "requests",
    "resource_labels",
    "response_models",
    "response_parameters",
    "response_templates",
    "secrets",
    "selector",
    "sensitive_parameters",
    "stage_variables",
    "string_data",
    "tags",
    "tags_all",
    "triggers",
    "triggers_replace",
    "user_labels",
    "value",
    "values",
    "variables",
];

/// Whether an object in a block of a resource is a block in it.
fn is_nested_block(block: &str, name: &str, value: &Value) -> bool {
    matches!(block, "resource" | "data" | "provider" | "content" | NESTED)
        && matches!(value, Value::Object(_))
        && MAPPINGS.binary_search(&name).is_err()
}

/// What a block within a resource is called while it is made.
const NESTED: &str = "a nested block";

struct Maker {
    body: Body,
    problems: Vec<Problem>,
    nowhere: Span,
}

impl Maker {
    /// Values of variables are no templates.
    fn values(&mut self, top: &Value) {
        for (name, value, span) in top.as_object().into_iter().flat_map(Object::iter_spanned) {
            let span = span.unwrap_or(self.nowhere);
            let value = Expression { kind: Kind::Literal(value.clone()), span };
            self.body.attributes.push(Attribute { name: name.as_str().into(), value, span });
        }
    }

    fn file(&mut self, top: &Value) {
        for (name, value, span) in top.as_object().into_iter().flat_map(Object::iter_spanned) {
            let labels = match name.as_str() {
                "resource" | "data" | "ephemeral" => 2,
                "provider" | "module" | "variable" | "output" | "check" => 1,
                "locals" | "terraform" => 0,
                _ => continue,
            };
            self.blocks(name.as_str(), &mut Vec::new(), value, span.unwrap_or(self.nowhere), labels);
        }
    }

    fn blocks(&mut self, name: &str, labels: &mut Vec<Box<str>>, value: &Value, span: Span, missing: usize) {
        if let Value::Array(list) = value {
            for (position, element) in list.iter().enumerate() {
                self.blocks(name, labels, element, list.span(position).unwrap_or(span), missing);
            }
            return;
        }
        let Some(object) = value.as_object() else { return };
        if missing > 0 {
            for (label, inner, own) in object.iter_spanned() {
                labels.push(label.as_str().into());
                self.blocks(name, labels, inner, own.unwrap_or(span), missing - 1);
                labels.pop();
            }
            return;
        }
        let body = self.block_body(name, value);
        self.body.blocks.push(Block { name: name.into(), labels: labels.clone(), body, span });
    }

    fn block_body(&mut self, block: &str, value: &Value) -> Body {
        let mut body = Body::default();
        for (name, inner, span) in value.as_object().into_iter().flat_map(Object::iter_spanned) {
            let span = span.unwrap_or(self.nowhere);
            match name.as_str() {
                // How comments are written in JSON.
                "//" => {}
                "dynamic" if block != "locals" => self.dynamic(&mut body, inner, span),
                "data" if block == "check" => {}
                name if is_nested_block(block, name, inner) => {
                    let nested = self.block_body(NESTED, inner);
                    body.blocks.push(Block { name: name.into(), labels: Vec::new(), body: nested, span });
                }
                name => {
                    let value = match (block, name, inner) {
                        ("variable", "type", Value::String(text)) => super::expression(text, span),
                        ("variable", "default", inner) => Ok(Expression { kind: Kind::Literal(inner.clone()), span }),
                        ("resource" | "data" | "ephemeral", "provider", Value::String(text)) => {
                            super::expression(text.trim_start_matches("${").trim_end_matches('}'), span)
                        }
                        _ => Ok(self.expression(inner, span)),
                    };
                    match value {
                        Ok(value) => body.attributes.push(Attribute { name: name.into(), value, span }),
                        Err(message) => self.refuse(&message, span),
                    }
                }
            }
        }
        body
    }

    /// `dynamic` blocks by the name of what they make: one, or a list of them.
    fn dynamic(&mut self, body: &mut Body, value: &Value, span: Span) {
        for (label, inner, own) in value.as_object().into_iter().flat_map(Object::iter_spanned) {
            let span = own.unwrap_or(span);
            let all: Vec<&Value> = match inner {
                Value::Array(list) => list.iter().collect(),
                one => vec![one],
            };
            for one in all {
                let mut made = self.block_body("dynamic", one);
                made.attributes.retain(|attribute| &*attribute.name != "content");
                let contents: Vec<&Value> = match one.get("content") {
                    Some(Value::Array(list)) => list.iter().collect(),
                    other => other.into_iter().collect(),
                };
                for content in contents {
                    let body = self.block_body("content", content);
                    made.blocks.push(Block { name: "content".into(), labels: Vec::new(), body, span });
                }
                body.blocks.push(Block {
                    name: "dynamic".into(),
                    labels: vec![label.as_str().into()],
                    body: made,
                    span,
                });
            }
        }
    }

    fn refuse(&mut self, message: &str, span: Span) {
        let problem = Problem::new(format!("not valid Terraform: {message}"), span);
        self.problems.push(problem.with_help("the rest of the file is judged"));
    }

    /// Strings are templates; everything else is what it is.
    fn expression(&mut self, value: &Value, span: Span) -> Expression {
        let kind = match value {
            Value::String(text) if text.contains("${") || text.contains("%{") => match super::template(text, span) {
                Ok(template) => return template,
                Err(message) => {
                    self.refuse(&message, span);
                    Kind::Literal(Value::Unknown("a template that is not valid".into()))
                }
            },
            Value::Array(list) => Kind::Tuple(
                list.iter()
                    .enumerate()
                    .map(|(position, element)| self.expression(element, list.span(position).unwrap_or(span)))
                    .collect(),
            ),
            Value::Object(object) => Kind::Object(
                object
                    .iter_spanned()
                    .map(|(key, inner, own)| {
                        let span = own.unwrap_or(span);
                        (self.expression(&key.as_str().into(), span), self.expression(inner, span))
                    })
                    .collect(),
            ),
            other => Kind::Literal(other.clone()),
        };
        Expression { kind, span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_brought_into_the_same_form() {
        let text = r#"{"resource":{"a":{"one":{"x":"say \"${var.y}\"","n":[1,{"k":null}],"//":"a comment",
            "dynamic":{"rule":{"for_each":[1],"content":{"v":"${rule.value}"}}}}}},
            "locals":{"l":1},"variable":{"v":{"type":"list(string)","default":["${no}"]}}}"#;
        let (body, problems) = body(text, SourceId(0), false);
        assert!(problems.is_empty(), "{problems:?}");
        let resource = body.blocks.iter().find(|block| &*block.name == "resource").unwrap();
        assert_eq!(resource.labels.len(), 2);
        let x = &resource.body.attribute("x").unwrap();
        assert!(matches!(x.value.kind, Kind::Template(_)));
        assert_eq!(&text[x.span.start as usize..x.span.end as usize], r#""say \"${var.y}\"""#);
        assert!(resource.body.attribute("//").is_none());
        assert_eq!(resource.body.blocks("dynamic").count(), 1);
        let variable = body.blocks.iter().find(|block| &*block.name == "variable").unwrap();
        assert!(matches!(variable.body.attribute("type").unwrap().value.kind, Kind::Call(_)));
        assert!(matches!(&variable.body.attribute("default").unwrap().value.kind, Kind::Literal(Value::Array(_))));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c =\"{}\\[\\]$%<>\n#/*().?:~E-]*") {
            let _ = body(&text, SourceId(0), false);
        }
    }
}
