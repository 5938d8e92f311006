//! Rules in the order in which they depend on each other.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use probity_model::Span;
use probity_model::value::Value;

use super::check::{self, Checker, Left, TypeError, ground_prefix, path};
use super::env::{Env, Node};
use super::overrides::Overrides;
use super::{Arg, Function, Kept, Rest, Type};
use crate::ast::{Body, Expr, Module, Name, Rule, Term, TermKind, Terms};
use crate::compile::known::Known;
use crate::compile::{Graph, Names, Tree};
use crate::error::Error;
use crate::vars::walk_term;

/// What is known of all rules, and of the documents that schemas tell of.
#[derive(Debug)]
pub(crate) struct Types {
    tree: Node,
    input: Option<Type>,
    /// What parts of schemas that are within themselves refer to.
    kept: Kept,
}

impl Types {
    /// Nothing is known but `input`.
    pub(crate) fn new(input: Option<Type>) -> Self {
        Self { tree: Node::default(), input, kept: Kept::new() }
    }
}

/// Which rules depend on which.
pub(crate) struct Dependents<'t> {
    tree: &'t Tree,
    graph: &'t Graph,
    /// What was found before, by the target of a `with`.
    relaxed: RefCell<HashMap<String, Option<Rc<Node>>>>,
}

impl<'t> Dependents<'t> {
    pub(crate) fn new(tree: &'t Tree, graph: &'t Graph) -> Self {
        Self { tree, graph, relaxed: RefCell::default() }
    }

    /// The paths of the rules that a reference may mean, and of all that depend on those.
    fn of(&self, reference: &[Term]) -> Vec<Vec<Value>> {
        let mut open = Vec::new();
        self.tree.possible(reference, &Known::default(), &mut open);
        let mut found = HashSet::new();
        while let Some(node) = open.pop() {
            if found.insert(node) {
                open.extend(self.graph.dependents(node));
            }
        }
        let path_of = |node: &crate::plan::NodeId| {
            let keys = self.tree.nodes[*node as usize].path.iter().map(probity_model::value::Key::to_value);
            std::iter::once(Value::from("data")).chain(keys).collect()
        };
        found.iter().map(path_of).collect()
    }

    /// The documents that are of any type where a `with` replaces its target: all rules that depend on it.
    pub(super) fn relaxed(&self, target: &[Term], is_function: bool) -> Option<Rc<Node>> {
        if target.first().and_then(Term::as_var).is_none_or(|name| name != "data") {
            return None;
        }
        let mut key = crate::ast::ref_text(target);
        if is_function {
            key.insert_str(0, "f:");
        }
        if let Some(known) = self.relaxed.borrow().get(&key) {
            return known.clone();
        }
        let own = path(target);
        let mut tree: Option<Node> = None;
        for dependent in self.of(target) {
            if !(is_function && own.as_ref() == Some(&dependent)) {
                tree.get_or_insert_default().put(&dependent, Type::Any);
            }
        }
        let tree = tree.map(Rc::new);
        self.relaxed.borrow_mut().insert(key, tree.clone());
        tree
    }
}

/// Checks all rules, those first that others depend on.
pub(crate) fn rules(
    modules: &[Module],
    tree: &Tree,
    graph: &Graph,
    names: &Names,
    overrides: &mut Overrides<'_>,
    types: &mut Types,
) -> Vec<TypeError> {
    let dependents = Dependents::new(tree, graph);
    let mut errors = Vec::new();
    let mut left = Left::default();
    for node in graph.order() {
        for at in &tree.rules[*node as usize] {
            let module = &modules[at.0];
            let mut branch = Some(&module.rules[at.1]);
            let mut is_first = true;
            while let Some(rule) = branch {
                let original = |name: &Name| original(name, &rule.body, names);
                let checker = Checker::new(types.input.as_ref(), &dependents, &original, left);
                let found = {
                    let global = Env::new(&checker, &types.tree);
                    let replaced = overrides.documents(&global, *at, is_first, rule, &mut errors);
                    rule_type(&global.with_tree(&replaced), module, rule, &mut errors)
                };
                left = checker.settle(left);
                found.add_to(&mut types.tree);
                branch = rule.otherwise.as_deref();
                is_first = false;
            }
        }
    }
    types.kept = std::mem::take(&mut overrides.kept);
    errors
}

/// What a rule adds to what is known.
enum Found {
    /// Its path is any, since it has errors.
    Faulty(Vec<Value>),
    /// The same, with keys that are not constant.
    FaultyBelow(Vec<Value>),
    Typed(Vec<Value>, Type),
    Nothing,
}

impl Found {
    fn add_to(self, tree: &mut Node) {
        match self {
            Self::Faulty(path) => tree.put(&path, Type::Any),
            Self::FaultyBelow(path) => tree.reserve(&path),
            Self::Typed(path, of) => tree.insert(&path, &of),
            Self::Nothing => {}
        }
    }
}

fn rule_type(outer: &Env<'_>, module: &Module, rule: &Rule, errors: &mut Vec<TypeError>) -> Found {
    let head = &rule.head;
    let name = Value::from(head.name());
    let mut path = ground_prefix(&module.package);
    path.push(name);
    let constant = head.reference[1..].iter().take_while(|part| super::env::constant(part).is_some()).count();
    path.extend(head.reference[1..=constant].iter().filter_map(super::env::constant));
    let open = &head.reference[1 + constant..];
    let (env, mut found) = check::body(outer, &rule.body);
    if !found.is_empty() {
        errors.append(&mut found);
        return if open.is_empty() { Found::Faulty(path) } else { Found::FaultyBelow(path) };
    }
    let of_value = || head.value.as_ref().and_then(|value| env.term(value));
    if !head.args.is_empty() {
        let args = head.args.iter().map(|arg| argument(&env, arg)).collect();
        let result = of_value().map(|of| Arg { name: None, of: Some(of) });
        return Found::Typed(path, Type::function(args, None, result));
    }
    let of = match &head.value {
        Some(_) => of_value(),
        None => head.key.as_ref().and_then(|key| env.term(key)).map(|of| Type::set(Some(of))),
    };
    match nested(&env, open, of) {
        Some(of) => Found::Typed(path, of),
        None => Found::Nothing,
    }
}

/// The type of a parameter; what the body says nothing of may be anything.
fn argument(env: &Env<'_>, arg: &Term) -> Arg {
    walk_term(arg, &mut |term| {
        if let Some(name) = term.as_var()
            && env.var(name).is_none()
        {
            env.learn(name, Some(Type::Any));
        }
        true
    });
    Arg { name: None, of: env.term(arg) }
}

/// Objects by keys that are not constant, one within the other.
fn nested(env: &Env<'_>, open: &[Term], of: Option<Type>) -> Option<Type> {
    open.iter().rev().try_fold(of?, |inner, part| {
        let key = env.term(part)?;
        Some(Type::object(Vec::new(), Some(Rest { key: Some(key), value: Some(inner) })))
    })
}

/// Checks a query.
pub(crate) fn query(body: &Body, types: &Types, dependents: &Dependents<'_>, names: &Names) -> Vec<TypeError> {
    let original = |name: &Name| original(name, body, names);
    let checker = Checker::new(types.input.as_ref(), dependents, &original, Left::default());
    let global = Env::new(&checker, &types.tree);
    check::body(&global, body).1
}

/// What a call says that has not as many operands as the function takes.
pub(crate) fn arity_mismatch(function: &Function, span: Span, name: &[Term], operands: &[Term]) -> Error {
    let (tree, graph, node) = (Tree::new(&[]), Graph::default(), Node::default());
    let dependents = Dependents::new(&tree, &graph);
    let original = |name: &Name| TermKind::Var(name.clone());
    let checker = Checker::new(None, &dependents, &original, Left::default());
    let env = Env::new(&checker, &node);
    let have: Vec<_> = operands.iter().map(|term| env.term(term)).collect();
    TypeError::operands(span, name, "arity mismatch", &have, &function.args).into_error()
}

/// What a variable of the compiler stands for: a term that was lifted out, or a name of the text.
fn original(name: &Name, body: &[Expr], names: &Names) -> TermKind {
    let mut found = None;
    crate::vars::walk_exprs(body, &mut |expr| {
        if found.is_none() && expr.generated {
            found = lifted(expr, name);
        }
    });
    found.unwrap_or_else(|| TermKind::Var(names.original(name)))
}

/// The term that an equation or a call of the compiler gives a variable.
fn lifted(expr: &Expr, name: &Name) -> Option<TermKind> {
    let Terms::Call(terms) = &expr.terms else { return None };
    let (operator, operands) = terms.split_first()?;
    if let ([left, right], true) = (operands, operator.is_operator("eq")) {
        let is_term = !matches!(right.kind, TermKind::Scalar(_) | TermKind::Var(_));
        return (left.as_var() == Some(name) && is_term).then(|| right.kind.clone());
    }
    let (output, _) = operands.split_last()?;
    (output.as_var() == Some(name)).then(|| TermKind::Call(terms[..terms.len() - 1].to_vec()))
}
