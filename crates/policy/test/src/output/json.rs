use probity_model::Location;
use probity_policy_rego::observe::{CoverageReport, FileCoverage, Range};
use serde_json::{Value, json};

use crate::results::{Case, Results};

/// The results as one JSON object: `summary`, `suites` with `cases`, and `coverage` in the shape of OPA's report when it
/// was asked for. Times are in seconds.
pub fn json(results: &Results) -> Value {
    let summary = results.summary();
    let suites: Vec<Value> = results
        .suites
        .iter()
        .map(|suite| {
            let cases: Vec<Value> = suite.cases.iter().map(case).collect();
            json!({"name": suite.name, "language": suite.language, "cases": cases})
        })
        .collect();
    let mut root = json!({
        "summary": {
            "total": summary.total(),
            "passed": summary.passed,
            "failed": summary.failed,
            "errors": summary.errors,
            "skipped": summary.skipped,
            "duration": results.duration.as_secs_f64(),
        },
        "suites": suites,
    });
    if let Some(report) = &results.coverage {
        root["coverage"] = coverage(report);
    }
    root
}

fn case(case: &Case) -> Value {
    let mut value = json!({
        "name": case.name,
        "outcome": case.outcome.as_str(),
        "duration": case.duration.as_secs_f64(),
    });
    if let Some(location) = &case.location {
        value["location"] = place(location);
    }
    if let Some(message) = &case.message {
        value["message"] = json!(message);
    }
    if let Some(failure) = &case.failure {
        let values: Vec<Value> =
            failure.values.iter().map(|(name, known)| json!({"name": name, "value": known})).collect();
        value["failure"] = json!({"location": place(&failure.location), "text": failure.text, "values": values});
    }
    for (name, text) in [("trace", &case.trace), ("output", &case.output)] {
        if !text.is_empty() {
            value[name] = json!(text);
        }
    }
    value
}

fn place(location: &Location) -> Value {
    json!({"file": location.path.display().to_string(), "row": location.line, "col": location.column})
}

/// Coverage as OPA reports it.
pub fn coverage(report: &CoverageReport) -> Value {
    let files: serde_json::Map<String, Value> =
        report.files.iter().map(|(path, report)| (path.clone(), file(report))).collect();
    json!({
        "files": files,
        "covered_lines": report.covered_lines,
        "not_covered_lines": report.not_covered_lines,
        "coverage": report.coverage,
    })
}

/// What is empty or nothing is left out, as OPA does.
fn file(report: &FileCoverage) -> Value {
    let mut value = serde_json::Map::new();
    for (name, list) in [("covered", &report.covered), ("not_covered", &report.not_covered)] {
        if !list.is_empty() {
            value.insert(name.to_owned(), list.iter().map(range).collect());
        }
    }
    for (name, lines) in
        [("covered_lines", report.covered_lines.len()), ("not_covered_lines", report.not_covered_lines.len())]
    {
        if lines > 0 {
            value.insert(name.to_owned(), json!(lines));
        }
    }
    if report.coverage > 0.0 {
        value.insert("coverage".to_owned(), json!(report.coverage));
    }
    Value::Object(value)
}

fn range(range: &Range) -> Value {
    json!({
        "start": {"row": range.start.row, "col": range.start.col},
        "end": {"row": range.end.row, "col": range.end.col},
    })
}
