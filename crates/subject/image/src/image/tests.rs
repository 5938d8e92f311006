use std::fs;
use std::path::Path;

use probity_model::json;
use serde_json::json;

use super::*;
use crate::layer::tests::{Layer as Tar, gzip};
use crate::registry::RegistryOptions;

/// An image for tests: its layers, unpacked, and what its configuration says besides.
struct Made {
    layers: Vec<Vec<u8>>,
    architecture: &'static str,
}

type Blobs = Vec<(Digest, Vec<u8>)>;
type Pack = fn(&[u8]) -> Vec<u8>;
/// What is changed, how, and a part of what is said of it.
type Change<'a> = (&'a str, fn(&mut Vec<u8>), &'a str);

impl Made {
    fn new(layers: &[Tar]) -> Self {
        Self { layers: layers.iter().map(Tar::tar).collect(), architecture: "amd64" }
    }

    fn diff_ids(&self) -> Vec<Digest> {
        self.layers.iter().map(|layer| Digest::sha256(layer)).collect()
    }

    fn config(&self) -> Vec<u8> {
        let config = json!({
            "architecture": self.architecture, "os": "linux", "created": "2026-11-20T10:00:00Z",
            "config": {"User": "app", "Env": ["A=1", "A=2", "B"], "Cmd": ["run"], "Labels": {"l": "v"}, "ExposedPorts": {"80/tcp": {}}},
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids()},
            "history": [{"created_by": "ENV", "empty_layer": true}, {"created_by": "ADD base"}, {"created_by": "RUN more"}],
        });
        config.to_string().into_bytes()
    }

    /// The manifest, and all that it leads to. Layers are packed in turn as every form there is.
    fn blobs(&self) -> (Vec<u8>, Blobs) {
        let mut blobs = vec![self.config()];
        let forms: [Pack; 3] = [gzip, |bytes| zstd::encode_all(bytes, 1).unwrap(), <[u8]>::to_vec];
        blobs.extend(self.layers.iter().zip(forms.iter().cycle()).map(|(layer, pack)| pack(layer)));
        let described: Vec<_> = blobs
            .iter()
            .map(|blob| json!({"mediaType": "", "digest": Digest::sha256(blob), "size": blob.len()}))
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": manifest::OCI_MANIFEST, "config": described[0], "layers": described[1..],
            "annotations": {"org.opencontainers.image.source": "https://example.com/app"},
        });
        let manifest = manifest.to_string().into_bytes();
        blobs.push(manifest.clone());
        (manifest, blobs.into_iter().map(|blob| (Digest::sha256(&blob), blob)).collect())
    }

    /// The files of a layout.
    fn layout(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        let (manifest, blobs) = self.blobs();
        let index = json!({"schemaVersion": 2, "manifests": [{
            "mediaType": manifest::OCI_MANIFEST, "digest": Digest::sha256(&manifest), "size": manifest.len(),
            "annotations": {"org.opencontainers.image.ref.name": name},
        }]});
        layout(&index, blobs)
    }

    /// The files that `docker save` wrote once.
    fn saved(&self) -> Vec<(String, Vec<u8>)> {
        let config = self.config();
        let name = format!("{}.json", Digest::sha256(&config).hex());
        let layers: Vec<String> = (0..self.layers.len()).map(|at| format!("{at}/layer.tar")).collect();
        let manifest = json!([{"Config": name, "RepoTags": ["app:1"], "Layers": layers}]);
        let mut files = vec![(name, config), ("manifest.json".into(), manifest.to_string().into_bytes())];
        files.extend(layers.into_iter().zip(self.layers.iter().cloned()));
        files
    }
}

fn layout(index: &serde_json::Value, blobs: Blobs) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        ("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".into(), index.to_string().into_bytes()),
    ];
    files.extend(blobs.into_iter().map(|(digest, blob)| (format!("blobs/sha256/{}", digest.hex()), blob)));
    files
}

fn write(folder: &Path, files: &[(String, Vec<u8>)]) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    files.iter().fold(Tar::default(), |tar, (name, content)| tar.file(name, content)).tar()
}

fn registry() -> Registry {
    Registry::new(RegistryOptions { docker_config: None, ..RegistryOptions::default() }).unwrap()
}

fn read(place: &str, options: &Options) -> Result<Image, ImageError> {
    Image::read(&place.parse().unwrap(), &registry(), options)
}

const STATUS: &str =
    "Package: base\nStatus: install ok installed\nVersion: 1-1\nArchitecture: amd64\nSource: src (1)\n";

fn debian() -> Tar {
    Tar::default()
        .folder("usr/lib")
        .symlink("lib", "usr/lib")
        .symlink("etc/os-release", "../usr/lib/os-release")
        .file("usr/lib/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n")
        .file("var/lib/dpkg/status", STATUS)
        .file(
            "var/lib/dpkg/info/base.list",
            "/.\n/lib\n/lib/python3\n/lib/python3/flask-1.dist-info\n/lib/python3/flask-1.dist-info/METADATA\n",
        )
        .file("usr/share/doc/base/copyright", "License: MIT\n")
        .file("lib/python3/flask-1.dist-info/METADATA", "Name: Flask\nVersion: 1\n")
        .file("gone/package.json", r#"{"name":"gone","version":"1"}"#)
}

fn more() -> Tar {
    Tar::default()
        .file("var/lib/dpkg/status", format!("{STATUS}\nPackage: added\nVersion: 2\nArchitecture: all\n"))
        .file(".wh.gone", "")
        .file("app/node_modules/left-pad/package.json", r#"{"name":"left-pad","version":"1.3.0","license":"WTFPL"}"#)
        .file("app/yarn.lock", "a@^1:\n  version \"1.0.0\"\n")
        .file("app/Cargo.lock", "[[")
}

const EXPECTED: [&str; 5] = [
    "0 usr/lib/python3/flask-1.dist-info/METADATA pkg:pypi/flask@1 owned",
    "0 var/lib/dpkg/status pkg:deb/debian/base@1-1?arch=amd64&distro=debian-12&upstream=src%401 ",
    "1 app/node_modules/left-pad/package.json pkg:npm/left-pad@1.3.0 ",
    "1 app/yarn.lock pkg:npm/a@1.0.0 declared",
    "1 var/lib/dpkg/status pkg:deb/debian/added@2?arch=all&distro=debian-12 ",
];

fn short(image: &Image) -> Vec<String> {
    let line = |it: &Package| {
        let mark = if it.owner.is_some() {
            "owned"
        } else if it.declared {
            "declared"
        } else {
            ""
        };
        format!("{} {} {} {mark}", it.layer, it.evidence, it.purl)
    };
    let mut lines: Vec<String> = image.packages.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn every_form_is_read_alike() {
    let made = Made::new(&[debian(), more()]);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    write(&folder.path().join("layout"), &made.layout("v1"));
    fs::write(folder.path().join("oci.tar"), archive(&made.layout("v1"))).unwrap();
    fs::write(folder.path().join("oci.tar.gz"), gzip(&archive(&made.layout("v1")))).unwrap();
    fs::write(folder.path().join("old.tar"), archive(&made.saved())).unwrap();
    // Docker writes both.
    let both = [made.saved(), made.layout("v1")].concat();
    fs::write(folder.path().join("new.tar"), archive(&both)).unwrap();
    write(&folder.path().join("c/io.containerd.content.v1.content"), &made.layout("v1"));
    let digest = Digest::sha256(&made.blobs().0);
    for place in [
        format!("oci:{}", at("layout")),
        format!("oci:{}:v1", at("layout")),
        format!("oci:{}@{digest}", at("layout")),
        format!("oci-archive:{}", at("oci.tar")),
        format!("oci-archive:{}", at("oci.tar.gz")),
        format!("docker-archive:{}", at("old.tar")),
        format!("docker-archive:{}:docker.io/library/app:1", at("old.tar")),
        format!("docker-archive:{}", at("new.tar")),
        format!("containerd:{}@{digest}", at("c")),
    ] {
        let image = read(&place, &Options::default()).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(short(&image), EXPECTED, "{place}");
        assert_eq!(image.id, Digest::sha256(&made.config()));
        assert_eq!(image.digest.is_some(), !place.contains("old.tar"), "{place}");
        assert_eq!(image.problems.len(), 1);
        assert_eq!((image.problems[0].path.as_str(), image.problems[0].layer), ("app/Cargo.lock", 1));
        assert_eq!(image.layers[1].created_by.as_deref(), Some("RUN more"));
    }
    for (place, part) in [
        (format!("oci:{}:v2", at("layout")), "has no image v2: it has v1"),
        (format!("docker-archive:{}:other", at("old.tar")), "it has app:1"),
        (format!("oci:{}", at("nowhere")), "No such file"),
        (format!("oci-archive:{}", at("layout/index.json")), "cannot be understood"),
        (format!("containerd:{}@app:1", at("c")), "meta.db"),
    ] {
        let error = read(&place, &Options::default()).unwrap_err().to_string();
        assert!(error.contains(part), "{place}: {error}");
    }
}

#[test]
fn policies_see_everything() {
    let made = Made::new(&[debian(), more()]);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &made.layout("v1"));
    let bases = format!(
        r#"[{{"name":"debian:12","date":"2026-10-01","layers":["{}"]}},{{"name":"debian:12","date":"2026-11-01","layers":["{}"]}}]"#,
        made.diff_ids()[0],
        Digest::sha256(b"newer")
    );
    let bases = Bases::from_value(&json::read(bases.as_bytes()).unwrap()).unwrap();
    let options = Options { bases, ..Options::default() };
    let image = read(&format!("oci:{}", folder.path().display()), &options).unwrap();
    let document = image.document("2026-11-27".parse().unwrap());
    let shown = |keys: &[&str]| format!("{:?}", document.at(keys).unwrap());
    assert_eq!(shown(&["age_days"]), "7");
    assert_eq!(shown(&["config", "env"]), r#"{"A": "2", "B": ""}"#);
    assert_eq!(shown(&["config", "root"]), "false");
    assert_eq!(shown(&["config", "exposed_ports"]), r#"["80/tcp"]"#);
    assert_eq!(shown(&["platform", "text"]), r#""linux/amd64""#);
    assert_eq!(shown(&["os", "pretty"]), r#""Debian 12""#);
    assert_eq!(shown(&["base", "age_days"]), "57");
    assert_eq!(shown(&["base", "newer", "date"]), r#""2026-11-01""#);
    assert_eq!(shown(&["reference"]), "null");
    let packages = document.get("packages").unwrap().as_array().unwrap();
    let base = packages.iter().find(|it| it.get("name") == Some(&"base".into())).unwrap();
    let expected = r#"{"architecture": "amd64", "declared": false, "evidence": "var/lib/dpkg/status", "files": 1, "from_base": true, "group": null, "layer": 0, "licenses": ["MIT"], "name": "base", "owner": null, "purl": "pkg:deb/debian/base@1-1?arch=amd64&distro=debian-12&upstream=src%401", "source": {"name": "src", "version": "1"}, "type": "deb", "version": "1-1"}"#;
    assert_eq!(format!("{base:?}"), expected);
    let from_base = |it: &&probity_model::Value| it.get("from_base") == Some(&true.into());
    assert_eq!(packages.iter().filter(from_base).count(), 2);
}

#[test]
fn the_platform_is_chosen() {
    let (amd, arm) = (Made::new(&[debian()]), Made { architecture: "arm64", ..Made::new(&[more()]) });
    let entry = |made: &Made, platform: serde_json::Value| {
        let manifest = made.blobs().0;
        json!({"mediaType": manifest::OCI_MANIFEST, "digest": Digest::sha256(&manifest), "size": manifest.len(), "platform": platform})
    };
    let unknown = entry(&amd, json!({"os": "unknown", "architecture": "unknown"}));
    let index = json!({"schemaVersion": 2, "manifests": [
        unknown, entry(&amd, json!({"os": "linux", "architecture": "amd64"})),
        entry(&arm, json!({"os": "linux", "architecture": "arm64", "variant": "v8"})),
    ]});
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &layout(&index, [amd.blobs().1, arm.blobs().1].concat()));
    let place = format!("oci:{}", folder.path().display());
    let of =
        |platform: &str| read(&place, &Options { platform: Some(platform.parse().unwrap()), ..Options::default() });
    for (platform, architecture) in [("linux/amd64", "amd64"), ("linux/arm64", "arm64"), ("linux/arm64/v8", "arm64")] {
        let image = of(platform).unwrap();
        assert_eq!(image.platform.architecture, architecture);
        assert_eq!((image.platforms.len(), image.index.is_some()), (2, true));
    }
    let error = of("linux/s390x").unwrap_err().to_string();
    assert!(error.contains("not there for linux/s390x: it is for linux/amd64, linux/arm64/v8"), "{error}");
}

#[test]
fn what_is_not_as_promised_is_refused() {
    let made = Made::new(&[debian(), more()]);
    let layer = Digest::sha256(&gzip(&made.layers[0])).hex().to_owned();
    let config = Digest::sha256(&made.config()).hex().to_owned();
    let cases: [Change<'_>; 5] = [
        (&layer, |blob| *blob = gzip(b"other"), "not what was promised"),
        (&layer, |blob| blob.truncate(20), "not what was promised"),
        (&layer, |blob| blob.push(0), "not what was promised"),
        (&layer, |blob| blob[30] ^= 1, "not what was promised"),
        (&config, |blob| blob[0] = b' ', "not what was promised"),
    ];
    for (number, (name, change, part)) in cases.into_iter().enumerate() {
        let mut files = made.layout("v1");
        let (_, blob) = files.iter_mut().find(|(file, _)| file.ends_with(name)).unwrap();
        change(blob);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files);
        let error = read(&format!("oci:{}", folder.path().display()), &Options::default()).unwrap_err().to_string();
        assert!(error.contains(part), "case {number}: {error}");
    }
}

#[test]
fn layers_that_claim_another_base_are_refused() {
    // The configuration names a layer of an approved base; what comes is another.
    let mut made = Made::new(&[debian(), more()]);
    let honest = made.config();
    made.layers[0] = Tar::default().file("evil", "").tar();
    let mut files = made.saved();
    files[0] = (format!("{}.json", Digest::sha256(&honest).hex()), honest);
    files[1].1 = String::from_utf8(files[1].1.clone())
        .unwrap()
        .replace(Digest::sha256(&made.config()).hex(), files[0].0.trim_end_matches(".json"))
        .into_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.tar");
    fs::write(&path, archive(&files)).unwrap();
    let error = read(&format!("docker-archive:{}", path.display()), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("0/layer.tar") && error.contains("diff_id"), "{error}");
}

#[test]
fn what_is_no_image_is_told() {
    let manifest = json!({"schemaVersion": 2, "artifactType": "application/vnd.example.chart",
        "config": {"mediaType": "application/vnd.example.config", "digest": Digest::sha256(b"{}"), "size": 2}});
    let manifest = manifest.to_string().into_bytes();
    let digest = Digest::sha256(&manifest);
    let index = json!({"schemaVersion": 2, "manifests": [{"mediaType": manifest::OCI_MANIFEST, "digest": digest, "size": manifest.len()}]});
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &layout(&index, vec![(digest, manifest)]));
    let error = read(&format!("oci:{}", folder.path().display()), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("application/vnd.example.chart, which is no image"), "{error}");
}
