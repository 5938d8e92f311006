//! What Sentinel policies came to, as `sentinel apply` tells it.

use std::io::{self, Write};

use probity_model::{Key, Location, Value};
use probity_policy_sentinel::config::EnforcementLevel;
use probity_policy_sentinel::{Datum, EvaluateError, RuleTrace, Trace, Verdict};

use super::Applied;
use crate::output::harmless;

/// So many of the calls that an error happened in are shown.
const MAX_CALLS: usize = 8;

fn word(applied: &Applied<'_>) -> &'static str {
    match &applied.result {
        Err(_) => "Error",
        Ok((outcome, _)) => match outcome.verdict {
            Verdict::Pass => "Pass",
            Verdict::Fail => "Fail",
            Verdict::Undefined => "Undefined",
        },
    }
}

fn level(applied: &Applied<'_>) -> &'static str {
    match applied.policy.level {
        None | Some(EnforcementLevel::Advisory) => "advisory",
        Some(EnforcementLevel::SoftMandatory) => "soft-mandatory",
        Some(EnforcementLevel::HardMandatory) => "hard-mandatory",
    }
}

/// What was evaluated, also before an error.
fn trace<'a>(applied: &'a Applied<'_>) -> Option<&'a Trace> {
    match &applied.result {
        Ok((outcome, _)) => Some(&outcome.trace),
        Err(EvaluateError::Failure(failure)) => Some(&failure.trace),
        Err(EvaluateError::Plan(_)) => None,
    }
}

/// A line a policy; how it came to it, of those that do not pass or `with_all`.
pub(super) fn text(all: &[Applied<'_>], with_all: bool, out: &mut dyn Write) -> io::Result<()> {
    for applied in all {
        let level = applied.policy.level.map(|_| format!(" ({})", level(applied))).unwrap_or_default();
        writeln!(out, "{} - {}{level}", word(applied), harmless(&applied.policy.name))?;
        let passes = matches!(&applied.result, Ok((outcome, _)) if outcome.verdict == Verdict::Pass);
        if passes && !with_all {
            continue;
        }
        writeln!(out)?;
        match &applied.result {
            Err(EvaluateError::Failure(failure)) => {
                writeln!(out, "  {}", harmless(&failure.to_string()))?;
                if !failure.expression.is_empty() {
                    writeln!(out, "    {}", harmless(&failure.expression))?;
                }
                for (name, place) in failure.calls.iter().take(MAX_CALLS) {
                    writeln!(out, "    in {name}, from {place}")?;
                }
                if failure.calls.len() > MAX_CALLS {
                    writeln!(out, "    and so on")?;
                }
                writeln!(out)?;
            }
            Err(error @ EvaluateError::Plan(_)) => writeln!(out, "  {error}\n")?,
            Ok((_, reasons)) if !reasons.is_empty() => {
                for reason in reasons {
                    writeln!(out, "  {}", harmless(&reason.to_string()))?;
                }
                writeln!(out)?;
            }
            Ok((outcome, _)) => {
                if let Datum::Undefined(undefined) = &outcome.main {
                    writeln!(out, "  {}\n", harmless(&undefined.to_string()))?;
                }
            }
        }
        for line in trace(applied).map(ToString::to_string).unwrap_or_default().lines() {
            // What policies print may have colours of its own.
            writeln!(out, "{}", harmless(&anstream::adapter::strip_str(line).to_string()))?;
        }
    }
    Ok(())
}

pub(super) fn document(all: &[Applied<'_>]) -> Value {
    Value::object([("policies", Value::array(all.iter().map(policy)))])
}

fn policy(applied: &Applied<'_>) -> Value {
    let (error, reasons) = match &applied.result {
        Ok((_, reasons)) => (Value::Null, reasons.as_slice()),
        Err(error) => (error.to_string().into(), &[][..]),
    };
    let passes = word(applied) == "Pass";
    let nanoseconds = i64::try_from(applied.duration.as_nanos()).unwrap_or(i64::MAX);
    Value::object([
        ("policy", Value::from(applied.policy.name.as_str())),
        ("path", applied.policy.policy.path().display().to_string().into()),
        ("result", passes.into()),
        ("status", word(applied).to_lowercase().into()),
        ("error", error.clone()),
        ("duration", nanoseconds.into()),
        ("enforcement_level", level(applied).into()),
        ("reasons", Value::array(reasons.iter().map(|reason| reason.to_string().into()))),
        ("trace", trace(applied).map(|trace| document_of(trace, passes, error)).unwrap_or_default()),
    ])
}

fn document_of(trace: &Trace, passes: bool, error: Value) -> Value {
    let print: String = trace.prints.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    let rules = trace.rules.iter().map(|rule| (Key::new(&rule.name), rule_document(rule)));
    Value::object([
        ("description", trace.description.as_deref().map(Value::from).unwrap_or_default()),
        ("error", error),
        ("print", print.into()),
        ("result", passes.into()),
        ("rules", Value::Object(rules.collect())),
    ])
}

fn rule_document(rule: &RuleTrace) -> Value {
    let Location { path, line, column, .. } = &rule.location;
    let position = Value::object([
        ("filename", Value::from(path.display().to_string())),
        ("line", i64::from(*line).into()),
        ("column", i64::from(*column).into()),
    ]);
    let value = match &rule.value {
        Some(Datum::Known(value)) => value.clone(),
        Some(Datum::Undefined(_)) => "undefined".into(),
        None => Value::Null,
    };
    Value::object([
        ("desc", rule.description.as_deref().map(Value::from).unwrap_or_default()),
        ("ident", rule.name.as_str().into()),
        ("position", position),
        ("value", value),
    ])
}
