//! Where the time goes.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use probity_model::{Location, SourceId, Sources, Span};

use super::{Act, Event, Node, Observer};

/// Counts how often expressions are evaluated, and how long it takes until the next one is.
#[derive(Debug, Default)]
pub struct Profile(RefCell<Counts>);

#[derive(Debug, Default)]
struct Counts {
    spans: HashMap<Span, Count>,
    active: Option<(Span, Instant)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    time: Duration,
    evals: u64,
    redos: u64,
}

/// What the expressions of one line took together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// The time until the next expression was evaluated, added up.
    pub time: Duration,
    /// How often they were evaluated.
    pub evals: u64,
    /// How often another solution was looked for.
    pub redos: u64,
    /// How many expressions the compiler made of the line.
    pub exprs: usize,
    /// The line, with the first expression's column.
    pub location: Location,
}

impl Observer for Profile {
    fn event(&self, event: &Event<'_>) {
        let (Node::Expr, Act::Eval | Act::Redo, Some(span)) = (event.node, event.act, event.span) else { return };
        let mut counts = self.0.borrow_mut();
        counts.stop();
        let count = counts.spans.entry(span).or_default();
        if event.act == Act::Eval {
            count.evals += 1;
        } else {
            count.redos += 1;
        }
        counts.active = Some((span, Instant::now()));
    }
}

impl Counts {
    fn stop(&mut self) {
        if let Some((span, since)) = self.active.take() {
            self.spans.entry(span).or_default().time += since.elapsed();
        }
    }
}

impl Profile {
    /// The costs by line, the highest first.
    pub fn costs(&self, sources: &Sources) -> Vec<Cost> {
        let mut counts = self.0.borrow_mut();
        counts.stop();
        let mut lines: HashMap<(SourceId, u32), (Cost, BTreeSet<Span>)> = HashMap::new();
        for (span, count) in &counts.spans {
            let Some(location) = sources.locate(*span) else { continue };
            let fresh = Cost { time: Duration::ZERO, evals: 0, redos: 0, exprs: 0, location: location.clone() };
            let (cost, spans) = lines.entry((span.source, location.line)).or_insert_with(|| (fresh, BTreeSet::new()));
            cost.time += count.time;
            cost.evals += count.evals;
            cost.redos += count.redos;
            cost.location = cost.location.clone().min(location);
            spans.insert(*span);
        }
        let mut costs: Vec<Cost> =
            lines.into_values().map(|(cost, spans)| Cost { exprs: spans.len(), ..cost }).collect();
        costs.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.location.cmp(&b.location)));
        costs
    }
}
