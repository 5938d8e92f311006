//! `probity db`: databases are built, asked, and brought up to date over real connections.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::{folder, probity, text};

fn advisory(id: &str, name: &str, fixed: &str) -> String {
    format!(
        r#"{{"id": "{id}", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-{id}"], "summary": "It breaks", "affected": [
        {{"package": {{"ecosystem": "PyPI", "name": "{name}"}}, "ranges": [{{"type": "ECOSYSTEM", "events": [{{"introduced": "0"}}, {{"fixed": "{fixed}"}}]}}]}}]}}"#
    )
}

/// Runs the command with the database of a folder; gives its exit code, its output and what it says of errors.
fn db(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let (command, rest) = arguments.split_first().unwrap();
    let output = probity(folder, &[&["db", command, "--db", "x.db"], rest].concat());
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_was_built_is_shown_and_asked() {
    let kev = r#"{"catalogVersion": "1", "dateReleased": "2026-01-01", "vulnerabilities": [{"cveID": "CVE-A-1", "dateAdded": "2026-02-03"}]}"#;
    let files = [("in/a/A-1.json", advisory("A-1", "thing", "1.2")), ("in/a/broken.json", "{".to_owned())];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let folder = folder(&[&files[..], &[("in/kev.json", kev)]].concat());
    let (code, out, err) = db(folder.path(), &["build", "in"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("known-exploited") && out.contains("digest sha256:"), "{out}");
    assert!(err.contains("a: 1 records were not understood") && err.contains("broken.json"), "{err}");

    let (code, out, _) = db(folder.path(), &["lookup", "pkg:pypi/Thing@1.1"]);
    assert!(code == 1 && out.contains("CVE-A-1 (A-1)") && out.contains("fixed in: 1.2"), "{out}");
    assert!(out.contains("known to be exploited since 2026-02-03"), "{out}");
    assert_eq!(db(folder.path(), &["lookup", "thing", "1.2", "--ecosystem", "PyPI"]).0, 0);
    let (code, _, err) = db(folder.path(), &["lookup", "thing", "1.1", "--ecosystem", "npm"]);
    assert!(code == 2 && err.contains("not assessed"), "{err}");
    let (code, _, err) = db(folder.path(), &["lookup", "thing", "1.1"]);
    assert!(code == 2 && err.contains("--ecosystem"), "{err}");

    let (code, out, _) = db(folder.path(), &["status", "--format", "json", "--verify", "--max-age", "1"]);
    let status: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &status["age_days"], &status["ecosystems"]["PyPI"]["packages"]), (0, &0.into(), &1.into()));
    // Of a database whose files are old nobody may say that it is fresh.
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_hours(490_896);
    for name in ["A-1.json", "broken.json"] {
        let file = std::fs::File::options().append(true).open(folder.path().join("in/a").join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    assert_eq!(db(folder.path(), &["build", "in"]).0, 0);
    let (code, _, err) = db(folder.path(), &["status", "--max-age", "1"]);
    assert!(code == 1 && err.contains("days old"), "{err}");
}

#[test]
fn what_is_no_source_is_refused_and_the_old_database_stays() {
    let files = [
        ("a/A-1.json", advisory("A-1", "thing", "1.2")),
        ("empty.json", String::new()),
        ("notes.txt", "none".to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let folder = folder(&files);
    let (code, _, err) = db(folder.path(), &["status"]);
    assert!(code == 2 && err.contains("there is no database at x.db"), "{err}");
    assert_eq!(db(folder.path(), &["build", "a"]).0, 0);
    let before = std::fs::read(folder.path().join("x.db")).unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&["build", "none"], "none cannot be read"),
        (&["build", "empty.json"], "the file is empty"),
        (&["build", "notes.txt"], "--kind"),
        (&["build", "a", "--kind", "alpine"], "has no advisories of the form alpine"),
        (&["build", "https://example.com/x.zip"], "probity db update"),
        (&["update"], "list them in probity.yaml"),
    ];
    for (arguments, part) in cases {
        let (code, _, err) = db(folder.path(), arguments);
        assert!(code == 2 && err.contains(part), "{arguments:?}: {err}");
        assert_eq!(std::fs::read(folder.path().join("x.db")).unwrap(), before, "{arguments:?}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".probity")), "{left:?}");
}

/// A server of one file, which may fail the first times.
#[derive(Clone, Default)]
struct Served {
    body: Vec<u8>,
    failures: usize,
    /// What each request said of what it has.
    asked: Vec<Option<String>>,
}

fn serve(served: &Arc<Mutex<Served>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::clone(served);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut known = None;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some((name, value)) =
                    line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("if-none-match"))
                {
                    assert!(!name.is_empty());
                    known = Some(value.trim().to_owned());
                }
                line.clear();
            }
            let mut served = served.lock().unwrap();
            served.asked.push(known.clone());
            let tag = format!("\"{}\"", served.body.len());
            let head = |status: &str, length: usize| {
                format!(
                    "HTTP/1.1 {status}\r\netag: {tag}\r\nretry-after: 0\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                )
            };
            if served.failures > 0 {
                served.failures -= 1;
                stream.write_all(head("503 Service Unavailable", 0).as_bytes()).unwrap();
            } else if known.as_ref() == Some(&tag) {
                stream.write_all(head("304 Not Modified", 0).as_bytes()).unwrap();
            } else {
                stream.write_all(head("200 OK", served.body.len()).as_bytes()).unwrap();
                stream.write_all(&served.body).unwrap();
            }
        }
    });
    format!("http://{address}")
}

#[test]
fn what_has_not_changed_is_not_fetched_and_what_has_is_told() {
    let folder = folder(&[]);
    let served = Arc::new(Mutex::new(Served { failures: 2, ..Served::default() }));
    let address = serve(&served);
    let set = |advisories: &[String]| served.lock().unwrap().body = format!("[{}]", advisories.join(",")).into_bytes();
    std::fs::write(
        folder.path().join("probity.yaml"),
        format!("version: 1\nimages: {{advisories: [own={address}/x.json]}}\n"),
    )
    .unwrap();
    set(&[advisory("A-1", "thing", "1.2")]);
    let (code, out, err) = db(folder.path(), &["update"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("own") && err.contains("503"), "{out}{err}");
    let (code, out, _) = db(folder.path(), &["update"]);
    assert!(code == 0 && out.contains("nothing that the advisories say has changed"), "{out}");
    assert_eq!(served.lock().unwrap().asked.len(), 4);
    assert!(served.lock().unwrap().asked[3].is_some(), "the tag was not told");
    set(&[advisory("A-1", "thing", "1.2.1"), advisory("B-1", "other", "2.0")]);
    let (code, out, _) = db(folder.path(), &["update"]);
    assert!(
        code == 0 && out.contains("1 new: B-1") && out.contains("2 packages have other advisories: other, thing"),
        "{out}"
    );
    // A source that is something else now leaves what there is.
    served.lock().unwrap().body = b"<html>".to_vec();
    let (code, _, err) = db(folder.path(), &["update"]);
    assert!(code == 2 && err.contains("not updated, the database of") && err.contains("cannot tell what"), "{err}");
    assert_eq!(db(folder.path(), &["lookup", "pkg:pypi/other@1.0"]).0, 1);
}

#[test]
fn a_built_database_is_taken_when_it_is_the_one_that_is_meant() {
    let files = [("a/A-1.json", advisory("A-1", "thing", "1.2"))];
    let folder = folder(&[(files[0].0, files[0].1.as_str())]);
    let built = folder.path().join("built.db");
    let output = probity(folder.path(), &["db", "build", "a", "-o", "built.db"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut bytes = Vec::new();
    std::fs::File::open(&built).unwrap().read_to_end(&mut bytes).unwrap();
    let served = Arc::new(Mutex::new(Served { body: bytes.clone(), ..Served::default() }));
    let address = format!("{}/x.db", serve(&served));
    let wrong = "0".repeat(64);
    let (code, _, err) = db(folder.path(), &["update", &address, "--digest", &wrong]);
    assert!(code == 2 && err.contains("is wanted") && err.contains("there is no database yet"), "{err}");
    let (code, out, err) = db(folder.path(), &["update", &address]);
    assert!(code == 0 && out.contains("digest sha256:"), "{out}{err}");
    assert_eq!(std::fs::read(folder.path().join("x.db")).unwrap(), bytes);
    // One that was damaged on the way is not taken.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes.push(0);
    served.lock().unwrap().body = bytes;
    let (code, _, err) = db(folder.path(), &["update", &address]);
    assert!(code == 2 && err.contains("stays"), "{err}");
    assert_eq!(db(folder.path(), &["lookup", "pkg:pypi/thing@1.0"]).0, 1);
}

/// A server that ends in the middle of what it promised, and says so on the channel, keeping the connection.
fn serve_half(told: std::sync::mpsc::Sender<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
        while request.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n[{").unwrap();
        stream.write_all(&vec![b' '; 200_000]).unwrap();
        told.send(()).unwrap();
        // Until the other side is gone.
        let _ = stream.read(&mut [0]);
    });
    format!("http://{address}/x.json")
}

#[test]
#[cfg(unix)]
fn who_is_interrupted_leaves_no_half_of_a_file() {
    const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);
    for signal in ["-INT", "-TERM"] {
        let files = [("a/A-1.json", advisory("A-1", "thing", "1.2"))];
        let folder = folder(&[(files[0].0, files[0].1.as_str())]);
        assert_eq!(db(folder.path(), &["build", "a"]).0, 0);
        let before = std::fs::read(folder.path().join("x.db")).unwrap();
        let (told, arrived) = std::sync::mpsc::channel();
        let address = serve_half(told);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_probity"));
        command.args(["db", "update", "--db", "x.db", &address]).current_dir(folder.path());
        let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        arrived.recv_timeout(MINUTE).expect("nobody asked");
        // The part is there while it is fetched, or this would say nothing.
        let parts = |at: &str| {
            let entries = std::fs::read_dir(folder.path().join(at)).into_iter().flatten().flatten();
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".probity-")).count()
        };
        let began = std::time::Instant::now();
        while parts("advisories") == 0 {
            assert!(began.elapsed() < MINUTE, "nothing is written");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{signal}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("nothing was changed"), "{signal}");
        assert_eq!((parts("advisories"), parts(".")), (0, 0), "{signal}");
        assert_eq!(std::fs::read(folder.path().join("x.db")).unwrap(), before, "{signal}");
    }
}
