//! Trust policies (the Notary Project's trust store and trust policy specification, `trustpolicy.json`).

use std::collections::BTreeMap;

use probity_model::value::{Array, Object};
use probity_model::{Value, json};
use x509_parser::x509::X509Name;

use crate::digest::shown;
use crate::{TrustError, chain, limits};

const WHAT: &str = "the trust policy";

/// Trust policies, of which one is for each repository.
#[derive(Debug, Clone)]
pub struct TrustPolicies(Vec<Policy>);

/// What is asked of the signatures in some repositories.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    name: String,
    /// Repositories with their host, or `*`.
    scopes: Vec<String>,
    /// The stores with the authorities.
    pub(super) stores: Vec<String>,
    /// Whose certificates count: attributes that a subject must have; any if there are none.
    identities: Vec<Vec<(String, String)>>,
    any_identity: bool,
    /// The level or an override lets who is not trusted pass, which is no verification.
    authenticity: Action,
    pub(super) timestamp: Action,
    pub(super) expiry: Action,
    pub(super) revocation: Action,
}

/// What happens when something does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Enforce,
    Log,
    Skip,
}

impl TrustPolicies {
    /// Reads a `trustpolicy.json`, version 1.0.
    ///
    /// # Errors
    /// When it is none, names a scope twice, or an identity that cannot be asked for.
    pub fn from_json(text: &[u8]) -> Result<Self, TrustError> {
        limits::bytes("bytes of the trust policy", text, limits::PEM)?;
        let document = json::read_within(text, limits::DEPTH).map_err(malformed)?;
        let version = document.get("version").and_then(Value::as_str).unwrap_or_default();
        if version != "1.0" {
            return Err(TrustError::Unsupported(format!("a trust policy of version `{}`", shown(version))));
        }
        let listed = list(&document, "trustPolicies");
        let policies = listed.iter().map(Policy::read).collect::<Result<Vec<_>, _>>()?;
        let mut scopes: Vec<_> = policies.iter().flat_map(|policy| &policy.scopes).collect();
        scopes.sort();
        if let Some(twice) = scopes.array_windows().find_map(|[one, next]| (one == next).then_some(one)) {
            return Err(malformed(format!("two policies are for `{twice}`")));
        }
        Ok(Self(policies))
    }

    /// The policy of a repository: the one that names it, else the one for all. One that asks for nothing verifies
    /// nothing and is refused.
    pub(super) fn of(&self, repository: &str) -> Result<&Policy, TrustError> {
        let named = |name: &str| self.0.iter().find(|policy| policy.scopes.iter().any(|scope| scope == name));
        let Some(policy) = named(repository).or_else(|| named("*")) else {
            return Err(TrustError::NoPolicy(shown(repository)));
        };
        if policy.authenticity != Action::Enforce {
            let name = &policy.name;
            return Err(TrustError::NoPolicy(format!("{}: `{name}` lets any signer pass", shown(repository))));
        }
        Ok(policy)
    }
}

impl Policy {
    fn read(value: &Value) -> Result<Self, TrustError> {
        let texts = |key| list(value, key).iter().filter_map(|text| text.as_str().map(ToOwned::to_owned));
        let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let verification = value.get("signatureVerification").unwrap_or(&Value::Null);
        let actions = actions(verification)?;
        let action = |check| actions.get(check).copied().unwrap_or(Action::Enforce);
        let mut identities = Vec::new();
        let mut any_identity = false;
        for identity in texts("trustedIdentities") {
            match identity.split_once(':') {
                None if identity == "*" => any_identity = true,
                Some(("x509.subject", subject)) => identities.push(distinguished_name(subject)?),
                _ => return Err(TrustError::Unsupported(format!("the trusted identity `{}`", shown(&identity)))),
            }
        }
        let policy = Self {
            scopes: texts("registryScopes").collect(),
            stores: texts("trustStores").collect(),
            identities,
            any_identity,
            authenticity: action("authenticity"),
            timestamp: action("authenticTimestamp"),
            expiry: action("expiry"),
            revocation: action("revocation"),
            name,
        };
        if policy.scopes.is_empty() {
            return Err(malformed(format!("`{}` has no registryScopes", policy.name)));
        }
        let trusts = !policy.stores.is_empty() && (any_identity || !policy.identities.is_empty());
        if policy.authenticity == Action::Enforce && !trusts {
            return Err(malformed(format!("`{}` has no trustStores or no trustedIdentities", policy.name)));
        }
        Ok(policy)
    }

    /// Whether a certificate's subject is one that is trusted: it has all attributes of one of them.
    pub(super) fn check_identity(&self, subject: &X509Name<'_>) -> Result<(), TrustError> {
        let attributes = chain::attributes(subject);
        let meant = |identity: &Vec<(String, String)>| identity.iter().all(|wanted| attributes.contains(wanted));
        if self.any_identity || self.identities.iter().any(meant) {
            return Ok(());
        }
        let shown = |identity: &Vec<(String, String)>| {
            identity.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
        };
        let expected = self.identities.iter().map(shown).collect::<Vec<_>>().join(" or ");
        Err(TrustError::WrongIdentity { expected, found: chain::shown(subject) })
    }
}

/// What is done for each check, by its level and what overrides it.
fn actions(verification: &Value) -> Result<BTreeMap<String, Action>, TrustError> {
    let level = verification.get("level").and_then(Value::as_str).unwrap_or_default();
    let (authenticity, rest) = match level {
        "strict" => (Action::Enforce, Action::Enforce),
        "permissive" => (Action::Enforce, Action::Log),
        "audit" => (Action::Log, Action::Log),
        "skip" => (Action::Skip, Action::Skip),
        other => return Err(malformed(format!("the level `{}` is not known", shown(other)))),
    };
    let checks = [("authenticity", authenticity), ("authenticTimestamp", rest), ("expiry", rest), ("revocation", rest)];
    let mut actions: BTreeMap<_, _> = checks.map(|(check, action)| (check.to_owned(), action)).into();
    for (check, action) in verification.get("override").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        let action = match action.as_str() {
            Some("enforce") => Action::Enforce,
            Some("log") => Action::Log,
            Some("skip") if check.as_str() == "revocation" => Action::Skip,
            _ => return Err(malformed(format!("what overrides `{check}` is not known"))),
        };
        match actions.get_mut(check.as_str()) {
            Some(known) if level != "skip" => *known = action,
            _ => return Err(malformed(format!("`{check}` cannot be overridden"))),
        }
    }
    Ok(actions)
}

/// Reads a name as RFC 4514 writes it, its attributes one by one. `S` stands for `ST`.
fn distinguished_name(text: &str) -> Result<Vec<(String, String)>, TrustError> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    for part in split(text)? {
        let Some((key, value)) = part.split_once('=') else {
            return Err(malformed(format!("`{}` is no distinguished name", shown(text))));
        };
        let key = match key.trim() {
            "S" => "ST".to_owned(),
            key => key.to_ascii_uppercase(),
        };
        if value.is_empty() || value.starts_with('#') || attributes.iter().any(|(known, _)| *known == key) {
            return Err(malformed(format!("`{}` has an attribute twice, or one that is not a text", shown(text))));
        }
        attributes.push((key, value.to_owned()));
    }
    for wanted in ["C", "ST", "O"] {
        if attributes.iter().all(|(key, _)| key != wanted) {
            return Err(malformed(format!("`{}` must have C, ST and O", shown(text))));
        }
    }
    Ok(attributes)
}

/// The parts of a name between commas. A backslash takes the meaning from what follows it.
fn split(text: &str) -> Result<Vec<String>, TrustError> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(next) if !next.is_ascii_hexdigit() => part.push(next),
                _ => return Err(malformed(format!("an escape in `{}` is not read", shown(text)))),
            },
            ',' => parts.push(std::mem::take(&mut part)),
            '+' => return Err(malformed(format!("`{}` has several attributes in one", shown(text)))),
            other => part.push(other),
        }
    }
    parts.push(part);
    Ok(parts.into_iter().map(|part| part.trim().to_owned()).collect())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map(Array::as_slice).unwrap_or_default()
}

fn malformed(error: impl std::fmt::Display) -> TrustError {
    TrustError::malformed(WHAT, error)
}
