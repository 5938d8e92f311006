//! The plan as a whole: one subject whose document is the plan as `terraform show -json` writes it (Terraform's
//! documentation, "JSON Output Format"), for policies that look at more of it than at one resource.
//!
//! What asks for every subject does not get it ([`probity_model::WHOLE_PLAN`] is no type of a resource).

mod sensitive;

use std::path::Path;

use probity_model::{Labels, Span, Subject, SubjectKind, Value};

pub use probity_model::WHOLE_PLAN;

/// The subject of a plan or a state that a file has. `span` is all of the file.
pub(crate) fn of_file(path: &Path, plan: Value, span: Span) -> Subject {
    subject(path, plan, Some(span))
}

fn subject(path: &Path, plan: Value, span: Option<Span>) -> Subject {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    Subject {
        kind: SubjectKind::TerraformPlan,
        resource_type: WHOLE_PLAN.into(),
        address: path.display().to_string().into(),
        sensitive: sensitive::marks(&plan),
        document: plan,
        span,
        // A finding stands at the beginning of the file, not all over it.
        header: span.map(|span| Span { end: span.start, ..span }),
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
    }
}
