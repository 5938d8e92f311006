//! Requests from their reviews to what the server is told.

use std::sync::Arc;

use jiff::civil::date;
use probity_model::{
    Category, Gate, Labels, Metadata, NodeIndex, PolicyId, Severity, Stage, StageRule, Stages, Strength, Subject,
    Value, json,
};
use probity_policy_core::{
    Facts, FailMode, Mutation, MutationFailure, Mutator, Operation, Policy, RequestRule, TypeSelector, Verdict,
};

use crate::testing::{pod, request};
use crate::{Answer, Client, Exemptions, Judge, Judging, Settings, Surroundings, asked, configurations};

/// Forbids images without a tag other than latest.
struct NoLatest {
    metadata: Metadata,
    types: Vec<TypeSelector>,
    mode: FailMode,
    /// What is said instead of a verdict.
    fails: Option<&'static str>,
}

impl NoLatest {
    fn new(id: &str, mode: FailMode) -> Self {
        let control = probity_model::ControlLink {
            control: "soc2:CC6.1".parse().unwrap(),
            serves: Strength::Supports,
            why: String::new(),
        };
        Self {
            metadata: Metadata {
                id: PolicyId::from(id),
                title: "Images have a tag".to_owned(),
                severity: Severity::High,
                category: Category::SupplyChain,
                why: String::new(),
                fix: "Name a version.\n".to_owned(),
                aliases: Vec::new(),
                controls: vec![control],
                language: "test",
                builtin: false,
            },
            types: vec![TypeSelector::Exact("Pod".into())],
            mode,
            fails: None,
        }
    }
}

impl Policy for NoLatest {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn fail_mode(&self) -> FailMode {
        self.mode
    }

    fn judge(&self, subject: &Subject, _: NodeIndex, _: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        if let Some(message) = self.fails {
            return verdicts.push(Verdict::Unknown { message: message.to_owned(), span: None });
        }
        let latest = json::write(&subject.document).contains(":latest");
        let message = "the image has the tag latest".to_owned();
        verdicts.push(if latest { Verdict::Fail { message, span: None } } else { Verdict::Pass });
    }
}

/// Gives every object a label, or fails.
struct Labelling {
    denies: Option<bool>,
}

impl Mutator for Labelling {
    fn requests(&self) -> Vec<(FailMode, RequestRule)> {
        vec![(FailMode::Closed, RequestRule::of_kind("Pod"))]
    }

    fn mutate(&self, facts: &Facts<'_>) -> Mutation {
        let by = vec![PolicyId::from("label")];
        if let Some(denies) = self.denies {
            let failure = MutationFailure { policy: by[0].clone(), message: "no team".to_owned(), denies };
            return Mutation { failures: vec![failure], ..Mutation::default() };
        }
        let object = facts.request.unwrap().object().unwrap();
        let text = json::write(object)
            .replace(r#""name":"web","namespace""#, r#""labels":{"team":"shop"},"name":"web","namespace""#);
        Mutation { object: Some(json::read(text.as_bytes()).unwrap()), by, ..Mutation::default() }
    }
}

fn exemptions() -> Exemptions {
    Exemptions {
        namespaces: vec!["kube-system".to_owned(), "probity-system".to_owned()],
        groups: vec!["probity:break-glass".to_owned()],
        users: vec!["system:serviceaccount:probity-system:probity".to_owned()],
    }
}

fn judge(policies: Vec<NoLatest>, mutators: Vec<Labelling>, stages: &Stages) -> Judge {
    let judging = Judging {
        policies: policies.into_iter().map(|policy| Arc::new(policy) as Arc<dyn Policy>).collect(),
        mutators: mutators.into_iter().map(|mutator| Arc::new(mutator) as Arc<dyn Mutator>).collect(),
        waivers: Vec::new(),
    };
    Judge::new(judging, stages, exemptions()).unwrap()
}

fn around(labels: &Labels) -> Surroundings<'_> {
    Surroundings { cluster: None, today: date(2026, 11, 27), labels, images: None }
}

fn shown(answer: &Answer) -> String {
    json::write_pretty(&answer.response())
}

#[test]
fn what_is_denied_names_policy_control_and_fix() {
    let judge = judge(vec![NoLatest::new("no-latest", FailMode::Closed)], Vec::new(), &Stages::all(Stage::Enforce));
    let labels = Labels::default();
    let ask = |operation, image: &str| {
        judge.validate(FailMode::Closed, &request(operation, pod("web", image)), "id-1".to_owned(), &around(&labels))
    };
    insta::assert_snapshot!(shown(&ask("CREATE", "nginx:latest")), @r#"
    {
      "apiVersion": "admission.k8s.io/v1",
      "kind": "AdmissionReview",
      "response": {
        "allowed": false,
        "auditAnnotations": {
          "decision": "id-1",
          "failed": "no-latest",
          "policies": "1 checked, 1 failed"
        },
        "status": {
          "code": 403,
          "message": "no-latest: the image has the tag latest (soc2:CC6.1). Fix: Name a version.",
          "reason": "Forbidden"
        },
        "uid": "uid-1"
      }
    }
    "#);
    insta::assert_snapshot!(shown(&ask("CREATE", "nginx:1.27")), @r#"
    {
      "apiVersion": "admission.k8s.io/v1",
      "kind": "AdmissionReview",
      "response": {
        "allowed": true,
        "auditAnnotations": {
          "decision": "id-1",
          "policies": "1 checked, 0 failed"
        },
        "uid": "uid-1"
      }
    }
    "#);
    // A policy is about what is made and changed; that something forbidden goes is no harm.
    let gone = ask("DELETE", "nginx:latest");
    assert!(gone.allowed && gone.decision.unwrap().findings.is_empty());
}

#[test]
fn a_warning_is_short_and_passes() {
    let stages = Stages {
        default: Stage::Enforce,
        rules: vec![StageRule { gate: None, environment: None, policies: Vec::new(), stage: Stage::Warn }],
    };
    let mut policy = NoLatest::new("no-latest", FailMode::Closed);
    policy.metadata.fix = "x".repeat(1_000);
    let judge = judge(vec![policy], Vec::new(), &stages);
    let labels = Labels::default();
    let answer =
        judge.validate(FailMode::Closed, &request("CREATE", pod("web", "nginx:latest")), "id".into(), &around(&labels));
    let response = answer.response();
    let warnings = response.at(&["response", "warnings"]).and_then(Value::as_array).unwrap();
    assert!(answer.allowed && warnings.len() == 1);
    assert_eq!(warnings.get(0).unwrap().as_str().unwrap().chars().count(), 256);
}

#[test]
fn what_cannot_be_told_is_decided_by_the_fail_mode() {
    for (mode, allowed) in [(FailMode::Closed, false), (FailMode::Open, true)] {
        let mut policy = NoLatest::new("no-latest", mode);
        policy.fails = Some("the namespace is not known yet");
        let judge = judge(vec![policy], Vec::new(), &Stages::all(Stage::Enforce));
        let labels = Labels::default();
        let answer = judge.validate(mode, &request("CREATE", pod("web", "nginx:1")), "id".into(), &around(&labels));
        assert_eq!((answer.allowed, answer.warnings.len()), (allowed, usize::from(allowed)), "{mode:?}");
    }
}

#[test]
fn who_and_what_is_exempt_passes() {
    let judge = judge(vec![NoLatest::new("no-latest", FailMode::Closed)], Vec::new(), &Stages::all(Stage::Enforce));
    let labels = Labels::default();
    let changed = |from: &str, to: &str| {
        let text = json::write(request("CREATE", pod("web", "nginx:latest")).value()).replace(from, to);
        probity_policy_core::AdmissionRequest::new(json::read(text.as_bytes()).unwrap()).unwrap()
    };
    let cases = [
        (changed("", ""), None),
        (
            changed("system:authenticated", "probity:break-glass"),
            Some("alice@company.com is in the break-glass group probity:break-glass"),
        ),
        (
            changed("\"namespace\":\"shop\",\"object\"", "\"namespace\":\"kube-system\",\"object\""),
            Some("the namespace kube-system is exempt"),
        ),
        (
            changed("alice@company.com", "system:serviceaccount:probity-system:probity"),
            Some("system:serviceaccount:probity-system:probity is exempt"),
        ),
    ];
    for (request, reason) in cases {
        let answer = judge.validate(FailMode::Closed, &request, "id".into(), &around(&labels));
        assert_eq!(answer.allowed, reason.is_some(), "{reason:?}");
        assert_eq!(judge.exemptions().reason(&request).as_deref(), reason);
    }
}

#[test]
fn an_object_that_is_being_deleted_can_be_let_go() {
    let judge = judge(vec![NoLatest::new("no-latest", FailMode::Closed)], Vec::new(), &Stages::all(Stage::Enforce));
    let labels = Labels::default();
    let update = |old_image: &str| {
        let going = json::write(&pod("web", old_image))
            .replace("\"namespace\"", "\"deletionTimestamp\":\"2026-11-27T10:00:00Z\",\"namespace\"");
        let object = json::write(&pod("web", "nginx:latest"));
        let text = json::write(request("UPDATE", Value::Null).value())
            .replace("\"oldObject\":null", &format!("\"oldObject\":{going}"))
            .replace("\"object\":null", &format!("\"object\":{object}"));
        probity_policy_core::AdmissionRequest::new(json::read(text.as_bytes()).unwrap()).unwrap()
    };
    for (old, allowed) in [("nginx:latest", true), ("nginx:1", false)] {
        assert_eq!(
            judge.validate(FailMode::Closed, &update(old), "id".into(), &around(&labels)).allowed,
            allowed,
            "{old}"
        );
    }
}

#[test]
fn a_change_is_a_patch_and_a_failure_denies_when_it_must() {
    let labels = Labels::default();
    let ask = |denies| {
        let judge = judge(Vec::new(), vec![Labelling { denies }, Labelling { denies }], &Stages::all(Stage::Enforce));
        judge.mutate(&request("CREATE", pod("web", "nginx:1")), "id".into(), &around(&labels))
    };
    let changed = ask(None);
    assert_eq!(
        json::write(&Value::array(changed.patch.clone())),
        r#"[{"op":"add","path":"/metadata/labels","value":{"team":"shop"}}]"#
    );
    assert_eq!(changed.mutated_by, [PolicyId::from("label")]);
    assert_eq!(changed.response().at(&["response", "patchType"]).and_then(Value::as_str), Some("JSONPatch"));
    let (warned, denied) = (ask(Some(false)), ask(Some(true)));
    assert!(warned.allowed && warned.warnings == ["label: no team"]);
    assert_eq!((denied.allowed, denied.message.as_str()), (false, "label: it cannot change the object: no team"));
    assert!(denied.response().at(&["response", "patch"]).is_none());
}

#[test]
fn the_server_asks_about_what_is_judged_and_nothing_else() {
    let closed = NoLatest::new("a", FailMode::Closed);
    let mut open = NoLatest::new("b", FailMode::Open);
    // Pods are asked about once, by the webhook that fails closed.
    let types = ["Deployment", "Pod", "aws_s3_bucket"];
    open.types = types.map(|kind| TypeSelector::Exact(kind.into())).to_vec();
    let labelling = Labelling { denies: None };
    let policies: [(FailMode, &dyn Policy); 2] = [(FailMode::Closed, &closed), (FailMode::Open, &open)];
    let mutators: [&dyn Mutator; 1] = [&labelling];
    let settings = Settings {
        name: "probity".to_owned(),
        client: Client::Service {
            namespace: "probity-system".to_owned(),
            name: "probity-admission".to_owned(),
            port: 443,
        },
        ca_bundle: "PEM".to_owned(),
        timeout: 3,
        exemptions: exemptions(),
        labels: [("app.kubernetes.io/name".to_owned(), "probity".to_owned())].into(),
    };
    let all = configurations(&asked(policies, mutators, &()), &settings);
    insta::assert_snapshot!(json::write_pretty(&Value::array(all)));
    let none = configurations(&asked([], [], &()), &settings);
    let webhooks =
        |value: &Value| value.get("webhooks").and_then(Value::as_array).map(probity_model::value::Array::len);
    assert_eq!(none.iter().map(webhooks).collect::<Vec<_>>(), [Some(0), Some(0)]);
}

#[test]
fn a_rule_for_everything_leaves_noise_out() {
    let mut policy = NoLatest::new("a", FailMode::Closed);
    policy.types = vec![TypeSelector::All, TypeSelector::Exact("Pod".into())];
    let policies: [(FailMode, &dyn Policy); 1] = [(FailMode::Closed, &policy)];
    let asked = asked(policies, [], &());
    let rules: Vec<_> = asked.values().flatten().collect();
    assert_eq!(rules.len(), 2, "{rules:?}");
    assert!(
        asked
            .values()
            .all(|rules| rules[&("*".to_owned(), "*".to_owned())] == [Operation::Create, Operation::Update].into())
    );
}

#[test]
fn policies_that_deny_nobody_keep_nobody_waiting() {
    let stages = Stages {
        default: Stage::Observe,
        rules: vec![StageRule {
            gate: Some(Gate::Admission),
            environment: Some("production".into()),
            policies: vec!["enforced".into()],
            stage: Stage::Enforce,
        }],
    };
    let closed = |id| NoLatest::new(id, FailMode::Closed);
    let judge = judge(vec![closed("observed"), closed("enforced")], Vec::new(), &stages);
    let modes: Vec<_> = judge.modes().map(|(mode, policy)| (policy.id().as_str(), mode)).collect();
    assert_eq!(modes, [("enforced", FailMode::Closed), ("observed", FailMode::Open)]);
    // Where one is asked that can deny, all are, in one pass; elsewhere those that cannot.
    let labels = Labels::default();
    let asked = |mode| {
        let request = request("CREATE", pod("web", "nginx:latest"));
        let answer = judge.validate(mode, &request, "id-1".to_owned(), &around(&labels));
        answer.decision.unwrap().findings.len()
    };
    assert_eq!((asked(FailMode::Closed), asked(FailMode::Open)), (2, 1));
}
