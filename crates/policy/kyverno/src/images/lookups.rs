//! Answers from stores of manifests and blobs, each asked once.

use std::sync::Arc;

use jiff::Timestamp;
use probity_kubernetes::image::Image;
use probity_model::{SmolStr, Value, json};
use probity_trust::{
    Digest, Found, Reference, Referrer, Store, StoreError, TrustedRoot, verify_image, verify_notation_image,
};

use super::known::Known;
use super::{Images, Signers, Whose};
use crate::host::{Answer, HostError};

/// How many referrers are looked at, as by Kyverno.
const REFERRERS: usize = 50;
/// The largest layer that is read as a statement, and the largest configuration, in bytes.
const LAYER: u64 = 10_000_000;
/// How deep manifests and statements may be.
const DEPTH: usize = 128;
/// The platform whose image counts where there are several, as for Kyverno.
const PLATFORM: (&str, &str) = ("linux", "amd64");
/// The registry of references that name none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// Where repositories are: at registries, or in folders.
pub trait Repositories: Send + Sync {
    /// The repository of this name with its host, such as `registry.example/team/app`.
    ///
    /// # Errors
    /// When it cannot be looked into.
    fn open(&self, repository: &str) -> Result<Box<dyn Store + Send + Sync>, StoreError>;
}

/// Answers from repositories. What was answered is kept: one is made for one evaluation, or one command.
pub struct Lookups<R> {
    repositories: R,
    root: Option<TrustedRoot>,
    /// The platform whose image counts where there are several.
    platform: (SmolStr, SmolStr),
    default_root: Known<(), TrustedRoot>,
    opened: Known<String, Arc<Opened>>,
    resolved: Known<String, Digest>,
    data: Known<String, Value>,
    verified: Known<(String, Digest, String), Arc<Found>>,
}

/// A repository, with what was read of it.
struct Opened {
    name: String,
    store: Box<dyn Store + Send + Sync>,
    manifests: Known<String, Option<Arc<[u8]>>>,
    blobs: Known<Digest, Option<Arc<[u8]>>>,
    referrers: Known<Digest, Arc<[Referrer]>>,
}

impl<R> std::fmt::Debug for Lookups<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookups").finish_non_exhaustive()
    }
}

impl<R: Repositories> Lookups<R> {
    /// Answers from repositories. Without a trusted root it is that of the public sigstore instance, as it was when this
    /// was built.
    pub fn new(repositories: R, root: Option<TrustedRoot>) -> Self {
        Self {
            repositories,
            root,
            platform: (PLATFORM.0.into(), PLATFORM.1.into()),
            default_root: Known::default(),
            opened: Known::default(),
            resolved: Known::default(),
            data: Known::default(),
            verified: Known::default(),
        }
    }

    /// The same, where another platform counts: an operating system and an architecture.
    #[must_use]
    pub fn for_platform(self, os: &str, architecture: &str) -> Self {
        Self { platform: (os.into(), architecture.into()), ..self }
    }

    fn open(&self, repository: &str) -> Result<Arc<Opened>, HostError> {
        self.opened.get(repository.to_owned(), || {
            let store = self.repositories.open(repository).map_err(|error| failed(repository, &error))?;
            Ok(Arc::new(Opened {
                name: repository.to_owned(),
                store,
                manifests: Known::default(),
                blobs: Known::default(),
                referrers: Known::default(),
            }))
        })
    }

    fn repository_of(&self, reference: &str) -> Result<Arc<Opened>, HostError> {
        let image = image(reference)?;
        self.open(&format!("{}/{}", image.registry, image.path))
    }
}

fn failed(what: &str, why: &dyn std::fmt::Display) -> HostError {
    HostError::Failed(format!("{what}: {why}"))
}

fn image(reference: &str) -> Result<Image, HostError> {
    Image::parse(reference, DEFAULT_REGISTRY).map_err(|error| HostError::Failed(error.to_string()))
}

impl Opened {
    /// A manifest that must be there, and is what its digest says.
    fn document(&self, reference: &Reference<'_>) -> Result<(Digest, Value), HostError> {
        let named = match reference {
            Reference::Digest(digest) => format!("{}@{digest}", self.name),
            Reference::Tag(tag) => format!("{}:{tag}", self.name),
        };
        let bytes = self.manifest(reference).map_err(|error| failed(&named, &error))?;
        let bytes = bytes.ok_or_else(|| failed(&named, &"there is no such manifest"))?;
        let digest = Digest::of(&bytes);
        if matches!(reference, Reference::Digest(expected) if *expected != digest) {
            return Err(failed(&named, &format!("what came has the digest {digest}")));
        }
        Ok((digest, json::read_within(&bytes, DEPTH).map_err(|problem| failed(&named, &problem))?))
    }

    /// A blob that must be there, and is what its digest says.
    fn content(&self, digest: &Digest) -> Result<Value, HostError> {
        let named = format!("{}@{digest}", self.name);
        let bytes = self.blob(digest, LAYER).map_err(|error| failed(&named, &error))?;
        let bytes = bytes.ok_or_else(|| failed(&named, &"there is no such blob"))?;
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(failed(&named, &format!("what came has the digest {found}")));
        }
        json::read_within(&bytes, DEPTH).map_err(|problem| failed(&named, &problem))
    }

    fn part(&self, descriptor: Option<&Value>) -> Result<Digest, HostError> {
        let digest = descriptor.and_then(|one| one.get("digest")).and_then(Value::as_str).unwrap_or_default();
        digest.parse().map_err(|error| failed(&self.name, &error))
    }
}

impl Store for Opened {
    fn manifest(&self, reference: &Reference<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let key = match reference {
            Reference::Digest(digest) => digest.to_string(),
            Reference::Tag(tag) => (*tag).to_owned(),
        };
        let ask = || self.store.manifest(reference).map(|found| found.map(Arc::from)).map_err(broken);
        Ok(self.manifests.get(key, ask)?.map(|bytes| bytes.to_vec()))
    }

    fn blob(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let ask = || self.store.blob(digest, most).map(|found| found.map(Arc::from)).map_err(broken);
        Ok(self.blobs.get(*digest, ask)?.map(|bytes| bytes.to_vec()))
    }

    fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, StoreError> {
        let ask = || self.store.referrers(digest).map(Arc::from).map_err(broken);
        Ok(self.referrers.get(*digest, ask)?.to_vec())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn broken(error: StoreError) -> HostError {
    HostError::Failed(error.to_string())
}

impl<R: Repositories> Images for Lookups<R> {
    fn resolve(&self, reference: &str) -> Result<Digest, HostError> {
        let image = image(reference)?;
        if !image.digest.is_empty() {
            return image.digest.parse().map_err(|error| failed(reference, &error));
        }
        self.resolved.get(image.reference(), || {
            let repository = self.repository_of(reference)?;
            repository.document(&Reference::Tag(&image.tag)).map(|(digest, _)| digest)
        })
    }

    fn data(&self, reference: &str) -> Answer {
        self.data.get(reference.to_owned(), || {
            let (image, repository) = (image(reference)?, self.repository_of(reference)?);
            let digest = self.resolve(reference)?;
            let (_, found) = repository.document(&Reference::Digest(digest))?;
            let (manifest, list) = match found.get("manifests").and_then(Value::as_array) {
                None => (found, Value::Null),
                Some(listed) => {
                    let (os, architecture) = &self.platform;
                    let own = listed.iter().find(|entry| is_for(entry, os, architecture));
                    let own = own.ok_or_else(|| failed(reference, &format!("it is not for {os}/{architecture}")))?;
                    let own = repository.part(Some(own))?;
                    (repository.document(&Reference::Digest(own))?.1, found)
                }
            };
            let config = repository.content(&repository.part(manifest.get("config"))?)?;
            Ok(described(reference, &image, &digest, [manifest, list, config]))
        })
    }

    fn verify(&self, reference: &str, digest: &Digest, signers: &Signers) -> Result<Arc<Found>, HostError> {
        let own = self.repository_of(reference)?;
        let kept = match &signers.repository {
            None => own.clone(),
            Some(other) => self.open(other)?,
        };
        self.verified.get((own.name.clone(), *digest, signers.key()), || {
            let found = match &signers.whose {
                Whose::Sigstore(trust) => verify_image(kept.as_ref(), digest, trust),
                Whose::Notation(trust) => {
                    verify_notation_image(kept.as_ref(), digest, &own.name, trust, Timestamp::now())
                }
            };
            found.map(Arc::new).map_err(|error| HostError::Failed(error.to_string()))
        })
    }

    fn referrers(&self, reference: &str, digest: &Digest, artifact_type: &str) -> Result<Vec<Digest>, HostError> {
        let repository = self.repository_of(reference)?;
        let referrers = Store::referrers(repository.as_ref(), digest).map_err(broken)?;
        let found: Vec<_> = referrers.iter().filter(|one| one.artifact_type == artifact_type).collect();
        if found.len() > REFERRERS {
            return Err(failed(reference, &format!("more than {REFERRERS} referrers are {artifact_type}")));
        }
        Ok(found.into_iter().map(|one| one.digest).collect())
    }

    fn statement(&self, reference: &str, manifest: &Digest) -> Result<(Value, Value), HostError> {
        let repository = self.repository_of(reference)?;
        let (_, document) = repository.document(&Reference::Digest(*manifest))?;
        let layers = document.get("layers").and_then(Value::as_array).map(probity_model::value::Array::as_slice);
        let [layer] = layers.unwrap_or_default() else {
            return Err(failed(&format!("{}@{manifest}", repository.name), &"it has not one layer"));
        };
        let content = repository.content(&repository.part(Some(layer))?)?;
        Ok((document, content))
    }

    fn trusted_root(&self) -> Result<TrustedRoot, HostError> {
        match &self.root {
            Some(root) => Ok(root.clone()),
            None => self
                .default_root
                .get((), || TrustedRoot::public_good().map_err(|error| HostError::Failed(error.to_string()))),
        }
    }
}

fn is_for(entry: &Value, os: &str, architecture: &str) -> bool {
    let says = |field: &str| entry.at(&["platform", field]).and_then(Value::as_str);
    says("os") == Some(os) && says("architecture") == Some(architecture)
}

fn described(reference: &str, image: &Image, digest: &Digest, [manifest, list, config]: [Value; 3]) -> Value {
    // As go-containerregistry names what is at Docker Hub.
    let registry = if image.registry == DEFAULT_REGISTRY { "index.docker.io" } else { &image.registry };
    let official = image.registry == DEFAULT_REGISTRY && !image.path.contains('/');
    let path = if official { format!("library/{}", image.path) } else { image.path.clone() };
    let tag = if image.digest.is_empty() { image.tag.as_str() } else { "" };
    let named = if tag.is_empty() { format!("{registry}/{path}") } else { format!("{registry}/{path}:{tag}") };
    let identifier = if tag.is_empty() { digest.to_string() } else { tag.to_owned() };
    let mut fields = vec![
        ("image", Value::from(reference)),
        ("resolvedImage", format!("{named}@{digest}").into()),
        ("registry", registry.into()),
        ("repository", path.into()),
        ("identifier", identifier.into()),
        ("digest", digest.to_string().into()),
        ("manifest", manifest),
        ("manifestList", list),
        ("configData", config),
    ];
    if !tag.is_empty() {
        fields.push(("tag", tag.into()));
    }
    Value::object(fields)
}
