//! Schemas of parameters: the structural form of `OpenAPI` v3 that custom resource definitions have (Kubernetes,
//! `apiextensions.k8s.io/v1`, `JSONSchemaProps`).

use std::collections::BTreeMap;

use probity_model::node::{Mapping, Node};
use probity_model::value::{Key, Number, Object};
use probity_model::{Problem, Value};
use regex::Regex;

use crate::object::with_entry;

/// Deepest nesting of a schema that is read.
const MAX_DEPTH: usize = 64;

/// A schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    kind: Option<Kind>,
    nullable: bool,
    /// Whether fields that the schema does not name are kept.
    preserve: bool,
    properties: BTreeMap<String, Schema>,
    additional: Option<Box<Schema>>,
    items: Option<Box<Schema>>,
    required: Vec<String>,
    default: Option<Value>,
    choices: Option<Vec<Value>>,
    pattern: Option<Regex>,
    bounds: Bounds,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    one_of: Vec<Schema>,
    not: Option<Box<Schema>>,
}

/// What part of a whole schema one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It says what is where.
    Structure,
    /// It says what must hold besides, within `allOf` and its like.
    Condition,
    /// It says that something is an integer or a string.
    Kinds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

/// Bounds of numbers and of sizes.
#[derive(Debug, Clone, Default)]
struct Bounds {
    minimum: Option<(Number, bool)>,
    maximum: Option<(Number, bool)>,
    length: Range,
    items: Range,
    properties: Range,
}

#[derive(Debug, Clone, Copy, Default)]
struct Range {
    least: Option<usize>,
    most: Option<usize>,
}

impl Range {
    fn read(fields: &Mapping<'_>, least: &str, most: &str) -> Result<Self, Problem> {
        let number = |name: &str| fields.optional(name).map(Node::parse).transpose();
        Ok(Self { least: number(least)?, most: number(most)? })
    }

    fn holds(self, size: usize) -> bool {
        self.least.is_none_or(|least| size >= least) && self.most.is_none_or(|most| size <= most)
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.least, self.most) {
            (Some(least), Some(most)) => write!(f, "{least} to {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("any number of"),
        }
    }
}

impl Kind {
    fn read(node: Node<'_>) -> Result<Option<Self>, Problem> {
        Ok(Some(match node.string()? {
            "object" => Self::Object,
            "array" => Self::Array,
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "" => return Ok(None),
            other => return Err(node.problem(format!("`{other}` is not a type of a schema"))),
        }))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::IntOrString => "integer or string",
        }
    }

    fn is_of(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Object, Value::Object(_))
            | (Self::Array, Value::Array(_))
            | (Self::String | Self::IntOrString, Value::String(_))
            | (Self::Number, Value::Number(_))
            | (Self::Boolean, Value::Bool(_)) => true,
            (Self::Integer | Self::IntOrString, Value::Number(number)) => number.is_integer(),
            _ => false,
        }
    }
}

impl Schema {
    /// A schema that takes everything.
    pub(crate) fn anything() -> Self {
        Self { preserve: true, ..Self::default() }
    }

    /// Reads a schema. A legacy one keeps every field that it does not name.
    pub(crate) fn read(node: Node<'_>, legacy: bool) -> Result<Self, Problem> {
        Self::read_at(node, legacy, 0, Part::Structure)
    }

    fn read_at(node: Node<'_>, legacy: bool, depth: usize, part: Part) -> Result<Self, Problem> {
        if depth > MAX_DEPTH {
            return Err(node.problem(format!("a schema nested deeper than {MAX_DEPTH} levels")));
        }
        let fields = node.mapping()?;
        let flag = |name: &str| fields.optional(name).map(Node::boolean).transpose().map(Option::unwrap_or_default);
        let is_int_or_string = flag("x-kubernetes-int-or-string")?;
        // What an integer or string is may be said in words of a schema as well.
        let condition = if is_int_or_string { Part::Kinds } else { Part::Condition };
        let inner = |node: Node<'_>| Self::read_at(node, legacy, depth + 1, part);
        let inner_condition = |node: Node<'_>| Self::read_at(node, false, depth + 1, condition);
        let list = |name: &str| -> Result<Vec<Self>, Problem> {
            let nodes = fields.optional(name).map(Node::list).transpose()?.unwrap_or_default();
            nodes.into_iter().map(inner_condition).collect()
        };
        let kind = if is_int_or_string {
            Some(Kind::IntOrString)
        } else {
            fields.optional("type").map(Kind::read).transpose()?.flatten()
        };
        let mut properties = BTreeMap::new();
        if let Some(node) = fields.optional("properties") {
            for (key, node) in node.mapping()?.entries() {
                properties.insert(key.as_str().to_owned(), inner(node)?);
            }
        }
        let required = fields.optional("required").map(Node::strings).transpose()?.unwrap_or_default();
        let pattern = fields.optional("pattern").map(read_pattern).transpose()?;
        let has_type = fields.optional("type").is_some_and(|kind| kind.value.as_str() != Some(""));
        let legacy_object = legacy && (!has_type || kind == Some(Kind::Object));
        let schema = Self {
            kind,
            nullable: flag("nullable")?,
            preserve: legacy_object || flag("x-kubernetes-preserve-unknown-fields")?,
            properties,
            additional: read_additional(&fields, &inner)?,
            items: fields.optional("items").map(inner).transpose()?.map(Box::new),
            required: required.into_iter().map(str::to_owned).collect(),
            default: fields.get("default").cloned(),
            choices: fields.get("enum").and_then(Value::as_array).map(|choices| choices.iter().cloned().collect()),
            pattern,
            bounds: Bounds::read(&fields)?,
            all_of: list("allOf")?,
            any_of: list("anyOf")?,
            one_of: list("oneOf")?,
            not: fields.optional("not").map(inner_condition).transpose()?.map(Box::new),
        };
        schema.check(node, &fields, legacy, part)?;
        Ok(schema)
    }

    /// Checks that a definition of a custom resource may have the schema (Kubernetes, "Specifying a structural schema").
    fn check(&self, node: Node<'_>, fields: &Mapping<'_>, legacy: bool, part: Part) -> Result<(), Problem> {
        if let Some(reference) = fields.optional("$ref") {
            return Err(reference.problem("a schema must not refer to another: `$ref` is not supported"));
        }
        if let Some(unique) = fields.optional("uniqueItems").filter(|unique| unique.value == &Value::Bool(true)) {
            return Err(unique.problem("`uniqueItems` is not supported"));
        }
        if fields.optional("additionalProperties").is_some() && !self.properties.is_empty() {
            return Err(node.problem("a schema has `properties` or `additionalProperties`, not both"));
        }
        if self.kind == Some(Kind::IntOrString) && self.preserve {
            return Err(node.problem("an integer or string has no fields to preserve"));
        }
        match (part, fields.optional("type")) {
            (Part::Condition, Some(kind)) => return Err(kind.problem("`type` must not be part of a condition")),
            (Part::Structure, None) if !legacy && self.kind.is_none() && !self.preserve => {
                return Err(node.problem("a schema must have a `type`"));
            }
            _ => {}
        }
        if part == Part::Structure && !legacy && self.kind == Some(Kind::Array) && self.items.is_none() {
            return Err(node.problem("the schema of an array must have `items`"));
        }
        let Some(default) = fields.optional("default") else { return Ok(()) };
        let mut problems = Vec::new();
        let with_defaults = self.with_defaults(default.value);
        self.validate(Node { value: &with_defaults, span: default.span }, "default", &mut problems);
        problems.into_iter().next().map_or(Ok(()), Err)
    }

    /// Everything in which the value is not as the schema says. `path` names it in messages.
    pub(crate) fn validate(&self, node: Node<'_>, path: &str, problems: &mut Vec<Problem>) {
        if node.value.is_null() && self.nullable {
            return;
        }
        if let Some(problem) = self.mistyped(node, path) {
            problems.push(problem);
            return;
        }
        if let Some(choices) = &self.choices
            && !choices.contains(node.value)
        {
            let known: Vec<String> = choices.iter().map(probity_model::json::write).collect();
            problems.push(node.problem(format!("{path} must be one of {}", known.join(", "))));
        }
        match node.value {
            Value::Object(object) => self.validate_object(object, node, path, problems),
            Value::Array(_) => self.validate_list(node, path, problems),
            Value::String(text) => self.validate_text(text, node, path, problems),
            Value::Number(number) => self.bounds.validate(number, node, path, problems),
            _ => {}
        }
        self.validate_combined(node, path, problems);
    }

    fn mistyped(&self, node: Node<'_>, path: &str) -> Option<Problem> {
        let kind = self.kind.filter(|kind| !kind.is_of(node.value))?;
        Some(node.problem(format!("{path} must be of type {}, not a {}", kind.as_str(), node.value.kind())))
    }

    fn validate_object(&self, object: &Object, node: Node<'_>, path: &str, problems: &mut Vec<Problem>) {
        for name in self.required.iter().filter(|name| object.get(name).is_none()) {
            problems.push(node.problem(format!("{path}.{name} is required")));
        }
        if !self.bounds.properties.holds(object.len()) {
            problems.push(node.problem(format!("{path} must have {} fields", self.bounds.properties)));
        }
        for (key, value, span) in object.iter_spanned() {
            let inner = Node { value, span: span.or(node.span) };
            if let Some(schema) = self.properties.get(key.as_str()).or(self.additional.as_deref()) {
                schema.validate(inner, &format!("{path}.{key}"), problems);
            }
        }
    }

    fn validate_list(&self, node: Node<'_>, path: &str, problems: &mut Vec<Problem>) {
        let elements = node.list().unwrap_or_default();
        if !self.bounds.items.holds(elements.len()) {
            problems.push(node.problem(format!("{path} must have {} elements", self.bounds.items)));
        }
        if let Some(schema) = &self.items {
            for (index, element) in elements.into_iter().enumerate() {
                schema.validate(element, &format!("{path}[{index}]"), problems);
            }
        }
    }

    fn validate_text(&self, text: &str, node: Node<'_>, path: &str, problems: &mut Vec<Problem>) {
        if !self.bounds.length.holds(text.chars().count()) {
            problems.push(node.problem(format!("{path} must have {} characters", self.bounds.length)));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            problems.push(node.problem(format!("{path} must match `{pattern}`")));
        }
    }

    fn validate_combined(&self, node: Node<'_>, path: &str, problems: &mut Vec<Problem>) {
        let holds = |schema: &Self| {
            let mut found = Vec::new();
            schema.validate(node, path, &mut found);
            found.is_empty()
        };
        for schema in &self.all_of {
            schema.validate(node, path, problems);
        }
        if !self.any_of.is_empty() && !self.any_of.iter().any(holds) {
            problems.push(node.problem(format!("{path} fits none of `anyOf`")));
        }
        if !self.one_of.is_empty() && self.one_of.iter().filter(|schema| holds(schema)).count() != 1 {
            problems.push(node.problem(format!("{path} must fit exactly one of `oneOf`")));
        }
        if self.not.as_deref().is_some_and(holds) {
            problems.push(node.problem(format!("{path} must not fit `not`")));
        }
    }

    /// The fields that the schema does not know.
    pub(crate) fn unknown(&self, value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object.iter() {
                    let path = format!("{path}.{key}");
                    match self.properties.get(key.as_str()).or(self.additional.as_deref()) {
                        Some(schema) => schema.unknown(value, &path, found),
                        None if self.preserve => {}
                        None => found.push(path),
                    }
                }
            }
            Value::Array(list) => {
                if let Some(schema) = &self.items {
                    for (index, value) in list.iter().enumerate() {
                        schema.unknown(value, &format!("{path}[{index}]"), found);
                    }
                }
            }
            _ => {}
        }
    }

    /// The value with what the schema says stands there when nothing else does.
    pub(crate) fn with_defaults(&self, value: &Value) -> Value {
        match value {
            Value::Object(object) => Value::Object(self.object_with_defaults(object)),
            Value::Array(list) => match &self.items {
                Some(schema) => {
                    Value::array(list.iter().map(|value| schema.or_default(Some(value)).unwrap_or_default()))
                }
                None => value.clone(),
            },
            other => other.clone(),
        }
    }

    fn object_with_defaults(&self, object: &Object) -> Object {
        let mut result = object.clone();
        for (name, schema) in &self.properties {
            let own = object.get(name);
            if let Some(value) = schema.or_default(own)
                && own != Some(&value)
            {
                result = with_entry(&result, name, value);
            }
        }
        let Some(schema) = &self.additional else { return result };
        let entries: Vec<(Key, Value)> = result
            .iter()
            .map(|(key, value)| {
                let known = self.properties.contains_key(key.as_str());
                let value = if known { value.clone() } else { schema.or_default(Some(value)).unwrap_or_default() };
                (key.clone(), value)
            })
            .collect();
        entries.into_iter().collect()
    }

    /// The value with its defaults, or the default of the whole when there is no value.
    pub(crate) fn or_default(&self, value: Option<&Value>) -> Option<Value> {
        match value {
            Some(Value::Null) if !self.nullable => Some(self.default.clone().unwrap_or_default()),
            Some(value) => Some(value.clone()),
            None => self.default.clone(),
        }
        .map(|value| self.with_defaults(&value))
    }
}

fn read_pattern(node: Node<'_>) -> Result<Regex, Problem> {
    let text = node.string()?;
    Regex::new(text).map_err(|_| node.problem(format!("`{text}` is not a regular expression")))
}

fn read_additional(
    fields: &Mapping<'_>,
    read: &dyn Fn(Node<'_>) -> Result<Schema, Problem>,
) -> Result<Option<Box<Schema>>, Problem> {
    let Some(node) = fields.optional("additionalProperties") else { return Ok(None) };
    match node.value {
        Value::Bool(true) => Ok(Some(Box::new(Schema::anything()))),
        Value::Bool(false) => Ok(None),
        _ => Ok(Some(Box::new(read(node)?))),
    }
}

impl Bounds {
    fn read(fields: &Mapping<'_>) -> Result<Self, Problem> {
        let bound = |name: &str, exclusive: &str| -> Result<Option<(Number, bool)>, Problem> {
            let Some(node) = fields.optional(name) else { return Ok(None) };
            let number = node.value.as_number().ok_or_else(|| node.problem(format!("{name} must be a number")))?;
            let exclusive = fields.optional(exclusive).map(Node::boolean).transpose()?.unwrap_or_default();
            Ok(Some((number.clone(), exclusive)))
        };
        Ok(Self {
            minimum: bound("minimum", "exclusiveMinimum")?,
            maximum: bound("maximum", "exclusiveMaximum")?,
            length: Range::read(fields, "minLength", "maxLength")?,
            items: Range::read(fields, "minItems", "maxItems")?,
            properties: Range::read(fields, "minProperties", "maxProperties")?,
        })
    }

    fn validate(&self, number: &Number, node: Node<'_>, path: &str, problems: &mut Vec<Problem>) {
        if let Some((least, exclusive)) = &self.minimum
            && (number < least || (*exclusive && number == least))
        {
            problems.push(node.problem(format!("{path} must be at least {least}")));
        }
        if let Some((most, exclusive)) = &self.maximum
            && (number > most || (*exclusive && number == most))
        {
            problems.push(node.problem(format!("{path} must be at most {most}")));
        }
    }
}
