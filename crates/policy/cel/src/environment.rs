//! What expressions may name: variables, functions, types and macros.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smol_str::SmolStr;

use crate::compile_error::{CompileError, Issue};
use crate::parser::macros::Macro;
use crate::types::ObjectType;
use crate::{Overload, Program, Type, Value, check, library, parser, program};

/// A variable as it is declared.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) r#type: Type,
    /// Whether its fields are asked for one by one.
    pub(crate) lazy: bool,
}

/// A type whose objects can be built, as `Type{field: value}`.
#[derive(Debug, Clone)]
pub(crate) enum Constructible {
    Fields(Arc<ObjectType>),
    /// The type itself and all dotted names below it, with any fields.
    Prefix,
}

/// What expressions may name. Cheap to clone; made by [`Environment::builder`] or [`Environment::extend`].
#[derive(Clone)]
pub struct Environment(Arc<Names>);

#[derive(Clone, Default)]
pub(crate) struct Names {
    pub(crate) container: String,
    pub(crate) variables: BTreeMap<SmolStr, Declared>,
    pub(crate) constants: BTreeMap<SmolStr, Value>,
    pub(crate) functions: HashMap<SmolStr, Arc<Vec<Overload>>>,
    pub(crate) types: BTreeMap<SmolStr, Type>,
    pub(crate) constructible: BTreeMap<SmolStr, Constructible>,
    pub(crate) macros: Vec<Macro>,
    pub(crate) has_is_free: bool,
    /// `orValue` may be called on what is no optional.
    pub(crate) or_value_of_any: bool,
    /// Literals are checked as Kubernetes does.
    pub(crate) validated: bool,
}

impl Environment {
    /// Begins with the language's own functions and macros.
    pub fn builder() -> Builder {
        let mut builder = Builder(Names::default());
        library::standard(&mut builder);
        builder
    }

    /// Begins with all that Kubernetes' admission policies may use.
    pub fn kubernetes() -> Builder {
        Self::builder().with(library::all_of_kubernetes)
    }

    /// Begins with what this environment has.
    pub fn extend(&self) -> Builder {
        Builder((*self.0).clone())
    }

    /// Reads and checks an expression.
    ///
    /// # Errors
    /// Tells everything that is wrong with it: its syntax, or else each undeclared name, unknown function, call that
    /// no overload takes, and field that is not there.
    pub fn compile(&self, text: &str) -> Result<Program, CompileError> {
        let fail = |issues: Vec<Issue>| CompileError::new(text, issues);
        let expr = parser::parse(text, &self.0.macros).map_err(|issue| fail(vec![issue]))?;
        let result = check::check(&self.0, &expr).map_err(fail)?;
        program::plan(&self.0, &expr, result, text).map_err(|issue| fail(vec![issue]))
    }

    /// Reads an expression without checking names and types: what is wrong shows when it is evaluated.
    ///
    /// # Errors
    /// Tells what is wrong with its syntax.
    pub fn compile_unchecked(&self, text: &str) -> Result<Program, CompileError> {
        let fail = |issue: Issue| CompileError::new(text, vec![issue]);
        let expr = parser::parse(text, &self.0.macros).map_err(fail)?;
        program::plan(&self.0, &expr, Type::Dyn, text).map_err(fail)
    }
}

/// Declares what expressions may name.
pub struct Builder(Names);

impl Builder {
    /// The environment.
    pub fn build(self) -> Environment {
        Environment(Arc::new(self.0))
    }

    /// Adds a library.
    #[must_use]
    pub fn with(mut self, library: fn(&mut Builder)) -> Self {
        library(&mut self);
        self
    }

    /// `orValue` of what turns out to be no optional is what it is called on, as before version 0.28 of cel-go.
    #[must_use]
    pub fn or_value_of_any(mut self) -> Self {
        self.0.or_value_of_any = true;
        self
    }

    /// Declares a variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<SmolStr>, r#type: Type) -> Self {
        self.0.variables.insert(name.into(), Declared { r#type, lazy: false });
        self
    }

    /// Declares a variable whose fields are asked for one by one by [`crate::Bindings::field`].
    #[must_use]
    pub fn lazy_variable(mut self, name: impl Into<SmolStr>, r#type: Type) -> Self {
        self.0.variables.insert(name.into(), Declared { r#type, lazy: true });
        self
    }

    /// Names are looked up below this one first, as protobuf packages do.
    #[must_use]
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.0.container = name.into();
        self
    }

    /// Adds an overload of a function; a name may have dots, such as `image.parse`. Of equal ids the last wins.
    pub fn function(&mut self, name: impl Into<SmolStr>, overload: Overload) -> &mut Self {
        let overloads = Arc::make_mut(self.0.functions.entry(name.into()).or_default());
        overloads.retain(|known| known.id != overload.id);
        overloads.push(overload);
        self
    }

    /// Declares the name of a type, so that `type(x) == name` can be written.
    pub fn type_name(&mut self, r#type: Type) -> &mut Self {
        self.0.types.insert(r#type.runtime_name(), r#type);
        self
    }

    /// Declares a type whose objects can be built, as `Type{field: value}`.
    pub fn constructible(&mut self, r#type: Arc<ObjectType>) -> &mut Self {
        self.type_name(Type::Object(r#type.clone()));
        self.0.constructible.insert(r#type.name.clone(), Constructible::Fields(r#type));
        self
    }

    /// Declares that objects of a type and of all dotted names below it can be built with any fields, as Kubernetes'
    /// `Object{spec: Object.spec{replicas: 1}}`.
    pub fn constructible_prefix(&mut self, name: impl Into<SmolStr>) -> &mut Self {
        self.0.constructible.insert(name.into(), Constructible::Prefix);
        self
    }

    /// Declares a name with a constant value.
    pub fn constant(&mut self, name: impl Into<SmolStr>, value: impl Into<Value>) -> &mut Self {
        self.0.constants.insert(name.into(), value.into());
        self
    }

    /// `has()` costs nothing, as in Kubernetes.
    pub(crate) fn has_is_free(&mut self) -> &mut Self {
        self.0.has_is_free = true;
        self
    }

    /// As in Kubernetes, the elements of a list that is written out are of one type, and so are keys and values of
    /// maps; constants that are no duration, time, number or regular expression where one is wanted are told when the
    /// expression is compiled.
    pub fn validated_literals(&mut self, validated: bool) -> &mut Self {
        self.0.validated = validated;
        self
    }

    pub(crate) fn macros(&mut self, macros: Vec<Macro>) -> &mut Self {
        for new in macros {
            let same = |known: &Macro| (known.name, known.arity, known.member) == (new.name, new.arity, new.member);
            self.0.macros.retain(|known| !same(known));
            self.0.macros.push(new);
        }
        self
    }
}

impl Names {
    /// The full names that a name may stand for, the most specific first.
    pub(crate) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(name) = name.strip_prefix('.') {
            return vec![name.to_owned()];
        }
        let mut candidates = Vec::new();
        let mut container = self.container.as_str();
        while !container.is_empty() {
            candidates.push(format!("{container}.{name}"));
            container = container.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
        candidates.push(name.to_owned());
        candidates
    }

    /// The function that a name stands for.
    pub(crate) fn function(&self, name: &str) -> Option<(String, &Arc<Vec<Overload>>)> {
        self.candidates(name).into_iter().find_map(|name| {
            let overloads = self.functions.get(name.as_str())?;
            Some((name, overloads))
        })
    }

    /// What a name stands for that is no variable of the expression itself.
    pub(crate) fn name(&self, name: &str) -> Option<Named> {
        self.candidates(name).into_iter().find_map(|name| {
            if let Some(declared) = self.variables.get(name.as_str()) {
                return Some(Named::Variable(name.into(), declared.clone()));
            }
            if let Some(value) = self.constants.get(name.as_str()) {
                return Some(Named::Constant(value.clone()));
            }
            self.types
                .get(name.as_str())
                .cloned()
                .or_else(|| Type::named(&name))
                .or_else(|| self.constructed(&name).map(|_| Type::opaque(name.as_str())))
                .map(Named::Type)
        })
    }

    fn constructed(&self, name: &str) -> Option<&Constructible> {
        if let Some(known) = self.constructible.get(name) {
            return Some(known);
        }
        let prefix = |(outer, _): (&str, &str)| self.constructible.get(outer);
        name.split_once('.').and_then(prefix).filter(|known| matches!(known, Constructible::Prefix))
    }

    /// The type that `name{...}` builds an object of.
    pub(crate) fn constructible(&self, name: &str) -> Option<(String, &Constructible)> {
        self.candidates(name).into_iter().find_map(|name| self.constructed(&name).map(|known| (name.clone(), known)))
    }
}

/// What a name stands for.
pub(crate) enum Named {
    Variable(SmolStr, Declared),
    Constant(Value),
    Type(Type),
}
