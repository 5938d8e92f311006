//! `images`: names, tags and digests of images.

use std::rc::Rc;

use probity_go::regex;
use probity_model::value::{Object, Value};

use super::definition::Image;
use super::edit::{self, New, Outcome};
use super::fields::{self, Create, FieldSpec};
use super::set::Resources;

/// Most values that are looked through for images, over all objects of a kustomization and all its images.
const MAX_STEPS: usize = 20_000_000;

/// Changes an image wherever it is used: in every list of containers, whatever the object, and in these fields.
pub(super) fn set_image(
    resources: &mut Resources,
    image: &Image,
    specs: &[FieldSpec],
    steps: &mut usize,
) -> Outcome<()> {
    let pattern = format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", image.name);
    let change = Change { pattern: regex::compiled(&pattern)?, image };
    for resource in resources.0.iter_mut().filter(|resource| resource.kind() != "CustomResourceDefinition") {
        let changed = change.walk(&resource.value, steps);
        resource.change(changed)?;
        let changed =
            fields::change_all(&resource.value, specs, (Create::Nothing, None), &mut |present| change.image(present));
        resource.change(changed)?;
    }
    Ok(())
}

struct Change<'c> {
    pattern: Rc<::regex::Regex>,
    image: &'c Image,
}

impl Change<'_> {
    fn image(&self, present: &Value) -> Outcome<Option<New>> {
        if !edit::is_scalar(present) {
            return Err(format!("wrong kind of node: expected a scalar, found a {}", present.kind()));
        }
        let text = edit::text(present);
        if !self.pattern.is_match(&text) {
            return Ok(None);
        }
        let (name, tag, digest) = split(&text);
        let wanted = self.image;
        let mut new = if wanted.new_name.is_empty() { name } else { &wanted.new_name }.to_owned();
        let suffixed = format!("{tag}{}", wanted.suffix);
        let given = |text: &String| !text.is_empty();
        let (tag, digest): (&str, &str) = match wanted {
            _ if given(&wanted.new_tag) => (&wanted.new_tag, &wanted.digest),
            _ if given(&wanted.digest) => ("", &wanted.digest),
            _ if given(&wanted.suffix) => (&suffixed, ""),
            _ => (tag, digest),
        };
        for (sign, part) in [(':', tag), ('@', digest)] {
            if !part.is_empty() {
                new.push(sign);
                new.push_str(part);
            }
        }
        Ok((new != text).then(|| New::text(&new, wanted.span)))
    }

    /// Everything with the images of the lists called `containers` or `initContainers` changed.
    fn walk(&self, value: &Value, steps: &mut usize) -> Outcome<Option<Value>> {
        *steps += 1;
        if *steps > MAX_STEPS {
            return Err("too much to look through for images".to_owned());
        }
        match value {
            Value::Array(list) => {
                let list = edit::changed_elements(list, &mut |element| {
                    Ok(self.walk(element, steps)?.map(|value| New { value, span: None }))
                })?;
                Ok(list.map(Value::Array))
            }
            Value::Object(object) => self.walk_object(object, steps),
            _ => Ok(None),
        }
    }

    fn walk_object(&self, object: &Object, steps: &mut usize) -> Outcome<Option<Value>> {
        let mut changed: Option<Object> = None;
        for (key, value) in object.iter() {
            let mut new = self.walk(value, steps)?;
            if matches!(key.as_str(), "containers" | "initContainers")
                && let Value::Array(list) = new.as_ref().unwrap_or(value)
            {
                let list = edit::changed_elements(list, &mut |container| {
                    let Value::Object(container) = container else { return Ok(None) };
                    let image = container.get("image").map_or(Ok(None), |image| self.image(image))?;
                    Ok(image
                        .map(|image| New { value: Value::Object(edit::with(container, "image", image)), span: None }))
                })?;
                new = list.map(Value::Array).or(new);
            }
            if let Some(value) = new {
                let present = changed.as_ref().unwrap_or(object);
                changed = Some(edit::with(present, key.as_str(), New { value, span: None }));
            }
        }
        Ok(changed.map(Value::Object))
    }
}

/// Name, tag and digest of an image.
fn split(image: &str) -> (&str, &str, &str) {
    let start = image.find('/').filter(|at| *at > 0).unwrap_or(0);
    let place = |sign: char| image[start..].find(sign).map(|at| at + start);
    match (place(':'), place('@')) {
        (None, None) => (image, "", ""),
        (Some(colon), None) => (&image[..colon], &image[colon + 1..], ""),
        (Some(colon), Some(at)) if colon < at => (&image[..colon], &image[colon + 1..at], &image[at + 1..]),
        (_, Some(at)) => (&image[..at], "", &image[at + 1..]),
    }
}
