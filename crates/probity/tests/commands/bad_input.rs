//! Whatever lies in a tree: it is told with its place, the rest is judged, and nothing crashes or hangs.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::OPEN;

/// Far more than any of these takes, also in a build without optimisation on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

const POD: &str = "apiVersion: v1\nkind: Pod\n";
const CHECK: &[&str] = &["scan", "--no-config", "--check", "CKV_AWS_24"];

struct Ended {
    code: Option<i32>,
    shown: String,
}

/// Runs a command to its end; one that takes too long is a failure.
fn end(command: &mut Command) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read_out = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).map(|_| bytes).unwrap()
    });
    let mut shown = Vec::new();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    err.read_to_end(&mut shown).unwrap();
    shown.extend(read_out.join().unwrap());
    Ended { code: status.code(), shown: String::from_utf8_lossy(&shown).into_owned() }
}

fn probity(folder: &Path, arguments: &[&str]) -> Ended {
    end(Command::new(env!("CARGO_BIN_EXE_probity")).args(arguments).current_dir(folder))
}

fn folder_of(path: &str, bytes: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(path), bytes).unwrap();
    folder
}

fn numbered(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// Values that double from one local value to the next.
fn doubling(first: &str, next: &str) -> String {
    let mut text = format!("locals {{\n  a0 = {first}\n");
    for step in 1..60 {
        writeln!(text, "  a{step} = {}", next.replace('@', &format!("local.a{}", step - 1))).unwrap();
    }
    format!("{text}}}\nresource \"aws_vpc\" \"a\" {{\n  x = local.a59\n}}\n")
}

fn bomb() -> String {
    let mut text = format!("{POD}a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = format!("*a{},", level - 1).repeat(10);
        writeln!(text, "a{level}: &a{level} [{inner}]").unwrap();
    }
    text
}

#[test]
fn files() {
    let local =
        |value: &str| format!("locals {{\n  x = {value}\n}}\nresource \"aws_vpc\" \"a\" {{\n  x = local.x\n}}\n");
    let huge = "[for i in range(100000) : \"aaaaaaaaaaaaaaaaaaaa\"]";
    for (path, text, code, told) in [
        // Broken.
        ("a.tf", "locals {\n  x = [\n}\n".into(), 2, "a.tf:"),
        ("a.tf.json", "{\n \"locals\": [}".into(), 2, "a.tf.json:2:"),
        ("a.yaml", format!("{POD}metadata: [\n"), 2, "a.yaml:4:1: not valid YAML"),
        ("a.json", r#"{"format_version": "1.2", "terraform_version": "1.9", "#.into(), 2, "a.json:1:"),
        ("Dockerfile", "FROM\n".into(), 2, "Dockerfile:1:"),
        // Empty.
        ("a.tf", String::new(), 0, ""),
        ("a.yaml", String::new(), 0, ""),
        ("a.json", String::new(), 0, ""),
        ("Dockerfile", String::new(), 2, "Dockerfile:1:1: holds no instruction"),
        // Long.
        (
            "a.tf",
            numbered(33_400, |n| format!("resource \"aws_vpc\" \"b{n}\" {{\n  x = {n}\n}}\n")),
            0,
            "33400 resources",
        ),
        ("a.tf", format!("locals {{\n{}}}\n", numbered(100_000, |n| format!("  k{n} = 1\n"))), 0, ""),
        ("a.tf", local(&format!("{{\n{}}}", numbered(100_000, |n| format!("k{n} = 1\n")))), 0, ""),
        (
            "a.tf",
            format!("resource \"aws_vpc\" \"a\" {{\n{}}}\n", numbered(50_000, |n| format!("k{n} {{\n}}\n"))),
            0,
            "",
        ),
        ("a.tf", "resource \"a\" \"b\" {\n".repeat(100_000), 2, "a.tf:"),
        ("a.yaml", format!("{POD}data:\n{}", numbered(100_000, |n| format!("  k{n}: v\n"))), 0, ""),
        (
            "a.yaml",
            format!(
                "{POD}a: &a\n{}b:\n  <<: *a\n{}",
                numbered(50_000, |n| format!("  k{n}: v\n")),
                numbered(50_000, |n| format!("  j{n}: v\n"))
            ),
            0,
            "",
        ),
        ("Dockerfile", format!("FROM a\n{}", "RUN echo\n".repeat(150_000)), 2, "larger than"),
        // One long line.
        ("a.tf", local(&format!("\"{}\"", "x".repeat(5_000_000))), 0, ""),
        ("a.yaml", format!("{{apiVersion: v1, kind: Pod, x: [{}]}}\n", "a,".repeat(300_000)), 0, ""),
        // Deep.
        ("a.tf", local(&("[".repeat(100_000) + &"]".repeat(100_000))), 2, "nested more than 64 deep"),
        ("a.tf", local(&("!".repeat(100_000) + "true")), 2, "nested more than 64 deep"),
        ("a.tf", local(&format!("[1]{}", "[*]".repeat(100_000))), 2, "nested more than 64 deep"),
        ("a.tf", "a {\n".repeat(20_000) + &"}\n".repeat(20_000), 2, "nested more than 64 deep"),
        ("a.tf.json", "{\"a\":".repeat(100_000), 2, "nested deeper"),
        (
            "a.json",
            format!("{{\"format_version\":1,\"terraform_version\":1,\"a\":{}", "[".repeat(100_000)),
            2,
            "nested deeper",
        ),
        ("a.yaml", format!("{POD}a: {}", "[".repeat(100_000)), 2, "a.yaml:3:"),
        (
            "a.yaml",
            format!("{POD}{}", numbered(2_000, |level| format!("{}a:\n", " ".repeat(level)))),
            2,
            "nested deeper",
        ),
        // Endless.
        ("a.yaml", bomb(), 2, "once its aliases are followed"),
        ("a.tf", doubling("[1]", "[@, @]"), 0, ""),
        ("a.tf", doubling("[1]", "concat(@, @)"), 0, ""),
        ("a.tf", doubling("\"x\"", "\"${@}${@}\""), 0, ""),
        ("a.tf", doubling("9999999999", "@ * @"), 0, ""),
        ("a.tf", local(&format!("replace(join(\"\", {huge}), \"a\", join(\"\", {huge}))")), 0, ""),
        ("a.tf", local("setproduct(range(1000), range(1000), range(1000))"), 0, ""),
        ("a.tf", local("join(\"\", [for i in range(100000) : join(\"\", [for j in range(100000) : j])])"), 2, "steps"),
        ("a.tf", "resource \"aws_vpc\" \"a\" {\n  count = 1000000000\n}\n".into(), 2, "a.tf:1:1: 1000000000 instances"),
        ("a.tf", local("local.x"), 0, ""),
        ("a.tf", "module \"a\" {\n  source = \"./\"\n}\n".into(), 2, "more than 32 deep"),
    ] {
        let folder = folder_of(path, text.as_bytes());
        let ended = probity(folder.path(), CHECK);
        let shown = &ended.shown[..ended.shown.len().min(400)];
        let begin: String = text.chars().take(60).collect();
        assert_eq!(ended.code, Some(code), "{path} {begin:?}: {shown}");
        assert!(ended.shown.contains(told), "{path} {begin:?} does not say {told}: {shown}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    for (path, bytes) in [
        ("a.tf", &b"# \xff\n"[..]),
        ("a.yaml", b"apiVersion: v1\nkind: Pod\n# \xe9\n"),
        ("Dockerfile", b"FROM a\n# \xe9\n"),
        ("b.tf", b"\xff\xfea\0"),
    ] {
        let folder = folder_of(path, bytes);
        fs::write(folder.path().join("open.tf"), OPEN).unwrap();
        let ended = probity(folder.path(), CHECK);
        assert_eq!(ended.code, Some(2), "{path}: {}", ended.shown);
        assert!(
            ended.shown.contains("not UTF-8") && ended.shown.contains("aws_security_group.open"),
            "{}",
            ended.shown
        );
    }
}

/// Makes a pipe that nobody writes to.
fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn what_is_no_file_is_passed_over() {
    let folder = folder_of("open.tf", OPEN.as_bytes());
    let at = |name: &str| folder.path().join(name);
    pipe(&at("pipe.tf"));
    pipe(&at("Dockerfile"));
    let _socket = UnixListener::bind(at("socket.tf")).unwrap();
    fs::create_dir(at("folder.tf")).unwrap();
    symlink("..", at("folder.tf/up")).unwrap();
    symlink("itself", at("itself")).unwrap();
    symlink("nowhere", at("dangling.tf")).unwrap();
    symlink("/dev/zero", at("endless.tf")).unwrap();
    let ended = probity(folder.path(), CHECK);
    assert_eq!(ended.code, Some(1), "{}", ended.shown);
    for path in ["pipe.tf", "socket.tf", "endless.tf", "dangling.tf", "itself"] {
        let ended = probity(folder.path(), &["scan", "--no-config", path]);
        assert_eq!(ended.code, Some(2), "{path}: {}", ended.shown);
        assert!(ended.shown.contains(path), "{}", ended.shown);
    }
}

#[test]
fn what_may_not_be_read_is_told() {
    let folder = folder_of("open.tf", OPEN.as_bytes());
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("closed")).unwrap();
    fs::write(at("closed.tf"), OPEN).unwrap();
    for (path, mode) in [("closed", 0), ("closed.tf", 0), ("", 0o755), ("open.tf", 0o644)] {
        fs::set_permissions(at(path), Permissions::from_mode(mode)).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    if fs::read_dir(at("closed")).is_ok() {
        // The superuser may read everything: somebody else runs it, from where they may.
        fs::copy(env!("CARGO_BIN_EXE_probity"), at("probity")).unwrap();
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "./probity"]);
    }
    let ended = end(command.args(CHECK).current_dir(folder.path()));
    fs::set_permissions(at("closed"), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(ended.code, Some(2), "{}", ended.shown);
    for told in ["closed: cannot be read", "closed.tf: cannot be read", "aws_security_group.open"] {
        assert!(ended.shown.contains(told), "no {told}: {}", ended.shown);
    }
}

const POLICY: &str = "policies:\n  - id: OWN-1\n    title: Named\n    severity: low\n    bindings:\n      - types: [aws_vpc]\n        \
                      rule: {attribute: name, operator: exists}\n";
const WAIVER: &str = "waivers:\n  - policy: OWN-1\n    subject: aws_vpc.a\n    reason: moving\n    requested_by: a\n    \
                      approved_by: b\n    expires: 2999-01-01\n";

#[test]
fn files_that_the_command_names() {
    let with = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from));
        text.replace(from, to)
    };
    for (option, text, told) in [
        ("--policy", "policies:\n  - id: [\n".into(), "x.yaml:3:1: not valid YAML"),
        ("--policy", String::new(), "x.yaml: there is nothing in the file"),
        ("--policy", "- a\n".into(), "x.yaml: no policy is there"),
        ("--policy", with(POLICY, "severity", "sevrity"), "x.yaml:4:5: unknown field `sevrity`"),
        ("--policy", with(POLICY, "exists", "exsts"), "x.yaml:7:33: unknown operator `exsts`"),
        ("--policy", with(POLICY, "exists}", "regex_match, value: \"((\"}"), "x.yaml:7:56: not a regular expression"),
        (
            "--policy",
            format!("{POLICY}{}", &POLICY["policies:\n".len()..]),
            "x.yaml:8:5: the id `OWN-1` is that of another",
        ),
        (
            "--policy",
            with(POLICY, "OWN-1", "PRB-AWS-S3-001"),
            "x.yaml:2:5: the id `PRB-AWS-S3-001` is that of a built-in",
        ),
        (
            "--policy",
            with(POLICY, "    bindings", "    controls: [{control: \"hipaa:1\", serves: fully, why: x}]\n    bindings"),
            "x.yaml:5:17: `hipaa:1` is no requirement",
        ),
        (
            "--policy",
            with(
                POLICY,
                "{attribute: name, operator: exists}",
                &format!("{}{{}}{}", "{not: ".repeat(100), "}".repeat(100)),
            ),
            "x.yaml:7:",
        ),
        ("--waivers", "waivers: [\n".into(), "x.yaml:2:1: not valid YAML"),
        ("--waivers", String::new(), "x.yaml: there is nothing in the file"),
        ("--waivers", with(WAIVER, "2999", "2020"), "x.yaml:2:5: the waiver expired on 2020-01-01"),
        (
            "--waivers",
            with(WAIVER, "approved_by: b", "approved_by: A"),
            "x.yaml:2:5: the waiver was requested and approved by the same",
        ),
        ("--waivers", with(WAIVER, "2999-01-01", "soon"), "x.yaml:7:5: not a date"),
        ("--waivers", with(WAIVER, "    reason: moving\n", ""), "x.yaml:2:5: missing field `reason`"),
        ("--config", "version: [\n".into(), "x.yaml:2:1: not valid YAML"),
        ("--config", "version: 2\n".into(), "x.yaml:1:1: this Probity reads version 1"),
        ("--config", "version: 1\nstages: {default: on}\n".into(), "x.yaml:2:10: `on` is not a stage"),
        ("--config", "version: 1\npolicies: {folders: [nope]}\n".into(), "nope cannot be read"),
        ("--baseline", "{\"findings\": [".into(), "x.yaml: not valid JSON"),
        ("--baseline", "{}".into(), "x.yaml: neither a baseline"),
    ] {
        let folder = folder_of("x.yaml", text.as_bytes());
        fs::write(folder.path().join("open.tf"), OPEN).unwrap();
        let ended = probity(folder.path(), &["scan", option, "x.yaml", "open.tf"]);
        assert_eq!(ended.code, Some(2), "{option} {text:?}: {}", ended.shown);
        assert!(ended.shown.contains(told), "{option} {text:?} does not say {told}: {}", ended.shown);
    }
    for option in ["--policy", "--waivers", "--config", "--baseline"] {
        let folder = folder_of("x.yaml", b"a: \xff\n");
        pipe(&folder.path().join("pipe.yaml"));
        for (path, told) in [
            ("x.yaml", "x.yaml:1: not UTF-8"),
            ("pipe.yaml", "not a file"),
            ("/dev/zero", "not a file"),
            ("nowhere", "No such file"),
        ] {
            let ended = probity(folder.path(), &["scan", option, path, "."]);
            assert_eq!(ended.code, Some(2), "{option} {path}: {}", ended.shown);
            assert!(ended.shown.contains(told), "{option} {path} does not say {told}: {}", ended.shown);
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough() {
    let text = numbered(2_000, |n| OPEN.replace("\"open\"", &format!("\"open{n}\"")));
    let folder = folder_of("a.tf", text.as_bytes());
    for format in ["text", "json", "csv", "sarif"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_probity"))
            .args(CHECK)
            .args(["--format", format])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 16];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

#[test]
fn a_second_run_finds_the_same() {
    let folder = folder_of("a.tf", OPEN.as_bytes());
    fs::write(
        folder.path().join("b.yaml"),
        format!("{POD}metadata: {{name: a}}\nspec: {{containers: [{{name: a, image: b}}]}}\n"),
    )
    .unwrap();
    let scan = || probity(folder.path(), &["scan", "--no-config", "--format", "csv"]).shown;
    let first = scan();
    assert!(first.lines().count() > 5, "{first}");
    assert_eq!(first, scan());
}
