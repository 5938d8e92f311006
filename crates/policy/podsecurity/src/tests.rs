mod exclusions;

use probity_model::{Value, json};
use proptest::prelude::*;

use super::*;

/// A Pod that is allowed everywhere; `spec` and `containers` are written over its own.
fn pod(changes: &str) -> Value {
    let changes = json::read(changes.as_bytes()).unwrap_or_else(|problem| panic!("{changes}: {problem}"));
    let hardened = json::read(
        br#"{"kind": "Pod", "metadata": {"name": "p"}, "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "a", "image": "nginx:1", "securityContext":
                {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}"#,
    );
    merged(&hardened.unwrap(), &changes)
}

/// Objects are merged, lists element by element; null takes a field away.
fn merged(under: &Value, over: &Value) -> Value {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            let kept = under.iter().filter(|(key, _)| over.get_key(key).is_none());
            let kept = kept.map(|(key, value)| (key.clone(), value.clone()));
            let changed = over.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
                (key.clone(), under.get_key(key).map_or_else(|| value.clone(), |old| merged(old, value)))
            });
            Value::Object(kept.chain(changed).collect())
        }
        (Value::Array(under), Value::Array(over)) => {
            let longest = under.len().max(over.len());
            Value::array((0..longest).map(|index| match (under.get(index), over.get(index)) {
                (Some(old), Some(new)) => merged(old, new),
                (old, new) => new.or(old).cloned().unwrap_or_default(),
            }))
        }
        (_, over) => over.clone(),
    }
}

/// What the check of this id says: reason, detail, and the fields.
fn found(id: &str, version: Version, object: &Value) -> Option<String> {
    let pod = Pod::of(object).unwrap().unwrap();
    let check = CONTROLS.iter().find(|check| check.id == id).unwrap();
    let forbidden = check.run(version, &pod).unwrap().forbidden?;
    let fields: Vec<String> = forbidden.fields.iter().flatten().map(ToString::to_string).collect();
    Some(format!("{} | {} | {}", forbidden.reason, forbidden.detail, fields.join(", ")))
}

/// Changes to the Pod, the version, and what is found; nothing when it is allowed.
fn check(id: &str, table: &[(&str, &str, &str)]) {
    for (changes, version, expected) in table {
        let found = found(id, version.parse().unwrap(), &pod(changes));
        assert_eq!(found.as_deref().unwrap_or_default(), *expected, "{id} in {version}: {changes}");
    }
}

const SECOND: &str = r#"{"name": "b", "image": "busybox"}"#;

#[test]
fn a_hardened_pod_is_allowed_by_every_level_and_version() {
    let object = pod("{}");
    let pod = Pod::of(&object).unwrap().unwrap();
    for minor in 24..=40 {
        for level in [Level::Privileged, Level::Baseline, Level::Restricted] {
            let results = evaluate(level, Version::Minor(minor), &pod).unwrap();
            assert!(results.iter().all(CheckResult::is_allowed), "{level} {minor}: {results:?}");
        }
    }
}

#[test]
fn levels_ask_their_checks() {
    let object = pod("{}");
    let pod = Pod::of(&object).unwrap().unwrap();
    let ids = |level, version: &str| -> Vec<&str> {
        let results = evaluate(level, version.parse().unwrap(), &pod).unwrap();
        results.iter().map(|result| result.id).collect()
    };
    assert!(ids(Level::Privileged, "latest").is_empty());
    let baseline = [
        "appArmorProfile",
        "capabilities_baseline",
        "hostNamespaces",
        "hostPathVolumes",
        "hostPorts",
        "privileged",
        "procMount",
        "seLinuxOptions",
        "seccompProfile_baseline",
        "sysctls",
        "windowsHostProcess",
    ];
    assert_eq!(ids(Level::Baseline, "v1.24"), baseline);
    assert_eq!(ids(Level::Baseline, "v1.33"), baseline);
    assert_eq!(ids(Level::Baseline, "v1.34")[5], "hostProbesAndHostLifecycle");
    assert_eq!(ids(Level::Baseline, "latest").len(), 12);
    assert_eq!(
        ids(Level::Restricted, "v1.24"),
        [
            "appArmorProfile",
            "hostNamespaces",
            "hostPorts",
            "privileged",
            "procMount",
            "seLinuxOptions",
            "sysctls",
            "windowsHostProcess",
            "allowPrivilegeEscalation",
            "capabilities_restricted",
            "restrictedVolumes",
            "runAsNonRoot",
            "runAsUser",
            "seccompProfile_restricted",
        ]
    );
    assert!(!ids(Level::Restricted, "v1.22").contains(&"runAsUser"));
    assert!(ids(Level::Restricted, "v1.21").contains(&"capabilities_baseline"));
}

#[test]
fn privilege_escalation() {
    check(
        "allowPrivilegeEscalation",
        &[
            ("{}", "latest", ""),
            (
                r#"{"spec": {"containers": [{"securityContext": {"allowPrivilegeEscalation": true}}]}}"#,
                "latest",
                "allowPrivilegeEscalation != false | container \"a\" must set \
                 securityContext.allowPrivilegeEscalation=false | \
                 spec.containers[0].securityContext.allowPrivilegeEscalation is forbidden, forbidden values found: true",
            ),
            (
                &format!(
                    r#"{{"spec": {{"initContainers": [{SECOND}], "containers": [{{"securityContext": {{"allowPrivilegeEscalation": null}}}}]}}}}"#
                ),
                "v1.24",
                "allowPrivilegeEscalation != false | containers \"b\", \"a\" must set \
                 securityContext.allowPrivilegeEscalation=false | \
                 spec.initContainers[0].securityContext.allowPrivilegeEscalation: Required value, \
                 spec.containers[0].securityContext.allowPrivilegeEscalation is forbidden, forbidden values found: nil",
            ),
            (r#"{"spec": {"os": {"name": "windows"}, "containers": [{"securityContext": null}]}}"#, "v1.25", ""),
            (
                r#"{"spec": {"os": {"name": "windows"}, "containers": [{"securityContext": null}]}}"#,
                "v1.24",
                "allowPrivilegeEscalation != false | container \"a\" must set \
                 securityContext.allowPrivilegeEscalation=false | \
                 spec.containers[0].securityContext.allowPrivilegeEscalation: Required value",
            ),
        ],
    );
}

#[test]
fn app_armor() {
    check(
        "appArmorProfile",
        &[
            ("{}", "latest", ""),
            (r#"{"spec": {"securityContext": {"appArmorProfile": {"type": "Localhost"}}}}"#, "latest", ""),
            (
                r#"{"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "localhost/x"}}}"#,
                "latest",
                "",
            ),
            (
                r#"{"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": ""}}}"#,
                "latest",
                "",
            ),
            (
                r#"{"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}},
                    "spec": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}},
                             "containers": [{"securityContext": {"appArmorProfile": {"type": "Other"}}}]}}"#,
                "v1.30",
                "forbidden AppArmor profiles | pod and container \"a\" and annotation must not set AppArmor profile type to \
                 \"Other\", \"Unconfined\", \"container.apparmor.security.beta.kubernetes.io/a=\"unconfined\"\" | \
                 spec.securityContext.appArmorProfile.type is forbidden, forbidden values found: Unconfined, \
                 spec.containers[0].securityContext.appArmorProfile.type is forbidden, forbidden values found: Other, \
                 metadata.annotations[container.apparmor.security.beta.kubernetes.io/a] is forbidden, forbidden values \
                 found: unconfined",
            ),
        ],
    );
}

#[test]
fn capabilities() {
    let adding = r#"{"spec": {"containers": [{"securityContext": {"capabilities": {"add": ["SYS_ADMIN", "CHOWN", "NET_RAW", "NET_BIND_SERVICE"]}}}]}}"#;
    check(
        "capabilities_baseline",
        &[
            ("{}", "latest", ""),
            (
                r#"{"spec": {"containers": [{"securityContext": {"capabilities": {"add": ["CHOWN", "KILL"]}}}]}}"#,
                "latest",
                "",
            ),
            (
                adding,
                "latest",
                "non-default capabilities | container \"a\" must not include \"NET_RAW\", \"SYS_ADMIN\" in \
                 securityContext.capabilities.add | spec.containers[0].securityContext.capabilities.add is forbidden, \
                 forbidden values found: [NET_RAW SYS_ADMIN]",
            ),
        ],
    );
    check(
        "capabilities_restricted",
        &[
            ("{}", "latest", ""),
            (
                r#"{"spec": {"containers": [{"securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"]}}}]}}"#,
                "latest",
                "",
            ),
            (
                adding,
                "v1.25",
                "unrestricted capabilities | container \"a\" must not include \"CHOWN\", \"NET_RAW\", \"SYS_ADMIN\" in \
                 securityContext.capabilities.add | spec.containers[0].securityContext.capabilities.add is forbidden, \
                 forbidden values found: [CHOWN NET_RAW SYS_ADMIN]",
            ),
            (
                r#"{"spec": {"initContainers": [{"name": "i"}], "containers": [{"securityContext": {"capabilities": {"drop": ["KILL"], "add": ["A"]}}}]}}"#,
                "v1.25",
                "unrestricted capabilities | containers \"i\", \"a\" must set securityContext.capabilities.drop=[\"ALL\"]; \
                 container \"a\" must not include \"A\" in securityContext.capabilities.add | \
                 spec.initContainers[0].securityContext.capabilities.drop: Required value, \
                 spec.containers[0].securityContext.capabilities.drop is forbidden, forbidden values found: [KILL], \
                 spec.containers[0].securityContext.capabilities.add is forbidden, forbidden values found: [A]",
            ),
            (
                r#"{"spec": {"containers": [{"securityContext": {"capabilities": {"drop": null}}}]}}"#,
                "v1.22",
                "unrestricted capabilities | container \"a\" must set securityContext.capabilities.drop=[\"ALL\"] | \
                 spec.containers[0].securityContext.capabilities.drop: Required value",
            ),
            (r#"{"spec": {"os": {"name": "windows"}, "containers": [{"securityContext": null}]}}"#, "v1.25", ""),
        ],
    );
}

#[test]
fn what_is_the_host_s() {
    check(
        "hostNamespaces",
        &[
            (r#"{"spec": {"hostNetwork": false}}"#, "latest", ""),
            (
                r#"{"spec": {"hostNetwork": true, "hostPID": true, "hostIPC": true}}"#,
                "latest",
                "host namespaces | hostNetwork=true, hostPID=true, hostIPC=true | \
                 spec.hostNetwork is forbidden, forbidden values found: true, \
                 spec.hostPID is forbidden, forbidden values found: true, \
                 spec.hostIPC is forbidden, forbidden values found: true",
            ),
        ],
    );
    check(
        "hostPathVolumes",
        &[
            (r#"{"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}"#, "latest", ""),
            (
                r#"{"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/etc"}}, {"name": "w", "hostPath": {}}]}}"#,
                "latest",
                "hostPath volumes | volumes \"v\", \"w\" | \
                 spec.volumes[0].hostPath is forbidden, forbidden values found: /etc, spec.volumes[1].hostPath: Forbidden",
            ),
        ],
    );
    check(
        "hostPorts",
        &[
            (r#"{"spec": {"containers": [{"ports": [{"containerPort": 80, "hostPort": 0}]}]}}"#, "latest", ""),
            (
                r#"{"spec": {"containers": [{"ports": [{"hostPort": 80}, {"hostPort": 8080}]}], "ephemeralContainers": [{"name": "e", "ports": [{"hostPort": 9}]}]}}"#,
                "latest",
                "hostPort | containers \"a\", \"e\" use hostPorts 80, 8080, 9 | \
                 spec.containers[0].ports[0].hostPort is forbidden, forbidden values found: 80, \
                 spec.containers[0].ports[1].hostPort is forbidden, forbidden values found: 8080, \
                 spec.ephemeralContainers[0].ports[0].hostPort is forbidden, forbidden values found: 9",
            ),
        ],
    );
    check(
        "hostProbesAndHostLifecycle",
        &[
            (r#"{"spec": {"containers": [{"livenessProbe": {"httpGet": {"port": 80, "host": ""}}}]}}"#, "latest", ""),
            (
                r#"{"spec": {"containers": [{"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}, "lifecycle": {"preStop": {"tcpSocket": {"host": "x"}}}}]}}"#,
                "v1.34",
                "probe or lifecycle host | container \"a\" uses probe or lifecycle hosts \"10.0.0.1\", \"x\" | ",
            ),
        ],
    );
    check(
        "windowsHostProcess",
        &[
            (r#"{"spec": {"securityContext": {"windowsOptions": {"hostProcess": false}}}}"#, "latest", ""),
            (
                r#"{"spec": {"securityContext": {"windowsOptions": {"hostProcess": true}}, "containers": [{"securityContext": {"windowsOptions": {"hostProcess": true}}}]}}"#,
                "latest",
                "hostProcess | pod and container \"a\" must not set securityContext.windowsOptions.hostProcess=true | \
                 spec.securityContext.windowsOptions.hostProcess is forbidden, forbidden values found: true, \
                 spec.containers[0].securityContext.windowsOptions.hostProcess is forbidden, forbidden values found: true",
            ),
        ],
    );
}

#[test]
fn what_containers_are() {
    check(
        "privileged",
        &[
            (r#"{"spec": {"containers": [{"securityContext": {"privileged": false}}]}}"#, "latest", ""),
            (
                r#"{"spec": {"containers": [{"securityContext": {"privileged": true}}]}}"#,
                "latest",
                "privileged | container \"a\" must not set securityContext.privileged=true | \
                 spec.containers[0].securityContext.privileged is forbidden, forbidden values found: true",
            ),
        ],
    );
    check(
        "procMount",
        &[
            (r#"{"spec": {"containers": [{"securityContext": {"procMount": "Default"}}]}}"#, "latest", ""),
            (
                r#"{"spec": {"containers": [{"securityContext": {"procMount": "Unmasked"}}]}}"#,
                "latest",
                "procMount | container \"a\" must not set securityContext.procMount to \"Unmasked\" | \
                 spec.containers[0].securityContext.procMount is forbidden, forbidden values found: Unmasked",
            ),
        ],
    );
}

#[test]
fn volume_types() {
    for kind in [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ] {
        let changes = format!(r#"{{"spec": {{"volumes": [{{"name": "v", "{kind}": {{}}}}]}}}}"#);
        check("restrictedVolumes", &[(&changes, "latest", "")]);
    }
    for kind in [
        "hostPath",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "gitRepo",
        "nfs",
        "iscsi",
        "glusterfs",
        "rbd",
        "flexVolume",
        "cinder",
        "cephfs",
        "flocker",
        "fc",
        "azureFile",
        "vsphereVolume",
        "quobyte",
        "azureDisk",
        "photonPersistentDisk",
        "portworxVolume",
        "scaleIO",
        "storageos",
    ] {
        let changes = format!(r#"{{"spec": {{"volumes": [{{"name": "v", "{kind}": {{}}}}]}}}}"#);
        let expected = format!(
            "restricted volume types | volume \"v\" uses restricted volume type \"{kind}\" | spec.volumes[0].{kind}: Forbidden"
        );
        check("restrictedVolumes", &[(&changes, "latest", &expected)]);
    }
    check(
        "restrictedVolumes",
        &[(
            r#"{"spec": {"volumes": [{"name": "v"}, {"name": "w", "nfs": {}}]}}"#,
            "latest",
            "restricted volume types | volumes \"v\", \"w\" use restricted volume types \"nfs\", \"unknown\" | \
             spec.volumes[0].unknown: Forbidden, spec.volumes[1].nfs: Forbidden",
        )],
    );
}

#[test]
fn who_they_run_as() {
    check(
        "runAsNonRoot",
        &[
            ("{}", "latest", ""),
            (
                r#"{"spec": {"securityContext": {"runAsNonRoot": null}, "containers": [{"securityContext": {"runAsNonRoot": true}}]}}"#,
                "latest",
                "",
            ),
            (
                r#"{"spec": {"securityContext": {"runAsNonRoot": false}, "containers": [{"securityContext": {"runAsNonRoot": true}}, {"name": "b", "securityContext": {"runAsNonRoot": false}}, {"name": "c"}]}}"#,
                "latest",
                "runAsNonRoot != true | pod and container \"b\" must not set securityContext.runAsNonRoot=false\n\
                 pod or container \"c\" must set securityContext.runAsNonRoot=true | \
                 spec.securityContext.runAsNonRoot is forbidden, forbidden values found: false, \
                 spec.containers[1].securityContext.runAsNonRoot is forbidden, forbidden values found: false, \
                 spec.containers[2].securityContext.runAsNonRoot: Required value",
            ),
        ],
    );
    check(
        "runAsUser",
        &[
            (r#"{"spec": {"securityContext": {"runAsUser": 1000}}}"#, "latest", ""),
            (
                r#"{"spec": {"securityContext": {"runAsUser": 0}, "containers": [{"securityContext": {"runAsUser": 0}}]}}"#,
                "v1.24",
                "runAsUser=0 | pod and container \"a\" must not set runAsUser=0 | \
                 spec.securityContext.runAsUser is forbidden, forbidden values found: 0, \
                 spec.containers[0].securityContext.runAsUser is forbidden, forbidden values found: 0",
            ),
        ],
    );
}

#[test]
fn se_linux() {
    let engine = r#"{"spec": {"securityContext": {"seLinuxOptions": {"type": "container_engine_t"}}}}"#;
    check(
        "seLinuxOptions",
        &[
            (
                r#"{"spec": {"securityContext": {"seLinuxOptions": {"type": "container_t", "level": "s0"}}}}"#,
                "latest",
                "",
            ),
            (engine, "v1.31", ""),
            (
                engine,
                "v1.30",
                "seLinuxOptions | pod set forbidden securityContext.seLinuxOptions: type \"container_engine_t\" | \
                 spec.securityContext.seLinuxOptions.type is forbidden, forbidden values found: container_engine_t",
            ),
            (
                r#"{"spec": {"containers": [{"securityContext": {"seLinuxOptions": {"type": "x", "user": "u", "role": "r"}}}]}}"#,
                "latest",
                "seLinuxOptions | container \"a\" set forbidden securityContext.seLinuxOptions: type \"x\"; user may not be \
                 set; role may not be set | \
                 spec.containers[0].securityContext.seLinuxOptions.type is forbidden, forbidden values found: x, \
                 spec.containers[0].securityContext.seLinuxOptions.user is forbidden, forbidden values found: u, \
                 spec.containers[0].securityContext.seLinuxOptions.role is forbidden, forbidden values found: r",
            ),
        ],
    );
}

#[test]
fn seccomp() {
    let off = r#"{"spec": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}, "containers": [{"securityContext": {"seccompProfile": {"type": "Unconfined"}}}]}}"#;
    let told = "seccompProfile | pod and container \"a\" must not set securityContext.seccompProfile.type to \"Unconfined\" | \
                spec.securityContext.seccompProfile.type is forbidden, forbidden values found: Unconfined, \
                spec.containers[0].securityContext.seccompProfile.type is forbidden, forbidden values found: Unconfined";
    let silent = r#"{"spec": {"securityContext": {"seccompProfile": null}}}"#;
    check("seccompProfile_baseline", &[("{}", "latest", ""), (silent, "latest", ""), (off, "latest", told)]);
    check(
        "seccompProfile_restricted",
        &[
            ("{}", "latest", ""),
            (off, "latest", told),
            (
                silent,
                "v1.24",
                "seccompProfile | pod or container \"a\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \
                 \"Localhost\" | spec.containers[0].securityContext.seccompProfile.type: Required value",
            ),
            (r#"{"spec": {"os": {"name": "windows"}, "securityContext": {"seccompProfile": null}}}"#, "v1.25", ""),
        ],
    );
}

#[test]
fn sysctls_are_safe_since_their_version() {
    for (name, since) in [
        ("kernel.shm_rmid_forced", 24),
        ("net.ipv4.ip_local_reserved_ports", 27),
        ("net.ipv4.tcp_keepalive_time", 29),
        ("net.ipv4.tcp_rmem", 32),
    ] {
        let object =
            pod(&format!(r#"{{"spec": {{"securityContext": {{"sysctls": [{{"name": "{name}", "value": "1"}}]}}}}}}"#));
        for minor in 24..36 {
            let found = found("sysctls", Version::Minor(minor), &object);
            assert_eq!(found.is_none(), minor >= since, "{name} in 1.{minor}");
        }
        assert_eq!(found("sysctls", Version::Latest, &object), None);
    }
    check(
        "sysctls",
        &[(
            r#"{"spec": {"securityContext": {"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.core.somaxconn"}]}}}"#,
            "latest",
            "forbidden sysctls | kernel.msgmax, net.core.somaxconn | \
             spec.securityContext.sysctls[0].name is forbidden, forbidden values found: kernel.msgmax, \
             spec.securityContext.sysctls[1].name is forbidden, forbidden values found: net.core.somaxconn",
        )],
    );
}

#[test]
fn a_field_of_another_type_is_an_error() {
    for (changes, expected) in [
        (r#"{"spec": {"hostNetwork": "true"}}"#, "spec.hostNetwork: expected true or false, found a string"),
        (
            r#"{"spec": {"containers": [{"ports": [{"hostPort": "80"}]}]}}"#,
            "spec.containers[0].ports[0].hostPort: expected an integer, found a string",
        ),
        (r#"{"spec": {"volumes": {}}}"#, "spec.volumes: expected a list, found a object"),
    ] {
        let object = pod(changes);
        let error =
            Pod::of(&object).and_then(|pod| evaluate(Level::Restricted, Version::Latest, &pod.unwrap())).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let object = pod(r#"{"spec": {"containers": "none"}}"#);
    assert!(Pod::of(&object).is_err());
}

#[test]
fn templates_of_workloads_are_pods() {
    let spec = r#""spec": {"hostPID": true, "containers": []}"#;
    let deployment = format!(r#"{{"kind": "Deployment", "spec": {{"template": {{{spec}}}}}}}"#);
    let cron_job =
        format!(r#"{{"kind": "CronJob", "spec": {{"jobTemplate": {{"spec": {{"template": {{{spec}}}}}}}}}}}"#);
    for (object, path) in
        [(deployment, "spec.template.spec.hostPID"), (cron_job, "spec.jobTemplate.spec.template.spec.hostPID")]
    {
        let object = json::read(object.as_bytes()).unwrap();
        let pod = Pod::of(&object).unwrap().unwrap();
        let kind = object.get("kind").and_then(Value::as_str).unwrap();
        let results = exclusion::evaluate(Level::Baseline, Version::Latest, &[], &pod).unwrap();
        assert_eq!(
            exclusion::describe(&results, kind),
            format!(
                "(Forbidden reason: host namespaces, field error list: [{path} is forbidden, forbidden values found: true])"
            )
        );
    }
    assert!(Pod::of(&json::read(br#"{"kind": "Service", "spec": {}}"#).unwrap()).unwrap().is_none());
    assert!(Pod::of(&json::read(br#"{"kind": "Deployment"}"#).unwrap()).unwrap().is_some());
}

#[test]
fn levels_and_versions_are_read() {
    for (text, version) in
        [("latest", Version::Latest), ("", Version::Latest), ("v1.0", Version::Minor(0)), ("v1.30", Version::Minor(30))]
    {
        assert_eq!(text.parse(), Ok(version));
    }
    for text in ["1.30", "v1", "v1.", "v1.01", "v2.0", "v1.x", "v1.+3", "v1.99999999999"] {
        assert!(text.parse::<Version>().is_err(), "{text}");
    }
    assert!("Baseline".parse::<Level>().is_err());
    assert_eq!("baseline".parse(), Ok(Level::Baseline));
}

/// Objects of the names that the checks look at, with any values in them.
fn anything() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 24] = [
        "spec",
        "metadata",
        "annotations",
        "containers",
        "initContainers",
        "securityContext",
        "capabilities",
        "add",
        "drop",
        "volumes",
        "hostPath",
        "ports",
        "hostPort",
        "sysctls",
        "name",
        "type",
        "seccompProfile",
        "runAsUser",
        "runAsNonRoot",
        "livenessProbe",
        "httpGet",
        "host",
        "template",
        "os",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z_]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            proptest::collection::vec((proptest::sample::select(&NAMES[..]), inner), 0..6).prop_map(Value::object),
        ]
    })
}

proptest! {
    #[test]
    fn any_object_is_judged_or_refused(spec in anything(), metadata in anything(), minor in 0_u32..40) {
        let Ok(pod) = Pod::read(Some(&metadata), &spec) else { return Ok(()) };
        let _ = evaluate(Level::Restricted, Version::Minor(minor), &pod);
        // What is forbidden at baseline is forbidden at restricted.
        let (baseline, restricted) = (
            evaluate(Level::Baseline, Version::Minor(minor), &pod),
            evaluate(Level::Restricted, Version::Minor(minor), &pod),
        );
        if let (Ok(baseline), Ok(restricted)) = (baseline, restricted) {
            let allowed = |results: &[CheckResult]| results.iter().all(CheckResult::is_allowed);
            prop_assert!(allowed(&baseline) || !allowed(&restricted));
        }
    }
}
