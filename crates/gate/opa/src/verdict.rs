//! What an answer of OPA means as a decision: OPA itself gives any value, and its clients read it by custom.

use probity_model::value::Value;
use probity_model::{Action, Decision, Finding, Gate, Outcome, PolicyId, Severity, Stage, SubjectKind, SubjectRef};

/// Most of a message that is kept with a finding, in characters; the whole result is kept beside it.
const LONGEST: usize = 500;

/// The decision that an answer stands for.
///
/// By custom `false`, and `allow` or `allowed` being `false` in an object, deny, as does anything under a name that begins
/// with `deny` or `violation`; what is under `warn` warns. Undefined denies where the name is `allow`: the client was not
/// told that it may.
pub(crate) fn decision(name: &str, last: &str, result: Result<Option<&Value>, &str>) -> Decision {
    let (action, outcome, message) = match result {
        Err(error) => (Action::Deny, Outcome::Error, error.to_owned()),
        Ok(value) => {
            let action = action(last, value);
            let outcome = if action == Action::Allow { Outcome::Pass } else { Outcome::Fail };
            let message = match value {
                _ if action == Action::Allow => String::new(),
                None => "undefined".to_owned(),
                Some(value) => probity_model::json::write(value),
            };
            (action, outcome, message)
        }
    };
    let stage = if action == Action::Warn { Stage::Warn } else { Stage::Enforce };
    let finding = Finding {
        policy: PolicyId::from(name),
        outcome,
        severity: Severity::Medium,
        stage,
        message: message.chars().take(LONGEST).collect(),
        reason: None,
        span: None,
        location: None,
    };
    let subject = SubjectRef {
        kind: SubjectKind::Request,
        resource_type: "request".into(),
        address: name.into(),
        labels: probity_model::Labels::default(),
        span: None,
        location: None,
        calls: Vec::new(),
    };
    Decision { subject, gate: Gate::Api, action, findings: vec![finding] }
}

/// Puts what is left of a result in place of what findings say of it.
pub(crate) fn say_again(decision: &mut Decision, result: Option<&Value>) {
    for finding in decision.findings.iter_mut().filter(|finding| finding.outcome == Outcome::Fail) {
        let message = result.map(probity_model::json::write).unwrap_or_default();
        finding.message = message.chars().take(LONGEST).collect();
    }
}

fn action(last: &str, value: Option<&Value>) -> Action {
    let Some(value) = value else {
        return if last.starts_with("allow") { Action::Deny } else { Action::Allow };
    };
    let says = !is_nothing(value);
    if last.starts_with("deny") || last.starts_with("violation") {
        return if says { Action::Deny } else { Action::Allow };
    }
    if last.starts_with("warn") {
        return if says { Action::Warn } else { Action::Allow };
    }
    let allowed = match value {
        Value::Bool(truth) => Some(*truth),
        Value::Object(_) => ["allow", "allowed"].iter().find_map(|name| value.get(name)?.as_bool()),
        _ => None,
    };
    if allowed == Some(false) { Action::Deny } else { Action::Allow }
}

/// Whether a rule that collects reasons found none.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(array) => array.is_empty(),
        Value::Set(set) => set.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_by_custom() {
        for (last, value, wanted) in [
            ("allow", Some("true"), Action::Allow),
            ("allow", Some("false"), Action::Deny),
            ("allow", None, Action::Deny),
            ("role", None, Action::Allow),
            ("authz", Some(r#"{"allow":false,"reason":"x"}"#), Action::Deny),
            ("authz", Some(r#"{"allowed":true}"#), Action::Allow),
            ("deny", Some("[]"), Action::Allow),
            ("deny", Some(r#"["no"]"#), Action::Deny),
            ("deny", Some("true"), Action::Deny),
            ("violation", Some(r#"[{"msg":"no"}]"#), Action::Deny),
            ("warn", Some(r#"["careful"]"#), Action::Warn),
            ("filters", Some(r#"{"x":1}"#), Action::Allow),
        ] {
            let value = value.map(|text| probity_model::json::read(text.as_bytes()).unwrap());
            let decision = decision("data.x", last, Ok(value.as_ref()));
            assert_eq!(decision.action, wanted, "{last} {value:?}");
            assert_eq!(Decision::action_of(&decision.findings), wanted, "{last} {value:?}");
        }
        assert_eq!(decision("data.x", "x", Err("conflict")).action, Action::Deny);
    }
}
