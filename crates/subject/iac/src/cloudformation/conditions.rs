//! Conditions, in three values.

use probity_model::value::Array;
use probity_model::{Problem, SmolStr, Span, Value, json};

use super::eval::{Evaluator, has_unknown};

impl Evaluator<'_, '_> {
    /// Whether a condition of the template holds; `None` when that is not known before the deployment.
    pub(super) fn condition(&mut self, name: &str, span: Option<Span>) -> Option<bool> {
        match self.truths.get(name) {
            Some(Some(known)) => return *known,
            Some(None) => {
                self.run().tell(Problem::new(format!("the condition `{name}` refers to itself"), span));
                return None;
            }
            None => {}
        }
        let Some((condition, place)) = self.conditions.get(name).cloned() else {
            self.run().tell(Problem::new(format!("there is no condition `{name}`"), span));
            return None;
        };
        let name = SmolStr::new(name);
        self.truths.insert(name.clone(), None);
        let holds = self.truth(&condition, place);
        self.truths.insert(name, Some(holds));
        holds
    }

    /// Whether the call of a condition function, or the name of a condition under `Condition`, holds.
    pub(super) fn truth(&mut self, value: &Value, span: Span) -> Option<bool> {
        if !self.run().enter(Some(span)) {
            return None;
        }
        let holds = self.truth_within(value, span);
        self.run().leave();
        holds
    }

    fn truth_within(&mut self, value: &Value, span: Span) -> Option<bool> {
        let entry = value.as_object().and_then(|object| object.iter_spanned().next());
        let Some((key, argument, place)) = entry else {
            return self.exactly(value, span).and_then(|value| plain_truth(&value));
        };
        let place = place.unwrap_or(span);
        match (key.as_str(), argument) {
            ("Condition", Value::String(name)) => self.condition(name, Some(place)),
            ("Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not", argument) => self.combined(key.as_str(), argument, place),
            _ => self.exactly(value, span).and_then(|value| plain_truth(&value)),
        }
    }

    /// What `Fn::Equals`, `Fn::And`, `Fn::Or` or `Fn::Not` says of these.
    pub(super) fn combined(&mut self, function: &str, argument: &Value, span: Span) -> Option<bool> {
        let operands = argument.as_array().map(Array::as_slice).unwrap_or_default();
        match (function, operands) {
            ("Fn::Equals", [left, right]) => {
                let (left, right) = (self.exactly(left, span)?, self.exactly(right, span)?);
                Some(plain(&left)? == plain(&right)?)
            }
            ("Fn::Not", [operand]) => self.truth(operand, span).map(|holds| !holds),
            ("Fn::And" | "Fn::Or", [_, _, ..]) => {
                let decisive = function == "Fn::Or";
                let mut result = Some(!decisive);
                for operand in operands {
                    match self.truth(operand, span) {
                        Some(holds) if holds == decisive => return Some(decisive),
                        None => result = None,
                        Some(_) => {}
                    }
                }
                result
            }
            _ => {
                let message = format!("`{function}` has {} operands", operands.len());
                self.run().tell(Problem::new(message, span).with_help(match function {
                    "Fn::Equals" => "it takes a list of two",
                    "Fn::Not" => "it takes a list of one",
                    _ => "it takes a list of two to ten",
                }));
                None
            }
        }
    }
}

fn plain_truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A value as it is compared: CloudFormation compares texts.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        value if has_unknown(value) => None,
        value => Some(json::write(value)),
    }
}
