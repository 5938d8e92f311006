//! Macros over the elements of lists and the keys or entries of maps.

use super::frame::{Frame, MAX_ELEMENTS};
use super::node::Node;
use crate::ast::Form;
use crate::library::self_comparison_cost;
use crate::value::{Map, compare};
use crate::{Error, Value};

/// A compiled comprehension.
pub(super) struct Loop {
    pub(super) form: Form,
    pub(super) range: Node,
    /// Where its variables are among the locals.
    pub(super) depth: usize,
    pub(super) two: bool,
    pub(super) filter: Option<Node>,
    pub(super) body: Option<Node>,
}

/// What is gathered over the turns.
struct Gathered {
    truth: Result<bool, Error>,
    count: u64,
    values: Vec<Value>,
    entries: Vec<(Value, Value)>,
}

impl Loop {
    pub(super) fn evaluate(&self, frame: &mut Frame<'_>) -> Result<Value, Error> {
        let before = frame.cost();
        let range = self.range.evaluate(frame)?;
        if matches!(self.form, Form::OptMap | Form::OptFlatMap) {
            let twice = frame.cost() - before;
            return self.over_optional(frame, &range, twice);
        }
        let length = match &range {
            Value::List(list) => list.len(),
            Value::Map(map) => map.len(),
            other => return Err(not_iterable(other)),
        };
        let truth = Ok(self.form == Form::All);
        let mut gathered = Gathered { truth, count: 0, values: Vec::new(), entries: Vec::new() };
        for index in 0..length {
            frame.turn()?;
            frame.locals.truncate(self.depth);
            self.set_variables(frame, &range, index)?;
            let more = self.turn(frame, &mut gathered);
            frame.locals.truncate(self.depth);
            if !more? {
                // cel-go asks whether to go on before it takes the next element.
                if index + 1 < length {
                    frame.charge(self.turn_cost() - 1)?;
                }
                break;
            }
        }
        self.finish(frame, gathered, &range)
    }

    fn set_variables(&self, frame: &mut Frame<'_>, range: &Value, index: usize) -> Result<(), Error> {
        let missing = Error::NoSuchOverload;
        match range {
            Value::List(list) => {
                if self.two {
                    frame.locals.push(Value::Int(i64::try_from(index).unwrap_or(i64::MAX)));
                }
                frame.locals.push(list.get(index).ok_or(missing)?);
            }
            Value::Map(map) if self.two => {
                let (key, value) = map.entry(index).ok_or(missing)?;
                frame.locals.push(key);
                frame.locals.push(value);
            }
            Value::Map(map) => frame.locals.push(map.key(index).ok_or(missing)?),
            _ => return Err(missing),
        }
        Ok(())
    }

    /// One element; whether there is more to do.
    fn turn(&self, frame: &mut Frame<'_>, gathered: &mut Gathered) -> Result<bool, Error> {
        if let Some(filter) = &self.filter
            && !truth(&filter.evaluate(frame)?)?
        {
            return Ok(true);
        }
        frame.charge(self.turn_cost())?;
        let Some(body) = &self.body else {
            frame.charge(1)?;
            let element = frame.locals.get(self.depth).cloned().ok_or(Error::NoSuchOverload)?;
            return gathered.keep(element);
        };
        match self.form {
            Form::All | Form::Exists => {
                let decides = self.form == Form::Exists;
                return gathered.decide(body.evaluate(frame).and_then(|value| truth(&value)), decides);
            }
            Form::ExistsOne => {
                if truth(&body.evaluate(frame)?)? {
                    frame.charge(2)?;
                    gathered.count += 1;
                }
            }
            Form::Map => {
                let value = body.evaluate(frame)?;
                let key = frame.locals.get(self.depth).cloned().ok_or(Error::NoSuchOverload)?;
                gathered.entries.push((key, value));
            }
            Form::MapEntry => match body.evaluate(frame)? {
                Value::Map(map) => gathered.entries.extend(map.iter()),
                _ => return Err(Error::NoSuchOverload),
            },
            _ => {
                let value = body.evaluate(frame)?;
                return gathered.keep(value);
            }
        }
        if gathered.entries.len() > MAX_ELEMENTS {
            return Err(Error::new("map is too large"));
        }
        Ok(true)
    }

    fn finish(&self, frame: &mut Frame<'_>, gathered: Gathered, range: &Value) -> Result<Value, Error> {
        frame.charge(1)?;
        match self.form {
            Form::All | Form::Exists => gathered.truth.map(Value::Bool),
            Form::ExistsOne => {
                frame.charge(1)?;
                Ok(Value::Bool(gathered.count == 1))
            }
            Form::Map | Form::MapEntry => Map::from_entries(gathered.entries).map(Value::Map),
            Form::SortBy => {
                let keys = Value::List(gathered.values.into());
                frame.charge(2 + self_comparison_cost(&keys))?;
                sorted(range, &keys)
            }
            _ => Ok(Value::List(gathered.values.into())),
        }
    }

    /// What a turn costs besides its predicate and transformation: the reading and writing of cel-go's accumulator.
    fn turn_cost(&self) -> u64 {
        match self.form {
            Form::All | Form::Map => 3,
            Form::Exists => 4,
            Form::ExistsOne => 0,
            // A list of a constant is one too.
            Form::List if self.body.as_ref().is_some_and(Node::is_free) => 2,
            Form::Filter | Form::List | Form::SortBy => 12,
            // An optional is read twice, and asked for its value.
            Form::MapEntry | Form::OptMap | Form::OptFlatMap => 2,
        }
    }

    fn over_optional(&self, frame: &mut Frame<'_>, range: &Value, range_cost: u64) -> Result<Value, Error> {
        let (Value::Optional(value), Some(body)) = (range, &self.body) else { return Err(Error::NoSuchOverload) };
        frame.charge(1)?;
        let Some(value) = value else { return Ok(Value::none()) };
        frame.charge(range_cost + self.turn_cost() - 1)?;
        frame.locals.truncate(self.depth);
        frame.locals.push((**value).clone());
        let result = body.evaluate(frame);
        frame.locals.truncate(self.depth);
        let value = result?;
        if self.form == Form::OptFlatMap {
            return Ok(value);
        }
        frame.charge(1)?;
        Ok(Value::some(value))
    }
}

impl Gathered {
    fn keep(&mut self, value: Value) -> Result<bool, Error> {
        if self.values.len() >= MAX_ELEMENTS {
            return Err(Error::new("list is too long"));
        }
        self.values.push(value);
        Ok(true)
    }

    /// Takes the outcome of a predicate: what decides wins over errors.
    fn decide(&mut self, outcome: Result<bool, Error>, decides: bool) -> Result<bool, Error> {
        match outcome {
            Ok(truth) if truth == decides => {
                self.truth = Ok(decides);
                Ok(false)
            }
            Ok(_) => Ok(true),
            Err(error) if error.ends_evaluation() => Err(error),
            Err(error) => {
                if self.truth.is_ok() {
                    self.truth = Err(error);
                }
                Ok(true)
            }
        }
    }
}

fn not_iterable(value: &Value) -> Error {
    let name = match value {
        Value::Null => "types.Null",
        Value::Bool(_) => "types.Bool",
        Value::Int(_) => "types.Int",
        Value::Uint(_) => "types.Uint",
        Value::Double(_) => "types.Double",
        Value::String(_) => "types.String",
        Value::Bytes(_) => "types.Bytes",
        Value::Timestamp(_) => "types.Timestamp",
        Value::Duration(_) => "types.Duration",
        Value::Optional(_) => "*types.Optional",
        other => other.type_name(),
    };
    Error::Other(format!("got '{name}', expected iterable type").into())
}

fn truth(value: &Value) -> Result<bool, Error> {
    value.as_bool().ok_or(Error::NoSuchOverload)
}

/// The elements of a list in the order of their keys.
fn sorted(range: &Value, keys: &Value) -> Result<Value, Error> {
    let (Value::List(list), Value::List(keys)) = (range, keys) else { return Err(Error::NoSuchOverload) };
    let keys: Vec<Value> = keys.iter().collect();
    check_sortable(&keys)?;
    let mut pairs: Vec<(Value, Value)> = keys.into_iter().zip(list.iter()).collect();
    pairs.sort_by(|a, b| compare(&a.0, &b.0).unwrap_or(std::cmp::Ordering::Equal));
    Ok(Value::list(pairs.into_iter().map(|(_, element)| element)))
}

/// Lists are sorted by values of one type that has an order.
pub(crate) fn check_sortable(keys: &[Value]) -> Result<(), Error> {
    let Some(first) = keys.first() else { return Ok(()) };
    if compare(first, first).is_none() && !matches!(first, Value::Double(_)) {
        return Err(Error::new("list elements must be comparable"));
    }
    if keys.iter().any(|key| key.type_name() != first.type_name()) {
        return Err(Error::new("list elements must have the same type"));
    }
    Ok(())
}
