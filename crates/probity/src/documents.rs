//! Files as documents that policies judge whole.

use std::path::PathBuf;

use probity_model::{Labels, Problem, Sources, Span, Subject, SubjectKind, Value};
use probity_policy_conftest::COMBINED;
use probity_subject_config::{Format, parse};
use probity_subject_iac::{FileForm, Tree, WholeFile};

/// Adds the documents of a tree to its subjects; what cannot be read is added to its problems. `parser` is the format of
/// files whose names do not tell it.
pub(crate) fn add(tree: &mut Tree, parser: Option<Format>, combine: bool, sources: &Sources) {
    let mut subjects = Vec::new();
    for &file in &tree.documents {
        match read(file, parser, sources) {
            Ok(found) => subjects.extend(found),
            Err((path, problem)) => tree.problems.push((path, problem)),
        }
    }
    if combine {
        let objects = tree.graph.subjects().iter().filter(|subject| subject.kind == SubjectKind::Kubernetes);
        let all: Vec<Value> = objects.chain(&subjects).map(|subject| entry(subject, sources)).collect();
        subjects = vec![subject(COMBINED, "the documents together".to_owned(), Value::array(all), None)];
    }
    tree.graph.extend(subjects);
}

fn entry(subject: &Subject, sources: &Sources) -> Value {
    let source = subject.span.and_then(|span| sources.get(span.source));
    let path = source.map(|source| source.path.display().to_string()).unwrap_or_default();
    Value::object([("path", path.into()), ("contents", subject.document.clone())])
}

fn read(file: WholeFile, parser: Option<Format>, sources: &Sources) -> Result<Vec<Subject>, (PathBuf, Problem)> {
    let Some(source) = sources.get(file.source) else { return Ok(Vec::new()) };
    let by_name = || Format::of(&source.path);
    let format = match file.form {
        FileForm::Plan => Some(Format::Json),
        FileForm::Dockerfile => Some(Format::Dockerfile),
        FileForm::Terraform => by_name(),
        FileForm::Other => parser.or_else(by_name),
    };
    let failed = |problem| (source.path.clone(), problem);
    let Some(format) = format else {
        let problem = Problem::new("the name does not tell what format the file has", None)
            .with_help("name it with --parser, or exclude the file");
        return Err(failed(problem));
    };
    let documents = parse(format, &source.text, file.source).map_err(failed)?;
    let several = documents.len() > 1;
    let path = source.path.display().to_string();
    let named = |at: usize| if several { format!("{path}#{}", at + 1) } else { path.clone() };
    let subjects = documents.into_iter().enumerate();
    Ok(subjects
        .map(|(at, document)| subject(format.as_str(), named(at), document.value, Some(document.span)))
        .collect())
}

fn subject(resource_type: &str, address: String, document: Value, span: Option<Span>) -> Subject {
    Subject {
        kind: SubjectKind::Config,
        resource_type: resource_type.into(),
        address: address.into(),
        document,
        span,
        // A finding stands at the beginning of the file, not all over it.
        header: span.map(|span| Span { end: span.start, ..span }),
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}
