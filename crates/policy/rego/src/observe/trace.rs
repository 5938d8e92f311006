//! A record of an evaluation that people can read.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::str::FromStr;

use probity_model::value::Value;
use probity_model::{Sources, Span};

use super::{Act, Event, Node, Observer};

/// More steps than this are not kept.
const MAX_STEPS: usize = 200_000;

/// Longer texts are cut.
const MAX_TEXT: usize = 120;

/// What of an evaluation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Explain {
    /// Nothing.
    #[default]
    Off,
    /// Everything.
    Full,
    /// Calls of `trace`, and what led to them.
    Notes,
    /// Expressions without solution, and what led to them.
    Fails,
}

impl FromStr for Explain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "off" => Self::Off,
            "full" => Self::Full,
            "notes" => Self::Notes,
            "fails" => Self::Fails,
            _ => return Err(format!("`{text}` is none of off, full, notes, fails")),
        })
    }
}

/// One step of an evaluation.
#[derive(Debug, Clone)]
pub struct Step {
    /// What happened.
    pub act: Act,
    /// The rule's name, or the text that was noted; empty for what stands in the text at `span`.
    pub name: String,
    /// Whether it happened to an expression.
    pub expr: bool,
    /// Where.
    pub span: Option<Span>,
    /// How many rules and bodies it is within.
    pub depth: u32,
    /// The values known, by where they stand.
    pub values: Vec<(Span, Value)>,
}

/// Keeps the steps of an evaluation.
#[derive(Debug, Default)]
pub struct Trace(RefCell<Vec<Step>>);

impl Observer for Trace {
    fn event(&self, event: &Event<'_>) {
        let mut steps = self.0.borrow_mut();
        if event.act == Act::Print || steps.len() >= MAX_STEPS {
            return;
        }
        let name = match event.node {
            Node::Rule { name, .. } => name.to_owned(),
            Node::Text(text) => text.to_owned(),
            Node::Body | Node::Expr => String::new(),
        };
        let depth = match event.act {
            // A call of `trace` does not know what it is within; the step before it does.
            Act::Note => steps.last().map_or(1, |step| step.depth),
            _ => event.depth,
        };
        let values = if event.act == Act::Redo { Vec::new() } else { event.values() };
        let expr = event.node == Node::Expr;
        steps.push(Step { act: event.act, name, expr, span: event.span, depth, values });
    }
}

impl Trace {
    /// The steps that are asked for, in order.
    pub fn steps(self, explain: Explain) -> Vec<Step> {
        let steps = self.0.into_inner();
        match explain {
            Explain::Off => Vec::new(),
            Explain::Full => steps,
            Explain::Notes => with_lineage(steps, Act::Note),
            Explain::Fails => with_lineage(steps, Act::Fail),
        }
    }
}

/// The steps of one kind, and for each what it is within.
fn with_lineage(steps: Vec<Step>, wanted: Act) -> Vec<Step> {
    let mut keep = vec![false; steps.len()];
    // What was entered or taken up again last, by depth.
    let mut open: Vec<usize> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let depth = step.depth as usize;
        if step.act == wanted {
            keep[at] = true;
            open.iter().take(depth).for_each(|at| keep[*at] = true);
        } else if !step.expr && matches!(step.act, Act::Enter | Act::Redo) {
            open.truncate(depth.saturating_sub(1));
            open.push(at);
        }
    }
    steps.into_iter().zip(keep).filter_map(|(step, keep)| keep.then_some(step)).collect()
}

/// A word for what happened.
fn word(act: Act) -> &'static str {
    match act {
        Act::Enter => "Enter",
        Act::Eval => "Eval",
        Act::Exit => "Exit",
        Act::Fail => "Fail",
        Act::Redo => "Redo",
        Act::Print => "Print",
        Act::Note => "Note",
    }
}

impl Step {
    /// The step without its place: `| | Eval x > 1`.
    pub fn line(&self, sources: &Sources) -> String {
        let frame = !self.expr && matches!(self.act, Act::Enter | Act::Redo);
        let bars = "| ".repeat((self.depth as usize).saturating_sub(usize::from(frame)));
        let what = match (self.act, self.name.as_str()) {
            (Act::Note, note) => format!("{note:?}"),
            (_, "") => self.span.map(|span| text_at(span, sources)).unwrap_or_default(),
            (_, name) => name.to_owned(),
        };
        format!("{bars}{} {what}", word(self.act))
    }

    /// The place as `file:line`; of the query itself `query:line`.
    pub fn place(&self, sources: &Sources) -> String {
        let Some(location) = self.span.and_then(|span| sources.locate(span)) else { return String::new() };
        if location.path.as_os_str().is_empty() {
            return format!("query:{}", location.line);
        }
        format!("{}:{}", location.path.display(), location.line)
    }

    /// The known values as `name: value`, each name once.
    pub fn known(&self, sources: &Sources) -> Vec<(String, String)> {
        let mut known: Vec<(String, String)> = Vec::new();
        for (span, value) in &self.values {
            let name = text_at(*span, sources);
            if !known.iter().any(|(other, _)| *other == name) {
                known.push((name, cut(&crate::builtins::term_text(value))));
            }
        }
        known
    }

    /// Steps as a table: places, what happened, and the values that are known.
    pub fn table(steps: &[Self], sources: &Sources) -> String {
        let rows: Vec<(String, String, String)> = steps
            .iter()
            .map(|step| {
                let known: Vec<_> =
                    step.known(sources).iter().map(|(name, value)| format!("{name}: {value}")).collect();
                let known = if known.is_empty() { String::new() } else { format!("{{{}}}", known.join(", ")) };
                (step.place(sources), step.line(sources), known)
            })
            .collect();
        let widest = |pick: fn(&(String, String, String)) -> &String| {
            rows.iter().map(|row| pick(row).chars().count().min(MAX_TEXT)).max().unwrap_or(0)
        };
        let (places, lines) = (widest(|row| &row.0), widest(|row| &row.1).min(70));
        let mut out = String::new();
        for (place, line, known) in &rows {
            let row = format!("{place:<places$}  {line:<lines$}  {known}");
            let _ = writeln!(out, "{}", row.trim_end());
        }
        out
    }
}

/// The text of a span in one line.
fn text_at(span: Span, sources: &Sources) -> String {
    let Some(source) = sources.get(span.source) else { return String::new() };
    let text = source.text.get(span.start as usize..span.end as usize).unwrap_or_default();
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_TEXT {
        return text.to_owned();
    }
    let short: String = text.chars().take(MAX_TEXT - 3).collect();
    format!("{short}...")
}
