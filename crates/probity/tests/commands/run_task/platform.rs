//! The platform's part, by its documentation: it serves plans behind a redirect, sends signed requests and takes results.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha512;

pub(super) const KEY: &str = "correct-horse-battery";

/// What a resource of a plan is to be.
#[derive(Clone, Copy)]
pub(super) enum Ports {
    Open,
    Closed,
}

/// A plan that makes so many security groups.
pub(super) fn plan(count: usize, ports: Ports) -> String {
    let from = match ports {
        Ports::Open => "0.0.0.0/0",
        Ports::Closed => "10.0.0.0/8",
    };
    let ingress = json!([{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": [from]}]);
    let resources: Vec<Value> = (0..count)
        .map(|n| {
            json!({
                "address": format!("aws_security_group.group[{n}]"), "mode": "managed", "type": "aws_security_group",
                "name": "group", "index": n, "provider_name": "registry.terraform.io/hashicorp/aws",
                "values": {"name": "group", "description": "a group", "ingress": ingress},
            })
        })
        .collect();
    let rest = json!({"root_module": {"resources": resources}});
    format!(
        r#"{{"format_version":"1.2","terraform_version":"1.9.0","planned_values":{rest},"configuration":{{"root_module":{{}}}}}}"#
    )
}

/// A configuration version, as the platform keeps it.
fn configuration(text: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    // What another workspace works in is none of this one's.
    let shared = crate::support::OPEN;
    for (path, text) in [("env/prod/main.tf", text), ("env/test/main.tf", shared), ("modules/shared/main.tf", shared)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[derive(Clone, Default)]
struct State {
    /// Results that were taken, by run.
    results: Arc<Mutex<HashMap<String, Vec<Value>>>>,
    /// How often an address was asked for.
    asked: Arc<Mutex<HashMap<String, usize>>>,
    /// What was wrong with requests that came.
    wrong: Arc<Mutex<Vec<String>>>,
    /// Whether plans of stuck runs are kept back.
    stuck: Arc<Mutex<bool>>,
}

pub(super) struct Platform {
    pub(super) address: String,
    pub(super) archivist: String,
    state: State,
}

struct Asked {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Platform {
    pub(super) fn start() -> Self {
        let (api, archivist) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let platform = Self {
            address: api.local_addr().unwrap().to_string(),
            archivist: archivist.local_addr().unwrap().to_string(),
            state: State::default(),
        };
        let store = platform.archivist.clone();
        serve(api, platform.state.clone(), move |state, asked, stream| answer(state, &store, asked, stream));
        serve(archivist, platform.state.clone(), stored);
        platform
    }

    /// The payload for a run, by the documentation; its name says what happens to it.
    pub(super) fn payload(&self, run: &str, stage: &str) -> Value {
        let api = format!("http://{}/api/v2", self.address);
        json!({
            "payload_version": 1, "stage": stage, "access_token": format!("tok-{run}"), "capabilities": {"outcomes": true},
            "configuration_version_download_url": format!("{api}/configuration-versions/{run}/download"),
            "configuration_version_id": "cv-1", "is_speculative": false, "organization_name": "acme",
            "plan_json_api_url": if stage == "pre_plan" { Value::Null } else { json!(format!("{api}/plans/{run}/json-output")) },
            "run_app_url": format!("https://app.terraform.io/app/acme/portal/runs/{run}"),
            "run_created_at": "2026-11-02T14:47:13.036Z", "run_created_by": "ann", "run_id": run,
            "run_message": "Triggered via UI", "task_result_id": format!("taskrs-{run}"),
            "task_result_callback_url": format!("{api}/task-results/{run}/callback"),
            "task_result_enforcement_level": "mandatory", "vcs_branch": "main",
            "vcs_commit_url": "https://github.com/acme/portal/commit/7d8fb2a2d601edebdb7a59ad2088a96673637d22",
            "vcs_pull_request_url": null, "vcs_repo_url": "https://github.com/acme/portal",
            "workspace_app_url": "https://app.terraform.io/app/acme/portal", "workspace_id": "ws-1",
            "workspace_name": "portal", "workspace_working_directory": if stage == "pre_plan" { "/env/prod" } else { "" },
        })
    }

    pub(super) fn results(&self, run: &str) -> Vec<Value> {
        self.state.results.lock().unwrap().get(run).cloned().unwrap_or_default()
    }

    pub(super) fn asked(&self, path: &str) -> usize {
        self.state.asked.lock().unwrap().get(path).copied().unwrap_or_default()
    }

    /// The last word on a run.
    pub(super) fn verdict(&self, run: &str, said: &dyn Fn() -> String) -> Value {
        let start = Instant::now();
        loop {
            let last = self.results(run).into_iter().find(|result| result["data"]["attributes"]["status"] != "running");
            if let Some(result) = last {
                return result["data"].clone();
            }
            assert!(start.elapsed() < Duration::from_mins(2), "{run} never ended: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn hold_back(&self, stuck: bool) {
        *self.state.stuck.lock().unwrap() = stuck;
    }

    /// Everything that came was as it has to be.
    pub(super) fn check(&self) {
        let wrong = self.state.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

/// The signature of a body, as the platform makes it.
pub(super) fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn serve(listener: TcpListener, state: State, answer: impl Fn(&State, &Asked, &mut TcpStream) + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (state, answer) = (state.clone(), Arc::clone(&answer));
            std::thread::spawn(move || {
                let mut stream = stream;
                if let Some(asked) = read(&stream) {
                    answer(&state, &asked, &mut stream);
                }
            });
        }
    });
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, path, headers, body })
}

fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    // Who asked may have left.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// The platform's API.
fn answer(state: &State, archivist: &str, asked: &Asked, stream: &mut TcpStream) {
    let parts: Vec<&str> = asked.path.split('/').collect();
    let ["", "api", "v2", kind, run, _] = parts[..] else { return respond(stream, "404 Not Found", "", b"") };
    let times = {
        let mut all = state.asked.lock().unwrap();
        let times = all.entry(asked.path.clone()).or_default();
        *times += 1;
        *times
    };
    if asked.headers.get("authorization").map(String::as_str) != Some(&format!("Bearer tok-{run}")) {
        state.wrong.lock().unwrap().push(format!("{}: no token", asked.path));
        return respond(stream, "401 Unauthorized", "", b"{\"errors\":[{\"status\":\"401\"}]}");
    }
    let to = |address: &str| format!("Location: http://{address}/v1/object/{run}\r\n");
    match (asked.method.as_str(), kind, run) {
        ("GET", "plans", "expired") => respond(stream, "401 Unauthorized", "", b"{\"errors\":[{\"status\":\"401\"}]}"),
        ("GET", "plans", "later") if times == 1 => respond(stream, "204 No Content", "", b""),
        ("GET", "plans", "elsewhere") => respond(stream, "307 Temporary Redirect", &to("127.0.0.2:1"), b""),
        ("GET", "plans", "circle") => {
            respond(stream, "307 Temporary Redirect", &format!("Location: {}\r\n", asked.path), b"");
        }
        ("GET", "plans", "gone") => respond(stream, "404 Not Found", "", b"no such plan"),
        ("GET", "plans", "slow") => {
            std::thread::sleep(Duration::from_secs(2));
            respond(stream, "307 Temporary Redirect", &to(archivist), b"");
        }
        ("GET", "plans", "stuck") => {
            while *state.stuck.lock().unwrap() {
                std::thread::sleep(Duration::from_millis(20));
            }
            respond(stream, "307 Temporary Redirect", &to(archivist), b"");
        }
        ("GET", "plans", _) => respond(stream, "307 Temporary Redirect", &to(archivist), b""),
        ("GET", "configuration-versions", run) => {
            let module = "module \"shared\" {\n  source = \"../../modules/shared\"\n}\n";
            let text = match run {
                "source-bad" => crate::support::OPEN,
                "source-module" => module,
                _ => "# nothing\n",
            };
            respond(stream, "200 OK", "", &configuration(text));
        }
        ("PATCH", "task-results", run) => take(state, asked, run, times, stream),
        _ => respond(stream, "404 Not Found", "", b""),
    }
}

/// Takes a result, when it has the form of one.
fn take(state: &State, asked: &Asked, run: &str, times: usize, stream: &mut TcpStream) {
    if asked.headers.get("content-type").map(String::as_str) != Some("application/vnd.api+json") {
        state.wrong.lock().unwrap().push(format!("{}: media type", asked.path));
    }
    let result: Value = serde_json::from_slice(&asked.body).unwrap();
    let has_outcomes = result["data"].get("relationships").is_some();
    if run == "flaky" && times <= 3 || run == "picky" && has_outcomes {
        let status = if run == "flaky" { "503 Service Unavailable" } else { "422 Unprocessable Entity" };
        return respond(stream, status, "", b"{\"errors\":[]}");
    }
    if let Err(what) = well_formed(&result) {
        state.wrong.lock().unwrap().push(format!("{run}: {what}: {result}"));
    }
    state.results.lock().unwrap().entry(run.to_owned()).or_default().push(result);
    respond(stream, "200 OK", "", b"");
}

/// The limits that the documentation sets.
fn well_formed(result: &Value) -> Result<(), &'static str> {
    let data = &result["data"];
    let attributes = &data["attributes"];
    let holds = |condition: bool, what: &'static str| if condition { Ok(()) } else { Err(what) };
    holds(data["type"] == "task-results", "type")?;
    holds(["running", "passed", "failed"].iter().any(|status| attributes["status"] == *status), "status")?;
    holds(attributes["message"].as_str().is_some_and(|message| message.chars().count() <= 1000), "message")?;
    let Some(outcomes) = data["relationships"]["outcomes"]["data"].as_array() else { return Ok(()) };
    holds((1..=250).contains(&outcomes.len()), "count of outcomes")?;
    holds(result.to_string().len() < 1 << 20, "size")?;
    for outcome in outcomes {
        let attributes = &outcome["attributes"];
        holds(outcome["type"] == "task-result-outcomes", "type of an outcome")?;
        for name in ["outcome-id", "description", "body"] {
            holds(attributes[name].as_str().is_some_and(|text| !text.is_empty()), "text of an outcome")?;
        }
        for name in ["Status", "Severity"] {
            let tag = &attributes["tags"][name][0];
            let level = ["none", "info", "warning", "error"].iter().any(|level| tag["level"] == *level);
            holds(level && tag["label"].is_string(), "tag")?;
        }
    }
    Ok(())
}

/// Where plans are kept: another host, to which no token belongs.
fn stored(state: &State, asked: &Asked, stream: &mut TcpStream) {
    if asked.headers.contains_key("authorization") {
        state.wrong.lock().unwrap().push(format!("{}: a token came to the store", asked.path));
    }
    let run = asked.path.rsplit('/').next().unwrap_or_default();
    let body = match run {
        "bad" | "picky" | "leak" => plan(1, Ports::Open),
        "many" => plan(300, Ports::Open),
        "huge" => plan(20_000, Ports::Closed),
        "none" => "{}".to_owned(),
        "cut" => plan(1, Ports::Closed)[..100].to_owned(),
        "endless" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"format_version\":\"1.2\"");
            while stream.write_all(&[b' '; 8192]).is_ok() {}
            return;
        }
        _ => plan(1, Ports::Closed),
    };
    respond(stream, "200 OK", "Content-Type: application/json\r\n", body.as_bytes());
}
