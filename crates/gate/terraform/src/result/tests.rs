use probity_model::{Action, Finding, Gate, Labels, Stage, SubjectKind, SubjectRef};

use super::*;

fn finding(policy: &str, outcome: Found, severity: Severity, stage: Stage) -> Finding {
    Finding {
        policy: policy.into(),
        outcome,
        severity,
        stage,
        message: if outcome == Found::Pass { String::new() } else { "the bucket is public".to_owned() },
        reason: None,
        span: None,
        location: None,
    }
}

fn decision(address: &str, findings: Vec<Finding>) -> Decision {
    let subject = SubjectRef {
        kind: SubjectKind::Terraform,
        resource_type: "aws_s3_bucket".into(),
        address: address.into(),
        labels: Labels::default(),
        span: None,
        location: None,
        calls: Vec::new(),
    };
    Decision { subject, gate: Gate::Terraform, action: Decision::action_of(&findings), findings }
}

fn judged(decisions: &[Decision], problems: &[String]) -> Judged {
    Judged::new(decisions, &HashMap::new(), problems, None, &[])
}

#[test]
fn the_stage_of_what_fails_decides() {
    for (stage, outcome, status, label) in [
        (Stage::Enforce, Found::Fail, Status::Failed, Some("Denied")),
        (Stage::Enforce, Found::Error, Status::Failed, Some("Error")),
        (Stage::Warn, Found::Fail, Status::Passed, Some("Warning")),
        (Stage::Observe, Found::Fail, Status::Passed, Some("Observed")),
        (Stage::Enforce, Found::Waived, Status::Passed, None),
        (Stage::Enforce, Found::Unknown, Status::Passed, None),
        (Stage::Enforce, Found::Pass, Status::Passed, None),
    ] {
        let judged = judged(&[decision("a", vec![finding("P-1", outcome, Severity::High, stage)])], &[]);
        assert_eq!(judged.status, status, "{stage:?} {outcome:?}");
        assert_eq!(judged.outcomes.first().map(|outcome| outcome.status.label), label, "{stage:?} {outcome:?}");
    }
}

#[test]
fn what_could_not_be_read_does_not_pass() {
    let judged = judged(&[], &["plan.json: not a plan".to_owned(), "b".to_owned()]);
    assert_eq!(judged.status, Status::Failed);
    assert!(judged.message.contains("plan.json: not a plan (and 1 more)"), "{}", judged.message);
}

#[test]
fn the_worst_are_told_and_the_rest_counted() {
    let mut decisions: Vec<Decision> = (0..300)
        .map(|n| decision(&format!("b{n:03}"), vec![finding("P-1", Found::Fail, Severity::Low, Stage::Enforce)]))
        .collect();
    decisions.push(decision("z", vec![finding("P-2", Found::Fail, Severity::Critical, Stage::Enforce)]));
    decisions.push(decision("y", vec![finding("P-3", Found::Fail, Severity::Critical, Stage::Warn)]));
    let judged = judged(&decisions, &[]);
    assert_eq!(judged.outcomes.len(), MAX_OUTCOMES);
    assert_eq!(judged.outcomes[0].id, "P-2 z");
    assert!(
        judged.message.starts_with("301 findings deny this run: 1 critical, 300 low. 1 warning."),
        "{}",
        judged.message
    );
    assert!(judged.message.contains("52 findings are not listed"), "{}", judged.message);
    let document = judged.document(true);
    assert_eq!(document["data"]["relationships"]["outcomes"]["data"].as_array().unwrap().len(), MAX_OUTCOMES);
    assert!(judged.document(false)["data"].get("relationships").is_none());
}

#[test]
fn a_result_stays_small_and_its_outcomes_apart() {
    let mut long = finding(&"P".repeat(300), Found::Fail, Severity::High, Stage::Enforce);
    long.message = "<".repeat(100_000);
    let decisions: Vec<Decision> = (0..400).map(|_| decision(&"a".repeat(3_000), vec![long.clone()])).collect();
    let judged = judged(&decisions, &["x".repeat(5_000)]);
    assert!(judged.message.chars().count() <= MESSAGE);
    assert!(judged.document(true).to_string().len() < 1 << 20, "{}", judged.document(true).to_string().len());
    let mut ids: Vec<&str> = judged.outcomes.iter().map(|outcome| outcome.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), judged.outcomes.len());
    assert!(judged.outcomes.len() > 100);
}

#[test]
fn a_document_has_the_form_of_the_documentation() {
    let decisions =
        [decision("aws_s3_bucket.logs", vec![finding("P-1", Found::Fail, Severity::Medium, Stage::Enforce)])];
    assert_eq!(decisions[0].action, Action::Deny);
    let pages = ["https://probity.example.com/decisions/7".to_owned()];
    let page = Some("https://probity.example.com/scans/8".to_owned());
    let judged = Judged::new(&decisions, &HashMap::new(), &[], page, &pages);
    assert_eq!(
        judged.document(true),
        json!({"data": {
            "type": "task-results",
            "attributes": {
                "status": "failed",
                "message": "1 finding denies this run: 1 medium. 0 checks passed.",
                "url": "https://probity.example.com/scans/8",
            },
            "relationships": {"outcomes": {"data": [{
                "type": "task-result-outcomes",
                "attributes": {
                    "outcome-id": "P-1 aws_s3_bucket.logs",
                    "description": "aws_s3_bucket.logs: P-1",
                    "body": "**the bucket is public**\n\nResource: `aws_s3_bucket.logs`\n\nPolicy: `P-1`",
                    "url": "https://probity.example.com/decisions/7",
                    "tags": {
                        "Status": [{"label": "Denied", "level": "error"}],
                        "Severity": [{"label": "Medium", "level": "warning"}],
                    },
                },
            }]}},
        }})
    );
}
