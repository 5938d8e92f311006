//! Signing, attesting and verifying: what the commands have in common.

mod expected;
mod keys;
mod predicates;
mod target;
mod trusted;

pub(crate) use expected::ExpectationArgs;
pub(crate) use keys::{PrivateKeyArgs, new_password, private_key};
pub(crate) use predicates::PredicateType;
pub(crate) use target::{Signed, WrittenForm};
pub(crate) use trusted::{NotationArgs, TrustArgs, identity_trust, key_trust, root};

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The bytes of a file of at most this many.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let shown = || format!("{} cannot be read", path.display());
    let file = std::fs::File::open(path).with_context(shown)?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).with_context(shown)?;
    if bytes.len() as u64 > most {
        bail!("{} is larger than {most} bytes", path.display());
    }
    if bytes.is_empty() {
        bail!("{} is empty", path.display());
    }
    Ok(bytes)
}

/// The text of a small file: a key, a policy, a root.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    const MOST: u64 = 4 << 20;
    String::from_utf8(read(path, MOST)?).with_context(|| format!("{} is no text", path.display()))
}
