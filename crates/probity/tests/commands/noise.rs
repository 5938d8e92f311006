//! A finding is shown once, where it is to be mended; what is accepted says why, and until when.

use std::path::Path;

use serde_json::Value;

use crate::support::{OPEN, folder, probity, text};

fn scan(folder: &Path, format: &str, more: &[&str]) -> String {
    text(&probity(folder, &[&["scan", "--format", format], more].concat()).stdout)
}

/// How many findings each format has.
fn counts(folder: &Path, more: &[&str]) -> Vec<(&'static str, usize)> {
    let json = |format: &str| serde_json::from_str::<Value>(&scan(folder, format, more)).unwrap();
    let length = |value: &Value| value.as_array().unwrap().len();
    vec![
        ("text", scan(folder, "text", more).lines().filter(|line| line.starts_with("HIGH ")).count()),
        ("json", length(&json("json")["findings"])),
        ("sarif", length(&json("sarif")["runs"][0]["results"])),
        ("junit", scan(folder, "junit", more).matches("<failure ").count()),
        ("github", scan(folder, "github", more).lines().count()),
        ("gitlab", length(&json("gitlab"))),
        ("csv", scan(folder, "csv", more).lines().count() - 1),
    ]
}

const CALLS: &str = "module \"each\" {\n  source   = \"./m\"\n  for_each = toset([\"a\", \"b\", \"c\"])\n}\nmodule \"d\" {\n  source = \
                     \"./m\"\n}\nmodule \"e\" {\n  source = \"./m\"\n}\n";

#[test]
fn a_module_called_often_has_one_finding_with_its_calls() {
    let folder = folder(&[("main.tf", CALLS), ("m/main.tf", OPEN)]);
    let check = ["--check", "CKV_AWS_24"];
    for (format, count) in counts(folder.path(), &check) {
        assert_eq!(count, 1, "{format}: {}", scan(folder.path(), format, &check));
    }
    let shown = scan(folder.path(), "text", &check);
    for part in ["m/main.tf:4:", " and 2 more", "called at main.tf:1:", "called at main.tf:5:", "called at main.tf:8:"]
    {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
    assert!(shown.contains("found 1 high") && shown.contains("5 in all"), "{shown}");
    let json: Value = serde_json::from_str(&scan(folder.path(), "json", &check)).unwrap();
    let finding = &json["findings"][0];
    assert_eq!(finding["subjects"].as_array().unwrap().len(), 5);
    assert_eq!(finding["calls"].as_array().unwrap().len(), 3);
    assert_eq!(finding["calls"][1][0]["line"], 5);
    assert_eq!(json["summary"]["failed"]["high"], 1);
    let sarif: Value = serde_json::from_str(&scan(folder.path(), "sarif", &check)).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["relatedLocations"].as_array().unwrap().len(), 3);
    assert_eq!(result["locations"][0]["logicalLocations"].as_array().unwrap().len(), 5);
}

#[test]
fn only_the_call_with_a_wrong_argument_is_told() {
    let module = OPEN.replace("[\"0.0.0.0/0\"]", "var.from") + "variable \"from\" {}\n";
    let call =
        |name: &str, from: &str| format!("module \"{name}\" {{\n  source = \"./m\"\n  from = [\"{from}\"]\n}}\n");
    let main = call("a", "0.0.0.0/0") + &call("b", "10.0.0.0/8");
    let folder = folder(&[("main.tf", &main), ("m/main.tf", &module)]);
    let json: Value = serde_json::from_str(&scan(folder.path(), "json", &["--check", "CKV_AWS_24"])).unwrap();
    let findings = json["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["subject"]["address"], "module.a.aws_security_group.open");
}

#[test]
fn instances_and_templates_have_one_finding() {
    let many = OPEN.replacen("{\n", "{\n  for_each = toset([\"a\", \"b\", \"c\", \"d\"])\n", 1);
    let ranged = "{{ range list 1 2 3 }}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ $.Release.Name }}-{{ . \
                  }}\nspec:\n  hostPID: true\n  containers: []\n{{ end }}\n";
    let folder = folder(&[
        ("main.tf", &many),
        ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("chart/templates/pod.yaml", ranged),
    ]);
    for (path, check) in [("main.tf", "CKV_AWS_24"), ("chart", "CKV_K8S_17")] {
        for (format, count) in counts(folder.path(), &[path, "--check", check]) {
            assert_eq!(count, 1, "{format}: {}", scan(folder.path(), format, &[path, "--check", check]));
        }
    }
}

#[test]
fn what_a_policy_finds_several_times_on_one_resource_stays_apart() {
    let rego = "package main\n\ndeny contains msg if {\n  some port in input.ports\n  msg := sprintf(\"port %d\", [port])\n}\n";
    let object = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nports: [80, 443]\n";
    let folder = folder(&[("p/a.rego", rego), ("k/a.yaml", object)]);
    let shown = scan(folder.path(), "text", &["k", "--policy", "p", "--check", "main.deny"]);
    assert!(shown.contains("port 80") && shown.contains("port 443"), "{shown}");
}

/// A text with a skip, and where it stands.
fn skipped(format: &str, day: &str) -> (&'static str, String, &'static str) {
    match format {
        "terraform" => (
            "main.tf",
            OPEN.replacen("{\n", &format!("{{\n  # probity:skip=CKV_AWS_24:expires={day}:moving\n"), 1),
            "CKV_AWS_24",
        ),
        "tfsec" => (
            "main.tf",
            OPEN.replacen("{\n", &format!("{{\n  #tfsec:ignore:CKV_AWS_24:exp:{day} moving\n"), 1),
            "CKV_AWS_24",
        ),
        "cloudformation" => (
            "stack.yaml",
            format!(
                "Resources:\n  G:\n    Type: AWS::EC2::SecurityGroup\n    Metadata:\n      probity:\n        skip:\n          - {{id: \
                 CKV_AWS_24, comment: moving, expires: {day}}}\n    Properties:\n      GroupDescription: a\n      \
                 SecurityGroupIngress:\n        - {{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}}\n"
            ),
            "CKV_AWS_24",
        ),
        "kubernetes" => (
            "pod.yaml",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n    probity.dev/skip: \
                 \"CKV_K8S_17:expires={day}:moving\"\nspec:\n  hostPID: true\n  containers: []\n"
            ),
            "CKV_K8S_17",
        ),
        "helm" => (
            "chart/templates/pod.yaml",
            format!(
                "# probity:skip=CKV_K8S_17:expires={day}:moving\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {{{{ .Release.Name }}}}\nspec:\n  hostPID: \
                 true\n  containers: []\n"
            ),
            "CKV_K8S_17",
        ),
        _ => (
            "Dockerfile",
            format!("# probity:skip=CKV_DOCKER_3:expires={day}:moving\nFROM debian:12\n"),
            "CKV_DOCKER_3",
        ),
    }
}

#[test]
fn skips_have_a_reason_and_a_last_day() {
    for format in ["terraform", "tfsec", "cloudformation", "kubernetes", "helm", "dockerfile"] {
        for (day, code) in [("2999-01-01", 0), ("2020-01-31", 1), ("soon", 2)] {
            let (file, content, check) = skipped(format, day);
            let folder =
                folder(&[(file, &content), ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")]);
            let output = probity(folder.path(), &["scan", "--check", check]);
            let said = text(&output.stdout);
            assert_eq!(output.status.code(), Some(code), "{format} {day}: {said}{}", text(&output.stderr));
            let expected = match code {
                0 => "moving",
                1 => "; the skip in the source (moving) expired on 2020-01-31",
                _ => "is not a date, so the skip does not count",
            };
            assert!(said.contains(expected), "{format} {day}: {said}");
            // What the comment does not hold for counts.
            let counted = if code == 0 { "1 skipped" } else { "0 skipped" };
            assert!(said.contains(counted), "{format} {day}: {said}");
            if code == 1 {
                let all = ["json", "sarif", "junit", "github", "gitlab", "csv"];
                for form in all {
                    let said = scan(folder.path(), form, &["--check", check]);
                    assert!(said.contains("expired on 2020-01-31"), "{format} {form}: {said}");
                }
            }
        }
    }
}

#[test]
fn a_sound_workload_raises_no_alarm() {
    let workload = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 2\n  \
                    selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      \
                    automountServiceAccountToken: false\n      securityContext: {runAsNonRoot: true, runAsUser: 10001, \
                    seccompProfile: {type: RuntimeDefault}}\n      containers:\n        - name: web\n          image: \
                    registry.example/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n          \
                    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: \
                    {drop: [ALL]}}\n          resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: \
                    128Mi}}\n";
    let network = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n  \
                   podSelector: {matchLabels: {app: web}}\n  policyTypes: [Ingress, Egress]\n";
    let dockerfile = "FROM registry.example/base@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\
                      COPY app /app\nUSER 10001\nHEALTHCHECK CMD [\"/app\", \"health\"]\nENTRYPOINT [\"/app\"]\n";
    let topic = "resource \"aws_sns_topic\" \"orders\" {\n  name              = \"orders\"\n  kms_master_key_id = \
                 \"alias/orders\"\n}\n";
    let folder =
        folder(&[("web.yaml", workload), ("network.yaml", network), ("Dockerfile", dockerfile), ("main.tf", topic)]);
    let output =
        probity(folder.path(), &["scan", "--no-config", "--severity", "medium", "--format", "json", "--verbose", "."]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["findings"]), (Some(0), &Value::Array(Vec::new())));
    let (subjects, passed) = (report["summary"]["subjects"].as_u64(), report["summary"]["passed"].as_u64());
    assert!(subjects == Some(4) && passed > Some(50), "{}", report["summary"]);
}
