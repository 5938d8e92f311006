//! A registry on loopback: Debian's `docker-registry`, with a folder of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tools::{run, there};

/// Who may use a registry that asks.
pub(crate) const USER: (&str, &str) = ("builder", "correct horse");

/// Its line for the registry: bcrypt of the password.
const HTPASSWD: &str = "builder:$2b$04$4RtEgg3Ks6TTXHnU8L7CTOfigbsnfiuaDKR4YTyQNSfhs0qJBzfha\n";

/// A registry, which ends when it is dropped.
pub(crate) struct Registry {
    process: Child,
    /// `127.0.0.1:PORT`
    pub(crate) host: String,
    /// What it stores, and room for what a test writes.
    pub(crate) folder: TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry {
    /// One that anyone may use; `None` when the tools are not there.
    pub(crate) fn start() -> Option<Self> {
        Self::with("")
    }

    /// One that only [`USER`] may use.
    pub(crate) fn private() -> Option<Self> {
        Self::with("auth: {htpasswd: {realm: registry, path: @FOLDER@/htpasswd}}\n")
    }

    fn with(auth: &str) -> Option<Self> {
        if !there(&["docker-registry", "skopeo"]) {
            return None;
        }
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        // Free now; who takes it before the registry does makes the test fail, not pass.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: @FOLDER@/storage}}}}\n\
             http: {{addr: '{host}'}}\n{auth}"
        );
        let config = folder.path().join("registry.yml");
        fs::write(&config, text.replace("@FOLDER@", &folder.path().display().to_string())).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self { process: command.spawn().unwrap(), host, folder };
        let end = Instant::now() + Duration::from_mins(1);
        while !registry.answers() {
            assert!(Instant::now() < end, "the registry does not answer");
            sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    /// Whether it speaks the protocol, with or without a word on who is asking.
    fn answers(&self) -> bool {
        let asked = TcpStream::connect(&self.host).and_then(|mut stream| {
            write!(stream, "GET /v2/ HTTP/1.0\r\nHost: {}\r\n\r\n", self.host)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        });
        asked.is_ok_and(|answer| answer.to_ascii_lowercase().contains("docker-distribution-api-version"))
    }

    /// Pushes an image (`oci:LAYOUT:TAG`) as `NAME`, such as `team/app:v1`. The digest of its manifest.
    pub(crate) fn push(&self, image: &str, name: &str) -> String {
        self.push_as(image, name, &[])
    }

    /// As [`push`](Self::push), as [`USER`].
    pub(crate) fn push_as_user(&self, image: &str, name: &str) -> String {
        self.push_as(image, name, &["--dest-creds", &format!("{}:{}", USER.0, USER.1)])
    }

    fn push_as(&self, image: &str, name: &str, options: &[&str]) -> String {
        let digest = self.folder.path().join("digest");
        let digest_file = format!("--digestfile={}", digest.display());
        let to = format!("docker://{}/{name}", self.host);
        let copy = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", &digest_file];
        run("skopeo", &[&copy, options, &[image, &to]].concat());
        fs::read_to_string(digest).unwrap().trim().to_owned()
    }
}
