//! Package URLs (ECMA-427).

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but letters, digits, `.`, `-`, `_`, `~` and the colon is written as `%XX`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~').remove(b':');

/// A package URL that is being put together.
#[derive(Debug, Clone, Default)]
pub struct PackageUrl<'a> {
    /// The type: `deb`, `pypi`, in lower case.
    pub kind: &'a str,
    /// What the name is within, in parts with `/` between them.
    pub namespace: Option<&'a str>,
    /// The name.
    pub name: &'a str,
    /// The version, when it is known.
    pub version: Option<&'a str>,
    /// What else tells it apart. Those that are empty are left out.
    pub qualifiers: Vec<(&'a str, String)>,
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

impl PackageUrl<'_> {
    /// The URL in its one canonical form: names as their type has them, qualifiers in order.
    pub fn to_canonical(&self) -> String {
        let lower_name = matches!(
            self.kind,
            "alpm" | "apk" | "bitbucket" | "composer" | "deb" | "github" | "golang" | "npm" | "pypi"
        );
        let lower_namespace = lower_name || self.kind == "rpm";
        let cased = |text: &str, lower: bool| if lower { text.to_lowercase() } else { text.to_owned() };
        let mut url = format!("pkg:{}/", self.kind);
        if let Some(namespace) = self.namespace {
            let namespace = cased(namespace, lower_namespace);
            namespace.split('/').filter(|part| !part.is_empty()).for_each(|part| {
                url.push_str(&escape(part));
                url.push('/');
            });
        }
        let name = cased(self.name, lower_name);
        url.push_str(&escape(if self.kind == "pypi" { name.replace('_', "-") } else { name }.as_str()));
        if let Some(version) = self.version.filter(|version| !version.is_empty()) {
            // Writing to a string cannot fail.
            let _ = write!(url, "@{}", escape(version));
        }
        let mut qualifiers: Vec<_> = self.qualifiers.iter().filter(|(_, value)| !value.is_empty()).collect();
        qualifiers.sort();
        for (number, (key, value)) in qualifiers.into_iter().enumerate() {
            let lead = if number == 0 { '?' } else { '&' };
            let _ = write!(url, "{lead}{key}={}", escape(value));
        }
        url
    }
}

/// A name that has its namespace in it, taken apart at its last `/`: `@scope/name`, `vendor/name`, `github.com/a/b`.
pub(crate) fn split_name(name: &str) -> (Option<&str>, &str) {
    match name.rsplit_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => (Some(namespace), name),
        _ => (None, name),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_canonical() {
        let deb = vec![("upstream", "glibc@2.36".to_owned()), ("arch", "amd64".into()), ("distro", String::new())];
        let cases = [
            (
                ("deb", Some("debian"), "libc6", "1:2.36-9+deb12u9", deb),
                "pkg:deb/debian/libc6@1:2.36-9%2Bdeb12u9?arch=amd64&upstream=glibc%402.36",
            ),
            (("npm", Some("@angular"), "animation", "12.3.1", vec![]), "pkg:npm/%40angular/animation@12.3.1"),
            (("pypi", None, "Ruamel.yaml_Clib", "1", vec![]), "pkg:pypi/ruamel.yaml-clib@1"),
            (("maven", Some("org.apache"), "Xalan", "1", vec![]), "pkg:maven/org.apache/Xalan@1"),
            (
                ("golang", Some("github.com/Foo"), "v2", "v2.0.0+incompatible", vec![]),
                "pkg:golang/github.com/foo/v2@v2.0.0%2Bincompatible",
            ),
            (("rpm", Some("Fedora"), "libX11", "", vec![]), "pkg:rpm/fedora/libX11"),
            (("generic", None, "a b/ü", "", vec![]), "pkg:generic/a%20b%2F%C3%BC"),
        ];
        for ((kind, namespace, name, version, qualifiers), expected) in cases {
            let url = PackageUrl { kind, namespace, name, version: Some(version), qualifiers };
            assert_eq!(url.to_canonical(), expected);
        }
    }

    proptest! {
        #[test]
        fn urls_have_no_other_characters(name in any::<String>(), version in any::<String>()) {
            let url = PackageUrl { kind: "gem", name: &name, version: Some(&version), ..PackageUrl::default() };
            prop_assert!(url.to_canonical().bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
