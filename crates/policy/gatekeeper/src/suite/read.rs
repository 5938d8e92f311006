//! From a file to a suite.

use std::path::{Path, PathBuf};

use probity_model::node::{Mapping, Node};
use probity_model::yaml::{self, Dialect, Document};
use probity_model::{Problem, Sources};

use super::assertion::Assertion;
use super::{SuiteError, is_suite};
use crate::object;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 32 << 20;

pub(super) struct Suite {
    pub(super) name: String,
    pub(super) skip: bool,
    pub(super) tests: Vec<Test>,
}

pub(super) struct Test {
    pub(super) name: String,
    pub(super) template: String,
    pub(super) constraint: String,
    pub(super) expansion: String,
    pub(super) invalid: bool,
    pub(super) skip: bool,
    pub(super) cases: Vec<Case>,
}

pub(super) struct Case {
    pub(super) name: String,
    pub(super) object: String,
    pub(super) inventory: Vec<String>,
    /// What is wrong with one of them is said when the case is run.
    pub(super) assertions: Result<Vec<Assertion>, Problem>,
    pub(super) skip: bool,
}

/// The text of a file of a suite.
pub(super) fn text(path: &Path) -> Result<String, std::io::Error> {
    let size = std::fs::metadata(path)?.len();
    if size > MAX_FILE {
        return Err(std::io::Error::other(format!("larger than {} MiB", MAX_FILE >> 20)));
    }
    std::fs::read_to_string(path)
}

/// The documents of a file.
pub(super) fn documents(path: &Path, dialect: Dialect, sources: &Sources) -> Result<Vec<Document>, String> {
    let text = text(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let id = sources.add(path, text.as_str());
    yaml::read(&text, id, dialect).map_err(|(problem, _)| problem.display(sources, path))
}

/// Reads the suite that a file holds.
pub(super) fn suite(path: &Path, sources: &Sources) -> Result<Suite, SuiteError> {
    let text = text(path).map_err(|error| SuiteError::Io { path: path.to_owned(), error })?;
    let id = sources.add(path, text.as_str());
    let invalid = |problem: &Problem| SuiteError::Invalid(problem.display(sources, path));
    // Here `yes` and `no` are words.
    let documents = yaml::read(&text, id, Dialect::Core).map_err(|(problem, _)| invalid(&problem))?;
    let Some(document) = documents.first().filter(|document| is_suite(&document.value)) else {
        let message = "not a suite: no `kind: Suite` of test.gatekeeper.sh";
        return Err(SuiteError::Invalid(format!("{}: {message}", path.display())));
    };
    read(Node::root(&document.value, document.span)).map_err(|problem| invalid(&problem))
}

fn read(node: Node<'_>) -> Result<Suite, Problem> {
    let fields = node.mapping()?;
    let tests = fields.optional("tests").map(Node::list).transpose()?.unwrap_or_default();
    Ok(Suite {
        name: object::name(node.value).to_owned(),
        skip: flag(&fields, "skip")?,
        tests: tests.into_iter().map(test).collect::<Result<_, _>>()?,
    })
}

fn flag(fields: &Mapping<'_>, name: &str) -> Result<bool, Problem> {
    fields.optional(name).map(Node::boolean).transpose().map(Option::unwrap_or_default)
}

fn word(fields: &Mapping<'_>, name: &str) -> Result<String, Problem> {
    Ok(fields.optional(name).map(Node::string).transpose()?.unwrap_or_default().to_owned())
}

fn test(node: Node<'_>) -> Result<Test, Problem> {
    let fields = node.mapping()?;
    let cases = fields.optional("cases").map(Node::list).transpose()?.unwrap_or_default();
    Ok(Test {
        name: word(&fields, "name")?,
        template: word(&fields, "template")?,
        constraint: word(&fields, "constraint")?,
        expansion: word(&fields, "expansion")?,
        invalid: flag(&fields, "invalid")?,
        skip: flag(&fields, "skip")?,
        cases: cases.into_iter().map(case).collect::<Result<_, _>>()?,
    })
}

fn case(node: Node<'_>) -> Result<Case, Problem> {
    let fields = node.mapping()?;
    let inventory = fields.optional("inventory").map(Node::strings).transpose()?.unwrap_or_default();
    let assertions = fields.optional("assertions").map(Node::list).transpose()?.unwrap_or_default();
    Ok(Case {
        name: word(&fields, "name")?,
        object: word(&fields, "object")?,
        inventory: inventory.into_iter().map(str::to_owned).collect(),
        assertions: assertions.into_iter().map(Assertion::read).collect(),
        skip: flag(&fields, "skip")?,
    })
}

/// A path as a suite names it, which is below the suite's folder whatever it begins with.
pub(super) fn beside(suite: &Path, path: &str) -> PathBuf {
    let folder = suite.parent().unwrap_or(Path::new(""));
    folder.join(path.trim_start_matches('/'))
}
