//! URLs, as Go reads them.

use std::any::Any;
use std::collections::BTreeMap;

use super::accessors;
use crate::environment::Builder;
use crate::library::args::{error, text};
use crate::program::traversal;
use crate::value::Opaque;
use crate::{Evaluation, Overload, Type, Value};

const NAME: &str = "kubernetes.URL";

/// A URL in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    scheme: String,
    user: String,
    /// With the port.
    host: String,
    /// Escaped.
    path: String,
    query: String,
    fragment: String,
}

impl Opaque for Url {
    fn type_name(&self) -> &str {
        NAME
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>() == Some(self)
    }
}

impl Url {
    /// Reads an absolute URL or an absolute path (Go, `url.ParseRequestURI`).
    ///
    /// # Errors
    /// Tells why it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let because = |why: &str| format!("parse {text:?}: {why}");
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err(because("net/url: invalid control character in URL"));
        }
        if text.is_empty() {
            return Err(because("empty url"));
        }
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (scheme, rest) = scheme(rest).map_err(because)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !rest.starts_with('/') {
            let rooted = !scheme.is_empty();
            return if rooted {
                Ok(Self::opaque(scheme, query, fragment))
            } else {
                Err(because("invalid URI for request"))
            };
        }
        let (authority, path) = match rest.strip_prefix("//").filter(|_| !scheme.is_empty() || !rest.starts_with("///"))
        {
            Some(after) => after.find('/').map_or((after, ""), |at| after.split_at(at)),
            None => ("", rest),
        };
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = host_of(host).map_err(|why| because(&why))?;
        check_escapes(path).map_err(|why| because(&why))?;
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: user.to_owned(),
            host,
            path: escaped_path(path),
            query: query.to_owned(),
            fragment: fragment.to_owned(),
        })
    }

    /// A URL without a path, such as `mailto:someone`.
    fn opaque(scheme: &str, query: &str, fragment: &str) -> Self {
        let (scheme, none) = (scheme.to_ascii_lowercase(), String::new());
        let (query, fragment) = (query.to_owned(), fragment.to_owned());
        Self { scheme, user: none.clone(), host: none.clone(), path: none, query, fragment }
    }

    fn hostname(&self) -> &str {
        let host = self.host.strip_suffix(&format!(":{}", self.port())).unwrap_or(&self.host);
        let host = host.strip_suffix(':').filter(|host| host.ends_with(']') || !host.contains(':')).unwrap_or(host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    fn port(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((before, port)) if !before.contains(':') || before.ends_with(']') => port,
            _ => "",
        }
    }

    fn query(&self) -> BTreeMap<String, Vec<Value>> {
        let mut query: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        // Go drops what has a semicolon or a wrong escape.
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        for pair in pairs.filter(|pair| check_escapes(pair).is_ok()) {
            for (key, value) in url::form_urlencoded::parse(pair.as_bytes()) {
                query.entry(key.into_owned()).or_default().push(Value::from(value.into_owned()));
            }
        }
        query
    }
}

/// The scheme, empty when there is none, and what follows its colon.
fn scheme(text: &str) -> Result<(&str, &str), &'static str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
    match end {
        Some(0) if text.starts_with(':') => Err("missing protocol scheme"),
        Some(at) if text[at..].starts_with(':') => {
            if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
                Ok((&text[..at], &text[at + 1..]))
            } else {
                Err("first path segment in URL cannot contain colon")
            }
        }
        _ => Ok(("", text)),
    }
}

fn host_of(host: &str) -> Result<String, String> {
    if let Some(c) = host.chars().find(|c| " <>\"{}|\\^`".contains(*c)) {
        return Err(format!("invalid character {:?} in host name", c.to_string()));
    }
    if host.starts_with('[') {
        let end = host.rfind(']').ok_or("missing ']' in host")?;
        check_port(&host[end + 1..])?;
        return Ok(host.to_owned());
    }
    if let Some(at) = host.rfind(':') {
        check_port(&host[at..])?;
    }
    check_escapes(host)?;
    Ok(host.to_owned())
}

fn check_port(port: &str) -> Result<(), String> {
    let digits = port.strip_prefix(':').unwrap_or(port);
    if port.is_empty() || port.starts_with(':') && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("invalid port {port:?} after host"))
}

fn check_escapes(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let digits = rest.as_bytes()[at + 1..].iter().take(2);
        if digits.clone().count() < 2 || !digits.clone().all(u8::is_ascii_hexdigit) {
            let shown: String = rest[at..].chars().take(3).collect();
            return Err(format!("invalid URL escape {shown:?}"));
        }
        rest = &rest[at + 3..];
    }
    Ok(())
}

/// The path with escapes where Go writes them; those that are there stay.
fn escaped_path(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!'()*[]%".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

pub(super) fn url(builder: &mut Builder) {
    let by_length = |args: &[Value], _: &Value| traversal(args[0].size());
    builder
        .type_name(Type::opaque(NAME))
        .function(
            "url",
            Overload::global(
                "string_to_url",
                [Type::String],
                Type::opaque(NAME),
                |_: &Evaluation<'_>, args: &[Value]| {
                    let parsed = Url::parse(text(args, 0)?);
                    parsed
                        .map(Value::opaque)
                        .map_err(|why| error(format!("URL parse error during conversion from string: {why}")))
                },
            )
            .with_cost(by_length),
        )
        .function(
            "isURL",
            Overload::global("is_url_string", [Type::String], Type::Bool, |_: &Evaluation<'_>, args: &[Value]| {
                Ok(Value::Bool(Url::parse(text(args, 0)?).is_ok()))
            }),
        );
    accessors!(builder, Url, NAME, {
        "getScheme", "url_get_scheme", Type::String, |url| Ok(Value::from(url.scheme.as_str()));
        "getHost", "url_get_host", Type::String, |url| Ok(Value::from(url.host.as_str()));
        "getHostname", "url_get_hostname", Type::String, |url| Ok(Value::from(url.hostname()));
        "getPort", "url_get_port", Type::String, |url| Ok(Value::from(url.port()));
        "getEscapedPath", "url_get_escaped_path", Type::String, |url| Ok(Value::from(url.path.as_str()));
        "getQuery", "url_get_query", Type::map(Type::String, Type::list(Type::String)), |url| Ok(query(url));
    });
}

fn query(url: &Url) -> Value {
    Value::map(url.query().into_iter().map(|(key, values)| (key, Value::List(values.into()))))
}
