//! Whether types agree, as cel-go's checker decides it.

use std::collections::HashMap;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::Type;

/// What the type variables stand for so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Unifier {
    found: HashMap<u32, Type>,
    variables: u32,
}

impl Unifier {
    /// A type that is to be found.
    pub(super) fn variable(&mut self) -> Type {
        self.variables += 1;
        Type::Variable(self.variables - 1)
    }

    /// The same types with a fresh variable for each parameter.
    pub(super) fn instantiate(&mut self, types: &[&Type]) -> Vec<Type> {
        let mut params = HashMap::new();
        types.iter().map(|param| self.fresh(param, &mut params)).collect()
    }

    fn fresh(&mut self, within: &Type, params: &mut HashMap<SmolStr, Type>) -> Type {
        if let Type::Param(name) = within {
            return params.entry(name.clone()).or_insert_with(|| self.variable()).clone();
        }
        map_parts(within, &mut |part| self.fresh(part, params))
    }

    /// Whether values of the first type can stand where the second is wanted; what that tells of type variables is
    /// kept when they can.
    pub(super) fn assign(&mut self, from: &[Type], to: &[Type]) -> bool {
        let before = self.found.clone();
        let fits = self.all_assignable(from, to);
        if !fits {
            self.found = before;
        }
        fits
    }

    fn all_assignable(&mut self, from: &[Type], to: &[Type]) -> bool {
        from.len() == to.len() && from.iter().zip(to).all(|(from, to)| self.assignable(from, to))
    }

    fn assignable(&mut self, from: &Type, to: &Type) -> bool {
        if let Type::Variable(number) = to {
            match self.substitutable(from, *number) {
                (true, _) => return true,
                (false, true) => return false,
                (false, false) => {}
            }
        }
        if let Type::Variable(number) = from {
            return self.substitutable(to, *number).0;
        }
        match (from, to) {
            (Type::Dyn | Type::Error, _) | (_, Type::Dyn | Type::Error) | (Type::Type(_), Type::Type(_)) => true,
            (Type::Null, other) | (other, Type::Null) => is_nullable(other),
            (Type::List(from), Type::List(to)) => self.assignable(from, to),
            (Type::Map(from), Type::Map(to)) => self.assignable(&from.0, &to.0) && self.assignable(&from.1, &to.1),
            (Type::Opaque(from, a), Type::Opaque(to, b)) => from == to && self.all_assignable(a, b),
            (Type::Object(from), Type::Object(to)) => from.name == to.name,
            (from, to) => from == to,
        }
    }

    /// Whether a type can be what a variable stands for, and whether it stands for something already.
    fn substitutable(&mut self, candidate: &Type, variable: u32) -> (bool, bool) {
        if *candidate == Type::Variable(variable) {
            return (true, true);
        }
        if let Some(known) = self.found.get(&variable).cloned() {
            if *candidate == known {
                return (true, true);
            }
            if !self.assignable(candidate, &known) {
                return (false, true);
            }
            let general = if is_less_specific(candidate, &known) { candidate.clone() } else { known };
            if !self.mentions(&general, variable) {
                self.found.insert(variable, general);
            }
            return (true, true);
        }
        let free = !self.mentions(candidate, variable);
        if free {
            self.found.insert(variable, candidate.clone());
        }
        (free, false)
    }

    fn mentions(&self, within: &Type, variable: u32) -> bool {
        match within {
            Type::Variable(number) if *number == variable => true,
            Type::Variable(number) => self.found.get(number).is_some_and(|known| self.mentions(known, variable)),
            Type::List(element) | Type::Type(element) => self.mentions(element, variable),
            Type::Map(entry) => self.mentions(&entry.0, variable) || self.mentions(&entry.1, variable),
            Type::Opaque(_, params) => params.iter().any(|param| self.mentions(param, variable)),
            _ => false,
        }
    }

    /// The type with what was found put in; `dyn` for what was not, when all is to be known.
    pub(super) fn resolve(&self, within: &Type, all: bool) -> Type {
        match within {
            Type::Variable(number) => match self.found.get(number) {
                Some(known) => self.resolve(known, all),
                None if all => Type::Dyn,
                None => within.clone(),
            },
            other => map_parts(other, &mut |part| self.resolve(part, all)),
        }
    }
}

/// The type with each of its parts replaced.
fn map_parts(within: &Type, part: &mut impl FnMut(&Type) -> Type) -> Type {
    match within {
        Type::List(element) => Type::list(part(element)),
        Type::Map(entry) => Type::map(part(&entry.0), part(&entry.1)),
        Type::Type(of) => Type::Type(Arc::new(part(of))),
        Type::Opaque(name, params) => Type::Opaque(name.clone(), params.iter().map(part).collect()),
        other => other.clone(),
    }
}

fn is_nullable(r#type: &Type) -> bool {
    matches!(r#type, Type::Null | Type::Opaque(..) | Type::Object(_) | Type::Duration | Type::Timestamp)
}

/// Whether the first type says no more than the second.
fn is_less_specific(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Dyn | Type::Variable(_), _) | (Type::Type(_), Type::Type(_)) => true,
        (_, Type::Dyn | Type::Variable(_)) => false,
        (Type::List(a), Type::List(b)) => is_less_specific(a, b),
        (Type::Map(a), Type::Map(b)) => is_less_specific(&a.0, &b.0) && is_less_specific(&a.1, &b.1),
        (Type::Opaque(a, x), Type::Opaque(b, y)) => {
            a == b && x.len() == y.len() && x.iter().zip(y.iter()).all(|(a, b)| is_less_specific(a, b))
        }
        (a, b) => a == b,
    }
}

/// The more general of two types that agree.
pub(super) fn most_general(a: Type, b: Type) -> Type {
    // What `null` stands beside says more than `null`.
    if b == Type::Null || is_less_specific(&a, &b) { a } else { b }
}
