//! The language's own functions and the types of its operators (cel-spec, "List of Standard Definitions").

use crate::environment::Builder;
use crate::parser::macros;
use crate::program::traversal;
use crate::{Error, Overload, Type, Value};

use super::{convert, regex, time};

pub(crate) fn standard(builder: &mut Builder) {
    builder.macros(macros::standard());
    operators(builder);
    relations(builder);
    access(builder);
    sizes(builder);
    texts(builder);
    regex::matches(builder);
    convert::conversions(builder);
    time::accessors(builder);
    for known in ["null_type", "bool", "int", "uint", "double", "string", "bytes", "list", "map", "type"] {
        builder.type_name(Type::named(known).unwrap_or(Type::Dyn));
    }
}

/// The types that an operator takes. What it does is compiled in place.
fn operator(id: &'static str, params: impl Into<Vec<Type>>, result: Type) -> Overload {
    Overload::global(id, params, result, |_, _| Err(Error::NoSuchOverload))
}

fn operators(builder: &mut Builder) {
    use Type::{Bool, Bytes, Double, Duration, Int, String, Timestamp, Uint};
    let a = || Type::param("A");
    builder
        .function("_?_:_", operator("conditional", [Bool, a(), a()], a()))
        .function("!_", operator("logical_not", [Bool], Bool))
        .function("-_", operator("negate_int64", [Int], Int))
        .function("-_", operator("negate_double", [Double], Double))
        .function("_==_", operator("equals", [a(), a()], Bool))
        .function("_!=_", operator("not_equals", [a(), a()], Bool))
        .function("_+_", operator("add_bytes", [Bytes, Bytes], Bytes))
        .function("_+_", operator("add_string", [String, String], String))
        .function("_+_", operator("add_list", [Type::list(a()), Type::list(a())], Type::list(a())))
        .function("_+_", operator("add_duration_duration", [Duration, Duration], Duration))
        .function("_+_", operator("add_duration_timestamp", [Duration, Timestamp], Timestamp))
        .function("_+_", operator("add_timestamp_duration", [Timestamp, Duration], Timestamp))
        .function("_-_", operator("subtract_duration_duration", [Duration, Duration], Duration))
        .function("_-_", operator("subtract_timestamp_duration", [Timestamp, Duration], Timestamp))
        .function("_-_", operator("subtract_timestamp_timestamp", [Timestamp, Timestamp], Duration))
        .function("_%_", operator("modulo_int64", [Int, Int], Int))
        .function("_%_", operator("modulo_uint64", [Uint, Uint], Uint));
    let numbers = [
        ("_+_", ["add_int64", "add_uint64", "add_double"]),
        ("_-_", ["subtract_int64", "subtract_uint64", "subtract_double"]),
        ("_*_", ["multiply_int64", "multiply_uint64", "multiply_double"]),
        ("_/_", ["divide_int64", "divide_uint64", "divide_double"]),
    ];
    for (name, ids) in numbers {
        for (id, number) in ids.into_iter().zip([Int, Uint, Double]) {
            builder.function(name, operator(id, [number.clone(), number.clone()], number));
        }
    }
}

fn relations(builder: &mut Builder) {
    use Type::{Bool, Bytes, Double, Duration, Int, String, Timestamp, Uint};
    // Ids tell overloads of one function apart; these are cel-go's behind the name of the relation.
    let pairs = [
        ("bool", Bool, Bool),
        ("int64", Int, Int),
        ("int64_double", Int, Double),
        ("int64_uint64", Int, Uint),
        ("uint64", Uint, Uint),
        ("uint64_double", Uint, Double),
        ("uint64_int64", Uint, Int),
        ("double", Double, Double),
        ("double_int64", Double, Int),
        ("double_uint64", Double, Uint),
        ("string", String, String),
        ("bytes", Bytes, Bytes),
        ("timestamp", Timestamp, Timestamp),
        ("duration", Duration, Duration),
    ];
    for name in ["_<_", "_<=_", "_>_", "_>=_"] {
        for (id, left, right) in &pairs {
            builder.function(name, operator(id, [left.clone(), right.clone()], Bool));
        }
    }
}

fn access(builder: &mut Builder) {
    let (a, b) = (|| Type::param("A"), || Type::param("B"));
    builder
        .function("_[_]", operator("index_list", [Type::list(a()), Type::Int], a()))
        .function("_[_]", operator("index_map", [Type::map(a(), b()), a()], b()))
        .function("@in", operator("in_list", [a(), Type::list(a())], Type::Bool))
        .function("@in", operator("in_map", [a(), Type::map(a(), b())], Type::Bool));
}

fn sizes(builder: &mut Builder) {
    let (a, b) = (|| Type::param("A"), || Type::param("B"));
    let kinds = [
        ("size_string", "string_size", Type::String),
        ("size_bytes", "bytes_size", Type::Bytes),
        ("size_list", "list_size", Type::list(a())),
        ("size_map", "map_size", Type::map(a(), b())),
    ];
    for (global, member, kind) in kinds {
        let size = |_: &crate::Evaluation<'_>, args: &[Value]| {
            Ok(Value::Int(i64::try_from(args[0].size()).unwrap_or(i64::MAX)))
        };
        builder
            .function("size", Overload::global(global, [kind.clone()], Type::Int, size))
            .function("size", Overload::member(member, [kind], Type::Int, size));
    }
}

fn texts(builder: &mut Builder) {
    use Type::{Bool, String};
    let predicate = |id, holds: fn(&str, &str) -> bool| {
        Overload::member(id, [String, String], Bool, move |_, args| match args {
            [Value::String(text), Value::String(part)] => Ok(Value::Bool(holds(text, part))),
            _ => Err(Error::NoSuchOverload),
        })
    };
    let of_part = |args: &[Value], _: &Value| traversal(args[1].size());
    let of_both = |args: &[Value], _: &Value| traversal(args[0].size()) * traversal(args[1].size());
    builder
        .function("contains", predicate("contains_string", |text, part| text.contains(part)).with_cost(of_both))
        .function("startsWith", predicate("starts_with_string", |text, part| text.starts_with(part)).with_cost(of_part))
        .function("endsWith", predicate("ends_with_string", |text, part| text.ends_with(part)).with_cost(of_part));
}
