//! Bodies and their expressions.

use std::rc::Rc;

use probity_model::Span;
use probity_model::value::Value;

use super::env::{Env, Node, constant};
use super::unify::{Budget, infer, unifies, unify};
use super::{Arg, Dependents, Function, Type, diff, is_unknown, members, or, refs};
use crate::ast::{Body, Compr, Expr, Name, Term, TermKind, Terms, With, ref_text};
use crate::error::{Code, Error};

/// How many expressions are checked for one rule at most, those of comprehensions each time; then all else is any.
const MAX_EXPRESSIONS: u32 = 50_000;

/// How many parts of types are compared for one rule at most; then all else fits.
const MAX_COMPARED: u32 = 2_000_000;

/// What may be done for all rules together.
const MAX_TOTAL: Left = Left { expressions: 4_000_000, compared: 100_000_000 };

/// How many expressions of comprehensions within comprehensions are checked once more without what is known between.
const MAX_REPEATED: u32 = 1_000;

/// One error, with what is known of it line by line.
#[derive(Debug, Clone)]
pub(crate) struct TypeError {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) details: Vec<String>,
    /// Whether it comes of a type that is not known.
    unknown: bool,
}

impl TypeError {
    pub(super) fn new(span: Span, message: impl Into<String>, details: Vec<String>) -> Self {
        Self { span, message: message.into(), details, unknown: false }
    }

    /// The same as an error of the crate.
    pub(crate) fn into_error(self) -> Error {
        let mut error = Error::new(Code::Type, self.span, self.message);
        error.details = self.details;
        error
    }

    /// Operands that do not fit what a function takes.
    pub(crate) fn operands(span: Span, name: &[Term], what: &str, have: &[Option<Type>], want: &[Arg]) -> Self {
        let unknown = have.iter().any(|of| is_unknown(of.as_ref()));
        let details = diff::operands(have, want);
        Self { span, message: format!("{}: {what}", ref_text(name)), details, unknown }
    }

    fn mismatch(span: Span, left: Option<&Type>, right: Option<&Type>) -> Self {
        let unknown = is_unknown(left) || is_unknown(right);
        Self { span, message: "match error".to_owned(), details: diff::sides(left, right), unknown }
    }
}

/// What may still be done for all rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    expressions: u32,
    compared: u32,
}

impl Default for Left {
    fn default() -> Self {
        MAX_TOTAL
    }
}

/// What all scopes of a check share.
pub(crate) struct Checker<'c> {
    /// The type of `input`, when a schema tells it.
    pub(super) input: Option<&'c Type>,
    pub(super) dependents: &'c Dependents<'c>,
    /// What a variable of the compiler stands for in the text.
    pub(super) original: &'c dyn Fn(&Name) -> TermKind,
    /// What scopes without documents of their own have.
    pub(super) nothing: Node,
    expressions: Budget,
    repeated: Budget,
    pub(super) compared: Budget,
}

impl<'c> Checker<'c> {
    pub(super) fn new(
        input: Option<&'c Type>,
        dependents: &'c Dependents<'c>,
        original: &'c dyn Fn(&Name) -> TermKind,
        left: Left,
    ) -> Self {
        Self {
            input,
            dependents,
            original,
            nothing: Node::default(),
            expressions: Budget::new(MAX_EXPRESSIONS.min(left.expressions)),
            repeated: Budget::new(MAX_REPEATED),
            compared: Budget::new(MAX_COMPARED.min(left.compared)),
        }
    }

    /// The type of what no scope knows.
    pub(super) fn outermost(&self, name: &Name, parts: &[Term]) -> Option<Type> {
        match name.as_str() {
            "input" => match self.input {
                Some(input) => super::env::select(Some(input.clone()), &parts[1..]),
                None => Some(Type::Any),
            },
            "data" => Some(Type::Any),
            _ => crate::builtins::find(&ref_text(parts)).map(|builtin| Type::Function(builtin.declared().clone())),
        }
    }

    /// Whether no more expressions are checked.
    pub(super) fn is_spent(&self) -> bool {
        self.expressions.left() == 0
    }

    /// What is left for other rules of what there was.
    pub(super) fn settle(&self, left: Left) -> Left {
        let spent = |before: u32, most: u32, budget: &Budget| before - (before.min(most) - budget.left());
        Left {
            expressions: spent(left.expressions, MAX_EXPRESSIONS, &self.expressions),
            compared: spent(left.compared, MAX_COMPARED, &self.compared),
        }
    }
}

/// The path of a reference without variables.
pub(super) fn path(reference: &[Term]) -> Option<Vec<Value>> {
    let head = Value::String(reference.first()?.as_var()?.clone());
    std::iter::once(Some(head)).chain(reference[1..].iter().map(constant)).collect()
}

/// The path of a reference as far as it has no variables.
pub(super) fn ground_prefix(reference: &[Term]) -> Vec<Value> {
    let head = reference.first().and_then(Term::as_var).map(|name| Value::String(name.clone()));
    head.into_iter().chain(reference.iter().skip(1).map_while(constant)).collect()
}

/// Checks a body in a scope of its own within another; what is known in that afterwards is given with the errors.
pub(super) fn body<'e>(outer: &'e Env<'e>, body: &[Expr]) -> (Env<'e>, Vec<TypeError>) {
    let env = outer.inner();
    let mut errors = Vec::new();
    for expr in body {
        if !env.checker.expressions.spend() {
            break;
        }
        if expr.with.is_empty() {
            expression(&env, expr, &mut errors);
        } else {
            let layers = replaced(&env, expr);
            layered(&env, &layers, expr, &mut errors);
        }
    }
    (env, errors)
}

fn layered(env: &Env<'_>, layers: &[Rc<Node>], expr: &Expr, errors: &mut Vec<TypeError>) {
    match layers.split_first() {
        Some((layer, rest)) => layered(&env.replaced(layer), rest, expr, errors),
        None => expression(env, expr, errors),
    }
}

/// The documents that are of other types in an expression with replacements, innermost last.
fn replaced(env: &Env<'_>, expr: &Expr) -> Vec<Rc<Node>> {
    let mut layers = Vec::new();
    let mut targets = Node::default();
    for with in &expr.with {
        let Some(target) = with.target.as_ref() else { continue };
        let of_target = env.reference(target);
        let is_function = matches!(of_target, Some(Type::Function(_)));
        layers.extend(env.checker.dependents.relaxed(target, is_function));
        if is_function {
            continue;
        }
        let joined = match (path(target), &of_target, env.term(&with.value)) {
            (Some(_), Some(of_target), Some(value)) => or(Some(of_target.clone()), Some(value)).unwrap_or(Type::Any),
            _ => Type::Any,
        };
        targets.put(&ground_prefix(target), joined);
    }
    if !targets.children.is_empty() {
        layers.push(Rc::new(targets));
    }
    layers
}

fn expression(env: &Env<'_>, expr: &Expr, errors: &mut Vec<TypeError>) {
    let mut of_closures = Vec::new();
    closures_in_expr(env, expr, false, &mut of_closures);
    let mut of_refs = Vec::new();
    refs::expression(env, expr, &mut of_refs);
    let explained = !of_closures.is_empty() || !of_refs.is_empty();
    errors.append(&mut of_closures);
    errors.append(&mut of_refs);
    // What comes of an unknown type has its cause in the errors before.
    if let Err(error) = call(env, expr)
        && !(explained && error.unknown)
    {
        errors.push(error);
    }
}

/// Checks the comprehensions of an expression, and those within them once more as if they stood in the expression: what
/// OPA finds in that way is an error. Of several that have errors those of the last are given.
fn closures_in_expr(env: &Env<'_>, expr: &Expr, again: bool, errors: &mut Vec<TypeError>) {
    match &expr.terms {
        Terms::Term(term) => closures(env, term, again, errors),
        Terms::Call(terms) | Terms::Some(terms) => terms.iter().for_each(|term| closures(env, term, again, errors)),
        Terms::Every(every) => {
            closures(env, &every.domain, again, errors);
            closures_in_body(env, &every.body, again, errors);
        }
        Terms::Not(group) => closures_in_body(env, &group.body, again, errors),
        Terms::And(left, right) | Terms::Or(left, right) => {
            closures_in_body(env, &left.body, again, errors);
            closures_in_body(env, &right.body, again, errors);
        }
    }
    for with in &expr.with {
        closures(env, &with.target, again, errors);
        closures(env, &with.value, again, errors);
    }
}

fn closures_in_body(env: &Env<'_>, body: &Body, again: bool, errors: &mut Vec<TypeError>) {
    body.iter().for_each(|expr| closures_in_expr(env, expr, again, errors));
}

fn closures(env: &Env<'_>, term: &Term, again: bool, errors: &mut Vec<TypeError>) {
    match &term.kind {
        TermKind::ArrayCompr(compr) | TermKind::SetCompr(compr) | TermKind::ObjectCompr(compr) => {
            closure(env, term, compr, again, errors);
        }
        TermKind::Ref(terms) | TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => {
            terms.iter().for_each(|term| closures(env, term, again, errors));
        }
        TermKind::Object(pairs) => {
            for (key, value) in pairs {
                closures(env, key, again, errors);
                closures(env, value, again, errors);
            }
        }
        TermKind::Scalar(_) | TermKind::Var(_) | TermKind::Template(_) => {}
    }
}

fn closure(env: &Env<'_>, term: &Term, compr: &Compr, again: bool, errors: &mut Vec<TypeError>) {
    if env.checker.is_spent() || again && !env.checker.repeated.spend() {
        return;
    }
    let (inner, mut found) = body(env, &compr.body);
    if !found.is_empty() {
        env.keep(compr, None);
        std::mem::swap(errors, &mut found);
        return;
    }
    env.keep(compr, Some(inner.collected(&term.kind, compr)));
    for head in compr.key.iter().chain([&compr.term]) {
        closures(env, head, true, errors);
    }
    closures_in_body(env, &compr.body, true, errors);
}

fn call(env: &Env<'_>, expr: &Expr) -> Result<(), TypeError> {
    for with in &expr.with {
        replacement(env, with)?;
    }
    let Some(operator) = expr.operator() else { return Ok(()) };
    let Some(name) = operator.as_ref() else { return Ok(()) };
    if operator.is_operator("eq") {
        return equality(env, expr, name);
    }
    if operator.is_operator("internal.member_2") {
        membership(env, expr, 2)?;
    } else if operator.is_operator("internal.member_3") {
        membership(env, expr, 3)?;
    }
    function_call(env, expr, name)
}

/// A function is replaced by one that takes as much.
fn replacement(env: &Env<'_>, with: &With) -> Result<(), TypeError> {
    let (Some(Type::Function(wanted)), Some(Type::Function(given))) = (env.term(&with.target), env.term(&with.value))
    else {
        return Ok(());
    };
    let fits =
        unifies(&env.checker.compared, Some(&Type::Function(wanted.clone())), Some(&Type::Function(given.clone())));
    if fits {
        return Ok(());
    }
    let have: Vec<_> = given.args.iter().map(|arg| arg.of.clone()).collect();
    let name = with.target.as_ref().unwrap_or_default();
    Err(TypeError::operands(with.span, name, "arity mismatch", &have, &wanted.args))
}

fn types_of(env: &Env<'_>, terms: &[Term]) -> Vec<Option<Type>> {
    terms.iter().map(|term| env.term(term)).collect()
}

fn equality(env: &Env<'_>, expr: &Expr, name: &[Term]) -> Result<(), TypeError> {
    let operands = expr.operands();
    let [left, right] = operands else {
        let what = if operands.len() < 2 { "too few arguments" } else { "too many arguments" };
        let any = Arg { name: None, of: Some(Type::Any) };
        return Err(TypeError::operands(expr.span, name, what, &types_of(env, operands), &[any.clone(), any]));
    };
    let (of_left, of_right) = (env.term(left), env.term(right));
    if unify(env, left, of_left.as_ref(), right, of_right.as_ref()) {
        return Ok(());
    }
    Err(TypeError::mismatch(expr.span, of_left.as_ref(), of_right.as_ref()))
}

/// What is looked for with `in` can be in the collection.
fn membership(env: &Env<'_>, expr: &Expr, arity: usize) -> Result<(), TypeError> {
    let Some(operands) = expr.operands().get(..arity) else { return Ok(()) };
    let Some(collection) = env.term(&operands[arity - 1]) else { return Ok(()) };
    let Some(values) = members::values(&collection) else { return Ok(()) };
    if arity == 3 {
        member(env, expr, &operands[0], members::keys(&collection).as_ref())?;
    }
    member(env, expr, &operands[arity - 2], Some(&values))
}

fn member(env: &Env<'_>, expr: &Expr, term: &Term, of: Option<&Type>) -> Result<(), TypeError> {
    if is_unknown(of) {
        return Ok(());
    }
    let have = env.term(term);
    let fits = is_unknown(have.as_ref()) || unifies(&env.checker.compared, have.as_ref(), of);
    if fits && infer(env, term, of, false) {
        return Ok(());
    }
    Err(TypeError::mismatch(expr.span, have.as_ref(), of))
}

fn function_call(env: &Env<'_>, expr: &Expr, name: &[Term]) -> Result<(), TypeError> {
    let function = match env.reference(name) {
        Some(Type::Any) => return Ok(()),
        Some(Type::Function(function)) => function,
        _ => return Err(TypeError::new(expr.span, format!("undefined function {}", ref_text(name)), Vec::new())),
    };
    let operands = expr.operands();
    let fail =
        |what: &str| Err(TypeError::operands(expr.span, name, what, &types_of(env, operands), &function.operands()));
    let wanted = wanted(&function);
    if operands.len() > wanted.len() && function.variadic.is_none() {
        return fail("too many arguments");
    }
    if operands.len() < function.args.len() {
        return fail("too few arguments");
    }
    let have = types_of(env, operands);
    for (index, (operand, of)) in operands.iter().zip(&have).enumerate() {
        let want = wanted.get(index).copied().unwrap_or(function.variadic.as_ref());
        let fits = is_unknown(of.as_ref()) || unifies(&env.checker.compared, of.as_ref(), want);
        if !fits {
            return Err(TypeError::operands(expr.span, name, "invalid argument(s)", &have, &function.operands()));
        }
        if !infer(env, operand, want, false) {
            return fail("invalid argument(s)");
        }
    }
    Ok(())
}

/// The types of a function's operands, the result last when there is one.
fn wanted(function: &Function) -> Vec<Option<&Type>> {
    let result = function.result.iter().filter(|arg| arg.of.is_some());
    function.args.iter().chain(result).map(|arg| arg.of.as_ref()).collect()
}
