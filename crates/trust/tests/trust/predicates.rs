//! What is attested, and what is asked of it.

use jiff::{SignedDuration, Timestamp};
use probity_model::{Value, json};
use probity_trust::predicate::{
    COSIGN_SCAN, CYCLONEDX, OPENVEX, Predicate, SCAN, SLSA_PROVENANCE_V0_2, SLSA_PROVENANCE_V1, SPDX, SbomFormat,
    TEST_RESULT, VERIFICATION_SUMMARY,
};
use probity_trust::{Digest, Expectation, Matcher, Statement};

fn statement(kind: &str, predicate: &str) -> Statement {
    Statement::new("app", &Digest::of(b"app"), kind, json::read(predicate.as_bytes()).unwrap())
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

const V1: &str = r#"{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1",
    "externalParameters":{"workflow":{"ref":"refs/heads/main","repository":"https://github.com/acme/app","path":".github/w.yml"}},
    "resolvedDependencies":[{"uri":"git+https://github.com/other/lib@refs/tags/v1","digest":{"gitCommit":"beef"}},
        {"uri":"git+https://github.com/acme/app@refs/heads/main","digest":{"gitCommit":"c0ffee"}}]},
    "runDetails":{"builder":{"id":"https://github.com/actions/runner/github-hosted"},
    "metadata":{"invocationId":"https://github.com/acme/app/actions/runs/1","finishedOn":"2026-03-01T11:00:00Z"}}}"#;

const V0_2: &str = r#"{"builder":{"id":"https://github.com/slsa-framework/generator@v1"},"buildType":"t",
    "invocation":{"configSource":{"uri":"git+https://github.com/acme/app@refs/heads/main","digest":{"sha1":"c0ffee"}},"parameters":{"a":1}},
    "metadata":{"buildInvocationID":"1-1","buildStartedOn":"2026-03-01T10:00:00Z","buildFinishedOn":"2026-03-01T11:00:00Z"},
    "materials":[{"uri":"git+https://github.com/acme/app@refs/heads/main","digest":{"sha1":"c0ffee"}}]}"#;

#[test]
fn provenance_of_both_versions_says_the_same() {
    for (kind, text) in [(SLSA_PROVENANCE_V1, V1), (SLSA_PROVENANCE_V0_2, V0_2)] {
        let Some(Predicate::Provenance(found)) = Predicate::of(&statement(kind, text)) else { panic!("{kind}") };
        let source = found.source.as_ref().unwrap();
        assert_eq!((source.repository(), source.commit()), ("https://github.com/acme/app", Some("c0ffee")));
        assert_eq!(found.finished.unwrap().to_string(), "2026-03-01T11:00:00Z");
        let document = found.document();
        assert_eq!(document.get("sourceRepository"), Some(&Value::from("https://github.com/acme/app")));
        assert!(document.get("invocation").is_some());
    }
}

fn exact(text: &str) -> Matcher {
    Matcher::Exact(text.into())
}

fn provenance(builder: &str, repository: &str, commit: &str, hours: i64) -> Expectation {
    Expectation::Provenance {
        builders: vec![Matcher::regex(builder).unwrap()],
        repository: Some(exact(repository)),
        commit: Some(commit.into()),
        max_age: Some(SignedDuration::from_hours(hours)),
    }
}

#[test]
fn expectations_are_met_or_say_what_is_not() {
    let scan = |finished: &str| {
        let times = format!(r#""metadata":{{"scanStartedOn":"2026-03-01T10:00:00Z","scanFinishedOn":"{finished}"}}"#);
        format!(
            r#"{{"scanner":{{"uri":"pkg:trivy","version":"0.74","db":{{"lastUpdate":"2026-03-01T00:00:00Z"}},"result":[]}},{times}}}"#
        )
    };
    let summary = |result: &str| {
        format!(
            r#"{{"verifier":{{"id":"https://probity.example"}},"timeVerified":"2026-03-01T10:00:00Z","resourceUri":"pkg:oci/app",
            "policy":{{"uri":"p"}},"verificationResult":"{result}","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}}"#
        )
    };
    let day = || Expectation::Scan { scanners: vec![exact("pkg:trivy")], max_age: SignedDuration::from_hours(24) };
    let verified = |level: &str| Expectation::Verified {
        verifiers: vec![exact("https://probity.example")],
        resource: Some(exact("pkg:oci/app")),
        levels: vec![level.to_owned()],
    };
    let any_sbom = || Expectation::Sbom { formats: Vec::new() };
    let app = "https://github.com/acme/app";
    let cases: Vec<(Expectation, &str, String, Option<&str>)> = vec![
        (provenance("^https://github.com/actions/", app, "c0ffee", 2), SLSA_PROVENANCE_V1, V1.into(), None),
        (provenance("^https://gitlab.com/", app, "c0ffee", 2), SLSA_PROVENANCE_V1, V1.into(), Some("builder")),
        (
            provenance("", "https://github.com/other/lib", "beef", 2),
            SLSA_PROVENANCE_V1,
            V1.into(),
            Some("source repository"),
        ),
        (provenance("", app, "beef", 2), SLSA_PROVENANCE_V1, V1.into(), Some("source commit")),
        (provenance("", app, "c0ffee", 0), SLSA_PROVENANCE_V0_2, V0_2.into(), Some("end of the build")),
        (provenance("", app, "c0ffee", 2), SLSA_PROVENANCE_V1, "{}".into(), Some("does not say builder")),
        (provenance("", app, "c0ffee", 2), CYCLONEDX, "{}".into(), Some("not SLSA provenance")),
        (day(), SCAN, scan("2026-03-01T11:00:00Z"), None),
        (day(), COSIGN_SCAN, scan("2026-02-28T12:00:00Z"), None),
        (day(), SCAN, scan("2026-02-28T11:59:59Z"), Some("more than")),
        (day(), SCAN, scan("2026-03-02T12:00:00Z"), Some("has not come")),
        (day(), SCAN, scan("yesterday"), Some("does not say")),
        (any_sbom(), CYCLONEDX, r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#.into(), None),
        (any_sbom(), "https://spdx.dev/Document/v2.3", r#"{"spdxVersion":"SPDX-2.3","packages":[]}"#.into(), None),
        (any_sbom(), SPDX, r#"{"Data":"{\"spdxVersion\":\"SPDX-2.3\"}"}"#.into(), None),
        (any_sbom(), CYCLONEDX, r#"{"specVersion":"1.6"}"#.into(), Some("does not say")),
        (
            Expectation::Sbom { formats: vec![SbomFormat::Spdx] },
            CYCLONEDX,
            r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#.into(),
            Some("format is CycloneDX, not SPDX"),
        ),
        (verified("SLSA_BUILD_LEVEL_3"), VERIFICATION_SUMMARY, summary("PASSED"), None),
        (verified("SLSA_BUILD_LEVEL_3"), VERIFICATION_SUMMARY, summary("FAILED"), Some("result is FAILED")),
        (verified("SLSA_BUILD_LEVEL_4"), VERIFICATION_SUMMARY, summary("PASSED"), Some("verified levels")),
        (Expectation::Tested, TEST_RESULT, r#"{"result":"PASSED"}"#.into(), None),
        (Expectation::Tested, TEST_RESULT, r#"{"result":"WARNED"}"#.into(), Some("not PASSED")),
        (Expectation::Tested, TEST_RESULT, "7".into(), Some("does not say")),
    ];
    for (expectation, kind, predicate, unmet) in cases {
        let found = expectation.check(&statement(kind, &predicate), now()).map_err(|unmet| unmet.to_string());
        match (&found, unmet) {
            (Ok(()), None) => {}
            (Err(found), Some(part)) => assert!(found.contains(part), "{kind}: {found}, not {part}"),
            _ => panic!("{kind} {predicate}: {found:?}, not {unmet:?}"),
        }
    }
}

#[test]
fn vex_lifts_only_with_a_reason() {
    let text = r#"{"author":"acme","timestamp":"2026-03-01T00:00:00Z","statements":[
        {"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:oci/app"}],"status":"not_affected","justification":"component_not_present"},
        {"vulnerability":{"name":"CVE-2"},"status":"not_affected"},
        {"vulnerability":"CVE-3","products":["pkg:oci/app"],"status":"fixed"},
        {"vulnerability":{"name":"CVE-4"},"status":"under_investigation"}]}"#;
    let statement = statement(&format!("{OPENVEX}/v0.2.0"), text);
    let Some(Predicate::Vex(vex)) = Predicate::of(&statement) else { panic!() };
    let said: Vec<_> = vex.statements.iter().map(|one| (one.vulnerability.as_str(), one.lifts())).collect();
    assert_eq!(said, [("CVE-1", true), ("CVE-2", false), ("CVE-3", true), ("CVE-4", false)]);
    assert_eq!(vex.statements[2].products, ["pkg:oci/app"]);
}
