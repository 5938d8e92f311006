use probity_model::node::Node;

use super::pod;
use crate::exclusion::{Exclude, describe, evaluate, exclude};
use crate::{Level, Pod, Version};

fn read(text: &str) -> Result<Exclude, String> {
    let value = probity_model::json::read(text.as_bytes()).unwrap();
    Exclude::read(Node::root(&value, None)).map_err(|problem| problem.message)
}

/// What is left forbidden, by id.
fn left(level: Level, excludes: &[&str], changes: &str) -> Vec<&'static str> {
    let object = pod(changes);
    let excludes: Vec<Exclude> = excludes.iter().map(|text| read(text).unwrap()).collect();
    let results = evaluate(level, Version::Latest, &excludes, &Pod::of(&object).unwrap().unwrap()).unwrap();
    results.iter().map(|result| result.id).collect()
}

const ADDING: &str = r#"{"spec": {"containers": [
    {"image": "nginx:1", "securityContext": {"capabilities": {"add": ["SYS_ADMIN", "NET_ADMIN"]}}},
    {"name": "b", "image": "busybox:1", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}"#;

#[test]
fn without_excludes_every_check_of_the_level_is_asked() {
    assert!(left(Level::Restricted, &[], "{}").is_empty());
    // Also those that a stricter one takes the place of.
    assert_eq!(left(Level::Restricted, &[], ADDING), ["capabilities_baseline", "capabilities_restricted"]);
    assert_eq!(left(Level::Baseline, &[], ADDING), ["capabilities_baseline"]);
}

#[test]
fn containers_are_excluded_by_image() {
    for (exclude, expected) in [
        (r#"{"controlName": "Capabilities", "images": ["nginx*"]}"#, &[][..]),
        (r#"{"controlName": "Capabilities", "images": ["busybox*"]}"#, &["capabilities_baseline"]),
        (r#"{"controlName": "Capabilities", "images": ["busybox*", "nginx:?"]}"#, &[]),
        (r#"{"controlName": "Host Ports", "images": ["*"]}"#, &["capabilities_baseline"]),
        // Capabilities are what containers say, so that the Pod's own has none of it.
        (r#"{"controlName": "Capabilities"}"#, &["capabilities_baseline"]),
        (
            r#"{"controlName": "Capabilities", "images": ["*"], "restrictedField": "spec.containers[*].securityContext.capabilities.add"}"#,
            &[],
        ),
        (
            r#"{"controlName": "Capabilities", "images": ["*"], "restrictedField": "spec.initContainers[*].securityContext.capabilities.add"}"#,
            &["capabilities_baseline"],
        ),
        (
            r#"{"controlName": "Capabilities", "images": ["*"], "restrictedField": "spec.containers[*].securityContext.capabilities.add", "values": ["*_ADMIN"]}"#,
            &[],
        ),
        (
            r#"{"controlName": "Capabilities", "images": ["*"], "restrictedField": "spec.containers[*].securityContext.capabilities.add", "values": ["SYS_ADMIN"]}"#,
            &["capabilities_baseline"],
        ),
    ] {
        assert_eq!(left(Level::Baseline, &[exclude], ADDING), expected, "{exclude}");
    }
}

#[test]
fn what_the_pod_says_is_excluded_without_images() {
    let changes = r#"{"spec": {"hostPID": true, "hostNetwork": true, "securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}}}"#;
    for (excludes, expected) in [
        (&[][..], &["hostNamespaces", "sysctls"][..]),
        (&[r#"{"controlName": "Host Namespaces"}"#], &["sysctls"]),
        (&[r#"{"controlName": "Host Namespaces", "restrictedField": "spec.hostPID"}"#], &["hostNamespaces", "sysctls"]),
        (
            &[
                r#"{"controlName": "Host Namespaces", "restrictedField": "spec.hostPID"}"#,
                r#"{"controlName": "Host Namespaces", "restrictedField": "spec.hostNetwork", "values": ["true"]}"#,
                r#"{"controlName": "Sysctls", "restrictedField": "spec.securityContext.sysctls[*].name", "values": ["kernel.*"]}"#,
            ],
            &[],
        ),
    ] {
        assert_eq!(left(Level::Baseline, excludes, changes), expected, "{excludes:?}");
    }
}

#[test]
fn exceptions_exclude_from_what_is_left() {
    let object = pod(r#"{"spec": {"hostPID": true, "containers": [{"securityContext": {"privileged": true}}]}}"#);
    let pod = Pod::of(&object).unwrap().unwrap();
    let results = evaluate(Level::Baseline, Version::Latest, &[], &pod).unwrap();
    assert_eq!(
        describe(&results, "Pod"),
        "(Forbidden reason: host namespaces, field error list: [spec.hostPID is forbidden, forbidden values found: true])\
         (Forbidden reason: privileged, field error list: [spec.containers[0].securityContext.privileged is forbidden, \
         forbidden values found: true])"
    );
    let more = [read(r#"{"controlName": "Host Namespaces"}"#).unwrap()];
    let results = exclude(Level::Baseline, Version::Latest, &more, results, &pod).unwrap();
    assert_eq!(results.iter().map(|result| result.id).collect::<Vec<_>>(), ["privileged"]);
}

#[test]
fn the_message_is_kyverno_s() {
    let object = probity_model::json::read(
        br#"{"kind": "Pod", "metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}},
            "spec": {"hostPID": true, "volumes": [{"name": "v", "hostPath": {"path": "/etc"}}], "containers": [
                {"name": "a", "image": "nginx:1", "livenessProbe": {"httpGet": {"host": "x", "port": 80}}, "securityContext":
                    {"privileged": true, "capabilities": {"add": ["SYS_ADMIN", "NET_ADMIN"]}}},
                {"name": "b", "image": "busybox", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]}}"#,
    );
    let object = object.unwrap();
    let pod = Pod::of(&object).unwrap().unwrap();
    let excludes = [
        r#"{"controlName": "Capabilities", "images": ["nginx*"], "values": ["*_ADMIN"],
            "restrictedField": "spec.containers[*].securityContext.capabilities.add"}"#,
        r#"{"controlName": "Running as Non-root"}"#,
    ]
    .map(|text| read(text).unwrap());
    // Its command line says so of this Pod, of level privileged as well; there the order changes with every run.
    let expected = "(Forbidden reason: allowPrivilegeEscalation != false, field error list: \
        [spec.containers[0].securityContext.allowPrivilegeEscalation is forbidden, forbidden values found: nil, \
        spec.containers[1].securityContext.allowPrivilegeEscalation is forbidden, forbidden values found: nil])\
        (Forbidden reason: forbidden AppArmor profile, field error list: \
        [spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/a] is forbidden, forbidden values found: unconfined])\
        (Forbidden reason: non-default capabilities, field error list: \
        [spec.containers[1].securityContext.capabilities.add is forbidden, forbidden values found: [SYS_ADMIN]])\
        (Forbidden reason: unrestricted capabilities, field error list: \
        [spec.containers[0].securityContext.capabilities.drop: Required value, \
        spec.containers[1].securityContext.capabilities.drop: Required value, \
        spec.containers[1].securityContext.capabilities.add is forbidden, forbidden values found: [SYS_ADMIN]])\
        (Forbidden reason: host namespaces, field error list: [spec.hostPID is forbidden, forbidden values found: true])\
        (Forbidden reason: hostPath volumes, field error list: [spec.volumes[0].hostPath is forbidden, forbidden values found: /etc])\
        (Forbidden reason: probe or lifecycle host, field error list: [])\
        (Forbidden reason: privileged, field error list: \
        [spec.containers[0].securityContext.privileged is forbidden, forbidden values found: true])\
        (Forbidden reason: restricted volume types, field error list: [spec.volumes[0].hostPath: Forbidden])\
        (Forbidden reason: runAsNonRoot != true, field error list: \
        [spec.containers[1].securityContext.runAsNonRoot: Required value])\
        (Forbidden reason: seccompProfile, field error list: \
        [spec.containers[0].securityContext.seccompProfile.type: Required value, \
        spec.containers[1].securityContext.seccompProfile.type: Required value])";
    for level in [Level::Restricted, Level::Privileged] {
        let results = evaluate(level, Version::Minor(24), &excludes, &pod).unwrap();
        assert_eq!(describe(&results, "Pod"), expected);
    }
}

#[test]
fn what_is_wrong_with_an_exclude_is_said() {
    for (text, expected) in [
        (r#"{"images": []}"#, "missing field `controlName`"),
        (r#"{"controlName": "Capability"}"#, "`Capability` is no control of the Pod Security Standards"),
        (r#"{"controlName": "Sysctls", "value": []}"#, "unknown field `value`"),
    ] {
        assert_eq!(read(text).unwrap_err(), expected);
    }
}
