//! Endpoint and role governing policies.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use probity_model::{Metadata, NodeIndex, PolicyId, Stage, Subject, Value};
use probity_policy_core::{Facts, Policy, TypeSelector, Verdict};
use probity_policy_sentinel::{Evaluation, Host, Import, Limits, Policy as Text};

use crate::path::PathPattern;
use crate::request::{ROOT, TYPE};
use crate::ruling::Ruling;

/// Bounds of one evaluation: a client waits for it.
const STEPS: u64 = 20_000_000;
const MEMORY: u64 = 256 << 20;
const TIME: Duration = Duration::from_secs(2);

/// What is there without an import; absent from a request when it is not in its document.
const GLOBALS: [&str; 7] = ["request", "namespace", "token", "identity", "mfa", "controlgroup", "replication"];

/// How strongly a policy holds (Vault, "Policy enforcement levels").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It may fail.
    Advisory,
    /// It must pass unless the request asks to override it.
    SoftMandatory,
    /// It must pass.
    HardMandatory,
}

impl Level {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Advisory => "advisory",
            Self::SoftMandatory => "soft-mandatory",
            Self::HardMandatory => "hard-mandatory",
        }
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Advisory, Self::SoftMandatory, Self::HardMandatory]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no enforcement level; one of advisory, soft-mandatory, hard-mandatory"))
    }
}

/// What a policy is set on.
#[derive(Debug, Clone)]
pub(crate) enum Attachment {
    /// An endpoint governing policy: these paths.
    Endpoint(Vec<PathPattern>),
    /// A role governing policy.
    Role(Holders),
}

/// Whose requests a role governing policy judges, beside those that have a policy of its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holders {
    /// Names of policies of tokens, entities and groups.
    pub(crate) policies: Vec<String>,
    /// Ids or names of entities.
    pub(crate) entities: Vec<String>,
    /// Ids or names of groups.
    pub(crate) groups: Vec<String>,
}

/// A Sentinel policy as Vault has them.
#[derive(Debug)]
pub struct GoverningPolicy {
    pub(crate) name: String,
    pub(crate) level: Level,
    pub(crate) attachment: Attachment,
    /// The namespace whose requests it judges, with a slash at its end; none for all.
    pub(crate) namespace: Option<String>,
    pub(crate) text: Text,
    pub(crate) params: BTreeMap<String, Value>,
    pub(crate) timezone: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) types: [TypeSelector; 1],
}

/// Whether a policy judges a request.
#[derive(Debug, PartialEq, Eq)]
enum Applies {
    Yes,
    No,
    /// It depends on what is not known.
    Perhaps(String),
}

impl GoverningPolicy {
    /// The name that Vault knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `EGP` or `RGP`.
    pub fn kind(&self) -> &'static str {
        match self.attachment {
            Attachment::Endpoint(_) => "EGP",
            Attachment::Role(_) => "RGP",
        }
    }

    /// How strongly it holds.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Whether it may judge a request to this path of this namespace: a role governing policy always may.
    pub fn may_judge(&self, namespace: &str, path: &str) -> bool {
        if self.namespace.as_deref().is_some_and(|own| own != namespace) {
            return false;
        }
        match &self.attachment {
            Attachment::Endpoint(paths) => paths.iter().any(|pattern| pattern.matches(path)),
            Attachment::Role(_) => true,
        }
    }

    /// Whether it looks at entities or groups.
    pub(crate) fn wants_identity(&self) -> bool {
        let by_holder = match &self.attachment {
            Attachment::Role(holders) => !holders.entities.is_empty() || !holders.groups.is_empty(),
            Attachment::Endpoint(_) => false,
        };
        by_holder || self.text.text().contains("identity")
    }

    fn applies(&self, document: &Value) -> Applies {
        let text = |path: &[&str]| document.at(path).and_then(Value::as_str).unwrap_or_default();
        if !self.may_judge(text(&["namespace", "path"]), text(&["request", "path"])) || is_root(document) {
            return Applies::No;
        }
        match &self.attachment {
            Attachment::Endpoint(_) => Applies::Yes,
            // Vault looks at no token where it wants none.
            Attachment::Role(_) if is_unauthenticated(document) => Applies::No,
            Attachment::Role(holders) => self.is_held(holders, document),
        }
    }

    /// Whether the token, its entity or one of its groups has a role governing policy.
    fn is_held(&self, holders: &Holders, document: &Value) -> Applies {
        let mut unknown = None;
        let mut holds = |path: &[&str], names: &[String]| match document.at(path) {
            Some(Value::Array(held)) => held.iter().any(|name| match name {
                Value::Unknown(what) => {
                    unknown.get_or_insert_with(|| what.to_string());
                    false
                }
                name => name.as_str().is_some_and(|name| names.iter().any(|wanted| wanted == name)),
            }),
            Some(Value::Object(held)) => held.iter().any(|(key, _)| names.iter().any(|name| name == key.as_str())),
            Some(Value::String(held)) => names.iter().any(|name| name == held.as_str()),
            Some(Value::Unknown(what)) if !names.is_empty() => {
                unknown.get_or_insert_with(|| what.to_string());
                false
            }
            _ => false,
        };
        let policies: Vec<String> = holders.policies.iter().chain([&self.name]).cloned().collect();
        let held = holds(&["token", "policies"], &policies)
            || holds(&["token", "identity_policies"], &policies)
            || holds(&["identity", "entity", "policies"], &policies)
            || holds(&["identity", "entity", "id"], &holders.entities)
            || holds(&["identity", "entity", "name"], &holders.entities)
            || holds(&["identity", "groups", "by_id"], &holders.groups)
            || holds(&["identity", "groups", "by_name"], &holders.groups);
        // All that is known of a token that could not be looked up is that there is one.
        if let Some(Value::Unknown(what)) = document.get("token") {
            unknown.get_or_insert_with(|| what.to_string());
        }
        match unknown {
            _ if held => Applies::Yes,
            Some(what) => Applies::Perhaps(what),
            None => Applies::No,
        }
    }

    /// What it says of a request. A write whose path is perhaps new is judged as both operations.
    fn ruling(&self, document: &Value) -> Ruling {
        let given = self.run(document);
        if document.at(&["request", "may_create"]).and_then(Value::as_bool) != Some(true) {
            return given;
        }
        given.or_created(|| self.run(&with_operation(document, "create")))
    }

    fn run(&self, document: &Value) -> Ruling {
        let clock = Clock::of(document);
        let limits =
            Limits { steps: STEPS, memory: MEMORY, deadline: Some(Instant::now() + TIME), ..Limits::default() };
        let mut evaluation = Evaluation::new(&self.text).with_host(&clock).with_limits(limits);
        for name in GLOBALS {
            if let Some(value) = document.get(name) {
                evaluation = evaluation.with_global(name, value.clone());
            }
        }
        if let Some(mfa) = document.get("mfa") {
            evaluation = evaluation.with_import("mfa", Import::Data(mfa.clone()));
        }
        for (name, value) in &self.params {
            evaluation = evaluation.with_param(name, value.clone());
        }
        if let Some(zone) = &self.timezone {
            evaluation = evaluation.with_timezone(zone);
        }
        Ruling::new(&evaluation.run())
    }

    fn verdict(&self, ruling: Ruling, document: &Value) -> Verdict {
        let said = |message: String| format!("{} {} ({}): {message}", self.kind(), self.name, self.level.as_str());
        let overridden = self.level == Level::SoftMandatory
            && document.at(&["request", "policy_override"]).and_then(Value::as_bool) == Some(true);
        match ruling {
            Ruling::Pass => Verdict::Pass,
            Ruling::Fail(message) | Ruling::Unknown(message) | Ruling::Error(message) if overridden => {
                Verdict::Excepted {
                    message: said(message),
                    reason: "the request overrides soft-mandatory policies".to_owned(),
                }
            }
            Ruling::Fail(message) => Verdict::Fail { message: said(message), span: None },
            Ruling::Unknown(message) => Verdict::Unknown { message: said(message), span: None },
            Ruling::Error(message) => Verdict::Error { message: said(message) },
        }
    }
}

impl Policy for GoverningPolicy {
    fn id(&self) -> &PolicyId {
        &self.metadata.id
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn most(&self) -> Stage {
        if self.level == Level::Advisory { Stage::Warn } else { Stage::Enforce }
    }

    fn judge(&self, subject: &Subject, _: NodeIndex, _: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        let document = &subject.document;
        let ruling = match self.applies(document) {
            Applies::No => return,
            Applies::Yes => self.ruling(document),
            Applies::Perhaps(what) => Ruling::Unknown(format!("whether it is attached is not known: {what}")),
        };
        verdicts.push(self.verdict(ruling, document));
    }
}

/// Requests with a token of root are judged by neither kind.
fn is_root(document: &Value) -> bool {
    let policies = document.at(&["token", "policies"]).and_then(Value::as_array);
    policies.is_some_and(|policies| policies.iter().any(|name| name.as_str() == Some(ROOT)))
}

fn is_unauthenticated(document: &Value) -> bool {
    document.at(&["request", "unauthenticated"]).and_then(Value::as_bool) == Some(true)
}

fn with_operation(document: &Value, operation: &str) -> Value {
    let replaced = |value: &Value, name: &str, new: Value| {
        let entries = value.as_object().into_iter().flat_map(probity_model::value::Object::iter);
        let others = entries.filter(|(key, _)| key.as_str() != name).map(|(key, value)| (key.clone(), value.clone()));
        Value::Object(others.chain([(probity_model::Key::new(name), new)]).collect())
    };
    let Some(request) = document.get("request") else { return document.clone() };
    replaced(document, "request", replaced(request, "operation", operation.into()))
}

/// The time of the request, so that it is judged by the same one whenever it is judged.
struct Clock(Option<i64>);

impl Clock {
    fn of(document: &Value) -> Self {
        let time = document.get("time").and_then(Value::as_str).and_then(|time| time.parse::<jiff::Timestamp>().ok());
        Self(time.and_then(|time| i64::try_from(time.as_nanosecond()).ok()))
    }
}

impl Host for Clock {
    fn now_ns(&self) -> Result<i64, String> {
        self.0.ok_or_else(|| "the request does not say when it came".to_owned())
    }
}

/// The types of every governing policy.
pub(crate) fn types() -> [TypeSelector; 1] {
    [TypeSelector::Exact(TYPE.into())]
}
