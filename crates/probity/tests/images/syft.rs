//! What is found in images is what Syft finds there, but for what is listed here with the reason.
//!
//! `PROBITY_SYFT` names the program; without it these tests do nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use probity_subject_image::{Image, Options, Registry, RegistryOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::build::Images;
use crate::tools::{done, run, there};

/// Real databases of packages, of seventeen releases of distributions.
const RPM: &str = "github.com/anchore/go-rpmdb@v0.2.2";

/// What only Syft lists, by the name in package URLs.
const ONLY_THEIRS: [(&str, &str); 1] = [("gpg-pubkey", "a key that packages are signed with is no package")];

fn syft() -> Option<PathBuf> {
    let program = std::env::var_os("PROBITY_SYFT").map(PathBuf::from);
    if program.is_none() {
        eprintln!("skipped: PROBITY_SYFT names no syft");
    }
    program
}

/// A package URL without its qualifiers, in which the tools say different things, and with the characters that one of them writes
/// as they are and the other by their codes.
fn short(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let codes = [("%2B", "+"), ("%2b", "+"), ("%7E", "~"), ("%7e", "~"), ("%3A", ":"), ("%3a", ":"), ("%40", "@")];
    codes.iter().fold(url.to_owned(), |url, (code, character)| url.replace(code, character))
}

fn theirs(syft: &Path, layout: &Path) -> BTreeSet<String> {
    let layout = format!("oci-dir:{}", layout.display());
    let mut command = Command::new(syft);
    command.args(["--quiet", &layout, "--output", "json"]).env("SYFT_CHECK_FOR_APP_UPDATE", "false");
    let found: Value = serde_json::from_str(&done(&mut command)).unwrap();
    let listed = found["artifacts"].as_array().unwrap();
    let urls = listed.iter().map(|package| short(package["purl"].as_str().unwrap()));
    let listed_here = |url: &str| ONLY_THEIRS.iter().any(|(name, _)| url.contains(&format!("/{name}@")));
    urls.filter(|url| !listed_here(url)).collect()
}

/// Without what is only named by lock files: Syft does not look at them in images.
fn ours(layout: &Path) -> BTreeSet<String> {
    let registry = Registry::new(RegistryOptions { docker_config: None, ..RegistryOptions::default() }).unwrap();
    let place = format!("oci:{}", layout.display()).parse().unwrap();
    let image = Image::read(&place, &registry, &Options::default()).unwrap();
    assert_eq!(image.problems, []);
    image.packages.iter().filter(|package| !package.declared).map(|package| short(&package.purl)).collect()
}

fn same(syft: &Path, layout: &Path, what: &str) {
    let (ours, theirs) = (ours(layout), theirs(syft, layout));
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!((only(&ours, &theirs), only(&theirs, &ours)), (vec![], vec![]), "{what}");
    println!("{what}: {} packages", ours.len());
}

#[test]
fn an_application_on_debian() {
    let Some(syft) = syft() else { return };
    let Some(images) = Images::get() else { return };
    let folder = TempDir::new().unwrap();
    let layout = folder.path().join("layout");
    let to = format!("oci:{}:portal", layout.display());
    run("skopeo", &["--insecure-policy", "copy", "--quiet", &images.at("portal"), &to]);
    same(&syft, &layout, "portal");
}

#[test]
fn distributions_with_rpm() {
    let Some(syft) = syft() else { return };
    if !there(&["umoci"]) {
        return;
    }
    let module: Value = serde_json::from_str(&run("go", &["mod", "download", "-json", RPM])).unwrap();
    let databases = Path::new(module["Dir"].as_str().unwrap()).join("pkg/testdata");
    let mut tried = 0;
    for entry in fs::read_dir(databases).unwrap() {
        let entry = entry.unwrap().path();
        for (name, folder) in [
            ("Packages", "var/lib/rpm"),
            ("Packages.db", "usr/lib/sysimage/rpm"),
            ("rpmdb.sqlite", "usr/lib/sysimage/rpm"),
        ] {
            if !entry.join(name).is_file() {
                continue;
            }
            let work = TempDir::new().unwrap();
            let (root, layout) = (work.path().join("root"), work.path().join("layout"));
            fs::create_dir_all(root.join(folder)).unwrap();
            fs::copy(entry.join(name), root.join(folder).join(name)).unwrap();
            fs::create_dir_all(root.join("etc")).unwrap();
            fs::write(root.join("etc/os-release"), "ID=fedora\nVERSION_ID=35\n").unwrap();
            let (layout_text, root) = (layout.display().to_string(), root.display().to_string());
            let image = format!("{layout_text}:v1");
            run("umoci", &["init", "--layout", &layout_text]);
            run("umoci", &["new", "--image", &image]);
            run("umoci", &["insert", "--rootless", "--image", &image, &root, "/"]);
            same(&syft, &layout, &entry.join(name).display().to_string());
            tried += 1;
        }
    }
    assert!(tried >= 17, "{tried} databases");
}
