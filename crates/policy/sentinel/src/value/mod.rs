//! What expressions evaluate to (specification, "Variables" and what follows).

mod compare;
mod containers;
mod document;
mod key;
mod origin;
mod show;
mod text;

use std::rc::Rc;
use std::sync::Arc;

use smol_str::SmolStr;

pub(crate) use compare::{contains, equal, ordering};
pub(crate) use containers::{Keys, List, Map};
pub(crate) use document::{of_document, to_document};
pub(crate) use key::MapKey;
pub(crate) use origin::{Origin, Reason};
pub(crate) use show::show;
pub(crate) use text::Text;

use crate::eval::{Def, Env, LazyRule};
use crate::imports::{Object, Standard};
use crate::syntax::ast::Func;
use crate::terraform::Namespace;

/// A value. Lists and maps are shared: what is changed through one name is seen through all.
#[derive(Clone)]
pub(crate) enum Value {
    Undefined(Rc<Origin>),
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Text),
    List(List),
    Map(Map),
    Function(Function),
    Rule(Rc<LazyRule>),
    /// What an import made: data with methods, such as a time.
    Object(Rc<Object>),
    /// An import itself, which is no value but for what is taken of it.
    Import(Imported),
}

/// A function.
#[derive(Clone)]
pub(crate) enum Function {
    /// Written in a policy, with what it can see.
    Closure(Rc<Closure>),
    /// Built in, or of a standard import.
    Native(Native),
}

pub(crate) struct Closure {
    pub(crate) func: Arc<Func>,
    pub(crate) env: Env,
}

#[derive(Clone)]
pub(crate) struct Native {
    pub(crate) def: &'static Def,
    pub(crate) receiver: Option<Rc<Object>>,
}

/// What an import stands for.
#[derive(Clone)]
pub(crate) enum Imported {
    Standard(Standard),
    Module(Env),
    Terraform(Namespace),
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::String(text.into())
    }

    pub(crate) fn list(elements: Vec<Value>) -> Self {
        Self::List(List::new(elements))
    }

    pub(crate) fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Value)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (MapKey::String(key.into()), value));
        Self::Map(Map::new(entries.collect()))
    }

    pub(crate) fn undefined(reason: Reason) -> Self {
        Self::Undefined(Rc::new(Origin { span: None, reason }))
    }

    /// How many elements a list or map has; none for anything else.
    pub(crate) fn elements(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Map(map) => map.len(),
            _ => 0,
        }
    }

    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    /// The name of its type, as `types.type_of` gives it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "undefined",
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) | Self::Object(_) => "map",
            Self::Function(_) => "func",
            Self::Rule(_) => "rule",
            Self::Import(_) => "import",
        }
    }
}

impl Function {
    pub(crate) fn name(&self) -> SmolStr {
        match self {
            Self::Closure(closure) => closure.func.name.clone().unwrap_or_else(|| "a function".into()),
            Self::Native(native) => native.def.name.into(),
        }
    }
}
