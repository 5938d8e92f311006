//! The pages, as text.

use probity_evidence_ledger::{Body, FindingRecord, GateNumber, Ledger, Submission, WaiverRecord};
use probity_model::{Gate, Labels, Outcome, PolicyId, Severity, Stage};

use crate::artifacts;
use crate::demo;
use crate::running::Running;

const PAGES: [&str; 15] = [
    "/",
    "/frameworks/soc2",
    "/frameworks/soc2/controls/CC6.1",
    "/frameworks/hipaa/controls/164.312%28a%29%281%29",
    "/decisions",
    "/decisions?text=archive&outcome=waived",
    "/policies",
    "/scans",
    "/images",
    "/images?action=deny",
    "/builds",
    "/builds?action=deny",
    "/waivers",
    "/gates",
    "/report",
];

/// The tags of a page, each with the names of its attributes.
fn tags(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let (name, mut inside) = rest.split_at(rest.find([' ', '>']).unwrap());
        let mut attributes = Vec::new();
        loop {
            inside = inside.trim_start();
            if inside.starts_with('>') {
                break;
            }
            let (attribute, after) = inside.split_at(inside.find(['=', ' ', '>']).unwrap());
            attributes.push(attribute);
            inside = match after.strip_prefix("=\"") {
                Some(value) => &value[value.find('"').unwrap() + 1..],
                None => after,
            };
        }
        tags.push((name, attributes));
        rest = inside;
    }
    tags
}

/// Nothing inline, and every table and every field named.
pub(crate) fn check_form(path: &str, page: &str) {
    for (tag, attributes) in tags(page) {
        assert_ne!(tag, "style", "{path}");
        for name in attributes {
            assert!(name != "style" && !name.starts_with("on"), "{path} has {name} in <{tag}>");
        }
    }
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{path}");
    assert_eq!(page.matches("<h1").count(), 1, "{path}");
    assert_eq!(page.matches("<main").count(), 1, "{path}");
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count(), "{path}");
    for header in page.split("<th").skip(1).filter(|rest| !rest.starts_with("ead")) {
        assert!(header.split('>').next().unwrap().contains("scope="), "{path}: <th{}", &header[..header.len().min(60)]);
    }
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "{path} has an id twice");
    for field in page.split("<input").skip(1).chain(page.split("<select").skip(1)) {
        let tag = field.split('>').next().unwrap();
        if tag.contains("type=\"hidden\"") {
            continue;
        }
        let id = tag
            .split("id=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap_or_else(|| panic!("{path}: {tag}"));
        assert!(page.contains(&format!("for=\"{id}\"")), "{path}: the field {id} has no label");
    }
}

#[test]
fn every_page_is_well_formed_with_evidence_and_without() {
    for fill in [|_: &Ledger| {}, demo::fill] {
        let server = Running::start(fill);
        server.level();
        for path in PAGES {
            let answer = server.get(path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            check_form(path, &answer.text());
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let server = Running::start(demo::fill);
    server.level();
    let mut seen = std::collections::BTreeSet::new();
    let mut open: Vec<String> = vec!["/".to_owned(), "/?from=2025-01-01&to=2026-12-31".to_owned()];
    // Pages of one kind are many; a few of each are looked at.
    let mut kinds = std::collections::BTreeMap::<String, u32>::new();
    while let Some(path) = open.pop() {
        let kind: String = path.split('?').next().unwrap().chars().filter(|letter| !letter.is_ascii_digit()).collect();
        let kind = kind.split('/').take(3).collect::<Vec<_>>().join("/");
        let looked = kinds.entry(kind).or_default();
        if *looked >= 6 || !seen.insert(path.clone()) {
            continue;
        }
        *looked += 1;
        let answer = server.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        if answer.header("content-type").is_some_and(|of| of.starts_with("text/html")) {
            let page = answer.text();
            check_form(&path, &page);
            let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
            open.extend(links.filter(|link| link.starts_with('/')).map(|link| link.replace("&amp;", "&")));
        }
    }
    assert!(seen.len() > 40, "{}", seen.len());
}

#[test]
fn the_period_goes_along() {
    let server = Running::start(demo::fill);
    server.level();
    let page = server.get("/?from=2026-01-01&to=2026-01-31").text();
    assert!(page.contains("href=\"/decisions?from=2026-01-01&amp;to=2026-01-31\""));
    assert!(!server.get("/").text().contains("href=\"/decisions?from="));
}

#[test]
fn what_is_wrong_with_an_address_is_a_page() {
    let server = Running::start(|_| {});
    for (path, status, said) in [
        ("/nothing", 404, "There is no page"),
        ("/decisions/0", 404, "no entry 0"),
        ("/decisions/x", 404, "by its number"),
        ("/frameworks/none", 404, "no framework"),
        ("/frameworks/soc2/controls/none", 404, "no control"),
        ("/frameworks/pci-dss/controls/3.2.1:1.1.1", 404, "earlier version"),
        ("/policies/none", 404, "No policy"),
        ("/images/0", 404, "no entry 0"),
        ("/builds/x", 404, "by its number"),
        ("/images?action=perhaps", 400, "action"),
        ("/?from=yesterday", 400, "from"),
        ("/decisions?severity=awful", 400, "severity"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{path}");
        assert!(answer.text().contains(said), "{path}: {}", answer.text());
        check_form(path, &answer.text());
    }
}

/// A text that does something wherever it is not taken as text.
pub(crate) fn hostile(place: &str) -> String {
    format!(
        "{place}\"'><script>alert(1)</script><img src=x onerror=alert(1)>'; DROP TABLE decision; --{{{{7*7}}}} %00 \u{202e}&amp;"
    )
}

fn hostile_ledger(ledger: &Ledger) {
    let policy = |place: &str| PolicyId(hostile(place).into());
    let set = serde_json::json!({ "version": 1, "sources": [], "policies": [{
        "id": hostile("policy"), "title": hostile("title"), "severity": "high", "category": hostile("category"),
        "why": hostile("why"), "fix": hostile("fix"), "aliases": [hostile("alias")], "language": hostile("language"), "builtin": false,
        "controls": [{ "control": "soc2:CC6.1", "serves": "partly", "why": hostile("serves") },
                     { "control": format!("{}:{}", hostile("framework").replace(':', ""), hostile("control")), "serves": "fully", "why": "w" }],
    }]});
    let set = ledger.put_blob(set.to_string().as_bytes()).unwrap();
    let gate = |sequence| Some(GateNumber { kind: Gate::Ci, name: hostile("gate").into(), sequence });
    let mut decision = demo::submission("", 1, &hostile("address"));
    decision.gate = gate(1);
    if let Body::Decision(record) = &mut decision.body {
        record.subject.kind = hostile("kind").into();
        record.subject.resource_type = hostile("type").into();
        record.subject.labels = Labels {
            environment: Some(hostile("environment").into()),
            service: Some(hostile("service").into()),
            owner: Some(hostile("owner").into()),
        };
        record.findings = vec![FindingRecord {
            policy: policy("policy"),
            outcome: Outcome::Fail,
            severity: Severity::High,
            stage: Stage::Enforce,
            message: hostile("message"),
            reason: Some(hostile("reason")),
            location: None,
        }];
        record.passed = vec![policy("passed")];
    }
    let mut scan = serde_json::json!({
        "origin": { "repository": hostile("repository"), "commit": hostile("commit"), "reference": hostile("reference"),
                    "actor": hostile("actor"), "run": hostile("run"), "host": hostile("host") },
        "paths": [hostile("path")], "files": 1, "decisions": 1, "outcomes": [["fail", 1]],
        "problems": [{ "path": hostile("file"), "message": hostile("problem") }],
        "policies": set, "frameworks": [hostile("chosen")], "version": hostile("version"),
    });
    let waiver = WaiverRecord {
        policy: hostile("waived"),
        vulnerability: None,
        package: None,
        subject: hostile("subject"),
        reason: hostile("because"),
        requested_by: hostile("asker"),
        approved_by: hostile("approver"),
        expires: "2999-01-01".parse().unwrap(),
    };
    scan["waivers"] = serde_json::json!([waiver]);
    let scan = Body::Scan(serde_json::from_value(scan).unwrap());
    let (time, digest) = (decision.time, ledger.put_blob(b"[]").unwrap());
    let image = artifacts::with_texts(&artifacts::image("a", 4, &digest), &|name| hostile(name));
    let build = artifacts::with_texts(&artifacts::build("a", 4, time), &|name| hostile(name));
    let bodies = (2..).zip([scan, image, build]).map(|(number, body)| Submission { time, gate: gate(number), body });
    let all: Vec<Submission> = std::iter::once(decision.clone()).chain(bodies).collect();
    ledger.append(&all).unwrap();
    ledger.publish().unwrap();
}

#[test]
fn html_and_sql_in_every_field_is_text() {
    let server = Running::start(hostile_ledger);
    server.level();
    let query = |name: &str| {
        let value: String = form_urlencoded::byte_serialize(hostile("address").as_bytes()).collect();
        format!("/decisions?{name}={value}")
    };
    let policy: String =
        form_urlencoded::byte_serialize(hostile("policy").as_bytes()).collect::<String>().replace('+', "%20");
    let mut paths: Vec<String> = PAGES.iter().map(|path| (*path).to_owned()).collect();
    paths.extend([
        "/decisions/0".to_owned(),
        "/scans/1".to_owned(),
        "/images/2".to_owned(),
        "/builds/3".to_owned(),
        format!("/policies/{policy}"),
        query("text"),
        query("address"),
        query("gate"),
    ]);
    paths.extend([
        format!("/sign-in?next={policy}"),
        format!("/frameworks/{policy}"),
        format!("/frameworks/soc2/controls/{policy}"),
    ]);
    let mut shown = 0;
    for path in &paths {
        let answer = server.get(path);
        assert!(answer.status == 200 || answer.status == 404, "{path}: {} {}", answer.status, answer.text());
        let page = answer.text();
        for live in ["<script>alert", "<img src=x", "'; DROP TABLE decision; --{{49}}", "onerror=alert(1)>'"] {
            assert!(!page.contains(live), "{path} has {live}");
        }
        shown += page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count();
        check_form(path, &page);
    }
    assert!(shown > 60, "the fields are shown {shown} times only");
    assert_eq!(server.get("/api/v1/decisions").json()["total"]["count"], 1, "the tables are still there");
    let exact = server.get(&query("address").replace("/decisions", "/api/v1/decisions")).json();
    assert_eq!(exact["rows"][0]["address"], hostile("address"));
}

#[test]
fn a_text_of_a_million_characters_does_no_harm() {
    let server = Running::start(|ledger| {
        let mut decision = demo::submission("ci/a", 1, "aws_s3_bucket.long");
        if let Body::Decision(record) = &mut decision.body {
            record.findings[0].message = "x".repeat(1_000_000);
        }
        ledger.append(&[decision]).unwrap();
    });
    server.level();
    let list = server.get("/decisions");
    assert!(list.status == 200 && list.body.len() < 200_000, "{} {}", list.status, list.body.len());
    assert_eq!(server.get("/decisions/0").status, 200);
}
