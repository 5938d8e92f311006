//! Signing, attesting and verifying of images in an OCI layout.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{folder, text};

/// Runs the command where the password of keys is known.
pub(crate) fn probity(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.args(arguments).current_dir(folder).env("COSIGN_PASSWORD", "sesame").env("DOCKER_CONFIG", folder);
    command.output().unwrap()
}

/// A layout `portal` with the image `1.2.3`, which is for linux/amd64 and has nothing in it.
pub(crate) fn layout(folder: &Path) {
    let layout = folder.join("portal");
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    let blob = |bytes: &str, media_type: &str| {
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(layout.join("blobs/sha256").join(&hex), bytes).unwrap();
        let size = bytes.len();
        format!(r#"{{"mediaType":"application/vnd.oci.image.{media_type}","digest":"sha256:{hex}","size":{size}"#)
    };
    let config =
        blob(r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#, "config.v1+json");
    let manifest = blob(&format!(r#"{{"schemaVersion":2,"config":{config}}},"layers":[]}}"#), "manifest.v1+json");
    let name = r#""annotations":{"org.opencontainers.image.ref.name":"1.2.3"}"#;
    fs::write(layout.join("index.json"), format!(r#"{{"schemaVersion":2,"manifests":[{manifest},{name}}}]}}"#))
        .unwrap();
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

const IMAGE: &str = "oci:portal:1.2.3";

/// A folder with the layout and two key pairs, `ours` and `theirs`.
fn workplace() -> tempfile::TempDir {
    let folder = folder(&[]);
    layout(folder.path());
    for name in ["ours", "theirs"] {
        done(folder.path(), &["key", "generate", "--output", name]);
    }
    folder
}

/// Runs the command, which must go well; what it printed.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = probity(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn what_is_signed_is_verified_and_by_nobody_else() {
    let folder = workplace();
    let run = |arguments: &[&str]| probity(folder.path(), arguments);
    let unsigned = run(&["verify", IMAGE, "--key", "ours.pub"]);
    assert_eq!(unsigned.status.code(), Some(1));
    assert!(text(&unsigned.stdout).contains("there is no signature beside it"), "{}", text(&unsigned.stdout));
    for form in ["bundle", "tag"] {
        let sign = ["sign", IMAGE, "--key", "ours.key", "--form", form, "-a", "stage=production"];
        let signed = run(&sign);
        assert!(text(&signed.stdout).starts_with("signed portal@sha256:"), "{}", text(&signed.stderr));
        assert!(text(&signed.stderr).contains("a tag was named"), "{}", text(&signed.stderr));
        assert!(done(folder.path(), &sign).contains("with this key already"));
    }
    let document = done(folder.path(), &["verify", IMAGE, "--key", "ours.pub", "--format", "json"]);
    let document: Value = serde_json::from_str(&document).unwrap();
    let forms: Vec<_> = document["found"].as_array().unwrap().iter().map(|found| found["form"].as_str()).collect();
    assert_eq!(forms, [Some("cosign"), Some("sigstore-bundle")]);
    done(folder.path(), &["verify", IMAGE, "--key", "ours.pub", "-a", "stage=production"]);
    // Several are trusted: one of them has signed.
    done(folder.path(), &["verify", IMAGE, "--key", "theirs.pub", "--key", "ours.pub"]);
    for (arguments, reason) in [
        (&["--key", "theirs.pub"][..], "unknown-key: "),
        (&["--key", "ours.pub", "-a", "stage=test"], "unmet: it does not note stage=test"),
        (&["--key", "ours.pub", "--type", "cyclonedx"], "there is no cyclonedx beside it"),
    ] {
        let refused = run(&[&["verify", IMAGE], arguments].concat());
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(text(&refused.stdout).contains(reason), "{}", text(&refused.stdout));
    }
}

#[test]
fn what_is_attested_is_held_to_what_it_must_say() {
    let folder = workplace();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    write("sbom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#);
    write("sbom.spdx", "SPDXVersion: SPDX-2.3\n");
    write("notes.txt", "looked at by two\n");
    write(
        "scan.json",
        &format!(
            r#"{{"scanner":{{"uri":"pkg:probity"}},"metadata":{{"scanStartedOn":"{now}","scanFinishedOn":"{now}"}}}}"#
        ),
    );
    write(
        "vsa.json",
        r#"{"verifier":{"id":"https://v.example"},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}"#,
    );
    for (kind, file) in [
        ("cyclonedx", "sbom.json"),
        ("spdx", "sbom.spdx"),
        ("custom", "notes.txt"),
        ("vuln", "scan.json"),
        ("vsa", "vsa.json"),
    ] {
        for form in ["bundle", "tag"] {
            let attest = ["attest", IMAGE, "--type", kind, "--predicate", file, "--key", "ours.key", "--form", form];
            assert!(done(folder.path(), &attest).starts_with("attested https://"));
            // What `custom` attests has the time in it.
            if kind != "custom" {
                let again = done(folder.path(), &attest);
                assert!(again.contains("is attested with this key already"), "{again}");
            }
        }
        let verified = done(folder.path(), &["verify", IMAGE, "--key", "ours.pub", "--type", kind]);
        assert_eq!(verified.lines().count(), 3, "{verified}");
    }
    write("later.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"openssl"}]}"#);
    done(folder.path(), &["attest", IMAGE, "--type", "cyclonedx", "--predicate", "later.json", "--key", "ours.key"]);
    let both = done(folder.path(), &["verify", IMAGE, "--key", "ours.pub", "--type", "cyclonedx"]);
    assert_eq!(both.lines().count(), 4, "{both}");
    let verify = |arguments: &[&str]| {
        let output = probity(folder.path(), &[&["verify", IMAGE, "--key", "ours.pub"], arguments].concat());
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    for (arguments, code, part) in [
        (&["--type", "vuln", "--max-age", "1h", "--scanner", "pkg:probity"][..], 0, "verified"),
        (&["--type", "vuln", "--scanner", "pkg:other"], 1, "unmet: the scanner is pkg:probity, not pkg:other"),
        (&["--type", "vsa", "--level", "SLSA_BUILD_LEVEL_3", "--verifier", "https://v.example"], 0, "verified"),
        (&["--type", "vsa", "--level", "SLSA_BUILD_LEVEL_4"], 1, "unmet: the verified levels"),
        (&["--type", "slsaprovenance1"], 1, "there is no slsaprovenance1"),
        (&["--builder", "x"], 2, "give their --type"),
        (&["--type", "vuln", "--builder", "x"], 2, "--builder is asked of other attestations"),
        // Attestations are no signatures.
        (&[], 1, "there is no signature beside it"),
    ] {
        let (found, said) = verify(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn bad_input_is_named() {
    let folder = workplace();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("empty", "");
    write("junk", "junk");
    write("list.json", "[]");
    write("other.json", r#"{"a":1}"#);
    write("statement.json", r#"{"predicateType":"x"}"#);
    fs::create_dir_all(folder.path().join("store/x509/ca")).unwrap();
    let attest = |kind: &'static str, file: &'static str| {
        vec!["attest", IMAGE, "--type", kind, "--predicate", file, "--key", "ours.key"]
    };
    let verify = |more: &[&'static str]| [&["verify", IMAGE], more].concat();
    let identity = ["--certificate-identity", "a@b.example"];
    for (arguments, part) in [
        (vec!["sign", IMAGE], "--key"),
        (vec!["sign", IMAGE, "--key", "none.key"], "none.key cannot be read"),
        (vec!["sign", IMAGE, "--key", "empty"], "empty is empty"),
        (vec!["sign", IMAGE, "--key", "junk"], "junk: the private key cannot be read"),
        (vec!["sign", IMAGE, "--key", "ours.pub"], "it is a PUBLIC KEY"),
        (vec!["sign", IMAGE, "--key", "env://NO_SUCH_KEY"], "NO_SUCH_KEY holds no key"),
        (vec!["sign", IMAGE, "--key", "ours.key", "-a", "x"], "name=value"),
        (vec!["sign", "oci:portal:9", "--key", "ours.key"], "has no image 9: it has 1.2.3"),
        (vec!["sign", "oci:nowhere", "--key", "ours.key"], "nowhere/oci-layout"),
        (vec!["sign", "oci-archive:a.tar", "--key", "ours.key"], "neither a registry nor an OCI layout"),
        (vec!["sign", "127.0.0.1:1/a:1", "--key", "ours.key"], "does not answer"),
        (vec!["sign", IMAGE, "--key", "ours.key", "--platform", "linux/s390x"], "not there for linux/s390x"),
        (attest("cyclonedx", "none.json"), "none.json cannot be read"),
        (attest("cyclonedx", "empty"), "empty is empty"),
        (attest("cyclonedx", "junk"), "junk is no JSON"),
        (attest("cyclonedx", "list.json"), "no object"),
        (attest("cyclonedx", "other.json"), "it has no `specVersion`"),
        (attest("cyclonedx", "statement.json"), "give the predicate alone"),
        (attest("cyclone", "other.json"), "neither a URI nor one of"),
        (verify(&[]), "nobody is trusted"),
        (verify(&["--key", "ours.key"]), "is a private key"),
        (verify(&["--key", "junk"]), "junk: the public key cannot be read"),
        (verify(&identity), "means nothing without who vouches"),
        (verify(&[identity[0], "", "--certificate-oidc-issuer", "https://i.example"]), "nobody's"),
        (verify(&[identity[0], "a", "--certificate-oidc-issuer-regexp", "("]), "regular expression"),
        (verify(&["--key", "ours.pub", "--trusted-root", "other.json"]), "other.json: the trusted root cannot be used"),
        (verify(&["--key", "ours.pub", "--require-log"]), "--trusted-root"),
        (verify(&["--key", "ours.pub", "--max-age", "soon"]), "is no age"),
        (verify(&["--key", "ours.pub", "--bundle", "none.json"]), "oci:portal:1.2.3 cannot be read"),
        (vec!["verify", "junk", "--key", "ours.pub", "--bundle", "none.json"], "none.json cannot be read"),
        (verify(&["--notation-trust-policy", "other.json", "--notation-trust-store", "store"]), "other.json: "),
        (verify(&["--notation-trust-policy", "other.json"]), "--notation-trust-store"),
        (vec!["key", "generate", "--output", "ours"], "ours.key is there already"),
    ] {
        let output = probity(folder.path(), &arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}{said}", text(&output.stdout));
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
    // Nothing was written on the way.
    let index = fs::read_to_string(folder.path().join("portal/index.json")).unwrap();
    assert_eq!(index.matches("digest").count(), 1, "{index}");
}

#[test]
fn a_password_is_never_guessed() {
    let folder = workplace();
    let run = |password: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        command.args(["sign", IMAGE, "--key", "ours.key"]).current_dir(folder.path()).env_remove("COSIGN_PASSWORD");
        command.envs(password.map(|password| ("COSIGN_PASSWORD", password))).stdin(std::process::Stdio::null());
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = run(None);
    assert!(code == Some(2) && said.contains("set the variable COSIGN_PASSWORD"), "{said}");
    let (code, said) = run(Some("wrong"));
    assert!(code == Some(2) && said.contains("the password is wrong") && !said.contains("`wrong`"), "{said}");
}

#[test]
fn a_key_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = workplace();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("ours.key"), 0o600);
    let key = fs::read_to_string(folder.path().join("ours.key")).unwrap();
    assert!(key.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"), "{key}");
}

/// Another image's signatures, copied into its place.
#[test]
fn signatures_of_another_image_are_refused() {
    let folder = workplace();
    done(folder.path(), &["sign", IMAGE, "--key", "ours.key", "--form", "tag"]);
    let index = folder.path().join("portal/index.json");
    let mut document: Value = serde_json::from_str(&fs::read_to_string(&index).unwrap()).unwrap();
    let entries = document["manifests"].as_array_mut().unwrap();
    let manifest = r#"{"schemaVersion":2,"layers":[],"config":{}}"#;
    let hex: String = Sha256::digest(manifest).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(folder.path().join("portal/blobs/sha256").join(&hex), manifest).unwrap();
    entries[0]["digest"] = format!("sha256:{hex}").into();
    entries[0]["size"] = manifest.len().into();
    entries[1]["annotations"]["org.opencontainers.image.ref.name"] = format!("sha256-{hex}.sig").into();
    fs::write(&index, document.to_string()).unwrap();
    let output = probity(folder.path(), &["verify", IMAGE, "--key", "ours.pub"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("other-digest: it is about sha256:"), "{}", text(&output.stdout));
}
