//! Amounts of resources.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;

use probity_kubernetes::quantity::{Format, Quantity};

use crate::environment::Builder;
use crate::library::args::{error, text};
use crate::program::traversal;
use crate::value::Opaque;
use crate::{Error, Evaluation, Overload, Type, Value};

const NAME: &str = "kubernetes.Quantity";

/// A quantity as a value.
struct Amount(Quantity);

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Opaque for Amount {
    fn type_name(&self) -> &str {
        NAME
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| self.0 == other.0)
    }

    fn to_model(&self) -> Option<probity_model::Value> {
        Some(self.0.to_string().into())
    }
}

pub(super) fn quantity(builder: &mut Builder) {
    let own = || Type::opaque(NAME);
    let by_length = |args: &[Value], _: &Value| traversal(args[0].size());
    builder
        .type_name(own())
        .function("quantity", Overload::global("string_to_quantity", [Type::String], own(), parse).with_cost(by_length))
        .function(
            "isQuantity",
            Overload::global("is_quantity_string", [Type::String], Type::Bool, is_quantity).with_cost(by_length),
        )
        .function(
            "sign",
            Overload::global("quantity_sign", [own()], Type::Int, |_, args| Ok(Value::Int(amount(args, 0)?.sign()))),
        )
        .function(
            "isInteger",
            Overload::member("quantity_is_integer", [own()], Type::Bool, |_, args| {
                Ok(Value::Bool(amount(args, 0)?.as_i64().is_some()))
            }),
        )
        .function(
            "asInteger",
            Overload::member("quantity_get_int", [own()], Type::Int, |_, args| {
                amount(args, 0)?.as_i64().map(Value::Int).ok_or(Error::new("cannot convert value to integer"))
            }),
        )
        .function(
            "asApproximateFloat",
            Overload::member("quantity_get_float", [own()], Type::Double, |_, args| {
                Ok(Value::Double(amount(args, 0)?.approximate_f64()))
            }),
        );
    comparisons(builder);
    sums(builder);
}

fn comparisons(builder: &mut Builder) {
    let pair = || [Type::opaque(NAME), Type::opaque(NAME)];
    let holds = |wanted: Ordering| {
        move |_: &Evaluation<'_>, args: &[Value]| order(args).map(|order| Value::Bool(order == wanted))
    };
    builder
        .function(
            "isGreaterThan",
            Overload::member("quantity_is_greater_than", pair(), Type::Bool, holds(Ordering::Greater)),
        )
        .function("isLessThan", Overload::member("quantity_is_less_than", pair(), Type::Bool, holds(Ordering::Less)))
        .function(
            "compareTo",
            Overload::member("quantity_compare_to", pair(), Type::Int, |_, args| {
                order(args).map(|order| Value::Int(order as i64))
            }),
        );
}

fn sums(builder: &mut Builder) {
    let own = || Type::opaque(NAME);
    let with = |combine: fn(&Quantity, &Quantity) -> Quantity| {
        move |_: &Evaluation<'_>, args: &[Value]| {
            let other = match args.get(1) {
                Some(Value::Int(int)) => Quantity::from_i64(*int, Format::DecimalExponent),
                _ => amount(args, 1)?.clone(),
            };
            Ok(Value::opaque(Amount(combine(amount(args, 0)?, &other))))
        }
    };
    builder
        .function("add", Overload::member("quantity_add", [own(), own()], own(), with(Quantity::add)))
        .function("add", Overload::member("quantity_add_int", [own(), Type::Int], own(), with(Quantity::add)))
        .function("sub", Overload::member("quantity_sub", [own(), own()], own(), with(Quantity::subtract)))
        .function("sub", Overload::member("quantity_sub_int", [own(), Type::Int], own(), with(Quantity::subtract)));
}

fn amount(args: &[Value], index: usize) -> Result<&Quantity, Error> {
    args.get(index).and_then(Value::downcast::<Amount>).map(|amount| &amount.0).ok_or(Error::NoSuchOverload)
}

fn order(args: &[Value]) -> Result<Ordering, Error> {
    Ok(amount(args, 0)?.cmp(amount(args, 1)?))
}

fn parse(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let parsed: Result<Quantity, _> = text(args, 0)?.parse();
    parsed.map(|quantity| Value::opaque(Amount(quantity))).map_err(|problem| error(problem.to_string()))
}

fn is_quantity(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    Ok(Value::Bool(text(args, 0)?.parse::<Quantity>().is_ok()))
}
