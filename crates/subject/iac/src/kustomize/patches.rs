//! Patches: strategic merges and JSON patches, from files and from the kustomization itself.

use std::path::Path;

use probity_kubernetes::patch::json6902::Options;
use probity_kubernetes::patch::{JsonPatch, kustomize};
use probity_model::value::{Object, Value};
use probity_model::yaml::Dialect;
use probity_model::{Problem, SourceId, Span};

use super::definition::{Entry, Patch};
use super::edit::{self, New, Outcome};
use super::files::{self, Document, Files, Parsed};
use super::load;
use super::resource::Resource;
use super::set::Resources;

/// Stands for a text within a kustomization; no span that leaves here has it.
const INLINE: SourceId = SourceId(u32::MAX);

/// The documents of a text in a kustomization, with places in the kustomization.
pub(super) fn inline(entry: &Entry, dialect: Dialect, files: &Files<'_>) -> Parsed {
    let lines = entry.span.and_then(|span| lines(&entry.text, span, files)).unwrap_or_default();
    let place = |span: Span| {
        let whole = entry.span.unwrap_or(span);
        let offset = |at: u32| {
            let line = lines.partition_point(|(start, _)| *start <= at as usize).checked_sub(1)?;
            let (start, place) = lines[line];
            Some(place + (at as usize - start))
        };
        match (offset(span.start), offset(span.end)) {
            (Some(start), Some(end)) if span.source == INLINE => Span::new(whole.source, start..end),
            _ => whole,
        }
    };
    let mut documents = files::read(&entry.text, INLINE, dialect).map_err(|problem| {
        let span = problem.span.map(place).or(entry.span);
        Problem { span, ..problem }
    })?;
    for document in &mut documents {
        document.value = edit::relocated(&document.value, &place);
        document.span = place(document.span);
        document.skips.iter_mut().for_each(|skip| skip.span = skip.span.map(place));
    }
    Ok(documents)
}

/// Where each line of a block scalar begins, in the text and in its source.
fn lines(text: &str, span: Span, files: &Files<'_>) -> Option<Vec<(usize, usize)>> {
    let source = files.sources.get(span.source)?;
    let written = source.text.get(span.start as usize..span.end as usize)?;
    let (header, _) = written.split_once('\n')?;
    if !header.contains('|') {
        return None;
    }
    let mut at = span.start as usize + header.len() + 1;
    let rest = &source.text[at..];
    let indent = rest
        .lines()
        .find(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())?;
    let (mut starts, mut start) = (Vec::new(), 0);
    for (line, written) in text.split('\n').zip(rest.split('\n')) {
        let skipped = indent.min(written.len() - written.trim_start_matches(' ').len());
        if written[skipped..].trim_end_matches('\r') != line && !line.is_empty() {
            return None;
        }
        starts.push((start, at + skipped));
        start += line.len() + 1;
        at += written.len() + 1;
    }
    Some(starts)
}

/// The objects that documents hold as patches.
fn objects(documents: &[Document]) -> Outcome<Vec<Resource>> {
    load::resources(documents)
}

/// What a patch turned out to be.
pub(super) enum Loaded {
    Merge(Vec<Resource>),
    Json(JsonPatch),
}

/// Reads a patch of `patches`.
pub(super) fn load(patch: &Patch, root: &Path, files: &Files<'_>) -> Result<Loaded, Problem> {
    let fail = |message: String| Problem::new(message, patch.span);
    let documents = |dialect: Dialect| -> Parsed {
        match (&patch.path, &patch.text) {
            (Some(path), None) => {
                let file = files.load(root, &path.text).map_err(fail)?;
                (*files.documents(&file, dialect == Dialect::Kubernetes)).clone()
            }
            (None, Some(text)) => inline(text, dialect, files),
            (None, None) => Err(fail("a patch must specify one of patch and path".to_owned())),
            _ => Err(fail("patch and path can't be set at the same time".to_owned())),
        }
    };
    let found = documents(Dialect::Go)?;
    if found.first().is_some_and(|document| matches!(document.value, Value::Array(_))) {
        let found = documents(Dialect::Kubernetes)?;
        let operations = found.first().map(|document| document.value.clone()).unwrap_or_default();
        return JsonPatch::read(&operations).map(Loaded::Json).map_err(|error| fail(error.to_string()));
    }
    let patches = objects(&found).map_err(fail)?;
    if patches.is_empty() { Err(fail("the patch appears to be empty".to_owned())) } else { Ok(Loaded::Merge(patches)) }
}

/// Applies a patch of `patches`.
pub(super) fn apply(patch: &Patch, loaded: &Loaded, resources: &mut Resources) -> Outcome<()> {
    match (loaded, &patch.target) {
        (Loaded::Json(_), None) => Err("must specify a target for a JSON patch".to_owned()),
        (Loaded::Json(operations), Some(target)) => {
            for at in resources.select(target)? {
                resources.0[at].remember();
                apply_json(operations, &mut resources.0[at])?;
            }
            Ok(())
        }
        (Loaded::Merge(patches), Some(target)) => {
            let [only] = patches.as_slice() else {
                return Err("several strategic merge patches in one entry may not have a target".to_owned());
            };
            for at in resources.select(target)? {
                let adapted = adapted(&only.value, &resources.0[at]);
                merge(&mut resources.0[at], &adapted, patch)?;
            }
            Ok(())
        }
        (Loaded::Merge(patches), None) => {
            for own in patches {
                let at = resources.only(&own.id())?;
                merge(&mut resources.0[at], &own.value, patch)?;
            }
            Ok(())
        }
    }
}

/// Applies an entry of `patchesStrategicMerge`: the patch itself, or the path of a file.
pub(super) fn apply_merge(entry: &Entry, root: &Path, files: &Files<'_>, resources: &mut Resources) -> Outcome<()> {
    let own = inline(entry, Dialect::Go, files).ok().and_then(|documents| objects(&documents).ok());
    let patches = if let Some(patches) = own {
        patches
    } else {
        let file = files.load(root, &entry.text)?;
        let documents = files.documents(&file, false);
        objects(documents.as_ref().as_ref().map_err(|problem| problem.message.clone())?)?
    };
    for patch in patches {
        let at = resources.only(&patch.id())?;
        let adapted = adapted(&patch.value, &resources.0[at]);
        merge(&mut resources.0[at], &adapted, &Patch::default())?;
    }
    Ok(())
}

/// Applies a JSON patch to the objects that a target of `patchesJson6902` selects.
pub(super) fn apply_json_patch(patch: &Patch, loaded: &Loaded, resources: &mut Resources) -> Outcome<()> {
    let (Loaded::Json(operations), Some(target)) = (loaded, &patch.target) else {
        return Err("a JSON patch is a list of operations with a target".to_owned());
    };
    if target.id.name.is_empty() {
        return Err("must specify the target name".to_owned());
    }
    resources.select(target)?.into_iter().try_for_each(|at| apply_json(operations, &mut resources.0[at]))
}

fn apply_json(operations: &JsonPatch, resource: &mut Resource) -> Outcome<()> {
    let label = || resource.id().label();
    let patched = operations.apply(&resource.value, Options::STRICT);
    let patched = patched.map_err(|error| format!("{}: {error}", label()))?;
    edit::check_size(&patched)?;
    resource.value = patched;
    Ok(())
}

/// A patch made to fit an object that it was not written for. Its labels and annotations become texts, so that nulls
/// among them take nothing away: so kustomize has it.
fn adapted(patch: &Value, resource: &Resource) -> Value {
    let mut patch = patch.clone();
    for path in [["metadata", "labels"], ["metadata", "annotations"]] {
        let Some(present) = patch.at(&path) else { continue };
        let text = |value: &Value| if value.is_null() { "null".to_owned() } else { edit::text(value) };
        let entries = present.as_object().into_iter().flat_map(Object::iter_spanned);
        let entries: Vec<_> = entries.map(|(key, value, span)| (key.clone(), text(value).into(), span)).collect();
        patch = if entries.is_empty() {
            edit::take(&patch, &path)
        } else {
            edit::put(&patch, &path, New { value: Value::Object(Object::with_known_spans(entries)), span: None })
        };
    }
    if let Some(version) = resource.value.get("apiVersion")
        && patch.get("apiVersion") != Some(version)
    {
        patch = edit::put(&patch, &["apiVersion"], New { value: version.clone(), span: None });
    }
    patch
}

fn merge(resource: &mut Resource, patch: &Value, options: &Patch) -> Outcome<()> {
    let kind = resource.kind().into_owned();
    let (name, namespace) = (resource.name().into_owned(), resource.namespace().into_owned());
    if options.may_change_name || options.may_change_kind {
        resource.remember();
    }
    let merged = kustomize::merge(&resource.value, patch);
    let merged = merged.map_err(|error| format!("{}: {error}", resource.id().label()))?;
    resource.value = merged.unwrap_or_default();
    if resource.is_empty() {
        return Ok(());
    }
    if !options.may_change_kind && resource.kind() != kind {
        resource.value = edit::put(&resource.value, &["kind"], New::text(&kind, None));
    }
    if !options.may_change_name && resource.name() != name {
        resource.set_name(&name, None);
    }
    if resource.namespace() != namespace {
        resource.set_namespace(&namespace);
    }
    Ok(())
}
