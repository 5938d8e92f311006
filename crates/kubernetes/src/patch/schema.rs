//! Which lists of the native types are merged by which keys: the `patchMergeKey` tags of Kubernetes' API as data.

use std::collections::HashMap;
use std::sync::LazyLock;

use probity_model::Value;

const TABLE: &str = include_str!("merge_keys.txt");

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Shapes::read(TABLE));

/// Whose knowledge of the native types is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// What kustomize has built in: Kubernetes 1.21.
    Kustomize,
    /// Kubernetes 1.36 and what earlier versions had.
    Latest,
}

/// The type of an object or of a part of it, as far as lists are merged in it.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    shape: &'static Shape,
    edition: Edition,
}

/// What is known of a field.
#[derive(Debug, Clone, Copy)]
pub struct FieldSchema {
    field: &'static Field,
    edition: Edition,
}

#[derive(Debug)]
struct Shapes {
    shapes: Vec<Shape>,
    /// By `group/version/kind`; with whether it came after Kubernetes 1.21.
    kinds: HashMap<&'static str, (usize, bool)>,
}

#[derive(Debug, Default)]
struct Shape {
    fields: HashMap<&'static str, Field>,
}

#[derive(Debug)]
struct Field {
    keys: Option<Vec<&'static str>>,
    shape: Option<usize>,
    recent: bool,
}

impl Schema {
    /// The type of an object by its `apiVersion` and `kind`; nothing when it is no native one.
    pub fn of_object(object: &Value, edition: Edition) -> Option<Self> {
        let (version, kind) = (object.get("apiVersion")?.as_str()?, object.get("kind")?.as_str()?);
        let (shape, recent) = SHAPES.kinds.get(format!("{version}/{kind}").as_str())?;
        (edition == Edition::Latest || !recent).then(|| Self { shape: &SHAPES.shapes[*shape], edition })
    }

    /// What is known of a field of this type.
    pub fn field(&self, name: &str) -> Option<FieldSchema> {
        let field = self.shape.fields.get(name)?;
        let is_known = self.edition == Edition::Latest || !field.recent;
        is_known.then_some(FieldSchema { field, edition: self.edition })
    }
}

impl FieldSchema {
    /// The keys by which its elements are merged when it is such a list; none are given when the elements themselves are
    /// the keys.
    pub fn merge_keys(&self) -> Option<&'static [&'static str]> {
        self.field.keys.as_deref()
    }

    /// The type of its value, or of its elements when it is a list.
    pub fn inner(&self) -> Option<Schema> {
        self.field.shape.map(|shape| Schema { shape: &SHAPES.shapes[shape], edition: self.edition })
    }
}

impl Shapes {
    /// Reads the table; it is part of the program, and a test reads all of it.
    fn read(table: &'static str) -> Self {
        let rows = || table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let names: HashMap<&str, usize> =
            rows().filter_map(|line| line.strip_prefix("shape ")).enumerate().map(|(at, name)| (name, at)).collect();
        let mut shapes = Self { shapes: Vec::new(), kinds: HashMap::new() };
        for line in rows() {
            if line.starts_with("shape ") {
                shapes.shapes.push(Shape::default());
            } else if let Some(kind) = line.trim_start().strip_prefix("kind ") {
                let (recent, kind) = recent(kind);
                shapes.kinds.insert(kind, (shapes.shapes.len() - 1, recent));
            } else if let (Some(shape), Some((name, field))) = (shapes.shapes.last_mut(), Field::read(line, &names)) {
                shape.fields.insert(name, field);
            }
        }
        shapes
    }
}

impl Field {
    fn read(line: &'static str, shapes: &HashMap<&str, usize>) -> Option<(&'static str, Self)> {
        let mut words = line.split_whitespace();
        let (recent, name) = recent(words.next()?);
        let mut field = Self { keys: None, shape: None, recent };
        for word in words {
            if let Some(keys) = word.strip_prefix("by=") {
                field.keys = Some(if keys == "." { Vec::new() } else { keys.split(',').collect() });
            } else if let Some(shape) = word.strip_prefix("of=") {
                field.shape = shapes.get(shape).copied();
            }
        }
        Some((name, field))
    }
}

fn recent(word: &str) -> (bool, &str) {
    word.strip_prefix('+').map_or((false, word), |word| (true, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(version: &str, kind: &str, path: &[&str], edition: Edition) -> Option<Vec<&'static str>> {
        let object = Value::object([("apiVersion", version.into()), ("kind", kind.into())]);
        let (last, before) = path.split_last()?;
        let schema =
            before.iter().try_fold(Schema::of_object(&object, edition)?, |schema, name| schema.field(name)?.inner())?;
        schema.field(last)?.merge_keys().map(<[_]>::to_vec)
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let names: Vec<&str> = TABLE.lines().filter_map(|line| line.strip_prefix("shape ")).collect();
        assert_eq!(SHAPES.shapes.len(), names.len());
        for line in TABLE.lines().filter(|line| line.starts_with("  ") && !line.starts_with("  kind ")) {
            let of = line.split(" of=").nth(1);
            assert!(of.is_none_or(|of| names.contains(&of)), "{line}");
            assert!(line.contains(" by=") || of.is_some(), "{line}");
        }
    }

    #[test]
    fn lists_are_merged_by_their_keys() {
        let template = ["spec", "template", "spec", "containers"];
        for (version, kind, path, edition, wanted) in [
            ("v1", "Pod", &["spec", "containers"][..], Edition::Kustomize, Some(vec!["name"])),
            ("v1", "Pod", &["spec", "tolerations"], Edition::Latest, None),
            ("apps/v1", "Deployment", &template, Edition::Kustomize, Some(vec!["name"])),
            (
                "apps/v1",
                "Deployment",
                &["spec", "template", "spec", "containers", "volumeMounts"],
                Edition::Latest,
                Some(vec!["mountPath"]),
            ),
            (
                "batch/v1",
                "CronJob",
                &["spec", "jobTemplate", "spec", "template", "spec", "volumes"],
                Edition::Latest,
                Some(vec!["name"]),
            ),
            (
                "v1",
                "Pod",
                &["spec", "containers", "ports"],
                Edition::Kustomize,
                Some(vec!["containerPort", "protocol"]),
            ),
            ("v1", "ConfigMap", &["metadata", "finalizers"], Edition::Kustomize, Some(vec![])),
            ("v1", "Pod", &["spec", "resourceClaims"], Edition::Kustomize, None),
            ("v1", "Pod", &["spec", "resourceClaims"], Edition::Latest, Some(vec!["name"])),
            ("apps/v1beta1", "Deployment", &template, Edition::Kustomize, None),
            ("example.com/v1", "Pod", &["spec", "containers"], Edition::Latest, None),
        ] {
            assert_eq!(keys(version, kind, path, edition), wanted, "{version} {kind} {path:?}");
        }
    }
}
