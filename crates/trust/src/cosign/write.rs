//! Signing and attesting with a key, in the forms that cosign verifies. Nothing is pushed: what is returned is ready to be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use probity_model::{Value, json};

use super::{DSSE, SIGNATURE, SIMPLE_SIGNING};
use crate::predicate::COSIGN_SIGN;
use crate::{Digest, Envelope, IN_TOTO, PrivateKey, Statement, TrustError, limits};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const BUNDLE_V0_3: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What is signed: a manifest in a repository.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// The repository's name with its host, as `registry.example/team/app`.
    pub repository: String,
}

/// A blob to push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A signature or an attestation to push: first the blobs, then the manifest.
#[derive(Debug, Clone)]
pub struct Attached {
    /// The blobs.
    pub blobs: Vec<Blob>,
    /// The manifest.
    pub manifest: Blob,
    /// The manifest's media type.
    pub media_type: &'static str,
    /// What the manifest is, where it is a referrer.
    pub artifact_type: Option<&'static str>,
    /// The tag to push it under; where there is none, by its digest. A registry that does not know referrers also
    /// wants what [`referrers_index`] makes.
    pub tag: Option<String>,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }

    fn json(document: &Value) -> Self {
        Self::new(json::write(document).into_bytes())
    }

    fn descriptor(&self, media_type: &str) -> Vec<(&'static str, Value)> {
        vec![
            ("mediaType", Value::from(media_type)),
            ("digest", Value::from(self.digest.to_string())),
            ("size", size(self.bytes.len() as u64)),
        ]
    }
}

fn size(bytes: u64) -> Value {
    i64::try_from(bytes).unwrap_or(i64::MAX).into()
}

/// Signs an image in the form of cosign 3: a bundle with a statement, as a referrer. It is in no transparency log.
///
/// `annotations` is what the signer notes, an object.
///
/// # Errors
/// When the key cannot be used.
pub fn sign(target: &Target, annotations: &Value, key: &PrivateKey, now: Timestamp) -> Result<Attached, TrustError> {
    let nothing = Value::object::<&str>([]);
    let statement = Statement::new("", &target.digest, COSIGN_SIGN, nothing).annotated(annotations);
    bundle(target, &statement, key, now)
}

/// Attests something of an image in the form of cosign 3.
///
/// # Errors
/// When the key cannot be used.
pub fn attest(
    target: &Target,
    predicate_type: &str,
    predicate: Value,
    key: &PrivateKey,
    now: Timestamp,
) -> Result<Attached, TrustError> {
    bundle(target, &Statement::new("", &target.digest, predicate_type, predicate), key, now)
}

/// A statement in a bundle, as a referrer.
fn bundle(target: &Target, statement: &Statement, key: &PrivateKey, now: Timestamp) -> Result<Attached, TrustError> {
    let envelope = Envelope::sign(IN_TOTO, statement.to_json().into_bytes(), key)?;
    let public_key = Value::object([("hint", Value::from(key.public().hint()))]);
    let layer = Blob::json(&Value::object([
        ("mediaType", Value::from(BUNDLE_V0_3)),
        ("verificationMaterial", Value::object([("publicKey", public_key), ("tlogEntries", Value::array([]))])),
        ("dsseEnvelope", envelope.to_value()),
    ]));
    let config = Blob::new(b"{}".to_vec());
    let subject = Value::object([
        ("mediaType", Value::from(target.media_type.as_str())),
        ("digest", Value::from(target.digest.to_string())),
        ("size", size(target.size)),
    ]);
    let annotations = Value::object([
        ("org.opencontainers.image.created", Value::from(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())),
        ("dev.sigstore.bundle.content", Value::from("dsse-envelope")),
        ("dev.sigstore.bundle.predicateType", Value::from(statement.predicate_type.as_str())),
    ]);
    let manifest = Blob::json(&Value::object([
        ("schemaVersion", Value::from(2)),
        ("mediaType", Value::from(MANIFEST)),
        ("artifactType", Value::from(BUNDLE_V0_3)),
        ("config", Value::object(config.descriptor(EMPTY))),
        ("layers", Value::array([Value::object(layer.descriptor(BUNDLE_V0_3))])),
        ("subject", subject),
        ("annotations", annotations),
    ]));
    Ok(Attached {
        blobs: vec![config, layer],
        manifest,
        media_type: MANIFEST,
        artifact_type: Some(BUNDLE_V0_3),
        tag: None,
    })
}

/// Signs an image in cosign's first form, under the tag `sha256-<hex>.sig`, beside the signatures that are there.
///
/// `optional` is what the signer notes, an object.
///
/// # Errors
/// When the key cannot be used, or what is there is no manifest.
pub fn sign_under_tag(
    target: &Target,
    optional: Value,
    key: &PrivateKey,
    existing: Option<&[u8]>,
) -> Result<Attached, TrustError> {
    let text = |text: &str| Value::from(text);
    let critical = Value::object([
        ("identity", Value::object([("docker-reference", text(&target.repository))])),
        ("image", Value::object([("docker-manifest-digest", text(&target.digest.to_string()))])),
        ("type", text("cosign container image signature")),
    ]);
    let layer = Blob::json(&Value::object([("critical", critical), ("optional", optional)]));
    let signature = STANDARD.encode(key.sign(&layer.bytes)?);
    under_tag(target, ".sig", layer, SIMPLE_SIGNING, vec![(SIGNATURE, Value::from(signature))], existing)
}

/// Attests something of an image in cosign's first form, under the tag `sha256-<hex>.att`, beside the attestations that
/// are there.
///
/// # Errors
/// When the key cannot be used, or what is there is no manifest.
pub fn attest_under_tag(
    target: &Target,
    predicate_type: &str,
    predicate: Value,
    key: &PrivateKey,
    existing: Option<&[u8]>,
) -> Result<Attached, TrustError> {
    let statement = Statement::new_v0_1(&target.repository, &target.digest, predicate_type, predicate);
    let envelope = Envelope::sign(IN_TOTO, statement.to_json().into_bytes(), key)?;
    let layer = Blob::new(envelope.to_json().into_bytes());
    let annotations = vec![(SIGNATURE, Value::from("")), ("predicateType", Value::from(predicate_type))];
    under_tag(target, ".att", layer, DSSE, annotations, existing)
}

/// A manifest with one layer more.
fn under_tag(
    target: &Target,
    ending: &str,
    layer: Blob,
    media_type: &str,
    annotations: Vec<(&str, Value)>,
    existing: Option<&[u8]>,
) -> Result<Attached, TrustError> {
    let mut descriptor = layer.descriptor(media_type);
    descriptor.push(("annotations", Value::object(annotations)));
    let mut layers = existing.map_or_else(|| Ok(Vec::new()), |bytes| entries(bytes, "layers"))?;
    layers.push(Value::object(descriptor));
    let diff_ids = layers.iter().filter_map(|layer| layer.get("digest").cloned());
    let config = Blob::json(&Value::object([
        ("architecture", Value::from("")),
        ("os", Value::from("")),
        ("config", Value::object::<&str>([])),
        ("rootfs", Value::object([("type", Value::from("layers")), ("diff_ids", Value::array(diff_ids))])),
    ]));
    let manifest = Blob::json(&Value::object([
        ("schemaVersion", Value::from(2)),
        ("mediaType", Value::from(MANIFEST)),
        ("config", Value::object(config.descriptor(CONFIG))),
        ("layers", Value::array(layers)),
    ]));
    Ok(Attached {
        blobs: vec![config, layer],
        manifest,
        media_type: MANIFEST,
        artifact_type: None,
        tag: Some(target.digest.tag(ending)),
    })
}

/// The index under the tag `sha256-<hex>` that stands in for the referrers API, with one referrer more (OCI 1.1, "referrers
/// tag schema"). Its media type is `application/vnd.oci.image.index.v1+json`.
///
/// # Errors
/// When what is there is no index.
pub fn referrers_index(attached: &Attached, existing: Option<&[u8]>) -> Result<Blob, TrustError> {
    let mut manifests = existing.map_or_else(|| Ok(Vec::new()), |bytes| entries(bytes, "manifests"))?;
    let digest = Value::from(attached.manifest.digest.to_string());
    if manifests.iter().all(|manifest| manifest.get("digest") != Some(&digest)) {
        let mut descriptor = attached.manifest.descriptor(attached.media_type);
        descriptor.extend(attached.artifact_type.map(|artifact_type| ("artifactType", Value::from(artifact_type))));
        manifests.push(Value::object(descriptor));
    }
    Ok(Blob::json(&Value::object([
        ("schemaVersion", Value::from(2)),
        ("mediaType", Value::from(INDEX)),
        ("manifests", Value::array(manifests)),
    ])))
}

/// The entries of a list in a manifest that is there.
fn entries(bytes: &[u8], key: &str) -> Result<Vec<Value>, TrustError> {
    const WHAT: &str = "the manifest that is there";
    limits::bytes("bytes of a manifest", bytes, limits::MANIFEST)?;
    let document = json::read_within(bytes, limits::DEPTH).map_err(|error| TrustError::malformed(WHAT, error))?;
    let listed = document.get(key).and_then(Value::as_array);
    let listed = listed.ok_or_else(|| TrustError::malformed(WHAT, format!("it has no `{key}`")))?;
    Ok(listed.iter().cloned().collect())
}
