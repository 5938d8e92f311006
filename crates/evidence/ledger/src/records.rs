//! How the records of images and builds are written, and that what is left out of them is read.

use probity_model::{Action, Outcome};
use serde_json::json;

use crate::*;

fn image() -> ImageRecord {
    ImageRecord {
        reference: "registry.example.com/clinic/portal:1.2.3".into(),
        digest: Some(format!("sha256:{}", "a".repeat(64))),
        index_digest: None,
        id: format!("sha256:{}", "b".repeat(64)),
        platform: Some("linux/amd64".into()),
        created: None,
        os: None,
        user: Some("65534".into()),
        base: None,
        packages: Some(88),
        dependencies: None,
        vulnerabilities: Some(VulnerabilitiesRecord {
            complete: true,
            open: VulnerabilityCounts { high: 1, ..VulnerabilityCounts::default() },
            accepted: vec![AcceptedRisk {
                id: "CVE-2026-1".into(),
                package: "pkg:deb/debian/openssl@3.0.1".into(),
                severity: "critical".into(),
                reason: "not reachable".into(),
                requested_by: "ann".into(),
                approved_by: "bob".into(),
                expires: "2026-12-31".parse().unwrap(),
            }],
            list: Some(Digest::of(b"the list")),
            ..VulnerabilitiesRecord::default()
        }),
        signatures: Some(Vec::new()),
        attestations: None,
        refused: Vec::new(),
        provenance: None,
        sbom: None,
        secrets: None,
        report: None,
        action: Action::Deny,
        outcomes: vec![(Outcome::Fail, 1)],
        decisions: 1,
        policies: Some(Digest::of(b"the policies")),
        scanner: "probity 0.1.0".into(),
        origin: Origin::default(),
    }
}

#[test]
fn an_image_refers_to_its_list_and_its_policies() {
    let body = Body::Image(Box::new(image()));
    assert_eq!(body.kind(), "image");
    assert_eq!(body.documents(), [Digest::of(b"the list"), Digest::of(b"the policies")]);
    let written = serde_json::to_value(&body).unwrap();
    assert_eq!(written["kind"], "image");
    // None found, and not looked into, are told apart.
    assert_eq!((&written["body"]["signatures"], written["body"].get("attestations")), (&json!([]), None));
    assert_eq!(serde_json::from_value::<Body>(written).unwrap(), body);
}

#[test]
fn an_archive_without_a_manifest_is_named_by_its_configuration() {
    let archive = ImageRecord { digest: None, ..image() };
    assert_eq!((archive.content(), image().content()), (archive.id.as_str(), image().digest.as_deref().unwrap()));
}

#[test]
fn records_with_less_and_with_more_are_read() {
    let image = json!({"kind": "image", "body": {"reference": "a", "id": "b", "action": "allow", "scanner": "probity 9",
        "of_a_later_version": 1}});
    let Body::Image(image) = serde_json::from_value(image).unwrap() else { panic!("an image") };
    assert_eq!((image.vulnerabilities, image.decisions), (None, 0));
    let build = json!({"kind": "build", "body": {"project": "portal", "started": "2026-11-27T10:15:00Z",
        "ended": "2026-11-27T10:18:45Z", "action": "allow", "scanner": "probity 9",
        "checks": [{"name": "signed", "outcome": "passed"}]}});
    let Body::Build(build) = serde_json::from_value(build).unwrap() else { panic!("a build") };
    assert_eq!(build.checks[0].outcome, CheckOutcome::Passed);
    // What followed is never assumed.
    let silent = json!({"kind": "image", "body": {"reference": "a", "id": "b", "scanner": "probity 9"}});
    assert!(serde_json::from_value::<Body>(silent).is_err());
}

fn admission() -> AdmissionRecord {
    AdmissionRecord {
        decision_id: "0199f7a8-0000-7000-8000-000000000001".into(),
        cluster: "prod-eu".into(),
        webhook: "validate.fail.admission.probity.dev".into(),
        operation: "CREATE".into(),
        resource: ResourceRecord { group: "apps".into(), version: "v1".into(), resource: "deployments".into() },
        kind: "Deployment".into(),
        namespace: "clinic".into(),
        name: "patient-portal".into(),
        request_uid: "uid-1".into(),
        user: "alice@company.com".into(),
        replica: "probity-admission-1".into(),
        duration_us: 450,
        ..AdmissionRecord::default()
    }
}

#[test]
fn what_happens_at_an_api_server_is_written_and_read() {
    let time = "2025-03-22T10:20:15Z".parse().unwrap();
    let subject = SubjectRecord {
        kind: "kubernetes".into(),
        resource_type: "Deployment".into(),
        address: "Deployment/clinic/patient-portal".into(),
        labels: probity_model::Labels::default(),
        location: None,
    };
    let decision = DecisionRecord {
        subject: subject.clone(),
        action: Action::Allow,
        findings: Vec::new(),
        passed: Vec::new(),
        input: None,
        request: None,
        admission: Some(Box::new(admission())),
    };
    let confirmation = ConfirmationRecord {
        audit_id: "audit-1".into(),
        decisions: vec![admission().decision_id],
        verb: "create".into(),
        code: 201,
        ..ConfirmationRecord::default()
    };
    let gap = GapRecord {
        cluster: "prod-eu".into(),
        replica: "probity-admission-1".into(),
        from: time,
        to: time,
        allowed: 3,
        denied: 1,
        why: "no space left on device".into(),
    };
    let drift = DriftRecord {
        cluster: "prod-eu".into(),
        subject,
        what: DriftKind::ChangedOutOfBand,
        message: "replicas were 3 and are 1".into(),
        severity: probity_model::Severity::High,
        before: Some(DriftState { verdict: Some(Action::Allow), digest: None }),
        after: None,
        who: Some("mallory".into()),
        policies: Vec::new(),
    };
    let heartbeat = HeartbeatRecord {
        cluster: "prod-eu".into(),
        replica: "probity-admission-1".into(),
        since: time,
        state: ReplicaState::Alive,
        interval_s: 60,
        last_sequence: 7,
        policies: Some(Digest::of(b"the policies")),
        version: "0.1.0".into(),
    };
    let policies = heartbeat.policies;
    let bodies = [
        ("decision", Body::Decision(Box::new(decision))),
        ("confirmation", Body::Confirmation(Box::new(confirmation))),
        ("gap", Body::Gap(Box::new(gap))),
        ("drift", Body::Drift(Box::new(drift))),
        ("heartbeat", Body::Heartbeat(Box::new(heartbeat))),
    ];
    for (kind, body) in bodies {
        // A sign of life names the policies in force, and they are kept.
        let documents = if kind == "heartbeat" { policies.into_iter().collect() } else { Vec::new() };
        assert_eq!((body.kind(), body.documents()), (kind, documents));
        let written = serde_json::to_value(&body).unwrap();
        assert_eq!(written["kind"], kind);
        assert_eq!(serde_json::from_value::<Body>(written).unwrap(), body);
    }
}

#[test]
fn only_what_the_server_did_is_done() {
    for (code, dry_run, done) in [(201, false, true), (201, true, false), (403, false, false), (0, false, false)] {
        let confirmation = ConfirmationRecord { code, dry_run, ..ConfirmationRecord::default() };
        assert_eq!(confirmation.done(), done, "{code} {dry_run}");
    }
}

#[test]
fn words_of_drift_are_those_that_are_written() {
    for what in DriftKind::ALL {
        assert_eq!(serde_json::to_value(what).unwrap(), what.as_str());
    }
}
