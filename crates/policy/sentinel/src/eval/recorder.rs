//! What rules came to, with the conditions in them.

use std::rc::Rc;

use probity_model::{SmolStr, Span};

use super::{Env, Interp, LazyRule, Stop};
use crate::syntax::ast::{Expr, ExprKind};
use crate::value::{MapKey, Value};

/// Most conditions that are kept of a rule.
const MAX_CONDITIONS: usize = 200;

/// Most elements that did not decide an iteration and are kept nevertheless.
const MAX_UNDECIDING: usize = 10;

/// A condition that was evaluated.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) span: Span,
    /// The key or position of the element that it was evaluated for.
    pub(crate) element: Option<String>,
    pub(crate) value: Shown,
    pub(crate) parts: Vec<Condition>,
}

/// A value as it was, kept apart from what the policy goes on to change.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) document: probity_model::Value,
    pub(crate) undefined: Option<crate::value::Origin>,
}

impl Shown {
    pub(crate) fn of(value: &Value) -> Self {
        let undefined = match value {
            Value::Undefined(origin) => Some((**origin).clone()),
            _ => None,
        };
        Self { document: crate::value::to_document(value), undefined }
    }
}

/// A rule that was evaluated.
#[derive(Debug)]
pub(crate) struct Evaluated {
    pub(crate) name: SmolStr,
    pub(crate) description: Option<String>,
    pub(crate) span: Span,
    /// Absent when an error ended it.
    pub(crate) value: Option<Shown>,
    pub(crate) conditions: Vec<Condition>,
}

/// Rules in the order in which their evaluation ended.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) rules: Vec<Evaluated>,
    open: Vec<Vec<Condition>>,
    /// Conditions kept of each rule that is being evaluated.
    counts: Vec<usize>,
}

impl Recorder {
    pub(super) fn begin_rule(&mut self) {
        self.open.push(Vec::new());
        self.counts.push(0);
    }

    pub(super) fn end_rule(&mut self, lazy: &Rc<LazyRule>, span: Span, value: Option<&Value>) {
        let conditions = self.open.pop().unwrap_or_default();
        self.counts.pop();
        // A rule without a name is part of another expression.
        let Some(name) = lazy.rule.name.clone() else { return };
        let description = lazy.rule.description.clone();
        self.rules.push(Evaluated { name, description, span, value: value.map(Shown::of), conditions });
    }

    fn has_room(&self) -> bool {
        self.counts.last().is_some_and(|count| *count < MAX_CONDITIONS)
    }

    fn begin(&mut self) {
        self.open.push(Vec::new());
    }

    fn end(&mut self, condition: impl FnOnce(Vec<Condition>) -> Option<Condition>) {
        let parts = self.open.pop().unwrap_or_default();
        if let (Some(condition), Some(open), Some(count)) =
            (condition(parts), self.open.last_mut(), self.counts.last_mut())
        {
            open.push(condition);
            *count += 1;
        }
    }
}

impl Interp<'_> {
    /// The value of a condition, which is recorded with those that it is made of.
    pub(super) fn eval_recorded(&mut self, expr: &Expr, env: &Env) -> Result<Value, Stop> {
        self.recorded(expr, env, None, |_| true)
    }

    /// The value of the body of an iteration, recorded when it decides.
    pub(super) fn iteration_recorded(
        &mut self,
        body: &Expr,
        env: &Env,
        key: &MapKey,
        all: bool,
    ) -> Result<Value, Stop> {
        let undeciding = self.recorder.open.last().map_or(0, Vec::len);
        let decides = move |value: &Value| !matches!(value, Value::Bool(truth) if *truth == all);
        let keep = move |value: &Value| decides(value) || !all && undeciding < MAX_UNDECIDING;
        self.recorded(body, env, Some(key), keep)
    }

    fn recorded(
        &mut self,
        expr: &Expr,
        env: &Env,
        element: Option<&MapKey>,
        keep: impl FnOnce(&Value) -> bool,
    ) -> Result<Value, Stop> {
        let expr = unwrapped(expr);
        if !self.recorder.has_room() {
            return self.eval(expr, env);
        }
        self.recorder.begin();
        let result = match expr.kind {
            ExprKind::Chain(..) | ExprKind::Unary(..) | ExprKind::Quantifier(_) => self.nested(expr, env, true),
            _ => self.eval(expr, env),
        };
        let span = env.span(expr.at);
        self.recorder.end(|parts| {
            let is_condition = |value: &&Value| matches!(value, Value::Bool(_) | Value::Undefined(_));
            let value = result.as_ref().ok().filter(is_condition).filter(|value| keep(value))?;
            let element = element.map(|key| key.to_text().to_str().into_owned());
            Some(Condition { span, element, value: Shown::of(value), parts })
        });
        result
    }
}

/// What stands between parentheses.
pub(super) fn unwrapped(mut expr: &Expr) -> &Expr {
    while let ExprKind::Paren(inner) = &expr.kind {
        expr = inner;
    }
    expr
}
