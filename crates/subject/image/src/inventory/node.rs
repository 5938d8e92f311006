//! JavaScript: `package.json` of what is installed, and the lock files of npm, Yarn and pnpm.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use smol_str::SmolStr;

use crate::package::{Package, PackageKind};

/// Deepest nesting of the first form of npm's lock file.
const MAX_DEPTH: usize = 100;

/// A package that is installed. One without a name and a version is somebody's project or a mark for Node.
pub(super) fn package_json(bytes: &[u8], path: &str) -> Option<Package> {
    let document: BTreeMap<String, Value> = serde_json::from_slice(without_mark(bytes)).ok()?;
    let name = document.get("name")?.as_str().filter(|name| is_name(name))?;
    let version = document.get("version")?.as_str().filter(|version| !version.is_empty())?;
    Some(Package::new(PackageKind::Npm, name, version, path).with_licenses(licenses(&document)))
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 214 && !name.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// `"license": "MIT"`, and the forms of old: `{"type": …}` and `"licenses": [{"type": …}]`.
fn licenses(document: &BTreeMap<String, Value>) -> Vec<SmolStr> {
    fn of(value: &Value, found: &mut Vec<SmolStr>) {
        match value {
            Value::String(text) => found.push(text.into()),
            Value::Object(object) => found.extend(object.get("type").and_then(Value::as_str).map(SmolStr::new)),
            Value::Array(list) => list.iter().filter(|inner| !inner.is_array()).for_each(|inner| of(inner, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    ["license", "licenses"].iter().filter_map(|key| document.get(*key)).for_each(|value| of(value, &mut found));
    found
}

#[derive(Deserialize)]
struct NpmLock {
    #[serde(default)]
    packages: BTreeMap<String, NpmEntry>,
    #[serde(default)]
    dependencies: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct NpmEntry {
    name: Option<String>,
    version: Option<String>,
    #[serde(default)]
    link: bool,
    license: Option<Value>,
}

/// `package-lock.json` and `npm-shrinkwrap.json`, in the forms 1 to 3.
pub(super) fn npm_lock(bytes: &[u8], path: &str) -> Result<Vec<Package>, String> {
    let lock: NpmLock = serde_json::from_slice(without_mark(bytes)).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for (place, entry) in &lock.packages {
        let at = place.rfind("node_modules/").map(|at| &place[at + "node_modules/".len()..]);
        let (Some(name), Some(version), false) = (entry.name.as_deref().or(at), &entry.version, entry.link) else {
            continue;
        };
        if place.is_empty() || !is_name(name) {
            continue;
        }
        let license = entry.license.as_ref().and_then(Value::as_str);
        found.push(Package::new(PackageKind::Npm, name, version, path).with_licenses(license).declared());
    }
    if lock.packages.is_empty() {
        nested(&lock.dependencies, path, MAX_DEPTH, &mut found);
    }
    Ok(found)
}

fn nested<'a>(
    dependencies: impl IntoIterator<Item = (&'a String, &'a Value)>,
    path: &str,
    depth: usize,
    found: &mut Vec<Package>,
) {
    for (name, entry) in dependencies {
        if let Some(version) = entry.get("version").and_then(Value::as_str).filter(|_| is_name(name)) {
            found.push(Package::new(PackageKind::Npm, name, version, path).declared());
        }
        if let Some(inner) = entry.get("dependencies").and_then(Value::as_object).filter(|_| depth > 0) {
            nested(inner, path, depth - 1, found);
        }
    }
}

/// `yarn.lock` of Yarn 1 and of later ones: an entry is a line of patterns, and lines of fields below it.
pub(super) fn yarn_lock(text: &str, path: &str) -> Vec<Package> {
    let mut found = Vec::new();
    let (mut name, mut resolution) = (None, None);
    for line in text.lines() {
        let field = line.trim();
        if !line.starts_with([' ', '\t', '#']) {
            (name, resolution) = (pattern_name(field), None);
            continue;
        }
        let Some((key, value)) = field.split_once([' ', ':']) else { continue };
        let value = value.trim_matches([' ', ':', '"']);
        match key {
            "resolution" => resolution = pattern_name(value),
            "version" if !value.is_empty() => {
                let Some(name) = name else { continue };
                found.push(Package::new(PackageKind::Npm, name, value, path).declared());
            }
            _ => {}
        }
        // An alias has the name of what it stands for in its resolution, which follows the version.
        if key == "resolution"
            && let (Some(real), Some(last)) = (resolution, found.last_mut())
            && last.name != real
            && Some(last.name.as_str()) == name
        {
            *last = Package::new(PackageKind::Npm, real, last.version.clone(), path).declared();
        }
        if key == "linkType" && value == "soft" {
            // A part of the project itself.
            found.pop_if(|last| last.version == "0.0.0-use.local");
        }
    }
    found
}

/// The name of `"@scope/name@npm:^1.0.0, …":`
fn pattern_name(pattern: &str) -> Option<&str> {
    let pattern = pattern.trim_start_matches('"');
    let skip = usize::from(pattern.starts_with('@'));
    let end = pattern.get(skip..)?.find('@')? + skip;
    Some(&pattern[..end]).filter(|name| is_name(name))
}

/// `pnpm-lock.yaml`, forms 5 to 9: the keys of `packages`.
pub(super) fn pnpm_lock(text: &str, path: &str) -> Vec<Package> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if !line.starts_with([' ', '#']) && !line.is_empty() {
            inside = line.trim_end() == "packages:";
        }
        let Some(key) = line.strip_prefix("  ").filter(|key| inside && !key.starts_with(' ')) else { continue };
        let Some(key) = key.trim_end().strip_suffix(':') else { continue };
        if let Some((name, version)) = pnpm_key(key.trim_matches(['\'', '"'])) {
            found.push(Package::new(PackageKind::Npm, name, version, path).declared());
        }
    }
    found
}

/// `/name/1.0.0_peer@2`, `/name@1.0.0(peer@2)` and `name@1.0.0`.
fn pnpm_key(key: &str) -> Option<(&str, &str)> {
    let key = key.split('(').next()?.trim_start_matches('/');
    let scope = if key.starts_with('@') { key.find('/')? + 1 } else { 0 };
    let at = key[scope..].find(['@', '/'])? + scope;
    let (name, version) = (&key[..at], &key[at + 1..]);
    let version = if key.as_bytes()[at] == b'/' { version.split('_').next()? } else { version };
    (is_name(name) && version.starts_with(|c: char| c.is_ascii_digit())).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn short(packages: &[Package]) -> Vec<String> {
        packages.iter().map(|package| format!("{}@{}", package.name, package.version)).collect()
    }

    #[test]
    fn installed_packages_are_read() {
        let of = |text: &str| package_json(text.as_bytes(), "it");
        let found = of(r#"{"name":"@a/b","version":"1.0.0","licenses":[{"type":"MIT"},"ISC"]}"#).unwrap();
        assert_eq!((found.purl.as_str(), found.licenses.len()), ("pkg:npm/%40a/b@1.0.0", 2));
        for nothing in ["{}", r#"{"name":"a"}"#, r#"{"name":1,"version":"1"}"#, "[", r#"{"name":"a b","version":"1"}"#]
        {
            assert!(of(nothing).is_none(), "{nothing}");
        }
    }

    #[test]
    fn lock_files_of_npm_are_read() {
        let third = r#"{"lockfileVersion":3,"packages":{"":{"name":"app","version":"1.0.0"},
            "node_modules/a":{"version":"1.1.0","license":"MIT"},"node_modules/a/node_modules/@s/b":{"version":"2.0.0"},
            "node_modules/alias":{"name":"real","version":"3.0.0"},"node_modules/w":{"link":true,"version":"1"}}}"#;
        assert_eq!(short(&npm_lock(third.as_bytes(), "it").unwrap()), ["a@1.1.0", "@s/b@2.0.0", "real@3.0.0"]);
        let first = r#"{"dependencies":{"a":{"version":"1.0.0","dependencies":{"b":{"version":"2.0.0"}}}}}"#;
        let found = npm_lock(first.as_bytes(), "it").unwrap();
        assert_eq!(short(&found), ["a@1.0.0", "b@2.0.0"]);
        assert!(found.iter().all(|package| package.declared));
    }

    #[test]
    fn lock_files_of_yarn_are_read() {
        let first = "# yarn lockfile v1\n\n\"@s/a@^1.0.0\", \"@s/a@^1.1.0\":\n  version \"1.1.2\"\n  dependencies:\n    b \"^2\"\n\nb@^2:\n  version \"2.0.0\"\n";
        assert_eq!(short(&yarn_lock(first, "it")), ["@s/a@1.1.2", "b@2.0.0"]);
        let later = "__metadata:\n  version: 8\n\n\"a@npm:^1.0.0\":\n  version: 1.0.3\n  resolution: \"a@npm:1.0.3\"\n  linkType: hard\n\n\
                     \"alias@npm:real@^2\":\n  version: 2.0.0\n  resolution: \"real@npm:2.0.0\"\n\n\
                     \"app@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"app@workspace:.\"\n  linkType: soft\n";
        assert_eq!(short(&yarn_lock(later, "it")), ["a@1.0.3", "real@2.0.0"]);
    }

    #[test]
    fn lock_files_of_pnpm_are_read() {
        let text = "lockfileVersion: '9.0'\n\nimporters:\n  .:\n    x: 1\n\npackages:\n\n  '@s/a@1.0.0':\n    resolution: {}\n\n  b@2.0.0(a@1.0.0):\n\
                    \n  /c/3.0.0_peer@1:\n    dev: true\n  /@s/d@4.0.0:\n\nsnapshots:\n  e@5.0.0:\n";
        assert_eq!(short(&pnpm_lock(text, "it")), ["@s/a@1.0.0", "b@2.0.0", "c@3.0.0", "@s/d@4.0.0"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), text in "[@a/\"':,(){}_ \n1.-]{0,60}") {
            package_json(&bytes, "it");
            let _ = npm_lock(&bytes, "it");
            yarn_lock(&text, "it");
            pnpm_lock(&format!("packages:\n{text}"), "it");
            pnpm_lock(&format!("packages:\n  {text}:"), "it");
        }
    }
}
