//! Suites are run.

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use probity_model::node::Node;
use probity_model::yaml::{Dialect, Document};
use probity_model::{Problem, Sources, Value};

use super::read::{self, Case, Test, beside};
use super::{CaseReport, Filter, Outcome, SuiteError, SuiteReport, TestReport};
use crate::constraint::{self, Constraint, Invalid};
use crate::enforcement::Point;
use crate::expansion::{self, Expander, ExpansionTemplate};
use crate::inventory::Inventory;
use crate::judge::{Bound, Found, Surroundings};
use crate::matching::Source;
use crate::mutation::Mutators;
use crate::object;
use crate::review::Review;
use crate::template::{self, Template};

/// Runs the suite of a file.
///
/// # Errors
/// When the file cannot be read or is no suite. What is wrong with what the suite names is a failure in the report.
pub fn run(path: &Path, filter: &Filter) -> Result<SuiteReport, SuiteError> {
    let start = Instant::now();
    let sources = Sources::default();
    let suite = read::suite(path, &sources)?;
    let runner = Runner { path, filter, sources };
    let (outcome, tests) = if suite.skip {
        (Outcome::Skipped, Vec::new())
    } else {
        (Outcome::Passed, suite.tests.iter().map(|test| runner.test(test)).collect())
    };
    Ok(SuiteReport { path: path.to_owned(), name: suite.name, outcome, duration: start.elapsed(), tests })
}

struct Runner<'r> {
    path: &'r Path,
    filter: &'r Filter,
    sources: Sources,
}

/// What the cases of a test are judged with.
struct Ready {
    bound: Bound,
    expander: Expander,
}

/// Why a test cannot be run.
struct Unready {
    reason: String,
    by_schema: bool,
}

impl From<String> for Unready {
    fn from(reason: String) -> Self {
        Self { reason, by_schema: false }
    }
}

impl Runner<'_> {
    fn test(&self, test: &Test) -> TestReport {
        let start = Instant::now();
        let names = test.cases.iter().map(|case| case.name.as_str());
        let (outcome, cases) = if test.skip || !self.filter.takes_test(&test.name, names) {
            (Outcome::Skipped, Vec::new())
        } else {
            self.prepared_test(test)
        };
        TestReport { name: test.name.clone(), outcome, duration: start.elapsed(), cases }
    }

    fn prepared_test(&self, test: &Test) -> (Outcome, Vec<CaseReport>) {
        match self.prepare(test) {
            Err(unready) if test.invalid && unready.by_schema => (Outcome::Passed, Vec::new()),
            Err(unready) if test.invalid => {
                let reason = format!("the constraint was to be refused by its template's schema: {}", unready.reason);
                (Outcome::Failed(reason), Vec::new())
            }
            Err(unready) => (Outcome::Failed(unready.reason), Vec::new()),
            Ok(_) if test.invalid => {
                (Outcome::Failed("the constraint was to be refused, and is valid".to_owned()), Vec::new())
            }
            Ok(ready) => (Outcome::Passed, test.cases.iter().map(|case| self.case(test, case, &ready)).collect()),
        }
    }

    fn prepare(&self, test: &Test) -> Result<Ready, Unready> {
        let template = Arc::new(self.template(&test.template)?);
        let constraint = self.constraint(&test.constraint, &template)?;
        let expander = if test.invalid { Expander::default() } else { self.expander(&test.expansion)? };
        Ok(Ready { bound: Bound { template, constraint }, expander })
    }

    fn expander(&self, path: &str) -> Result<Expander, String> {
        if path.is_empty() {
            return Ok(Expander::default());
        }
        let mut templates = Vec::new();
        for document in self.objects(path)? {
            let is_one = object::group(&document.value) == expansion::GROUP
                && object::text(&document.value, "kind") == "ExpansionTemplate";
            if !is_one {
                return Err(format!("{}: not an ExpansionTemplate", beside(self.path, path).display()));
            }
            let template = ExpansionTemplate::read(Node::root(&document.value, document.span));
            templates.push(template.map_err(|problem| self.shown(&problem, path))?);
        }
        if templates.is_empty() {
            return Err(self.no_objects(path));
        }
        let (expander, circular) = Expander::new(templates, Mutators::default());
        match circular.first() {
            Some(name) => Err(format!("the expansion template `{name}` expands what it makes, through others")),
            None => Ok(expander),
        }
    }

    fn template(&self, path: &str) -> Result<Template, String> {
        let document = self.first(path, "template")?;
        let is_template = object::group(&document.value) == template::GROUP
            && object::text(&document.value, "kind") == "ConstraintTemplate";
        if !is_template {
            return Err(format!("{}: not a ConstraintTemplate", beside(self.path, path).display()));
        }
        Template::read(Node::root(&document.value, document.span)).map_err(|problem| self.shown(&problem, path))
    }

    fn constraint(&self, path: &str, template: &Template) -> Result<Constraint, Unready> {
        let document = self.first(path, "constraint")?;
        if object::group(&document.value) != constraint::GROUP {
            return Err(format!("{}: not a constraint", beside(self.path, path).display()).into());
        }
        let kind = constraint::kind(&document.value);
        if kind != template.kind {
            return Err(format!("the constraint is of the kind `{kind}`, the template for `{}`", template.kind).into());
        }
        let read = Constraint::read(Node::root(&document.value, document.span), template);
        read.map_err(|Invalid { problems, by_schema }| {
            let shown: Vec<String> = problems.iter().map(|problem| self.shown(problem, path)).collect();
            Unready { reason: shown.join("\n"), by_schema }
        })
    }

    /// The first document of a file that the test must name.
    fn first(&self, path: &str, what: &str) -> Result<Document, String> {
        if path.is_empty() {
            return Err(format!("the test names no {what}"));
        }
        let documents = self.objects(path)?;
        documents.into_iter().next().ok_or_else(|| self.no_objects(path))
    }

    fn objects(&self, path: &str) -> Result<Vec<Document>, String> {
        read::documents(&beside(self.path, path), Dialect::Go, &self.sources)
    }

    fn no_objects(&self, path: &str) -> String {
        format!("{}: defines no YAML objects", beside(self.path, path).display())
    }

    fn shown(&self, problem: &Problem, path: &str) -> String {
        problem.display(&self.sources, &beside(self.path, path))
    }

    fn case(&self, test: &Test, case: &Case, ready: &Ready) -> CaseReport {
        let start = Instant::now();
        let outcome = if case.skip || !self.filter.takes_case(&test.name, &case.name) {
            Outcome::Skipped
        } else {
            Outcome::of(self.check(case, ready))
        };
        CaseReport { name: case.name.clone(), outcome, duration: start.elapsed() }
    }

    fn check(&self, case: &Case, ready: &Ready) -> Result<(), String> {
        if case.object.is_empty() {
            return Err("the case names no object".to_owned());
        }
        let assertions = case.assertions.as_ref().map_err(|problem| problem.display(&self.sources, self.path))?;
        if assertions.is_empty() {
            return Err("the case asserts nothing".to_owned());
        }
        let found = self.judge(case, ready)?;
        if let Some(Found::Unusable(message)) = found.iter().find(|one| matches!(one, Found::Unusable(_))) {
            return Err(message.clone());
        }
        assertions.iter().try_for_each(|assertion| assertion.check(&found))
    }

    fn judge(&self, case: &Case, ready: &Ready) -> Result<Vec<Found>, String> {
        let objects = self.objects(&case.object)?;
        let [document] = &objects[..] else {
            let path = beside(self.path, &case.object);
            return Err(match objects.len() {
                0 => self.no_objects(&case.object),
                count => format!("{}: defines {count} objects, a case is about one", path.display()),
            });
        };
        let inventory = self.inventory(case)?;
        let around =
            Surroundings { inventory: &inventory, point: Point::Gator, shows_namespace: false, now_ns: now_ns() };
        if Review::is_admission_review(&document.value) {
            let review = Review::of_admission_review(&document.value)?;
            return Ok(ready.bound.judge(&review, &around).unwrap_or_default());
        }
        let review = Review::of_object(&document.value, Source::Original);
        let mut found = ready.bound.judge(&review, &around).unwrap_or_default();
        for made in ready.expander.made(&document.value, None)? {
            let prefix = format!("[Implied by {}]", made.template.name);
            let review = Review::of_object(&made.object, Source::Generated);
            let own = ready.bound.judge(&review, &around).unwrap_or_default();
            found.extend(own.into_iter().map(|one| one.with_prefix(&prefix)));
        }
        found.sort_by(|a, b| a.message().cmp(b.message()));
        Ok(found)
    }

    fn inventory(&self, case: &Case) -> Result<Inventory, String> {
        let mut objects: Vec<Value> = Vec::new();
        for path in &case.inventory {
            let found = self.objects(path)?;
            if found.is_empty() {
                return Err(self.no_objects(path));
            }
            for document in found {
                let gvk = object::Gvk::of(&document.value);
                if gvk.version.is_empty() || gvk.kind.is_empty() {
                    return Err(format!("{}: an object without version or kind", beside(self.path, path).display()));
                }
                objects.push(document.value);
            }
        }
        Ok(Inventory::of(&objects))
    }
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
