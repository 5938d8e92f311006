//! What names stand for (specification, "Declarations and Scope").

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use probity_model::Span;
use smol_str::SmolStr;

use crate::policy::Policy;
use crate::syntax::token::At;
use crate::value::{Text, Value};

/// Variables, and the scope around them. `if` and `case` have none of their own.
pub(crate) struct Scope {
    variables: RefCell<Vec<(SmolStr, Value)>>,
    parent: Option<Rc<Scope>>,
    /// Whether a function or rule holds it.
    captured: Cell<bool>,
}

impl Scope {
    pub(crate) fn new(parent: Option<Rc<Scope>>) -> Rc<Self> {
        Rc::new(Self { variables: RefCell::default(), parent, captured: Cell::new(false) })
    }

    /// The value of a variable of this scope or one around it.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        let mut scope = Some(self);
        while let Some(current) = scope {
            if let Some(value) = current.own(name) {
                return Some(value);
            }
            scope = current.parent.as_deref();
        }
        None
    }

    /// The value of a variable of this very scope.
    pub(crate) fn own(&self, name: &str) -> Option<Value> {
        let variables = self.variables.borrow();
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// Gives a variable of this very scope its value.
    pub(crate) fn declare(&self, name: SmolStr, value: Value) {
        if let Some(value) = self.replace(&name, value) {
            self.variables.borrow_mut().push((name, value));
        }
    }

    /// Changes a variable of this very scope; the new value again when there is none.
    fn replace(&self, name: &str, value: Value) -> Option<Value> {
        let mut variables = self.variables.borrow_mut();
        let Some((_, place)) = variables.iter_mut().find(|(known, _)| known == name) else { return Some(value) };
        let before = std::mem::replace(place, value);
        drop(variables);
        drop(before);
        None
    }

    /// Changes the nearest variable of this name, or makes one here.
    pub(crate) fn assign(&self, name: &SmolStr, mut value: Value) {
        let mut scope = Some(self);
        while let Some(current) = scope {
            match current.replace(name, value) {
                None => return,
                Some(again) => value = again,
            }
            scope = current.parent.as_deref();
        }
        self.variables.borrow_mut().push((name.clone(), value));
    }

    /// The text that the nearest variable of this name has, taken out of it: it is to be given a new one at once.
    pub(crate) fn take_text(&self, name: &str) -> Option<Text> {
        let mut scope = Some(self);
        while let Some(current) = scope {
            let mut variables = current.variables.borrow_mut();
            if let Some((_, value)) = variables.iter_mut().find(|(known, _)| known == name) {
                return match value {
                    Value::String(text) => Some(std::mem::replace(text, Text::from(""))),
                    _ => None,
                };
            }
            drop(variables);
            scope = current.parent.as_deref();
        }
        None
    }

    /// Marks this scope and those around it as held; those that were not yet are given back.
    pub(crate) fn capture(self: &Rc<Self>) -> Vec<Rc<Self>> {
        let mut captured = Vec::new();
        let mut scope = Some(self);
        while let Some(current) = scope.filter(|scope| !scope.captured.replace(true)) {
            captured.push(Rc::clone(current));
            scope = current.parent.as_ref();
        }
        captured
    }

    pub(crate) fn is_captured(&self) -> bool {
        self.captured.get()
    }

    /// Lets go of every variable.
    pub(crate) fn clear(&self) {
        let before = self.variables.take();
        drop(before);
    }
}

/// A file that is being evaluated, with what its imports stand for.
pub(crate) struct Instance {
    pub(crate) policy: Policy,
    pub(crate) imports: OnceCell<Vec<(SmolStr, Value)>>,
}

/// Where an expression is evaluated.
#[derive(Clone)]
pub(crate) struct Env {
    pub(crate) scope: Rc<Scope>,
    pub(crate) instance: Rc<Instance>,
}

impl Env {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { scope: Scope::new(None), instance: Rc::new(Instance { policy, imports: OnceCell::new() }) }
    }

    /// One scope further in.
    pub(crate) fn inner(&self) -> Self {
        Self { scope: Scope::new(Some(Rc::clone(&self.scope))), instance: Rc::clone(&self.instance) }
    }

    pub(crate) fn span(&self, at: At) -> Span {
        Span { source: self.instance.policy.source_id(), start: at.start, end: at.end }
    }

    pub(crate) fn import(&self, name: &str) -> Option<Value> {
        let imports = self.instance.imports.get()?;
        imports.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}
