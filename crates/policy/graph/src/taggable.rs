//! Types of Terraform resources that can be tagged, which Checkov's form calls `taggable`.
//!
//! `taggable.txt` has them in the order of bytes, one a line: the types of the providers `aws` and `azurerm` that have an argument
//! `tags`, and those of `google` that have an argument `labels`, of the resource as a whole and not of a block in it. That is as
//! the documentation and the schemas of these releases have it: `aws` 6.62, 5.100 and 1.60, `azurerm` 4, 3.116 and 1.44, `google` 7
//! and 4; an older one counts for the types that the newest no longer has. Labels that configure what a resource does are no tags:
//! `google_monitoring_notification_channel` and `google_cloud_identity_group` are not in it.

use probity_model::SmolStr;
use probity_policy_core::TypeSelector;

const TYPES: &str = include_str!("taggable.txt");

/// The providers by the names that a policy's scope gives them, and how their types begin.
const PROVIDERS: [(&str, &str); 3] = [("aws", "aws_"), ("azure", "azurerm_"), ("gcp", "google_")];

/// The types of these providers that can be tagged; of all three without a provider.
///
/// # Errors
/// In words, when a provider is none of them: nothing is known to be taggable there.
pub(crate) fn selectors(providers: &[String]) -> Result<Vec<TypeSelector>, String> {
    let named: Vec<&str> = providers.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let prefixes = match named.as_slice() {
        [] => PROVIDERS.map(|(_, prefix)| prefix).to_vec(),
        named => named.iter().map(|name| prefix(name)).collect::<Result<_, _>>()?,
    };
    let is_theirs = |name: &&str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    Ok(TYPES.lines().filter(is_theirs).map(|name| TypeSelector::Exact(SmolStr::new_static(name))).collect())
}

fn prefix(provider: &str) -> Result<&'static str, String> {
    PROVIDERS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(provider))
        .map(|(_, prefix)| *prefix)
        .ok_or_else(|| format!("`taggable` is known for the providers aws, azure and gcp, not for `{provider}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(providers: &[&str]) -> Result<usize, String> {
        selectors(&providers.iter().map(ToString::to_string).collect::<Vec<_>>()).map(|types| types.len())
    }

    #[test]
    fn the_list_is_sorted_and_of_known_providers() {
        assert!(TYPES.lines().is_sorted_by(|a, b| a < b));
        for name in TYPES.lines() {
            let rest = PROVIDERS.iter().find_map(|(_, prefix)| name.strip_prefix(prefix)).unwrap_or_default();
            assert!(!rest.is_empty(), "{name}");
            assert!(
                rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                "{name}"
            );
        }
    }

    #[test]
    fn a_scope_narrows_the_list() {
        let each = PROVIDERS.map(|(name, _)| count(&[name]).unwrap());
        assert!(each.iter().all(|&types| types > 100), "{each:?}");
        assert_eq!(count(&[]), Ok(each.iter().sum()));
        assert_eq!(count(&[""]), count(&[]));
        assert_eq!(count(&["AWS", "gcp"]), Ok(each[0] + each[2]));
        assert!(count(&["kubernetes"]).unwrap_err().contains("not for `kubernetes`"));
    }

    #[test]
    fn what_has_tags_is_in_it_and_what_has_none_is_not() {
        let types = selectors(&[]).unwrap();
        let has = |name: &str| types.iter().any(|selector| selector.matches(name));
        for name in ["aws_instance", "aws_s3_bucket", "aws_vpc", "azurerm_storage_account", "azurerm_sql_server"] {
            assert!(has(name), "{name}");
        }
        for name in ["google_storage_bucket", "google_compute_instance", "google_bigtable_instance"] {
            assert!(has(name), "{name}");
        }
        for name in ["aws_s3_bucket_acl", "aws_iam_role_policy", "azurerm_subnet", "google_container_cluster", "aws_"] {
            assert!(!has(name), "{name}");
        }
    }
}
