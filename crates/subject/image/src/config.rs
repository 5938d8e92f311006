//! The configuration of an image (OCI image specification, "Image Configuration").

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use smol_str::SmolStr;

use crate::digest::Digest;
use crate::error::ImageError;
use crate::platform::Platform;

/// What an image says of itself and of how it is run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// When it was built, as it says (RFC 3339).
    pub created: Option<String>,
    /// Who built it, as it says.
    pub author: Option<String>,
    /// The platform it is for.
    pub platform: Option<Platform>,
    /// `user`, `uid`, `user:group`, `uid:gid`; empty when there is none, which is root.
    pub user: String,
    /// The ports it listens on: `8080/tcp`.
    pub exposed_ports: Vec<String>,
    /// The environment, `NAME=value`, in its order.
    pub env: Vec<String>,
    /// The command that is always run.
    pub entrypoint: Vec<String>,
    /// What follows it when nothing else is given.
    pub cmd: Vec<String>,
    /// The folder it is run in.
    pub working_dir: Option<String>,
    /// The folders that are volumes.
    pub volumes: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The signal that ends it.
    pub stop_signal: Option<String>,
    /// Whether there is a check of its health (Docker).
    pub healthcheck: bool,
    /// The digests of the layers unpacked, the lowest first.
    pub diff_ids: Vec<Digest>,
    /// How it came to be, the oldest step first.
    pub history: Vec<Step>,
}

/// A step of the history.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Step {
    /// When, as it says (RFC 3339).
    #[serde(default)]
    pub created: Option<String>,
    /// The instruction.
    #[serde(default)]
    pub created_by: Option<String>,
    /// A remark.
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether it made no layer.
    #[serde(default)]
    pub empty_layer: bool,
}

impl Config {
    /// The user it is run as, without a group.
    pub fn user_name(&self) -> &str {
        self.user.split(':').next().unwrap_or_default()
    }

    /// Whether it is run as root as far as its configuration says: no user, `root` or `0`.
    pub fn is_root(&self) -> bool {
        let user = self.user_name();
        user.is_empty() || user == "root" || (user.bytes().all(|byte| byte == b'0'))
    }

    pub(crate) fn parse(what: &str, bytes: &[u8]) -> Result<Self, ImageError> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| ImageError::malformed(what, error))?;
        Ok(wire.into())
    }
}

/// `null` is as nothing: Go writes it for what is empty.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct Wire {
    created: Option<String>,
    author: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    os: SmolStr,
    #[serde(default, deserialize_with = "or_default")]
    architecture: SmolStr,
    variant: Option<SmolStr>,
    #[serde(rename = "os.version")]
    os_version: Option<SmolStr>,
    #[serde(default, deserialize_with = "or_default")]
    config: Run,
    #[serde(default, deserialize_with = "or_default")]
    rootfs: RootFs,
    #[serde(default, deserialize_with = "or_default")]
    history: Vec<Step>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Run {
    #[serde(default, deserialize_with = "or_default")]
    user: String,
    #[serde(default, deserialize_with = "or_default")]
    exposed_ports: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    entrypoint: Command,
    #[serde(default, deserialize_with = "or_default")]
    cmd: Command,
    working_dir: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    volumes: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    stop_signal: Option<String>,
    healthcheck: Option<serde::de::IgnoredAny>,
}

/// A command; very old images have it as one text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Command {
    List(Vec<String>),
    Text(String),
}

impl Default for Command {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl From<Command> for Vec<String> {
    fn from(command: Command) -> Self {
        match command {
            Command::List(list) => list,
            Command::Text(text) => vec![text],
        }
    }
}

#[derive(Default, Deserialize)]
struct RootFs {
    #[serde(default, deserialize_with = "or_default")]
    diff_ids: Vec<Digest>,
}

impl From<Wire> for Config {
    fn from(wire: Wire) -> Self {
        let Wire { os, architecture, variant, os_version, config: run, .. } = wire;
        let platform =
            (!os.is_empty() || !architecture.is_empty()).then_some(Platform { os, architecture, variant, os_version });
        Self {
            created: wire.created,
            author: wire.author.filter(|author| !author.is_empty()),
            platform,
            user: run.user,
            exposed_ports: run.exposed_ports.into_keys().collect(),
            env: run.env,
            entrypoint: run.entrypoint.into(),
            cmd: run.cmd.into(),
            working_dir: run.working_dir.filter(|folder| !folder.is_empty()),
            volumes: run.volumes.into_keys().collect(),
            labels: run.labels,
            stop_signal: run.stop_signal,
            healthcheck: run.healthcheck.is_some(),
            diff_ids: wire.rootfs.diff_ids,
            history: wire.history,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_configuration_is_read() {
        let text = r#"{"created":"2026-01-02T03:04:05Z","architecture":"arm","os":"linux","variant":"v7","config":{
            "User":"65534:65534","ExposedPorts":{"8080/tcp":{},"53/udp":{}},"Env":["A=1"],"Entrypoint":null,
            "Cmd":"run","Labels":null,"WorkingDir":""},"rootfs":{"type":"layers","diff_ids":null},
            "history":[{"created_by":"ADD","empty_layer":true}]}"#;
        let config = Config::parse("it", text.as_bytes()).unwrap();
        assert_eq!(config.user_name(), "65534");
        assert!(!config.is_root());
        assert_eq!(config.exposed_ports, ["53/udp", "8080/tcp"]);
        assert_eq!((config.entrypoint.len(), config.cmd.as_slice()), (0, &["run".to_owned()][..]));
        assert_eq!(config.platform.unwrap().to_string(), "linux/arm/v7");
        assert_eq!((config.working_dir, config.history.len()), (None, 1));
    }

    #[test]
    fn root_is_found() {
        for (user, root) in [("", true), ("root", true), ("0:0", true), ("00", true), ("app", false), ("1000:0", false)]
        {
            let config = Config { user: user.to_owned(), ..Config::default() };
            assert_eq!(config.is_root(), root, "{user}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Config::parse("it", &bytes);
        }
    }
}
