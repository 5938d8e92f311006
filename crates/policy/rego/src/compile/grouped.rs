//! Comprehensions that pick by one variable from outside, such as `[x | some x in xs; x.kind == kind]`: evaluated again
//! and again, all their results are found at once, by that variable's value.

use super::lower::{Lower, Lowered};
use crate::ast::{Compr, Expr, Name, Term, TermKind, Terms};
use crate::plan::{Block, Ex, Grouped, Op, Out, Pattern};
use crate::vars::{Skip, VarSet, expr_vars, term_vars};

/// The expression that compares with the variable from outside.
struct Picks<'a> {
    /// Its position in the body.
    at: usize,
    outer: &'a Name,
    inner: &'a Term,
}

impl Lower<'_> {
    /// The comprehension, which was lowered to `plain`, with what finds all its results.
    pub(super) fn grouped(&mut self, compr: &Compr, plain: Ex, set: bool) -> Lowered<Ex> {
        if self.observe {
            return Ok(plain);
        }
        let Some(picks) = self.picks(compr) else { return Ok(plain) };
        let key = self.slot(picks.outer);
        let bound = self.bound.clone();
        let lowered = self.all_groups(compr, &picks);
        self.bound = bound;
        Ok(match lowered? {
            Some((body, by, term)) => Ex::Grouped(Box::new(Grouped { plain, key, body, by, term, set })),
            None => plain,
        })
    }

    fn all_groups(&mut self, compr: &Compr, picks: &Picks<'_>) -> Lowered<Option<(Block, Ex, Ex)>> {
        let mut block = Block::default();
        let mut by = None;
        for (at, expr) in compr.body.iter().enumerate() {
            if at != picks.at {
                self.expr(expr, &mut block)?;
            } else if self.closed(picks.inner) {
                // Where it is undefined there is no solution, as with the comparison.
                let slot = self.temporary();
                let ex = self.ex(picks.inner)?;
                block.ops.push(Op::Set(slot, ex));
                self.bound.insert(slot);
                by = Some(Ex::Slot(slot));
            } else if let TermKind::Ref(parts) = &picks.inner.kind {
                let slot = self.temporary();
                self.scan(parts, Out::Match(Pattern::Bind(slot)), &mut block)?;
                self.bound.insert(slot);
                by = Some(Ex::Slot(slot));
            } else {
                return Ok(None);
            }
        }
        block.ops.shrink_to_fit();
        let term = self.ex(&compr.term)?;
        Ok(by.map(|by| (block, by, term)))
    }

    /// The one expression in which the only variable from outside is compared.
    fn picks<'a>(&self, compr: &'a Compr) -> Option<Picks<'a>> {
        if compr.body.iter().any(|expr| !expr.with.is_empty())
            || !self.outside(&term_vars(&compr.term, SKIP)).is_empty()
        {
            return None;
        }
        let mut found = None;
        for (at, expr) in compr.body.iter().enumerate() {
            let outside = self.outside(&expr_vars(expr, SKIP));
            match (outside.len(), found.is_some()) {
                (0, _) => {}
                (1, false) => found = Some(self.compares(at, expr)?),
                _ => return None,
            }
        }
        found
    }

    fn outside(&self, vars: &VarSet) -> Vec<Name> {
        vars.iter().filter(|name| self.is_bound(name)).cloned().collect()
    }

    fn compares<'a>(&self, at: usize, expr: &'a Expr) -> Option<Picks<'a>> {
        let Terms::Call(terms) = &expr.terms else { return None };
        let [operator, left, right] = &terms[..] else { return None };
        if expr.negated || !operator.is_operator("eq") {
            return None;
        }
        let (outer, inner) = match (left.as_var(), right.as_var()) {
            (Some(name), _) if self.is_bound(name) => (name, right),
            (_, Some(name)) if self.is_bound(name) => (name, left),
            _ => return None,
        };
        let vars = term_vars(inner, SKIP);
        let apart = matches!(inner.kind, TermKind::Var(_) | TermKind::Ref(_))
            && self.outside(&vars).is_empty()
            && vars.iter().any(|name| name != "data" && name != "input");
        apart.then_some(Picks { at, outer, inner })
    }
}

const SKIP: Skip<'static> =
    Skip { ref_head: false, object_keys: false, closures: false, sets: false, call_head: true, promote: None };
