//! An instance of sigstore of our own: an authority that gives certificates for a moment, the log that keeps them, and the
//! log that keeps signatures. All three are keys; what they would answer over the network is made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use probity_inspection::store;
use probity_subject_image::{Location, Registry, RegistryOptions, Repository};
use probity_trust::{PrivateKey, sign};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Who signs: a workflow, as the provider of GitHub names it.
pub(crate) const IDENTITY: &str = "https://github.com/acme/portal/.github/workflows/build.yml@refs/heads/main";
/// Who vouches for it.
pub(crate) const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The issuer of the identity, in certificates (Fulcio, `oid-info.md`).
const OIDC_ISSUER: [u64; 9] = [1, 3, 6, 1, 4, 1, 57264, 1, 8];
/// The promises of logs of certificates (RFC 6962, section 3.3).
const PROMISES: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];

const ORIGIN: &str = "rekor.example";
const START: &str = "2020-01-01T00:00:00Z";

pub(crate) struct Instance {
    authority: Issuer<'static, KeyPair>,
    /// The authority's certificate, in DER.
    certificate: Vec<u8>,
    /// The authority's key, once more.
    authority_key: PrivateKey,
    certificates: PrivateKey,
    signatures: PrivateKey,
}

impl Instance {
    pub(crate) fn new() -> Self {
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = named("Example authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&pair).unwrap().der().to_vec();
        let authority_key = key(&pair);
        Self {
            authority: Issuer::new(params, pair),
            certificate,
            authority_key,
            certificates: key(&KeyPair::generate().unwrap()),
            signatures: key(&KeyPair::generate().unwrap()),
        }
    }

    /// Writes who is to be trusted, as a `trusted_root.json`.
    pub(crate) fn trusted_root(&self, folder: &Path) -> PathBuf {
        let log = |key: &PrivateKey| {
            let public = json!({
                "rawBytes": STANDARD.encode(key.public().spki()), "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": START},
            });
            json!({"baseUrl": format!("https://{ORIGIN}"), "hashAlgorithm": "SHA2_256", "publicKey": public,
                "logId": {"keyId": STANDARD.encode(Sha256::digest(key.public().spki()))}})
        };
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.signatures)],
            "ctlogs": [log(&self.certificates)],
            "certificateAuthorities": [{
                "subject": {"organization": "Acme", "commonName": "Example authority"}, "uri": "https://fulcio.example",
                "certChain": {"certificates": [{"rawBytes": STANDARD.encode(&self.certificate)}]},
                "validFor": {"start": START},
            }],
        });
        let path = folder.join("trusted_root.json");
        fs::write(&path, root.to_string()).unwrap();
        path
    }

    /// Signs what a name in a registry leads to, as [`IDENTITY`], and keeps that beside it as cosign does.
    pub(crate) fn sign(&self, image: &str) {
        let registry = Registry::new(RegistryOptions { docker_config: None, ..RegistryOptions::default() }).unwrap();
        let location: Location = image.parse().unwrap();
        let repository = Repository::writable(&location, &registry).unwrap();
        let target = store::target(&repository, &repository.resolve(&location).unwrap()).unwrap();
        let pair = KeyPair::generate().unwrap();
        let signed = sign(&target, &probity_model::Value::Null, &key(&pair), Timestamp::now()).unwrap();
        let [.., bundle] = signed.blobs.as_slice() else { panic!("a signature has a bundle") };
        let logged = self.logged(&serde_json::from_slice(&bundle.bytes).unwrap(), &self.certify(&pair)).to_string();
        let mut manifest: Value = serde_json::from_slice(&signed.manifest.bytes).unwrap();
        manifest["layers"][0]["digest"] = probity_trust::Digest::of(logged.as_bytes()).to_string().into();
        manifest["layers"][0]["size"] = logged.len().into();
        for blob in signed.blobs.iter().map(|blob| blob.bytes.as_slice()).chain([logged.as_bytes()]) {
            repository.push_blob(blob).unwrap();
        }
        repository.put_manifest(None, signed.media_type, manifest.to_string().as_bytes()).unwrap();
    }

    /// A certificate for a moment, with the promise of the log that it is kept there (RFC 6962, section 3.2); in DER.
    fn certify(&self, pair: &KeyPair) -> Vec<u8> {
        let mut params = CertificateParams::default();
        let now = SystemTime::now();
        params.not_before = (now - Duration::from_mins(1)).into();
        params.not_after = (now + Duration::from_mins(9)).into();
        params.serial_number = Some(SerialNumber::from_slice(&[1, 2, 3, 4]));
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::URI(IDENTITY.try_into().unwrap())];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.use_authority_key_identifier_extension = true;
        params.custom_extensions.push(CustomExtension::from_oid_content(&OIDC_ISSUER, der(0x0c, ISSUER.as_bytes())));
        let unkept = params.signed_by(pair, &self.authority).unwrap();
        let to_be_signed = inner(unkept.der());

        let at = u64::try_from(Timestamp::now().as_millisecond()).unwrap().to_be_bytes();
        let length = u32::try_from(to_be_signed.len()).unwrap().to_be_bytes();
        let issuer = Sha256::digest(self.authority_key.public().spki());
        let promised = [&[0, 0], &at[..], &[0, 1], issuer.as_slice(), &length[1..], to_be_signed, &[0, 0]].concat();
        let signature = self.certificates.sign(&promised).unwrap();
        let log = Sha256::digest(self.certificates.public().spki());
        let promise = [&[0], log.as_slice(), &at[..], &[0, 0, 4, 3], &short(&signature)].concat();
        let list = short(&short(&promise));
        params.custom_extensions.push(CustomExtension::from_oid_content(&PROMISES, der(0x04, &list)));
        params.signed_by(pair, &self.authority).unwrap().der().to_vec()
    }

    /// A bundle with the certificate, and with the entry of the log: its first, which so is the tree.
    fn logged(&self, bundle: &Value, certificate: &[u8]) -> Value {
        let envelope = &bundle["dsseEnvelope"];
        let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let hash = |bytes: &[u8]| json!({"algorithm": "sha256", "value": hex(&Sha256::digest(bytes))});
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD
                .encode(certificate)
                .as_bytes()
                .chunks(64)
                .map(|line| str::from_utf8(line).unwrap())
                .collect::<Vec<_>>()
                .join("\n")
        );
        let entry = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": hash(envelope.to_string().as_bytes()), "payloadHash": hash(&payload),
            "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": STANDARD.encode(pem)}],
        }});
        let body = entry.to_string();
        let log = Sha256::digest(self.signatures.public().spki());
        let root = Sha256::digest([&[0], body.as_bytes()].concat());
        let note = format!("{ORIGIN}\n1\n{}\n", STANDARD.encode(root));
        let signature = [&log[..4], &self.signatures.sign(note.as_bytes()).unwrap()].concat();
        let checkpoint = format!("{note}\n\u{2014} {ORIGIN} {}\n", STANDARD.encode(signature));
        let at = Timestamp::now().as_second();
        // In the order of the names, without blanks: the canonical form of RFC 8785.
        let promised = format!(
            r#"{{"body":"{}","integratedTime":{at},"logID":"{}","logIndex":0}}"#,
            STANDARD.encode(&body),
            hex(&log)
        );
        let promise = STANDARD.encode(self.signatures.sign(promised.as_bytes()).unwrap());
        json!({
            "mediaType": bundle["mediaType"],
            "dsseEnvelope": envelope,
            "verificationMaterial": {
                "certificate": {"rawBytes": STANDARD.encode(certificate)},
                "tlogEntries": [{
                    "logIndex": "0", "logId": {"keyId": STANDARD.encode(log)}, "integratedTime": at.to_string(),
                    "kindVersion": {"kind": "dsse", "version": "0.0.1"}, "canonicalizedBody": STANDARD.encode(&body),
                    "inclusionPromise": {"signedEntryTimestamp": promise},
                    "inclusionProof": {"logIndex": "0", "treeSize": "1", "rootHash": STANDARD.encode(root), "hashes": [],
                        "checkpoint": {"envelope": checkpoint}},
                }],
            },
        })
    }
}

/// A key pair as what signs.
fn key(pair: &KeyPair) -> PrivateKey {
    PrivateKey::from_pem(&pair.serialize_pem(), b"").unwrap()
}

pub(crate) fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::OrganizationName, "Acme");
    named.push(DnType::CommonName, name);
    named
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes after their length in two.
fn short(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A value in DER whose length takes one byte.
fn der(tag: u8, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128);
    [&[tag, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// The first value of a sequence in DER, with its head: of a certificate, what is signed.
fn inner(sequence: &[u8]) -> &[u8] {
    let head = |bytes: &[u8]| match bytes[1] {
        short @ ..0x80 => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7f);
            (2 + count, bytes[2..2 + count].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        }
    };
    let content = &sequence[head(sequence).0..];
    let (start, length) = head(content);
    &content[..start + length]
}
