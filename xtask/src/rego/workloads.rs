//! What is evaluated: policies and documents, each workload in a folder of its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use probity_model::SourceId;
use probity_model::value::Value;
use probity_model::yaml::{self, Dialect};
use serde_json::{Value as Json, json};

/// One policy with the documents it is evaluated over.
pub(super) struct Workload {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// The rules that are asked for.
    pub(super) query: String,
    pub(super) version: &'static str,
}

/// Templates of the Gatekeeper library with the parameters they are used with.
fn templates() -> [(&'static str, Json); 10] {
    let images = json!(["registry.example/clinic/*", "registry.example/platform/*", "docker.io/library/postgres:17"]);
    let any = json!({"rule": "MustRunAs", "ranges": [{"min": 1000, "max": 65535}]});
    [
        ("general/allowedreposv2", json!({"allowedImages": images})),
        ("general/containerresourceratios", json!({"ratio": "2", "cpuRatio": "10"})),
        ("general/containerresources", json!({"limits": ["cpu", "memory"], "requests": ["cpu", "memory"]})),
        ("general/disallowedtags", json!({"tags": ["latest", "main"], "exemptImages": images})),
        (
            "general/requiredlabels",
            json!({"labels": [{"key": "owner", "allowedRegex": "^team-[a-z]+$"}, {"key": "app"}]}),
        ),
        (
            "general/requiredprobes",
            json!({"probes": ["readinessProbe", "livenessProbe"], "probeTypes": ["tcpSocket", "httpGet", "exec"]}),
        ),
        ("pod-security-policy/allow-privilege-escalation", json!({"exemptImages": ["registry.example/platform/*"]})),
        (
            "pod-security-policy/capabilities",
            json!({"allowedCapabilities": ["CHOWN", "NET_BIND_SERVICE"], "requiredDropCapabilities": ["ALL"]}),
        ),
        (
            "pod-security-policy/users",
            json!({"runAsUser": {"rule": "MustRunAsNonRoot"}, "runAsGroup": any, "fsGroup": any, "supplementalGroups": any}),
        ),
        (
            "pod-security-policy/seccompv2",
            json!({"allowedProfiles": ["RuntimeDefault", "Localhost"], "allowedLocalhostFiles": ["profiles/clinic.json"]}),
        ),
    ]
}

/// A container; a `bad` one breaks what most templates ask for.
fn container(name: &str, bad: bool) -> Json {
    let mut container = json!({
        "name": name,
        "image": format!("registry.example/clinic/{name}:1.2.3"),
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "REGION", "value": "eu-central-1"}],
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 65534, "runAsGroup": 65534, "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 20},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    });
    if bad {
        container["image"] = json!(format!("quay.example/other/{name}:latest"));
        container["resources"] = json!({"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}});
        container["securityContext"] = json!({"runAsUser": 0, "capabilities": {"add": ["SYS_ADMIN"]}});
        container.as_object_mut().map(|fields| fields.remove("livenessProbe"));
    }
    container
}

fn review(bad: bool, parameters: &Json) -> Json {
    let labels =
        if bad { json!({"app": "portal"}) } else { json!({"app": "portal", "owner": "team-clinic", "tier": "web"}) };
    json!({
        "parameters": parameters,
        "review": {
            "uid": "0df28fbd-5f5f-11e8-bc74-36e6bb280816",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "operation": "CREATE",
            "namespace": "clinic",
            "userInfo": {"username": "system:serviceaccount:ci:deployer", "groups": ["system:authenticated"]},
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "portal", "namespace": "clinic", "labels": labels},
                "spec": {
                    "serviceAccountName": "portal",
                    "securityContext": {"fsGroup": 2000, "supplementalGroups": [3000]},
                    "initContainers": [container("migrate", false)],
                    "containers": [container("portal", false), container("proxy", false), container("logs", bad)],
                    "volumes": [{"name": "data", "emptyDir": {}}],
                },
            },
        },
    })
}

/// The templates, each over a Pod that keeps to it and one that does not.
pub(super) fn gatekeeper(library: &Path, into: &Path) -> Result<Vec<Workload>> {
    let mut workloads = Vec::new();
    for (template, parameters) in templates() {
        let path = library.join(template).join("template.yaml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} is not there", path.display()))?;
        let documents =
            yaml::read(&text, SourceId(0), Dialect::Kubernetes).ok().context("a template that is no YAML")?;
        let document = &documents.first().context("a template that is empty")?.value;
        let (version, modules) = rego(document).with_context(|| format!("{template} has no Rego"))?;
        let name = template.rsplit('/').next().unwrap_or(template);
        let folder = folder(into, name)?;
        for (at, module) in modules.iter().enumerate() {
            std::fs::write(folder.join(format!("module{at}.rego")), module)?;
        }
        for (at, bad) in [false, true].into_iter().enumerate() {
            std::fs::write(folder.join(format!("input{at}.json")), review(bad, &parameters).to_string())?;
        }
        let package = modules[0].lines().find_map(|line| line.trim().strip_prefix("package ")).context("no package")?;
        workloads.push(Workload { name: name.to_owned(), folder, query: format!("data.{package}.violation"), version });
    }
    Ok(workloads)
}

/// The version of a template's Rego, its module and its libraries.
fn rego(template: &Value) -> Option<(&'static str, Vec<String>)> {
    let target = template.at(&["spec", "targets"])?.as_array()?.get(0)?;
    let engine = |code: &&Value| code.get("engine").and_then(Value::as_str) == Some("Rego");
    let code = target.get("code").and_then(Value::as_array).and_then(|codes| codes.iter().find(engine));
    let source = code.and_then(|code| code.get("source")).unwrap_or(target);
    let version = if source.get("version").and_then(Value::as_str) == Some("v1") { "v1" } else { "v0" };
    let libraries = source.get("libs").and_then(Value::as_array).map(|libs| libs.iter().cloned().collect::<Vec<_>>());
    let texts = std::iter::once(source.get("rego")?.clone()).chain(libraries.unwrap_or_default());
    Some((version, texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()))
}

fn folder(into: &Path, name: &str) -> Result<PathBuf> {
    let folder = into.join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

const KINDS: [&str; 25] = [
    "invoice",
    "patient",
    "record",
    "report",
    "prescription",
    "appointment",
    "bed",
    "ward",
    "device",
    "supplier",
    "order",
    "contract",
    "employee",
    "shift",
    "payroll",
    "ticket",
    "document",
    "image",
    "sample",
    "test",
    "result",
    "claim",
    "payment",
    "refund",
    "audit",
];
const ACTIONS: [&str; 20] = [
    "read", "list", "create", "update", "delete", "approve", "reject", "export", "import", "archive", "restore",
    "assign", "sign", "share", "print", "lock", "unlock", "comment", "merge", "split",
];

/// 500 rules of who may do what, with the roles of 300 users as data.
pub(super) fn rbac(into: &Path) -> Result<Workload> {
    let folder = folder(into, "rbac")?;
    let mut text = String::from(
        "package rbac\n\ndefault allow := false\n\nroles contains role if some role in data.users[input.user].roles\n\n\
         roles contains role if {\n\tsome group in data.users[input.user].groups\n\tsome role in data.groups[group]\n}\n",
    );
    for (at, (kind, action)) in
        KINDS.iter().flat_map(|kind| ACTIONS.iter().map(move |action| (kind, action))).enumerate()
    {
        write!(
            text,
            "\nallow if {{\n\tinput.action == \"{action}\"\n\tinput.resource.kind == \"{kind}\"\n\tsome role in roles\n\
             \trole in {{\"{kind}-owner\", \"{kind}-{action}\", \"administrator\"}}\n"
        )?;
        match at % 5 {
            0 => text.push_str("\tinput.resource.owner == input.user\n"),
            1 => writeln!(text, "\tstartswith(input.path, \"/api/v1/{kind}\")")?,
            2 => text.push_str("\tnot input.resource.sealed\n"),
            _ => {}
        }
        text.push_str("}\n");
    }
    std::fs::write(folder.join("rbac.rego"), text)?;
    let users: serde_json::Map<String, Json> = (0..300)
        .map(|user| {
            let role = |at: usize| format!("{}-{}", KINDS[(user + at) % 25], ACTIONS[(user * 7 + at * 3) % 20]);
            let roles = [role(0), role(1), role(2), format!("{}-owner", KINDS[user % 25])];
            (format!("user{user}"), json!({"roles": roles, "groups": [format!("group{}", user % 12)]}))
        })
        .collect();
    let groups: serde_json::Map<String, Json> = (0..12)
        .map(|group| {
            (format!("group{group}"), json!([format!("{}-read", KINDS[group]), format!("{}-list", KINDS[group + 5])]))
        })
        .collect();
    std::fs::write(folder.join("data.json"), json!({"users": users, "groups": groups}).to_string())?;
    for (at, (user, kind, action)) in
        [(17, 17, "share"), (42, 3, "delete"), (107, 7, "read"), (200, 0, "approve")].into_iter().enumerate()
    {
        let (user, kind) = (format!("user{user}"), KINDS[kind]);
        let resource = json!({"kind": kind, "owner": user, "id": 4711});
        let input =
            json!({"user": user, "action": action, "resource": resource, "path": format!("/api/v1/{kind}/4711")});
        std::fs::write(folder.join(format!("input{at}.json")), input.to_string())?;
    }
    Ok(Workload { name: "rbac, 500 rules".to_owned(), folder, query: "data.rbac.allow".to_owned(), version: "v1" })
}

const PLAN: &str = include_str!("plan.rego");
const PLAN_WITH: &str = include_str!("plan_with.rego");

/// A plan of 300 resources, judged by a policy that groups and joins them; the second workload judges it under other
/// variables.
pub(super) fn plan(into: &Path) -> Result<Vec<Workload>> {
    let changes: Vec<Json> = (0..300).map(change).collect();
    let document = json!({
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "variables": {"environment": {"value": "production"}, "region": {"value": "eu-central-1"}},
        "resource_changes": changes,
    });
    let mut workloads = Vec::new();
    for (name, query, modules) in [
        ("plan", "data.plan.deny", &[("plan.rego", PLAN)][..]),
        ("plan, with and walk", "data.plan.review.worst", &[("plan.rego", PLAN), ("with.rego", PLAN_WITH)]),
    ] {
        let folder = folder(into, name)?;
        for (file, text) in modules {
            std::fs::write(folder.join(file), text)?;
        }
        std::fs::write(folder.join("input0.json"), document.to_string())?;
        workloads.push(Workload { name: name.to_owned(), folder, query: query.to_owned(), version: "v1" });
    }
    Ok(workloads)
}

fn change(at: usize) -> Json {
    let tags = json!({"owner": "team-clinic", "service": format!("service-{}", at % 9), "environment": "production"});
    let name = format!("clinic-{at}");
    let (kind, mut after) = match at % 10 {
        0 | 1 => ("aws_s3_bucket", json!({"bucket": name, "force_destroy": at.is_multiple_of(20)})),
        2 => (
            "aws_s3_bucket_server_side_encryption_configuration",
            json!({"bucket": format!("clinic-{}", at - 2), "rule": [{"apply_server_side_encryption_by_default": [{"sse_algorithm": "aws:kms"}]}]}),
        ),
        3 | 4 => (
            "aws_security_group",
            json!({"name": name, "ingress": [
                {"from_port": 443, "to_port": 443, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]},
                {"from_port": 22, "to_port": 22 + at % 3, "protocol": "tcp", "cidr_blocks": [if at % 30 == 3 { "0.0.0.0/0" } else { "10.0.0.0/8" }]},
            ]}),
        ),
        5 | 6 => (
            "aws_instance",
            json!({"ami": "ami-0a1b2c3d", "instance_type": (["t3.micro", "m7g.large", "x2iezn.metal"][at % 3]), "metadata_options": [{"http_tokens": if at % 4 == 1 { "required" } else { "optional" }}], "root_block_device": [{"encrypted": at % 8 != 6, "volume_size": 40}]}),
        ),
        7 => (
            "aws_iam_policy",
            json!({"name": name, "policy": json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": if at % 50 == 7 { json!("*") } else { json!(["s3:GetObject", "s3:PutObject"]) }, "Resource": "*"}]}).to_string()}),
        ),
        8 => (
            "aws_db_instance",
            json!({"identifier": name, "storage_encrypted": at % 40 != 8, "publicly_accessible": at % 60 == 8, "backup_retention_period": at % 14}),
        ),
        _ => ("aws_cloudwatch_log_group", json!({"name": name, "retention_in_days": ([7, 30, 365][at % 3])})),
    };
    if at % 6 != 5 {
        after["tags"] = tags;
    }
    json!({
        "address": format!("module.clinic[{}].{kind}.r{at}", at % 4),
        "mode": "managed",
        "type": kind,
        "name": format!("r{at}"),
        "provider_name": "registry.example/hashicorp/aws",
        "change": {"actions": match at % 7 { 0 => json!(["delete", "create"]), 1 => json!(["no-op"]), 2 => json!(["update"]), _ => json!(["create"]) }, "before": null, "after": after, "after_unknown": {"id": true, "arn": true}},
    })
}

/// A bundle of 200 files: 20 libraries of functions and 180 policies that use them.
pub(super) fn bundle(into: &Path) -> Result<Workload> {
    let folder = folder(into, "bundle")?;
    for at in 0..20 {
        let text = format!(
            "package lib.l{at}\n\nis_kind(resource, kind) if resource.type == kind\n\n\
             value_of(resource, key, otherwise) := object.get(resource.values, key, otherwise)\n\n\
             enabled(resource, key) if {{\n\tvalue := value_of(resource, key, false)\n\tvalue in {{true, \"true\", \"on\"}}\n}}\n\n\
             names(resources) := {{name |\n\tsome resource in resources\n\tname := resource.name\n}}\n\n\
             message(resource, text) := sprintf(\"%s.%s: %s\", [resource.type, resource.name, text])\n"
        );
        std::fs::write(folder.join(format!("lib{at:03}.rego")), text)?;
    }
    for at in 0..180 {
        let mut text = format!(
            "# METADATA\n# title: Policy {at}\n# description: What resources of kind {at} must be.\n# custom:\n#   severity: HIGH\n\
             package policies.p{at}\n\nimport data.lib.l{}\nimport data.lib.l{}\n\n",
            at % 20,
            (at + 7) % 20
        );
        write!(
            text,
            "settings := {{\"kind\": \"kind_{at}\", \"keys\": [\"encrypted\", \"logged\", \"backed_up\"], \"limit\": {}}}\n\n\
             resources contains resource if {{\n\tsome resource in input.resources\n\tl{}.is_kind(resource, settings.kind)\n}}\n\n\
             default compliant := false\n\ncompliant if count(deny) == 0\n\n",
            at % 11,
            at % 20
        )?;
        for rule in 0..8 {
            write!(
                text,
                "deny contains message if {{\n\tsome resource in resources\n\tkey := settings.keys[{}]\n\
                 \tnot l{}.enabled(resource, key)\n\tresource.values.size_{rule} > settings.limit * {}\n\
                 \tnames := [tag.name | some tag in resource.tags; tag.value != \"\"]\n\tcount(names) < {}\n\
                 \tmessage := l{}.message(resource, sprintf(\"%s is not set, tags are %v\", [key, names]))\n}}\n\n",
                rule % 3,
                (at + 7) % 20,
                rule + 1,
                rule + 2,
                at % 20
            )?;
        }
        std::fs::write(folder.join(format!("policy{at:03}.rego")), text)?;
    }
    let resources: Vec<Json> = (0..20)
        .map(|at| json!({"type": format!("kind_{at}"), "name": "r", "values": {"encrypted": at % 3 == 0, "size_0": 40}, "tags": [{"name": "owner", "value": "x"}]}))
        .collect();
    std::fs::write(folder.join("input0.json"), json!({"resources": resources}).to_string())?;
    Ok(Workload {
        name: "bundle of 200 files".to_owned(),
        folder,
        query: "data.policies.p3.deny".to_owned(),
        version: "v1",
    })
}
