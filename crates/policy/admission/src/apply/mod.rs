//! Apply configurations: objects with the fields to set, merged as server-side apply merges them (structured-merge-diff).

mod schema;

use probity_model::Value;
use probity_model::value::{Array, Object};

use crate::object;
use schema::{Merge, default_of, field_of, root};

/// How deeply patches are followed.
const MAX_DEPTH: usize = 64;

/// Whether a patch may replace lists, maps and structs that are only ever replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomics {
    /// It may not: what the API server demands of policies, because a patch would drop what others wrote.
    Refused,
    /// It may, as in server-side apply.
    Replaced,
}

/// The object with an apply configuration merged into it.
///
/// # Errors
/// When the configuration touches what may not be touched, or lists that go by keys lack them.
pub fn apply_configuration(target: &Value, patch: &Value, atomics: Atomics) -> Result<Value, String> {
    let merge = root(object::group(target), object::text(target, "kind"));
    if atomics == Atomics::Refused {
        let mut found = Vec::new();
        find_atomics(patch, &merge, "", MAX_DEPTH, &mut found);
        if !found.is_empty() {
            let places = found.join(", ");
            return Err(format!("invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {places}"));
        }
    }
    merged(Some(target), patch, &merge, "", MAX_DEPTH)
}

/// The places of a patch that would be replaced as a whole.
fn find_atomics(patch: &Value, merge: &Merge, path: &str, depth: usize, found: &mut Vec<String>) {
    if depth == 0 {
        return;
    }
    match (patch, merge) {
        (Value::Object(_), Merge::Atomic) | (Value::Array(_), Merge::Atomic | Merge::Usual) => {
            found.push(path.to_owned());
        }
        (Value::Object(fields), Merge::Struct(owner)) => {
            for (key, value) in fields.iter() {
                let path = format!("{path}.{key}");
                find_atomics(value, &field_of(owner, key.as_str()), &path, depth - 1, found);
            }
        }
        (Value::Object(fields), Merge::Usual) => {
            for (key, value) in fields.iter() {
                find_atomics(value, &Merge::Usual, &format!("{path}.{key}"), depth - 1, found);
            }
        }
        (Value::Array(elements), Merge::Keyed(_, element)) => {
            let merge = element.map_or(Merge::Usual, Merge::Struct);
            for (index, value) in elements.iter().enumerate() {
                find_atomics(value, &merge, &format!("{path}[{index}]"), depth - 1, found);
            }
        }
        _ => {}
    }
}

fn merged(target: Option<&Value>, patch: &Value, merge: &Merge, path: &str, depth: usize) -> Result<Value, String> {
    if depth == 0 {
        return Err(format!("{path}: nested too deeply"));
    }
    match (patch, merge) {
        (Value::Object(fields), Merge::Struct(_) | Merge::Usual) => {
            let owner = if let Merge::Struct(owner) = merge { Some(*owner) } else { None };
            merged_fields(target.and_then(Value::as_object), fields, owner, path, depth)
        }
        (Value::Array(elements), Merge::Keyed(keys, element)) => {
            let list = Keyed { keys, element: element.map_or(Merge::Usual, Merge::Struct), path, depth };
            list.merged(target.and_then(Value::as_array), elements)
        }
        (Value::Array(elements), Merge::Set) => Ok(united(target.and_then(Value::as_array), elements)),
        _ => Ok(patch.clone()),
    }
}

fn merged_fields(
    target: Option<&Object>,
    patch: &Object,
    owner: Option<&str>,
    path: &str,
    depth: usize,
) -> Result<Value, String> {
    let mut entries: Vec<_> = target
        .map(|target| target.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
        .unwrap_or_default();
    for (key, value) in patch.iter() {
        let merge = owner.map_or(Merge::Usual, |owner| field_of(owner, key.as_str()));
        let own = target.and_then(|target| target.get_key(key));
        entries.push((key.clone(), merged(own, value, &merge, &format!("{path}.{key}"), depth - 1)?));
    }
    // Of equal keys the last is kept.
    Ok(Value::Object(entries.into_iter().collect()))
}

/// A set with the elements of another added.
fn united(target: Option<&Array>, patch: &Array) -> Value {
    let mut elements: Vec<Value> = target.map(|target| target.as_slice().to_vec()).unwrap_or_default();
    for element in patch {
        if !elements.contains(element) {
            elements.push(element.clone());
        }
    }
    Value::array(elements)
}

/// A list whose elements are told apart by keys.
struct Keyed<'m> {
    keys: &'m [&'static str],
    element: Merge,
    path: &'m str,
    depth: usize,
}

impl Keyed<'_> {
    fn key(&self, element: &Value) -> Option<Vec<Value>> {
        let part = |key: &&str| element.get(key).cloned().or_else(|| default_of(key).map(Value::from));
        let parts: Vec<Value> = self.keys.iter().filter_map(part).collect();
        // An element needs one of the keys at least.
        (!parts.is_empty()).then_some(parts)
    }

    fn keys_of(&self, list: &Array) -> Result<Vec<Vec<Value>>, String> {
        let key = |(index, element): (usize, &Value)| {
            let names = self.keys.join(", ");
            self.key(element).ok_or_else(|| format!("{}[{index}]: an element without {names}", self.path))
        };
        list.iter().enumerate().map(key).collect()
    }

    /// Elements of both are merged in the order of the patch; those of the target alone stay where they are.
    fn merged(&self, target: Option<&Array>, patch: &Array) -> Result<Value, String> {
        let empty = Array::default();
        let target = target.unwrap_or(&empty);
        let (old, new) = (self.keys_of(target)?, self.keys_of(patch)?);
        if let Some(twice) = (1..new.len()).find(|index| new[..*index].contains(&new[*index])) {
            return Err(format!("{}[{twice}]: another element has the same keys", self.path));
        }
        let mut shared = new.iter().filter(|key| old.contains(key)).peekable();
        let (mut left, mut right) = (0, 0);
        let mut merged = Vec::with_capacity(old.len().max(new.len()));
        while left < old.len() || right < new.len() {
            match old.get(left).map(|key| new.iter().position(|other| other == key)) {
                Some(None) => {
                    merged.push(target.as_slice()[left].clone());
                    left += 1;
                    continue;
                }
                Some(Some(index)) => {
                    let is_next = index == right || shared.peek().is_none_or(|next| **next == old[left]);
                    if index < right || !is_next {
                        left += 1;
                        continue;
                    }
                }
                None => {}
            }
            let key = &new[right];
            merged.push(self.element(target, old.iter().position(|other| other == key), patch, right)?);
            left += usize::from(old.get(left) == Some(key));
            shared.next_if(|next| *next == key);
            right += 1;
        }
        Ok(Value::array(merged))
    }

    fn element(&self, target: &Array, own: Option<usize>, patch: &Array, at: usize) -> Result<Value, String> {
        let own = own.and_then(|index| target.get(index));
        let path = format!("{}[{at}]", self.path);
        merged(own, &patch.as_slice()[at], &self.element, &path, self.depth - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::value;

    const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {x: y}, finalizers: [f]}, spec: {containers: \
                       [{name: a, image: a:1, ports: [{containerPort: 80}]}, {name: b, image: b:1}]}}";

    #[test]
    fn lists_go_by_their_keys() {
        for (patch, expected) in [
            ("{metadata: {labels: {z: 1}}}", "{metadata: {labels: {x: y, z: 1}}}"),
            ("{metadata: {finalizers: [f, g]}}", "{metadata: {finalizers: [f, g]}}"),
            (
                "{spec: {containers: [{name: b, image: b:2}]}}",
                "{spec: {containers: [{name: a, image: a:1, ports: [{containerPort: 80}]}, {name: b, image: b:2}]}}",
            ),
            (
                "{spec: {containers: [{name: c, image: c}, {name: a, ports: [{containerPort: 80, protocol: TCP, name: w}]}]}}",
                "{spec: {containers: [{name: c, image: c}, {name: a, image: a:1, ports: [{containerPort: 80, protocol: TCP, \
                 name: w}]}, {name: b, image: b:1}]}}",
            ),
            (
                "{spec: {containers: [{name: b}, {name: a}]}}",
                "{spec: {containers: [{name: b, image: b:1}, {name: a, image: a:1, ports: [{containerPort: 80}]}]}}",
            ),
        ] {
            let found = apply_configuration(&value(POD), &value(patch), Atomics::Refused).unwrap();
            for (part, expected) in value(expected).as_object().unwrap().iter() {
                for (field, expected) in expected.as_object().unwrap().iter() {
                    assert_eq!(found.at(&[part.as_str(), field.as_str()]), Some(expected), "{patch}");
                }
            }
        }
    }

    #[test]
    fn what_is_replaced_as_a_whole_may_be_refused() {
        let patch = value("{spec: {tolerations: [{key: a}], containers: [{name: a, args: [x]}]}}");
        let refused = apply_configuration(&value(POD), &patch, Atomics::Refused).unwrap_err();
        assert_eq!(
            refused,
            "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].args, \
             .spec.tolerations"
        );
        let replaced = apply_configuration(&value(POD), &patch, Atomics::Replaced).unwrap();
        assert_eq!(replaced.at(&["spec", "tolerations"]), Some(&value("[{key: a}]")));
        let nameless = value("{spec: {containers: [{image: a}]}}");
        let refused = apply_configuration(&value(POD), &nameless, Atomics::Replaced).unwrap_err();
        assert_eq!(refused, ".spec.containers[0]: an element without name");
    }

    proptest! {
        #[test]
        fn an_object_merged_into_itself_is_itself(names in proptest::collection::btree_set("[a-e]", 0..5)) {
            let containers: Vec<String> = names.iter().map(|name| format!("{{name: {name}, image: i}}")).collect();
            let pod = value(&format!("{{apiVersion: v1, kind: Pod, spec: {{containers: [{}]}}}}", containers.join(", ")));
            prop_assert_eq!(apply_configuration(&pod, &pod, Atomics::Replaced), Ok(pod.clone()));
        }
    }
}
