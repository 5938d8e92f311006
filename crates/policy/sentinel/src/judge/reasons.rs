//! Why a policy fails, by resource: from the conditions that decided, and from the values of what they name.

use std::collections::HashSet;
use std::fmt;

use probity_model::{Location, Value};

use crate::evaluation::Evaluation;
use crate::outcome::{Condition, Datum, Outcome, RuleTrace};
use crate::policy::Policy;
use crate::syntax::ast::StatementKind;

/// Deepest that is looked for resources in a value.
const MAX_DEPTH: usize = 4;

/// Something that makes a policy fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The resource that it is about, when that is known.
    pub address: Option<String>,
    /// What does not hold of it.
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// What the policy says of it.
    Said(String),
    /// A condition, what it came to, and where it stands.
    Condition(String, String, Location),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = &self.address {
            write!(f, "{address}: ")?;
        }
        match &self.what {
            What::Said(message) => f.write_str(message),
            What::Condition(expression, value, place) => write!(f, "{expression} is {value} ({place})"),
        }
    }
}

/// The reasons of a failure, a resource each; at least one. What conditions name is asked for in another `evaluation`.
pub(super) fn find(
    outcome: &Outcome,
    policy: &Policy,
    evaluation: Evaluation<'_>,
    address: impl Fn(&str) -> Option<&str>,
) -> Vec<Reason> {
    let mut leaves = Vec::new();
    for rule in outcome.trace.rules.iter().filter(|rule| rule.value.as_ref().is_some_and(fails)) {
        rule.conditions.iter().for_each(|condition| collect(condition, None, &address, &mut leaves));
    }
    leaves.retain(|leaf| !outcome.trace.rules.iter().any(|rule| rule.name == leaf.condition.expression));
    let mut reasons: Vec<Reason> =
        leaves.iter().filter_map(|leaf| Some(leaf.condition_of(leaf.address.clone()?))).collect();
    let others: Vec<&Leaf<'_>> = leaves.iter().filter(|leaf| leaf.address.is_none()).collect();
    if reasons.is_empty() {
        reasons = named(&others, policy, evaluation, &address);
    }
    let mut known = HashSet::new();
    reasons.retain(|reason| known.insert(reason.address.clone()));
    if reasons.is_empty() {
        reasons.push(others.first().map_or_else(|| main(outcome), |leaf| leaf.condition_alone()));
    }
    reasons
}

fn fails(value: &Datum) -> bool {
    match value {
        Datum::Undefined(_) => true,
        Datum::Known(value) => *value == Value::Bool(false),
    }
}

/// A condition that fails by itself, not through one of its parts.
struct Leaf<'o> {
    condition: &'o Condition,
    address: Option<String>,
}

impl Leaf<'_> {
    fn condition_of(&self, address: String) -> Reason {
        Reason { address: Some(address), ..self.condition_alone() }
    }

    fn condition_alone(&self) -> Reason {
        let Condition { expression, value, location, .. } = self.condition;
        Reason { address: None, what: What::Condition(expression.clone(), value.to_string(), location.clone()) }
    }
}

fn collect<'o>(
    condition: &'o Condition,
    around: Option<&str>,
    address: &impl Fn(&str) -> Option<&str>,
    leaves: &mut Vec<Leaf<'o>>,
) {
    if !fails(&condition.value) {
        return;
    }
    let of_element = condition.element.as_deref().and_then(address).or(around);
    if condition.parts.iter().any(|part| fails(&part.value)) {
        condition.parts.iter().for_each(|part| collect(part, of_element, address, leaves));
    } else {
        leaves.push(Leaf { condition, address: of_element.map(str::to_owned) });
    }
}

/// Resources in the values of the names that conditions have, and of the names that those are made of.
fn named(
    leaves: &[&Leaf<'_>],
    policy: &Policy,
    evaluation: Evaluation<'_>,
    address: &impl Fn(&str) -> Option<&str>,
) -> Vec<Reason> {
    let direct: Vec<&str> = leaves.iter().flat_map(|leaf| names(&leaf.condition.expression)).collect();
    let indirect = direct.iter().filter_map(|name| assigned(policy, name)).flat_map(names);
    let wanted: Vec<String> = direct.iter().copied().chain(indirect).map(str::to_owned).collect();
    let Ok(outcome) = evaluation.with_rules(wanted.clone()).run() else { return Vec::new() };
    let mut found = Vec::new();
    for name in &wanted {
        if let Some(value) = outcome.asked.get(name).and_then(Datum::known) {
            resources(value, address, MAX_DEPTH, &mut found);
        }
        if !found.is_empty() {
            break;
        }
    }
    let Some(leaf) = leaves.first() else { return Vec::new() };
    let reason = |(address, said): (String, Option<String>)| match said {
        Some(message) => Reason { address: Some(address), what: What::Said(message) },
        None => leaf.condition_of(address),
    };
    found.into_iter().map(reason).collect()
}

/// Names in a piece of a policy; what stands behind a dot is none.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    text.split(move |character: char| !is_part(character) && character != '.')
        .filter_map(|word| word.split('.').next())
        .filter(|word| word.starts_with(|first: char| first.is_alphabetic() || first == '_'))
}

/// The piece of a policy that a name is assigned at last, outside of functions.
fn assigned<'p>(policy: &'p Policy, name: &str) -> Option<&'p str> {
    policy.file().statements.iter().rev().find_map(|statement| match &statement.kind {
        StatementKind::Assign(target, _, value) if target.name == name => {
            policy.text().get(value.at.start as usize..value.at.end as usize)
        }
        _ => None,
    })
}

/// Resources in a value: keys that are addresses, and elements that say their `address`; with what is said of them.
fn resources(
    value: &Value,
    address: &impl Fn(&str) -> Option<&str>,
    depth: usize,
    found: &mut Vec<(String, Option<String>)>,
) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(object) => {
            let own = object.get("address").and_then(Value::as_str).and_then(address);
            if let Some(own) = own {
                let message = object.get("message").and_then(Value::as_str);
                found.push((own.to_owned(), message.map(str::to_owned)));
                return;
            }
            for (key, member) in object.iter() {
                match address(key.as_str()) {
                    Some(own) => found.push((own.to_owned(), member.as_str().map(str::to_owned))),
                    None => resources(member, address, depth - 1, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|element| resources(element, address, depth - 1, found)),
        Value::String(text) => found.extend(address(text).map(|own| (own.to_owned(), None))),
        _ => {}
    }
}

/// The value of `main`, where no condition tells more.
fn main(outcome: &Outcome) -> Reason {
    let message = match outcome.trace.rules.iter().find(|rule| rule.name == "main") {
        Some(RuleTrace { location, .. }) => format!("`main` is {} ({location})", outcome.main),
        None => format!("`main` is {}", outcome.main),
    };
    Reason { address: None, what: What::Said(message) }
}
