//! Sets of policies, and what they say of plans.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;
use probity_model::{
    CONTAINER_IMAGE, Decision, Gate, Labels, NodeIndex, Outcome, ResourceGraph, Sources, Stage, Stages, Subject,
    SubjectKind, Value, WHOLE_PLAN, Waived, Waiver, json,
};
use probity_policy_core::{Facts, Policy, PolicySet};
use probity_policy_sentinel::set::{self, Options, Set};

const PLAN: &str = r#"{"format_version": "1.2", "planned_values": {"root_module": {}}, "resource_changes": [
  {"address": "aws_s3_bucket.logs", "mode": "managed", "type": "aws_s3_bucket", "name": "logs",
   "change": {"actions": ["create"], "before": null, "after": {"acl": "public-read"}, "after_unknown": {"id": true}}},
  {"address": "module.a.aws_s3_bucket.this[0]", "module_address": "module.a", "mode": "managed", "type": "aws_s3_bucket",
   "name": "this", "index": 0,
   "change": {"actions": ["create"], "before": null, "after": {"acl": "private"}, "after_unknown": {}}}]}"#;

fn read(files: &[(&str, &str)]) -> Set {
    let texts: BTreeMap<PathBuf, Arc<str>> =
        files.iter().map(|(path, text)| (PathBuf::from(path), Arc::from(*text))).collect();
    set::read(texts, &Options::default(), &Sources::default())
}

fn judge(set: Set, plan: &str, waivers: Vec<Waiver>) -> Decision {
    judge_document(set, json::read(plan.as_bytes()).unwrap(), waivers)
}

fn judge_document(set: Set, document: Value, waivers: Vec<Waiver>) -> Decision {
    judge_subject(set, SubjectKind::TerraformPlan, document, waivers)
}

fn judge_subject(set: Set, kind: SubjectKind, document: Value, waivers: Vec<Waiver>) -> Decision {
    assert_eq!(set.problems, Vec::<String>::new());
    let policies = set.policies.into_iter().map(|policy| Arc::new(policy) as Arc<dyn Policy>);
    let stages = Stages::all(Stage::Enforce);
    let set = PolicySet::builder(Gate::Ci, stages).policies(policies).waivers(waivers).build().unwrap();
    let subject = Subject {
        resource_type: if kind == SubjectKind::Image { CONTAINER_IMAGE } else { WHOLE_PLAN }.into(),
        kind,
        address: "plan.json".into(),
        document,
        span: None,
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    };
    let graph = ResourceGraph::new(vec![subject], Vec::new());
    let facts = Facts::of_files(&graph, Date::constant(2026, 11, 27));
    let index = NodeIndex(0);
    set.evaluate(graph.subject(index), index, &facts, &set.rule(&facts))
}

fn told(decision: &Decision) -> Vec<String> {
    let line = |finding: &probity_model::Finding| {
        format!("{} {} {}: {}", finding.policy, finding.stage, finding.outcome, finding.message)
    };
    decision.findings.iter().map(line).collect()
}

/// One policy by itself on the plan.
fn one(policy: &str) -> Vec<String> {
    told(&judge(read(&[("acl.sentinel", policy)]), PLAN, Vec::new()))
}

#[test]
fn policies_that_import_image_judge_images() {
    let text = "import \"image\"\n\nmain = rule { image.config.user is \"65534\" }\n";
    let of = |kind: SubjectKind, document: &str| {
        let document = json::read(document.as_bytes()).unwrap();
        told(&judge_subject(read(&[("user.sentinel", text)]), kind, document, Vec::new()))
    };
    assert_eq!(of(SubjectKind::Image, r#"{"config": {"user": "65534"}}"#), ["user enforce pass: "]);
    let failed = of(SubjectKind::Image, r#"{"config": {"user": "0"}}"#);
    assert!(failed[0].starts_with("user enforce fail: image.config.user is \"65534\" is false"), "{failed:?}");
    let undefined = of(SubjectKind::Image, "{}");
    assert!(undefined[0].starts_with("user enforce error: "), "{undefined:?}");
    // It is asked of no plan, and one that imports a plan of no image.
    assert!(of(SubjectKind::TerraformPlan, PLAN).is_empty());
    let other = read(&[("acl.sentinel", &format!("{HEAD}main = rule {{ false }}\n"))]);
    let image = json::read(b"{}").unwrap();
    assert!(told(&judge_subject(other, SubjectKind::Image, image, Vec::new())).is_empty());
}

const HEAD: &str = "import \"tfplan/v2\" as tfplan\n";

#[test]
fn a_failure_names_its_resources() {
    for (policy, expected) in [
        (
            "main = rule { all tfplan.resource_changes as address, rc { rc.change.after.acl is \"private\" } }",
            "acl enforce fail: aws_s3_bucket.logs: rc.change.after.acl is \"private\" is false (acl.sentinel:2:60)",
        ),
        (
            "bad = filter tfplan.resource_changes as _, rc { rc.change.after.acl is not \"private\" }\n\
             main = rule { bad is empty }",
            "acl enforce fail: aws_s3_bucket.logs: bad is empty is false (acl.sentinel:3:15)",
        ),
        (
            "bad = filter tfplan.resource_changes as _, rc { rc.change.after.acl is not \"private\" }\n\
             count = length(bad)\nmain = rule { count is 0 }",
            "acl enforce fail: aws_s3_bucket.logs: count is 0 is false (acl.sentinel:4:15)",
        ),
        (
            "said = [{\"address\": \"aws_s3_bucket.logs\", \"message\": \"Everybody reads it.\"}]\n\
             main = rule { said is empty }",
            "acl enforce fail: aws_s3_bucket.logs: Everybody reads it.",
        ),
        ("main = rule { 1 is 2 }", "acl enforce fail: 1 is 2 is false (acl.sentinel:2:15)"),
        ("main = [1]", "acl enforce fail: `main` is [1]"),
    ] {
        assert_eq!(one(&format!("{HEAD}{policy}")), [expected], "{policy}");
    }
}

#[test]
fn only_what_is_true_passes() {
    for (policy, expected) in [
        ("main = rule { length(tfplan.resource_changes) is 2 }", "acl enforce pass: "),
        (
            "main = rule { tfplan.resource_changes[\"aws_s3_bucket.logs\"].change.after.tags.owner is \"a\" }",
            "acl enforce error: `main` is undefined: acl.sentinel:2:15: ",
        ),
        ("main = rule { error(\"stop\") }", "acl enforce error: acl.sentinel:2:15: "),
        (
            "import \"http\"\nmain = rule { http.get(\"http://a.example\").status_code is 200 }",
            "acl enforce error: acl",
        ),
        ("param a\nmain = a", "acl enforce error: acl.sentinel:2:7: "),
        ("import \"tfrun\"\nmain = rule { tfrun.id is \"a\" }", "acl enforce error: acl.sentinel:2:1: "),
    ] {
        let found = one(&format!("{HEAD}{policy}"));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{policy}\n{found:?}");
    }
}

#[test]
fn the_run_of_a_plan_is_an_import() {
    let plan =
        PLAN.replacen('{', r#"{"tfrun": {"id": "run-1", "workspace": {"name": "portal"}, "is_destroy": false},"#, 1);
    for (policy, expected) in [
        ("main = rule { tfrun.workspace.name is \"portal\" and not tfrun.is_destroy }", "acl enforce pass: "),
        ("main = rule { tfrun.workspace.name is \"other\" }", "acl enforce fail: tfrun.workspace.name is"),
    ] {
        let set = read(&[("acl.sentinel", &format!("import \"tfrun\"\n{policy}"))]);
        let found = told(&judge(set, &plan, Vec::new()));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{policy}\n{found:?}");
    }
}

#[test]
fn what_is_not_known_yet_is_not_decided() {
    let after = Value::object([("acl", Value::Unknown("var.acl".into()))]);
    let change = Value::object([("actions", Value::array(["create".into()])), ("after", after)]);
    let resource = [("address", Value::from("aws_s3_bucket.a")), ("type", "aws_s3_bucket".into()), ("change", change)];
    let plan = Value::object([
        ("format_version", Value::from("1.2")),
        ("resource_changes", Value::array([Value::object(resource)])),
    ]);
    for (condition, expected) in [
        ("rc.change.after.acl is \"private\"", "acl enforce unknown: waits for var.acl"),
        ("rc.change.after.acl else \"private\" is \"private\"", "acl enforce unknown: waits for var.acl"),
        (
            "rc.change.after.acl else \"public\" is \"private\"",
            "acl enforce fail: aws_s3_bucket.a: rc.change.after.acl else \"public\" is \"private\" is false \
             (acl.sentinel:2:54), with var.acl, which is not known yet, taken for absent",
        ),
        ("rc.type is \"aws_s3_bucket\"", "acl enforce pass: "),
    ] {
        let policy = format!("{HEAD}main = rule {{ all tfplan.resource_changes as _, rc {{ {condition} }} }}");
        let set = read(&[("acl.sentinel", &policy)]);
        assert_eq!(told(&judge_document(set, plan.clone(), Vec::new())), [expected], "{condition}");
    }
}

#[test]
fn a_configuration_says_which_policies_there_are_and_what_they_weigh() {
    let set = read(&[
        (
            "policies/sentinel.hcl",
            "import \"module\" \"words\" { source = \"../lib/words.sentinel\" }\n\
             import \"static\" \"limits\" {\n source = \"./limits.json\"\n format = \"json\"\n }\n\
             mock \"tfplan/v2\" { data = {} }\n\
             param \"most\" { value = 1 }\n\
             policy \"told\" { source = \"./told.sentinel\" }\n\
             policy \"asked\" {\n source = \"./told.sentinel\"\n enforcement_level = \"soft-mandatory\"\n }\n\
             policy \"beside\" {\n enforcement_level = \"hard-mandatory\"\n params = {\n most = 2\n most = 3\n }\n }",
        ),
        ("lib/words.sentinel", "limit = func(n) { return n }"),
        ("policies/limits.json", r#"{"most": 0}"#),
        ("policies/told.sentinel", "import \"limits\"\nmain = rule { limits.most > 0 }"),
        (
            "policies/beside.sentinel",
            "import \"words\"\nimport \"tfplan/v2\" as tfplan\nparam most\nmain = rule { words.limit(most) is 1 or tfplan.resource_changes is empty }",
        ),
        ("policies/not-named.sentinel", "main = false"),
        ("other/own.sentinel", "main = true"),
        ("other/module.sentinel", "a = 1"),
    ]);
    let waiver = |policy: &str| Waiver {
        of: Waived::Policies(policy.into()),
        subject: "*".into(),
        reason: "moving".to_owned(),
        requested_by: "ann@example.com".to_owned(),
        approved_by: "bob@example.com".to_owned(),
        expires: Date::constant(2026, 12, 31),
        span: None,
    };
    let decision = judge(set, PLAN, vec![waiver("asked"), waiver("beside")]);
    insta::assert_snapshot!(told(&decision).join("\n"), @r"
    asked enforce waived: limits.most > 0 is false (policies/told.sentinel:2:15)
    beside enforce fail: words.limit(most) is 1 is false (policies/beside.sentinel:4:15)
    own enforce pass: 
    told warn fail: limits.most > 0 is false (policies/told.sentinel:2:15)
    ");
    let refused = decision.findings.iter().find(|finding| finding.policy.as_str() == "beside").unwrap();
    assert_eq!(refused.outcome, Outcome::Fail);
    assert_eq!(refused.reason.as_deref(), Some("the policy accepts no waiver"));
}

#[test]
fn what_is_wrong_with_a_set_names_its_file() {
    for (files, expected) in [
        (
            &[("a/sentinel.hcl", "policy \"x\" { source = \"./x.sentinel\" }")][..],
            "a/x.sentinel: there is no such file",
        ),
        (
            &[("a/sentinel.hcl", "policy \"x\" { source = \"git::https://a.example/b\" }")],
            "sources elsewhere are not fetched",
        ),
        (&[("a/sentinel.hcl", "polcy \"x\" {}")], "a/sentinel.hcl:1:1: there is no block `polcy`"),
        (
            &[("a/sentinel.hcl", "import \"plugin\" \"x\" { source = \"./run\" }")],
            "plugins are programs, which are not run",
        ),
        (&[("x.sentinel", "main = rule {")], "x.sentinel:1:"),
    ] {
        let problems = read(files).problems;
        assert!(problems.len() == 1 && problems[0].contains(expected), "{files:?}\n{problems:?}");
    }
}
