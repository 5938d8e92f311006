//! `probity gate ci`: a pipeline's whole check, on each platform, and what can be asked of it afterwards.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use probity_model::yaml::{self, Dialect};
use serde_json::Value;

use crate::layout::{self, DEBIAN, FLASK};
use crate::support::{OPEN, folder, text};

/// What another scanner found: nothing that is critical.
const REPORT: &str = r#"{"SchemaVersion": 2, "ArtifactName": "portal", "Metadata": {"RepoDigests": []}, "Results": [
  {"Target": "portal", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [
    {"VulnerabilityID": "CVE-2026-1", "PkgName": "libssl3", "InstalledVersion": "3.0.9-1", "Severity": "HIGH"}]}]}"#;

const CONFIG: &str = "version: 1\nimages:\n  bases: bases.yaml\nstages:\n  default: observe\n  rules:\n    \
                      - {policies: [PRB-IMAGE-CONFIG-001, PRB-IMAGE-BASE-001, PRB-IMAGE-VULN-001], stage: enforce}\n";

const STARTED: &str = "2026-11-20T10:15:00Z";

/// A repository with an image that was built of it.
struct Place {
    folder: tempfile::TempDir,
    digest: String,
}

impl Place {
    fn new(config: &str, user: &str) -> Self {
        let dockerfile = "FROM debian:12\nUSER 65534\n";
        let folder = folder(&[("probity.yaml", config), ("report.json", REPORT), ("Dockerfile", dockerfile)]);
        let (digest, layers) = layout::write(&folder.path().join("portal"), &[&DEBIAN, &FLASK], user);
        let bases = format!("- {{name: debian:12, date: 2026-11-01, layers: [\"{}\"]}}\n", layers[0]);
        fs::write(folder.path().join("bases.yaml"), bases).unwrap();
        Self { folder, digest }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command, where no CI system is but the one that is given.
    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        command.args(arguments).current_dir(self.path()).env_clear();
        for name in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("XDG_CACHE_HOME", self.path().join("cache")).envs(variables.iter().copied());
        command
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
        told(&self.command(arguments, variables).output().unwrap())
    }

    /// The gate on the image, with what another scanner found in it.
    fn gate(&self, variables: &[(&str, &str)], more: &[&str]) -> (Option<i32>, String, String) {
        let arguments = ["gate", "ci", "--image", "oci:portal", "--findings", "report.json"];
        self.run(&[&arguments[..], more].concat(), variables)
    }

    /// The builds that were recorded, the newest first.
    fn builds(&self) -> Vec<Value> {
        let (code, said, errors) = self.run(&["evidence", "query", "--kind", "build", "--format", "json"], &[]);
        assert_eq!(code, Some(0), "{errors}");
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn contains(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
}

const GITHUB: &[(&str, &str)] = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_REPOSITORY", "acme/patient-portal"),
    ("GITHUB_SHA", "5f2a6c1e"),
    ("GITHUB_REF", "refs/tags/v1.2.3"),
    ("GITHUB_ACTOR", "ann"),
    ("GITHUB_RUN_ID", "7001"),
    ("GITHUB_RUN_NUMBER", "42"),
    ("GITHUB_RUN_ATTEMPT", "1"),
    ("GITHUB_JOB", "image"),
    ("GITHUB_WORKFLOW_REF", "acme/patient-portal/.github/workflows/build.yml@refs/tags/v1.2.3"),
    ("RUNNER_NAME", "runner-3"),
    ("PROBITY_BUILD_STARTED", STARTED),
];

#[test]
fn a_build_that_may_go_on_is_recorded_with_each_check() {
    let place = Place::new(CONFIG, "65534");
    let (code, said, errors) = place.gate(GITHUB, &[]);
    assert_eq!(code, Some(0), "{said}{errors}");
    contains(
        &said,
        &["build #42 of patient-portal v1.2.3", "PASSED   user", "PASSED   base", "PASSED   vulnerabilities"],
    );
    // What is only observed warns, and says what is missing.
    contains(&said, &["WARNING  signed", "WARNING  sbom", "images.signers", "\nPASSED after"]);
    contains(&said, &["::warning title=probity signed error::"]);
    let builds = place.builds();
    let build = &builds[0]["build"];
    let outcomes: Vec<(&str, &str)> = build["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["name"].as_str().unwrap(), check["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("infrastructure", "passed"),
            ("signed", "error"),
            ("sbom", "failed"),
            ("vulnerabilities", "passed"),
            ("base", "passed"),
            ("user", "passed"),
            ("policies", "passed")
        ]
    );
    for (field, expected) in [
        ("/project", "patient-portal"),
        ("/version", "v1.2.3"),
        ("/number", "42"),
        ("/system", "github"),
        ("/builder", "acme/patient-portal/.github/workflows/build.yml@refs/tags/v1.2.3 on runner-3"),
        ("/started", STARTED),
        ("/action", "allow"),
        ("/origin/commit", "5f2a6c1e"),
        ("/origin/actor", "ann"),
        ("/origin/run", "https://github.com/acme/patient-portal/actions/runs/7001"),
        ("/images/0/digest", place.digest.as_str()),
    ] {
        assert_eq!(build.pointer(field).and_then(Value::as_str), Some(expected), "{field} of {build}");
    }
    let (_, said, _) = place.run(&["evidence", "query", "--kind", "build", "--number", "42"], &[]);
    contains(
        &said,
        &[
            " build #42 patient-portal v1.2.3 PASSED (infrastructure, signed error, sbom failed, vulnerabilities, base, user, policies) 2026-11-20 10:15:00 to ",
        ],
    );
}

#[test]
fn a_build_that_may_not_go_on_says_why_and_how_to_mend_it() {
    let place = Place::new(CONFIG, "");
    fs::write(place.path().join("main.tf"), OPEN).unwrap();
    let summary = place.path().join("summary.md");
    let with_summary = [GITHUB, &[("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())]].concat();
    let (code, said, errors) = place.gate(&with_summary, &[]);
    assert_eq!(code, Some(1), "{said}{errors}");
    contains(&said, &["FAILED   user", "The image is run as root.", "fix: End the Dockerfile with `USER 65534`"]);
    contains(
        &said,
        &["\nFAILED after", ": user\n", "::error title=probity user failed::", "%0AFix: End the Dockerfile"],
    );
    // Findings of infrastructure are annotations where they stand.
    contains(&said, &["file=main.tf,line="]);
    contains(&fs::read_to_string(&summary).unwrap(), &["| user | **failed** |", "patient-portal"]);
    assert_eq!(place.builds()[0]["build"]["action"], "deny");
    // Again, as a second attempt: both are there.
    let (code, ..) = place.gate(&with_summary, &["--build-number", "43"]);
    assert_eq!((code, place.builds().len()), (Some(1), 2));
    let (_, said, _) = place.run(&["evidence", "verify"], &[]);
    contains(&said, &["are whole"]);
}

/// Everything that a record has is asked for, and one builder is approved.
const STRICT: &str = "version: 1\nimages:\n  bases: bases.yaml\n  signers: [{name: build server, key: release.pub}]\nstages:\n  \
                      default: observe\n  rules:\n    - policies: [PRB-IMAGE-CONFIG-001, PRB-IMAGE-BASE-001, PRB-IMAGE-VULN-001, \
                      PRB-IMAGE-TRUST-001, PRB-IMAGE-SBOM-001]\n      stage: enforce\n";

/// Build, push by digest, scan and attest, sign, gate: in this order everything passes, and before the end of it nothing does.
#[test]
fn a_build_that_keeps_to_the_order_passes_every_check() {
    let place = Place::new(STRICT, "65534");
    let image = format!("oci:portal@{}", place.digest);
    let sesame = [("COSIGN_PASSWORD", "sesame")];
    let step = |arguments: &[&str]| {
        let (code, said, errors) = place.run(arguments, &sesame);
        assert_eq!(code, Some(0), "{arguments:?}: {said}{errors}");
    };
    let gate = || place.run(&["gate", "ci", "--image", &image, "--findings", "report.json"], GITHUB);
    step(&["key", "generate", "--output", "release"]);
    step(&["key", "generate", "--output", "other"]);
    let (code, said, errors) = gate();
    assert_eq!(code, Some(1), "{said}{errors}");
    contains(&said, &["FAILED   signed", "FAILED   sbom", "FAILED after", ": signed, sbom\n"]);
    step(&["sbom", "create", &image, "--output", "sbom.json"]);
    let attest = ["attest", &image, "--type", "cyclonedx", "--predicate", "sbom.json", "--key"];
    step(&[&attest[..], &["release.key"]].concat());
    // Signed by somebody else is not signed.
    step(&["sign", &image, "--key", "other.key"]);
    let (code, said, errors) = gate();
    assert_eq!(code, Some(1), "{said}{errors}");
    contains(&said, &["FAILED   signed", "PASSED   sbom", "FAILED after", ": signed\n"]);
    step(&["sign", &image, "--key", "release.key"]);
    let (code, said, errors) = gate();
    assert_eq!(code, Some(0), "{said}{errors}");
    contains(
        &said,
        &["PASSED   signed", "PASSED   sbom", "PASSED   vulnerabilities", "PASSED   base", "PASSED   user"],
    );
    let (_, said, errors) = place.run(&["evidence", "image", &place.digest], &[]);
    contains(
        &said,
        &["by build server (approved: ", "attestation     valid, https://cyclonedx.org/bom, by build server"],
    );
    contains(&said, &["sbom            CycloneDX 1.6, valid, signed by an approved signer, ", "3 times in all"]);
    assert_eq!(errors, "");
}

#[test]
fn each_platform_is_told_in_its_form() {
    let place = Place::new(CONFIG, "");
    fs::write(place.path().join("main.tf"), OPEN).unwrap();
    let (code, said, _) = place.gate(&[("TF_BUILD", "True"), ("BUILD_BUILDNUMBER", "20261127.4")], &[]);
    assert_eq!(code, Some(1));
    contains(&said, &["##vso[task.logissue type=error;code=user;]user failed", "sourcepath=main.tf;linenumber="]);

    let (code, ..) = place.gate(&[("GITLAB_CI", "true"), ("CI_PIPELINE_IID", "42")], &[]);
    assert_eq!(code, Some(1));
    let issues = fs::read(place.path().join("gl-code-quality-report.json")).unwrap();
    let issues: Value = serde_json::from_slice(&issues).unwrap();
    let names: Vec<&str> =
        issues.as_array().unwrap().iter().map(|issue| issue["check_name"].as_str().unwrap()).collect();
    assert!(names.contains(&"probity user") && names.iter().any(|name| name.starts_with("PRB-AWS")), "{names:?}");
    let user = issues.as_array().unwrap().iter().find(|issue| issue["check_name"] == "probity user").unwrap();
    assert_eq!((&user["severity"], &user["location"]["path"]), (&"blocker".into(), &"probity.yaml".into()));

    for (system, number) in [("JENKINS_URL", "BUILD_NUMBER"), ("CIRCLECI", "CIRCLE_BUILD_NUM")] {
        let (code, _, errors) = place.gate(&[(system, "https://ci"), (number, "42")], &["--report", "checks.xml"]);
        assert_eq!(code, Some(1));
        contains(&errors, &["report   checks.xml"]);
        let report = fs::read_to_string(place.path().join("checks.xml")).unwrap();
        contains(
            &report,
            &[
                "<testsuite name=\"checks of the build\" tests=\"5\" failures=\"2\" errors=\"1\"",
                "<testcase name=\"user\"",
            ],
        );
        fs::remove_file(place.path().join("checks.xml")).unwrap();
    }

    let tekton = [("TEKTON_TASK_RUN", "gate-1"), ("TEKTON_PIPELINE_RUN", "build-42"), ("TEKTON_PIPELINE", "build")];
    assert_eq!(place.gate(&tekton, &[]).0, Some(1));
    // Where commands to the platform would get between JSON they go to the other stream.
    let (_, said, errors) = place.gate(GITHUB, &["--format", "json"]);
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(document["build"]["project"], "patient-portal");
    contains(&errors, &["::error title=probity user failed::"]);

    let systems: Vec<Value> = place.builds().iter().map(|row| row["build"]["system"].clone()).collect();
    assert_eq!(systems, ["github", "tekton", "circleci", "jenkins", "gitlab", "azure"]);
    assert!(place.builds()[1]["build"]["number"] == "build-42" && place.builds()[2]["build"]["number"] == "42");
}

#[cfg(unix)]
#[test]
fn buildkite_is_told_by_its_agent() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new(CONFIG, "");
    let buildkite = [("BUILDKITE", "true"), ("BUILDKITE_BUILD_NUMBER", "42"), ("BUILDKITE_PIPELINE_SLUG", "portal")];
    let (code, _, errors) = place.gate(&[&buildkite[..], &[("PATH", "/usr/bin:/bin")]].concat(), &[]);
    assert_eq!(code, Some(1));
    contains(&errors, &["there is no buildkite-agent here"]);
    let agent = place.path().join("bin/buildkite-agent");
    fs::create_dir(agent.parent().unwrap()).unwrap();
    fs::write(&agent, "#!/bin/sh\necho \"$@\" > told\ncat >> told\n").unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", agent.parent().unwrap().display());
    assert_eq!(place.gate(&[&buildkite[..], &[("PATH", path.as_str())]].concat(), &[]).0, Some(1));
    let told = fs::read_to_string(place.path().join("told")).unwrap();
    contains(&told, &["annotate --context probity --style error", "| user | **failed** |"]);
}

#[test]
fn a_check_that_could_not_be_made_ends_the_build() {
    let place = Place::new(
        "version: 1\nstages: {default: observe, rules: [{policies: [PRB-IMAGE-VULN-001], stage: enforce}]}\n",
        "65534",
    );
    let gate = ["gate", "ci", "--image", "oci:portal"];
    let (code, said, errors) = place.run(&gate, &[]);
    assert_eq!(code, Some(1), "{said}{errors}");
    contains(&said, &["ERROR    vulnerabilities", "could not be checked", "probity db build"]);
    let (code, said, _) = place.run(&[&gate[..], &["--allow-missing", "vulnerabilities"]].concat(), &[]);
    assert_eq!(code, Some(0), "{said}");
    contains(&said, &["WARNING  vulnerabilities"]);
    // It is not said to have passed.
    assert_eq!(place.builds()[0]["build"]["checks"][3]["outcome"], "error");
    // A failure is no missing check.
    let place = Place::new(CONFIG, "");
    assert_eq!(place.gate(&[], &["--allow-missing", "user"]).0, Some(1));
}

#[test]
fn without_an_image_only_the_rest_is_checked() {
    let place = Place::new(CONFIG, "");
    let (code, said, errors) = place.run(&["gate", "ci"], &[]);
    assert_eq!(code, Some(0), "{said}{errors}");
    contains(&said, &["PASSED   infrastructure", "SKIPPED  signed", "no image was given"]);
    fs::remove_file(place.path().join("probity.yaml")).unwrap();
    let (_, _, errors) = place.run(&["gate", "ci", "Dockerfile", "--data", "d"], &[]);
    contains(&errors, &["there is no probity.yaml; every built-in policy is enforced"]);
}

#[test]
fn what_is_wrong_is_said() {
    let place = Place::new(CONFIG, "65534");
    let (code, said, errors) = place.run(&["gate", "ci", "--image", "oci:none"], &[]);
    assert_eq!(code, Some(2), "{said}{errors}");
    contains(&said, &["ERROR    signed", "could not be read"]);
    assert_eq!(place.builds()[0]["build"]["images"][0]["digest"], Value::Null);
    for (arguments, part) in [
        (&["--allow-missing", "signature"][..], "possible values: signed, sbom"),
        (&["--started", "yesterday"], "is no time"),
        (&["--annotate", "teamcity"], "possible values"),
        (&["--image", ""], "--image"),
        (&["--server", "https://127.0.0.1:9"], "PROBITY_TOKEN"),
    ] {
        let (code, _, errors) = place.run(&[&["gate", "ci"], arguments].concat(), &[]);
        assert_eq!(code, Some(2), "{arguments:?}");
        contains(&errors, &[part]);
    }
}

#[test]
fn an_image_has_a_story() {
    let place = Place::new(CONFIG, "65534");
    let (code, said, errors) = place.gate(GITHUB, &[]);
    assert_eq!(code, Some(0), "{said}{errors}");
    assert_eq!(place.gate(GITHUB, &["--build-number", "43"]).0, Some(0));
    let by_digest = format!("any/name@{}", place.digest);
    let beginning = &place.digest[.."sha256:".len() + 12];
    for image in [&place.digest, beginning, beginning.trim_start_matches("sha256:"), &by_digest] {
        let (code, said, errors) = place.run(&["evidence", "image", image], &[]);
        assert_eq!(code, Some(0), "{image}: {errors}");
        contains(
            &said,
            &[
                &place.digest,
                "2 times in all",
                "user            65534",
                "packages        2",
                "base            debian:12 of 2026-11-01, approved, the newest",
                "dependencies    not compared",
                "signatures      not looked for",
                "sbom            none that can be read comes with it",
                "vulnerabilities 0 critical, 1 high, 0 medium",
                "build           20",
                "#42 patient-portal v1.2.3 PASSED",
                "commit 5f2a6c1e, started by ann, built by acme/patient-portal/.github/workflows/build.yml",
                "decision        20",
            ],
        );
    }
    let (_, said, _) = place.run(&["evidence", "image", &place.digest, "--format", "json"], &[]);
    let story: Value = serde_json::from_str(&said).unwrap();
    let count = |field: &str| story[field].as_array().unwrap().len();
    assert_eq!((count("builds"), count("decisions"), count("records"), count("accepted")), (2, 2, 2, 0));
    assert_eq!(story["newest"]["image"]["vulnerabilities"]["open"]["high"], 1);
    // Each line names an entry that can be proved, and decisions are made again as they were.
    let entry = story["newest"]["index"].to_string();
    assert_eq!(place.run(&["evidence", "prove", &entry], &[]).0, Some(0));
    let decision = story["decisions"][0]["index"].to_string();
    let (code, said, errors) = place.run(&["evidence", "replay", &decision], &[]);
    assert_eq!(code, Some(0), "{said}{errors}");
    let (code, _, errors) = place.run(&["evidence", "image", "registry.example.com/other"], &[]);
    assert_eq!(code, Some(2));
    contains(&errors, &["no image `registry.example.com/other` was recorded", "--kind image"]);
}

#[test]
fn lists_are_narrowed_by_what_they_have() {
    let place = Place::new(CONFIG, "65534");
    assert_eq!(place.gate(GITHUB, &[]).0, Some(0));
    for (arguments, lines) in [
        (&["--kind", "image"][..], 1),
        (&["--kind", "image", "--image", "sha256:*"], 1),
        (&["--kind", "image", "--image", "registry.example.com/imaging/*"], 0),
        (&["--kind", "image", "--image", &place.digest], 1),
        (&["--kind", "image", "--from", "2026-01-01", "--to", "2026-03-31"], 0),
        (&["--kind", "image", "--action", "deny"], 0),
        (&["--kind", "build", "--image", &place.digest], 1),
        (&["--kind", "build", "--project", "patient-*", "--commit", "5f2a"], 1),
        (&["--kind", "build", "--commit", "6f2a"], 0),
        (&["--kind", "build", "--format", "csv"], 2),
        (&["--kind", "image", "--format", "csv"], 2),
    ] {
        let (code, said, errors) = place.run(&[&["evidence", "query"], arguments].concat(), &[]);
        assert_eq!((code, said.lines().count()), (Some(0), lines), "{arguments:?}: {said}{errors}");
    }
    for (arguments, part) in [
        (&["--kind", "build", "--policy", "X"][..], "--policy does not narrow a list of builds"),
        (&["--kind", "image", "--number", "42"], "--number does not narrow a list of images"),
        (&["--project", "portal"], "--project does not narrow a list of decisions"),
        (&["--kind", "build", "--image", "portal:1.2"], "builds are found by the digest"),
        (&["--kind", "alert"], "possible values"),
    ] {
        let (code, _, errors) = place.run(&[&["evidence", "query"], arguments].concat(), &[]);
        assert_eq!(code, Some(2), "{arguments:?}");
        contains(&errors, &[part]);
    }
}

/// A server, ended when it is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(place: &Place) -> Self {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", "server"];
        let mut child = place.command(&arguments, &[]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().strip_prefix("open ").map(str::to_owned)).unwrap();
        let url = line.split(' ').next().unwrap().to_owned();
        // What it says later is read, so that it never waits for that.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_runner_that_is_gone_afterwards_sends_its_build() {
    let place = Place::new(CONFIG, "65534");
    let (_, token, _) = place.run(&["serve", "token", "create", "ci", "--role", "gate", "--data", "server"], &[]);
    let variables = [GITHUB, &[("PROBITY_TOKEN", token.trim())]].concat();
    let (code, said, errors) = place.gate(&variables, &["--server", "http://127.0.0.1:9"]);
    assert_eq!(code, Some(2), "{said}{errors}");
    contains(&errors, &["entries wait", "--allow-unsent"]);
    let (code, ..) = place.gate(&variables, &["--server", "http://127.0.0.1:9", "--allow-unsent"]);
    assert_eq!(code, Some(0));
    let server = Server::start(&place);
    let (code, said, errors) = place.gate(&variables, &["--server", &server.url]);
    assert_eq!(code, Some(0), "{said}{errors}");
    contains(&errors, &["recorded the build", "sent to the server"]);
    // What it acknowledged is under a checkpoint about a second later.
    let builds = || place.run(&["evidence", "query", "--kind", "build", "--data", "server"], &[]).1;
    let begun = Instant::now();
    while builds().lines().count() < 3 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(server);
    let said = builds();
    assert_eq!(said.lines().count(), 3, "those that waited are there too: {said}");
    let (_, said, _) = place.run(&["evidence", "verify", "--data", "server"], &[]);
    contains(&said, &["are whole", "0 with"]);
}

/// The commands of a shell line that are ours.
fn ours(script: &str) -> Vec<Vec<String>> {
    script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ").unwrap_or(line.trim()).strip_prefix("probity "))
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

/// Every `run` and `script` of a pipeline.
fn scripts(value: &probity_model::Value, out: &mut String) {
    if let Some(object) = value.as_object() {
        for (key, value) in object.iter() {
            match (key.as_str(), value.as_str()) {
                ("run", Some(text)) => *out += &format!("{text}\n"),
                ("script", _) => value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(probity_model::Value::as_str)
                    .for_each(|line| *out += &format!("{line}\n")),
                _ => scripts(value, out),
            }
        }
    }
    value.as_array().into_iter().flatten().for_each(|item| scripts(item, out));
}

#[test]
fn what_is_shown_of_pipelines_parses_and_names_commands_that_exist() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ci.md")).unwrap();
    let (mut commands, mut parsed) = (Vec::new(), 0);
    for block in page.split("\n```").collect::<Vec<_>>().chunks(2).filter_map(|pair| pair.get(1)) {
        let (language, content) = block.split_once('\n').unwrap();
        match language {
            "yaml" => {
                let sources = probity_model::Sources::default();
                let source = sources.add("pipeline.yml", content);
                let documents = yaml::read(content, source, Dialect::Core)
                    .unwrap_or_else(|(problem, _)| panic!("{}", problem.message));
                let mut script = String::new();
                for document in &documents {
                    scripts(&document.value, &mut script);
                }
                commands.extend(ours(&script));
                parsed += 1;
            }
            "groovy" => {
                assert_eq!(content.matches('{').count(), content.matches('}').count(), "a block has no end");
                let steps = content.lines().filter_map(|line| line.trim().strip_prefix("sh '")?.strip_suffix('\''));
                commands.extend(ours(&steps.collect::<Vec<_>>().join("\n")));
                parsed += 1;
            }
            _ => commands.extend(ours(content)),
        }
    }
    assert_eq!(parsed, 3, "three systems");
    assert!(commands.len() >= 12, "{commands:#?}");
    for command in &commands {
        // The words before the first that is no name of a command.
        let is_name = |word: &&String| word.chars().all(|letter| letter.is_ascii_lowercase());
        let names: Vec<&str> = command.iter().take_while(is_name).map(String::as_str).collect();
        let output = Command::new(env!("CARGO_BIN_EXE_probity")).args(&names).arg("--help").output().unwrap();
        let help = text(&output.stdout);
        assert!(output.status.success() && !names.is_empty(), "{command:?}: {}", text(&output.stderr));
        for option in command.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option.as_str()), "`probity {}` has no {option}", names.join(" "));
        }
    }
}
