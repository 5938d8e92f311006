//! What an evaluation came to, and the trace of it.

use std::collections::BTreeMap;
use std::fmt;

use probity_model::{Location, Value as Model};

use crate::eval::{Condition as Recorded, Evaluated, Interp, Shown, Stop};
use crate::value::{Origin, Value};

/// What `main` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// True, or empty, or zero.
    Pass,
    /// False, or something that is there, such as a list of violations.
    Fail,
    /// Undefined: not a pass, and a mistake in the policy's logic.
    Undefined,
}

/// A value of a policy as a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// Undefined, and where it came from.
    Undefined(Undefined),
    /// A value. What is undefined inside of it is unknown.
    Known(Model),
}

/// Where and why something is undefined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undefined {
    /// Where it arose, when that was in a file of the language.
    pub location: Option<Location>,
    /// The expression that was undefined first.
    pub expression: String,
    /// Why it was.
    pub reason: String,
    /// What the document waits for, when it is undefined only because it is not known yet.
    pub waits_for: Option<String>,
}

/// A rule that was evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTrace {
    /// Its name.
    pub name: String,
    /// The comment above it.
    pub description: Option<String>,
    /// Where it stands.
    pub location: Location,
    /// What it came to; absent when an error ended it.
    pub value: Option<Datum>,
    /// The conditions in it that were evaluated.
    pub conditions: Vec<Condition>,
}

/// A condition inside of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As it is written.
    pub expression: String,
    /// Where it stands.
    pub location: Location,
    /// The key or position of the element it was evaluated for: in plans, the address of the resource.
    pub element: Option<String>,
    /// What it came to.
    pub value: Datum,
    /// The conditions that it is made of.
    pub parts: Vec<Condition>,
}

/// The rules that were evaluated, `main` first, and what was printed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// The comment that the policy begins with.
    pub description: Option<String>,
    /// Rules of the policy and its modules.
    pub rules: Vec<RuleTrace>,
    /// What was printed, a text a call.
    pub prints: Vec<String>,
    /// A value that is not known and that the policy took for one that is not there, as `else` does: with it, what it came to
    /// could be something else.
    pub assumed: Option<Undefined>,
}

/// The outcome of an evaluation that came to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What it means.
    pub verdict: Verdict,
    /// The value of `main`.
    pub main: Datum,
    /// Values of the rules and variables that were asked for beside it, by name.
    pub asked: BTreeMap<String, Datum>,
    /// How it came to it.
    pub trace: Trace,
}

/// An error that ended an evaluation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}{message}", location.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
pub struct Failure {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub location: Option<Location>,
    /// What stands there.
    pub expression: String,
    /// Functions and modules that it happened in, the innermost first, with where each was called.
    pub calls: Vec<(String, Location)>,
    /// What was evaluated before.
    pub trace: Box<Trace>,
}

impl Outcome {
    pub(crate) fn new(interp: &Interp<'_>, main: &Value, asked: &[(String, Value)]) -> Result<Self, Stop> {
        let verdict = verdict(main)?;
        let mut trace = Trace::new(interp);
        if let Some(at) = trace.rules.iter().rposition(|rule| rule.name == "main") {
            let main = trace.rules.remove(at);
            trace.rules.insert(0, main);
        }
        let datum = |value: &Value| Datum::new(interp, &Shown::of(value));
        let asked = asked.iter().map(|(name, value)| (name.clone(), datum(value))).collect();
        Ok(Self { verdict, main: datum(main), asked, trace })
    }

    /// The value of a rule that was evaluated, or of `main`.
    pub fn rule(&self, name: &str) -> Option<&Datum> {
        if name == "main" {
            return Some(&self.main);
        }
        let traced = || self.trace.rules.iter().find(|rule| rule.name == name)?.value.as_ref();
        self.asked.get(name).or_else(traced)
    }
}

/// What the value of `main` means (language, "Main").
fn verdict(main: &Value) -> Result<Verdict, String> {
    let pass = match main {
        Value::Undefined(_) => return Ok(Verdict::Undefined),
        Value::Bool(truth) => *truth,
        Value::Int(int) => *int == 0,
        Value::Float(float) => *float == 0.0,
        Value::String(text) => text.len() == 0,
        Value::List(list) => list.len() == 0,
        Value::Map(map) => map.len() == 0,
        other => return Err(format!("`main` cannot be {}", other.type_name())),
    };
    Ok(if pass { Verdict::Pass } else { Verdict::Fail })
}

impl Failure {
    pub(crate) fn new(interp: &Interp<'_>, stop: Stop) -> Self {
        let (message, span, calls) = stop.into_parts();
        let place = |span| interp.file_of(span).map(|file| file.location(span));
        let expression = span.and_then(|span| Some(interp.file_of(span)?.excerpt(span))).unwrap_or_default();
        let calls = calls.into_iter().filter_map(|(name, from)| Some((name.to_string(), place(from)?))).collect();
        let trace = Box::new(Trace::new(interp));
        Self { message, location: span.and_then(place), expression, calls, trace }
    }
}

impl Datum {
    fn new(interp: &Interp<'_>, shown: &Shown) -> Self {
        match &shown.undefined {
            Some(origin) => Self::Undefined(Undefined::new(interp, origin)),
            None => Self::Known(shown.document.clone()),
        }
    }

    /// The value, unless it is undefined.
    pub fn known(&self) -> Option<&Model> {
        match self {
            Self::Known(value) => Some(value),
            Self::Undefined(_) => None,
        }
    }
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undefined(_) => f.write_str("undefined"),
            Self::Known(value) => write!(f, "{value:?}"),
        }
    }
}

impl Undefined {
    fn new(interp: &Interp<'_>, origin: &Origin) -> Self {
        let file = origin.span.and_then(|span| Some((interp.file_of(span)?, span)));
        let waits_for = match &origin.reason {
            crate::value::Reason::Unknown(what) => Some(what.to_string()),
            _ => None,
        };
        Self {
            location: file.map(|(file, span)| file.location(span)),
            expression: file.map(|(file, span)| file.excerpt(span)).unwrap_or_default(),
            reason: origin.reason.to_string(),
            waits_for,
        }
    }
}

impl Trace {
    fn new(interp: &Interp<'_>) -> Self {
        Self {
            description: interp.description(),
            rules: interp.recorder.rules.iter().filter_map(|rule| RuleTrace::new(interp, rule)).collect(),
            prints: interp.prints.clone(),
            assumed: interp.assumed.as_deref().map(|origin| Undefined::new(interp, origin)),
        }
    }
}

impl RuleTrace {
    fn new(interp: &Interp<'_>, rule: &Evaluated) -> Option<Self> {
        Some(Self {
            name: rule.name.to_string(),
            description: rule.description.clone(),
            location: interp.file_of(rule.span)?.location(rule.span),
            value: rule.value.as_ref().map(|value| Datum::new(interp, value)),
            conditions: conditions(interp, &rule.conditions),
        })
    }
}

fn conditions(interp: &Interp<'_>, recorded: &[Recorded]) -> Vec<Condition> {
    let condition = |condition: &Recorded| {
        let file = interp.file_of(condition.span)?;
        Some(Condition {
            expression: file.excerpt(condition.span),
            location: file.location(condition.span),
            element: condition.element.clone(),
            value: Datum::new(interp, &condition.value),
            parts: conditions(interp, &condition.parts),
        })
    };
    recorded.iter().filter_map(condition).collect()
}

impl fmt::Display for Trace {
    /// As Sentinel prints it: each rule with its place and value, and below it its conditions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(description) = &self.description {
            writeln!(f, "Description:\n{}\n", indented(description))?;
        }
        if !self.prints.is_empty() {
            writeln!(f, "Print messages:\n\n{}\n", self.prints.join("\n"))?;
        }
        for rule in &self.rules {
            writeln!(f, "{} - Rule {:?}", rule.location, rule.name)?;
            if let Some(description) = &rule.description {
                writeln!(f, "  Description:\n{}\n", indented(&indented(description)))?;
            }
            match &rule.value {
                Some(value) => writeln!(f, "  Value:\n    {value}")?,
                None => writeln!(f, "  Value:\n    none: an error ended it")?,
            }
            if let Some(Datum::Undefined(undefined)) = &rule.value {
                writeln!(f, "    {undefined}")?;
            }
            write_conditions(f, &rule.conditions, 1)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        if !self.expression.is_empty() {
            write!(f, "{} is undefined: ", self.expression)?;
        }
        f.write_str(&self.reason)
    }
}

fn write_conditions(f: &mut fmt::Formatter<'_>, conditions: &[Condition], depth: usize) -> fmt::Result {
    for condition in conditions {
        let value = condition.value.to_string().to_uppercase();
        let element = condition.element.as_ref().map(|element| format!("[{element}] ")).unwrap_or_default();
        let (line, column) = (condition.location.line, condition.location.column);
        writeln!(f, "{}{value} - {line}:{column} - {element}{}", "  ".repeat(depth), condition.expression)?;
        write_conditions(f, &condition.parts, depth + 1)?;
    }
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
