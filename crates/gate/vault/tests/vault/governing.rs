use probity_gate_vault::{Namespace, VaultRequest};
use probity_model::{Action, Outcome, Value};

use crate::support::{Folder, decide, one, outcome, request, token};

fn with(change: impl FnOnce(&mut VaultRequest)) -> VaultRequest {
    let mut request = request();
    change(&mut request);
    request
}

#[test]
fn policies_see_what_vault_gives_them() {
    for (condition, wanted) in [
        ("request.operation is \"read\" and request.path is \"secret/data/clinic\"", Outcome::Pass),
        ("request.connection.remote_addr is \"10.1.2.3\"", Outcome::Pass),
        ("sockaddr.is_contained(\"10.0.0.0/8\", request.connection.remote_addr)", Outcome::Pass),
        ("sockaddr.is_contained(\"10.0.0.0/16\", request.connection.remote_addr)", Outcome::Fail),
        ("request.unauthenticated and not request.policy_override", Outcome::Pass),
        ("request.wrapping.ttl_seconds is 0 and request.wrapping.ttl is 0", Outcome::Pass),
        ("length(request.data else 0) is 0 and length(keys(request.data)) is 0", Outcome::Pass),
        ("namespace.path is \"\" and namespace.id is \"root\"", Outcome::Pass),
        ("time.now.weekday is 5 and time.now.hour is 9", Outcome::Pass),
        ("mfa.methods.okta.valid", Outcome::Unknown),
        ("(mfa.methods.okta.valid else true)", Outcome::Unknown),
        ("replication.dr.mode is \"disabled\"", Outcome::Unknown),
        ("request.data.zip is \"1\"", Outcome::Fail),
        ("request.nothing + 1 is request.path + 1", Outcome::Error),
        ("token.display_name is \"nora\"", Outcome::Error),
    ] {
        let text = format!("import \"time\"\nimport \"sockaddr\"\nmain = rule {{ {condition} }}\n");
        let found = outcome(&one(&text, "hard-mandatory").set(), &request());
        assert_eq!(found.as_ref().map(|(outcome, _)| *outcome), Some(wanted), "{condition}: {found:?}");
    }
}

#[test]
fn the_form_with_an_import_is_there_too() {
    let text = "import \"mfa\"\nmain = rule { mfa.methods.ping.valid }";
    let (found, message) = outcome(&one(text, "hard-mandatory").set(), &request()).unwrap();
    assert_eq!(found, Outcome::Unknown);
    assert!(message.contains("what was validated by MFA: nobody asked"), "{message}");
}

#[test]
fn a_failure_names_the_policy_and_the_condition_and_no_value() {
    let text = "hours = rule { request.data.password is \"other\" }\nmain = rule { hours }";
    let request = with(|request| request.data = Value::object([("password", Value::from("geheim"))]));
    let (found, message) = outcome(&one(text, "hard-mandatory").set(), &request).unwrap();
    assert_eq!(found, Outcome::Fail);
    assert!(message.starts_with("EGP one (hard-mandatory): rule `hours`: `request.data.password is"), "{message}");
    assert!(message.ends_with("one.sentinel:1:16)") && !message.contains("geheim"), "{message}");
}

#[test]
fn levels_decide_what_a_failure_does() {
    for (level, overridden, outcome, action) in [
        ("advisory", false, Outcome::Fail, Action::Warn),
        ("advisory", true, Outcome::Fail, Action::Warn),
        ("soft-mandatory", false, Outcome::Fail, Action::Deny),
        ("soft-mandatory", true, Outcome::Skipped, Action::Allow),
        ("hard-mandatory", false, Outcome::Fail, Action::Deny),
        ("hard-mandatory", true, Outcome::Fail, Action::Deny),
    ] {
        let set = one("main = rule { false }", level).set();
        let decision = decide(&set, &with(|request| request.policy_override = overridden));
        assert_eq!((decision.findings[0].outcome, decision.action), (outcome, action), "{level} {overridden}");
    }
}

#[test]
fn paths_and_namespaces_select_and_root_is_exempt() {
    let config = "version: 1\nnamespaces: [clinic/lab]\negp:\n  - name: one\n    policy: one.sentinel\n    \
                  paths: [\"secret/*\", auth/ldap/login]\n    enforcement_level: hard-mandatory\n    namespace: clinic\n";
    let folder = Folder::new(&[("vault.yaml", config), ("one.sentinel", "main = false")]);
    let (set, governing) = (folder.set(), folder.read().unwrap());
    for (named, path, judged) in [
        ("clinic", "secret/data/a", true),
        ("/clinic/", "secret/data/a", true),
        ("", "clinic/secret/data/a", true),
        ("", "secret/data/a", false),
        ("clinic", "kv/a", false),
        ("clinic", "auth/ldap/login", true),
        ("", "clinic/lab/secret/a", false),
        ("clinic", "lab/secret/a", false),
        ("other", "secret/data/a", false),
        ("root", "clinic/secret/a", true),
    ] {
        let (namespace, path_within) = governing.split(named, path);
        let request = with(|request| {
            request.namespace = Namespace { id: "x".into(), path: namespace.clone() };
            request.path.clone_from(&path_within);
        });
        assert_eq!(outcome(&set, &request).is_some(), judged, "{named} {path}");
        let of_root = VaultRequest { token: Some(token(&["root"])), unauthenticated: false, ..request };
        assert!(outcome(&set, &of_root).is_none(), "{named} {path}");
        assert_eq!(governing.may_judge(&namespace, &path_within), judged);
    }
}

#[test]
fn role_policies_are_held_by_tokens_entities_and_groups() {
    let config = "version: 1\nrgp:\n  - name: no-night\n    policy: one.sentinel\n    enforcement_level: hard-mandatory\n    \
                  entities: [nora]\n    groups: [nurses]\n    policies: [clinic]\n";
    let folder = Folder::new(&[("vault.yaml", config), ("one.sentinel", "main = false")]);
    let set = folder.set();
    let named = |name: &str| {
        let groups = Value::object([("by_name", Value::object([(name, Value::Null)]))]);
        let entity = Value::object([("name", Value::from(name)), ("policies", Value::array([name.into()]))]);
        Some(Value::object([("entity", entity), ("groups", groups)]))
    };
    let unknown = || Value::Unknown("no right to ask".into());
    for (token, identity, wanted) in [
        (Some(token(&["default"])), None, None),
        (Some(token(&["no-night"])), None, Some(Outcome::Fail)),
        (Some(token(&["clinic"])), None, Some(Outcome::Fail)),
        (Some(token(&["default"])), named("nora"), Some(Outcome::Fail)),
        (Some(token(&["default"])), named("nurses"), Some(Outcome::Fail)),
        (Some(token(&["default"])), named("no-night"), Some(Outcome::Fail)),
        (Some(token(&["default"])), named("ida"), None),
        (Some(unknown()), None, Some(Outcome::Unknown)),
        (
            Some(token(&["default"])),
            Some(Value::object([("groups", Value::object([("by_id", unknown())]))])),
            Some(Outcome::Unknown),
        ),
        (
            Some(token(&["clinic"])),
            Some(Value::object([("groups", Value::object([("by_id", unknown())]))])),
            Some(Outcome::Fail),
        ),
    ] {
        let shown = format!("{token:?} {identity:?}");
        let request = VaultRequest { token, identity, unauthenticated: false, ..request() };
        assert_eq!(outcome(&set, &request).map(|(outcome, _)| outcome), wanted, "{shown}");
        assert!(outcome(&set, &VaultRequest { unauthenticated: true, ..request }).is_none());
    }
}

#[test]
fn a_write_is_judged_as_both_operations_it_may_be() {
    for (text, wanted) in [
        ("main = rule when request.operation in [\"create\", \"update\"] { request.data.a is 1 }", Outcome::Pass),
        ("main = rule when request.operation in [\"create\", \"update\"] { request.data.a is 2 }", Outcome::Fail),
        ("main = rule when request.operation is \"create\" { request.data.a is 2 }", Outcome::Unknown),
        ("main = rule { request.operation is \"update\" }", Outcome::Unknown),
        ("main = rule { request.operation is not \"delete\" }", Outcome::Pass),
    ] {
        let request = with(|request| {
            request.operation = "update".to_owned();
            request.may_create = true;
            request.data = Value::object([("a", Value::from(1))]);
        });
        let (found, message) = outcome(&one(text, "hard-mandatory").set(), &request).unwrap();
        assert_eq!(found, wanted, "{text}: {message}");
    }
}

#[test]
fn what_is_wrong_with_the_file_is_told_with_its_place() {
    let entry = "name: one, policy: one.sentinel, paths: [\"*\"], enforcement_level: advisory";
    for (text, said) in [
        ("version: 2", "vault.yaml:1:1: this Probity reads version 1"),
        ("version: 1", "vault.yaml:1:1: there is no policy"),
        ("version: 1\negp: {}", "vault.yaml:2:1: expected a list"),
        (&format!("version: 1\negps: [{{{entry}}}]"), "vault.yaml:2:1: unknown field `egps` (did you mean `egp`?)"),
        (&format!("version: 1\negp: [{{{}}}]", entry.replace("advisory", "hard")), "`hard` is no enforcement level"),
        (&format!("version: 1\negp: [{{{}}}]", entry.replace("\"*\"", "a/*/b")), "a `*` stands at the end"),
        (&format!("version: 1\negp: [{{{}}}]", entry.replace("\"*\"", "")), "a policy without paths judges nothing"),
        (&format!("version: 1\negp: [{{{}}}]", entry.replace("one.sent", "two.sent")), "two.sentinel cannot be read"),
        (&format!("version: 1\negp: [{{{}}}]", entry.replace("one.sent", "bad.sent")), "bad.sentinel:2:"),
        (&format!("version: 1\negp: [{{{}}}]", entry.replace("one.sent", "param.sent")), "wants a parameter `most`"),
        (&format!("version: 1\negp: [{{{entry}, params: {{x: 1}}}}]"), "the policy has no parameter `x`"),
        (&format!("version: 1\nrgp: [{{{entry}}}]"), "unknown field `paths`"),
    ] {
        let files = [
            ("vault.yaml", text),
            ("one.sentinel", "main = true"),
            ("bad.sentinel", "a = 1\nmain = rule {"),
            ("param.sentinel", "param most\nmain = most is 1"),
        ];
        let problems = Folder::new(&files).read().unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(said)), "{text}\n{problems:?}");
    }
}
