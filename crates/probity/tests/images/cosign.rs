//! cosign itself, without a transparency log: the program that `PROBITY_COSIGN` names.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::tools::{done, skip};

/// The password of every key here.
pub(crate) const PASSWORD: &str = "sesame";

/// cosign with a key of its own, in a folder of its own.
pub(crate) struct Cosign {
    program: PathBuf,
    folder: TempDir,
}

impl Cosign {
    /// `None` when there is none.
    pub(crate) fn find() -> Option<Self> {
        let Some(program) = std::env::var_os("PROBITY_COSIGN") else {
            skip("PROBITY_COSIGN names no cosign");
            return None;
        };
        let cosign = Self { program: program.into(), folder: TempDir::new().unwrap() };
        cosign.run(&["generate-key-pair"]);
        Some(cosign)
    }

    /// The public key, as PEM in a file.
    pub(crate) fn public_key(&self) -> PathBuf {
        self.folder.path().join("cosign.pub")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder.path()).env("COSIGN_PASSWORD", PASSWORD).env("HOME", self.folder.path());
        command.args(arguments);
        command
    }

    /// Runs it, which must go well; what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        done(&mut self.command(arguments))
    }

    /// Signs an image, `HOST/NAME@DIGEST`.
    pub(crate) fn sign(&self, image: &str) {
        self.run(&["sign", "--key", "cosign.key", OFFLINE[0], OFFLINE[1], OFFLINE[2], "--yes", image]);
    }

    /// Attests a predicate of a type (cosign's short name, or a URI) to an image.
    pub(crate) fn attest(&self, image: &str, kind: &str, predicate: &Path) {
        let predicate = predicate.display().to_string();
        let what = ["attest", "--type", kind, "--predicate", &predicate, "--key", "cosign.key", "--yes"];
        self.run(&[&what[..], &OFFLINE, &[image]].concat());
    }

    /// Whether it takes an image for signed with a key.
    pub(crate) fn verifies(&self, image: &str, key: &Path) -> bool {
        self.checks(&["verify", "--key", &key.display().to_string(), image])
    }

    /// Whether it finds an attestation of a type by a key.
    pub(crate) fn verifies_attestation(&self, image: &str, kind: &str, key: &Path) -> bool {
        self.checks(&["verify-attestation", "--type", kind, "--key", &key.display().to_string(), image])
    }

    fn checks(&self, arguments: &[&str]) -> bool {
        let offline = ["--insecure-ignore-tlog=true", "--allow-http-registry"];
        let Output { status, stderr, .. } = self.command(&[arguments, &offline].concat()).output().unwrap();
        if !status.success() {
            eprintln!("cosign {arguments:?}: {}", String::from_utf8_lossy(&stderr));
        }
        status.success()
    }
}

/// No log, no service that says where one is, and a registry without TLS.
const OFFLINE: [&str; 3] = ["--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry"];
