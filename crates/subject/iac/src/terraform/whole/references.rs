//! Expressions as the `configuration` of a plan has them: their value where it is constant, and what they refer to.

use std::fmt::Write as _;

use probity_model::Value;

use super::shape;
use crate::terraform::config;
use crate::terraform::instance::Instance;
use crate::terraform::syntax::{Expression, Kind, Part, Step};

/// An expression: `constant_value` for one that needs nothing but itself (no functions either), `references` of what it refers to.
pub(super) fn expression(expression: &Expression, instance: &Instance<'_>) -> Value {
    let constant = constant(expression, instance).map(|value| ("constant_value", value));
    let references = references(expression);
    let references = (!references.is_empty()).then(|| ("references", Value::array(references)));
    Value::object(constant.into_iter().chain(references))
}

fn constant(expression: &Expression, instance: &Instance<'_>) -> Option<Value> {
    let is_constant = is_constant(expression, &mut Vec::new());
    let value = is_constant.then(|| instance.plain(expression).ok()).flatten()?;
    shape::is_known(&value).then(|| shape::as_json(&value))
}

/// Whether an expression needs no name but those that `for` gives in it.
fn is_constant<'e>(expression: &'e Expression, names: &mut Vec<&'e str>) -> bool {
    match &expression.kind {
        Kind::Literal(_) => true,
        Kind::Name(name) => names.contains(&&**name),
        Kind::Call(_) => false,
        Kind::Template(parts) => are_constant(parts, names),
        Kind::Tuple(elements) => elements.iter().all(|element| is_constant(element, names)),
        Kind::Object(entries) => {
            entries.iter().all(|(key, value)| is_constant(key, names) && is_constant(value, names))
        }
        Kind::Traversal(from, steps) => is_constant(from, names) && steps.iter().all(|step| is_plain(step, names)),
        Kind::Conditional(parts) => parts.iter().all(|part| is_constant(part, names)),
        Kind::Unary(_, inner) => is_constant(inner, names),
        Kind::Binary(_, sides) => sides.iter().all(|side| is_constant(side, names)),
        Kind::For(made) => {
            let others = [made.key_result.as_ref(), Some(&made.result), made.condition.as_ref()];
            is_constant(&made.collection, names)
                && within(names, made.key.as_deref(), &made.value, |names| {
                    others.into_iter().flatten().all(|inner| is_constant(inner, names))
                })
        }
    }
}

fn is_plain<'e>(step: &'e Step, names: &mut Vec<&'e str>) -> bool {
    match step {
        Step::Attribute(_) => true,
        Step::Index(index) => is_constant(index, names),
        Step::Splat(steps) => steps.iter().all(|step| is_plain(step, names)),
    }
}

fn are_constant<'e>(parts: &'e [Part], names: &mut Vec<&'e str>) -> bool {
    parts.iter().all(|part| match part {
        Part::Text(_) => true,
        Part::Interpolation(inner) => is_constant(inner, names),
        Part::If { condition, yes, no } => {
            is_constant(condition, names) && are_constant(yes, names) && are_constant(no, names)
        }
        Part::For { key, value, collection, body } => {
            is_constant(collection, names) && within(names, key.as_deref(), value, |names| are_constant(body, names))
        }
    })
}

/// Does something while the names of a `for` hold.
fn within<'e, T>(
    names: &mut Vec<&'e str>,
    key: Option<&'e str>,
    value: &'e str,
    make: impl FnOnce(&mut Vec<&'e str>) -> T,
) -> T {
    let before = names.len();
    names.extend(key);
    names.push(value);
    let made = make(names);
    names.truncate(before);
    made
}

/// What an expression refers to, in the order in which it does: each reference as a whole, then without its last step, and so on
/// to what it is a part of.
pub(super) fn references(expression: &Expression) -> Vec<Value> {
    let mut found = Vec::new();
    collect(expression, &mut Vec::new(), &mut found);
    found
}

fn collect<'e>(expression: &'e Expression, names: &mut Vec<&'e str>, found: &mut Vec<Value>) {
    match &expression.kind {
        Kind::Literal(_) | Kind::Name(_) => {}
        Kind::Template(parts) => collect_parts(parts, names, found),
        Kind::Tuple(elements) => elements.iter().for_each(|element| collect(element, names, found)),
        Kind::Object(entries) => entries.iter().for_each(|(key, value)| {
            collect(key, names, found);
            collect(value, names, found);
        }),
        Kind::Traversal(from, steps) => {
            match &from.kind {
                Kind::Name(root) if names.contains(&&**root) => {}
                Kind::Name(root) => add(root, steps, found),
                _ => collect(from, names, found),
            }
            collect_steps(steps, names, found);
        }
        Kind::Call(call) => call.arguments.iter().for_each(|argument| collect(argument, names, found)),
        Kind::Conditional(parts) => parts.iter().for_each(|part| collect(part, names, found)),
        Kind::Unary(_, inner) => collect(inner, names, found),
        Kind::Binary(_, sides) => sides.iter().for_each(|side| collect(side, names, found)),
        Kind::For(made) => {
            collect(&made.collection, names, found);
            let others = [made.key_result.as_ref(), Some(&made.result), made.condition.as_ref()];
            within(names, made.key.as_deref(), &made.value, |names| {
                others.into_iter().flatten().for_each(|inner| collect(inner, names, found));
            });
        }
    }
}

fn collect_steps<'e>(steps: &'e [Step], names: &mut Vec<&'e str>, found: &mut Vec<Value>) {
    for step in steps {
        match step {
            Step::Attribute(_) => {}
            Step::Index(index) => collect(index, names, found),
            Step::Splat(steps) => collect_steps(steps, names, found),
        }
    }
}

fn collect_parts<'e>(parts: &'e [Part], names: &mut Vec<&'e str>, found: &mut Vec<Value>) {
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Interpolation(inner) => collect(inner, names, found),
            Part::If { condition, yes, no } => {
                collect(condition, names, found);
                collect_parts(yes, names, found);
                collect_parts(no, names, found);
            }
            Part::For { key, value, collection, body } => {
                collect(collection, names, found);
                within(names, key.as_deref(), value, |names| collect_parts(body, names, found));
            }
        }
    }
}

/// A step that is known without evaluating anything.
enum Plain<'e> {
    Name(&'e str),
    Key(&'e Value),
}

impl<'e> Plain<'e> {
    fn of(step: &'e Step) -> Option<Self> {
        match step {
            Step::Attribute(name) => Some(Self::Name(name)),
            Step::Index(Expression { kind: Kind::Literal(key), .. }) => Some(Self::Key(key)),
            Step::Index(_) | Step::Splat(_) => None,
        }
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Name(name) => {
                text.push('.');
                text.push_str(name);
            }
            Self::Key(Value::String(key)) => {
                let _ = write!(text, "[{:?}]", key.as_str());
            }
            Self::Key(key) => {
                let _ = write!(text, "[{key:?}]");
            }
        }
    }
}

/// The steps up to the first that depends on something.
fn plain_steps(steps: &[Step]) -> Vec<Plain<'_>> {
    steps.iter().map_while(Plain::of).collect()
}

fn add(root: &str, steps: &[Step], found: &mut Vec<Value>) {
    let steps = plain_steps(steps);
    let Some(subject) = Subject::of(root, &steps) else { return };
    let mut texts = vec![subject.text];
    for step in &steps[subject.steps..] {
        let mut longer = texts[texts.len() - 1].clone();
        step.write(&mut longer);
        texts.push(longer);
    }
    found.extend(texts.into_iter().rev().chain(subject.part_of).map(Value::from));
}

/// What a reference leads to, and how many steps that takes.
struct Subject {
    text: String,
    steps: usize,
    /// What it is an instance or an output of.
    part_of: Option<String>,
}

impl Subject {
    fn of(root: &str, steps: &[Plain<'_>]) -> Option<Self> {
        let names = match root {
            "self" => 0,
            "data" | "ephemeral" | "resource" => 2,
            _ => 1,
        };
        let all_names = steps.len() >= names && steps[..names].iter().all(|step| matches!(step, Plain::Name(_)));
        if !all_names {
            return None;
        }
        let mut text = if root == "resource" { String::new() } else { root.to_owned() };
        steps[..names].iter().for_each(|step| step.write(&mut text));
        let text = text.trim_start_matches('.').to_owned();
        let alone = Self { text: text.clone(), steps: names, part_of: None };
        if matches!(root, "self" | "count" | "each" | "local" | "path" | "terraform" | "tofu" | "var") {
            return Some(alone);
        }
        let mut instance = text.clone();
        let mut taken = names;
        if let Some(key @ Plain::Key(_)) = steps.get(names) {
            key.write(&mut instance);
            taken += 1;
        }
        let output = steps.get(taken).filter(|_| root == "module");
        if let Some(output @ Plain::Name(_)) = output {
            let mut text = instance.clone();
            output.write(&mut text);
            return Some(Self { text, steps: taken + 1, part_of: Some(instance) });
        }
        Some(if taken > names { Self { text: instance, steps: taken, part_of: Some(text) } } else { alone })
    }
}

/// What `depends_on` names, without what is said of parts of it.
pub(super) fn dependencies(written: &Expression) -> Option<Value> {
    let Kind::Tuple(elements) = &written.kind else { return None };
    let name = |element: &Expression| match &element.kind {
        Kind::Traversal(from, steps) => match &from.kind {
            Kind::Name(root) => Some(Value::from(Subject::of(root, &plain_steps(steps))?.text)),
            _ => None,
        },
        // In JSON they are texts.
        _ => config::text(element).map(Value::from),
    };
    let names: Vec<Value> = elements.iter().filter_map(name).collect();
    (!names.is_empty()).then(|| Value::array(names))
}
