//! `WWW-Authenticate` (RFC 9110, 11.6.1) as registries use it.

/// How a registry wants to be told who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    /// A token of this server.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

/// The challenge of a header that is understood; a token is better than a password.
pub(super) fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let mut basic = None;
    for header in headers {
        let mut rest = header.trim_start();
        while !rest.is_empty() {
            let (scheme, after) = rest.split_once([' ', ',']).unwrap_or((rest, ""));
            let (parameters, next) = parameters(after);
            let get = |name: &str| {
                parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("bearer") {
                if let Some(realm) = get("realm") {
                    return Some(Challenge::Bearer { realm, service: get("service"), scope: get("scope") });
                }
            } else if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            }
            rest = next.trim_start_matches([' ', ',']);
        }
    }
    basic
}

/// `key="value", key=value`, and what follows them: the next scheme.
fn parameters(text: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let at = rest.trim_start_matches([' ', ',']);
        let end = at.find(['=', ' ', ',', '"']).unwrap_or(at.len());
        let Some(value) = at[end..].strip_prefix('=').filter(|_| end > 0) else { return (found, at) };
        let (value, after) = if let Some(quoted) = value.strip_prefix('"') {
            unquote(quoted)
        } else {
            let end = value.find([',', ' ']).unwrap_or(value.len());
            (value[..end].to_owned(), &value[end..])
        };
        found.push((at[..end].to_owned(), value));
        rest = after;
    }
}

fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, next)| next)),
            _ => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_are_parsed() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let (service, scope) = (service.map(Into::into), scope.map(Into::into));
            Some(Challenge::Bearer { realm: realm.into(), service, scope })
        };
        let cases = [
            (
                r#"Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push""#,
                bearer("https://auth.example/token", Some("reg"), Some("repository:a/b:pull,push")),
            ),
            ("bearer Realm=https://a", bearer("https://a", None, None)),
            (r#"Basic realm="x", Bearer realm="y""#, bearer("y", None, None)),
            (r#"Negotiate, Basic realm="a \" b""#, Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            ("Bearer", None),
            ("Digest realm=x", None),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(parse([header]), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-zB=\", \\\\é]{0,40}") {
            parse([text.as_str()]);
        }
    }
}
