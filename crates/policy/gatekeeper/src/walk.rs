//! The terms of a Rego module, those within others too.

use probity_policy_rego::ast::{Body, Compr, Every, Expr, Group, Module, Part, Rule, Term, TermKind, Terms};

/// Calls `visit` on every term of the rules; it says whether to go into the term.
pub(crate) fn module<'m>(module: &'m Module, visit: &mut dyn FnMut(&'m Term) -> bool) {
    for first in &module.rules {
        let mut next = Some(first);
        while let Some(current) = next {
            rule(current, visit);
            next = current.otherwise.as_deref();
        }
    }
}

fn rule<'m>(rule: &'m Rule, visit: &mut dyn FnMut(&'m Term) -> bool) {
    let head = &rule.head;
    head.reference.iter().skip(1).for_each(|part| term(part, visit));
    head.args.iter().chain(&head.key).chain(&head.value).for_each(|part| term(part, visit));
    body(&rule.body, visit);
}

fn body<'m>(body: &'m Body, visit: &mut dyn FnMut(&'m Term) -> bool) {
    for one in body {
        expr(one, visit);
    }
}

fn expr<'m>(expr: &'m Expr, visit: &mut dyn FnMut(&'m Term) -> bool) {
    match &expr.terms {
        Terms::Term(one) => term(one, visit),
        Terms::Call(list) | Terms::Some(list) => list.iter().for_each(|one| term(one, visit)),
        Terms::Every(every) => every_in(every, visit),
        Terms::Not(group) => group_in(group, visit),
        Terms::And(left, right) | Terms::Or(left, right) => {
            group_in(left, visit);
            group_in(right, visit);
        }
    }
    for with in &expr.with {
        term(&with.target, visit);
        term(&with.value, visit);
    }
}

fn group_in<'m>(group: &'m Group, visit: &mut dyn FnMut(&'m Term) -> bool) {
    body(&group.body, visit);
}

fn every_in<'m>(every: &'m Every, visit: &mut dyn FnMut(&'m Term) -> bool) {
    term(&every.domain, visit);
    body(&every.body, visit);
}

fn compr<'m>(compr: &'m Compr, visit: &mut dyn FnMut(&'m Term) -> bool) {
    if let Some(key) = &compr.key {
        term(key, visit);
    }
    term(&compr.term, visit);
    body(&compr.body, visit);
}

fn term<'m>(one: &'m Term, visit: &mut dyn FnMut(&'m Term) -> bool) {
    if !visit(one) {
        return;
    }
    match &one.kind {
        TermKind::Scalar(_) | TermKind::Var(_) => {}
        TermKind::Ref(list) | TermKind::Array(list) | TermKind::Set(list) | TermKind::Call(list) => {
            for inner in list {
                term(inner, visit);
            }
        }
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                term(key, visit);
                term(value, visit);
            }
        }
        TermKind::ArrayCompr(inner) | TermKind::SetCompr(inner) | TermKind::ObjectCompr(inner) => compr(inner, visit),
        TermKind::Template(parts) => {
            for part in parts {
                match part {
                    Part::Term(inner) => term(inner, visit),
                    Part::Expr(inner) => expr(inner, visit),
                }
            }
        }
    }
}
