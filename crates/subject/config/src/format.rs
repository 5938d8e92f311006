//! The formats, and how a file's name tells which it has.

use std::path::Path;
use std::str::FromStr;

/// A format that files are read from.
///
/// Formats of Conftest that are not among them: `cue`, `groovy`, `jsonnet`, which are languages of their own, and
/// `textproto`, which cannot be read without the message's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `NAME=value` lines.
    Dotenv,
    /// `.gitignore` and `.dockerignore`: a list of `Kind`, `Value`, `Original`, one a line.
    Ignore,
    /// Sections of `key = value`.
    Ini,
    /// JSON (RFC 8259).
    Json,
    /// JSON with comments.
    Jsonc,
    /// Java properties.
    Properties,
    /// TOML 1.1.
    Toml,
    /// XML 1.0: attributes are keys with `-`, text beside them is `#content`.
    Xml,
    /// YAML as Kubernetes reads it.
    Yaml,
}

/// A word that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a format that is read here; known are {}", known())]
pub struct UnknownFormat {
    /// The word.
    pub word: String,
}

fn known() -> String {
    Format::ALL.map(Format::as_str).join(", ")
}

/// Each format, its word, and what people call it.
const FORMATS: [(Format, &str, &str); 9] = [
    (Format::Dotenv, "dotenv", "dotenv"),
    (Format::Ignore, "ignore", "ignore file"),
    (Format::Ini, "ini", "INI"),
    (Format::Json, "json", "JSON"),
    (Format::Jsonc, "jsonc", "JSON with comments"),
    (Format::Properties, "properties", "properties"),
    (Format::Toml, "toml", "TOML"),
    (Format::Xml, "xml", "XML"),
    (Format::Yaml, "yaml", "YAML"),
];

impl Format {
    /// Every format, ordered by its word.
    pub const ALL: [Format; FORMATS.len()] = {
        let mut all = [Format::Yaml; FORMATS.len()];
        let mut index = 0;
        while index < FORMATS.len() {
            all[index] = FORMATS[index].0;
            index += 1;
        }
        all
    };

    /// The word that Conftest has for it, as `--parser` takes it.
    pub fn as_str(self) -> &'static str {
        self.entry().1
    }

    /// What an error message calls it.
    pub(crate) fn name(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (Format, &'static str, &'static str) {
        FORMATS.iter().find(|entry| entry.0 == self).unwrap_or(&FORMATS[0])
    }

    /// The format that a file's name tells, by the rules of Conftest: `-`, the standard input, is YAML.
    pub fn of(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_str()?.to_lowercase();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let named = |word: &str| name == word || name.strip_prefix(word).is_some_and(|rest| rest.starts_with('.'));
        match extension {
            _ if name == "-" => Some(Format::Yaml),
            "yml" | "yaml" => Some(Format::Yaml),
            "gitignore" | "dockerignore" => Some(Format::Ignore),
            "env" => Some(Format::Dotenv),
            _ if named(".env") => Some(Format::Dotenv),
            word => word.parse().ok(),
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = FORMATS.iter().find(|entry| entry.1 == word);
        found.map(|entry| entry.0).ok_or_else(|| UnknownFormat { word: word.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert!("cue".parse::<Format>().unwrap_err().to_string().contains("known are dotenv, "));
    }

    #[test]
    fn names_tell_the_format() {
        for (path, expected) in [
            ("-", Some(Format::Yaml)),
            ("a/b.YML", Some(Format::Yaml)),
            ("app.tar.json", Some(Format::Json)),
            (".env", Some(Format::Dotenv)),
            (".env.production", Some(Format::Dotenv)),
            ("prod.env", Some(Format::Dotenv)),
            (".environment", None),
            (".dockerignore", Some(Format::Ignore)),
            ("pom.xml", Some(Format::Xml)),
            ("a.toml", Some(Format::Toml)),
            ("settings.ignore", Some(Format::Ignore)),
            ("LICENSE", None),
            ("toml", None),
            ("..", None),
        ] {
            assert_eq!(Format::of(Path::new(path)), expected, "{path}");
        }
    }
}
