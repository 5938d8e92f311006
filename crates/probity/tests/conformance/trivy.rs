//! Trivy's good and bad examples of its checks.

use std::path::Path;
use std::sync::Arc;

use probity_model::Sources;
use probity_model::yaml::{self, Dialect};
use probity_policy_core::Policy;
use rayon::prelude::*;

use crate::Case;
use crate::checkov::whole;
use crate::judged::{called, judge};

/// Which of its checks each file shows.
const EXAMPLES: &str = include_str!("data/trivy-examples.tsv");

/// The forms that examples are written in, each with the file to write one to.
const FORMS: [(&str, &str); 4] = [
    ("terraform", "main.tf"),
    ("cloudformation", "template.yaml"),
    ("kubernetes", "object.yaml"),
    ("dockerfile", "Dockerfile"),
];

pub(crate) fn examples(root: &Path) -> Vec<Case> {
    EXAMPLES
        .par_lines()
        .filter_map(|line| line.split_once('\t'))
        .flat_map_iter(|(file, id)| of_file(&root.join(file), file, id))
        .collect()
}

fn of_file(path: &Path, file: &str, id: &str) -> Vec<Case> {
    let sources = Sources::default();
    let text = std::fs::read_to_string(path).unwrap();
    let source = sources.add(path, text.clone());
    let documents = yaml::read(&text, source, Dialect::Core).unwrap();
    let policies = called(id);
    let mut cases = Vec::new();
    for (form, name) in FORMS {
        for (kind, fails) in [("good", false), ("bad", true)] {
            let examples = documents[0].value.get(form).and_then(|form| form.get(kind));
            for (number, example) in examples.and_then(|list| list.as_array()).into_iter().flatten().enumerate() {
                let difference = difference(name, example.as_str().unwrap(), &policies, fails);
                cases.push(Case {
                    suite: format!("trivy-examples-{form}"),
                    name: format!("{id} {file} {kind} {number}"),
                    compared: whole(difference),
                });
            }
        }
    }
    cases
}

fn difference(name: &str, text: &str, policies: &[Arc<dyn Policy>], fails: bool) -> Option<String> {
    if policies.is_empty() {
        return Some("no such policy".to_owned());
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let judged = judge(folder.path(), policies.to_vec());
    let right = (judged.failed > 0) == fails;
    (!right).then(|| format!("{} failed, {} passed", judged.failed, judged.passed))
}
