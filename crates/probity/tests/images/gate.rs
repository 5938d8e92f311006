//! A build from the image to the tag: pushed by digest, scanned, attested, signed by cosign, judged by `probity gate ci`, and asked
//! for afterwards.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_vulnerabilities::{Builder, Feed};
use tempfile::TempDir;

use crate::build::Images;
use crate::cosign::{Cosign, PASSWORD};
use crate::registry::{Registry, USER};
use crate::tools::done;

const CONFIG: &str = "version: 1
images:
  registries: [@HOST@/clinic]
  bases: bases.yaml
  signers: [{name: build server, key: build.pub}]
  database: advisories.db
waivers: waivers.yaml
stages:
  default: observe
  rules:
    - policies: [PRB-IMAGE-TRUST-001, PRB-IMAGE-SBOM-001, PRB-IMAGE-VULN-001, PRB-IMAGE-BASE-001, PRB-IMAGE-CONFIG-001]
      stage: enforce
";

const WAIVER: &str = "waivers:
  - vulnerability: TEST-2026-1
    package: joblib
    subject: '*/clinic/portal'
    reason: Nothing that users send reaches the cache; the release without it is tested.
    requested_by: ann@example.com
    approved_by: bob@example.com
    expires: 2099-01-01
";

const CHECKS: [&str; 5] = ["signed", "sbom", "vulnerabilities", "base", "user"];

/// A repository, with a registry that its images are pushed to.
struct Repository {
    folder: TempDir,
    registry: Registry,
    cosign: Cosign,
    images: &'static Images,
}

impl Repository {
    fn new() -> Option<Self> {
        let images = Images::get()?;
        let (registry, cosign) = (Registry::start()?, Cosign::find()?);
        let repository = Self { folder: TempDir::new().unwrap(), registry, cosign, images };
        repository.write("probity.yaml", &CONFIG.replace("@HOST@", &repository.registry.host));
        repository.write("waivers.yaml", "waivers: []\n");
        repository.write("Dockerfile", "FROM debian:12\nCOPY srv /srv\nUSER 65534:65534\n");
        fs::copy(repository.cosign.public_key(), repository.path().join("build.pub")).unwrap();
        let base = ["image", "base", &images.at("debian"), "--name", "debian:12", "--date", "2026-11-01"];
        repository.write("bases.yaml", &done(&mut repository.command(&base)));
        repository.advisories("HIGH", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N");
        Some(repository)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// A database in which one library of the image has a vulnerability, and nothing else has one.
    fn advisories(&self, severity: &str, vector: &str) {
        let folder = self.path().join("advisories");
        fs::create_dir_all(&folder).unwrap();
        for (id, ecosystem, name) in [
            ("TEST-2026-1", "PyPI", "joblib"),
            ("TEST-2026-2", "npm", "something-else"),
            ("TEST-2026-3", "Debian:12", "something-else"),
        ] {
            let record = serde_json::json!({
                "id": id, "modified": "2026-11-20T00:00:00Z", "summary": "Of a test",
                "severity": [{"type": "CVSS_V3", "score": vector}], "database_specific": {"severity": severity},
                "affected": [{"package": {"ecosystem": ecosystem, "name": name},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2.0"}]}]}],
            });
            fs::write(folder.join(format!("{id}.json")), record.to_string()).unwrap();
        }
        let mut builder = Builder::new();
        builder.add(Feed::Osv, "test", &folder).unwrap();
        builder.write(&self.path().join("advisories.db")).unwrap();
    }

    /// The command, where no CI system is.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        command.args(arguments).current_dir(self.path()).env_clear().env("HOME", self.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("COSIGN_PASSWORD", PASSWORD);
        command
    }

    /// Pushes an image; its name with its digest.
    fn push(&self, tag: &str) -> String {
        let digest = self.registry.push(&self.images.at(tag), &format!("clinic/portal:{tag}"));
        format!("{}/clinic/portal@{digest}", self.registry.host)
    }

    /// Makes the bill of materials of an image, attests it, and signs the image.
    fn sign(&self, image: &str) {
        done(&mut self.command(&["sbom", "create", image, "--output", "sbom.json"]));
        self.cosign.attest(image, "cyclonedx", &self.path().join("sbom.json"));
        self.cosign.sign(image);
    }

    /// The exit code of the gate, and which of its checks did not hold.
    fn gate(&self, image: &str) -> (Option<i32>, Vec<&'static str>) {
        let arguments = ["gate", "ci", "--image", image, "--build-number", "42", "--project", "patient-portal"];
        let arguments = [&arguments[..], &["--build-version", "1.2.3"]].concat();
        let output = self.command(&arguments).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        eprintln!("{image}: {said}{}", String::from_utf8_lossy(&output.stderr));
        let held = |check: &&str| {
            let words = |line: &str| line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
            said.lines().any(|line| words(line) == ["PASSED", check])
        };
        (output.status.code(), CHECKS.into_iter().filter(|check| !held(check)).collect())
    }
}

#[test]
fn a_build_goes_through_the_gate_when_all_of_it_holds() {
    let Some(repository) = Repository::new() else { return };
    let image = repository.push("portal");
    assert_eq!(repository.gate(&image), (Some(1), vec!["signed", "sbom"]));
    repository.sign(&image);
    assert_eq!(repository.gate(&image), (Some(0), vec![]));

    // By a key that nobody named.
    let key = fs::read_to_string(repository.path().join("build.pub")).unwrap();
    fs::copy(Cosign::find().unwrap().public_key(), repository.path().join("build.pub")).unwrap();
    let (code, failed) = repository.gate(&image);
    assert!(code == Some(1) && failed.contains(&"signed"), "{failed:?}");
    repository.write("build.pub", &key);

    // What was signed of one image says nothing of another.
    let root = repository.push("portal-root");
    assert_eq!(repository.gate(&root), (Some(1), vec!["signed", "sbom", "user"]));
    repository.sign(&root);
    assert_eq!(repository.gate(&root), (Some(1), vec!["user"]));

    repository.advisories("CRITICAL", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
    assert_eq!(repository.gate(&image), (Some(1), vec!["vulnerabilities"]));
    repository.write("waivers.yaml", WAIVER);
    assert_eq!(repository.gate(&image), (Some(0), vec![]));

    let said = done(&mut repository.command(&["evidence", "image", &image]));
    for part in ["build server", "#42 patient-portal", "bob@example.com", "TEST-2026-1", "CycloneDX"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// Everything that the gate asks a registry for, with the credentials of `docker login`.
#[test]
fn a_registry_that_asks_is_told_who_the_gate_is() {
    let Some(images) = Images::get() else { return };
    let Some(registry) = Registry::private() else { return };
    let folder = TempDir::new().unwrap();
    let digest = registry.push_as_user(&images.at("portal"), "clinic/portal:v1");
    let image = format!("{}/clinic/portal@{digest}", registry.host);
    let config = "version: 1\nimages: {signers: [{name: build server, key: build.pub}]}\nstages: {default: observe, rules: \
                  [{policies: [PRB-IMAGE-TRUST-001, PRB-IMAGE-SBOM-001], stage: enforce}]}\n";
    fs::write(folder.path().join("probity.yaml"), config).unwrap();
    let probity = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        command.args(arguments).current_dir(folder.path()).env_clear().env("HOME", folder.path());
        command.env("COSIGN_PASSWORD", PASSWORD);
        command
    };
    let gate = || {
        let output = probity(&["gate", "ci", "--image", &image, "--build-number", "7"]).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    done(&mut probity(&["key", "generate", "--output", "build"]));
    let (code, said) = gate();
    assert!(code == Some(2) && said.contains("no credentials"), "{said}");

    let login = |password: &str| {
        let auth = STANDARD.encode(format!("{}:{password}", USER.0));
        fs::create_dir_all(folder.path().join(".docker")).unwrap();
        let text = format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.host);
        fs::write(folder.path().join(".docker/config.json"), text).unwrap();
    };
    login("wrong horse");
    let (code, said) = gate();
    assert!(code == Some(2) && !said.contains("wrong horse"), "{said}");

    login(USER.1);
    let (code, said) = gate();
    assert!(code == Some(1) && !said.contains(USER.1), "not signed yet: {said}");
    done(&mut probity(&["sbom", "create", &image, "--output", "sbom.json"]));
    let attest = ["attest", &image, "--type", "cyclonedx", "--predicate", "sbom.json", "--key", "build.key"];
    done(&mut probity(&attest));
    done(&mut probity(&["sign", &image, "--key", "build.key"]));
    let (code, said) = gate();
    assert_eq!(code, Some(0), "{said}");
}
