//! `rego.metadata.chain()` and `rego.metadata.rule()` become the constants that they stand for.

use std::collections::HashMap;

use probity_model::value::Value;

use super::for_each_branch;
use crate::annotations;
use crate::ast::{Body, Expr, Group, Module, Term, TermKind, Terms};
use crate::vars::walk_exprs;

/// What the calls in each rule give.
pub(crate) struct Calls {
    values: HashMap<(usize, usize), (Value, Value)>,
}

fn calls(operator: &Term) -> bool {
    operator.is_operator("rego.metadata.chain") || operator.is_operator("rego.metadata.rule")
}

impl Calls {
    /// Finds the rules that ask for metadata.
    pub(crate) fn find(modules: &[Module]) -> Self {
        let set = annotations::Set::new(modules);
        let mut values = HashMap::new();
        for (index, module) in modules.iter().enumerate() {
            for (at, rule) in module.rules.iter().enumerate() {
                let mut found = false;
                let mut branch = Some(rule);
                while let Some(rule) = branch {
                    let mut terms = |term: &Term| {
                        found |= matches!(&term.kind, TermKind::Call(terms) if calls(&terms[0]));
                        true
                    };
                    crate::vars::walk_body(&rule.body, &mut terms);
                    rule.head.value.iter().chain(&rule.head.key).for_each(|term| {
                        crate::vars::walk_term(term, &mut terms);
                    });
                    walk_exprs(&rule.body, &mut |expr| found |= expr.operator().is_some_and(calls));
                    branch = rule.otherwise.as_deref();
                }
                if found {
                    values.insert((index, at), (set.chain(index, at), set.rule(index, at)));
                }
            }
        }
        Self { values }
    }

    /// Puts the constants in, after calls have been lifted out of terms.
    pub(crate) fn rewrite(&self, modules: &mut [Module]) {
        for ((module, at), values) in &self.values {
            for_each_branch(&mut modules[*module].rules[*at], &mut |rule| {
                for term in rule.head.value.iter_mut().chain(&mut rule.head.key) {
                    rewrite_term(term, values);
                }
                rewrite(&mut rule.body, values);
            });
        }
    }
}

fn rewrite(body: &mut Body, values: &(Value, Value)) {
    body.iter_mut().for_each(|expr| rewrite_expr(expr, values));
}

fn rewrite_expr(expr: &mut Expr, values: &(Value, Value)) {
    let span = expr.span;
    if let Terms::Call(terms) = &mut expr.terms {
        if calls(&terms[0]) {
            let value = if terms[0].is_operator("rego.metadata.chain") { &values.0 } else { &values.1 };
            let constant = Term::new(span, TermKind::Scalar(value.clone()));
            expr.terms = match terms.pop() {
                Some(output) if !terms.is_empty() => Terms::Call(vec![Term::operator(span, "eq"), output, constant]),
                _ => Terms::Term(constant),
            };
            return;
        }
        terms[1..].iter_mut().for_each(|term| rewrite_term(term, values));
        return;
    }
    match &mut expr.terms {
        Terms::Term(term) => rewrite_term(term, values),
        Terms::Every(every) => rewrite(&mut every.body, values),
        Terms::Not(Group { body, .. }) => rewrite(body, values),
        Terms::And(left, right) | Terms::Or(left, right) => {
            rewrite(&mut left.body, values);
            rewrite(&mut right.body, values);
        }
        Terms::Call(_) | Terms::Some(_) => {}
    }
}

fn rewrite_term(term: &mut Term, values: &(Value, Value)) {
    match &mut term.kind {
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
            rewrite(&mut compr.body, values);
        }
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) => {
            terms.iter_mut().for_each(|term| rewrite_term(term, values));
        }
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                rewrite_term(key, values);
                rewrite_term(value, values);
            }
        }
        _ => {}
    }
}
