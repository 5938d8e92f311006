//! apk's database `lib/apk/db/installed` (apk-package(5): a letter, a colon and a value a line).

use smol_str::SmolStr;

use crate::package::{OwnedFile, Package, PackageKind, SourcePackage};

pub(super) fn packages(text: &str, path: &str) -> Vec<Package> {
    let mut found = Vec::new();
    for paragraph in text.replace("\r\n", "\n").split("\n\n") {
        found.extend(package(paragraph, path));
    }
    found
}

fn package(paragraph: &str, path: &str) -> Option<Package> {
    let (mut name, mut version, mut origin, mut architecture, mut license) = ("", "", "", None, "");
    let (mut folder, mut files) = ("", Vec::new());
    for line in paragraph.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        match key {
            "P" => name = value,
            "V" => version = value,
            "o" => origin = value,
            "A" => architecture = Some(SmolStr::new(value)),
            "L" => license = value,
            "F" => folder = value.trim_matches('/'),
            "R" => {
                let path = if folder.is_empty() { value.to_owned() } else { format!("{folder}/{value}") };
                files.push(OwnedFile { path: path.into(), digest: None });
            }
            "Z" => {
                if let Some(file) = files.last_mut() {
                    file.digest = digest(value);
                }
            }
            _ => {}
        }
    }
    if name.is_empty() || version.is_empty() {
        return None;
    }
    let mut package = Package::new(PackageKind::Apk, name, version, path).with_licenses([license]);
    let source = if origin.is_empty() { name } else { origin };
    package.source = Some(SourcePackage { name: source.into(), version: version.into() });
    package.architecture = architecture;
    package.files = files;
    Some(package)
}

/// `Q1` and the SHA-1 in base64, or `Q2` and the SHA-256.
fn digest(value: &str) -> Option<Box<str>> {
    use base64::Engine as _;
    let (algorithm, encoded) = match value.split_at_checked(2)? {
        ("Q1", rest) => ("sha1", rest),
        ("Q2", rest) => ("sha256", rest),
        _ => return None,
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{algorithm}:{hex}").into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packages_are_read() {
        let text = "C:Q1abc=\nP:libcrypto3\nV:3.3.1-r0\nA:x86_64\nL:Apache-2.0\no:openssl\nF:lib\nR:libcrypto.so.3\na:0:0:755\n\
                    Z:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nF:etc/ssl\nR:openssl.cnf\n\nP:musl\nV:1.2.5-r0\n\nP:broken\n";
        let found = packages(text, "lib/apk/db/installed");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].source.as_ref().unwrap().name, "openssl");
        assert_eq!(found[0].licenses, ["Apache-2.0"]);
        assert_eq!(&*found[0].files[0].path, "lib/libcrypto.so.3");
        assert_eq!(found[0].files[0].digest.as_deref(), Some(format!("sha1:{}", "0".repeat(40)).as_str()));
        assert_eq!(&*found[0].files[1].path, "etc/ssl/openssl.cnf");
        assert_eq!(found[1].source.as_ref().unwrap().name, "musl");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "([PVALoFRZ]:.{0,8}\n){0,8}") {
            packages(&text, "it");
        }
    }
}
