//! Expressions (specification, "Expressions").

use std::rc::Rc;

use super::{Env, Interp, LazyRule, Stop};
use crate::builtins;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Test, UnaryOp};
use crate::syntax::token::At;
use crate::value::{Closure, Function, List, Map, MapKey, Reason, Value};

impl Interp<'_> {
    /// The value of an expression; a rule is evaluated.
    pub(super) fn eval(&mut self, expr: &Expr, env: &Env) -> Result<Value, Stop> {
        match self.eval_lazy(expr, env)? {
            Value::Rule(rule) => self.force(&rule),
            value => Ok(value),
        }
    }

    /// The value of an expression; one that is a rule itself is not evaluated yet.
    pub(super) fn eval_lazy(&mut self, expr: &Expr, env: &Env) -> Result<Value, Stop> {
        match &expr.kind {
            ExprKind::Int(int) => Ok(Value::Int(*int)),
            ExprKind::Float(float) => Ok(Value::Float(*float)),
            ExprKind::String(text) => Ok(Value::String(text.clone())),
            ExprKind::Name(name) => {
                self.budget.step().map_err(|message| Stop::at(message, env.span(expr.at)))?;
                self.name(name, expr.at, env)
            }
            ExprKind::Func(func) => {
                self.hold(env);
                self.budget.bytes(96)?;
                Ok(Value::Function(Function::Closure(Rc::new(Closure { func: func.clone(), env: env.clone() }))))
            }
            ExprKind::Rule(rule) => {
                self.hold(env);
                self.budget.bytes(128)?;
                Ok(Value::Rule(Rc::new(LazyRule::new(rule.clone(), env.clone()))))
            }
            _ => self.nested(expr, env, false),
        }
    }

    /// An expression with others inside; when it is recorded, so are its conditions.
    pub(super) fn nested(&mut self, expr: &Expr, env: &Env, record: bool) -> Result<Value, Stop> {
        let place = |message| Stop::at(message, env.span(expr.at));
        self.budget.step().map_err(place)?;
        self.budget.enter().map_err(place)?;
        let result = self.compound_value(expr, env, record);
        self.budget.leave();
        result.map_err(|stop| stop.or_at(env.span(expr.at)))
    }

    fn compound_value(&mut self, expr: &Expr, env: &Env, record: bool) -> Result<Value, Stop> {
        match &expr.kind {
            ExprKind::Paren(inner) => self.part(inner, env, record),
            ExprKind::Chain(first, rest) => self.chain(first, rest, env, record),
            ExprKind::Access(base, parts) => self.access(base, parts, env),
            ExprKind::Unary(operator, operand) => self.unary(*operator, operand, env, record),
            ExprKind::Test(operand, test, negated) => self.test(operand, *test, *negated, env),
            ExprKind::Quantifier(quantifier) => self.quantifier(quantifier, env, expr.at, record),
            ExprKind::List(elements) => self.list(elements, env),
            ExprKind::Map(entries) => self.entries(entries, env),
            _ => self.eval(expr, env),
        }
    }

    /// A part of a condition.
    fn part(&mut self, expr: &Expr, env: &Env, record: bool) -> Result<Value, Stop> {
        if record { self.eval_recorded(expr, env) } else { self.eval(expr, env) }
    }

    /// What a name stands for: a variable, an import, something global or predeclared. A rule is evaluated.
    pub(super) fn name(&mut self, name: &str, at: At, env: &Env) -> Result<Value, Stop> {
        match name {
            "true" => return Ok(Value::Bool(true)),
            "false" => return Ok(Value::Bool(false)),
            "null" => return Ok(Value::Null),
            "undefined" => return Ok(Self::undefined(env, at, Reason::Written)),
            _ => {}
        }
        match env.scope.get(name) {
            Some(Value::Rule(rule)) => return self.force(&rule),
            Some(value) => return Ok(value),
            None => {}
        }
        if let Some(value) = env.import(name) {
            return Ok(value);
        }
        if let Some(value) = self.input.global(name) {
            return Ok(value);
        }
        match builtins::find(name) {
            Some(native) => Ok(Value::Function(native)),
            None => Err(Stop::at(format!("unknown identifier accessed: {name}"), env.span(at))),
        }
    }

    /// Operators of one precedence, from left to right.
    fn chain(&mut self, first: &Expr, rest: &[(BinaryOp, Expr)], env: &Env, record: bool) -> Result<Value, Stop> {
        let logical = rest.first().is_some_and(|(op, _)| matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor));
        let record = record && logical;
        let mut left = self.part(first, env, record)?;
        let mut left_at = first.at;
        for (operator, operand) in rest {
            left = match operator {
                BinaryOp::Else => match left {
                    Value::Undefined(_) => {
                        self.assume(&left);
                        self.part(operand, env, record)?
                    }
                    value => value,
                },
                BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => {
                    let left = logical_operand(left, env, left_at)?;
                    self.logical(*operator, left, operand, env, record)?
                }
                _ => {
                    let right = self.eval(operand, env)?;
                    self.apply(*operator, left, right, env, first.at.to(operand.at))?
                }
            };
            left_at = left_at.to(operand.at);
        }
        Ok(left)
    }

    /// `and`, `or` and `xor`, which look at what is on the right only when they must.
    fn logical(
        &mut self,
        operator: BinaryOp,
        left: Value,
        operand: &Expr,
        env: &Env,
        record: bool,
    ) -> Result<Value, Stop> {
        match (operator, &left) {
            (BinaryOp::And, Value::Bool(false) | Value::Undefined(_))
            | (BinaryOp::Or, Value::Bool(true))
            | (BinaryOp::Xor, Value::Undefined(_)) => return Ok(left),
            _ => {}
        }
        let right = logical_operand(self.part(operand, env, record)?, env, operand.at)?;
        Ok(match (operator, left, right) {
            (BinaryOp::Or, Value::Undefined(_), Value::Bool(true)) => Value::Bool(true),
            (BinaryOp::Or, undefined @ Value::Undefined(_), right) => {
                self.assume(&right);
                undefined
            }
            (BinaryOp::Xor, Value::Bool(a), Value::Bool(b)) => Value::Bool(a != b),
            (_, _, right) => right,
        })
    }

    fn unary(&mut self, operator: UnaryOp, operand: &Expr, env: &Env, record: bool) -> Result<Value, Stop> {
        let value = self.part(operand, env, record && operator == UnaryOp::Not)?;
        Ok(match (operator, value) {
            (_, undefined @ Value::Undefined(_)) => undefined,
            (UnaryOp::Not, Value::Bool(truth)) => Value::Bool(!truth),
            (UnaryOp::Minus, Value::Int(int)) => Value::Int(int.wrapping_neg()),
            (UnaryOp::Minus, Value::Float(float)) => Value::Float(-float),
            (UnaryOp::Plus, number @ (Value::Int(_) | Value::Float(_))) => number,
            (UnaryOp::Not, other) => {
                let message = format!("`not` wants a boolean, got {}", other.type_name());
                return Err(Stop::at(message, env.span(operand.at)));
            }
            (_, other) => {
                let message = format!("a sign wants a number, got {}", other.type_name());
                return Err(Stop::at(message, env.span(operand.at)));
            }
        })
    }

    fn test(&mut self, operand: &Expr, test: Test, negated: bool, env: &Env) -> Result<Value, Stop> {
        let value = self.eval(operand, env)?;
        let holds = match (test, &value) {
            (Test::Defined, value) => {
                // What is not known is there: what it is cannot matter here, but a missing key could be meant.
                if value.is_undefined() {
                    self.assume(value);
                }
                !value.is_undefined()
            }
            (Test::Empty, Value::Undefined(_)) => return Ok(value),
            (Test::Empty, Value::String(text)) => text.len() == 0,
            (Test::Empty, Value::List(list)) => list.len() == 0,
            (Test::Empty, Value::Map(map)) => map.len() == 0,
            (Test::Empty, other) => {
                let message = format!("only strings, lists and maps can be empty, got {}", other.type_name());
                return Err(Stop::at(message, env.span(operand.at)));
            }
        };
        Ok(Value::Bool(holds != negated))
    }

    fn list(&mut self, elements: &[Expr], env: &Env) -> Result<Value, Stop> {
        self.budget.bytes(64 + 32 * elements.len())?;
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            values.push(self.element(element, env)?);
        }
        Ok(Value::List(List::new(values)))
    }

    fn entries(&mut self, entries: &[(Expr, Expr)], env: &Env) -> Result<Value, Stop> {
        self.budget.bytes(96 + 96 * entries.len())?;
        let map = Map::empty();
        for (key, value) in entries {
            let key_value = self.eval(key, env)?;
            let Some(key) = MapKey::of(&key_value) else {
                let message = format!("{} cannot be the key of a map", key_value.type_name());
                return Err(Stop::at(message, env.span(key.at)));
            };
            map.insert(key, self.element(value, env)?);
        }
        Ok(Value::Map(map))
    }

    /// What a literal holds; an import is no value.
    pub(super) fn element(&mut self, expr: &Expr, env: &Env) -> Result<Value, Stop> {
        match self.eval(expr, env)? {
            Value::Import(_) => Err(Stop::at("an import is no value", env.span(expr.at))),
            value => Ok(value),
        }
    }
}

fn logical_operand(value: Value, env: &Env, at: At) -> Result<Value, Stop> {
    match value {
        Value::Bool(_) | Value::Undefined(_) => Ok(value),
        other => {
            let message = format!("a logical operator wants booleans, got {}", other.type_name());
            Err(Stop::at(message, env.span(at)))
        }
    }
}
