//! Which rules and expressions of modules were evaluated.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use probity_model::{Sources, Span};

use super::{Act, Event, Node, Observer};
use crate::ast::{Module, Rule, Terms};
use crate::vars::{walk_exprs, walk_exprs_in_term};

/// Collects what was evaluated. A rule counts when it has a solution, an expression when it was evaluated, as OPA counts.
#[derive(Debug, Default)]
pub struct Coverage {
    seen: RefCell<HashSet<Span>>,
}

/// How much of all files was evaluated, in the shape of OPA's report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CoverageReport {
    /// By path.
    pub files: BTreeMap<String, FileCoverage>,
    /// Lines with something that was evaluated.
    pub covered_lines: usize,
    /// Lines with something that was not.
    pub not_covered_lines: usize,
    /// Percent of the lines that have something to evaluate.
    pub coverage: f64,
}

/// How much of a file was evaluated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileCoverage {
    /// What was evaluated, in order.
    pub covered: Vec<Range>,
    /// What was not, in order.
    pub not_covered: Vec<Range>,
    /// Lines with something that was evaluated.
    pub covered_lines: BTreeSet<u32>,
    /// Lines with something that was not.
    pub not_covered_lines: BTreeSet<u32>,
    /// Percent of the lines that have something to evaluate.
    pub coverage: f64,
}

/// A place in a text, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub row: u32,
    /// The column, in characters.
    pub col: u32,
}

/// A range of a text; the end's column is one past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Where it begins.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
}

impl Observer for Coverage {
    fn event(&self, event: &Event<'_>) {
        let span = match (event.act, event.node) {
            (Act::Exit, Node::Rule { head, .. }) => Some(head),
            (Act::Eval, Node::Expr) => event.span,
            _ => None,
        };
        if let Some(span) = span {
            self.seen.borrow_mut().insert(span);
        }
    }
}

impl Coverage {
    /// Adds what another has seen.
    pub fn merge(&self, other: Self) {
        self.seen.borrow_mut().extend(other.seen.into_inner());
    }

    /// How much of these modules was evaluated.
    pub fn report(&self, modules: &[Module], sources: &Sources) -> CoverageReport {
        let mut report = CoverageReport::default();
        let seen = self.seen.borrow();
        let mut seen_in: BTreeMap<_, Vec<Span>> = BTreeMap::new();
        for span in seen.iter() {
            seen_in.entry(span.source).or_default().push(*span);
        }
        for module in modules {
            let id = module.package_span.source;
            let Some(source) = sources.get(id) else { continue };
            let covered = seen_in.get(&id).map(Vec::as_slice).unwrap_or_default();
            let within = |place: &Span| covered.iter().any(|seen| seen.start <= place.start && place.end <= seen.end);
            let missed: BTreeSet<Span> = places(module).into_iter().filter(|place| !within(place)).collect();
            let file = file_coverage(covered, &missed.into_iter().collect::<Vec<_>>(), &source);
            report.covered_lines += file.covered_lines.len();
            report.not_covered_lines += file.not_covered_lines.len();
            report.files.insert(source.path.display().to_string(), file);
        }
        report.coverage = percent(report.covered_lines, report.not_covered_lines);
        report
    }
}

fn file_coverage(covered: &[Span], missed: &[Span], source: &probity_model::Source) -> FileCoverage {
    let range = |span: &Span| {
        let (row, col) = source.line_column(span.start);
        let (end_row, end_col) = source.line_column(span.end);
        Range { start: Position { row, col }, end: Position { row: end_row, col: end_col } }
    };
    let ranges =
        |spans: &[Span]| -> Vec<Range> { spans.iter().map(range).collect::<BTreeSet<_>>().into_iter().collect() };
    let lines = |ranges: &[Range]| -> BTreeSet<u32> {
        ranges.iter().flat_map(|range| range.start.row..=range.end.row).collect()
    };
    let (covered, not_covered) = (ranges(covered), ranges(missed));
    let (covered_lines, not_covered_lines) = (lines(&covered), lines(&not_covered));
    let coverage = percent(covered_lines.len(), not_covered_lines.len());
    FileCoverage { covered, not_covered, covered_lines, not_covered_lines, coverage }
}

#[allow(clippy::cast_precision_loss)] // Numbers of lines are small.
fn percent(covered: usize, missed: usize) -> f64 {
    let all = covered + missed;
    if all == 0 { 0.0 } else { 100.0 * covered as f64 / all as f64 }
}

/// The heads of rules and the expressions of bodies, declarations aside.
fn places(module: &Module) -> BTreeSet<Span> {
    let mut places = BTreeSet::new();
    for rule in &module.rules {
        let mut branch = Some(rule);
        while let Some(rule) = branch {
            rule_places(rule, &mut places);
            branch = rule.otherwise.as_deref();
        }
    }
    places
}

fn rule_places(rule: &Rule, places: &mut BTreeSet<Span>) {
    places.insert(rule.head.span);
    let mut add = |expr: &crate::ast::Expr| {
        if !matches!(expr.terms, Terms::Some(_)) {
            places.insert(expr.span);
        }
    };
    walk_exprs(&rule.body, &mut add);
    for term in rule.head.key.iter().chain(&rule.head.value).chain(&rule.head.args) {
        walk_exprs_in_term(term, &mut add);
    }
}
