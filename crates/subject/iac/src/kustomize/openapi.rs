//! `crds`: definitions of custom resources in the form of `OpenAPI`, whose extensions say which fields are names and labels.

use probity_model::value::{Object, Value};

use super::fields::FieldSpec;
use super::resource::Gvk;
use super::rules::Rules;

/// How deep types refer to each other.
const MAX_DEPTH: usize = 16;

/// Most fields that are gone through.
const MAX_FIELDS: usize = 100_000;

/// The rules that the extensions in definitions stand for.
pub(super) fn rules(definitions: &Value) -> Rules {
    let mut reader = Reader { rules: Rules::default(), left: MAX_FIELDS };
    let Value::Object(types) = definitions else { return reader.rules };
    for (name, _) in types.iter() {
        let Some(properties) = properties(types, name.as_str()) else { continue };
        if ["kind", "apiVersion", "metadata"].iter().all(|field| properties.get(field).is_some()) {
            let kind = name.as_str().rsplit('.').next().unwrap_or_default().to_owned();
            reader.read(types, &kind, name.as_str(), &mut Vec::new());
        }
    }
    reader.rules
}

fn properties<'t>(types: &'t Object, name: &str) -> Option<&'t Object> {
    let entry = types.get(name)?;
    let schema = entry.get("Schema").or_else(|| entry.get("schema"))?;
    schema.get("properties")?.as_object()
}

struct Reader {
    rules: Rules,
    left: usize,
}

impl Reader {
    fn read(&mut self, types: &Object, kind: &str, name: &str, path: &mut Vec<String>) {
        let Some(properties) = properties(types, name).filter(|_| path.len() < MAX_DEPTH) else { return };
        for (field, property) in properties.iter() {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            path.push(field.as_str().to_owned());
            self.property(property, kind, path);
            if let Some(reference) = property.get("$ref").and_then(Value::as_str) {
                self.read(types, kind, reference, path);
            }
            path.pop();
        }
    }

    fn property(&mut self, property: &Value, kind: &str, path: &[String]) {
        let text = |name: &str| property.get(name).and_then(Value::as_str);
        let gvk = Gvk { kind: kind.to_owned(), ..Gvk::default() };
        let spec = |path: String| FieldSpec { gvk: gvk.clone(), path, create: false };
        for (extension, list) in [
            ("x-kubernetes-annotation", "commonAnnotations"),
            ("x-kubernetes-label-selector", "commonLabels"),
            ("x-kubernetes-identity", "namePrefix"),
        ] {
            if text(extension).is_some() {
                self.rules.list_mut(list).push(spec(path.join("/")));
            }
        }
        let reference = (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind"));
        if let (Some(version), Some(kind)) = reference {
            let key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let target = Gvk { group: String::new(), version: version.to_owned(), kind: kind.to_owned() };
            self.rules.names.push((target, vec![spec(format!("{}/{key}", path.join("/")))]));
        }
    }
}
