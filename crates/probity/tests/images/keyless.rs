//! Signatures without a key of one's own: by a certificate for a moment, in a registry, with an instance of sigstore made here.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::build::Images;
use crate::instance::{IDENTITY, ISSUER, Instance};
use crate::registry::Registry;
use crate::tools::{run, there};

/// Images without content in a registry, one signed by [`IDENTITY`] and one by nobody.
fn signed() -> Option<(Registry, Instance, String, String)> {
    if !there(&["umoci"]) {
        return None;
    }
    let (registry, instance) = (Registry::start()?, Instance::new());
    let layout = registry.folder.path().join("layout").display().to_string();
    run("umoci", &["init", "--layout", &layout]);
    let push = |tag: &str| {
        run("umoci", &["new", "--image", &format!("{layout}:{tag}")]);
        run("umoci", &["config", "--image", &format!("{layout}:{tag}"), "--config.label", &format!("of={tag}")]);
        let digest = registry.push(&format!("oci:{layout}:{tag}"), &format!("clinic/portal:{tag}"));
        format!("{}/clinic/portal@{digest}", registry.host)
    };
    let (signed, unsigned) = (push("signed"), push("unsigned"));
    instance.sign(&signed);
    Some((registry, instance, signed, unsigned))
}

fn verify(image: &str, root: &Path, identity: &str, issuer: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.args(["verify", image, "--certificate-identity", identity, "--certificate-oidc-issuer", issuer]);
    let Output { status, stdout, stderr } = command.arg("--trusted-root").arg(root).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn whom_an_issuer_vouches_for_is_verified() {
    let Some((registry, instance, image, unsigned)) = signed() else { return };
    let folder = registry.folder.path();
    let root = instance.trusted_root(folder);
    let elsewhere = folder.join("other");
    fs::create_dir(&elsewhere).unwrap();
    let other = Instance::new().trusted_root(&elsewhere);
    for (image, root, identity, issuer, reason) in [
        (&image, &root, IDENTITY, ISSUER, None),
        (&image, &root, "https://github.com/acme/other", ISSUER, Some("wrong-identity")),
        (&image, &root, IDENTITY, "https://accounts.example.com", Some("wrong-issuer")),
        (&image, &other, IDENTITY, ISSUER, Some("inclusion-proof")),
        (&unsigned, &root, IDENTITY, ISSUER, Some("no signature")),
    ] {
        let (code, said) = verify(image, root, identity, issuer);
        match reason {
            None => assert!(code == Some(0) && said.contains("entry 0 of the log"), "{said}"),
            Some(reason) => assert!(code == Some(1) && said.contains(reason), "{reason}: {said}"),
        }
    }
}

#[test]
fn the_gate_lets_through_what_an_approved_workflow_signed() {
    let Some(images) = Images::get() else { return };
    let Some(registry) = Registry::start() else { return };
    let (folder, instance) = (registry.folder.path(), Instance::new());
    instance.trusted_root(folder);
    let digest = registry.push(&images.at("portal"), "clinic/portal:v1");
    let image = format!("{}/clinic/portal@{digest}", registry.host);
    fs::create_dir(folder.join("build")).unwrap();
    let gate = |identity: &str| {
        let config = format!(
            "version: 1\nimages:\n  trusted_root: ../trusted_root.json\n  signers: [{{name: workflow, identity: '{identity}', \
             issuer: '{ISSUER}'}}]\nstages: {{default: observe, rules: [{{policies: [PRB-IMAGE-TRUST-001], stage: enforce}}]}}\n"
        );
        fs::write(folder.join("build/probity.yaml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        command.current_dir(folder.join("build")).env_clear().env("HOME", folder);
        let output = command.args(["gate", "ci", "--image", &image, "--build-number", "7"]).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, said) = gate(IDENTITY);
    assert_eq!(code, Some(1), "not signed yet: {said}");
    instance.sign(&image);
    let (code, said) = gate(IDENTITY);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = gate("https://github.com/acme/other");
    assert_eq!(code, Some(1), "{said}");
}
