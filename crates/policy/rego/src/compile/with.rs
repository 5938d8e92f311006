//! What `with` replaces is checked; its values are evaluated before.

use super::expand::{lift, requires_eval};
use super::{CompileOptions, Names, Tree};
use crate::ast::{Body, Expr, Rule, Term, TermKind, Terms, With};
use crate::builtins;
use crate::error::{Code, Error};
use crate::plan::Kind;

struct Rewriter<'a> {
    tree: &'a Tree,
    names: &'a mut Names,
    options: &'a CompileOptions,
    errors: &'a mut Vec<Error>,
}

pub(crate) fn rewrite_rule(
    rule: &mut Rule,
    tree: &Tree,
    names: &mut Names,
    options: &CompileOptions,
    errors: &mut Vec<Error>,
) {
    let mut rewriter = Rewriter { tree, names, options, errors };
    let head = &mut rule.head;
    for term in head.args.iter_mut().chain(&mut head.key).chain(&mut head.value) {
        rewriter.term(term);
    }
    rewriter.body(&mut rule.body);
}

pub(crate) fn rewrite_body(
    body: &mut Body,
    tree: &Tree,
    names: &mut Names,
    options: &CompileOptions,
    errors: &mut Vec<Error>,
) {
    Rewriter { tree, names, options, errors }.body(body);
}

impl Rewriter<'_> {
    fn body(&mut self, body: &mut Body) {
        let mut out = Body::with_capacity(body.len());
        for mut expr in std::mem::take(body) {
            self.inside(&mut expr);
            for with in &mut expr.with {
                match self.check(with) {
                    Ok(true) => out.push(lift(self.names, &mut with.value)),
                    Ok(false) => {}
                    Err(error) => self.errors.push(error),
                }
            }
            out.push(expr);
        }
        *body = out;
    }

    fn inside(&mut self, expr: &mut Expr) {
        match &mut expr.terms {
            Terms::Term(term) => self.term(term),
            Terms::Call(terms) | Terms::Some(terms) => terms.iter_mut().for_each(|term| self.term(term)),
            Terms::Every(every) => {
                self.term(&mut every.domain);
                self.body(&mut every.body);
            }
            Terms::Not(group) => self.body(&mut group.body),
            Terms::And(left, right) | Terms::Or(left, right) => {
                self.body(&mut left.body);
                self.body(&mut right.body);
            }
        }
        for with in &mut expr.with {
            self.term(&mut with.value);
        }
    }

    fn term(&mut self, term: &mut Term) {
        match &mut term.kind {
            TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
                self.body(&mut compr.body);
            }
            TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
                terms.iter_mut().for_each(|term| self.term(term));
            }
            TermKind::Object(pairs) => {
                for (key, value) in pairs {
                    self.term(key);
                    self.term(value);
                }
            }
            TermKind::Scalar(_) | TermKind::Var(_) | TermKind::Template(_) => {}
        }
    }

    /// Whether the value must be evaluated before.
    fn check(&self, with: &mut With) -> Result<bool, Error> {
        // A function's name may have been read as a variable.
        for term in [&mut with.value, &mut with.target] {
            if let Some(name) = term.as_var().cloned()
                && builtins::is_builtin(&name)
            {
                term.kind = TermKind::Ref(vec![Term::var(term.span, name)]);
            }
        }
        let span = with.target.span;
        let parts = with.target.as_ref().unwrap_or_default();
        let root = parts.first().and_then(Term::as_var).map(smol_str::SmolStr::as_str);
        match root {
            Some("data") => self.check_data(parts, with),
            Some("input") => Ok(requires_eval(&with.value)),
            _ => {
                let name = with.target.to_string();
                let Some(builtin) = builtins::find(&name) else {
                    let message = "with keyword target must reference existing input, data, or a function";
                    return Err(Error::new(Code::Type, span, message));
                };
                let fail = |message: String| {
                    Err(Error::new(Code::Compile, span, format!("with keyword replacing built-in function: {message}")))
                };
                if self.options.unsafe_builtins.contains(&name) {
                    return fail(format!("target must not be unsafe: {name:?}"));
                }
                match builtin.name {
                    "eq" | "rego.metadata.chain" | "rego.metadata.rule" => {
                        return fail(format!("replacement of {name:?} invalid"));
                    }
                    internal if internal.starts_with("internal.") => {
                        return fail(format!("replacement of internal function {name:?} invalid"));
                    }
                    _ if builtin.relation => return fail("target must not be a relation".to_owned()),
                    _ if builtin.void => return fail("target must not be a void function".to_owned()),
                    _ => {}
                }
                Ok(!self.is_function_or_rule(&with.value) && requires_eval(&with.value))
            }
        }
    }

    fn check_data(&self, parts: &[Term], with: &With) -> Result<bool, Error> {
        for end in 1..parts.len() {
            if let Some(node) = self.tree.find(&parts[..end])
                && !self.tree.rules[node as usize].is_empty()
            {
                let message = "with keyword cannot partially replace virtual document(s)";
                return Err(Error::new(Code::Compile, with.target.span, message));
            }
        }
        let replaces_function = self.tree.function(&with.target).is_some();
        if replaces_function && self.is_function_or_rule(&with.value) {
            return Ok(false);
        }
        if self.tree.function(&with.value).is_some() {
            return Ok(false);
        }
        Ok(requires_eval(&with.value))
    }

    fn is_function_or_rule(&self, value: &Term) -> bool {
        let Some(parts) = value.as_ref() else { return false };
        if self.tree.find(parts).is_some_and(|node| matches!(self.tree.kinds[node as usize], Some(Kind::Function(_)))) {
            return true;
        }
        builtins::is_builtin(&value.to_string())
    }
}
