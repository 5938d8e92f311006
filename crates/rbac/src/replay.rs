//! Replay: a log asked again of other roles.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Serialize;

use crate::event::{Event, User, Verdict};
use crate::giving::{Giving, giving};
use crate::needs::combined;
use crate::rights::Rights;
use crate::rule::Request;
use crate::subject::{Identity, Subject};
use crate::usage::EventError;

/// Most different denials that are kept.
const MAX_DENIALS: usize = 10_000;

/// Most answers that are remembered.
const MAX_REMEMBERED: usize = 500_000;

/// Asks each request of a log that was allowed of these rights.
pub struct Replay<'r> {
    rights: &'r Rights,
    answers: HashMap<String, bool>,
    denials: BTreeMap<Denied, u64>,
    counts: Counts,
    scratch: String,
}

/// What came of the requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests that were asked again: those of the log that RBAC allowed, and what impersonation asked for.
    pub asked: u64,
    /// Those of them that would be denied.
    pub denied: u64,
    /// Requests of the log that were denied then.
    pub denied_then: u64,
    /// Requests that another authorizer than RBAC allowed, which are not asked again.
    pub by_other: u64,
    /// Writes of bindings and roles of which it is not known what they gave.
    pub unknown: u64,
    /// Lines that are no events.
    pub broken: u64,
}

/// A request that would be denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Denied {
    /// Who asks.
    pub subject: Subject,
    /// The verb.
    pub verb: String,
    /// The resource with its group and subresource as in `deployments.apps/scale`, or the path.
    pub resource: String,
    /// The namespace, where there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The name, where there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} may not {} {}", self.subject, self.verb, self.resource)?;
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        if !self.namespace.is_empty() {
            write!(f, " in namespace {}", self.namespace)?;
        }
        Ok(())
    }
}

impl<'r> Replay<'r> {
    /// Asks these rights.
    pub fn new(rights: &'r Rights) -> Self {
        Self {
            rights,
            answers: HashMap::new(),
            denials: BTreeMap::new(),
            counts: Counts::default(),
            scratch: String::new(),
        }
    }

    /// Asks what the events of a line asked.
    ///
    /// # Errors
    /// When the line is no event. It is counted.
    pub fn add(&mut self, line: &[u8]) -> Result<(), EventError> {
        let result = self.add_line(line);
        self.counts.broken += u64::from(result.is_err());
        result
    }

    /// Counts lines that could not be read at all.
    pub fn broken(&mut self, count: u64) {
        self.counts.broken += count;
    }

    /// Takes what another came to, as when a log is read by several threads.
    pub fn merge(&mut self, other: Self) {
        let (mine, theirs) = (&mut self.counts, other.counts);
        mine.asked += theirs.asked;
        mine.denied += theirs.denied;
        mine.denied_then += theirs.denied_then;
        mine.by_other += theirs.by_other;
        mine.unknown += theirs.unknown;
        mine.broken += theirs.broken;
        for (denied, count) in other.denials {
            if self.denials.len() < MAX_DENIALS || self.denials.contains_key(&denied) {
                *self.denials.entry(denied).or_default() += count;
            }
        }
    }

    /// What came of it so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What would be denied, and how often. At most 10,000 different ones are kept.
    pub fn denials(&self) -> impl Iterator<Item = (&Denied, u64)> {
        self.denials.iter().map(|(denied, count)| (denied, *count))
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), EventError> {
        let mut fault = None;
        for event in Event::read(line)? {
            match event.fault() {
                Some(found) => fault = Some(found),
                None => self.add_event(&event),
            }
        }
        fault.map_or(Ok(()), |fault| Err(EventError::Field(fault)))
    }

    /// A request that goes on is asked when it begins and when it ends, as the log may hold only one of both.
    fn add_event(&mut self, event: &Event<'_>) {
        if event.is_complete().is_none() {
            return;
        }
        match event.verdict() {
            Verdict::Denied => self.counts.denied_then += 1,
            Verdict::AllowedByOther => self.counts.by_other += 1,
            Verdict::Allowed => {}
        }
        event.asked(&mut |user, request| self.ask(user, &request));
        if event.verdict() == Verdict::Allowed
            && let Some(written) = event.written()
            && let Some(user) = event.acting()
        {
            let identity = identity(user);
            match giving(self.rights, &identity, &written) {
                Giving::ByVerb(_) | Giving::ByHaving(_) => {}
                Giving::Unknown => self.counts.unknown += 1,
                Giving::Denied(_) => self.deny(Denied {
                    subject: Subject::of_user(&identity.user),
                    verb: if written.resource.ends_with("bindings") { "bind".into() } else { "escalate".into() },
                    resource: format!("what {} gives", written.resource),
                    namespace: written.namespace,
                    name: written.name,
                }),
            }
        }
    }

    fn ask(&mut self, user: &User<'_>, request: &Request<'_>) {
        self.counts.asked += 1;
        if !self.is_allowed(user, request) {
            self.deny(denied(user, request));
        }
    }

    fn deny(&mut self, denied: Denied) {
        self.counts.denied += 1;
        if self.denials.len() < MAX_DENIALS || self.denials.contains_key(&denied) {
            *self.denials.entry(denied).or_default() += 1;
        }
    }

    fn is_allowed(&mut self, user: &User<'_>, request: &Request<'_>) -> bool {
        self.scratch.clear();
        self.scratch.push_str(&user.username);
        for group in &user.groups {
            self.scratch.push('\u{1}');
            self.scratch.push_str(group);
        }
        let parts = match *request {
            Request::Resource { verb, group, resource, subresource, namespace, name } => {
                [verb, group, resource, subresource, namespace, name]
            }
            Request::Path { verb, path } => [verb, "/", path, "", "", ""],
        };
        for part in parts {
            self.scratch.push('\0');
            self.scratch.push_str(part);
        }
        if let Some(known) = self.answers.get(&self.scratch) {
            return *known;
        }
        let is_allowed = self.rights.allows(&identity(user), request);
        if self.answers.len() >= MAX_REMEMBERED {
            self.answers.clear();
        }
        self.answers.insert(self.scratch.clone(), is_allowed);
        is_allowed
    }
}

fn identity(user: &User<'_>) -> Identity {
    Identity { user: (&*user.username).into(), groups: user.groups.iter().map(|group| (&**group).into()).collect() }
}

fn denied(user: &User<'_>, request: &Request<'_>) -> Denied {
    let subject = Subject::of_user(&user.username);
    match *request {
        Request::Resource { verb, group, resource, subresource, namespace, name } => {
            let whole = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
            Denied {
                subject,
                verb: verb.to_owned(),
                resource: combined(&whole, subresource),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }
        }
        Request::Path { verb, path } => Denied {
            subject,
            verb: verb.to_owned(),
            resource: path.to_owned(),
            namespace: String::new(),
            name: String::new(),
        },
    }
}
