//! The API is as its document says.

use std::collections::BTreeSet;

use probity_evidence_ledger::Proof;
use probity_web::Role;
use serde_json::{Value, json};

use crate::demo;
use crate::running::{Answer, Running};
use crate::schema;

/// A value for each parameter that paths and required queries need.
fn example(name: &str, server: &Running) -> String {
    match name {
        "index" => "0".into(),
        "cluster" => "prod-eu".into(),
        "framework" => "soc2".into(),
        "control" => "CC6.1".into(),
        "policy" => server.get("/api/v1/policies").json()["rows"][0]["id"].as_str().unwrap().into(),
        other => panic!("an example of {other} is missing"),
    }
}

/// Holds an answer to what the document says of the operation.
pub(crate) fn check_answer(document: &Value, operation: &Value, answer: &Answer, what: &str) {
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{what} answers {}, which is not documented: {}", answer.status, answer.text());
    let media_type = answer.header("content-type").unwrap().split(';').next().unwrap();
    let content = &response["content"][media_type];
    assert!(content.is_object(), "{what} answers with {media_type}, which is not documented");
    if media_type.ends_with("json") {
        let mut wrong = Vec::new();
        schema::check(document, &content["schema"], &answer.json(), "", &mut wrong);
        assert!(wrong.is_empty(), "{what}: {wrong:#?}");
    }
}

#[test]
fn every_documented_path_answers_as_documented() {
    let server = Running::start(demo::fill);
    server.level();
    let token = server.token(Role::Gate, None);
    let document = server.get("/api/v1/openapi.json").json();
    let mut walked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let answer = if method == "post" {
                let body = match operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str() {
                    Some("#/components/schemas/Ingest") => {
                        json!({ "submissions": [demo::submission("ci/walk", 1, "a.b")] })
                    }
                    Some("#/components/schemas/EventList") => {
                        crate::audit_log::list(&[crate::audit_log::event("walk", "create", 201)])
                    }
                    _ => json!({ "digests": [] }),
                };
                server.post(&address(path, operation, &server), &token, &body)
            } else {
                server.get(&address(path, operation, &server))
            };
            assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
            check_answer(&document, operation, &answer, &format!("{method} {path}"));
            walked += 1;
        }
    }
    assert!(walked >= 18, "{walked} operations");
}

/// The path with its parameters, and what its query must have.
fn address(path: &str, operation: &Value, server: &Running) -> String {
    let (mut address, mut query) = (path.to_owned(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        if parameter["in"] == "path" {
            address = address.replace(&format!("{{{name}}}"), &example(name, server));
        } else if parameter["required"] == true {
            query.push(format!("{name}={}", example(name, server)));
        }
    }
    format!("{address}?{}", query.join("&"))
}

#[test]
fn every_parameter_is_read_and_no_other() {
    let server = Running::start(demo::fill);
    server.level();
    let document = server.get("/api/v1/openapi.json").json();
    let wrong_for = |name: &str| match name {
        "from" | "to" => Some("yesterday"),
        "before" | "start" | "index" => Some("minus-one"),
        "limit" => Some("0"),
        "gate_kind" | "action" | "outcome" | "severity" | "format" => Some("none-such"),
        "missing" | "incomplete" => Some("perhaps"),
        "samples" => Some("101"),
        _ => None,
    };
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some(operation) = operations.get("get") else { continue };
        let address = address(path, operation, &server);
        let refused = server.get(&format!("{address}&unheard-of=1"));
        assert_eq!(refused.status, 400, "{path} takes a parameter that is not documented");
        check_answer(&document, operation, &refused, path);
        for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            if let Some(wrong) = wrong_for(name) {
                let refused = server.get(&format!("{address}&{name}={wrong}"));
                assert_eq!(refused.status, 400, "{path} takes {name}={wrong}");
                assert_eq!(refused.json()["parameter"], name, "{}", refused.text());
            }
        }
    }
}

#[test]
fn filters_narrow_and_pages_go_on() {
    let server = Running::start(demo::fill);
    server.level();
    let count =
        |query: &str| server.get(&format!("/api/v1/decisions?{query}")).json()["total"]["count"].as_u64().unwrap();
    let all = count("");
    assert!(all > 1_000, "{all}");
    for query in [
        "action=deny",
        "outcome=waived",
        "severity=critical",
        "policy=PRB-AWS-S3-*",
        "control=soc2:A1.2",
        "framework=hipaa",
        "resource_type=aws_s3_bucket",
        "address=*archive",
        "environment=production",
        "service=billing",
        "owner=team-portal",
        "gate=ci/github/acme/imaging",
        "subject_kind=kubernetes",
        "text=archive",
        "from=2999-01-01",
        "to=2000-01-01",
    ] {
        assert!(count(query) < all, "{query} narrows nothing");
    }
    let (mut seen, mut before) = (BTreeSet::new(), String::new());
    loop {
        let page = server.get(&format!("/api/v1/decisions?limit=300{before}")).json();
        for row in page["rows"].as_array().unwrap() {
            assert!(seen.insert(row["index"].as_u64().unwrap()), "a decision is on two pages");
        }
        match page["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len() as u64, all);
}

#[test]
fn a_report_is_given_in_each_form_and_can_do_nothing() {
    let server = Running::start(demo::fill);
    server.level();
    let token = format!("Bearer {}", server.token(Role::Auditor, None));
    for (format, media_type, place) in
        [("html", "text/html", "inline"), ("csv", "text/csv", "attachment"), ("json", "application/json", "attachment")]
    {
        let path = format!("/api/v1/report?framework=soc2&from=2026-01-01&to=2026-03-31&format={format}");
        let answer = server.send("GET", &path, &[("Authorization", &token)], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("CC6.1"), "{}", answer.text());
        assert!(format == "csv" || answer.text().contains("auditor None"), "{format} does not say who asked");
        assert!(!answer.text().contains(" style="), "a style that the policy forbids");
        assert!(answer.header("content-type").unwrap().starts_with(media_type));
        let wanted = format!("{place}; filename=\"probity-soc2-2026-01-01-to-2026-03-31.{format}\"");
        assert_eq!(answer.header("content-disposition"), Some(wanted.as_str()));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src '") && !policy.contains("unsafe"), "{policy}");
    }
    assert_eq!(server.get("/api/v1/report?framework=none").json()["parameter"], "framework");
}

#[test]
fn a_proof_holds_by_the_public_key_alone() {
    let server = Running::start(demo::fill);
    server.level();
    let checkpoint = server.get("/api/v1/checkpoint").json();
    let public_key = server.get("/ledger/ledger.pub").text();
    assert!(public_key.contains(checkpoint["key"].as_str().unwrap()));
    let verifier = checkpoint["key"].as_str().unwrap().parse().unwrap();
    for index in [0, 1, checkpoint["size"].as_u64().unwrap() - 1] {
        let proof = Proof::parse(&server.get(&format!("/api/v1/entries/{index}/proof")).text()).unwrap();
        let leaf = probity_evidence_ledger::leaf_hash(&server.get(&format!("/api/v1/entries/{index}/canonical")).body);
        proof.verify(&leaf, &verifier).unwrap();
    }
    assert_eq!(server.get("/api/v1/entries/99999999").status, 404);
}

#[test]
fn the_ledger_is_served_as_tiles_and_nothing_beside_it() {
    let server = Running::start(demo::fill);
    server.level();
    let checkpoint = server.get("/ledger/checkpoint");
    assert_eq!(checkpoint.body, std::fs::read(server.folder.path().join("ledger/checkpoint")).unwrap());
    let tile = server.get("/ledger/tile/0/000");
    assert_eq!((tile.status, tile.body.len()), (200, 256 * 32));
    assert_eq!(server.get("/ledger/tile/entries/000").status, 200);
    for path in [
        "/ledger/lock",
        "/ledger/pending/0.log",
        "/ledger/../keys/ledger.key",
        "/ledger/tile/%2e%2e/%2e%2e/keys/ledger.key",
        "/ledger/",
    ] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
}

#[test]
fn what_is_not_there_is_told_as_a_problem() {
    let server = Running::start(|_| {});
    for (path, status) in [("/api/v1/nothing", 404), ("/api/v1/decisions/0", 404), ("/api/v1/policies/none", 404)] {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/problem+json")),
            "{path}"
        );
        assert_eq!(answer.json()["status"], status, "{path}");
    }
    assert_eq!(server.send("DELETE", "/api/v1/decisions", &[], b"").status, 401);
}
