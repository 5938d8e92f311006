//! Whether types fit each other, and what variables are then.

use std::cell::Cell;
use std::sync::Arc;

use super::env::{Env, constant};
use super::{Array, Object, Type, is_unknown, members, or};
use crate::ast::{Term, TermKind};

/// How often something may still be done.
#[derive(Debug)]
pub(super) struct Budget(Cell<u32>);

impl Budget {
    pub(super) fn new(left: u32) -> Self {
        Self(Cell::new(left))
    }

    /// Takes one from what is left; `false` when there is nothing left.
    pub(super) fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }

    pub(super) fn left(&self) -> u32 {
        self.0.get()
    }
}

/// Whether a value can be of both types.
pub(super) fn unifies(budget: &Budget, one: Option<&Type>, other: Option<&Type>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    if !budget.spend() || one.is_same(other) && !is_unknown(Some(one)) {
        return true;
    }
    let (one, other) = (one.unrolled(), other.unrolled());
    let fits_one_of = |any: &Type, of: &Type| match any {
        Type::Any => !matches!(of, Type::Function(_)),
        Type::OneOf(one_of) => {
            !matches!(of, Type::Function(_))
                && one_of.alternatives.iter().any(|alternative| unifies(budget, Some(alternative), Some(of)))
        }
        _ => false,
    };
    if fits_one_of(&one, &other) || fits_one_of(&other, &one) {
        return true;
    }
    match (&one, &other) {
        (Type::Null, Type::Null)
        | (Type::Boolean, Type::Boolean)
        | (Type::Number, Type::Number)
        | (Type::String, Type::String) => true,
        (Type::Array(a), Type::Array(b)) => arrays(budget, a, b),
        (Type::Object(a), Type::Object(b)) => objects(budget, a, b),
        (Type::Set(a), Type::Set(b)) => match (&a.of, &b.of) {
            // The empty set is of every type of sets.
            (None, _) | (_, None) => true,
            (a, b) => unifies(budget, a.as_ref(), b.as_ref()),
        },
        (Type::Function(a), Type::Function(b)) => {
            a.args.len() == b.args.len()
                && a.args.iter().zip(&b.args).all(|(a, b)| unifies(budget, a.of.as_ref(), b.of.as_ref()))
        }
        _ => false,
    }
}

fn arrays(budget: &Budget, a: &Array, b: &Array) -> bool {
    let fixed = |a: &Array, b: &Array| {
        a.fixed.iter().enumerate().all(|(position, of)| unifies(budget, of.as_ref(), b.select(position)))
    };
    // What both have at a position is compared once.
    if !fixed(a, b) || b.fixed.len() > a.fixed.len() && !fixed(b, a) {
        return false;
    }
    a.rest.is_none() || b.rest.is_none() || unifies(budget, a.rest.as_ref(), b.rest.as_ref())
}

fn objects(budget: &Budget, a: &Object, b: &Object) -> bool {
    let open = a.rest_value().is_some() || b.rest_value().is_some();
    let fixed = |a: &Object, b: &Object| {
        a.fixed.iter().all(|(key, of)| match b.select(key) {
            None => open,
            other => unifies(budget, of.as_ref(), other),
        })
    };
    fixed(a, b)
        && fixed(b, a)
        && (a.rest_value().is_none() || b.rest_value().is_none() || unifies(budget, a.rest_value(), b.rest_value()))
}

/// Unifies two terms: whether they can be equal, and what is learned of variables in them.
pub(super) fn unify(env: &Env<'_>, a: &Term, of_a: Option<&Type>, b: &Term, of_b: Option<&Type>) -> bool {
    match (is_unknown(of_a), is_unknown(of_b)) {
        (true, false) => return infer(env, a, of_b, false),
        (false, true) => return infer(env, b, of_a, false),
        (false, false) => return unifies(&env.checker.compared, of_a, of_b),
        (true, true) => {}
    }
    match (&a.kind, &b.kind) {
        (TermKind::Array(terms), TermKind::Array(others)) => return unify_arrays(env, terms, others),
        (TermKind::Object(pairs), TermKind::Object(others)) => return unify_objects(env, pairs, others),
        (TermKind::Array(_) | TermKind::Object(_), TermKind::Var(_)) => return infer_both(env, a, b),
        (TermKind::Var(_), TermKind::Var(_) | TermKind::Array(_) | TermKind::Object(_)) => {
            let (first, second) = if b.as_var().is_some() { (a, b) } else { (b, a) };
            return infer_both(env, first, second);
        }
        (TermKind::Array(_) | TermKind::Object(_), _) => return false,
        (TermKind::Var(_), TermKind::Ref(_)) => return infer(env, a, Some(&Type::Any), false),
        (TermKind::Ref(_), TermKind::Var(_)) => return infer(env, b, Some(&Type::Any), false),
        _ => {}
    }
    match (a.as_var(), of_a, b.as_var(), of_b) {
        (Some(_), None, _, Some(_)) => infer(env, a, of_b, false),
        (_, Some(_), Some(_), None) => infer(env, b, of_a, false),
        _ => false,
    }
}

fn infer_both(env: &Env<'_>, first: &Term, second: &Term) -> bool {
    infer(env, first, Some(&Type::Any), false) && infer(env, second, env.term(first).as_ref(), false)
}

fn unify_arrays(env: &Env<'_>, terms: &[Term], others: &[Term]) -> bool {
    terms.len() == others.len()
        && terms.iter().zip(others).all(|(a, b)| unify(env, a, env.term(a).as_ref(), b, env.term(b).as_ref()))
}

fn unify_objects(env: &Env<'_>, pairs: &[(Term, Term)], others: &[(Term, Term)]) -> bool {
    if pairs.len() != others.len() {
        return false;
    }
    pairs.iter().all(|(key, a)| {
        let other = others.iter().find(|(other, _)| other == key);
        other.is_some_and(|(_, b)| unify(env, a, env.term(a).as_ref(), b, env.term(b).as_ref()))
    })
}

/// Whether a term can be of a type, and what is learned of the variables in it. `union` tells that the type is one of
/// several that are tried, all of which variables may be.
pub(super) fn infer(env: &Env<'_>, term: &Term, of: Option<&Type>, union: bool) -> bool {
    if !env.checker.compared.spend() {
        return true;
    }
    match &term.kind {
        TermKind::Array(terms) => composite(env, term, of, |of| match of {
            Some(Type::Array(array)) => infer_array(env, terms, array, union),
            None => {
                terms.iter().for_each(|term| learn_any(env, term));
                true
            }
            _ => false,
        }),
        TermKind::Object(pairs) => composite(env, term, of, |of| match of {
            Some(Type::Object(object)) => infer_object(env, pairs, object, union),
            None => {
                for (key, value) in pairs {
                    learn_any(env, key);
                    learn_any(env, value);
                }
                true
            }
            _ => false,
        }),
        TermKind::Set(terms) => composite(env, term, of, |of| match of {
            Some(of @ Type::Set(_)) => {
                let members = members::values(of);
                terms.iter().all(|term| infer(env, term, members.as_ref(), union))
            }
            None => {
                terms.iter().for_each(|term| learn_any(env, term));
                true
            }
            _ => false,
        }),
        TermKind::Var(name) => {
            let known = env.var(name);
            if union {
                env.learn(name, or(known, of.cloned()));
            } else if known.is_some() {
                return unifies(&env.checker.compared, known.as_ref(), of);
            } else {
                env.learn(name, of.cloned());
            }
            true
        }
        _ => unifies(&env.checker.compared, env.term(term).as_ref(), of),
    }
}

fn learn_any(env: &Env<'_>, term: &Term) {
    infer(env, term, Some(&Type::Any), true);
}

/// Tries a type, or each alternative; `one` is given none where the type is any.
fn composite(env: &Env<'_>, term: &Term, of: Option<&Type>, one: impl Fn(Option<&Type>) -> bool) -> bool {
    match of {
        Some(Type::Any) => one(None),
        Some(Type::OneOf(one_of)) => {
            let tried = one_of.alternatives.iter().map(|of| infer(env, term, Some(of), true));
            tried.fold(false, |found, fits| found | fits)
        }
        Some(recursive @ Type::Recursive(_)) => match recursive.unrolled() {
            of @ (Type::Array(_) | Type::Object(_)) => one(Some(&of)),
            _ => false,
        },
        Some(of) => one(Some(of)),
        None => false,
    }
}

fn infer_array(env: &Env<'_>, terms: &[Term], array: &Arc<Array>, union: bool) -> bool {
    if terms.len() != array.fixed.len() && array.rest.is_none() {
        return false;
    }
    terms.iter().enumerate().all(|(position, term)| infer(env, term, array.select(position), union))
}

fn infer_object(env: &Env<'_>, pairs: &[(Term, Term)], object: &Arc<Object>, union: bool) -> bool {
    if pairs.len() != object.fixed.len() && object.rest_value().is_none() {
        return false;
    }
    pairs.iter().all(|(key, value)| {
        let Some(key) = constant(key) else {
            infer(env, value, Some(&Type::Any), union);
            return true;
        };
        let child = object.select(&key);
        child.is_some() && infer(env, value, child, union)
    })
}
