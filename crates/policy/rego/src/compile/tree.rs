//! The tree of rules by their full names.

use std::collections::BTreeMap;

use probity_model::value::Key;

use super::known::Known;
use crate::ast::{Module, Rule, Term, TermKind};
use crate::plan::{Kind, Node, NodeId};

/// Where a rule stands: module and position in it.
pub(crate) type RuleAt = (usize, usize);

/// The tree of rules, with the rules of each node by position.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// For each node the rules that define it.
    pub(crate) rules: Vec<Vec<RuleAt>>,
    /// For each node what its rules define.
    pub(crate) kinds: Vec<Option<Kind>>,
}

/// The constant that a part of a reference is.
pub(crate) fn constant_key(term: &Term) -> Option<Key> {
    match &term.kind {
        TermKind::Scalar(value) => Some(Key::from_value(value)),
        _ => None,
    }
}

impl Tree {
    pub(crate) fn new(modules: &[Module]) -> Self {
        let mut tree = Self { nodes: vec![Node::default()], rules: vec![Vec::new()], kinds: vec![None] };
        for (index, module) in modules.iter().enumerate() {
            let package = tree.insert(0, &module.package[1..]);
            for (at, rule) in module.rules.iter().enumerate() {
                let name = Term::string(rule.head.span, rule.head.name());
                let node = tree.insert(package, std::slice::from_ref(&name));
                let node = tree.insert(node, &rule.head.reference[1..]);
                tree.rules[node as usize].push((index, at));
                let kind = kind(rule);
                let known = &mut tree.kinds[node as usize];
                // Sets of one rule and objects of another are reported as a conflict later.
                if known.is_none() || kind == Kind::Object {
                    *known = Some(kind);
                }
            }
        }
        tree
    }

    /// The node at a path from another; the path ends before the first part that is no constant.
    fn insert(&mut self, from: NodeId, path: &[Term]) -> NodeId {
        let mut node = from;
        for part in path {
            let Some(key) = constant_key(part) else { break };
            node = match self.nodes[node as usize].children.get(&key) {
                Some(child) => *child,
                None => self.add(node, key),
            };
        }
        node
    }

    fn add(&mut self, parent: NodeId, key: Key) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        let mut path = self.nodes[parent as usize].path.clone();
        path.push(key.clone());
        self.nodes.push(Node { path, children: BTreeMap::new(), group: None });
        self.rules.push(Vec::new());
        self.kinds.push(None);
        self.nodes[parent as usize].children.insert(key, id);
        id
    }

    /// The node that a reference names, when all of it is constant and in the tree.
    pub(crate) fn find(&self, reference: &[Term]) -> Option<NodeId> {
        if reference.first().and_then(Term::as_var).is_none_or(|name| name != "data") {
            return None;
        }
        reference[1..]
            .iter()
            .try_fold(0, |node, part| self.nodes[node as usize].children.get(&constant_key(part)?).copied())
    }

    /// How many parameters a function has.
    pub(crate) fn function(&self, operator: &Term) -> Option<usize> {
        let node = self.find(operator.as_ref()?)?;
        match self.kinds[node as usize]? {
            Kind::Function(arity) => Some(arity),
            _ => None,
        }
    }

    /// The nodes with rules that a reference may mean, by what its variables can be.
    pub(crate) fn possible(&self, reference: &[Term], known: &Known<'_>, found: &mut Vec<NodeId>) {
        if reference.first().and_then(Term::as_var).is_some_and(|name| name == "data") {
            self.possible_from(0, &reference[1..], known, found);
        }
    }

    fn possible_from(&self, node: NodeId, rest: &[Term], known: &Known<'_>, found: &mut Vec<NodeId>) {
        if !self.rules[node as usize].is_empty() {
            found.push(node);
        }
        let children = &self.nodes[node as usize].children;
        match rest.split_first() {
            Some((part, rest)) => match constant_key(part).map(|key| vec![key]).or_else(|| known.keys(part)) {
                Some(keys) => {
                    for child in keys.iter().filter_map(|key| children.get(key)) {
                        self.possible_from(*child, rest, known, found);
                    }
                }
                // Only texts and numbers are names of rules.
                None if matches!(part.kind, TermKind::Array(_) | TermKind::Set(_) | TermKind::Object(_)) => {}
                None => children.values().for_each(|child| self.possible_from(*child, rest, known, found)),
            },
            None => children.values().for_each(|child| self.possible_from(*child, &[], known, found)),
        }
    }
}

/// What a rule defines.
pub(crate) fn kind(rule: &Rule) -> Kind {
    let head = &rule.head;
    let constant = head.reference[1..].iter().all(|part| constant_key(part).is_some());
    match (head.function, head.is_multi_value(), constant) {
        (true, ..) => Kind::Function(head.args.len()),
        (_, true, true) => Kind::Set,
        (_, false, true) => Kind::Complete,
        _ => Kind::Object,
    }
}

/// A rule's full name as text.
pub(crate) fn full_name(path: &[Key]) -> String {
    let mut name = "data".to_owned();
    for key in path {
        match key.as_other() {
            None if key.as_str().chars().all(|character| character.is_ascii_alphanumeric() || character == '_') => {
                name.push('.');
                name.push_str(key.as_str());
            }
            _ => {
                name.push('[');
                name.push_str(&probity_model::json::write(&key.to_value()));
                name.push(']');
            }
        }
    }
    name
}
