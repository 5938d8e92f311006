//! What is known of an image, judged by the built-in policies.

use std::collections::BTreeMap;

use probity_model::{Gate, Outcome, ResourceGraph, Stage, Stages, Value, node::Node, yaml};
use probity_policy_core::{Facts, PolicySet};

use super::{TODAY, image, inspected, waiver};
use crate::{Inspection, Registries, Requirements};

/// What the built-in policies say of a document: the outcome and the message by the end of the policy's name.
fn judged(document: Value) -> BTreeMap<String, (Outcome, String)> {
    let subject = probity_model::Subject { document, ..Inspection::new(image()).subject(TODAY) };
    let set = PolicySet::builder(Gate::Ci, Stages::all(Stage::Enforce)).policies(probity_catalog::policies());
    let set = set.build().unwrap();
    let graph = ResourceGraph::new(vec![subject], []);
    let facts = Facts::of_files(&graph, TODAY);
    let (index, subject) = graph.iter().next().unwrap();
    let findings = set.evaluate(subject, index, &facts, &set.rule(&facts)).findings;
    let named = |id: &str| id.strip_prefix("PRB-IMAGE-").unwrap().to_owned();
    findings.into_iter().map(|finding| (named(finding.policy.as_str()), (finding.outcome, finding.message))).collect()
}

fn outcomes(document: Value, policies: &[&str]) -> Vec<Outcome> {
    let judged = judged(document);
    policies.iter().map(|policy| judged[*policy].0).collect()
}

#[test]
fn what_was_not_looked_into_is_undecided_and_says_how_to_have_it_looked_into() {
    let judged = judged(Inspection::new(image()).document(TODAY));
    for (policy, how) in [
        ("VULN-001", "probity db build"),
        ("VULN-002", "probity db build"),
        ("VULN-003", "probity db build"),
        ("VULN-004", "probity db build"),
        ("VULN-005", "probity db build"),
        ("VULN-006", "images.signers"),
        ("VULN-007", "probity db build"),
        ("TRUST-001", "images.signers"),
        ("TRUST-002", "images.signers"),
        ("TRUST-003", "images.registries"),
        ("SBOM-001", "images.signers"),
        ("SBOM-002", "images.signers"),
        ("SBOM-003", "images.signers"),
        ("SBOM-004", "images.licenses"),
        ("BASE-001", "images.bases"),
        ("CONFIG-003", "secrets"),
    ] {
        let (outcome, message) = &judged[policy];
        assert_eq!(*outcome, Outcome::Unknown, "{policy}");
        assert!(message.contains(how), "{policy}: {message}");
    }
    // What the image itself says is known.
    assert_eq!(
        judged["CONFIG-001"],
        (Outcome::Fail, "The image is run as root. (`config.root` is true, wanted: not true)".to_owned())
    );
}

#[test]
fn vulnerabilities_fail_until_they_are_mended_or_accepted() {
    let mut inspection = inspected();
    let found = judged(inspection.document(TODAY));
    let critical = "The image has critical vulnerabilities that nobody accepted. (CVE-2026-1 in libssl3 3.0.9-1)";
    assert_eq!(found["VULN-001"], (Outcome::Fail, critical.to_owned()));
    let high =
        "The image has high vulnerabilities for which there are fixes. (CVE-2026-3 in flask 3.0.0, fixed in 3.0.1)";
    assert_eq!(found["VULN-002"], (Outcome::Fail, high.to_owned()));
    assert_eq!(found["VULN-004"].0, Outcome::Fail);
    assert_eq!(found["VULN-007"].0, Outcome::Fail);
    inspection.waive(&[waiver("CVE-2026-1", None, "*"), waiver("CVE-2026-3", None, "*")], TODAY);
    // None is left, but not all packages were looked up: nobody can say that there are none.
    let accepted = outcomes(inspection.document(TODAY), &["VULN-001", "VULN-002", "VULN-003", "VULN-007"]);
    assert_eq!(accepted, [Outcome::Unknown, Outcome::Unknown, Outcome::Unknown, Outcome::Pass]);
    inspection.vulnerabilities.as_mut().unwrap().gaps.clear();
    let complete = outcomes(inspection.document(TODAY), &["VULN-001", "VULN-002", "VULN-003", "VULN-004"]);
    assert_eq!(complete, [Outcome::Pass; 4]);
}

#[test]
fn configured_lists_decide_about_registry_base_and_secrets() {
    let mut inspection = inspected();
    inspection.seek_secrets();
    let mut hold = |registry: &str, base_max_age| {
        let registries = Some(Registries::parse([registry]).unwrap());
        inspection.requirements = Requirements { registries, bases: true, base_max_age };
        outcomes(inspection.document(TODAY), &["TRUST-003", "BASE-001", "BASE-002", "CONFIG-003"])
    };
    assert_eq!(hold("registry.example.com/clinic", 90), [Outcome::Pass; 4]);
    let strict = hold("registry.example.com/clin", 60);
    assert_eq!(strict, [Outcome::Fail, Outcome::Pass, Outcome::Fail, Outcome::Pass]);
}

#[test]
fn what_others_attached_is_judged_by_who_signed_it() {
    let document = |text: &str| {
        let read = yaml::read(text, probity_model::SourceId(0), yaml::Dialect::Core).unwrap();
        Node::root(&read[0].value, None).value.clone()
    };
    let policies = ["TRUST-001", "TRUST-002", "SBOM-001", "SBOM-002", "SBOM-003", "VULN-006"];
    let good = "signed: true\nprovenance: {expected: true}\nsbom: {valid: true, signed: true, missing: [], missing_count: 0}\n\
                attestations: [{approved: ci, scan: {finishedAt: \"2026-11-20T00:00:00Z\"}}]\n";
    assert_eq!(outcomes(document(good), &policies), [Outcome::Pass; 6]);
    let bad = "signed: false\nprovenance: null\nsbom: {valid: true, signed: false, missing: [\"pkg:npm/a\"], missing_count: 1}\n\
               attestations: [{approved: null, scan: {finishedAt: \"2026-11-20T00:00:00Z\"}}]\n";
    let expected = [Outcome::Fail, Outcome::Fail, Outcome::Pass, Outcome::Fail, Outcome::Fail, Outcome::Fail];
    assert_eq!(outcomes(document(bad), &policies), expected);
}
