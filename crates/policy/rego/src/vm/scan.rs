//! References through documents: base documents, rules, and both merged.

use probity_model::value::{Key, Object, Value};

use super::eval::{Peek, base_entry, index};
use super::{Flow, Res, Then, Vm};
use crate::plan::{Hop, Kind, NodeId, Out, Pattern, Root, Scan, Step};

/// How far a reference has been followed.
#[derive(Clone)]
pub(super) enum Cursor {
    Value(Value),
    /// A node of the tree of rules that is no rule itself, and the base document at its path.
    Tree(NodeId, Option<Value>),
}

impl<'p> Vm<'p> {
    /// The value of a reference whose keys are all known.
    pub(super) fn reference(&mut self, root: &'p Root, hops: &'p [Hop]) -> Res<Option<Value>> {
        let Some(mut cursor) = self.start(root)? else { return Ok(None) };
        for hop in hops {
            let Some(next) = self.hop(cursor, hop)? else { return Ok(None) };
            cursor = next;
        }
        self.finish(cursor)
    }

    pub(super) fn start(&mut self, root: &'p Root) -> Res<Option<Cursor>> {
        Ok(match root {
            Root::Slot(slot) => Some(Cursor::Value(self.slot(*slot).clone())),
            Root::Input => self.scope.input.clone().map(Cursor::Value),
            Root::Base(path) => self.base_at(path).cloned().map(Cursor::Value),
            Root::Ex(ex) => self.eval(ex)?.map(Cursor::Value),
            Root::Data(node) => {
                let plan = self.plan;
                let base = self.base_at(&plan.nodes[*node as usize].path).cloned();
                self.at_node(*node, base)?
            }
        })
    }

    /// What a node means: the value of its rules, or itself.
    pub(super) fn at_node(&mut self, node: NodeId, base: Option<Value>) -> Res<Option<Cursor>> {
        if self.is_masked(node) {
            return Ok(base.map(Cursor::Value));
        }
        match self.plan.nodes[node as usize].group {
            Some(group) => match self.plan.groups[group as usize].kind {
                Kind::Function(arity) if arity > 0 => Ok(None),
                _ => Ok(self.group(group)?.map(Cursor::Value)),
            },
            None => Ok(Some(Cursor::Tree(node, base))),
        }
    }

    fn hop(&mut self, cursor: Cursor, hop: &'p Hop) -> Res<Option<Cursor>> {
        match hop {
            Hop::Const(key, value) => self.step(cursor, key, value),
            Hop::Ex(ex) => {
                let Some(value) = self.eval(ex)? else { return Ok(None) };
                match &cursor {
                    Cursor::Value(document) => {
                        self.needs(document);
                        Ok(index(document, &value).cloned().map(Cursor::Value))
                    }
                    Cursor::Tree(..) => self.step(cursor, &Key::from_value(&value), &value),
                }
            }
        }
    }

    fn step(&mut self, cursor: Cursor, key: &Key, value: &Value) -> Res<Option<Cursor>> {
        match cursor {
            Cursor::Value(document) => {
                self.needs(&document);
                let entry = match &document {
                    Value::Object(object) => object.get_key(key),
                    other => index(other, value),
                };
                Ok(entry.cloned().map(Cursor::Value))
            }
            Cursor::Tree(node, base) => {
                let base = base.as_ref().and_then(|base| base_entry(base, value)).cloned();
                match self.plan.child(node, key) {
                    Some(child) => self.at_node(child, base),
                    None => Ok(base.map(Cursor::Value)),
                }
            }
        }
    }

    /// The document that was reached.
    pub(super) fn finish(&mut self, cursor: Cursor) -> Res<Option<Value>> {
        match cursor {
            Cursor::Value(value) => Ok(Some(value)),
            Cursor::Tree(node, base) => self.document(node, base).map(Some),
        }
    }

    /// Everything below a node, rules and base document together.
    fn document(&mut self, node: NodeId, base: Option<Value>) -> Res<Value> {
        self.enter()?;
        let plan = self.plan;
        let mut entries: Vec<(Key, Value)> = Vec::new();
        for (key, child) in &plan.nodes[node as usize].children {
            // Only what rules define; the base document comes in below, where it has more.
            let below = base.as_ref().and_then(|base| index(base, &key.to_value())).cloned();
            let reached = self.at_node(*child, below)?;
            if let Some(cursor) = reached
                && let Some(value) = self.finish(cursor)?
            {
                entries.push((key.clone(), value));
            }
        }
        self.leave();
        let Some(base) = base else { return Ok(Value::Object(entries.into_iter().collect())) };
        let Value::Object(base) = &base else { return Ok(base) };
        let virtual_keys: Object = entries.into_iter().collect();
        Ok(Value::Object(merge(base, &virtual_keys)))
    }

    /// Goes through what a reference with open keys can mean.
    pub(super) fn scan(&mut self, scan: &'p Scan, then: Then<'_, 'p>) -> Res<Flow> {
        let mut steps = &scan.steps[..];
        let reached = match self.peek_root(&scan.root) {
            Peek::Value(root) => self.peek_keys(root, &mut steps).map(|reached| Cursor::Value(reached.clone())),
            Peek::Undefined => None,
            Peek::Slow => self.start(&scan.root)?,
        };
        match reached {
            Some(cursor) => self.scan_steps(cursor, steps, &scan.out, then),
            None => Ok(Flow::Continue),
        }
    }

    fn peek_root<'v>(&'v self, root: &'v Root) -> Peek<'v> {
        let found = match root {
            Root::Slot(slot) => Some(self.slot(*slot)),
            Root::Input => self.scope.input.as_ref(),
            Root::Base(path) => self.base_at(path),
            Root::Data(node) => return self.peek_node(*node),
            Root::Ex(ex) => return self.peek(ex),
        };
        found.map_or(Peek::Undefined, Peek::Value)
    }

    /// Follows the keys that are known already; `None` when there is nothing.
    fn peek_keys<'v>(&self, mut value: &'v Value, steps: &mut &'p [Step]) -> Option<&'v Value> {
        while let Some((Step::Key(hop), rest)) = steps.split_first() {
            let next = match hop {
                Hop::Const(key, constant) => match value {
                    Value::Object(object) => object.get_key(key),
                    other => index(other, constant),
                },
                Hop::Ex(ex) => match self.peek(ex) {
                    Peek::Value(key) => index(value, key),
                    Peek::Undefined => return None,
                    Peek::Slow => return Some(value),
                },
            };
            if next.is_none() {
                self.needs(value);
            }
            value = next?;
            *steps = rest;
        }
        Some(value)
    }

    fn scan_steps(&mut self, mut cursor: Cursor, mut steps: &'p [Step], out: &'p Out, then: Then<'_, 'p>) -> Res<Flow> {
        loop {
            let Some((step, rest)) = steps.split_first() else { return self.arrive(cursor, out, then) };
            steps = rest;
            match step {
                Step::Key(hop) => match self.hop(cursor, hop)? {
                    Some(next) => cursor = next,
                    None => return Ok(Flow::Continue),
                },
                Step::Each(pattern) => return self.each(cursor, pattern, steps, out, then),
            }
        }
    }

    fn arrive(&mut self, cursor: Cursor, out: &'p Out, then: Then<'_, 'p>) -> Res<Flow> {
        let Some(value) = self.finish(cursor)? else { return Ok(Flow::Continue) };
        let holds = match out {
            Out::Test => self.is_true(&value),
            Out::Match(pattern) => self.matches(pattern, &value)?,
        };
        if holds { then(self) } else { Ok(Flow::Continue) }
    }

    /// As [`Self::scan_steps`] from a value that need not be kept.
    fn go_on(&mut self, value: &Value, mut steps: &'p [Step], out: &'p Out, then: Then<'_, 'p>) -> Res<Flow> {
        let Some(value) = self.peek_keys(value, &mut steps) else { return Ok(Flow::Continue) };
        if !steps.is_empty() {
            return self.scan_steps(Cursor::Value(value.clone()), steps, out, then);
        }
        let holds = match out {
            Out::Test => self.is_true(value),
            Out::Match(pattern) => self.matches(pattern, value)?,
        };
        if holds { then(self) } else { Ok(Flow::Continue) }
    }

    fn each(
        &mut self,
        cursor: Cursor,
        pattern: &'p Pattern,
        rest: &'p [Step],
        out: &'p Out,
        then: Then<'_, 'p>,
    ) -> Res<Flow> {
        let any = matches!(pattern, Pattern::Any);
        match cursor {
            Cursor::Value(Value::Array(array)) => {
                for (at, element) in (0_i64..).zip(&array) {
                    self.tick()?;
                    if (any || self.matches(pattern, &at.into())?)
                        && self.go_on(element, rest, out, then)? == Flow::Stop
                    {
                        return Ok(Flow::Stop);
                    }
                }
            }
            Cursor::Value(Value::Object(object)) => {
                for (key, element) in object.iter() {
                    self.tick()?;
                    if (any || self.matches(pattern, &key.to_value())?)
                        && self.go_on(element, rest, out, then)? == Flow::Stop
                    {
                        return Ok(Flow::Stop);
                    }
                }
            }
            Cursor::Value(Value::Set(set)) => {
                for element in &set {
                    self.tick()?;
                    if self.matches(pattern, element)? && self.go_on(element, rest, out, then)? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
            }
            Cursor::Value(other) => {
                self.needs(&other);
            }
            Cursor::Tree(node, base) => return self.each_of_tree(node, base.as_ref(), pattern, rest, out, then),
        }
        Ok(Flow::Continue)
    }

    fn each_of_tree(
        &mut self,
        node: NodeId,
        base: Option<&Value>,
        pattern: &'p Pattern,
        rest: &'p [Step],
        out: &'p Out,
        then: Then<'_, 'p>,
    ) -> Res<Flow> {
        let plan = self.plan;
        let mut keys: Vec<Key> = plan.nodes[node as usize].children.keys().cloned().collect();
        match base {
            Some(Value::Object(object)) => keys.extend(object.iter().map(|(key, _)| key.clone())),
            Some(Value::Array(array)) => {
                keys.extend((0_i64..).zip(array).map(|(at, _)| Key::from_value(&at.into())));
            }
            Some(Value::Set(set)) => keys.extend(set.iter().map(Key::from_value)),
            _ => {}
        }
        keys.sort();
        keys.dedup();
        for key in keys {
            self.tick()?;
            let value = key.to_value();
            if !self.matches(pattern, &value)? {
                continue;
            }
            let below = Cursor::Tree(node, base.cloned());
            if let Some(next) = self.step(below, &key, &value)?
                && self.scan_steps(next, rest, out, then)? == Flow::Stop
            {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Goes through a value and all values within, each with the path to it.
    pub(super) fn walk(
        &mut self,
        value: &Value,
        path: &mut Vec<Value>,
        pattern: &'p Pattern,
        then: Then<'_, 'p>,
    ) -> Res<Flow> {
        self.tick()?;
        let found = match pattern {
            Pattern::Any => true,
            // The path is not asked for, so it is not made.
            Pattern::Array(patterns) if matches!(patterns[..], [Pattern::Any, _]) => {
                self.matches(&patterns[1], value)?
            }
            Pattern::Array(patterns) if patterns.len() == 2 => {
                self.matches(&patterns[0], &Value::array(path.iter().cloned()))? && self.matches(&patterns[1], value)?
            }
            _ => {
                let pair = Value::array([Value::array(path.iter().cloned()), value.clone()]);
                self.matches(pattern, &pair)?
            }
        };
        if found && then(self)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        let mut below = |vm: &mut Self, key: Value, value: &Value| {
            path.push(key);
            let flow = vm.walk(value, path, pattern, then);
            path.pop();
            flow
        };
        match value {
            Value::Array(array) => {
                for (at, element) in (0_i64..).zip(array) {
                    if below(self, at.into(), element)? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
            }
            Value::Object(object) => {
                for (key, element) in object.iter() {
                    if below(self, key.to_value(), element)? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
            }
            Value::Set(set) => {
                for element in set {
                    if below(self, element.clone(), element)? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                }
            }
            other => {
                self.needs(other);
            }
        }
        Ok(Flow::Continue)
    }
}

/// Both objects in one; where both have an entry and it is no object in both, the first wins.
pub(super) fn merge(first: &Object, second: &Object) -> Object {
    let mut entries: Vec<(Key, Value)> = Vec::with_capacity(first.len() + second.len());
    for (key, value) in second.iter() {
        match (first.get_key(key), value) {
            (None, _) => entries.push((key.clone(), value.clone())),
            (Some(Value::Object(mine)), Value::Object(other)) => {
                entries.push((key.clone(), Value::Object(merge(mine, other))));
            }
            (Some(mine), _) => entries.push((key.clone(), mine.clone())),
        }
    }
    for (key, value) in first.iter() {
        if second.get_key(key).is_none() {
            entries.push((key.clone(), value.clone()));
        }
    }
    entries.into_iter().collect()
}
