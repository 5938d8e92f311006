//! What a case says must come out.

use probity_model::node::Node;
use probity_model::{Problem, Value};
use regex::Regex;

use crate::judge::Found;

/// How many violations there must be, and what they say.
#[derive(Debug, Clone)]
pub(super) struct Assertion {
    violations: Count,
    message: Option<Regex>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Count {
    AtLeastOne,
    None,
    Exactly(usize),
}

impl Assertion {
    pub(super) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let violations = fields.optional("violations").map(Count::read).transpose()?.unwrap_or(Count::AtLeastOne);
        let message = match fields.optional("message") {
            None => None,
            Some(node) => {
                let text = node.string()?;
                let wrong = |_| node.problem(format!("`{text}` is not a regular expression"));
                Some(Regex::new(text).map_err(wrong)?)
            }
        };
        Ok(Self { violations, message })
    }

    /// Compares with what was found.
    pub(super) fn check(&self, found: &[Found]) -> Result<(), String> {
        let counts = |one: &&Found| self.message.as_ref().is_none_or(|message| message.is_match(one.message()));
        let count = found.iter().filter(counts).count();
        let wanted = match self.violations {
            Count::AtLeastOne if count == 0 => "at least 1".to_owned(),
            Count::None if count > 0 => "none".to_owned(),
            Count::Exactly(wanted) if count != wanted => format!("exactly {wanted}"),
            _ => return Ok(()),
        };
        let containing = match &self.message {
            Some(message) => format!(" containing \"{message}\""),
            None => String::new(),
        };
        let messages: Vec<&str> = found.iter().map(Found::message).collect();
        Err(format!("got {count} violations{containing} but want {wanted}; messages: [{}]", messages.join(", ")))
    }
}

impl Count {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let count = match node.value {
            Value::String(text) if text == "yes" => Some(Self::AtLeastOne),
            Value::String(text) if text == "no" => Some(Self::None),
            Value::Number(number) => number.as_i64().and_then(|number| usize::try_from(number).ok()).map(Self::Exactly),
            _ => None,
        };
        count.ok_or_else(|| node.problem("`violations` is yes, no, or how many there must be"))
    }
}
