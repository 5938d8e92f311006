//! `envoy.Allowed`, `envoy.Denied` and what Envoy asks with (`envoy.service.auth.v3.CheckRequest`).

use probity_policy_cel::{Builder, Error, Type, Value};

use super::super::text;
use super::answer::{DENIED, OK, made, part, with, with_one};
use super::message::{Kind, Shape};
use super::{global, member};

pub(super) static REQUEST: Shape =
    Shape { name: "envoy.service.auth.v3.CheckRequest", fields: &[("attributes", Kind::Message(&ATTRIBUTES))] };

static ATTRIBUTES: Shape = Shape {
    name: "envoy.service.auth.v3.AttributeContext",
    fields: &[
        ("source", Kind::Message(&PEER)),
        ("destination", Kind::Message(&PEER)),
        ("request", Kind::Message(&WITHIN)),
        ("context_extensions", Kind::Texts),
        ("metadata_context", Kind::Message(&METADATA)),
        ("route_metadata_context", Kind::Message(&METADATA)),
        ("tls_session", Kind::Message(&TLS)),
    ],
};

static PEER: Shape = Shape {
    name: "envoy.service.auth.v3.AttributeContext.Peer",
    fields: &[
        ("address", Kind::Message(&ADDRESS)),
        ("service", Kind::Text),
        ("labels", Kind::Texts),
        ("principal", Kind::Text),
        ("certificate", Kind::Text),
    ],
};

static ADDRESS: Shape = Shape {
    name: "envoy.config.core.v3.Address",
    fields: &[
        ("socket_address", Kind::Message(&SOCKET)),
        ("pipe", Kind::Message(&PIPE)),
        ("envoy_internal_address", Kind::Message(&INTERNAL)),
    ],
};

static SOCKET: Shape = Shape {
    name: "envoy.config.core.v3.SocketAddress",
    fields: &[
        ("protocol", Kind::Enum(&["TCP", "UDP"])),
        ("address", Kind::Text),
        ("port_value", Kind::Uint),
        ("named_port", Kind::Text),
        ("resolver_name", Kind::Text),
        ("ipv4_compat", Kind::Bool),
        ("network_namespace_filepath", Kind::Text),
    ],
};

static PIPE: Shape = Shape { name: "envoy.config.core.v3.Pipe", fields: &[("path", Kind::Text), ("mode", Kind::Uint)] };

static INTERNAL: Shape = Shape {
    name: "envoy.config.core.v3.EnvoyInternalAddress",
    fields: &[("server_listener_name", Kind::Text), ("endpoint_id", Kind::Text)],
};

static WITHIN: Shape = Shape {
    name: "envoy.service.auth.v3.AttributeContext.Request",
    fields: &[("time", Kind::Timestamp), ("http", Kind::Message(&HTTP))],
};

static HTTP: Shape = Shape {
    name: "envoy.service.auth.v3.AttributeContext.HttpRequest",
    fields: &[
        ("id", Kind::Text),
        ("method", Kind::Text),
        ("headers", Kind::Texts),
        ("header_map", Kind::Message(&HEADERS)),
        ("path", Kind::Text),
        ("host", Kind::Text),
        ("scheme", Kind::Text),
        ("query", Kind::Text),
        ("fragment", Kind::Text),
        ("size", Kind::Int),
        ("protocol", Kind::Text),
        ("body", Kind::Text),
        ("raw_body", Kind::Bytes),
    ],
};

static HEADERS: Shape =
    Shape { name: "envoy.config.core.v3.HeaderMap", fields: &[("headers", Kind::Messages(&HEADER))] };

static HEADER: Shape = Shape {
    name: "envoy.config.core.v3.HeaderValue",
    fields: &[("key", Kind::Text), ("value", Kind::Text), ("raw_value", Kind::Bytes)],
};

static METADATA: Shape = Shape {
    name: "envoy.config.core.v3.Metadata",
    fields: &[("filter_metadata", Kind::Anything), ("typed_filter_metadata", Kind::Anything)],
};

static TLS: Shape = Shape { name: "envoy.service.auth.v3.AttributeContext.TLSSession", fields: &[("sni", Kind::Text)] };

const RESPONSE: &str = "envoy.service.auth.v3.CheckResponse";
const ALLOWED: &str = "envoy.service.auth.v3.OkHttpResponse";
const REFUSED: &str = "envoy.service.auth.v3.DeniedHttpResponse";
const OPTION: &str = "envoy.config.core.v3.HeaderValueOption";
const PARAMETER: &str = "envoy.config.core.v3.QueryParameter";

pub(super) fn response() -> Type {
    part(RESPONSE, &["status", OK, DENIED, "dynamic_metadata"])
}

fn allowed() -> Type {
    part(
        ALLOWED,
        &[
            "headers",
            "headers_to_remove",
            "response_headers_to_add",
            "query_parameters_to_set",
            "query_parameters_to_remove",
        ],
    )
}

fn refused() -> Type {
    part(REFUSED, &["code", "headers", "body"])
}

fn option() -> Type {
    part(OPTION, &["header", "keep_empty_value"])
}

fn parameter() -> Type {
    part(PARAMETER, &["key", "value"])
}

pub(super) fn add(builder: &mut Builder) {
    global(builder, "envoy.Allowed", "allowed", (Vec::new(), allowed()), |_| Ok(made(ALLOWED, [])));
    global(builder, "envoy.Denied", "denied", (vec![Type::Int], refused()), |args| {
        let code = args[0].as_int().and_then(|code| i32::try_from(code).ok());
        let code = code.ok_or(Error::new("a status is a whole number of 32 bits"))?;
        Ok(made(REFUSED, [("code", i64::from(code).into())]))
    });
    let texts = || vec![Type::String, Type::String];
    global(builder, "envoy.Header", "header_key_value", (texts(), option()), header);
    global(builder, "envoy.QueryParam", "queryparam_key_value", (texts(), parameter()), query);
    lists(builder);
    member(builder, "WithBody", "denied_with_body", (vec![refused(), Type::String], refused()), |args| {
        with(&args[0], "body", args[1].clone())
    });
    member(builder, "KeepEmptyValue", "header_keep_empty_value", (vec![option()], option()), |args| {
        with(&args[0], "keep_empty_value", true.into())
    });
    let params = vec![option(), Type::Bool];
    member(builder, "KeepEmptyValue", "header_keep_empty_value_bool", (params, option()), |args| {
        with(&args[0], "keep_empty_value", args[1].clone())
    });
    answers(builder);
}

fn header(args: &[Value]) -> Result<Value, Error> {
    let header = Value::map([("key", text(args, 0)?.into()), ("value", text(args, 1)?.into())]);
    Ok(made(OPTION, [("header", header)]))
}

fn query(args: &[Value]) -> Result<Value, Error> {
    Ok(made(PARAMETER, [("key", text(args, 0)?.into()), ("value", text(args, 1)?.into())]))
}

/// What is added to headers and parameters, each time as one value or as a name and a value.
fn lists(builder: &mut Builder) {
    type Make = fn(&[Value]) -> Result<Value, Error>;
    type Added = (&'static str, [&'static str; 2], fn() -> Type, &'static str, (fn() -> Type, Make));
    let added: [Added; 4] = [
        ("WithHeader", ["ok_with_header_header", "ok_with_header_string_string"], allowed, "headers", (option, header)),
        (
            "WithHeader",
            ["denied_with_header_header", "denied_with_header_string_string"],
            refused,
            "headers",
            (option, header),
        ),
        (
            "WithResponseHeader",
            ["ok_with_response_header_header", "ok_with_response_header_string_string"],
            allowed,
            "response_headers_to_add",
            (option, header),
        ),
        (
            "WithQueryParam",
            ["ok_with_queryparam_param", "ok_with_queryparam_string_string"],
            allowed,
            "query_parameters_to_set",
            (parameter, query),
        ),
    ];
    for (name, [whole, by_parts], owner, field, (element, make)) in added {
        member(builder, name, whole, (vec![owner(), element()], owner()), move |args| {
            with_one(&args[0], field, args[1].clone())
        });
        let params = vec![owner(), Type::String, Type::String];
        member(builder, name, by_parts, (params, owner()), move |args| with_one(&args[0], field, make(&args[1..])?));
    }
    for (name, id, field) in [
        ("WithoutHeader", "ok_without_header", "headers_to_remove"),
        ("WithoutQueryParam", "ok_without_queryparam_string", "query_parameters_to_remove"),
    ] {
        member(builder, name, id, (vec![allowed(), Type::String], allowed()), move |args| {
            with_one(&args[0], field, args[1].clone())
        });
    }
}

fn answers(builder: &mut Builder) {
    // The codes of gRPC.
    let status = |code: i64| ("status", Value::map([("code", Value::Int(code)), ("message", "".into())]));
    member(builder, "Response", "ok_response", (vec![allowed()], response()), move |args| {
        Ok(made(RESPONSE, [status(0), (OK, args[0].clone())]))
    });
    member(builder, "Response", "denied_response", (vec![refused()], response()), move |args| {
        Ok(made(RESPONSE, [status(7), (DENIED, args[0].clone())]))
    });
    let params = vec![response(), Type::String];
    member(builder, "WithMessage", "response_ok_with_message", (params, response()), |args| {
        let known = super::answer::field(&args[0], "status");
        let code = known.and_then(|status| status.as_map()?.get_str("code")).unwrap_or_default();
        with(&args[0], "status", Value::map([("code", code), ("message", args[1].clone())]))
    });
    let params = vec![response(), Type::map(Type::String, Type::Dyn)];
    member(builder, "WithMetadata", "response_ok_with_metadata", (params, response()), |args| {
        with(&args[0], "dynamic_metadata", args[1].clone())
    });
}
