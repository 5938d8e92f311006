//! Evaluation: the tree is walked, within bounds.

mod access;
mod budget;
mod call;
mod expression;
mod module;
mod operator;
mod quantifier;
mod recorder;
mod rule;
mod scope;
mod selection;
mod statement;
mod stop;

use std::collections::HashMap;
use std::rc::Rc;

use probity_model::Span;
use smol_str::SmolStr;

pub(crate) use budget::Budget;
pub use budget::Limits;
pub(crate) use call::{Args, Def, Unfit, settle};
pub(crate) use recorder::{Condition, Evaluated, Recorder, Shown};
pub(crate) use rule::LazyRule;
pub(crate) use scope::{Env, Scope};
pub(crate) use stop::Stop;

use crate::evaluation::Evaluation;
use crate::policy::Policy;
use crate::syntax::token::At;
use crate::value::{List, Map, Origin, Reason, Value};

/// Most texts that `print` keeps.
const MAX_PRINTS: usize = 10_000;

/// One evaluation of a policy with its modules.
pub(crate) struct Interp<'e> {
    pub(crate) input: &'e Evaluation<'e>,
    pub(crate) budget: Budget,
    pub(crate) prints: Vec<String>,
    pub(crate) recorder: Recorder,
    /// Imports by their path; none while one is being loaded.
    loaded: HashMap<SmolStr, Option<Value>>,
    /// Every file of which something was evaluated.
    files: Vec<Policy>,
    /// The first value that is not known and that something was decided by as if it were not there.
    pub(crate) assumed: Option<Rc<Origin>>,
    /// The execution time, once it was asked for.
    pub(crate) now: Option<i64>,
    /// What may hold itself, and is emptied in the end.
    scopes: Vec<Rc<Scope>>,
    lists: Vec<List>,
    maps: Vec<Map>,
}

impl<'e> Interp<'e> {
    pub(crate) fn new(input: &'e Evaluation<'e>) -> Self {
        Self {
            input,
            budget: Budget::new(input.limits),
            prints: Vec::new(),
            recorder: Recorder::default(),
            loaded: HashMap::new(),
            files: Vec::new(),
            assumed: None,
            now: None,
            scopes: Vec::new(),
            lists: Vec::new(),
            maps: Vec::new(),
        }
    }

    /// The file that a place is in.
    pub(crate) fn file_of(&self, span: Span) -> Option<&Policy> {
        self.files.iter().find(|file| file.source_id() == span.source)
    }

    pub(crate) fn print(&mut self, text: String) -> Result<(), Stop> {
        self.budget.bytes(text.len())?;
        if self.prints.len() < MAX_PRINTS {
            self.prints.push(text);
        }
        Ok(())
    }

    /// Something undefined that came to be here.
    fn undefined(env: &Env, at: At, reason: Reason) -> Value {
        Value::Undefined(Rc::new(Origin { span: Some(env.span(at)), reason }))
    }

    /// Something undefined that a native function gives.
    pub(crate) fn nothing(args: &Args, reason: Reason) -> Value {
        Value::Undefined(Rc::new(Origin { span: Some(args.span), reason }))
    }

    /// Notes that something is decided by this value being undefined. When it is only not known, the decision is one
    /// that the value could overturn.
    pub(crate) fn assume(&mut self, value: &Value) {
        if self.assumed.is_none() {
            self.assumed = unknown_in(value, 0);
        }
    }

    /// The comment that the policy itself begins with.
    pub(crate) fn description(&self) -> Option<String> {
        self.files.first()?.description().map(str::to_owned)
    }

    /// Remembers what a function or rule holds.
    fn hold(&mut self, env: &Env) {
        self.scopes.extend(env.scope.capture());
    }

    /// Remembers a list into which something was put.
    pub(crate) fn watch_list(&mut self, list: &List, value: &Value) {
        if holds_others(value) && list.watch() {
            self.lists.push(list.clone());
        }
    }

    /// Remembers a map into which something was put.
    pub(crate) fn watch_map(&mut self, map: &Map, value: &Value) {
        if holds_others(value) && map.watch() {
            self.maps.push(map.clone());
        }
    }
}

/// The first value that is not known, in this one.
fn unknown_in(value: &Value, depth: usize) -> Option<Rc<Origin>> {
    /// What is deeper cannot be compared either.
    const MAX_DEPTH: usize = 256;
    match value {
        Value::Undefined(origin) if matches!(origin.reason, Reason::Unknown(_)) => Some(Rc::clone(origin)),
        _ if depth > MAX_DEPTH => None,
        Value::List(list) => list.to_vec().iter().find_map(|element| unknown_in(element, depth + 1)),
        Value::Map(map) => map.to_vec().iter().find_map(|(_, value)| unknown_in(value, depth + 1)),
        _ => None,
    }
}

/// Whether a value can hold others, and so itself.
fn holds_others(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Map(_) | Value::Function(_) | Value::Rule(_))
}

impl Drop for Interp<'_> {
    /// Values that hold each other would never be dropped.
    fn drop(&mut self) {
        // The recorder and the imports hold values, too; the scopes in between are emptied one by one.
        for list in self.lists.drain(..) {
            list.clear();
        }
        for map in self.maps.drain(..) {
            map.clear();
        }
        for scope in self.scopes.drain(..) {
            scope.clear();
        }
    }
}
