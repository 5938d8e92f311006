//! What Go, Rust, Ruby, PHP and .NET leave in files: of what is installed, and lock files of what was asked for.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use smol_str::SmolStr;

use crate::package::{Package, PackageKind};

/// `go.mod`: its `require` lines, with what `replace` puts in their place (Go Modules Reference).
pub(super) fn go_mod(text: &str, path: &str) -> Vec<Package> {
    let mut required: Vec<(&str, &str)> = Vec::new();
    let mut replaced: BTreeMap<&str, (Option<&str>, &str, &str)> = BTreeMap::new();
    let mut block = "";
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let (verb, rest) = match (word, rest.trim()) {
            (")", _) => {
                block = "";
                continue;
            }
            (verb, "(") => {
                block = verb;
                continue;
            }
            _ if block.is_empty() => (word, rest.trim()),
            _ => (block, line),
        };
        let words: Vec<&str> = rest.split_ascii_whitespace().map(|word| word.trim_matches('"')).collect();
        match (verb, words.as_slice()) {
            ("require", [name, version]) => required.push((name, version)),
            ("replace", [from, "=>", to, version]) => drop(replaced.insert(from, (None, to, version))),
            ("replace", [from, only, "=>", to, version]) => drop(replaced.insert(from, (Some(only), to, version))),
            _ => {}
        }
    }
    let instead = |(name, version): (&'_ str, &'_ str)| match replaced.get(name) {
        Some((only, to, other)) if only.is_none_or(|only| only == version) => ((*to).to_owned(), (*other).to_owned()),
        _ => (name.to_owned(), version.to_owned()),
    };
    let packages = required.into_iter().map(instead);
    packages.map(|(name, version)| Package::new(PackageKind::Golang, name, version, path).declared()).collect()
}

/// `Cargo.lock`
pub(super) fn cargo_lock(text: &str, path: &str) -> Result<Vec<Package>, String> {
    let document: toml_edit::DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let Some(list) = document.get("package").and_then(toml_edit::Item::as_array_of_tables) else {
        return Ok(Vec::new());
    };
    let package = |table: &toml_edit::Table| {
        let field = |key: &str| table.get(key).and_then(toml_edit::Item::as_str);
        Some(Package::new(PackageKind::Cargo, field("name")?, field("version")?, path).declared())
    };
    Ok(list.iter().filter_map(package).collect())
}

/// A specification of an installed gem, as `gem` writes it.
pub(super) fn gemspec(text: &str, path: &str) -> Option<Package> {
    let after = |field: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.trim().split_once('=')?;
            let field = name.trim().strip_suffix(field)?.strip_suffix('.')?;
            (!field.contains(|c: char| c.is_whitespace() || c == '.')).then_some(value)
        })
    };
    let name = quoted(after("name")?).next()?;
    let version = quoted(after("version")?).next()?;
    let licenses = after("licenses").or_else(|| after("license"));
    let licenses: Vec<&str> = licenses.map(|value| quoted(value).collect()).unwrap_or_default();
    Some(Package::new(PackageKind::Gem, name, version, path).with_licenses(licenses))
}

/// The texts in quotes.
fn quoted(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let open = rest.find(['"', '\''])?;
        let quote = char::from(rest.as_bytes()[open]);
        let (text, after) = rest[open + 1..].split_once(quote)?;
        rest = after;
        Some(text)
    })
}

/// `Gemfile.lock`: the lines of four spaces below `specs:`.
pub(super) fn gemfile_lock(text: &str, path: &str) -> Vec<Package> {
    let gem = |line: &str| {
        let (name, version) = line.strip_prefix("    ").filter(|line| !line.starts_with(' '))?.split_once(" (")?;
        let version = version.strip_suffix(')')?;
        version
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| Package::new(PackageKind::Gem, name, version, path).declared())
    };
    text.lines().filter_map(gem).collect()
}

#[derive(Deserialize)]
struct ComposerPackage {
    name: SmolStr,
    version: SmolStr,
    #[serde(default)]
    license: Value,
}

#[derive(Deserialize)]
struct Composer {
    #[serde(default)]
    packages: Vec<ComposerPackage>,
    #[serde(default, rename = "packages-dev")]
    dev: Vec<ComposerPackage>,
}

fn composer_package(package: ComposerPackage, path: &str) -> Package {
    let licenses: Vec<SmolStr> = match &package.license {
        Value::String(text) => vec![text.into()],
        // Composer has a list be one that may be chosen from.
        Value::Array(list) => {
            let names: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            vec![names.join(" or ").into()]
        }
        _ => Vec::new(),
    };
    Package::new(PackageKind::Composer, package.name, package.version, path).with_licenses(licenses)
}

/// `vendor/composer/installed.json`, of Composer 1 (a list) and 2.
pub(super) fn composer_installed(bytes: &[u8], path: &str) -> Result<Vec<Package>, String> {
    let wrong = |error: serde_json::Error| error.to_string();
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let packages = match first {
        Some(b'[') => serde_json::from_slice(bytes).map_err(wrong)?,
        _ => serde_json::from_slice::<Composer>(bytes).map_err(wrong)?.packages,
    };
    Ok(packages.into_iter().map(|package| composer_package(package, path)).collect())
}

/// `composer.lock`
pub(super) fn composer_lock(bytes: &[u8], path: &str) -> Result<Vec<Package>, String> {
    let lock: Composer = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(lock.packages.into_iter().chain(lock.dev).map(|package| composer_package(package, path).declared()).collect())
}

/// `NAME.deps.json`: what a program of .NET was published with.
pub(super) fn dotnet_deps(bytes: &[u8], path: &str) -> Result<Vec<Package>, String> {
    #[derive(Deserialize)]
    struct Deps {
        #[serde(default)]
        libraries: BTreeMap<String, Library>,
    }
    #[derive(Deserialize)]
    struct Library {
        #[serde(rename = "type", default)]
        kind: String,
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let deps: Deps = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let package = |(key, library): (&String, &Library)| {
        let (name, version) = key.split_once('/')?;
        let there = matches!(library.kind.as_str(), "package" | "runtimepack" | "project");
        let name = if library.kind == "runtimepack" { name.trim_start_matches("runtimepack.") } else { name };
        there.then(|| Package::new(PackageKind::Nuget, name, version, path))
    };
    Ok(deps.libraries.iter().filter_map(package).collect())
}

/// `packages.lock.json`
pub(super) fn dotnet_lock(bytes: &[u8], path: &str) -> Result<Vec<Package>, String> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        dependencies: BTreeMap<String, BTreeMap<String, Entry>>,
    }
    #[derive(Deserialize)]
    struct Entry {
        resolved: Option<SmolStr>,
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lock: Lock = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut found: BTreeMap<(&str, &SmolStr), Package> = BTreeMap::new();
    for (name, entry) in lock.dependencies.values().flatten() {
        // A project that is referred to has no version.
        let Some(version) = &entry.resolved else { continue };
        let package = || Package::new(PackageKind::Nuget, name, version.clone(), path).declared();
        found.entry((name, version)).or_insert_with(package);
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn short(packages: &[Package]) -> Vec<String> {
        packages.iter().map(|package| format!("{}@{}", package.name, package.version)).collect()
    }

    #[test]
    fn go_modules_are_read() {
        let text = "module example.com/app\n\ngo 1.22\n\nrequire github.com/a/b v1.0.0 // indirect\nrequire (\n\tgithub.com/c/d v2.0.0\n\
                    \tgithub.com/e/f v3.0.0\n)\nreplace github.com/c/d => github.com/fork/d v2.0.1\nreplace (\n\tgithub.com/e/f v9.0.0 => x v1.0.0\n\
                    \tgithub.com/a/b => ./local\n)\n";
        assert_eq!(
            short(&go_mod(text, "it")),
            ["github.com/a/b@v1.0.0", "github.com/fork/d@v2.0.1", "github.com/e/f@v3.0.0"]
        );
    }

    #[test]
    fn lock_files_of_rust_are_read() {
        let text = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\nsource = \"x\"\n";
        assert_eq!(short(&cargo_lock(text, "it").unwrap()), ["a@1.0.0", "b@2.0.0"]);
        assert!(cargo_lock("[[", "it").is_err());
    }

    #[test]
    fn gems_are_read() {
        let text = "# -*- encoding: utf-8 -*-\nGem::Specification.new do |s|\n  s.name = \"rails\".freeze\n  s.version = \"7.1.0\"\n\
                    s.required_ruby_version = Gem::Requirement.new(\">= 2\".freeze)\n  s.licenses = [\"MIT\".freeze, \"Ruby\".freeze]\n\
                    s.metadata = { \"a.name\" => \"no\" }\nend\n";
        let found = gemspec(text, "it").unwrap();
        assert_eq!((found.purl.as_str(), found.licenses.len()), ("pkg:gem/rails@7.1.0", 2));
        assert!(gemspec("s.name = foo\n", "it").is_none());
        let lock = "GEM\n  remote: x\n  specs:\n    rack (3.0.8)\n    rails (7.1.0)\n      rack (>= 2)\n\nDEPENDENCIES\n  rails (= 7.1.0)\n";
        assert_eq!(short(&gemfile_lock(lock, "it")), ["rack@3.0.8", "rails@7.1.0"]);
    }

    #[test]
    fn packages_of_composer_are_read() {
        let package = r#"{"name":"symfony/console","version":"v5.4.0","license":["MIT","GPL-2.0-only"]}"#;
        for text in [format!("[{package}]"), format!(r#"{{"packages":[{package}],"dev":true}}"#)] {
            let found = composer_installed(text.as_bytes(), "it").unwrap();
            assert_eq!(found[0].purl, "pkg:composer/symfony/console@v5.4.0");
            assert_eq!((&found[0].licenses[..], found[0].declared), (&["MIT or GPL-2.0-only".into()][..], false));
        }
        let lock = format!(r#"{{"packages":[{package}],"packages-dev":[{{"name":"a/b","version":"1"}}]}}"#);
        assert_eq!(short(&composer_lock(lock.as_bytes(), "it").unwrap()), ["symfony/console@v5.4.0", "a/b@1"]);
    }

    #[test]
    fn packages_of_dotnet_are_read() {
        let deps = r#"{"libraries":{"App/1.0.0":{"type":"project"},"Newtonsoft.Json/13.0.1":{"type":"package"},"x/1":{"type":"reference"}}}"#;
        assert_eq!(short(&dotnet_deps(deps.as_bytes(), "it").unwrap()), ["App@1.0.0", "Newtonsoft.Json@13.0.1"]);
        let lock = r#"{"version":1,"dependencies":{"net8.0":{"A":{"type":"Direct","resolved":"1.0.0"},"P":{"type":"Project"}},
            "net6.0":{"A":{"type":"Direct","resolved":"1.0.0"}}}}"#;
        assert_eq!(short(&dotnet_lock(lock.as_bytes(), "it").unwrap()), ["A@1.0.0"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[a-z.=\"'()/ \n\t>{}\\[\\]]{0,80}") {
            go_mod(&format!("require (\n{text}"), "it");
            let _ = cargo_lock(&text, "it");
            gemspec(&format!("s.name = {text}\ns.version = {text}"), "it");
            gemfile_lock(&format!("    {text}"), "it");
            let _ = composer_installed(&bytes, "it");
            let _ = composer_lock(&bytes, "it");
            let _ = dotnet_deps(&bytes, "it");
            let _ = dotnet_lock(&bytes, "it");
        }
    }
}
