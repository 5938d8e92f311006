//! `helmCharts`: charts that lie in a folder of the kustomization. None is fetched.

use std::path::{Path, PathBuf};

use probity_model::Problem;
use probity_model::value::{Object, Value};

use super::definition::Fields;
use super::files::Files;
use super::resource::Resource;
use crate::helm;

/// The objects of a chart, and what of it is left out.
pub(super) type Rendered = (Vec<Resource>, Vec<Problem>);

/// The objects of a chart; `None` when it is not there.
pub(super) fn render(
    fields: &Fields<'_>,
    home: &str,
    root: &Path,
    files: &Files<'_>,
    readable: &[PathBuf],
) -> Result<Option<Rendered>, Problem> {
    let (name, version) = (fields.text("name")?, fields.text("version")?);
    let name = if name.is_empty() { fields.text("chartName")? } else { name };
    if name.is_empty() || name.contains("..") || name.starts_with('/') {
        return Err(Problem::new("the chart has no name, or one that leads elsewhere", fields.span));
    }
    let mut folder = root.join(if home.is_empty() { "charts" } else { home });
    if !version.is_empty() && !fields.text("repo")?.is_empty() {
        let versioned = folder.join(format!("{name}-{version}"));
        folder = if versioned.is_dir() { versioned } else { folder };
    }
    let chart = folder.join(&name);
    let Some(chart) = chart.canonicalize().ok().filter(|chart| chart.join("Chart.yaml").is_file()) else {
        return Ok(None);
    };
    let shown = files.shown(&chart);
    let options = options(fields, root, files)?;
    let read = helm::objects(&shown, readable, &options, files.sources);
    let skips_tests = fields.flag("skipTests")?;
    let is_test = |value: &Value| {
        let hook = value.at(&["metadata", "annotations", "helm.sh/hook"]).and_then(Value::as_str);
        hook.is_some_and(|hook| hook.split(',').any(|hook| hook.trim().starts_with("test")))
    };
    let resources = read.subjects.into_iter().filter(|subject| !(skips_tests && is_test(&subject.document)));
    let resources = resources.map(|subject| {
        let mut resource = Resource::new(subject.document, subject.span);
        resource.skips = subject.skips;
        resource
    });
    Ok(Some((resources.collect(), read.problems)))
}

fn options(fields: &Fields<'_>, root: &Path, files: &Files<'_>) -> Result<helm::Options, Problem> {
    let file = |path: &str| -> Result<Value, Problem> {
        let file = files.load(root, path).map_err(|message| Problem::new(message, fields.span))?;
        let documents = (*files.documents(&file, true)).clone()?;
        Ok(documents.into_iter().next().map(|document| document.value).unwrap_or_default())
    };
    let path = fields.text("valuesFile")?;
    let own = if path.is_empty() { None } else { Some(file(&path)?) };
    let inline = fields.get("valuesInline").map(|(value, _)| value.clone());
    let mut values: Vec<Value> = match (fields.text("valuesMerge")?.as_str(), inline) {
        (_, None) => own.into_iter().collect(),
        ("replace", Some(inline)) => vec![inline],
        ("merge", Some(inline)) => std::iter::once(inline).chain(own).collect(),
        (_, Some(inline)) => own.into_iter().chain([inline]).collect(),
    };
    for entry in fields.texts("additionalValuesFiles")? {
        values.push(file(&entry.text)?);
    }
    values.retain(|value| matches!(value, Value::Object(object) if *object != Object::default()));
    let given = |name: &str, default: String| -> Result<String, Problem> {
        Ok(Some(fields.text(name)?).filter(|text| !text.is_empty()).unwrap_or(default))
    };
    let default = helm::Options::default();
    Ok(helm::Options {
        values,
        kubernetes: given("kubeVersion", default.kubernetes)?,
        api_versions: fields.texts("apiVersions")?.into_iter().map(|entry| entry.text).collect(),
        release: given("releaseName", default.release)?,
        namespace: given("namespace", default.namespace)?,
    })
}
