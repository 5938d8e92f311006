//! Addresses.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Outcome, Table, exactly, map, string};
use crate::datum::{Datum, Map};

pub(super) const TABLE: Table = &[("urlJoin", join), ("urlParse", parse)];

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const PATH: &AsciiSet = &QUERY
    .remove(b'/')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// As Go's `url.QueryEscape`.
pub(super) fn query_escaped(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string().replace("%20", "+")
}

fn parse(args: &[Datum]) -> Outcome {
    let [text] = exactly(args)?;
    let text = string(text)?;
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let scheme_end = rest.find(':').filter(|end| {
        let scheme = &rest[..*end];
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    });
    let (scheme, rest) = scheme_end.map_or(("", rest), |end| (&rest[..end], &rest[end + 1..]));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path, opaque) = match rest.strip_prefix("//") {
        Some(behind) => {
            let end = behind.find('/').unwrap_or(behind.len());
            (&behind[..end], &behind[end..], "")
        }
        None if !scheme.is_empty() && !rest.starts_with('/') => ("", "", rest),
        None => ("", rest, ""),
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let hostname = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or(inner),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    Ok(Datum::map([
        ("scheme", Datum::from(scheme.to_ascii_lowercase())),
        ("host", host.into()),
        ("hostname", hostname.into()),
        ("path", path.into()),
        ("query", query.into()),
        ("opaque", opaque.into()),
        ("fragment", fragment.into()),
        ("userinfo", user.into()),
    ]))
}

fn join(args: &[Datum]) -> Outcome {
    let [parts] = exactly(args)?;
    let parts = map(parts)?;
    let part = |name: &str| text_of(parts, name);
    let (scheme, host, opaque) = (part("scheme")?, part("host")?, part("opaque")?);
    let (path, query, fragment) = (part("path")?, part("query")?, part("fragment")?);
    let user = part("userinfo")?;
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&format!("{scheme}:"));
    }
    if opaque.is_empty() {
        if !host.is_empty() || !user.is_empty() || !scheme.is_empty() && path.starts_with("//") {
            out.push_str("//");
            if !user.is_empty() {
                out.push_str(&format!("{user}@"));
            }
            out.push_str(&host);
        }
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        out.push_str(&utf8_percent_encode(&path, PATH).to_string());
    } else {
        out.push_str(&opaque);
    }
    if !query.is_empty() {
        out.push_str(&format!("?{query}"));
    }
    if !fragment.is_empty() {
        out.push_str(&format!("#{fragment}"));
    }
    Ok(out.into())
}

fn text_of(parts: &Map, name: &str) -> Result<String, String> {
    match parts.get(name) {
        None => Ok(String::new()),
        Some(Datum::Text(text)) => Ok(text.to_string()),
        Some(other) => {
            Err(format!("unable to parse {name} key, must be of type string, but {} found", other.kind_name()))
        }
    }
}
