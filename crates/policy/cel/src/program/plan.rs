//! Compiles the tree of an expression: looks up its names, makes its constants and what can be made of them.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::comprehension::Loop;
use super::frame::Frame;
use super::node::{Call, Field, Node, Root};
use super::operator::{Arithmetic, Relation};
use crate::ast::{self, Bind, Comprehension, Entry, Expr, Form, Kind};
use crate::compile_error::Issue;
use crate::environment::{Named, Names};
use crate::types::Type;
use crate::{Error, Evaluation, Overload, Value};

/// What may be spent on computing a constant when an expression is compiled.
const FOLDING_LIMIT: u64 = 10_000;

pub(super) struct Planner<'n> {
    names: &'n Names,
    /// Variables of comprehensions and bindings in scope, by their depth.
    locals: Vec<SmolStr>,
    pub(super) depth: usize,
    pub(super) variables: BTreeSet<SmolStr>,
    pub(super) lazy_fields: BTreeSet<(SmolStr, SmolStr)>,
}

type Planned = Result<Node, Issue>;

impl<'n> Planner<'n> {
    pub(super) fn new(names: &'n Names) -> Self {
        Self { names, locals: Vec::new(), depth: 0, variables: BTreeSet::new(), lazy_fields: BTreeSet::new() }
    }

    pub(super) fn plan(&mut self, expr: &Expr) -> Planned {
        match &expr.kind {
            Kind::Literal(value) => Ok(Node::Constant(value.clone())),
            Kind::Ident(name) => Ok(self.plan_name(name)),
            Kind::Select { operand, field, test } => self.plan_select(expr, operand, field, *test),
            Kind::Call { function, target, args } => self.plan_call(expr, function, target.as_deref(), args),
            Kind::List(elements) => self.plan_list(elements),
            Kind::Map(entries) => self.plan_map(entries),
            Kind::Struct { name, fields } => self.plan_struct(name, fields),
            Kind::And(terms) => Ok(Node::And(self.plan_all(terms)?.into())),
            Kind::Or(terms) => Ok(Node::Or(self.plan_all(terms)?.into())),
            Kind::Comprehension(comprehension) => self.plan_comprehension(comprehension),
            Kind::Bind(bind) => self.plan_bind(bind),
            Kind::Block { slots, body } => Ok(Node::Block(self.plan_all(slots)?.into(), Box::new(self.plan(body)?))),
        }
    }

    fn plan_list(&mut self, elements: &[(Expr, bool)]) -> Planned {
        let plan = |(element, optional): &(Expr, bool)| Ok((self.plan(element)?, *optional));
        Ok(fold(Node::List(elements.iter().map(plan).collect::<Result<_, Issue>>()?)))
    }

    fn plan_map(&mut self, entries: &[Entry]) -> Planned {
        let plan = |entry: &Entry| Ok((self.plan(&entry.key)?, self.plan(&entry.value)?, entry.optional));
        Ok(fold(Node::Map(entries.iter().map(plan).collect::<Result<_, Issue>>()?)))
    }

    fn plan_struct(&mut self, name: &SmolStr, fields: &[ast::Field]) -> Planned {
        let full = self.names.constructible(name).map_or_else(|| name.clone(), |(full, _)| full.into());
        let plan = |field: &ast::Field| Ok((field.name.clone(), self.plan(&field.value)?, field.optional));
        Ok(Node::Struct(full, fields.iter().map(plan).collect::<Result<_, Issue>>()?))
    }

    fn plan_bind(&mut self, bind: &Bind) -> Planned {
        let init = self.plan(&bind.init)?;
        let depth = self.locals.len();
        let body = self.within([bind.name.clone()], |planner| planner.plan(&bind.body))?;
        Ok(Node::Bind(depth, Box::new([init, body])))
    }

    fn plan_all(&mut self, exprs: &[Expr]) -> Result<Vec<Node>, Issue> {
        exprs.iter().map(|expr| self.plan(expr)).collect()
    }

    fn within<T>(&mut self, names: impl IntoIterator<Item = SmolStr>, plan: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.locals.len();
        self.locals.extend(names);
        self.depth = self.depth.max(self.locals.len());
        let planned = plan(self);
        self.locals.truncate(before);
        planned
    }

    fn local(&self, name: &str) -> Option<usize> {
        self.locals.iter().rposition(|known| known == name)
    }

    fn plan_name(&mut self, name: &str) -> Node {
        if let Some(depth) = self.local(name) {
            return Node::Path(Root::Local(depth), Box::new([]));
        }
        if let Some(index) = name.strip_prefix("@index:").and_then(|index| index.parse().ok()) {
            return Node::Slot(index);
        }
        match self.names.name(name) {
            Some(named) => self.plan_named(named),
            None => self.undeclared(name),
        }
    }

    fn plan_named(&mut self, named: Named) -> Node {
        match named {
            Named::Variable(name, _) => {
                self.variables.insert(name.clone());
                Node::Path(Root::Variable(name), Box::new([]))
            }
            Named::Constant(value) => Node::Constant(value),
            Named::Type(of) => Node::Constant(Value::Type(of.runtime_name())),
        }
    }

    /// The variable that is declared lazy and goes by this name.
    fn lazy(&self, operand: &Expr) -> Option<SmolStr> {
        let Kind::Ident(name) = &operand.kind else { return None };
        match self.names.name(name) {
            Some(Named::Variable(full, declared)) if declared.lazy && self.local(name).is_none() => Some(full),
            _ => None,
        }
    }

    fn plan_select(&mut self, expr: &Expr, operand: &Expr, field: &SmolStr, test: bool) -> Planned {
        let local = expr.root_name().is_some_and(|root| self.local(root).is_some());
        if !test
            && !local
            && let Some(named) = expr.qualified_name().and_then(|name| self.names.name(&name))
        {
            return Ok(self.plan_named(named));
        }
        if let Some(variable) = self.lazy(operand) {
            self.lazy_fields.insert((variable.clone(), field.clone()));
            self.variables.insert(variable.clone());
            if test {
                return Ok(Node::HasLazy(variable, field.clone()));
            }
            return Ok(Node::Path(Root::Lazy(variable, field.clone()), Box::new([])));
        }
        let operand = self.plan(operand)?;
        let field = Field::new(field);
        Ok(match operand {
            operand if test => Node::Has(Box::new(operand), field, u64::from(!self.names.has_is_free)),
            Node::Path(root, fields) => {
                let mut fields = fields.into_vec();
                fields.push(field);
                Node::Path(root, fields.into())
            }
            operand => Node::Select(Box::new(relative(operand)), field),
        })
    }

    fn plan_call(&mut self, expr: &Expr, function: &SmolStr, target: Option<&Expr>, args: &[Expr]) -> Planned {
        if target.is_none()
            && let Some(operator) = self.plan_operator(function, args)?
        {
            return Ok(fold(operator));
        }
        let at = args.last().map_or(expr.at, |arg| arg.at);
        let names = self.names;
        let callee = |name, member| Callee { name, member, at, validated: names.validated };
        let mut args = self.plan_all(args)?;
        let Some(target) = target else {
            return match self.names.function(function) {
                Some((name, overloads)) => plan_overloads(&callee(&name, false), overloads, args),
                None => Ok(self.undeclared(function)),
            };
        };
        let local = target.root_name().is_some_and(|root| self.local(root).is_some());
        if !local
            && let Some(prefix) = target.qualified_name()
            && let Some((name, overloads)) = self.names.function(&format!("{prefix}.{function}"))
        {
            return plan_overloads(&callee(&name, false), overloads, args);
        }
        let target = self.plan(target)?;
        if let ("or" | "orValue", 1) = (function.as_str(), args.len())
            && self.names.functions.get(function).is_some_and(|overloads| of_optionals(overloads))
            && let Some(other) = args.pop()
        {
            let pair = Box::new([target, other]);
            return Ok(if function == "or" { Node::OptionalOr(pair) } else { Node::OptionalOrValue(pair) });
        }
        args.insert(0, target);
        match self.names.functions.get(function) {
            Some(overloads) => plan_overloads(&callee(function, true), overloads, args),
            None => Ok(self.undeclared(function)),
        }
    }

    fn undeclared(&self, name: &str) -> Node {
        let message = format!("undeclared reference to '{name}' (in container '{}')", self.names.container);
        Node::Fail(Error::Other(message.into()))
    }

    fn plan_operator(&mut self, function: &str, args: &[Expr]) -> Result<Option<Node>, Issue> {
        let relation = |relation| move |pair| Node::Order(relation, pair);
        let arithmetic = |operation| move |pair| Node::Arithmetic(operation, pair);
        Ok(match args {
            [operand] => {
                let make: fn(Box<Node>) -> Node = match function {
                    "!_" => Node::Not,
                    "-_" => Node::Negate,
                    _ => return Ok(None),
                };
                Some(make(Box::new(self.plan(operand)?)))
            }
            [operand, Expr { kind: Kind::Literal(Value::String(field)), .. }] if function == "_?._" => {
                Some(Node::OptionalSelect(Box::new(relative(self.plan(operand)?)), Field::new(field)))
            }
            [left, right] => {
                let make: Box<dyn Fn(Box<[Node; 2]>) -> Node> = match function {
                    "_==_" => Box::new(|pair| Node::Equal(pair, false)),
                    "_!=_" => Box::new(|pair| Node::Equal(pair, true)),
                    "_<_" => Box::new(relation(Relation::Less)),
                    "_<=_" => Box::new(relation(Relation::LessOrEqual)),
                    "_>_" => Box::new(relation(Relation::Greater)),
                    "_>=_" => Box::new(relation(Relation::GreaterOrEqual)),
                    "_+_" => Box::new(arithmetic(Arithmetic::Add)),
                    "_-_" => Box::new(arithmetic(Arithmetic::Subtract)),
                    "_*_" => Box::new(arithmetic(Arithmetic::Multiply)),
                    "_/_" => Box::new(arithmetic(Arithmetic::Divide)),
                    "_%_" => Box::new(arithmetic(Arithmetic::Modulo)),
                    "@in" => Box::new(Node::In),
                    "_[_]" => Box::new(Node::Index),
                    "_[?_]" => Box::new(Node::OptionalIndex),
                    _ => return Ok(None),
                };
                let left = self.plan(left)?;
                let left = if function.starts_with("_[") { relative(left) } else { left };
                Some(make(Box::new([left, self.plan(right)?])))
            }
            [condition, yes, no] if function == "_?_:_" => {
                Some(Node::Conditional(Box::new([self.plan(condition)?, self.plan(yes)?, self.plan(no)?])))
            }
            _ => None,
        })
    }

    fn plan_comprehension(&mut self, comprehension: &Comprehension) -> Planned {
        let Comprehension { form, range, var, second, filter, body } = comprehension;
        let range = self.plan(range)?;
        let depth = self.locals.len();
        let names = std::iter::once(var.clone()).chain(second.clone());
        let (filter, body) = self.within(names, |planner| {
            let mut plan = |part: &Option<Expr>| part.as_ref().map(|part| planner.plan(part)).transpose();
            Ok::<_, Issue>((plan(filter)?, plan(body)?))
        })?;
        debug_assert!(body.is_some() || *form == Form::Filter, "only filters have no body");
        Ok(Node::Loop(Box::new(Loop { form: *form, range, depth, two: second.is_some(), filter, body })))
    }
}

/// Conversions, which cel-go does to constants when it compiles, at no cost.
const CONVERSIONS: [&str; 10] =
    ["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"];

/// A call of the first of these overloads that takes the arguments.
fn plan_overloads(call: &Callee<'_>, overloads: &[Overload], args: Vec<Node>) -> Planned {
    let fits = |overload: &&Overload| overload.member == call.member && overload.params.len() == args.len();
    let mut overloads: Vec<Overload> = overloads.iter().filter(fits).cloned().collect();
    // What a constant cannot be is no candidate.
    overloads.retain(|overload| {
        let known = |(param, arg): (&Type, &Node)| arg.constant().is_none_or(|value| param.admits(value));
        overload.params.iter().zip(&args).all(known)
    });
    let special = match overloads.as_slice() {
        [only] => {
            let constants: Vec<Option<&Value>> = args.iter().map(Node::constant).collect();
            only.specialize.and_then(|specialize| specialize(&constants)).transpose()
        }
        _ => Ok(None),
    };
    let special = match special {
        Err(error) if !call.validated => return Ok(Node::Fail(error)),
        other => other.map_err(|_| call.invalid())?,
    };
    let foldable = overloads.iter().all(|overload| overload.pure);
    let node = Node::Call(Box::new(Call { name: call.name.into(), overloads, special, args: args.into() }));
    if !foldable {
        return Ok(node);
    }
    if !CONVERSIONS.contains(&call.name) {
        return Ok(fold(node));
    }
    let literals = match &node {
        Node::Call(inner) => inner.args.iter().all(Node::is_free),
        _ => false,
    };
    match fold(node) {
        Node::Folded(value, _) if literals => Ok(Node::Folded(value, 0)),
        Node::Call(inner) if literals && call.validated => Err(call.unconvertible(&inner)),
        node => Ok(node),
    }
}

/// The function of a call.
struct Callee<'c> {
    name: &'c str,
    member: bool,
    /// Where its last argument stands.
    at: u32,
    validated: bool,
}

impl Callee<'_> {
    /// What is wrong with a conversion of a literal.
    fn unconvertible(&self, call: &Call) -> Issue {
        let evaluation = Evaluation::new(FOLDING_LIMIT);
        match call.evaluate(&mut Frame::new(&(), &evaluation, 0)) {
            Err(error) if !matches!(self.name, "duration" | "timestamp") => {
                Issue { message: error.to_string(), offset: self.at as usize }
            }
            _ => self.invalid(),
        }
    }

    fn invalid(&self) -> Issue {
        Issue { message: format!("invalid {} argument", self.name), offset: self.at as usize }
    }
}

/// What something is taken out of. cel-go counts one more when that is no variable.
fn relative(operand: Node) -> Node {
    match operand {
        Node::Path(..)
        | Node::Select(..)
        | Node::OptionalSelect(..)
        | Node::Index(_)
        | Node::OptionalIndex(_)
        | Node::Conditional(_)
        | Node::Counted(_) => operand,
        other => Node::Counted(Box::new(other)),
    }
}

/// What a part with constants alone comes to, when it comes to a value at little cost.
fn fold(node: Node) -> Node {
    let constant = |node: &Node| node.constant().is_some();
    let foldable = match &node {
        Node::Call(call) => call.args.iter().all(constant),
        Node::Not(operand) | Node::Negate(operand) => constant(operand),
        Node::Index(pair)
        | Node::OptionalIndex(pair)
        | Node::Equal(pair, _)
        | Node::Order(_, pair)
        | Node::Arithmetic(_, pair)
        | Node::In(pair) => pair.iter().all(constant),
        Node::List(elements) => elements.iter().all(|(element, _)| constant(element)),
        Node::Map(entries) => entries.iter().all(|(key, value, _)| constant(key) && constant(value)),
        _ => false,
    };
    if !foldable {
        return node;
    }
    let evaluation = Evaluation::new(FOLDING_LIMIT);
    let mut frame = Frame::new(&(), &evaluation, 0);
    match node.evaluate(&mut frame) {
        Ok(value) => Node::Folded(value, frame.cost()),
        Err(_) => node,
    }
}

/// Whether the overloads are those of optionals, which evaluate their argument only when it is needed, and no library
/// has put others in their place.
fn of_optionals(overloads: &[Overload]) -> bool {
    overloads.iter().all(|overload| overload.params.first().is_some_and(|first| first.as_optional().is_some()))
}
