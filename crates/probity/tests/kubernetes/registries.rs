//! What a gate has of registries: policies, and the digests of images.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use rustix::process::Signal;
use sha2::{Digest as _, Sha256};

use crate::cluster::{ADMIN, Cluster, eventually};
use crate::gate::Gate;
use crate::registry::{Registry, USER};
use crate::tools::done;

const NAMES: &str = "
package clinic

# METADATA
# title: Config maps have names that are allowed
deny contains msg if {
  input.kind == \"ConfigMap\"
  startswith(input.metadata.name, data.clinic.forbidden[_])
  msg := \"the name is WHY\"
}
";

/// A layout with one artifact, as Conftest and ORAS push files: each a layer that has its name.
fn layout(folder: &Path, files: &[(&str, &str, &str)]) {
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    let blob = |bytes: &[u8]| {
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(folder.join("blobs/sha256").join(&hex), bytes).unwrap();
        serde_json::json!({"digest": format!("sha256:{hex}"), "size": bytes.len()})
    };
    let described = |mut blob: serde_json::Value, media_type: &str| {
        blob["mediaType"] = media_type.into();
        blob
    };
    let config = described(blob(b"{}"), "application/vnd.cncf.openpolicyagent.config.v1+json");
    let layers: Vec<_> = files
        .iter()
        .map(|(name, media_type, text)| {
            let mut layer = described(blob(text.as_bytes()), media_type);
            layer["annotations"] = serde_json::json!({"org.opencontainers.image.title": name});
            layer
        })
        .collect();
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
    let mut manifest = described(blob(&serde_json::to_vec(&manifest).unwrap()), media_type);
    manifest["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "1"});
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(folder.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
}

/// Pushes policies that refuse names for a reason, as `team/policies:1`.
fn push(registry: &Registry, why: &str, push: fn(&Registry, &str, &str) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let rego = NAMES.replace("WHY", why);
    let files = [
        ("names.rego", "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego", rego.as_str()),
        ("clinic/data.json", "application/vnd.cncf.openpolicyagent.data.layer.v1+json", r#"{"forbidden": ["tmp-"]}"#),
    ];
    layout(folder.path(), &files);
    push(registry, &format!("oci:{}:1", folder.path().display()), "team/policies:1");
}

fn probity(arguments: &[&str], folder: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    done(command.current_dir(folder).env("COSIGN_PASSWORD", "").args(arguments));
}

#[test]
fn policies_of_a_registry_are_kept_up_to_date() {
    let Some(cluster) = Cluster::start(None) else { return };
    let Some(registry) = Registry::private() else { return };
    push(&registry, "temporary", Registry::push_as_user);
    let mut gate = Gate::install(&cluster, &[], "admission: {cluster: eu-1}");
    let auth = BASE64.encode(format!("{}:{}", USER.0, USER.1));
    let credentials = serde_json::json!({"auths": {&registry.host: {"auth": auth}}});
    fs::write(gate.folder().join("docker.json"), credentials.to_string()).unwrap();
    let source = format!("--gate-policy=oci://{}/team/policies:1", registry.host);
    let options = [source.as_str(), "--gate-policy-interval=1", "--docker-config=docker.json"];
    gate.start(&cluster, &options);
    let made = |name: &str| cluster.kubectl(ADMIN, &["create", "configmap", name, "--dry-run=server"]);
    eventually("the policy is in force", || made("tmp-1").stderr.contains("the name is temporary").then_some(()));
    made("kept").done();
    push(&registry, "not for long", Registry::push_as_user);
    eventually("the new one is in force", || made("tmp-1").stderr.contains("the name is not for long").then_some(()));

    // What is there now counts, also when the registry is away.
    gate.end(Signal::INT);
    let host = registry.host.clone();
    drop(registry);
    gate.start(&cluster, &options);
    eventually("the gate goes on", || made("tmp-1").stderr.contains("the name is not for long").then_some(()));
    let said = gate.said();
    assert!(said.contains("count unsigned"), "{said}");
    assert!(said.contains(&format!("probity: the policies of {host}/team/policies:1: ")), "{said}");
}

#[test]
fn policies_of_a_registry_are_signed_when_a_key_is_named() {
    let Some(cluster) = Cluster::start(None) else { return };
    let Some(registry) = Registry::start() else { return };
    let mut gate = Gate::install(&cluster, &[], "admission: {cluster: eu-1}");
    push(&registry, "temporary", Registry::push);
    let image = format!("{}/team/policies:1", registry.host);
    probity(&["key", "generate", "--output", "policies"], gate.folder());
    let sign = |folder: &Path| probity(&["sign", "--key", "policies.key", &image], folder);
    sign(gate.folder());
    let source = format!("--gate-policy=oci://{image}");
    gate.start(&cluster, &[&source, "--gate-policy-key=policies.pub", "--gate-policy-interval=1"]);
    let made = |name: &str| cluster.kubectl(ADMIN, &["create", "configmap", name, "--dry-run=server"]);
    eventually("the policy is in force", || made("tmp-1").stderr.contains("the name is temporary").then_some(()));

    // Others who can push cannot change what is judged by.
    push(&registry, "anything", Registry::push);
    eventually("it is said what is wrong", || gate.said().contains("is not signed").then_some(()));
    let refused = made("tmp-1").refused();
    assert!(refused.contains("the name is temporary"), "{refused}");
    sign(gate.folder());
    eventually("what is signed counts", || made("tmp-1").stderr.contains("the name is anything").then_some(()));
}

#[test]
fn tags_of_images_are_pinned_when_that_is_asked_for() {
    let Some(cluster) = Cluster::start(None) else { return };
    let Some(registry) = Registry::start() else { return };
    // Nobody looks into it: an image is a manifest with a digest here.
    push(&registry, "anything", Registry::push);
    let image = format!("{}/team/policies:1", registry.host);
    let namespace = cluster.namespace("clinic");
    let pod = |name: &str, image: &str| {
        let containers = format!("containers: [{{name: web, image: '{image}'}}]");
        format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{{containers}}}}}")
    };
    let image_of = |name: &str| {
        let get = ["get", "pod", name, "--output=jsonpath={.spec.containers[0].image}", "--namespace", &namespace];
        cluster.kubectl(ADMIN, &get).done()
    };
    cluster.apply(ADMIN, &namespace, &pod("before", &image)).done();
    let mut gate = Gate::install(&cluster, &[], "admission: {cluster: eu-1, pin_images: true}");
    gate.start(&cluster, &[]);
    eventually("what is made is pinned", || {
        cluster.apply(ADMIN, &namespace, &pod("portal", &image)).done();
        image_of("portal").starts_with(&format!("{image}@sha256:")).then_some(()).or_else(|| {
            cluster.kubectl(ADMIN, &["delete", "pod", "portal", "--now", "--namespace", &namespace]).done();
            None
        })
    });
    gate.evidence(&["ALLOWED", "portal"]);
    // What runs keeps its name, whatever else is changed.
    cluster.kubectl(ADMIN, &["label", "pod", "before", "team=clinic", "--namespace", &namespace]).done();
    assert_eq!(image_of("before"), image);
    let unknown =
        cluster.apply(ADMIN, &namespace, &pod("unknown", &format!("{}/team/none:1", registry.host))).refused();
    assert!(unknown.contains("pin-images: ") && unknown.contains("has no digest to be pinned to"), "{unknown}");
}
