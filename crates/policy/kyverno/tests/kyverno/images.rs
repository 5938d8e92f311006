//! Images that must be signed and attested, by keys with which they are.

use probity_model::{Value, json};
use probity_policy_kyverno::{Offline, Request, RuleResponse, Status, Surroundings, object};
use probity_trust::PrivateKey;

use crate::registry::{Online, Registries, key};
use crate::support::{MATCH, pod, policy_with, try_policy};

const PORTAL: &str = "registry.example/clinic/portal";
const VEX: &str = "https://example.com/scan/v1";

/// A key as an attestor has it; its signatures are in no log.
fn by(key: &PrivateKey) -> String {
    format!("{{keys: {{publicKeys: {}, rekor: {{url: 'https://rekor.example', ignoreTlog: true}}}}}}", pem(&[key]))
}

/// Keys in PEM, as a text of YAML.
fn pem(keys: &[&PrivateKey]) -> String {
    let all: String = keys.iter().map(|key| key.public().to_pem()).collect();
    json::write(&Value::from(all))
}

/// What comes of images by a rule with this `verifyImages`, and what becomes of the pod.
fn judged(verify: &str, images: &[&str], host: &Online) -> (Vec<RuleResponse>, Value) {
    let policy = policy_with("", &format!("  - name: r\n{MATCH}    verifyImages:\n    - {verify}\n"));
    let around = Surroundings { host, exceptions: &[] };
    let request = Request::of_object(&pod(&containers(images)));
    let response = policy.verify_images(&request, around);
    let object = response.patched.or(request.object).unwrap();
    (response.rules, object)
}

fn containers(images: &[&str]) -> String {
    let containers =
        images.iter().enumerate().map(|(index, image)| format!("  - {{name: c{index}, image: '{image}'}}\n"));
    format!("spec:\n  containers:\n{}", containers.collect::<String>())
}

fn said(verify: &str, image: &str, registries: &Registries) -> (Status, String) {
    let (rules, _) = judged(verify, &[image], &registries.host());
    assert_eq!(rules.len(), 1, "{rules:?}");
    (rules[0].status, rules[0].message.clone())
}

/// A `verifyImages` with these attestors.
fn attestors(sets: &str) -> String {
    format!("{{imageReferences: ['registry.example/*'], mutateDigest: false, attestors: [{sets}]}}")
}

fn entries(entries: &str) -> String {
    attestors(&format!("{{entries: [{entries}]}}"))
}

#[test]
fn images_pass_that_are_signed_by_whom_they_must_be() {
    let registries = Registries::default();
    let (ours, theirs) = (key(), key());
    let portal = registries.image(PORTAL, "v1", "65534");
    registries.image(PORTAL, "unsigned", "0");
    let stolen = registries.image(PORTAL, "stolen", "0");
    registries.sign(&portal, &ours, &[("env", "prod")]);
    registries.replay(&portal, &stolen);
    let (own, other) = (by(&ours), by(&theirs));
    let noted = |value: &str| own.replacen('{', &format!("{{annotations: {{env: {value}}}, "), 1);
    for (verify, tag, status, expected) in [
        (entries(&own), "v1", Status::Pass, "verified image signatures for registry.example/clinic/portal:v1"),
        (entries(&own), "unsigned", Status::Fail, ".attestors[0].entries[0].keys: no signatures found"),
        (entries(&own), "stolen", Status::Fail, "it is about sha256:"),
        (entries(&own), "gone", Status::Error, "there is no such manifest"),
        (entries(&other), "v1", Status::Fail, "signed with no key that is trusted"),
        (entries(&format!("{own}, {other}")), "v1", Status::Fail, "entries[1].keys"),
        (attestors(&format!("{{count: 1, entries: [{other}, {own}]}}")), "v1", Status::Pass, "verified"),
        (attestors(&format!("{{entries: [{own}]}}, {{entries: [{other}]}}")), "v1", Status::Fail, ".attestors[1]"),
        (entries(&format!("{{attestor: {{count: 1, entries: [{other}, {own}]}}}}")), "v1", Status::Pass, "verified"),
        (entries(&format!("{{attestor: {{entries: [{other}]}}}}")), "v1", Status::Fail, "entries[0].attestor"),
        (entries(&noted("prod")), "v1", Status::Pass, "verified"),
        (entries(&noted("test")), "v1", Status::Fail, "no signature matched the required annotations"),
        // A signature that is in no log does not count where one must be.
        (entries(&format!("{{keys: {{publicKeys: {}}}}}", pem(&[&ours]))), "v1", Status::Fail, "log"),
        (
            entries("{keys: {secret: {name: signer, namespace: ops}}}"),
            "v1",
            Status::Fail,
            "k8s://ops/signer: it is a secret",
        ),
        (entries("{keys: {kms: 'awskms:///k'}}"), "v1", Status::Fail, "key management"),
        (entries("{keys: {publicKeys: nothing}}"), "v1", Status::Fail, "no key in PEM"),
        (entries(&own.replace("keys: {", "keys: {signatureAlgorithm: sha512, ")), "v1", Status::Fail, "sha256"),
        (entries("{keyless: {issuer: i, subject: s, rekor: {url: 'https://r'}}}"), "v1", Status::Fail, ".keyless"),
    ] {
        let (found, message) = said(&verify, &format!("{PORTAL}:{tag}"), &registries);
        assert!(found == status && message.contains(expected), "{verify} {tag}: {found:?} {message}");
    }
}

#[test]
fn each_of_several_keys_counts() {
    let registries = Registries::default();
    let (ours, theirs) = (key(), key());
    let portal = registries.image(PORTAL, "v1", "0");
    registries.sign(&portal, &ours, &[]);
    let keys = format!("{{keys: {{publicKeys: {}, rekor: {{url: r, ignoreTlog: true}}}}}}", pem(&[&theirs, &ours]));
    let image = format!("{PORTAL}:v1");
    assert_eq!(said(&entries(&keys), &image, &registries).0, Status::Fail);
    assert_eq!(said(&attestors(&format!("{{count: 1, entries: [{keys}]}}")), &image, &registries).0, Status::Pass);
    registries.sign(&portal, &theirs, &[]);
    assert_eq!(said(&entries(&keys), &image, &registries).0, Status::Pass);
}

#[test]
fn the_form_of_signatures_is_the_one_that_is_named() {
    let registries = Registries::default();
    let ours = key();
    let (first, second) = (registries.image(PORTAL, "tag", "0"), registries.image(PORTAL, "bundle", "0"));
    registries.sign(&first, &ours, &[]);
    registries.sign_with_bundle(&second, &ours);
    for (form, tag, status) in [
        ("Cosign", "tag", Status::Pass),
        ("Cosign", "bundle", Status::Fail),
        ("SigstoreBundle", "bundle", Status::Pass),
        ("SigstoreBundle", "tag", Status::Fail),
    ] {
        let verify = entries(&by(&ours)).replacen('{', &format!("{{type: {form}, "), 1);
        assert_eq!(said(&verify, &format!("{PORTAL}:{tag}"), &registries).0, status, "{form} {tag}");
    }
}

#[test]
fn signatures_may_be_kept_elsewhere() {
    let registries = Registries::default();
    let ours = key();
    let portal = registries.image(PORTAL, "v1", "0");
    registries.sign_in("registry.example/signatures", &portal, &ours, &[]);
    let (image, verify) = (format!("{PORTAL}:v1"), entries(&by(&ours)));
    assert_eq!(said(&verify, &image, &registries).0, Status::Fail);
    for kept in [
        verify.replacen('{', "{repository: registry.example/signatures, ", 1),
        entries(&by(&ours).replacen('{', "{repository: registry.example/signatures, ", 1)),
    ] {
        assert_eq!(said(&kept, &image, &registries).0, Status::Pass, "{kept}");
    }
}

#[test]
fn attestations_say_what_they_must() {
    let registries = Registries::default();
    let (ours, theirs) = (key(), key());
    let portal = registries.image(PORTAL, "v1", "0");
    registries.attest(&portal, VEX, r#"{"scanner": {"name": "grype"}, "critical": 0}"#, &ours);
    let own = format!("attestors: [{{entries: [{}]}}]", by(&ours));
    let other = format!("attestors: [{{entries: [{}]}}]", by(&theirs));
    let none = "conditions: [{all: [{key: '{{ critical }}', operator: Equals, value: 0}]}]";
    let named = "conditions: [{any: [{key: '{{ scanner.name }}', operator: Equals, value: trivy, message: other}]}]";
    for (attestation, status, expected) in [
        (format!("{{type: {VEX}, {own}}}"), Status::Pass, "verified image attestations"),
        (format!("{{predicateType: {VEX}, {own}, {none}}}"), Status::Pass, "verified image attestations"),
        (format!("{{type: {VEX}, {own}, {named}}}"), Status::Fail, "attestation checks failed for"),
        (format!("{{type: {VEX}, {other}}}"), Status::Fail, "verifiedCount: 0, requiredCount: 1, error:"),
        (format!("{{type: 'https://other', {own}}}"), Status::Fail, "not found for predicate type https://other"),
        (format!("{{{own}}}"), Status::Fail, "missing type"),
        (
            format!(
                "{{type: {VEX}, {own}, conditions: [{{all: [{{key: '{{{{ none }}}}', operator: Equals, value: 0}}]}}]}}"
            ),
            Status::Fail,
            "failed to check attestations",
        ),
        // Nobody's signature is asked for, but there is none by anybody for whom the root vouches.
        (format!("{{type: {VEX}}}"), Status::Fail, "requiredCount: 1"),
    ] {
        for form in ["Cosign", "SigstoreBundle"] {
            let verify =
                format!("{{type: {form}, imageReferences: ['*'], mutateDigest: false, attestations: [{attestation}]}}");
            let (found, message) = said(&verify, &format!("{PORTAL}:v1"), &registries);
            assert!(found == status && message.contains(expected), "{verify}: {found:?} {message}");
        }
    }
}

#[test]
fn attestations_may_be_judged_together() {
    let registries = Registries::default();
    let ours = key();
    let portal = registries.image(PORTAL, "v1", "0");
    registries.attest(&portal, VEX, r#"{"critical": 3}"#, &ours);
    let deny = |most: &str| {
        format!(
            "{{imageReferences: ['*'], mutateDigest: false, attestations: [{{name: scan, type: {VEX}, attestors: \
             [{{entries: [{}]}}]}}], validate: {{message: 'too many: {{{{ scan.critical }}}}', deny: {{conditions: {{any: \
             [{{key: '{{{{ scan.critical }}}}', operator: GreaterThan, value: {most}}}]}}}}}}}}",
            by(&ours)
        )
    };
    let image = format!("{PORTAL}:v1");
    assert_eq!(said(&deny("3"), &image, &registries).0, Status::Pass);
    let (status, message) = said(&deny("2"), &image, &registries);
    assert_eq!((status, message.as_str()), (Status::Fail, "validation in verifyImages failed: too many: 3"));
}

#[test]
fn tags_become_digests_and_what_was_verified_is_noted() {
    let registries = Registries::default();
    let ours = key();
    let portal = registries.image(PORTAL, "v1", "0");
    registries.sign(&portal, &ours, &[]);
    let verify = entries(&by(&ours)).replace("mutateDigest: false, ", "");
    let image = format!("{PORTAL}:v1");
    let (rules, object) = judged(&verify, &[&image], &registries.host());
    assert_eq!(rules[0].status, Status::Pass);
    let pinned = format!("{image}@{}", portal.digest);
    let containers = object.at(&["spec", "containers"]).and_then(Value::as_array).unwrap();
    assert_eq!(containers.get(0).and_then(|one| one.get("image")), Some(&Value::from(pinned)));
    let noted = object::annotation(&object, "kyverno.io/verify-images-scoped").unwrap();
    let expected = format!(r#"{{"policies":{{"/p":{{"r":{{"{PORTAL}@{}":"pass"}}}}}},"version":1}}"#, portal.digest);
    let sorted = |text: &str| json::read(text.as_bytes()).unwrap();
    assert_eq!(sorted(noted), sorted(&expected));
    // What is left is then judged: it has a digest and was verified.
    let policy = policy_with("", &format!("  - name: r\n{MATCH}    verifyImages:\n    - {verify}\n"));
    let host = registries.host();
    let around = Surroundings { host: &host, exceptions: &[] };
    let rules = policy.validate(&Request::of_object(&object), around).rules;
    assert_eq!((rules[0].status, rules[0].message.as_str()), (Status::Pass, "image verified"));
}

#[test]
fn an_image_is_verified_once() {
    let registries = Registries::default();
    let ours = key();
    let portal = registries.image(PORTAL, "v1", "0");
    registries.sign(&portal, &ours, &[]);
    let image = format!("{PORTAL}:v1");
    judged(&entries(&by(&ours)), &[&image], &registries.host());
    let once = registries.asked();
    let (rules, _) = judged(&entries(&by(&ours)), &[image.as_str(); 8], &registries.host());
    assert_eq!((rules.len(), registries.asked()), (8, 2 * once));
}

#[test]
fn what_could_not_be_found_out_is_no_pass() {
    let registries = Registries::down();
    let (status, message) = said(&entries(&by(&key())), &format!("{PORTAL}:v1"), &registries);
    assert!(status == Status::Error && message.contains("connection refused"), "{message}");
    let pinned = "{imageReferences: ['*'], required: false, verifyDigest: false}";
    let (status, message) = said(pinned, &format!("{PORTAL}:v1"), &registries);
    assert!(status == Status::Error && message.starts_with("failed to update digest"), "{message}");
    let secrets = entries(&by(&key())).replacen('{', "{imageRegistryCredentials: {secrets: [pull]}, ", 1);
    let (status, message) = said(&secrets, &format!("{PORTAL}:v1"), &registries);
    assert!(status == Status::Error && message.contains("`pull` is in a cluster"), "{message}");
}

#[test]
fn keys_may_be_variables() {
    let registries = Registries::default();
    let ours = key();
    let portal = registries.image(PORTAL, "v1", "0");
    registries.sign(&portal, &ours, &[]);
    let verify = entries("{keys: {publicKeys: '{{ signer }}', rekor: {url: r, ignoreTlog: true}}}");
    for (signer, status) in [(pem(&[&ours]), Status::Pass), (pem(&[&key()]), Status::Fail)] {
        let rule = format!(
            "  - name: r\n{MATCH}    context: [{{name: signer, variable: {{value: {signer}}}}}]\n    verifyImages:\n    - \
             {verify}\n"
        );
        let host = registries.host();
        let around = Surroundings { host: &host, exceptions: &[] };
        let request = Request::of_object(&pod(&containers(&[&format!("{PORTAL}:v1")])));
        let rules = policy_with("", &rule).verify_images(&request, around).rules;
        assert_eq!(rules[0].status, status, "{rules:?}");
    }
}

#[test]
fn what_a_registry_says_of_an_image_is_a_variable() {
    let registries = Registries::default();
    registries.image(PORTAL, "v1", "65534");
    registries.image(PORTAL, "root", "");
    let rule = format!(
        "  - name: r\n{MATCH}    context: [{{name: data, imageRegistry: {{reference: '{{{{ \
         request.object.spec.containers[0].image }}}}'}}}}]\n    validate:\n      deny: {{conditions: {{all: [{{key: '{{{{ \
         data.configData.config.User }}}}', operator: Equals, value: ''}}]}}}}\n"
    );
    let policy = policy_with("", &rule);
    let host = registries.host();
    for (tag, status) in [("v1", Status::Pass), ("root", Status::Fail), ("gone", Status::Error)] {
        let request = Request::of_object(&pod(&containers(&[&format!("{PORTAL}:{tag}")])));
        let rules = policy.validate(&request, Surroundings { host: &host, exceptions: &[] }).rules;
        assert_eq!(rules[0].status, status, "{tag} {rules:?}");
    }
    let request = Request::of_object(&pod(&containers(&[&format!("{PORTAL}:v1")])));
    let rules = policy.validate(&request, Surroundings { host: &Offline, exceptions: &[] }).rules;
    assert!(rules[0].status == Status::Error && rules[0].message.contains("registry"), "{rules:?}");
}

#[test]
fn attestors_that_make_no_sense_are_told() {
    for (sets, expected) in [
        ("{count: 2, entries: [{keys: {publicKeys: k}}]}", "attestors[0]: the count exceeds the number of entries"),
        ("{entries: []}", "attestors[0]: an entry is required"),
        ("{entries: [{}]}", "attestors[0].entries[0]: one of keys, certificates"),
        ("{entries: [{keys: {}}]}", "entries[0].keys: one of publicKeys, kms and secret is required"),
        ("{entries: [{certificates: {}}]}", "one of cert and certChain is required"),
        ("{entries: [{keyless: {owner: me}}]}", "owner"),
    ] {
        let text = format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n{MATCH}    \
             verifyImages:\n    - {}\n",
            attestors(sets)
        );
        let problems = try_policy(&text).unwrap_err();
        assert!(problems[0].message.contains(expected), "{sets}: {problems:?}");
    }
}
