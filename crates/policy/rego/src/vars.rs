//! Which variables stand in a piece of syntax.

use std::collections::BTreeSet;

use crate::ast::{Body, Compr, Expr, Group, Name, Part, Term, TermKind, Terms, With};

pub(crate) type VarSet = BTreeSet<Name>;

/// How many operands a function takes, by its name; `None` when there is no such function.
pub(crate) type Arity<'a> = &'a dyn Fn(&Term) -> Option<usize>;

/// What is left out when variables are collected.
#[derive(Clone, Copy, Default)]
pub(crate) struct Skip<'a> {
    pub(crate) ref_head: bool,
    pub(crate) object_keys: bool,
    pub(crate) closures: bool,
    pub(crate) sets: bool,
    pub(crate) call_head: bool,
    /// When given, the variables of operands without braces that must come from outside count, although operands are
    /// closures.
    pub(crate) promote: Option<Arity<'a>>,
}

impl<'a> Skip<'a> {
    /// What must have a value before an expression is evaluated.
    pub(crate) const SAFETY: Skip<'static> =
        Skip { ref_head: false, object_keys: false, closures: true, sets: false, call_head: true, promote: None };

    /// What a match binds.
    pub(crate) const OUTPUT: Skip<'static> =
        Skip { ref_head: true, object_keys: true, closures: true, sets: true, call_head: false, promote: None };

    pub(crate) fn safety(arity: Arity<'a>) -> Skip<'a> {
        Skip { promote: Some(arity), ..Self::SAFETY }
    }
}

/// Collects variables.
pub(crate) struct Collector<'a> {
    skip: Skip<'a>,
    pub(crate) vars: VarSet,
}

pub(crate) fn term_vars(term: &Term, skip: Skip<'_>) -> VarSet {
    let mut collector = Collector::new(skip);
    collector.term(term);
    collector.vars
}

pub(crate) fn expr_vars(expr: &Expr, skip: Skip<'_>) -> VarSet {
    let mut collector = Collector::new(skip);
    collector.expr(expr);
    collector.vars
}

pub(crate) fn body_vars(body: &[Expr], skip: Skip<'_>) -> VarSet {
    let mut collector = Collector::new(skip);
    collector.body(body);
    collector.vars
}

impl<'a> Collector<'a> {
    pub(crate) fn new(skip: Skip<'a>) -> Self {
        Self { skip, vars: VarSet::new() }
    }

    pub(crate) fn terms(&mut self, terms: &[Term]) {
        terms.iter().for_each(|term| self.term(term));
    }

    pub(crate) fn body(&mut self, body: &[Expr]) {
        body.iter().for_each(|expr| self.expr(expr));
    }

    fn compr(&mut self, compr: &Compr) {
        if self.skip.closures {
            return;
        }
        if let Some(key) = &compr.key {
            self.term(key);
        }
        self.term(&compr.term);
        self.body(&compr.body);
    }

    pub(crate) fn term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Scalar(_) => {}
            TermKind::Var(name) => {
                self.vars.insert(name.clone());
            }
            TermKind::Ref(parts) => self.terms(&parts[usize::from(self.skip.ref_head)..]),
            TermKind::Array(terms) => self.terms(terms),
            TermKind::Set(terms) => {
                if !self.skip.sets {
                    self.terms(terms);
                }
            }
            TermKind::Object(pairs) => {
                for (key, value) in pairs {
                    if !self.skip.object_keys {
                        self.term(key);
                    }
                    self.term(value);
                }
            }
            TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => self.compr(compr),
            TermKind::Call(terms) => self.call(terms),
            TermKind::Template(parts) => {
                if self.skip.closures {
                    return;
                }
                for part in parts {
                    match part {
                        Part::Term(term) => self.term(term),
                        Part::Expr(expr) => self.expr(expr),
                    }
                }
            }
        }
    }

    fn call(&mut self, terms: &[Term]) {
        if !self.skip.call_head {
            return self.terms(terms);
        }
        let Some((operator, operands)) = terms.split_first() else { return };
        if let TermKind::Ref(parts) = &operator.kind {
            self.terms(&parts[1..]);
        }
        self.terms(operands);
    }

    fn with(&mut self, with: &With) {
        if !self.skip.call_head {
            self.term(&with.target);
            self.term(&with.value);
            return;
        }
        if let TermKind::Ref(parts) = &with.target.kind {
            self.terms(&parts[1..]);
        }
        match &with.value.kind {
            TermKind::Ref(parts) => self.terms(&parts[1..]),
            _ => self.term(&with.value),
        }
    }

    fn groups(&mut self, groups: &[&Group]) {
        for group in groups {
            if let Some(arity) = self.skip.promote {
                if !group.explicit {
                    self.vars.extend(implicit_vars(&group.body, arity));
                }
            } else if !self.skip.closures {
                self.body(&group.body);
            }
        }
    }

    pub(crate) fn expr(&mut self, expr: &Expr) {
        match &expr.terms {
            Terms::Term(term) => self.term(term),
            Terms::Call(terms) => self.call(terms),
            Terms::Some(symbols) => self.terms(symbols),
            Terms::Every(every) => {
                if self.skip.closures {
                    return self.term(&every.domain);
                }
                if let Some(key) = &every.key {
                    self.term(key);
                }
                self.term(&every.value);
                self.term(&every.domain);
                self.body(&every.body);
            }
            Terms::Not(group) => self.groups(&[group]),
            Terms::And(left, right) | Terms::Or(left, right) => self.groups(&[left, right]),
        }
        expr.with.iter().for_each(|with| self.with(with));
    }
}

/// The variables of an operand without braces that must have a value outside.
fn implicit_vars(body: &Body, arity: Arity<'_>) -> VarSet {
    let each: Vec<VarSet> = body.iter().map(|expr| expr_vars(expr, Skip::SAFETY)).collect();
    let all: VarSet = each.iter().flatten().cloned().collect();
    if body.len() == 1 {
        return all;
    }
    let mut safe = all.clone();
    safe.extend(["data".into(), "input".into()]);
    for expr in body.iter().filter(|expr| expr.is_equality()) {
        for name in expr.operands().iter().filter_map(Term::as_var) {
            safe.remove(name);
        }
    }
    let mut bound = VarSet::new();
    loop {
        let before = bound.len();
        for expr in body.iter().filter(|expr| expr.is_equality()) {
            for name in crate::compile::safety::equality_outputs(expr, &safe) {
                safe.insert(name.clone());
                bound.insert(name);
            }
        }
        if bound.len() == before {
            break;
        }
    }
    for expr in body.iter().filter(|expr| !expr.is_equality()) {
        if let Some(takes) = expr.operator().and_then(arity)
            && let Some(outputs) = expr.operands().get(takes..)
        {
            let mut collector = Collector::new(Skip::OUTPUT);
            collector.terms(outputs);
            bound.extend(collector.vars);
        }
    }
    all.into_iter()
        .filter(|name| !bound.contains(name) || each.iter().filter(|vars| vars.contains(name)).count() == 1)
        .collect()
}

/// Calls a function on a term and all terms within, from outside in, as long as it says to go on. Bodies of closures
/// are within.
pub(crate) fn walk_term(term: &Term, visit: &mut dyn FnMut(&Term) -> bool) {
    if !visit(term) {
        return;
    }
    match &term.kind {
        TermKind::Scalar(_) | TermKind::Var(_) => {}
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter().for_each(|term| walk_term(term, visit));
        }
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                walk_term(key, visit);
                walk_term(value, visit);
            }
        }
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
            if let Some(key) = &compr.key {
                walk_term(key, visit);
            }
            walk_term(&compr.term, visit);
            walk_body(&compr.body, visit);
        }
        TermKind::Template(parts) => {
            for part in parts {
                match part {
                    Part::Term(term) => walk_term(term, visit),
                    Part::Expr(expr) => walk_expr(expr, visit),
                }
            }
        }
    }
}

pub(crate) fn walk_body(body: &[Expr], visit: &mut dyn FnMut(&Term) -> bool) {
    body.iter().for_each(|expr| walk_expr(expr, visit));
}

pub(crate) fn walk_expr(expr: &Expr, visit: &mut dyn FnMut(&Term) -> bool) {
    match &expr.terms {
        Terms::Term(term) => walk_term(term, visit),
        Terms::Call(terms) | Terms::Some(terms) => terms.iter().for_each(|term| walk_term(term, visit)),
        Terms::Every(every) => {
            if let Some(key) = &every.key {
                walk_term(key, visit);
            }
            walk_term(&every.value, visit);
            walk_term(&every.domain, visit);
            walk_body(&every.body, visit);
        }
        Terms::Not(group) => walk_body(&group.body, visit),
        Terms::And(left, right) | Terms::Or(left, right) => {
            walk_body(&left.body, visit);
            walk_body(&right.body, visit);
        }
    }
    for with in &expr.with {
        walk_term(&with.target, visit);
        walk_term(&with.value, visit);
    }
}

/// Calls a function on every expression of a body and of the closures within.
pub(crate) fn walk_exprs(body: &[Expr], visit: &mut dyn FnMut(&Expr)) {
    for expr in body {
        visit(expr);
        let mut inner = |term: &Term| {
            match &term.kind {
                TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
                    if let Some(key) = &compr.key {
                        walk_exprs_in_term(key, visit);
                    }
                    walk_exprs_in_term(&compr.term, visit);
                    walk_exprs(&compr.body, visit);
                    return false;
                }
                TermKind::Template(parts) => {
                    for part in parts {
                        if let Part::Expr(expr) = part {
                            walk_exprs(std::slice::from_ref(expr), visit);
                        }
                    }
                    return false;
                }
                _ => {}
            }
            true
        };
        match &expr.terms {
            Terms::Every(every) => {
                walk_term(&every.domain, &mut inner);
                walk_exprs(&every.body, visit);
            }
            Terms::Not(group) => walk_exprs(&group.body, visit),
            Terms::And(left, right) | Terms::Or(left, right) => {
                walk_exprs(&left.body, visit);
                walk_exprs(&right.body, visit);
            }
            Terms::Term(_) | Terms::Call(_) | Terms::Some(_) => walk_expr(expr, &mut inner),
        }
    }
}

/// Calls a function on every expression of the closures within a term.
pub(crate) fn walk_exprs_in_term(term: &Term, visit: &mut dyn FnMut(&Expr)) {
    let expr = Expr::new(term.span, Terms::Term(term.clone()));
    let mut first = true;
    walk_exprs(std::slice::from_ref(&expr), &mut |expr| {
        if !std::mem::take(&mut first) {
            visit(expr);
        }
    });
}
