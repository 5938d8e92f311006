use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;

/// A platform that takes every result, and has the same plan for all.
struct Platform {
    address: String,
    results: Arc<Mutex<HashMap<String, Vec<Value>>>>,
}

impl Platform {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let results: Arc<Mutex<HashMap<String, Vec<Value>>>> = Arc::default();
        let kept = Arc::clone(&results);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(&stream);
                let (mut line, mut length) = (String::new(), 0);
                reader.read_line(&mut line).unwrap();
                loop {
                    let mut header = String::new();
                    reader.read_line(&mut header).unwrap();
                    let header = header.trim_end().to_lowercase();
                    if header.is_empty() {
                        break;
                    }
                    length = header.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let path = line.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
                if line.starts_with("PATCH") {
                    let result = serde_json::from_slice(&body).unwrap();
                    kept.lock().unwrap().entry(path).or_default().push(result);
                }
                let plan = r#"{"format_version":"1.2","planned_values":{"root_module":{}}}"#;
                let answer =
                    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{plan}", plan.len());
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { address, results }
    }

    fn task(&self, name: &str) -> Task {
        let url = format!("http://{}/{name}", self.address);
        serde_json::from_value(json!({
            "payload_version": 1, "stage": "post_plan", "access_token": "tok-secret", "organization_name": "acme",
            "workspace_name": "portal", "run_id": name, "task_result_id": name, "task_result_callback_url": url,
            "plan_json_api_url": url, "capabilities": {"outcomes": true}
        }))
        .unwrap()
    }

    /// The message of the last result.
    fn message(&self, name: &str) -> String {
        let start = Instant::now();
        loop {
            let last = self.results.lock().unwrap().get(name).and_then(|all| all.last().cloned());
            let attributes = last.map(|last| last["data"]["attributes"].clone()).unwrap_or_default();
            if attributes["status"] == "failed" {
                return attributes["message"].as_str().unwrap().to_owned();
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{name} never ended: {attributes}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Does what the run is called.
struct ByName;

impl Judge for ByName {
    fn judge(&self, task: &Task, subject: &Subject) -> Result<Judged, String> {
        assert!(subject.path.starts_with(&subject.root));
        match task.run_id.as_str() {
            "slow" => thread::sleep(Duration::from_secs(3)),
            "broken" => panic!("the judge of a test breaks"),
            _ => {}
        }
        Err(format!("no ledger for Bearer tok-secret of {}", task.run_id))
    }
}

fn settings(journal: &Path, hosts: &Platform) -> Settings {
    Settings {
        key: None,
        hosts: vec![format!("http://{}", hosts.address).parse().unwrap()],
        authorities: None,
        journal: journal.to_owned(),
        judge: Arc::new(ByName),
        limits: Limits {
            time: Duration::from_secs(1),
            first_wait: Duration::from_millis(10),
            workers: 1,
            waiting: 3,
            ..Limits::default()
        },
    }
}

#[test]
fn whatever_happens_the_task_fails_with_its_reason() {
    let (place, platform) = (tempfile::tempdir().unwrap(), Platform::start());
    let service = Service::start(settings(place.path(), &platform)).unwrap();
    for name in ["broken", "refused"] {
        assert_eq!(service.take(platform.task(name)).unwrap(), Taken::New);
        assert_eq!(service.take(platform.task(name)).unwrap(), Taken::Known);
    }
    assert!(platform.message("broken").contains("judging it broke off"));
    assert_eq!(
        platform.message("refused"),
        "Not judged, so not passed: no ledger for Bearer ******** of refused",
        "the token is not told"
    );
    service.take(platform.task("slow")).unwrap();
    assert!(platform.message("slow").contains("it took longer than 1s"));
}

#[test]
fn what_was_begun_too_often_or_long_ago_is_not_begun_again() {
    let (place, platform) = (tempfile::tempdir().unwrap(), Platform::start());
    let journal = Journal::open(place.path()).unwrap();
    let now = Timestamp::now();
    for (name, minutes, attempts) in [("often", 0, ATTEMPTS), ("late", 5, 1), ("forgotten", 61, 1)] {
        let received = now - jiff::SignedDuration::from_mins(minutes);
        journal.keep(&Entry { received, attempts, task: platform.task(name) }).unwrap();
    }
    let _service = Service::start(settings(place.path(), &platform)).unwrap();
    assert!(platform.message("often").contains("the server ended 3 times"));
    assert!(platform.message("late").contains("took longer"));
    let start = Instant::now();
    while !journal.waiting().unwrap().0.is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30), "a task is never forgotten");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(!platform.results.lock().unwrap().contains_key("forgotten"));
}

#[test]
fn who_comes_when_all_places_are_taken_is_told_to_come_again() {
    let (place, platform) = (tempfile::tempdir().unwrap(), Platform::start());
    let service = Service::start(settings(place.path(), &platform)).unwrap();
    let taken: Vec<Taken> = (0..20)
        .map(|n| {
            let mut task = platform.task("slow");
            task.task_result_id = n.to_string();
            service.take(task).unwrap()
        })
        .collect();
    assert!(taken.contains(&Taken::Full), "{taken:?}");
    assert_eq!(taken[0], Taken::New);
}
