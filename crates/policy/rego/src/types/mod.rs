//! Types of documents, rules and functions, as OPA's `types` package has them.
//!
//! A type that is not known is `None` where OPA has nil. Types share their parts and never change; what grows too deep
//! or too large becomes [`Type::Any`], which only makes the checker say less.

mod check;
mod diff;
mod env;
mod members;
mod order;
mod overrides;
mod refs;
mod rules;
mod schema;
pub(crate) mod signature;
mod text;
mod unify;

use std::sync::{Arc, OnceLock, Weak};

use probity_model::value::{SmolStr, Value};

use check::Checker;
pub(crate) use check::TypeError;
pub(crate) use overrides::{Overrides, schema_name};
pub(crate) use rules::{Dependents, Types, arity_mismatch, query, rules};
use schema::Kept;
#[cfg(test)]
pub(crate) use text::arg_text;

/// Deepest type that is kept.
const MAX_DEPTH: u16 = 64;

/// Most parts of a type that is kept, those that are shared counted wherever they stand.
const MAX_SIZE: u32 = 100_000;

/// Most alternatives of a type that is kept.
const MAX_ALTERNATIVES: usize = 256;

/// The type of a value.
#[derive(Debug, Clone)]
pub(crate) enum Type {
    Null,
    Boolean,
    Number,
    String,
    Array(Arc<Array>),
    Object(Arc<Object>),
    Set(Arc<Set>),
    /// Whatever it is.
    Any,
    /// One of these.
    OneOf(Arc<OneOf>),
    Function(Arc<Function>),
    /// A part of a JSON schema that is within itself.
    Recursive(Recursive),
}

/// A list: types of its first elements, and of all others, which are none when that is absent.
#[derive(Debug)]
pub(crate) struct Array {
    pub(crate) fixed: Vec<Option<Type>>,
    pub(crate) rest: Option<Type>,
    measure: Measure,
}

/// An object: types of known keys, in their order, and of all others.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) fixed: Vec<(Value, Option<Type>)>,
    pub(crate) rest: Option<Rest>,
    measure: Measure,
}

/// Types of the keys and values of an object that are not known one by one.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    pub(crate) key: Option<Type>,
    pub(crate) value: Option<Type>,
}

/// A set; the empty one has no type of members.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) of: Option<Type>,
    measure: Measure,
}

/// Alternatives in order, at least one.
#[derive(Debug)]
pub(crate) struct OneOf {
    pub(crate) alternatives: Vec<Type>,
    measure: Measure,
}

/// A function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) args: Vec<Arg>,
    /// The type of any number of operands after the others.
    pub(crate) variadic: Option<Type>,
    /// `None` for functions without a result.
    pub(crate) result: Option<Arg>,
    measure: Measure,
}

/// A parameter or result; those of the language's own functions have names.
#[derive(Debug, Clone)]
pub(crate) struct Arg {
    pub(crate) name: Option<SmolStr>,
    pub(crate) of: Option<Type>,
}

/// A reference of a JSON schema to what it stands in. Who reads the schema keeps the target.
#[derive(Debug, Clone)]
pub(crate) struct Recursive {
    name: Arc<str>,
    target: Weak<OnceLock<Type>>,
}

/// What is known of a type as a whole.
#[derive(Debug, Clone, Copy, Default)]
struct Measure {
    depth: u16,
    size: u32,
    /// Whether a part of it is not known.
    unknown: bool,
}

impl Measure {
    fn add(&mut self, part: Option<&Type>) {
        let part = part.map_or(Self { unknown: true, ..Self::default() }, Type::measure);
        self.depth = self.depth.max(part.depth);
        self.size = self.size.saturating_add(part.size).saturating_add(1);
        self.unknown |= part.unknown;
    }

    fn add_known(&mut self, part: Option<&Type>) {
        if part.is_some() {
            self.add(part);
        }
    }

    fn of<'t>(parts: impl IntoIterator<Item = Option<&'t Type>>) -> Self {
        let mut measure = Self::default();
        parts.into_iter().for_each(|part| measure.add(part));
        measure
    }

    /// One level further out; `None` when that is too much.
    fn outer(mut self) -> Option<Self> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH && self.size <= MAX_SIZE).then_some(self)
    }
}

impl Type {
    pub(crate) fn array(fixed: Vec<Option<Type>>, rest: Option<Type>) -> Self {
        let mut measure = Measure::of(fixed.iter().map(Option::as_ref));
        measure.add_known(rest.as_ref());
        measure.outer().map_or(Self::Any, |measure| Self::Array(Arc::new(Array { fixed, rest, measure })))
    }

    pub(crate) fn object(mut fixed: Vec<(Value, Option<Type>)>, rest: Option<Rest>) -> Self {
        if !fixed.is_sorted_by(|(one, _), (other, _)| one <= other) {
            fixed.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        let mut measure = Measure::of(fixed.iter().map(|(_, value)| value.as_ref()));
        if let Some(rest) = &rest {
            measure.add(rest.key.as_ref());
            measure.add(rest.value.as_ref());
        }
        measure.outer().map_or(Self::Any, |measure| Self::Object(Arc::new(Object { fixed, rest, measure })))
    }

    pub(crate) fn set(of: Option<Type>) -> Self {
        let measure = Measure::of([of.as_ref()]);
        measure.outer().map_or(Self::Any, |measure| Self::Set(Arc::new(Set { of, measure })))
    }

    /// One of some types, which are in order and differ.
    fn one_of(alternatives: Vec<Type>) -> Self {
        if alternatives.len() > MAX_ALTERNATIVES || alternatives.is_empty() {
            return Self::Any;
        }
        let measure = Measure::of(alternatives.iter().map(Some));
        measure.outer().map_or(Self::Any, |measure| Self::OneOf(Arc::new(OneOf { alternatives, measure })))
    }

    pub(crate) fn function(args: Vec<Arg>, variadic: Option<Type>, result: Option<Arg>) -> Self {
        let function = Function::declare(args, variadic, result);
        let measure = function.measure.outer();
        measure.map_or(Self::Any, |measure| Self::Function(Arc::new(Function { measure, ..function })))
    }

    pub(crate) fn recursive(name: Arc<str>, target: &Arc<OnceLock<Type>>) -> Self {
        Self::Recursive(Recursive { name, target: Arc::downgrade(target) })
    }

    /// The type of a constant.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(array) => Self::array(array.iter().map(|element| Some(Self::of(element))).collect(), None),
            Value::Object(object) => {
                let fixed = object.iter().map(|(key, value)| (key.to_value(), Some(Self::of(value)))).collect();
                Self::object(fixed, None)
            }
            Value::Set(set) => Self::set(set.iter().fold(None, |of, member| or(of, Some(Self::of(member))))),
            Value::Unknown(_) => Self::Any,
        }
    }

    fn measure(&self) -> Measure {
        match self {
            Self::Array(array) => array.measure,
            Self::Object(object) => object.measure,
            Self::Set(set) => set.measure,
            // What alternatives lack is not asked for.
            Self::OneOf(one_of) => Measure { unknown: false, ..one_of.measure },
            Self::Function(function) => function.measure,
            _ => Measure { size: 1, ..Measure::default() },
        }
    }

    /// What a part of a schema that is within itself is, and any other type as it is.
    pub(crate) fn unrolled(&self) -> Type {
        match self {
            Self::Recursive(recursive) => recursive.target(),
            other => other.clone(),
        }
    }

    /// Whether this is the type of what can hold nothing.
    pub(crate) fn is_empty(&self) -> bool {
        match self.unrolled() {
            Self::Object(object) => object.fixed.is_empty() && object.rest.is_none(),
            Self::Array(array) => array.fixed.is_empty() && array.rest.is_none(),
            Self::Set(set) => set.of.is_none(),
            _ => false,
        }
    }

    /// Whether both are one and the same in memory.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(one), Self::Array(other)) => Arc::ptr_eq(one, other),
            (Self::Object(one), Self::Object(other)) => Arc::ptr_eq(one, other),
            (Self::Set(one), Self::Set(other)) => Arc::ptr_eq(one, other),
            (Self::OneOf(one), Self::OneOf(other)) => Arc::ptr_eq(one, other),
            (Self::Function(one), Self::Function(other)) => Arc::ptr_eq(one, other),
            (Self::Recursive(one), Self::Recursive(other)) => Weak::ptr_eq(&one.target, &other.target),
            _ => false,
        }
    }
}

/// Whether a type, or a part of it, is not known.
pub(crate) fn is_unknown(of: Option<&Type>) -> bool {
    of.is_none_or(|of| of.measure().unknown)
}

impl Recursive {
    fn target(&self) -> Type {
        // A schema whose reference leads nowhere but to itself says nothing.
        let target = self.target.upgrade().and_then(|target| target.get().cloned());
        match target {
            None | Some(Type::Recursive(_)) => Type::Any,
            Some(target) => target,
        }
    }
}

impl Array {
    /// The type of the element at a position.
    pub(crate) fn select(&self, position: usize) -> Option<&Type> {
        match self.fixed.get(position) {
            Some(of) => of.as_ref(),
            None => self.rest.as_ref(),
        }
    }
}

impl Object {
    /// The type of the value under a key.
    pub(crate) fn select(&self, key: &Value) -> Option<&Type> {
        if let Ok(at) = self.fixed.binary_search_by(|(known, _)| known.cmp(key)) {
            return self.fixed[at].1.as_ref();
        }
        let rest = self.rest.as_ref()?;
        order::contains(rest.key.as_ref(), &Type::of(key)).then_some(rest.value.as_ref()).flatten()
    }

    pub(crate) fn rest_value(&self) -> Option<&Type> {
        self.rest.as_ref()?.value.as_ref()
    }
}

impl Function {
    pub(crate) fn declare(args: Vec<Arg>, variadic: Option<Type>, result: Option<Arg>) -> Self {
        let measure = Measure::of(args.iter().chain(&result).map(|arg| arg.of.as_ref()));
        Self { args, variadic, result, measure }
    }

    /// What a call may be given, the result included.
    pub(crate) fn operands(&self) -> Vec<Arg> {
        self.args.iter().chain(&self.result).cloned().collect()
    }
}

/// The union of two types. `None` also when one is a function's and the other is not.
pub(crate) fn or(one: Option<Type>, other: Option<Type>) -> Option<Type> {
    let (one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (one, other) => return one.or(other),
    };
    match (&one, &other) {
        (Type::Function(a), Type::Function(b)) => return a.union(b),
        (Type::Function(_), _) | (_, Type::Function(_)) => return None,
        (Type::Any, _) | (_, Type::Any) => return Some(Type::Any),
        _ => {}
    }
    let joined = match (&one, &other) {
        (Type::OneOf(a), Type::OneOf(b)) => merge(&a.alternatives, &b.alternatives),
        (Type::OneOf(many), single) | (single, Type::OneOf(many)) => {
            match many.alternatives.binary_search_by(|known| order::compare(Some(known), Some(single))) {
                Ok(_) => return Some(Type::OneOf(Arc::clone(many))),
                Err(at) => {
                    let mut alternatives = many.alternatives.clone();
                    alternatives.insert(at, single.clone());
                    alternatives
                }
            }
        }
        _ => match order::compare(Some(&one), Some(&other)) {
            std::cmp::Ordering::Equal => return Some(one),
            std::cmp::Ordering::Less => vec![one, other],
            std::cmp::Ordering::Greater => vec![other, one],
        },
    };
    Some(Type::one_of(joined))
}

/// Two lists of alternatives as one.
fn merge(one: &[Type], other: &[Type]) -> Vec<Type> {
    let mut merged = Vec::with_capacity(one.len().max(other.len()));
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    while let (Some(a), Some(b)) = (one.peek(), other.peek()) {
        let order = order::compare(Some(a), Some(b));
        let next = if order.is_le() { one.next() } else { other.next() };
        if order.is_eq() {
            other.next();
        }
        merged.extend(next.cloned());
    }
    merged.extend(one.chain(other).cloned());
    merged
}

impl Function {
    fn union(&self, other: &Self) -> Option<Type> {
        if self.args.len() != other.args.len() || self.variadic.is_some() != other.variadic.is_some() {
            return None;
        }
        let join = |one: &Arg, other: &Arg| Arg { name: None, of: or(one.of.clone(), other.of.clone()) };
        let args = self.args.iter().zip(&other.args).map(|(one, other)| join(one, other)).collect();
        let of = |arg: &Option<Arg>| arg.as_ref().and_then(|arg| arg.of.clone());
        let result = or(of(&self.result), of(&other.result)).map(|of| Arg { name: None, of: Some(of) });
        Some(Type::function(args, or(self.variadic.clone(), other.variadic.clone()), result))
    }
}

/// The type of a schema, and what must live as long as it.
#[cfg(test)]
pub(crate) fn read_schema(schema: &Value) -> Result<(Type, Kept), String> {
    let mut kept = Kept::new();
    schema::read(schema, &mut kept).map(|of| (of, kept))
}

/// The position that a key names in a list.
fn position(key: &Value) -> Option<usize> {
    let Value::Number(number) = key else { return None };
    number.as_i64().and_then(|position| usize::try_from(position).ok())
}
