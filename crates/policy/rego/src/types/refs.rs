//! References: whether there is what they select.

use probity_model::value::Value;

use super::check::TypeError;
use super::env::{At, Env, Node, constant};
use super::unify::{infer, unifies};
use super::{Type, members};
use crate::ast::{Body, Expr, Term, TermKind, Terms, ref_text};

/// Checks all references of an expression but those of its comprehensions.
pub(super) fn expression(env: &Env<'_>, expr: &Expr, errors: &mut Vec<TypeError>) {
    match &expr.terms {
        Terms::Term(one) => return term(env, one, errors),
        Terms::Call(terms) => return terms[1..].iter().for_each(|one| term(env, one, errors)),
        Terms::Not(group) => return body(env, &group.body, errors),
        Terms::Some(terms) => terms.iter().for_each(|one| term(env, one, errors)),
        Terms::Every(every) => {
            term(env, &every.domain, errors);
            body(env, &every.body, errors);
        }
        Terms::And(left, right) | Terms::Or(left, right) => {
            body(env, &left.body, errors);
            body(env, &right.body, errors);
        }
    }
    for with in &expr.with {
        term(env, &with.target, errors);
        term(env, &with.value, errors);
    }
}

fn body(env: &Env<'_>, body: &Body, errors: &mut Vec<TypeError>) {
    body.iter().for_each(|expr| expression(env, expr, errors));
}

fn term(env: &Env<'_>, one: &Term, errors: &mut Vec<TypeError>) {
    match &one.kind {
        TermKind::Ref(parts) => {
            if let Err(error) = not_a_function(env, parts) {
                errors.push(error);
                return;
            }
            if let Err(error) = walk(env, parts) {
                errors.push(error);
            }
            parts.iter().for_each(|part| term(env, part, errors));
        }
        TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter().for_each(|one| term(env, one, errors));
        }
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                term(env, key, errors);
                term(env, value, errors);
            }
        }
        _ => {}
    }
}

type Checked = Result<(), TypeError>;

fn not_a_function(env: &Env<'_>, parts: &[Term]) -> Checked {
    match env.reference(parts) {
        Some(of @ Type::Function(_)) => Err(unsupported(env, parts, parts.len() - 1, Some(&of))),
        _ => Ok(()),
    }
}

/// Goes along a reference, from one scope to the next as long as they do not know all of it.
fn walk(env: &Env<'_>, parts: &[Term]) -> Checked {
    let Some(name) = parts[0].as_var() else { return below(env, Type::Any, parts, 0) };
    let mut scope = Some(env);
    while let Some(at) = scope {
        match at.own(name) {
            Some(At::Var(Some(of))) => return below(env, of, parts, 1),
            Some(At::Node(Node { value: Some(of), .. })) => return below(env, of.clone(), parts, 1),
            Some(At::Var(None)) if in_tree(env, &env.checker.nothing, parts)? => return Ok(()),
            Some(At::Node(node)) if in_tree(env, node, parts)? => return Ok(()),
            _ => {}
        }
        scope = at.next();
    }
    match (name.as_str(), env.checker.input) {
        ("input", Some(input)) => below(env, input.clone(), parts, 1),
        ("input" | "data", _) => below(env, Type::Any, parts, 1),
        _ => below(env, Type::Any, parts, 0),
    }
}

/// Goes along a reference from the node of its first part. Whether all of it was found.
fn in_tree(env: &Env<'_>, node: &Node, parts: &[Term]) -> Result<bool, TypeError> {
    let mut node = node;
    for (index, part) in parts.iter().enumerate().skip(1) {
        let keys = || node.children.keys().cloned().collect::<Vec<_>>();
        if index <= 2 && part.as_var().is_none() && part.as_str().is_none() {
            let have = env.term(part);
            return Err(invalid(env, parts, index, have.as_ref(), Some(&Type::String), &keys()));
        }
        if let Some(name) = part.as_var() {
            let of = node.extent().as_ref().and_then(members::keys);
            match env.var(name) {
                Some(known) if !unifies(&env.checker.compared, of.as_ref(), Some(&known)) => {
                    return Err(invalid(env, parts, index, Some(&known), of.as_ref(), &keys()));
                }
                Some(_) => {}
                None => env.learn(name, of),
            }
        }
        let Some(child) = constant(part).and_then(|key| node.child(&key)) else { return Ok(false) };
        if let Some(of) = &child.value {
            return below(env, of.clone(), parts, index + 1).map(|()| true);
        }
        node = child;
    }
    Ok(true)
}

/// Checks what the rest of a reference selects from a type.
fn below(env: &Env<'_>, of: Type, parts: &[Term], from: usize) -> Checked {
    let mut of = Some(of);
    for (index, part) in parts.iter().enumerate().skip(from) {
        let whole = of.as_ref();
        if whole.is_some_and(Type::is_empty) {
            return within_nothing(env, whole, parts, index);
        }
        let Some(keys) = whole.and_then(members::keys) else {
            return Err(unsupported(env, parts, index - 1, whole));
        };
        let fits = |known: Option<&Type>| unifies(&env.checker.compared, known, Some(&keys));
        let one_of = || whole.map(keys_of).unwrap_or_default();
        match &part.kind {
            TermKind::Var(name) => match env.var(name) {
                Some(known) if !fits(Some(&known)) => {
                    return Err(invalid(env, parts, index, Some(&known), Some(&keys), &one_of()));
                }
                Some(_) => {}
                None => env.learn(name, Some(keys)),
            },
            TermKind::Ref(inner) => {
                if let Some(known) = env.reference(inner)
                    && !fits(Some(&known))
                {
                    return Err(invalid(env, parts, index, Some(&known), Some(&keys), &one_of()));
                }
            }
            TermKind::Array(_)
            | TermKind::Object(_)
            | TermKind::Set(_)
            | TermKind::Scalar(Value::Array(_) | Value::Object(_) | Value::Set(_)) => {
                if !infer(env, part, Some(&keys), false) {
                    return Err(invalid(env, parts, index, env.term(part).as_ref(), Some(&keys), &[]));
                }
            }
            _ => {
                let child = whole.and_then(|whole| members::select(whole, &constant(part)?));
                if child.is_none() {
                    return Err(invalid(env, parts, index, None, Some(&keys), &one_of()));
                }
                of = child;
                continue;
            }
        }
        of = whole.and_then(members::values);
    }
    Ok(())
}

/// A constant is never a key of what holds nothing; to go through that is no error.
fn within_nothing(env: &Env<'_>, of: Option<&Type>, parts: &[Term], index: usize) -> Checked {
    let part = &parts[index];
    if constant(part).is_some_and(|key| !matches!(key, Value::Array(_) | Value::Object(_))) {
        return Err(invalid(env, parts, index, None, None, &[]));
    }
    if let Some(name) = part.as_var() {
        let Some(known) = env.var(name) else {
            env.learn(name, Some(Type::Any));
            return Ok(());
        };
        let keys = of.and_then(members::keys);
        if keys.is_some() && !unifies(&env.checker.compared, Some(&known), keys.as_ref()) {
            return Err(invalid(env, parts, index, Some(&known), keys.as_ref(), &[]));
        }
    }
    Ok(())
}

/// The keys that are known one by one.
fn keys_of(of: &Type) -> Vec<Value> {
    let mut keys = match of {
        Type::Recursive(_) => keys_of(&of.unrolled()),
        Type::Object(object) => object.fixed.iter().map(|(key, _)| key.clone()).collect(),
        Type::OneOf(one_of) => one_of.alternatives.iter().flat_map(keys_of).collect(),
        _ => Vec::new(),
    };
    keys.sort();
    keys.dedup();
    keys
}

/// A reference as it stands in the text: variables of the compiler are what they stand for.
fn rewritten(env: &Env<'_>, parts: &[Term]) -> Vec<Term> {
    parts.iter().map(|part| rewritten_term(env, part)).collect()
}

fn rewritten_term(env: &Env<'_>, term: &Term) -> Term {
    let all = |terms: &[Term]| terms.iter().map(|term| rewritten_term(env, term)).collect();
    let kind = match &term.kind {
        TermKind::Var(name) => match (env.checker.original)(name) {
            name @ TermKind::Var(_) => name,
            lifted => return rewritten_term(env, &Term::new(term.span, lifted)),
        },
        TermKind::Call(terms) => TermKind::Call(all(terms)),
        TermKind::Ref(parts) => TermKind::Ref(all(parts)),
        TermKind::Array(terms) => TermKind::Array(all(terms)),
        TermKind::Set(terms) => TermKind::Set(all(terms)),
        other => other.clone(),
    };
    Term::new(term.span, kind)
}

fn undefined(env: &Env<'_>, parts: &[Term], details: Vec<String>, message: Option<String>) -> TypeError {
    let message = message.unwrap_or_else(|| format!("undefined ref: {}", ref_text(&rewritten(env, parts))));
    TypeError::new(parts[0].span, message, details)
}

/// What a reference leads to has nothing within it.
fn unsupported(env: &Env<'_>, parts: &[Term], position: usize, have: Option<&Type>) -> TypeError {
    let shown = rewritten(env, parts);
    let details = vec![
        ref_text(&shown),
        "^".repeat(ref_text(&shown[..=position]).len()),
        format!("have: {}", have.map_or_else(|| "<nil>".to_owned(), Type::to_string)),
    ];
    let message = matches!(have, Some(Type::Function(_))).then(|| {
        let last = shown.last().map(Term::to_string).unwrap_or_default();
        let known = if is_local(&last) { &shown[..shown.len() - 1] } else { &shown[..] };
        format!("function {} used as reference, not called", ref_text(known))
    });
    undefined(env, parts, details, message)
}

/// Whether a text has the name of a variable of the compiler in it.
fn is_local(text: &str) -> bool {
    text.split("__local").skip(1).any(|rest| {
        let digits = rest.len() - rest.trim_start_matches(|other: char| other.is_ascii_digit()).len();
        digits > 0 && rest[digits..].starts_with("__")
    })
}

/// What a reference leads to has no such key: what that is when it is no constant, and what keys should be.
fn invalid(
    env: &Env<'_>,
    parts: &[Term],
    position: usize,
    have: Option<&Type>,
    want: Option<&Type>,
    one_of: &[Value],
) -> TypeError {
    let shown = rewritten(env, parts);
    let pad = " ".repeat(ref_text(&shown[..position]).len() + 1);
    let have = match have {
        Some(have) => format!("{pad}have (type): {have}"),
        None => format!("{pad}have: {}", shown[position]),
    };
    let want = match want {
        _ if !one_of.is_empty() => {
            let keys: Vec<_> = one_of.iter().map(crate::builtins::term_text).collect();
            format!("{pad}want (one of): [{}]", keys.join(" "))
        }
        None => format!("{pad}want (one of): []"),
        Some(want) => format!("{pad}want (type): {want}"),
    };
    undefined(env, parts, vec![ref_text(&shown), format!("{pad}^"), have, want], None)
}
