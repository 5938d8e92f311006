//! Equal parts of objects are kept once: the Pods of a Deployment differ in little more than their names.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use probity_model::Value;

/// What is this deep in an object, or deeper, is shared: `spec.containers`, but not `spec`, which is seldom the same twice.
const FROM_DEPTH: usize = 2;

/// Longest text that is shared, in bytes; shorter than `SHORTEST` it takes no memory of its own.
const LONGEST: usize = 512;
const SHORTEST: usize = 24;

/// So many bytes of parts are remembered in each of two generations, whether or not they are still in use.
const REMEMBERED: usize = 8 << 20;

/// Parts of objects that were seen lately.
#[derive(Default)]
pub(crate) struct Sharing {
    young: HashSet<Value, RandomState>,
    /// What was young before; it is young again when it is seen again.
    old: HashSet<Value, RandomState>,
    bytes: usize,
}

impl Sharing {
    /// The same object, made of parts that are there already as far as there are equal ones.
    pub(crate) fn share(&mut self, object: &Value) -> Value {
        self.part(object, 0)
    }

    fn part(&mut self, part: &Value, depth: usize) -> Value {
        let is_shared = depth >= FROM_DEPTH && size(part).is_some();
        if is_shared && let Some(known) = self.known(part) {
            return known;
        }
        let part = match part {
            Value::Object(object) => {
                Value::Object(object.iter().map(|(key, value)| (key.clone(), self.part(value, depth + 1))).collect())
            }
            Value::Array(array) => Value::array(array.iter().map(|value| self.part(value, depth + 1))),
            other => other.clone(),
        };
        if is_shared {
            self.remember(part.clone());
        }
        part
    }

    fn known(&mut self, part: &Value) -> Option<Value> {
        if let Some(known) = self.young.get(part) {
            return Some(known.clone());
        }
        let known = self.old.take(part)?;
        self.remember(known.clone());
        Some(known)
    }

    fn remember(&mut self, part: Value) {
        self.bytes += size(&part).unwrap_or_default();
        self.young.insert(part);
        if self.bytes > REMEMBERED {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
    }
}

/// About how many bytes a part takes without what is in it; `None` for what is not worth sharing, or too large for it.
fn size(part: &Value) -> Option<usize> {
    const ENTRY: usize = size_of::<Value>() + 2 * size_of::<usize>();
    const AROUND: usize = 64;
    match part {
        Value::Object(object) => Some(object.len() * ENTRY + AROUND),
        Value::Array(array) => Some(array.len() * size_of::<Value>() + AROUND),
        Value::String(text) => (SHORTEST..=LONGEST).contains(&text.len()).then(|| text.len() + AROUND),
        _ => None,
    }
    .filter(|size| *size <= REMEMBERED / 16)
}

#[cfg(test)]
mod tests {
    use probity_model::json;
    use proptest::prelude::*;

    use super::*;

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (0i64..3).prop_map(Value::from),
            "[a-b]{0,2}".prop_map(|text| Value::from(text.repeat(20).as_str())),
        ];
        leaf.prop_recursive(5, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
                prop::collection::vec(("[a-c]", inner), 0..4).prop_map(Value::object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_shared_is_the_same(documents in prop::collection::vec(document(), 1..6)) {
            let mut sharing = Sharing::default();
            for document in &documents {
                prop_assert_eq!(&sharing.share(document), document);
            }
        }
    }

    #[test]
    fn equal_parts_are_one() {
        let pod = |name: &str| {
            let text = format!(r#"{{"metadata": {{"name": "{name}"}}, "spec": {{"containers": [{{"image": "x"}}]}}}}"#);
            json::read(text.as_bytes()).unwrap()
        };
        let mut sharing = Sharing::default();
        let [one, two] = ["one", "two"].map(|name| sharing.share(&pod(name)));
        let containers = |pod: &Value| pod.at(&["spec", "containers"]).and_then(Value::as_array).cloned().unwrap();
        assert!(containers(&one).ptr_eq(&containers(&two)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut sharing = Sharing::default();
        let (mut most, mut longest) = (0, 0);
        for number in 0..200_000 {
            let text = format!("{number:0>200}");
            sharing.share(&Value::array([Value::array([Value::from(text.as_str())])]));
            most = most.max(sharing.young.len() + sharing.old.len());
            longest = longest.max(sharing.bytes);
        }
        let long = "x".repeat(LONGEST + 1);
        let before = sharing.young.len();
        sharing.share(&Value::array([Value::array([Value::from(long.as_str())])]));
        assert_eq!(sharing.young.len(), before);
        assert!(most <= 2 * REMEMBERED / 200 && longest <= REMEMBERED, "{most} {longest}");
    }
}
