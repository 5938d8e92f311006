//! Every variable has a value when it is needed: expressions are put in an order in which that is so.

use probity_model::Span;

use super::unify::unified;
use crate::ast::{Body, Compr, Expr, Name, Term, TermKind, Terms, is_generated};
use crate::error::{Code, Error};
use crate::vars::{Arity, Collector, Skip, VarSet, body_vars, expr_vars, term_vars, walk_expr, walk_term};

/// A variable that gets no value, and where it is needed.
#[derive(Debug, Clone)]
pub(crate) struct Unsafe {
    pub(crate) name: Name,
    pub(crate) span: Span,
}

/// The errors for variables without value, under the names that they have in the text.
pub(crate) fn errors(unsafe_vars: &[Unsafe], original: &dyn Fn(&Name) -> Name) -> Vec<Error> {
    let mut seen = VarSet::new();
    let mut errors = Vec::new();
    for found in unsafe_vars {
        let name = original(&found.name);
        if !is_generated(&name) && seen.insert(name.clone()) {
            let name = if crate::ast::is_wildcard(&name) { "_" } else { &name };
            errors.push(Error::new(Code::UnsafeVar, found.span, format!("var {name} is unsafe")));
        }
    }
    if errors.is_empty()
        && let Some(found) = unsafe_vars.first()
    {
        errors.push(Error::new(Code::UnsafeVar, found.span, "expression is unsafe"));
    }
    errors
}

/// Orders a body so that every variable has a value when it is needed; `globals` have one from outside. What cannot
/// be placed stays out and is reported.
pub(crate) fn reorder(arity: Arity<'_>, globals: &VarSet, body: Body, unsafe_vars: &mut Vec<Unsafe>) -> Body {
    let skip = Skip::safety(arity);
    let all = body_vars(&body, skip);
    let mut safe: VarSet = all.intersection(globals).cloned().collect();
    let mut missing: Vec<VarSet> =
        body.iter().map(|expr| expr_vars(expr, skip).difference(&safe).cloned().collect()).collect();
    let closed: Vec<VarSet> = body
        .iter()
        .map(|expr| {
            closure_vars(expr).into_iter().filter(|name| all.contains(name) && !globals.contains(name)).collect()
        })
        .collect();
    let mut placed = vec![false; body.len()];
    let mut order = Vec::with_capacity(body.len());
    loop {
        let before = order.len();
        for (index, expr) in body.iter().enumerate() {
            if placed[index] {
                continue;
            }
            let outputs = outputs(expr, arity, &safe);
            let open: VarSet = closed[index].difference(&safe).cloned().collect();
            if !open.is_empty() {
                if open == outputs {
                    continue;
                }
                missing[index].extend(open.iter().cloned());
            }
            missing[index].retain(|name| !safe.contains(name) && !outputs.contains(name));
            if missing[index].is_empty() {
                placed[index] = true;
                order.push(index);
                safe.extend(outputs);
            }
        }
        if order.len() == before {
            break;
        }
    }
    for (index, names) in missing.iter().enumerate().filter(|(index, _)| !placed[*index]) {
        let span = body[index].span;
        if names.is_empty() {
            unsafe_vars.extend(closed[index].iter().map(|name| Unsafe { name: name.clone(), span }));
        }
        unsafe_vars.extend(names.iter().map(|name| Unsafe { name: name.clone(), span }));
    }
    let mut slots: Vec<Option<Expr>> = body.into_iter().map(Some).collect();
    let mut reordered: Body = order.iter().filter_map(|index| slots[*index].take()).collect();
    let mut known = globals.clone();
    for index in 0..reordered.len() {
        if index > 0 {
            known.extend(expr_vars(&reordered[index - 1], skip));
        }
        let span = reordered[index].span;
        let mut closures = Closures { arity, globals: &mut known, span, unsafe_vars };
        closures.expr(&mut reordered[index]);
    }
    reordered
}

struct Closures<'a, 'g> {
    arity: Arity<'a>,
    globals: &'g mut VarSet,
    span: Span,
    unsafe_vars: &'g mut Vec<Unsafe>,
}

impl Closures<'_, '_> {
    fn body(&mut self, heads: &VarSet, body: &mut Body) {
        let inner = body_vars(body, Skip::safety(self.arity));
        for name in heads.iter().filter(|name| !inner.contains(*name) && !self.globals.contains(*name)) {
            self.unsafe_vars.push(Unsafe { name: name.clone(), span: self.span });
        }
        *body = reorder(self.arity, self.globals, std::mem::take(body), self.unsafe_vars);
    }

    fn compr(&mut self, compr: &mut Compr) {
        let mut heads = term_vars(&compr.term, Skip::default());
        if let Some(key) = &compr.key {
            heads.extend(term_vars(key, Skip::default()));
        }
        self.body(&heads, &mut compr.body);
    }

    fn term(&mut self, term: &mut Term) {
        match &mut term.kind {
            TermKind::Scalar(_) | TermKind::Var(_) | TermKind::Template(_) => {}
            TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
                terms.iter_mut().for_each(|term| self.term(term));
            }
            TermKind::Object(pairs) => {
                for (key, value) in pairs {
                    self.term(key);
                    self.term(value);
                }
            }
            TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => self.compr(compr),
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        let nothing = VarSet::new();
        match &mut expr.terms {
            Terms::Term(term) => self.term(term),
            Terms::Call(terms) | Terms::Some(terms) => terms.iter_mut().for_each(|term| self.term(term)),
            Terms::Every(every) => {
                self.globals.extend(every.key.as_ref().and_then(Term::as_var).cloned());
                self.globals.extend(every.value.as_var().cloned());
                self.body(&nothing, &mut every.body);
            }
            Terms::Not(group) => self.body(&nothing, &mut group.body),
            Terms::And(left, right) | Terms::Or(left, right) => {
                self.body(&nothing, &mut left.body);
                self.body(&nothing, &mut right.body);
            }
        }
        for with in &mut expr.with {
            self.term(&mut with.value);
        }
    }
}

/// All variables within the closures of an expression.
fn closure_vars(expr: &Expr) -> VarSet {
    let mut collector = Collector::new(Skip::default());
    match &expr.terms {
        Terms::Every(every) => collector.body(&every.body),
        Terms::Not(group) => collector.body(&group.body),
        Terms::And(left, right) | Terms::Or(left, right) => {
            collector.body(&left.body);
            collector.body(&right.body);
        }
        _ => {}
    }
    walk_expr_head(expr, &mut |term| match &term.kind {
        TermKind::ArrayCompr(_) | TermKind::SetCompr(_) | TermKind::ObjectCompr(_) => {
            collector.term(term);
            false
        }
        _ => true,
    });
    collector.vars
}

/// Walks the terms of an expression, not the bodies that are operands.
fn walk_expr_head(expr: &Expr, visit: &mut dyn FnMut(&Term) -> bool) {
    match &expr.terms {
        Terms::Every(every) => walk_term(&every.domain, visit),
        Terms::Not(_) | Terms::And(..) | Terms::Or(..) => {}
        _ => walk_expr(expr, visit),
    }
}

/// The variables that have a value after an expression, when those of `safe` have one before.
pub(crate) fn outputs(expr: &Expr, arity: Arity<'_>, safe: &VarSet) -> VarSet {
    if expr.negated {
        return VarSet::new();
    }
    if !expr.with.is_empty() {
        let mut collector = Collector::new(Skip::SAFETY);
        for with in &expr.with {
            if let TermKind::Ref(parts) = &with.target.kind {
                collector.terms(&parts[1..]);
            }
            match &with.value.kind {
                TermKind::Ref(parts) => collector.terms(&parts[1..]),
                _ => collector.term(&with.value),
            }
        }
        if !collector.vars.is_subset(safe) {
            return VarSet::new();
        }
    }
    match &expr.terms {
        Terms::Term(_) => reference_outputs(expr, safe),
        Terms::Call(_) if expr.is_equality() => equality_outputs(expr, safe),
        Terms::Call(terms) => match arity(&terms[0]) {
            Some(takes) => call_outputs(expr, terms, takes, safe),
            None => VarSet::new(),
        },
        Terms::Every(every) => {
            let mut found = VarSet::new();
            term_outputs(&every.domain, safe, &mut found);
            found
        }
        Terms::Some(_) | Terms::Not(_) | Terms::And(..) | Terms::Or(..) => VarSet::new(),
    }
}

pub(crate) fn equality_outputs(expr: &Expr, safe: &VarSet) -> VarSet {
    let [left, right] = expr.operands() else { return VarSet::new() };
    let mut known = reference_outputs(expr, safe);
    known.extend(safe.iter().cloned());
    if expr.from_assignment {
        // What stands left of `:=` gets its value here and gives none.
        for name in term_vars(left, Skip::default()) {
            known.remove(&name);
        }
    }
    let found = unified(&known, left, right);
    known.extend(found);
    known.difference(safe).cloned().collect()
}

fn call_outputs(expr: &Expr, terms: &[Term], takes: usize, safe: &VarSet) -> VarSet {
    let mut output = reference_outputs(expr, safe);
    if takes + 1 >= terms.len() {
        return output;
    }
    let mut inputs = Collector::new(Skip::OUTPUT);
    inputs.terms(&terms[..=takes]);
    if inputs.vars.iter().any(|name| !output.contains(name) && !safe.contains(name)) {
        return VarSet::new();
    }
    let mut outputs = Collector::new(Skip::OUTPUT);
    outputs.terms(&terms[takes + 1..]);
    output.extend(outputs.vars);
    output
}

/// The variables that stand for keys in references whose head has a value.
fn reference_outputs(expr: &Expr, safe: &VarSet) -> VarSet {
    let mut found = VarSet::new();
    walk_expr(expr, &mut |term| reference_output(term, safe, &mut found));
    found
}

fn term_outputs(term: &Term, safe: &VarSet, found: &mut VarSet) {
    walk_term(term, &mut |term| reference_output(term, safe, found));
}

fn reference_output(term: &Term, safe: &VarSet, found: &mut VarSet) -> bool {
    match &term.kind {
        TermKind::SetCompr(_) | TermKind::ArrayCompr(_) | TermKind::ObjectCompr(_) | TermKind::Template(_) => false,
        TermKind::Ref(parts) => {
            if !head_is_safe(parts, safe) {
                return false;
            }
            let mut collector = Collector::new(Skip { ref_head: true, ..Skip::default() });
            collector.terms(&parts[1..]);
            found.extend(collector.vars);
            true
        }
        _ => true,
    }
}

/// Whether the head of a reference has a value.
pub(super) fn head_is_safe(parts: &[Term], safe: &VarSet) -> bool {
    match &parts[0].kind {
        TermKind::Var(name) => safe.contains(name),
        _ => term_vars(&parts[0], Skip::SAFETY).is_subset(safe),
    }
}
