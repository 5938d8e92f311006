//! With real tools: an image is made by umoci, pushed by skopeo to a registry of Debian, and read back. Where a tool is not
//! there, the test says so and passes.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::*;
use crate::registry::RegistryOptions;

const TOOLS: [&str; 3] = ["umoci", "skopeo", "docker-registry"];

/// A registry that ends with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn there(tool: &str) -> bool {
    Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}

fn serve(folder: &Path) -> (Serving, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
        folder.join("registry").display()
    );
    let path = folder.join("registry.yml");
    fs::write(&path, config).unwrap();
    let mut command = Command::new("docker-registry");
    let child = command.arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let serving = Serving(child);
    let end = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "the registry does not answer");
        sleep(Duration::from_millis(50));
    }
    (serving, port)
}

/// A layout with a base layer and one on top that takes something away.
fn build(folder: &Path) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    let image = format!("{}:v1", at("layout"));
    run("umoci", &["init", "--layout", &at("layout")]);
    run("umoci", &["new", "--image", &image]);
    for (name, files) in [
        (
            "base",
            &[
                ("usr/lib/os-release", "ID=debian\nVERSION_ID=12\n"),
                (
                    "var/lib/dpkg/status",
                    "Package: base-files\nStatus: install ok installed\nVersion: 12.4\nArchitecture: amd64\n",
                ),
                ("srv/gone/package.json", r#"{"name":"gone","version":"1.0.0"}"#),
            ][..],
        ),
        ("app", &[("srv/app/node_modules/left-pad/package.json", r#"{"name":"left-pad","version":"1.3.0"}"#)][..]),
    ] {
        for (path, content) in files {
            let path = folder.join(name).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        run("umoci", &["insert", "--rootless", "--image", &image, &at(name), "/"]);
    }
    run("umoci", &["insert", "--rootless", "--image", &image, "--whiteout", "/srv/gone"]);
    run("umoci", &["config", "--image", &image, "--config.user", "65534", "--config.exposedports", "8080/tcp"]);
    image
}

#[test]
fn images_of_real_tools_are_read() {
    if let Some(missing) = TOOLS.iter().find(|tool| !there(tool)) {
        println!("skipped: {missing} is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let layout = build(folder.path());
    let (_serving, port) = serve(folder.path());
    let name = format!("127.0.0.1:{port}/team/app:v1");
    let copy = |arguments: &[&str]| {
        let policy = ["--insecure-policy", "copy", "--dest-tls-verify=false"];
        run("skopeo", &[&policy[..], arguments].concat());
    };
    let archive = |name: &str| folder.path().join(name).display().to_string();
    copy(&[&format!("oci:{layout}"), &format!("docker://{name}")]);
    copy(&[
        "--format=v2s2",
        &format!("oci:{layout}"),
        &format!("docker-archive:{}:team/app:v1", archive("docker.tar")),
    ]);
    copy(&[&format!("oci:{layout}"), &format!("oci-archive:{}:v1", archive("oci.tar"))]);
    copy(&["--dest-compress-format=zstd", &format!("oci:{layout}"), &format!("oci:{}:v1", archive("zstd"))]);
    let registry = Registry::new(RegistryOptions { docker_config: None, ..RegistryOptions::default() }).unwrap();
    for place in [
        format!("oci:{layout}"),
        name.clone(),
        format!("docker-archive:{}", archive("docker.tar")),
        format!("oci-archive:{}:v1", archive("oci.tar")),
        format!("oci:{}:v1", archive("zstd")),
    ] {
        let image = Image::read(&place.parse().unwrap(), &registry, &Options::default());
        let image = image.unwrap_or_else(|error| panic!("{place}: {error}"));
        let purls: Vec<&str> = image.packages.iter().map(|package| package.purl.as_str()).collect();
        assert_eq!(
            purls,
            ["pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12", "pkg:npm/left-pad@1.3.0"],
            "{place}"
        );
        assert_eq!((image.config.user.as_str(), image.config.exposed_ports.len()), ("65534", 1), "{place}");
        assert_eq!((image.layers.len(), image.problems.len()), (3, 0), "{place}");
    }
    let missing =
        Image::read(&format!("127.0.0.1:{port}/team/app:v2").parse().unwrap(), &registry, &Options::default());
    let error = missing.unwrap_err().to_string();
    assert!(error.contains("has no team/app"), "{error}");
}
