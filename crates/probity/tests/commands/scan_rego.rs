//! Scans by Rego policies and Gatekeeper's constraints, as a user runs them.

use std::path::Path;

use crate::support::{folder, probity};

/// What the command says, and its exit code.
fn said(folder: &Path, arguments: &[&str]) -> (String, i32) {
    let output = probity(folder, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.code().unwrap())
}

const ROOT: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    image: a\n    \
                    securityContext: {runAsUser: 0}\n";

const PORTS: &str = "package main\n\ndeny contains msg if {\n\tinput.server.port < data.limits.first\n\tmsg := sprintf(\"port %d \
                     is privileged\", [input.server.port])\n}\n\nwarn contains \"no name\" if not input.server.name\n";

#[test]
fn the_clinic_denies_root_and_names_the_control() {
    let clinic = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/clinic/policies");
    let folder = folder(&[("pod.yaml", ROOT)]);
    let policies = clinic.to_str().unwrap();
    let (text, code) = said(folder.path(), &["scan", "--policy", policies, "--check", "CLINIC-USER-001", "pod.yaml"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("pod.yaml:2:1 in Pod/default/web"), "{text}");
    assert!(text.contains("Container \"web\" runs as root (SOC 2 CC6.1)"), "{text}");
    assert!(text.contains("Controls SOC 2 CC6.1"), "{text}");
}

#[test]
fn the_clinic_denies_root_by_kyverno_as_well() {
    let clinic = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/clinic/policies");
    let folder = folder(&[("pod.yaml", ROOT)]);
    let policies = clinic.to_str().unwrap();
    let arguments = ["scan", "--policy", policies, "--check", "clinic-non-root/*", "pod.yaml"];
    let (text, code) = said(folder.path(), &arguments);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("validation error: Containers must not run as root (SOC 2 CC6.1). rule run-as-non-root[0]"),
        "{text}"
    );
    assert!(text.contains("Controls SOC 2 CC6.1"), "{text}");
}

#[test]
fn files_are_judged_as_conftest_reads_them() {
    let files = [
        ("policy/ports.rego", PORTS),
        ("policy/ports_test.rego", "package main_test\nthis is no Rego"),
        ("limits.yaml", "limits: {first: 1024}"),
        ("app.toml", "[server]\nport = 80\nname = \"a\"\n"),
        ("app.conf", "[server]\nport = 80\n"),
        ("main.tf", "resource \"aws_vpc\" \"a\" {}\n"),
        (
            "probity.yaml",
            "version: 1\npolicies: {folders: [policy], data: [limits.yaml]}\nscan: {documents: [\"*.toml\"]}\n",
        ),
    ];
    let folder = folder(&files);
    for (arguments, code, told) in [
        (&["scan", "--check", "main.deny"][..], 1, "app.toml:1:1 in app.toml\n  port 80 is privileged"),
        (&["scan", "app.toml", "--check", "main.*"], 1, "2 policies"),
        (&["scan", "main.tf", "--check", "main.*"], 0, "main.warn main.warn [warn]"),
        (&["scan", "--exclude", "*.toml", "--check", "main.*"], 0, "no name"),
        (&["scan", "app.conf", "--check", "main.*"], 2, "name it with --parser"),
        (&["scan", "app.conf", "--parser", "toml", "--check", "main.*"], 1, "port 80"),
        (
            &["scan", "app.toml", "--namespace", "other"],
            2,
            "no rule named deny, violation or warn is in the packages other",
        ),
    ] {
        let (text, found) = said(folder.path(), arguments);
        assert_eq!(found, code, "{arguments:?}: {text}");
        assert!(text.contains(told), "{arguments:?}: {text}");
    }
}

#[test]
fn documents_are_judged_together() {
    let policy = "package main\ndeny contains msg if {\n\tsome a, b in input\n\ta.path != b.path\n\ta.contents.port == b.contents.port\n\
                  \tmsg := sprintf(\"%s and %s\", [a.path, b.path])\n}\n";
    let policy = policy.replace("some a, b in input", "some a in input\n\tsome b in input");
    let folder = folder(&[("one.json", "{\"port\": 1}"), ("two.yaml", "port: 1\n"), ("p.rego", &policy)]);
    let arguments = ["scan", "one.json", "two.yaml", "--policy", "p.rego", "--check", "main.deny", "--combine"];
    let (text, code) = said(folder.path(), &arguments);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("one.json and two.yaml"), "{text}");
}

#[test]
fn what_is_wrong_with_policies_is_told_with_its_place() {
    let controls =
        "package main\n\n# METADATA\n# custom:\n#   controls: [\"soc2:CC99\", \"xx:1\"]\ndeny contains \"x\"\n";
    let files = [
        ("controls.rego", controls),
        ("broken.rego", "package main\n\ndeny contains msg if {\n"),
        ("unsafe.rego", "package main\n\ndeny contains msg if input.x\n"),
        ("nothing.rego", "package main\n\nallow := true\n"),
        ("empty.rego", ""),
        ("twice/a.rego", "# METADATA\n# scope: package\n# custom: {id: PRB-AWS-S3-001}\npackage a\ndeny contains 1"),
        ("pod.yaml", ROOT),
    ];
    let folder = folder(&files);
    for (policy, told) in [
        ("controls.rego", "controls.rego:3:1: `soc2:CC99` is no requirement of that framework"),
        ("controls.rego", "there is no framework `xx`"),
        ("broken.rego", "broken.rego:4"),
        ("unsafe.rego", "unsafe.rego:3: rego_unsafe_var_error"),
        ("nothing.rego", "no rule named deny, violation or warn"),
        ("empty.rego", "empty module"),
        ("twice", "the id `PRB-AWS-S3-001` is that of a built-in policy"),
        ("missing.rego", "missing.rego cannot be read"),
    ] {
        let (text, code) = said(folder.path(), &["scan", "pod.yaml", "--policy", policy]);
        assert_eq!(code, 2, "{policy}: {text}");
        assert!(text.contains(told), "{policy}: {text}");
    }
}

const TEMPLATE: &str = "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: nousers}\nspec:\n  crd: \
                        {spec: {names: {kind: NoUsers}, validation: {openAPIV3Schema: {type: object, properties: {user: {type: integer}}}}}}\n  targets:\n  - target: admission.k8s.gatekeeper.sh\n    rego: |\n      \
                        package nousers\n      violation[{\"msg\": msg}] {\n        c := input.review.object.spec.containers[_]\n        \
                        c.securityContext.runAsUser == input.parameters.user\n        msg := sprintf(\"%v is user %v\", [c.name, \
                        input.parameters.user])\n      }\n";

#[test]
fn gatekeepers_constraints_are_policies() {
    let constraint = |action: &str, kind: &str| {
        format!(
            "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: NoUsers\nmetadata: {{name: root}}\nspec:\n  \
             enforcementAction: {action}\n  match: {{kinds: [{{apiGroups: [\"\"], kinds: [{kind}]}}]}}\n  parameters: {{user: 0}}\n"
        )
    };
    for (action, kind, code, found) in
        [("deny", "Pod", 1, true), ("warn", "Pod", 0, true), ("deny", "Service", 0, false)]
    {
        let files = [("pod.yaml", ROOT), ("g/t.yaml", TEMPLATE), ("g/c.yaml", &constraint(action, kind))];
        let folder = folder(&files);
        let (text, exit) = said(folder.path(), &["scan", "pod.yaml", "--policy", "g", "--check", "NoUsers/root"]);
        assert_eq!(exit, code, "{text}");
        assert_eq!(text.contains("web is user 0"), found, "{text}");
    }
}

#[test]
fn decisions_by_rego_are_judged_again() {
    let files =
        [("ports.rego", PORTS), ("limits.yaml", "limits: {first: 1024}"), ("app.toml", "[server]\nport = 80\n")];
    let folder = folder(&files);
    let scan = ["scan", "app.toml", "--policy", "ports.rego", "--policy-data", "limits.yaml", "--record"];
    let (text, code) = said(folder.path(), &scan);
    assert_eq!(code, 1, "{text}");
    for path in ["ports.rego", "limits.yaml", "app.toml"] {
        std::fs::remove_file(folder.path().join(path)).unwrap();
    }
    let (text, code) = said(folder.path(), &["evidence", "replay", "--all"]);
    assert!(code == 0 && text.contains("1 decisions the same, 0 different"), "{text}");
}

/// A server that answers every request with JSON, once for each connection.
fn answering(answers: usize) -> (std::net::SocketAddr, std::thread::JoinHandle<Vec<String>>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let answer = |_| {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
            // The body may come by itself; it is an object.
            while !bytes.ends_with(b"}") {
                let read = stream.read(&mut part).unwrap();
                assert!(read > 0, "the request ended early");
                bytes.extend_from_slice(&part[..read]);
            }
            let body = "{\"allowed\": true}";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        (0..answers).map(answer).collect()
    });
    (address, thread)
}

#[test]
fn requests_go_to_hosts_that_are_allowed() {
    let folder = folder(&[]);
    let (address, thread) = answering(1);
    let query = format!(
        "r := http.send({{\"method\": \"post\", \"url\": \"http://{address}/x\", \"body\": {{\"a\": 1}}}}); r.body.allowed; x := r.status_code"
    );
    let refused = said(folder.path(), &["eval", "--strict-builtin-errors", "--allow-http", "other.example", &query]);
    assert!(refused.1 == 2 && refused.0.contains("requests to 127.0.0.1 are not allowed here"), "{refused:?}");
    let (text, code) = said(folder.path(), &["eval", "--allow-http", &address.to_string(), &query]);
    assert!(code == 0 && text.contains("\"x\": 200"), "{text}");
    let asked = thread.join().unwrap().remove(0).to_ascii_lowercase();
    assert!(asked.starts_with("post /x http/1.1") && asked.contains("content-type: application/json"), "{asked}");
    assert!(asked.ends_with("{\"a\":1}"), "{asked}");
}

#[test]
fn a_policy_that_is_wrong_takes_no_other_down() {
    let policy = |name: &str, field: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: {name}}}\nspec:\n  rules:\n  - name: root\n    match: {{any: \
             [{{resources: {{kinds: [Pod]}}}}]}}\n    validate:\n      message: no root\n      {field}: {{spec: {{containers: \
             [{{securityContext: {{runAsUser: \">0\"}}}}]}}}}\n"
        )
    };
    let folder = folder(&[
        ("pod.yaml", ROOT),
        ("policies/bad.yaml", &policy("bad", "patern")),
        ("policies/good.yaml", &policy("good", "pattern")),
    ]);
    let (text, code) = said(folder.path(), &["scan", "--no-config", "--policy", "policies", "pod.yaml"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("policies/bad.yaml:10:7") && text.contains("patern"), "{text}");
    assert!(text.contains("good/root") && text.contains("no root"), "{text}");
}
