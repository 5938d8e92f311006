use std::path::Path;

use jiff::civil::date;
use probity_gate_vault::audit::{Auditor, Counts, Entry, Step};
use probity_model::{Location, Outcome, Value};

use crate::support::one;

const HASH: &str = "hmac-sha256:369b8aa9f03a2640f37d5c799ddf5d0b6600854aeb90db16200b3c0fee0c8066";

/// An entry as OpenBao 2.7 writes them.
fn entry(kind: &str, id: &str, rest: &str) -> String {
    format!(
        r#"{{"time":"2026-11-27T02:26:03.654274874Z","type":"{kind}","auth":{{"client_token":"{HASH}","accessor":"{HASH}","display_name":"userpass-nora","policies":["clinic","default"],"token_policies":["clinic","default"],"policy_results":{{"allowed":true}},"metadata":{{"username":"nora"}},"entity_id":"fdf1a2ca-395d-282d-5a2c-d0be4ab40d61","token_type":"service","token_ttl":2764800,"token_issue_time":"2026-11-27T02:26:03Z"}},"request":{{"id":"{id}","operation":"create","mount_point":"secret/","client_token":"{HASH}","namespace":{{"id":"root"}},"path":"secret/data/clinic/portal","data":{{"data":{{"count":3,"password":"{HASH}"}}}},"remote_address":"127.0.0.1","wrap_ttl":60}}{rest}}}"#
    )
}

fn place() -> Location {
    Location { path: "audit.log".into(), line: 1, column: 1, end_line: 1, end_column: 1 }
}

fn judge(text: &str, line: &str) -> (Outcome, String) {
    let mut auditor = Auditor::new(one(text, "hard-mandatory").set(), date(2026, 11, 27));
    let Step::Judged(judged) = auditor.line(&place(), line) else { panic!("{line}") };
    let finding = &judged.decision.findings[0];
    assert_eq!(finding.location.as_ref().unwrap().path, Path::new("audit.log"));
    (finding.outcome, finding.message.clone())
}

#[test]
fn policies_judge_what_entries_say_and_nothing_they_do_not() {
    for (condition, wanted) in [
        ("request.operation is \"create\" and request.path is \"secret/data/clinic/portal\"", Outcome::Pass),
        ("request.data.data.count is 3", Outcome::Pass),
        ("request.data.data.count is 4", Outcome::Fail),
        ("request.data.data.password is \"x\"", Outcome::Unknown),
        ("request.data.data.password matches \"x\"", Outcome::Unknown),
        ("(request.data.data.password else \"\") is not \"\"", Outcome::Unknown),
        ("length(request.data.data.password) > 8", Outcome::Unknown),
        ("\"password\" in keys(request.data.data)", Outcome::Pass),
        ("\"zip\" in keys(request.data.data)", Outcome::Fail),
        ("request.data.data.password is \"x\" or request.wrapping.ttl_seconds is 60", Outcome::Pass),
        ("token.display_name is \"userpass-nora\" and token.metadata.username is \"nora\"", Outcome::Pass),
        ("token.policies contains \"clinic\" and token.creation_time_unix is 1795746363", Outcome::Pass),
        ("token.creation_ttl_seconds is 2764800 and token.creation_ttl is 2764800000000000", Outcome::Pass),
        ("token.period_seconds is 0", Outcome::Unknown),
        ("identity.entity.id is \"fdf1a2ca-395d-282d-5a2c-d0be4ab40d61\"", Outcome::Pass),
        ("identity.entity.metadata.team is \"a\"", Outcome::Unknown),
        ("\"nurses\" in keys(identity.groups.by_name)", Outcome::Unknown),
        ("request.unauthenticated", Outcome::Fail),
        ("time.now.hour is 2", Outcome::Pass),
    ] {
        let text = format!("import \"time\"\nmain = rule {{ {condition} }}");
        let (found, message) = judge(&text, &entry("request", "a", ""));
        assert_eq!(found, wanted, "{condition}: {message}");
        if condition.contains("password is \"x\" ") && wanted == Outcome::Unknown {
            assert!(message.contains("have it log raw, or use the proxy"), "{message}");
        }
    }
}

#[test]
fn functions_that_need_what_is_hashed_are_undecided_too() {
    let text = "check = func() {\n\tif length(request.data.data.password) < 8 {\n\t\treturn false\n\t}\n\treturn true\n}\n\
                main = rule { check() }";
    let (found, message) = judge(text, &entry("request", "a", ""));
    assert_eq!(found, Outcome::Unknown);
    assert!(message.contains("hashed by the audit device"), "{message}");
}

#[test]
fn elements_that_are_hashed_are_named_by_the_condition_on_them() {
    let text = "main = rule {\n\tall request.data.data as _, word { word is not \"x\" }\n}";
    let (found, message) = judge(text, &entry("request", "a", ""));
    assert_eq!(found, Outcome::Unknown);
    assert!(message.contains("`word is not \"x\"` (") && message.contains("one.sentinel:2:"), "{message}");
}

#[test]
fn a_request_is_judged_once_and_only_if_vault_let_it_pass() {
    let mut auditor = Auditor::new(one("main = false", "hard-mandatory").set(), date(2026, 11, 27));
    let denied = r#","error":"1 error occurred:\n\t* permission denied\n\n""#;
    let failed = r#","error":"1 error occurred:\n\t* no such host\n\n""#;
    for (line, judged) in [
        (entry("request", "a", ""), true),
        (entry("response", "a", ""), false),
        (entry("response", "b", ""), true),
        (entry("request", "b", ""), false),
        (entry("request", "c", denied), false),
        (entry("response", "c", denied), false),
        (entry("request", "d", ""), true),
        (entry("response", "d", failed), false),
        (entry("response", "e", failed), true),
    ] {
        let step = auditor.line(&place(), &line);
        assert_eq!(matches!(step, Step::Judged(_)), judged, "{line}");
    }
    assert_eq!(auditor.counts(), Counts { entries: 9, judged: 4, refused: 1, problems: 0 });
}

#[test]
fn a_login_has_no_token_although_its_response_has_one() {
    let auth = format!(r#""client_token":"{HASH}","namespace""#);
    let line = entry("response", "a", "").replace(&auth, r#""namespace""#);
    let entry = Entry::read(&line).unwrap();
    assert!(entry.request.token.is_none() && entry.request.identity.is_none() && entry.request.unauthenticated);
    let subject = entry.request.subject();
    assert_eq!(subject.address, "create secret/data/clinic/portal");
    assert_eq!(subject.document.get("token"), None);
    assert!(matches!(subject.document.at(&["mfa", "methods"]), Some(Value::Unknown(_))));
}

#[test]
fn what_is_no_entry_is_said() {
    for (line, said) in [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "it has no `type`"),
        ("{\"type\":\"event\"}", "an entry of type `event`"),
        ("{\"type\":\"request\"}", "it has no `time`"),
        ("{\"type\":\"request\",\"time\":\"soon\"}", "no time by RFC 3339"),
        ("{\"type\":\"request\",\"time\":\"2026-11-27T02:26:03Z\"}", "no `request`"),
        ("{\"type\":\"request\",\"time\":\"2026-11-27T02:26:03Z\",\"request\":{}}", "no `path`"),
    ] {
        let problem = Entry::read(line).unwrap_err();
        assert!(problem.contains(said), "{line}: {problem}");
    }
}
