//! The examples of a binding: read, judged, and compared with what they should show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_catalog::Format;
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect, Document};
use probity_model::{
    Decision, Finding, Gate, Outcome, Problem, ResourceGraph, SourceId, Sources, Span, Stage, Stages, Subject,
};
use probity_policy_core::{Facts, Policy, PolicySet, Rulings};
use probity_policy_graph::GraphPolicy;
use probity_secrets::{Scanner, subject};
use probity_subject_iac::terraform::{self, ModuleFile};
use probity_subject_iac::{Read, cloudformation, dockerfile, github_actions, kubernetes};

/// Checks the examples of a policy that was compiled with this binding alone. Without a format, which is a problem of
/// its own, they are not judged.
pub(crate) fn check(
    policy: &GraphPolicy,
    binding: Node<'_>,
    format: Option<Format>,
    sources: &Sources,
    problems: &mut Vec<Problem>,
) {
    let set = PolicySet::builder(Gate::Ci, Stages::all(Stage::Enforce))
        .policies([Arc::new(policy.clone()) as Arc<dyn Policy>])
        .build();
    let set = set.expect("one policy has one id");
    for (kind, expected) in [("pass", Outcome::Pass), ("fail", Outcome::Fail), ("unknown", Outcome::Unknown)] {
        let examples = match examples(binding, kind) {
            Ok(examples) => examples,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        for (node, text) in examples {
            if let Some(format) = format {
                problems.extend(Example { node, text, format, sources }.judge(&set, expected));
            }
        }
    }
}

fn examples<'a>(binding: Node<'a>, kind: &str) -> Result<Vec<(Node<'a>, &'a str)>, Problem> {
    let fields = binding.mapping()?.required("examples")?.mapping()?;
    fields.only(&["pass", "fail", "unknown"])?;
    if kind == "unknown" && fields.optional(kind).is_none() {
        return Ok(Vec::new());
    }
    let list = fields.required(kind)?;
    let texts = list.list()?.into_iter().map(|node| Ok((node, node.string()?))).collect::<Result<Vec<_>, Problem>>()?;
    if texts.is_empty() { Err(list.problem(format!("no example under `{kind}`"))) } else { Ok(texts) }
}

struct Example<'a> {
    node: Node<'a>,
    text: &'a str,
    format: Format,
    sources: &'a Sources,
}

impl Example<'_> {
    fn judge(&self, set: &PolicySet, expected: Outcome) -> Vec<Problem> {
        let (graph, unread) = self.read();
        if !unread.is_empty() {
            let problem = |problem: Problem| self.problem(format!("not readable: {}", problem.message), problem.span);
            return unread.into_iter().map(problem).collect();
        }
        let findings = findings(set, &graph);
        let mut problems: Vec<Problem> = findings
            .iter()
            .filter(|(_, finding)| !matches!(finding.outcome, Outcome::Pass | Outcome::Fail))
            .filter(|(_, finding)| finding.outcome != expected)
            .map(|(address, finding)| {
                let message = format!("{address} comes out `{}`: {}", finding.outcome, finding.message);
                self.problem(message, finding.span)
            })
            .collect();
        let failed = findings.iter().filter(|(_, finding)| finding.outcome == Outcome::Fail);
        match expected {
            Outcome::Fail if failed.clone().next().is_none() => {
                problems.push(self.problem(format!("nothing fails here; judged: {}", names(&findings)), None));
            }
            Outcome::Fail => {}
            Outcome::Unknown if !findings.iter().any(|(_, finding)| finding.outcome == expected) => {
                problems.push(self.problem(format!("nothing is undecided here; judged: {}", names(&findings)), None));
            }
            // A text without a secret has nothing to judge.
            _ if findings.is_empty() && self.format == Format::Text => {}
            _ if findings.is_empty() => problems.push(self.problem("nothing here is judged", None)),
            _ => problems.extend(failed.map(|(address, finding)| {
                self.problem(format!("{address} fails where it should pass: {}", finding.message), finding.span)
            })),
        }
        problems
    }

    fn read(&self) -> (ResourceGraph, Vec<Problem>) {
        match self.format {
            Format::Terraform => self.terraform().into_graph(),
            Format::CloudFormation => cloudformation::read(self.text, self.source("template.yaml")).into_graph(),
            Format::Kubernetes => {
                let mut read = kubernetes::read(self.text, self.source("example.yaml"));
                read.edges.extend(kubernetes::connect(&read.subjects, self.sources));
                read.into_graph()
            }
            Format::Text => {
                let path = Path::new("example.yaml");
                let subjects = subject::subjects(&Scanner::new(), path, self.text, self.source("example.yaml"));
                Read { subjects, ..Read::default() }.into_graph()
            }
            Format::Image => self.image(),
            Format::Dockerfile => {
                dockerfile::read(Path::new("Dockerfile"), self.text, self.source("Dockerfile")).into_graph()
            }
            Format::GitHubActions => {
                let path = Path::new(".github/workflows/example.yaml");
                github_actions::read(path, self.text, self.source("example.yaml")).into_graph()
            }
        }
    }

    fn terraform(&self) -> Read {
        let file = ModuleFile { path: "example.tf".into(), text: self.text.into(), source: self.source("example.tf") };
        let folders = BTreeMap::from([(PathBuf::new(), vec![file])]);
        let mut all = Read::default();
        for (_, read) in
            terraform::read_tree(&folders, &terraform::Installed::default(), &terraform::Options::default())
        {
            all.append(read);
        }
        all
    }

    /// What is known of an image is a document as it is.
    fn image(&self) -> (ResourceGraph, Vec<Problem>) {
        let documents = match yaml::read(self.text, self.source("image.yaml"), Dialect::Core) {
            Ok(documents) => documents,
            Err((problem, _)) => return (ResourceGraph::default(), vec![problem]),
        };
        let subject = |document: Document| Subject {
            span: Some(document.span),
            ..Subject::image("registry.example.com/clinic/portal:1.2", document.value)
        };
        Read { subjects: documents.into_iter().map(subject).collect(), ..Read::default() }.into_graph()
    }

    fn source(&self, name: &str) -> SourceId {
        self.sources.add(name, self.text)
    }

    /// A problem in the line of the catalog file that holds this place of the example.
    fn problem(&self, message: impl Into<String>, place: Option<Span>) -> Problem {
        let line = place.and_then(|span| self.sources.locate(span)).map(|location| location.line);
        let span = self.node.span.map(|span| line.map_or(span, |line| self.line(span, line)));
        Problem::new(message, span)
    }

    /// The text of line `line` of the example in the catalog file; examples are block scalars, whose
    /// place begins with their first line.
    fn line(&self, scalar: Span, line: u32) -> Span {
        let Some(source) = self.sources.get(scalar.source) else { return scalar };
        let wanted = source.line_column(scalar.start).0 + line - 1;
        let Some((_, text)) = source.lines(wanted, wanted).next() else { return scalar };
        let start = text.as_ptr().addr() - source.text.as_ptr().addr();
        let indentation = text.len() - text.trim_start().len();
        Span::new(scalar.source, start + indentation..start + text.len())
    }
}

/// What the set finds, with the address of the resource.
fn findings(set: &PolicySet, graph: &ResourceGraph) -> Vec<(String, Finding)> {
    let facts = Facts::of_files(graph, jiff::civil::date(2026, 1, 1));
    let decide = |(index, subject)| set.evaluate(subject, index, &facts, &Rulings::default());
    let named = |decision: Decision| {
        let address = decision.subject.address.to_string();
        decision.findings.into_iter().map(move |finding| (address.clone(), finding))
    };
    graph.iter().map(decide).flat_map(named).collect()
}

fn names(findings: &[(String, Finding)]) -> String {
    match findings {
        [] => "nothing".to_owned(),
        _ => findings.iter().map(|(address, _)| address.as_str()).collect::<Vec<_>>().join(", "),
    }
}
