//! Modules and data from paths, with what is wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_model::value::Value;
use probity_model::{Location, Sources, Span};
use probity_policy_bundle::load;
use probity_policy_rego::ast::Module;
use probity_policy_rego::{Errors, Version, parse_module};

/// What was read.
#[derive(Debug, Default)]
pub struct Read {
    /// The modules, by file.
    pub modules: Vec<Module>,
    /// The documents beside them, an object.
    pub data: Value,
    /// What is wrong with modules.
    pub faults: Vec<Fault>,
    /// Data that was passed over, as it is no data for policies.
    pub passed_over: Vec<load::LoadProblem>,
}

/// Something wrong with a policy: what, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file; empty when it is not known.
    pub path: PathBuf,
    /// The class, such as `rego_parse_error`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where it stands.
    pub span: Option<Span>,
    /// Where it stands, as people read it.
    pub location: Option<Location>,
}

/// Reads files and folders as `opa test` takes them. Files named by the user must be readable; data found in folders that
/// is no object, or that stands where other data is, is passed over.
pub fn read(paths: &[PathBuf], version: Version, ignore: &[String], sources: &Sources) -> Read {
    let ignore = std::iter::once(".*".to_owned()).chain(ignore.iter().cloned()).collect();
    let options = load::Options { version, ignore, ..load::Options::default() };
    let loaded = load::paths(paths, &options, sources);
    let mut read = Read {
        modules: loaded.modules.into_iter().map(|module| module.parsed).collect(),
        data: loaded.data,
        ..Read::default()
    };
    for problem in loaded.problems {
        let is_module = problem.path.extension().is_some_and(|extension| extension == "rego");
        let is_named = paths.contains(&problem.path);
        if is_module {
            read.faults.extend(module_faults(&problem.path, &problem.message, version, sources));
        } else if is_named {
            let message = problem.message.clone();
            read.faults.push(Fault { code: "read_error".to_owned(), ..Fault::of_file(&problem.path, message) });
        } else {
            read.passed_over.push(problem);
        }
    }
    read
}

/// What is wrong with a module that could not be read.
fn module_faults(path: &Path, message: &str, version: Version, sources: &Sources) -> Vec<Fault> {
    let Ok(text) = std::fs::read_to_string(path) else { return vec![Fault::of_file(path, message.to_owned())] };
    match parse_module(path, &text, version, sources) {
        Ok(_) => vec![Fault::of_file(path, message.to_owned())],
        Err(errors) => {
            let other = match version {
                Version::V1 => Version::V0,
                Version::V0 => Version::V1,
            };
            let hint = parse_module(path, &text, other, &Sources::default()).is_ok().then(|| other_version(other));
            faults_of(errors, hint.as_deref())
        }
    }
}

fn other_version(valid: Version) -> String {
    match valid {
        Version::V0 => {
            "this is valid Rego v0: run with --v0-compatible, or rewrite it for v1 (`if` before the body of \
                        each rule, `contains` before the members of sets)"
                .to_owned()
        }
        Version::V1 => "this is valid Rego v1: run without --v0-compatible, or add `import rego.v1`".to_owned(),
    }
}

/// Errors of Rego as faults; the first has the hint.
pub(crate) fn faults_of(errors: Errors, hint: Option<&str>) -> Vec<Fault> {
    let fault = |(at, error): (usize, probity_policy_rego::Error)| Fault {
        path: error.location.as_ref().map(|location| location.path.clone()).unwrap_or_default(),
        code: error.code.as_str().to_owned(),
        hint: hint.filter(|_| at == 0).map(str::to_owned).or_else(|| advice(&error.message)),
        message: error.text(),
        span: error.span,
        location: error.location,
    };
    errors.0.into_iter().enumerate().map(fault).collect()
}

/// What can be done about an error, by what it says.
fn advice(message: &str) -> Option<String> {
    let name = |prefix: &str, suffix: &str| message.strip_prefix(prefix)?.strip_suffix(suffix).map(str::to_owned);
    if let Some(name) = name("var ", " is unsafe") {
        return Some(format!(
            "give `{name}` a value in the body, outside of `not`, with `{name} := ...` or `some {name} in ...`; or import it"
        ));
    }
    if let Some(name) = message.strip_prefix("undefined function ") {
        return Some(format!(
            "no function and no rule is called `{name}`: mind its spelling, its import and its package"
        ));
    }
    let known = [
        ("`if` keyword is required", "write `if` before the body of the rule"),
        ("`contains` keyword is required", "write `name contains member` for a rule that makes a set"),
        ("rule data.", "a rule must not depend on itself; break the circle"),
        ("conflicting rules", "give the rules the same form and as many parameters each"),
        ("multiple default rules", "keep one of the default rules"),
        ("has arity", "call it with as many operands as it takes"),
        ("arity mismatch", "call it with as many operands as it takes"),
        ("match error", "the two sides can never be equal"),
        ("undefined ref:", "there is no such key, or nothing has keys there"),
        ("used as reference, not called", "call it with its operands"),
        ("invalid argument(s)", "the operand can never be of the type that the function takes"),
        ("unused", "remove it, or use it"),
    ];
    known.into_iter().find(|(part, _)| message.contains(part)).map(|(_, advice)| advice.to_owned())
}

impl Fault {
    fn of_file(path: &Path, message: String) -> Self {
        let code = "rego_parse_error".to_owned();
        Self { path: path.to_owned(), code, message, hint: None, span: None, location: None }
    }

    /// The faults of modules that do not compile together.
    pub fn of_errors(errors: Errors) -> Vec<Self> {
        faults_of(errors, None)
    }

    /// The place as `file:line:column`, the file alone when no more is known.
    pub fn place(&self) -> String {
        match &self.location {
            Some(location) => location.to_string(),
            None => self.path.display().to_string(),
        }
    }

    /// The line it stands in, with a mark under what is meant.
    pub fn excerpt(&self, sources: &Sources) -> Option<String> {
        let (span, location) = (self.span?, self.location.as_ref()?);
        let source: Arc<_> = sources.get(span.source)?;
        let (_, text) = source.lines(location.line, location.line).next()?;
        let number = location.line.to_string();
        let before: String = text
            .chars()
            .take(location.column as usize - 1)
            .map(|character| if character == '\t' { '\t' } else { ' ' })
            .collect();
        let end = if location.end_line == location.line { location.end_column } else { u32::MAX };
        let rest = text.trim_end().chars().count().saturating_sub(location.column as usize - 1);
        let width = (end.saturating_sub(location.column) as usize).clamp(1, rest.max(1));
        let blank = " ".repeat(number.len());
        Some(format!("{number} | {text}\n{blank} | {before}{}", "^".repeat(width)))
    }
}
