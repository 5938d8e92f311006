//! `explain`: what an evaluation went through.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use probity_model::Sources;
use probity_model::value::Value;
use probity_policy_rego::observe::{Act, Event, Node};
use probity_policy_rego::{
    CompileOptions, Documents, Error, Errors, Evaluation, Limits, Observer, Policies, parse_module,
};

use crate::answer::quoted;
use crate::gate::Gate;
use crate::request::Params;
use crate::snapshot::Snapshot;

/// So many events are told; what came after them is left out.
const MOST: usize = 20_000;

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Explain {
    /// What `trace` was called with.
    Notes,
    /// Expressions without a solution.
    Fails,
    /// Everything but what is looked at again.
    Full,
    /// Everything.
    Debug,
}

impl Explain {
    pub(crate) fn of(params: &Params) -> Option<Self> {
        match params.last("explain")? {
            "notes" => Some(Self::Notes),
            "fails" => Some(Self::Fails),
            "full" => Some(Self::Full),
            "debug" => Some(Self::Debug),
            _ => None,
        }
    }

    fn tells(self, act: Act) -> bool {
        match self {
            Self::Notes => act == Act::Note,
            Self::Fails => matches!(act, Act::Fail | Act::Note),
            Self::Full => !matches!(act, Act::Redo | Act::Print),
            Self::Debug => act != Act::Print,
        }
    }
}

/// The policies of a snapshot, compiled so that they tell what goes on. Made when it is first asked for.
#[derive(Default)]
pub(crate) struct Observed(OnceLock<Option<(Policies, Arc<Sources>)>>);

impl Observed {
    fn get(&self, snapshot: &Snapshot) -> Option<&(Policies, Arc<Sources>)> {
        self.0.get_or_init(|| compile(snapshot).ok()).as_ref()
    }
}

fn compile(snapshot: &Snapshot) -> Result<(Policies, Arc<Sources>), Errors> {
    let sources = Arc::new(Sources::default());
    let modules =
        snapshot.modules.iter().map(|(id, module)| parse_module(Path::new(id), &module.text, module.version, &sources));
    let modules = modules.collect::<Result<Vec<_>, _>>()?;
    let options = CompileOptions { observe: true, ..CompileOptions::default() };
    Ok((Policies::compile(modules, options, Arc::clone(&sources))?, sources))
}

/// One thing that happened.
struct Line {
    act: Act,
    kind: &'static str,
    depth: u32,
    place: Option<(String, u32, u32)>,
    text: String,
}

struct Collector<'c> {
    explain: Explain,
    sources: &'c Sources,
    lines: RefCell<Vec<Line>>,
}

impl Observer for Collector<'_> {
    fn event(&self, event: &Event<'_>) {
        let mut lines = self.lines.borrow_mut();
        if lines.len() >= MOST || !self.explain.tells(event.act) {
            return;
        }
        let (kind, text) = match event.node {
            Node::Body => ("body", None),
            Node::Rule { name, .. } => ("rule", Some(name.to_owned())),
            Node::Expr => ("expr", None),
            Node::Text(text) => ("note", Some(text.to_owned())),
        };
        let written = || {
            let span = event.span?;
            let source = self.sources.get(span.source)?;
            source.text.get(span.start as usize..span.end as usize).map(str::to_owned)
        };
        let place = event.span.and_then(|span| self.sources.locate(span));
        let place = place.map(|place| (place.path.display().to_string(), place.line, place.column));
        let text = text.or_else(written).unwrap_or_default();
        lines.push(Line { act: event.act, kind, depth: event.depth, place, text });
    }
}

/// The explanation of a query in JSON, a list: of lines of text when it is to be read by people, else of objects.
///
/// # Errors
/// When the evaluation ends without a result.
pub(crate) fn explain(
    gate: &Gate,
    snapshot: &Snapshot,
    query: &str,
    input: Option<Value>,
    explain: Explain,
    pretty: bool,
) -> Result<String, Error> {
    let Some((policies, sources)) = snapshot.observed.get(snapshot) else { return Ok("[]".to_owned()) };
    let Ok(query) = policies.query_values(query) else { return Ok("[]".to_owned()) };
    let collector = Collector { explain, sources, lines: RefCell::default() };
    let how = Evaluation {
        limits: Limits { deadline: Instant::now().checked_add(gate.settings.time), ..Limits::default() },
        host: &*gate.settings.host,
        observer: Some(&collector),
        ..Evaluation::default()
    };
    query.evaluate(&Documents { input, data: Some(snapshot.data.clone()) }, &how)?;
    let lines: Vec<String> = collector.lines.borrow().iter().map(|line| line.json(pretty)).collect();
    Ok(format!("[{}]", lines.join(",")))
}

impl Line {
    fn op(&self) -> &'static str {
        match self.act {
            Act::Enter => "Enter",
            Act::Eval => "Eval",
            Act::Exit => "Exit",
            Act::Fail => "Fail",
            Act::Redo => "Redo",
            Act::Note | Act::Print => "Note",
        }
    }

    fn json(&self, pretty: bool) -> String {
        if pretty {
            let place = self.place.as_ref().map_or_else(String::new, |(file, row, _)| {
                format!("{}:{row}", if file.is_empty() { "query" } else { file })
            });
            let indent = "| ".repeat(self.depth.min(64) as usize);
            return quoted(&format!("{place:<24} {indent}{} {}", self.op(), self.text.replace('\n', " ")));
        }
        let mut text = format!(
            "{{\"op\":\"{}\",\"query_id\":{},\"type\":\"{}\",\"message\":{}",
            self.op(),
            self.depth,
            self.kind,
            quoted(&self.text)
        );
        if let Some((file, row, col)) = &self.place {
            text.push_str(&format!(",\"location\":{{\"file\":{},\"row\":{row},\"col\":{col}}}", quoted(file)));
        }
        text.push('}');
        text
    }
}
