//! What policies on requests of HTTP servers and of Envoy have (Kyverno's module `kyverno-authz`, `pkg/cel/libs`).

mod answer;
mod envoy;
mod http;
mod jwt;
mod message;

use probity_model::Value as Model;
use probity_policy_cel::{Builder, Environment, Error, Evaluation, Overload, Type, Value};

use super::outside::{self, Scope};
use super::{Namespace, image, namespace};
pub(crate) use answer::{Answer, Refusal};

/// Who asks for leave, and is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A server that asks in JSON.
    Http,
    /// Envoy, by its external authorization (`envoy.service.auth.v3`).
    Envoy,
}

impl Protocol {
    /// The type of requests.
    pub(crate) fn request(self) -> Type {
        match self {
            Self::Http => http::REQUEST.as_type(),
            Self::Envoy => envoy::REQUEST.as_type(),
        }
    }

    /// The type of what rules answer with.
    pub(crate) fn response(self) -> Type {
        match self {
            Self::Http => http::response(),
            Self::Envoy => envoy::response(),
        }
    }

    /// A request as expressions see it.
    ///
    /// # Errors
    /// When the document is no such request.
    pub(crate) fn read(self, document: &Model) -> Result<Value, String> {
        match self {
            // As Go reads JSON: names in any case, and what has none is passed over.
            Self::Http => http::REQUEST.read(document, message::Names::Go),
            Self::Envoy => envoy::REQUEST.read(document, message::Names::Protobuf),
        }
    }

    /// What expressions may use besides the request.
    pub(crate) fn add(self, builder: &mut Builder, scope: Scope) {
        image::add(builder);
        outside::of_authorizers(builder, scope);
        jwt::add(builder);
        json(builder);
        match self {
            Self::Http => http::add(builder),
            Self::Envoy => envoy::add(builder),
        }
    }
}

/// The libraries that authorizers share with Kubernetes.
pub(crate) fn base() -> Builder {
    use probity_policy_cel::library::{bindings, encoders, math};
    [bindings, encoders, math].into_iter().fold(Environment::kubernetes(), Builder::with)
}

/// `json.Unmarshal`, which is written with a capital here only.
fn json(builder: &mut Builder) {
    const JSON: &str = "json.Json";
    builder.constant("json", Value::opaque(Namespace(JSON)));
    let run = |_: &Evaluation<'_>, args: &[Value]| super::encoding::from_json(super::text(args, 1)?);
    builder.function(
        "Unmarshal",
        Overload::member("unmarshal_string_dyn", vec![namespace(JSON), Type::Dyn], Type::Dyn, run),
    );
}

/// A function of one form that is called as `name(arguments)`.
fn global(
    builder: &mut Builder,
    name: &'static str,
    id: &'static str,
    types: (Vec<Type>, Type),
    run: impl Fn(&[Value]) -> Result<Value, Error> + Send + Sync + 'static,
) {
    builder.function(name, Overload::global(id, types.0, types.1, move |_: &Evaluation<'_>, args: &[Value]| run(args)));
}

/// A function of one form that is called as `first.name(others)`.
fn member(
    builder: &mut Builder,
    name: &'static str,
    id: &'static str,
    types: (Vec<Type>, Type),
    run: impl Fn(&[Value]) -> Result<Value, Error> + Send + Sync + 'static,
) {
    builder.function(name, Overload::member(id, types.0, types.1, move |_: &Evaluation<'_>, args: &[Value]| run(args)));
}
