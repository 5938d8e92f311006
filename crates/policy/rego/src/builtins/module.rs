//! Modules as values, in the form that OPA's own parser gives.

use std::path::Path;

use probity_model::Sources;
use probity_model::value::Value;

use super::args::string;
use super::{Context, Failure, Outcome};
use crate::ast::{Compr, Expr, Import, Module, Part, Rule, Term, TermKind, Terms};
use crate::parser::{Version, parse_module};

pub(super) fn parse(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (path, text) = (string(args, 0)?, string(args, 1)?);
    let sources = Sources::default();
    let module = parse_module(Path::new(path), text, Version::V1, &sources)
        .map_err(|errors| Failure::value(errors.to_string()))?;
    Ok(module_value(&module))
}

fn list<T>(items: &[T], one: impl FnMut(&T) -> Value) -> Value {
    Value::array(items.iter().map(one))
}

fn module_value(module: &Module) -> Value {
    let mut fields = vec![("package", Value::object([("path", list(&module.package, term))]))];
    if !module.imports.is_empty() {
        fields.push(("imports", list(&module.imports, import)));
    }
    if !module.rules.is_empty() {
        fields.push(("rules", list(&module.rules, rule)));
    }
    if !module.annotations.is_empty() {
        fields.push(("annotations", list(&module.annotations, crate::annotations::Annotations::to_value)));
    }
    Value::object(fields)
}

fn import(import: &Import) -> Value {
    let path = Value::object([("type", "ref".into()), ("value", list(&import.path, term))]);
    let mut fields = vec![("path", path)];
    if let Some(alias) = &import.alias {
        fields.push(("alias", alias.as_str().into()));
    }
    Value::object(fields)
}

fn rule(rule: &Rule) -> Value {
    let head = &rule.head;
    let mut fields = Vec::new();
    if head.reference.len() == 1 {
        fields.push(("name", head.name().into()));
    }
    if !head.args.is_empty() {
        fields.push(("args", list(&head.args, term)));
    }
    fields.extend(head.key.as_ref().map(|key| ("key", term(key))));
    fields.extend(head.value.as_ref().map(|value| ("value", term(value))));
    if head.assign {
        fields.push(("assign", true.into()));
    }
    fields.push(("ref", list(&head.reference, term)));
    let mut whole = vec![("head", Value::object(fields)), ("body", body(&rule.body))];
    if rule.default {
        whole.push(("default", true.into()));
    }
    if let Some(otherwise) = &rule.otherwise {
        whole.push(("else", self::rule(otherwise)));
    }
    Value::object(whole)
}

fn body(body: &[Expr]) -> Value {
    Value::array((0_i64..).zip(body).map(|(index, expr)| expression(expr, index)))
}

fn expression(expr: &Expr, index: i64) -> Value {
    let terms = match &expr.terms {
        Terms::Term(one) => term(one),
        Terms::Call(terms) => list(terms, term),
        Terms::Some(symbols) => Value::object([("symbols", list(symbols, term))]),
        Terms::Every(every) => Value::object([
            ("key", every.key.as_ref().map_or(Value::Null, term)),
            ("value", term(&every.value)),
            ("domain", term(&every.domain)),
            ("body", body(&every.body)),
        ]),
        Terms::Not(group) => Value::object([("type", "not".into()), ("body", body(&group.body))]),
        Terms::And(left, right) => {
            Value::object([("type", "and".into()), ("lhs", body(&left.body)), ("rhs", body(&right.body))])
        }
        Terms::Or(left, right) => {
            Value::object([("type", "or".into()), ("lhs", body(&left.body)), ("rhs", body(&right.body))])
        }
    };
    let mut fields = vec![("index", index.into()), ("terms", terms)];
    if expr.negated {
        fields.push(("negated", true.into()));
    }
    if !expr.with.is_empty() {
        let with =
            list(&expr.with, |with| Value::object([("target", term(&with.target)), ("value", term(&with.value))]));
        fields.push(("with", with));
    }
    Value::object(fields)
}

fn comprehension(compr: &Compr) -> Value {
    let mut fields = vec![("body", body(&compr.body))];
    match &compr.key {
        Some(key) => fields.extend([("key", term(key)), ("value", term(&compr.term))]),
        None => fields.push(("term", term(&compr.term))),
    }
    Value::object(fields)
}

fn term(term: &Term) -> Value {
    let value = match &term.kind {
        TermKind::Scalar(Value::Null) => return Value::object([("type", Value::from("null"))]),
        TermKind::Scalar(value) => value.clone(),
        TermKind::Var(name) => name.as_str().into(),
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            list(terms, self::term)
        }
        TermKind::Object(pairs) => list(pairs, |(key, value)| Value::array([self::term(key), self::term(value)])),
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => comprehension(compr),
        TermKind::Template(parts) => list(parts, |part| match part {
            Part::Term(term) => self::term(term),
            Part::Expr(expr) => expression(expr, 0),
        }),
    };
    Value::object([("type", Value::from(term.kind_name())), ("value", value)])
}
