//! Templates to texts.

use probity_model::Value;

use super::{EvalError, Evaluated, Evaluator, error, pairs, to_bool, to_text};
use crate::terraform::budget::MAX_STRING;
use crate::terraform::policy_document;
use crate::terraform::syntax::{self, Part};

impl Evaluator<'_, '_> {
    pub(super) fn template(&mut self, parts: &[Part]) -> Evaluated {
        let mut text = String::new();
        let mut unknown = None;
        let begins_json =
            matches!(parts.first(), Some(Part::Text(first)) if first.trim_start().starts_with(['{', '[']));
        for part in parts {
            let value = match part {
                Part::Text(part) => {
                    text.push_str(part);
                    continue;
                }
                Part::Interpolation(inner) => self.evaluate(inner)?,
                Part::If { condition, yes, no } => match to_bool(&self.evaluate(condition)?)? {
                    Ok(truth) => self.template(if truth { yes } else { no })?,
                    Err(unknown) => unknown,
                },
                Part::For { key, value, collection, body } => {
                    let collection = self.evaluate(collection)?;
                    self.repeated(key.as_deref(), value, &collection, body)?
                }
            };
            match value {
                Value::Unknown(ref what) => {
                    if begins_json {
                        text.push_str(&format!("${{{}}}", what.replace(['"', '\\', '\n'], "'")));
                    }
                    unknown = Some(value);
                }
                value => text.push_str(&to_text(&value)?),
            }
            if text.len() > MAX_STRING {
                return error("a string grows over its bound");
            }
        }
        // Of a policy document written as text, one ARN that is not known must not hide the rest.
        Ok(match unknown {
            Some(unknown) if !begins_json || !policy_document::is_decided(&text) => unknown,
            _ => text.into(),
        })
    }

    fn repeated(&mut self, key_name: Option<&str>, value_name: &str, collection: &Value, body: &[Part]) -> Evaluated {
        let Some(pairs) = pairs(collection)? else { return Ok(collection.clone()) };
        let mut text = String::new();
        for (key, value) in pairs {
            match self.within(key_name, value_name, key, value, |evaluator| evaluator.template(body))? {
                unknown @ Value::Unknown(_) => return Ok(unknown),
                part => text.push_str(&to_text(&part)?),
            }
            if text.len() > MAX_STRING {
                return error("a string grows over its bound");
            }
        }
        Ok(text.into())
    }

    /// Evaluates a template text with these variables, as `templatefile` does.
    pub(in crate::terraform) fn render(&mut self, text: &str, variables: &Value) -> Evaluated {
        let template = syntax::template(text, syntax::nowhere()).map_err(EvalError)?;
        let outer = std::mem::take(&mut self.scope);
        for (name, value) in variables.as_object().into_iter().flat_map(probity_model::value::Object::iter) {
            self.scope.push(name.as_str(), value.clone());
        }
        let rendered = self.evaluate(&template);
        self.scope = outer;
        rendered
    }
}
