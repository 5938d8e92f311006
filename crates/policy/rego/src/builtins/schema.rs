//! JSON Schema (drafts 4 to 7), with the messages of the validator that OPA uses.

use probity_model::json;
use probity_model::value::{Array, Key, Number, Object, Value};

use super::args::all_expandable;
use super::json::plain;
use super::regex::compiled;
use super::{Context, Failure, Outcome};

/// Deepest nesting of schemas, references followed.
const MAX_DEPTH: usize = 128;

/// Most errors that are listed.
const MAX_ERRORS: usize = 1000;

const TYPES: [&str; 7] = ["array", "boolean", "integer", "number", "null", "object", "string"];

/// A document or schema: an object, list or JSON text.
fn load(value: &Value) -> Result<Value, Failure> {
    match value {
        Value::String(text) => json::read(text.as_bytes()).map_err(|_| Failure::value("invalid JSON string")),
        Value::Object(_) | Value::Array(_) => Ok(plain(value)),
        _ => Err(Failure::value("wrong type, expected string or object")),
    }
}

pub(super) fn verify_schema(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let result = load(&args[0]).and_then(|schema| check(&schema, true, 0));
    Ok(match result {
        Ok(()) => Value::array([true.into(), Value::Null]),
        Err(Failure::Value(message) | Failure::Type(message)) => {
            Value::array([false.into(), format!("jsonschema: {message}").into()])
        }
        Err(other) => return Err(other),
    })
}

pub(super) fn match_schema(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let document = load(&args[0])?;
    let schema = load(&args[1])?;
    check(&schema, true, 0)?;
    let mut validator = Validator { root: &schema, errors: Vec::new(), score: 0 };
    validator.validate(&schema, &document, "(Root)", 0)?;
    let errors = validator.errors.iter().map(|error| {
        Value::object([
            ("error", Value::from(format!("{}: {}", error.field, error.text))),
            ("type", error.kind.into()),
            ("field", error.field.as_str().into()),
            ("desc", error.text.as_str().into()),
        ])
    });
    Ok(Value::array([validator.errors.is_empty().into(), Value::array(errors)]))
}

/// Whether a value is a schema, and what is wrong with it when not.
pub(crate) fn check_schema(schema: &Value) -> Result<(), String> {
    check(schema, false, 0).map_err(|failure| match failure {
        Failure::Value(message) | Failure::Type(message) | Failure::Halt(_, message) => message,
        Failure::Undefined => "schema is invalid".to_owned(),
    })
}

/// Whether a schema is one; `patterns` says whether its regular expressions must be ones of this engine, too.
fn check(schema: &Value, patterns: bool, depth: usize) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::value("the schema is nested too deep"));
    }
    let schema = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(schema) => schema,
        _ => return Err(Failure::value("schema is invalid")),
    };
    let types: &[Value] = match schema.get("type") {
        None => &[],
        Some(Value::Array(types)) => types.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    for name in types {
        let name = name.as_str().ok_or_else(|| Failure::value("type must be of type string/array of strings"))?;
        if !TYPES.contains(&name) {
            return Err(Failure::value(format!(
                "has a primitive type that is NOT VALID -- given: /{name}/ Expected valid values are:[{}]",
                TYPES.join(" ")
            )));
        }
    }
    if let Some(pattern) = schema.get("pattern") {
        let pattern = pattern.as_str().ok_or_else(|| Failure::value("pattern must be of type string"))?;
        if patterns {
            compiled(pattern).map_err(|_| Failure::value(format!("pattern must be a valid regex: {pattern}")))?;
        }
    }
    for name in ["properties", "patternProperties", "definitions", "$defs"] {
        match schema.get(name) {
            None => {}
            Some(Value::Object(members)) => {
                members.iter().try_for_each(|(_, member)| check(member, patterns, depth + 1))?;
            }
            Some(_) => return Err(Failure::value(format!("{name} must be of type object"))),
        }
    }
    if schema.get("required").is_some_and(|required| required.as_array().is_none() && required.as_bool().is_none()) {
        return Err(Failure::value("required must be of type array"));
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        match schema.get(name) {
            None => {}
            Some(Value::Array(members)) => members.iter().try_for_each(|member| check(member, patterns, depth + 1))?,
            Some(_) => return Err(Failure::value(format!("{name} must be of type array"))),
        }
    }
    for name in ["not", "if", "then", "else", "additionalProperties", "additionalItems", "contains", "propertyNames"] {
        if let Some(member) = schema.get(name) {
            check(member, patterns, depth + 1)?;
        }
    }
    match schema.get("items") {
        Some(Value::Array(members)) => members.iter().try_for_each(|member| check(member, patterns, depth + 1)),
        Some(member) => check(member, patterns, depth + 1),
        None => Ok(()),
    }
}

struct Error {
    field: String,
    kind: &'static str,
    text: String,
}

struct Validator<'s> {
    root: &'s Value,
    errors: Vec<Error>,
    /// How far the value fits, to tell which of several schemas it is closest to.
    score: i64,
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_integer() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        _ => "object",
    }
}

fn child(path: &str, part: &str) -> String {
    if path == "(Root)" { part.to_owned() } else { format!("{path}.{part}") }
}

impl<'s> Validator<'s> {
    fn fail(&mut self, field: &str, kind: &'static str, text: impl Into<String>) {
        self.score -= 2;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(Error { field: field.to_owned(), kind, text: text.into() });
        }
    }

    /// Whether a value keeps to a schema, without listing what is wrong.
    fn accepts(&self, schema: &'s Value, value: &Value, depth: usize) -> Result<bool, Failure> {
        Ok(self.tried(schema, value, "(Root)", depth)?.errors.is_empty())
    }

    /// What is wrong with a value by another schema.
    fn tried(&self, schema: &'s Value, value: &Value, path: &str, depth: usize) -> Result<Validator<'s>, Failure> {
        let mut inner = Validator { root: self.root, errors: Vec::new(), score: 0 };
        inner.validate(schema, value, path, depth)?;
        Ok(inner)
    }

    /// Takes over what is wrong by another schema.
    fn merge(&mut self, other: Validator<'s>) {
        self.score += other.score;
        let room = MAX_ERRORS.saturating_sub(self.errors.len());
        self.errors.extend(other.errors.into_iter().take(room));
    }

    fn resolve(&self, reference: &str) -> Result<&'s Value, Failure> {
        let pointer = reference
            .strip_prefix('#')
            .ok_or_else(|| Failure::value(format!("remote reference loading disabled: {reference}")))?;
        let mut schema = self.root;
        for part in pointer.split('/').filter(|part| !part.is_empty()) {
            let part = part.replace("~1", "/").replace("~0", "~").replace("%25", "%");
            schema = match schema {
                Value::Object(object) => object.get(&part),
                Value::Array(array) => part.parse().ok().and_then(|at: usize| array.get(at)),
                _ => None,
            }
            .ok_or_else(|| Failure::value(format!("Object has no key '{part}'")))?;
        }
        Ok(schema)
    }

    fn validate(&mut self, schema: &'s Value, value: &Value, path: &str, depth: usize) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err(Failure::value("the schema is nested too deep"));
        }
        let schema = match schema {
            Value::Bool(false) => {
                self.fail(path, "false", "False always fails validation");
                return Ok(());
            }
            Value::Object(schema) => schema,
            _ => return Ok(()),
        };
        if let Some(Value::String(reference)) = schema.get("$ref") {
            let target = self.resolve(reference)?;
            return self.validate(target, value, path, depth + 1);
        }
        if !self.types(schema, value, path) {
            return Ok(());
        }
        self.combinations(schema, value, path, depth)?;
        self.constants(schema, value, path);
        self.score += 4;
        match value {
            Value::Object(object) => self.object(schema, object, path, depth)?,
            Value::Array(array) => self.array(schema, array.as_slice(), path, depth)?,
            Value::String(text) => self.string(schema, text, path)?,
            Value::Number(number) => self.number(schema, number, path),
            _ => {}
        }
        Ok(())
    }

    fn types(&mut self, schema: &Object, value: &Value, path: &str) -> bool {
        let wanted: &[Value] = match schema.get("type") {
            None => return true,
            Some(Value::Array(types)) if types.is_empty() => return true,
            Some(Value::Array(types)) => types.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let given = type_of(value);
        let fits = |name: &str| name == given || name == "number" && given == "integer";
        if wanted.iter().filter_map(Value::as_str).any(fits) {
            return true;
        }
        let names: Vec<&str> = wanted.iter().filter_map(Value::as_str).collect();
        let expected = if let [one] = names[..] { one.to_owned() } else { format!("[{}]", names.join(",")) };
        self.fail(path, "invalid_type", format!("Invalid type. Expected: {expected}, given: {given}"));
        false
    }

    fn combinations(&mut self, schema: &'s Object, value: &Value, path: &str, depth: usize) -> Result<(), Failure> {
        let list = |name: &str| schema.get(name).and_then(Value::as_array);
        if let Some(members) = list("anyOf").filter(|members| !members.is_empty()) {
            let (count, closest) = self.closest(members, value, path, depth)?;
            if count == 0 {
                self.fail(path, "number_any_of", "Must validate at least one schema (anyOf)");
                closest.into_iter().for_each(|closest| self.merge(closest));
            }
        }
        if let Some(members) = list("oneOf").filter(|members| !members.is_empty()) {
            let (count, closest) = self.closest(members, value, path, depth)?;
            if count != 1 {
                self.fail(path, "number_one_of", "Must validate one and only one schema (oneOf)");
                closest.into_iter().filter(|_| count == 0).for_each(|closest| self.merge(closest));
            }
        }
        if let Some(members) = list("allOf") {
            let before = self.errors.len();
            for member in members {
                self.validate(member, value, path, depth + 1)?;
            }
            if self.errors.len() > before {
                self.fail(path, "number_all_of", "Must validate all the schemas (allOf)");
            }
        }
        if let Some(member) = schema.get("not")
            && self.accepts(member, value, depth + 1)?
        {
            self.fail(path, "number_not", "Must not validate the schema (not)");
        }
        if let Some(condition) = schema.get("if") {
            let (branch, kind, text) = if self.accepts(condition, value, depth + 1)? {
                ("then", "condition_then", "Must validate \"then\" as \"if\" was valid")
            } else {
                ("else", "condition_else", "Must validate \"else\" as \"if\" was not valid")
            };
            if let Some(member) = schema.get(branch)
                && !self.accepts(member, value, depth + 1)?
            {
                self.fail(path, kind, text);
                self.validate(member, value, path, depth + 1)?;
            }
        }
        Ok(())
    }

    /// How many schemas a value keeps to, and what is wrong by the one that it is closest to of the others.
    fn closest(
        &self,
        schemas: &'s Array,
        value: &Value,
        path: &str,
        depth: usize,
    ) -> Result<(usize, Option<Validator<'s>>), Failure> {
        let mut count = 0;
        let mut closest: Option<Validator<'s>> = None;
        for schema in schemas {
            let tried = self.tried(schema, value, path, depth + 1)?;
            if tried.errors.is_empty() {
                count += 1;
            } else if closest.as_ref().is_none_or(|known| tried.score > known.score) {
                closest = Some(tried);
            }
        }
        Ok((count, closest))
    }

    fn constants(&mut self, schema: &Object, value: &Value, path: &str) {
        if let Some(constant) = schema.get("const")
            && constant != value
        {
            self.fail(path, "const", format!("{path} does not match: {}", json::write(constant)));
        }
        if let Some(Value::Array(allowed)) = schema.get("enum")
            && !allowed.iter().any(|one| one == value)
        {
            let listed: Vec<String> = allowed.iter().map(json::write).collect();
            self.fail(path, "enum", format!("{path} must be one of the following: {}", listed.join(", ")));
        }
    }

    fn object(&mut self, schema: &'s Object, object: &Object, path: &str, depth: usize) -> Result<(), Failure> {
        if let Some(Value::Array(required)) = schema.get("required") {
            for name in required.iter().filter_map(Value::as_str) {
                if object.get(name).is_none() {
                    self.fail(path, "required", format!("{name} is required"));
                } else {
                    self.score += 1;
                }
            }
        }
        self.size(schema, "minProperties", object.len(), path, |low, length| {
            (length < low).then(|| ("array_min_properties", format!("Must have at least {low} properties")))
        });
        self.size(schema, "maxProperties", object.len(), path, |high, length| {
            (length > high).then(|| ("array_max_properties", format!("Must have at most {high} properties")))
        });
        self.dependencies(schema, object, path, depth)?;
        let properties = schema.get("properties").and_then(Value::as_object);
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        for (key, value) in object.iter() {
            let below = child(path, key.as_str());
            if let Some(names) = schema.get("propertyNames")
                && !self.accepts(names, &key.to_value(), depth + 1)?
            {
                let text = format!("Property name of \"{key}\" does not match");
                self.fail(path, "invalid_property_name", text);
            }
            let mut known = false;
            if let Some(member) = properties.and_then(|properties| properties.get_key(key)) {
                known = true;
                self.validate(member, value, &below, depth + 1)?;
            }
            for (pattern, member) in patterns.into_iter().flat_map(Object::iter) {
                if compiled(pattern.as_str())?.is_match(key.as_str()) {
                    known = true;
                    self.validate(member, value, &below, depth + 1)?;
                }
            }
            match schema.get("additionalProperties") {
                _ if known => {}
                Some(Value::Bool(false)) => {
                    let text = format!("Additional property {key} is not allowed");
                    self.fail(path, "additional_property_not_allowed", text);
                }
                Some(member) => self.validate(member, value, &below, depth + 1)?,
                None => {}
            }
        }
        Ok(())
    }

    fn dependencies(&mut self, schema: &'s Object, object: &Object, path: &str, depth: usize) -> Result<(), Failure> {
        let Some(Value::Object(dependencies)) = schema.get("dependencies") else { return Ok(()) };
        for (key, dependency) in dependencies.iter().filter(|(key, _)| object.get_key(key).is_some()) {
            match dependency {
                Value::Array(names) => {
                    for name in names.iter().filter_map(Value::as_str) {
                        if object.get(name).is_none() {
                            self.fail(path, "missing_dependency", format!("Has a dependency on {name}"));
                        }
                    }
                }
                member => {
                    let whole = Value::Object(object.clone());
                    let _: &Key = key;
                    self.validate(member, &whole, path, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Checks a length against a bound.
    fn size(
        &mut self,
        schema: &Object,
        name: &str,
        length: usize,
        path: &str,
        check: impl FnOnce(usize, usize) -> Option<(&'static str, String)>,
    ) {
        let bound = schema.get(name).and_then(Value::as_number).and_then(Number::as_i64);
        if let Some(bound) = bound.and_then(|bound| usize::try_from(bound).ok())
            && let Some((kind, text)) = check(bound, length)
        {
            self.fail(path, kind, text);
        }
    }

    fn array(&mut self, schema: &'s Object, elements: &[Value], path: &str, depth: usize) -> Result<(), Failure> {
        match schema.get("items") {
            Some(Value::Array(members)) => {
                for (at, element) in elements.iter().enumerate() {
                    let additional = schema.get("additionalItems");
                    let member = members.get(at).or(additional);
                    if at >= members.len() && additional == Some(&Value::Bool(false)) {
                        self.fail(path, "array_no_additional_items", "No additional items allowed on array");
                        break;
                    }
                    if let Some(member) = member {
                        self.validate(member, element, &child(path, &at.to_string()), depth + 1)?;
                    }
                }
            }
            Some(member) => {
                for (at, element) in elements.iter().enumerate() {
                    self.validate(member, element, &child(path, &at.to_string()), depth + 1)?;
                }
            }
            None => {}
        }
        self.size(schema, "minItems", elements.len(), path, |low, length| {
            (length < low).then(|| ("array_min_items", format!("Array must have at least {low} items")))
        });
        self.size(schema, "maxItems", elements.len(), path, |high, length| {
            (length > high).then(|| ("array_max_items", format!("Array must have at most {high} items")))
        });
        if schema.get("uniqueItems").and_then(Value::as_bool) == Some(true) {
            let mut seen = std::collections::HashMap::new();
            for (at, element) in elements.iter().enumerate() {
                if let Some(first) = seen.insert(element, at) {
                    self.fail(path, "unique", format!("array items[{first},{at}] must be unique"));
                }
            }
        }
        if let Some(member) = schema.get("contains") {
            let mut closest: Option<Validator<'s>> = None;
            for (at, element) in elements.iter().enumerate() {
                let tried = self.tried(member, element, &child(path, &at.to_string()), depth + 1)?;
                if tried.errors.is_empty() {
                    return Ok(());
                }
                if closest.as_ref().is_none_or(|known| tried.score > known.score) {
                    closest = Some(tried);
                }
            }
            self.fail(path, "contains", "At least one of the items must match");
            closest.into_iter().for_each(|closest| self.merge(closest));
        }
        Ok(())
    }

    fn string(&mut self, schema: &Object, text: &str, path: &str) -> Result<(), Failure> {
        let length = text.chars().count();
        self.size(schema, "minLength", length, path, |low, length| {
            (length < low).then(|| ("string_gte", format!("String length must be greater than or equal to {low}")))
        });
        self.size(schema, "maxLength", length, path, |high, length| {
            (length > high).then(|| ("string_lte", format!("String length must be less than or equal to {high}")))
        });
        if let Some(Value::String(pattern)) = schema.get("pattern")
            && !compiled(pattern)?.is_match(text)
        {
            self.fail(path, "pattern", format!("Does not match pattern '{pattern}'"));
        }
        if let Some(Value::String(format)) = schema.get("format")
            && !has_format(format, text)
        {
            self.fail(path, "format", format!("Does not match format '{format}'"));
        }
        Ok(())
    }

    fn number(&mut self, schema: &Object, number: &Number, path: &str) {
        let bound = |name: &str| schema.get(name).and_then(Value::as_number);
        let exclusive = |name: &str| schema.get(name).and_then(Value::as_bool) == Some(true);
        if let Some(step) = bound("multipleOf")
            && *step > 0.into()
            && !bigdecimal::num_traits::Zero::is_zero(&(number.to_big() % step.to_big()))
        {
            self.fail(path, "multiple_of", format!("Must be a multiple of {step}"));
        }
        if let Some(high) = bound("maximum") {
            if exclusive("exclusiveMaximum") && number >= high {
                self.fail(path, "number_lt", format!("Must be less than {high}"));
            } else if number > high {
                self.fail(path, "number_lte", format!("Must be less than or equal to {high}"));
            }
        }
        if let Some(high) = bound("exclusiveMaximum").filter(|high| number >= *high) {
            self.fail(path, "number_lt", format!("Must be less than {high}"));
        }
        if let Some(low) = bound("minimum") {
            if exclusive("exclusiveMinimum") && number <= low {
                self.fail(path, "number_gt", format!("Must be greater than {low}"));
            } else if number < low {
                self.fail(path, "number_gte", format!("Must be greater than or equal to {low}"));
            }
        }
        if let Some(low) = bound("exclusiveMinimum").filter(|low| number <= *low) {
            self.fail(path, "number_gt", format!("Must be greater than {low}"));
        }
    }
}

/// Whether a text has a format; formats that are not known here are had by every text.
fn has_format(format: &str, text: &str) -> bool {
    use probity_go::time as gotime;
    let time = |layout: &str| gotime::parse(layout, text).is_ok();
    match format {
        "date" => time("2006-01-02"),
        "time" => time("15:04:05") || time("15:04:05Z07:00"),
        "date-time" => time(gotime::RFC3339) || time("2006-01-02T15:04:05"),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "email" => {
            text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        }
        "hostname" => {
            text.len() < 256
                && text.split('.').all(|label| {
                    !label.is_empty()
                        && label.len() < 64
                        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                })
        }
        "uri" => text.split_once(':').is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains(['/', ' '])),
        "uuid" => text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]),
        "regex" => compiled(text).is_ok(),
        _ => true,
    }
}
