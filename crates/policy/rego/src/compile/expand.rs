//! Terms that must be evaluated get variables and expressions of their own.
//!
//! First calls within terms, then heads, templates and the values of `with`; last, after the order is known, references
//! and comprehensions that are operands. In between the compiler checks that every variable gets a value.

use super::{Names, order};
use crate::ast::{Body, Compr, Every, Expr, Rule, Term, TermKind, Terms};
use crate::vars::walk_term;

/// Whether a term has something to evaluate in it.
pub(crate) fn requires_eval(term: &Term) -> bool {
    let mut found = false;
    walk_term(term, &mut |term| {
        found |= matches!(
            term.kind,
            TermKind::Ref(_) | TermKind::ArrayCompr(_) | TermKind::SetCompr(_) | TermKind::ObjectCompr(_)
        );
        !found
    });
    found
}

fn is_empty(body: &[Expr]) -> bool {
    matches!(body, [Expr { terms: Terms::Term(Term { kind: TermKind::Scalar(value), .. }), negated: false, with, .. }]
        if value.as_bool() == Some(true) && with.is_empty())
}

/// Appends to a body; the single `true` of a body that says nothing is replaced.
pub(crate) fn append(body: &mut Body, exprs: impl IntoIterator<Item = Expr>) {
    let mut exprs = exprs.into_iter().peekable();
    if exprs.peek().is_some() && is_empty(body) {
        body.clear();
    }
    body.extend(exprs);
}

/// Puts a fresh variable in the place of a term, and gives the equation of both.
pub(crate) fn lift(names: &mut Names, term: &mut Term) -> Expr {
    let var = Term::var(term.span, names.fresh());
    let span = term.span;
    let old = std::mem::replace(term, var.clone());
    Expr::unify(span, var, old)
}

/// Parts of a rule's name that are neither constants nor variables.
pub(crate) fn head_refs(rule: &mut Rule, names: &mut Names) {
    let head = &mut rule.head;
    let count = head.reference.len();
    let mut lifted = Vec::new();
    for (index, part) in head.reference.iter_mut().enumerate().skip(1) {
        if part.as_var().is_some() || part.is_scalar() {
            continue;
        }
        let is_key = index == count - 1 && head.key.as_ref() == Some(part);
        lifted.push(lift(names, part));
        if is_key {
            head.key = Some(part.clone());
        }
    }
    append(&mut rule.body, lifted);
    if let Some(otherwise) = &mut rule.otherwise {
        head_refs(otherwise, names);
    }
}

/// Calls within the terms of a rule.
pub(crate) fn rule(rule: &mut Rule, names: &mut Names) {
    let head = &mut rule.head;
    let mut support = Vec::new();
    for term in head.args.iter_mut().chain(&mut head.key).chain(&mut head.value) {
        expand_term(term, names, &mut support);
    }
    append(&mut rule.body, support);
    body(&mut rule.body, names);
    if let Some(otherwise) = &mut rule.otherwise {
        self::rule(otherwise, names);
    }
}

/// Calls within the terms of a body.
pub(crate) fn body(body: &mut Body, names: &mut Names) {
    let mut expanded = Body::with_capacity(body.len());
    for expr in std::mem::take(body) {
        expand_expr(expr, names, &mut expanded);
    }
    *body = expanded;
}

fn expand_expr(mut expr: Expr, names: &mut Names, out: &mut Body) {
    for with in &mut expr.with {
        expand_term(&mut with.value, names, out);
    }
    let start = out.len();
    match &mut expr.terms {
        Terms::Term(term) => expand_term(term, names, out),
        Terms::Call(terms) => {
            for term in &mut terms[1..] {
                expand_term(term, names, out);
            }
        }
        Terms::Every(every) => {
            let Every { domain, body: inner, .. } = &mut **every;
            let mut equation = lift(names, domain);
            equation.with.clone_from(&expr.with);
            expand_expr(equation, names, out);
            body(inner, names);
            out.push(expr);
            return;
        }
        Terms::Not(group) => body(&mut group.body, names),
        Terms::And(left, right) | Terms::Or(left, right) => {
            body(&mut left.body, names);
            body(&mut right.body, names);
        }
        Terms::Some(_) => return,
    }
    for support in &mut out[start..] {
        support.with.clone_from(&expr.with);
    }
    out.push(expr);
}

fn expand_term(term: &mut Term, names: &mut Names, support: &mut Vec<Expr>) {
    match &mut term.kind {
        TermKind::Call(terms) => {
            for operand in &mut terms[1..] {
                expand_term(operand, names, support);
            }
            let mut terms = std::mem::take(terms);
            let output = Term::var(term.span, names.fresh());
            terms.push(output.clone());
            let mut expr = Expr::new(term.span, Terms::Call(terms));
            expr.generated = true;
            support.push(expr);
            term.kind = output.kind;
        }
        TermKind::Ref(parts) => expand_ref(parts, names, support),
        TermKind::Array(terms) => terms.iter_mut().for_each(|term| expand_term(term, names, support)),
        // Members of sets and entries of objects have an order, which is not the one that they are written in.
        TermKind::Set(terms) => {
            let mut terms: Vec<&mut Term> = terms.iter_mut().collect();
            terms.sort_by(|one, other| order::compare(one, other));
            terms.into_iter().for_each(|term| expand_term(term, names, support));
        }
        TermKind::Object(pairs) => {
            pairs.sort_by(|one, other| order::compare(&one.0, &other.0));
            for (key, value) in pairs {
                expand_term(key, names, support);
                expand_term(value, names, support);
            }
        }
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
            let Compr { key, term, body: inner } = &mut **compr;
            let mut head = Vec::new();
            if let Some(key) = key {
                expand_term(key, names, &mut head);
            }
            expand_term(term, names, &mut head);
            append(inner, head);
            body(inner, names);
        }
        TermKind::Scalar(_) | TermKind::Var(_) | TermKind::Template(_) => {}
    }
}

fn expand_ref(parts: &mut [Term], names: &mut Names, support: &mut Vec<Expr>) {
    for part in parts.iter_mut() {
        expand_term(part, names, support);
    }
    let composite = matches!(
        parts[0].kind,
        TermKind::Array(_)
            | TermKind::Object(_)
            | TermKind::Set(_)
            | TermKind::ArrayCompr(_)
            | TermKind::SetCompr(_)
            | TermKind::ObjectCompr(_)
    );
    if composite {
        support.push(lift(names, &mut parts[0]));
    }
}

/// What comprehensions collect, and what heads define, becomes variables where it must be evaluated.
pub(crate) fn closures_in_rule(rule: &mut Rule, names: &mut Names) {
    let head = &mut rule.head;
    for term in head.args.iter_mut().chain(&mut head.key).chain(&mut head.value) {
        closures_in_term(term, names);
    }
    closures_in_body(&mut rule.body, names);
    let mut lifted = Vec::new();
    for term in head.key.iter_mut().chain(&mut head.value).chain(&mut head.args) {
        if requires_eval(term) {
            lifted.push(lift(names, term));
        }
    }
    append(&mut rule.body, lifted);
    if let Some(otherwise) = &mut rule.otherwise {
        closures_in_rule(otherwise, names);
    }
}

pub(crate) fn closures_in_body(body: &mut Body, names: &mut Names) {
    for expr in body {
        for_each_term(expr, &mut |term| closures_in_term(term, names));
    }
}

/// Calls a function on each outermost term of an expression and of the bodies in it.
pub(super) fn for_each_term(expr: &mut Expr, visit: &mut dyn FnMut(&mut Term)) {
    match &mut expr.terms {
        Terms::Term(term) => visit(term),
        Terms::Call(terms) => terms[1..].iter_mut().for_each(&mut *visit),
        Terms::Some(_) => {}
        Terms::Every(every) => {
            visit(&mut every.domain);
            every.body.iter_mut().for_each(|expr| for_each_term(expr, visit));
        }
        Terms::Not(group) => group.body.iter_mut().for_each(|expr| for_each_term(expr, visit)),
        Terms::And(left, right) | Terms::Or(left, right) => {
            left.body.iter_mut().chain(&mut right.body).for_each(|expr| for_each_term(expr, visit));
        }
    }
    expr.with.iter_mut().for_each(|with| visit(&mut with.value));
}

fn closures_in_term(term: &mut Term, names: &mut Names) {
    match &mut term.kind {
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
            closures_in_body(&mut compr.body, names);
            let mut lifted = Vec::new();
            for head in compr.key.iter_mut().chain(std::iter::once(&mut compr.term)) {
                closures_in_term(head, names);
                if requires_eval(head) {
                    lifted.push(lift(names, head));
                }
            }
            append(&mut compr.body, lifted);
        }
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter_mut().for_each(|term| closures_in_term(term, names));
        }
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                closures_in_term(key, names);
                closures_in_term(value, names);
            }
        }
        TermKind::Scalar(_) | TermKind::Var(_) | TermKind::Template(_) => {}
    }
}

/// `a == b` is `a = b` once it is known that it need not give variables a value.
pub(crate) fn equals(body: &mut Body) {
    for expr in body {
        if let Terms::Call(terms) = &mut expr.terms
            && terms.len() == 3
            && terms[0].is_operator("equal")
        {
            terms[0] = Term::operator(terms[0].span, "eq");
        }
        match &mut expr.terms {
            Terms::Every(every) => equals(&mut every.body),
            Terms::Not(group) => equals(&mut group.body),
            Terms::And(left, right) | Terms::Or(left, right) => {
                equals(&mut left.body);
                equals(&mut right.body);
            }
            Terms::Term(_) | Terms::Call(_) | Terms::Some(_) => {}
        }
        for_each_term(expr, &mut |term| equals_in_term(term));
    }
}

pub(crate) fn equals_in_term(term: &mut Term) {
    match &mut term.kind {
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
            equals(&mut compr.body);
        }
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) => {
            terms.iter_mut().for_each(equals_in_term);
        }
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                equals_in_term(key);
                equals_in_term(value);
            }
        }
        _ => {}
    }
}

/// References and comprehensions that are operands are evaluated before, even before a `not`.
pub(crate) fn dynamics(body: &mut Body, names: &mut Names) {
    let mut out = Body::with_capacity(body.len());
    for mut expr in std::mem::take(body) {
        let equality = expr.is_equality();
        let start = out.len();
        match &mut expr.terms {
            Terms::Call(terms) => {
                for term in &mut terms[1..] {
                    if equality {
                        within(term, names, &mut out);
                    } else {
                        outside(term, names, &mut out);
                    }
                }
            }
            Terms::Term(term) => within(term, names, &mut out),
            Terms::Every(every) => {
                outside(&mut every.domain, names, &mut out);
                dynamics(&mut every.body, names);
            }
            Terms::Not(group) => dynamics(&mut group.body, names),
            Terms::And(left, right) | Terms::Or(left, right) => {
                dynamics(&mut left.body, names);
                dynamics(&mut right.body, names);
            }
            Terms::Some(_) => {}
        }
        for generated in &mut out[start..] {
            generated.with.clone_from(&expr.with);
        }
        out.push(expr);
    }
    *body = out;
}

/// The term may stay; what is within it is lifted.
fn within(term: &mut Term, names: &mut Names, out: &mut Body) {
    match &mut term.kind {
        TermKind::Ref(parts) => parts[1..].iter_mut().for_each(|part| outside(part, names, out)),
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
            dynamics(&mut compr.body, names);
        }
        _ => outside(term, names, out),
    }
}

fn outside(term: &mut Term, names: &mut Names, out: &mut Body) {
    match &mut term.kind {
        TermKind::Ref(parts) => {
            parts[1..].iter_mut().for_each(|part| outside(part, names, out));
            out.push(lift(names, term));
        }
        TermKind::Array(terms) | TermKind::Set(terms) => terms.iter_mut().for_each(|term| outside(term, names, out)),
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                outside(key, names, out);
                outside(value, names, out);
            }
        }
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
            dynamics(&mut compr.body, names);
            out.push(lift(names, term));
        }
        _ => {}
    }
}
