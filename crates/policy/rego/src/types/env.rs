//! What is known of names: variables by scope, rules and documents in a tree.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use probity_model::value::{Object as Entries, Value};

use super::{Checker, Object, Rest, Type, check, members, or};
use crate::ast::{Compr, Name, Term, TermKind};
use crate::builtins;

/// Types by path: the first key is `data` or `input`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Node {
    pub(super) value: Option<Type>,
    pub(super) children: BTreeMap<Value, Node>,
}

impl Node {
    pub(super) fn child(&self, key: &Value) -> Option<&Node> {
        self.children.get(key)
    }

    fn grow(&mut self, path: &[Value]) -> &mut Node {
        path.iter().fold(self, |node, key| node.children.entry(key.clone()).or_default())
    }

    /// Sets the type at a path.
    pub(super) fn put(&mut self, path: &[Value], of: Type) {
        self.grow(path).value = Some(of);
    }

    /// Makes a path known, of whatever type.
    pub(super) fn reserve(&mut self, path: &[Value]) {
        self.grow(path);
    }

    /// Adds a type at a path to what is known there, and to the objects that the path leads through.
    pub(super) fn insert(&mut self, path: &[Value], of: &Type) {
        let mut node = self;
        for (index, key) in path.iter().enumerate() {
            node = node.children.entry(key.clone()).or_default();
            let rest = &path[index + 1..];
            if let (false, Some(known)) = (rest.is_empty(), &node.value)
                && let Type::Object(object) = known.unrolled()
            {
                node.value = Some(with_entry(&object, rest, of));
            }
        }
        node.value = join(node.value.take(), Some(of.clone()));
        if matches!(of.unrolled(), Type::Object(_)) && !node.children.is_empty() {
            let mut leaves = Vec::new();
            node.leaves(&mut Vec::new(), &mut leaves);
            for (path, leaf) in leaves {
                if let Some(Type::Object(object)) = node.value.as_ref().map(Type::unrolled) {
                    node.value = Some(with_entry(&object, &path, &leaf));
                }
            }
        }
    }

    fn leaves(&self, path: &mut Vec<Value>, found: &mut Vec<(Vec<Value>, Type)>) {
        for (key, child) in &self.children {
            path.push(key.clone());
            match &child.value {
                Some(value) => found.push((path.clone(), value.clone())),
                None => child.leaves(path, found),
            }
            path.pop();
        }
    }

    /// The type of all that is at and below a node.
    pub(super) fn extent(&self) -> Option<Type> {
        if self.value.is_some() {
            return self.value.clone();
        }
        let scalars =
            self.children.iter().filter(|(key, _)| matches!(key, Value::String(_) | Value::Number(_) | Value::Bool(_)));
        let fixed = scalars.map(|(key, child)| (key.clone(), child.extent())).collect();
        Some(Type::object(fixed, Some(anything())))
    }
}

/// Documents may have more than is known of them.
fn anything() -> Rest {
    Rest { key: Some(Type::String), value: Some(Type::Any) }
}

/// An object with one more entry of a type, at a path.
fn with_entry(object: &Object, path: &[Value], of: &Type) -> Type {
    let Some((key, tail)) = path.split_first() else { return Type::object(object.fixed.clone(), object.rest.clone()) };
    let value = if tail.is_empty() {
        of.clone()
    } else {
        tail.iter().rev().fold(of.clone(), |inner, key| {
            Type::object(Vec::new(), Some(Rest { key: Some(Type::of(key)), value: Some(inner) }))
        })
    };
    let (known_key, known_value) = object.rest.clone().map_or((None, None), |rest| (rest.key, rest.value));
    let rest = Rest { key: or(known_key, Some(Type::of(key))), value: or(known_value, Some(value)) };
    Type::object(object.fixed.clone(), Some(rest))
}

/// The types of two rules of one name as one.
fn join(one: Option<Type>, other: Option<Type>) -> Option<Type> {
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one.unrolled(), other.unrolled()),
        (one, other) => return one.or(other),
    };
    match (&one, &other) {
        (Type::Object(a), Type::Object(b)) if a.fixed.is_empty() && b.fixed.is_empty() => {
            let (Some(known), Some(added)) = (&a.rest, &b.rest) else {
                return Some(if a.rest.is_none() { other } else { one });
            };
            let key = or(known.key.clone(), added.key.clone());
            let value = join(known.value.clone(), added.value.clone());
            Some(Type::object(Vec::new(), Some(Rest { key, value })))
        }
        (Type::Object(object), any @ Type::OneOf(_)) | (any @ Type::OneOf(_), Type::Object(object)) => {
            join_alternative(object, any).or_else(|| or(Some(one.clone()), Some(other.clone())))
        }
        (Type::Set(a), Type::Set(b)) => Some(Type::set(or(a.of.clone(), b.of.clone()))),
        _ => or(Some(one), Some(other)),
    }
}

/// An object of open keys joins the first alternative that is one, too.
fn join_alternative(object: &Object, any: &Type) -> Option<Type> {
    let (true, Some(added), Type::OneOf(one_of)) = (object.fixed.is_empty(), &object.rest, any) else { return None };
    let is_open = |of: &Type| matches!(of, Type::Object(known) if known.fixed.is_empty() && known.rest.is_some());
    let at = one_of.alternatives.iter().position(is_open)?;
    let Type::Object(known) = &one_of.alternatives[at] else { return None };
    let known = known.rest.clone()?;
    let rest = Rest { key: or(known.key, added.key.clone()), value: or(known.value, added.value.clone()) };
    let joined = Type::object(Vec::new(), Some(rest));
    let others = one_of.alternatives.iter().enumerate().filter(|(index, _)| *index != at);
    others.map(|(_, of)| of).try_fold(joined, |all, of| or(Some(all), Some(of.clone())))
}

/// What is known in one scope, and of the scopes around it.
pub(crate) struct Env<'e> {
    pub(super) checker: &'e Checker<'e>,
    vars: RefCell<HashMap<Name, Option<Type>>>,
    tree: Option<&'e Node>,
    next: Option<&'e Env<'e>>,
    /// Whose variables are learned of here; its own without.
    learner: Option<&'e Env<'e>>,
    /// How often something was learned in this scope.
    lessons: Cell<usize>,
    /// What comprehensions give, by where they lie in memory and by the lessons before.
    kept: RefCell<HashMap<(usize, usize), Option<Type>>>,
}

/// Where a walk along a reference stands.
pub(super) enum At<'n> {
    /// A variable, whose type need not be known.
    Var(Option<Type>),
    Node(&'n Node),
}

impl<'e> Env<'e> {
    pub(super) fn new(checker: &'e Checker<'e>, tree: &'e Node) -> Self {
        Self {
            checker,
            vars: RefCell::default(),
            tree: Some(tree),
            next: None,
            learner: None,
            lessons: Cell::new(0),
            kept: RefCell::default(),
        }
    }

    /// A scope within this one.
    pub(super) fn inner(&'e self) -> Env<'e> {
        Env { tree: None, next: Some(self), ..Env::new(self.checker, &self.checker.nothing) }
    }

    /// A scope within this one in which some documents are of other types.
    pub(super) fn with_tree(&'e self, tree: &'e Node) -> Env<'e> {
        Env { next: Some(self), ..Env::new(self.checker, tree) }
    }

    /// The same for one expression: what is learned of variables there holds outside.
    pub(super) fn replaced(&'e self, tree: &'e Node) -> Env<'e> {
        Env { learner: Some(self.learner.unwrap_or(self)), ..self.with_tree(tree) }
    }

    /// Sets what is known of a variable.
    pub(super) fn learn(&self, name: &Name, of: Option<Type>) {
        let learner = self.learner.unwrap_or(self);
        learner.lessons.set(learner.lessons.get() + 1);
        learner.vars.borrow_mut().insert(name.clone(), of);
    }

    fn key(&self, compr: &Compr) -> (usize, usize) {
        (std::ptr::from_ref(compr).addr(), self.learner.unwrap_or(self).lessons.get())
    }

    /// Keeps what a comprehension gives as long as no more is learned here.
    pub(super) fn keep(&self, compr: &Compr, of: Option<Type>) {
        self.kept.borrow_mut().insert(self.key(compr), of);
    }

    fn comprehension(&self, kind: &TermKind, compr: &Compr) -> Option<Type> {
        if let Some(kept) = self.kept.borrow().get(&self.key(compr)) {
            return kept.clone();
        }
        let of = if self.checker.is_spent() {
            Some(Type::Any)
        } else {
            let (inner, errors) = check::body(self, &compr.body);
            errors.is_empty().then(|| inner.collected(kind, compr))
        };
        self.keep(compr, of.clone());
        of
    }

    /// What a comprehension gives whose body was checked in this scope.
    pub(super) fn collected(&self, kind: &TermKind, compr: &Compr) -> Type {
        let of = self.term(&compr.term);
        match kind {
            TermKind::ArrayCompr(_) => Type::array(Vec::new(), of),
            TermKind::SetCompr(_) => Type::set(of),
            _ => {
                let key = compr.key.as_ref().and_then(|key| self.term(key));
                Type::object(Vec::new(), Some(Rest { key, value: of }))
            }
        }
    }

    pub(super) fn next(&self) -> Option<&'e Env<'e>> {
        self.next
    }

    /// What a name stands for in this very scope.
    pub(super) fn own(&self, name: &Name) -> Option<At<'e>> {
        if let Some(of) = self.vars.borrow().get(name) {
            return Some(At::Var(of.clone()));
        }
        let tree = self.tree?;
        (!tree.children.is_empty()).then(|| tree.child(&Value::String(name.clone()))).flatten().map(At::Node)
    }

    pub(super) fn var(&self, name: &Name) -> Option<Type> {
        let mut scope = Some(self);
        while let Some(env) = scope {
            match env.own(name) {
                Some(At::Var(of)) => return of,
                Some(At::Node(node)) => return node.value.clone(),
                None => scope = env.next,
            }
        }
        builtins::find(name).map(|builtin| Type::Function(builtin.declared().clone()))
    }

    /// The type of a term.
    pub(super) fn term(&self, term: &Term) -> Option<Type> {
        match &term.kind {
            TermKind::Scalar(value) => Some(Type::of(value)),
            TermKind::Template(_) => Some(Type::String),
            TermKind::Var(name) => self.var(name),
            TermKind::Ref(parts) => self.reference(parts),
            TermKind::Array(terms) => Some(Type::array(terms.iter().map(|term| self.term(term)).collect(), None)),
            TermKind::Object(pairs) => Some(self.object(pairs)),
            TermKind::Set(terms) => Some(Type::set(terms.iter().fold(None, |of, member| or(of, self.term(member))))),
            TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
                self.comprehension(&term.kind, compr)
            }
            TermKind::Call(_) => None,
        }
    }

    fn object(&self, pairs: &[(Term, Term)]) -> Type {
        let mut fixed = Vec::new();
        let mut open: Option<&(Term, Term)> = None;
        for pair in pairs {
            match constant(&pair.0) {
                Some(key) => fixed.push((key, self.term(&pair.1))),
                // Of several keys that are not constant OPA takes the one that is last in its order.
                None if open.is_none_or(|(key, _)| key.as_var() <= pair.0.as_var()) => open = Some(pair),
                None => {}
            }
        }
        Type::object(fixed, open.map(|(key, value)| Rest { key: self.term(key), value: self.term(value) }))
    }

    /// The type of what a reference means.
    pub(super) fn reference(&self, parts: &[Term]) -> Option<Type> {
        let (head, tail) = parts.split_first()?;
        let name = head.as_var()?;
        let mut scope = Some(self);
        while let Some(env) = scope {
            match env.own(name) {
                Some(At::Var(Some(of))) => return select(Some(of), tail),
                Some(At::Var(None)) if tail.is_empty() => return Some(Type::object(Vec::new(), Some(anything()))),
                Some(At::Node(node)) => {
                    if let Some(found) = below(node, tail) {
                        return found;
                    }
                }
                Some(At::Var(None)) | None => {}
            }
            scope = env.next;
        }
        self.checker.outermost(name, parts)
    }
}

/// The type of what is below a node; `None` when what is known does not reach that far.
fn below(node: &Node, tail: &[Term]) -> Option<Option<Type>> {
    let Some((part, rest)) = tail.split_first() else { return Some(node.extent()) };
    let key = constant(part);
    let child = key.as_ref().and_then(|key| node.child(key));
    if node.value.is_some() {
        return match child {
            Some(child) => below(child, rest),
            None => Some(select(node.value.clone(), tail)),
        };
    }
    match (key, child) {
        (None, _) => Some(select(node.extent(), tail)),
        (Some(_), Some(child)) => below(child, rest),
        (Some(_), None) => None,
    }
}

/// The type of what the rest of a reference selects from a type.
pub(super) fn select(of: Option<Type>, tail: &[Term]) -> Option<Type> {
    let mut of = of;
    for part in tail {
        let whole = of?;
        of = match &part.kind {
            TermKind::Scalar(key @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_))) => {
                members::select(&whole, key)
            }
            TermKind::Scalar(_)
            | TermKind::Var(_)
            | TermKind::Ref(_)
            | TermKind::Array(_)
            | TermKind::Object(_)
            | TermKind::Set(_) => {
                // Going through what holds nothing gives nothing, of whatever type.
                if whole.is_empty() {
                    return Some(Type::Any);
                }
                members::values(&whole)
            }
            _ => None,
        };
    }
    of
}

/// The value of a constant as JSON has it: a set is a list.
pub(super) fn constant(term: &Term) -> Option<Value> {
    match &term.kind {
        TermKind::Scalar(value) => Some(plain(value)),
        TermKind::Array(terms) => Some(Value::array(terms.iter().map(constant).collect::<Option<Vec<_>>>()?)),
        TermKind::Set(terms) => {
            let mut members = terms.iter().map(constant).collect::<Option<Vec<_>>>()?;
            members.sort();
            members.dedup();
            Some(Value::array(members))
        }
        TermKind::Object(pairs) => {
            let entry = |(key, value): &(Term, Term)| {
                Some((probity_model::value::Key::from_value(&constant(key)?), constant(value)?))
            };
            Some(Value::Object(pairs.iter().map(entry).collect::<Option<Entries>>()?))
        }
        _ => None,
    }
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Array(array) => Value::array(array.iter().map(plain)),
        Value::Set(set) => Value::array(set.iter().map(plain)),
        Value::Object(object) => Value::Object(object.iter().map(|(key, value)| (key.clone(), plain(value))).collect()),
        other => other.clone(),
    }
}
