//! Credentials as Docker keeps them: `config.json`, and the helpers that it names (docker-credential-helpers).

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::RegistryError;
use crate::reference::DEFAULT_REGISTRY;

/// What Docker calls its own registry.
const DOCKER_SERVER: &str = "https://index.docker.io/v1/";

/// Longest that a helper may take.
const HELPER_TIME: Duration = Duration::from_secs(30);

/// Most that a helper may say.
const MAX_SAID: u64 = 1 << 20;

/// Largest configuration.
const MAX_CONFIG: u64 = 4 << 20;

/// Who a registry is told that asks. Its debug form has no secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// A user and a password.
    Basic { user: String, password: String },
    /// A token that tokens are had for.
    Identity(String),
    /// A token that is sent as it is.
    Bearer(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic",
            Self::Identity(_) => "Identity",
            Self::Bearer(_) => "Bearer",
        })
    }
}

/// Credentials for registries.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    path: PathBuf,
    config: Config,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("auths", &self.auths.keys()).finish_non_exhaustive()
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Auth {
    #[serde(rename = "auth")]
    encoded: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// Where Docker's configuration is: `$DOCKER_CONFIG`, else `.docker` in the home folder.
pub(super) fn default_path() -> Option<PathBuf> {
    let folder = match std::env::var_os("DOCKER_CONFIG") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => PathBuf::from(std::env::var_os("HOME").filter(|home| !home.is_empty())?).join(".docker"),
    };
    Some(folder.join("config.json"))
}

impl Credentials {
    /// Reads a configuration.
    pub(super) fn read(path: &Path) -> Result<Self, RegistryError> {
        let wrong = |why: String| RegistryError::Config { path: path.to_owned(), why };
        let mut text = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
        file.take(MAX_CONFIG).read_to_end(&mut text).map_err(|error| wrong(error.to_string()))?;
        // The message of the parser could have a part of a secret in it; its place does not.
        let config = serde_json::from_slice(&text).map_err(|error| {
            wrong(format!("it is no configuration of Docker (line {}, column {})", error.line(), error.column()))
        })?;
        Ok(Self { path: path.to_owned(), config })
    }

    /// Who to say one is to a registry, for a repository of it. `None` when nothing is known: then it is asked as nobody.
    pub(super) fn find(&self, registry: &str, repository: &str) -> Result<Option<Credential>, RegistryError> {
        let server = if registry == DEFAULT_REGISTRY { DOCKER_SERVER } else { registry };
        let helper = self.config.cred_helpers.get(server).or_else(|| self.config.cred_helpers.get(registry));
        match helper.or(self.config.creds_store.as_ref()).filter(|helper| !helper.is_empty()) {
            Some(helper) => ask_helper(helper, server),
            None => self.in_file(registry, repository),
        }
    }

    /// The entry for the registry, or for the longest part of the repository's name that there is one for.
    fn in_file(&self, registry: &str, repository: &str) -> Result<Option<Credential>, RegistryError> {
        let whole = format!("{registry}/{repository}");
        let mut name = whole.as_str();
        loop {
            if let Some((key, auth)) = self.config.auths.iter().find(|(key, _)| server_name(key) == name) {
                let wrong =
                    |why| RegistryError::Config { path: self.path.clone(), why: format!("its entry for {key} {why}") };
                return auth.credential().map_err(wrong);
            }
            name = match name.rsplit_once('/') {
                Some((shorter, _)) => shorter,
                None => return Ok(None),
            };
        }
    }
}

/// The name in an entry: Docker wrote it as an address once.
fn server_name(key: &str) -> &str {
    if key == DOCKER_SERVER {
        return DEFAULT_REGISTRY;
    }
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    match bare {
        Some(rest) => rest.split('/').next().unwrap_or_default(),
        None => match key.trim_end_matches('/') {
            "index.docker.io" => DEFAULT_REGISTRY,
            key => key,
        },
    }
}

impl Auth {
    fn credential(&self) -> Result<Option<Credential>, &'static str> {
        if !self.registrytoken.is_empty() {
            return Ok(Some(Credential::Bearer(self.registrytoken.clone())));
        }
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credential::Identity(self.identitytoken.clone())));
        }
        if !self.encoded.is_empty() {
            let bytes = STANDARD.decode(self.encoded.trim()).map_err(|_| "is not in base64")?;
            let text = String::from_utf8(bytes).map_err(|_| "is no text")?;
            let (user, password) = text.split_once(':').ok_or("has no user and password")?;
            let password = password.trim_end_matches('\0').to_owned();
            return Ok(Some(Credential::Basic { user: user.to_owned(), password }));
        }
        let named = !self.username.is_empty();
        Ok(named.then(|| Credential::Basic { user: self.username.clone(), password: self.password.clone() }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks `docker-credential-HELPER get`, without a shell.
fn ask_helper(helper: &str, server: &str) -> Result<Option<Credential>, RegistryError> {
    let wrong = |why: String| RegistryError::Helper {
        helper: helper.chars().take(100).collect(),
        server: server.to_owned(),
        why,
    };
    // A name with a `/` in it would be another program than one of this kind.
    if !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(wrong("its name may have letters, digits, -, _ and . only".to_owned()));
    }
    ask(&format!("docker-credential-{helper}"), server).map_err(wrong)
}

fn ask(program: &str, server: &str) -> Result<Option<Credential>, String> {
    let (succeeded, said) = run(program, server).map_err(|error| error.to_string())?;
    if !succeeded {
        let said = String::from_utf8_lossy(&said);
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(said.trim().chars().take(200).flat_map(char::escape_debug).collect());
    }
    // Its answer has the secret in it: nothing of it is repeated.
    let answer: Answer = serde_json::from_slice(&said).map_err(|_| "its answer makes no sense".to_owned())?;
    Ok(match answer.username.as_str() {
        "<token>" => Some(Credential::Identity(answer.secret)),
        "" if answer.secret.is_empty() => None,
        _ => Some(Credential::Basic { user: answer.username, password: answer.secret }),
    })
}

/// Runs a helper: whether it succeeded, and what it wrote.
fn run(program: &str, input: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut command = Command::new(program);
    let mut child = command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not ask for it has ended by itself; its status tells.
        let _ = stdin.write_all(input.as_bytes());
    }
    let stdout = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        let read = stdout.map(|stdout| stdout.take(MAX_SAID).read_to_end(&mut said));
        read.transpose().map(|_| said)
    });
    let end = Instant::now() + HELPER_TIME;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() > end => {
                child.kill()?;
                child.wait()?;
                return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "it took longer than 30 seconds"));
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    let said = reader.join().map_err(|_| std::io::Error::other("its answer could not be read"))??;
    Ok((status.success(), said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(text: &str) -> Credentials {
        Credentials { path: "config.json".into(), config: serde_json::from_str(text).unwrap() }
    }

    fn basic(user: &str) -> Credential {
        Credential::Basic { user: user.into(), password: "p:w".into() }
    }

    #[test]
    fn entries_are_found() {
        let auth = |user: &str| format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(format!("{user}:p:w")));
        let text = format!(
            r#"{{"auths":{{"https://index.docker.io/v1/":{},"https://old.example/v2/":{},"reg.example:5000":{},"reg.example:5000/team":{},
                "token.example":{{"identitytoken":"t"}},"empty.example":{{}}}}}}"#,
            auth("hub"),
            auth("old"),
            auth("all"),
            auth("team")
        );
        let known = credentials(&text);
        for (registry, repository, expected) in [
            ("docker.io", "library/alpine", Some(basic("hub"))),
            ("old.example", "a", Some(basic("old"))),
            ("reg.example:5000", "app", Some(basic("all"))),
            ("reg.example:5000", "team/app", Some(basic("team"))),
            ("reg.example:5000", "teams/app", Some(basic("all"))),
            ("token.example", "a", Some(Credential::Identity("t".into()))),
            ("empty.example", "a", None),
            ("evil.example", "reg.example:5000/a", None),
            ("reg.example", "a", None),
        ] {
            assert_eq!(known.find(registry, repository).unwrap(), expected, "{registry}/{repository}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let broken = credentials(r#"{"auths":{"a.example":{"auth":"c2VjcmV0"}}}"#);
        let error = broken.find("a.example", "x").unwrap_err().to_string();
        assert!(error.contains("a.example") && !error.contains("secret") && !error.contains("c2VjcmV0"), "{error}");
        assert!(!format!("{broken:?} {:?}", basic("u")).contains("p:w"));
    }

    #[test]
    fn helpers_are_asked() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let answer = |script: &str| {
            let path = folder.path().join("helper");
            std::fs::write(&path, format!("#!/bin/sh\nread server || true\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            ask(path.to_str().unwrap(), "a.example\n")
        };
        let said = answer(r#"test "$1" = get && echo "{\"Username\":\"$server\",\"Secret\":\"p:w\"}""#);
        assert_eq!(said, Ok(Some(basic("a.example"))));
        assert_eq!(answer(r#"echo '{"Username":"<token>","Secret":"t"}'"#), Ok(Some(Credential::Identity("t".into()))));
        assert_eq!(answer("echo credentials not found in native keychain; exit 1"), Ok(None));
        assert_eq!(answer("echo locked; exit 1"), Err("locked".into()));
        assert_eq!(answer("echo secret"), Err("its answer makes no sense".into()));
    }

    #[test]
    fn helpers_are_named_plainly() {
        for helper in ["../x", "a b", "a/b", "$(x)"] {
            let text = format!(r#"{{"credsStore":"{helper}"}}"#);
            let error = credentials(&text).find("a.example", "x").unwrap_err().to_string();
            assert!(error.contains("letters"), "{error}");
        }
        let error =
            credentials(r#"{"credHelpers":{"a.example":"surely-not-there"}}"#).find("a.example", "x").unwrap_err();
        assert!(error.to_string().contains("surely-not-there"), "{error}");
    }
}
