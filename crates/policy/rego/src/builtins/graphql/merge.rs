//! Whether selections that give the same name to their results are the same.

use std::collections::HashMap;

use probity_model::value::Value;

use super::query::{Checked, MAX_DEPTH, Query, is_spread};
use super::schema::Definition;
use super::{list, named, text, type_text, wrong};

/// Most fields of one query that are compared.
const MAX_FIELDS: usize = 20_000;

/// A field, with the type that it is selected on.
#[derive(Clone, Copy)]
struct Selected<'d> {
    parent: Option<&'d Definition<'d>>,
    field: &'d Value,
}

impl Selected<'_> {
    fn result(&self) -> Option<&Value> {
        self.parent?.field(text(self.field, "Name"))?.get("Type")
    }
}

pub(super) fn check<'d>(query: &Query<'d>, parent: Option<&'d Definition<'d>>, selections: &'d [Value]) -> Checked {
    let mut budget = MAX_FIELDS;
    same(query, &[(parent, selections)], 0, &mut budget)
}

/// Fields of these selections that have the same name in the result are the same, and what is
/// selected within them is, too.
fn same<'d>(
    query: &Query<'d>,
    sets: &[(Option<&'d Definition<'d>>, &'d [Value])],
    depth: usize,
    budget: &mut usize,
) -> Checked {
    let mut by_name: HashMap<&str, Vec<Selected<'d>>> = HashMap::new();
    let mut order = Vec::new();
    let mut spread = Vec::new();
    let mut open = sets.to_vec();
    while let Some((parent, selections)) = open.pop() {
        for selection in selections {
            *budget = budget.saturating_sub(1);
            if *budget == 0 || depth > MAX_DEPTH {
                return wrong(selection, "The query is too large to be checked.");
            }
            if is_spread(selection) {
                let name = text(selection, "Name");
                if let (false, Some(fragment)) = (spread.contains(&name), named(query.fragments, name)) {
                    spread.push(name);
                    open.push((condition(query, fragment), list(fragment, "SelectionSet")));
                }
            } else if selection.get("TypeCondition").is_some() {
                let inside = condition(query, selection).or(parent);
                open.push((inside, list(selection, "SelectionSet")));
            } else {
                let name = text(selection, "Alias");
                let fields = by_name.entry(name).or_default();
                if fields.is_empty() {
                    order.push(name);
                }
                fields.push(Selected { parent, field: selection });
            }
        }
    }
    for name in order {
        let fields = &by_name[name];
        let first = fields[0];
        for other in &fields[1..] {
            if let Some(reason) = conflict(first, *other) {
                return wrong(first.field, format!("Fields \"{name}\" conflict because {reason}."));
            }
        }
        let inside: Vec<_> = fields
            .iter()
            .map(|selected| {
                let result = selected.result().and_then(|reference| query.schema.definition(reference));
                (result, list(selected.field, "SelectionSet"))
            })
            .collect();
        same(query, &inside, depth + 1, budget)?;
    }
    Ok(())
}

fn condition<'d>(query: &Query<'d>, fragment: &Value) -> Option<&'d Definition<'d>> {
    query.schema.types.get(text(fragment, "TypeCondition"))
}

/// Why two fields cannot both be in one result under the same name.
fn conflict(one: Selected<'_>, other: Selected<'_>) -> Option<String> {
    let apart = match (one.parent, other.parent) {
        (Some(one), Some(other)) => one.name != other.name && one.kind == "OBJECT" && other.kind == "OBJECT",
        _ => false,
    };
    if !apart {
        let (name, other_name) = (text(one.field, "Name"), text(other.field, "Name"));
        if name != other_name {
            return Some(format!("\"{name}\" and \"{other_name}\" are different fields"));
        }
        let (given, other_given) = (list(one.field, "Arguments"), list(other.field, "Arguments"));
        let equal = given.len() == other_given.len()
            && given.iter().all(|argument| {
                let other = named(other_given, text(argument, "Name")).and_then(|other| other.get("Value"));
                match (argument.get("Value"), other) {
                    (Some(value), Some(other)) => super::pruned(value) == super::pruned(other),
                    _ => false,
                }
            });
        if !equal {
            return Some("they have differing arguments".to_owned());
        }
    }
    let (result, other_result) = (one.result().map(type_text)?, other.result().map(type_text)?);
    let composite = !list(one.field, "SelectionSet").is_empty() && !list(other.field, "SelectionSet").is_empty();
    let shape = |text: &str| text.replace(|c: char| !"[]!".contains(c), "");
    let differ = if composite { shape(&result) != shape(&other_result) } else { result != other_result };
    differ.then(|| format!("they return conflicting types \"{result}\" and \"{other_result}\""))
}
