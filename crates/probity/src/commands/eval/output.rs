//! Answers in the shapes that `opa eval` gives.

use std::io::{self, Write};

use probity_model::{Location, Sources, Span, Value, json};
use probity_policy_rego::ast::{Expr, Terms};
use probity_policy_rego::observe::{Cost, CoverageReport, Step};
use probity_policy_rego::{Bindings, Error, parse_query};
use serde_json::{Map, Value as Json, json};

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// One JSON object, as OPA's.
    Json,
    /// For people.
    Pretty,
    /// The values of the query's expressions, a JSON array for each solution.
    Values,
    /// The values in one line for each solution; texts as they are.
    Raw,
}

/// What a query gave.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// All solutions.
    pub(super) solutions: Vec<Solution>,
    /// Why there is none.
    pub(super) errors: Vec<Error>,
    /// What was evaluated.
    pub(super) explanation: Option<Vec<Step>>,
    /// What it cost.
    pub(super) profile: Option<Vec<Cost>>,
    /// How much of the policies was evaluated.
    pub(super) coverage: Option<CoverageReport>,
}

/// One solution.
#[derive(Debug)]
pub(super) struct Solution {
    /// The query's expressions, each with its text, place and value.
    expressions: Vec<(String, (u32, u32), Value)>,
    /// The query's variables.
    bindings: Vec<(String, Value)>,
}

impl Answer {
    pub(super) fn new(query: &str, solutions: &[Bindings]) -> Self {
        let expressions = expressions(query);
        let solutions = solutions.iter().map(|bindings| Solution::new(&expressions, bindings)).collect();
        Self { solutions, ..Self::default() }
    }

    pub(super) fn write(&self, format: Format, sources: &Sources, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Json => pretty_json(&self.json(sources), out),
            _ if !self.errors.is_empty() => {
                let mut err = io::stderr().lock();
                self.errors.iter().try_for_each(|error| writeln!(err, "error: {error}"))
            }
            Format::Pretty => self.pretty(sources, out),
            Format::Values => {
                for solution in &self.solutions {
                    pretty_json(&Value::array(solution.values().cloned()), out)?;
                }
                Ok(())
            }
            Format::Raw => {
                for solution in &self.solutions {
                    let texts: Vec<String> = solution.values().map(raw).collect();
                    writeln!(out, "{}", texts.join(" "))?;
                }
                Ok(())
            }
        }
    }

    fn json(&self, sources: &Sources) -> Value {
        let mut root = Vec::new();
        if !self.errors.is_empty() {
            root.push(("errors", plain(&self.errors.iter().map(error).collect())));
        }
        if !self.solutions.is_empty() {
            root.push(("result", Value::array(self.solutions.iter().map(Solution::json))));
        }
        if let Some(steps) = &self.explanation {
            root.push(("explanation", plain(&steps.iter().map(|step| step_json(step, sources)).collect())));
        }
        if let Some(costs) = &self.profile {
            root.push(("profile", plain(&costs.iter().map(cost).collect())));
        }
        if let Some(report) = &self.coverage {
            root.push(("coverage", plain(&probity_policy_test::output::coverage(report))));
        }
        Value::object(root)
    }

    fn pretty(&self, sources: &Sources, out: &mut dyn Write) -> io::Result<()> {
        if let Some(steps) = &self.explanation {
            write!(out, "{}", Step::table(steps, sources))?;
        }
        match &self.solutions[..] {
            [] => writeln!(out, "undefined")?,
            [only] if only.bindings.is_empty() && only.expressions.len() == 1 => {
                pretty_json(&only.expressions[0].2, out)?;
            }
            all => table(&all.iter().map(Solution::row).collect::<Vec<_>>(), out)?,
        }
        if let Some(costs) = &self.profile {
            let rows: Vec<_> = costs.iter().map(cost_row).collect();
            table(&rows, out)?;
        }
        if let Some(report) = &self.coverage {
            pretty_json(&plain(&probity_policy_test::output::coverage(report)), out)?;
        }
        Ok(())
    }
}

impl Solution {
    fn new(expressions: &[(usize, String, (u32, u32))], bindings: &Bindings) -> Self {
        let of = |at: usize| bindings.get(format!("expr{at}").as_str()).cloned().unwrap_or(Value::Bool(true));
        let is_own = |name: &str| {
            let position = name.strip_prefix("expr").and_then(|number| number.parse::<usize>().ok());
            !expressions.iter().any(|(at, ..)| position == Some(*at))
        };
        Self {
            expressions: expressions.iter().map(|(at, text, place)| (text.clone(), *place, of(*at))).collect(),
            bindings: bindings
                .iter()
                .filter(|(name, _)| is_own(name))
                .map(|(name, bound)| (name.to_string(), bound.clone()))
                .collect(),
        }
    }

    fn values(&self) -> impl Iterator<Item = &Value> {
        self.expressions.iter().map(|(_, _, value)| value)
    }

    fn json(&self) -> Value {
        let expression = |(text, (row, col), value): &(String, (u32, u32), Value)| {
            let location = Value::object([("row", Value::from(i64::from(*row))), ("col", i64::from(*col).into())]);
            Value::object([("value", value.clone()), ("text", text.as_str().into()), ("location", location)])
        };
        let mut solution = vec![("expressions", Value::array(self.expressions.iter().map(expression)))];
        if !self.bindings.is_empty() {
            solution.push(("bindings", Value::object(self.bindings.iter().cloned())));
        }
        Value::object(solution)
    }

    /// Its variables, and the expressions that are not just true.
    fn row(&self) -> Vec<(String, String)> {
        let mut row: Vec<_> = self.bindings.iter().map(|(name, value)| (name.clone(), json::write(value))).collect();
        let telling =
            self.expressions.iter().filter(|(_, _, value)| *value != Value::Bool(true) || self.bindings.is_empty());
        row.extend(telling.map(|(text, _, value)| (text.clone(), json::write(value))));
        row
    }
}

/// The positions and texts of a query's expressions, declarations aside, and where they stand.
fn expressions(query: &str) -> Vec<(usize, String, (u32, u32))> {
    let sources = Sources::default();
    let Ok(body) = parse_query(query, &sources) else { return Vec::new() };
    let text = |span: Span| query.get(span.start as usize..span.end as usize).unwrap_or_default().to_owned();
    let is_declaration =
        |expr: &Expr| matches!(&expr.terms, Terms::Some(names) if names.iter().all(|name| name.as_var().is_some()));
    body.iter()
        .enumerate()
        .filter(|(_, expr)| !is_declaration(expr))
        .map(|(at, expr)| {
            let place = sources.locate(expr.span).map_or((1, 1), |location| (location.line, location.column));
            (at, text(expr.span), place)
        })
        .collect()
}

/// What is written with `serde_json`, as a value.
fn plain(value: &Json) -> Value {
    json::read(value.to_string().as_bytes()).unwrap_or_default()
}

fn raw(value: &Value) -> String {
    value.as_str().map_or_else(|| json::write(value), str::to_owned)
}

fn pretty_json(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", json::write_pretty(value))
}

fn place(location: &Location) -> Json {
    json!({"file": location.path.display().to_string(), "row": location.line, "col": location.column})
}

fn error(error: &Error) -> Json {
    let mut value = json!({"message": error.message, "code": error.code.as_str()});
    if let Some(location) = &error.location {
        value["location"] = place(location);
    }
    value
}

fn step_json(step: &Step, sources: &Sources) -> Json {
    let known: Map<String, Json> =
        step.known(sources).into_iter().map(|(name, value)| (name, Json::String(value))).collect();
    let mut value = json!({"op": format!("{:?}", step.act), "depth": step.depth, "text": step.line(sources)});
    if let Some(location) = step.span.and_then(|span| sources.locate(span)) {
        value["location"] = place(&location);
    }
    if !known.is_empty() {
        value["locals"] = Json::Object(known);
    }
    value
}

fn cost(cost: &Cost) -> Json {
    json!({
        "total_time_ns": u64::try_from(cost.time.as_nanos()).unwrap_or(u64::MAX),
        "num_eval": cost.evals,
        "num_redo": cost.redos,
        "num_gen_expr": cost.exprs,
        "location": place(&cost.location),
    })
}

fn cost_row(cost: &Cost) -> Vec<(String, String)> {
    let path = cost.location.path.display().to_string();
    let path = if path.is_empty() { "query".to_owned() } else { path };
    [
        ("Time", format!("{:?}", cost.time)),
        ("Num Eval", cost.evals.to_string()),
        ("Num Redo", cost.redos.to_string()),
        ("Num Gen Expr", cost.exprs.to_string()),
        ("Location", format!("{path}:{}", cost.location.line)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Rows whose cells have names, in columns.
fn table(rows: &[Vec<(String, String)>], out: &mut dyn Write) -> io::Result<()> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let cell = |row: &[(String, String)], name: &str| {
        row.iter().find(|(other, _)| other == name).map_or_else(String::new, |(_, text)| text.clone())
    };
    let mut lines: Vec<Vec<String>> = vec![names.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(rows.iter().map(|row| names.iter().map(|name| cell(row, name)).collect()));
    let widths: Vec<usize> =
        (0..names.len()).map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0)).collect();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
