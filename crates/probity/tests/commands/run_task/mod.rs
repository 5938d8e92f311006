//! The server as a run task of HCP Terraform, from the signed request to the result, the platform's part played by a real
//! server on this machine.

mod platform;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use self::platform::{KEY, Platform, Ports, plan, signature};
use crate::support::{folder, text};

/// What is enforced is what counts at this gate, in production, which the workspace is by its name.
const CONFIG: &str = "version: 1\npolicies: {folders: [policies], include: [CKV_AWS_24]}\nstages:\n  default: observe\n  rules:\n    \
                      - {gate: terraform, environment: production, stage: enforce}\nlabels:\n  - {path: \"acme/portal/**\", environment: \
                      production}\n";

/// Judges the whole plan, and the run that it is of.
const REGO: &str = "package main\n\ndeny contains msg if {\n\tinput.format_version\n\tcount(input.planned_values.root_module.resources) \
                    > 100\n\tmsg := \"more than 100 resources at once\"\n}\n\ndeny contains msg if {\n\tinput.tfrun.created_by == \"ann\"\n\t\
                    input.tfrun.id == \"named\"\n\tmsg := \"Ann may not do this\"\n}\n";

/// Judges it, too.
const SENTINEL: &str =
    "import \"tfplan/v2\" as tfplan\n\n# At most 200\nmain = rule { length(tfplan.planned_values.resources) < 200 }\n";

fn place() -> tempfile::TempDir {
    folder(&[
        ("probity.yaml", CONFIG),
        ("policies/size.rego", REGO),
        ("policies/few.sentinel", SENTINEL),
        ("key.txt", &format!("{KEY}\n")),
    ])
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.args(arguments).current_dir(folder).env("XDG_STATE_HOME", folder.join("state"));
    for name in ["PROBITY_RUN_TASK_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    command
}

struct Server {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
}

impl Server {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "0", "--run-task"], arguments].concat();
        let mut command = command(folder, &arguments);
        if !arguments.iter().any(|argument| ["--run-task-key", "--run-task-unsigned"].contains(argument)) {
            command.env("PROBITY_RUN_TASK_KEY", KEY);
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut address = None;
        for line in lines.by_ref().map_while(Result::ok) {
            said.lock().unwrap().push_str(&format!("{line}\n"));
            if let Some(url) = line.strip_prefix("open http://") {
                address = Some(url.split(' ').next().unwrap().to_owned());
                break;
            }
        }
        let address = address.unwrap_or_else(|| panic!("it did not start: {}", said.lock().unwrap()));
        let more = Arc::clone(&said);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| more.lock().unwrap().push_str(&format!("{line}\n")));
        });
        Self { child, address, said }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Sends a payload with a signature; gives the status and the body of the answer.
    fn send(&self, body: &[u8], signature: Option<&str>) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let signature = signature.map(|signature| format!("X-TFC-Task-Signature: {signature}\r\n")).unwrap_or_default();
        let head = format!(
            "POST /terraform/run-task HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\nUser-Agent: \
             TFC/1.0 (+https://app.terraform.io; TFC)\r\nContent-Length: {}\r\n{signature}\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A body that is too large is not read to its end.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn trigger(&self, payload: &Value) -> u16 {
        let body = payload.to_string();
        self.send(body.as_bytes(), Some(&signature(body.as_bytes()))).0
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

#[test]
fn runs_are_judged_and_the_platform_is_told() {
    let (place, platform) = (place(), Platform::start());
    let archivist = format!("http://{}", platform.archivist);
    let server = Server::start(
        place.path(),
        &[
            "--run-task-key",
            "key.txt",
            "--run-task-host",
            &archivist,
            "--run-task-max-plan",
            "2",
            "--public-url",
            "https://probity.example.com",
        ],
    );
    let runs = [
        ("good", "post_plan", "passed", "checks passed"),
        ("bad", "post_plan", "failed", "1 finding denies this run"),
        ("named", "post_plan", "failed", "1 finding denies this run"),
        ("bad-again", "pre_apply", "passed", "checks passed"),
        ("later", "post_plan", "passed", "checks passed"),
        ("slow", "post_plan", "passed", "checks passed"),
        ("applied", "post_apply", "passed", "checks passed"),
        ("many", "pre_apply", "failed", "302 findings deny this run"),
        ("picky", "post_plan", "failed", "1 finding denies this run"),
        ("flaky", "post_plan", "passed", "checks passed"),
        ("source-good", "pre_plan", "passed", "passed."),
        ("source-bad", "pre_plan", "failed", "1 finding denies this run"),
        ("source-module", "pre_plan", "failed", "1 finding denies this run"),
        ("expired", "post_plan", "failed", "the plan cannot be fetched: 127.0.0.1 refuses the token"),
        ("gone", "post_plan", "failed", "status 404: no such plan"),
        ("huge", "post_plan", "failed", "larger than 2097152 bytes"),
        ("endless", "post_plan", "failed", "larger than 2097152 bytes"),
        ("elsewhere", "post_plan", "failed", "127.0.0.2:1 is not asked without TLS"),
        ("circle", "post_plan", "failed", "more than 5 redirects"),
        ("none", "post_plan", "failed", "not a Terraform plan"),
        ("cut", "post_plan", "failed", "not a plan in JSON"),
        ("future", "mid_plan", "failed", "the stage `mid_plan` is not known here"),
    ];
    for (run, stage, ..) in runs {
        let payload = platform.payload(run, stage);
        assert_eq!(server.trigger(&payload), 200, "{run}");
        // The platform asks again when it did not hear the answer.
        assert_eq!(server.trigger(&payload), 200, "{run} again");
    }
    for (run, _, status, message) in runs {
        let verdict = platform.verdict(run, &|| server.said());
        let attributes = &verdict["attributes"];
        assert_eq!(attributes["status"], status, "{run}: {verdict}\n{}", server.said());
        assert!(attributes["message"].as_str().unwrap().contains(message), "{run}: {verdict}");
        let first = &platform.results(run)[0]["data"]["attributes"]["status"];
        assert!(*first == "running" || run == "flaky", "{run}: {first}");
    }
    for (run, ..) in runs.iter().filter(|(run, ..)| !["flaky", "picky"].contains(run)) {
        assert_eq!(platform.asked(&format!("/api/v2/task-results/{run}/callback")), 2, "{run} is judged once");
    }
    platform.check();
    outcomes_are_told(&platform, &server);
    let said = server.said();
    assert!(!said.contains("tok-") && !said.contains(KEY), "{said}");
    drop(server);
    evidence_is_kept(place.path());
    assert_eq!(
        fs::read_dir(place.path().join(".probity/run-tasks")).unwrap().count(),
        0,
        "tasks that ended are forgotten"
    );
}

fn outcomes_are_told(platform: &Platform, server: &Server) {
    let verdict = |run: &str| platform.verdict(run, &|| server.said());
    let bad = verdict("bad");
    let outcome = &bad["relationships"]["outcomes"]["data"][0]["attributes"];
    assert_eq!(outcome["tags"]["Status"], json!([{"label": "Denied", "level": "error"}]), "{bad}");
    assert!(outcome["description"].as_str().unwrap().starts_with("aws_security_group.group[0]: "), "{bad}");
    assert!(outcome["body"].as_str().unwrap().contains("Place: `acme/portal/plan.json:"), "{bad}");
    assert!(outcome["body"].as_str().unwrap().contains("How to mend it: "), "{bad}");
    assert!(outcome["url"].as_str().unwrap().starts_with("https://probity.example.com/decisions/"), "{bad}");
    assert!(bad["attributes"]["url"].as_str().unwrap().starts_with("https://probity.example.com/scans/"), "{bad}");
    let many = verdict("many");
    let outcomes = many["relationships"]["outcomes"]["data"].as_array().unwrap();
    assert_eq!(outcomes.len(), 250);
    assert!(many["attributes"]["message"].as_str().unwrap().contains("52 findings are not listed"), "{many}");
    assert!(verdict("picky").get("relationships").is_none());
    let source = verdict("source-bad");
    assert!(source.to_string().contains("acme/portal/env/prod/main.tf:"), "{source}");
}

fn evidence_is_kept(folder: &Path) {
    let run = |arguments: &[&str]| -> Output { command(folder, arguments).output().unwrap() };
    let verified = run(&["evidence", "verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    let found = run(&["evidence", "query", "--gate", "terraform/acme/portal/bad/post_plan/*", "--action", "deny"]);
    let found = text(&found.stdout);
    assert!(found.contains("aws_security_group.group[0]"), "{found}");
    let replayed = run(&["evidence", "replay", "--all"]);
    assert!(replayed.status.success(), "{}{}", text(&replayed.stdout), text(&replayed.stderr));
    assert!(!has(&folder.join(".probity"), b"tok-"), "a token is kept");
}

/// Whether bytes stand in a file of a folder.
fn has(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            has(&path, bytes)
        } else {
            fs::read(path).unwrap().windows(bytes.len()).any(|part| part == bytes)
        }
    })
}

#[test]
fn only_signed_requests_are_taken() {
    let (place, platform) = (place(), Platform::start());
    let server = Server::start(place.path(), &["--run-task-key", "key.txt"]);
    let body = platform.payload("good", "post_plan").to_string();
    let right = signature(body.as_bytes());
    let other = signature(b"other");
    let large = json!({"run_message": "x".repeat(2 << 20)}).to_string();
    for (what, body, signature, status) in [
        ("no signature", body.as_str(), None, 401),
        ("an empty one", &body, Some(""), 401),
        ("another's", &body, Some(other.as_str()), 401),
        ("half of it", &body, Some(&right[..64]), 401),
        ("no hexadecimal", &body, Some("zz"), 401),
        ("another body", &body.replace("acme", "evil"), Some(&right), 401),
        ("a large body", &large, Some(&other), 413),
    ] {
        assert_eq!(server.send(body.as_bytes(), signature).0, status, "{what}");
    }
    for (what, body, status) in [
        ("a test", r#"{"payload_version":1,"stage":"test","access_token":"test-token","run_id":"run-x"}"#, 200),
        ("no JSON", "hello", 422),
        ("no task", "{}", 422),
        ("another version", &body.replace("\"payload_version\":1", "\"payload_version\":2"), 422),
    ] {
        let (found, said) = server.send(body.as_bytes(), Some(&signature(body.as_bytes())));
        assert_eq!(found, status, "{what}: {said}");
        assert!(status != 200 || said.is_empty(), "{what}: {said}");
    }
    assert_eq!(platform.asked("/api/v2/task-results/good/callback"), 0);
    assert_eq!(server.trigger(&platform.payload("good", "post_plan")), 200);
    // The store of plans was not allowed.
    let verdict = platform.verdict("good", &|| server.said());
    assert!(
        verdict["attributes"]["message"].as_str().unwrap().contains("--run-task-host http://127.0.0.1:"),
        "{verdict}"
    );
}

#[test]
fn without_a_key_nothing_starts_unless_it_is_said() {
    let (place, platform) = (place(), Platform::start());
    fs::write(place.path().join("short.txt"), "abc\n").unwrap();
    for (arguments, wanted) in [
        (vec!["--run-task"], "a run task needs the HMAC key"),
        (vec!["--run-task", "--run-task-key", "missing.txt"], "missing.txt cannot be read"),
        (vec!["--run-task", "--run-task-key", "short.txt"], "found by trying"),
        (vec!["--run-task", "--run-task-unsigned", "--run-task-config", "missing.yaml"], "missing.yaml"),
        (vec!["--run-task-unsigned"], "--run-task"),
    ] {
        let output = command(place.path(), &[&["serve", "--listen", "0"], &arguments[..]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(wanted), "{arguments:?}: {}", text(&output.stderr));
    }
    // Whoever sends an unsigned request cannot have any host asked.
    let server = Server::start(place.path(), &["--run-task-unsigned"]);
    let body = platform.payload("good", "post_plan").to_string();
    assert_eq!(server.send(body.as_bytes(), None).0, 200);
    let start = std::time::Instant::now();
    while !server.said().contains("could not be told how it came out") {
        assert!(start.elapsed().as_secs() < 60, "{}", server.said());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(platform.asked("/api/v2/task-results/good/callback"), 0);
    assert_eq!(platform.asked("/api/v2/plans/good/json-output"), 0);
}

#[test]
fn a_server_that_ends_takes_its_tasks_up_again() {
    let (place, platform) = (place(), Platform::start());
    let archivist = format!("http://{}", platform.archivist);
    let arguments = ["--run-task-host", archivist.as_str()];
    platform.hold_back(true);
    let server = Server::start(place.path(), &arguments);
    assert_eq!(server.trigger(&platform.payload("stuck", "post_plan")), 200);
    let start = std::time::Instant::now();
    while platform.asked("/api/v2/plans/stuck/json-output") == 0 {
        assert!(start.elapsed().as_secs() < 60, "{}", server.said());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.kill();
    platform.hold_back(false);
    let server = Server::start(place.path(), &arguments);
    assert_eq!(platform.verdict("stuck", &|| server.said())["attributes"]["status"], "passed");
    assert!(server.said().contains("acme/portal/stuck/post_plan: taken up again"), "{}", server.said());
}

#[test]
fn a_plan_is_judged_in_a_pipeline() {
    let place = place();
    let write = |name: &str, text: &str| fs::write(place.path().join(name), text).unwrap();
    write("good.json", &plan(1, Ports::Closed));
    write("bad.json", &plan(1, Ports::Open));
    write("saved.tfplan", "PK\u{3}\u{4}plan");
    write("saved.out", &plan(1, Ports::Open));
    write("state.json", r#"{"format_version":"1.0","values":{"root_module":{}}}"#);
    write("errored.json", r#"{"format_version":"1.2","planned_values":{"root_module":{}},"errored":true}"#);
    let production = ["--environment", "production"];
    for (arguments, code, out, err) in [
        (vec!["good.json"], 0, "pass: nothing denies this plan", ""),
        (vec!["bad.json"], 1, "fail: the plan is denied. To mend it:", ""),
        (vec!["saved.out"], 1, "fail: the plan is denied. To mend it:", ""),
        (vec!["bad.json", "--soft-fail"], 0, "fail: the plan is denied. To mend it:", ""),
        (vec!["bad.json", "--format", "json"], 1, "\"stage\": \"enforce\"", ""),
        (vec!["saved.tfplan"], 2, "", "terraform show -json"),
        (vec!["state.json"], 2, "", "this is a state, not a plan"),
        (vec!["errored.json"], 2, "", "could not finish this plan"),
        (vec!["missing.json"], 2, "", "missing.json cannot be read"),
        (vec!["probity.yaml"], 2, "", "not a plan in JSON"),
        (vec!["."], 2, "", "not a file"),
    ] {
        let arguments = [&["gate", "terraform"], &arguments[..], &production].concat();
        let output = command(place.path(), &arguments).output().unwrap();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stdout}{stderr}");
        assert!(stdout.contains(out) && stderr.contains(err), "{arguments:?}: {stdout}{stderr}");
        // Atlantis reads no more than that.
        assert!(code != 0 || out.contains("fail") || !stdout.contains("fail"), "{arguments:?}: {stdout}");
    }
    // Without the environment it is only observed.
    let observed = command(place.path(), &["gate", "terraform", "bad.json"]).output().unwrap();
    assert_eq!(observed.status.code(), Some(0), "{}", text(&observed.stdout));
    let mut child = command(place.path(), &["gate", "terraform", "-", "--environment", "production", "--record"])
        .envs([
            ("ATLANTIS_TERRAFORM_VERSION", "1.9.0"),
            ("BASE_REPO_OWNER", "acme"),
            ("BASE_REPO_NAME", "portal"),
            ("PULL_NUM", "7"),
            ("HEAD_COMMIT", "abc"),
            ("USER_NAME", "ann"),
            ("WORKSPACE", "default"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(plan(1, Ports::Open).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("plan.json:"), "{}", text(&output.stdout));
    let found = command(place.path(), &["evidence", "query", "--gate", "atlantis/acme/portal/7/*"]).output().unwrap();
    assert!(text(&found.stdout).contains("aws_security_group.group[0]"), "{}", text(&found.stdout));
}
