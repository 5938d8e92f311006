//! What `filter` can tell without evaluating its body: elements whose first condition compares a member with something that
//! stands outside of the iteration, as in `rc.type is "aws_vpc"`. Sets of policies do little else on a large plan.

use super::quantifier::Items;
use super::recorder::unwrapped;
use super::{Env, Interp, Stop};
use crate::syntax::ast::{Access, AccessKind, BinaryOp, Expr, ExprKind, Names, Quantifier};
use crate::value::{Text, Value};

/// A first condition, with both sides evaluated but for the element.
pub(super) struct Selection {
    member: Text,
    wanted: Value,
    negated: bool,
}

impl Selection {
    /// The selection of a filter; none when its first condition is something else.
    pub(super) fn of(
        interp: &mut Interp<'_>,
        filter: &Quantifier,
        items: &Items,
        env: &Env,
    ) -> Result<Option<Self>, Stop> {
        if items.len() == 0 || items.values.is_none() {
            return Ok(None);
        }
        let Some((member, negated, wanted)) = first_condition(filter) else { return Ok(None) };
        let member = match &member.kind {
            AccessKind::Selector(name) => Text::from(name.clone()),
            AccessKind::Index(index) => match interp.eval(index, env)? {
                Value::String(text) => text,
                _ => return Ok(None),
            },
            AccessKind::Slice(..) | AccessKind::Call(_) => return Ok(None),
        };
        let wanted = interp.eval(wanted, env)?;
        interp.budget.steps(4 * items.len())?;
        Ok(is_scalar(&wanted).then_some(Self { member, wanted, negated }))
    }

    /// Whether the first condition is false for an element: then so is the body. What is unusual is left to the body.
    pub(super) fn rejects(&self, items: &Items, index: usize) -> bool {
        let (Some(Value::Map(map)), Text::Utf8(member)) =
            (items.values.as_ref().and_then(|values| values.get(index)), &self.member)
        else {
            return false;
        };
        let same = match (map.get_str(member), &self.wanted) {
            (Some(Value::String(found)), Value::String(wanted)) => found == *wanted,
            (Some(Value::Bool(found)), Value::Bool(wanted)) => found == *wanted,
            (Some(Value::Null), Value::Null) => true,
            (Some(Value::Null | Value::Bool(_)), Value::String(_)) | (Some(Value::String(_)), _) => false,
            _ => return false,
        };
        same == self.negated
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(_) | Value::String(_))
}

/// The member that is compared, whether it must differ, and what it is compared with.
fn first_condition(filter: &Quantifier) -> Option<(&Access, bool, &Expr)> {
    let body = unwrapped(&filter.body);
    let (condition, is_whole) = match &body.kind {
        ExprKind::Chain(first, rest) if rest.iter().all(|(operator, _)| *operator == BinaryOp::And) => {
            (unwrapped(first), false)
        }
        _ => (body, true),
    };
    let ExprKind::Chain(left, rest) = &condition.kind else { return None };
    let [(BinaryOp::Equal(negated), wanted)] = &rest[..] else { return None };
    let ExprKind::Access(base, parts) = &left.kind else { return None };
    let [member] = &parts[..] else { return None };
    let element = filter.names.second.as_ref().unwrap_or(&filter.names.first);
    let is_element = matches!(&base.kind, ExprKind::Name(name) if name == element);
    // The other conditions might change what a name stands for.
    let stands_outside = |expr: &Expr| is_literal(expr) || is_whole && is_name_outside(expr, &filter.names);
    let index_is_outside = match &member.kind {
        AccessKind::Index(index) => stands_outside(index),
        kind => matches!(kind, AccessKind::Selector(_)),
    };
    (is_element && index_is_outside && stands_outside(wanted)).then_some((member, *negated, wanted))
}

fn is_literal(expr: &Expr) -> bool {
    match &unwrapped(expr).kind {
        ExprKind::String(_) => true,
        ExprKind::Name(name) => matches!(name.as_str(), "true" | "false" | "null"),
        _ => false,
    }
}

/// A name, or a member of it, that is not one of the iteration's.
fn is_name_outside(expr: &Expr, names: &Names) -> bool {
    match &unwrapped(expr).kind {
        ExprKind::Name(name) => *name != names.first && Some(name) != names.second.as_ref(),
        ExprKind::Access(base, parts) => {
            parts.iter().all(|part| matches!(part.kind, AccessKind::Selector(_))) && is_name_outside(base, names)
        }
        _ => false,
    }
}
