//! What is found in an image is what the package managers said that they installed, wherever it is read from.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_subject_image::{Image, Options, PackageKind, Registry, RegistryOptions};
use serde_json::Value;

use crate::build::Images;
use crate::registry::{self, USER};

fn read(place: &str, docker_config: Option<PathBuf>) -> Image {
    let registry = Registry::new(RegistryOptions { docker_config, ..RegistryOptions::default() }).unwrap();
    Image::read(&place.parse().unwrap(), &registry, &Options::default())
        .unwrap_or_else(|error| panic!("{place}: {error}"))
}

/// Names and versions of the packages of a kind.
fn found(image: &Image, kind: PackageKind) -> BTreeSet<(String, String)> {
    let of_kind = image.packages.iter().filter(|package| package.kind == kind && !package.declared);
    of_kind.map(|package| (package.name.to_string(), package.version.to_string())).collect()
}

fn debian(images: &Images) -> BTreeSet<(String, String)> {
    let text = images.said("dpkg.txt");
    let columns = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    columns.map(|columns| (columns[0].to_owned(), columns[1].to_owned())).collect()
}

fn python(images: &Images) -> BTreeSet<(String, String)> {
    let listed: Vec<Value> = serde_json::from_str(&images.said("pip.json")).unwrap();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    listed.iter().map(|entry| (text(entry, "name"), text(entry, "version"))).collect()
}

fn npm(images: &Images) -> BTreeSet<(String, String)> {
    fn walk(entry: &Value, into: &mut BTreeSet<(String, String)>) {
        for (name, entry) in entry["dependencies"].as_object().into_iter().flatten() {
            into.insert((name.clone(), entry["version"].as_str().unwrap().to_owned()));
            walk(entry, into);
        }
    }
    let mut all = BTreeSet::from([("portal".to_owned(), "1.2.3".to_owned())]);
    walk(&serde_json::from_str(&images.said("npm.json")).unwrap(), &mut all);
    all
}

#[test]
fn packages_are_those_that_were_installed() {
    let Some(images) = Images::get() else { return };
    let Some(registry) = registry::Registry::start() else { return };
    let digest = registry.push(&images.at("portal"), "clinic/portal:v1.2.3");
    let by_digest = format!("{}/clinic/portal@{digest}", registry.host);
    for place in [images.at("portal"), format!("{}/clinic/portal:v1.2.3", registry.host), by_digest] {
        let image = read(&place, None);
        assert_eq!(image.digest.as_ref().unwrap().to_string(), digest, "{place}");
        assert_eq!(found(&image, PackageKind::Deb), debian(images), "{place}");
        assert_eq!(found(&image, PackageKind::Pypi), python(images), "{place}");
        assert_eq!(found(&image, PackageKind::Npm), npm(images), "{place}");
        assert_eq!((image.layers.len(), image.problems.as_slice()), (2, &[][..]), "{place}");
        assert!(image.packages.iter().all(|package| package.layer == usize::from(package.kind != PackageKind::Deb)));
    }
    assert_eq!(read(&images.at("portal"), None).config.user, "65534:65534");
    assert_eq!(read(&images.at("portal-root"), None).config.user, "");
    assert_eq!(found(&read(&images.at("debian"), None), PackageKind::Deb), debian(images));
}

/// A registry that asks who is there, as Docker Hub does of those who push.
#[test]
fn a_registry_that_asks_is_answered_from_the_configuration_of_docker() {
    let Some(images) = Images::get() else { return };
    let Some(registry) = registry::Registry::private() else { return };
    registry.push_as_user(&images.at("portal"), "clinic/portal:v1");
    let place = format!("{}/clinic/portal:v1", registry.host);
    let with = |user: &str, password: &str| {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        let path = registry.folder.path().join(format!("{user}.json"));
        std::fs::write(&path, format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.host)).unwrap();
        let options = RegistryOptions { docker_config: Some(path), ..RegistryOptions::default() };
        Image::read(&place.parse().unwrap(), &Registry::new(options).unwrap(), &Options::default())
    };
    assert_eq!(found(&with(USER.0, USER.1).unwrap(), PackageKind::Pypi), python(images));
    let error = with("stranger", USER.1).unwrap_err().to_string();
    assert!(error.contains("clinic/portal") && !error.contains(USER.1), "{error}");
}
