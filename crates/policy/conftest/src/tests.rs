use std::path::Path;
use std::sync::Arc;

use jiff::civil::date;
use probity_model::value::Value;
use probity_model::{
    CONTAINER_IMAGE, Labels, NodeIndex, ResourceGraph, Severity, Sources, Stage, Strength, Subject, SubjectKind, json,
};
use probity_policy_core::testing::{self, Asked, Objects};
use probity_policy_core::{Facts, Named, Operation, Policy, Verdict};

use crate::{ConftestPolicy, Options, Policies, ReadError, read};

fn read_all(texts: &[&str], options: &Options) -> Result<Policies, ReadError> {
    read(texts.iter().map(|text| (Path::new("policy.rego"), *text)), options, &Arc::new(Sources::default()))
}

fn policies(text: &str) -> Vec<ConftestPolicy> {
    read_all(&[text], &Options::default()).unwrap_or_else(|error| panic!("{error}: {error:?}")).policies
}

fn one(text: &str) -> ConftestPolicy {
    let mut policies = policies(text);
    assert_eq!(policies.len(), 1, "{policies:?}");
    policies.remove(0)
}

fn subject(kind: SubjectKind, resource_type: &str, document: Value) -> Subject {
    Subject {
        kind,
        resource_type: resource_type.into(),
        address: "subject".into(),
        document,
        span: None,
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}

fn judge_subject(policy: &ConftestPolicy, subject: Subject) -> Vec<Verdict> {
    let graph = ResourceGraph::new(vec![subject], Vec::new());
    let facts = Facts::of_files(&graph, date(2026, 11, 26));
    let mut verdicts = Vec::new();
    policy.judge(graph.subject(NodeIndex(0)), NodeIndex(0), &facts, &mut verdicts);
    verdicts
}

fn judge(policy: &ConftestPolicy, document: &str) -> Vec<Verdict> {
    judge_subject(policy, subject(SubjectKind::Kubernetes, "Pod", json::read(document.as_bytes()).unwrap()))
}

fn fail(message: &str) -> Verdict {
    Verdict::Fail { message: message.to_owned(), span: None }
}

#[test]
fn what_rules_find_is_a_failure() {
    for (rule, found) in [
        ("deny contains msg if { input.bad; msg := \"is bad\" }", "is bad"),
        ("deny_bad contains {\"msg\": \"is bad\", \"details\": {}} if input.bad", "is bad"),
        ("violation contains {\"msg\": \"is bad\"} if input.bad", "is bad"),
        ("warn contains \"is bad\" if input.bad", "is bad"),
        ("deny := \"is bad\" if input.bad", "is bad"),
        ("deny := [\"is bad\"] if input.bad", "is bad"),
        ("deny if input.bad", "main.deny"),
    ] {
        let policy = one(&format!("package main\n{rule}"));
        assert_eq!(judge(&policy, r#"{"bad": true}"#), [fail(found)], "{rule}");
        assert_eq!(judge(&policy, "{}"), [Verdict::Pass], "{rule}");
    }
}

#[test]
fn older_rego_is_read_too() {
    let policy = one("package main\ndeny[msg] { input.kind == \"Pod\"; msg = sprintf(\"%v\", [input.kind]) }");
    assert_eq!(judge(&policy, r#"{"kind": "Pod"}"#), [fail("Pod")]);
}

#[test]
fn rules_of_other_names_are_not_asked() {
    for rule in ["denied contains 1", "deny(x) := x", "default deny := false", "warning := 1", "allow := true"] {
        assert!(policies(&format!("package main\n{rule}")).is_empty(), "{rule}");
    }
}

#[test]
fn rules_of_a_name_are_one_policy_unless_their_blocks_say_otherwise() {
    let text = "package main\n\
                deny contains \"a\" if input.a\n\
                deny contains \"b\" if input.b\n\
                # METADATA\n# title: No C\n# custom: {severity: HIGH}\n\
                deny contains \"c\" if input.c\n\
                # METADATA\n# custom: {id: OWN-4}\n\
                deny contains \"d\" if input.d\n";
    let policies = policies(text);
    let ids: Vec<&str> = policies.iter().map(|policy| policy.metadata().id.as_str()).collect();
    assert_eq!(ids, ["main.deny", "main.deny.no-c", "OWN-4"]);
    let document = r#"{"a": 1, "b": 1, "c": 1, "d": 1}"#;
    assert_eq!(judge(&policies[0], document), [fail("a"), fail("b")]);
    assert_eq!(judge(&policies[1], document), [fail("c")]);
    assert_eq!(judge(&policies[2], document), [fail("d")]);
    assert_eq!(policies[1].metadata().severity, Severity::High);
}

#[test]
fn rules_of_which_other_things_are_said_are_other_policies() {
    let text = "package main\n\
                deny contains \"a\"\n\
                # METADATA\n# custom: {severity: low}\n\
                deny contains \"b\"\n\
                # METADATA\n# custom: {controls: [\"soc2:CC6.1\"]}\n\
                deny contains \"c\"\n\
                deny contains \"d\"";
    let policies = policies(text);
    let ids: Vec<&str> = policies.iter().map(|policy| policy.metadata().id.as_str()).collect();
    assert_eq!(ids, ["main.deny", "main.deny-2", "main.deny-3"]);
    assert_eq!(judge(&policies[0], "{}"), [fail("a"), fail("d")]);
    assert_eq!(policies[2].metadata().controls.len(), 1);
}

#[test]
fn metadata_is_read() {
    let text = "# METADATA\n# scope: package\n# title: Of the package\n# description: Why.\n\
                # related_resources:\n# - ref: https://docs.example\n#   description: Docs\n\
                # custom:\n#   severity: critical\n#   fix: Do it.\n#   category: workload\n#   aliases: [KSV012]\n\
                #   controls:\n#   - soc2:CC6.1\n#   - {control: \"hipaa:164.312(a)(1)\", serves: partly, why: Because.}\n\
                package a.b\ndeny contains \"x\"";
    let policy = one(text);
    let metadata = policy.metadata();
    assert_eq!((metadata.id.as_str(), metadata.title.as_str()), ("a.b.deny", "Of the package"));
    assert_eq!((metadata.why.as_str(), metadata.fix.as_str()), ("Why.", "Do it.\nSee https://docs.example (Docs)"));
    assert_eq!((metadata.severity, metadata.language), (Severity::Critical, "rego"));
    assert_eq!(metadata.aliases, ["KSV012"]);
    let controls: Vec<(String, Strength, &str)> =
        metadata.controls.iter().map(|link| (link.control.to_string(), link.serves, link.why.as_str())).collect();
    assert_eq!(
        controls,
        [
            ("soc2:CC6.1".to_owned(), Strength::Supports, ""),
            ("hipaa:164.312(a)(1)".to_owned(), Strength::Partly, "Because.")
        ]
    );
}

#[test]
fn metadata_that_makes_no_sense_is_told_with_its_place() {
    for (custom, told) in [
        ("{severity: awful}", "custom.severity: `awful` is not a severity"),
        ("{controls: [cc61]}", "custom.controls: `cc61` is not a control"),
        ("{controls: [{control: \"soc2:CC6.1\", wy: x}]}", "`wy` is not known here"),
        ("{id: 4}", "custom.id: a text is wanted"),
        ("{types: [1]}", "custom.types: a list of texts is wanted"),
    ] {
        let text = format!("package main\n# METADATA\n# custom: {custom}\ndeny contains \"x\"");
        match read_all(&[&text], &Options::default()) {
            Err(ReadError::Metadata(problems)) => {
                assert!(problems[0].message.contains(told), "{}", problems[0].message);
                assert!(problems[0].span.is_some());
            }
            other => panic!("{custom}: {other:?}"),
        }
    }
}

#[test]
fn exceptions_name_rules_by_what_follows_their_first_underline() {
    let text = "package main\n\
                deny_root contains \"root\"\n\
                exception contains rules if { input.name == \"legacy\"; rules := [\"root\"] }";
    let policy = one(text);
    assert_eq!(judge(&policy, r#"{"name": "new"}"#), [fail("root")]);
    let excepted = judge(&policy, r#"{"name": "legacy"}"#);
    assert!(matches!(&excepted[..], [Verdict::Excepted { message, .. }] if message == "root"), "{excepted:?}");
}

#[test]
fn warnings_do_not_deny() {
    assert_eq!(one("package main\nwarn_old contains \"x\"").most(), Stage::Warn);
    assert_eq!(one("package main\ndeny_old contains \"x\"").most(), Stage::Enforce);
}

#[test]
fn the_same_id_for_denying_and_warning_is_two_policies() {
    let text =
        "# METADATA\n# scope: package\n# custom: {id: X}\npackage main\ndeny contains \"a\"\nwarn contains \"b\"";
    let ids: Vec<String> = policies(text).iter().map(|policy| policy.metadata().id.to_string()).collect();
    assert_eq!(ids, ["X", "X/warn"]);
}

#[test]
fn namespaces_choose_packages() {
    let texts = ["package main\ndeny contains \"a\"", "package other\ndeny contains \"b\""];
    let options = Options { namespaces: vec!["other".to_owned()], ..Options::default() };
    let read = read_all(&texts, &options).unwrap().policies;
    assert_eq!(read.iter().map(|policy| policy.metadata().id.as_str()).collect::<Vec<_>>(), ["other.deny"]);
}

#[test]
fn what_a_policy_may_not_have_is_an_error_and_not_a_pass() {
    for body in [
        "http.send({\"method\": \"get\", \"url\": \"http://localhost\"}).status_code != 200",
        "rand.intn(\"a\", 2) == 3",
    ] {
        let policy = one(&format!("package main\ndeny contains \"x\" if {body}"));
        let verdicts = judge(&policy, "{}");
        assert!(
            matches!(&verdicts[..], [Verdict::Error { message }] if message.contains("not allowed")),
            "{verdicts:?}"
        );
    }
    let policy = one("package main\ndeny contains {\"text\": \"x\"}");
    assert!(matches!(&judge(&policy, "{}")[..], [Verdict::Error { message }] if message.contains("`msg`")));
}

#[test]
fn the_time_is_the_day_of_the_evaluation() {
    let policy = one("package main\ndeny contains d if d := time.format(time.now_ns())");
    assert_eq!(judge(&policy, "{}"), [fail("2026-11-26T00:00:00Z")]);
}

#[test]
fn resources_are_judged_by_their_type_and_unknown_values_are_no_failure() {
    let policy = one(
        "package main\n# METADATA\n# custom: {types: [aws_s3_*]}\ndeny contains \"public\" if input.acl == \"public\"",
    );
    let resource = |acl: Value| subject(SubjectKind::Terraform, "aws_s3_bucket", Value::object([("acl", acl)]));
    assert_eq!(judge_subject(&policy, resource("public".into())), [fail("public")]);
    let verdicts = judge_subject(&policy, resource(Value::Unknown("var.acl".into())));
    assert!(matches!(&verdicts[..], [Verdict::Unknown { message, .. }] if message.contains("var.acl")), "{verdicts:?}");
    assert!(policy.types()[0].matches("aws_s3_bucket") && !policy.types()[0].matches("aws_vpc"));
}

#[test]
fn documents_are_judged_alone_or_together() {
    let text = "package main\ndeny contains file.path if some file in input";
    let options = Options { combine: true, ..Options::default() };
    let together = read_all(&[text], &options).unwrap().policies.remove(0);
    let document = json::read(br#"[{"path": "a.yaml", "contents": {}}]"#).unwrap();
    let combined = || subject(SubjectKind::Config, crate::COMBINED, document.clone());
    assert_eq!(judge_subject(&together, combined()), [fail("a.yaml")]);
    assert_eq!(judge(&together, "{}"), []);
    assert_eq!(judge_subject(&one(text), combined()), []);
}

#[test]
fn selectors_of_trivy_choose_documents() {
    let select = |kind: &str| {
        let text = format!(
            "# METADATA\n# scope: package\n# custom: {{input: {{selector: [{{type: {kind}}}]}}}}\npackage user.x\n\
             deny contains \"x\""
        );
        read_all(&[&text], &Options::default()).unwrap()
    };
    let toml = || subject(SubjectKind::Config, "toml", Value::object::<&str>([]));
    assert_eq!(judge_subject(&select("toml").policies[0], toml()), [fail("x")]);
    assert_eq!(judge_subject(&select("kubernetes").policies[0], toml()), []);
    let cloud = select("cloud");
    assert!(cloud.policies.is_empty());
    assert_eq!(cloud.unread_inputs["cloud"], 1);
}

#[test]
fn images_are_judged_by_modules_that_say_so() {
    let image = || subject(SubjectKind::Image, CONTAINER_IMAGE, json::read(br#"{"user": "root"}"#).unwrap());
    let kubernetes = || subject(SubjectKind::Kubernetes, "Pod", json::read(br#"{"user": "root"}"#).unwrap());
    let rule = "deny contains \"root\" if input.user == \"root\"";
    let select = |kinds: &str| {
        format!("# METADATA\n# scope: package\n# custom: {{input: {{selector: [{kinds}]}}}}\npackage main\n{rule}")
    };
    for (text, of_image, of_object) in [
        (format!("package image\n{rule}"), true, false),
        (format!("package image.user\n{rule}"), true, false),
        (format!("package images\n{rule}"), false, true),
        (format!("package main.image\n{rule}"), false, true),
        (select("{type: image}"), true, false),
        (select("{type: image}, {type: kubernetes}"), true, true),
        (select("{type: kubernetes}"), false, true),
        (format!("# METADATA\n# custom: {{types: [container_image]}}\npackage main\n{rule}"), true, false),
        (format!("package main\n{rule}"), false, true),
    ] {
        let policy = read_all(&[&text], &Options::default()).unwrap().policies.remove(0);
        let fails = |subject: Subject| {
            let is_asked = policy.types().iter().any(|selector| selector.matches(&subject.resource_type));
            is_asked && judge_subject(&policy, subject) == [fail("root")]
        };
        assert_eq!((fails(image()), fails(kubernetes())), (of_image, of_object), "{text}");
        assert_eq!(policy.judges_documents(), of_object, "{text}");
    }
}

#[test]
fn what_is_no_rego_is_told_with_its_place() {
    let Err(error) = read_all(&["package main\ndeny contains msg if {"], &Options::default()) else {
        panic!("it is read")
    };
    assert!(error.to_string().contains("policy.rego:2"), "{error}");
}

#[test]
fn connected_resources_are_seen() {
    let policy = one(
        "# METADATA\n# custom:\n#   types: [aws_s3_bucket]\npackage main\ndeny contains msg if {\n  not versioned\n  msg := \
                      sprintf(\"%s has no versions\", [data.probity.resource.address])\n}\nversioned if {\n  some other in \
                      data.probity.connected\n  other.type == \"aws_s3_bucket_versioning\"\n  \
                      other.document.versioning_configuration[_].status == \"Enabled\"\n}\n",
    );
    let read = |text: &str| json::read(text.as_bytes()).unwrap();
    let terraform = |resource_type: &str, text: &str| subject(SubjectKind::Terraform, resource_type, read(text));
    let versioning = |status: &str| {
        let text = format!(r#"{{"versioning_configuration": [{{"status": "{status}"}}]}}"#);
        terraform("aws_s3_bucket_versioning", &text)
    };
    let missing = fail("subject has no versions");
    for (status, edges, expected) in [
        ("Enabled", vec![(NodeIndex(0), NodeIndex(1))], Verdict::Pass),
        ("Suspended", vec![(NodeIndex(0), NodeIndex(1))], missing.clone()),
        ("Enabled", vec![], missing),
    ] {
        let graph = ResourceGraph::new(vec![terraform("aws_s3_bucket", "{}"), versioning(status)], edges);
        let facts = Facts::of_files(&graph, date(2026, 11, 26));
        let mut verdicts = Vec::new();
        policy.judge(graph.subject(NodeIndex(0)), NodeIndex(0), &facts, &mut verdicts);
        assert_eq!(verdicts, [expected], "{status}");
    }
}

#[test]
fn requests_are_judged_when_they_write_an_object() {
    let named = |operation, old: bool| {
        let pod = || testing::document(r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}"#);
        let (new, old) = if old { (Value::Null, pod()) } else { (pod(), Value::Null) };
        Asked::pod(operation, new, old)
    };
    let policy =
        one("package main\nimport rego.v1\ndeny contains msg if { msg := sprintf(\"%s at %d\", [input.metadata.name, \
                      time.now_ns()]) }");
    let cluster = Objects { now_ns: 7, ..Objects::default() };
    for (asked, expected) in [
        (named(Operation::Create, false), "fail: web at 7"),
        (Asked { subresource: "status", ..named(Operation::Update, false) }, ""),
        (named(Operation::Delete, true), ""),
    ] {
        assert_eq!(testing::told(&testing::judge(&policy, Ok(&asked.request()), &cluster)), expected);
    }
    assert_eq!(policy.requests().into_iter().map(|rule| rule.named).collect::<Vec<_>>(), [Named::Kind("*".into())]);
    let elsewhere = "# METADATA\n# custom:\n#   types: [aws_s3_bucket, Pod]\npackage main\nimport rego.v1\n\
                     deny contains \"no\" if true";
    let kinds: Vec<_> = one(elsewhere).requests().into_iter().map(|rule| rule.named).collect();
    assert_eq!(kinds, [Named::Kind("Pod".into())]);
}
