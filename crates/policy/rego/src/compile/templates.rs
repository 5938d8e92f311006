//! Template strings become calls: each expression in one is a set of at most one value.

use super::Names;
use super::safety::outputs;
use crate::ast::{Body, Compr, Expr, Part, Rule, Term, TermKind, Terms};
use crate::error::{Code, Error};
use crate::vars::{Arity, Skip, VarSet, term_vars};
use probity_model::Span;

/// Deals with the template strings in rules and queries.
pub(super) struct Templates<'t> {
    names: &'t mut Names,
    arity: Arity<'t>,
    errors: &'t mut Vec<Error>,
}

impl<'t> Templates<'t> {
    pub(super) fn new(names: &'t mut Names, arity: Arity<'t>, errors: &'t mut Vec<Error>) -> Self {
        Self { names, arity, errors }
    }

    pub(super) fn rule(&mut self, rule: &mut Rule) {
        let mut globals = super::reserved();
        for arg in &rule.head.args {
            globals.extend(term_vars(arg, Skip::default()));
        }
        let safe = self.body(&globals, &mut rule.body);
        let head = &mut rule.head;
        for term in head.reference[1..].iter_mut().chain(&mut head.args).chain(&mut head.key).chain(&mut head.value) {
            self.term(&safe, term);
        }
        if let Some(otherwise) = &mut rule.otherwise {
            self.rule(otherwise);
        }
    }

    pub(super) fn query(&mut self, body: &mut Body) {
        self.body(&super::reserved(), body);
    }

    /// Rewrites a body, and gives the variables that have a value somewhere in it.
    fn body(&mut self, globals: &VarSet, body: &mut Body) -> VarSet {
        let mut safe = globals.clone();
        for expr in body.iter() {
            let found = outputs(expr, self.arity, &safe);
            safe.extend(found);
        }
        body.iter_mut().for_each(|expr| self.expr(&safe, expr));
        safe
    }

    fn expr(&mut self, safe: &VarSet, expr: &mut Expr) {
        match &mut expr.terms {
            Terms::Term(term) => self.term(safe, term),
            Terms::Call(terms) => terms[1..].iter_mut().for_each(|term| self.term(safe, term)),
            Terms::Some(_) => {}
            Terms::Every(every) => {
                self.term(safe, &mut every.domain);
                let mut inner = safe.clone();
                inner.extend(every.key.iter().chain([&every.value]).filter_map(Term::as_var).cloned());
                self.body(&inner, &mut every.body);
            }
            Terms::Not(group) => {
                self.body(safe, &mut group.body);
            }
            Terms::And(left, right) | Terms::Or(left, right) => {
                self.body(safe, &mut left.body);
                self.body(safe, &mut right.body);
            }
        }
        expr.with.iter_mut().for_each(|with| self.term(safe, &mut with.value));
    }

    fn term(&mut self, safe: &VarSet, term: &mut Term) {
        match &mut term.kind {
            TermKind::Template(parts) => {
                let parts = std::mem::take(parts);
                let span = term.span;
                let mut sets: Vec<Term> = parts.into_iter().filter_map(|part| self.part(safe, part, span)).collect();
                if sets.is_empty() {
                    sets.push(Term::string(span, ""));
                }
                let operator = Term::operator(span, "internal.template_string");
                term.kind = TermKind::Call(vec![operator, Term::new(span, TermKind::Array(sets))]);
            }
            TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
                let safe = self.body(safe, &mut compr.body);
                for head in compr.key.iter_mut().chain([&mut compr.term]) {
                    self.term(&safe, head);
                }
            }
            TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
                terms.iter_mut().for_each(|term| self.term(safe, term));
            }
            TermKind::Object(pairs) => {
                for (key, value) in pairs {
                    self.term(safe, key);
                    self.term(safe, value);
                }
            }
            TermKind::Scalar(_) | TermKind::Var(_) => {}
        }
    }

    fn part(&mut self, safe: &VarSet, part: Part, span: Span) -> Option<Term> {
        let mut expr = match part {
            Part::Term(term) => return Some(term),
            Part::Expr(expr) => expr,
        };
        self.expr(safe, &mut expr);
        let term = match expr.terms {
            Terms::Term(term) => term,
            Terms::Call(terms) => {
                if terms[0].is_operator("walk") {
                    let message = "illegal call to relation built-in 'walk' that may cause multiple outputs";
                    self.errors.push(Error::new(Code::Compile, expr.span, message));
                    return None;
                }
                Term::new(expr.span, TermKind::Call(terms))
            }
            _ => {
                self.errors.push(Error::new(Code::Compile, expr.span, "unexpected template-string expression"));
                return None;
            }
        };
        if term.as_var().is_some() && expr.with.is_empty() {
            return Some(Term::new(span, TermKind::Set(vec![term])));
        }
        self.check(safe, &term);
        let var = Term::var(expr.span, self.names.fresh());
        let mut capture = Expr::unify(expr.span, var.clone(), term);
        capture.generated = false;
        capture.with = expr.with;
        let compr = Compr { key: None, term: var, body: vec![capture] };
        Some(Term::new(expr.span, TermKind::SetCompr(Box::new(compr))))
    }

    /// An expression in a template gives no variable a value.
    fn check(&mut self, safe: &VarSet, term: &Term) {
        let vars = term_vars(term, Skip::SAFETY);
        let mut missing: Vec<_> = vars.difference(safe).collect();
        missing.sort();
        for name in missing {
            let message = format!("var {} is undeclared", self.names.original(name));
            self.errors.push(Error::new(Code::Compile, term.span, message));
        }
    }
}
