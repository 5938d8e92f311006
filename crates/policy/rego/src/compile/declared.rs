//! The variables that a body declares with `:=` or `some`.

use crate::ast::{Expr, Term, TermKind, Terms};
use crate::vars::{Skip, VarSet, term_vars};

/// The variables declared in a body, its operands without braces of their own, not in comprehensions.
pub(crate) fn declared_vars(body: &[Expr]) -> VarSet {
    let mut vars = VarSet::new();
    body.iter().for_each(|expr| declare(expr, &mut vars));
    vars
}

fn declare(expr: &Expr, vars: &mut VarSet) {
    if expr.is_assignment()
        && let [left, _] = expr.operands()
    {
        vars.extend(term_vars(left, Skip::default()));
        return;
    }
    match &expr.terms {
        Terms::Some(symbols) => {
            for symbol in symbols {
                match &symbol.kind {
                    TermKind::Var(name) => {
                        vars.insert(name.clone());
                    }
                    TermKind::Call(terms) => bound_by_some(terms, vars),
                    _ => {}
                }
            }
        }
        Terms::Every(every) => every.body.iter().for_each(|expr| declare(expr, vars)),
        Terms::Not(group) => group.body.iter().for_each(|expr| declare(expr, vars)),
        Terms::And(left, right) | Terms::Or(left, right) => {
            left.body.iter().chain(&right.body).for_each(|expr| declare(expr, vars));
        }
        Terms::Term(_) | Terms::Call(_) => {}
    }
}

fn bound_by_some(terms: &[Term], vars: &mut VarSet) {
    let operands = &terms[1..];
    for term in &operands[..operands.len().saturating_sub(1)] {
        vars.extend(term_vars(term, Skip::default()));
    }
}
