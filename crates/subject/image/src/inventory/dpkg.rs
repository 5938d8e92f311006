//! dpkg's database: `var/lib/dpkg/status`, the fragments of distroless in `status.d`, what packages own, and the
//! licences in their copyright files (dpkg(1), Debian Policy, DEP 5).

use smol_str::SmolStr;

use super::paragraphs;
use crate::package::{OwnedFile, Package, PackageKind, SourcePackage};

/// The packages of a database that are there: what was taken away and only left its configuration is not.
pub(super) fn packages(text: &str, path: &str) -> Vec<Package> {
    let mut found = Vec::new();
    for paragraph in paragraphs::all(text) {
        let (Some(name), Some(version)) = (paragraph.get("Package"), paragraph.get("Version")) else { continue };
        let state = paragraph.get("Status").and_then(|status| status.split_ascii_whitespace().nth(2));
        if matches!(state, Some("not-installed" | "config-files")) || name.is_empty() || version.is_empty() {
            continue;
        }
        let mut package = Package::new(PackageKind::Deb, name, version, path);
        package.source = Some(source(paragraph.get("Source"), name, version));
        package.architecture = paragraph.get("Architecture").map(SmolStr::new);
        found.push(package);
    }
    found
}

/// `Source: name` or `Source: name (version)`; without it, source and package are called alike.
fn source(field: Option<&str>, name: &str, version: &str) -> SourcePackage {
    let (name, version) = match field.map(|field| field.split_once('(').unwrap_or((field, ""))) {
        Some((source, other)) => {
            (source.trim(), Some(other.trim_end_matches(')').trim()).filter(|it| !it.is_empty()).unwrap_or(version))
        }
        None => (name, version),
    };
    SourcePackage { name: name.into(), version: version.into() }
}

/// `info/NAME.list`: a path a line.
pub(super) fn list(text: &str) -> Vec<OwnedFile> {
    let paths = text.lines().filter_map(|line| line.strip_prefix('/')).filter(|path| !path.is_empty() && *path != ".");
    paths.map(|path| OwnedFile { path: path.into(), digest: None }).collect()
}

/// `info/NAME.md5sums`: `digest  path` a line.
pub(super) fn md5sums(text: &str) -> Vec<OwnedFile> {
    let line = |line: &str| {
        let (sum, path) = line.split_once(' ')?;
        let path = path.trim_start().trim_start_matches("./").trim_start_matches('/');
        (!path.is_empty()).then(|| OwnedFile { path: path.into(), digest: Some(format!("md5:{sum}").into()) })
    };
    text.lines().filter_map(line).collect()
}

/// The licences that a copyright file names: the `License` fields of its machine-readable form, each an expression as it stands
/// there; of other texts also the common licences that they point at.
pub(super) fn licenses(text: &str) -> Vec<SmolStr> {
    const COMMON: &str = "/usr/share/common-licenses/";
    // Prose may follow a word that is no field.
    const LONGEST: usize = 200;
    let mut found: Vec<SmolStr> = Vec::new();
    let mut add = |license: &str| {
        let license = license.trim().trim_end_matches(',');
        if !license.is_empty() && license.len() <= LONGEST && !found.iter().any(|known| known == license) {
            found.push(license.into());
        }
    };
    // A machine-readable file says what the texts that it points at are: naming those again would say something else.
    let readable = text.trim_start().starts_with("Format");
    for line in text.lines() {
        if let Some(license) = line.strip_prefix("License:") {
            add(license);
        } else if !readable {
            for (at, _) in line.match_indices(COMMON) {
                let name = &line[at + COMMON.len()..];
                let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || "-.+".contains(c))).unwrap_or(name.len());
                add(name[..end].trim_end_matches('.'));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATUS: &str = "\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+b1
Description: GNU C Library
 Package: not-this

Package: gone
Status: deinstall ok config-files
Version: 1

Package: held
Status: hold ok installed
Version: 1:2

Package: base
Version: 3
Source: base-files
";

    #[test]
    fn packages_that_are_there_are_read() {
        let found = packages(STATUS, "var/lib/dpkg/status");
        let short: Vec<_> = found
            .iter()
            .map(|it| {
                let source = it.source.as_ref().unwrap();
                format!("{} {} {} {}", it.name, it.version, source.name, source.version)
            })
            .collect();
        assert_eq!(short, ["libc6 2.36-9+b1 glibc 2.36-9", "held 1:2 held 1:2", "base 3 base-files 3"]);
        assert_eq!(found[0].architecture.as_deref(), Some("amd64"));
    }

    #[test]
    fn owned_files_and_licenses_are_read() {
        let listed: Vec<_> = list("/.\n/usr\n/usr/bin/a\n").into_iter().map(|file| file.path).collect();
        assert_eq!(listed, ["usr".into(), "usr/bin/a".into()] as [Box<str>; 2]);
        let sum = &md5sums("d41d8cd98f00b204e9800998ecf8427e  usr/bin/a b\n\nbroken\n")[0];
        assert_eq!((&*sum.path, sum.digest.as_deref()), ("usr/bin/a b", Some("md5:d41d8cd98f00b204e9800998ecf8427e")));
        let copyright = "License: GPL-2+ or MIT\nLicense: MIT,\n see /usr/share/common-licenses/GPL-2.\n";
        assert_eq!(licenses(copyright), ["GPL-2+ or MIT", "MIT", "GPL-2"]);
        let readable = format!(
            "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\n{copyright}"
        );
        assert_eq!(licenses(&readable), ["GPL-2+ or MIT", "MIT"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            packages(&format!("Package: {text}\nVersion: {text}\nSource: {text}"), "it");
            list(&text);
            md5sums(&text);
            licenses(&format!("License: {text}\n/usr/share/common-licenses/{text}"));
        }
    }
}
