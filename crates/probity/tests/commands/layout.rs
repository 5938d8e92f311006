//! Images in the form of an OCI layout, made of what a test says is in them.

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// `dpkg` says that this version of OpenSSL is there.
pub(crate) const DEBIAN: [(&str, &str); 2] = [
    ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
    (
        "var/lib/dpkg/status",
        "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.9-1\n\n",
    ),
];

/// An application in Python.
pub(crate) const FLASK: [(&str, &str); 1] = [(
    "usr/lib/python3/dist-packages/flask-3.0.0.dist-info/METADATA",
    "Metadata-Version: 2.1\nName: flask\nVersion: 3.0.0\nLicense: BSD-3-Clause\n",
)];

/// Writes an image of these layers, run by this user, into a folder; gives the digest of its manifest and those of its layers
/// unpacked.
pub(crate) fn write(folder: &Path, layers: &[&[(&str, &str)]], user: &str) -> (String, Vec<String>) {
    let layers: Vec<Vec<u8>> = layers.iter().map(|files| tar(files)).collect();
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let config = json!({
        "created": "2026-11-20T10:00:00Z", "architecture": "amd64", "os": "linux",
        "config": {"User": user, "Entrypoint": ["/srv/portal"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": diff_ids.iter().map(|_| json!({"created_by": "COPY . ."})).collect::<Vec<_>>(),
    });
    let layers: Vec<Value> =
        layers.iter().map(|layer| blob(folder, layer, "application/vnd.oci.image.layer.v1.tar")).collect();
    let config = blob(folder, config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers});
    let mut manifest = blob(folder, manifest.to_string().as_bytes(), kind);
    let digest = manifest["digest"].as_str().unwrap().to_owned();
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "registry.example.com/clinic/portal:1.2"});
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    (digest, diff_ids)
}

fn blob(folder: &Path, bytes: &[u8], media_type: &str) -> Value {
    let digest = digest(bytes);
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(digest.trim_start_matches("sha256:")), bytes).unwrap();
    json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}
