//! Judging by Rego rules.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use probity_model::value::{Object, SmolStr, Value};
use probity_model::{Metadata, NodeIndex, Sources, Span, Stage, Subject, SubjectKind};
use probity_policy_core::{AdmissionRequest, Facts, Policy, RequestRule, TypeSelector, Verdict};
use probity_policy_rego::{Documents, Entry, Error, Evaluation, Host, Limits};

use crate::metadata::IMAGE;
use crate::read::COMBINED;

/// What a rule may take to judge one subject, in operations. Counted, not timed, so that a replay stops where it stopped.
const STEPS: u64 = 50_000_000;

/// What a policy judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// Kubernetes objects and files, or only those of these kinds.
    Documents(Vec<SmolStr>),
    /// Resources of the policy's types.
    Resources,
    /// Something of this name that is not read.
    Unread(SmolStr),
}

/// Rules of one name that belong to the policy.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) entry: Entry,
    /// What exceptions call the rules: the name behind its first `_`.
    pub(crate) suffix: String,
}

/// Rules that find something in a document, as one policy.
#[derive(Debug, Clone)]
pub struct ConftestPolicy {
    pub(crate) metadata: Metadata,
    pub(crate) span: Span,
    pub(crate) input: Input,
    pub(crate) types: Vec<TypeSelector>,
    pub(crate) most: Stage,
    pub(crate) parts: Vec<Part>,
    pub(crate) exception: Option<Entry>,
    pub(crate) data: Option<Value>,
    /// Whether documents are judged together only.
    pub(crate) combine: bool,
    /// Whether `data.conftest.file` is asked for.
    pub(crate) names_file: bool,
    /// Whether `data.probity` is asked for.
    pub(crate) names_graph: bool,
    pub(crate) sources: Arc<Sources>,
}

impl ConftestPolicy {
    /// Where the policy says what it is: its METADATA block, or its first rule.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Whether it judges whole documents rather than resources.
    pub fn judges_documents(&self) -> bool {
        matches!(self.input, Input::Documents(_))
    }

    fn applies(&self, subject: &Subject) -> bool {
        let is_document = self.judges_documents() && subject.kind != SubjectKind::Image;
        if is_document && self.combine != (subject.resource_type == COMBINED) {
            return false;
        }
        let kind = match subject.kind {
            SubjectKind::Image => {
                return match &self.input {
                    Input::Documents(kinds) => kinds.iter().any(|wanted| wanted == IMAGE),
                    Input::Resources => true,
                    Input::Unread(_) => false,
                };
            }
            SubjectKind::Kubernetes => "kubernetes",
            SubjectKind::Config => subject.resource_type.as_str(),
            _ => return self.input == Input::Resources,
        };
        match &self.input {
            Input::Documents(kinds) => {
                kinds.is_empty()
                    || self.combine
                    || kinds.iter().any(|wanted| *wanted == kind || kind == "kubernetes" && *wanted == "yaml")
            }
            Input::Resources => true,
            Input::Unread(_) => false,
        }
    }

    fn documents(&self, subject: &Subject, index: NodeIndex, facts: &Facts<'_>) -> Documents {
        let mut more = Vec::new();
        if self.names_file {
            more.extend(self.file(subject));
        }
        if self.names_graph {
            more.push(("probity", around(subject, index, facts)));
        }
        let data = if more.is_empty() { self.data.clone() } else { Some(self.data_with(more)) };
        Documents { input: Some(subject.document.clone()), data }
    }

    /// The file under `conftest`, as Conftest gives it.
    fn file(&self, subject: &Subject) -> Option<(&'static str, Value)> {
        let source = subject.span.and_then(|span| self.sources.get(span.source))?;
        let text = |path: Option<&Path>| Value::from(path.map(|path| path.display().to_string()).unwrap_or_default());
        let file = Value::object([
            ("name", text(source.path.file_name().map(Path::new))),
            ("dir", text(source.path.parent().map(|dir| if dir == Path::new("") { Path::new(".") } else { dir }))),
        ]);
        Some(("conftest", Value::object([("file", file)])))
    }

    fn data_with(&self, more: Vec<(&'static str, Value)>) -> Value {
        let known = self.data.as_ref().and_then(Value::as_object);
        let entries = known.into_iter().flat_map(Object::iter).map(|(key, value)| (key.clone(), value.clone()));
        let more = more.into_iter().map(|(name, value)| (probity_model::value::Key::new(name), value));
        Value::Object(entries.chain(more).collect())
    }

    /// Whether the rules of a suffix are excepted for these documents.
    fn excepts(&self, suffix: &str, documents: &Documents, time: Time) -> Result<bool, Verdict> {
        let Some(exception) = &self.exception else { return Ok(false) };
        let lists = ask(exception, documents, time)?;
        let names = |list: &Value| elements(list).any(|name| name.as_str() == Some(suffix));
        Ok(lists.as_ref().is_some_and(|lists| elements(lists).any(names)))
    }

    fn judge_part(&self, part: &Part, documents: &Documents, time: Time) -> Result<Vec<Verdict>, Verdict> {
        let Some(value) = ask(&part.entry, documents, time)? else { return Ok(Vec::new()) };
        let found = match &value {
            Value::Set(_) | Value::Array(_) | Value::Object(_) => {
                elements(&value).map(|found| self.fail(found)).collect()
            }
            Value::Bool(false) => Vec::new(),
            one => vec![self.fail(one)],
        };
        if found.is_empty() || !self.excepts(&part.suffix, documents, time)? {
            return Ok(found);
        }
        let reason = format!("the policy's own exception of `{}`", part.suffix);
        Ok(found
            .into_iter()
            .map(|verdict| match verdict {
                Verdict::Fail { message, .. } => Verdict::Excepted { message, reason: reason.clone() },
                other => other,
            })
            .collect())
    }

    fn fail(&self, found: &Value) -> Verdict {
        let message = match found {
            Value::String(text) => text.to_string(),
            Value::Bool(true) => self.metadata.title.clone(),
            Value::Object(_) => match ["msg", "message"].iter().find_map(|name| found.get(name)?.as_str()) {
                Some(text) => text.to_owned(),
                None => return Verdict::Error { message: "a rule gives an object without `msg`".to_owned() },
            },
            other => {
                let message = format!("a rule gives {} instead of a message", other.kind());
                return Verdict::Error { message };
            }
        };
        Verdict::Fail { message, span: None }
    }
}

/// What the subject is called, and those that refer to it or that it refers to, with what they hold.
fn around(subject: &Subject, index: NodeIndex, facts: &Facts<'_>) -> Value {
    let names = |subject: &Subject| {
        [
            ("kind", Value::from(subject.kind.as_str())),
            ("type", subject.resource_type.as_str().into()),
            ("address", subject.address.as_str().into()),
        ]
    };
    let connected = facts.graph.neighbours(index).map(|(_, other)| {
        let document = [("document", other.document.clone())];
        Value::object(names(other).into_iter().chain(document))
    });
    Value::object([
        ("resource", Value::object(names(subject))),
        ("connected", Value::array(connected.collect::<Vec<_>>())),
    ])
}

/// The values of some rules, or why they say nothing.
fn ask(entry: &Entry, documents: &Documents, time: Time) -> Result<Option<Value>, Verdict> {
    let unknown = OnceCell::new();
    let host = Outside { time, refused: OnceLock::new() };
    let limits = Limits { steps: STEPS, ..Limits::default() };
    let evaluation = Evaluation { limits, host: &host, unknown: Some(&unknown), ..Evaluation::default() };
    let broken = |error: Error| Verdict::Error { message: error.to_string() };
    let value = entry.evaluate(documents, &evaluation).map_err(broken)?;
    if let Some(message) = host.refused.get() {
        return Err(Verdict::Error { message: message.clone() });
    }
    match unknown.get() {
        Some(what) => Err(Verdict::Unknown { message: format!("waits for {what}"), span: None }),
        None => Ok(value),
    }
}

fn elements(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(array) => Box::new(array.iter()),
        Value::Set(set) => Box::new(set.iter()),
        Value::Object(object) => Box::new(object.iter().map(|(_, value)| value)),
        _ => Box::new(std::iter::empty()),
    }
}

impl Policy for ConftestPolicy {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn most(&self) -> Stage {
        self.most
    }

    fn requests(&self) -> Vec<RequestRule> {
        let is_kind = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_uppercase())
                && name.chars().all(|one| one.is_ascii_alphanumeric())
        };
        match &self.input {
            // Documents of some kinds only are asked for as a whole: any kind of object is one.
            Input::Documents(kinds) => {
                let is_object = |kind: &SmolStr| matches!(kind.as_str(), "kubernetes" | "yaml");
                let judges_objects = !self.combine && (kinds.is_empty() || kinds.iter().any(is_object));
                judges_objects.then(|| RequestRule::of_kind("*")).into_iter().collect()
            }
            Input::Resources => {
                let named = self.types.iter().filter(|selector| match selector {
                    TypeSelector::Exact(name) => is_kind(name),
                    TypeSelector::Prefix(prefix) => is_kind(prefix),
                    TypeSelector::All => true,
                });
                named.cloned().flat_map(|selector| RequestRule::of_types(&[selector])).collect()
            }
            Input::Unread(_) => Vec::new(),
        }
    }

    fn judge(&self, subject: &Subject, index: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        if !self.applies(subject) || !facts.request.is_none_or(AdmissionRequest::writes_object) {
            return;
        }
        let documents = self.documents(subject, index, facts);
        let before = verdicts.len();
        for part in &self.parts {
            match self.judge_part(part, &documents, Time::of(facts)) {
                Ok(found) => verdicts.extend(found),
                Err(verdict) => verdicts.push(verdict),
            }
        }
        if verdicts.len() == before {
            verdicts.push(Verdict::Pass);
        }
    }
}

/// What the time is for rules.
#[derive(Debug, Clone, Copy)]
enum Time {
    /// The beginning of this day.
    Day(Date),
    /// This moment, in nanoseconds since 1970.
    Moment(i64),
}

impl Time {
    /// The time of a cluster where there is one, and else the day of the evaluation.
    fn of(facts: &Facts<'_>) -> Self {
        facts.cluster.map_or(Self::Day(facts.today), |cluster| Self::Moment(cluster.now_ns()))
    }
}

/// Gives the time, and nothing else: the same rules over the same documents at the same time find the same. What is refused
/// is remembered, since a rule that asked for it says nothing.
struct Outside {
    time: Time,
    refused: OnceLock<String>,
}

impl Outside {
    fn refuse<T>(&self, what: &str) -> Result<T, String> {
        let message = format!("{what} is not allowed in a scan");
        Err(self.refused.get_or_init(|| message).clone())
    }
}

impl Host for Outside {
    fn now_ns(&self) -> Result<i64, String> {
        let today = match self.time {
            Time::Moment(now) => return Ok(now),
            Time::Day(today) => today,
        };
        let start = TimeZone::UTC.to_ambiguous_timestamp(today.at(0, 0, 0, 0)).unambiguous();
        let nanoseconds = start.map_err(|error| error.to_string())?.as_nanosecond();
        i64::try_from(nanoseconds).map_err(|error| error.to_string())
    }

    fn random(&self, _: &mut [u8]) -> Result<(), String> {
        self.refuse("chance (`rand.intn`, `uuid.rfc4122`)")
    }

    fn lookup(&self, _: &str) -> Result<Vec<std::net::IpAddr>, String> {
        self.refuse("looking names up (`net.lookup_ip_addr`)")
    }

    fn http_send(&self, _: &Value) -> Result<Value, String> {
        self.refuse("a request (`http.send`)")
    }

    fn runtime(&self) -> Result<Value, String> {
        self.refuse("the environment (`opa.runtime`)")
    }
}
