//! Tests in Rego, by the conventions of `opa test` and of Conftest's `verify`: rules whose name begins with `test_`.

mod find;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use probity_model::Sources;
use probity_model::value::Value;
use probity_policy_rego::ast::Module;
use probity_policy_rego::observe::{Coverage, Explain, Step, Trace};
use probity_policy_rego::{CompileOptions, Documents, Evaluation, Extensions, Host, Limits, Policies};
use regex::Regex;

use crate::read::{Fault, Read};
use crate::results::{Case, Outcome, Results, Suite};
use find::Test;
use watch::Watch;

/// How tests are run.
pub struct Options<'h> {
    /// Only tests whose full name has a match.
    pub only: Option<Regex>,
    /// How long one test may take.
    pub timeout: Duration,
    /// Whether to find out what is evaluated.
    pub coverage: bool,
    /// Whether to keep what is evaluated in tests that fail.
    pub trace: bool,
    /// What tests may have from outside.
    pub host: &'h dyn Host,
}

/// Why tests could not be run.
#[derive(Debug, thiserror::Error)]
#[error("the policies do not compile")]
pub struct RunError {
    /// What is wrong with them.
    pub faults: Vec<Fault>,
}

/// Stack of a thread that evaluates, in bytes.
const STACK: usize = 64 << 20;

/// Runs the tests in modules that were read.
///
/// # Errors
/// When the modules do not compile together.
pub fn run(read: Read, options: &Options<'_>, sources: &Arc<Sources>) -> Result<Results, RunError> {
    let started = Instant::now();
    let mut modules = read.modules;
    let tests = find::tests(&mut modules);
    let kept = options.coverage.then(|| modules.clone());
    let policies = compile(modules, sources)?;
    let chosen: Vec<Test> =
        tests.into_iter().filter(|test| options.only.as_ref().is_none_or(|only| only.is_match(&test.name))).collect();
    let runner = Runner { policies: &policies, data: &read.data, options, sources };
    let (cases, coverage) = runner.all(&chosen);
    let suites = suites(&chosen, cases, sources);
    let coverage = kept.map(|modules| coverage.report(&modules, sources));
    Ok(Results { suites, coverage, duration: started.elapsed() })
}

fn compile(modules: Vec<Module>, sources: &Arc<Sources>) -> Result<Policies, RunError> {
    let options =
        CompileOptions { keep_prints: true, observe: true, extensions: Extensions::ALL, ..CompileOptions::default() };
    Policies::compile(modules, options, Arc::clone(sources))
        .map_err(|errors| RunError { faults: Fault::of_errors(errors) })
}

/// The cases by file.
fn suites(tests: &[Test], cases: Vec<Vec<Case>>, sources: &Sources) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    for (test, cases) in tests.iter().zip(cases) {
        let path = sources.get(test.span.source).map(|source| source.path.clone()).unwrap_or_default();
        let name = path.display().to_string();
        match suites.iter_mut().find(|suite| suite.name == name) {
            Some(suite) => suite.cases.extend(cases),
            None => suites.push(Suite { name, language: "rego", cases }),
        }
    }
    suites
}

struct Runner<'r> {
    policies: &'r Policies,
    data: &'r Value,
    options: &'r Options<'r>,
    sources: &'r Arc<Sources>,
}

impl Runner<'_> {
    /// Runs tests on all processors; results are in the order of the tests.
    fn all(&self, tests: &[Test]) -> (Vec<Vec<Case>>, Coverage) {
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(tests.len().max(1));
        let work = || {
            let mut done = Vec::new();
            let coverage = Coverage::default();
            while let Some((at, test)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, tests.get(at)?)))
            {
                done.push((at, self.test(test, &coverage)));
            }
            (done, coverage)
        };
        let mut results: Vec<Vec<Case>> = tests.iter().map(|test| vec![self.case(test, Outcome::Error)]).collect();
        let coverage = Coverage::default();
        std::thread::scope(|scope| {
            let start = |_| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            let started: Vec<_> = (0..threads).filter_map(|number| start(number).ok()).collect();
            for thread in started {
                let Ok((done, seen)) = thread.join() else { continue };
                coverage.merge(seen);
                for (at, cases) in done {
                    results[at] = cases;
                }
            }
        });
        (results, coverage)
    }

    fn case(&self, test: &Test, outcome: Outcome) -> Case {
        Case {
            name: test.name.clone(),
            outcome,
            duration: Duration::ZERO,
            location: self.sources.locate(test.span),
            message: None,
            failure: None,
            trace: String::new(),
            output: String::new(),
        }
    }

    fn evaluation<'e>(&'e self, observer: &'e dyn probity_policy_rego::Observer, strict: bool) -> Evaluation<'e> {
        let limits = Limits {
            deadline: Some(Instant::now() + self.options.timeout),
            stack: STACK / 4 * 3,
            depth: 10_000,
            ..Limits::default()
        };
        Evaluation {
            limits,
            strict_builtin_errors: strict,
            host: self.options.host,
            observer: Some(observer),
            ..Evaluation::default()
        }
    }

    /// Runs one rule: one case, or one for each entry of the object that it defines.
    fn test(&self, test: &Test, coverage: &Coverage) -> Vec<Case> {
        if test.skipped {
            let message = Some("its name says that it is still to be done".to_owned());
            return vec![Case { message, ..self.case(test, Outcome::Skipped) }];
        }
        let failed = |message: String| vec![Case { message: Some(message), ..self.case(test, Outcome::Error) }];
        let query = match self.policies.query(&format!("value := {}", test.reference)) {
            Ok(query) => query,
            Err(errors) => return failed(errors.to_string()),
        };
        let documents = Documents { input: None, data: Some(self.data.clone()) };
        let watch = Watch::new(test, self.options.coverage.then_some(coverage));
        let started = Instant::now();
        let result = query.evaluate(&documents, &self.evaluation(&watch, false));
        let duration = started.elapsed();
        let value = match result {
            Err(error) => {
                let mut cases = failed(error.to_string());
                cases[0].duration = duration;
                cases[0].output = watch.output();
                return cases;
            }
            Ok(solutions) => solutions.into_iter().next().and_then(|mut solution| solution.remove("value")),
        };
        let mut cases = self.judge(test, value.as_ref(), &watch);
        let count = u32::try_from(cases.len()).unwrap_or(1).max(1);
        let has_failed = cases.iter().any(|case| case.outcome == Outcome::Fail);
        for case in &mut cases {
            case.duration = duration / count;
        }
        if has_failed {
            let reason = query.evaluate(&documents, &self.evaluation(&Trace::default(), true)).err();
            let trace = if self.options.trace { self.trace(&query, &documents) } else { String::new() };
            for case in cases.iter_mut().filter(|case| case.outcome == Outcome::Fail) {
                if let Some(error) = &reason {
                    case.message = Some(format!("a function failed, so what called it was undefined: {error}"));
                }
                case.trace.clone_from(&trace);
            }
        }
        if let Some(first) = cases.first_mut() {
            first.output = watch.output();
        }
        cases
    }

    fn trace(&self, query: &probity_policy_rego::Query, documents: &Documents) -> String {
        let trace = Trace::default();
        // What it gives is known; only how is asked.
        let _ = query.evaluate(documents, &self.evaluation(&trace, false));
        Step::table(&trace.steps(Explain::Fails), self.sources)
    }

    fn judge(&self, test: &Test, value: Option<&Value>, watch: &Watch<'_>) -> Vec<Case> {
        let cases = watch.cases(value);
        if !test.has_cases || cases.is_empty() {
            let holds = if test.has_cases { value.is_some() } else { value == Some(&Value::Bool(true)) };
            return vec![self.judged(test, "", holds, value, watch)];
        }
        cases.iter().map(|(name, holds)| self.judged(test, name, *holds, None, watch)).collect()
    }

    fn judged(&self, test: &Test, within: &str, holds: bool, value: Option<&Value>, watch: &Watch<'_>) -> Case {
        let outcome = if holds { Outcome::Pass } else { Outcome::Fail };
        let mut case = self.case(test, outcome);
        if !within.is_empty() {
            case.name = format!("{}/{within}", case.name);
        }
        if !holds {
            case.failure = watch.failure(within, self.sources);
            case.message = match value {
                Some(value) if *value != Value::Bool(false) => {
                    Some(format!("its value is {}, not true", probity_model::json::write(value)))
                }
                _ => None,
            };
        }
        case
    }
}
