//! `image()`, `parseImageReference()` and `isImage()`: references of images and their parts.

use std::any::Any;

use probity_policy_cel::{Builder, Error, Evaluation, Opaque, Overload, Type, Value};

use super::text;
use crate::cel::image::Reference;

const IMAGE: &str = "kyverno.image";

/// A reference of an image in an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image(pub(crate) Reference);

impl Opaque for Image {
    fn type_name(&self) -> &str {
        IMAGE
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>() == Some(self)
    }

    fn to_model(&self) -> Option<probity_model::Value> {
        Some(self.0.as_str().into())
    }
}

fn parsed(text: &str) -> Result<Value, Error> {
    let reference = Reference::parse(text);
    let reference = reference.ok_or_else(|| Error::new(format!("could not parse reference: {text}")))?;
    Ok(Value::opaque(Image(reference)))
}

/// Adds a function that tells a part of a reference.
fn part(builder: &mut Builder, name: &'static str, id: &'static str, result: Type, part: fn(&Reference) -> Value) {
    let run = move |_: &Evaluation<'_>, args: &[Value]| {
        args[0].downcast::<Image>().map(|image| part(&image.0)).ok_or(Error::NoSuchOverload)
    };
    builder.function(name, Overload::member(id, vec![Type::opaque(IMAGE)], result, run));
}

pub(super) fn add(builder: &mut Builder) {
    for (name, id) in [("image", "string_to_image_deprecated"), ("parseImageReference", "string_to_image")] {
        let run = |_: &Evaluation<'_>, args: &[Value]| parsed(text(args, 0)?);
        builder.function(name, Overload::global(id, vec![Type::String], Type::opaque(IMAGE), run));
    }
    let is_image = |_: &Evaluation<'_>, args: &[Value]| Ok(Reference::parse(text(args, 0)?).is_some().into());
    builder.function("isImage", Overload::global("is_image_string", vec![Type::String], Type::Bool, is_image));
    part(builder, "containsDigest", "image_contains_digest", Type::Bool, |image| (!image.digest.is_empty()).into());
    part(builder, "registry", "image_registry", Type::String, |image| image.registry.clone().into());
    part(builder, "repository", "image_repository", Type::String, |image| image.repository.clone().into());
    part(builder, "identifier", "image_identifier", Type::String, |image| image.identifier().into());
    part(builder, "identifierWithSeparator", "image_identifier_with_separator", Type::String, |image| {
        image.identifier_with_separator().into()
    });
    part(builder, "tag", "image_tag", Type::String, |image| image.tag.clone().into());
    part(builder, "digest", "image_digest", Type::String, |image| image.digest.clone().into());
}
