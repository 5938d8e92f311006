//! Which variables an equation gives a value to.

use std::collections::BTreeMap;

use super::safety::head_is_safe;
use crate::ast::{Name, Term, TermKind};
use crate::vars::{Skip, VarSet, term_vars};

/// The variables that have a value once both terms are equal, when those of `safe` have one before.
pub(crate) fn unified(safe: &VarSet, left: &Term, right: &Term) -> VarSet {
    let mut unifier = Unifier { safe, unified: VarSet::new(), unknown: BTreeMap::new() };
    unifier.unify(left, right);
    unifier.unified
}

struct Unifier<'s> {
    safe: &'s VarSet,
    unified: VarSet,
    /// Variables that have a value as soon as those have one.
    unknown: BTreeMap<Name, VarSet>,
}

impl Unifier<'_> {
    fn is_safe(&self, name: &Name) -> bool {
        self.safe.contains(name) || self.unified.contains(name)
    }

    fn evaluable(&self, term: &TermKind) -> bool {
        match term {
            TermKind::Ref(parts) => head_is_safe(parts, self.safe),
            TermKind::Call(terms) => {
                let vars = |term| term_vars(term, Skip::SAFETY);
                terms[1..].iter().all(|term| vars(term).is_subset(self.safe))
            }
            _ => false,
        }
    }

    fn unify(&mut self, left: &Term, right: &Term) {
        use TermKind::{Array, ArrayCompr, Call, Object, ObjectCompr, Ref, SetCompr, Var};
        match (&left.kind, &right.kind) {
            (Var(a), Var(b)) => {
                if self.is_safe(b) {
                    self.mark(a);
                } else if self.is_safe(a) {
                    self.mark(b);
                } else {
                    self.unknown.entry(a.clone()).or_default().insert(b.clone());
                    self.unknown.entry(b.clone()).or_default().insert(a.clone());
                }
            }
            (Var(a), Array(_) | Object(_)) => self.unify_all(a, right),
            (Array(_) | Object(_), Var(b)) => self.unify_all(b, left),
            (Var(name), term @ (Ref(_) | Call(_))) | (term @ (Ref(_) | Call(_)), Var(name)) if self.evaluable(term) => {
                self.mark(name);
            }
            (Var(_), Ref(_) | Call(_)) | (Ref(_) | Call(_), Var(_)) => {}
            (Var(a), _) => self.mark(a),
            (_, Var(b)) => self.mark(b),
            (Ref(_) | Call(_), Array(_) | Object(_)) if self.evaluable(&left.kind) => {
                self.mark_all(right);
            }
            (Array(_) | Object(_), Ref(_) | Call(_)) if self.evaluable(&right.kind) => {
                self.mark_all(left);
            }
            (ArrayCompr(_), Array(_)) | (ObjectCompr(_), Object(_)) => self.mark_all(right),
            (Array(_), ArrayCompr(_) | ObjectCompr(_) | SetCompr(_)) => self.mark_all(left),
            (Array(a), Array(b)) if a.len() == b.len() => {
                a.iter().zip(b).for_each(|(a, b)| self.unify(a, b));
            }
            (Object(a), Object(b)) if a.len() == b.len() => {
                for (key, value) in a {
                    if let Some((_, other)) = b.iter().find(|(other, _)| other == key) {
                        self.unify(value, other);
                    }
                }
            }
            _ => {}
        }
    }

    fn mark_all(&mut self, term: &Term) {
        term_vars(term, Skip { sets: false, ..Skip::OUTPUT }).iter().for_each(|name| self.mark(name));
    }

    fn mark(&mut self, name: &Name) {
        self.unified.insert(name.clone());
        for dependency in self.unknown.remove(name).unwrap_or_default() {
            self.mark(&dependency);
        }
        let mut ready = Vec::new();
        for (dependant, needs) in &mut self.unknown {
            if needs.remove(name) && needs.is_empty() {
                ready.push(dependant.clone());
            }
        }
        for dependant in ready {
            self.mark(&dependant);
        }
    }

    fn unify_all(&mut self, name: &Name, term: &Term) {
        if self.is_safe(name) {
            return self.mark_all(term);
        }
        let open: VarSet = term_vars(term, Skip { sets: false, ..Skip::OUTPUT })
            .into_iter()
            .filter(|open| !self.is_safe(open))
            .collect();
        if open.is_empty() {
            self.mark(name);
        } else {
            self.unknown.entry(name.clone()).or_default().extend(open);
        }
    }
}
