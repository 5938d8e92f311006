//! References to resources, read as Go's `net/url` does.

use probity_model::value::Value;

use super::args::string;
use super::{Context, Failure, Outcome};

struct Url<'t> {
    scheme: String,
    host: Option<String>,
    path: String,
    raw_path: &'t str,
    query: &'t str,
    fragment: String,
}

fn wrong(text: &str, reason: &str) -> Failure {
    let shown = super::sprintf::text(&text.into());
    Failure::value(format!("parse {shown}: {reason}"))
}

/// The scheme and what is behind its colon.
fn scheme(text: &str) -> Result<(&str, &str), Failure> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at > 0 => return Ok((&text[..at], &text[at + 1..])),
            b':' => return Err(wrong(text, "missing protocol scheme")),
            _ => break,
        }
    }
    Ok(("", text))
}

/// Decodes escapes; in a host only those of characters that are not ASCII.
fn unescape(text: &str, whole: &str, host: bool) -> Result<String, Failure> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            if host
                && (byte.is_ascii_whitespace()
                    || matches!(byte, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'))
            {
                return Err(wrong(
                    whole,
                    &format!("invalid character {:?} in host name", char::from(*byte).to_string()),
                ));
            }
            bytes.push(*byte);
            continue;
        }
        let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let decoded = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        let Some(decoded) = decoded else {
            let shown = String::from_utf8_lossy(rest.get(..2).unwrap_or(rest)).into_owned();
            return Err(wrong(whole, &format!("invalid URL escape \"%{shown}\"")));
        };
        if host && decoded < 0x80 && decoded != b'%' {
            let shown = String::from_utf8_lossy(&rest[..2]).into_owned();
            return Err(wrong(whole, &format!("invalid URL escape \"%{shown}\"")));
        }
        bytes.push(decoded);
        rest = &rest[2..];
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn valid_port(port: &str) -> bool {
    port.is_empty() || port.starts_with(':') && port[1..].bytes().all(|byte| byte.is_ascii_digit())
}

fn parse(text: &str) -> Result<Url<'_>, Failure> {
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(wrong(text, "net/url: invalid control character in URL"));
    }
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let fragment = unescape(fragment, text, false)?;
    let mut url = Url { scheme: String::new(), host: None, path: String::new(), raw_path: "", query: "", fragment };
    if rest == "*" {
        "*".clone_into(&mut url.path);
        url.raw_path = "*";
        return Ok(url);
    }
    let (found, rest) = scheme(rest)?;
    url.scheme = found.to_ascii_lowercase();
    let (mut rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    url.query = query;
    if !rest.starts_with('/') {
        if !url.scheme.is_empty() {
            // What is no path is opaque.
            return Ok(url);
        }
        let first = rest.split('/').next().unwrap_or_default();
        if first.contains(':') {
            return Err(wrong(text, "first path segment in URL cannot contain colon"));
        }
    }
    if rest.starts_with("//") && (!url.scheme.is_empty() || !rest.starts_with("///")) {
        let authority = rest[2..].split('/').next().unwrap_or_default();
        rest = &rest[2 + authority.len()..];
        url.host = Some(host(authority, text)?);
    }
    url.path = unescape(rest, text, false)?;
    url.raw_path = rest;
    Ok(url)
}

fn host(authority: &str, whole: &str) -> Result<String, Failure> {
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
            if !user.bytes().all(valid) {
                return Err(wrong(whole, "net/url: invalid userinfo"));
            }
            unescape(user, whole, false)?;
            host
        }
        None => authority,
    };
    if host.starts_with('[') {
        let Some(end) = host.rfind(']') else { return Err(wrong(whole, "missing ']' in host")) };
        if !valid_port(&host[end + 1..]) {
            return Err(wrong(whole, &format!("invalid port {:?} after host", &host[end + 1..])));
        }
        let inner = &host[1..end];
        let bare = inner.split('%').next().unwrap_or_default();
        if bare.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(wrong(whole, &format!("invalid host: {inner:?}")));
        }
        return Ok(host.replace("%25", "%"));
    }
    if let Some(at) = host.rfind(':')
        && !valid_port(&host[at..])
    {
        return Err(wrong(whole, &format!("invalid port {:?} after host", &host[at..])));
    }
    unescape(host, whole, true)
}

/// The name and the port of a host.
fn name_and_port(host: &str) -> (&str, &str) {
    let (name, port) = match host.rfind(':') {
        Some(at) if valid_port(&host[at..]) => (&host[..at], &host[at + 1..]),
        _ => (host, ""),
    };
    (name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name), port)
}

/// Whether Go would write the path in the same way.
fn is_default_encoding(url: &Url<'_>) -> bool {
    let mut encoded = String::new();
    for byte in url.path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded == url.raw_path
}

/// Host with port, path as it is written, and query of an address.
pub(super) fn host_path_query(text: &str) -> Result<(String, String, String), Failure> {
    let url = parse(text)?;
    Ok((url.host.unwrap_or_default(), url.raw_path.to_owned(), url.query.to_owned()))
}

pub(super) fn parse_uri(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let url = parse(string(args, 0)?)?;
    let (name, port) = url.host.as_deref().map(name_and_port).unwrap_or_default();
    let raw_path = if is_default_encoding(&url) { url.path.as_str() } else { url.raw_path };
    let fields = [
        ("scheme", url.scheme.as_str()),
        ("hostname", name),
        ("port", port),
        ("path", url.path.as_str()),
        ("raw_path", raw_path),
        ("raw_query", url.query),
        ("fragment", url.fragment.as_str()),
    ];
    Ok(Value::object(fields.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key, text.into()))))
}

pub(super) fn is_valid(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(args[0].as_str().is_some_and(|text| !text.is_empty() && parse(text).is_ok()).into())
}
