use std::sync::Arc;

use jiff::civil::date;
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{
    Gate, Labels, Outcome, ResourceGraph, Severity, SmolStr, SourceId, Sources, Stage, Stages, Subject, SubjectKind,
    Value,
};
use probity_policy_core::{Facts, Policy, PolicySet, Scope};
use proptest::prelude::*;

use crate::{ConstraintPolicy, Point, is_gatekeeper, read, read_at};

fn documents(text: &str) -> Vec<yaml::Document> {
    yaml::read(text, SourceId(0), Dialect::Kubernetes).unwrap()
}

fn policies_at(text: &str, point: Point) -> Result<Vec<ConstraintPolicy>, String> {
    let sources = Sources::default();
    sources.add("all.yaml", text);
    let documents = documents(text);
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    read_at(&nodes, point).map_err(|problems| {
        let lines: Vec<String> =
            problems.iter().map(|problem| problem.display(&sources, std::path::Path::new("all.yaml"))).collect();
        lines.join("\n")
    })
}

fn policies(text: &str) -> Result<Vec<ConstraintPolicy>, String> {
    policies_at(text, Point::Gator)
}

fn subject(document: Value) -> Subject {
    let text = |path: &[&str]| document.at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    Subject {
        kind: SubjectKind::Kubernetes,
        resource_type: SmolStr::from(text(&["kind"])),
        address: SmolStr::from([text(&["kind"]), text(&["metadata", "name"])].join("/")),
        document,
        span: None,
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}

/// What each policy says of each object: `policy on object: outcome stage message`.
fn findings(policy_texts: &str, objects: &str) -> Vec<String> {
    let set = PolicySet::builder(Gate::Ci, Stages::all(Stage::Enforce))
        .policies(policies(policy_texts).unwrap().into_iter().map(|policy| Arc::new(policy) as Arc<dyn Policy>));
    let set = set.build().unwrap();
    let subjects = documents(objects).into_iter().map(|document| subject(document.value)).collect();
    let graph = ResourceGraph::new(subjects, []);
    let facts = Facts::of_files(&graph, date(2026, 8, 1));
    let rulings = set.rule(&facts);
    let mut lines = Vec::new();
    for (index, subject) in graph.iter() {
        for finding in set.evaluate(subject, index, &facts, &rulings).findings {
            let (policy, stage) = (finding.policy, finding.stage);
            let line = format!("{policy} on {}: {} {stage} {}", subject.address, finding.outcome, finding.message);
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

fn template(kind: &str, rego: &str) -> String {
    let code = rego.replace('\n', "\n      ");
    format!(
        "---\napiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata:\n  name: {}\n  annotations:\n    \
         metadata.gatekeeper.sh/title: Title of {kind}\n    description: What it is for.\nspec:\n  crd:\n    spec:\n      names: \
         {{kind: {kind}}}\n      validation:\n        openAPIV3Schema:\n          type: object\n          properties:\n            \
         labels: {{type: array, items: {{type: string}}}}\n  targets:\n  - target: admission.k8s.gatekeeper.sh\n    rego: |\n      \
         {code}\n",
        kind.to_lowercase()
    )
}

fn constraint(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    )
}

fn labels() -> String {
    template(
        "NeedsLabels",
        "package needslabels\nviolation[{\"msg\": msg}] {\n  wanted := input.parameters.labels[_]\n  not \
         input.review.object.metadata.labels[wanted]\n  msg := sprintf(\"label %v is missing\", [wanted])\n}",
    )
}

const PODS: &str = "
{apiVersion: v1, kind: Pod, metadata: {name: good, namespace: shop, labels: {owner: me, team: a}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: bad, namespace: shop}}
---
{apiVersion: v1, kind: Service, metadata: {name: other, namespace: shop}}
";

const IN_PODS: &str = "match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}";

#[test]
fn a_constraint_is_a_policy_that_passes_or_fails_once_a_violation() {
    let spec = format!("{IN_PODS}, parameters: {{labels: [owner, team]}}");
    // The constraint may stand before its template.
    let texts = constraint("NeedsLabels", "owners", &spec) + &labels();
    assert_eq!(
        findings(&texts, PODS),
        [
            "NeedsLabels/owners on Pod/good: pass enforce",
            "NeedsLabels/owners on Pod/bad: fail enforce label owner is missing",
            "NeedsLabels/owners on Pod/bad: fail enforce label team is missing",
        ]
    );
}

#[test]
fn actions_bound_the_stage_and_scopes_decide_where_it_is_asked() {
    for (spec, expected) in [
        ("", Some(Stage::Enforce)),
        ("enforcementAction: deny", Some(Stage::Enforce)),
        ("enforcementAction: warn", Some(Stage::Warn)),
        ("enforcementAction: dryrun", Some(Stage::Observe)),
        (
            "enforcementAction: scoped, scopedEnforcementActions: [{action: warn, enforcementPoints: [{name: \
             gator.gatekeeper.sh}]}, {action: deny, enforcementPoints: [{name: validation.gatekeeper.sh}]}]",
            Some(Stage::Warn),
        ),
        (
            "enforcementAction: scoped, scopedEnforcementActions: [{action: warn, enforcementPoints: [{name: '*'}]}, {action: \
             deny, enforcementPoints: [{name: gator.gatekeeper.sh}]}]",
            Some(Stage::Enforce),
        ),
        (
            "enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: \
             validation.gatekeeper.sh}]}]",
            None,
        ),
    ] {
        let texts = labels() + &constraint("NeedsLabels", "owners", spec);
        let found = policies(&texts).unwrap();
        assert_eq!(found.first().map(Policy::most), expected, "{spec}");
    }
    let webhook_only = "enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: \
                        validation.gatekeeper.sh}]}]";
    let texts = labels() + &constraint("NeedsLabels", "owners", webhook_only);
    assert_eq!(policies_at(&texts, Point::Webhook).unwrap().len(), 1);
}

#[test]
fn annotations_give_title_severity_and_controls() {
    let plain = labels() + &constraint("NeedsLabels", "owners", "");
    let metadata = policies(&plain).unwrap()[0].metadata().clone();
    assert_eq!((metadata.title.as_str(), metadata.why.as_str()), ("Title of NeedsLabels", "What it is for."));
    assert_eq!((metadata.severity, metadata.controls.len()), (Severity::Medium, 0));

    let annotated = plain.replace(
        "metadata: {name: owners}",
        "metadata: {name: owners, annotations: {probity.dev/severity: high, probity.dev/controls: 'soc2:CC6.1, \
         hipaa:164.312(a)(1)'}}",
    );
    let metadata = policies(&annotated).unwrap()[0].metadata().clone();
    assert_eq!(metadata.severity, Severity::High);
    let controls: Vec<String> = metadata.controls.iter().map(|link| link.control.to_string()).collect();
    assert_eq!(controls, ["soc2:CC6.1", "hipaa:164.312(a)(1)"]);

    let wrong = annotated.replace("soc2:CC6.1", "cc6");
    assert!(policies(&wrong).map(drop).unwrap_err().contains("`cc6` is not a control"));
}

#[test]
fn objects_around_are_the_inventory_and_the_namespaces() {
    let unique = template(
        "UniqueHost",
        "package uniquehost\nviolation[{\"msg\": msg}] {\n  other := data.inventory.namespace[_][_].Ingress[name]\n  \
         other.spec.host == input.review.object.spec.host\n  name != input.review.object.metadata.name\n  msg := \
         sprintf(\"%v has that host\", [name])\n}",
    );
    let owned = template(
        "Owned",
        "package owned\nviolation[{\"msg\": msg}] {\n  msg := sprintf(\"team %v\", \
         [input.review.namespaceObject.metadata.labels.team])\n}",
    );
    let ingresses = "match: {kinds: [{kinds: [Ingress]}]}";
    let texts = unique
        + &owned
        + &constraint("UniqueHost", "hosts", ingresses)
        + &constraint(
            "Owned",
            "owned",
            "match: {kinds: [{kinds: [Ingress]}], namespaceSelector: {matchLabels: {team: a}}}",
        );
    let policies = policies(&texts).unwrap();
    assert!(policies.iter().all(|policy| policy.scope() == Scope::Graph));
    let objects = "
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: free}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: one, namespace: shop}, spec: {host: x}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: two, namespace: free}, spec: {host: x}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: three, namespace: lost}, spec: {host: y}}
";
    assert_eq!(
        findings(&texts, objects),
        [
            "Owned/owned on Ingress/one: fail enforce team a",
            "UniqueHost/hosts on Ingress/one: fail enforce two has that host",
            "UniqueHost/hosts on Ingress/two: fail enforce one has that host",
            "Owned/owned on Ingress/three: unknown enforce unable to match constraints: failed to run Match criteria: \
             namespace selector for namespace-scoped object but missing Namespace",
            "UniqueHost/hosts on Ingress/three: pass enforce",
        ]
    );
}

const EXPANSION: &str = "
---
apiVersion: expansion.gatekeeper.sh/v1beta1
kind: ExpansionTemplate
metadata: {name: pods}
spec:
  applyTo: [{groups: [apps], kinds: [Deployment], versions: [v1]}]
  templateSource: spec.template
  generatedGVK: {group: '', version: v1, kind: Pod}
";

const DEPLOYMENT: &str = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: \
                          {metadata: {labels: {team: a}}, spec: {}}}}";

#[test]
fn what_will_be_made_is_judged_too() {
    let spec = format!("{IN_PODS}, parameters: {{labels: [owner]}}");
    let texts = labels() + &constraint("NeedsLabels", "owners", &spec) + EXPANSION;
    let expected = ["NeedsLabels/owners on Deployment/web: fail enforce [Implied by pods] label owner is missing"];
    assert_eq!(findings(&texts, DEPLOYMENT), expected);

    // The expansion template says what violations of what it makes do.
    let warns = texts.clone() + "  enforcementAction: warn\n";
    let expected = ["NeedsLabels/owners@pods on Deployment/web: fail warn [Implied by pods] label owner is missing"];
    assert_eq!(findings(&warns, DEPLOYMENT), expected);

    let originals = texts.replace("kinds: [Pod]}]", "kinds: [Pod]}], source: Original");
    assert_eq!(findings(&originals, DEPLOYMENT), Vec::<String>::new());

    let mutator = "---\napiVersion: mutations.gatekeeper.sh/v1\nkind: AssignMetadata\nmetadata: {name: owner}\nspec: {location: \
                   metadata.labels.owner, parameters: {assign: {value: me}}}\n";
    assert_eq!(findings(&(texts + mutator), DEPLOYMENT), ["NeedsLabels/owners on Deployment/web: pass enforce"]);
}

#[test]
fn what_gives_no_answer_is_an_error_and_never_a_pass() {
    for (code, expected) in [
        (
            "violation[{\"msg\": \"x\"}] { external_data({\"provider\": \"p\", \"keys\": []}).errors[_] }",
            "external data is off: a call of `external_data`",
        ),
        (
            "violation[{\"msg\": \"x\"}] { http.send({\"url\": \"http://x.example\", \"method\": \"get\"}).status_code == 500 }",
            "the policy calls `http.send`, which is not allowed here",
        ),
        ("violation[{\"msg\": \"x\"}] { f(1) == 3 }\nf(x) = 1 { true }\nf(x) = 2 { true }", "eval_conflict_error"),
        ("violation[{\"msg\": m}] { m := 1 }", "`msg` of a violation must be a string, not a number"),
    ] {
        let texts = template("Odd", &format!("package odd\n{code}")) + &constraint("Odd", "odd", IN_PODS);
        let found = findings(&texts, "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}}");
        assert_eq!(found.len(), 1, "{code}: {found:?}");
        assert!(found[0].starts_with(&format!("Odd/odd on Pod/web: {}", Outcome::Error)), "{code}: {}", found[0]);
        assert!(found[0].contains(expected), "{code}: {}", found[0]);
    }
    // A call that is not reached asks for nothing.
    let code = "violation[{\"msg\": \"x\"}] { input.review.kind.kind == \"Job\"; external_data({}).errors[_] }";
    let texts = template("Odd", &format!("package odd\n{code}")) + &constraint("Odd", "odd", IN_PODS);
    assert_eq!(
        findings(&texts, "{apiVersion: v1, kind: Pod, metadata: {name: web}}"),
        ["Odd/odd on Pod/web: pass enforce"]
    );
}

#[test]
fn the_time_is_the_day_of_the_evaluation() {
    let code = "package dated\nviolation[{\"msg\": msg}] { msg := sprintf(\"%v\", [time.date(time.now_ns())]) }";
    let texts = template("Dated", code) + &constraint("Dated", "dated", IN_PODS);
    let found = findings(&texts, "{apiVersion: v1, kind: Pod, metadata: {name: web}}");
    assert_eq!(found, ["Dated/dated on Pod/web: fail enforce [2026, 8, 1]"]);
}

#[test]
fn problems_name_their_place() {
    let engine = |name: &str| {
        labels().replace("    rego: |", &format!("    code: [{{engine: {name}, source: {{}}}}]\n    unused: |"))
    };
    let native = engine("Other");
    for (texts, expected) in [
        (
            constraint("Absent", "x", ""),
            "all.yaml:2:1: there is no template for `Absent` (name the ConstraintTemplate's file",
        ),
        (native.clone(), "there is no engine for code of Other"),
        (engine("K8sNativeValidation"), "missing field `validations`"),
        // Only the template is complained about.
        (native + &constraint("NeedsLabels", "x", ""), "there is no engine for code of Other"),
        (
            labels().replace("name: needslabels", "name: other"),
            "a template for `NeedsLabels` must be called `needslabels`",
        ),
        (labels().replace("admission.k8s", "other"), "the target of a template is `admission.k8s.gatekeeper.sh`"),
        (labels() + &labels(), "there is another template for `NeedsLabels`"),
        (
            labels() + &constraint("NeedsLabels", "x", "") + &constraint("NeedsLabels", "x", ""),
            "there is another NeedsLabels `x`",
        ),
        (labels().replace("violation[", "deny["), "the code has no rule `violation`"),
        (labels().replace("wanted := ", "wanted = = "), "NeedsLabels:3: rego_parse_error"),
        (
            labels() + &constraint("NeedsLabels", "x", "parameters: {labels: [1]}"),
            "spec.parameters.labels[0] must be of type",
        ),
        (labels() + &constraint("NeedsLabels", "x", "parameters: {label: [a]}"), "does not know spec.parameters.label"),
        (labels() + &constraint("NeedsLabels", "X", ""), "`X` is no name of an object"),
        (labels() + &constraint("NeedsLabels", "x", "mach: {}"), "unknown field `mach` (did you mean `match`?)"),
        (
            labels() + &constraint("NeedsLabels", "x", "enforcementAction: block"),
            "`block` is not an enforcement action",
        ),
        (
            labels()
                + &constraint(
                    "NeedsLabels",
                    "x",
                    "enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: ci}]}]",
                ),
            "`ci` is not an enforcement point",
        ),
        (
            EXPANSION.replace("[apps]", "['']").replace("Deployment", "Pod"),
            "makes v1, Kind=Pod and applies to it as well",
        ),
        (
            "apiVersion: mutations.gatekeeper.sh/v1\nkind: Assign\nmetadata: {name: a}\n".to_owned(),
            "missing field `spec`",
        ),
    ] {
        let found = policies(&texts).map(drop).unwrap_err();
        assert!(found.contains(expected), "wanted {expected}\nfound {found}");
        assert!(found.starts_with("all.yaml:"), "{found}");
    }
}

/// A template with code in CEL.
fn native(source: &str) -> String {
    let labels = labels();
    let (head, _) = labels.split_once("    rego: |").unwrap();
    format!("{head}    code: [{{engine: K8sNativeValidation, source: {source}}}]\n")
}

#[test]
fn templates_may_be_written_in_cel() {
    let source = "{variables: [{name: missing, expression: 'variables.params.labels.filter(one, !(one in \
                  variables.anyObject.metadata.?labels.orValue({})))'}], validations: [{expression: 'size(variables.missing) \
                  == 0', messageExpression: '\"label \" + variables.missing[0] + \" is missing\"'}], matchCondition: [{name: \
                  named, expression: 'object.metadata.name != \"free\"'}]}";
    let texts =
        native(source) + &constraint("NeedsLabels", "owners", &format!("{IN_PODS}, parameters: {{labels: [owner]}}"));
    let pod = |name: &str, labels: &str| {
        format!("---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, labels: {labels}}}}}\n")
    };
    let objects = pod("bare", "{}") + &pod("owned", "{owner: me}") + &pod("free", "{}");
    assert_eq!(
        findings(&texts, &objects),
        [
            "NeedsLabels/owners on Pod/bare: fail enforce label owner is missing",
            "NeedsLabels/owners on Pod/owned: pass enforce",
            "NeedsLabels/owners on Pod/free: pass enforce",
        ]
    );
    // Without parameters there is nothing to look at, which is an error and no pass.
    let texts = native(source) + &constraint("NeedsLabels", "none", IN_PODS);
    assert!(findings(&texts, &pod("bare", "{}"))[0].starts_with("NeedsLabels/none on Pod/bare: error"));
    for (from, to, expected) in [
        ("name: missing", "name: params", "the name `params` is taken"),
        ("name: missing", "name: gatekeeper_internal_a", "are Gatekeeper's own"),
        ("size(variables.missing) == 0", "params.spec", "undeclared reference to 'params'"),
        ("matchCondition", "matchConditions", "unknown field `matchConditions`"),
    ] {
        let found = policies(&native(&source.replace(from, to))).map(drop).unwrap_err();
        assert!(found.contains(expected), "wanted {expected}\nfound {found}");
    }
}

#[test]
fn lists_hold_what_is_in_them() {
    let item = |text: &str| text.trim_start_matches("---\n").replace('\n', "\n  ");
    let all = [labels(), constraint("NeedsLabels", "a", ""), constraint("NeedsLabels", "b", "")];
    let items: String = all.iter().map(|text| format!("- {}\n", item(text).trim_end())).collect();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{items}");
    assert!(is_gatekeeper(&documents(&list)[0].value));
    assert_eq!(policies(&list).unwrap().len(), 2);
    assert!(!is_gatekeeper(&documents(PODS)[0].value));
}

/// A value of any shape with the fields that are looked at.
fn any_value() -> impl Strategy<Value = Value> {
    let words = [
        "spec",
        "metadata",
        "name",
        "kind",
        "match",
        "kinds",
        "apiGroups",
        "parameters",
        "targets",
        "target",
        "rego",
        "code",
        "libs",
        "crd",
        "names",
        "validation",
        "openAPIV3Schema",
        "type",
        "properties",
        "items",
        "location",
        "assign",
        "value",
        "applyTo",
        "groups",
        "labelSelector",
        "matchExpressions",
        "templateSource",
        "generatedGVK",
        "enforcementAction",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z.*\\[\\]:]{0,12}".prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            proptest::collection::vec((proptest::sample::select(words.to_vec()), inner), 0..6).prop_map(Value::object),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_is_read_or_refused(
        fields in proptest::collection::vec((proptest::sample::select(vec!["spec", "metadata", "items"]), any_value()), 0..3),
        kind in proptest::sample::select(vec![
            ("templates.gatekeeper.sh/v1", "ConstraintTemplate"),
            ("templates.gatekeeper.sh/v1beta1", "ConstraintTemplate"),
            ("constraints.gatekeeper.sh/v1beta1", "Needs"),
            ("mutations.gatekeeper.sh/v1", "Assign"),
            ("mutations.gatekeeper.sh/v1", "ModifySet"),
            ("mutations.gatekeeper.sh/v1", "AssignImage"),
            ("expansion.gatekeeper.sh/v1beta1", "ExpansionTemplate"),
        ]),
    ) {
        let header = [("apiVersion", Value::from(kind.0)), ("kind", Value::from(kind.1))];
        let document = Value::object(fields.into_iter().chain(header));
        let _ = read(&[Node::root(&document, None)]).map(|policies| policies.len());
    }
}
