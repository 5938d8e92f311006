use proptest::prelude::*;
use serde_json::json;

use super::{Vex, VexError, VexStatus};
use crate::assess::Finding;

fn finding(id: &str, purl: &str) -> Finding {
    Finding { id: id.to_owned(), aliases: vec!["GHSA-1".to_owned()], purl: Some(purl.to_owned()), ..Finding::default() }
}

fn read(document: &serde_json::Value) -> Vex {
    Vex::read(document.to_string().as_bytes()).expect("a document")
}

const IMAGE: &str = "pkg:oci/image@sha256:aa";
const FLASK: &str = "pkg:pypi/flask@3.0.0";

fn openvex(statements: &serde_json::Value) -> serde_json::Value {
    json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/1", "author": "Example", "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": statements})
}

#[test]
fn a_statement_holds_for_its_product_and_its_parts() {
    let vex = read(&openvex(&json!([
        {"vulnerability": {"name": "CVE-1"}, "products": [{"@id": IMAGE, "subcomponents": [{"@id": "pkg:pypi/flask"}]}], "status": "not_affected", "justification": "vulnerable_code_not_present"},
        {"vulnerability": {"name": "CVE-2", "aliases": ["GHSA-2"]}, "products": [{"identifiers": {"purl": FLASK}}], "status": "fixed"},
        {"vulnerability": "CVE-3", "products": ["sha256:aa"], "status": "affected", "action_statement": "Update"},
    ])));
    assert_eq!(vex.problems, Vec::<String>::new());
    let status = |id: &str, purl: &str, product: &[&str]| vex.verdict(&finding(id, purl), product).map(|it| it.status);
    assert_eq!(status("CVE-1", FLASK, &[IMAGE]), Some(VexStatus::NotAffected));
    assert_eq!(status("CVE-1", "pkg:pypi/jinja2@3", &[IMAGE]), None);
    assert_eq!(status("CVE-1", FLASK, &["pkg:oci/image@sha256:bb"]), None);
    assert_eq!(status("CVE-1", FLASK, &[]), None);
    assert_eq!(status("GHSA-2", FLASK, &[]), Some(VexStatus::Fixed));
    assert_eq!(status("CVE-2", "pkg:pypi/flask@3.0.1", &[]), None);
    assert_eq!(status("CVE-3", FLASK, &["sha256:aa"]), Some(VexStatus::Affected));
    assert_eq!(status("CVE-4", FLASK, &[IMAGE]), None);
}

#[test]
fn who_says_that_it_is_not_affected_says_why() {
    let vex = read(&openvex(&json!([
        {"vulnerability": {"name": "CVE-1"}, "products": [{"@id": FLASK}], "status": "not_affected"},
        {"vulnerability": {"name": "CVE-2"}, "products": [{"@id": FLASK}], "status": "not_affected", "impact_statement": "It is not called."},
        {"vulnerability": {"name": "CVE-3"}, "products": [], "status": "fixed"},
    ])));
    assert_eq!((vex.statements.len(), vex.problems.len()), (1, 2));
    assert!(vex.problems[0].contains("CVE-1"), "{:?}", vex.problems);
}

#[test]
fn of_two_statements_the_last_counts_and_is_shown() {
    let statement = |status: &str, timestamp: &str| json!({"vulnerability": {"name": "CVE-1"}, "products": [{"@id": FLASK}], "status": status, "timestamp": timestamp, "justification": "component_not_present"});
    let vex = read(&openvex(&json!([
        statement("not_affected", "2026-03-01T00:00:00Z"),
        statement("under_investigation", "2026-02-01T00:00:00Z")
    ])));
    let mut findings = vec![finding("CVE-1", FLASK), finding("CVE-9", FLASK)];
    vex.apply(&mut findings, &[]);
    let verdict = findings[0].vex.as_ref().expect("a verdict");
    assert_eq!(
        (verdict.status, verdict.justification.as_deref(), verdict.author.as_str()),
        (VexStatus::NotAffected, Some("component_not_present"), "Example")
    );
    assert!(!findings[0].is_open() && findings[1].is_open());
}

#[test]
fn cyclonedx_and_csaf_say_the_same() {
    let cyclonedx = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "urn:uuid:1", "metadata": {"timestamp": "2026-01-01T00:00:00Z", "supplier": {"name": "Example"}},
        "components": [{"bom-ref": "a", "purl": FLASK}], "vulnerabilities": [
            {"id": "CVE-1", "analysis": {"state": "not_affected", "justification": "code_not_reachable"}, "affects": [{"ref": "a"}]},
            {"id": "CVE-2", "analysis": {"state": "exploitable", "response": ["update"]}, "affects": [{"ref": "urn:cdx:1/1#pkg%3Apypi%2Fflask@3.0.0"}]},
            {"id": "CVE-3", "affects": [{"ref": "a"}]}]});
    let csaf = json!({"document": {"csaf_version": "2.0", "publisher": {"name": "Example"}, "tracking": {"id": "EX-1", "current_release_date": "2026-01-01T00:00:00Z"}},
        "product_tree": {"branches": [{"branches": [{"product": {"product_id": "P", "product_identification_helper": {"purl": FLASK}}}]}]},
        "vulnerabilities": [
            {"cve": "CVE-1", "product_status": {"known_not_affected": ["P"]}, "flags": [{"label": "vulnerable_code_not_present", "product_ids": ["P"]}]},
            {"cve": "CVE-2", "product_status": {"known_affected": ["P"]}, "remediations": [{"category": "vendor_fix", "details": "Update", "product_ids": ["P"]}]},
            {"cve": "CVE-3", "product_status": {"known_not_affected": ["P"]}}]});
    for (document, justification, problems) in
        [(cyclonedx, "code_not_reachable", 0), (csaf, "vulnerable_code_not_present", 1)]
    {
        let vex = read(&document);
        assert_eq!(vex.problems.len(), problems);
        let not_affected = vex.verdict(&finding("CVE-1", FLASK), &[]).expect("a verdict");
        assert_eq!(
            (not_affected.status, not_affected.justification.as_deref(), not_affected.author.as_str()),
            (VexStatus::NotAffected, Some(justification), "Example")
        );
        assert_eq!(vex.verdict(&finding("CVE-2", FLASK), &[]).map(|it| it.status), Some(VexStatus::Affected));
        assert_eq!(vex.verdict(&finding("CVE-3", FLASK), &[]), None);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r#"(\{|\}|\[|\]|:|,|"(@context|https://openvex.dev/ns/v0.2.0|statements|bomFormat|CycloneDX|vulnerabilities|document|csaf_version|2.0|affects|ref|urn:cdx:a#%|x)"){0,40}"#) {
        if let Err(error) = Vex::read(text.as_bytes()) {
            prop_assert!(matches!(error, VexError::Form(_)));
        }
    }
}
