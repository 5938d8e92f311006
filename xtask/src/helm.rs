//! Renders charts with Helm and with Probity, and says where they differ.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Sources, json};
use probity_subject_iac::helm::{self, Options};

/// The objects of each template, as JSON, sorted.
type Objects = BTreeMap<String, Vec<String>>;

/// How the two of them rendered a chart.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Same(usize),
    Different(Vec<String>),
    BothRefuse(String),
    HelmRefuses(String),
    WeRefuse(String),
}

/// Compares all charts, with their own values and with those of their `ci` folders.
///
/// # Errors
/// When one of them is rendered differently.
pub(crate) fn check(program: &Path, charts: &[&str]) -> Result<()> {
    let charts: Vec<PathBuf> = charts.iter().map(PathBuf::from).collect();
    if !compare(program, &charts) {
        bail!("not all charts are rendered as Helm renders them");
    }
    Ok(())
}

/// Compares all charts; whether none differs. A chart that Helm refuses says nothing.
fn compare(program: &Path, charts: &[PathBuf]) -> bool {
    let (mut same, mut different) = (0, 0);
    let cases: Vec<(&PathBuf, Option<PathBuf>)> = charts.iter().flat_map(|chart| with_values(chart)).collect();
    for (chart, values) in &cases {
        let verdict = compare_one(program, chart, values.as_deref());
        same += usize::from(matches!(verdict, Verdict::Same(_)));
        different += usize::from(matches!(verdict, Verdict::Different(_) | Verdict::WeRefuse(_)));
        let name = values.as_ref().unwrap_or(chart).display();
        match verdict {
            Verdict::Same(objects) => println!("same       {name}: {objects} objects"),
            Verdict::BothRefuse(reason) => println!("refused    {name}: {reason}"),
            Verdict::HelmRefuses(reason) => println!("helm only  {name}: {reason}"),
            Verdict::WeRefuse(reason) => println!("we refuse  {name}: {reason}"),
            Verdict::Different(templates) => println!("different  {name}:\n  {}", templates.join("\n  ")),
        }
    }
    println!("{same} of {} renderings of {} charts alike, {different} different", cases.len(), charts.len());
    different == 0
}

/// The chart with its own values, and with those that it is tested with.
fn with_values(chart: &PathBuf) -> Vec<(&PathBuf, Option<PathBuf>)> {
    let files = fs::read_dir(chart.join("ci")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with("values.yaml")).collect();
    files.sort();
    std::iter::once(None).chain(files.into_iter().map(Some)).map(|values| (chart, values)).collect()
}

fn compare_one(program: &Path, chart: &Path, values: Option<&Path>) -> Verdict {
    let mut options = Options::default();
    if let Some(text) = values.and_then(|path| fs::read_to_string(path).ok())
        && let Ok(documents) = yaml::read(&text, SourceId(0), Dialect::Kubernetes)
    {
        options.values = documents.into_iter().map(|document| document.value).take(1).collect();
    }
    let theirs = theirs(program, chart, values, &options);
    let sources = Sources::default();
    let (rendered, problems) = helm::render(chart, &options, &sources);
    let problem = problems.first().map(|problem| problem.display(&sources, chart));
    let theirs = match (theirs, problem) {
        (Err(reason), Some(_)) => return Verdict::BothRefuse(reason),
        (Err(reason), None) => return Verdict::HelmRefuses(reason),
        (Ok(_), Some(problem)) => return Verdict::WeRefuse(problem),
        (Ok(theirs), None) => theirs,
    };
    let mut ours = Objects::new();
    for rendered in rendered {
        add(&mut ours, &rendered.name, &rendered.output.text);
    }
    let names: Vec<&String> = theirs.keys().chain(ours.keys().filter(|name| !theirs.contains_key(*name))).collect();
    let differing = names.into_iter().filter(|name| theirs.get(*name) != ours.get(*name));
    let differing: Vec<String> = differing.map(|name| difference(name, theirs.get(name), ours.get(name))).collect();
    if differing.is_empty() { Verdict::Same(ours.values().map(Vec::len).sum()) } else { Verdict::Different(differing) }
}

/// The template, and the first place where the objects differ.
fn difference(name: &str, theirs: Option<&Vec<String>>, ours: Option<&Vec<String>>) -> String {
    let (theirs, ours) = (joined(theirs), joined(ours));
    let at = theirs.chars().zip(ours.chars()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| text.chars().skip(at.saturating_sub(60)).take(160).collect::<String>();
    format!("{name}\n    helm: {}\n    ours: {}", around(&theirs), around(&ours))
}

fn joined(objects: Option<&Vec<String>>) -> String {
    objects.map(|objects| objects.join("\n")).unwrap_or_default()
}

fn theirs(program: &Path, chart: &Path, values: Option<&Path>, options: &Options) -> Result<Objects, String> {
    let output = Command::new(program)
        .args(["template", &options.release])
        .arg(chart)
        .args(["--kube-version", &options.kubernetes, "--skip-schema-validation"])
        .args(values.into_iter().flat_map(|values| ["--values".as_ref(), values.as_os_str()]))
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut objects = Objects::new();
    for document in format!("\n{text}").split("\n---\n") {
        let Some(rest) = document.trim_start().strip_prefix("# Source: ") else { continue };
        let (name, text) = rest.split_once('\n').unwrap_or((rest, ""));
        // The line end before the `---` belongs to the object.
        add(&mut objects, name.trim(), &format!("{text}\n"));
    }
    Ok(objects)
}

fn add(objects: &mut Objects, name: &str, text: &str) {
    let found = match yaml::read(text, SourceId(0), Dialect::Kubernetes) {
        Ok(documents) => documents.iter().map(|document| json::write(&document.value)).collect(),
        Err((problem, _)) => vec![format!("no YAML: {}", problem.message)],
    };
    if !found.is_empty() {
        let all = objects.entry(name.to_owned()).or_default();
        all.extend(found);
        all.sort();
    }
}
