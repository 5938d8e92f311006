//! Checking catalog files, with everything that is wrong in all of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, Sources, Span};

use crate::entry;

/// Checks files one after the other; ids are unique over all of them.
#[derive(Default)]
pub(crate) struct Checker {
    pub(crate) sources: Sources,
    problems: Vec<(PathBuf, Problem)>,
    ids: HashMap<String, Option<Span>>,
    policies: BTreeMap<String, usize>,
}

/// What the checker found.
pub(crate) struct Report {
    /// Number of policies by provider.
    pub(crate) policies: BTreeMap<String, usize>,
    /// `path:line:column: message`, ordered by place.
    pub(crate) problems: Vec<String>,
}

impl Checker {
    /// Checks one file of a provider's folder.
    pub(crate) fn file(&mut self, provider: &str, path: &Path, text: &str) {
        let source = self.sources.add(path, text);
        let documents = match yaml::read(text, source, Dialect::Core) {
            Ok(documents) => documents,
            Err((problem, _)) => return self.problems.push((path.to_owned(), problem)),
        };
        let mut problems = Vec::new();
        if let Err(problem) = self.documents(provider, &documents, &mut problems) {
            problems.push(problem);
        }
        self.problems.extend(problems.into_iter().map(|problem| (path.to_owned(), problem)));
    }

    fn documents(
        &mut self,
        provider: &str,
        documents: &[yaml::Document],
        problems: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        let [document] = documents else {
            return Err(Problem::new("expected one YAML document", documents.get(1).map(|document| document.span)));
        };
        let fields = Node::root(&document.value, document.span).mapping()?;
        fields.only(&["service", "policies"])?;
        entry::words(&fields, "service")?;
        for policy in fields.required("policies")?.list()? {
            *self.policies.entry(provider.to_owned()).or_default() += 1;
            problems.extend(self.duplicate(policy));
            problems.extend(entry::problems(provider, policy, &self.sources));
        }
        Ok(())
    }

    fn duplicate(&mut self, policy: Node<'_>) -> Option<Problem> {
        let id = policy.mapping().ok()?.optional("id")?;
        let name = id.value.as_str()?;
        let Some(first) = self.ids.get(name) else {
            self.ids.insert(name.to_owned(), id.span);
            return None;
        };
        let first = first.and_then(|span| self.sources.locate(span)).map(|place| place.to_string());
        Some(id.problem(format!("a second policy `{name}`, after {}", first.unwrap_or_default())))
    }

    /// All problems, each once and in the order of the text.
    pub(crate) fn finish(mut self) -> Report {
        self.problems.sort_by_key(|(path, problem)| (path.clone(), problem.span.map(|span| span.start)));
        let mut seen = HashSet::new();
        let lines = self.problems.iter().map(|(path, problem)| problem.display(&self.sources, path));
        let problems = lines.filter(|line| seen.insert(line.clone())).collect();
        Report { policies: self.policies, problems }
    }
}
