//! The images: built once, and kept for the runs to come.
//!
//! In the folder that `PROBITY_E2E_CACHE` names, else beside what cargo builds.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::tools::{done, run, skip, there};

const SUITE: &str = "bookworm";

/// Libraries of ages that have advisories.
const PYTHON: [&str; 4] = ["requests==2.31.0", "Jinja2==3.1.2", "joblib==1.1.0", "PyYAML==6.0.1"];
const NPM: [&str; 3] = ["express@4.17.1", "lodash@4.17.20", "minimist@1.2.5"];

/// The images of one recipe: `debian`, of debootstrap; `portal`, with an application on top, not run by root; and
/// `portal-root`, the same run by root.
pub(crate) struct Images {
    folder: PathBuf,
}

impl Images {
    /// Builds them, or takes those that were built before; `None` when the tools are not there.
    pub(crate) fn get() -> Option<&'static Self> {
        static IMAGES: OnceLock<Option<Images>> = OnceLock::new();
        IMAGES.get_or_init(Self::make).as_ref()
    }

    /// `oci:LAYOUT:TAG`
    pub(crate) fn at(&self, tag: &str) -> String {
        format!("oci:{}:{tag}", self.folder.join("layout").display())
    }

    /// What the package managers said of what they installed: `dpkg.txt`, `pip.json`, `npm.json`.
    pub(crate) fn said(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    fn make() -> Option<Self> {
        let cache = std::env::var_os("PROBITY_E2E_CACHE").map(PathBuf::from);
        let cache = cache.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("images"));
        let folder = cache.join(recipe());
        if folder.join("layout/index.json").is_file() {
            return Some(Self { folder });
        }
        if !there(&["debootstrap", "umoci", "python3", "npm", "dpkg-query"]) {
            return None;
        }
        if run("id", &["-u"]).trim() != "0" {
            skip("debootstrap needs root");
            return None;
        }
        fs::create_dir_all(&cache).unwrap();
        let work = TempDir::new_in(&cache).unwrap();
        build(work.path());
        // Another run may have been quicker: then its images are taken.
        if let Err(error) = fs::rename(work.path(), &folder) {
            assert!(folder.join("layout/index.json").is_file(), "{}: {error}", folder.display());
        }
        Some(Self { folder })
    }
}

/// A name for what is built, other when the recipe is.
fn recipe() -> String {
    let digest = Sha256::digest(include_bytes!("build.rs"));
    digest[..8].iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn build(work: &Path) {
    let at = |name: &str| work.join(name).display().to_string();
    let (root, app) = (at("root"), at("app"));
    debootstrap(&root);
    fs::write(work.join("dpkg.txt"), packages_of_dpkg(&root)).unwrap();
    fs::create_dir_all(work.join("app/srv/portal")).unwrap();
    install_python(work);
    install_npm(work);

    let image = |tag: &str| format!("{}:{tag}", at("layout"));
    let (debian, portal) = (image("debian"), image("portal"));
    run("umoci", &["init", "--layout", &at("layout")]);
    run("umoci", &["new", "--image", &debian]);
    run("umoci", &["insert", "--image", &debian, &root, "/"]);
    run("umoci", &["config", "--image", &debian, "--config.cmd", "/bin/bash"]);
    run("umoci", &["insert", "--image", &debian, "--tag", "portal", &format!("{app}/srv"), "/srv"]);
    let config =
        ["--config.workingdir", "/srv/portal", "--config.exposedports", "8080/tcp", "--config.env", "LANG=C.UTF-8"];
    let entry = ["--clear", "config.cmd", "--config.entrypoint", "/srv/portal/run"];
    let options = [&config[..], &entry].concat();
    run("umoci", &[&["config", "--image", &portal, "--tag", "portal-root"], &options[..]].concat());
    run("umoci", &[&["config", "--image", &portal, "--config.user", "65534:65534"], &options[..]].concat());
    for folder in ["root", "app"] {
        fs::remove_dir_all(work.join(folder)).unwrap();
    }
}

fn debootstrap(root: &str) {
    run("debootstrap", &["--variant=minbase", SUITE, root]);
    // What is only of use to the installation, as in images that are published.
    for folder in ["var/cache/apt", "var/lib/apt/lists"] {
        fs::remove_dir_all(Path::new(root).join(folder)).unwrap();
    }
}

fn packages_of_dpkg(root: &str) -> String {
    let folder = format!("--admindir={root}/var/lib/dpkg");
    run("dpkg-query", &[&folder, "-W", "-f", "${Package} ${Version} ${Architecture} ${source:Package}\n"])
}

fn install_python(work: &Path) {
    let target = work.join("app/srv/portal/python").display().to_string();
    let pip = ["-m", "pip", "--disable-pip-version-check"];
    let options = ["--no-compile", "--only-binary=:all:", "--root-user-action=ignore", "--target", &target];
    run("python3", &[&pip[..], &["install", "--quiet"], &options, &PYTHON].concat());
    let listed = run("python3", &[&pip[..], &["list", "--path", &target, "--format=json"]].concat());
    fs::write(work.join("pip.json"), listed).unwrap();
}

fn install_npm(work: &Path) {
    let folder = work.join("app/srv/portal");
    fs::write(folder.join("package.json"), r#"{"name":"portal","version":"1.2.3","private":true}"#).unwrap();
    let npm = |arguments: &[&str]| done(Command::new("npm").current_dir(&folder).args(arguments));
    npm(&[&["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"][..], &NPM].concat());
    fs::write(work.join("npm.json"), npm(&["ls", "--all", "--json"])).unwrap();
}
