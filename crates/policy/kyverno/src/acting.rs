//! Policies that judge no resource: they change, make or delete some, or answer requests.

use probity_model::Value;

use crate::cel::is_cel_policy;
use crate::object;
use crate::policy::is_policy;

/// Whether a document is a policy that has nothing to say of a resource as it stands, so that it is not asked in a scan.
pub fn judges_nothing(document: &Value) -> bool {
    if is_policy(document) {
        let rules = document.at(&["spec", "rules"]).and_then(Value::as_array);
        let judges = |rule: &Value| ["validate", "verifyImages"].iter().any(|part| rule.get(part).is_some());
        return rules.is_some_and(|rules| !rules.is_empty() && !rules.iter().any(judges));
    }
    if !is_cel_policy(document) {
        return false;
    }
    let kind = object::text(document, "kind");
    match kind.strip_prefix("Namespaced").unwrap_or(kind) {
        "MutatingPolicy" | "GeneratingPolicy" | "DeletingPolicy" => true,
        _ => {
            let mode = document.at(&["spec", "evaluation", "mode"]).and_then(Value::as_str);
            matches!(mode, Some("HTTP" | "Envoy"))
        }
    }
}
