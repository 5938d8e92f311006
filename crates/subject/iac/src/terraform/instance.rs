//! A module as it is called: its variables have values, and names in it lead to them.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use probity_model::{Key, Problem, Span, Value};

use super::budget::{MAX_CALLS, Run};
use super::config::{Declaration, DeclarationKind, Module};
use super::eval::{EvalError, Evaluator, NOT_DECLARED, Scope, error};
use super::syntax::{self, Expression, Kind, Step};
use super::types::Type;
use super::{Installed, Options, document, policy_document, providers};

/// All modules of a scan by folder, shared by every root.
pub(super) struct Modules<'t> {
    pub(super) by_folder: &'t HashMap<PathBuf, Module>,
    pub(super) installed: &'t Installed,
    pub(super) options: &'t Options,
}

impl<'t> Modules<'t> {
    /// The module that a call leads to: one beside the caller, or one that was fetched for it. `names` are those of the calls
    /// that lead from the root to the caller.
    pub(super) fn called(
        &self,
        caller: &Module,
        declaration: &Declaration,
        root: &Path,
        names: &[&str],
    ) -> Option<&'t Module> {
        called(&caller.folder, declaration, self.by_folder).or_else(|| {
            let names: Vec<&str> = names.iter().copied().chain([declaration.name.as_str()]).collect();
            self.by_folder.get(self.installed.folder(root, &names.join("."))?)
        })
    }
}

/// One instance of a resource, data source, provider or module call.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// `[0]`, `["key"]` or nothing.
    pub(super) key: String,
    pub(super) scope: Scope,
    pub(super) document: Value,
}

/// The instances that `count` or `for_each` make.
#[derive(Debug)]
pub(super) struct Members {
    kind: MembersKind,
    /// What a reference to the whole leads to, made when there is one.
    value: OnceCell<Value>,
}

#[derive(Debug)]
enum MembersKind {
    Single(Member),
    Counted(Vec<Member>),
    Keyed(Vec<(String, Member)>),
}

impl Members {
    fn new(kind: MembersKind) -> Self {
        Self { kind, value: OnceCell::new() }
    }

    pub(super) fn all(&self) -> Vec<&Member> {
        match &self.kind {
            MembersKind::Single(member) => vec![member],
            MembersKind::Counted(members) => members.iter().collect(),
            MembersKind::Keyed(members) => members.iter().map(|(_, member)| member).collect(),
        }
    }

    fn absent(&self) -> Absent {
        let has_key = |member: &Member| {
            let key = member.scope.get("each").and_then(|each| each.get("key"));
            key.is_some_and(|key| !matches!(key, Value::Unknown(_)))
        };
        match &self.kind {
            MembersKind::Counted(_) => Absent::ComputedInInstances,
            MembersKind::Keyed(members) if members.iter().all(|(_, member)| has_key(member)) => {
                Absent::ComputedInInstances
            }
            MembersKind::Single(_) | MembersKind::Keyed(_) => Absent::Computed,
        }
    }

    fn value(&self) -> Value {
        let make = || match &self.kind {
            MembersKind::Single(member) => member.document.clone(),
            MembersKind::Counted(members) => Value::array(members.iter().map(|member| member.document.clone())),
            MembersKind::Keyed(members) => {
                Value::Object(members.iter().map(|(key, member)| (Key::new(key), member.document.clone())).collect())
            }
        };
        self.value.get_or_init(make).clone()
    }
}

/// What it means that a step of a reference leads to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// The expression is wrong.
    Error,
    /// The provider computes it.
    Computed,
    /// The first step chooses an instance, and those are known: one that is not there is an error. `try(a.b[0].id, "")`
    /// relies on it where `count` is 0. What is within an instance the provider computes.
    ComputedInInstances,
}

/// Where an instance's variables come from.
pub(super) struct Call<'t> {
    pub(super) caller: Rc<Instance<'t>>,
    pub(super) declaration: &'t Declaration,
    pub(super) scope: Scope,
}

enum Slot<T> {
    InProgress,
    Done(T),
}

/// A module with values for its variables.
pub(super) struct Instance<'t> {
    pub(super) module: &'t Module,
    /// `module.a.module.b["x"]`, empty for a root.
    pub(super) address: String,
    pub(super) calls: Vec<Span>,
    pub(super) call: Option<Call<'t>>,
    pub(super) run: Rc<Run>,
    modules: Rc<Modules<'t>>,
    locals: RefCell<HashMap<&'t str, Slot<Value>>>,
    variables: RefCell<HashMap<&'t str, Slot<Value>>>,
    members: RefCell<HashMap<usize, Slot<Rc<Members>>>>,
    children: RefCell<HashMap<usize, Vec<Rc<Instance<'t>>>>>,
    me: RefCell<std::rc::Weak<Instance<'t>>>,
}

impl<'t> Instance<'t> {
    pub(super) fn root(module: &'t Module, modules: Modules<'t>) -> Rc<Self> {
        Self::new(module, String::new(), Vec::new(), None, Rc::new(Run::default()), Rc::new(modules))
    }

    fn new(
        module: &'t Module,
        address: String,
        calls: Vec<Span>,
        call: Option<Call<'t>>,
        run: Rc<Run>,
        modules: Rc<Modules<'t>>,
    ) -> Rc<Self> {
        let instance = Rc::new(Self {
            module,
            address,
            calls,
            call,
            run,
            modules,
            locals: RefCell::default(),
            variables: RefCell::default(),
            members: RefCell::default(),
            children: RefCell::default(),
            me: RefCell::default(),
        });
        *instance.me.borrow_mut() = Rc::downgrade(&instance);
        instance
    }

    /// The folder of the root module.
    pub(super) fn root_folder(&self) -> &'t Path {
        match &self.call {
            Some(call) => call.caller.root_folder(),
            None => &self.module.folder,
        }
    }

    /// Folders whose files functions may read.
    pub(super) fn readable(&self) -> &[PathBuf] {
        &self.modules.options.readable
    }

    /// Resolves the start of a reference: the value, how many operators it took, and what is not there in it.
    pub(super) fn reference(&self, root: &str, steps: &[Step]) -> Result<Option<(Value, usize, Absent)>, EvalError> {
        let name = |position: usize| match steps.get(position) {
            Some(Step::Attribute(name)) => Some(&**name),
            _ => None,
        };
        let Some(first) = name(0) else { return Ok(None) };
        let found = match root {
            "var" => (self.variable(first)?, 1, Absent::Error),
            "local" => (self.local(first)?, 1, Absent::Error),
            "path" => {
                let path = match first {
                    "module" => self.module.folder.display().to_string(),
                    "root" => self.root_folder().display().to_string(),
                    _ => ".".to_owned(),
                };
                (path.into(), 1, Absent::Error)
            }
            "terraform" | "tofu" if first == "workspace" => ("default".into(), 1, Absent::Error),
            "terraform" | "tofu" | "each" | "count" | "self" => {
                (unknown(&format!("{root}.{first}")), steps.len(), Absent::Error)
            }
            "module" => {
                let (value, absent) = self.module_outputs(first);
                (value, 1, absent)
            }
            "data" | "ephemeral" => {
                let Some(second) = name(1) else { return Ok(None) };
                let kind = if root == "data" { DeclarationKind::Data } else { DeclarationKind::Ephemeral };
                let (value, absent) = self.resource(kind, first, second);
                (value, 2, absent)
            }
            "resource" => {
                let Some(second) = name(1) else { return Ok(None) };
                let (value, absent) = self.resource(DeclarationKind::Resource, first, second);
                (value, 2, absent)
            }
            resource_type => {
                let (value, absent) = self.resource(DeclarationKind::Resource, resource_type, first);
                (value, 1, absent)
            }
        };
        Ok(Some(found))
    }

    /// The value of a variable.
    pub(super) fn variable(&self, name: &str) -> Result<Value, EvalError> {
        let Some((name, variable)) = self.module.variables.get_key_value(name) else {
            return Ok(unknown(&format!("var.{name}{NOT_DECLARED}")));
        };
        Self::lazily(&self.variables, name, &format!("var.{name}"), || {
            let constraint = variable.constraint.as_ref();
            let constraint = constraint.map(|written| Type::read(written, &mut |default| self.plain(default)));
            let given = self.given(name, constraint.as_ref())?.filter(|given| !(variable.not_null && given.is_null()));
            let value = match (given, &variable.default) {
                (Some(given), _) => given,
                (None, Some(default)) => self.plain(default)?,
                (None, None) => return Ok(unknown(&format!("var.{name}"))),
            };
            constraint.map_or_else(|| Ok(value.clone()), |constraint| constraint.convert(&value))
        })
    }

    /// The value that a variable is given: by the call of the module, or from outside.
    fn given(&self, name: &str, constraint: Option<&Type>) -> Result<Option<Value>, EvalError> {
        if let Some(call) = &self.call {
            let argument = call.declaration.attribute(name);
            return argument
                .map(|argument| Evaluator::new(&call.caller, &call.scope).evaluate(&argument.value))
                .transpose();
        }
        let options = self.modules.options;
        if let Some(value) = options.variables.get(name) {
            return self.given_outside(value, constraint).map(Some);
        }
        if self.module.values.contains_key(name) {
            return self.value_of_file(name).map(Some);
        }
        options.environment.get(name).map(|value| self.given_outside(value, constraint)).transpose()
    }

    /// A value that is given as a text, when the variable's type is no simple one, is an expression.
    fn given_outside(&self, value: &Value, constraint: Option<&Type>) -> Result<Value, EvalError> {
        match value {
            Value::String(text) if constraint.is_some_and(Type::is_collection) => {
                let written = syntax::expression(text, syntax::nowhere()).map_err(EvalError)?;
                self.plain(&written)
            }
            value => Ok(value.clone()),
        }
    }

    /// The value that a file of values gives a variable.
    pub(super) fn value_of_file(&self, name: &str) -> Result<Value, EvalError> {
        self.module.values.get(name).map_or(Ok(Value::Null), |value| self.plain(value))
    }

    fn local(&self, name: &str) -> Result<Value, EvalError> {
        let Some((name, local)) = self.module.locals.get_key_value(name) else {
            return Ok(unknown(&format!("local.{name}{NOT_DECLARED}")));
        };
        Self::lazily(&self.locals, name, &format!("local.{name}"), || self.plain(local))
    }

    /// The value of an expression outside of what has instances.
    pub(super) fn plain(&self, expression: &Expression) -> Result<Value, EvalError> {
        Evaluator::new(self, &Scope::default()).evaluate(expression)
    }

    fn lazily(
        slots: &RefCell<HashMap<&'t str, Slot<Value>>>,
        name: &'t str,
        shown: &str,
        make: impl FnOnce() -> Result<Value, EvalError>,
    ) -> Result<Value, EvalError> {
        match slots.borrow().get(name) {
            Some(Slot::Done(value)) => return Ok(value.clone()),
            Some(Slot::InProgress) => return error(format!("`{shown}` is defined by itself")),
            None => {}
        }
        slots.borrow_mut().insert(name, Slot::InProgress);
        // An error is as unknown to everything that refers to it; it is evaluated once.
        let value = make().unwrap_or_else(|EvalError(message)| unknown(&format!("{shown} ({message})")));
        slots.borrow_mut().insert(name, Slot::Done(value.clone()));
        Ok(value)
    }

    fn resource(&self, kind: DeclarationKind, resource_type: &str, name: &str) -> (Value, Absent) {
        let Some(position) = self.module.declaration(kind, resource_type, name) else {
            return (unknown(&format!("{resource_type}.{name}{NOT_DECLARED}")), Absent::Computed);
        };
        match self.members(position) {
            Some(members) => (members.value(), members.absent()),
            None => (unknown(&format!("{resource_type}.{name}")), Absent::Computed),
        }
    }

    /// The instances of a declaration; `None` while they are being made.
    pub(super) fn members(&self, position: usize) -> Option<Rc<Members>> {
        match self.members.borrow().get(&position) {
            Some(Slot::Done(members)) => return Some(members.clone()),
            Some(Slot::InProgress) => return None,
            None => {}
        }
        self.members.borrow_mut().insert(position, Slot::InProgress);
        let members = Rc::new(Members::new(self.make_members(&self.module.declarations[position])));
        self.members.borrow_mut().insert(position, Slot::Done(members.clone()));
        Some(members)
    }

    fn make_members(&self, declaration: &Declaration) -> MembersKind {
        let evaluate = |name: &str| {
            declaration.attribute(name).map(|attribute| {
                Evaluator::new(self, &Scope::default())
                    .evaluate(&attribute.value)
                    .unwrap_or_else(EvalError::into_unknown)
            })
        };
        if declaration.kind == DeclarationKind::Provider {
            return MembersKind::Single(self.member(declaration, String::new(), &Scope::default()));
        }
        if let Some(count) = evaluate("count") {
            return self.counted(declaration, &count);
        }
        if let Some(for_each) = evaluate("for_each") {
            return self.keyed(declaration, &for_each);
        }
        MembersKind::Single(self.member(declaration, String::new(), &Scope::default()))
    }

    fn counted(&self, declaration: &Declaration, count: &Value) -> MembersKind {
        let number = match count {
            Value::Unknown(_) => None,
            known => super::eval::to_number(known).ok().and_then(|number| number.as_i64()),
        };
        let scope = |index: Value| Scope::default().with("count", Value::object([("index", index)]));
        match number.and_then(|number| usize::try_from(number).ok()) {
            Some(number) => MembersKind::Counted(
                (0..self.run.instances(number, Some(declaration.header)))
                    .map(|index| {
                        let value = Value::from(i64::try_from(index).unwrap_or(i64::MAX));
                        self.member(declaration, format!("[{index}]"), &scope(value))
                    })
                    .collect(),
            ),
            None => MembersKind::Single(self.member(declaration, String::new(), &scope(unknown("count.index")))),
        }
    }

    fn keyed(&self, declaration: &Declaration, for_each: &Value) -> MembersKind {
        let scope =
            |key: Value, value: Value| Scope::default().with("each", Value::object([("key", key), ("value", value)]));
        let pairs: Vec<(Value, Value)> = match for_each {
            Value::Object(object) => {
                object.iter().map(|(key, value)| (Value::from(key.as_str()), value.clone())).collect()
            }
            Value::Set(set) => set.iter().map(|member| (member.clone(), member.clone())).collect(),
            Value::Array(list) => list.iter().map(|member| (member.clone(), member.clone())).collect(),
            _ => {
                let scope = scope(unknown("each.key"), unknown("each.value"));
                return MembersKind::Single(self.member(declaration, String::new(), &scope));
            }
        };
        let instances = self.run.instances(pairs.len(), Some(declaration.header));
        MembersKind::Keyed(
            pairs
                .into_iter()
                .take(instances)
                .map(|(key, value)| {
                    let name = super::eval::to_text(&key).unwrap_or_else(|_| "?".to_owned());
                    let member = self.member(declaration, format!("[\"{name}\"]"), &scope(key, value));
                    (name, member)
                })
                .collect(),
        )
    }

    fn member(&self, declaration: &Declaration, key: String, scope: &Scope) -> Member {
        let mut document = document::of(&declaration.body, self, scope);
        if declaration.kind == DeclarationKind::Data && declaration.resource_type == "aws_iam_policy_document" {
            document = policy_document::with_json(&document);
        }
        if declaration.kind == DeclarationKind::Resource {
            document = providers::with_default_tags(document, declaration, self);
        }
        if self.run.weigh(&document).is_none() {
            self.run.leave_out(Problem::new(
                "stands for too many values: none of its attributes is known",
                declaration.header,
            ));
            document = without_values(&document);
        }
        Member { key, scope: scope.clone(), document }
    }

    /// The outputs of a module call: an object, or a list or mapping of objects.
    fn module_outputs(&self, name: &str) -> (Value, Absent) {
        let Some(position) = self.module.declaration(DeclarationKind::Module, "module", name) else {
            return (unknown(&format!("module.{name}{NOT_DECLARED}")), Absent::Computed);
        };
        let Some(members) = self.members(position) else {
            return (unknown(&format!("module.{name}")), Absent::Computed);
        };
        let children = self.children(position);
        // The module may not be among those read, but how often it is called is known all the same.
        let output = |position: usize| {
            children.get(position).map_or_else(|| unknown(&format!("module.{name}")), |child| child.outputs())
        };
        let value = match &members.kind {
            MembersKind::Single(_) => output(0),
            MembersKind::Counted(counted) => Value::array((0..counted.len()).map(output)),
            MembersKind::Keyed(keyed) => {
                let entry = |(position, (key, _)): (usize, &(String, Member))| (Key::new(key), output(position));
                Value::Object(keyed.iter().enumerate().map(entry).collect())
            }
        };
        (value, members.absent())
    }

    fn outputs(&self) -> Value {
        Value::Object(self.module.outputs.keys().map(|name| (Key::new(name), self.output(name))).collect())
    }

    /// The value of an output.
    pub(super) fn output(&self, name: &str) -> Value {
        let Some(output) = self.module.outputs.get(name) else {
            return unknown(&format!("output.{name}{NOT_DECLARED}"));
        };
        self.plain(&output.value).unwrap_or_else(|EvalError(message)| unknown(&format!("output.{name} ({message})")))
    }

    /// The instances of the module that a call leads to; none when it is not among those read.
    pub(super) fn children(&self, position: usize) -> Vec<Rc<Instance<'t>>> {
        if let Some(children) = self.children.borrow().get(&position) {
            return children.clone();
        }
        let children = self.make_children(position);
        self.children.borrow_mut().insert(position, children.clone());
        children
    }

    /// The names of the calls that lead here, the outermost first.
    fn call_names(&self) -> Vec<&'t str> {
        let mut names = Vec::new();
        let mut caller = self.call.as_ref();
        while let Some(call) = caller {
            names.push(call.declaration.name.as_str());
            caller = call.caller.call.as_ref();
        }
        names.reverse();
        names
    }

    /// All modules of the scan.
    pub(super) fn modules(&self) -> &Modules<'t> {
        &self.modules
    }

    fn make_children(&self, position: usize) -> Vec<Rc<Instance<'t>>> {
        let declaration = &self.module.declarations[position];
        let called = self.modules.called(self.module, declaration, self.root_folder(), &self.call_names());
        let Some(module) = called else { return Vec::new() };
        let (Some(members), Some(me)) = (self.members(position), self.me.borrow().upgrade()) else {
            return Vec::new();
        };
        if self.calls.len() >= MAX_CALLS {
            let message = format!("modules that call each other more than {MAX_CALLS} deep");
            self.run.leave_out(
                Problem::new(message, declaration.header)
                    .with_help("a module that calls itself never ends; what it would make further is not judged"),
            );
            return Vec::new();
        }
        let calls: Vec<Span> = self.calls.iter().copied().chain([declaration.header]).collect();
        members
            .all()
            .into_iter()
            .map(|member| {
                let own = format!("module.{}{}", declaration.name, member.key);
                let address = if self.address.is_empty() { own } else { format!("{}.{own}", self.address) };
                let call = Call { caller: me.clone(), declaration, scope: member.scope.clone() };
                Self::new(module, address, calls.clone(), Some(call), self.run.clone(), self.modules.clone())
            })
            .collect()
    }
}

/// The document with every attribute unknown.
fn without_values(document: &Value) -> Value {
    let Some(object) = document.as_object() else { return unknown("too large") };
    Value::Object(object.iter().map(|(key, _)| (key.clone(), unknown("too large"))).collect())
}

/// The module that a call with a local source leads to.
pub(super) fn called<'t>(
    folder: &std::path::Path,
    declaration: &Declaration,
    modules: &'t HashMap<PathBuf, Module>,
) -> Option<&'t Module> {
    let source = match &declaration.attribute("source")?.value.kind {
        Kind::Literal(source) => source.as_str()?.to_owned(),
        _ => return None,
    };
    if !source.starts_with("./") && !source.starts_with("../") {
        return None;
    }
    let mut target = folder.to_path_buf();
    for part in source.split('/') {
        match part {
            "" | "." => {}
            ".." if target.file_name().is_some() => drop(target.pop()),
            ".." => target.push(".."),
            part => target.push(part),
        }
    }
    modules.get(&target)
}

pub(super) fn unknown(what: &str) -> Value {
    Value::Unknown(what.into())
}
