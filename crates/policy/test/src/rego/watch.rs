//! What is noted while a test is evaluated.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use probity_model::value::Value;
use probity_model::{Sources, Span};
use probity_policy_rego::Observer;
use probity_policy_rego::observe::{Act, Coverage, Event, Node};

use super::find::Test;
use crate::results::Failure;

/// More printed text than this is not kept, in bytes.
const MAX_OUTPUT: usize = 1 << 20;

/// Longer values are cut.
const MAX_VALUE: usize = 400;

/// How many values are remembered.
const MAX_RECENT: usize = 64;

/// How deep the body of the test's rule is: within the query.
const DEPTH: u32 = 2;

type Failed = (Span, Vec<(Span, Value)>);

pub(super) struct Watch<'w> {
    test: &'w Test,
    coverage: Option<&'w Coverage>,
    noted: RefCell<Noted>,
}

#[derive(Default)]
struct Noted {
    output: String,
    /// All cases that were begun, each with what failed in it last.
    cases: BTreeMap<String, Option<Failed>>,
    /// What failed last.
    failed: Option<Failed>,
    /// The values that were known of late, by place: those of the parts of the expression that fails next are among them.
    recent: VecDeque<(Span, Value)>,
}

impl Noted {
    fn remember(&mut self, values: &[(Span, Value)]) {
        self.recent.extend(values.iter().cloned());
        let excess = self.recent.len().saturating_sub(MAX_RECENT);
        self.recent.drain(..excess);
    }

    /// The values with those known of parts of an expression.
    fn with_parts(&self, span: Span, mut values: Vec<(Span, Value)>) -> Vec<(Span, Value)> {
        let within = |part: &Span| part.source == span.source && span.start <= part.start && part.end <= span.end;
        values.extend(self.recent.iter().rev().filter(|(part, _)| within(part)).cloned());
        values
    }
}

impl<'w> Watch<'w> {
    pub(super) fn new(test: &'w Test, coverage: Option<&'w Coverage>) -> Self {
        Self { test, coverage, noted: RefCell::default() }
    }

    pub(super) fn output(&self) -> String {
        std::mem::take(&mut self.noted.borrow_mut().output)
    }

    /// The cases by name, and whether they hold: those of the object that the rule defines hold when they are true; those
    /// that were begun and are not in it do not.
    pub(super) fn cases(&self, value: Option<&Value>) -> BTreeMap<String, bool> {
        let mut cases = BTreeMap::new();
        if let Some(Value::Object(_)) = value {
            leaves(value.unwrap_or(&Value::Null), "", &mut cases);
        }
        for name in self.noted.borrow().cases.keys() {
            let below = format!("{name}/");
            if !cases.keys().any(|known| known == name || known.starts_with(&below)) {
                cases.insert(name.clone(), false);
            }
        }
        cases
    }

    /// What failed in a case, or else in the test.
    pub(super) fn failure(&self, case: &str, sources: &Sources) -> Option<Failure> {
        let noted = self.noted.borrow();
        let (span, values) = match noted.cases.get(case) {
            Some(failed) => failed.as_ref()?,
            None => noted.failed.as_ref()?,
        };
        let location = sources.locate(*span)?;
        let source = sources.get(span.source)?;
        let lines: Vec<&str> = source.lines(location.line, location.end_line).map(|(_, text)| text).collect();
        let mut known: Vec<(String, String)> = Vec::new();
        for (span, value) in values {
            // Keys of the head are the case's name already.
            if self.test.span.start <= span.start && span.end <= self.test.span.end {
                continue;
            }
            let name = source.text.get(span.start as usize..span.end as usize).unwrap_or_default();
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            if !known.iter().any(|(other, _)| *other == name) {
                known.push((name, cut(&probity_model::json::write(value))));
            }
        }
        Some(Failure { location, text: lines.join("\n"), values: known })
    }

    /// The case that is evaluated, once its keys are known.
    fn begun(&self, values: &[(Span, Value)]) -> Option<String> {
        if !self.test.has_cases {
            return None;
        }
        let mut names = Vec::new();
        for key in &self.test.keys {
            names.push(match key {
                Ok(value) => name_of(value),
                Err(place) => name_of(&values.iter().find(|(span, _)| span == place)?.1),
            });
        }
        Some(names.join("/"))
    }
}

impl Observer for Watch<'_> {
    fn event(&self, event: &Event<'_>) {
        if let Some(coverage) = self.coverage {
            coverage.event(event);
        }
        match (event.act, event.node) {
            (Act::Print, Node::Text(text)) => {
                let output = &mut self.noted.borrow_mut().output;
                if output.len() < MAX_OUTPUT {
                    output.push_str(text);
                    output.push('\n');
                }
            }
            (Act::Eval, Node::Expr) if event.depth == DEPTH => {
                let values = event.values();
                let mut noted = self.noted.borrow_mut();
                noted.remember(&values);
                if let Some(case) = self.begun(&values) {
                    noted.cases.entry(case).or_default();
                }
            }
            (Act::Fail, Node::Expr) if event.depth == DEPTH => {
                if let Some(span) = event.span {
                    let values = event.values();
                    let begun = self.begun(&values);
                    let mut noted = self.noted.borrow_mut();
                    let failed = (span, noted.with_parts(span, values));
                    if let Some(case) = begun {
                        noted.cases.insert(case, Some(failed.clone()));
                    }
                    noted.failed = Some(failed);
                }
            }
            _ => {}
        }
    }
}

fn leaves(value: &Value, name: &str, cases: &mut BTreeMap<String, bool>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter() {
                let key = name_of(&key.to_value());
                let name = if name.is_empty() { key } else { format!("{name}/{key}") };
                leaves(value, &name, cases);
            }
        }
        other => {
            cases.insert(name.to_owned(), *other == Value::Bool(true));
        }
    }
}

fn name_of(value: &Value) -> String {
    value.as_str().map_or_else(|| probity_model::json::write(value), str::to_owned)
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_VALUE {
        return text.to_owned();
    }
    let short: String = text.chars().take(MAX_VALUE - 3).collect();
    format!("{short}...")
}
