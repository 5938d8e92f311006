//! A store in memory, and keys.

use std::collections::BTreeMap;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_trust::{
    Attached, Digest, KeyKind, PrivateKey, PublicKey, Reference, Referrer, Store, StoreError, Target, Trust,
};

/// Manifests and blobs of one repository.
#[derive(Default, Clone)]
pub(crate) struct Memory {
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) tags: BTreeMap<String, Vec<u8>>,
    pub(crate) referrers: BTreeMap<Digest, Vec<Referrer>>,
}

impl Memory {
    /// Keeps what was signed or attested of an image.
    pub(crate) fn push(&mut self, image: &Digest, attached: &Attached) {
        for blob in attached.blobs.iter().chain([&attached.manifest]) {
            self.blobs.insert(blob.digest, blob.bytes.clone());
        }
        match &attached.tag {
            Some(tag) => drop(self.tags.insert(tag.clone(), attached.manifest.bytes.clone())),
            None => self.referrers.entry(*image).or_default().push(Referrer {
                digest: attached.manifest.digest,
                artifact_type: attached.artifact_type.unwrap().to_owned(),
            }),
        }
    }
}

impl Store for Memory {
    fn manifest(&self, reference: &Reference<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(match reference {
            Reference::Digest(digest) => self.blobs.get(digest).cloned(),
            Reference::Tag(tag) => self.tags.get(*tag).cloned(),
        })
    }

    fn blob(&self, digest: &Digest, _: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.blobs.get(digest).cloned())
    }

    fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, StoreError> {
        Ok(self.referrers.get(digest).cloned().unwrap_or_default())
    }
}

/// A new ECDSA key.
pub(crate) fn key() -> PrivateKey {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    PrivateKey::from_pkcs8(pair.to_pkcs8v1().unwrap().as_ref()).unwrap()
}

/// Trust in a key whose signatures need not be in a log.
pub(crate) fn trust(keys: &[&PrivateKey]) -> Trust {
    Trust::keys(keys.iter().map(|key| key.public().clone()).collect::<Vec<PublicKey>>())
}

/// An image that is named by its bytes.
pub(crate) fn image(bytes: &[u8]) -> Target {
    Target {
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        repository: "registry.example/team/app".into(),
    }
}

/// A private key in PKCS #8 as PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

/// Private keys in PKCS #8 of every kind.
pub(crate) fn every_kind() -> Vec<(KeyKind, String)> {
    let curve = |curve| EcdsaKeyPair::generate(curve).unwrap().to_pkcs8v1().unwrap();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    vec![
        (KeyKind::EcdsaP256, pem(curve(&ECDSA_P256_SHA256_ASN1_SIGNING).as_ref())),
        (KeyKind::EcdsaP384, pem(curve(&ECDSA_P384_SHA384_ASN1_SIGNING).as_ref())),
        (KeyKind::EcdsaP521, pem(curve(&ECDSA_P521_SHA512_ASN1_SIGNING).as_ref())),
        (KeyKind::Ed25519, pem(Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref())),
        (KeyKind::Rsa, pem(AsDer::<Pkcs8V1Der<'_>>::as_der(&rsa).unwrap().as_ref())),
    ]
}
