//! Rules: evaluated when they are first asked for, and once (specification, "Rule Expressions").

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Env, Interp, Stop};
use crate::syntax::ast::Rule;
use crate::value::Value;

/// A rule with what it can see.
pub(crate) struct LazyRule {
    pub(crate) rule: Arc<Rule>,
    pub(crate) env: Env,
    state: RefCell<State>,
}

enum State {
    Waiting,
    Running,
    Done(Value),
}

impl LazyRule {
    pub(crate) fn new(rule: Arc<Rule>, env: Env) -> Self {
        Self { rule, env, state: RefCell::new(State::Waiting) }
    }
}

impl Interp<'_> {
    /// The value of a rule.
    pub(crate) fn force(&mut self, lazy: &Rc<LazyRule>) -> Result<Value, Stop> {
        let span = lazy.env.span(lazy.rule.at);
        match &*lazy.state.borrow() {
            State::Waiting => {}
            State::Done(value) => return Ok(value.clone()),
            State::Running => {
                let name = lazy.rule.name.as_deref().unwrap_or("the rule");
                return Err(Stop::at(format!("{name} asks for itself while it is evaluated"), span));
            }
        }
        lazy.state.replace(State::Running);
        self.budget.enter().map_err(|message| Stop::at(message, span))?;
        self.recorder.begin_rule();
        let result = self.rule(&lazy.rule, &lazy.env);
        self.budget.leave();
        match result {
            Ok(value) => {
                self.recorder.end_rule(lazy, span, Some(&value));
                lazy.state.replace(State::Done(value.clone()));
                Ok(value)
            }
            Err(stop) => {
                self.recorder.end_rule(lazy, span, None);
                lazy.state.replace(State::Waiting);
                Err(stop)
            }
        }
    }

    fn rule(&mut self, rule: &Rule, env: &Env) -> Result<Value, Stop> {
        if let Some(when) = &rule.when {
            match self.eval_recorded(when, env)? {
                Value::Bool(true) => {}
                Value::Bool(false) => return Ok(Value::Bool(true)),
                undefined @ Value::Undefined(_) => return Ok(undefined),
                other => {
                    let message = format!("the predicate of a rule must be a boolean, got {}", other.type_name());
                    return Err(Stop::at(message, env.span(when.at)));
                }
            }
        }
        match self.eval_recorded(&rule.body, env)? {
            Value::Function(_) | Value::Import(_) => {
                Err(Stop::at("a rule cannot result in a function", env.span(rule.body.at)))
            }
            value => Ok(value),
        }
    }
}
