use std::fs;
use std::path::Path;

use super::*;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A layout with an image `v1`.
fn layout(folder: &Path) -> Digest {
    let manifest = br#"{"schemaVersion":2,"layers":[]}"#;
    let digest = Digest::sha256(manifest);
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    fs::write(folder.join("blobs/sha256").join(digest.hex()), manifest).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let size = manifest.len();
    let entry = format!(
        r#"{{"mediaType":"{MANIFEST}","digest":"{digest}","size":{size},"annotations":{{"org.opencontainers.image.ref.name":"v1"}}}}"#
    );
    fs::write(folder.join("index.json"), format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#)).unwrap();
    digest
}

fn open(place: &str) -> (Location, Repository) {
    let location: Location = place.parse().unwrap();
    let registry = Registry::new(crate::RegistryOptions { docker_config: None, ..Default::default() }).unwrap();
    let repository = Repository::writable(&location, &registry).unwrap();
    (location, repository)
}

#[test]
fn a_layout_keeps_what_refers_to_its_images() {
    let folder = tempfile::tempdir().unwrap();
    let digest = layout(folder.path());
    let place = format!("oci:{}", folder.path().display());
    let (location, repository) = open(&place);
    assert_eq!(repository.resolve(&location).unwrap().digest, digest);
    assert_eq!(repository.referrers(&digest).unwrap(), []);

    let referring = format!(r#"{{"schemaVersion":2,"artifactType":"t/t","subject":{{"digest":"{digest}"}}}}"#);
    let blob = repository.push_blob(b"blob").unwrap();
    for _ in 0..2 {
        repository.put_manifest(None, MANIFEST, referring.as_bytes()).unwrap();
    }
    let tag = format!("sha256-{}.sig", digest.hex());
    for version in [1, 2] {
        let signature = format!(r#"{{"schemaVersion":2,"version":{version}}}"#);
        repository.put_manifest(Some(&tag), MANIFEST, signature.as_bytes()).unwrap();
        assert_eq!(repository.manifest(&Name::Tag(&tag)).unwrap().unwrap().bytes, signature.as_bytes());
    }
    let found = repository.referrers(&digest).unwrap();
    assert_eq!((found.len(), found[0].artifact_type.as_str()), (1, "t/t"));
    assert_eq!(repository.blob(&blob, 9).unwrap().as_deref(), Some(&b"blob"[..]));
    assert_eq!(repository.blob(&Digest::sha256(b"x"), 9).unwrap(), None);
    assert_eq!(repository.manifest(&Name::Tag("v2")).unwrap(), None);

    // The image is still the only one, by no name, by its name and by its digest.
    for place in [place.clone(), format!("{place}:v1"), format!("{place}@{digest}")] {
        let (location, repository) = open(&place);
        assert_eq!(repository.resolve(&location).unwrap().digest, digest, "{place}");
    }
    let (location, repository) = open(&format!("{place}:v3"));
    let error = repository.resolve(&location).unwrap_err().to_string();
    assert!(error.ends_with("has no image v3: it has v1"), "{error}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn blobs_that_were_changed_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let digest = layout(folder.path());
    fs::write(folder.path().join("blobs/sha256").join(digest.hex()), "{}").unwrap();
    let (_, repository) = open(&format!("oci:{}:v1", folder.path().display()));
    for error in [
        repository.manifest(&Name::Tag("v1")).unwrap_err(),
        repository.manifest(&Name::Digest(&digest)).unwrap_err(),
        repository.blob(&digest, 9).unwrap_err(),
    ] {
        assert!(matches!(error, ImageError::Mismatch { .. }), "{error}");
    }
}

#[test]
fn many_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let digest = layout(folder.path());
    let place = format!("oci:{}", folder.path().display());
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (place, digest) = (&place, &digest);
            scope.spawn(move || {
                let text = format!(r#"{{"n":{number},"artifactType":"t/t","subject":{{"digest":"{digest}"}}}}"#);
                open(place).1.put_manifest(None, MANIFEST, text.as_bytes()).unwrap();
            });
        }
    });
    assert_eq!(open(&place).1.referrers(&digest).unwrap().len(), 8);
}

#[test]
fn nothing_is_beside_an_image_in_an_archive() {
    let registry = Registry::new(crate::RegistryOptions { docker_config: None, ..Default::default() }).unwrap();
    let error = Repository::open(&"oci-archive:a.tar".parse().unwrap(), &registry).err().unwrap().to_string();
    assert!(error.contains("neither a registry nor an OCI layout"), "{error}");
}
