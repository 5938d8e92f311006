//! Python: what `pip` and others leave in `*.dist-info` and `*.egg-info` (PEP 376, PEP 566, PEP 639).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use smol_str::SmolStr;

use super::paragraphs;
use crate::package::{OwnedFile, Package, PackageKind};

/// `METADATA` or `PKG-INFO`.
pub(super) fn package(text: &str, path: &str) -> Option<Package> {
    let (head, _) = paragraphs::first(text);
    let name = head.get("Name").filter(|name| !name.is_empty())?;
    let version = head.get("Version").filter(|version| !version.is_empty() && !version.contains('\n'))?;
    let classified = || {
        let licenses = head.all("Classifier").filter_map(|it| it.strip_prefix("License ::"));
        licenses.filter_map(|it| it.rsplit("::").next()).map(|it| SmolStr::new(it.trim()))
    };
    // Some packages have the whole text of their licence there.
    let short = |license: &&str| !license.contains('\n') && license.len() <= 200 && *license != "UNKNOWN";
    let licenses: Vec<SmolStr> = match (head.get("License-Expression"), head.get("License").filter(short)) {
        (Some(expression), _) => vec![expression.into()],
        (None, Some(license)) if !license.is_empty() => vec![license.into()],
        _ => classified().collect(),
    };
    Some(Package::new(PackageKind::Pypi, name, version, path).with_licenses(licenses))
}

/// `RECORD`: the files of a package, as CSV, from the folder that its `*.dist-info` is in. `path` is that of the record.
pub(super) fn record(text: &str, path: &str) -> Vec<OwnedFile> {
    let site = path.rsplitn(3, '/').nth(2).unwrap_or_default();
    text.lines().filter_map(|line| row(line, site)).collect()
}

fn row(line: &str, site: &str) -> Option<OwnedFile> {
    let (name, rest) = match line.strip_prefix('"') {
        Some(quoted) => {
            let end = quoted.find("\",")?;
            (quoted[..end].replace("\"\"", "\""), &quoted[end + 2..])
        }
        None => line.split_once(',').map(|(name, rest)| (name.to_owned(), rest))?,
    };
    let path = within(site, &name)?;
    let digest = rest.split(',').next().and_then(|digest| digest.split_once('=')).and_then(|(algorithm, encoded)| {
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{algorithm}:{hex}").into())
    });
    Some(OwnedFile { path: path.into(), digest })
}

/// A name from a folder on, as a path from the root.
fn within(folder: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = if name.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packages_are_read() {
        let of = |text: &str| package(text, "METADATA");
        let found = of("Metadata-Version: 2.1\nName: Flask_App\nVersion: 1.0\nLicense: UNKNOWN\n\
                        Classifier: License :: OSI Approved :: MIT License\nClassifier: Topic :: X\n\nName: no\n")
        .unwrap();
        assert_eq!((found.purl.as_str(), &found.licenses[..]), ("pkg:pypi/flask-app@1.0", &["MIT License".into()][..]));
        let found = of("Name: a\nVersion: 2\nLicense: long\n text\nLicense-Expression: MIT OR BSD-3-Clause\n").unwrap();
        assert_eq!(found.licenses, ["MIT OR BSD-3-Clause"]);
        assert!(of("Name: a\n").is_none() && of("\n").is_none());
    }

    #[test]
    fn owned_files_are_placed() {
        let record = record(
            "flask/__init__.py,sha256=AAAA,12\n\"with, comma.py\",,\n../../../bin/flask,sha256=AAAA,1\n../../../../../../../x,,\nbroken\n",
            "usr/lib/python3/site-packages/flask-1.dist-info/RECORD",
        );
        let paths: Vec<&str> = record.iter().map(|file| &*file.path).collect();
        let site = "usr/lib/python3/site-packages";
        assert_eq!(paths, [&format!("{site}/flask/__init__.py"), &format!("{site}/with, comma.py"), "usr/bin/flask"]);
        assert_eq!(record[0].digest.as_deref(), Some("sha256:000000"));
        assert_eq!(&*super::record("a.py,,\n", "x.dist-info/RECORD")[0].path, "a.py");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), path in "[a/.]{0,8}") {
            package(&format!("Name: {text}\nVersion: {text}"), "it");
            record(&format!("{text}\n\"{text}\",{text}"), &path);
        }
    }
}
