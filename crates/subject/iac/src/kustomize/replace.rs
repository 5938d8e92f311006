//! `replacements`: values copied from one object into others.

use std::path::Path;

use probity_model::value::Value;
use probity_model::{Problem, Span};

use super::definition::{Entry, Fields, Selector};
use super::edit::{self, New, Outcome};
use super::files::Files;
use super::paths::{self, Kind, Setter};
use super::resource::{Id, Resource};
use super::set::{Matched, Resources};

/// Longest text that replacing gives.
const MAX_TEXT: usize = 1 << 20;

/// One of `replacements`.
#[derive(Debug)]
pub(super) struct Replacement {
    source: Source,
    targets: Vec<Target>,
    span: Option<Span>,
}

#[derive(Debug)]
enum Source {
    Value(String),
    Field { id: Id, path: String, options: Options },
}

#[derive(Debug)]
struct Target {
    select: Selector,
    reject: Vec<Selector>,
    paths: Vec<Entry>,
    options: Options,
}

#[derive(Debug, Default)]
struct Options {
    delimiter: String,
    index: i64,
    create: bool,
}

impl Options {
    fn read(fields: &Fields<'_>) -> Result<Self, Problem> {
        let Some(fields) = fields.mapping("options")? else { return Ok(Self::default()) };
        let index = fields.integer("index")?;
        Ok(Self { delimiter: fields.text("delimiter")?, index, create: fields.flag("create")? })
    }
}

/// Reads an entry of `replacements`, which may be a file with one or several.
pub(super) fn read(
    (value, span): (&Value, Option<Span>),
    root: &Path,
    files: &Files<'_>,
) -> Result<Vec<Replacement>, Problem> {
    let fields = Fields::of(value, span)?;
    let Some(path) = fields.entry("path")?.filter(|path| !path.text.is_empty()) else {
        return Ok(vec![Replacement::read(&fields)?]);
    };
    if fields.get("source").is_some() || fields.get("targets").is_some() {
        return Err(Problem::new("cannot specify both path and inline replacement", span));
    }
    let file = files.load(root, &path.text).map_err(|message| Problem::new(message, path.span))?;
    let documents = (*files.documents(&file, true)).clone()?;
    let Some(document) = documents.first() else {
        return Err(Problem::new("the file of replacements is empty", path.span));
    };
    match &document.value {
        Value::Array(list) => list
            .iter_spanned()
            .map(|(value, span)| Replacement::read(&Fields::of(value, span.or(Some(document.span)))?))
            .collect(),
        value => Ok(vec![Replacement::read(&Fields::of(value, Some(document.span))?)?]),
    }
}

impl Replacement {
    fn read(fields: &Fields<'_>) -> Result<Self, Problem> {
        let value = fields.entry("sourceValue")?;
        let source = match (value, fields.mapping("source")?) {
            (Some(value), None) => Source::Value(value.text),
            (None, Some(source)) => Source::Field {
                id: source.id()?,
                path: Some(source.text("fieldPath")?).filter(|path| !path.is_empty()).unwrap_or("metadata.name".into()),
                options: Options::read(&source)?,
            },
            _ => return Err(Problem::new("replacements must specify one source", fields.span)),
        };
        let targets: Vec<Target> = fields.list("targets")?.iter().map(Target::read).collect::<Result<_, _>>()?;
        if fields.get("targets").is_none() {
            return Err(Problem::new("replacements must specify a source and at least one target", fields.span));
        }
        Ok(Self { source, targets, span: fields.span })
    }

    pub(super) fn apply(&self, resources: &mut Resources) -> Outcome<()> {
        let value = self.source.find(resources)?;
        for target in &self.targets {
            let select = Matched::new(&target.select)?;
            let reject = target.reject.iter().map(Matched::new).collect::<Outcome<Vec<_>>>()?;
            for resource in &mut resources.0 {
                if target.selects(resource, &select, &reject) {
                    target.set(resource, &value, self.span)?;
                }
            }
        }
        Ok(())
    }
}

/// All that an object is or was called; whether its kind is in a namespace does not matter here.
fn ids(resource: &Resource) -> Vec<Id> {
    let own = Id { is_cluster_scoped: false, ..resource.id() };
    std::iter::once(own).chain(resource.previous_ids()).collect()
}

impl Source {
    fn find(&self, resources: &Resources) -> Outcome<Value> {
        let (id, path, options) = match self {
            Self::Value(text) => return Ok(edit::plain(text)),
            Self::Field { id, path, options } => (id, path, options),
        };
        let found = resources.positions(|resource| ids(resource).iter().any(|known| known.is_selected(id)));
        let at = match found.as_slice() {
            [at] => *at,
            [] => return Err(format!("nothing selected by {}", id.label())),
            _ => return Err(format!("multiple matches for selector {}", id.label())),
        };
        let value = paths::find(&resources.0[at].value, &paths::split(path))?.filter(|value| !edit::is_empty(value));
        let value =
            value.ok_or_else(|| format!("fieldPath `{path}` is missing for replacement source {}", id.label()))?;
        if options.delimiter.is_empty() {
            return Ok(value.clone());
        }
        if !edit::is_scalar(value) {
            return Err("delimiter option can only be used with scalar nodes".to_owned());
        }
        let text = edit::text(value);
        let mut parts = text.split(options.delimiter.as_str());
        let part = usize::try_from(options.index).ok().and_then(|at| parts.nth(at));
        let part = part.ok_or_else(|| format!("options.index {} is out of bounds for value {text}", options.index))?;
        Ok(edit::retyped(value, part))
    }
}

impl Target {
    fn read(fields: &Fields<'_>) -> Result<Self, Problem> {
        let select = fields.mapping("select")?;
        let select = select.ok_or_else(|| Problem::new("target must specify resources to select", fields.span))?;
        let mut paths = fields.texts("fieldPaths")?;
        if paths.is_empty() {
            paths.push(Entry { text: "metadata.name".to_owned(), span: fields.span });
        }
        Ok(Self {
            select: Selector::read(&select)?,
            reject: fields.list("reject")?.iter().map(Selector::read).collect::<Result<_, _>>()?,
            paths,
            options: Options::read(fields)?,
        })
    }

    fn selects(&self, resource: &Resource, select: &Matched, reject: &[Matched]) -> bool {
        let is_rejected = self.reject.iter().zip(reject).any(|(selector, matched)| {
            !(selector.annotations.is_empty() && selector.labels.is_empty()) && matched.fits(&resource.value)
        });
        if is_rejected || !select.fits(&resource.value) {
            return false;
        }
        let ids = ids(resource);
        let is_rejected = self
            .reject
            .iter()
            .any(|selector| selector.id != Id::default() && ids.iter().any(|id| id.is_selected(&selector.id)));
        !is_rejected && ids.iter().any(|id| id.is_selected(&self.select.id))
    }

    fn set(&self, resource: &mut Resource, value: &Value, span: Option<Span>) -> Outcome<()> {
        for path in &self.paths {
            let set = |present: &Value, is_made: bool| {
                let value = self.options.value(present, is_made, value)?;
                Ok(New { value, span })
            };
            let create = self.options.create.then(|| Kind::of(value));
            let mut setter = Setter { create, set: &set, found: 0 };
            let changed = setter.walk(&resource.value, &paths::split(&path.text), false)?;
            if setter.found == 0 {
                return Err(format!(
                    "unable to find field {:?} in replacement target {}",
                    path.text,
                    resource.id().label()
                ));
            }
            if let Some(new) = changed {
                edit::check_size(&new.value)?;
                resource.value = new.value;
            }
        }
        Ok(())
    }
}

impl Options {
    /// What stands in a place after replacing.
    fn value(&self, present: &Value, is_made: bool, value: &Value) -> Outcome<Value> {
        let scalar = |text: &str| if is_made { edit::plain(text) } else { edit::retyped(present, text) };
        if self.delimiter.is_empty() {
            return Ok(if edit::is_scalar(present) { scalar(&edit::text(value)) } else { value.clone() })
                .map(|set| if is_made && !edit::is_scalar(value) { value.clone() } else { set });
        }
        if !edit::is_scalar(present) {
            return Err("delimiter option can only be used with scalar nodes".to_owned());
        }
        let (present_text, new) = (edit::text(present), edit::text(value));
        let mut parts: Vec<&str> = present_text.split(self.delimiter.as_str()).collect();
        match usize::try_from(self.index) {
            Err(_) => parts.insert(0, &new),
            Ok(at) if at >= parts.len() => parts.push(&new),
            Ok(at) => parts[at] = &new,
        }
        let joined = parts.join(&self.delimiter);
        if joined.len() > MAX_TEXT {
            return Err("a text has grown too long".to_owned());
        }
        Ok(scalar(&joined))
    }
}
