use crate::{Identity, PublicKey, TrustedRoot};

/// Whose signatures count.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Those made with one of these keys.
    Keys(KeyTrust),
    /// Those of people and workflows that have a certificate for a moment only.
    Keyless(KeylessTrust),
}

/// Trust in keys.
#[derive(Debug, Clone)]
pub struct KeyTrust {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// Whether a signature must be in a transparency log.
    pub log: Log,
    /// The logs and timestamp authorities that are trusted.
    pub root: Option<TrustedRoot>,
}

/// What is asked of a signature's entry in a transparency log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// There must be one that is proved.
    Required,
    /// There need be none. One that is there is verified if a root is given, else it is said that it was not.
    Optional,
}

/// Trust in identities. Such signatures are always in a transparency log, which proves that the certificate was valid.
#[derive(Debug, Clone)]
pub struct KeylessTrust {
    /// Who may sign.
    pub identities: Vec<Identity>,
    /// Who vouches for them, and the logs.
    pub root: TrustedRoot,
}

impl Trust {
    /// Trust in keys whose signatures must be in a log of the root.
    pub fn keys_in_log(keys: Vec<PublicKey>, root: TrustedRoot) -> Self {
        Self::Keys(KeyTrust { keys, log: Log::Required, root: Some(root) })
    }

    /// Trust in keys whose signatures need not be in a log.
    pub fn keys(keys: Vec<PublicKey>) -> Self {
        Self::Keys(KeyTrust { keys, log: Log::Optional, root: None })
    }

    /// Trust in identities.
    pub fn identities(identities: Vec<Identity>, root: TrustedRoot) -> Self {
        Self::Keyless(KeylessTrust { identities, root })
    }
}
