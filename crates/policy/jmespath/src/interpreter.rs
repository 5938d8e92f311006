//! Expressions evaluated (go-jmespath as Kyverno has it, `interpreter.go`).
//!
//! A key that an object does not have is an error there, which most operators take as null. Which of them do, and which
//! take any error of their left side so, is kept exactly.

use std::cmp::Ordering;

use probity_model::Value;
use probity_model::value::{Array, Key};

use crate::ast::{Comparator, Node, Slice};
use crate::error::SearchError;
use crate::functions;
use crate::{Evaluation, Root};

/// Most steps that the values of one search may take to be walked through.
const MAX_SIZE: usize = 2_000_000;

/// What an expression is evaluated on.
#[derive(Clone, Copy)]
pub(crate) enum Current<'c> {
    Root(&'c dyn Root),
    Value(&'c Value),
}

impl Current<'_> {
    fn whole(self) -> Result<Value, SearchError> {
        match self {
            Self::Root(root) => root.whole(),
            Self::Value(value) => Ok(value.clone()),
        }
    }

    fn is_null(self) -> bool {
        match self {
            Self::Root(root) => root.is_null(),
            Self::Value(value) => value.is_null(),
        }
    }
}

pub(crate) struct Interpreter<'e> {
    pub(crate) evaluation: &'e Evaluation<'e>,
}

/// Null for a key that was not found.
fn or_null(result: Result<Value, SearchError>) -> Result<Value, SearchError> {
    match result {
        Err(SearchError::NotFound(_)) => Ok(Value::Null),
        other => other,
    }
}

/// Null for any error of an expression, as go-jmespath has it at the left of some projections. What the expression cannot
/// be blamed for stays an error.
fn or_null_whatever(result: Result<Value, SearchError>) -> Result<Value, SearchError> {
    match result {
        Err(SearchError::NotFound(_) | SearchError::Function(_)) => Ok(Value::Null),
        other => other,
    }
}

/// Whether a value counts as false: null, false, and what is empty.
pub(crate) fn is_false(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::String(text) => text.is_empty(),
        Value::Array(array) => array.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Set(set) => set.is_empty(),
        Value::Number(_) | Value::Unknown(_) => false,
    }
}

impl Interpreter<'_> {
    pub(crate) fn evaluate(&self, node: &Node, current: Current<'_>) -> Result<Value, SearchError> {
        self.step()?;
        match node {
            Node::Current => current.whole(),
            Node::Literal(value) => Ok(value.clone()),
            Node::Field(key) => field(key, current),
            Node::Index(index) => element(*index, current),
            Node::Sub(left, right) => self.sub(left, right, current),
            Node::Pipe(left, right) => self.pipe(left, right, current),
            Node::Slice(slice) => self.slice(*slice, current),
            Node::Or(left, right) => self.or(left, right, current),
            Node::And(left, right) => self.and(left, right, current),
            Node::Not(inner) => Ok(is_false(&or_null(self.evaluate(inner, current))?).into()),
            Node::Compare(comparator, left, right) => self.compare(*comparator, left, right, current),
            Node::Flatten(inner) => self.flatten(&or_null_whatever(self.evaluate(inner, current))?),
            Node::Project(list, each) => self.project(list, each, current),
            Node::Filter { list, condition, each } => self.filter(list, condition, each, current),
            Node::ProjectValues(object, each) => self.project_values(object, each, current),
            Node::List(parts) => self.list(parts, current),
            Node::Object(parts) => self.object(parts, current),
            Node::Call(call) => functions::call(self, call, current),
            Node::Reference(_) => {
                Err(SearchError::Function("`&` stands for an expression only where a function takes one".to_owned()))
            }
        }
    }

    pub(crate) fn evaluate_or_null(&self, node: &Node, value: &Value) -> Result<Value, SearchError> {
        or_null(self.evaluate(node, Current::Value(value)))
    }

    pub(crate) fn step(&self) -> Result<(), SearchError> {
        self.spend(1)
    }

    /// Takes as many steps at once.
    pub(crate) fn spend(&self, steps: usize) -> Result<(), SearchError> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        let left = self.evaluation.steps.get();
        self.evaluation.steps.set(left.checked_sub(steps).ok_or(SearchError::Bound("it takes too many steps"))?);
        Ok(())
    }

    /// The right one on what the left one gives, which is not held as a value while it is still the root.
    fn on<T>(
        &self,
        left: &Node,
        current: Current<'_>,
        then: impl FnOnce(Current<'_>) -> Result<T, SearchError>,
    ) -> Result<T, SearchError> {
        match left {
            Node::Current => then(current),
            _ => then(Current::Value(&self.evaluate(left, current)?)),
        }
    }

    fn sub(&self, left: &Node, right: &Node, current: Current<'_>) -> Result<Value, SearchError> {
        self.on(left, current, |left| self.evaluate(right, left))
    }

    fn pipe(&self, left: &Node, right: &Node, current: Current<'_>) -> Result<Value, SearchError> {
        let result = self.on(left, current, |left| Ok(or_null(self.evaluate(right, left))));
        match result {
            Err(SearchError::NotFound(_)) => or_null(self.evaluate(right, Current::Value(&Value::Null))),
            Err(other) => Err(other),
            Ok(result) => result,
        }
    }

    fn or(&self, left: &Node, right: &Node, current: Current<'_>) -> Result<Value, SearchError> {
        let left = or_null(self.evaluate(left, current))?;
        if is_false(&left) { or_null(self.evaluate(right, current)) } else { Ok(left) }
    }

    fn and(&self, left: &Node, right: &Node, current: Current<'_>) -> Result<Value, SearchError> {
        let left = or_null(self.evaluate(left, current))?;
        if is_false(&left) { Ok(left) } else { self.evaluate(right, current) }
    }

    fn compare(
        &self,
        comparator: Comparator,
        left: &Node,
        right: &Node,
        current: Current<'_>,
    ) -> Result<Value, SearchError> {
        let left = or_null(self.evaluate(left, current))?;
        let right = or_null(self.evaluate(right, current))?;
        let holds: fn(Ordering) -> bool = match comparator {
            Comparator::Equal => return Ok(self.equal(&left, &right)?.into()),
            Comparator::NotEqual => return Ok((!self.equal(&left, &right)?).into()),
            Comparator::Less => Ordering::is_lt,
            Comparator::LessOrEqual => Ordering::is_le,
            Comparator::Greater => Ordering::is_gt,
            Comparator::GreaterOrEqual => Ordering::is_ge,
        };
        let (Value::Number(left), Value::Number(right)) = (&left, &right) else { return Ok(Value::Null) };
        Ok(holds(left.cmp(right)).into())
    }

    /// Whether two values are the same. Values may share parts, so that they are larger than they look.
    pub(crate) fn equal(&self, left: &Value, right: &Value) -> Result<bool, SearchError> {
        self.step()?;
        match (left, right) {
            (Value::Array(left), Value::Array(right)) => {
                if left.ptr_eq(right) {
                    return Ok(true);
                }
                if left.len() != right.len() {
                    return Ok(false);
                }
                for (left, right) in left.iter().zip(right) {
                    if !self.equal(left, right)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Object(left), Value::Object(right)) => {
                if left.ptr_eq(right) {
                    return Ok(true);
                }
                if left.len() != right.len() {
                    return Ok(false);
                }
                for ((left_key, left), (right_key, right)) in left.iter().zip(right.iter()) {
                    if left_key != right_key || !self.equal(left, right)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (left, right) => Ok(left == right),
        }
    }

    fn flatten(&self, list: &Value) -> Result<Value, SearchError> {
        let Some(outer) = elements(list) else { return Ok(Value::Null) };
        let mut out = Vec::new();
        for element in outer {
            match elements(element) {
                Some(inner) => {
                    // Lists can double with each of these.
                    self.spend(inner.len())?;
                    out.extend_from_slice(inner);
                }
                None => out.push(element.clone()),
            }
        }
        Ok(Value::array(out))
    }

    fn slice(&self, slice: Slice, current: Current<'_>) -> Result<Value, SearchError> {
        let Value::Array(array) = current.whole()? else { return Ok(Value::Null) };
        let step = slice.step.unwrap_or(1);
        if step == 0 {
            return Err(SearchError::Function("Invalid slice, step cannot be 0".to_owned()));
        }
        let length = i64::try_from(array.len()).unwrap_or(i64::MAX);
        let (first, last) = if step < 0 { (length - 1, -1) } else { (0, length) };
        let mut at = slice.start.map_or(first, |start| capped(length, start, step));
        let stop = slice.stop.map_or(last, |stop| capped(length, stop, step));
        let mut out = Vec::new();
        while if step > 0 { at < stop } else { at > stop } {
            self.step()?;
            out.extend(usize::try_from(at).ok().and_then(|at| array.get(at)).cloned());
            at = at.saturating_add(step);
        }
        Ok(Value::array(out))
    }

    fn project(&self, list: &Node, each: &Node, current: Current<'_>) -> Result<Value, SearchError> {
        let list = or_null(self.evaluate(list, current))?;
        let Some(elements) = elements(&list) else { return Ok(Value::Null) };
        self.each(elements.iter(), each)
    }

    /// What an expression gives for each, without nulls.
    fn each<'v>(&self, values: impl Iterator<Item = &'v Value>, each: &Node) -> Result<Value, SearchError> {
        let mut out = Vec::new();
        for value in values {
            let result = self.evaluate_or_null(each, value)?;
            if !result.is_null() {
                out.push(result);
            }
        }
        Ok(Value::array(out))
    }

    fn filter(&self, list: &Node, condition: &Node, each: &Node, current: Current<'_>) -> Result<Value, SearchError> {
        let list = or_null_whatever(self.evaluate(list, current))?;
        let Some(elements) = elements(&list) else { return Ok(Value::Null) };
        let mut kept = Vec::new();
        for element in elements {
            if !is_false(&self.evaluate_or_null(condition, element)?) {
                kept.push(element);
            }
        }
        self.each(kept.into_iter(), each)
    }

    fn project_values(&self, object: &Node, each: &Node, current: Current<'_>) -> Result<Value, SearchError> {
        let object = or_null_whatever(self.evaluate(object, current))?;
        let Value::Object(object) = &object else { return Ok(Value::Null) };
        // There, as many nulls are projected before the values as there are values.
        let nulls = std::iter::repeat_n(&Value::Null, object.len());
        let nulls = if matches!(each, Node::Current) { nulls.take(0) } else { nulls.take(object.len()) };
        self.each(nulls.chain(object.iter().map(|(_, value)| value)), each)
    }

    fn list(&self, parts: &[Node], current: Current<'_>) -> Result<Value, SearchError> {
        if current.is_null() {
            return Ok(Value::Null);
        }
        let values = parts.iter().map(|part| or_null(self.evaluate(part, current)));
        Ok(Value::Array(values.collect::<Result<Array, _>>()?))
    }

    fn object(&self, parts: &[(Key, Node)], current: Current<'_>) -> Result<Value, SearchError> {
        if current.is_null() {
            return Ok(Value::Null);
        }
        let entries = parts.iter().map(|(key, part)| Ok((key.clone(), or_null(self.evaluate(part, current))?)));
        Ok(Value::Object(entries.collect::<Result<_, SearchError>>()?))
    }

    /// An error when a value that shares parts is larger than whoever gets it could bear.
    pub(crate) fn check_size(value: &Value) -> Result<(), SearchError> {
        let mut left = MAX_SIZE;
        let mut waiting = vec![value];
        while let Some(value) = waiting.pop() {
            left = left.checked_sub(1).ok_or(SearchError::Bound("its result is too large"))?;
            match value {
                Value::Array(array) => waiting.extend(array),
                Value::Object(object) => waiting.extend(object.iter().map(|(_, value)| value)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn field(key: &Key, current: Current<'_>) -> Result<Value, SearchError> {
    let found = match current {
        Current::Root(root) => root.get(key.as_str())?,
        Current::Value(Value::Object(object)) => object.get_key(key).cloned(),
        Current::Value(_) => return Ok(Value::Null),
    };
    found.ok_or_else(|| SearchError::NotFound(key.as_str().to_owned()))
}

fn element(index: i64, current: Current<'_>) -> Result<Value, SearchError> {
    let value = current.whole()?;
    let Some(elements) = elements(&value) else { return Ok(Value::Null) };
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(length) } else { index };
    Ok(usize::try_from(index).ok().and_then(|index| elements.get(index)).cloned().unwrap_or_default())
}

pub(crate) fn elements(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(array) => Some(array.as_slice()),
        Value::Set(set) => Some(set.as_slice()),
        _ => None,
    }
}

fn capped(length: i64, at: i64, step: i64) -> i64 {
    match at {
        ..0 if at.saturating_add(length) >= 0 => at + length,
        ..0 => {
            if step < 0 {
                -1
            } else {
                0
            }
        }
        _ if at >= length => {
            if step < 0 {
                length - 1
            } else {
                length
            }
        }
        _ => at,
    }
}
