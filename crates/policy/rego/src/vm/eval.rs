//! Operations, and expressions with at most one value.

use std::borrow::Cow;
use std::cmp::Ordering;

use probity_model::value::{Array, Key, Object, Set, Value};

use super::{Flow, Memo, Res, Then, Vm};
use crate::plan::{Block, Callee, Every, Ex, GroupId, Hop, NodeId, Op, Pattern, Relation, Root};

/// A value that may be had without evaluating anything.
pub(super) enum Peek<'v> {
    Value(&'v Value),
    Undefined,
    /// It must be evaluated.
    Slow,
}

/// The entry of a value under a key; of a set the member itself.
pub(super) fn index<'v>(value: &'v Value, key: &Value) -> Option<&'v Value> {
    match value {
        Value::Object(object) => match key {
            Value::String(text) => object.get(text),
            other => object.get_key(&Key::from_value(other)),
        },
        Value::Array(array) => array.get(position(key)?),
        Value::Set(set) => set.as_slice().binary_search(key).ok().map(|at| &set.as_slice()[at]),
        _ => None,
    }
}

fn position(key: &Value) -> Option<usize> {
    usize::try_from(key.as_number()?.as_i64()?).ok()
}

/// The entry of a base document under a key of the other kind: paths in it are texts, and a number stands for its text.
fn by_text<'v>(value: &'v Value, key: &Value) -> Option<&'v Value> {
    match value {
        Value::Object(object) => object.get(&key.as_number()?.as_i64()?.to_string()),
        Value::Array(array) => array.get(key.as_str()?.parse().ok()?),
        _ => None,
    }
}

/// The entry of the base document.
pub(super) fn base_entry<'v>(value: &'v Value, key: &Value) -> Option<&'v Value> {
    index(value, key).or_else(|| by_text(value, key))
}

fn index_const<'v>(value: &'v Value, key: &Key, constant: &Value) -> Option<&'v Value> {
    match value {
        Value::Object(object) => object.get_key(key),
        other => index(other, constant),
    }
}

pub(super) fn relate(relation: Relation, left: &Value, right: &Value) -> bool {
    match relation {
        Relation::Equal => left == right,
        Relation::NotEqual => left != right,
        Relation::Less => left.cmp(right) == Ordering::Less,
        Relation::LessOrEqual => left.cmp(right) != Ordering::Greater,
        Relation::Greater => left.cmp(right) == Ordering::Greater,
        Relation::GreaterOrEqual => left.cmp(right) != Ordering::Less,
    }
}

impl<'p> Vm<'p> {
    /// Runs a block from one of its operations on.
    pub(super) fn run(&mut self, block: &'p Block, mut at: usize, then: Then<'_, 'p>) -> Res<Flow> {
        self.check_stack()?;
        loop {
            let Some(op) = block.ops.get(at) else { return then(self) };
            at += 1;
            self.tick()?;
            let holds = match op {
                Op::At(span) => {
                    self.at = Some(*span);
                    true
                }
                Op::Set(slot, ex) => match self.eval(ex)? {
                    Some(value) => {
                        self.set(*slot, value);
                        true
                    }
                    None => false,
                },
                Op::Test(ex) => self.test(ex)?,
                Op::Equal(left, right) => self.compare(Relation::Equal, left, right)?.unwrap_or(false),
                Op::Match(pattern, ex) => match self.eval(ex)? {
                    Some(value) => self.matches(pattern, &value)?,
                    None => false,
                },
                Op::Not(inner) => !self.holds(inner)?,
                Op::And(left, right) => self.holds(left)? && self.holds(right)?,
                Op::Or(left, right) => self.holds(left)? || self.holds(right)?,
                Op::Every(every) => self.every(every)?,
                Op::Fail => false,
                Op::Scan(scan) => return self.scan(scan, &mut |vm| vm.run(block, at, then)),
                Op::Walk(walk) => {
                    let Some(value) = self.eval(&walk.0)? else { return Ok(Flow::Continue) };
                    let mut path = Vec::new();
                    return self.walk(&value, &mut path, &walk.1, &mut |vm| vm.run(block, at, then));
                }
                Op::With(with) => return self.with(with, &mut |vm| vm.run(block, at, then)),
                Op::Observed(observed) => return self.observed(observed, &mut |vm| vm.run(block, at, then)),
                Op::Print(print) => {
                    self.print(&print.0, print.1)?;
                    true
                }
            };
            if !holds {
                return Ok(Flow::Continue);
            }
        }
    }

    fn every(&mut self, every: &'p Every) -> Res<bool> {
        let Some(domain) = self.eval(&every.domain)? else { return Ok(false) };
        let one = |vm: &mut Self, key: Value, value: Value| {
            vm.set(every.key, key);
            vm.set(every.value, value);
            vm.holds(&every.body)
        };
        match &domain {
            Value::Array(array) => {
                for (at, value) in (0_i64..).zip(array) {
                    if !one(self, at.into(), value.clone())? {
                        return Ok(false);
                    }
                }
            }
            Value::Object(object) => {
                for (key, value) in object.iter() {
                    if !one(self, key.to_value(), value.clone())? {
                        return Ok(false);
                    }
                }
            }
            Value::Set(set) => {
                for value in set {
                    if !one(self, value.clone(), value.clone())? {
                        return Ok(false);
                    }
                }
            }
            other => {
                self.needs(other);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn test(&mut self, ex: &'p Ex) -> Res<bool> {
        if let Ex::Compare(relation, sides) = ex
            && self.scope.mocks.is_none()
        {
            return Ok(self.compare(*relation, &sides.0, &sides.1)?.unwrap_or(false));
        }
        match self.peek(ex) {
            Peek::Value(value) => Ok(self.is_true(value)),
            Peek::Undefined => Ok(false),
            Peek::Slow => Ok(self.eval(ex)?.is_some_and(|value| self.is_true(&value))),
        }
    }

    /// Whether a value makes an expression hold.
    pub(super) fn is_true(&self, value: &Value) -> bool {
        *value != Value::Bool(false) && !self.needs(value)
    }

    fn compare(&mut self, relation: Relation, left: &'p Ex, right: &'p Ex) -> Res<Option<bool>> {
        match (self.peek(left), self.peek(right)) {
            // What stands left is evaluated first, for it may fail.
            (Peek::Undefined, _) | (Peek::Value(_), Peek::Undefined) => return Ok(None),
            (Peek::Value(left), Peek::Value(right)) => return Ok(self.related(relation, left, right)),
            _ => {}
        }
        let Some(left) = self.eval(left)? else { return Ok(None) };
        if let Peek::Value(right) = self.peek(right) {
            return Ok(self.related(relation, &left, right));
        }
        let Some(right) = self.eval(right)? else { return Ok(None) };
        Ok(self.related(relation, &left, &right))
    }

    fn related(&self, relation: Relation, left: &Value, right: &Value) -> Option<bool> {
        let known = !self.needs_all(left) && !self.needs_all(right);
        known.then(|| relate(relation, left, right))
    }

    /// The value of an expression, when it is there already.
    pub(super) fn peek<'v>(&'v self, ex: &'v Ex) -> Peek<'v> {
        match ex {
            Ex::Const(value) => Peek::Value(value),
            Ex::Slot(slot) => Peek::Value(self.slot(*slot)),
            Ex::Ref(reference) => {
                let (root, hops) = &**reference;
                let start = match root {
                    Root::Slot(slot) => Some(self.slot(*slot)),
                    Root::Input => self.scope.input.as_ref(),
                    Root::Base(path) => self.base_at(path),
                    Root::Data(node) => match self.peek_node(*node) {
                        Peek::Value(value) => Some(value),
                        other => return other,
                    },
                    Root::Ex(_) => return Peek::Slow,
                };
                let Some(start) = start else { return Peek::Undefined };
                self.follow(start, hops, matches!(root, Root::Base(_)))
            }
            Ex::Group(group) => self.peek_group(*group),
            _ => Peek::Slow,
        }
    }

    /// The value of a group, when it is known.
    fn peek_group(&self, group: GroupId) -> Peek<'_> {
        if self.scope.masked.is_some() {
            return Peek::Slow;
        }
        match self.scope.groups.get(group) {
            Memo::Value(value) => Peek::Value(value),
            Memo::Undefined => Peek::Undefined,
            Memo::Unknown | Memo::Busy => Peek::Slow,
        }
    }

    /// The value of the rules at a node, when it is known.
    pub(super) fn peek_node(&self, node: NodeId) -> Peek<'_> {
        self.plan.nodes[node as usize].group.map_or(Peek::Slow, |group| self.peek_group(group))
    }

    /// The base document at a path.
    pub(super) fn base_at(&self, path: &[Key]) -> Option<&Value> {
        path.iter().try_fold(self.scope.data.as_ref()?, |value, key| match value {
            Value::Object(object) => object.get_key(key).or_else(|| by_text(value, &key.to_value())),
            other => base_entry(other, &key.to_value()),
        })
    }

    /// Follows keys from a value; `base` says whether it is the base document.
    fn follow<'v>(&'v self, start: &'v Value, hops: &'v [Hop], base: bool) -> Peek<'v> {
        let mut value = start;
        for hop in hops {
            let (found, key) = match hop {
                Hop::Const(key, constant) => (index_const(value, key, constant), constant),
                Hop::Ex(ex) => match self.peek(ex) {
                    Peek::Value(key) => (index(value, key), key),
                    other => return other,
                },
            };
            let next = if found.is_none() && base { by_text(value, key) } else { found };
            let Some(next) = next else {
                self.needs(value);
                return Peek::Undefined;
            };
            value = next;
        }
        Peek::Value(value)
    }

    /// The value of an expression; `None` when it is undefined.
    pub(super) fn eval(&mut self, ex: &'p Ex) -> Res<Option<Value>> {
        match self.peek(ex) {
            Peek::Value(value) => return Ok(Some(value.clone())),
            Peek::Undefined => return Ok(None),
            Peek::Slow => {}
        }
        match ex {
            Ex::Const(_) | Ex::Slot(_) => Ok(None),
            Ex::Array(items) => {
                Ok(self.eval_all(items)?.map(|items| Value::Array(items.into_iter().collect::<Array>())))
            }
            Ex::Set(items) => Ok(self.eval_all(items)?.map(|items| Value::Set(items.into_iter().collect::<Set>()))),
            Ex::Object(pairs) => {
                let mut entries = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let Some(key) = self.eval(key)? else { return Ok(None) };
                    let Some(value) = self.eval(value)? else { return Ok(None) };
                    entries.push((self.key(&key)?, value));
                }
                Ok(Some(Value::Object(entries.into_iter().collect())))
            }
            Ex::Ref(reference) => self.reference(&reference.0, &reference.1),
            Ex::ArrayCompr(compr) => {
                let found = self.collect(&compr.0, &compr.1)?;
                Ok(Some(Value::Array(found.into_iter().collect::<Array>())))
            }
            Ex::SetCompr(compr) => {
                let found = self.collect(&compr.0, &compr.1)?;
                Ok(Some(Value::Set(found.into_iter().collect::<Set>())))
            }
            Ex::Grouped(grouped) => self.grouped(grouped),
            Ex::ObjectCompr(compr) => self.object_compr(&compr.0, &compr.1, &compr.2).map(Some),
            Ex::Call(call) => self.call(call),
            Ex::Compare(relation, sides) => self.compare_call(*relation, &sides.0, &sides.1),
            Ex::Group(group) => self.group(*group),
        }
    }

    pub(super) fn eval_all(&mut self, items: &'p [Ex]) -> Res<Option<Vec<Value>>> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match self.eval(item)? {
                Some(value) => values.push(value),
                None => return Ok(None),
            }
        }
        Ok(Some(values))
    }

    fn collect(&mut self, body: &'p Block, term: &'p Ex) -> Res<Vec<Value>> {
        let mut found = Vec::new();
        self.enter()?;
        self.run(body, 0, &mut |vm| {
            if let Some(value) = vm.eval(term)? {
                vm.keep(&value)?;
                found.push(value);
            }
            Ok(Flow::Continue)
        })?;
        self.leave();
        Ok(found)
    }

    fn object_compr(&mut self, body: &'p Block, key: &'p Ex, value: &'p Ex) -> Res<Value> {
        let mut found: Vec<(Key, Value)> = Vec::new();
        self.enter()?;
        self.run(body, 0, &mut |vm| {
            let Some(key) = vm.eval(key)? else { return Ok(Flow::Continue) };
            let Some(value) = vm.eval(value)? else { return Ok(Flow::Continue) };
            vm.keep(&value)?;
            found.push((vm.key(&key)?, value));
            Ok(Flow::Continue)
        })?;
        self.leave();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        if found.windows(2).any(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1) {
            return Err(self.error(crate::error::Code::EvalConflict, "object keys must be unique"));
        }
        Ok(Value::Object(found.into_iter().collect::<Object>()))
    }

    fn compare_call(&mut self, relation: Relation, left: &'p Ex, right: &'p Ex) -> Res<Option<Value>> {
        if self.scope.mocks.is_some() {
            let name = match relation {
                Relation::Equal => "equal",
                Relation::NotEqual => "neq",
                Relation::Less => "lt",
                Relation::LessOrEqual => "lte",
                Relation::Greater => "gt",
                Relation::GreaterOrEqual => "gte",
            };
            if let Some(builtin) = crate::builtins::find(name)
                && let Some(replaced) = self.mock_of(Callee::Builtin(builtin))
            {
                let Some(left) = self.eval(left)? else { return Ok(None) };
                let Some(right) = self.eval(right)? else { return Ok(None) };
                return self.call_replaced(replaced, &[left, right]);
            }
        }
        Ok(self.compare(relation, left, right)?.map(Value::Bool))
    }

    /// Whether a value has the form of a pattern; its slots are given their values.
    pub(super) fn matches(&mut self, pattern: &'p Pattern, value: &Value) -> Res<bool> {
        match pattern {
            Pattern::Any => Ok(true),
            Pattern::Bind(slot) => {
                self.set(*slot, value.clone());
                Ok(true)
            }
            Pattern::Equal(ex) => {
                let other = match self.peek(ex) {
                    Peek::Value(other) => Cow::Borrowed(other),
                    Peek::Undefined => return Ok(false),
                    Peek::Slow => match self.eval(ex)? {
                        Some(other) => Cow::Owned(other),
                        None => return Ok(false),
                    },
                };
                Ok(self.related(Relation::Equal, &other, value).unwrap_or(false))
            }
            Pattern::Array(_) | Pattern::Object(_) if self.needs(value) => Ok(false),
            Pattern::Array(patterns) => {
                let Value::Array(array) = value else { return Ok(false) };
                if array.len() != patterns.len() {
                    return Ok(false);
                }
                for (pattern, element) in patterns.iter().zip(array) {
                    if !self.matches(pattern, element)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Pattern::Object(patterns) => {
                let Value::Object(object) = value else { return Ok(false) };
                if object.len() != patterns.len() {
                    return Ok(false);
                }
                for (key, pattern) in patterns {
                    let Some(key) = self.eval(key)? else { return Ok(false) };
                    let Some(entry) = index(value, &key) else { return Ok(false) };
                    if !self.matches(pattern, entry)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }
}
