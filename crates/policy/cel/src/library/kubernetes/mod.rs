//! The libraries of Kubernetes (`k8s.io/apiserver/pkg/cel/library`).

mod authorizer;
mod cidr;
mod format;
mod ip;
mod lists;
mod patch;
mod quantity;
mod semver;
mod url;

pub use authorizer::{Attributes, Authorizer, Decision, authorizer, authorizer_value, resource_check_value};
pub use patch::{json_patch, object_construction};

use crate::environment::Builder;

/// Quantities, versions, addresses, URLs, named formats and sums of lists.
pub fn types(builder: &mut Builder) {
    quantity::quantity(builder);
    semver::semver(builder);
    ip::ip(builder);
    cidr::cidr(builder);
    url::url(builder);
    format::format(builder);
    lists::lists(builder);
}

/// Declares the functions of a value's type that take nothing and tell something of it, at the cost of 1.
macro_rules! accessors {
    ($builder:expr, $kind:ty, $name:expr, { $($function:literal, $id:literal, $result:expr, $tell:expr;)* }) => {
        $($builder.function($function, $crate::Overload::member($id, [$crate::Type::opaque($name)], $result, |_, args| {
            let tell: fn(&$kind) -> Result<$crate::Value, $crate::Error> = $tell;
            args.first().and_then($crate::Value::downcast::<$kind>).map_or(Err($crate::Error::NoSuchOverload), tell)
        }));)*
    };
}

pub(crate) use accessors;
