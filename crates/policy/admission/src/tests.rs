mod requests;

use probity_model::yaml::{self, Dialect};
use probity_model::{Sources, Value};

use probity_model::node::Node;
use proptest::prelude::*;

use crate::admit::Failure;
use crate::attributes::Attributes;
use crate::host::Host;
use crate::matching::MatchResources;
use crate::read::{Set, read_set};

/// The only document of a text.
pub(crate) fn value(text: &str) -> Value {
    documents(text).remove(0).value
}

pub(crate) fn documents(text: &str) -> Vec<yaml::Document> {
    let sources = Sources::default();
    let id = sources.add("all.yaml", text);
    yaml::read(text, id, Dialect::Kubernetes).unwrap()
}

#[test]
fn rules_and_selectors_say_what_a_policy_is_about() {
    let pods = "resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]";
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop, labels: {app: x}}}";
    let deployment = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: shop}}";
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}";
    let with = |more: &str| format!("{pods}, {more}");
    for (constraints, object, expected) in [
        (pods.to_owned(), pod, Ok(true)),
        (pods.to_owned(), deployment, Ok(false)),
        (pods.replace("CREATE", "UPDATE, DELETE"), pod, Ok(false)),
        (pods.replace("[pods]", "['*']"), pod, Ok(true)),
        (pods.replace("[pods]", "['*/*']"), pod, Ok(true)),
        (pods.replace("[pods]", "[pods/exec]"), pod, Ok(false)),
        (pods.replace("{api", "{resourceNames: [a], api"), pod, Ok(true)),
        (pods.replace("{api", "{resourceNames: [b], api"), pod, Ok(false)),
        (pods.replace("{api", "{scope: Cluster, api"), pod, Ok(false)),
        (pods.replace("{api", "{scope: Namespaced, api"), pod, Ok(true)),
        (pods.replace("pods", "namespaces").replace("{api", "{scope: Namespaced, api"), namespace, Ok(false)),
        (pods.replace("pods", "namespaces").replace("{api", "{scope: Cluster, api"), namespace, Ok(true)),
        (
            with(
                "excludeResourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: [pods]}]",
            ),
            pod,
            Ok(false),
        ),
        (with("objectSelector: {matchLabels: {app: x}}"), pod, Ok(true)),
        (with("objectSelector: {matchLabels: {app: z}}"), pod, Ok(false)),
        (with("namespaceSelector: {matchLabels: {team: a}}"), pod, Err(())),
        (with("namespaceSelector: {matchLabels: {team: a}}"), deployment, Ok(false)),
        (with("namespaceSelector: {matchLabels: {team: a}}").replace("pods", "namespaces"), namespace, Ok(true)),
        // Another version of the same resource is the same objects.
        (pods.replace("''", "apps").replace("[v1]", "[v1beta1]").replace("pods", "deployments"), deployment, Ok(true)),
        (
            pods.replace("''", "extensions").replace("[v1]", "[v1beta1]").replace("pods", "deployments"),
            deployment,
            Ok(true),
        ),
        (
            with("matchPolicy: Exact")
                .replace("''", "apps")
                .replace("[v1]", "[v1beta1]")
                .replace("pods", "deployments"),
            deployment,
            Ok(false),
        ),
    ] {
        let constraints = value(&format!("{{{constraints}}}"));
        let resources = MatchResources::read(Node::root(&constraints, None)).unwrap();
        let found = resources.matches(&Attributes::of_object(&value(object)));
        assert_eq!(found.map(|matched| matched.is_some()).map_err(drop), expected, "{constraints:?} {object}");
    }
}

#[test]
fn a_policy_sees_the_version_that_it_names() {
    let constraints = value(
        "{resourceRules: [{apiGroups: [apps], apiVersions: [v1beta1], operations: ['*'], resources: [deployments]}]}",
    );
    let resources = MatchResources::read(Node::root(&constraints, None)).unwrap();
    let attributes = Attributes::of_object(&value("{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}}"));
    let matched = resources.matches(&attributes).unwrap().unwrap();
    let request = attributes.request(&matched);
    assert_eq!(request.at(&["kind", "version"]), Some(&"v1beta1".into()));
    assert_eq!(request.at(&["requestKind", "version"]), Some(&"v1".into()));
    assert_eq!(matched.convert(&attributes.object).get("apiVersion"), Some(&"apps/v1beta1".into()));
}

const POLICY: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas, annotations: {probity.dev/severity: high, probity.dev/controls: 'soc2:CC6.1'}}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  variables:
  - {name: replicas, expression: object.spec.?replicas.orValue(1)}
  matchConditions:
  - {name: named, expression: object.metadata.name != 'free'}
  validations:
  - expression: variables.replicas <= 3
    messageExpression: \"'too many replicas: ' + string(variables.replicas)\"
  - {expression: object.spec.paused == false, message: must not be paused, reason: Forbidden}
  auditAnnotations:
  - {key: count, valueExpression: \"'replicas: ' + string(variables.replicas)\"}
";

const BINDING: &str = "
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: all}
spec: {policyName: replicas, validationActions: [Deny]}
";

fn deployment(name: &str, spec: &str) -> Value {
    value(&format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}, namespace: shop}}, spec: {spec}}}"
    ))
}

#[test]
fn or_value_of_what_is_no_optional_is_that() {
    let text = POLICY.replace("object.spec.?replicas.orValue(1)", "object.spec.replicas.orValue(1 / 0)");
    let attributes = Attributes::of_object(&deployment("web", "{replicas: 4, paused: false}"));
    assert_eq!(failures(&set(&(text + BINDING)), &attributes, &[]).len(), 1);
}

fn set(text: &str) -> Set {
    let documents = documents(text);
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    read_set(&nodes).unwrap()
}

fn failures(set: &Set, attributes: &Attributes, objects: &[Value]) -> Vec<String> {
    set.validate(attributes, objects, Host::default()).failures.iter().map(Failure::message).collect()
}

#[test]
fn a_policy_is_applied_through_its_binding() {
    let policies = set(&format!("{POLICY}{BINDING}"));
    let prefix = "ValidatingAdmissionPolicy 'replicas' with binding 'all' denied request:";
    for (name, spec, expected) in [
        ("web", "{replicas: 3, paused: false}", vec![]),
        ("web", "{replicas: 4, paused: false}", vec!["too many replicas: 4"]),
        ("web", "{replicas: 5, paused: true}", vec!["too many replicas: 5", "must not be paused"]),
        ("web", "{}", vec!["expression 'object.spec.paused == false' resulted in error: no such key: paused"]),
        ("free", "{replicas: 9}", vec![]),
    ] {
        let expected: Vec<String> = expected.iter().map(|message| format!("{prefix} {message}")).collect();
        let attributes = Attributes::of_object(&deployment(name, spec));
        assert_eq!(failures(&policies, &attributes, &[]), expected, "{name} {spec}");
    }
    let attributes = Attributes::of_object(&deployment("web", "{replicas: 2, paused: false}"));
    let answer = policies.validate(&attributes, &[], Host::default());
    assert_eq!(answer.annotations, [("replicas/count".to_owned(), "replicas: 2".to_owned())]);
    // Failures that are ignored deny nothing.
    let ignoring =
        set(&format!("{}{BINDING}", POLICY.replace("  variables:", "  failurePolicy: Ignore\n  variables:")));
    assert_eq!(failures(&ignoring, &Attributes::of_object(&deployment("web", "{}")), &[]), Vec::<String>::new());
    // Without a binding nothing is applied.
    let attributes = Attributes::of_object(&deployment("web", "{replicas: 4, paused: false}"));
    assert_eq!(failures(&set(POLICY), &attributes, &[]), Vec::<String>::new());
}

#[test]
fn parameters_are_found_as_the_binding_says() {
    let policy = POLICY
        .replace("  variables:", "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  variables:")
        .replace("variables.replicas <= 3", "params == null || variables.replicas <= int(params.data.most)");
    let binding = |reference: &str| BINDING.replace("validation", &format!("paramRef: {{{reference}}}, validation"));
    let limits = [
        value(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop, labels: {limit: x}}, data: {most: '5'}}",
        ),
        value(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: shop, labels: {limit: x}}, data: {most: '2'}}",
        ),
        value("{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: other}, data: {most: '1'}}"),
    ];
    let attributes = Attributes::of_object(&deployment("web", "{replicas: 4, paused: false}"));
    for (reference, expected) in [
        ("name: a, parameterNotFoundAction: Deny", vec![]),
        ("name: b, parameterNotFoundAction: Deny", vec!["too many replicas: 4"]),
        ("name: c, namespace: other, parameterNotFoundAction: Deny", vec!["too many replicas: 4"]),
        ("selector: {matchLabels: {limit: x}}, parameterNotFoundAction: Deny", vec!["too many replicas: 4"]),
        ("name: d, parameterNotFoundAction: Allow", vec![]),
        (
            "name: d, parameterNotFoundAction: Deny",
            vec!["failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"],
        ),
    ] {
        let policies = set(&format!("{policy}{}", binding(reference)));
        let prefix = "ValidatingAdmissionPolicy 'replicas' with binding 'all' denied request:";
        let expected: Vec<String> = expected.iter().map(|message| format!("{prefix} {message}")).collect();
        assert_eq!(failures(&policies, &attributes, &limits), expected, "{reference}");
    }
}

const MUTATING: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NAME}
spec:
  reinvocationPolicy: IfNeeded
  matchConstraints:
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  mutations: [MUTATION]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME}
---
";

fn mutating(name: &str, kind: &str, field: &str, expression: &str) -> String {
    let mutation =
        format!("{{patchType: {kind}, {field}: {{expression: {}}}}}", probity_model::json::write(&expression.into()));
    MUTATING.replace("NAME", name).replace("MUTATION", &mutation)
}

#[test]
fn objects_are_changed_and_policies_asked_again() {
    let label = mutating(
        "a-label",
        "ApplyConfiguration",
        "applyConfiguration",
        "Object{metadata: Object.metadata{labels: {'count': string(size(object.spec.containers))}}}",
    );
    let sidecar = mutating(
        "b-sidecar",
        "JSONPatch",
        "jsonPatch",
        "[JSONPatch{op: 'test', path: '/spec/containers/0/name', value: 'main'}, JSONPatch{op: 'add', path: \
         '/spec/containers/-', value: Object.spec.containers{name: 'side', image: 'x'}}]",
    );
    let pod = value(
        "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, spec: {containers: [{name: main, image: i}]}}",
    );
    let changed = set(&format!("{label}{sidecar}")).mutate(&Attributes::of_object(&pod), &[], Host::default()).unwrap();
    assert_eq!(changed.at(&["metadata", "labels", "count"]), Some(&"2".into()));
    assert_eq!(changed.at(&["spec", "containers"]), Some(&value("[{name: main, image: i}, {name: side, image: x}]")));

    let wrong =
        mutating("c", "ApplyConfiguration", "applyConfiguration", "Object{spec: Object.wrong{hostNetwork: true}}");
    let denied = set(&wrong).mutate(&Attributes::of_object(&pod), &[], Host::default()).unwrap_err();
    assert!(denied[0].contains("unexpected type name \"Object.wrong\", expected \"Object.spec\""), "{denied:?}");
}

#[test]
fn problems_name_their_place() {
    for (from, to, expected) in [
        ("validations:", "validation:", "unknown field `validation`"),
        ("operations", "operation", "unknown field `operation`"),
        ("[CREATE, UPDATE]", "[CREAT]", "`CREAT` is not an operation"),
        ("variables.replicas <= 3", "variables.replica <= 3", "undefined field 'replica'"),
        ("variables.replicas <= 3", "objects.spec", "undeclared reference to 'objects'"),
        ("variables.replicas <= 3", "object.spec.replicas", "must evaluate to bool but got dyn"),
        ("object.spec.paused == false", "object.spec.paused ==", "Syntax error"),
        ("Forbidden", "Never", "`Never` is not a reason"),
        ("name: replicas, expression", "name: 1a, expression", "`1a` is not a name for a variable"),
        ("/v1\n", "/v2\n", "the versions of admission policies are v1, v1beta1, v1alpha1"),
    ] {
        let text = POLICY.replacen(from, to, 1);
        let documents = documents(&text);
        let problems = read_set(&[Node::root(&documents[0].value, documents[0].span)]).map(drop).unwrap_err();
        assert!(problems[0].message.contains(expected), "{to}: {problems:?}");
        assert!(problems[0].span.is_some());
    }
}

/// A value of any shape with the fields that are looked at.
fn any_value() -> impl Strategy<Value = Value> {
    let words = [
        "spec",
        "metadata",
        "name",
        "policyName",
        "matchConstraints",
        "matchResources",
        "resourceRules",
        "apiGroups",
        "apiVersions",
        "operations",
        "resources",
        "scope",
        "namespaceSelector",
        "matchLabels",
        "paramKind",
        "paramRef",
        "selector",
        "parameterNotFoundAction",
        "validations",
        "expression",
        "message",
        "messageExpression",
        "reason",
        "variables",
        "matchConditions",
        "auditAnnotations",
        "key",
        "valueExpression",
        "mutations",
        "patchType",
        "applyConfiguration",
        "jsonPatch",
        "reinvocationPolicy",
        "validationActions",
        "failurePolicy",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z.()'*<=0-9 ]{0,12}".prop_map(Value::from),
        proptest::sample::select(vec!["*", "CREATE", "Deny", "JSONPatch", "true", "object.a", "variables.a"])
            .prop_map(Value::from),
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
        spec in any_value(),
        kind in proptest::sample::select(vec![
            "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
        ]),
    ) {
        let document = Value::object([
            ("apiVersion", Value::from("admissionregistration.k8s.io/v1")),
            ("kind", Value::from(kind)),
            ("metadata", Value::object([("name", Value::from("a"))])),
            ("spec", spec),
        ]);
        let pod = value("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}}");
        if let Ok(set) = read_set(&[Node::root(&document, None)]) {
            let _ = set.validate(&Attributes::of_object(&pod), &[], Host::default());
        }
    }
}
