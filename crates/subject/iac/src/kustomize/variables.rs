//! `vars`: `$(NAME)` in certain fields.

use std::collections::BTreeMap;

use probity_model::value::Value;

use super::definition::Variable;
use super::edit::{self, New, Outcome};
use super::fields::{self, Create};
use super::paths;
use super::resource::Resource;
use super::rules::Rules;
use super::set::Resources;

/// Longest text that a variable is put into.
const MAX_TEXT: usize = 1 << 20;

/// Variables by name.
pub(super) type Variables = BTreeMap<String, Variable>;

/// Adds variables, each with the object that it is read from marked.
pub(super) fn declare(known: &mut Variables, new: &[Variable], resources: &mut Resources) -> Outcome<()> {
    for variable in new {
        let wanted = &variable.object;
        let found = resources.positions(|resource| {
            resource.any_id(|id| match wanted.namespace.as_str() {
                "" => id.name == wanted.name && id.gvk == wanted.gvk,
                _ => id.is_same(wanted),
            })
        });
        match found.as_slice() {
            [] => {}
            [at] => resources.0[*at].variables.push(variable.name.clone()),
            _ => return Err(format!("found {} resId matches for var {}", found.len(), variable.name)),
        }
        merge(known, variable)?;
    }
    Ok(())
}

/// Adds a variable; another one of its name is refused.
pub(super) fn merge(known: &mut Variables, variable: &Variable) -> Outcome<()> {
    match known.insert(variable.name.clone(), variable.clone()) {
        Some(_) => Err(format!("var '{}' already encountered", variable.name)),
        None => Ok(()),
    }
}

/// Puts the values of variables where their names stand.
pub(super) fn resolve(resources: &mut Resources, variables: &Variables, rules: &Rules) -> Outcome<()> {
    let values = variables.values().map(|variable| Ok((variable.name.as_str(), value(variable, &resources.0)?)));
    let values: BTreeMap<&str, Value> = values.collect::<Outcome<_>>()?;
    if values.is_empty() {
        return Ok(());
    }
    for resource in &mut resources.0 {
        let specs = rules.list("varReference");
        let changed =
            fields::change_all(&resource.value, specs, (Create::Nothing, None), &mut |node| replaced(node, &values));
        resource.change(changed)?;
    }
    Ok(())
}

fn value(variable: &Variable, resources: &[Resource]) -> Outcome<Value> {
    let holder = resources.iter().find(|resource| resource.variables.contains(&variable.name));
    let holder = holder
        .ok_or_else(|| format!("var '{}' cannot be mapped to a field in the set of known resources", variable.name))?;
    let path: Vec<String> = paths::split(&variable.path).into_iter().flat_map(indexed).collect();
    let found = paths::find(&holder.value, &path)?;
    found
        .cloned()
        .ok_or_else(|| format!("field specified in var '{}' not found in corresponding resource", variable.name))
}

/// `ports[0]` is `ports` and `0`.
fn indexed(part: String) -> Vec<String> {
    let split = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    match split.filter(|(_, index)| !index.is_empty() && index.chars().all(|c| c.is_ascii_digit())) {
        Some((name, index)) => {
            [name, index].iter().filter(|part| !part.is_empty()).map(|part| (*part).to_owned()).collect()
        }
        None => vec![part],
    }
}

fn replaced(node: &Value, values: &BTreeMap<&str, Value>) -> Outcome<Option<New>> {
    let changed = |value: Value| New { value, span: None };
    match node {
        Value::String(text) => Ok(expanded(text, values)?.map(changed)),
        Value::Object(object) => {
            let mut new = None;
            for (key, value) in object.iter() {
                if let Value::String(text) = value
                    && let Some(value) = expanded(text, values)?
                {
                    let present = new.as_ref().unwrap_or(object);
                    new = Some(edit::with(present, key.as_str(), changed(value)));
                }
            }
            Ok(new.map(|object| changed(Value::Object(object))))
        }
        Value::Array(list) => {
            let list = edit::changed_elements(list, &mut |element| match element {
                Value::String(text) => Ok(expanded(text, values)?.map(changed)),
                _ => Err("invalid value type expect a string".to_owned()),
            })?;
            Ok(list.map(|list| changed(Value::Array(list))))
        }
        _ => Ok(None),
    }
}

/// A text with its variables replaced; nothing when it has none. One that is nothing but a variable takes its type.
fn expanded(text: &str, values: &BTreeMap<&str, Value>) -> Outcome<Option<Value>> {
    if !text.contains('$') {
        return Ok(None);
    }
    let known = |name: &str| values.get(name).filter(|value| edit::is_scalar(value) && !value.is_null());
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let inner = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        rest = match (inner, after.chars().next()) {
            (Some((name, after)), _) => {
                match known(name) {
                    Some(value) if text.len() == name.len() + 3 => return Ok(Some(value.clone())),
                    Some(value) => out.push_str(&edit::text(value)),
                    None => out.extend(["$(", name, ")"]),
                }
                after
            }
            (None, Some('$')) => {
                out.push('$');
                &after[1..]
            }
            (None, Some(next)) => {
                out.push('$');
                out.push(next);
                &after[next.len_utf8()..]
            }
            (None, None) => {
                out.push('$');
                ""
            }
        };
        if out.len() > MAX_TEXT {
            return Err("a text has grown too long".to_owned());
        }
    }
    out.push_str(rest);
    Ok((out != text).then(|| out.into()))
}
