//! `http.Allowed`, `http.Denied` and what requests of HTTP servers have.

use probity_policy_cel::value::List;
use probity_policy_cel::{Builder, Error, Type, Value};

use super::super::text;
use super::answer::{DENIED, OK, made, part};
use super::message::{Kind, Message, Shape};
use super::{global, member};

pub(super) static REQUEST: Shape =
    Shape { name: "http.CheckRequest", fields: &[("attributes", Kind::Message(&ATTRIBUTES))] };

static ATTRIBUTES: Shape = Shape {
    name: "http.CheckRequestAttributes",
    fields: &[
        ("method", Kind::Text),
        ("header", Kind::Lists),
        ("host", Kind::Text),
        ("protocol", Kind::Text),
        ("contentLength", Kind::Int),
        ("body", Kind::Bytes),
        ("scheme", Kind::Text),
        ("path", Kind::Text),
        ("query", Kind::Lists),
        ("fragment", Kind::Text),
    ],
};

const RESPONSE: &str = "http.CheckResponse";
const ALLOWED: &str = "http.CheckResponseOk";
const REFUSED: &str = "http.CheckResponseDenied";

pub(super) fn response() -> Type {
    part(RESPONSE, &[OK, DENIED])
}

pub(super) fn add(builder: &mut Builder) {
    let (allowed, refused) = (|| part(ALLOWED, &[]), || part(REFUSED, &["reason"]));
    global(builder, "http.Allowed", "http_allowed", (Vec::new(), allowed()), |_| Ok(made(ALLOWED, [])));
    global(builder, "http.Denied", "http_denied_string", (vec![Type::String], refused()), |args| {
        Ok(made(REFUSED, [("reason", text(args, 0)?.into())]))
    });
    let texts = || Type::list(Type::String);
    let by_name = || vec![ATTRIBUTES.as_type(), Type::String];
    member(builder, "Header", "http_get_header_string", (by_name(), texts()), |args| {
        // Names of headers are kept in one form, and asked for in any.
        values(&args[0], "header", &canonical(text(args, 1)?))
    });
    member(builder, "QueryParam", "http_get_queryparam_string", (by_name(), texts()), |args| {
        values(&args[0], "query", text(args, 1)?)
    });
    member(builder, "Response", "http_response_ok", (vec![allowed()], response()), |args| {
        Ok(made(RESPONSE, [(OK, args[0].clone())]))
    });
    member(builder, "Response", "http_response_denied", (vec![refused()], response()), |args| {
        Ok(made(RESPONSE, [(DENIED, args[0].clone())]))
    });
}

/// The values under a name in a field; none when there are none.
fn values(attributes: &Value, field: &str, name: &str) -> Result<Value, Error> {
    let message = attributes.downcast::<Message>().ok_or(Error::NoSuchOverload)?;
    let all = message.get(field).and_then(|map| map.as_map()?.get_str(name));
    Ok(all.unwrap_or_else(|| Value::List(List::default())))
}

/// The form in which Go keeps the names of headers: `x-request-id` is `X-Request-Id`. What is no name of a header is as it is.
fn canonical(name: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(is_token) {
        return name.to_owned();
    }
    let mut starts = true;
    let letters = name.chars().map(|letter| {
        let letter = if starts { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        starts = letter == '-';
        letter
    });
    letters.collect()
}
