//! A real registry on loopback: Debian's `docker-registry`.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use probity_model::{Value, json};
use probity_trust::{Attached, Digest, Reference, Referrer, Store, StoreError, Target};
use tempfile::TempDir;
use ureq::Agent;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry that runs until it is dropped, and one repository of it.
pub(crate) struct Registry {
    process: Child,
    pub(crate) host: String,
    agent: Agent,
    pub(crate) folder: TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry {
    /// Starts one; `None` if there is no `docker-registry`.
    pub(crate) fn start() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        // Free now; who takes it before the registry does makes the test fail, not pass.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let config = folder.path().join("registry.yml");
        let storage = folder.path().join("storage");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{host}'}}\n",
            storage.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().ok()?;
        let agent = Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let registry = Self { process, host, agent, folder };
        let start = Instant::now();
        while registry.get("", MANIFEST).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "the registry does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(registry)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.host)
    }

    fn get(&self, path: &str, accept: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut response = self.agent.get(self.url(path)).header("Accept", accept).call()?;
        match response.status().as_u16() {
            200 => Ok(Some(response.body_mut().read_to_vec()?)),
            404 => Ok(None),
            status => Err(format!("{path}: {status}").into()),
        }
    }

    fn push_blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let opened = self.agent.post(self.url("app/blobs/uploads/")).send_empty().unwrap();
        let location = opened.headers()["location"].to_str().unwrap().to_owned();
        let joint = if location.contains('?') { '&' } else { '?' };
        let pushed = self.agent.put(format!("{location}{joint}digest={digest}")).send(bytes).unwrap();
        assert_eq!(pushed.status(), 201);
        digest
    }

    fn push_manifest(&self, name: &str, media_type: &str, bytes: &[u8]) {
        let url = self.url(&format!("app/manifests/{name}"));
        let pushed = self.agent.put(url).header("Content-Type", media_type).send(bytes).unwrap();
        assert_eq!(pushed.status(), 201);
    }

    /// Pushes an image with one layer.
    pub(crate) fn push_image(&self, content: &[u8]) -> Target {
        let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
        let blob = |media_type: &str, bytes: &[u8]| {
            let digest = self.push_blob(bytes);
            format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#, bytes.len())
        };
        let config = blob("application/vnd.oci.image.config.v1+json", config);
        let layer = blob("application/vnd.oci.image.layer.v1.tar", content);
        let manifest =
            format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":[{layer}]}}"#);
        let digest = Digest::of(manifest.as_bytes());
        self.push_manifest(&digest.to_string(), MANIFEST, manifest.as_bytes());
        Target {
            digest,
            size: manifest.len() as u64,
            media_type: MANIFEST.into(),
            repository: format!("{}/app", self.host),
        }
    }

    /// Pushes what was signed or attested of an image.
    pub(crate) fn push(&self, target: &Target, attached: &Attached) {
        for blob in &attached.blobs {
            self.push_blob(&blob.bytes);
        }
        let digest = attached.manifest.digest.to_string();
        let name = attached.tag.as_deref().unwrap_or(&digest);
        self.push_manifest(name, attached.media_type, &attached.manifest.bytes);
        if attached.tag.is_none() {
            let tag = target.digest.tag("");
            let existing = self.manifest(&Reference::Tag(&tag)).unwrap();
            self.push_manifest(&tag, INDEX, with(existing.as_deref(), attached).as_bytes());
        }
    }
}

/// The index of referrers with one more.
fn with(index: Option<&[u8]>, attached: &Attached) -> String {
    let index = index.map(|bytes| json::read(bytes).unwrap()).unwrap_or_default();
    let listed = index.get("manifests").and_then(Value::as_array).into_iter().flat_map(|listed| listed.iter().cloned());
    let entry = Value::object([
        ("mediaType", Value::from(attached.media_type)),
        ("digest", Value::from(attached.manifest.digest.to_string())),
        ("size", Value::from(i64::try_from(attached.manifest.bytes.len()).unwrap())),
        ("artifactType", Value::from(attached.artifact_type.unwrap())),
    ]);
    json::write(&Value::object([
        ("schemaVersion", Value::from(2)),
        ("mediaType", Value::from(INDEX)),
        ("manifests", Value::array(listed.chain([entry]))),
    ]))
}

impl Store for Registry {
    fn manifest(&self, reference: &Reference<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let name = match reference {
            Reference::Digest(digest) => digest.to_string(),
            Reference::Tag(tag) => (*tag).to_owned(),
        };
        self.get(&format!("app/manifests/{name}"), &format!("{MANIFEST}, {INDEX}"))
    }

    fn blob(&self, digest: &Digest, _: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(&format!("app/blobs/{digest}"), "*/*")
    }

    fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, StoreError> {
        let index = self.manifest(&Reference::Tag(&digest.tag("")))?;
        Ok(index.map_or_else(|| Ok(Vec::new()), |index| Referrer::list(&index))?)
    }
}
