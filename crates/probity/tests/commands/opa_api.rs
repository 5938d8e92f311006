//! The server answering as OPA 1.22 does: the same questions, the same status codes and shapes.
//!
//! What is expected was answered by OPA itself; the names of decisions and the times that things take differ from run to run
//! and are left out.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const APP: &str = r#"package app

default allow := false

allow if input.user == "ann"

deny contains msg if {
	input.bad
	msg := "bad"
}

und if input.nothing

n := {"x", "y"}

conflict := 1 if input.c

conflict := 2 if input.c

err := to_number("x")

obj["a-b"] := 1

html := "<b>&"

num := 1.50
"#;

const SYSTEM: &str = "package system\n\nmain := {\"ok\": input}\n";

const HEALTH: &str = "package system.health\n\nlive := true\n\nready := input.plugins_ready\n";

const DATA: &str = r#"{"servers": [{"id": 1}], "roles": {"a": "b"}}"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, text) in [("app.rego", APP), ("sys.rego", SYSTEM), ("health.rego", HEALTH), ("data.json", DATA)] {
            place.write(&format!("p/{name}"), text);
        }
        place
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        command.args(arguments).current_dir(self.0.path()).env("XDG_STATE_HOME", self.path("state"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn token(&self, name: &str, role: &str) -> String {
        let output = self.run(&["serve", "token", "create", name, "--role", role]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn serve(&self, arguments: &[&str]) -> Server {
        let mut child = self
            .command(&[&["serve", "--listen", "0"], arguments].concat())
            .stderr(Stdio::piped())
            .env("BUNDLE_TOKEN", "tok-1234")
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut address = None;
        for line in lines.by_ref() {
            let line = line.unwrap();
            said.lock().unwrap().push_str(&format!("{line}\n"));
            if let Some(url) = line.strip_prefix("open http://") {
                address = Some(url.split(' ').next().unwrap().to_owned());
                break;
            }
        }
        let address = address.unwrap_or_else(|| panic!("it did not start: {}", said.lock().unwrap()));
        let more = Arc::clone(&said);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| {
                more.lock().unwrap().push_str(&format!("{line}\n"));
            });
        });
        Server { child, address, said }
    }
}

struct Server {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    media_type: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Server {
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let header = |name: &str| {
            let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.unwrap_or_default().to_owned()
        };
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, media_type: header("content-type"), body: bytes[end + 4..].to_vec() }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[], body.as_bytes())
    }

    fn wait(&self, what: &str, mut there: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !there(self) {
            assert!(start.elapsed() < Duration::from_secs(30), "{what} never came: {}", self.said.lock().unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What does not differ between runs: without names of decisions, times, and texts of errors in JSON.
fn same(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.remove("decision_id");
        if let Some(metrics) = object.get_mut("metrics").and_then(Value::as_object_mut) {
            metrics.values_mut().for_each(|value| *value = json!(0));
        }
    }
    value
}

fn rego_error(message: &str, code: &str, said: &str, file: &str, row: u32, col: u32) -> Value {
    json!({"code": if said.contains("evaluating") { "internal_error" } else { "invalid_parameter" }, "message": said, "errors": [
        {"code": code, "message": message, "location": {"file": file, "row": row, "col": col}}]})
}

fn error(code: &str, message: &str) -> Value {
    json!({"code": code, "message": message})
}

#[test]
fn questions_are_answered_as_by_opa() {
    let place = Place::new();
    let server = place.serve(&["--policy", "p"]);
    let no_input = json!({"code": "api_usage_warning", "message": "'input' key missing from the request"});
    let all = json!({"allow": false, "deny": [], "html": "<b>&", "n": ["x", "y"], "num": 1.50, "obj": {"a-b": 1}});
    let evaluating = "error(s) occurred while evaluating query";
    for (method, path, body, status, wanted) in [
        ("POST", "/v1/data/app/allow", r#"{"input":{"user":"ann"}}"#, 200, json!({"result": true})),
        ("POST", "/v1/data/app/allow", r#"{"input":{"user":"bob"}}"#, 200, json!({"result": false})),
        ("POST", "/v1/data/app/allow/", r#"{"input":{"user":"ann"}}"#, 200, json!({"result": true})),
        ("POST", "/v1/data/app/und", r#"{"input":{}}"#, 200, json!({})),
        ("POST", "/v1/data/app/und", "{}", 200, json!({"warning": no_input})),
        ("POST", "/v1/data/app/und", "", 200, json!({"warning": no_input})),
        ("POST", "/v1/data/app/n", r#"{"input":null}"#, 200, json!({"result": ["x", "y"], "warning": no_input})),
        ("POST", "/v1/data/app", r#"{"input":{}}"#, 200, json!({"result": all})),
        ("POST", "/v1/data/app/obj/a-b", r#"{"input":{}}"#, 200, json!({"result": 1})),
        ("POST", "/v1/data/app/err", r#"{"input":{}}"#, 200, json!({})),
        ("GET", "/v1/data/servers/0/id", "", 200, json!({"result": 1})),
        ("GET", "/v1/data/nope", "", 200, json!({})),
        ("GET", "/v1/data/app/allow?input=%7B%22user%22:%22ann%22%7D", "", 200, json!({"result": true})),
        (
            "GET",
            "/v1/data/a%22b",
            "",
            500,
            error("internal_error", "invalid_parameter: invalid path: invalid ref term 'a\"b'"),
        ),
        ("POST", "/v0/data/app/allow", r#"{"user":"ann"}"#, 200, json!(true)),
        (
            "POST",
            "/v0/data/app/und",
            r#"{"user":"ann"}"#,
            404,
            error("undefined_document", "document undefined: data.app.und"),
        ),
        ("POST", "/v0/data/nope", r#"{"user":"ann"}"#, 404, error("undefined_document", "document missing: data.nope")),
        ("POST", "/", r#"{"user":"ann"}"#, 200, json!({"ok": {"user": "ann"}})),
        ("GET", "/v1/query?q=x:=data.servers%5B_%5D.id", "", 200, json!({"result": [{"x": 1}]})),
        ("GET", "/v1/query?q=x+%3D+1", "", 200, json!({"result": [{"x": 1}]})),
        ("GET", "/v1/query?q=false", "", 200, json!({"result": [{}]})),
        ("GET", "/v1/query?q=input.x", "", 200, json!({})),
        ("GET", "/v1/query", "", 400, error("invalid_parameter", "missing parameter 'q'")),
        (
            "POST",
            "/v1/query",
            r#"{"query":"input.a = x; data.roles.a = y","input":{"a":3}}"#,
            200,
            json!({"result": [{"x": 3, "y": "b"}]}),
        ),
        ("POST", "/v1/query", "{}", 500, error("internal_error", "cannot evaluate empty query")),
        (
            "GET",
            "/v1/query?q=foo(1)",
            "",
            400,
            rego_error(
                "undefined function foo",
                "rego_type_error",
                "error(s) occurred while compiling query",
                "",
                1,
                1,
            ),
        ),
        (
            "POST",
            "/v1/data/app/err?strict-builtin-errors",
            r#"{"input":{}}"#,
            500,
            rego_error(
                "to_number: strconv.ParseFloat: parsing \"x\": invalid syntax",
                "eval_builtin_error",
                evaluating,
                "p/app.rego",
                20,
                8,
            ),
        ),
        ("GET", "/health", "", 200, json!({})),
        ("GET", "/health?bundles", "", 200, json!({})),
        ("GET", "/health?plugins", "", 200, json!({})),
        ("GET", "/health/live", "", 200, json!({})),
        ("GET", "/health/ready", "", 200, json!({})),
        ("GET", "/health/other", "", 500, json!({"error": "health check (data.system.health.other) was undefined"})),
    ] {
        let answer = server.ask(method, path, &[], body.as_bytes());
        assert_eq!((answer.status, same(answer.json())), (status, wanted), "{method} {path} {body}");
        assert_eq!(answer.media_type, "application/json", "{path}");
    }
}

#[test]
fn what_is_wrong_has_opas_codes() {
    let place = Place::new();
    let server = place.serve(&["--policy", "p"]);
    for (method, path, body, status, code, message) in [
        (
            "GET",
            "/v1/data/app/allow?input=%7B",
            "",
            400,
            "invalid_parameter",
            "parameter contains malformed input document: ",
        ),
        ("POST", "/v1/data/app/allow", "{", 400, "invalid_parameter", "body contains malformed input document: "),
        ("POST", "/v1/data/app/allow", "[1]", 400, "invalid_parameter", "body contains malformed input document: "),
        (
            "POST",
            "/v0/data/app/allow",
            "{",
            400,
            "invalid_parameter",
            "unexpected parse error for input: body contains malformed",
        ),
        ("POST", "/v1/query", "{", 400, "invalid_parameter", "error(s) occurred while decoding request: "),
        ("GET", "/v1/query?q=%7B%7B", "", 400, "invalid_parameter", "error(s) occurred while parsing query"),
        (
            "POST",
            "/v1/data/app/conflict",
            r#"{"input":{"c":1}}"#,
            500,
            "internal_error",
            "error(s) occurred while evaluating query",
        ),
        ("GET", "/v1/policies/nope", "", 404, "resource_not_found", "storage_not_found_error: policy id \"nope\""),
        ("PUT", "/v1/policies/x", "package x", 401, "unauthorized", "policies and data are changed with a token"),
        ("PUT", "/v1/data/x", "1", 401, "unauthorized", "policies and data are changed with a token"),
        ("DELETE", "/v1/data/roles", "", 401, "unauthorized", "policies and data are changed with a token"),
    ] {
        let answer = server.ask(method, path, &[], body.as_bytes());
        let value = answer.json();
        assert_eq!((answer.status, value["code"].as_str()), (status, Some(code)), "{method} {path}: {value}");
        assert!(value["message"].as_str().unwrap().starts_with(message), "{method} {path}: {value}");
    }
    let conflict = server.post("/v1/data/app/conflict", r#"{"input":{"c":1}}"#).json();
    assert_eq!(conflict["errors"][0]["code"], "eval_conflict_error");
    for (method, path) in
        [("PUT", "/v1/query"), ("PATCH", "/v1/policies"), ("DELETE", "/v0/data/x"), ("PUT", "/health")]
    {
        let answer = server.ask(method, path, &[], b"");
        assert_eq!((answer.status, answer.text().as_str()), (405, ""), "{method} {path}");
    }
    let packed = |bytes: &[u8]| server.ask("POST", "/v1/data/app/allow", &[("Content-Encoding", "gzip")], bytes);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"input":{"user":"ann"}}"#).unwrap();
    assert_eq!(same(packed(&encoder.finish().unwrap()).json()), json!({"result": true}));
    let message = packed(b"not gzip").json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("could not decompress the body"), "{message}");
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b' '; 80 << 20]).unwrap();
    assert_eq!(packed(&bomb.finish().unwrap()).json()["message"], "request body too large");
    let yaml = server.ask("POST", "/v1/data/app/allow", &[("Content-Type", "application/yaml")], b"input: {user: ann}");
    assert_eq!(same(yaml.json()), json!({"result": true}));
}

#[test]
fn answers_carry_what_is_asked_for() {
    let place = Place::new();
    let server = place.serve(&["--policy", "p"]);
    let pretty = server.post("/v1/data/app/allow?pretty", r#"{"input":{"user":"ann"}}"#).text();
    let id = pretty.split('"').nth(3).unwrap().to_owned();
    assert_eq!(pretty, format!("{{\n  \"decision_id\": \"{id}\",\n  \"result\": true\n}}\n"));
    assert_eq!(id.len(), 36);
    let html = server.get("/v1/data/app/html").text();
    assert!(html.ends_with("\"result\":\"\\u003cb\\u003e\\u0026\"}\n"), "{html}");
    let num = server.get("/v1/data/app/num").text();
    assert!(num.ends_with("\"result\":1.50}\n"), "{num}");
    let metrics = |path: &str| {
        let metrics = server.post(path, r#"{"input":{}}"#).json()["metrics"].as_object().unwrap().clone();
        metrics.keys().cloned().collect::<Vec<String>>()
    };
    let names = [
        "counter_server_query_cache_hit",
        "timer_rego_input_parse_ns",
        "timer_rego_query_compile_ns",
        "timer_rego_query_eval_ns",
        "timer_server_handler_ns",
    ];
    assert_eq!(metrics("/v1/data/app/n?metrics=true"), names);
    assert_eq!(metrics("/v1/data/app/n?metrics").len(), 4, "compiled once");
    let explained = |mode: &str| {
        let answer = server.post(&format!("/v1/data/app/deny?{mode}"), r#"{"input":{"bad":1}}"#).json();
        assert_eq!(answer["result"], json!(["bad"]), "{mode}");
        answer["explanation"].as_array().unwrap().clone()
    };
    assert_eq!(explained("explain=notes"), [] as [Value; 0]);
    let full = explained("explain=full");
    assert!(full.iter().any(|one| one["op"] == "Enter" && one["message"] == "data.app.deny"), "{full:?}");
    let lines = explained("explain=full&pretty");
    assert!(lines.iter().any(|line| line.as_str().is_some_and(|line| line.contains("Eval input.bad"))), "{lines:?}");
    let provenance = server.get("/v1/data/app/n?provenance=true").json();
    assert_eq!(provenance["provenance"]["version"], env!("CARGO_PKG_VERSION"));
}

// It is one table.
#[allow(clippy::too_many_lines)]
#[test]
fn admins_change_policies_and_data() {
    let place = Place::new();
    let admin = place.token("boss", "admin");
    let server = place.serve(&["--policy", "p"]);
    let bearer = format!("Bearer {admin}");
    let ask = |method: &str, path: &str, body: &str| {
        let answer = server.ask(method, path, &[("Authorization", &bearer)], body.as_bytes());
        let text = answer.text();
        (answer.status, if text.is_empty() { Value::Null } else { same(answer.json()) })
    };
    let compiling = "error(s) occurred while compiling module(s)";
    for (method, path, body, status, wanted) in [
        ("PUT", "/v1/policies/x/y", "package x\np := 1", 200, json!({})),
        ("GET", "/v1/policies/x/y", "", 200, json!({"result": {"id": "x/y", "raw": "package x\np := 1"}})),
        ("GET", "/v1/data/x/p", "", 200, json!({"result": 1})),
        (
            "PUT",
            "/v1/policies/z",
            "package z\np := q",
            400,
            rego_error("var q is unsafe", "rego_unsafe_var_error", compiling, "z", 2, 6),
        ),
        ("PUT", "/v1/policies/z", "", 400, error("invalid_parameter", "z:0: rego_parse_error: empty module")),
        (
            "PUT",
            "/v1/policies/z",
            "package servers\np := 1",
            400,
            rego_error("conflicting rule for data path servers/p found", "rego_compile_error", compiling, "z", 2, 1),
        ),
        ("DELETE", "/v1/policies/x/y", "", 200, json!({})),
        (
            "DELETE",
            "/v1/policies/x/y",
            "",
            404,
            error("resource_not_found", "storage_not_found_error: policy id \"x/y\""),
        ),
        ("GET", "/v1/data/x/p", "", 200, json!({})),
        ("PUT", "/v1/data/foo/bar", r#"{"a":[1,2]}"#, 204, Value::Null),
        ("GET", "/v1/data/foo", "", 200, json!({"result": {"bar": {"a": [1, 2]}}})),
        ("PUT", "/v1/data/servers/x", "1", 404, error("resource_conflict", "storage_write_conflict_error: /servers")),
        ("PUT", "/v1/data/app/foo", "1", 204, Value::Null),
        (
            "PUT",
            "/v1/data/app/allow",
            "1",
            400,
            error(
                "invalid_parameter",
                "2 errors occurred:\np/app.rego:3: rego_compile_error: conflicting rule for data path \
                app/allow found\np/app.rego:5: rego_compile_error: conflicting rule for data path app/allow found",
            ),
        ),
        ("PUT", "/v1/data", "1", 400, error("invalid_parameter", "storage_invalid_patch_error: root must be object")),
        ("PATCH", "/v1/data/foo/bar", r#"[{"op":"add","path":"a/-","value":3}]"#, 204, Value::Null),
        (
            "PATCH",
            "/v1/data/foo/bar",
            r#"[{"op":"add","path":"/b","value":3},{"op":"replace","path":"/a/0","value":9},{"op":"remove","path":"a/1"}]"#,
            204,
            Value::Null,
        ),
        ("GET", "/v1/data/foo", "", 200, json!({"result": {"bar": {"a": [9, 3], "b": 3}}})),
        (
            "PATCH",
            "/v1/data/foo/bar",
            r#"[{"op":"replace","path":"zzz","value":3}]"#,
            404,
            error("resource_not_found", "storage_not_found_error: document does not exist"),
        ),
        (
            "PATCH",
            "/v1/data/foo/bar",
            r#"[{"op":"move","path":"zzz"}]"#,
            400,
            error("invalid_parameter", "bad patch operation: move"),
        ),
        ("DELETE", "/v1/data/foo/bar/a", "", 204, Value::Null),
        (
            "DELETE",
            "/v1/data/foo/bar/a",
            "",
            404,
            error("resource_not_found", "storage_not_found_error: document does not exist"),
        ),
        (
            "PUT",
            "/v1/policies/w?metrics",
            "package w\np := 1",
            200,
            json!({"metrics": {"timer_rego_module_compile_ns": 0, "timer_rego_module_parse_ns": 0, "timer_server_read_bytes_ns": 0}}),
        ),
    ] {
        assert_eq!(ask(method, path, body), (status, wanted), "{method} {path} {body}");
    }
    let kept = server.ask("PUT", "/v1/data/foo", &[("Authorization", &bearer), ("If-None-Match", "*")], b"{}");
    assert_eq!(kept.status, 304);
    let ids = |answer: Value| {
        answer["result"].as_array().unwrap().iter().map(|policy| policy["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(ask("GET", "/v1/policies", "").1), ["p/app.rego", "p/health.rego", "p/sys.rego", "w"]);
}

#[test]
fn others_change_nothing() {
    let place = Place::new();
    let gate = place.token("app", "gate");
    let server = place.serve(&["--policy", "p"]);
    let other = server.ask("PUT", "/v1/policies/x", &[("Authorization", &format!("Bearer {gate}"))], b"package x");
    assert_eq!((other.status, other.json()["code"].as_str()), (403, Some("unauthorized")));
    let unknown = server.ask("GET", "/v1/data", &[("Authorization", "Bearer nobody")], b"");
    assert_eq!((unknown.status, unknown.json()["code"].as_str()), (401, Some("unauthorized")));
}

#[test]
fn without_policies_nothing_is_answered_as_opa_does() {
    let place = Place::new();
    let server = place.serve(&[]);
    for path in ["/v1/data", "/v1/policies", "/v1/query?q=1", "/health"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/").status, 200, "the pages are where they were");
}

#[test]
fn decisions_are_kept_masked_and_redacted() {
    let place = Place::new();
    place.write(
        "p/log.rego",
        "package system.log\n\nmask contains \"/input/password\"\n\nmask contains {\"op\": \"upsert\", \"path\": \"/input/name\", \
         \"value\": \"**\"} if input.input.name\n\ndrop if input.path == \"app/n\"\n",
    );
    let mut server = place.serve(&["--policy", "p"]);
    let said = server.post(
        "/v1/data/app/allow",
        r#"{"input":{"user":"ann","password":"hunter2","name":"Ann B","big":12345678901234567890.5}}"#,
    );
    let id = said.json()["decision_id"].as_str().unwrap().to_owned();
    server.post("/v1/data/app/n", r#"{"input":{"dropped":1}}"#);
    server.post("/v1/data/app/deny", r#"{"input":{"bad":1,"api_key":"sk-live-0123456789abcdefABCDEF"}}"#);
    server.post("/v1/data/app/conflict", r#"{"input":{"c":1}}"#);
    server.get("/v1/query?q=data.roles");
    server.wait("the decisions on the page", |server| server.get("/api/v1/decisions").text().contains("\"query\""));
    let page = server.get("/decisions/0").text();
    assert!(page.contains(&id) && page.contains("/input/password") && !page.contains("hunter2"), "{page}");
    let _ = Command::new("kill").arg(server.child.id().to_string()).status();
    server.child.wait().unwrap();
    let show = |entry: &str| String::from_utf8(place.run(&["evidence", "show", entry]).stdout).unwrap();
    let query = place.run(&["evidence", "query", "--limit", "0", "--format", "json"]);
    let rows = String::from_utf8(query.stdout).unwrap();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 4, "the one that was dropped is not there");
    let mut actions: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {} {}", row["subject_kind"], row["address"], row["action"]).replace('"', ""))
        .collect();
    actions.sort();
    assert_eq!(
        actions,
        [
            "request data.app.allow allow",
            "request data.app.conflict deny",
            "request data.app.deny deny",
            "request query allow"
        ]
    );
    let first = show("0");
    for part in [id.as_str(), "12345678901234567890.5", "/input/password", "/input/name", "app/allow", "127.0.0.1:"] {
        assert!(first.contains(part), "`{part}` is not in\n{first}");
    }
    for secret in ["hunter2", "Ann B", "sk-live-0123456789abcdefABCDEF"] {
        for entry in ["0", "1", "2", "3"] {
            assert!(!show(entry).contains(secret), "{secret} is in entry {entry}");
        }
    }
    let verified = place.run(&["evidence", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// What a server of bundles sends, and what it was asked.
#[derive(Default)]
struct Shelf {
    bundle: Vec<u8>,
    etag: String,
    status: u16,
    asked: Vec<String>,
}

/// Serves one bundle on this machine.
fn bundle_server(shelf: &Arc<Mutex<Shelf>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/authz.tar.gz", listener.local_addr().unwrap());
    let shelf = Arc::clone(shelf);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).to_lowercase();
            let mut shelf = shelf.lock().unwrap();
            let known = !shelf.etag.is_empty() && head.contains(&format!("if-none-match: {}", shelf.etag));
            let (status, body) = if known { (304, &[][..]) } else { (shelf.status, &shelf.bundle[..]) };
            let answer = format!(
                "HTTP/1.1 {status} X\r\nETag: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                shelf.etag,
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(body));
            shelf.asked.push(format!("{status} {}", head.contains("authorization: bearer tok-1234")));
        }
    });
    url
}

fn bundle(folder: &Path, files: &[(&str, &str)]) -> Vec<u8> {
    let _ = fs::remove_dir_all(folder);
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn bundles_are_kept_up_to_date_and_the_last_good_one_is_kept() {
    let place = Place::new();
    let made = |revision: &str, rego: &str| {
        let manifest = format!("{{\"revision\": \"{revision}\", \"roots\": [\"authz\"]}}");
        bundle(
            &place.path("b"),
            &[(".manifest", &manifest), ("authz/p.rego", rego), ("authz/data.json", r#"{"users": ["ann"]}"#)],
        )
    };
    let shelf = Arc::new(Mutex::new(Shelf { status: 503, ..Shelf::default() }));
    let url = bundle_server(&shelf);
    let admin = place.token("boss", "admin");
    let server = place.serve(&[
        "--policy",
        "p",
        "--bundle",
        &url,
        "--bundle-token-env",
        "BUNDLE_TOKEN",
        "--bundle-min-delay",
        "1",
        "--bundle-max-delay",
        "1",
    ]);
    let answer = server.get("/health?bundles");
    assert_eq!((answer.status, answer.json()), (500, json!({"error": "one or more bundles are not activated: authz"})));
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/health/ready").status, 500, "the policy is told");
    assert_eq!(server.get("/readyz").status, 503);

    let put = |bytes: Vec<u8>, etag: &str| {
        let mut shelf = shelf.lock().unwrap();
        (shelf.bundle, shelf.etag, shelf.status) = (bytes, etag.to_owned(), 200);
    };
    put(made("r1", "package authz\nallow if input.user in data.authz.users"), "\"1\"");
    server.wait("the bundle", |server| server.get("/health?bundles").status == 200);
    server.wait("readiness", |server| server.get("/readyz").status == 200);
    let allowed =
        |server: &Server| server.post("/v1/data/authz/allow?provenance", r#"{"input":{"user":"ann"}}"#).json();
    assert_eq!(allowed(&server)["result"], true);
    assert_eq!(allowed(&server)["provenance"]["bundles"], json!({"authz": {"revision": "r1"}}));
    server.wait("an answer that nothing changed", |_| shelf.lock().unwrap().asked.iter().any(|one| one == "304 true"));

    put(made("r2", "package authz\nallow if nonsense"), "\"2\"");
    server.wait("the complaint", |server| server.said.lock().unwrap().contains("nonsense"));
    assert_eq!(
        allowed(&server)["provenance"]["bundles"],
        json!({"authz": {"revision": "r1"}}),
        "the last good one stays"
    );
    put(b"truncated".to_vec(), "\"3\"");
    server.wait("the complaint", |server| server.said.lock().unwrap().contains("not a whole tar.gz"));
    assert_eq!(allowed(&server)["result"], true);

    put(made("r3", "package authz\nallow := false"), "\"4\"");
    server.wait("the new bundle", |server| allowed(server)["result"] == false);
    let bearer = format!("Bearer {admin}");
    let owned = server.ask("PUT", "/v1/data/authz/users", &[("Authorization", &bearer)], b"[]");
    assert_eq!(
        (owned.status, owned.json()["message"].as_str()),
        (400, Some("path authz/users is owned by bundle \"authz\""))
    );
    let asked = shelf.lock().unwrap().asked.clone();
    assert!(asked.iter().all(|one| one.ends_with(" true")), "the token is sent each time: {asked:?}");
}

#[test]
fn bundles_must_be_signed_when_a_key_is_given() {
    let place = Place::new();
    place.write("b.tar.gz", bundle(&place.path("b"), &[("x.rego", "package x\np := 1")]));
    place.write("secret", "s3cret\n");
    let server = place.serve(&["--bundle", "b.tar.gz", "--bundle-key", "secret", "--bundle-algorithm", "HS256"]);
    server.wait("the complaint", |server| server.said.lock().unwrap().contains("no .signatures.json"));
    assert_eq!(server.get("/health?bundles").status, 500);
    assert_eq!(same(server.get("/v1/data/x/p").json()), json!({}));
}

#[test]
fn what_makes_no_sense_is_refused_at_the_start() {
    let place = Place::new();
    place.write("bad/x.rego", "package x\np := q");
    for (arguments, wanted) in [
        (&["--policy", "bad"][..], "var q is unsafe"),
        (&["--policy", "nowhere"], "nowhere: "),
        (&["--bundle", "http://bundles.example.com/b.tar.gz"], "can be changed on its way"),
        (&["--bundle", "a/b.tar.gz", "--bundle", "c/b.tar.gz"], "two bundles are called `b`"),
        (&["--bundle", "b.tar.gz", "--bundle-token-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE"),
        (&["--bundle-key", "k"], "--bundle"),
    ] {
        let output = place.run(&[&["serve", "--listen", "0"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}\nwanted: {wanted}");
    }
}
