//! Evaluates values: intrinsic functions are applied, parameters and mappings followed, references noted.
//!
//! `None` is what `AWS::NoValue` leaves: the property or element is not there.

use std::collections::{BTreeSet, HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, SmolStr, Span, Value};

use super::budget::Run;
use super::loops;
use super::template::Template;

/// What a condition comes to; `None` while it is being evaluated.
pub(super) type Condition = Option<Option<bool>>;

/// Evaluates the values of one template.
pub(super) struct Evaluator<'r, 't> {
    pub(super) template: &'r Template<'t>,
    /// The template's conditions as they are written, those of loops too.
    pub(super) conditions: HashMap<SmolStr, (Value, Span)>,
    pub(super) truths: HashMap<SmolStr, Condition>,
    /// The logical names of the resources.
    resources: HashSet<SmolStr>,
    /// Whether there may be resources that the template does not name.
    has_generated: bool,
    references: BTreeSet<SmolStr>,
    /// Whether texts must be known to their last character.
    pub(super) exact: bool,
}

impl<'r, 't> Evaluator<'r, 't> {
    pub(super) fn new(template: &'r Template<'t>) -> Self {
        let mut evaluator = Self {
            template,
            conditions: HashMap::new(),
            truths: HashMap::new(),
            resources: HashSet::new(),
            has_generated: !template.transforms().is_empty(),
            references: BTreeSet::new(),
            exact: false,
        };
        if let Some(conditions) = template.section("Conditions") {
            let entries = loops::expanded(conditions, template.place("Conditions"), &mut evaluator);
            let named = |(name, value, span): (Key, Value, Span)| (SmolStr::new(name.as_str()), (value, span));
            evaluator.conditions = entries.into_iter().map(named).collect();
        }
        evaluator
    }

    pub(super) fn run(&self) -> &'r Run {
        &self.template.run
    }

    /// Tells the names of the resources.
    pub(super) fn declare<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        self.resources.extend(names.map(SmolStr::new));
    }

    /// The resources that were referred to since this was last asked.
    pub(super) fn take_references(&mut self) -> BTreeSet<SmolStr> {
        std::mem::take(&mut self.references)
    }

    /// What policies see of a resource: its properties, and of its other attributes those that are named.
    pub(super) fn document(
        &mut self,
        fields: &Object,
        properties: Option<&Value>,
        span: Span,
        attributes: &[&str],
    ) -> Value {
        let place = fields.span("Properties").unwrap_or(span);
        let properties = properties.or_else(|| fields.get("Properties")).unwrap_or(&Value::Null);
        let mut entries: Vec<(Key, Value, Span)> = match self.value(properties, place) {
            Some(Value::Object(object)) => {
                let entry = |(key, value, span): (&Key, &Value, Option<Span>)| {
                    (key.clone(), value.clone(), span.unwrap_or(place))
                };
                object.iter_spanned().map(entry).collect()
            }
            Some(unknown @ Value::Unknown(_)) => return unknown,
            None | Some(Value::Null) => Vec::new(),
            Some(other) => {
                let message = format!("`Properties` is a {}, not a mapping", other.kind());
                self.run().tell(Problem::new(message, place));
                Vec::new()
            }
        };
        for name in attributes {
            let Some(attribute) = fields.get(name) else { continue };
            if entries.iter().any(|(key, ..)| key.as_str() == *name) {
                continue;
            }
            let place = fields.span(name).unwrap_or(span);
            if let Some(value) = self.value(attribute, place) {
                entries.push((Key::new(name), value, place));
            }
        }
        Value::Object(Object::with_spans(entries))
    }

    /// Evaluates a value.
    pub(super) fn value(&mut self, value: &Value, span: Span) -> Option<Value> {
        match value {
            Value::Object(_) | Value::Array(_) => {
                if !self.run().enter(Some(span)) {
                    return Some(Value::Unknown("what is too much to evaluate".into()));
                }
                let made = match value {
                    Value::Object(object) => self.object(object, span),
                    Value::Array(list) => Some(self.list(list, span)),
                    _ => None,
                };
                self.run().leave();
                made
            }
            Value::String(text) => Some(dynamic(text)),
            other => Some(other.clone()),
        }
    }

    /// Evaluates a value whose texts must be known to their last character.
    pub(super) fn exactly(&mut self, value: &Value, span: Span) -> Option<Value> {
        let before = std::mem::replace(&mut self.exact, true);
        let made = self.value(value, span);
        self.exact = before;
        made
    }

    fn object(&mut self, object: &Object, span: Span) -> Option<Value> {
        if let Some((name, argument, place)) = call(object) {
            return self.apply(name, argument, place.unwrap_or(span));
        }
        let mut entries = Vec::with_capacity(object.len());
        for (key, value, place) in loops::expanded(object, span, self) {
            self.run().charge(1, Some(place));
            if let Some(value) = self.value(&value, place) {
                let value = if key.as_str() == "UserData" { decoded(value) } else { value };
                entries.push((key, value, place));
            }
        }
        Some(Value::Object(Object::with_spans(entries)))
    }

    fn list(&mut self, list: &Array, span: Span) -> Value {
        let (mut elements, mut spans) = (Vec::with_capacity(list.len()), Vec::with_capacity(list.len()));
        for (index, element) in list.iter().enumerate() {
            let place = list.span(index).unwrap_or(span);
            self.run().charge(1, Some(place));
            if let Some(element) = self.value(element, place) {
                elements.push(element);
                spans.push(place);
            }
        }
        Value::Array(Array::with_spans(elements, spans))
    }

    /// What `Ref` gives.
    pub(super) fn reference(&mut self, name: &str, span: Span) -> Option<Value> {
        if name == "AWS::NoValue" {
            return None;
        }
        if name.starts_with("AWS::") {
            return Some(Value::Unknown(name.into()));
        }
        if let Some(parameter) = self.template.section("Parameters").and_then(|section| section.get(name)) {
            return Some(parameter_value(name, parameter));
        }
        self.is_resource(name, span);
        Some(Value::Unknown(name.into()))
    }

    /// What `Fn::GetAtt` gives.
    pub(super) fn attribute(&mut self, resource: &str, attribute: &str, span: Span) -> Value {
        self.is_resource(resource, span);
        Value::Unknown(format!("{resource}.{attribute}").into())
    }

    /// Notes a reference, and what it does not lead to.
    fn is_resource(&mut self, name: &str, span: Span) {
        self.references.insert(SmolStr::new(name));
        if !self.resources.contains(name) && !self.has_generated {
            let problem =
                Problem::new(format!("`{name}` is neither a parameter nor a resource of this template"), span);
            let known: Vec<&str> = self.resources.iter().map(SmolStr::as_str).collect();
            let near = probity_model::node::closest(name, &known).filter(|_| name.len() > 2);
            self.run().tell(match near {
                Some(near) => problem.with_help(format!("did you mean `{near}`?")),
                None => problem.with_help("a `${}` that is meant literally is written `${!}`"),
            });
        }
    }
}

/// A value that is the call of a function: the function, what it is given, and where.
fn call(object: &Object) -> Option<(&str, &Value, Option<Span>)> {
    let (key, argument, span) = object.iter_spanned().next().filter(|_| object.len() == 1)?;
    let is_function = key.as_str() == "Ref" || key.as_str().starts_with("Fn::") && !loops::is_loop(key);
    is_function.then_some((key.as_str(), argument, span))
}

/// Whether a value is the call of a function.
pub(super) fn is_call(value: &Value) -> bool {
    value.as_object().is_some_and(|object| call(object).is_some())
}

/// A text; one that holds a parameter of Systems Manager is not known. What refers to a secret stays, and says so.
fn dynamic(text: &SmolStr) -> Value {
    if text.contains("{{resolve:ssm:") {
        return Value::Unknown(format!("what `{text}` resolves to").into());
    }
    Value::String(text.clone())
}

/// The value of a parameter: its default. What a platform type promises (an id, a name) is neither empty nor a wildcard.
fn parameter_value(name: &str, parameter: &Value) -> Value {
    let kind = parameter.get("Type").and_then(Value::as_str).unwrap_or("String");
    if kind.starts_with("AWS::SSM::Parameter::Value") {
        return Value::Unknown(format!("the parameter `{name}`, which is kept in Systems Manager").into());
    }
    let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
    match parameter.get("Default") {
        Some(Value::String(text)) if is_list => {
            Value::array(text.split(',').filter(|_| !text.is_empty()).map(|part| part.trim().into()))
        }
        Some(Value::Number(number)) if is_list => Value::array([number.to_string().into()]),
        Some(default) if !default.is_null() => default.clone(),
        _ if kind.starts_with("AWS::") => Value::Unknown(name.into()),
        _ => Value::Unknown(format!("the parameter `{name}`, which has no default").into()),
    }
}

/// User data as it will be run: what is written in Base64 as the text that it encodes.
fn decoded(value: Value) -> Value {
    let text =
        value.as_str().and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| text.contains(char::is_whitespace)).map_or(value, Value::from)
}

/// What stands for an unknown in a longer text, when the platform gives it.
pub(super) fn placeholder(unknown: &str) -> Option<String> {
    (!unknown.contains(' ')).then(|| format!("${{{unknown}}}"))
}

/// Whether a value, or a part of it, is not known.
pub(super) fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Unknown(_) => true,
        Value::Array(list) => list.iter().any(has_unknown),
        Value::Object(object) => object.iter().any(|(_, value)| has_unknown(value)),
        _ => false,
    }
}
