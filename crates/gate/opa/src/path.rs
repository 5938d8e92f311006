//! Paths of requests, and what they mean in `data`.

use percent_encoding::percent_decode_str;
use probity_model::value::Value;

/// The path of a document below `data`, as parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataPath(Vec<String>);

impl DataPath {
    /// Reads the escaped path of a request, without `/v1/data`.
    pub(crate) fn parse(escaped: &str) -> Result<Self, String> {
        let parts = escaped.split('/').filter(|part| !part.is_empty()).map(|part| {
            let text = percent_decode_str(part).decode_utf8().map_err(|_| format!("invalid ref term '{part}'"))?;
            if text.contains('"') { Err(format!("invalid ref term '{text}'")) } else { Ok(text.into_owned()) }
        });
        parts.collect::<Result<_, _>>().map(Self)
    }

    /// The parts.
    pub(crate) fn parts(&self) -> &[String] {
        &self.0
    }

    /// The query for the document.
    pub(crate) fn query(&self) -> String {
        let mut query = "data".to_owned();
        for part in &self.0 {
            match part.parse::<i64>() {
                Ok(number) if number.to_string() == *part => query.push_str(&format!("[{number}]")),
                _ => query.push_str(&format!("[{}]", probity_model::json::write(&Value::from(part.as_str())))),
            }
        }
        query
    }

    /// The document's name as Rego has it, such as `data.app.allow`.
    pub(crate) fn name(&self) -> String {
        let mut name = "data".to_owned();
        for part in &self.0 {
            let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !part.starts_with(|c: char| c.is_ascii_digit());
            if plain {
                name.push('.');
                name.push_str(part);
            } else {
                name.push_str(&format!("[{}]", probity_model::json::write(&Value::from(part.as_str()))));
            }
        }
        name
    }

    /// The path with `/`, as decision logs have it.
    pub(crate) fn slashed(&self) -> String {
        self.0.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_mean_documents() {
        for (path, query, name) in [
            ("", "data", "data"),
            ("/", "data", "data"),
            ("/app/allow", r#"data["app"]["allow"]"#, "data.app.allow"),
            ("/servers/0/a-b/", r#"data["servers"][0]["a-b"]"#, r#"data.servers["0"]["a-b"]"#),
            ("/a%2Fb/%C3%A9", r#"data["a/b"]["é"]"#, r#"data["a/b"]["é"]"#),
            ("/007", r#"data["007"]"#, r#"data["007"]"#),
            ("/a%0Ab", r#"data["a\nb"]"#, r#"data["a\nb"]"#),
        ] {
            let path = DataPath::parse(path).unwrap();
            assert_eq!((path.query().as_str(), path.name().as_str()), (query, name));
        }
        assert_eq!(DataPath::parse("/a%22b").unwrap_err(), "invalid ref term 'a\"b'");
        assert!(DataPath::parse("/%ff").is_err());
    }
}
