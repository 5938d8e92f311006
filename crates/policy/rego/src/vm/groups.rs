//! The values of rules and functions, each found once.

use std::hash::{Hash, Hasher};

use probity_model::value::{Key, Object, Set, Value};

use super::{Flow, Memo, Res, Vm};
use crate::error::{Code, Error};
use crate::plan::{Group, GroupId, Kind, Rule};

/// A call whose result is known: containers are the same only when they are one allocation.
pub(super) struct CallKey {
    group: GroupId,
    args: Box<[Value]>,
}

/// What tells values apart cheaply.
fn identity(value: &Value) -> Option<usize> {
    match value {
        Value::Array(array) => Some(array.as_slice().as_ptr() as usize),
        Value::Set(set) => Some(set.as_slice().as_ptr() as usize),
        Value::Object(object) => Some(object.entry(0).map_or(0, |(key, _)| std::ptr::from_ref(key) as usize)),
        _ => None,
    }
}

impl Hash for CallKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.group.hash(state);
        for arg in &self.args {
            match identity(arg) {
                Some(address) => address.hash(state),
                None => arg.hash(state),
            }
        }
    }
}

impl PartialEq for CallKey {
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group
            && self.args.len() == other.args.len()
            && self.args.iter().zip(&other.args).all(|(a, b)| match (a, b) {
                (Value::Array(a), Value::Array(b)) => a.ptr_eq(b),
                (Value::Object(a), Value::Object(b)) => a.ptr_eq(b),
                (Value::Set(a), Value::Set(b)) => std::ptr::eq(a.as_slice().as_ptr(), b.as_slice().as_ptr()),
                _ => a == b,
            })
    }
}

impl Eq for CallKey {}

/// An object under construction, from rules whose names go on with variables.
#[derive(Default)]
struct Tree {
    entries: Vec<(Key, Branch)>,
}

enum Branch {
    Value(Value),
    Members(Vec<Value>),
    Tree(Tree),
}

impl Tree {
    fn entry(&mut self, key: &Key) -> Option<&mut Branch> {
        let at = self.entries.iter().position(|(known, _)| known == key)?;
        Some(&mut self.entries[at].1)
    }

    /// Puts a value at a path; `false` when something else is there.
    fn insert(&mut self, path: &[Key], value: Value, member: bool) -> bool {
        let Some((key, rest)) = path.split_first() else { return false };
        if rest.is_empty() {
            return match (self.entry(key), member) {
                (None, true) => {
                    self.entries.push((key.clone(), Branch::Members(vec![value])));
                    true
                }
                (None, false) => {
                    self.entries.push((key.clone(), Branch::Value(value)));
                    true
                }
                (Some(Branch::Members(members)), true) => {
                    members.push(value);
                    true
                }
                (Some(Branch::Value(known)), false) => *known == value,
                (Some(_), _) => false,
            };
        }
        match self.entry(key) {
            None => {
                let mut tree = Self::default();
                let fits = tree.insert(rest, value, member);
                self.entries.push((key.clone(), Branch::Tree(tree)));
                fits
            }
            Some(Branch::Tree(tree)) => tree.insert(rest, value, member),
            Some(_) => false,
        }
    }

    fn finish(self) -> Object {
        self.entries
            .into_iter()
            .map(|(key, branch)| {
                let value = match branch {
                    Branch::Value(value) => value,
                    Branch::Members(members) => Value::Set(members.into_iter().collect::<Set>()),
                    Branch::Tree(tree) => Value::Object(tree.finish()),
                };
                (key, value)
            })
            .collect()
    }
}

impl<'p> Vm<'p> {
    /// The value of a group without parameters; `None` when it is undefined.
    pub(crate) fn group(&mut self, id: GroupId) -> Res<Option<Value>> {
        let plan = self.plan;
        let group = &plan.groups[id as usize];
        if self.is_masked(group.node) {
            return Ok(self.base_at(&plan.nodes[group.node as usize].path).cloned());
        }
        match &self.scope.groups[id as usize] {
            Memo::Value(value) => return Ok(Some(value.clone())),
            Memo::Undefined => return Ok(None),
            Memo::Busy => {
                return Err(Error::new(Code::EvalInternal, self.at, format!("{} depends on itself", group.name)));
            }
            Memo::Unknown => {}
        }
        self.scope.groups[id as usize] = Memo::Busy;
        self.enter()?;
        let at = self.at;
        let value = match group.kind {
            Kind::Complete => self.first(group, &[]),
            Kind::Set => self.members(group).map(Some),
            Kind::Object => self.entries(group),
            Kind::Function(0) => self.first(group, &[]),
            Kind::Function(_) => Ok(None),
        };
        self.at = at;
        self.leave();
        match value {
            Ok(Some(value)) => {
                self.scope.groups[id as usize] = Memo::Value(value.clone());
                Ok(Some(value))
            }
            Ok(None) => {
                self.scope.groups[id as usize] = Memo::Undefined;
                Ok(None)
            }
            Err(error) => {
                self.scope.groups[id as usize] = Memo::Unknown;
                Err(error)
            }
        }
    }

    /// The result of a function.
    pub(super) fn function(&mut self, id: GroupId, args: &[Value]) -> Res<Option<Value>> {
        let plan = self.plan;
        let group = &plan.groups[id as usize];
        if args.is_empty() {
            return self.group(id);
        }
        let key = CallKey { group: id, args: args.into() };
        if let Some(known) = self.scope.functions.get(&key) {
            return Ok(known.clone());
        }
        self.enter()?;
        let at = self.at;
        let result = self.first(group, args)?;
        self.at = at;
        self.leave();
        self.scope.functions.insert(key, result.clone());
        Ok(result)
    }

    /// The one value that all rules agree on, or else the default.
    fn first(&mut self, group: &'p Group, args: &[Value]) -> Res<Option<Value>> {
        let mut found: Option<Value> = None;
        for rule in &group.rules {
            let mut branch = Some(rule);
            while let Some(rule) = branch {
                let matched = self.one_value(group, rule, args, &mut found)?;
                if matched {
                    break;
                }
                branch = rule.otherwise.as_deref();
            }
            if group.early_exit && found.is_some() {
                return Ok(found);
            }
        }
        if found.is_none()
            && let Some(default) = &group.default
        {
            self.one_value(group, default, args, &mut found)?;
        }
        Ok(found)
    }

    /// Runs one rule; whether it has a solution.
    fn one_value(&mut self, group: &'p Group, rule: &'p Rule, args: &[Value], found: &mut Option<Value>) -> Res<bool> {
        let frame = self.push(rule);
        let mut matched = false;
        let result = self.match_args(rule, args).and_then(|fits| {
            if !fits {
                return Ok(Flow::Continue);
            }
            let constant = matches!(rule.value, crate::plan::Ex::Const(_));
            self.run(&rule.body, 0, &mut |vm| {
                let Some(value) = vm.eval(&rule.value)? else { return Ok(Flow::Continue) };
                matched = true;
                match found {
                    Some(known) if *known != value => {
                        let what = if args.is_empty() { "rule" } else { "function" };
                        let same = if args.is_empty() { "" } else { " for the same inputs" };
                        let message = format!("{what} {} produced conflicting values{same}", group.name);
                        return Err(Error::new(Code::EvalConflict, rule.span, message));
                    }
                    Some(_) => {}
                    None => *found = Some(value),
                }
                Ok(if constant { Flow::Stop } else { Flow::Continue })
            })
        });
        self.pop(frame);
        result?;
        Ok(matched)
    }

    fn match_args(&mut self, rule: &'p Rule, args: &[Value]) -> Res<bool> {
        for (pattern, arg) in rule.args.iter().zip(args) {
            if !self.matches(pattern, arg)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn members(&mut self, group: &'p Group) -> Res<Value> {
        let mut members: Vec<Value> = Vec::new();
        for rule in &group.rules {
            let frame = self.push(rule);
            let result = self.run(&rule.body, 0, &mut |vm| {
                if let Some(value) = vm.eval(&rule.value)? {
                    members.push(value);
                    vm.keep(members.len())?;
                }
                Ok(Flow::Continue)
            });
            self.pop(frame);
            result?;
        }
        Ok(Value::Set(members.into_iter().collect::<Set>()))
    }

    fn entries(&mut self, group: &'p Group) -> Res<Option<Value>> {
        let flat = group.rules.iter().all(|rule| rule.path.len() == 1 && !rule.multi);
        let own = if flat { self.flat_entries(group)? } else { self.nested_entries(group)? };
        let plan = self.plan;
        let node = &plan.nodes[group.node as usize];
        if node.children.is_empty() {
            return Ok(Some(Value::Object(own)));
        }
        // What is defined below under constant names is part of the object.
        let mut below: Vec<(Key, Value)> = Vec::new();
        for (key, child) in &node.children {
            if let Some(next) = self.at_node(*child, None)?
                && let Some(value) = self.finish(next)?
            {
                below.push((key.clone(), value));
            }
        }
        let below: Object = below.into_iter().collect();
        if conflicts(&own, &below) {
            let span = group.rules.first().map(|rule| rule.span);
            return Err(Error::new(Code::EvalConflict, span, "object keys must be unique"));
        }
        Ok(Some(Value::Object(super::scan::merge(&own, &below))))
    }

    fn flat_entries(&mut self, group: &'p Group) -> Res<Object> {
        let mut entries: Vec<(Key, Value)> = Vec::new();
        for rule in &group.rules {
            let frame = self.push(rule);
            let result = self.run(&rule.body, 0, &mut |vm| {
                let Some(key) = vm.eval(&rule.path[0])? else { return Ok(Flow::Continue) };
                let Some(value) = vm.eval(&rule.value)? else { return Ok(Flow::Continue) };
                entries.push((Key::from_value(&key), value));
                vm.keep(entries.len())?;
                Ok(Flow::Continue)
            });
            self.pop(frame);
            result?;
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        if entries.windows(2).any(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1) {
            let span = group.rules.first().map(|rule| rule.span);
            return Err(Error::new(Code::EvalConflict, span, "object keys must be unique"));
        }
        Ok(entries.into_iter().collect())
    }

    fn nested_entries(&mut self, group: &'p Group) -> Res<Object> {
        let mut tree = Tree::default();
        let mut count = 0;
        for rule in &group.rules {
            let frame = self.push(rule);
            let result = self.run(&rule.body, 0, &mut |vm| {
                let mut path = Vec::with_capacity(rule.path.len());
                for part in &rule.path {
                    let Some(key) = vm.eval(part)? else { return Ok(Flow::Continue) };
                    path.push(Key::from_value(&key));
                }
                let Some(value) = vm.eval(&rule.value)? else { return Ok(Flow::Continue) };
                if !tree.insert(&path, value, rule.multi) {
                    return Err(Error::new(Code::EvalConflict, rule.span, "object keys must be unique"));
                }
                count += 1;
                vm.keep(count)?;
                Ok(Flow::Continue)
            });
            self.pop(frame);
            result?;
        }
        Ok(tree.finish())
    }

    /// Makes room for a rule's slots.
    fn push(&mut self, rule: &Rule) -> usize {
        let frame = self.base;
        self.base = self.slots.len();
        self.slots.resize(self.base + rule.slots as usize, Value::Null);
        frame
    }

    fn pop(&mut self, frame: usize) {
        self.slots.truncate(self.base);
        self.base = frame;
    }
}

/// Whether both have an entry that is neither equal nor an object in both.
fn conflicts(first: &Object, second: &Object) -> bool {
    second.iter().any(|(key, other)| match (first.get_key(key), other) {
        (None, _) => false,
        (Some(Value::Object(mine)), Value::Object(other)) => conflicts(mine, other),
        (Some(mine), other) => mine != other,
    })
}
