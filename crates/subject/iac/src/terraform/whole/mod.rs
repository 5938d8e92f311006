//! The plan as a whole: one subject whose document is the plan as `terraform show -json` writes it (Terraform's
//! documentation, "JSON Output Format"), for policies that look at more of it than at one resource.
//!
//! A file has such a document, and so has a root module: [`source`] says of what form that one is. What asks for every
//! resource does not get it ([`probity_model::WHOLE_PLAN`] is no type of a resource).

mod configuration;
mod provider_names;
mod references;
mod secrecy;
mod sensitive;
mod shape;
mod source;

use std::path::Path;
use std::rc::Rc;

use probity_model::{Labels, Span, Subject, SubjectKind, Value};

pub use probity_model::WHOLE_PLAN;

use super::config::DeclarationKind;
use super::instance::Instance;

/// The subject of a plan or a state that a file has. `span` is all of the file.
pub(crate) fn of_file(path: &Path, plan: Value, span: Span) -> Subject {
    subject(path, plan, Some(span))
}

/// The subject of the plan of a root module, called as its folder; `None` for one that has no resources.
pub(super) fn of_root(root: &Rc<Instance<'_>>) -> Option<Subject> {
    let has_resources =
        root.module.declarations.iter().any(|declaration| declaration.kind != DeclarationKind::Provider);
    let plan = has_resources.then(|| source::plan(root)).flatten()?;
    Some(subject(&root.module.folder, plan, root.module.main.map(|source| Span::new(source, 0..0))))
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

#[cfg(test)]
mod tests;
