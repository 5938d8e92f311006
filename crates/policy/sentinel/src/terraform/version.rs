//! Which versions of the format are read (Terraform, "JSON Output Format").

use probity_model::value::Object;

use super::PlanError;

/// Fails unless the document says that it is of a version that is read: a new minor version only adds members.
pub(super) fn check(document: &Object) -> Result<(), PlanError> {
    let Some(version) = document.get("format_version") else {
        return Err(PlanError::Form("it has no `format_version`".to_owned()));
    };
    let Some(text) = version.as_str() else {
        return Err(PlanError::Form(format!("its `format_version` is {}, not a string", version.kind())));
    };
    match text.split('.').next() {
        // Terraform 0.12 to 1.0 wrote 0.1 and 0.2, of which 1.0 is only the new name.
        Some("0" | "1") => Ok(()),
        _ => Err(PlanError::Version(text.to_owned())),
    }
}
