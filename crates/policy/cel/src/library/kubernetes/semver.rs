//! Semantic versions.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;

use probity_kubernetes::semver::{Version, VersionError};

use super::accessors;
use crate::environment::Builder;
use crate::library::args::{error, text};
use crate::program::traversal;
use crate::value::Opaque;
use crate::{Error, Evaluation, Overload, Type, Value};

const NAME: &str = "kubernetes.Semver";

/// A version as a value.
struct Semver(Version);

impl fmt::Debug for Semver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Opaque for Semver {
    fn type_name(&self) -> &str {
        NAME
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| self.0.compare(&other.0).is_eq())
    }
}

pub(super) fn semver(builder: &mut Builder) {
    let own = || Type::opaque(NAME);
    let pair = || [own(), own()];
    let by_length = |args: &[Value], _: &Value| traversal(args[0].size());
    let holds = |wanted: Ordering| {
        move |_: &Evaluation<'_>, args: &[Value]| order(args).map(|order| Value::Bool(order == wanted))
    };
    let make = |_: &Evaluation<'_>, args: &[Value]| {
        parse(args)?.map(|version| Value::opaque(Semver(version))).map_err(|problem| error(problem.to_string()))
    };
    let is = |_: &Evaluation<'_>, args: &[Value]| Ok(Value::Bool(parse(args)?.is_ok()));
    let lenient = || [Type::String, Type::Bool];
    builder
        .type_name(own())
        .function("semver", Overload::global("string_to_semver", [Type::String], own(), make).with_cost(by_length))
        .function("semver", Overload::global("string_bool_to_semver", lenient(), own(), make).with_cost(by_length))
        .function("isSemver", Overload::global("is_semver_string", [Type::String], Type::Bool, is).with_cost(by_length))
        .function("isSemver", Overload::global("is_semver_string_bool", lenient(), Type::Bool, is).with_cost(by_length))
        .function(
            "isGreaterThan",
            Overload::member("semver_is_greater_than", pair(), Type::Bool, holds(Ordering::Greater)),
        )
        .function("isLessThan", Overload::member("semver_is_less_than", pair(), Type::Bool, holds(Ordering::Less)))
        .function(
            "compareTo",
            Overload::member("semver_compare_to", pair(), Type::Int, |_, args| {
                order(args).map(|order| Value::Int(order as i64))
            }),
        );
    accessors!(builder, Semver, NAME, {
        "major", "semver_major", Type::Int, |version| number(version, 0);
        "minor", "semver_minor", Type::Int, |version| number(version, 1);
        "patch", "semver_patch", Type::Int, |version| number(version, 2);
    });
}

fn number(version: &Semver, index: usize) -> Result<Value, Error> {
    i64::try_from(version.0.numbers()[index]).map(Value::Int).map_err(|_| Error::new("integer overflow"))
}

fn parse(args: &[Value]) -> Result<Result<Version, VersionError>, Error> {
    let text = text(args, 0)?;
    let tolerant = args.get(1).and_then(Value::as_bool).unwrap_or(false);
    Ok(if tolerant { Version::parse_tolerant(text) } else { text.parse() })
}

fn order(args: &[Value]) -> Result<Ordering, Error> {
    let version = |index: usize| args.get(index).and_then(Value::downcast::<Semver>).ok_or(Error::NoSuchOverload);
    Ok(version(0)?.0.compare(&version(1)?.0))
}
