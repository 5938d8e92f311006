//! The formats, and how a file's name tells which it has.

use std::path::Path;
use std::str::FromStr;

/// A format that files are read from.
///
/// Formats of Conftest that are not among them: `cue`, `groovy`, `hocon` and `jsonnet`, which are languages of their own,
/// `spdx` in its tags and values, and `textproto`, which cannot be read without the message's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `CycloneDX` bills of materials in JSON, as they are.
    Cyclonedx,
    /// Dockerfiles: a list of `Cmd`, `SubCmd`, `Flags`, `Value`, `JSON`, `Stage`, one an instruction.
    Dockerfile,
    /// `NAME=value` lines.
    Dotenv,
    /// EDN: what is no string, list or map is a string of how it is printed.
    Edn,
    /// HCL1, such as Terraform's until 0.11: every object is in a list.
    Hcl1,
    /// HCL2, such as Terraform's, nothing evaluated: what is no literal is its source in `${…}`.
    Hcl2,
    /// `.gitignore` and `.dockerignore`: a list of `Kind`, `Value`, `Original`, one a line.
    Ignore,
    /// Sections of `key = value`.
    Ini,
    /// JSON (RFC 8259).
    Json,
    /// JSON with comments.
    Jsonc,
    /// The configuration of nginx: `directives` with `name`, `parameters`, `block`.
    Nginx,
    /// Java properties.
    Properties,
    /// TOML 1.1.
    Toml,
    /// VCL, of Varnish and Fastly: declarations by their words and names.
    Vcl,
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
const FORMATS: [(Format, &str, &str); 16] = [
    (Format::Cyclonedx, "cyclonedx", "CycloneDX"),
    (Format::Dockerfile, "dockerfile", "Dockerfile"),
    (Format::Dotenv, "dotenv", "dotenv"),
    (Format::Edn, "edn", "EDN"),
    (Format::Hcl1, "hcl1", "HCL1"),
    (Format::Hcl2, "hcl2", "HCL2"),
    (Format::Ignore, "ignore", "ignore file"),
    (Format::Ini, "ini", "INI"),
    (Format::Json, "json", "JSON"),
    (Format::Jsonc, "jsonc", "JSON with comments"),
    (Format::Nginx, "nginx", "nginx configuration"),
    (Format::Properties, "properties", "properties"),
    (Format::Toml, "toml", "TOML"),
    (Format::Vcl, "vcl", "VCL"),
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
            _ if named("dockerfile") || extension == "dockerfile" => Some(Format::Dockerfile),
            "yml" | "yaml" => Some(Format::Yaml),
            _ if name == "nginx.conf" => Some(Format::Nginx),
            "hcl" | "tf" | "tfvars" => Some(Format::Hcl2),
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
        assert!("cue".parse::<Format>().unwrap_err().to_string().contains("known are cyclonedx, "));
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
            ("dockerfile", Some(Format::Dockerfile)),
            ("Dockerfile.yaml", Some(Format::Dockerfile)),
            ("dev.Dockerfile", Some(Format::Dockerfile)),
            ("main.tf", Some(Format::Hcl2)),
            ("nginx.conf", Some(Format::Nginx)),
            ("site.conf", None),
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
