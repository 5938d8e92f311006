//! Names of the package's rules and of imports become full references.

use std::collections::{HashMap, HashSet};

use super::declared::declared_vars;
use crate::ast::{Body, Compr, Expr, Group, Module, Name, Part, Rule, Term, TermKind, Terms, With};
use crate::error::{Code, Error};
use crate::vars::{Skip, VarSet, term_vars};

/// What the names known in a module stand for.
pub(crate) type Globals = HashMap<Name, Vec<Term>>;

/// What the names known in a module stand for: the package's rules, of all its modules, and imports.
pub(crate) fn globals(module: &Module, exports: &[Name]) -> Globals {
    let mut globals = Globals::new();
    for name in exports {
        let mut path = module.package.clone();
        path.push(Term::string(module.package_span, name));
        globals.insert(name.clone(), path);
    }
    for import in &module.imports {
        if !matches!(import.root(), "future" | "rego") {
            globals.insert(import.name(), import.path.clone());
        }
    }
    globals
}

pub(crate) struct Resolver<'g> {
    globals: &'g Globals,
    /// Names that are variables here.
    ignored: Vec<VarSet>,
    /// The names that were met.
    pub(crate) used: HashSet<Name>,
}

impl<'g> Resolver<'g> {
    pub(crate) fn new(globals: &'g Globals) -> Self {
        Self { globals, ignored: Vec::new(), used: HashSet::new() }
    }

    pub(crate) fn rule(&mut self, rule: &mut Rule, errors: &mut Vec<Error>) {
        let mut args = VarSet::new();
        for arg in &rule.head.args {
            pattern_vars(arg, &mut args, errors);
        }
        self.ignored = vec![args, declared_vars(&rule.body)];
        for part in rule.head.reference.iter_mut().skip(1) {
            self.term(part);
        }
        if let Some(key) = &mut rule.head.key {
            self.term(key);
        }
        if let Some(value) = &mut rule.head.value {
            self.term(value);
        }
        self.body(&mut rule.body);
        if let Some(otherwise) = &mut rule.otherwise {
            self.rule(otherwise, errors);
        }
    }

    pub(crate) fn query(&mut self, body: &mut Body) {
        self.ignored = vec![declared_vars(body)];
        self.body(body);
    }

    fn global(&mut self, name: &Name) -> Option<&'g Vec<Term>> {
        let path = self.globals.get(name)?;
        if self.ignored.iter().any(|vars| vars.contains(name)) {
            return None;
        }
        self.used.insert(name.clone());
        Some(path)
    }

    fn path_at(path: &[Term], at: &Term) -> Vec<Term> {
        path.iter().map(|part| Term::new(at.span, part.kind.clone())).collect()
    }

    fn body(&mut self, body: &mut Body) {
        body.iter_mut().for_each(|expr| self.expr(expr));
    }

    fn terms(&mut self, terms: &mut [Term]) {
        terms.iter_mut().for_each(|term| self.term(term));
    }

    fn expr(&mut self, expr: &mut Expr) {
        match &mut expr.terms {
            Terms::Term(term) => self.term(term),
            Terms::Call(terms) => self.terms(terms),
            Terms::Some(symbols) => {
                if let Some(Term { kind: TermKind::Call(terms), .. }) = symbols.first_mut() {
                    self.terms(terms);
                }
            }
            Terms::Every(every) => {
                let mut vars = term_vars(&every.value, Skip::default());
                if let Some(key) = &every.key {
                    vars.extend(term_vars(key, Skip::default()));
                }
                self.ignored.push(vars);
                self.term(&mut every.domain);
                self.body(&mut every.body);
                self.ignored.pop();
            }
            Terms::Not(Group { body, .. }) => self.body(body),
            Terms::And(left, right) | Terms::Or(left, right) => {
                self.body(&mut left.body);
                self.body(&mut right.body);
            }
        }
        for With { target, value, .. } in &mut expr.with {
            self.term(target);
            self.term(value);
        }
    }

    fn compr(&mut self, compr: &mut Compr) {
        self.ignored.push(declared_vars(&compr.body));
        if let Some(key) = &mut compr.key {
            self.term(key);
        }
        self.term(&mut compr.term);
        self.body(&mut compr.body);
        self.ignored.pop();
    }

    fn term(&mut self, term: &mut Term) {
        match &mut term.kind {
            TermKind::Scalar(_) => {}
            TermKind::Var(name) => {
                if let Some(path) = self.global(name) {
                    term.kind = TermKind::Ref(Self::path_at(path, term));
                }
            }
            TermKind::Ref(parts) => {
                self.terms(&mut parts[1..]);
                let head = &mut parts[0];
                match &head.kind {
                    TermKind::Var(name) => {
                        if let Some(path) = self.global(name) {
                            let path = Self::path_at(path, head);
                            parts.splice(0..1, path);
                        }
                    }
                    _ => self.term(head),
                }
            }
            TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => self.terms(terms),
            TermKind::Object(pairs) => {
                for (key, value) in pairs {
                    self.term(key);
                    self.term(value);
                }
            }
            TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => self.compr(compr),
            TermKind::Template(parts) => {
                for part in parts {
                    if let Part::Expr(expr) = part {
                        self.expr(expr);
                    }
                }
            }
        }
    }
}

/// The variables that a function's parameter binds.
fn pattern_vars(arg: &Term, vars: &mut VarSet, errors: &mut Vec<Error>) {
    match &arg.kind {
        TermKind::Var(name) => {
            vars.insert(name.clone());
        }
        TermKind::Array(terms) => terms.iter().for_each(|term| pattern_vars(term, vars, errors)),
        TermKind::Object(pairs) => pairs.iter().for_each(|(_, value)| pattern_vars(value, vars, errors)),
        TermKind::Ref(parts) => {
            if parts.len() == 1
                && let Some(name @ ("input" | "data")) = parts[0].as_var().map(Name::as_str)
            {
                let message = format!("args must not shadow {name} (use a different variable name)");
                errors.push(Error::new(Code::Compile, arg.span, message));
            }
            vars.extend(term_vars(arg, Skip::default()));
        }
        _ => {}
    }
}
