//! Kyverno's policies on images that cosign itself signed, in a registry.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};

use crate::cosign::Cosign;
use crate::instance::{IDENTITY, ISSUER, Instance, named};
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
    for (policy, passing) in [
        (cluster_policy("Cosign", &key), &[0][..]),
        (cluster_policy("SigstoreBundle", &key), &[1]),
        (image_policy(&key), &[0, 1]),
    ] {
        fs::write(folder.join("policy.yaml"), &policy).unwrap();
        for (index, tag) in tags.iter().enumerate() {
            let (code, text) = told(folder, &registry.host, tag, &["--registry"]);
            let pinned = text.contains(&format!("clinic/portal:{tag}@{}", digests[index]));
            if passing.contains(&index) {
                assert!(code == 0 && pinned, "{policy}\n{tag}: {code}\n{text}");
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

/// An attestor of a `verifyImages` rule, as YAML in one line, for images of the clinic.
fn by(form: &str, attestor: &serde_json::Value) -> String {
    serde_json::json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "signed"},
        "spec": {"validationFailureAction": "Enforce", "rules": [{
            "name": "by-us", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
            "verifyImages": [{"type": form, "imageReferences": ["*/clinic/*"], "attestors": [{"entries": [attestor]}]}],
        }]},
    })
    .to_string()
}

#[test]
fn images_are_let_through_that_were_signed_with_a_certificate_of_an_authority() {
    let tags = ["signed", "unsigned"];
    let Some((registry, digests)) = portal(&tags) else { return };
    let Some(cosign) = Cosign::find() else { return };
    let folder = registry.folder.path();
    let (ours, theirs) = (Authority::new(), Authority::new());
    let files = ours.write(folder);
    cosign.run(&["import-key-pair", "--key", &files.key, "--output-key-prefix", "certified"]);
    let image = format!("{}/clinic/portal@{}", registry.host, digests[0]);
    let with = ["--key", "certified.key", "--certificate", &files.certificate, "--certificate-chain", &files.chain];
    let sign = ["sign", "--new-bundle-format=false", "--yes"];
    cosign.run(&[&sign[..], &with, &OFFLINE, &[&image]].concat());
    let attestor = |certificate: &str, chain: &str| {
        let logs = (serde_json::json!({"ignoreTlog": true}), serde_json::json!({"ignoreSCT": true}));
        by(
            "Cosign",
            &serde_json::json!({"certificates": {"cert": certificate, "certChain": chain, "rekor": logs.0, "ctlog": logs.1}}),
        )
    };
    for (policy, tag, passes) in [
        (attestor(&ours.leaf, &ours.root), "signed", true),
        (attestor(&ours.leaf, ""), "signed", true),
        (attestor(&ours.leaf, &ours.root), "unsigned", false),
        (attestor(&theirs.leaf, &theirs.root), "signed", false),
        // The certificate is not of the authority that the policy believes.
        (attestor(&ours.leaf, &theirs.root), "signed", false),
    ] {
        fs::write(folder.join("policy.yaml"), &policy).unwrap();
        let (code, text) = told(folder, &registry.host, tag, &["--registry"]);
        assert_eq!(code, i32::from(!passes), "{policy}\n{tag}: {text}");
    }
}

/// An authority and a certificate of it for code, in PEM.
struct Authority {
    root: String,
    leaf: String,
    key: String,
}

struct Files {
    key: String,
    certificate: String,
    chain: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(["builder.acme.example".to_owned()]).unwrap();
        params.distinguished_name = named("builder");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        let pair = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&pair, &root).unwrap();
        Self { root: root.pem(), leaf: leaf.pem(), key: pair.serialize_pem() }
    }

    fn write(&self, folder: &Path) -> Files {
        let write = |name: &str, text: &str| {
            fs::write(folder.join(name), text).unwrap();
            folder.join(name).display().to_string()
        };
        Files {
            key: write("leaf.key", &self.key),
            certificate: write("leaf.pem", &self.leaf),
            chain: write("chain.pem", &self.root),
        }
    }
}

#[test]
fn images_are_let_through_that_were_signed_by_whom_an_issuer_vouches_for() {
    let tags = ["signed", "unsigned"];
    let Some((registry, digests)) = portal(&tags) else { return };
    let (folder, instance) = (registry.folder.path(), Instance::new());
    let root = instance.trusted_root(folder).display().to_string();
    instance.sign(&format!("{}/clinic/portal@{}", registry.host, digests[0]));
    let keyless = |subject: &str| {
        let rekor = serde_json::json!({"url": "https://rekor.example"});
        let keyless = serde_json::json!({"subject": subject, "issuer": ISSUER, "rekor": rekor});
        by("SigstoreBundle", &serde_json::json!({"keyless": keyless}))
    };
    for (policy, tag, passes) in [
        (keyless(IDENTITY), "signed", true),
        (keyless(IDENTITY), "unsigned", false),
        (keyless("someone"), "signed", false),
    ] {
        fs::write(folder.join("policy.yaml"), &policy).unwrap();
        let (code, text) = told(folder, &registry.host, tag, &["--registry", "--trusted-root", &root]);
        assert_eq!(code, i32::from(!passes), "{policy}\n{tag}: {text}");
    }
    // The public instance does not know the authority.
    fs::write(folder.join("policy.yaml"), keyless(IDENTITY)).unwrap();
    let (code, text) = told(folder, &registry.host, "signed", &["--registry"]);
    assert_eq!(code, 1, "{text}");
}
