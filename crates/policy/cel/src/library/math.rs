//! Numbers (cel-go's `ext/math`).

use std::cmp::Ordering;

use crate::environment::Builder;
use crate::parser::macros;
use crate::value::compare;
use crate::{Error, Evaluation, Overload, Type, Value};

/// `math.greatest`, `math.least`, rounding, signs, bits.
pub fn math(builder: &mut Builder) {
    builder.macros(macros::math());
    extremes(builder, "math.@max", Ordering::Greater);
    extremes(builder, "math.@min", Ordering::Less);
    doubles(builder);
    signs(builder);
    bits(builder);
    shifts(builder);
}

/// The names of number types, and the types.
const NUMBERS: [(&str, Type); 3] = [("double", Type::Double), ("int", Type::Int), ("uint", Type::Uint)];

fn extremes(builder: &mut Builder, name: &'static str, wanted: Ordering) {
    let pick = move |_: &Evaluation<'_>, args: &[Value]| match args {
        [Value::List(list)] => {
            let extreme = list.iter().reduce(|best, other| better(best, other, wanted));
            let function = if wanted == Ordering::Greater { "max" } else { "min" };
            extreme.ok_or_else(|| Error::Other(format!("math.@{function}(list) argument must not be empty").into()))
        }
        [one] => Ok(one.clone()),
        [one, other] => Ok(better(one.clone(), other.clone(), wanted)),
        _ => Err(Error::NoSuchOverload),
    };
    let ids = [
        ["double", "list_double", "double_double", "double_int", "double_uint"],
        ["int", "list_int", "int_double", "int_int", "int_uint"],
        ["uint", "list_uint", "uint_double", "uint_int", "uint_uint"],
    ];
    for ([one, many, pairs @ ..], (_, number)) in ids.into_iter().zip(NUMBERS) {
        let list = [Type::list(number.clone())];
        builder
            .function(name, Overload::global(one, [number.clone()], number.clone(), pick))
            .function(name, Overload::global(many, list, number.clone(), pick).with_cost(|args, _| args[0].size()));
        for (pair, (_, other)) in pairs.into_iter().zip(NUMBERS) {
            let result = if number == other { number.clone() } else { Type::Dyn };
            builder.function(name, Overload::global(pair, [number.clone(), other], result, pick));
        }
    }
}

fn better(best: Value, other: Value, wanted: Ordering) -> Value {
    if compare(&other, &best) == Some(wanted) { other } else { best }
}

/// A function's name, the id of its overload, and what it does.
type OfDouble<T> = (&'static str, &'static str, fn(f64) -> T);

fn doubles(builder: &mut Builder) {
    let changes: [OfDouble<f64>; 4] = [
        ("math.ceil", "math_ceil_double", f64::ceil),
        ("math.floor", "math_floor_double", f64::floor),
        ("math.round", "math_round_double", f64::round),
        ("math.trunc", "math_trunc_double", f64::trunc),
    ];
    for (name, id, change) in changes {
        let run = move |_: &Evaluation<'_>, args: &[Value]| double(args).map(|double| Value::Double(change(double)));
        builder.function(name, Overload::global(id, [Type::Double], Type::Double, run));
    }
    let predicates: [OfDouble<bool>; 3] = [
        ("math.isInf", "math_isInf_double", f64::is_infinite),
        ("math.isNaN", "math_isNaN_double", f64::is_nan),
        ("math.isFinite", "math_isFinite_double", f64::is_finite),
    ];
    for (name, id, holds) in predicates {
        let run = move |_: &Evaluation<'_>, args: &[Value]| double(args).map(|double| Value::Bool(holds(double)));
        builder.function(name, Overload::global(id, [Type::Double], Type::Bool, run));
    }
    for (id, (_, number)) in ["math_sqrt_double", "math_sqrt_int", "math_sqrt_uint"].into_iter().zip(NUMBERS) {
        builder.function("math.sqrt", Overload::global(id, [number], Type::Double, root));
    }
}

fn double(args: &[Value]) -> Result<f64, Error> {
    match args {
        [Value::Double(double)] => Ok(*double),
        _ => Err(Error::NoSuchOverload),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the root is a double")]
fn root(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let number = match args {
        [Value::Double(double)] => *double,
        [Value::Int(int)] => *int as f64,
        [Value::Uint(uint)] => *uint as f64,
        _ => return Err(Error::NoSuchOverload),
    };
    Ok(Value::Double(number.sqrt()))
}

fn signs(builder: &mut Builder) {
    let ids = [["abs_double", "sign_double"], ["abs_int", "sign_int"], ["abs_uint", "sign_uint"]];
    for ([abs, sign], (_, number)) in ids.into_iter().zip(NUMBERS) {
        builder
            .function("math.abs", Overload::global(abs, [number.clone()], number.clone(), absolute))
            .function("math.sign", Overload::global(sign, [number.clone()], number, signum));
    }
}

fn absolute(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    match &args[0] {
        Value::Int(int) => int.checked_abs().map(Value::Int).ok_or(Error::new("integer overflow")),
        Value::Double(double) => Ok(Value::Double(double.abs())),
        other => Ok(other.clone()),
    }
}

fn signum(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    match &args[0] {
        Value::Int(int) => Ok(Value::Int(int.signum())),
        Value::Uint(uint) => Ok(Value::Uint((*uint).min(1))),
        Value::Double(double) if double.is_nan() || *double == 0.0 => Ok(Value::Double(*double)),
        Value::Double(double) => Ok(Value::Double(double.signum())),
        _ => Err(Error::NoSuchOverload),
    }
}

/// A function's name, the ids of its overloads for `int` and `uint`, and what it does.
type OfBits = (&'static str, [&'static str; 2], fn(u64, u64) -> u64);

fn bits(builder: &mut Builder) {
    let functions: [OfBits; 3] = [
        ("math.bitAnd", ["math_bitAnd_int_int", "math_bitAnd_uint_uint"], |a, b| a & b),
        ("math.bitOr", ["math_bitOr_int_int", "math_bitOr_uint_uint"], |a, b| a | b),
        ("math.bitXor", ["math_bitXor_int_int", "math_bitXor_uint_uint"], |a, b| a ^ b),
    ];
    for (name, ids, combine) in functions {
        let run = move |_: &Evaluation<'_>, args: &[Value]| match args {
            [Value::Int(a), Value::Int(b)] => {
                Ok(Value::Int(combine(a.cast_unsigned(), b.cast_unsigned()).cast_signed()))
            }
            [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(combine(*a, *b))),
            _ => Err(Error::NoSuchOverload),
        };
        for (id, number) in ids.into_iter().zip([Type::Int, Type::Uint]) {
            builder.function(name, Overload::global(id, [number.clone(), number.clone()], number, run));
        }
    }
    for (id, number) in ["math_bitNot_int", "math_bitNot_uint"].into_iter().zip([Type::Int, Type::Uint]) {
        let run = |_: &Evaluation<'_>, args: &[Value]| match args {
            [Value::Int(int)] => Ok(Value::Int(!int)),
            [Value::Uint(uint)] => Ok(Value::Uint(!uint)),
            _ => Err(Error::NoSuchOverload),
        };
        builder.function("math.bitNot", Overload::global(id, [number.clone()], number, run));
    }
}

fn shifts(builder: &mut Builder) {
    let functions: [OfBits; 2] = [
        ("math.bitShiftLeft", ["math_bitShiftLeft_int_int", "math_bitShiftLeft_uint_int"], |bits, by| {
            u32::try_from(by).ok().and_then(|by| bits.checked_shl(by)).unwrap_or(0)
        }),
        ("math.bitShiftRight", ["math_bitShiftRight_int_int", "math_bitShiftRight_uint_int"], |bits, by| {
            u32::try_from(by).ok().and_then(|by| bits.checked_shr(by)).unwrap_or(0)
        }),
    ];
    for (name, ids, shift) in functions {
        let run = move |_: &Evaluation<'_>, args: &[Value]| {
            let by = args.get(1).and_then(Value::as_int).ok_or(Error::NoSuchOverload)?;
            let by = u64::try_from(by).map_err(|_| Error::Other(format!("{name}() negative offset: {by}").into()))?;
            match &args[0] {
                Value::Int(int) => Ok(Value::Int(shift(int.cast_unsigned(), by).cast_signed())),
                Value::Uint(uint) => Ok(Value::Uint(shift(*uint, by))),
                _ => Err(Error::NoSuchOverload),
            }
        };
        for (id, number) in ids.into_iter().zip([Type::Int, Type::Uint]) {
            builder.function(name, Overload::global(id, [number.clone(), Type::Int], number, run));
        }
    }
}
