//! Calls of `print`: left out, or made so that an operand without a value does no harm.

use super::Names;
use super::expand::for_each_term;
use crate::ast::{Body, Compr, Expr, Group, Rule, Term, TermKind, Terms};

/// Deals with the calls in rules and queries.
pub(super) struct Prints<'n> {
    keep: bool,
    names: &'n mut Names,
}

impl<'n> Prints<'n> {
    pub(super) fn new(keep: bool, names: &'n mut Names) -> Self {
        Self { keep, names }
    }

    pub(super) fn rule(&mut self, rule: &mut Rule) {
        self.body(&mut rule.body);
        let head = &mut rule.head;
        head.key.iter_mut().chain(&mut head.value).for_each(|term| self.term(term));
    }

    pub(super) fn body(&mut self, body: &mut Body) {
        if self.keep {
            body.iter_mut().filter(|expr| is_print(expr)).for_each(|expr| self.wrap(expr));
        } else {
            erase(body);
        }
        for expr in body {
            match &mut expr.terms {
                Terms::Every(every) => self.body(&mut every.body),
                Terms::Not(Group { body, .. }) => self.body(body),
                Terms::And(left, right) | Terms::Or(left, right) => {
                    self.body(&mut left.body);
                    self.body(&mut right.body);
                }
                Terms::Term(_) | Terms::Call(_) | Terms::Some(_) => {}
            }
            for_each_term(expr, &mut |term| self.term(term));
        }
    }

    fn term(&mut self, term: &mut Term) {
        match &mut term.kind {
            TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
                self.body(&mut compr.body);
            }
            TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
                terms.iter_mut().for_each(|term| self.term(term));
            }
            TermKind::Object(pairs) => {
                for (key, value) in pairs {
                    self.term(key);
                    self.term(value);
                }
            }
            _ => {}
        }
    }

    /// `print(a, b)` becomes `internal.print([{x | x = a}, {y | y = b}])`.
    fn wrap(&mut self, expr: &mut Expr) {
        let Terms::Call(terms) = &mut expr.terms else { return };
        let span = terms[0].span;
        let operands = terms.drain(1..).map(|operand| {
            let var = Term::var(operand.span, self.names.fresh());
            let body = vec![Expr::unify(operand.span, var.clone(), operand)];
            let compr = Compr { key: None, term: var, body };
            Term::new(span, TermKind::SetCompr(Box::new(compr)))
        });
        let operands = Term::new(span, TermKind::Array(operands.collect()));
        *terms = vec![Term::operator(span, "internal.print"), operands];
    }
}

fn is_print(expr: &Expr) -> bool {
    expr.operator().is_some_and(|operator| operator.is_operator("print"))
}

fn erase(body: &mut Body) {
    let span = body.first().map(|expr| expr.span);
    body.retain(|expr| !is_print(expr));
    if body.is_empty()
        && let Some(span) = span
    {
        body.push(Expr::new(span, Terms::Term(Term::bool(span, true))));
    }
}
