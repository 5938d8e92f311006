//! Files that are known to hold credentials: their texts are kept, for who looks for secrets.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::Limits;

/// Files by their whole name.
const NAMES: [&str; 18] = [
    ".boto",
    ".dockercfg",
    ".env",
    ".git-credentials",
    ".my.cnf",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".s3cfg",
    ".terraformrc",
    ".yarnrc.yml",
    "_netrc",
    "application_default_credentials.json",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
];

/// Files by their name in a folder of this name.
const PLACES: [(&str, &str); 5] = [
    (".aws", "credentials"),
    (".aws", "config"),
    (".docker", "config.json"),
    (".kube", "config"),
    (".cargo", "credentials.toml"),
];

/// Files by what their name ends with.
const ENDINGS: [&str; 5] = ["key", "p8", "pem", "tfvars", "kubeconfig"];

/// Folders of packages of others, whose keys are those of their tests.
const PACKAGES: [&str; 3] = ["node_modules", "site-packages", "dist-packages"];

/// Whether a file of this name is one that credentials are known to be in.
pub(crate) fn is_candidate(path: &str) -> bool {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = folder.rsplit('/').next().unwrap_or_default();
    let named = NAMES.contains(&file) || file.starts_with(".env.") || PLACES.contains(&(parent, file));
    let ends = || file.rsplit_once('.').is_some_and(|(_, end)| ENDINGS.contains(&end));
    (named || ends()) && !folder.split('/').any(|part| PACKAGES.contains(&part))
}

/// Whether a text of this size is kept with those that are, or why not: takes its part of what all may have together.
pub(crate) fn has_room(size: u64, taken: &AtomicU64, limits: &Limits) -> Result<(), String> {
    if size > limits.text {
        return Err(format!("it has {size} bytes, more than the limit `text` of {}", limits.text));
    }
    if taken.fetch_add(size, Ordering::Relaxed) + size > limits.texts {
        return Err(format!("there are more than {} bytes of such files, the limit `texts`", limits.texts));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_where_credentials_are() {
        for (path, expected) in [
            ("root/.npmrc", true),
            ("app/.env.production", true),
            ("root/.aws/credentials", true),
            ("credentials", false),
            ("root/.docker/config.json", true),
            ("app/config.json", false),
            ("home/app/.ssh/id_rsa", true),
            ("home/app/.ssh/id_rsa.pub", false),
            ("etc/tls/server.key", true),
            ("etc/tls/server.crt", false),
            ("app/node_modules/x/test/key.pem", false),
            ("usr/lib/python3/dist-packages/x/key.pem", false),
            ("bin/sh", false),
        ] {
            assert_eq!(is_candidate(path), expected, "{path}");
        }
    }

    #[test]
    fn all_together_are_bounded() {
        let limits = Limits { text: 10, texts: 15, ..Limits::default() };
        let taken = AtomicU64::new(0);
        assert_eq!(has_room(11, &taken, &limits).unwrap_err(), "it has 11 bytes, more than the limit `text` of 10");
        assert_eq!(has_room(10, &taken, &limits), Ok(()));
        assert_eq!(has_room(5, &taken, &limits), Ok(()));
        let full = has_room(1, &taken, &limits).unwrap_err();
        assert_eq!(full, "there are more than 15 bytes of such files, the limit `texts`");
    }
}
