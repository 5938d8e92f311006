//! The imports of Terraform, made of what `terraform show -json` writes (documentation, "Import Reference").
//!
//! A [`Plan`] is shared between policies and threads: what they ask of an import is made when it is first asked for, once.

mod address;
mod config_v1;
mod config_v2;
mod diff_v1;
mod namespace;
mod plan_v1;
mod plan_v2;
mod state_v1;
mod state_v2;
mod tree_v1;
mod version;

use std::fmt;
use std::sync::Arc;

use probity_model::Value as Model;
use probity_model::value::Object;

pub(crate) use namespace::Namespace;

/// Names of the imports that a [`Plan`] gives.
/// Those of the first version have two names.
pub const IMPORTS: [&str; 10] = [
    "tfplan/v2",
    "tfconfig/v2",
    "tfstate/v2",
    "tfrun",
    "tfplan",
    "tfconfig",
    "tfstate",
    "tfplan/v1",
    "tfconfig/v1",
    "tfstate/v1",
];

/// Why a document gives no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It is not what Terraform writes.
    #[error("the document is no plan and no state of Terraform: {0}; `terraform show -json` writes them")]
    Form(String),
    /// It is of a version that is not read.
    #[error("the document has format_version {0:?}; versions 1.x (and 0.x) are read")]
    Version(String),
}

/// A plan or a state, as `terraform show -json` writes it, with the imports that are made of it.
///
/// Cloning shares it.
#[derive(Clone)]
pub struct Plan(Arc<Inner>);

struct Inner {
    document: Object,
    run: Option<Model>,
    cells: namespace::Cells,
}

impl Plan {
    /// The plan that a document is, or the state: one with `values` at the top.
    ///
    /// # Errors
    /// When it is neither, or of a major version that is not known.
    pub fn new(document: &Model) -> Result<Self, PlanError> {
        let Model::Object(object) = document else {
            return Err(PlanError::Form(format!("it is {}, not an object", document.kind())));
        };
        version::check(object)?;
        if !is_plan(object) && object.get("values").is_none() {
            return Err(PlanError::Form("it has no `planned_values`, and no `values`".to_owned()));
        }
        Ok(Self(Arc::new(Inner { document: object.clone(), run: None, cells: namespace::Cells::default() })))
    }

    /// The same plan with what `tfrun` gives: an object with `id`, `workspace`, `organization`, `cost_estimate` and the
    /// other members of that import.
    #[must_use]
    pub fn with_run(self, run: Model) -> Self {
        let inner = Inner { document: self.0.document.clone(), run: Some(run), cells: namespace::Cells::default() };
        Self(Arc::new(inner))
    }

    pub(crate) fn document(&self) -> &Object {
        &self.0.document
    }

    /// The import of this name. Fails when the document cannot give it.
    pub(crate) fn import(&self, name: &str) -> Option<Result<Namespace, String>> {
        Namespace::find(self, name)
    }
}

/// Whether a document is a plan, not a state.
fn is_plan(document: &Object) -> bool {
    ["resource_changes", "planned_values", "configuration"].iter().any(|key| document.get(key).is_some())
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("run", &self.0.run.is_some()).finish_non_exhaustive()
    }
}

/// A member of an object, or what stands for it.
fn member(object: &Object, name: &str, default: Model) -> Model {
    object.get(name).cloned().unwrap_or(default)
}
