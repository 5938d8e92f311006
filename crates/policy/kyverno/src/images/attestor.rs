//! What attestors of a `ClusterPolicy` are to those who verify.

use probity_trust::{PublicKey, Trust, TrustedRoot};

use super::{Images, Signers};
use crate::host::HostError;
use crate::rule::attestor::{Attestor, Logs, Who};

/// Why signatures of an attestor cannot be looked for, or were not found.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// There is none that counts.
    Unsigned(String),
    /// It could not be found out.
    Unknown(String),
}

impl Refusal {
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Unsigned(message) | Self::Unknown(message) => message,
        }
    }

    /// The same, with where it was.
    pub(crate) fn within(self, place: &str) -> Self {
        match self {
            Self::Unsigned(message) => Self::Unsigned(format!("{place}: {message}")),
            Self::Unknown(message) => Self::Unknown(format!("{place}: {message}")),
        }
    }
}

impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        Self::Unknown(error.to_string())
    }
}

fn unsigned(what: &str, why: &dyn std::fmt::Display) -> Refusal {
    Refusal::Unsigned(format!("{what}: {why}"))
}

/// Those whose signatures count for an attestor; `repository` is where they are kept, empty when beside the image.
pub(crate) fn signers(attestor: &Attestor, repository: &str, images: &dyn Images) -> Result<Signers, Refusal> {
    let signers = match &attestor.who {
        Who::Keys { key, algorithm, logs } => {
            if !matches!(algorithm.as_str(), "" | "sha256") {
                let why = "only sha256 can be verified here";
                return Err(unsigned(&format!("the signature algorithm {algorithm}"), &why));
            }
            by_key(public_key(key)?, logs, images)?
        }
        Who::Certificates { certificate, chain, logs } => by_certificate(certificate, chain, logs, images)?,
        Who::Keyless { roots, logs, .. } => by_identity(roots, logs, images)?,
        Who::Anybody => by_identity("", &Logs::default(), images)?,
        // Sets are gone through before.
        Who::Set(_) => return Err(Refusal::Unsigned("a set of attestors is no attestor".to_owned())),
    };
    let own = attestor.repository.as_str();
    Ok(signers.kept_in(if own.is_empty() { repository } else { own }))
}

/// Those with certificates for Notation.
pub(crate) fn notaries(attestor: &Attestor) -> Result<Signers, Refusal> {
    let Who::Certificates { certificate, chain, .. } = &attestor.who else {
        return Err(Refusal::Unsigned("Notary signatures are by certificates".to_owned()));
    };
    let both = format!("{certificate}\n{chain}");
    Signers::notation(&both).map_err(|error| unsigned("failed to parse certificates", &error))
}

/// A key in PEM. What names a key that is elsewhere is refused.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, Refusal> {
    if text.starts_with("-----BEGIN") {
        return PublicKey::from_pem(text).map_err(|error| unsigned("failed to load public key from PEM", &error));
    }
    let why: &dyn std::fmt::Display = match text.split_once("://") {
        Some(("k8s", _)) => &"it is a secret, which needs a cluster; give the key itself",
        Some(_) => &"keys in key management systems cannot be asked for here; give the key itself",
        None => &"it is no key in PEM",
    };
    Err(unsigned(&format!("failed to load public key from {text}"), why))
}

/// Those with a key, whose signatures must be in a log unless that is not asked for.
pub(crate) fn by_key(key: PublicKey, logs: &Logs, images: &dyn Images) -> Result<Signers, Refusal> {
    let id = key.id();
    if logs.ignore_log {
        return Ok(Signers::sigstore(Trust::keys(vec![key]), format!("key {id}")));
    }
    let root = root("", logs, images)?;
    Ok(Signers::sigstore(Trust::keys_in_log(vec![key], root), format!("logged key {id} {logs:?}")))
}

fn by_certificate(certificate: &str, chain: &str, logs: &Logs, images: &dyn Images) -> Result<Signers, Refusal> {
    let certificate = &decoded(certificate);
    let key = match (certificate.as_str(), chain) {
        ("", roots) => return by_identity(roots, logs, images),
        (certificate, "") => PublicKey::of_certificate(certificate),
        (certificate, chain) => {
            if !logs.ignore_certificate_log {
                let why = "its proof of certificate transparency cannot be verified here; set ctlog.ignoreSCT";
                return Err(unsigned("failed to validate the certificate chain", &why));
            }
            PublicKey::of_certificate_under(certificate, chain)
        }
    };
    by_key(key.map_err(|error| unsigned("failed to load certificate", &error))?, logs, images)
}

/// A certificate may be given in base64 once more.
pub(crate) fn decoded(certificate: &str) -> String {
    use base64::Engine as _;
    let inner = base64::engine::general_purpose::STANDARD.decode(certificate.trim());
    inner.ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| certificate.to_owned())
}

/// Those with a certificate for a moment, by authorities in PEM or those of the trusted root. Such signatures are always
/// looked for in a log: nothing else proves when they were made.
pub(crate) fn by_identity(roots: &str, logs: &Logs, images: &dyn Images) -> Result<Signers, Refusal> {
    let root = root(roots, logs, images)?;
    let signers = Signers::anybody(root, &format!("{roots} {logs:?}"));
    signers.map_err(|error| Refusal::Unsigned(error.to_string()))
}

/// The trusted root, with what the policy puts in its place.
fn root(roots: &str, logs: &Logs, images: &dyn Images) -> Result<TrustedRoot, Refusal> {
    let refused = |what: &'static str| move |error: probity_trust::TrustError| unsigned(what, &error);
    let mut root = match logs.root.as_str() {
        "" => images.trusted_root()?,
        own => TrustedRoot::from_json(own).map_err(refused("failed to resolve trusted material"))?,
    };
    if !roots.is_empty() {
        root = root.with_authorities(roots).map_err(refused("failed to load root certificates"))?;
    }
    if !logs.log_key.is_empty() {
        root = root.with_log(&logs.url, &logs.log_key).map_err(refused("failed to load Rekor public keys"))?;
    }
    if !logs.certificate_log_key.is_empty() {
        let keys = &logs.certificate_log_key;
        root = root.with_certificate_logs(keys).map_err(refused("failed to load CTLogs public keys"))?;
    }
    if !logs.timestamp_authorities.is_empty() {
        let chain = &logs.timestamp_authorities;
        root = root.with_timestamp_authorities(chain).map_err(refused("failed to load timestamp authorities"))?;
    }
    Ok(root)
}
