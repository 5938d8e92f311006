//! Signed by `probity`, verified by cosign, and the other way round; in Debian's registry, which does not know referrers.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::cosign::{Cosign, PASSWORD};
use crate::registry::{Registry, USER};
use crate::tools::{done, run, there};

const SBOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#;

/// An image with nothing in it, in a layout.
fn image(folder: &Path) -> Option<String> {
    if !there(&["umoci"]) {
        return None;
    }
    let layout = folder.join("layout").display().to_string();
    run("umoci", &["init", "--layout", &layout]);
    run("umoci", &["new", "--image", &format!("{layout}:v1")]);
    Some(format!("oci:{layout}:v1"))
}

fn probity(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.args(arguments).current_dir(folder).env("COSIGN_PASSWORD", PASSWORD).env("DOCKER_CONFIG", folder);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn what_probity_signs_cosign_verifies() {
    let (Some(registry), Some(cosign)) = (Registry::start(), Cosign::find()) else { return };
    let folder = registry.folder.path();
    let Some(layout) = image(folder) else { return };
    let digest = registry.push(&layout, "clinic/portal:v1");
    let image = format!("{}/clinic/portal@{digest}", registry.host);
    fs::write(folder.join("sbom.json"), SBOM).unwrap();
    done(&mut probity(folder, &["key", "generate", "--output", "ours"]));
    let key = folder.join("ours.pub");
    assert!(!cosign.verifies(&image, &key));
    let attest = ["attest", &image, "--type", "cyclonedx", "--predicate", "sbom.json", "--key", "ours.key"];
    for (form, newer) in [("tag", "--new-bundle-format=false"), ("bundle", "--new-bundle-format=true")] {
        done(&mut probity(folder, &["sign", &image, "--key", "ours.key", "--form", form, "-a", "stage=production"]));
        done(&mut probity(folder, &[&attest[..], &["--form", form]].concat()));
        let offline =
            ["--key", &key.display().to_string(), "--insecure-ignore-tlog=true", "--allow-http-registry", newer];
        let verified = cosign.run(&[&["verify"][..], &offline, &["-a", "stage=production", &image]].concat());
        assert!(verified.contains("production"), "{verified}");
        cosign.run(&[&["verify-attestation", "--type", "cyclonedx"][..], &offline, &[&image]].concat());
    }
    // By its tag it is the same image; by another's key it is not verified.
    let tagged = format!("{}/clinic/portal:v1", registry.host);
    done(&mut probity(folder, &["verify", &tagged, "--key", "ours.pub"]));
    let theirs = cosign.public_key().display().to_string();
    let refused = probity(folder, &["verify", &tagged, "--key", &theirs]).output().unwrap();
    assert!(refused.status.code() == Some(1) && said(&refused).contains("unknown-key"), "{}", said(&refused));
}

#[test]
fn the_report_of_a_scan_that_is_attached_is_one_for_cosign() {
    let (Some(registry), Some(cosign)) = (Registry::start(), Cosign::find()) else { return };
    let folder = registry.folder.path();
    let Some(layout) = image(folder) else { return };
    let digest = registry.push(&layout, "clinic/portal:v1");
    let image = format!("{}/clinic/portal@{digest}", registry.host);
    done(&mut probity(folder, &["key", "generate", "--output", "ours"]));
    assert!(!cosign.verifies_attestation(&image, "vuln", &folder.join("ours.pub")));
    done(&mut probity(folder, &["image", "scan", &image, "--report-key", "ours.key", "--attach", "--soft-fail"]));
    assert!(cosign.verifies_attestation(&image, "vuln", &folder.join("ours.pub")));
    assert!(!cosign.verifies_attestation(&image, "cyclonedx", &folder.join("ours.pub")));
    assert!(!cosign.verifies_attestation(&image, "vuln", &cosign.public_key()));
    done(&mut probity(folder, &["verify", &image, "--type", "vuln", "--key", "ours.pub"]));
}

#[test]
fn what_cosign_signs_probity_verifies() {
    let (Some(registry), Some(cosign)) = (Registry::start(), Cosign::find()) else { return };
    let folder = registry.folder.path();
    let Some(layout) = image(folder) else { return };
    let digest = registry.push(&layout, "clinic/portal:v1");
    let image = format!("{}/clinic/portal@{digest}", registry.host);
    let key = cosign.public_key().display().to_string();
    let verify = ["verify", &image, "--key", &key];
    let unsigned = probity(folder, &verify).output().unwrap();
    assert!(unsigned.status.code() == Some(1) && said(&unsigned).contains("no signature"), "{}", said(&unsigned));
    cosign.sign(&image);
    fs::write(folder.join("sbom.json"), SBOM).unwrap();
    cosign.attest(&image, "cyclonedx", &folder.join("sbom.json"));
    done(&mut probity(folder, &verify));
    done(&mut probity(folder, &[&verify[..], &["--type", "cyclonedx"]].concat()));
    // What cosign wrote is kept when we write beside it.
    done(&mut probity(folder, &["key", "generate", "--output", "ours"]));
    done(&mut probity(folder, &["sign", &image, "--key", "ours.key"]));
    done(&mut probity(folder, &verify));
    assert!(cosign.verifies(&image, &cosign.public_key()));
}

#[test]
fn a_registry_that_asks_who_it_is_is_told() {
    let Some(registry) = Registry::private() else { return };
    let folder = registry.folder.path();
    let Some(layout) = image(folder) else { return };
    registry.push_as_user(&layout, "clinic/portal:v1");
    let image = format!("{}/clinic/portal:v1", registry.host);
    done(&mut probity(folder, &["key", "generate", "--output", "ours"]));
    let sign = ["sign", &image, "--key", "ours.key"];
    let refused = probity(folder, &sign).output().unwrap();
    assert!(refused.status.code() == Some(2) && said(&refused).contains("no credentials"), "{}", said(&refused));
    let login = format!(r#"{{"auths":{{"{}":{{"username":"{}","password":"{}"}}}}}}"#, registry.host, USER.0, USER.1);
    fs::write(folder.join("config.json"), login).unwrap();
    done(&mut probity(folder, &sign));
    done(&mut probity(folder, &["verify", &image, "--key", "ours.pub"]));
}
