//! Objects that cannot be read are told with their place.

use std::path::Path;

use probity_model::node::Node;
use probity_model::source::Sources;
use probity_model::yaml::{self, Dialect};
use probity_rbac::read_objects;

#[test]
fn problems_name_their_place_and_what_to_do() {
    let head = "apiVersion: rbac.authorization.k8s.io/v1\n";
    let cases = [
        (
            "kind: Role\nmetadata: {name: a}\n",
            "objects.yaml:3:1: the object is in no namespace (take the objects from the cluster, with `kubectl get -A -o json`)",
        ),
        (
            "kind: ClusterRole\nmetadata: {name: a}\nrules: [{verbs: get}]\n",
            "objects.yaml:4:10: expected a list, found a string",
        ),
        (
            "kind: ClusterRoleBinding\nmetadata: {name: a}\nroleRef: {kind: Role, name: b}\n",
            "objects.yaml:4:11: a ClusterRoleBinding cannot give a Role",
        ),
        (
            "kind: ClusterRoleBinding\nmetadata: {name: a}\nroleRef: {kind: ClusterRole, name: b}\nsubjects: [{kind: Robot, name: c}]\n",
            "objects.yaml:5:13: `Robot` is no kind of subject: expected ServiceAccount, User or Group",
        ),
        ("kind: ClusterRoleBinding\nmetadata: {name: a}\n", "objects.yaml:1:1: missing field `roleRef`"),
        ("metadata: {name: a}\n", "objects.yaml:1:1: missing field `kind`"),
    ];
    for (text, expected) in cases {
        let text = format!("{head}{text}");
        let sources = Sources::default();
        let id = sources.add("objects.yaml", text.as_str());
        let documents = yaml::read(&text, id, Dialect::Kubernetes).unwrap();
        let problem = read_objects(Node::root(&documents[0].value, documents[0].span)).unwrap_err();
        assert_eq!(problem.display(&sources, Path::new("objects.yaml")), expected);
    }
}

#[test]
fn lists_are_taken_apart_and_other_kinds_passed_over() {
    let text = "kind: List\napiVersion: v1\nitems:\n- {kind: ServiceAccount, apiVersion: v1, metadata: {name: a, namespace: shop}}\n- {kind: Pod, \
                apiVersion: v1, metadata: {name: b}}\n- {kind: Role, apiVersion: iam.example.com/v1, metadata: {name: c}}\n- kind: \
                ClusterRoleList\n  apiVersion: rbac.authorization.k8s.io/v1\n  items: [{kind: ClusterRole, apiVersion: \
                rbac.authorization.k8s.io/v1, metadata: {name: d}}]\n";
    let objects = crate::support::objects(text);
    assert_eq!(objects.len(), 2, "{objects:?}");
}
