//! One patch.

use std::sync::Arc;

use probity_kubernetes::patch::json6902::Options;
use probity_kubernetes::patch::{JsonPatch, kustomize};
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Value, json};

use super::anchors;
use crate::condition::template_error;
use crate::context::Context;
use crate::read::ReadError;
use crate::template::Template;

/// A patch, ready to be applied.
#[derive(Debug, Clone)]
pub(crate) enum Patcher {
    /// A document that looks like the resource; with whether it has anchors.
    Strategic(Template),
    /// Operations, written as JSON or YAML.
    Json(Json),
}

#[derive(Debug, Clone)]
pub(crate) enum Json {
    /// Without variables: read once.
    Ready(Arc<JsonPatch>),
    Text(Template),
}

/// Why a patch was not applied.
#[derive(Debug)]
pub(super) enum Failure {
    /// A variable has no value.
    Variables(String),
    /// The patch does not fit.
    Patch(String),
    /// There is no patch.
    Empty,
}

impl Failure {
    pub(super) fn message(&self) -> String {
        match self {
            Self::Variables(error) => format!("variable substitution failed: {error}"),
            Self::Patch(error) => format!("failed to patch resource: {error}"),
            Self::Empty => "empty mutate rule".to_owned(),
        }
    }
}

impl Patcher {
    pub(super) fn read_strategic(node: Node<'_>) -> Result<Self, ReadError> {
        Ok(Self::Strategic(Template::compile(node.value).map_err(|error| template_error(node, &error))?))
    }

    pub(super) fn read_json(node: Node<'_>) -> Result<Self, ReadError> {
        let text = node.string()?;
        let template = Template::of_text(text).map_err(|error| template_error(node, &error))?;
        if template.constant().is_none() {
            return Ok(Self::Json(Json::Text(template)));
        }
        let patch = json_patch(text).map_err(|error| node.problem(error))?;
        Ok(Self::Json(Json::Ready(Arc::new(patch))))
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// The object with the patch applied; `None` when that changes nothing.
    pub(super) fn apply(&self, object: &Value, context: &Context<'_>) -> Result<Option<Value>, Failure> {
        let patched = match self {
            Self::Strategic(template) => {
                let overlay = template.substitute(context).map_err(|error| Failure::Variables(error.message))?;
                if overlay.is_null() {
                    return Err(Failure::Empty);
                }
                let patch = anchors::resolve(&overlay, object).map_err(Failure::Patch)?;
                let merged = kustomize::merge(object, &patch).map_err(|error| Failure::Patch(error.to_string()))?;
                merged.ok_or_else(|| Failure::Patch("the patch deletes the whole object".to_owned()))?
            }
            Self::Json(Json::Ready(patch)) => applied(patch, object)?,
            Self::Json(Json::Text(template)) => {
                let text = template.substitute(context).map_err(|error| Failure::Variables(error.message))?;
                let text = text.as_str().filter(|text| !text.is_empty()).ok_or(Failure::Empty)?;
                applied(&json_patch(text).map_err(Failure::Patch)?, object)?
            }
        };
        Ok((patched != *object).then_some(patched))
    }
}

fn applied(patch: &JsonPatch, object: &Value) -> Result<Value, Failure> {
    patch.apply(object, Options::LENIENT).map_err(|error| Failure::Patch(error.to_string()))
}

/// Reads operations: JSON when the text begins as a list of it, else YAML.
fn json_patch(text: &str) -> Result<JsonPatch, String> {
    let value = if text.starts_with('[') {
        json::read(text.as_bytes()).map_err(|problem| format!("failed to decode patches: {problem}"))?
    } else {
        let documents = yaml::read(text, SourceId(0), Dialect::Kubernetes)
            .map_err(|(problem, _)| format!("failed to convert patchesJSON6902 to JSON: {problem}"))?;
        documents.into_iter().next().map(|document| document.value).unwrap_or_default()
    };
    if value.is_null() {
        return JsonPatch::read(&Value::array([])).map_err(|error| error.to_string());
    }
    JsonPatch::read(&value).map_err(|error| format!("failed to decode patches: {error}"))
}
