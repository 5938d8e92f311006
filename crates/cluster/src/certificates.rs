//! The gate's own certificates: made, renewed in time, and changed while connections stay.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use probity_policy_core::ClusterError;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::connection::Connection;

/// How long the API server may take to take note of a new authority.
const KNOWN_AFTER: Duration = Duration::from_secs(20);

/// Certificates are valid from so long before they were made: clocks of a cluster's machines differ.
const BACKDATED: SignedDuration = SignedDuration::from_mins(5);

/// Certificates in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    /// Those of the authorities: the one that signed, and the one before it while that may still be in use.
    pub ca: String,
    /// The server's, with the chain.
    pub certificate: String,
    /// The server's private key.
    pub key: String,
    /// Until when the server's is valid.
    expires: Timestamp,
}

/// How long certificates are valid, and when they are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How long an authority and a certificate of it are valid.
    pub valid: Duration,
    /// How long before their end they are renewed.
    pub renew_before: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        let days = |days: u64| Duration::from_hours(24 * days);
        Self { valid: days(90), renew_before: days(15) }
    }
}

impl Rotation {
    /// Whether a certificate that is valid until then is to be renewed: soon it is not any more, or it is not yet, because it
    /// was made while the clock was ahead.
    fn is_due(&self, expires: Timestamp, now: Timestamp) -> bool {
        let of = |time: Duration| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let left = expires.duration_since(now);
        left <= of(self.renew_before) || left > of(self.valid).saturating_add(BACKDATED)
    }
}

/// An authority and a certificate of it for these names, for ten years.
///
/// # Errors
/// When there is no randomness for keys.
pub fn long_lived(names: &[String]) -> Result<Made, rcgen::Error> {
    make(names, Duration::from_hours(24 * 3_650), None)
}

/// A new authority, whose key is forgotten, and a certificate of it.
fn make(names: &[String], valid: Duration, before: Option<&str>) -> Result<Made, rcgen::Error> {
    let now = Timestamp::now();
    let expires = now + SignedDuration::try_from(valid).unwrap_or(SignedDuration::from_hours(24));
    let span = |params: &mut CertificateParams| {
        params.not_before = moment(now - BACKDATED);
        params.not_after = moment(expires);
    };
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "probity-admission-ca");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    span(&mut authority);
    let authority_key = KeyPair::generate()?;
    let authority_cert = authority.self_signed(&authority_key)?;
    let mut server = CertificateParams::new(names.to_vec())?;
    server.distinguished_name.push(DnType::CommonName, names.first().map_or("probity", String::as_str));
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.use_authority_key_identifier_extension = true;
    span(&mut server);
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let ca = format!("{}{}", authority_cert.pem(), before.map(newest).unwrap_or_default());
    Ok(Made { ca, certificate: certificate.pem(), key: key.serialize_pem(), expires })
}

/// A moment as certificates have it, to the second.
fn moment(moment: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(moment.as_second()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

/// The first certificate of a bundle: the authority that signs now.
fn newest(bundle: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----";
    bundle
        .split_inclusive(END)
        .next()
        .filter(|one| one.ends_with(END))
        .map(|one| format!("{one}\n"))
        .unwrap_or_default()
}

/// The certificates that are served, kept in a Secret that all replicas share.
pub struct Serving {
    connection: Connection,
    namespace: String,
    secret: String,
    names: Vec<String>,
    rotation: Rotation,
    current: RwLock<Option<Current>>,
}

/// The certificates in use, and the one before while the API server may not know the authority of the new one.
struct Current {
    made: Made,
    key: Arc<CertifiedKey>,
    before: Option<(Instant, Arc<CertifiedKey>)>,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Serving {
    /// Takes the certificates from the Secret, or makes them.
    ///
    /// # Errors
    /// When the Secret can be neither read nor made.
    pub async fn open(
        connection: Connection,
        namespace: &str,
        secret: &str,
        names: Vec<String>,
        rotation: Rotation,
    ) -> Result<Arc<Self>, ClusterError> {
        let serving = Arc::new(Self {
            connection,
            namespace: namespace.to_owned(),
            secret: secret.to_owned(),
            names,
            rotation,
            current: RwLock::default(),
        });
        serving.refresh().await?;
        Ok(serving)
    }

    /// The certificates of the authorities, in PEM.
    pub fn ca(&self) -> String {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|current| current.made.ca.clone()).unwrap_or_default()
    }

    /// Takes what the Secret has now, and renews it when its time has come. Says whether something is different.
    ///
    /// # Errors
    /// When the Secret cannot be read or written.
    pub async fn refresh(&self) -> Result<bool, ClusterError> {
        let api: Api<Secret> = Api::namespaced(self.connection.client.clone(), &self.namespace);
        // Another replica may be faster: then what it made counts.
        for _ in 0..5 {
            let held = api.get_opt(&self.secret).await.map_err(|error| self.failed(&error))?;
            let known = held.as_ref().and_then(read);
            if let Some(known) = known.as_ref().filter(|known| !self.rotation.is_due(known.expires, Timestamp::now())) {
                return self.take(known.clone());
            }
            let before = known.as_ref().map(|known| known.ca.as_str());
            let made = make(&self.names, self.rotation.valid, before).map_err(|error| self.failed(&error))?;
            let secret = self.secret(&made, held.as_ref());
            let written = match &held {
                Some(_) => api.replace(&self.secret, &PostParams::default(), &secret).await,
                None => api.create(&PostParams::default(), &secret).await,
            };
            match written {
                Ok(_) => return self.take(made),
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
        Err(ClusterError::Failed(format!("the Secret {}/{} changes all the time", self.namespace, self.secret)))
    }

    /// When it is to be looked at again.
    pub fn next_look(&self) -> Duration {
        (self.rotation.renew_before / 10).clamp(Duration::from_millis(500), Duration::from_mins(1))
    }

    fn take(&self, made: Made) -> Result<bool, ClusterError> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| current.made == made) {
            return Ok(false);
        }
        let key = Arc::new(certified(&made).map_err(|error| self.failed(&error))?);
        let until = Instant::now() + (self.rotation.renew_before / 3).min(KNOWN_AFTER);
        let before = current.take().map(|current| (until, current.key));
        *current = Some(Current { made, key, before });
        Ok(true)
    }

    fn secret(&self, made: &Made, held: Option<&Secret>) -> Secret {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let data = [
            ("ca.crt", bytes(&made.ca)),
            ("tls.crt", bytes(&made.certificate)),
            ("tls.key", bytes(&made.key)),
            ("expires", bytes(&made.expires.to_string())),
        ];
        Secret {
            metadata: ObjectMeta {
                name: Some(self.secret.clone()),
                namespace: Some(self.namespace.clone()),
                resource_version: held.and_then(|held| held.metadata.resource_version.clone()),
                labels: Some([("app.kubernetes.io/part-of".to_owned(), "probity".to_owned())].into()),
                ..ObjectMeta::default()
            },
            type_: Some("kubernetes.io/tls".to_owned()),
            data: Some(data.map(|(name, value)| (name.to_owned(), value)).into()),
            ..Secret::default()
        }
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> ClusterError {
        ClusterError::Failed(format!("the certificates in the Secret {}/{}: {error}", self.namespace, self.secret))
    }
}

/// What a Secret holds, when it is whole.
fn read(secret: &Secret) -> Option<Made> {
    let data = secret.data.as_ref()?;
    let text = |name: &str| String::from_utf8(data.get(name)?.0.clone()).ok();
    let made = Made {
        ca: text("ca.crt")?,
        certificate: text("tls.crt")?,
        key: text("tls.key")?,
        expires: text("expires")?.parse().ok()?,
    };
    certified(&made).ok().map(|_| made)
}

fn certified(made: &Made) -> Result<CertifiedKey, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(made.certificate.as_bytes()).collect();
    let chain = chain.map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).map_err(|error| error.to_string())?;
    CertifiedKey::from_der(chain, key, &probity_crypto::tls::provider()).map_err(|error| error.to_string())
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let current = current.as_ref()?;
        match &current.before {
            Some((until, before)) if Instant::now() < *until => Some(Arc::clone(before)),
            _ => Some(Arc::clone(&current.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_or_not_yet_valid_is_renewed() {
        let (hours, rotation) = (SignedDuration::from_hours, Rotation::default());
        let made: Timestamp = "2025-03-22T10:00:00Z".parse().unwrap();
        let expires = made + hours(90 * 24);
        for (passed, is_due) in [
            (hours(0), false),
            (SignedDuration::from_mins(-4), false),
            // Set back by an hour, or a day ahead when it was made.
            (hours(-1), true),
            (hours(-24), true),
            // Set a day ahead.
            (hours(24), false),
            (hours(74 * 24), false),
            (hours(75 * 24), true),
            (hours(91 * 24), true),
        ] {
            assert_eq!(rotation.is_due(expires, made + passed), is_due, "{passed:#}");
        }
    }
}
