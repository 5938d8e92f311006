//! Expressions to values.
//!
//! Whatever depends on a value that is not known before apply is [`Value::Unknown`], with what it waits for. An
//! expression that cannot be evaluated (a function that does not exist, a wrong type) is an [`EvalError`]; `try` and
//! `can` see it, and an attribute that has one becomes unknown.

mod operators;
mod templates;

use probity_model::{Key, Value};

use super::budget::{MAX_DEPTH, MAX_ELEMENTS};
use super::instance::{Absent, Instance};
use super::syntax::{Call, Expression, For, Kind, Step};
use super::{functions, types};

pub(super) use operators::{plain, to_bool, to_number, to_text};

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EvalError(pub(super) String);

impl EvalError {
    /// What an attribute is that has no value.
    pub(super) fn into_unknown(self) -> Value {
        Value::Unknown(self.0.into())
    }
}

pub(super) type Evaluated = Result<Value, EvalError>;

/// How what is not known is told that refers to nothing.
pub(super) const NOT_DECLARED: &str = ", which is not declared";

pub(super) fn error<T>(message: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError(message.into()))
}

/// Names that hold only in a part of the configuration: `each`, `count`, `self`, and the variables of `for`.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    names: Vec<(String, Value)>,
}

impl Scope {
    pub(super) fn with(&self, name: &str, value: Value) -> Self {
        let mut scope = self.clone();
        scope.push(name, value);
        scope
    }

    fn push(&mut self, name: &str, value: Value) {
        self.names.push((name.to_owned(), value));
    }

    fn pop(&mut self) {
        self.names.pop();
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.names.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Evaluates expressions of one module instance.
pub(super) struct Evaluator<'e, 't> {
    pub(super) instance: &'e Instance<'t>,
    pub(super) scope: Scope,
    /// How many templates of files are being rendered, one within the other.
    pub(super) templates: usize,
}

impl<'e, 't> Evaluator<'e, 't> {
    pub(super) fn new(instance: &'e Instance<'t>, scope: &Scope) -> Self {
        Self { instance, scope: scope.clone(), templates: 0 }
    }

    /// The value of an expression.
    pub(super) fn evaluate(&mut self, expression: &Expression) -> Evaluated {
        let depth = self.instance.run.enter();
        let value = if depth > MAX_DEPTH {
            error("nested too deeply, or defined by itself")
        } else if self.instance.run.exhausted() {
            error("the evaluation took too many steps")
        } else {
            self.expression(expression)
        };
        self.instance.run.leave();
        match value {
            Ok(value) if self.instance.run.weigh(&value).is_none() => error("stands for too many values"),
            value => value,
        }
    }

    fn expression(&mut self, expression: &Expression) -> Evaluated {
        match &expression.kind {
            Kind::Literal(Value::Number(number)) => Ok(Value::Number(plain(number))),
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Template(parts) => self.template(parts),
            Kind::Tuple(elements) => {
                let elements = elements.iter().map(|element| self.evaluate(element)).collect::<Result<Vec<_>, _>>()?;
                Ok(Value::array(elements))
            }
            Kind::Object(entries) => self.object(entries),
            Kind::Name(name) => Ok(self.name(name)),
            Kind::Traversal(from, steps) => self.traversal(from, steps),
            Kind::Call(call) => self.call(call),
            Kind::Conditional(parts) => self.conditional(parts),
            Kind::Unary(operator, inner) => {
                let value = self.evaluate(inner)?;
                operators::unary(*operator, &value)
            }
            Kind::Binary(operator, sides) => {
                let (left, right) = (self.evaluate(&sides[0]), self.evaluate(&sides[1]));
                operators::binary(*operator, &left?, &right?)
            }
            Kind::For(made) => self.for_expression(made),
        }
    }

    fn object(&mut self, written: &[(Expression, Expression)]) -> Evaluated {
        let mut entries = Vec::new();
        for (key, value) in written {
            let name = match self.evaluate(key)? {
                Value::Unknown(what) => return Ok(Value::Unknown(what)),
                value => to_text(&value)?,
            };
            entries.push((Key::new(&name), self.evaluate(value)?));
        }
        Ok(Value::Object(entries.into_iter().collect()))
    }

    /// A word that stands for nothing is what a quoted one would be: Terraform refuses it, and says so; what is meant is plain.
    fn name(&self, name: &str) -> Value {
        match (self.scope.get(name), name) {
            (Some(value), _) => value.clone(),
            (None, "True" | "TRUE") => Value::Bool(true),
            (None, "False" | "FALSE") => Value::Bool(false),
            (None, word) => word.into(),
        }
    }

    /// Both ways are evaluated: the result is of a type that both can have.
    fn conditional(&mut self, parts: &[Expression; 3]) -> Evaluated {
        let [condition, yes, no] = parts;
        let condition = to_bool(&self.evaluate(condition)?)?;
        let (yes, no) = (self.evaluate(yes), self.evaluate(no));
        match condition {
            Ok(truth) => match if truth { (yes, no) } else { (no, yes) } {
                (value, Err(_)) => value,
                (value, Ok(other)) => types::chosen(value?, &other),
            },
            // Both ways to the same value: it does not matter which.
            Err(unknown) => match (yes, no) {
                (Ok(a), Ok(b)) if a == b && !matches!(a, Value::Unknown(_)) => Ok(a),
                _ => Ok(unknown),
            },
        }
    }

    fn call(&mut self, call: &Call) -> Evaluated {
        let name = &*call.name;
        if name.contains("::") {
            return Ok(Value::Unknown(format!("{name}()").into()));
        }
        match name {
            "try" => {
                let mut last = error("try() without arguments");
                for argument in &call.arguments {
                    last = self.evaluate(argument);
                    if last.is_ok() {
                        return last;
                    }
                }
                return last;
            }
            "can" => {
                return match call.arguments.first().map(|argument| self.evaluate(argument)) {
                    Some(Ok(unknown @ Value::Unknown(_))) => Ok(unknown),
                    Some(result) => Ok(Value::Bool(result.is_ok())),
                    None => error("can() without an argument"),
                };
            }
            // What is marked is not told by the value.
            "issensitive" => return Ok(Value::Unknown("issensitive()".into())),
            _ => {}
        }
        let mut arguments = Vec::new();
        for argument in &call.arguments {
            arguments.push(self.evaluate(argument)?);
        }
        if call.expand
            && let Some(last) = arguments.pop()
        {
            match last {
                Value::Array(list) => arguments.extend(list.iter().cloned()),
                Value::Set(set) => arguments.extend(set.iter().cloned()),
                Value::Unknown(what) => return Ok(Value::Unknown(what)),
                other => return error(format!("cannot expand a {}", other.kind())),
            }
        }
        functions::call(name, &arguments, self)
    }

    fn traversal(&mut self, from: &Expression, steps: &[Step]) -> Evaluated {
        if let Kind::Name(root) = &from.kind {
            if let Some(value) = self.scope.get(root).cloned() {
                return self.follow(value, steps, root, Absent::Error);
            }
            if let Some((value, taken, absent)) = self.instance.reference(root, steps)? {
                let what = describe(root, steps);
                return match value {
                    // All of what is asked for tells more than the part that could not be found.
                    Value::Unknown(unknown) if absent != Absent::Error && unknown.ends_with(NOT_DECLARED) => {
                        Ok(Value::Unknown(format!("{what}{NOT_DECLARED}").into()))
                    }
                    value => self.follow(value, &steps[taken..], &what, absent),
                };
            }
            return error(format!("`{root}` is not known here"));
        }
        let value = self.evaluate(from)?;
        self.follow(value, steps, "an expression", Absent::Error)
    }

    /// Applies steps to a value. What the provider computes is unknown.
    fn follow(&mut self, value: Value, steps: &[Step], what: &str, absent: Absent) -> Evaluated {
        let mut value = value;
        for (position, step) in steps.iter().enumerate() {
            if let Value::Unknown(_) = value {
                return Ok(value);
            }
            let key = match step {
                Step::Attribute(name) => {
                    // `[0].name` is not the same as `["name"]` of a list.
                    if let Value::Array(_) = value {
                        return error(format!("a list has no attribute `{name}`"));
                    }
                    Value::from(&**name)
                }
                Step::Index(index) => self.evaluate(index)?,
                Step::Splat(inner) => {
                    let within = if absent == Absent::Error { absent } else { Absent::Computed };
                    value = self.splat(&value, inner, what, within)?;
                    continue;
                }
            };
            value = match index(&value, &key) {
                Ok(inner) => inner,
                Err(_) if absent == Absent::Computed || absent == Absent::ComputedInInstances && position > 0 => {
                    return Ok(Value::Unknown(what.into()));
                }
                Err(error) => return Err(error),
            };
        }
        Ok(value)
    }

    fn splat(&mut self, value: &Value, inner: &[Step], what: &str, absent: Absent) -> Evaluated {
        let elements: Vec<Value> = match value {
            Value::Null => Vec::new(),
            Value::Array(list) => list.iter().cloned().collect(),
            Value::Set(set) => set.iter().cloned().collect(),
            other => vec![other.clone()],
        };
        let elements = elements
            .into_iter()
            .map(|element| self.follow(element, inner, what, absent))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Value::array(elements))
    }

    fn for_expression(&mut self, made: &For) -> Evaluated {
        let collection = self.evaluate(&made.collection)?;
        let Some(pairs) = pairs(&collection)? else { return Ok(collection) };
        let (mut elements, mut entries): (Vec<Value>, Vec<(Key, Value)>) = (Vec::new(), Vec::new());
        let mut keys = std::collections::HashSet::new();
        for (key, value) in pairs {
            match self.within(made.key.as_deref(), &made.value, key, value, |evaluator| evaluator.for_element(made))? {
                Made::Nothing => {}
                Made::Unknown(unknown) => return Ok(unknown),
                Made::Element(value) => elements.push(value),
                Made::Entry(key, _) if !made.grouping && !keys.insert(key.clone()) => {
                    return error(format!("two elements have the key `{key}`"));
                }
                Made::Entry(key, value) => entries.push((key, value)),
            }
            if elements.len() + entries.len() > MAX_ELEMENTS {
                return error(format!("a for expression makes more than {MAX_ELEMENTS} elements"));
            }
        }
        Ok(match (&made.key_result, made.grouping) {
            (None, _) => Value::array(elements),
            (Some(_), false) => Value::Object(entries.into_iter().collect()),
            (Some(_), true) => grouped(entries),
        })
    }

    /// Evaluates with the names that a `for` gives to an element.
    fn within<T>(
        &mut self,
        key_name: Option<&str>,
        value_name: &str,
        key: Value,
        value: Value,
        evaluate: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if let Some(name) = key_name {
            self.scope.push(name, key);
        }
        self.scope.push(value_name, value);
        let made = evaluate(self);
        self.scope.pop();
        if key_name.is_some() {
            self.scope.pop();
        }
        made
    }

    fn for_element(&mut self, made: &For) -> Result<Made, EvalError> {
        if let Some(condition) = &made.condition {
            match to_bool(&self.evaluate(condition)?)? {
                Ok(true) => {}
                Ok(false) => return Ok(Made::Nothing),
                Err(unknown) => return Ok(Made::Unknown(unknown)),
            }
        }
        let Some(key) = &made.key_result else {
            return Ok(Made::Element(self.evaluate(&made.result)?));
        };
        match self.evaluate(key)? {
            unknown @ Value::Unknown(_) => Ok(Made::Unknown(unknown)),
            key => Ok(Made::Entry(Key::new(&to_text(&key)?), self.evaluate(&made.result)?)),
        }
    }
}

enum Made {
    Nothing,
    Unknown(Value),
    Element(Value),
    Entry(Key, Value),
}

fn grouped(entries: Vec<(Key, Value)>) -> Value {
    let mut groups: Vec<(Key, Vec<Value>)> = Vec::new();
    let mut positions = std::collections::HashMap::new();
    for (key, value) in entries {
        let position = *positions.entry(key.clone()).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[position].1.push(value);
    }
    Value::Object(groups.into_iter().map(|(key, values)| (key, Value::array(values))).collect())
}

/// Keys and values of a collection; `None` when it is unknown.
pub(super) fn pairs(collection: &Value) -> Result<Option<Vec<(Value, Value)>>, EvalError> {
    Ok(Some(match collection {
        Value::Unknown(_) => return Ok(None),
        Value::Array(list) => (0_i64..).map(Value::from).zip(list.iter().cloned()).collect(),
        Value::Set(set) => set.iter().map(|member| (member.clone(), member.clone())).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.as_str().into(), value.clone())).collect(),
        other => return error(format!("a {} cannot be walked through", other.kind())),
    }))
}

/// A reference as it is written, as far as it is plain.
fn describe(root: &str, steps: &[Step]) -> String {
    let mut text = root.to_owned();
    for step in steps {
        match step {
            Step::Attribute(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Index(Expression { kind: Kind::Literal(Value::String(key)), .. }) => {
                text.push_str(&format!("[\"{key}\"]"));
            }
            Step::Index(Expression { kind: Kind::Literal(index), .. }) => {
                text.push_str(&format!("[{}]", to_text(index).unwrap_or_default()));
            }
            Step::Index(_) => text.push_str("[…]"),
            Step::Splat(inner) => text.push_str(&describe("[*]", inner)),
        }
    }
    text
}

/// One element of a collection.
pub(super) fn index(value: &Value, key: &Value) -> Evaluated {
    match (value, key) {
        (Value::Unknown(_), _) => Ok(value.clone()),
        (_, Value::Unknown(_)) => Ok(key.clone()),
        (Value::Object(object), key) => {
            let name = to_text(key)?;
            object.get(&name).cloned().ok_or_else(|| EvalError(format!("there is no `{name}`")))
        }
        (Value::Array(list), key) => {
            let position = to_number(key)?.as_i64().and_then(|position| usize::try_from(position).ok());
            position
                .and_then(|position| list.get(position))
                .cloned()
                .ok_or_else(|| EvalError("the index is out of range".to_owned()))
        }
        (other, _) => error(format!("a {} has no elements", other.kind())),
    }
}
