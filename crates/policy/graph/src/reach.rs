//! What of policies is about a Kubernetes API server: most are about other things as well, or only about these.

use probity_kubernetes::kind::NATIVE;
use probity_policy_core::{Facts, RequestRule, TypeSelector, Watched};

/// Whether a type is a kind of Kubernetes': those of other platforms are written otherwise, such as `aws_s3_bucket`,
/// `AWS::S3::Bucket` and `dockerfile`.
fn is_kind(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && name.chars().all(|one| one.is_ascii_alphanumeric())
}

/// The requests that policies on these types are about: the making and changing of the kinds among them.
pub fn requests_for(types: &[TypeSelector]) -> Vec<RequestRule> {
    let mut kinds: Vec<&str> = types
        .iter()
        .filter_map(|selector| match selector {
            TypeSelector::All => Some("*"),
            TypeSelector::Exact(name) => Some(name.as_str()).filter(|name| is_kind(name)),
            TypeSelector::Prefix(prefix) => is_kind(prefix).then_some("*"),
        })
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().map(RequestRule::of_kind).collect()
}

/// The objects of these types, to be watched.
pub(crate) fn watched<'t>(types: impl IntoIterator<Item = &'t TypeSelector>) -> Vec<Watched> {
    let mut watched = Vec::new();
    for selector in types {
        let TypeSelector::Exact(name) = selector else { continue };
        for resource in NATIVE.iter().filter(|resource| resource.kind == name) {
            let version = resource.versions.first().copied().unwrap_or("v1");
            let api_version =
                if resource.group.is_empty() { version.to_owned() } else { format!("{}/{version}", resource.group) };
            watched.push(Watched { api_version: api_version.into(), kind: name.clone() });
        }
    }
    watched.sort();
    watched.dedup();
    watched
}

/// Whether what is asked writes an object: what goes, and what is only told of it, is not judged by these policies.
pub(crate) fn is_written(facts: &Facts<'_>) -> bool {
    facts.request.is_none_or(probity_policy_core::AdmissionRequest::writes_object)
}
