//! Evidence from gates elsewhere.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use probity_evidence_ledger::{Body, Digest, InputRef, Submission, compress};
use probity_evidence_spool::{Server, Spool, deliver};
use probity_model::Gate;
use probity_web::Role;
use serde_json::{Value, json};

use crate::demo;
use crate::running::{Answer, Running};

fn send(server: &Running, token: &str, submissions: &[Submission]) -> Answer {
    server.post("/api/v1/ingest", token, &json!({ "submissions": submissions }))
}

fn kind(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    answer.json()["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn what_is_sent_is_kept_once_and_acknowledged() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, None);
    let three: Vec<Submission> = (1..=3).map(|number| demo::submission("ci/a", number, "aws_s3_bucket.a")).collect();

    let first = send(&server, &token, &three);
    assert_eq!(first.status, 200, "{}", first.text());
    let first = first.json();
    let indexes: Vec<&Value> = first["receipts"].as_array().unwrap().iter().map(|receipt| &receipt["index"]).collect();
    assert_eq!(indexes, [&json!(0), &json!(1), &json!(2)]);
    assert!(first["receipts"].as_array().unwrap().iter().all(|receipt| receipt["repeated"] == false));

    let again = send(&server, &token, &three).json();
    for (one, other) in first["receipts"].as_array().unwrap().iter().zip(again["receipts"].as_array().unwrap()) {
        assert_eq!((&one["index"], &one["leaf"], &json!(true)), (&other["index"], &other["leaf"], &other["repeated"]));
    }

    server.level();
    let shown = server.get("/api/v1/decisions/1").json();
    assert_eq!(shown["leaf"], first["receipts"][1]["leaf"]);
    assert_eq!(shown["verified"], true);
    let metrics = server.get("/metrics").text();
    for line in ["probity_submissions_total{result=\"new\"} 3", "probity_submissions_total{result=\"repeated\"} 3"] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[test]
fn a_number_that_was_used_for_something_else_is_a_conflict() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, None);
    assert_eq!(send(&server, &token, &[demo::submission("ci/a", 1, "aws_s3_bucket.a")]).status, 200);
    let two = [demo::submission("ci/a", 2, "aws_s3_bucket.b"), demo::submission("ci/a", 1, "aws_s3_bucket.other")];
    let conflict = send(&server, &token, &two);
    assert_eq!((conflict.status, kind(&conflict)), (409, "sequence-reused".to_owned()));
    let told = conflict.json();
    assert_eq!((&told["gate"], &told["sequence"], &told["index"]), (&json!("ci/a"), &json!(1), &json!(0)));
    assert_eq!(server.ledger.appended(), 1, "a part of the request was kept");
}

#[test]
fn a_token_sends_for_its_gates_only() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, Some("ci/acme/"));
    assert_eq!(send(&server, &token, &[demo::submission("ci/acme/portal", 1, "a.b")]).status, 200);
    let other = [demo::submission("ci/acme/portal", 2, "a.b"), demo::submission("ci/evil", 1, "a.b")];
    let refused = send(&server, &token, &other);
    assert_eq!((refused.status, &refused.json()["gate"]), (403, &json!("ci/evil")));
    assert_eq!(server.ledger.appended(), 1);
}

#[test]
fn documents_are_checked_and_must_be_there() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, None);
    let document = br#"{"version":1,"policies":[],"sources":[]}"#;
    let digest = Digest::of(document);
    let mut decision = demo::submission("ci/a", 1, "aws_s3_bucket.a");
    if let Body::Decision(record) = &mut decision.body {
        let day = "2026-03-31".parse().unwrap();
        record.input = Some(InputRef { subjects: digest, position: 0, policies: digest, day, redacted: 0 });
    }
    let missing =
        |digests: &[Digest]| server.post("/api/v1/blobs/missing", &token, &json!({ "digests": digests })).json();
    assert_eq!(missing(&[digest]), json!({ "missing": [digest] }));

    let without = send(&server, &token, std::slice::from_ref(&decision));
    assert_eq!((without.status, kind(&without)), (422, "blobs-missing".to_owned()));
    assert_eq!(without.json()["missing"], json!([digest]));

    let with = |digest: Digest, data: &str| {
        let blobs = json!([{ "digest": digest, "data": data }]);
        server.post("/api/v1/ingest", &token, &json!({ "blobs": blobs, "submissions": [decision] }))
    };
    let compressed = STANDARD.encode(compress(document).unwrap());
    for (digest, data, said) in [
        (Digest::of(b"other"), compressed.as_str(), "another content"),
        (digest, "%%%", "base64"),
        (digest, &STANDARD.encode("not zstd"), "Zstandard"),
    ] {
        let wrong = with(digest, data);
        assert_eq!(wrong.status, 400);
        assert!(wrong.json()["detail"].as_str().unwrap().contains(said), "{}", wrong.text());
    }
    assert_eq!(with(digest, &compressed).status, 200);
    assert_eq!(missing(&[digest]), json!({ "missing": [] }));
}

#[test]
fn a_document_that_explodes_is_refused() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, None);
    let mut bomb = zstd::stream::write::Encoder::new(Vec::new(), 19).unwrap();
    for _ in 0..140 {
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let data = STANDARD.encode(bomb.finish().unwrap());
    let blobs = json!([{ "digest": Digest::of(b""), "data": data }]);
    let answer = server.post("/api/v1/ingest", &token, &json!({ "blobs": blobs, "submissions": [] }));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("larger than 128 MiB"), "{}", answer.text());
}

#[test]
fn what_is_not_as_documented_is_refused_and_named() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, None);
    let good = serde_json::to_value(demo::submission("ci/a", 1, "a.b")).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        json!({ "submissions": [value] })
    };
    for (body, said) in [
        (json!({}), "submissions"),
        (json!({ "submissions": [], "more": 1 }), "more"),
        (changed(&|value| drop(value.as_object_mut().unwrap().remove("gate"))), "needs its gate"),
        (changed(&|value| value["kind"] = json!("gossip")), "gossip"),
        (changed(&|value| value["time"] = json!("noon")), "year"),
        (changed(&|value| value["gate"]["sequence"] = json!(0)), "number 0"),
        (changed(&|value| value["gate"]["name"] = json!("a\nb")), "name"),
        (
            json!({ "submissions": [{
                "time": "2026-01-01T00:00:00Z", "gate": { "kind": "ci", "name": "a", "sequence": 1 },
                "kind": "key-rotation", "body": { "old": "a", "new": "b", "signature": "c" },
            }] }),
            "made by the ledger",
        ),
    ] {
        let answer = server.post("/api/v1/ingest", &token, &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(answer.json()["detail"].as_str().unwrap().contains(said), "{said}: {}", answer.text());
    }
    let bearer = format!("Bearer {token}");
    let plain = [("Authorization", bearer.as_str()), ("Content-Type", "text/plain")];
    assert_eq!(server.send("POST", "/api/v1/ingest", &plain, b"{}").status, 415);
    assert_eq!(server.ledger.appended(), 0);
}

#[test]
fn a_spool_delivers_to_the_server() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, Some("ci/acme/"));
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), Gate::Ci, "ci/acme/portal/1").unwrap();
    let document = br#"{"version":1,"policies":[],"sources":[]}"#;
    let bodies = (0..1_200).map(|number| {
        let mut decision = demo::submission("", 1, &format!("aws_s3_bucket.number{number}"));
        if let Body::Decision(record) = &mut decision.body {
            let (subjects, day) = (Digest::of(document), "2026-03-31".parse().unwrap());
            record.input = Some(InputRef { subjects, position: 0, policies: subjects, day, redacted: 0 });
        }
        (decision.time, decision.body)
    });
    spool.append(bodies.collect(), &[document]).unwrap();
    let to = Server::new(&format!("http://{}", server.address), &token, None).unwrap();
    let delivered = deliver(&spool, &to, Duration::from_secs(20)).unwrap();
    assert_eq!((delivered.sent, delivered.repeated, delivered.left), (1_200, 0, 0));
    assert_eq!(server.ledger.appended(), 1_200);

    let folder = tempfile::tempdir().unwrap();
    let other = Spool::open(folder.path(), Gate::Ci, "ci/other/1").unwrap();
    let refused = demo::submission("", 1, "aws_s3_bucket.other");
    other.append(vec![(refused.time, refused.body)], &[]).unwrap();
    let refused = deliver(&other, &to, Duration::from_secs(1)).unwrap_err();
    assert!(refused.to_string().contains("does not send for the gate"), "{refused}");
}

#[test]
fn too_many_senders_are_told_to_come_again() {
    let server = Running::start_with(|_| {}, |config| config.limits.ingests = 0);
    let token = server.token(Role::Gate, None);
    let answer = send(&server, &token, &[demo::submission("ci/a", 1, "a.b")]);
    assert_eq!((answer.status, kind(&answer)), (503, "overload".to_owned()));
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, None);
    let receipt = send(&server, &token, &[demo::submission("ci/a", 1, "aws_s3_bucket.kept")]).json();
    let folder = server.stop();
    let ledger = demo::ledger(folder.path());
    let entry = ledger.reader().entry(0).unwrap();
    assert_eq!(json!(entry.leaf), receipt["receipts"][0]["leaf"]);
}
