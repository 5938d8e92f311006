//! Every built-in policy says all it should, names only what exists, and judges its examples as they say.

mod checker;
mod entry;
mod example;
mod slips;
mod types;

#[path = "../../build/files.rs"]
mod files;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use checker::{Checker, Report};
use probity_catalog::Format;

/// Checks the whole catalog; paths are shown from the workspace's root.
fn check_catalog() -> Report {
    // Where the test is run for, which need not be where it was built.
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let workspace = Path::new(&package).ancestors().nth(2).unwrap();
    let mut checker = Checker::default();
    for file in files::catalog_files(&workspace.join("crates/catalog/policies")).unwrap() {
        let text = fs::read_to_string(&file.path).unwrap();
        checker.file(&file.provider, file.path.strip_prefix(workspace).unwrap(), &text);
    }
    checker.finish()
}

#[test]
fn every_policy_is_right() {
    let report = check_catalog();
    for (provider, count) in &report.policies {
        println!("{provider}: {count} policies");
    }
    assert!(
        report.problems.is_empty(),
        "{} problems in the catalog:\n{}",
        report.problems.len(),
        report.problems.join("\n")
    );
}

#[test]
fn the_library_embeds_what_the_files_say() {
    let policies = probity_catalog::policies();
    let expected: usize = check_catalog().policies.values().sum();
    assert_eq!(policies.len(), expected);
    let services = probity_catalog::services();
    let providers: BTreeSet<&str> = services.iter().map(|service| service.provider.as_str()).collect();
    assert!(providers.contains("aws") && providers.contains("kubernetes"), "{providers:?}");
    for policy in &policies {
        let id = &policy.metadata().id;
        assert!(policy.metadata().builtin, "{id}");
        assert!(probity_catalog::service_of(id).is_some(), "{id} is for no service");
        let examples = probity_catalog::examples(id);
        assert!(!examples.is_empty(), "{id} has no examples");
        for binding in examples {
            assert!(!binding.pass.is_empty() && !binding.fail.is_empty(), "{id}: {:?}", binding.types);
        }
    }
}

#[test]
fn a_policy_read_when_asked_is_the_one_read_with_all() {
    let all = probity_catalog::read(probity_catalog::source()).unwrap();
    let policies = probity_catalog::policies();
    assert_eq!(policies.len(), all.len());
    for (policy, whole) in policies.iter().zip(&all) {
        assert_eq!(policy.id(), whole.id());
        assert_eq!(policy.types(), whole.types(), "{}", policy.id());
        assert_eq!(policy.metadata(), whole.metadata());
    }
}

#[test]
fn formats_follow_from_types() {
    for (resource_type, format) in [
        ("aws_s3_bucket", Format::Terraform),
        ("data.aws_iam_policy_document", Format::Terraform),
        ("workload", Format::Kubernetes),
        ("ClusterRole", Format::Kubernetes),
        ("dockerfile", Format::Dockerfile),
        ("container_image", Format::Image),
        ("github.step", Format::GitHubActions),
        ("github_repository", Format::Terraform),
    ] {
        assert_eq!(Format::of_type(resource_type), format, "{resource_type}");
    }
}
