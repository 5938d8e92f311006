//! A value is put at a location (Gatekeeper, `pkg/mutation/mutators/core`).

use probity_model::Value;
use probity_model::value::Object;

use super::conditions::Conditions;
use super::image::Image;
use super::path::{Path, Step};
use crate::object::with_entry;

/// What is done at the end of a location.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// This value is put there.
    Assign(Value),
    /// These values are added to a list.
    Merge(Vec<Value>),
    /// These values are taken out of a list.
    Prune(Vec<Value>),
    /// Parts of an image's reference are replaced.
    Image(Image),
}

impl Change {
    /// The value of a field after the change; `None` when it has none.
    fn field(&self, old: Option<&Value>) -> Result<Option<Value>, String> {
        match self {
            Self::Assign(value) => Ok(Some(value.clone())),
            Self::Image(image) => match old {
                None => Ok(Some(image.applied_to("").into())),
                Some(Value::String(text)) => Ok(Some(image.applied_to(text).into())),
                Some(other) => Err(format!("the value at the location must be a string, not a {}", other.kind())),
            },
            Self::Merge(values) => {
                let Some(old) = old.map(list).transpose()? else { return Ok(Some(Value::array(values.clone()))) };
                let mut merged = old.to_vec();
                for value in values {
                    if !merged.contains(value) {
                        merged.push(value.clone());
                    }
                }
                Ok(Some(Value::array(merged)))
            }
            Self::Prune(values) => {
                let Some(old) = old.map(list).transpose()? else { return Ok(None) };
                Ok(Some(Value::array(old.iter().filter(|value| !values.contains(value)).cloned())))
            }
        }
    }
}

fn list(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(list) => Ok(list.as_slice()),
        other => Err(format!("the value at the location must be a list, not a {}", other.kind())),
    }
}

/// An object with the change made; `None` when a condition does not hold, so that nothing is changed.
pub(super) fn apply(
    object: &Value,
    path: &Path,
    conditions: &Conditions,
    change: &Change,
) -> Result<Option<Value>, String> {
    Applier { path: &path.0, conditions, change }.step(object, 0)
}

struct Applier<'a> {
    path: &'a [Step],
    conditions: &'a Conditions,
    change: &'a Change,
}

impl Applier<'_> {
    fn step(&self, current: &Value, depth: usize) -> Result<Option<Value>, String> {
        match &self.path[depth] {
            Step::Field(name) => match current {
                Value::Object(object) => self.field(object, name, depth),
                other => Err(format!("`{}` is a {}, not an object", self.shown(depth), other.kind())),
            },
            Step::Element { key, value } => match current {
                Value::Array(elements) if self.is_last(depth) => {
                    self.last_element(elements.as_slice(), key, value.as_ref(), depth)
                }
                Value::Array(elements) => self.element(elements.as_slice(), key, value.as_ref(), depth),
                other => Err(format!("`{}` is a {}, not a list", self.shown(depth), other.kind())),
            },
        }
    }

    fn is_last(&self, depth: usize) -> bool {
        depth + 1 == self.path.len()
    }

    /// The part of the location that leads to this depth.
    fn shown(&self, depth: usize) -> String {
        Path(self.path[..depth].to_vec()).to_string()
    }

    fn field(&self, object: &Object, name: &str, depth: usize) -> Result<Option<Value>, String> {
        let old = object.get(name);
        let may_be = if old.is_some() { Conditions::may_exist } else { Conditions::may_be_missing };
        if !may_be(self.conditions, depth) {
            return Ok(None);
        }
        let new = if self.is_last(depth) {
            self.change.field(old)?
        } else {
            let made = if old.is_none() { Some(self.missing(depth)?) } else { None };
            self.step(old.or(made.as_ref()).unwrap_or(&Value::Null), depth + 1)?
        };
        Ok(match new {
            Some(new) => Some(Value::Object(with_entry(object, name, new))),
            // Nothing to take out; what leads here is made all the same.
            None if self.is_last(depth) => Some(Value::Object(object.clone())),
            None => None,
        })
    }

    /// What is put where nothing is yet on the way.
    fn missing(&self, depth: usize) -> Result<Value, String> {
        let next_is_element = self.path[depth + 1].is_element();
        match &self.path[depth] {
            Step::Field(_) if next_is_element => Ok(Value::array([])),
            Step::Field(_) => Ok(Value::object::<&str>([])),
            Step::Element { .. } if next_is_element => Err("two elements in a row are not allowed".to_owned()),
            Step::Element { value: None, .. } => Err("an element of no value cannot be made".to_owned()),
            Step::Element { key, value: Some(value) } => Ok(Value::object([(key, value.clone())])),
        }
    }

    fn element(
        &self,
        elements: &[Value],
        key: &str,
        wanted: Option<&Value>,
        depth: usize,
    ) -> Result<Option<Value>, String> {
        if wanted.is_none() && !self.conditions.may_exist(depth) {
            return Ok(None);
        }
        let mut result = elements.to_vec();
        let (mut found, mut changed) = (false, false);
        for element in &mut result {
            let is_meant = wanted.is_none() || element.get(key) == wanted;
            if !is_meant {
                continue;
            }
            if !self.conditions.may_exist(depth) {
                return Ok(None);
            }
            found = true;
            if let Some(new) = self.step(element, depth + 1)? {
                *element = new;
                changed = true;
            }
        }
        if !found && wanted.is_some() {
            if !self.conditions.may_be_missing(depth) {
                return Ok(None);
            }
            if let Some(new) = self.step(&self.missing(depth)?, depth + 1)? {
                result.push(new);
                changed = true;
            }
        }
        Ok(changed.then(|| Value::array(result)))
    }

    /// The location ends with an element: the whole of it is replaced.
    fn last_element(
        &self,
        elements: &[Value],
        key: &str,
        wanted: Option<&Value>,
        depth: usize,
    ) -> Result<Option<Value>, String> {
        let (Change::Assign(new), Some(wanted)) = (self.change, wanted) else {
            return Err("this mutator does not change whole elements of lists".to_owned());
        };
        let mut result = elements.to_vec();
        for element in &mut result {
            if element.as_object().is_none() {
                return Err(format!("an element of `{}` is a {}, not an object", self.shown(depth), element.kind()));
            }
            if element.get(key) == Some(wanted) {
                if !self.conditions.may_exist(depth) {
                    return Ok(None);
                }
                *element = new.clone();
                return Ok(Some(Value::array(result)));
            }
        }
        if !self.conditions.may_be_missing(depth) {
            return Ok(None);
        }
        result.push(new.clone());
        Ok(Some(Value::array(result)))
    }
}
