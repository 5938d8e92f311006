//! Types of JSON schemas.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use probity_model::value::{Array, Object, Value};

use super::{Rest, Type, or};
use crate::builtins::{check_schema, unescape_query};

/// How many parts of a schema are read at most, those that are referred to each time; all others are of any type.
const MAX_PARTS: u32 = 100_000;

/// How deep parts may lie within each other.
const MAX_DEPTH: u32 = 100;

/// What parts of schemas that are within themselves refer to; it must live as long as their types.
pub(crate) type Kept = Vec<Arc<OnceLock<Type>>>;

/// The type of the documents that a schema takes.
pub(super) fn read(schema: &Value, kept: &mut Kept) -> Result<Type, String> {
    check_schema(schema).map_err(|message| format!("unable to compile the schema: {message}"))?;
    let mut reader = Reader { root: schema, known: HashMap::new(), kept, parts: MAX_PARTS };
    reader.unresolved(schema, 0).map_err(|message| format!("unable to compile the schema: {message}"))?;
    reader.parts = MAX_PARTS;
    reader.part(&Part::of(schema), 0).map_err(|message| format!("type checking: {message}"))
}

/// What is known of a part that is referred to.
enum Known {
    /// It is being read; a reference to it from within was met when there is a target.
    Open(Option<Arc<OnceLock<Type>>>),
    Read(Type),
}

struct Reader<'s> {
    root: &'s Value,
    known: HashMap<Arc<str>, Known>,
    kept: &'s mut Kept,
    parts: u32,
}

/// What counts of one part of a schema.
#[derive(Clone, Default)]
struct Part<'s> {
    reference: Option<&'s str>,
    types: Vec<&'s str>,
    properties: Vec<(&'s str, &'s Value)>,
    items: Vec<Part<'s>>,
    /// Whether all elements are of the one in `items`.
    of_all_items: bool,
    any_of: Option<&'s [Value]>,
    all_of: Option<&'s [Value]>,
}

impl<'s> Part<'s> {
    fn of(schema: &'s Value) -> Self {
        let Value::Object(schema) = schema else { return Self::default() };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            return Self { reference: Some(reference), ..Self::default() };
        }
        let types = match schema.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Object::iter);
        let (items, of_all_items) = match schema.get("items") {
            Some(Value::Array(items)) => (items.iter().map(Self::of).collect(), false),
            Some(items) => (vec![Self::of(items)], true),
            None => (Vec::new(), false),
        };
        // A list without members is as if it were not there.
        let list =
            |name| schema.get(name).and_then(Value::as_array).map(Array::as_slice).filter(|list| !list.is_empty());
        Self {
            reference: None,
            types,
            properties: properties.map(|(key, value)| (key.as_str(), value)).collect(),
            items,
            of_all_items,
            any_of: list("anyOf"),
            all_of: list("allOf"),
        }
    }

    fn is(&self, name: &str) -> bool {
        self.types.contains(&name)
    }

    /// Its types as messages write them.
    fn types_text(&self) -> String {
        match self.types[..] {
            [] => "undefined".to_owned(),
            [one] => one.to_owned(),
            _ => format!("[{}]", self.types.join(",")),
        }
    }

    /// What has properties is an object, what has items a list.
    fn with_implied(mut self) -> Self {
        if !self.properties.is_empty() {
            if !self.is("object") {
                self.types.push("object");
            }
        } else if !self.items.is_empty() && !self.is("array") {
            self.types.push("array");
        }
        self
    }
}

impl<'s> Reader<'s> {
    /// Whether every reference leads to a part of this schema.
    fn unresolved(&mut self, schema: &'s Value, depth: u32) -> Result<(), String> {
        if !self.spend(depth) {
            return Ok(());
        }
        match schema {
            Value::Object(object) => {
                if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                    self.target(reference)?;
                }
                let literal = |key: &str| matches!(key, "const" | "enum" | "default" | "examples");
                let parts = object.iter().filter(|(key, _)| !literal(key.as_str()));
                parts.map(|(_, value)| value).try_for_each(|part| self.unresolved(part, depth + 1))
            }
            Value::Array(array) => array.iter().try_for_each(|part| self.unresolved(part, depth + 1)),
            _ => Ok(()),
        }
    }

    fn spend(&mut self, depth: u32) -> bool {
        self.parts = self.parts.saturating_sub(1);
        self.parts > 0 && depth < MAX_DEPTH
    }

    /// The part that a reference leads to.
    fn target(&self, reference: &str) -> Result<&'s Value, String> {
        if let Some(found) = named(self.root, reference, 0) {
            return Ok(found);
        }
        let (document, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let base = if document.is_empty() { Some(self.root) } else { named(self.root, document, 0) };
        let Some(base) = base else {
            return Err(format!("remote reference loading disabled: {reference}"));
        };
        pointer.split('/').skip(1).map(unescaped).try_fold(base, |part, key| {
            let found = match part {
                Value::Object(object) => object.get(&key),
                Value::Array(array) => key.parse().ok().and_then(|at: usize| array.as_slice().get(at)),
                _ => None,
            };
            found.ok_or_else(|| format!("Object has no key '{key}'"))
        })
    }

    fn part(&mut self, part: &Part<'s>, depth: u32) -> Result<Type, String> {
        if !self.spend(depth) {
            return Ok(Type::Any);
        }
        if let Some(reference) = part.reference {
            return self.referred(reference, depth);
        }
        if let Some(alternatives) = part.any_of {
            return self.any_of(part, alternatives, depth);
        }
        if let Some(all) = part.all_of {
            return self.all_of(part, all, depth);
        }
        match () {
            () if part.types.is_empty() && part.properties.is_empty() && part.items.is_empty() => Ok(Type::Any),
            () if part.types.is_empty() => self.part(&part.clone().with_implied(), depth + 1),
            () if part.is("boolean") => Ok(Type::Boolean),
            () if part.is("string") => Ok(Type::String),
            () if part.is("integer") || part.is("number") => Ok(Type::Number),
            () if part.is("object") => self.object(part, depth),
            () if part.is("array") => self.array(part, depth),
            () if !part.properties.is_empty() || !part.items.is_empty() => {
                self.part(&part.clone().with_implied(), depth + 1)
            }
            () => Ok(Type::Any),
        }
    }

    fn object(&mut self, part: &Part<'s>, depth: u32) -> Result<Type, String> {
        if part.properties.is_empty() {
            let any = Rest { key: Some(Type::Any), value: Some(Type::Any) };
            return Ok(Type::object(Vec::new(), Some(any)));
        }
        let properties = part.properties.iter();
        let fixed = properties.map(|(key, schema)| {
            let of = self.part(&Part::of(schema), depth + 1)?;
            Ok((Value::from(*key), Some(of)))
        });
        Ok(Type::object(fixed.collect::<Result<_, String>>()?, None))
    }

    fn array(&mut self, part: &Part<'s>, depth: u32) -> Result<Type, String> {
        if part.items.is_empty() {
            return Ok(Type::array(Vec::new(), Some(Type::Any)));
        }
        let items = part.items.iter().map(|item| self.part(item, depth + 1));
        let mut items = items.collect::<Result<Vec<_>, String>>()?;
        if part.of_all_items {
            items.truncate(1);
            return Ok(Type::array(Vec::new(), items.pop()));
        }
        Ok(Type::array(items.into_iter().map(Some).collect(), None))
    }

    fn any_of(&mut self, part: &Part<'s>, alternatives: &'s [Value], depth: u32) -> Result<Type, String> {
        let mut joined = None;
        if !part.types.is_empty() {
            let core = self.part(&Part { any_of: None, ..part.clone() }, depth + 1)?;
            if matches!(&core, Type::Object(object) if object.rest.is_none()) {
                joined = Some(core);
            }
        }
        for alternative in alternatives {
            joined = or(Some(self.part(&Part::of(alternative), depth + 1)?), joined);
        }
        Ok(joined.unwrap_or(Type::Any))
    }

    fn all_of(&mut self, part: &Part<'s>, all: &'s [Value], depth: u32) -> Result<Type, String> {
        let mut parts = Vec::new();
        for schema in all {
            let mut one = Part::of(schema);
            // References that only lead to each other lead nowhere.
            for _ in 0..MAX_DEPTH {
                let Some(reference) = one.reference else { break };
                one = Part::of(self.target(reference)?);
            }
            let only_alternatives = one.types.is_empty() && one.properties.is_empty() && one.items.is_empty();
            if !(only_alternatives && one.any_of.is_some()) {
                parts.push(one);
            }
        }
        if parts.is_empty() {
            return Ok(Type::Any);
        }
        let mut merged = merge(parts)?;
        if !part.types.is_empty() {
            let both = |name| part.is(name) && merged.is(name);
            if both("object") || both("array") {
                let whole = Part { all_of: None, ..part.clone() };
                merged = merge(vec![merged, whole])?;
            } else if part.types_text() != merged.types_text() {
                return Err("unable to merge these schemas".to_owned());
            }
        }
        self.part(&merged, depth + 1)
    }

    fn referred(&mut self, reference: &'s str, depth: u32) -> Result<Type, String> {
        let name: Arc<str> = reference.into();
        match self.known.get_mut(&name) {
            Some(Known::Read(of)) => return Ok(of.clone()),
            Some(Known::Open(target)) => {
                let target = target.get_or_insert_default();
                return Ok(Type::recursive(name, target));
            }
            None => {}
        }
        self.known.insert(Arc::clone(&name), Known::Open(None));
        let schema = self.target(reference)?;
        let of = self.part(&Part::of(schema), depth + 1)?;
        if let Some(Known::Open(Some(target))) = self.known.insert(name, Known::Read(of.clone())) {
            let _ = target.set(of.clone());
            self.kept.push(target);
        }
        Ok(of)
    }
}

/// The part of a schema that has an identifier.
fn named<'s>(schema: &'s Value, name: &str, depth: u32) -> Option<&'s Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    match schema {
        Value::Object(object) => {
            let id = object.get("$id").or_else(|| object.get("id")).and_then(Value::as_str);
            if id == Some(name) {
                return Some(schema);
            }
            object.iter().find_map(|(_, part)| named(part, name, depth + 1))
        }
        Value::Array(array) => array.iter().find_map(|part| named(part, name, depth + 1)),
        _ => None,
    }
}

/// A key of a JSON pointer within a URL.
fn unescaped(key: &str) -> String {
    let key = unescape_query(&key.replace('+', "%2B")).unwrap_or_else(|_| key.to_owned());
    key.replace("~1", "/").replace("~0", "~")
}

/// What takes only what all of these take; only their properties and items are looked at.
fn merge(parts: Vec<Part<'_>>) -> Result<Part<'_>, String> {
    let mut parts = parts.into_iter().map(Part::with_implied);
    let mut merged = parts.next().unwrap_or_default();
    for part in parts {
        let (one, other) = (merged.types_text(), part.types_text());
        if one != other {
            return Err(format!("unable to merge these schemas: type mismatch: {one} and {other}"));
        }
        let both = |name| merged.is(name) && part.is(name);
        if both("object") && !merged.properties.is_empty() && !part.properties.is_empty() {
            merged.properties.extend(part.properties);
        } else if both("array") && !merged.items.is_empty() && !part.items.is_empty() {
            let known = merged.items.len();
            let pairs = merged.items.iter().zip(&part.items);
            if pairs.into_iter().any(|(one, other)| one.types_text() != other.types_text()) {
                return Err("unable to merge these schemas".to_owned());
            }
            merged.items.extend(part.items.into_iter().skip(known));
        }
    }
    Ok(merged)
}
