//! Which rules depend on which.

use std::collections::{BTreeMap, HashSet};

use super::Tree;
use super::known::Known;
use super::tree::full_name;
use crate::ast::{Module, Term, TermKind};
use crate::error::{Code, Error};
use crate::plan::NodeId;
use crate::vars::{walk_expr, walk_term};

/// The nodes that have rules, and what these refer to.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    edges: BTreeMap<NodeId, Vec<NodeId>>,
    reverse: BTreeMap<NodeId, Vec<NodeId>>,
    /// The nodes, those first that others depend on.
    order: Vec<NodeId>,
}

impl Graph {
    /// Finds what the rules of each node refer to.
    ///
    /// Rules that depend on themselves are errors.
    pub(super) fn new(modules: &[Module], tree: &Tree, errors: &mut Vec<Error>) -> Self {
        let mut graph = Self::default();
        for (id, at) in tree.rules.iter().enumerate().filter(|(_, at)| !at.is_empty()) {
            let node = NodeId::try_from(id).unwrap_or(NodeId::MAX);
            let targets = targets(modules, tree, at);
            for target in &targets {
                graph.reverse.entry(*target).or_default().push(node);
            }
            graph.edges.insert(node, targets);
        }
        let place = |node: &NodeId| {
            let (module, rule) = tree.rules[*node as usize][0];
            let span = modules[module].rules[rule].span;
            (span.source, span.start)
        };
        let mut starts: Vec<NodeId> = graph.edges.keys().copied().collect();
        starts.sort_by_key(place);
        let mut done = HashSet::new();
        for start in starts {
            let Some(cycle) = graph.visit(start, &mut done) else { continue };
            let names: Vec<_> = cycle.iter().map(|node| full_name(&tree.nodes[*node as usize].path)).collect();
            let at = tree.rules[cycle[0] as usize].first();
            let span = at.map(|at| modules[at.0].rules[at.1].span);
            let message = format!("rule {} is recursive: {}", names[0], names.join(" -> "));
            errors.push(Error::new(Code::Recursion, span, message));
        }
        graph
    }

    /// The nodes that have rules, those first that others depend on.
    pub(crate) fn order(&self) -> &[NodeId] {
        &self.order
    }

    /// The nodes whose rules refer to a node.
    pub(crate) fn dependents(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.reverse.get(&node).into_iter().flatten().copied()
    }

    /// Goes along the edges without recursion of its own, and gives the first cycle; `done` are nodes that lead to none.
    fn visit(&mut self, start: NodeId, done: &mut HashSet<NodeId>) -> Option<Vec<NodeId>> {
        if done.contains(&start) {
            return None;
        }
        let mut path = vec![(start, 0)];
        let mut active: HashSet<NodeId> = [start].into();
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            let Some(target) = self.edges.get(&node).and_then(|targets| targets.get(*next)).copied() else {
                if done.insert(node) {
                    self.order.push(node);
                }
                active.remove(&node);
                path.pop();
                continue;
            };
            *next += 1;
            if active.contains(&target) {
                let from = path.iter().position(|(node, _)| *node == target).unwrap_or_default();
                let mut cycle: Vec<NodeId> = path[from..].iter().map(|(node, _)| *node).collect();
                cycle.push(target);
                // Reported once.
                done.extend(path.iter().map(|(node, _)| *node));
                return Some(cycle);
            }
            if !done.contains(&target) {
                active.insert(target);
                path.push((target, 0));
            }
        }
        None
    }
}

/// The nodes that rules refer to.
fn targets(modules: &[Module], tree: &Tree, rules: &[super::tree::RuleAt]) -> Vec<NodeId> {
    let mut found = Vec::new();
    for (module, rule) in rules {
        let mut branch = Some(&modules[*module].rules[*rule]);
        while let Some(rule) = branch {
            let mut known = Known::default();
            let mut find = |known: &Known<'_>, term: &Term| {
                if let TermKind::Ref(parts) = &term.kind {
                    tree.possible(parts, known, &mut found);
                }
                true
            };
            for expr in &rule.body {
                walk_expr(expr, &mut |term| find(&known, term));
                known.learn(expr);
            }
            for term in rule.head.key.iter().chain(&rule.head.value).chain(&rule.head.args) {
                walk_term(term, &mut |term| find(&known, term));
            }
            branch = rule.otherwise.as_deref();
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
