//! Kinds of objects: group, version and kind; the selectors of kinds that Kyverno has (`group/version/Kind/subresource`);
//! and the names under which Kubernetes' API serves its own kinds.

mod native;

use std::fmt;

use crate::wildcard;

pub use native::{NATIVE, Resource, SUBRESOURCES, Subresource, by_kind, by_plural, subresource};

/// Kinds of objects that carry a Pod or a Pod template; `DeploymentConfig` is `OpenShift`'s.
pub const WORKLOADS: [&str; 10] = [
    "Pod",
    "PodTemplate",
    "Deployment",
    "DeploymentConfig",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
];

/// A kind in its group and version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupVersionKind {
    /// Empty for the core group.
    pub group: String,
    /// Such as `v1`.
    pub version: String,
    /// Such as `Pod`.
    pub kind: String,
}

impl GroupVersionKind {
    /// The kind of an object with these fields.
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = split_api_version(api_version);
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    /// Group and version as an object's `apiVersion` has them.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.api_version(), self.kind)
    }
}

/// Group and version of an `apiVersion`. The core group is empty.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Which kinds are meant by an entry of Kyverno's `kinds`. Each part may have wildcards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindSelector {
    /// The group, `*` when none was written.
    pub group: String,
    /// The version, `*` when none was written.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The subresource, empty for the object itself.
    pub subresource: String,
}

impl KindSelector {
    /// Reads `Kind`, `version/Kind`, `group/version/Kind`, `Kind/subresource` and the like; a subresource may also
    /// stand behind a dot. A text of more parts selects nothing.
    pub fn parse(text: &str) -> Self {
        let (head, last) = text.rsplit_once('/').map_or((None, text), |(head, last)| (Some(head), last));
        let parts: Vec<&str> = head.into_iter().flat_map(|head| head.split('/')).chain(last.split('.')).collect();
        let (group, version, kind, subresource) = match *parts {
            [kind] => ("*", "*", kind, ""),
            ["*", "*"] => ("*", "*", "*", "*"),
            ["*", name] if name.to_lowercase() == name => ("*", "*", "*", name),
            [version, kind] if is_version(version) => ("*", version, kind, ""),
            [kind, subresource] => ("*", "*", kind, subresource),
            [version, kind, subresource] if is_version(version) => ("*", version, kind, subresource),
            [group, version, kind] => (group, version, kind, ""),
            [group, version, kind, subresource] => (group, version, kind, subresource),
            _ => ("", "", "", ""),
        };
        let [group, version, kind, subresource] = [group, version, kind, subresource].map(str::to_owned);
        Self { group, version, kind, subresource }
    }

    /// Whether objects of this kind are meant, and this subresource of them. An empty one is the object itself.
    pub fn matches(&self, kind: &GroupVersionKind, subresource: &str) -> bool {
        self.matches_kind(kind) && wildcard::matches(&self.subresource, subresource)
    }

    /// Whether the kind is meant, whatever the subresource.
    pub fn matches_kind(&self, kind: &GroupVersionKind) -> bool {
        wildcard::matches(&self.kind, &kind.kind)
            && wildcard::matches(&self.group, &kind.group)
            && wildcard::matches(&self.version, &kind.version)
    }
}

impl std::str::FromStr for KindSelector {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::parse(text))
    }
}

/// `*`, or `v` and one digit, `alpha` or `beta` and one more digit behind it.
fn is_version(text: &str) -> bool {
    let digit = |text: &str| matches!(text.as_bytes(), [byte] if byte.is_ascii_digit());
    let Some(number) = text.strip_prefix('v') else { return text == "*" };
    let stages = ["alpha", "beta"];
    digit(number)
        || stages
            .iter()
            .any(|stage| number.split_once(stage).is_some_and(|(major, minor)| digit(major) && digit(minor)))
}

/// The name under which a kind is most likely served, for kinds that are not known (apimachinery,
/// `UnsafeGuessKindToResource`).
pub fn guess_plural(kind: &str) -> String {
    let singular = kind.to_lowercase();
    match singular.as_bytes().last() {
        _ if singular.ends_with("endpoints") => singular,
        Some(b's') => format!("{singular}es"),
        Some(b'y') => format!("{}ies", &singular[..singular.len() - 1]),
        Some(_) => format!("{singular}s"),
        None => singular,
    }
}

/// The name under which a kind is served: from the table of Kubernetes' own, else guessed.
pub fn plural(kind: &GroupVersionKind) -> String {
    by_kind(&kind.group, &kind.kind).map_or_else(|| guess_plural(&kind.kind), |resource| resource.plural.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn selectors_of_kinds() {
        for (text, expected) in [
            ("Pod", ["*", "*", "Pod", ""]),
            ("*", ["*", "*", "*", ""]),
            ("*/*", ["*", "*", "*", "*"]),
            ("v1/Pod", ["*", "v1", "Pod", ""]),
            ("*/Pod", ["*", "*", "Pod", ""]),
            ("*/scale", ["*", "*", "*", "scale"]),
            ("Pod/exec", ["*", "*", "Pod", "exec"]),
            ("Pod.status", ["*", "*", "Pod", "status"]),
            ("apps/v1/Deployment", ["apps", "v1", "Deployment", ""]),
            ("v1/Pod/status", ["*", "v1", "Pod", "status"]),
            ("v1/Pod.status", ["*", "v1", "Pod", "status"]),
            ("apps/*/Deployment/scale", ["apps", "*", "Deployment", "scale"]),
            ("networking.k8s.io/v1/Ingress", ["networking.k8s.io", "v1", "Ingress", ""]),
            ("v1beta1/CronJob", ["*", "v1beta1", "CronJob", ""]),
            ("v1beta12/CronJob", ["*", "*", "v1beta12", "CronJob"]),
            ("a/b/c/d/e", ["", "", "", ""]),
        ] {
            let selector = KindSelector::parse(text);
            let KindSelector { group, version, kind, subresource } = &selector;
            assert_eq!([group.as_str(), version, kind, subresource], expected, "{text}");
        }
    }

    #[test]
    fn what_selectors_select() {
        let deployment = GroupVersionKind::new("apps/v1", "Deployment");
        for (selector, subresource, expected) in [
            ("Deployment", "", true),
            ("Deployment", "scale", false),
            ("Deployment/*", "scale", true),
            ("Deployment/*", "", true),
            ("*", "", true),
            ("*/scale", "scale", true),
            ("apps/v1/*", "", true),
            ("batch/v1/*", "", false),
            ("v2/Deployment", "", false),
            ("D*", "", true),
            ("a/b/c/d/e", "", false),
        ] {
            assert_eq!(KindSelector::parse(selector).matches(&deployment, subresource), expected, "{selector}");
        }
    }

    #[test]
    fn names_of_kinds() {
        for (api_version, kind, expected) in [
            ("v1", "Pod", "pods"),
            ("v1", "Endpoints", "endpoints"),
            ("networking.k8s.io/v1", "Ingress", "ingresses"),
            ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
            ("gateway.networking.k8s.io/v1", "Gateway", "gatewaies"),
            ("example.com/v1", "Widget", "widgets"),
        ] {
            assert_eq!(plural(&GroupVersionKind::new(api_version, kind)), expected);
        }
        assert_eq!(by_plural("apps", "deployments").map(|resource| resource.kind), Some("Deployment"));
        assert_eq!(by_plural("", "deployments").map(|resource| resource.kind), None);
        assert!(by_kind("", "Pod").is_some_and(|resource| resource.namespaced));
        assert!(by_kind("", "Namespace").is_some_and(|resource| !resource.namespaced));
        assert_eq!(subresource("", "pods", "eviction").map(|found| found.kind), Some("Eviction"));
    }

    #[test]
    fn the_table_says_nothing_twice() {
        let mut names: Vec<_> = NATIVE.iter().map(|resource| (resource.group, resource.kind)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(NATIVE.iter().all(|resource| !resource.versions.is_empty()));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[a-zA-Z0-9*./]{0,24}") {
            let _ = KindSelector::parse(&text);
        }

        #[test]
        fn a_kind_written_in_full_selects_itself(group in "[a-z]{1,8}", version in "v[1-9]", kind in "[A-Z][a-z]{1,8}") {
            let kind = GroupVersionKind { group, version, kind };
            prop_assert!(KindSelector::parse(&kind.to_string()).matches(&kind, ""));
        }
    }
}
