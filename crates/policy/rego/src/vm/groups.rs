//! The values of rules and functions, each found once.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use hashbrown::Equivalent;
use probity_model::value::{Key, Object, Set, Value};

use super::{Flow, Memo, Res, Vm};
use crate::error::{Code, Error};
use crate::plan::{Ex, Group, GroupId, Kind, NodeId, Pattern, Rule};

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

/// A call to be looked up.
struct CallRef<'a> {
    group: GroupId,
    args: &'a [Value],
}

impl Hash for CallKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        CallRef { group: self.group, args: &self.args }.hash(state);
    }
}

impl Hash for CallRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.group.hash(state);
        for arg in self.args {
            match identity(arg) {
                Some(address) => address.hash(state),
                None => arg.hash(state),
            }
        }
    }
}

impl PartialEq for CallKey {
    fn eq(&self, other: &Self) -> bool {
        CallRef { group: self.group, args: &self.args }.equivalent(other)
    }
}

impl Equivalent<CallKey> for CallRef<'_> {
    fn equivalent(&self, other: &CallKey) -> bool {
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
    entries: BTreeMap<Key, Branch>,
}

enum Branch {
    Value(Value),
    Members(Vec<Value>),
    Tree(Tree),
}

impl Tree {
    /// Puts a value at a path; `false` when something else is there.
    fn insert(&mut self, path: &[Key], value: Value, member: bool) -> bool {
        let Some((key, rest)) = path.split_first() else { return false };
        if !rest.is_empty() {
            return match self.entries.entry(key.clone()).or_insert_with(|| Branch::Tree(Self::default())) {
                Branch::Tree(tree) => tree.insert(rest, value, member),
                _ => false,
            };
        }
        match (self.entries.get_mut(key), member) {
            (None, true) => {
                self.entries.insert(key.clone(), Branch::Members(vec![value]));
                true
            }
            (None, false) => {
                self.entries.insert(key.clone(), Branch::Value(value));
                true
            }
            (Some(Branch::Members(members)), true) => {
                members.push(value);
                true
            }
            (Some(Branch::Value(known)), false) => *known == value,
            (Some(_), _) => false,
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
        match self.scope.groups.get(id) {
            Memo::Value(value) => return Ok(Some(value.clone())),
            Memo::Undefined => return Ok(None),
            Memo::Busy => {
                return Err(Error::new(Code::EvalInternal, self.at, format!("{} depends on itself", group.name)));
            }
            Memo::Unknown => {}
        }
        self.scope.groups.set(id, Memo::Busy);
        self.enter()?;
        let at = self.at;
        let value = match group.kind {
            Kind::Complete | Kind::Function(0) => {
                let frame = self.push(0);
                let value = self.first(group, 0);
                self.pop(frame);
                value
            }
            Kind::Set => self.members(group).map(Some),
            Kind::Object => self.entries(group).map(Some),
            Kind::Function(_) => Ok(None),
        };
        self.at = at;
        self.leave();
        match value {
            Ok(Some(value)) => {
                self.scope.groups.set(id, Memo::Value(value.clone()));
                Ok(Some(value))
            }
            Ok(None) => {
                self.scope.groups.set(id, Memo::Undefined);
                Ok(None)
            }
            Err(error) => {
                self.scope.groups.set(id, Memo::Unknown);
                Err(error)
            }
        }
    }

    /// The result of a function.
    pub(super) fn function(&mut self, id: GroupId, args: &[Value]) -> Res<Option<Value>> {
        if args.is_empty() {
            return self.group(id);
        }
        let plan = self.plan;
        if plan.groups[id as usize].cheap {
            return self.apply(id, args.iter().cloned());
        }
        if let Some(known) = self.scope.functions.get(&CallRef { group: id, args }) {
            return Ok(known.clone());
        }
        let result = self.apply(id, args.iter().cloned())?;
        self.made += args.len() as u64 + 2;
        self.scope.functions.insert(CallKey { group: id, args: args.into() }, result.clone());
        Ok(result)
    }

    /// The result of a function, evaluated anew.
    pub(super) fn apply(&mut self, id: GroupId, args: impl ExactSizeIterator<Item = Value>) -> Res<Option<Value>> {
        let plan = self.plan;
        let group = &plan.groups[id as usize];
        self.enter()?;
        let at = self.at;
        let arity = u32::try_from(args.len()).unwrap_or(u32::MAX);
        let frame = self.push(arity);
        for (slot, arg) in (0..).zip(args) {
            self.set(slot, arg);
        }
        let result = self.first(group, arity);
        self.pop(frame);
        self.at = at;
        self.leave();
        result
    }

    /// The rules of a group that can hold for this input.
    fn candidates(&self, group: &'p Group) -> impl Iterator<Item = &'p Rule> + use<'p> {
        let input = self.scope.input.as_ref();
        let picked = group.index.as_ref().and_then(|index| index.candidates(input));
        let count = picked.map_or(group.rules.len(), <[u32]>::len);
        (0..count).map(move |at| &group.rules[picked.map_or(at, |picked| picked[at] as usize)])
    }

    /// The one value that all rules agree on, or else the default. The operands are in the first slots of the frame.
    fn first(&mut self, group: &'p Group, arity: u32) -> Res<Option<Value>> {
        let mut found: Option<Value> = None;
        for rule in self.candidates(group) {
            let mut branch = Some(rule);
            while let Some(rule) = branch {
                let matched = self.one_value(group, rule, arity, &mut found)?;
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
            self.one_value(group, default, arity, &mut found)?;
        }
        Ok(found)
    }

    /// Runs one rule; whether it has a solution.
    fn one_value(&mut self, group: &'p Group, rule: &'p Rule, arity: u32, found: &mut Option<Value>) -> Res<bool> {
        self.grow(arity);
        self.grow(rule.slots);
        if !self.match_args(rule)? {
            return Ok(false);
        }
        let mut matched = false;
        let constant = matches!(rule.value, Ex::Const(_));
        self.run(&rule.body, 0, &mut |vm| {
            let Some(value) = vm.eval(&rule.value)? else { return Ok(Flow::Continue) };
            matched = true;
            match found {
                Some(known) if *known != value => {
                    let what = if arity == 0 { "rule" } else { "function" };
                    let same = if arity == 0 { "" } else { " for the same inputs" };
                    let message = format!("{what} {} produced conflicting values{same}", group.name);
                    return Err(Error::new(Code::EvalConflict, rule.span, message));
                }
                Some(_) => {}
                None => *found = Some(value),
            }
            Ok(if constant { Flow::Stop } else { Flow::Continue })
        })?;
        Ok(matched)
    }

    /// Whether the operands, in the first slots, are what a rule wants.
    fn match_args(&mut self, rule: &'p Rule) -> Res<bool> {
        for (slot, pattern) in (0..).zip(&rule.args) {
            let fits = match pattern {
                Pattern::Any => true,
                Pattern::Equal(Ex::Const(wanted)) if self.unknown.is_none() => self.slot(slot) == wanted,
                _ => {
                    let arg = self.slot(slot).clone();
                    self.matches(pattern, &arg)?
                }
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn members(&mut self, group: &'p Group) -> Res<Value> {
        self.members_by(self.candidates(group))
    }

    /// The members that some rules of a set add to it.
    pub(crate) fn members_of(&mut self, id: GroupId, rules: &[usize]) -> Res<Value> {
        let plan = self.plan;
        self.members_by(rules.iter().map(|at| &plan.groups[id as usize].rules[*at]))
    }

    fn members_by(&mut self, rules: impl Iterator<Item = &'p Rule>) -> Res<Value> {
        let mut members: Vec<Value> = Vec::new();
        for rule in rules {
            let frame = self.push(rule.slots);
            let result = self.run(&rule.body, 0, &mut |vm| {
                if let Some(value) = vm.eval(&rule.value)? {
                    vm.keep(&value)?;
                    members.push(value);
                }
                Ok(Flow::Continue)
            });
            self.pop(frame);
            result?;
        }
        Ok(Value::Set(members.into_iter().collect::<Set>()))
    }

    fn entries(&mut self, group: &'p Group) -> Res<Value> {
        let alone = self.plan.nodes[group.node as usize].children.is_empty();
        if alone && group.rules.iter().all(|rule| rule.path.len() == 1 && !rule.multi) {
            return self.flat_entries(group).map(Value::Object);
        }
        let mut tree = Tree::default();
        self.nested_entries(group, &[], &mut tree)?;
        self.below(group.node, &[], &mut tree)?;
        Ok(Value::Object(tree.finish()))
    }

    /// What is defined below a node under constant names is part of its object.
    fn below(&mut self, node: NodeId, prefix: &[Key], tree: &mut Tree) -> Res<()> {
        let plan = self.plan;
        for (key, child) in &plan.nodes[node as usize].children {
            let path: Vec<Key> = prefix.iter().chain([key]).cloned().collect();
            if let Some(id) = plan.nodes[*child as usize].group {
                let group = &plan.groups[id as usize];
                let span = group.rules.first().map(|rule| rule.span);
                let mut fits = true;
                match group.kind {
                    Kind::Object => self.nested_entries(group, &path, tree)?,
                    Kind::Set => {
                        if let Some(Value::Set(members)) = self.group(id)? {
                            fits = members.iter().all(|member| tree.insert(&path, member.clone(), true));
                        }
                    }
                    Kind::Complete => {
                        if let Some(value) = self.group(id)? {
                            fits = tree.insert(&path, value, false);
                        }
                    }
                    Kind::Function(_) => {}
                }
                if !fits {
                    return Err(Error::new(Code::EvalConflict, span, "object keys must be unique"));
                }
            }
            self.below(*child, &path, tree)?;
        }
        Ok(())
    }

    fn flat_entries(&mut self, group: &'p Group) -> Res<Object> {
        let mut entries: Vec<(Key, Value)> = Vec::new();
        for rule in self.candidates(group) {
            let frame = self.push(rule.slots);
            let result = self.run(&rule.body, 0, &mut |vm| {
                let Some(key) = vm.eval(&rule.path[0])? else { return Ok(Flow::Continue) };
                let Some(value) = vm.eval(&rule.value)? else { return Ok(Flow::Continue) };
                vm.keep(&value)?;
                entries.push((vm.key(&key)?, value));
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

    fn nested_entries(&mut self, group: &'p Group, prefix: &[Key], tree: &mut Tree) -> Res<()> {
        for rule in self.candidates(group) {
            let frame = self.push(rule.slots);
            let result = self.run(&rule.body, 0, &mut |vm| {
                let mut path = Vec::with_capacity(prefix.len() + rule.path.len());
                path.extend_from_slice(prefix);
                for part in &rule.path {
                    let Some(key) = vm.eval(part)? else { return Ok(Flow::Continue) };
                    path.push(vm.key(&key)?);
                }
                let Some(value) = vm.eval(&rule.value)? else { return Ok(Flow::Continue) };
                vm.keep(&value)?;
                if !tree.insert(&path, value, rule.multi) {
                    return Err(Error::new(Code::EvalConflict, rule.span, "object keys must be unique"));
                }
                Ok(Flow::Continue)
            });
            self.pop(frame);
            result?;
        }
        Ok(())
    }
}
