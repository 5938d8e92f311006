//! Values that are not known yet.
//!
//! They may be passed on; what needs to know one is undefined, and the value is noted. A result during which one was
//! noted says nothing: it might be another when the value is known. A result without holds whatever the value is.

use probity_model::value::Value;

use super::Vm;

impl Vm<'_> {
    /// Notes a value that had to be known; whether it is unknown.
    pub(super) fn needs(&self, value: &Value) -> bool {
        match (value, self.unknown) {
            (Value::Unknown(what), Some(noted)) => {
                noted.get_or_init(|| what.clone());
                true
            }
            _ => false,
        }
    }

    /// As [`Vm::needs`], for a value of which all is looked at.
    pub(super) fn needs_all(&self, value: &Value) -> bool {
        self.unknown.is_some() && self.finds_unknown(value)
    }

    fn finds_unknown(&self, value: &Value) -> bool {
        match value {
            Value::Unknown(_) => self.needs(value),
            Value::Array(array) => array.iter().any(|element| self.finds_unknown(element)),
            Value::Set(set) => set.iter().any(|element| self.finds_unknown(element)),
            Value::Object(object) => object.iter().any(|(_, element)| self.finds_unknown(element)),
            _ => false,
        }
    }
}
