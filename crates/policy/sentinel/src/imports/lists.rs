//! `collection/lists`: functions over lists.

use std::cmp::Ordering;

use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::value::{Function, Value, equal};

pub(super) static FUNCTIONS: [Def; 7] = [
    Def { name: "concat", call: concat },
    Def { name: "diff", call: difference },
    Def { name: "difference", call: difference },
    Def { name: "intersection", call: intersection },
    Def { name: "sort", call: sort },
    Def { name: "sum", call: sum },
    Def { name: "union", call: union },
];

/// The lists that a function is called with.
fn lists(interp: &mut Interp<'_>, args: &Args) -> Result<Vec<Vec<Value>>, Unfit> {
    interp.budget.steps(args.values.iter().map(Value::elements).sum())?;
    (0..args.values.len()).map(|index| Ok(args.list(index)?.to_vec())).collect()
}

fn made(interp: &mut Interp<'_>, elements: Vec<Value>) -> Result<Value, Unfit> {
    interp.budget.bytes(64 + 32 * elements.len())?;
    Ok(Value::list(elements))
}

fn has(interp: &mut Interp<'_>, elements: &[Value], value: &Value) -> Result<bool, Unfit> {
    for element in elements {
        interp.assume(element);
        interp.assume(value);
        if !element.is_undefined() && !value.is_undefined() && equal(element, value, &mut interp.budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn concat(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, usize::MAX)?;
    settle(lists(interp, args).and_then(|lists| made(interp, lists.concat())))
}

fn difference(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, usize::MAX)?;
    settle((|| {
        let lists = lists(interp, args)?;
        let others = lists[1..].concat();
        let mut kept = Vec::new();
        for value in &lists[0] {
            if !has(interp, &others, value)? {
                kept.push(value.clone());
            }
        }
        made(interp, kept)
    })())
}

fn intersection(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, usize::MAX)?;
    settle((|| {
        let lists = lists(interp, args)?;
        let mut kept = Vec::new();
        for value in &lists[0] {
            let mut everywhere = !has(interp, &kept, value)?;
            for other in &lists[1..] {
                everywhere = everywhere && has(interp, other, value)?;
            }
            if everywhere {
                kept.push(value.clone());
            }
        }
        made(interp, kept)
    })())
}

fn union(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, usize::MAX)?;
    settle((|| {
        let mut kept = Vec::new();
        for value in lists(interp, args)?.concat() {
            if !has(interp, &kept, &value)? {
                kept.push(value);
            }
        }
        made(interp, kept)
    })())
}

fn sum(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    interp.budget.steps(args.values[0].elements())?;
    settle((|| {
        let mut total = 0.0;
        for value in args.list(0)?.to_vec() {
            #[expect(clippy::cast_precision_loss, reason = "the sum is a float (documentation)")]
            match value {
                Value::Int(int) => total += int as f64,
                Value::Float(float) => total += float,
                Value::Undefined(_) => return Err(Unfit::Undefined(value)),
                other => return Err(format!("sum wants numbers, got {}", other.type_name()).into()),
            }
        }
        Ok(Value::Float(total))
    })())
}

fn sort(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let elements = args.list(0)?.to_vec();
        let sorted = merge_sort(interp, args, args.function(1)?, elements)?;
        made(interp, sorted)
    })())
}

/// Sorts by a function that may fail; equal elements stay in their order.
fn merge_sort(
    interp: &mut Interp<'_>,
    args: &Args,
    compare: &Function,
    mut elements: Vec<Value>,
) -> Result<Vec<Value>, Stop> {
    if elements.len() < 2 {
        return Ok(elements);
    }
    let right = elements.split_off(elements.len() / 2);
    let mut left = merge_sort(interp, args, compare, elements)?.into_iter().peekable();
    let mut right = merge_sort(interp, args, compare, right)?.into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let order = order(interp, args, compare, a.clone(), b.clone())?;
        merged.extend(if order.is_gt() { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

fn order(interp: &mut Interp<'_>, args: &Args, compare: &Function, a: Value, b: Value) -> Result<Ordering, Stop> {
    interp.budget.step()?;
    match interp.call(compare, vec![a, b], args.span)? {
        Value::Int(int) => Ok(int.cmp(&0)),
        other => Err(format!("the sort function must return -1, 0 or 1, got {}", other.type_name()).into()),
    }
}
