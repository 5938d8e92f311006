//! What variables see: the request, what rules add to it, the element of a loop (Kyverno, `pkg/engine/context`).

use std::cell::{Cell, OnceCell};

use probity_model::value::Object;
use probity_model::{SmolStr, Value};
use probity_policy_jmespath::{Evaluation, Root, SearchError};

use crate::entry::Entry;
use crate::host::Host;
use crate::image;
use crate::object;
use crate::pointer;
use crate::query::{Query, QueryError};
use crate::request::{Operation, Request};

/// What variables see while a policy is judged on a request. Entries of rules are evaluated when they are first asked
/// for, each seeing those before it.
pub struct Context<'c> {
    host: &'c dyn Host,
    /// How much expressions may do, all together.
    evaluation: Evaluation<'c>,
    policy_namespace: &'c str,
    request: &'c Request,
    /// `request`, `serviceAccountName` and what was given from outside; made when something asks for it, as most rules
    /// have no variables.
    base: OnceCell<Value>,
    /// What was put over it, the latest last: elements of loops, `target`, `image`.
    overlays: Vec<(SmolStr, Value)>,
    slots: Vec<Slot<'c>>,
    /// How many of the slots are seen: while one is evaluated, only those before it.
    seen: Cell<usize>,
    images: OnceCell<Result<Option<Value>, String>>,
    operation: Operation,
}

struct Slot<'c> {
    entry: &'c Entry,
    value: OnceCell<Value>,
}

/// A state of a context to come back to.
pub struct Mark {
    base: OnceCell<Value>,
    overlays: usize,
    slots: usize,
}

impl<'c> Context<'c> {
    /// The context of a request. `policy_namespace` is the namespace that a policy is bound to; empty when it is bound
    /// to none.
    pub fn new(request: &'c Request, policy_namespace: &'c str, host: &'c dyn Host) -> Self {
        let mut new = Self {
            host,
            evaluation: Evaluation::new(host),
            policy_namespace,
            operation: request.operation,
            request,
            base: OnceCell::new(),
            overlays: Vec::new(),
            slots: Vec::new(),
            seen: Cell::new(usize::MAX),
            images: OnceCell::new(),
        };
        // What is given from outside may be another operation.
        if !request.values.is_empty() {
            let given = new.base().at(&["request", "operation"]).and_then(Value::as_str).and_then(Operation::named);
            new.operation = given.unwrap_or(request.operation);
        }
        new
    }

    fn base(&self) -> &Value {
        self.base.get_or_init(|| self.request.variables())
    }

    /// What answers what is asked from outside.
    pub fn host(&self) -> &'c dyn Host {
        self.host
    }

    /// The namespace that the policy is bound to; empty when it is bound to none.
    pub fn policy_namespace(&self) -> &'c str {
        self.policy_namespace
    }

    /// The state to come back to with [`Context::restore`].
    pub fn mark(&self) -> Mark {
        Mark { base: self.base.clone(), overlays: self.overlays.len(), slots: self.slots.len() }
    }

    /// Forgets what was added since.
    pub fn restore(&mut self, mark: &Mark) {
        self.base = mark.base.clone();
        self.overlays.truncate(mark.overlays);
        self.slots.truncate(mark.slots);
    }

    /// Adds entries of a rule or a loop.
    pub fn load(&mut self, entries: &'c [Entry]) {
        self.slots.extend(entries.iter().map(|entry| Slot { entry, value: OnceCell::new() }));
    }

    /// Merges values in by their dotted paths.
    pub fn merge(&mut self, values: &[(Vec<SmolStr>, Value)]) {
        for (path, value) in values {
            self.base = object::merged_at(self.base(), path, value).into();
        }
    }

    /// Puts a variable over all others of its name.
    pub fn set(&mut self, name: impl Into<SmolStr>, value: Value) {
        self.overlays.push((name.into(), value));
    }

    /// Adds the element of a loop: `nesting` counts the loops around it.
    pub fn set_element(&mut self, element: &Value, index: usize, nesting: usize) {
        let index = Value::from(i64::try_from(index).unwrap_or(i64::MAX));
        self.set("element", element.clone());
        self.set(format!("element{nesting}"), element.clone());
        self.set("elementIndex", index.clone());
        self.set(format!("elementIndex{nesting}"), index);
    }

    /// Puts another object in the place of `request.object`; none takes it away.
    pub fn set_object(&mut self, object: Option<&Value>) {
        self.set_in_request("object", object);
        self.images = OnceCell::new();
    }

    /// Puts another object in the place of `request.oldObject`; none takes it away.
    pub fn set_old_object(&mut self, object: Option<&Value>) {
        self.set_in_request("oldObject", object);
    }

    /// Changes the operation that variables see.
    pub fn set_operation(&mut self, operation: Operation) {
        self.operation = operation;
        self.set_in_request("operation", Some(&operation.as_str().into()));
    }

    /// Puts another object in the place of `target`.
    pub fn set_target(&mut self, target: &Value) {
        self.set("target", target.clone());
    }

    fn set_in_request(&mut self, field: &str, value: Option<&Value>) {
        let empty = Object::default();
        let root = self.base().as_object().unwrap_or(&empty);
        let request = root.get("request").and_then(Value::as_object).unwrap_or(&empty);
        let others = request.iter().filter(|(key, _)| key.as_str() != field);
        let own = value.map(|value| (field.into(), value.clone()));
        let request: Object = others.map(|(key, value)| (key.clone(), value.clone())).chain(own).collect();
        self.base = Value::Object(object::with_entry(root, "request", Value::Object(request))).into();
    }

    /// Whether the object goes: `request.object` then stands for the old one.
    pub fn is_delete(&self) -> bool {
        self.operation == Operation::Delete
    }

    /// The images of the object, by kind and name of their containers.
    ///
    /// # Errors
    /// When one of them is no image.
    pub fn images(&self) -> Result<Option<&Value>, QueryError> {
        let images = self.images.get_or_init(|| {
            let object = self.base().at(&["request", "object"]);
            object.map_or(Ok(None), |object| image::images(object, None, &self.evaluation))
        });
        images.as_ref().map(Option::as_ref).map_err(|message| QueryError::new(message.clone()))
    }

    /// How much expressions may do, all together.
    pub(crate) fn evaluation(&self) -> &Evaluation<'c> {
        &self.evaluation
    }

    /// What an expression gives.
    ///
    /// # Errors
    /// When a key is missing where one is needed, or a function cannot do what it is asked.
    pub fn search(&self, query: &Query) -> Result<Value, QueryError> {
        query.search(self, &self.evaluation).map_err(QueryError::of_context)
    }

    /// What an expression gives on a value.
    ///
    /// # Errors
    /// As [`Context::search`].
    pub fn search_on(&self, query: &Query, value: &Value) -> Result<Value, QueryError> {
        query.search(value, &self.evaluation)
    }

    /// The expression for the value at the same place as this path of a rule's document.
    pub(crate) fn here(&self, path: &str) -> String {
        let has_target = self.overlays.iter().any(|(name, _)| name == "target") || self.base().get("target").is_some();
        let root = if has_target { "target" } else { "request.object" };
        pointer::expression(root, path)
    }

    fn variable(&self, name: &str) -> Result<Option<Value>, QueryError> {
        let seen = self.seen.get().min(self.slots.len());
        for (index, slot) in self.slots[..seen].iter().enumerate().rev() {
            if slot.entry.name == name
                && let Some(value) = self.slot(index, slot)?
            {
                return Ok(Some(value));
            }
        }
        if let Some((_, value)) = self.overlays.iter().rev().find(|(known, _)| known == name) {
            return Ok(Some(value.clone()));
        }
        let given = self.base().get(name);
        if name == "images"
            && let Some(images) = self.images()?
        {
            return Ok(Some(given.map_or_else(|| images.clone(), |given| object::merged(given, images))));
        }
        Ok(given.cloned())
    }

    /// The value of an entry; `None` when the host does not ask for it.
    fn slot(&self, index: usize, slot: &Slot<'c>) -> Result<Option<Value>, QueryError> {
        if let Some(value) = slot.value.get() {
            return Ok(Some(value.clone()));
        }
        let before = self.seen.replace(index);
        let value = slot.entry.evaluate(self);
        self.seen.set(before);
        Ok(value?.map(|value| slot.value.get_or_init(|| value).clone()))
    }
}

impl Root for Context<'_> {
    fn get(&self, key: &str) -> Result<Option<Value>, SearchError> {
        self.variable(key).map_err(|error| SearchError::Root(error.message))
    }

    fn whole(&self) -> Result<Value, SearchError> {
        let mut entries = self.base().as_object().cloned().unwrap_or_default();
        for (name, value) in &self.overlays {
            entries = object::with_entry(&entries, name, value.clone());
        }
        for slot in &self.slots[..self.seen.get().min(self.slots.len())] {
            if let Some(value) = slot.value.get() {
                entries = object::with_entry(&entries, &slot.entry.name, value.clone());
            }
        }
        Ok(Value::Object(entries))
    }
}
