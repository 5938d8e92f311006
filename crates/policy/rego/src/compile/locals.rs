//! Declared variables get names of their own, so that scopes need not be thought of later.

use std::collections::HashMap;

use super::Names;
use super::safety::equality_outputs;
use crate::ast::{Body, Compr, Expr, Group, Head, Name, Part, Rule, Term, TermKind, Terms, With, is_wildcard};
use crate::error::{Code, Error};
use crate::vars::{Collector, Skip, VarSet, body_vars, term_vars};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occurrence {
    New,
    Argument,
    Seen,
    Assigned,
    Declared,
}

/// One scope.
#[derive(Debug, Clone, Default)]
struct Scope {
    names: HashMap<Name, Name>,
    occurrences: HashMap<Name, Occurrence>,
    counts: HashMap<Name, usize>,
}

/// Renames the declared variables of one rule or query.
pub(crate) struct Locals<'n> {
    names: &'n mut Names,
    scopes: Vec<Scope>,
    strict: bool,
    pub(crate) errors: Vec<Error>,
    /// Declared and never used: errors when strict.
    unused: Vec<Error>,
}

/// Renames the declared variables of a rule and of its `else` branches.
pub(crate) fn rewrite_rule(rule: &mut Rule, names: &mut Names, strict: bool, errors: &mut Vec<Error>) {
    let mut locals = Locals::new(names, strict);
    let arguments: Vec<(Name, probity_model::Span)> = if strict {
        rule.head
            .args
            .iter()
            .flat_map(|arg| term_vars(arg, Skip::default()).into_iter().map(|name| (name, rule.head.span)))
            .filter(|(name, _)| !is_wildcard(name))
            .collect()
    } else {
        Vec::new()
    };
    for arg in &mut rule.head.args {
        locals.argument(arg);
    }
    let base = locals.scopes.clone();
    let mut used: VarSet = VarSet::new();
    let mut current = Some(rule);
    while let Some(rule) = current {
        locals.scopes.clone_from(&base);
        if let Some(value) = &rule.head.value {
            used.extend(term_vars(value, Skip::default()));
        }
        locals.rule(rule);
        used.extend(locals.scopes[0].counts.iter().filter(|(_, count)| **count > 1).map(|(name, _)| name.clone()));
        current = rule.otherwise.as_deref_mut();
    }
    for (name, span) in arguments {
        if !used.contains(&name) {
            let message = format!("unused argument {name}. (hint: use _ (wildcard variable) instead)");
            locals.errors.push(Error::new(Code::Compile, span, message));
        }
    }
    errors.append(&mut locals.errors);
}

/// Renames the declared variables of a query.
pub(crate) fn rewrite_query(body: &mut Body, names: &mut Names, strict: bool, errors: &mut Vec<Error>) {
    let mut locals = Locals::new(names, strict);
    locals.body(body, &VarSet::new());
    locals.flush_unused();
    errors.append(&mut locals.errors);
}

impl<'n> Locals<'n> {
    fn new(names: &'n mut Names, strict: bool) -> Self {
        Self { names, scopes: vec![Scope::default()], strict, errors: Vec::new(), unused: Vec::new() }
    }

    fn fail(&mut self, span: probity_model::Span, message: impl Into<String>) {
        self.errors.push(Error::new(Code::Compile, span, message));
    }

    fn flush_unused(&mut self) {
        if self.strict {
            self.errors.append(&mut self.unused);
        }
        self.unused.clear();
    }

    fn top(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("there is always a scope")
    }

    fn insert(&mut self, name: Name, new: Name, occurrence: Occurrence) {
        if new != name {
            self.names.rewritten.insert(new.clone(), name.clone());
        }
        let scope = self.top();
        scope.names.insert(name.clone(), new);
        scope.counts.insert(name.clone(), 1);
        scope.occurrences.insert(name, occurrence);
    }

    fn declared(&self, name: &Name) -> Option<&Name> {
        self.scopes.iter().rev().find_map(|scope| scope.names.get(name))
    }

    /// How the name is known in the innermost scope.
    fn occurrence(&self, name: &Name) -> Occurrence {
        self.scopes.last().and_then(|scope| scope.occurrences.get(name)).copied().unwrap_or(Occurrence::New)
    }

    fn global_occurrence(&self, name: &Name) -> Option<Occurrence> {
        self.scopes.iter().rev().find_map(|scope| scope.occurrences.get(name)).copied()
    }

    fn seen(&mut self, name: &Name) {
        for scope in self.scopes.iter_mut().rev() {
            if let Some(count) = scope.counts.get_mut(name) {
                *count += 1;
                return;
            }
        }
        self.top().counts.insert(name.clone(), 1);
    }

    fn count(&self, name: &Name) -> usize {
        self.scopes.iter().rev().find_map(|scope| scope.counts.get(name)).copied().unwrap_or_default()
    }

    fn argument(&mut self, arg: &mut Term) {
        match &mut arg.kind {
            TermKind::Var(name) => {
                let name = name.clone();
                let new = if let Some(known) = self.declared(&name).cloned() {
                    self.seen(&name);
                    known
                } else {
                    let new = self.names.fresh();
                    self.insert(name, new.clone(), Occurrence::Argument);
                    new
                };
                arg.kind = TermKind::Var(new);
            }
            TermKind::Array(terms) | TermKind::Ref(terms) => terms.iter_mut().for_each(|term| self.argument(term)),
            TermKind::Object(pairs) => pairs.iter_mut().for_each(|(_, value)| self.argument(value)),
            TermKind::Call(_) => self.fail(arg.span, "rule arguments cannot contain calls"),
            _ => {}
        }
    }

    fn rule(&mut self, rule: &mut Rule) {
        self.head_closures(&mut rule.head);
        let mut used = VarSet::new();
        let head = &rule.head;
        for term in head.reference[1..].iter().chain(&head.key).chain(&head.value) {
            used.extend(term_vars(term, Skip::default()));
        }
        self.body(&mut rule.body, &used);
        self.flush_unused();
        let names = self.scopes[0].names.clone();
        let head = &mut rule.head;
        let parts = head.reference[1..].iter_mut().chain(&mut head.args).chain(&mut head.key).chain(&mut head.value);
        parts.for_each(|term| rename(term, &names));
    }

    /// Variables declared in comprehensions of the head are seen there only.
    fn head_closures(&mut self, head: &mut Head) {
        let scopes = std::mem::replace(&mut self.scopes, vec![Scope::default()]);
        let parts = head.reference[1..].iter_mut().chain(&mut head.args).chain(&mut head.key).chain(&mut head.value);
        for term in parts {
            self.head_closure(term);
        }
        self.scopes = scopes;
        self.flush_unused();
    }

    fn head_closure(&mut self, term: &mut Term) {
        match &mut term.kind {
            TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
                self.scopes = vec![Scope::default()];
                self.compr(compr);
            }
            TermKind::Template(parts) => {
                self.scopes = vec![Scope::default()];
                self.template(parts);
            }
            TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
                terms.iter_mut().for_each(|term| self.head_closure(term));
            }
            TermKind::Object(pairs) => {
                for (key, value) in pairs {
                    self.head_closure(key);
                    self.head_closure(value);
                }
            }
            TermKind::Scalar(_) | TermKind::Var(_) => {}
        }
    }

    fn body(&mut self, body: &mut Body, used: &VarSet) {
        self.body_declaring(body, used, Vec::new());
    }

    /// A body, and what was declared for it beforehand.
    fn body_declaring(&mut self, body: &mut Body, used: &VarSet, mut declared_at: Vec<(Name, probity_model::Span)>) {
        let errors = self.errors.len();
        let mut rewritten = Body::with_capacity(body.len());
        for mut expr in std::mem::take(body) {
            let before: VarSet = self.top().names.keys().cloned().collect();
            let keep = self.statement(&mut expr);
            let span = expr.span;
            declared_at.extend(
                self.top().names.keys().filter(|name| !before.contains(*name)).map(|name| (name.clone(), span)),
            );
            if keep {
                rewritten.push(expr);
            }
        }
        if rewritten.is_empty() {
            let span =
                declared_at.first().map_or(probity_model::Span::new(probity_model::SourceId(0), 0..0), |at| at.1);
            rewritten.push(Expr::new(span, Terms::Term(Term::bool(span, true))));
        }
        *body = rewritten;
        if self.errors.len() == errors && self.unused.is_empty() {
            self.check_unused(body, used, &declared_at);
        }
    }

    fn check_unused(&mut self, body: &Body, used: &VarSet, declared_at: &[(Name, probity_model::Span)]) {
        let mentioned = body_vars(body, Skip::default());
        for (name, span) in declared_at {
            let Some(new) = self.top().names.get(name).cloned() else { continue };
            let in_head = used.contains(name) || used.contains(&new);
            match self.occurrence(name) {
                Occurrence::Declared if !in_head && !mentioned.contains(&new) && !is_wildcard(name) => {
                    // Not an option: a declaration that nothing refers to is always an error.
                    self.errors.push(Error::new(Code::Compile, *span, format!("declared var {name} unused")));
                }
                Occurrence::Assigned if self.strict && !in_head && self.count(name) <= 1 && !is_wildcard(name) => {
                    self.unused.push(Error::new(Code::Compile, *span, format!("assigned var {name} unused")));
                }
                _ => {}
            }
        }
    }

    /// Whether the expression stays.
    fn statement(&mut self, expr: &mut Expr) -> bool {
        if expr.is_assignment() {
            self.assignment(expr);
            return true;
        }
        match &mut expr.terms {
            Terms::Some(_) => return self.some(expr),
            Terms::Every(_) => self.every(expr),
            Terms::Not(_) => self.not(expr),
            Terms::And(..) | Terms::Or(..) => self.logical(expr),
            Terms::Term(_) | Terms::Call(_) => self.expr(expr),
        }
        true
    }

    fn every(&mut self, expr: &mut Expr) {
        let span = expr.span;
        let Terms::Every(every) = &mut expr.terms else { return };
        self.term(&mut every.domain);
        self.scopes.push(Scope::default());
        match &mut every.key {
            Some(key) => self.every_var(key, span),
            None => every.key = Some(Term::var(span, self.names.fresh())),
        }
        self.every_var(&mut every.value, span);
        let declared = self.top().names.keys().map(|name| (name.clone(), span)).collect();
        self.body_declaring(&mut every.body, &VarSet::new(), declared);
        self.scopes.pop();
        expr.with.iter_mut().for_each(|with| self.with(with));
    }

    fn every_var(&mut self, term: &mut Term, span: probity_model::Span) {
        let Some(name) = term.as_var().filter(|name| !is_wildcard(name)).cloned() else { return };
        match self.declare(&name, Occurrence::Declared) {
            Ok(new) => term.kind = TermKind::Var(new),
            Err(message) => self.fail(span, message),
        }
    }

    fn some(&mut self, expr: &mut Expr) -> bool {
        let span = expr.span;
        let Terms::Some(symbols) = &mut expr.terms else { return false };
        let symbols = std::mem::take(symbols);
        for symbol in symbols {
            match symbol.kind {
                TermKind::Var(name) => {
                    if let Err(message) = self.declare(&name, Occurrence::Declared) {
                        self.fail(span, message);
                        return false;
                    }
                }
                TermKind::Call(terms) => return self.some_in(expr, terms),
                _ => {}
            }
        }
        false
    }

    /// `some k, v in domain` is `v = domain[k]` with `k` and `v` declared.
    fn some_in(&mut self, expr: &mut Expr, mut terms: Vec<Term>) -> bool {
        let span = expr.span;
        let Some(domain) = terms.pop() else { return false };
        let Some(value) = terms.pop() else { return false };
        let key = if terms.len() == 2 { terms.pop() } else { None };
        let key = key.unwrap_or_else(|| Term::var(span, self.names.fresh()));
        let mut bound = Collector::new(Skip { sets: false, ..Skip::OUTPUT });
        bound.term(&key);
        bound.term(&value);
        let inside = term_vars(&domain, Skip { closures: true, ..Skip::default() });
        let clash: Vec<_> = bound.vars.intersection(&inside).filter(|name| !is_wildcard(name)).cloned().collect();
        if !clash.is_empty() {
            for name in clash {
                self.fail(span, format!("var {name} assigned before"));
            }
            return false;
        }
        let known = term_vars(&domain, Skip::default());
        let parts = match domain.kind {
            TermKind::Ref(mut parts) => {
                parts.push(key);
                parts
            }
            _ => vec![domain, key],
        };
        let reference = Term::new(span, TermKind::Ref(parts));
        expr.terms = Terms::Call(vec![Term::operator(span, "eq"), value, reference]);
        for name in equality_outputs(expr, &known) {
            if let Err(message) = self.declare(&name, Occurrence::Declared) {
                self.fail(span, message);
                return false;
            }
            if is_wildcard(&name) || crate::ast::is_generated(&name) {
                self.top().occurrences.insert(name, Occurrence::Seen);
            }
        }
        self.expr(expr);
        true
    }

    fn not(&mut self, expr: &mut Expr) {
        let errors = self.errors.len();
        let Terms::Not(group) = &mut expr.terms else { return };
        if group.explicit {
            self.scopes.push(Scope::default());
            self.body(&mut group.body, &VarSet::new());
            self.scopes.pop();
            expr.with.iter_mut().for_each(|with| self.with(with));
            return;
        }
        self.implicit(group, "cannot assign vars inside negated expression");
        if self.errors.len() == errors {
            self.expr(expr);
        }
    }

    fn logical(&mut self, expr: &mut Expr) {
        let errors = self.errors.len();
        let (groups, op): ([&mut Group; 2], _) = match &mut expr.terms {
            Terms::And(left, right) => ([left, right], "and"),
            Terms::Or(left, right) => ([left, right], "or"),
            _ => return,
        };
        for group in groups {
            if group.explicit {
                self.scopes.push(Scope::default());
                self.body(&mut group.body, &VarSet::new());
                self.scopes.pop();
            } else {
                self.implicit(group, &format!("cannot assign vars inside '{op}' operand"));
            }
        }
        if self.errors.len() == errors {
            self.expr(expr);
        }
    }

    /// An operand without braces: it declares nothing.
    fn implicit(&mut self, group: &mut Group, message: &str) {
        for expr in &mut group.body {
            if expr.is_assignment() {
                self.fail(expr.span, message);
                continue;
            }
            match &expr.terms {
                Terms::Not(_) => self.not(expr),
                Terms::And(..) | Terms::Or(..) => self.logical(expr),
                _ => {}
            }
        }
    }

    fn assignment(&mut self, expr: &mut Expr) {
        if expr.negated {
            return self.fail(expr.span, "cannot assign vars inside negated expression");
        }
        let Terms::Call(terms) = &mut expr.terms else { return };
        let [_, left, right] = &mut terms[..] else { return };
        let errors = self.errors.len();
        self.term(right);
        for with in &mut expr.with {
            self.term(&mut with.value);
        }
        self.assigned(left);
        if self.errors.len() == errors {
            terms[0] = Term::operator(terms[0].span, "eq");
            expr.from_assignment = true;
        }
        let mut withs = std::mem::take(&mut expr.with);
        for with in &mut withs {
            self.term(&mut with.target);
            self.restore_input(with);
        }
        expr.with = withs;
    }

    fn assigned(&mut self, term: &mut Term) {
        let span = term.span;
        let name = match &mut term.kind {
            TermKind::Var(name) => name.clone(),
            TermKind::Array(terms) => return terms.iter_mut().for_each(|term| self.assigned(term)),
            TermKind::Object(pairs) => return pairs.iter_mut().for_each(|(_, value)| self.assigned(value)),
            // `input` and `data` can be shadowed.
            TermKind::Ref(parts) if parts.len() == 1 && parts[0].as_var().is_some() => {
                parts[0].as_var().cloned().unwrap_or_default()
            }
            _ => return self.fail(span, format!("cannot assign to {}", term.kind_name())),
        };
        match self.declare(&name, Occurrence::Assigned) {
            Ok(new) => term.kind = TermKind::Var(new),
            Err(message) => self.fail(span, message),
        }
    }

    fn declare(&mut self, name: &Name, occurrence: Occurrence) -> Result<Name, String> {
        match self.occurrence(name) {
            Occurrence::Seen => return Err(format!("var {name} referenced above")),
            Occurrence::Assigned => return Err(format!("var {name} assigned above")),
            Occurrence::Declared => return Err(format!("var {name} declared above")),
            Occurrence::Argument => return Err(format!("arg {name} redeclared")),
            Occurrence::New => {}
        }
        let new = self.names.fresh();
        self.insert(name.clone(), new.clone(), occurrence);
        Ok(new)
    }

    /// Renames within an expression that declares nothing itself.
    fn expr(&mut self, expr: &mut Expr) {
        match &mut expr.terms {
            Terms::Term(term) => self.term(term),
            Terms::Call(terms) => {
                terms[1..].iter_mut().for_each(|term| self.term(term));
                self.operator(&mut terms[0]);
            }
            Terms::Some(terms) => terms.iter_mut().for_each(|term| self.term(term)),
            Terms::Every(every) => {
                self.term(&mut every.domain);
                every.body.iter_mut().for_each(|expr| self.expr(expr));
            }
            Terms::Not(group) => group.body.iter_mut().for_each(|expr| self.expr(expr)),
            Terms::And(left, right) | Terms::Or(left, right) => {
                left.body.iter_mut().chain(&mut right.body).for_each(|expr| self.expr(expr));
            }
        }
        let mut withs = std::mem::take(&mut expr.with);
        withs.iter_mut().for_each(|with| self.with(with));
        expr.with = withs;
    }

    fn operator(&mut self, operator: &mut Term) {
        let TermKind::Ref(parts) = &operator.kind else { return };
        let Some(name) = parts[0].as_var() else { return };
        if parts.len() == 1 && matches!(name.as_str(), "input" | "data") {
            return;
        }
        if self.declared(name).is_some_and(|new| new != name) {
            let message = format!("called function {operator} shadowed");
            self.fail(operator.span, message);
        }
    }

    fn with(&mut self, with: &mut With) {
        self.term(&mut with.target);
        self.restore_input(with);
        self.term(&mut with.value);
    }

    /// A variable named `input` does not hide what `with input as` replaces.
    fn restore_input(&mut self, with: &mut With) {
        let Some(shadow) = self.declared(&Name::new_static("input")).cloned() else { return };
        let input = || Term::var(with.target.span, "input");
        match &mut with.target.kind {
            TermKind::Var(name) if *name == shadow => with.target.kind = TermKind::Ref(vec![input()]),
            TermKind::Ref(parts) if parts[0].as_var() == Some(&shadow) => {
                parts[0] = Term::var(parts[0].span, "input");
            }
            _ => {}
        }
    }

    fn compr(&mut self, compr: &mut Compr) {
        let mut used = term_vars(&compr.term, Skip::default());
        if let Some(key) = &compr.key {
            used.extend(term_vars(key, Skip::default()));
        }
        self.scopes.push(Scope::default());
        self.body(&mut compr.body, &used);
        if let Some(key) = &mut compr.key {
            self.term(key);
        }
        self.term(&mut compr.term);
        self.scopes.pop();
    }

    fn template(&mut self, parts: &mut [Part]) {
        for part in parts {
            if let Part::Expr(expr) = part {
                self.expr(expr);
            }
        }
    }

    fn term(&mut self, term: &mut Term) {
        match &mut term.kind {
            TermKind::Scalar(_) => {}
            TermKind::Var(name) => {
                if let Some(new) = self.declared(name).cloned() {
                    let old = std::mem::replace(name, new);
                    self.seen(&old);
                } else if self.occurrence(name) == Occurrence::New {
                    let name = name.clone();
                    self.insert(name.clone(), name, Occurrence::Seen);
                }
            }
            TermKind::Ref(parts) => {
                if parts.len() == 1
                    && let Some(name) = parts[0].as_var()
                    && matches!(name.as_str(), "input" | "data")
                {
                    let occurrence = self.global_occurrence(name);
                    if occurrence.is_some_and(|occurrence| occurrence != Occurrence::Seen)
                        && let Some(new) = self.declared(name)
                    {
                        let (name, new) = (name.clone(), new.clone());
                        self.seen(&name);
                        term.kind = TermKind::Var(new);
                    }
                    return;
                }
                parts.iter_mut().for_each(|part| self.term(part));
            }
            TermKind::Call(terms) => {
                let (operator, operands) = terms.split_at_mut(1);
                self.operator(&mut operator[0]);
                operands.iter_mut().for_each(|term| self.term(term));
            }
            TermKind::Array(terms) | TermKind::Set(terms) => terms.iter_mut().for_each(|term| self.term(term)),
            TermKind::Object(pairs) => {
                for (key, value) in pairs {
                    self.term(key);
                    self.term(value);
                }
            }
            TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => self.compr(compr),
            TermKind::Template(parts) => self.template(parts),
        }
    }
}

/// Renames variables, within closures too.
fn rename(term: &mut Term, names: &HashMap<Name, Name>) {
    match &mut term.kind {
        TermKind::Var(name) => {
            if let Some(new) = names.get(name) {
                *name = new.clone();
            }
        }
        TermKind::Scalar(_) => {}
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter_mut().for_each(|term| rename(term, names));
        }
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                rename(key, names);
                rename(value, names);
            }
        }
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
            if let Some(key) = &mut compr.key {
                rename(key, names);
            }
            rename(&mut compr.term, names);
            compr.body.iter_mut().for_each(|expr| rename_expr(expr, names));
        }
        TermKind::Template(parts) => {
            for part in parts {
                if let Part::Expr(expr) = part {
                    rename_expr(expr, names);
                }
            }
        }
    }
}

fn rename_expr(expr: &mut Expr, names: &HashMap<Name, Name>) {
    match &mut expr.terms {
        Terms::Term(term) => rename(term, names),
        Terms::Call(terms) | Terms::Some(terms) => terms.iter_mut().for_each(|term| rename(term, names)),
        Terms::Every(every) => {
            rename(&mut every.domain, names);
            every.body.iter_mut().for_each(|expr| rename_expr(expr, names));
        }
        Terms::Not(group) => group.body.iter_mut().for_each(|expr| rename_expr(expr, names)),
        Terms::And(left, right) | Terms::Or(left, right) => {
            left.body.iter_mut().chain(&mut right.body).for_each(|expr| rename_expr(expr, names));
        }
    }
    for with in &mut expr.with {
        rename(&mut with.target, names);
        rename(&mut with.value, names);
    }
}
