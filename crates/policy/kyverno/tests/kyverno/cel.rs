//! The kinds of policies.kyverno.io.

use jiff::civil::date;
use probity_model::node::Node;
use probity_model::{CONTAINER_IMAGE, Labels, ResourceGraph, SmolStr, Stage, Subject, SubjectKind, Value};
use probity_policy_core::{Facts, Policy as _, Scope, Verdict};
use probity_policy_kyverno::cel::{self, CelPolicies, Given, JudgingPolicy};
use probity_policy_kyverno::{Answer, Host, Offline, Request};
use proptest::prelude::*;

use crate::support::{documents, value};

fn try_read(text: &str) -> Result<CelPolicies, Vec<String>> {
    let documents = documents(text);
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    CelPolicies::read(&nodes).map_err(|problems| problems.into_iter().map(|problem| problem.message).collect())
}

fn policies(text: &str) -> CelPolicies {
    try_read(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

/// A policy of a kind on some resources; what it says is indented by two.
fn policy(kind: &str, resources: &str, says: &str) -> String {
    let group = if ["deployments"].contains(&resources) { "apps" } else { "" };
    format!(
        "apiVersion: policies.kyverno.io/v1\nkind: {kind}\nmetadata: {{name: p}}\nspec:\n  matchConstraints:\n    \
         resourceRules:\n    - {{apiGroups: ['{group}'], apiVersions: [v1], operations: [CREATE, UPDATE], resources: \
         [{resources}]}}\n{says}---\n"
    )
}

/// What is said of an object: status and message of each rule.
fn said(text: &str, object: &str, host: &dyn Host) -> Vec<String> {
    let applied = policies(text).apply(&Request::of_object(&value(object)), &Given::default(), host);
    let rules = applied.responses.into_iter().flat_map(|told| told.response.rules);
    rules.map(|rule| format!("{}: {}", rule.status.as_str(), rule.message)).collect()
}

const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: \
                   {containers: [{name: a, image: 'ghcr.io/a/b:1'}]}}";

/// A host that has some things.
struct Known;

impl probity_policy_jmespath::Host for Known {
    fn now_ns(&self) -> Result<i64, String> {
        Ok(1_764_000_000_000_000_000)
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        buffer.fill(7);
        Ok(())
    }
}

impl Host for Known {
    fn resource(&self, _: &str, plural: &str, namespace: &str, name: &str) -> Answer {
        let found = value("{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {tier: gold}}");
        Ok(if (plural, namespace, name) == ("configmaps", "shop", "c") { found } else { Value::Null })
    }

    fn resources(&self, _: &str, _: &str, _: &str) -> Answer {
        Ok(value("[{metadata: {name: a, labels: {x: '1'}}}, {metadata: {name: b}}]"))
    }

    fn http(&self, method: &str, url: &str, _: &Value, _: &[(SmolStr, String)]) -> Answer {
        Ok(Value::object([("asked", Value::from(format!("{method} {url}")))]))
    }

    fn global_context(&self, name: &str) -> Answer {
        Ok(Value::object([("name", Value::from(name))]))
    }

    fn image_data(&self, reference: &str) -> Answer {
        Ok(Value::object([("resolvedImage", Value::from(format!("{reference}@sha256:1")))]))
    }
}

#[test]
fn expressions_must_hold() {
    for (validations, expected) in [
        ("[{expression: 'object.metadata.name == \"web\"', message: bad}]", "pass: success"),
        ("[{expression: 'object.metadata.name == \"x\"', message: bad}]", "fail: bad"),
        (
            "[{expression: 'false', messageExpression: '\"not \" + object.metadata.name', message: bad}]",
            "fail: not web",
        ),
        ("[{expression: 'object.spec.none == 1'}]", "error: error: no such key: none"),
        ("[{expression: 'variables.v.size() == 2'}]", "fail: CEL expression validation failed at index 0"),
        ("[{expression: 'oldObject.size() == 0 && request.operation == \"CREATE\"'}]", "pass: success"),
    ] {
        let says =
            format!("  variables: [{{name: v, expression: object.spec.containers}}]\n  validations: {validations}\n");
        let found = said(&policy("ValidatingPolicy", "pods", &says), POD, &Offline);
        assert!(found[0].starts_with(expected), "{validations}: {found:?}");
    }
}

#[test]
fn libraries_give_what_the_host_has() {
    for expression in [
        "resource.Get(\"v1\", \"configmaps\", \"shop\", \"c\").data.tier == \"gold\"",
        "resource.List(\"v1\", \"configmaps\", \"shop\").items.size() == 2",
        "resource.List(\"v1\", \"configmaps\", \"shop\", {\"x\": \"1\"}).items.size() == 1",
        "http.Get(\"http://a.example/x\").asked == \"GET http://a.example/x\"",
        "globalContext.Get(\"g\", \"\").name == \"g\"",
        "image.GetMetadata(\"a:1\").resolvedImage == \"a:1@sha256:1\"",
        "parseServiceAccount(\"system:serviceaccount:shop:robot\").Name == \"robot\"",
        "json.unmarshal(\"{\\\"a\\\": [1]}\").a[0] == 1",
        "json.unmarshal(\"{\\\"a\\\": 1}\").a + 0.5 == 1.5",
        "json.marshal(json.unmarshal(\"{\\\"a\\\": 1}\")) == \"{\\\"a\\\":1}\"",
        "yaml.parse(\"a: [1]\").a[0] == 1",
        "sha256(\"a\").startsWith(\"ca978112\")",
        "math.round(2.567, 2) == 2.57",
        "time.now() > timestamp(\"2025-01-01T00:00:00Z\")",
        "random(\"[a-c]{4}\").matches(\"^[a-c]{4}$\")",
        "listObjToMap([{\"a\": \"x\"}], [{\"b\": \"y\"}], \"a\", \"b\").x == \"y\"",
        "image(\"ghcr.io/a/b:1\").registry() == \"ghcr.io\"",
    ] {
        let says = format!("  validations: [{{expression: '{expression}'}}]\n");
        let text = policy("ValidatingPolicy", "pods", &says);
        assert_eq!(said(&text, POD, &Known), ["pass: success"], "{expression}");
        let closed = ["resource.", "http.", "globalContext.", "image.Get", "time.", "random"];
        if closed.iter().any(|name| expression.starts_with(name)) {
            let refused = said(&text, POD, &Offline);
            assert!(refused[0].starts_with("error: "), "{expression}: {refused:?}");
        }
    }
}

#[test]
fn certificates_are_decoded() {
    let pem = |text: &str| text.replace('\n', "\\n");
    let certificate = pem(include_str!("../../../jmespath/src/tests/testdata/rsa.pem"));
    let request = pem(include_str!("../../../jmespath/src/tests/testdata/request.pem"));
    let curve = pem(include_str!("../../../jmespath/src/tests/testdata/curve.pem"));
    for (given, expression, expected) in [
        (&certificate, "variables.c.Issuer.CommonName == \"example.com\"", "pass: success"),
        (
            &certificate,
            "variables.c.IsCA && variables.c.KeyUsage == 33 && variables.c.MaxPathLen == -1",
            "pass: success",
        ),
        // Go's numbers in JSON are doubles.
        (
            &certificate,
            "type(variables.c.PublicKeyAlgorithm) == double && variables.c.PublicKey.E + 1.0 > 2.0",
            "pass: success",
        ),
        (&certificate, "type(variables.c.PublicKey.N) == string", "pass: success"),
        // Of the serial number the lowest 64 bits are left.
        (&certificate, "variables.c.SerialNumber == double(-7657873095378777151)", "pass: success"),
        (&certificate, "variables.c.NotAfter == \"2036-11-23T18:09:49Z\"", "pass: success"),
        (&certificate, "timestamp(variables.c.NotAfter) > timestamp(variables.c.NotBefore)", "pass: success"),
        // These are among what is told of a certificate to JMESPath only.
        (&certificate, "has(variables.c.Subject) || has(variables.c.Version)", "fail: "),
        (&request, "variables.c.Subject.CommonName == \"example.com\"", "pass: success"),
        (&curve, "variables.c.IsCA == true", "certificate should use rsa algorithm"),
        (&"none".to_owned(), "variables.c.IsCA == true", "failed to decode PEM block"),
    ] {
        let says = format!(
            "  variables: [{{name: c, expression: 'x509.decode(\"{given}\")'}}]\n  validations: [{{expression: \
             '{expression}'}}]\n"
        );
        let found = said(&policy("ValidatingPolicy", "pods", &says), POD, &Offline);
        assert!(found[0].contains(expected), "{expression}: {found:?}");
    }
}

#[test]
fn what_makes_pods_is_judged_by_policies_on_pods() {
    let says = "  validations: [{expression: 'object.spec.containers.all(c, c.image.startsWith(\"ghcr.io/\"))'}]\n";
    let text = policy("ValidatingPolicy", "pods", says);
    let of = |image: &str| {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{template: {{spec: {{containers: \
             [{{name: a, image: '{image}'}}]}}}}}}}}"
        )
    };
    assert_eq!(said(&text, &of("ghcr.io/a"), &Offline), ["pass: success"]);
    assert_eq!(said(&text, &of("quay.io/a"), &Offline), ["fail: CEL expression validation failed at index 0"]);
    let only_pods = text.replace("  validations", "  autogen: {podControllers: {controllers: []}}\n  validations");
    assert!(said(&only_pods, &of("quay.io/a"), &Offline).is_empty());
}

#[test]
fn exceptions_count_for_all_or_for_some() {
    let says = "  validations:\n  - expression: 'object.spec.containers.all(c, c.image in exceptions.allowedImages)'\n";
    let text = policy("ValidatingPolicy", "pods", says);
    let exception = |more: &str| {
        format!(
            "apiVersion: policies.kyverno.io/v1\nkind: PolicyException\nmetadata: {{name: e, namespace: ops}}\nspec:\n  \
             policyRefs: [{{name: p, kind: ValidatingPolicy}}]\n  matchConditions: [{{name: web, expression: \
             'object.metadata.name == \"web\"'}}]\n{more}"
        )
    };
    for (more, expected) in [
        ("", "skip: rule is skipped due to policy exception: ops/e"),
        ("  reportResult: pass\n", "pass: rule is passed due to policy exception: ops/e"),
        ("  images: ['ghcr.io/a/b:1']\n", "pass: success"),
        ("  images: ['ghcr.io/a/b:2']\n", "fail: CEL expression validation failed at index 0"),
        ("  expiresAt: '2020-01-01T00:00:00Z'\n", "fail: CEL expression validation failed at index 0"),
    ] {
        assert_eq!(said(&(text.clone() + &exception(more)), POD, &Known), [expected], "{more}");
    }
    let other = text.clone() + &exception("").replace("\"web\"", "\"other\"");
    assert_eq!(said(&other, POD, &Known), ["fail: CEL expression validation failed at index 0"]);
}

#[test]
fn objects_are_changed_and_made() {
    let text = policy(
        "MutatingPolicy",
        "pods",
        "  mutations:\n  - patchType: ApplyConfiguration\n    applyConfiguration: {expression: 'Object{metadata: \
         Object.metadata{labels: {\"x\": \"1\"}}}'}\n  - patchType: JSONPatch\n    jsonPatch: {expression: \
         '[JSONPatch{op: \"add\", path: \"/metadata/labels/\" + jsonpatch.escapeKey(\"a/b\"), value: \
         object.metadata.labels.x}]'}\n",
    );
    let applied = policies(&text).apply(&Request::of_object(&value(POD)), &Given::default(), &Offline);
    let object = applied.object.unwrap();
    assert_eq!(object.at(&["metadata", "labels"]), Some(&value("{app: web, x: '1', a/b: '1'}")));

    let text = policy(
        "GeneratingPolicy",
        "pods",
        "  variables:\n  - {name: made, expression: '[{\"apiVersion\": dyn(\"v1\"), \"kind\": dyn(\"ConfigMap\"), \
         \"metadata\": dyn({\"name\": \"made\"})}]'}\n  generate: [{expression: 'generator.Apply(\"shop\", \
         variables.made)'}]\n",
    );
    let applied = policies(&text).apply(&Request::of_object(&value(POD)), &Given::default(), &Offline);
    let made = &applied.responses[0].response.rules[0].generated;
    assert_eq!(made, &[value("{apiVersion: v1, kind: ConfigMap, metadata: {name: made, namespace: shop}}")]);
}

#[test]
fn objects_are_deleted_when_conditions_hold() {
    let says =
        "  schedule: '*/5 * * * *'\n  conditions: [{name: web, expression: 'object.metadata.name == \"web\"'}]\n";
    let text = policy("DeletingPolicy", "pods", says);
    let given = Given { scheduled: true, ..Given::default() };
    let of = |object: &str| {
        let applied = policies(&text).apply(&Request::of_object(&value(object)), &given, &Offline);
        applied.responses[0].response.rules[0].status.as_str()
    };
    assert_eq!(of(POD), "pass");
    assert_eq!(of(&POD.replace("name: web", "name: other")), "fail");
    assert!(said(&text, POD, &Offline).is_empty());
    let problems = try_read(&text.replace("*/5 * * * *", "sometimes")).unwrap_err();
    assert!(problems[0].contains("sometimes"), "{problems:?}");
}

#[test]
fn signatures_that_cannot_be_verified_are_an_error() {
    let says = "  matchImageReferences: [{glob: 'ghcr.io/*'}]\n  attestors: [{name: a, cosign: {key: {data: k}}}]\n  \
                validationConfigurations: {verifyDigest: false, required: false}\n  validations:\n  - expression: \
                'images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(n, n > 0)'\n";
    let text = policy("ImageValidatingPolicy", "pods", says);
    let found = said(&text, POD, &Offline);
    assert!(found[0].starts_with("error: ") && found[0].contains("could not be verified"), "{found:?}");
}

#[test]
fn documents_may_be_no_objects() {
    let text = "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: p}\nspec:\n  evaluation: \
                {mode: JSON}\n  validations: [{expression: 'object.port < 1024', message: high}]\n";
    let of = |document: &str| {
        let applied = policies(text).apply_to_json(&value(document), &Offline);
        applied.responses[0].response.rules[0].status.as_str()
    };
    assert_eq!(of("{port: 80}"), "pass");
    assert_eq!(of("{port: 8080}"), "fail");
    assert_eq!(of("{}"), "error");
}

#[test]
fn problems_are_named() {
    for (says, expected) in [
        ("  validation: []\n", "validation"),
        ("  validations: [{expression: 'object.'}]\n", "Syntax error"),
        ("  validations: [{expression: '1'}]\n", "bool"),
        ("  validations: [{expression: 'variables.none'}]\n", "none"),
        ("  evaluation: {mode: Carrier}\n  validations: []\n", "Carrier"),
        ("  validationActions: [Shout]\n  validations: []\n", "Shout"),
        ("  failurePolicy: Maybe\n  validations: []\n", "Maybe"),
    ] {
        let problems = try_read(&policy("ValidatingPolicy", "pods", says)).unwrap_err();
        assert!(problems[0].contains(expected), "{says}: {problems:?}");
    }
}

fn subject(document: &Value, kind: SubjectKind) -> Subject {
    let text = |path: &[&str]| document.at(path).and_then(Value::as_str).unwrap_or_default();
    Subject {
        kind,
        resource_type: text(&["kind"]).into(),
        address: text(&["metadata", "name"]).into(),
        document: document.clone(),
        span: None,
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}

fn scanned(text: &str) -> Vec<JudgingPolicy> {
    let documents = documents(text);
    assert!(documents.iter().all(|document| cel::is_kyverno_cel(&document.value)));
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    cel::read(&nodes).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

fn verdicts(policy: &JudgingPolicy, objects: &str) -> Vec<Verdict> {
    let subjects: Vec<Subject> =
        documents(objects).iter().map(|document| subject(&document.value, SubjectKind::Kubernetes)).collect();
    let graph = ResourceGraph::new(subjects, []);
    let facts = Facts::of_files(&graph, date(2026, 1, 1));
    if policy.scope() == Scope::Graph {
        return policy.judge_graph(&facts).into_iter().map(|(_, verdict)| verdict).collect();
    }
    let mut all = Vec::new();
    for (index, subject) in graph.iter() {
        if policy.types().iter().any(|selector| selector.matches(&subject.resource_type)) {
            policy.judge(subject, index, &facts, &mut all);
        }
    }
    all
}

fn fail(message: &str) -> Verdict {
    Verdict::Fail { message: message.to_owned(), span: None }
}

#[test]
fn policies_are_asked_in_a_scan() {
    let says = "  validationActions: [Audit, Warn]\n  validations: [{expression: 'has(object.metadata.labels)', \
                message: no labels}]\n";
    let annotated = "metadata: {name: p, annotations: {policies.kyverno.io/severity: high, probity.dev/controls: \
                     'soc2:CC6.1'}}";
    let text = policy("ValidatingPolicy", "pods", says).replacen("metadata: {name: p}", annotated, 1);
    let policies = scanned(&text);
    let [policy] = policies.as_slice() else { panic!("one policy") };
    assert_eq!((policy.metadata().id.to_string(), policy.metadata().controls.len()), ("p".to_owned(), 1));
    assert_eq!((policy.most(), policy.scope()), (Stage::Warn, Scope::Subject));
    let bare = "{apiVersion: v1, kind: Pod, metadata: {name: bare}}";
    assert_eq!(
        verdicts(policy, &format!("{POD}\n---\n{bare}\n---\n{{apiVersion: v1, kind: Service}}")),
        [Verdict::Pass, fail("no labels")]
    );
}

#[test]
fn what_is_around_is_asked_for_in_a_scan() {
    let of = |expression: &str| {
        policy("ValidatingPolicy", "pods", &format!("  validations: [{{expression: '{expression}'}}]\n"))
    };
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {tier: gold}}}";
    let by_namespace = scanned(&of("namespaceObject.metadata.labels.tier == \"gold\""));
    assert_eq!(verdicts(&by_namespace[0], &format!("{POD}\n---\n{namespace}")), [Verdict::Pass]);
    assert!(matches!(verdicts(&by_namespace[0], POD).as_slice(), [Verdict::Unknown { .. }]));
    let gets = scanned(&of("resource.Get(\"v1\", \"configmaps\", \"shop\", \"c\").data.a == \"1\""));
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}, data: {a: '1'}}";
    assert_eq!(verdicts(&gets[0], &format!("{POD}\n---\n{map}")), [Verdict::Pass]);
    assert!(matches!(verdicts(&gets[0], POD).as_slice(), [Verdict::Error { .. }]));
}

#[test]
fn exceptions_are_told_in_a_scan() {
    let text = policy("ValidatingPolicy", "pods", "  validations: [{expression: 'false'}]\n")
        + "apiVersion: policies.kyverno.io/v1\nkind: PolicyException\nmetadata: {name: e, namespace: ops}\nspec: \
           {policyRefs: [{name: p, kind: ValidatingPolicy}]}\n";
    assert!(matches!(verdicts(&scanned(&text)[0], POD).as_slice(), [Verdict::Excepted { .. }]));
}

#[test]
fn policies_of_a_namespace_judge_what_is_in_it() {
    let text = policy("NamespacedValidatingPolicy", "pods", "  validations: [{expression: 'false', message: m}]\n");
    let text = text.replacen("metadata: {name: p}", "metadata: {name: p, namespace: shop}", 1);
    let policies = scanned(&text);
    assert_eq!(policies[0].metadata().id.to_string(), "shop/p");
    assert_eq!(verdicts(&policies[0], POD), [fail("m")]);
    assert!(verdicts(&policies[0], &POD.replace("shop", "other")).is_empty());
}

#[test]
fn policies_in_json_mode_may_be_about_images() {
    let text = |annotations: &str| {
        format!(
            "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {{name: p, annotations: \
             {annotations}}}\nspec:\n  evaluation: {{mode: JSON}}\n  validations: [{{expression: 'object.user != \"root\"', \
             message: root}}]\n"
        )
    };
    let judged = |text: &str, kind: SubjectKind| {
        let policy = scanned(text).remove(0);
        let image = Subject {
            resource_type: if kind == SubjectKind::Image { CONTAINER_IMAGE } else { "json" }.into(),
            ..subject(&value("{user: root}"), kind)
        };
        let graph = ResourceGraph::new(vec![image], []);
        let facts = Facts::of_files(&graph, date(2026, 1, 1));
        let mut all = Vec::new();
        for (index, subject) in graph.iter() {
            if policy.types().iter().any(|selector| selector.matches(&subject.resource_type)) {
                policy.judge(subject, index, &facts, &mut all);
            }
        }
        all
    };
    let (images, files) = (text("{probity.dev/subject: image}"), text("{}"));
    assert_eq!(judged(&images, SubjectKind::Image), [fail("root")]);
    assert_eq!(judged(&images, SubjectKind::Config), []);
    assert_eq!(judged(&files, SubjectKind::Image), []);
    assert_eq!(judged(&files, SubjectKind::Config), [fail("root")]);
    for (wrong, expected) in [
        (text("{probity.dev/subject: plan}"), "`plan` is not known"),
        (images.replace("  evaluation: {mode: JSON}\n", ""), "set spec.evaluation.mode to JSON"),
    ] {
        let documents = documents(&wrong);
        let nodes = [Node::root(&documents[0].value, documents[0].span)];
        let Err(problems) = cel::read(&nodes) else { panic!("it is read") };
        assert!(problems[0].message.contains(expected), "{problems:?}");
    }
}

const KINDS: &[&str] =
    &["ValidatingPolicy", "MutatingPolicy", "GeneratingPolicy", "DeletingPolicy", "ImageValidatingPolicy"];

fn anything() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "object",
        "pods",
        "*",
        "v1",
        "apps",
        "CREATE",
        "Deny",
        "JSON",
        "true",
        "object.spec",
        "variables.a",
        "Fail",
        "[1",
        "images.containers",
        "Object{}",
        "JSONPatch",
        "ApplyConfiguration",
        "0 0 * * *",
        "a",
        "-1",
    ]);
    let keys = prop::sample::select(vec![
        "matchConstraints",
        "resourceRules",
        "apiGroups",
        "apiVersions",
        "operations",
        "resources",
        "validations",
        "expression",
        "message",
        "messageExpression",
        "variables",
        "name",
        "matchConditions",
        "conditions",
        "schedule",
        "mutations",
        "patchType",
        "jsonPatch",
        "applyConfiguration",
        "generate",
        "autogen",
        "podControllers",
        "controllers",
        "evaluation",
        "mode",
        "attestors",
        "cosign",
        "key",
        "data",
        "matchImageReferences",
        "glob",
        "images",
        "failurePolicy",
        "validationActions",
        "targetMatchConstraints",
        "auditAnnotations",
        "other",
    ]);
    let scalar = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::Bool), words.prop_map(Value::from),];
    scalar.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::array),
            prop::collection::vec((keys.clone(), inner), 0..6).prop_map(Value::object),
        ]
    })
}

proptest! {
    #[test]
    fn any_policy_is_read_or_refused(kind in prop::sample::select(KINDS), spec in anything()) {
        let policy = Value::object([
            ("apiVersion", Value::from("policies.kyverno.io/v1")),
            ("kind", Value::from(kind)),
            ("metadata", Value::object([("name", Value::from("p"))])),
            ("spec", spec),
        ]);
        if let Ok(policies) = CelPolicies::read(&[Node::root(&policy, None)]) {
            let given = Given { scheduled: true, ..Given::default() };
            let _ = policies.apply(&Request::of_object(&value(POD)), &given, &Offline);
            let _ = policies.apply_to_json(&value(POD), &Offline);
        }
    }
}

#[test]
fn what_is_wrong_is_told_with_policy_and_path() {
    for (says, expected) in [
        (
            "  validations:\n  - expression: 'true'\n  - expression: objct.metadata.name\n",
            "ValidatingPolicy `p`: spec.validations[1].expression: undeclared reference to 'objct' (in container '') at \
             1:1 in `objct.metadata.name`",
        ),
        ("  validation: []\n", "ValidatingPolicy `p`: spec.validation: unknown field `validation`"),
        (
            "  variables: [{name: a, expression: 'size(1)'}]\n",
            "ValidatingPolicy `p`: spec.variables[0].expression: found no matching overload for 'size'",
        ),
        ("  failurePolicy: Maybe\n", "ValidatingPolicy `p`: spec.failurePolicy: `Maybe` is not a failure policy"),
    ] {
        let problems = try_read(&policy("ValidatingPolicy", "pods", says)).expect_err(says);
        assert!(problems[0].starts_with(expected), "{problems:?}\n{expected}");
    }
}
