//! Whose signatures count.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use probity_trust::{
    Identity, KeyTrust, Log, Matcher, NotationTrust, PublicKey, Trust, TrustPolicies, TrustStores, TrustedRoot,
};

/// Most certificates of a trust store of Notation's.
const MAX_CERTIFICATES: usize = 1_000;

/// Keys and identities that are trusted.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Who is trusted")]
pub(crate) struct TrustArgs {
    /// A public key in PEM: a file, or <env://NAME> for a variable that holds it. May be repeated.
    #[arg(long, value_name = "FILE")]
    key: Vec<String>,
    /// The signatures by a key must be in a transparency log of the trusted root.
    #[arg(long, requires = "key", requires = "trusted_root")]
    require_log: bool,
    /// Who signed without a key of their own: the address or the workflow's URI in the certificate.
    #[arg(long, value_name = "NAME", conflicts_with = "certificate_identity_regexp")]
    certificate_identity: Option<String>,
    /// The same as a regular expression, which may be found anywhere: tie it with ^ and $.
    #[arg(long, value_name = "REGEX")]
    certificate_identity_regexp: Option<String>,
    /// Who vouches for that name: the OpenID Connect issuer.
    #[arg(long, value_name = "URL", conflicts_with = "certificate_oidc_issuer_regexp")]
    certificate_oidc_issuer: Option<String>,
    /// The same as a regular expression.
    #[arg(long, value_name = "REGEX")]
    certificate_oidc_issuer_regexp: Option<String>,
    /// The certificate authorities, logs and timestamp authorities that are trusted: a `trusted_root.json`. Nothing is fetched.
    /// Default: for identities, that of sigstore's public good instance, as it was when this program was built.
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
}

impl TrustArgs {
    /// Whether anyone is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.key.is_empty() && self.subject().is_none() && self.issuer().is_none()
    }

    fn subject(&self) -> Option<(&str, bool)> {
        either(self.certificate_identity.as_deref(), self.certificate_identity_regexp.as_deref())
    }

    fn issuer(&self) -> Option<(&str, bool)> {
        either(self.certificate_oidc_issuer.as_deref(), self.certificate_oidc_issuer_regexp.as_deref())
    }

    /// Reads the files that are named.
    pub(crate) fn read(&self) -> Result<Vec<Trust>> {
        let mut trusts = Vec::new();
        let root = self.trusted_root.as_deref().map(root).transpose()?;
        if !self.key.is_empty() {
            for key in &self.key {
                trusts.push(key_trust(key, self.require_log, root.clone())?);
            }
        }
        match (self.subject(), self.issuer()) {
            (None, None) => {}
            (Some(subject), Some(issuer)) => {
                trusts.push(identity_trust(subject, issuer, root)?);
            }
            _ => bail!(
                "a name in a certificate means nothing without who vouches for it: give --certificate-identity and \
                 --certificate-oidc-issuer (or their -regexp forms) together"
            ),
        }
        Ok(trusts)
    }
}

/// Trust in a public key, which is in a file or a variable.
pub(crate) fn key_trust(key: &str, require_log: bool, root: Option<TrustedRoot>) -> Result<Trust> {
    let log = if require_log { Log::Required } else { Log::Optional };
    Ok(Trust::Keys(KeyTrust { keys: vec![public_key(key)?], log, root }))
}

/// Trust in a name that an issuer vouches for, each with whether it is a regular expression. Without a root that of sigstore's public
/// good instance counts.
pub(crate) fn identity_trust(subject: (&str, bool), issuer: (&str, bool), root: Option<TrustedRoot>) -> Result<Trust> {
    let identity = Identity { subject: matcher(subject)?, issuer: matcher(issuer)? };
    Ok(Trust::identities(vec![identity], root.map_or_else(TrustedRoot::public_good, Ok)?))
}

fn either<'a>(exact: Option<&'a str>, regexp: Option<&'a str>) -> Option<(&'a str, bool)> {
    exact.map(|text| (text, false)).or(regexp.map(|text| (text, true)))
}

fn matcher((text, is_regexp): (&str, bool)) -> Result<Matcher> {
    if text.is_empty() {
        bail!("an empty name or issuer is nobody's");
    }
    Ok(if is_regexp { Matcher::regex(text)? } else { Matcher::Exact(text.to_owned()) })
}

/// Reads a trusted root.
pub(crate) fn root(path: &Path) -> Result<TrustedRoot> {
    TrustedRoot::from_json(&super::read_text(path)?).with_context(|| path.display().to_string())
}

fn public_key(named: &str) -> Result<PublicKey> {
    let text = match named.strip_prefix("env://") {
        Some(name) => std::env::var(name).with_context(|| format!("the variable {name} holds no key"))?,
        None => super::read_text(Path::new(named))?,
    };
    if text.contains("PRIVATE KEY") {
        bail!("{named} is a private key; verifying needs the public one");
    }
    PublicKey::from_pem(&text).with_context(|| named.to_owned())
}

/// What Notation's signatures are verified with.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Notation")]
pub(crate) struct NotationArgs {
    /// Verify signatures of Notation's by this trust policy (trustpolicy.json).
    #[arg(long, value_name = "FILE", requires = "notation_trust_store")]
    notation_trust_policy: Option<PathBuf>,
    /// The folder with the certificates that the policy names, as x509/ca/NAME/*.pem.
    #[arg(long, value_name = "FOLDER", requires = "notation_trust_policy")]
    notation_trust_store: Option<PathBuf>,
}

impl NotationArgs {
    /// Reads the policy and the certificates, if they are named.
    pub(crate) fn read(&self) -> Result<Option<NotationTrust>> {
        let (Some(policy), Some(folder)) = (&self.notation_trust_policy, &self.notation_trust_store) else {
            return Ok(None);
        };
        let text = super::read_text(policy)?;
        let policies = TrustPolicies::from_json(text.as_bytes()).with_context(|| policy.display().to_string())?;
        Ok(Some(NotationTrust { policies, stores: stores(folder)? }))
    }
}

/// The certificates of a folder in Notation's form.
fn stores(folder: &Path) -> Result<TrustStores> {
    let mut stores = TrustStores::new();
    let mut count = 0;
    for kind in ["ca", "signingAuthority"] {
        let of_kind = folder.join("x509").join(kind);
        if !of_kind.is_dir() {
            continue;
        }
        for store in entries(&of_kind)? {
            let name = store.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for file in entries(&store)? {
                let text = super::read_text(&file)?;
                stores.add(&format!("{kind}:{name}"), &text).with_context(|| file.display().to_string())?;
                count += 1;
                if count > MAX_CERTIFICATES {
                    bail!("{} has more than {MAX_CERTIFICATES} certificates", folder.display());
                }
            }
        }
    }
    if count == 0 {
        bail!(
            "{} has no certificates: they are looked for in x509/ca/NAME and x509/signingAuthority/NAME",
            folder.display()
        );
    }
    Ok(stores)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut paths = listed.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
