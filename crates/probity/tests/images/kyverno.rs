//! Kyverno's policies on images that cosign itself signed, in a registry.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::cosign::Cosign;
use crate::registry::Registry;
use crate::tools::{run, there};

/// No log, no service that says where one is, and a registry without TLS.
const OFFLINE: [&str; 3] = ["--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry"];

/// A registry with images `clinic/portal` under these tags, each another.
fn portal(tags: &[&str]) -> Option<(Registry, Vec<String>)> {
    if !there(&["umoci"]) {
        return None;
    }
    let registry = Registry::start()?;
    let layout = registry.folder.path().join("layout").display().to_string();
    run("umoci", &["init", "--layout", &layout]);
    let push = |tag: &&str| {
        let image = format!("{layout}:{tag}");
        run("umoci", &["new", "--image", &image]);
        run("umoci", &["config", "--image", &image, "--config.user", "65534", "--config.label", &format!("of={tag}")]);
        registry.push(&format!("oci:{image}"), &format!("clinic/portal:{tag}"))
    };
    let digests = tags.iter().map(push).collect();
    Some((registry, digests))
}

/// Signs in the form that cosign had before bundles.
fn sign_under_tag(cosign: &Cosign, image: &str) {
    cosign.run(
        &[&["sign", "--new-bundle-format=false", "--key", "cosign.key", "--yes"][..], &OFFLINE, &[image]].concat(),
    );
}

fn apply(folder: &Path, host: &str, tag: &str, options: &[&str]) -> Output {
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: portal, namespace: clinic}}\nspec:\n  containers:\n  - {{name: portal, \
         image: '{host}/clinic/portal:{tag}'}}\n"
    );
    fs::write(folder.join("pod.yaml"), pod).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.current_dir(folder).args(["apply", "policy.yaml", "--resource", "pod.yaml", "--verbose"]).args(options);
    command.output().unwrap()
}

/// Asks about an image; gives the exit code and all that was printed.
fn told(folder: &Path, host: &str, tag: &str, options: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = apply(folder, host, tag, options);
    let text = [stdout, stderr].concat();
    (status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn indented(path: &Path, by: usize) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

fn cluster_policy(form: &str, key: &Path) -> String {
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: signed}}\nspec:\n  validationFailureAction: \
         Enforce\n  rules:\n  - name: by-us\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages:\n    - \
         type: {form}\n      imageReferences: ['*/clinic/*']\n      attestors:\n      - entries:\n        - keys:\n            \
         rekor: {{url: 'https://rekor.example', ignoreTlog: true}}\n            ctlog: {{ignoreSCT: true}}\n            \
         publicKeys: |-\n{}",
        indented(key, 14)
    )
}

fn image_policy(key: &Path) -> String {
    format!(
        "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {{name: signed}}\nspec:\n  \
         matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: \
         [pods]}}]}}\n  validations:\n  - expression: 'images.containers.map(i, verifyImageSignatures(i, \
         [attestors.us])).all(n, n > 0)'\n    message: not signed by us\n  attestors:\n  - name: us\n    cosign:\n      \
         ctlog: {{insecureIgnoreTlog: true}}\n      key:\n        data: |-\n{}",
        indented(key, 10)
    )
}

#[test]
fn images_are_let_through_that_cosign_signed_with_the_key() {
    let tags = ["signed", "bundled", "theirs", "unsigned"];
    let Some((registry, digests)) = portal(&tags) else { return };
    let (Some(ours), Some(theirs)) = (Cosign::find(), Cosign::find()) else { return };
    let at = |index: usize| format!("{}/clinic/portal@{}", registry.host, digests[index]);
    sign_under_tag(&ours, &at(0));
    ours.sign(&at(1));
    sign_under_tag(&theirs, &at(2));
    theirs.sign(&at(2));
    let folder = registry.folder.path();
    let key = ours.public_key();
    // What an ImageValidatingPolicy would change is for an admission webhook: here its verdict alone is told.
    for (policy, passing, changes) in [
        (cluster_policy("Cosign", &key), &[0][..], true),
        (cluster_policy("SigstoreBundle", &key), &[1], true),
        (image_policy(&key), &[0, 1], false),
    ] {
        fs::write(folder.join("policy.yaml"), &policy).unwrap();
        for (index, tag) in tags.iter().enumerate() {
            let (code, text) = told(folder, &registry.host, tag, &["--registry"]);
            let pinned = text.contains(&format!("clinic/portal:{tag}@{}", digests[index]));
            if passing.contains(&index) {
                assert!(code == 0 && pinned == changes, "{policy}\n{tag}: {code}\n{text}");
            } else {
                assert!(code == 1 && text.contains("FAIL"), "{policy}\n{tag}: {code}\n{text}");
            }
        }
        // Without leave to ask registries nothing is taken for signed.
        assert_eq!(told(folder, &registry.host, "signed", &[]).0, 1, "{policy}");
    }
}

#[test]
fn a_registry_that_is_away_lets_nothing_through() {
    let Some(cosign) = Cosign::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    for policy in [cluster_policy("Cosign", &cosign.public_key()), image_policy(&cosign.public_key())] {
        fs::write(folder.path().join("policy.yaml"), &policy).unwrap();
        let (code, text) = told(folder.path(), "127.0.0.1:1", "v1", &["--registry"]);
        assert!(code == 1 && text.contains("ERROR"), "{policy}\n{code}\n{text}");
    }
}
