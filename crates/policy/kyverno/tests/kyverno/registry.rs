//! Registries in memory, with signatures that were made with real keys.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use probity_model::{Value, json};
use probity_policy_kyverno::images::{Images, Lookups, Repositories};
use probity_policy_kyverno::{Host, Offline};
use probity_trust::{
    Attached, Digest, KeyPair, PrivateKey, Reference, Referrer, Store, StoreError, Target, attest, attest_under_tag,
    sign, sign_under_tag,
};

/// Manifests and blobs of one repository.
#[derive(Default, Clone)]
pub(crate) struct Repository {
    blobs: BTreeMap<Digest, Vec<u8>>,
    tags: BTreeMap<String, Digest>,
    referrers: BTreeMap<Digest, Vec<Referrer>>,
}

impl Repository {
    fn put(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.blobs.insert(digest, bytes.to_vec());
        digest
    }

    fn push(&mut self, image: &Digest, attached: &Attached) {
        for blob in &attached.blobs {
            self.put(&blob.bytes);
        }
        let digest = self.put(&attached.manifest.bytes);
        match &attached.tag {
            Some(tag) => drop(self.tags.insert(tag.clone(), digest)),
            None => self
                .referrers
                .entry(*image)
                .or_default()
                .push(Referrer { digest, artifact_type: attached.artifact_type.unwrap().to_owned() }),
        }
    }

    fn under_tag(&self, tag: &str) -> Option<Vec<u8>> {
        self.blobs.get(self.tags.get(tag)?).cloned()
    }
}

/// Registries; how often they were asked is counted.
#[derive(Default, Clone)]
pub(crate) struct Registries {
    repositories: Arc<Mutex<BTreeMap<String, Repository>>>,
    asked: Arc<AtomicUsize>,
    is_down: bool,
}

struct Asked(Repository, Arc<AtomicUsize>);

impl Store for Asked {
    fn manifest(&self, reference: &Reference<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(match reference {
            Reference::Digest(digest) => self.0.blobs.get(digest).cloned(),
            Reference::Tag(tag) => self.0.under_tag(tag),
        })
    }

    fn blob(&self, digest: &Digest, _: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(self.0.blobs.get(digest).cloned())
    }

    fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, StoreError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(self.0.referrers.get(digest).cloned().unwrap_or_default())
    }
}

impl Repositories for Registries {
    fn open(&self, repository: &str) -> Result<Box<dyn Store + Send + Sync>, StoreError> {
        if self.is_down {
            return Err("connection refused".into());
        }
        let found = self.repositories.lock().unwrap().get(repository).cloned().unwrap_or_default();
        Ok(Box::new(Asked(found, self.asked.clone())))
    }
}

/// A key with which something is signed.
pub(crate) fn key() -> PrivateKey {
    let KeyPair { private_pem, .. } = KeyPair::generate(b"").unwrap();
    PrivateKey::from_pem(&private_pem, b"").unwrap()
}

impl Registries {
    /// Registries that do not answer.
    pub(crate) fn down() -> Self {
        Self { is_down: true, ..Self::default() }
    }

    fn change(&self, repository: &str, change: impl FnOnce(&mut Repository)) {
        change(self.repositories.lock().unwrap().entry(repository.to_owned()).or_default());
    }

    fn read<T>(&self, repository: &str, read: impl FnOnce(&Repository) -> T) -> T {
        read(self.repositories.lock().unwrap().entry(repository.to_owned()).or_default())
    }

    /// Pushes an image, whose user is this one.
    pub(crate) fn image(&self, repository: &str, tag: &str, user: &str) -> Target {
        let config = format!(r#"{{"architecture":"amd64","os":"linux","config":{{"User":"{user}"}}}}"#);
        let mut manifest = String::new();
        self.change(repository, |own| {
            let digest = own.put(config.as_bytes());
            manifest = format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{}}},"layers":[],"annotations":{{"of":"{repository}:{tag}"}}}}"#,
                config.len()
            );
            let digest = own.put(manifest.as_bytes());
            own.tags.insert(tag.to_owned(), digest);
        });
        Target {
            digest: Digest::of(manifest.as_bytes()),
            size: manifest.len() as u64,
            media_type: "application/vnd.oci.image.manifest.v1+json".into(),
            repository: repository.into(),
        }
    }

    /// Signs in cosign's first form, noting something.
    pub(crate) fn sign(&self, target: &Target, key: &PrivateKey, notes: &[(&str, &str)]) {
        self.sign_in(&target.repository, target, key, notes);
    }

    /// The same, where the signature is kept elsewhere.
    pub(crate) fn sign_in(&self, repository: &str, target: &Target, key: &PrivateKey, notes: &[(&str, &str)]) {
        let existing = self.read(repository, |own| own.under_tag(&target.digest.tag(".sig")));
        let notes = Value::object(notes.iter().map(|(name, text)| (*name, Value::from(*text))));
        let signed = sign_under_tag(target, notes, key, existing.as_deref()).unwrap();
        self.change(repository, |own| own.push(&target.digest, &signed));
    }

    /// Signs with a bundle.
    pub(crate) fn sign_with_bundle(&self, target: &Target, key: &PrivateKey) {
        let signed = sign(target, key, Timestamp::now()).unwrap();
        self.change(&target.repository, |own| own.push(&target.digest, &signed));
    }

    /// Attests in both forms.
    pub(crate) fn attest(&self, target: &Target, predicate_type: &str, predicate: &str, key: &PrivateKey) {
        let predicate = json::read(predicate.as_bytes()).unwrap();
        let existing = self.read(&target.repository, |own| own.under_tag(&target.digest.tag(".att")));
        let first = attest_under_tag(target, predicate_type, predicate.clone(), key, existing.as_deref()).unwrap();
        let second = attest(target, predicate_type, predicate, key, Timestamp::now()).unwrap();
        self.change(&target.repository, |own| {
            own.push(&target.digest, &first);
            own.push(&target.digest, &second);
        });
    }

    /// Takes the signatures of one image for those of another.
    pub(crate) fn replay(&self, from: &Target, to: &Target) {
        let signed = self.read(&from.repository, |own| own.under_tag(&from.digest.tag(".sig"))).unwrap();
        self.change(&to.repository, |own| {
            let digest = own.put(&signed);
            own.tags.insert(to.digest.tag(".sig"), digest);
        });
        let blobs = self.read(&from.repository, |own| own.blobs.clone());
        self.change(&to.repository, |own| own.blobs.extend(blobs));
    }

    /// How often a repository was asked for something.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// A host that asks them.
    pub(crate) fn host(&self) -> Online {
        Online(Arc::new(Lookups::new(self.clone(), None)))
    }
}

/// A host that asks registries, and nothing else.
#[derive(Clone)]
pub(crate) struct Online(pub(crate) Arc<dyn Images>);

impl probity_policy_jmespath::Host for Online {}

impl Host for Online {
    fn images(&self) -> Option<&dyn Images> {
        Some(self.0.as_ref())
    }

    fn config_map(&self, namespace: &str, name: &str) -> probity_policy_kyverno::Answer {
        Offline.config_map(namespace, name)
    }
}
