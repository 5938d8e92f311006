//! `.signatures.json`: a JSON Web Token over the hashes of all files.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use probity_model::json;
use probity_model::value::Value;
use probity_policy_rego::{glob_matches, verify_signature};

use crate::bundle::Verification;
use crate::error::BundleError;
use crate::file::File;
use crate::hash;
use crate::text;

const FILE: &str = ".signatures.json";

/// The algorithms a token may be signed with.
pub const ALGORITHMS: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "EdDSA",
];

/// A key that signatures are checked with.
#[derive(Clone)]
pub struct Key {
    /// The algorithm, one of [`ALGORITHMS`]. What a token says of itself does not count.
    pub algorithm: String,
    /// A public key or certificate in PEM, or the secret of `HS*`.
    pub key: String,
    /// The scope that a token must have when [`Keys::scope`] says none.
    pub scope: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It may be a secret.
        f.debug_struct("Key").field("algorithm", &self.algorithm).field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// The keys that a bundle may be signed with, and what else is wanted.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The keys by their ids.
    pub keys: BTreeMap<String, Key>,
    /// The id of the key that must have been used; when empty, the token says which.
    pub key_id: String,
    /// The scope that a token must have.
    pub scope: String,
    /// Files that need not be signed, as globs.
    pub exclude: Vec<String>,
}

fn wrong(message: impl Into<String>) -> BundleError {
    BundleError::Signature(message.into())
}

/// What a token says of a file.
struct Signed {
    hash: String,
    algorithm: String,
}

/// Checks the signature as it is wanted; whether one was checked.
pub(crate) fn check(files: &[File], verification: &Verification) -> Result<bool, BundleError> {
    let mut found = files.iter().filter(|file| file.base() == FILE);
    let (first, second) = (found.next(), found.next());
    let keys = match (verification, first) {
        (Verification::Skip, _) | (Verification::NoKey, None) => return Ok(false),
        (Verification::NoKey, Some(_)) => {
            return Err(wrong("the bundle is signed and there is no key to check it with; give `--bundle-key`"));
        }
        (Verification::Required(_), None) => return Err(wrong(format!("the bundle has no {FILE}"))),
        (Verification::Required(keys), Some(_)) => keys,
    };
    if let (Some(first), Some(second)) = (first, second) {
        return Err(wrong(format!("there are two, {} and {}", first.name, second.name)));
    }
    let signatures = first.map(|file| text::json(&file.bytes)).transpose().map_err(wrong)?.unwrap_or_default();
    let mut signed = signed_files(token(&signatures)?, keys)?;
    for file in files.iter().filter(|file| file.base() != FILE) {
        let known = signed.remove(&file.name);
        if excluded(&file.name, keys)? {
            continue;
        }
        let known = known.ok_or_else(|| wrong(format!("{} is not signed", file.name)))?;
        if hash::of(file, &known.algorithm)? != known.hash.to_ascii_lowercase() {
            return Err(wrong(format!("{} is not the file that was signed", file.name)));
        }
    }
    match signed.into_keys().next() {
        Some(name) => Err(wrong(format!("{name} was signed and is not in the bundle"))),
        None => Ok(true),
    }
}

fn excluded(name: &str, keys: &Keys) -> Result<bool, BundleError> {
    for pattern in &keys.exclude {
        if glob_matches(pattern, &['/'], name).map_err(wrong)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn token(signatures: &Value) -> Result<&str, BundleError> {
    if let Some(plugin) = signatures.get("plugin").and_then(Value::as_str).filter(|plugin| !plugin.is_empty()) {
        return Err(wrong(format!("it is made by the plugin `{plugin}`, which is not known here")));
    }
    let tokens = signatures.get("signatures").and_then(Value::as_array);
    match tokens.map_or(&[][..], |tokens| tokens.as_slice()) {
        [one] => one.as_str().ok_or_else(|| wrong("the token is no text")),
        [] => Err(wrong(format!("{FILE} has no token"))),
        _ => Err(wrong(format!("{FILE} has more than one token"))),
    }
}

/// The files that a token speaks of, when its signature is right.
fn signed_files(token: &str, keys: &Keys) -> Result<BTreeMap<String, Signed>, BundleError> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong("the token has not three parts"));
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| wrong("the token is not in base64url"));
    let object = |part: &str| json::read(&decode(part)?).map_err(|problem| wrong(problem.message));
    let claims = object(payload)?;
    let key = key(keys, &object(header)?, &claims)?;
    let message = &token[..header.len() + 1 + payload.len()];
    let right = verify_signature(&key.key, &key.algorithm, message.as_bytes(), &decode(signature)?).map_err(wrong)?;
    if !right {
        return Err(wrong("the token is not signed with the key"));
    }
    let scope = if keys.scope.is_empty() { &key.scope } else { &keys.scope };
    if claims.get("scope").and_then(Value::as_str).unwrap_or_default() != scope {
        return Err(wrong(format!("the token is of another scope than `{scope}`")));
    }
    files_of(&claims)
}

fn key<'k>(keys: &'k Keys, header: &Value, claims: &Value) -> Result<&'k Key, BundleError> {
    let said = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = [keys.key_id.clone(), said(header, "kid"), said(claims, "keyid")]
        .into_iter()
        .find(|id| !id.is_empty())
        .ok_or_else(|| wrong("neither the token nor the configuration says which key it is signed with"))?;
    let key = keys.keys.get(&id).ok_or_else(|| wrong(format!("there is no key `{id}`")))?;
    if !ALGORITHMS.contains(&key.algorithm.as_str()) {
        return Err(wrong(format!("`{}` is not an algorithm of signatures", key.algorithm)));
    }
    Ok(key)
}

fn files_of(claims: &Value) -> Result<BTreeMap<String, Signed>, BundleError> {
    let files = claims.get("files").and_then(Value::as_array);
    let mut signed = BTreeMap::new();
    for file in files.into_iter().flatten() {
        let text = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
        let (Some(name), Some(hash)) = (text("name"), text("hash")) else {
            return Err(wrong("the token names a file without its hash"));
        };
        let name = name.strip_prefix('/').map_or(name.clone(), str::to_owned);
        signed.insert(name, Signed { hash, algorithm: text("algorithm").unwrap_or_default() });
    }
    Ok(signed)
}
