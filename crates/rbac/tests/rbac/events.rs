//! What events of an audit log say of use.

use probity_rbac::Use;
use serde_json::{Value, json};

use crate::support::{event, event_at, listed, usage};

fn with(request: &str, change: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(&event(request)).unwrap();
    change(&mut value);
    value.to_string()
}

const GET: &str = "shop/a get - pods shop web";

#[test]
fn requests_are_counted_as_the_authorizer_was_asked() {
    let cases: [(String, &[&str]); 13] = [
        (event(GET), &["get :pods in [shop] names [web] x1"]),
        // The log completes names that the authorizer was not told.
        (event("shop/a create - pods shop web"), &["create :pods in [shop] names [] x1"]),
        (event("shop/a create - pods/exec shop web"), &["create :pods/exec in [shop] names [web] x1"]),
        (event("shop/a create - namespaces lab lab"), &["create :namespaces in [] names [] x1"]),
        (event("shop/a get - namespaces lab lab"), &["get :namespaces in [lab] names [lab] x1"]),
        (event("shop/a deletecollection - pods shop web"), &["deletecollection :pods in [shop] names [] x1"]),
        (event("shop/a list - secrets shop one"), &["list :secrets in [shop] names [one] x1"]),
        // What was not there is made by a patch, which is asked for with the name.
        (
            with("shop/a patch apps deployments shop web", |event| event["responseStatus"]["code"] = 201.into()),
            &["create apps:deployments in [shop] names [web] x1", "patch apps:deployments in [shop] names [web] x1"],
        ),
        (with(GET, |event| event["responseStatus"]["code"] = 404.into()), &["get :pods in [shop] names [web] x1"]),
        // Denied by admission: the authorizer allowed it.
        (with(GET, |event| event["responseStatus"]["code"] = 403.into()), &["get :pods in [shop] names [web] x1"]),
        (with(GET, |event| event["annotations"]["authorization.k8s.io/decision"] = "forbid".into()), &[]),
        (
            with(GET, |event| {
                event["annotations"] = Value::Null;
                event["responseStatus"]["code"] = 403.into();
            }),
            &[],
        ),
        (with(GET, |event| event["stage"] = "RequestReceived".into()), &[]),
    ];
    for (line, expected) in cases {
        let expected: Vec<String> =
            expected.iter().map(|line| format!("system:serviceaccount:shop:a {line}")).collect();
        assert_eq!(listed(&usage(&[&line])), expected, "{line}");
    }
}

#[test]
fn paths_are_without_their_query() {
    let line = with(GET, |event| {
        event["objectRef"] = Value::Null;
        event["requestURI"] = "/healthz/et%63d?timeout=1s".into();
    });
    assert_eq!(listed(&usage(&[line])), ["system:serviceaccount:shop:a get /healthz/etcd x1"]);
}

#[test]
fn a_watch_counts_from_its_beginning_and_once() {
    let at = |stage: &str| with("shop/a watch - pods shop -", |event| event["stage"] = stage.into());
    let expected = ["system:serviceaccount:shop:a watch :pods in [shop] names [] x1"];
    assert_eq!(listed(&usage(&[at("ResponseStarted")])), expected);
    assert_eq!(listed(&usage(&[at("ResponseStarted"), at("ResponseComplete")])), expected);
    assert_eq!(listed(&usage(&[at("Panic")])), expected);
}

#[test]
fn impersonation_is_use_by_both() {
    let line = with(GET, |event| {
        event["impersonatedUser"] = json!({"username": "nora", "uid": "7", "groups": ["devs", "system:authenticated"],
            "extra": {"example.com/team": ["red"]}});
    });
    assert_eq!(
        listed(&usage(&[&line])),
        [
            "nora get :pods in [shop] names [web] x1",
            "system:serviceaccount:shop:a impersonate :groups in [] names [devs] x1",
            "system:serviceaccount:shop:a impersonate :users in [] names [nora] x1",
            "system:serviceaccount:shop:a impersonate authentication.k8s.io:uids in [] names [7] x1",
            "system:serviceaccount:shop:a impersonate authentication.k8s.io:userextras/example.com/team in [] names [red] x1",
        ]
    );
    // The groups of a service account are its own.
    let account = with(GET, |event| {
        event["impersonatedUser"] = json!({"username": "system:serviceaccount:ops:b",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:ops", "system:authenticated"]});
        event["annotations"]["authorization.k8s.io/decision"] = "forbid".into();
    });
    // The request was denied; the impersonation was not.
    assert_eq!(
        listed(&usage(&[account])),
        ["system:serviceaccount:shop:a impersonate :serviceaccounts in [ops] names [b] x1"]
    );
    let denied = with(GET, |event| {
        event["annotations"] = Value::Null;
        event["responseStatus"]["code"] = 403.into();
    });
    assert_eq!(usage(&[denied]).window().denied, 1);
}

#[test]
fn constrained_impersonation_has_verbs_of_its_own() {
    let line = |name: &str, constraint: &str| {
        with(GET, |event| {
            event["impersonatedUser"] = json!({"username": name});
            event["authenticationMetadata"] = json!({"impersonationConstraint": constraint});
        })
    };
    let own = "system:serviceaccount:shop:a";
    for (name, constraint, expected) in [
        ("nora", "impersonate:user-info", "impersonate:user-info authentication.k8s.io:users in [] names [nora] x1"),
        (
            "system:serviceaccount:ops:b",
            "impersonate:serviceaccount",
            "impersonate:serviceaccount authentication.k8s.io:serviceaccounts in [ops] names [b] x1",
        ),
        (
            "system:node:n1",
            "impersonate:arbitrary-node",
            "impersonate:arbitrary-node authentication.k8s.io:nodes in [] names [n1] x1",
        ),
        (
            "system:node:n1",
            "impersonate:associated-node",
            "impersonate:associated-node authentication.k8s.io:nodes in [] names [*] x1",
        ),
    ] {
        let shown = listed(&usage(&[line(name, constraint)]));
        let mode = constraint.trim_start_matches("impersonate:");
        assert!(shown.contains(&format!("{own} {expected}")), "{shown:?}");
        assert!(
            shown.contains(&format!("{own} impersonate-on:{mode}:get :pods in [shop] names [web] x1")),
            "{shown:?}"
        );
    }
}

#[test]
fn what_another_authorizer_allowed_is_no_use_of_roles() {
    let other = with(GET, |event| event["annotations"]["authorization.k8s.io/reason"] = "".into());
    let usage = usage(&[other]);
    assert!(listed(&usage).is_empty());
    assert_eq!(usage.window().by_other, 1);
}

#[test]
fn lists_of_events_are_taken_and_what_is_none_is_counted() {
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": [
        serde_json::from_str::<Value>(&event(GET)).unwrap(), {"stage": "ResponseComplete"},
        serde_json::from_str::<Value>(&event("shop/a get - pods shop db")).unwrap(),
    ]});
    let mut usage = Use::new();
    assert!(usage.add(list.to_string().as_bytes()).is_err());
    assert_eq!(listed(&usage), ["system:serviceaccount:shop:a get :pods in [shop] names [db web] x2"]);
    for broken in ["", "{", "[]", "{\"stage\": 1}", "{\"kind\": \"Pod\"}", "null", "\u{0}"] {
        assert!(usage.add(broken.as_bytes()).is_err(), "{broken}");
    }
    assert_eq!(usage.window().broken, 8);
    assert_eq!(usage.window().events, 2);
}

#[test]
fn the_window_says_what_is_not_known() {
    let mut usage = usage(&[
        event_at("shop/a create - pods shop -", "2026-11-01T00:00:00Z"),
        event_at("shop/a create - pods shop -", "2026-11-04T12:00:00Z"),
    ]);
    usage.dropped(3);
    assert_eq!(usage.window().days(), 3);
    assert_eq!(
        usage.window().doubts(30),
        [
            "the log is of 3 days, fewer than 30: what is done rarely is not in it",
            "no request of the log reads: the audit policy likely leaves out get, list and watch",
            "3 events are lost: what they say was used is not known",
        ]
    );
    let mut late = Use::since("2026-11-02T00:00:00Z".parse().unwrap());
    for time in ["2026-11-01T00:00:00Z", "2026-11-04T12:00:00Z"] {
        late.add(event_at(GET, time).as_bytes()).unwrap();
    }
    assert_eq!(late.window().events, 1);
    assert!(late.window().doubts(0).is_empty());
}

#[test]
fn names_are_kept_in_bounds() {
    let lines: Vec<String> = (0..600).map(|number| event(&format!("shop/a get - pods shop p{number}"))).collect();
    let usage = usage(&lines);
    let used = usage.used().next().unwrap();
    assert!(used.has_more && used.names.len() == 256 && used.count == 600, "{}", used.names.len());
}

#[test]
fn what_two_have_seen_is_what_one_would() {
    let lines: Vec<String> =
        [GET, "shop/b list - pods - -", "shop/a get - pods shop db", "ops/c create apps deployments ops -", GET]
            .map(event)
            .to_vec();
    let one = usage(&lines);
    for split in 0..=lines.len() {
        let (mut a, b) = (usage(&lines[..split]), usage(&lines[split..]));
        a.merge(&b);
        assert_eq!(listed(&a), listed(&one), "{split}");
        assert_eq!(a.window(), one.window());
    }
}
