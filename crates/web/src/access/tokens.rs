//! The tokens by which gates and people are known.
//!
//! A token is 32 random bytes, shown once. The file keeps its SHA-256 only: who reads the file cannot use what is in it, and
//! a secret of that length needs no slow hash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use probity_evidence_ledger::Digest;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// What every token starts with, so that scanners for secrets know one.
const PREFIX: &str = "probity_";

/// The longest name of a token, in characters.
const LONGEST_NAME: usize = 100;

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read everything.
    Auditor,
    /// Send evidence.
    Gate,
    /// Both.
    Admin,
}

impl Role {
    /// The word it is written as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Gate => "gate",
            Self::Admin => "admin",
        }
    }

    /// Whether the holder may read evidence.
    pub fn reads(self) -> bool {
        matches!(self, Self::Auditor | Self::Admin)
    }

    /// Whether the holder may send evidence.
    pub fn writes(self) -> bool {
        matches!(self, Self::Gate | Self::Admin)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Auditor, Self::Gate, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a role; one of auditor, gate, admin"))
    }
}

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What it is called; no two have the same name.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// What the names of the gates must start with that evidence is sent for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_prefix: Option<String>,
    /// The SHA-256 of its text.
    sha256: Digest,
}

impl Token {
    /// Whether it still works.
    pub fn valid(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// Whether evidence of the gate with this name may be sent with it.
    pub fn sends_for(&self, gate: &str) -> bool {
        self.gate_prefix.as_deref().is_none_or(|prefix| gate.starts_with(prefix))
    }

    /// What names it in the sessions it opened: another token of the same name is not it.
    pub(crate) fn id(&self) -> Digest {
        self.sha256
    }
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is called.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// When it stops working.
    pub expires: Option<Timestamp>,
    /// What the names of the gates must start with that evidence is sent for.
    pub gate_prefix: Option<String>,
}

/// Why tokens cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// The file is not one of tokens.
    #[error("{}: not a file of tokens: {error}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// Others can read or write the file.
    #[error("{}: other users may read or change it; run `chmod 600` on it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The name is taken.
    #[error("there is a token `{0}` already; revoke it first, or take another name")]
    Taken(String),
    /// The name is not fit.
    #[error("a token needs a name of 1 to 100 characters on one line")]
    Name,
    /// No token has the name.
    #[error("there is no token `{0}`")]
    Unknown(String),
    /// There are no random bytes to make one of.
    #[error("no token can be made: {0}")]
    Random(#[from] probity_crypto::NoRandomness),
}

/// The tokens of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    tokens: Vec<Token>,
}

impl Tokens {
    /// Reads a file; one that is not there has no tokens.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let io = |error| TokenError::Io { path: path.into(), error };
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io(error)),
        };
        if open_to_others(path).map_err(io)? {
            return Err(TokenError::Open { path: path.into() });
        }
        serde_json::from_slice(&bytes).map_err(|error| TokenError::Form { path: path.into(), error })
    }

    /// The tokens in the order they were made.
    pub fn iter(&self) -> std::slice::Iter<'_, Token> {
        self.tokens.iter()
    }

    /// The token with this text, if it works now. Takes the same time whichever it is, and when it is none.
    pub fn find(&self, text: &str, now: Timestamp) -> Option<&Token> {
        let digest = Digest::of(text.as_bytes());
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.sha256.0.ct_eq(&digest.0)) {
                found = Some(token);
            }
        }
        found.filter(|token| token.valid(now))
    }

    /// The token that a session was opened with, if it works now.
    pub(crate) fn by_id(&self, id: &Digest, now: Timestamp) -> Option<&Token> {
        self.tokens.iter().find(|token| token.sha256 == *id && token.valid(now))
    }
}

impl<'t> IntoIterator for &'t Tokens {
    type Item = &'t Token;
    type IntoIter = std::slice::Iter<'t, Token>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Makes a token and adds it to the file. The text is what its holder sends; it is kept nowhere.
pub fn create_token(path: &Path, new: NewToken) -> Result<String, TokenError> {
    if new.name.trim().is_empty() || new.name.chars().count() > LONGEST_NAME || new.name.chars().any(char::is_control) {
        return Err(TokenError::Name);
    }
    let mut secret = [0; 32];
    probity_crypto::fill(&mut secret)?;
    let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
    change(path, |tokens| {
        if tokens.tokens.iter().any(|token| token.name == new.name) {
            return Err(TokenError::Taken(new.name));
        }
        tokens.tokens.push(Token {
            name: new.name,
            role: new.role,
            created: Timestamp::now(),
            expires: new.expires,
            gate_prefix: new.gate_prefix,
            sha256: Digest::of(text.as_bytes()),
        });
        Ok(())
    })?;
    Ok(text)
}

/// Has the file accept a token whose text was made elsewhere, in place of one of the same name: such as that of a mounted
/// Secret.
pub fn accept_token(path: &Path, name: &str, role: Role, text: &str) -> Result<(), TokenError> {
    let sha256 = Digest::of(text.as_bytes());
    change(path, |tokens| {
        if tokens.tokens.iter().any(|token| token.name == name && token.role == role && token.sha256 == sha256) {
            return Ok(());
        }
        tokens.tokens.retain(|token| token.name != name);
        let created = Timestamp::now();
        tokens.tokens.push(Token { name: name.to_owned(), role, created, expires: None, gate_prefix: None, sha256 });
        Ok(())
    })
}

/// Takes a token out of the file. A running server stops to accept it within a second, and closes its sessions.
pub fn revoke_token(path: &Path, name: &str) -> Result<(), TokenError> {
    change(path, |tokens| {
        let before = tokens.tokens.len();
        tokens.tokens.retain(|token| token.name != name);
        if tokens.tokens.len() == before { Err(TokenError::Unknown(name.to_owned())) } else { Ok(()) }
    })
}

/// Reads the file, changes it and puts it in place of the old one, with no other process between.
fn change(path: &Path, change: impl FnOnce(&mut Tokens) -> Result<(), TokenError>) -> Result<(), TokenError> {
    let io = |error| TokenError::Io { path: path.into(), error };
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let lock = private(&beside(".lock"), false).map_err(io)?;
    lock.lock().map_err(io)?;

    let mut tokens = Tokens::read(path)?;
    change(&mut tokens)?;
    let text = serde_json::to_vec_pretty(&tokens).map_err(|error| TokenError::Form { path: path.into(), error })?;

    let new = beside(".new");
    let mut file = private(&new, true).map_err(io)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&new, path).map_err(io)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

/// Opens a file that only its owner can read.
fn private(path: &Path, truncate: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(truncate);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Whether users other than the owner can read or change the file.
fn open_to_others(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str, role: Role) -> NewToken {
        NewToken { name: name.into(), role, expires: None, gate_prefix: None }
    }

    #[test]
    fn a_token_is_made_found_and_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        let now = Timestamp::now();
        let auditor = create_token(&path, new("Eve", Role::Auditor)).unwrap();
        let gate = create_token(&path, new("ci", Role::Gate)).unwrap();

        let tokens = Tokens::read(&path).unwrap();
        assert_eq!(tokens.find(&auditor, now).unwrap().name, "Eve");
        assert_eq!(tokens.find(&gate, now).unwrap().role, Role::Gate);
        assert_eq!(tokens.find("probity_", now), None);
        let kept = fs::read_to_string(&path).unwrap();
        assert!(!kept.contains(&auditor) && !kept.contains(&gate[PREFIX.len()..]), "the file keeps a token");

        revoke_token(&path, "Eve").unwrap();
        let tokens = Tokens::read(&path).unwrap();
        assert_eq!(tokens.find(&auditor, now), None);
        assert!(tokens.find(&gate, now).is_some());
    }

    #[test]
    fn what_cannot_be_made_or_revoked_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        create_token(&path, new("ci", Role::Gate)).unwrap();
        assert!(matches!(create_token(&path, new("ci", Role::Admin)), Err(TokenError::Taken(_))));
        assert!(matches!(create_token(&path, new("a\nb", Role::Admin)), Err(TokenError::Name)));
        assert!(matches!(create_token(&path, new(" ", Role::Admin)), Err(TokenError::Name)));
        assert!(matches!(revoke_token(&path, "cd"), Err(TokenError::Unknown(_))));
        fs::write(&path, "[]").unwrap();
        assert!(matches!(Tokens::read(&path), Err(TokenError::Form { .. })));
    }

    #[test]
    fn an_expired_token_does_not_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        let until = Timestamp::from_second(1_800_000_000).unwrap();
        let text = create_token(&path, NewToken { expires: Some(until), ..new("ci", Role::Gate) }).unwrap();
        let tokens = Tokens::read(&path).unwrap();
        assert!(tokens.find(&text, Timestamp::from_second(1_799_999_999).unwrap()).is_some());
        assert_eq!(tokens.find(&text, until), None);
    }

    #[test]
    fn a_prefix_holds_gates_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        let prefix = Some("ci/github/acme/".to_owned());
        create_token(&path, NewToken { gate_prefix: prefix, ..new("acme", Role::Gate) }).unwrap();
        let tokens = Tokens::read(&path).unwrap();
        let token = tokens.iter().next().unwrap();
        assert!(token.sends_for("ci/github/acme/portal/1/1"));
        assert!(!token.sends_for("ci/github/acme-evil/portal/1/1"));
    }

    #[cfg(unix)]
    #[test]
    fn others_can_neither_read_nor_change_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        create_token(&path, new("ci", Role::Gate)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Tokens::read(&path), Err(TokenError::Open { .. })));
    }

    #[test]
    fn processes_do_not_lose_each_others_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.json");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || create_token(path, new(&format!("gate {number}"), Role::Gate)).unwrap());
            }
        });
        assert_eq!(Tokens::read(&path).unwrap().iter().count(), 8);
    }
}
