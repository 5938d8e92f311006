//! What is kept of a decision, as policies in `data.system.log` say.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use probity_model::value::{Array, Key, Object, Value};

use crate::evaluate::in_passing;
use crate::event::Event;
use crate::gate::Gate;
use crate::snapshot::Snapshot;
use crate::verdict;

/// Takes away what `data.system.log.mask` names. `None` when `data.system.log.drop` holds, and nothing is kept.
///
/// # Errors
/// When one of them cannot be evaluated or gives what makes no sense: then it is not known what may be kept.
pub(crate) fn apply(gate: &Gate, snapshot: &Snapshot, mut event: Event) -> Result<Option<Event>, String> {
    if snapshot.drop.is_none() && snapshot.mask.is_none() {
        return Ok(Some(event));
    }
    let input = document(&event);
    if let Some(drop) = &snapshot.drop {
        let value = in_passing(gate, snapshot, drop, input.clone());
        if value.map_err(|error| format!("log drop decision failed: {error}"))? == Some(Value::Bool(true)) {
            return Ok(None);
        }
    }
    if let Some(mask) = &snapshot.mask {
        let value = in_passing(gate, snapshot, mask, input);
        if let Some(rules) = value.map_err(|error| format!("log event masking failed: {error}"))? {
            for rule in rules_of(&rules)? {
                rule.mask(&mut event);
            }
        }
    }
    if !event.erased.is_empty() || !event.masked.is_empty() {
        // What was found was said in the words of the whole answer.
        verdict::say_again(&mut event.decision, event.result.as_ref());
    }
    Ok(Some(event))
}

/// The event as policies see it.
fn document(event: &Event) -> Value {
    let mut fields: BTreeMap<&str, Value> = BTreeMap::new();
    let mut put = |name: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name, value);
        }
    };
    put("decision_id", Some(event.decision_id.as_str().into()));
    put("path", Some(event.path.as_str().into()).filter(|_| !event.path.is_empty()));
    put("query", event.query.as_deref().map(Value::from));
    put("input", event.input.clone());
    put("result", event.result.clone());
    put("nd_builtin_cache", event.outside.clone());
    put("error", event.error.as_deref().map(Value::from));
    put("requested_by", event.caller.address.map(|address| address.to_string().into()));
    put("timestamp", Some(event.time.to_string().into()));
    put("labels", Some(Value::object([("version", Value::from(env!("CARGO_PKG_VERSION")))])));
    let revision = |revision: &String| Value::object([("revision", Value::from(revision.as_str()))]);
    let bundles = event.revisions.iter().map(|(name, value)| (name, revision(value)));
    put("bundles", Some(Value::object(bundles)));
    let metric = |value: u64| Value::from(i64::try_from(value).unwrap_or(i64::MAX));
    put("metrics", Some(Value::object(event.metrics.iter().map(|(name, value)| (*name, metric(*value))))));
    Value::object(fields)
}

/// One thing to take away, or to put something else in its place.
struct Rule {
    /// Path below the event, its first part `input`, `result` or `nd_builtin_cache`.
    path: Vec<String>,
    /// What to put there; `None` to take it away.
    value: Option<Value>,
}

fn rules_of(rules: &Value) -> Result<Vec<Rule>, String> {
    let wrong = || "log event masking failed: data.system.log.mask is no set of masks".to_owned();
    match rules {
        Value::Set(set) => set.iter().map(Rule::of).collect(),
        Value::Array(array) => array.iter().map(Rule::of).collect(),
        _ => Err(wrong()),
    }
}

impl Rule {
    fn of(value: &Value) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("log event masking failed: {what}"));
        let (path, new) = match value {
            Value::String(path) => (path.as_str(), None),
            Value::Object(object) => {
                let path = object.get("path").and_then(Value::as_str).unwrap_or_default();
                match object.get("op").and_then(Value::as_str) {
                    Some("remove") => (path, None),
                    Some("upsert") => (path, Some(object.get("value").cloned().unwrap_or_default())),
                    _ => return wrong("a mask's op is neither remove nor upsert"),
                }
            }
            _ => return wrong("a mask is neither a text nor an object"),
        };
        let Some(path) = path.strip_prefix('/') else { return wrong("a mask's path does not begin with /") };
        let parts: Option<Vec<String>> = path
            .split('/')
            .map(|part| percent_decode_str(part).decode_utf8().ok().map(std::convert::Into::into))
            .collect();
        match parts {
            Some(path) if matches!(path[0].as_str(), "input" | "result" | "nd_builtin_cache") => {
                Ok(Self { path, value: new })
            }
            _ => wrong("a mask's path leads into none of input, result and nd_builtin_cache"),
        }
    }

    fn mask(&self, event: &mut Event) {
        let document = match self.path[0].as_str() {
            "input" => &mut event.input,
            "result" => &mut event.result,
            _ => &mut event.outside,
        };
        let Some(whole) = document.as_ref() else { return };
        let below = &self.path[1..];
        let new = match (&self.value, below) {
            (None, []) => None,
            (Some(value), []) => Some(value.clone()),
            (value, below) => match replaced(whole, below, value.as_ref()) {
                Some(new) => Some(new),
                None => return,
            },
        };
        *document = new;
        let path = format!("/{}", self.path.join("/"));
        if self.value.is_some() { event.masked.push(path) } else { event.erased.push(path) }
    }
}

/// The value with something else, or nothing, at a path; `None` when the path does not lead anywhere. On the way to what is
/// put, objects are made.
fn replaced(value: &Value, path: &[String], new: Option<&Value>) -> Option<Value> {
    let (part, below) = path.split_first()?;
    match value {
        Value::Object(object) => {
            let known = object.get(part);
            let entry = match (below, new) {
                ([], new) => {
                    known.or(new)?;
                    new.cloned()
                }
                (below, Some(_)) if known.is_none() => Some(replaced(&Value::object::<&str>([]), below, new)?),
                (below, new) => Some(replaced(known?, below, new)?),
            };
            let others = object.iter().filter(|(key, _)| key.as_str() != part);
            let others = others.map(|(key, value)| (key.clone(), value.clone()));
            Some(Value::Object(others.chain(entry.map(|entry| (Key::new(part), entry))).collect::<Object>()))
        }
        Value::Array(array) => elements(array.as_slice(), part, below, new),
        Value::Set(set) => elements(set.as_slice(), part, below, new),
        _ => None,
    }
}

fn elements(elements: &[Value], part: &str, below: &[String], new: Option<&Value>) -> Option<Value> {
    let at: usize = part.parse().ok()?;
    let mut elements = elements.to_vec();
    let known = elements.get(at)?;
    match (below, new) {
        ([], Some(new)) => elements[at] = new.clone(),
        ([], None) => drop(elements.remove(at)),
        (below, new) => elements[at] = replaced(known, below, new)?,
    }
    Some(Value::Array(elements.into_iter().collect::<Array>()))
}

#[cfg(test)]
mod tests {
    use probity_model::json;

    use super::*;

    fn read(text: &str) -> Value {
        json::read(text.as_bytes()).unwrap()
    }

    fn event(input: &str) -> Event {
        Event {
            decision: crate::verdict::decision("data.x", "x", Ok(None)),
            decision_id: "id".to_owned(),
            path: "x".to_owned(),
            query: None,
            input: Some(read(input)),
            result: Some(read(r#"{"token":"t"}"#)),
            outside: None,
            error: None,
            caller: probity_model::Caller::default(),
            revisions: BTreeMap::new(),
            time: jiff::Timestamp::UNIX_EPOCH,
            metrics: Vec::new(),
            erased: Vec::new(),
            masked: Vec::new(),
        }
    }

    #[test]
    fn fields_are_erased_and_replaced_as_by_opa() {
        let input = r#"{"a":{"b":1,"c":[1,{"d":2}]},"p/q":3}"#;
        for (mask, wanted, erased, masked) in [
            (r#""/input/a/b""#, r#"{"a":{"c":[1,{"d":2}]},"p/q":3}"#, 1, 0),
            (r#""/input/a/c/0""#, r#"{"a":{"b":1,"c":[{"d":2}]},"p/q":3}"#, 1, 0),
            (r#""/input/a/c/1/d""#, r#"{"a":{"b":1,"c":[1,{}]},"p/q":3}"#, 1, 0),
            (r#""/input/p%2Fq""#, r#"{"a":{"b":1,"c":[1,{"d":2}]}}"#, 1, 0),
            (r#""/input/x/y""#, input, 0, 0),
            (r#""/input/a/c/7""#, input, 0, 0),
            (r#"{"op":"remove","path":"/input/a"}"#, r#"{"p/q":3}"#, 1, 0),
            (r#"{"op":"upsert","path":"/input/a","value":"*"}"#, r#"{"a":"*","p/q":3}"#, 0, 1),
            (
                r#"{"op":"upsert","path":"/input/x/y","value":1}"#,
                r#"{"a":{"b":1,"c":[1,{"d":2}]},"p/q":3,"x":{"y":1}}"#,
                0,
                1,
            ),
            (r#"{"op":"upsert","path":"/input/a/b/z","value":1}"#, input, 0, 0),
            (r#"{"op":"upsert","path":"/input/a/c/1","value":null}"#, r#"{"a":{"b":1,"c":[1,null]},"p/q":3}"#, 0, 1),
        ] {
            let mut event = event(input);
            for rule in rules_of(&Value::array([read(mask)])).unwrap() {
                rule.mask(&mut event);
            }
            assert_eq!(event.input.map(|value| json::write(&value)).as_deref(), Some(wanted), "{mask}");
            assert_eq!((event.erased.len(), event.masked.len()), (erased, masked), "{mask}");
        }
        let mut event = event("{}");
        rules_of(&read(r#"["/input","/result/token"]"#)).unwrap().iter().for_each(|rule| rule.mask(&mut event));
        assert_eq!((event.input, event.result), (None, Some(read("{}"))));
        assert_eq!(event.erased, ["/input", "/result/token"]);
    }

    #[test]
    fn masks_that_make_no_sense_are_errors() {
        for mask in [
            r#"["input/a"]"#,
            r#"["/labels/x"]"#,
            r#"[{"path":"/input/a"}]"#,
            r#"[{"op":"move","path":"/input"}]"#,
            "[1]",
            "{}",
            "true",
        ] {
            assert!(rules_of(&read(mask)).is_err(), "{mask}");
        }
    }
}
