//! Values that may be absent: `optional.of`, `x.?field`, `x[?index]`, `orValue`, `optMap`, ...

use crate::environment::Builder;
use crate::parser::macros;
use crate::value::List;
use crate::{Error, Overload, Type, Value};

/// Optional values and their syntax.
pub fn optionals(builder: &mut Builder) {
    let (v, k) = (|| Type::param("V"), || Type::param("K"));
    let some = || Type::optional(v());
    let list = || Type::list(v());
    let map = || Type::map(k(), v());
    // What these do is compiled in place.
    let access = |id, params: [Type; 2]| Overload::global(id, params, some(), |_, _| Err(Error::NoSuchOverload));
    let chain = |id, params: [Type; 2], result| Overload::member(id, params, result, |_, _| Err(Error::NoSuchOverload));
    builder
        .macros(macros::optionals())
        .type_name(Type::optional(Type::Dyn))
        .function(
            "optional.of",
            Overload::global("optional_of", [v()], some(), |_, args| Ok(Value::some(args[0].clone()))),
        )
        .function("optional.ofNonZeroValue", Overload::global("optional_ofNonZeroValue", [v()], some(), non_zero))
        .function("optional.none", Overload::global("optional_none", [], some(), |_, _| Ok(Value::none())))
        .function("optional.unwrap", Overload::global("optional_unwrap", [Type::list(some())], list(), unwrap))
        .function("unwrapOpt", Overload::member("optional_unwrapOpt", [Type::list(some())], list(), unwrap))
        .function("hasValue", Overload::member("optional_hasValue", [some()], Type::Bool, has_value))
        .function("value", Overload::member("optional_value", [some()], v(), value))
        .function("or", chain("optional_or_optional", [some(), some()], some()))
        .function("orValue", chain("optional_orValue_value", [some(), v()], v()))
        .function("_?._", access("select_optional_field", [Type::Dyn, Type::String]))
        .function("_[?_]", access("list_optindex_optional_int", [list(), Type::Int]))
        .function("_[?_]", access("optional_list_optindex_optional_int", [Type::optional(list()), Type::Int]))
        .function("_[?_]", access("map_optindex_optional_value", [map(), k()]))
        .function("_[?_]", access("optional_map_optindex_optional_value", [Type::optional(map()), k()]))
        .function("_[_]", access("optional_list_index_int", [Type::optional(list()), Type::Int]))
        .function("_[_]", access("optional_map_index_value", [Type::optional(map()), k()]))
        .function("first", Overload::member("list_first", [list()], some(), |_, args| end(args, |list| list.get(0))))
        .function(
            "last",
            Overload::member("list_last", [list()], some(), |_, args| end(args, |list| list.iter().next_back())),
        );
}

#[expect(clippy::unnecessary_wraps, reason = "it is an implementation of an overload")]
fn non_zero(_: &crate::Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    Ok(if args[0].is_zero() { Value::none() } else { Value::some(args[0].clone()) })
}

fn has_value(_: &crate::Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    match &args[0] {
        Value::Optional(value) => Ok(Value::Bool(value.is_some())),
        _ => Err(Error::NoSuchOverload),
    }
}

fn value(_: &crate::Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    match &args[0] {
        Value::Optional(Some(value)) => Ok((**value).clone()),
        Value::Optional(None) => Err(Error::new("optional.none() dereference")),
        _ => Err(Error::NoSuchOverload),
    }
}

fn unwrap(_: &crate::Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let list = args[0].as_list().ok_or(Error::NoSuchOverload)?;
    let mut values = Vec::new();
    for element in list.iter() {
        match element {
            Value::Optional(value) => values.extend(value.map(|value| (*value).clone())),
            _ => return Err(Error::NoSuchOverload),
        }
    }
    Ok(Value::List(values.into()))
}

fn end(args: &[Value], element: impl Fn(&List) -> Option<Value>) -> Result<Value, Error> {
    let list = args[0].as_list().ok_or(Error::NoSuchOverload)?;
    Ok(element(list).map_or_else(Value::none, Value::some))
}
