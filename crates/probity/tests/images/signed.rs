//! Signatures by cosign itself.

use std::fs;

use crate::build::Images;
use crate::cosign::Cosign;
use crate::registry::Registry;

#[test]
fn cosign_signs_and_attests_what_was_pushed() {
    let Some(images) = Images::get() else { return };
    let (Some(registry), Some(cosign)) = (Registry::start(), Cosign::find()) else { return };
    let digest = registry.push(&images.at("portal"), "clinic/portal:v1");
    let image = format!("{}/clinic/portal@{digest}", registry.host);
    assert!(!cosign.verifies(&image, &cosign.public_key()));
    cosign.sign(&image);
    let predicate = registry.folder.path().join("sbom.json");
    fs::write(&predicate, r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#).unwrap();
    cosign.attest(&image, "cyclonedx", &predicate);
    assert!(cosign.verifies(&image, &cosign.public_key()));
    assert!(cosign.verifies_attestation(&image, "cyclonedx", &cosign.public_key()));
    let other = Cosign::find().unwrap();
    assert!(!cosign.verifies(&image, &other.public_key()));
}
