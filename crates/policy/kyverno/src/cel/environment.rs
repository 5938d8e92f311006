//! What the expressions of each kind of policy may name.

use std::sync::{LazyLock, OnceLock};

use probity_policy_admission::{namespace_type, request_type};
use probity_policy_cel::library::{bindings, encoders, math, regexes};
use probity_policy_cel::{Builder, Environment, Error, Evaluation, Overload, Type, Value};

use super::library::{self, Scope};

/// The kinds of policies, as far as their expressions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Validating,
    Mutating,
    Generating,
    Deleting,
    /// Of Kubernetes objects.
    Images,
    /// Of other documents: there is no request.
    ImagesOfJson,
}

const FAMILIES: usize = 6;

static BASE: LazyLock<Environment> = LazyLock::new(|| {
    let mut builder = Environment::kubernetes();
    for add in [bindings, encoders, math, regexes, library::common] {
        builder = builder.with(add);
    }
    or_value(&mut builder);
    builder.build()
});

/// The environment of a kind of policies; made once.
pub(crate) fn environment(family: Family, scope: Scope) -> Environment {
    static KNOWN: [OnceLock<Environment>; 2 * FAMILIES] = [const { OnceLock::new() }; 2 * FAMILIES];
    let known = &KNOWN[2 * family as usize + usize::from(scope == Scope::Namespace)];
    known.get_or_init(|| build(family, scope)).clone()
}

fn build(family: Family, scope: Scope) -> Environment {
    let mut builder = BASE.extend().variable("object", Type::Dyn);
    if family != Family::ImagesOfJson {
        builder = builder
            .variable("oldObject", Type::Dyn)
            .variable("request", request_type(&[("object", Type::Dyn), ("oldObject", Type::Dyn)]))
            .variable("namespaceObject", namespace_type());
    }
    library::outside(&mut builder, scope);
    match family {
        Family::Images | Family::ImagesOfJson => {
            let texts = || Type::list(Type::String);
            builder = builder
                .variable("images", Type::map(Type::String, texts()))
                .variable("attestors", Type::map(Type::String, Type::Dyn))
                .variable("attestations", Type::map(Type::String, Type::String));
            library::verification(&mut builder);
        }
        Family::Generating => library::generator(&mut builder, scope),
        Family::Mutating | Family::Deleting => builder = builder.with(probity_policy_admission::patches),
        Family::Validating => {}
    }
    if !matches!(family, Family::Images | Family::ImagesOfJson) {
        let lists = [("allowedImages", Type::list(Type::String)), ("allowedValues", Type::list(Type::String))];
        builder = builder.variable("exceptions", Type::object("libs.Exception", lists));
    }
    builder.build()
}

/// What `matchImageReferences` may name.
pub(crate) fn of_references() -> Environment {
    static KNOWN: LazyLock<Environment> = LazyLock::new(|| BASE.extend().variable("ref", Type::String).build());
    KNOWN.clone()
}

/// `orValue` of what is no optional is what it is called on, as before cel-go 0.28; it takes the place of the other.
fn or_value(builder: &mut Builder) {
    let run = |_: &Evaluation<'_>, args: &[Value]| match &args[0] {
        Value::Optional(Some(value)) => Ok(Value::clone(value)),
        Value::Optional(None) => Ok(args[1].clone()),
        value => Ok(value.clone()),
    };
    let run: fn(&Evaluation<'_>, &[Value]) -> Result<Value, Error> = run;
    builder.function("orValue", Overload::member("optional_orValue_value", vec![Type::Dyn, Type::Dyn], Type::Dyn, run));
}
