//! The ledger's key in its file.
//!
//! A key is kept in the form of Go's note package, `PRIVATE+KEY+name+id+seed`; one made by OpenSSL (PKCS #8 in PEM) is
//! read too. A key that is to follow waits beside it, under the same name and `.next`, until the ledger has taken it up.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::error::LedgerError;
use crate::note::{Signer, Verifier, check_name, fingerprint};

/// What every origin begins with; the key's fingerprint follows.
const NAME: &str = "probity/ledger/";
/// How the DER of an Ed25519 private key begins (RFC 8410, section 7); its 32 bytes follow.
const PKCS8: &[u8] = &[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A ledger's private key and the file it is kept in.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    signer: Signer,
}

impl KeyFile {
    /// Reads the key; makes one, readable by its owner only, when there is none.
    ///
    /// # Errors
    /// When the file cannot be read or written, is open to others, or is not an Ed25519 key.
    pub fn load_or_create(path: &Path) -> Result<Self, LedgerError> {
        if path.exists() {
            return Self::load(path);
        }
        let signer = generate().map_err(|what| LedgerError::Key { path: path.to_owned(), what })?;
        write_key(path, &signer)?;
        Ok(Self { path: path.to_owned(), signer })
    }

    /// Reads the key.
    ///
    /// # Errors
    /// When the file cannot be read, is open to others, or is not an Ed25519 key.
    pub fn load(path: &Path) -> Result<Self, LedgerError> {
        check_mode(path)?;
        let text = fs::read_to_string(path).map_err(LedgerError::io("read", path))?;
        let signer = parse(&text)
            .ok_or_else(|| LedgerError::Key { path: path.to_owned(), what: "not an Ed25519 key".into() })?;
        Ok(Self { path: path.to_owned(), signer })
    }

    /// The key.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The public part.
    pub fn verifier(&self) -> &Verifier {
        self.signer.verifier()
    }

    /// The key that waits to follow, when there is one.
    pub(crate) fn next(&self) -> Result<Option<Self>, LedgerError> {
        let path = self.next_path();
        if path.exists() { Self::load(&path).map(Some) } else { Ok(None) }
    }

    /// Makes a key that is to follow, or takes the one that waits already.
    pub(crate) fn make_next(&self) -> Result<Self, LedgerError> {
        Self::load_or_create(&self.next_path())
    }

    /// Puts the key that waited in the place of this one.
    pub(crate) fn take_up(&mut self, next: Self) -> Result<(), LedgerError> {
        fs::rename(&next.path, &self.path).map_err(LedgerError::io("replaced", &self.path))?;
        self.signer = next.signer;
        Ok(())
    }

    fn next_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".next");
        name.into()
    }
}

fn generate() -> Result<Signer, String> {
    let mut seed = [0; 32];
    probity_crypto::fill(&mut seed).map_err(|error| format!("no key can be made: {error}"))?;
    Ok(named(&seed))
}

/// The key under the name that its fingerprint gives.
fn named(seed: &[u8; 32]) -> Signer {
    let key = probity_crypto::SigningKey::from_seed(seed).verifying_key();
    Signer::new(format!("{NAME}{}", fingerprint(&key)), seed)
}

fn parse(text: &str) -> Option<Signer> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("PRIVATE+KEY+") {
        let (name, rest) = rest.split_once('+')?;
        check_name(name).ok()?;
        let bytes = BASE64.decode(rest.split_once('+')?.1).ok()?;
        let seed: &[u8; 32] = bytes.strip_prefix(&[1])?.try_into().ok()?;
        // The origin of a checkpoint names the fingerprint of its key, whatever the key was called elsewhere.
        return Some(named(seed));
    }
    let body = text.strip_prefix("-----BEGIN PRIVATE KEY-----")?.strip_suffix("-----END PRIVATE KEY-----")?;
    let der = BASE64.decode(body.split_whitespace().collect::<String>()).ok()?;
    Some(named(der.strip_prefix(PKCS8)?.try_into().ok()?))
}

fn write_key(path: &Path, signer: &Signer) -> Result<(), LedgerError> {
    let verifier = signer.verifier().to_string();
    let id = verifier.split('+').nth(1).unwrap_or_default();
    let mut seed = vec![1];
    seed.extend(signer.seed());
    let text = format!("PRIVATE+KEY+{}+{id}+{}\n", signer.verifier().name(), BASE64.encode(seed));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    write().map_err(LedgerError::io("written", path))
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), LedgerError> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(path).map_err(LedgerError::io("read", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        let what = format!("the key can be read by others (mode {:o}); run chmod 600 on it", mode & 0o777);
        return Err(LedgerError::Key { path: path.to_owned(), what });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &Path) -> Result<(), LedgerError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/ledger.key");
        let made = KeyFile::load_or_create(&path).unwrap();
        let read = KeyFile::load_or_create(&path).unwrap();
        assert_eq!(made.verifier(), read.verifier());
        assert_eq!(made.verifier().name(), format!("{NAME}{}", made.verifier().fingerprint()));
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }

    #[test]
    fn keys_of_openssl_are_read() {
        // The example of RFC 8410, section 10.3.
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
        let public = BASE64.encode(parse(pem).unwrap().verifier().public_key());
        assert_eq!(public, "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.key");
        KeyFile::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = KeyFile::load(&path).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in
            ["", "PRIVATE+KEY+", "PRIVATE+KEY+a+b+c", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
        {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
