//! Paths into a subject's document.

use std::sync::Arc;

use crate::encryption;
use crate::filter::Filter;
use probity_model::value::Object;
use probity_model::{Key, Span, Subject, Value, json};

/// Where a path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// The element at hand: the resource, or inside `where` the element of the list.
    Current,
    /// The resource's document.
    Resource,
    /// The Pod spec of a Kubernetes workload, wherever its kind keeps it.
    Pod,
    /// The metadata of the Pod or Pod template.
    PodMetadata,
    /// All containers of the Pod spec.
    Containers,
    /// Whether the resource is encrypted at rest.
    Encryption,
}

#[derive(Debug, Clone)]
enum Step {
    Key(Key),
    Index(usize),
    All,
    /// The elements that a filter takes; of what is no list, the value itself.
    Filter(Arc<Filter>),
}

/// A compiled path.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    text: String,
    root: Root,
    steps: Vec<Step>,
}

/// A value at the end of a path and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) value: Value,
    pub(crate) span: Option<Span>,
}

impl Place {
    /// The elements of a list, or the value itself.
    pub(crate) fn elements(&self) -> Vec<Place> {
        match &self.value {
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(index, value)| Place { value: value.clone(), span: list.span(index).or(self.span) })
                .collect(),
            Value::Set(set) => set.iter().map(|value| Place { value: value.clone(), span: self.span }).collect(),
            _ => vec![self.clone()],
        }
    }
}

/// What a path leads to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The values, none of them null.
    pub(crate) places: Vec<Place>,
    /// A value on the way that is not known, so that there may be more.
    pub(crate) unknown: Option<(Arc<str>, Option<Span>)>,
}

/// What a path is resolved against.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) current: &'a Value,
    pub(crate) span: Option<Span>,
}

impl<'a> Context<'a> {
    pub(crate) fn of(subject: &'a Subject) -> Self {
        Self { subject, current: &subject.document, span: None }
    }
}

impl Path {
    /// Reads a path: keys joined by dots, `[n]`, `[*]` or `*`, quoted keys, a root such as `@pod`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut root = Root::Current;
        for (position, token) in tokens(text)?.into_iter().enumerate() {
            match token {
                Token::Word(word) if position == 0 && word.starts_with('@') => root = root_of(&word)?,
                Token::Word(word) if position == 0 && word == "encryption_" => root = Root::Encryption,
                Token::Word(word) if word == "*" => steps.push(Step::All),
                Token::Word(word) | Token::Quoted(word) => steps.push(Step::Key(Key::new(&word))),
                Token::Bracket(inner) if inner == "*" => steps.push(Step::All),
                Token::Bracket(inner) if inner.starts_with('?') => {
                    steps.push(Step::Filter(Arc::new(Filter::parse(&inner[1..])?)));
                }
                Token::Bracket(inner) => steps.push(Step::Index(
                    inner.parse().map_err(|_| format!("`[{inner}]` is neither an index nor `[*]`"))?,
                )),
            }
        }
        Ok(Self { text: text.to_owned(), root, steps })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Follows the path.
    pub(crate) fn find(&self, context: Context<'_>) -> Found {
        let mut found = Found::default();
        let document = &context.subject.document;
        let kind = context.subject.resource_type.as_str();
        match self.root {
            Root::Current => follow(context.current, context.span, &self.steps, &mut found),
            Root::Resource => follow(document, None, &self.steps, &mut found),
            Root::Pod => walk(document, None, &[template(kind), &["spec"]], &self.steps, kind, &mut found),
            Root::PodMetadata => walk(document, None, &[template(kind), &["metadata"]], &self.steps, kind, &mut found),
            Root::Encryption => encryption::find(context.subject, &mut found),
            Root::Containers => {
                let mut specs = Found::default();
                walk(document, None, &[template(kind), &["spec"]], &[], kind, &mut specs);
                found.unknown = specs.unknown;
                for spec in &specs.places {
                    containers(spec, kind, &self.steps, &mut found);
                }
            }
        }
        found
    }
}

/// The keys that lead to the Pod or Pod template of a workload.
fn template(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pod" | "kubernetes_pod" | "kubernetes_pod_v1" => &[],
        "PodTemplate" => &["template"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template"],
        "kubernetes_cron_job" | "kubernetes_cron_job_v1" => &["spec", "job_template", "spec", "template"],
        _ => &["spec", "template"],
    }
}

/// Whether the Pod is one of Terraform, in which each object is a block and so a list.
fn has_blocks(kind: &str) -> bool {
    kind.starts_with("kubernetes_")
}

/// The lists of containers in a Pod spec; Terraform's resources have blocks with names of their own.
fn container_lists(kind: &str) -> &'static [&'static str] {
    if has_blocks(kind) {
        &["container", "init_container"]
    } else {
        &["containers", "initContainers", "ephemeralContainers"]
    }
}

fn entry<'v>(value: &'v Value, key: &str) -> Option<(&'v Value, Option<Span>)> {
    let object = value.as_object()?;
    Some((object.get(key)?, object.span(key)))
}

/// Follows keys, through the lists that Terraform's blocks are, and then the steps.
fn walk(value: &Value, span: Option<Span>, keys: &[&[&str]], steps: &[Step], kind: &str, found: &mut Found) {
    let Some((part, later)) = keys.split_first() else { return follow(value, span, steps, found) };
    let Some((key, rest)) = part.split_first() else { return walk(value, span, later, steps, kind, found) };
    match value {
        Value::Unknown(what) => found.unknown = Some((what.clone(), span)),
        Value::Object(_) => {
            if let Some((inner, inner_span)) = entry(value, key) {
                let keys: Vec<&[&str]> = std::iter::once(rest).chain(later.iter().copied()).collect();
                walk(inner, inner_span.or(span), &keys, steps, kind, found);
            }
        }
        Value::Array(list) if has_blocks(kind) => {
            for (index, inner) in list.iter().enumerate() {
                walk(inner, list.span(index).or(span), keys, steps, kind, found);
            }
        }
        _ => {}
    }
}

/// Follows the steps into each container of a Pod spec. What is written in place of a list says nothing about containers.
fn containers(spec: &Place, kind: &str, steps: &[Step], found: &mut Found) {
    let specs = if has_blocks(kind) { spec.elements() } else { vec![spec.clone()] };
    for spec in specs {
        if let Value::Unknown(what) = &spec.value {
            found.unknown = Some((what.clone(), spec.span));
        }
        for (list, span) in container_lists(kind).iter().filter_map(|list| entry(&spec.value, list)) {
            let span = span.or(spec.span);
            match list {
                Value::Array(list) => each(list.iter(), |index| list.span(index).or(span), steps, found),
                Value::Unknown(what) => found.unknown = Some((what.clone(), span)),
                _ => found.unknown = Some(("the containers are not a list".into(), span)),
            }
        }
    }
}

fn follow(value: &Value, span: Option<Span>, steps: &[Step], found: &mut Found) {
    let Some((step, rest)) = steps.split_first() else {
        if !value.is_null() {
            found.places.push(Place { value: value.clone(), span });
        }
        return;
    };
    match (step, value) {
        (_, Value::Unknown(what)) => found.unknown = Some((what.clone(), span)),
        (Step::Key(key), Value::Object(object)) => {
            if let Some(inner) = object.get_key(key) {
                follow(inner, object.span(key.as_str()).or(span), rest, found);
            } else {
                follow_dotted(object, span, key, rest, found);
            }
        }
        (Step::Key(key), Value::Array(list)) if key.as_str().bytes().all(|byte| byte.is_ascii_digit()) => {
            if let Some((index, inner)) =
                key.as_str().parse().ok().and_then(|index: usize| list.get(index).map(|inner| (index, inner)))
            {
                follow(inner, list.span(index).or(span), rest, found);
            }
        }
        (Step::Key(_), Value::Array(list)) => each(list.iter(), |index| list.span(index).or(span), steps, found),
        (Step::Key(_), Value::Set(set)) => each(set.iter(), |_| span, steps, found),
        (Step::Index(index), Value::Array(list)) => {
            if let Some(inner) = list.get(*index) {
                follow(inner, list.span(*index).or(span), rest, found);
            }
        }
        (Step::All, Value::Array(list)) => each(list.iter(), |index| list.span(index).or(span), rest, found),
        (Step::All, Value::Set(set)) => each(set.iter(), |_| span, rest, found),
        (Step::All, Value::Object(object)) => {
            for (_, inner, inner_span) in object.iter_spanned() {
                follow(inner, inner_span.or(span), rest, found);
            }
        }
        (Step::Filter(filter), Value::Array(list)) => {
            for (index, element) in list.iter().enumerate() {
                let span = list.span(index).or(span);
                match filter.takes(element) {
                    Some(true) => follow(element, span, rest, found),
                    Some(false) => {}
                    None => found.unknown = Some(("an element that a filter looks for".into(), span)),
                }
            }
        }
        (_, Value::String(text)) => {
            if let Some(inner) = embedded(text) {
                follow(&inner, span, steps, found);
            }
        }
        _ => {}
    }
}

/// Follows a key that itself has dots, as `rds.force_ssl`, written without quotes.
fn follow_dotted(object: &Object, span: Option<Span>, first: &Key, steps: &[Step], found: &mut Found) {
    let mut name = first.as_str().to_owned();
    for (taken, step) in steps.iter().enumerate() {
        let Step::Key(key) = step else { return };
        name = format!("{name}.{key}");
        if let Some(inner) = object.get(&name) {
            return follow(inner, object.span(&name).or(span), &steps[taken + 1..], found);
        }
    }
}

fn each<'v>(
    elements: impl Iterator<Item = &'v Value>,
    span: impl Fn(usize) -> Option<Span>,
    steps: &[Step],
    found: &mut Found,
) {
    for (index, element) in elements.enumerate() {
        follow(element, span(index), steps, found);
    }
}

/// The JSON object or list that a string holds: policy documents are written so.
pub(crate) fn embedded(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let value = json::read_written(text.as_bytes()).ok()?;
    let is_policy = value.get("Statement").is_some();
    match value {
        Value::Object(_) | Value::Array(_) if is_policy || !text.contains("${") => Some(value),
        Value::Object(_) | Value::Array(_) => Some(without_placeholders(&value)),
        _ => None,
    }
}

/// The value with unknowns where it has placeholders for them. Policy documents have variables of their own in that form.
fn without_placeholders(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            Some(what) if !what.contains("${") => Value::Unknown(what.into()),
            _ => value.clone(),
        },
        Value::Array(list) => Value::array(list.iter().map(without_placeholders)),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), without_placeholders(value))).collect())
        }
        other => other.clone(),
    }
}

fn root_of(word: &str) -> Result<Root, String> {
    match word {
        "@resource" => Ok(Root::Resource),
        "@pod" => Ok(Root::Pod),
        "@pod_metadata" => Ok(Root::PodMetadata),
        "@containers" => Ok(Root::Containers),
        _ => Err(format!("unknown root `{word}`; one of @resource, @pod, @pod_metadata, @containers")),
    }
}

enum Token {
    Word(String),
    Quoted(String),
    Bracket(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("the path is empty; `.` is the element itself".to_owned());
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let end = bracket_end(after).ok_or("`[` without `]`")?;
            tokens.push(Token::Bracket(after[..end].trim().to_owned()));
            rest = &after[end + 1..];
        } else if let Some(after) = rest.strip_prefix('"') {
            let (inner, after) = after.split_once('"').ok_or("a quoted key without its end")?;
            tokens.push(Token::Quoted(inner.to_owned()));
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    Ok(tokens)
}

/// Where the bracket ends; one in quotes does not end it.
fn bracket_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (None, ']') => return Some(at),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::subject;
    use proptest::prelude::*;

    fn found(kind: &str, document: &str, path: &str) -> Vec<String> {
        let subject = subject(kind, document);
        let found = Path::parse(path).unwrap().find(Context::of(&subject));
        found.places.iter().map(|place| json::write(&place.value)).collect()
    }

    #[test]
    fn paths_lead_to_values() {
        let document = r#"{"a":{"b":[{"c":1},{"c":2}],"x.y":3},"p":"{\"S\":[{\"E\":\"Allow\"}]}","n":null}"#;
        for (path, expected) in [
            ("a.b.c", vec!["1", "2"]),
            ("a.b[1].c", vec!["2"]),
            ("a.b.0.c", vec!["1"]),
            ("a.b[*].c", vec!["1", "2"]),
            ("a.*.c", vec!["1", "2"]),
            (r#"a."x.y""#, vec!["3"]),
            ("a.x.y", vec!["3"]),
            ("p.S.E", vec![r#""Allow""#]),
            ("a.b[?(@.c == 2)].c", vec!["2"]),
            ("a.b[?(@.c > 0)]", vec![r#"{"c":1}"#, r#"{"c":2}"#]),
            ("a.b[?(@.c == ']')]", vec![]),
            ("n", vec![]),
            ("a.z", vec![]),
            ("@resource.a.b[0].c", vec!["1"]),
        ] {
            assert_eq!(found("t", document, path), expected, "{path}");
        }
    }

    #[test]
    fn pods_are_found_wherever_their_kind_keeps_them() {
        let pod = r#"{"spec":{"containers":[{"name":"a"}],"initContainers":[{"name":"b"}]}}"#;
        let deployment = format!(r#"{{"spec":{{"template":{pod}}}}}"#);
        let cron = format!(r#"{{"spec":{{"jobTemplate":{{"spec":{{"template":{pod}}}}}}}}}"#);
        let template = format!(r#"{{"template":{pod}}}"#);
        for (kind, document) in
            [("Pod", pod), ("Deployment", &deployment), ("CronJob", &cron), ("PodTemplate", &template)]
        {
            assert_eq!(found(kind, document, "@containers.name"), [r#""a""#, r#""b""#], "{kind}");
            assert_eq!(found(kind, document, "@pod.containers.name"), [r#""a""#], "{kind}");
        }
    }

    #[test]
    fn pods_of_terraform_are_found_behind_their_blocks() {
        let pod =
            r#"{"metadata":[{"name":"m"}],"spec":[{"container":[{"name":"a"}],"init_container":[{"name":"b"}]}]}"#;
        let deployment = format!(r#"{{"spec":[{{"template":[{pod}]}}]}}"#);
        let cron = format!(r#"{{"spec":[{{"job_template":[{{"spec":[{{"template":[{pod}]}}]}}]}}]}}"#);
        for (kind, document) in
            [("kubernetes_pod_v1", pod), ("kubernetes_deployment", &deployment), ("kubernetes_cron_job", &cron)]
        {
            assert_eq!(found(kind, document, "@containers.name"), [r#""a""#, r#""b""#], "{kind}");
            assert_eq!(found(kind, document, "@pod.container.name"), [r#""a""#], "{kind}");
            assert_eq!(found(kind, document, "@pod_metadata.name"), [r#""m""#], "{kind}");
        }
    }

    #[test]
    fn a_malformed_pod_says_nothing_about_its_containers() {
        let subject = subject("Deployment", r#"{"spec":{"template":{"spec":{"containers":{"name":"a"}}}}}"#);
        let found = Path::parse("@containers.name").unwrap().find(Context::of(&subject));
        assert!(found.places.is_empty() && found.unknown.is_some());
    }

    #[test]
    fn wrong_paths_are_refused() {
        for path in ["", "a[", "a[x]", "\"a", "@nothing.a"] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_path_or_refused(text in "[a-c.@*\"\\[\\]0-9 ]*") {
            let _ = Path::parse(&text);
        }
    }
}
