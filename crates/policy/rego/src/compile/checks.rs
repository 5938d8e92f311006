//! What is wrong with policies that are well formed.

use std::collections::{HashMap, HashSet};

use super::tree::{full_name, kind};
use super::{CompileOptions, Tree};
use crate::ast::{Body, Expr, Import, Module, Name, Rule, Term, TermKind, is_generated, ref_text};
use crate::builtins;
use crate::error::{Code, Error};
use crate::plan::{Kind, NodeId};
use crate::vars::{Collector, Skip, walk_exprs, walk_term};

/// What can be said before names are resolved.
pub(super) fn before(modules: &[Module], options: &CompileOptions, errors: &mut Vec<Error>) {
    for module in modules.iter().filter(|module| options.strict || module.v1) {
        duplicate_imports(module, errors);
        for rule in &module.rules {
            let name = rule.head.name();
            if matches!(name, "input" | "data") {
                let message = format!("rules must not shadow {name} (use a different rule name)");
                errors.push(Error::new(Code::Compile, rule.span, message));
            }
            walk_exprs(&rule.body, &mut |expr| {
                if expr.is_assignment()
                    && let Some(name) = expr.operands().first().map(ToString::to_string)
                    && matches!(name.as_str(), "input" | "data")
                {
                    let message = format!("variables must not shadow {name} (use a different variable name)");
                    errors.push(Error::new(Code::Compile, expr.span, message));
                }
            });
        }
    }
}

fn duplicate_imports(module: &Module, errors: &mut Vec<Error>) {
    let mut known: HashMap<Name, &Import> = HashMap::new();
    for import in &module.imports {
        if let Some(first) = known.get(&import.name()) {
            let message = format!("import must not shadow import {}", ref_text(&first.path));
            errors.push(Error::new(Code::Compile, import.span, message));
        } else {
            known.insert(import.name(), import);
        }
    }
}

pub(super) fn unused_imports(module: &Module, used: &HashSet<Name>, errors: &mut Vec<Error>) {
    for import in &module.imports {
        if !matches!(import.root(), "future" | "rego") && !used.contains(&import.name()) {
            let message = format!("import {} unused", ref_text(&import.path));
            errors.push(Error::new(Code::Compile, import.span, message));
        }
    }
}

/// Rules of one name that cannot stand together, and rules within the extent of others.
pub(super) fn conflicts(modules: &[Module], tree: &Tree, errors: &mut Vec<Error>) {
    let rule_at = |at: &super::tree::RuleAt| &modules[at.0].rules[at.1];
    for (id, at) in tree.rules.iter().enumerate() {
        let Some(first) = at.first().map(rule_at) else { continue };
        let node = NodeId::try_from(id).unwrap_or(NodeId::MAX);
        let name = full_name(&tree.nodes[id].path);
        let rules: Vec<&Rule> = at.iter().map(rule_at).collect();
        let mut fail = |message: String| errors.push(Error::new(Code::Type, first.span, message));
        let inside = inside(tree, modules, node, &rules);
        if !inside.is_empty() {
            fail(format!("rule {name} conflicts with {inside:?}"));
            continue;
        }
        let kinds: HashSet<Kind2> = rules.iter().map(|rule| Kind2::of(rule)).collect();
        let arities: HashSet<usize> = rules.iter().map(|rule| rule.head.args.len()).collect();
        if kinds.len() > 1 || arities.len() > 1 {
            fail(format!("conflicting rules {name} found"));
            continue;
        }
        let defaults: Vec<_> = rules.iter().filter(|rule| rule.default).collect();
        if defaults.len() > 1 {
            fail(format!("multiple default rules {name} found"));
        }
    }
    package_conflicts(modules, tree, errors);
}

/// The forms of rules that one name cannot have both of.
#[derive(PartialEq, Eq, Hash)]
enum Kind2 {
    Single,
    Partial,
    Set,
    SetObject,
}

impl Kind2 {
    fn of(rule: &Rule) -> Self {
        match (kind(rule), rule.head.is_multi_value()) {
            (Kind::Complete | Kind::Function(_), _) => Self::Single,
            (Kind::Object, false) => Self::Partial,
            (Kind::Set, _) => Self::Set,
            (Kind::Object, true) => Self::SetObject,
        }
    }
}

/// The names of the rules below a node that conflict with the node's own.
fn inside(tree: &Tree, modules: &[Module], node: NodeId, rules: &[&Rule]) -> Vec<String> {
    let ground = rules.iter().any(|rule| kind(rule) != Kind::Object);
    let mut found = Vec::new();
    let mut open: Vec<NodeId> = tree.nodes[node as usize].children.values().copied().collect();
    while let Some(child) = open.pop() {
        let functions_only = !ground;
        for at in &tree.rules[child as usize] {
            let rule = &modules[at.0].rules[at.1];
            if !functions_only || rule.head.function {
                found.push(full_name(&tree.nodes[child as usize].path));
            }
        }
        open.extend(tree.nodes[child as usize].children.values().copied());
    }
    found
}

/// A package must not lie where a rule has its value.
fn package_conflicts(modules: &[Module], tree: &Tree, errors: &mut Vec<Error>) {
    for module in modules {
        let Some(node) = tree.find(&module.package) else { continue };
        for at in &tree.rules[node as usize] {
            let rule = &modules[at.0].rules[at.1];
            if kind(rule) != Kind::Object {
                let name = full_name(&tree.nodes[node as usize].path);
                let message = format!("package {} conflicts with rule {name}", ref_text(&module.package[1..]));
                errors.push(Error::new(Code::Type, module.package_span, message));
            }
        }
    }
}

/// Every function that is called exists, may be called, and gets as many operands as it takes.
pub(super) fn functions(modules: &[Module], tree: &Tree, options: &CompileOptions, errors: &mut Vec<Error>) {
    for module in modules {
        let deprecated = options.strict || module.v1;
        for rule in &module.rules {
            let mut branch = Some(rule);
            while let Some(rule) = branch {
                let mut check = |expr: &Expr| function(expr, tree, options, deprecated, errors);
                walk_exprs(&rule.body, &mut check);
                for term in rule.head.key.iter().chain(&rule.head.value).chain(&rule.head.args) {
                    crate::vars::walk_exprs_in_term(term, &mut check);
                }
                branch = rule.otherwise.as_deref();
            }
        }
    }
}

pub(super) fn functions_in_body(body: &Body, tree: &Tree, options: &CompileOptions, errors: &mut Vec<Error>) {
    walk_exprs(body, &mut |expr| function(expr, tree, options, options.strict, errors));
}

fn function(expr: &Expr, tree: &Tree, options: &CompileOptions, deprecated: bool, errors: &mut Vec<Error>) {
    let Some(operator) = expr.operator() else { return };
    let name = operator.to_string();
    let mut fail = |message: String| errors.push(Error::new(Code::Type, expr.span, message));
    let given = expr.operands().len();
    let builtin = builtins::find(&name).filter(|builtin| !builtin.extension || options.extensions.have(builtin.name));
    let Some(takes) = builtin.map(builtins::Builtin::arity).or_else(|| tree.function(operator)) else {
        return fail(format!("undefined function {name}"));
    };
    if options.unsafe_builtins.contains(&name) {
        fail(format!("unsafe built-in function calls in expression: {name}"));
    }
    if deprecated && builtin.is_some_and(|builtin| builtin.deprecated) {
        fail(format!("deprecated built-in function calls in expression: {name}"));
    }
    if builtin.is_some_and(|builtin| builtin.variadic) {
        return;
    }
    let fits = if expr.generated && !expr.is_equality() && !builtin.is_some_and(|builtin| builtin.void) {
        given == takes + 1
    } else {
        given == takes || given == takes + 1
    };
    if !fits {
        if let Some(builtin) = builtin {
            let name = operator.as_ref().unwrap_or(std::slice::from_ref(operator));
            errors.push(crate::types::arity_mismatch(builtin.declared(), expr.span, name, expr.operands()));
            return;
        }
        let given = if expr.generated { given.saturating_sub(1) } else { given };
        let noun = if given == 1 { "argument" } else { "arguments" };
        fail(format!("function {name} has arity {takes}, got {given} {noun}"));
    }
}

/// Functions without a result stand alone only.
pub(super) fn void_calls(rule: &Rule, errors: &mut Vec<Error>) {
    let mut visit = |term: &Term| void_call(term, errors);
    crate::vars::walk_body(&rule.body, &mut visit);
    for term in rule.head.key.iter().chain(&rule.head.value).chain(&rule.head.args) {
        walk_term(term, &mut visit);
    }
}

pub(super) fn void_calls_in_body(body: &Body, errors: &mut Vec<Error>) {
    crate::vars::walk_body(body, &mut |term| void_call(term, errors));
}

fn void_call(term: &Term, errors: &mut Vec<Error>) -> bool {
    if let TermKind::Call(terms) = &term.kind
        && builtins::find(&terms[0].to_string()).is_some_and(|builtin| builtin.void)
    {
        errors.push(Error::new(Code::Type, term.span, format!("{term} used as value")));
    }
    true
}

/// Every variable of a head must stand in the body.
pub(super) fn head_safety(rule: &Rule, original: &dyn Fn(&Name) -> Name, errors: &mut Vec<Error>) {
    let mut known = Collector::new(Skip::SAFETY);
    known.body(&rule.body);
    let mut known_args = Collector::new(Skip::default());
    known_args.terms(&rule.head.args);
    let head = &rule.head;
    for term in head.reference[1..].iter().chain(&head.key).chain(&head.value) {
        walk_term(term, &mut |term| {
            match &term.kind {
                TermKind::Var(name) if !known.vars.contains(name) && !known_args.vars.contains(name) => {
                    let name = original(name);
                    if !is_generated(&name) && name != "data" && name != "input" {
                        let shown = if crate::ast::is_wildcard(&name) { "_" } else { &name };
                        errors.push(Error::new(Code::UnsafeVar, term.span, format!("var {shown} is unsafe")));
                    }
                }
                TermKind::ArrayCompr(_) | TermKind::SetCompr(_) | TermKind::ObjectCompr(_) => return false,
                _ => {}
            }
            true
        });
    }
}
