//! Operators on two values (specification, "Operators").

use std::cmp::Ordering;

use super::{Env, Interp, Stop};
use crate::syntax::ast::BinaryOp;
use crate::syntax::token::At;
use crate::value::{List, Reason, Value, contains, equal, ordering};

impl Interp<'_> {
    /// The result of an operator that looks at both sides. With one of them undefined it is undefined.
    pub(super) fn apply(
        &mut self,
        operator: BinaryOp,
        left: Value,
        right: Value,
        env: &Env,
        at: At,
    ) -> Result<Value, Stop> {
        let place = |message: String| Stop::at(message, env.span(at));
        let (left, right) = match (left, right) {
            (undefined @ Value::Undefined(_), _) | (_, undefined @ Value::Undefined(_)) => return Ok(undefined),
            (Value::Import(_), _) | (_, Value::Import(_)) => return Err(place("an import is no value".to_owned())),
            both => both,
        };
        match operator {
            BinaryOp::Equal(negated) => {
                let same = equal(&left, &right, &mut self.budget).map_err(place)?;
                if !same && left.elements() > 0 && right.elements() > 0 {
                    self.assume(&left);
                    self.assume(&right);
                }
                Ok(Value::Bool(same != negated))
            }
            BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
                let number = |value: &Value| matches!(value, Value::Int(_) | Value::Float(_));
                match ordering(&left, &right) {
                    Some(order) => Ok(Value::Bool(holds(operator, order))),
                    // Not a number: no comparison holds (IEEE 754).
                    None if number(&left) && number(&right) => Ok(Value::Bool(false)),
                    None => {
                        let reason = Reason::NotComparable(left.type_name(), right.type_name());
                        Ok(Self::undefined(env, at, reason))
                    }
                }
            }
            BinaryOp::Matches(negated) => self.matches(&left, &right, negated).map_err(place),
            BinaryOp::Contains(negated) => self.member(&left, &right, negated, env, at),
            BinaryOp::In(negated) => self.member(&right, &left, negated, env, at),
            BinaryOp::Add => self.add(left, &right).map_err(place),
            _ => arithmetic(operator, &left, &right).map_err(place),
        }
    }

    fn matches(&mut self, text: &Value, pattern: &Value, negated: bool) -> Result<Value, String> {
        let (Value::String(text), Value::String(pattern)) = (text, pattern) else {
            return Err(format!("`matches` wants strings, got {} and {}", text.type_name(), pattern.type_name()));
        };
        // A pattern that is new must be compiled.
        self.budget.steps(text.len() / 16 + 8 * pattern.len() + 200)?;
        let regex = probity_go::regex::compiled(&pattern.to_str())?;
        Ok(Value::Bool(regex.is_match(&text.to_str()) != negated))
    }

    fn member(&mut self, collection: &Value, value: &Value, negated: bool, env: &Env, at: At) -> Result<Value, Stop> {
        let found = contains(collection, value, &mut self.budget);
        if let Some(found) = found.map_err(|message| Stop::at(message, env.span(at)))? {
            return Ok(Value::Bool(found != negated));
        }
        // Nothing that is known is equal, but one of the elements is undefined: so is the answer.
        let Value::List(list) = collection else { return Ok(Value::Bool(negated)) };
        Ok(list.to_vec().into_iter().find(Value::is_undefined).unwrap_or(Value::Bool(negated)))
    }

    fn add(&mut self, left: Value, right: &Value) -> Result<Value, String> {
        match (left, right) {
            (Value::String(a), Value::String(b)) => {
                self.budget.bytes(a.growth(b.len()))?;
                Ok(Value::String(a.concat(b)))
            }
            (Value::List(a), Value::List(b)) => {
                self.budget.bytes(32 * (a.len() + b.len()) + 64)?;
                self.budget.steps(a.len() + b.len())?;
                let mut elements = a.to_vec();
                elements.extend(b.to_vec());
                Ok(Value::List(List::new(elements)))
            }
            (left, right) => arithmetic(BinaryOp::Add, &left, right),
        }
    }
}

fn holds(operator: BinaryOp, order: Ordering) -> bool {
    match operator {
        BinaryOp::Less => order.is_lt(),
        BinaryOp::LessOrEqual => order.is_le(),
        BinaryOp::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn arithmetic(operator: BinaryOp, left: &Value, right: &Value) -> Result<Value, String> {
    #[expect(clippy::cast_precision_loss, reason = "an integer becomes the nearest float (specification)")]
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => integers(operator, *a, *b),
        (Value::Int(a), Value::Float(b)) => Ok(floats(operator, *a as f64, *b)),
        (Value::Float(a), Value::Int(b)) => Ok(floats(operator, *a, *b as f64)),
        (Value::Float(a), Value::Float(b)) => Ok(floats(operator, *a, *b)),
        _ => {
            let (left, right) = (left.type_name(), right.type_name());
            Err(format!("the operator {} is not there for {left} and {right}", operator.as_str()))
        }
    }
}

fn integers(operator: BinaryOp, a: i64, b: i64) -> Result<Value, String> {
    Ok(Value::Int(match operator {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Subtract => a.wrapping_sub(b),
        BinaryOp::Multiply => a.wrapping_mul(b),
        _ if b == 0 => return Err("division by zero".to_owned()),
        BinaryOp::Divide => a.wrapping_div(b),
        _ => a.wrapping_rem(b),
    }))
}

fn floats(operator: BinaryOp, a: f64, b: f64) -> Value {
    Value::Float(match operator {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide => a / b,
        _ => a % b,
    })
}
