//! Templates to texts.

use probity_model::Value;

use super::{EvalError, Evaluated, Evaluator, error, pairs, to_bool, to_text};
use crate::terraform::budget::MAX_STRING;
use crate::terraform::policy_document;
use crate::terraform::syntax::{self, Part};

/// The text of which only a part is not known: it stands in quotes, with `${...}` for what is not.
fn within_quotes(what: &str) -> Option<&str> {
    what.strip_prefix('"')?.strip_suffix('"')
}

impl Evaluator<'_, '_> {
    /// The text; of one that is not known in a part, that text with `${...}` for it, in quotes, is what is not known.
    pub(super) fn template(&mut self, parts: &[Part]) -> Evaluated {
        let mut text = String::new();
        let mut unknown = None;
        let mut is_known_in_part = false;
        for part in parts {
            let value = match part {
                Part::Text(part) => {
                    text.push_str(part);
                    is_known_in_part = true;
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
                Value::Unknown(what) => {
                    match within_quotes(&what) {
                        Some(inner) => text.push_str(inner),
                        None => text.push_str(&format!("${{{}}}", what.replace(['"', '\\', '\n'], "'"))),
                    }
                    unknown = Some(what);
                }
                value => {
                    text.push_str(&to_text(&value)?);
                    is_known_in_part = true;
                }
            }
            if text.len() > MAX_STRING {
                return error("a string grows over its bound");
            }
        }
        let begins_json = text.trim_start().starts_with(['{', '[']);
        Ok(match unknown {
            // Of JSON written as text, one ARN that is not known must not hide the rest.
            Some(_) if begins_json && policy_document::is_decided(&text) => text.into(),
            Some(_) if is_known_in_part => Value::Unknown(format!("\"{text}\"").into()),
            Some(what) => Value::Unknown(what),
            None => text.into(),
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
