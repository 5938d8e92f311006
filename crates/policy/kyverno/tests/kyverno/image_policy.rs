//! `ImageValidatingPolicy` on images that are signed with real keys.

use probity_model::node::Node;
use probity_model::{Value, json};
use probity_policy_kyverno::cel::{Applied, CelPolicies, Given};
use probity_policy_kyverno::{Host, Offline, Request};
use probity_trust::PrivateKey;

use crate::registry::{Registries, key};
use crate::support::{documents, value};

const PORTAL: &str = "registry.example/clinic/portal";
const SCAN: &str = "https://example.com/scan/v1";

/// A policy on pods; what it says is indented by two.
fn policy(name: &str, says: &str) -> String {
    format!(
        "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
         matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: \
         [pods]}}]}}\n{says}---\n"
    )
}

/// An attestor with a key whose signatures need be in no log.
fn by(name: &str, key: &PrivateKey, more: &str) -> String {
    let pem = json::write(&Value::from(key.public().to_pem()));
    format!("{{name: {name}, cosign: {{key: {{data: {pem}}}, ctlog: {{insecureIgnoreTlog: true}}{more}}}}}")
}

fn apply(text: &str, images: &[&str], host: &dyn Host) -> Applied {
    let documents = documents(text);
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    let policies = CelPolicies::read(&nodes).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    let containers = images.iter().enumerate().map(|(index, image)| format!("{{name: c{index}, image: '{image}'}}"));
    let containers = containers.collect::<Vec<_>>().join(", ");
    let pod =
        value(&format!("{{apiVersion: v1, kind: Pod, metadata: {{name: web}}, spec: {{containers: [{containers}]}}}}"));
    policies.apply(&Request::of_object(&pod), &Given::default(), host)
}

fn said(text: &str, images: &[&str], host: &dyn Host) -> Vec<String> {
    let rules = apply(text, images, host).responses.into_iter().flat_map(|told| told.response.rules);
    rules.map(|rule| format!("{}: {}", rule.status.as_str(), rule.message)).collect()
}

const SIGNED: &str = "  validations: [{expression: 'images.containers.map(i, verifyImageSignatures(i, [attestors.ci])).all(n, \
                      n > 0)', message: not signed}]\n";

#[test]
fn images_pass_that_are_signed() {
    let registries = Registries::default();
    let (ours, theirs) = (key(), key());
    let signed = registries.image(PORTAL, "v1", "0");
    let bundled = registries.image(PORTAL, "bundle", "0");
    let stolen = registries.image(PORTAL, "stolen", "0");
    registries.image(PORTAL, "unsigned", "0");
    registries.sign(&signed, &ours, &[("env", "prod")]);
    registries.sign_with_bundle(&bundled, &ours);
    registries.replay(&signed, &stolen);
    let with = |attestor: &str| policy("p", &format!("  attestors: [{attestor}]\n{SIGNED}"));
    let ours_alone = with(&by("ci", &ours, ""));
    for (text, tag, expected) in [
        (&ours_alone, "v1", "pass: success"),
        (&ours_alone, "bundle", "pass: success"),
        (&ours_alone, "unsigned", "fail: not signed"),
        (&ours_alone, "stolen", "fail: not signed"),
        (&with(&by("ci", &theirs, "")), "v1", "fail: not signed"),
        (&with(&by("ci", &ours, ", annotations: {env: prod}")), "v1", "pass: success"),
        (&with(&by("ci", &ours, ", annotations: {env: test}")), "v1", "fail: not signed"),
        (&with("{name: ci, cosign: {key: {data: nothing}}}"), "v1", "fail: not signed"),
        (&with("{name: ci, cosign: {key: {kms: 'awskms:///x'}}}"), "v1", "fail: not signed"),
        // It must be in a log, and is in none.
        (&with(&by("ci", &ours, "").replace("insecureIgnoreTlog: true", "url: 'https://r'")), "v1", "fail: not signed"),
        (&with("{name: ci, notary: {certs: {value: none}}}"), "v1", "fail: not signed"),
        (&with("{name: ci, cosign: {keyless: {identities: [{subject: s, issuer: i}]}}}"), "v1", "fail: not signed"),
    ] {
        let found = said(text, &[&format!("{PORTAL}:{tag}")], &registries.host());
        assert_eq!(found, [expected], "{text} {tag}");
    }
    let pem = json::write(&Value::from(ours.public().to_pem()));
    let found = said(
        &with("{name: ci, cosign: {key: {expression: variables.key}, ctlog: {insecureIgnoreTlog: true}}}").replace(
            "  attestors:",
            &format!("  variables: [{{name: key, expression: {}}}]\n  attestors:", json::write(&pem.as_str().into())),
        ),
        &[&format!("{PORTAL}:v1")],
        &registries.host(),
    );
    assert_eq!(found, ["pass: success"]);
}

#[test]
fn tags_become_digests() {
    let registries = Registries::default();
    let ours = key();
    let signed = registries.image(PORTAL, "v1", "0");
    registries.sign(&signed, &ours, &[]);
    let text = policy("p", &format!("  attestors: [{}]\n{SIGNED}", by("ci", &ours, "")));
    let image = format!("{PORTAL}:v1");
    let image_of = |object: &Value| {
        let containers = object.at(&["spec", "containers"]).and_then(Value::as_array).unwrap();
        containers.get(0).unwrap().get("image").and_then(Value::as_str).unwrap().to_owned()
    };
    let left = |text: &str| image_of(&apply(text, &[&image], &registries.host()).object.unwrap());
    // What a policy is told to leave: only what it lets through has a digest.
    let told = |text: &str| {
        let applied = apply(text, &[&image], &registries.host());
        image_of(applied.responses[0].response.patched.as_ref().unwrap())
    };
    assert_eq!(left(&text), format!("{image}@{}", signed.digest));
    assert_eq!(told(&text), format!("{image}@{}", signed.digest));
    assert_eq!(told(&policy("p", &format!("  attestors: [{}]\n{SIGNED}", by("ci", &key(), "")))), image);
    let unchanged = text.replace("  attestors:", "  validationConfigurations: {mutateDigest: false}\n  attestors:");
    assert_eq!(left(&unchanged), image);
    assert_eq!(
        said(&unchanged, &[&image], &registries.host()),
        [format!("fail: image {image} does not have a digest")]
    );
    // Where registries are not asked, nothing passes.
    let offline = said(&text, &[&image], &Offline);
    assert_eq!(offline, [format!("fail: image {image} does not have a digest")]);
    let gone = said(&text, &[&format!("{PORTAL}:gone")], &registries.host());
    assert!(gone[0].starts_with("error: failed to update digest: failed to resolve digest"), "{gone:?}");
}

#[test]
fn what_is_required_may_be_verified_by_another_policy() {
    let registries = Registries::default();
    let ours = key();
    let signed = registries.image(PORTAL, "v1", "0");
    registries.image(PORTAL, "unsigned", "0");
    registries.sign(&signed, &ours, &[]);
    let image = format!("{PORTAL}:v1");
    let pinned = format!("{image}@{}", signed.digest);
    let all = policy("all", "  validations: [{expression: 'true'}]\n");
    let verifies = policy("verifies", &format!("  attestors: [{}]\n{SIGNED}", by("ci", &ours, "")));
    let lack = |image: &str| {
        format!("fail: image {image} is not verified: no policy performed a signature or attestation check on it")
    };
    assert_eq!(said(&all, &[&image], &registries.host()), [lack(&pinned)]);
    assert_eq!(said(&(all + &verifies), &[&image], &registries.host()), ["pass: success"; 2]);
    let lenient = SIGNED.replace(".all(n, n > 0)", ".all(n, n >= 0)");
    let lenient = policy("p", &format!("  attestors: [{}]\n{lenient}", by("ci", &ours, "")));
    let found = said(&lenient, &[&format!("{PORTAL}:unsigned")], &registries.host());
    assert!(found[0].contains("failed signature or attestation verification"), "{found:?}");
}

#[test]
fn attestations_say_what_they_must() {
    let registries = Registries::default();
    let (ours, theirs) = (key(), key());
    let portal = registries.image(PORTAL, "v1", "0");
    registries.attest(&portal, SCAN, r#"{"critical": 0}"#, &ours);
    let text = |key: &PrivateKey, attestation: &str, validations: &str| {
        let attestor = by("ci", key, "");
        policy(
            "p",
            &format!("  attestors: [{attestor}]\n  attestations: [{attestation}]\n  validations:\n{validations}"),
        )
    };
    let scan = format!("{{name: scan, intoto: {{type: '{SCAN}'}}}}");
    let attested = "  - {expression: 'images.containers.map(i, verifyAttestationSignatures(i, attestations.scan, \
                    [attestors.ci])).all(n, n > 0)', message: not attested}\n";
    let says = "  - {expression: 'images.containers.all(i, extractPayload(i, attestations.scan).predicate.critical == 0)', \
                message: critical}\n";
    let image = format!("{PORTAL}:v1");
    let of = |text: &str| said(text, &[&image], &registries.host()).remove(0);
    assert_eq!(of(&text(&ours, &scan, &format!("{attested}{says}"))), "pass: success");
    assert_eq!(of(&text(&theirs, &scan, &format!("{attested}{says}"))), "fail: not attested");
    assert!(of(&text(&ours, &scan, says)).contains("before its signatures are verified"));
    let other = "{name: scan, intoto: {type: 'https://other'}}";
    assert_eq!(of(&text(&ours, other, attested)), "fail: not attested");
    registries.attest(&portal, SCAN, r#"{"critical": 3}"#, &ours);
    assert_eq!(of(&text(&ours, &scan, &format!("{attested}{says}"))), "fail: critical");
}

#[test]
fn registries_say_what_images_are_made_of() {
    let registries = Registries::default();
    registries.image(PORTAL, "v1", "65534");
    registries.image(PORTAL, "root", "");
    let user = "  validationConfigurations: {required: false}\n  validations: [{expression: 'images.containers.all(i, \
                getImageData(i).config.config.User != \"\")', message: root}]\n";
    for (tag, expected) in [("v1", "pass: success"), ("root", "fail: root")] {
        let found = said(&policy("p", user), &[&format!("{PORTAL}:{tag}")], &registries.host());
        assert_eq!(found, [expected], "{tag}");
    }
}

#[test]
fn images_that_the_policy_is_not_about_are_left_alone() {
    let registries = Registries::default();
    let ours = key();
    let signed = registries.image(PORTAL, "v1", "0");
    registries.sign(&signed, &ours, &[]);
    registries.image("other.example/app", "v1", "0");
    let attestor = by("ci", &ours, "");
    for reference in ["{glob: 'registry.example/*'}", "{expression: 'ref.startsWith(\"registry.example/\")'}"] {
        let text = policy("p", &format!("  matchImageReferences: [{reference}]\n  attestors: [{attestor}]\n{SIGNED}"));
        let found = said(&text, &[&format!("{PORTAL}:v1"), "other.example/app:v1"], &registries.host());
        assert_eq!(found, ["pass: success"], "{reference}");
    }
}

#[test]
fn a_registry_that_is_down_is_an_error() {
    let registries = Registries::down();
    let text = policy("p", &format!("  attestors: [{}]\n{SIGNED}", by("ci", &key(), "")));
    let image = format!("{PORTAL}@sha256:{}", "a".repeat(64));
    let found = said(&text, &[&image], &registries.host());
    assert!(found[0].starts_with("error: ") && found[0].contains("connection refused"), "{found:?}");
}
