//! Kyverno's function of references to images.

use probity_kubernetes::image::Image;
use probity_model::Value;

use super::Arguments;
use crate::error::SearchError;

pub(super) fn normalize(arguments: &Arguments<'_>) -> Result<Value, SearchError> {
    let registry = arguments.interpreter.evaluation.default_registry;
    let image =
        Image::parse(arguments.string(0)?, registry).map_err(|problem| arguments.failed(&problem.to_string()))?;
    Ok(image.reference().into())
}
