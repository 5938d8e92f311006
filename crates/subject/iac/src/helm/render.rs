//! Runs the templates of a chart.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use probity_model::{Problem, SourceId, Span};
use probity_template::{Datum, Error, ErrorKind, Limits, Map, Output, Set};

use super::Options;
use super::chart::Chart;
use super::objects::{Capabilities, ChartObject, Files};
use super::{dependencies, values};

/// What one template gave.
#[derive(Debug)]
pub struct Rendered {
    /// As Helm names it: `chart/templates/service.yaml`.
    pub name: Arc<str>,
    /// Where the template is; one from an archive is nowhere.
    pub path: Option<PathBuf>,
    /// The template's text.
    pub(super) source: SourceId,
    /// What came out, and where it comes from.
    pub output: Output,
}

/// A template that is to be run.
struct Task {
    name: String,
    path: Option<PathBuf>,
    source: SourceId,
    text: Rc<str>,
    data: Map,
    base: String,
}

/// Renders all templates of a chart and its subcharts, in the order of their names. A template that fails is among the
/// problems, and the others are rendered.
pub(super) fn templates(mut chart: Chart, options: &Options, problems: &mut Vec<Problem>) -> Vec<Rendered> {
    let given = Map::default();
    for value in &options.values {
        if let Datum::Map(later) = Datum::from_value(value) {
            values::given(&given, &later);
        }
    }
    problems.extend(dependencies::process(&mut chart, &given));
    let all = values::coalesced(&chart, &given, false);
    let release = Datum::map([
        ("Name", Datum::from(options.release.as_str())),
        ("Namespace", options.namespace.as_str().into()),
        ("IsUpgrade", false.into()),
        ("IsInstall", true.into()),
        ("Revision", Datum::Int(1)),
        ("Service", "Helm".into()),
    ]);
    let mut tasks = Vec::new();
    let scope = Scope { release, capabilities: Capabilities::of(options) };
    scope.collect(&chart, None, &Datum::Map(all), &mut tasks);
    run(tasks, problems)
}

/// What all charts see alike.
struct Scope {
    release: Datum,
    capabilities: Datum,
}

impl Scope {
    /// Adds the templates of a chart and those within it; gives what they see.
    fn collect(&self, chart: &Chart, above: Option<&str>, values: &Datum, tasks: &mut Vec<Task>) -> Datum {
        let subcharts = Map::default();
        let data = Map::default();
        data.set("Chart", ChartObject::of(chart, above.is_none()));
        data.set("Files", Datum::Native(Rc::new(Files(Rc::clone(&chart.files)))));
        data.set("Release", self.release.clone());
        data.set("Capabilities", self.capabilities.clone());
        data.set("Values", values.clone());
        data.set("Subcharts", Datum::Map(subcharts.clone()));
        let path = match above {
            Some(above) => format!("{above}/charts/{}", chart.name),
            None => chart.name.clone(),
        };
        for subchart in &chart.subcharts {
            let inner = values.as_map().and_then(|values| values.get(&subchart.name));
            let inner = inner.filter(|inner| inner.as_map().is_some()).unwrap_or_else(|| Datum::map::<&str>([]));
            let seen = self.collect(subchart, Some(&path), &inner, tasks);
            subcharts.set(&subchart.name, seen);
        }
        for template in chart.templates.iter() {
            if chart.is_library && !is_partial(&template.name) {
                continue;
            }
            tasks.push(Task {
                name: format!("{path}/{}", template.name),
                path: template.path.clone(),
                source: template.source,
                text: Rc::clone(&template.text),
                data: data.clone(),
                base: format!("{path}/templates"),
            });
        }
        Datum::Map(data)
    }
}

fn is_partial(name: &str) -> bool {
    name.rsplit('/').next().unwrap_or(name).starts_with('_')
}

fn run(mut tasks: Vec<Task>, problems: &mut Vec<Problem>) -> Vec<Rendered> {
    // The deepest first: of two definitions of the same name, that of the chart above counts.
    tasks.sort_by(|a, b| {
        let depth = |task: &Task| task.name.matches('/').count();
        (depth(b), &b.name).cmp(&(depth(a), &a.name))
    });
    let (mut set, mut broken) = (Set::default(), Vec::new());
    let places: HashMap<String, SourceId> = tasks.iter().map(|task| (task.name.clone(), task.source)).collect();
    for task in &tasks {
        if let Err(error) = set.add(&task.name, &task.text, Some(task.source.0)) {
            problems.push(problem(&error, &places, task));
            broken.push(task.name.clone());
        }
    }
    // They are run in that order, too: what one of them sets in the values the next ones see.
    let mut rendered: Vec<Rendered> = Vec::new();
    for task in tasks {
        if is_partial(&task.name) || task.name.ends_with("NOTES.txt") || broken.contains(&task.name) {
            continue;
        }
        let template = [("Name", Datum::from(task.name.as_str())), ("BasePath", task.base.as_str().into())];
        task.data.set("Template", Datum::map(template));
        match set.execute(&task.name, &Datum::Map(task.data.clone()), Limits::default()) {
            Ok(mut output) => {
                // Helm ends each object with its line.
                if !output.text.ends_with('\n') {
                    output.text.push('\n');
                }
                rendered.push(Rendered { name: task.name.into(), path: task.path, source: task.source, output });
            }
            Err(error) => problems.push(problem(&error, &places, &task)),
        }
    }
    rendered.sort_by(|a, b| a.name.cmp(&b.name));
    rendered
}

fn problem(error: &Error, places: &HashMap<String, SourceId>, task: &Task) -> Problem {
    let source = places.get(&*error.text).copied();
    let span = Span::new(source.unwrap_or(task.source), error.offset..error.offset);
    let span = if source.is_some() { span } else { Span::new(task.source, 0..0) };
    let (message, help) = match error.kind {
        ErrorKind::Refused => (
            format!("the chart wants something else: {}", error.message),
            "give it the values it asks for with `--helm-values`",
        ),
        ErrorKind::Parse => (format!("not a template: {}", error.message), "mend it; the others are rendered"),
        ErrorKind::Bound => {
            (format!("cannot be rendered: {}", error.message), "give values with which it ends, or exclude it")
        }
        ErrorKind::Execution => (
            format!("cannot be rendered: {}", error.message),
            "give values with which it can with `--helm-values`, or exclude it",
        ),
    };
    Problem::new(message, span).with_help(help)
}
