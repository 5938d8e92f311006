//! Use: what of rights was used, taken from an audit log in bounded memory.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use jiff::Timestamp;
use probity_model::SmolStr;

use crate::event::{Event, User, Verdict, Written};
use crate::rule::Request;
use crate::subject::{Identity, Subject};

/// Most different requests (who, verb, resource, namespace) that are kept.
pub(crate) const MAX_RECORDS: usize = 1_000_000;

/// Most names of objects that are kept of one request; beyond, any name may have been used.
pub(crate) const MAX_NAMES: usize = 256;

/// Most different texts that are kept.
pub(crate) const MAX_WORDS: usize = 2_000_000;

/// Most identities (a user with its groups) that are kept.
pub(crate) const MAX_IDENTITIES: usize = 200_000;

/// Most writes to roles and bindings that are kept of one identity.
pub(crate) const MAX_WRITTEN: usize = 10_000;

/// Numbers for texts.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) texts: Vec<SmolStr>,
    table: HashTable<u32>,
}

impl Words {
    pub(crate) fn number(&mut self, text: &str) -> Option<u32> {
        let hasher = FixedState::default();
        let hash = hasher.hash_one(text);
        if let Some(found) = self.table.find(hash, |number| self.texts[*number as usize] == text) {
            return Some(*found);
        }
        if self.texts.len() >= MAX_WORDS {
            return None;
        }
        let number = u32::try_from(self.texts.len()).ok()?;
        self.texts.push(text.into());
        let texts = &self.texts;
        self.table.insert_unique(hash, number, |number| hasher.hash_one(texts[*number as usize].as_str()));
        Some(number)
    }

    fn text(&self, number: u32) -> &SmolStr {
        &self.texts[number as usize]
    }
}

/// What tells requests apart. Of paths `resource` is the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Key {
    pub(crate) identity: u32,
    pub(crate) is_path: bool,
    pub(crate) verb: u32,
    pub(crate) group: u32,
    pub(crate) resource: u32,
    pub(crate) subresource: u32,
    pub(crate) namespace: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Requests that are over. One that goes on counts when it ends.
    pub(crate) complete: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) names: BTreeSet<u32>,
    /// Whether there were requests without a name.
    pub(crate) is_nameless: bool,
    /// Whether there were more names than are kept.
    pub(crate) has_more: bool,
}

/// What was used, by whom and when.
#[derive(Debug, Default)]
pub struct Use {
    since: Option<Timestamp>,
    pub(crate) words: Words,
    pub(crate) identities: Vec<Identity>,
    by_identity: HashMap<String, u32, FixedState>,
    pub(crate) records: HashMap<Key, Record, FixedState>,
    pub(crate) written: BTreeMap<u32, BTreeSet<Written>>,
    pub(crate) window: Window,
    scratch: String,
}

/// What is known of the time that was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Window {
    /// The first request.
    pub first: Option<Timestamp>,
    /// The last request.
    pub last: Option<Timestamp>,
    /// Events that say what came of a request.
    pub events: u64,
    /// Requests that the authorizer denied, which are no use.
    pub denied: u64,
    /// Requests that another authorizer than RBAC allowed, such as that of nodes.
    pub by_other: u64,
    /// Requests that read (`get`, `list`, `watch`). Where there are none, the audit policy likely leaves them out.
    pub reads: u64,
    /// Lines that are no events.
    pub broken: u64,
    /// Events that are known to be lost.
    pub dropped: u64,
    /// Requests that were not kept, as there are too many different ones.
    pub left_out: u64,
}

impl Window {
    /// Whole days from the first request to the last.
    pub fn days(&self) -> i64 {
        let seconds = self.first.zip(self.last).map_or(0, |(first, last)| last.as_second() - first.as_second());
        seconds / 86_400
    }

    /// What is not known of the use, in words: a shorter window than so many days, what is missing in it.
    pub fn doubts(&self, days: u32) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.events == 0 {
            doubts.push("the log has no event that says what came of a request: nothing is known of use".to_owned());
            return doubts;
        }
        if self.days() < i64::from(days) {
            doubts.push(format!(
                "the log is of {} days, fewer than {days}: what is done rarely is not in it",
                self.days()
            ));
        }
        if self.reads == 0 {
            doubts
                .push("no request of the log reads: the audit policy likely leaves out get, list and watch".to_owned());
        }
        let counted = [
            (self.broken, "lines could not be read: what they say was used is not known"),
            (self.dropped, "events are lost: what they say was used is not known"),
            (self.left_out, "requests were not kept, as there are too many different ones"),
        ];
        doubts.extend(counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        doubts
    }
}

/// A line that is no event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It is no JSON, or a field has another type.
    #[error("no event: {0}")]
    Json(#[from] serde_json::Error),
    /// A field is missing.
    #[error("no event: {0}")]
    Field(&'static str),
}

/// What of rights one identity used in one way.
#[derive(Debug, Clone)]
pub struct Used<'u> {
    /// Who.
    pub identity: &'u Identity,
    /// What; without a name.
    pub request: Request<'u>,
    /// The names of the objects, as far as they are kept.
    pub names: Vec<&'u SmolStr>,
    /// Whether there were requests that name no object.
    pub is_nameless: bool,
    /// Whether there were more names than are kept.
    pub has_more: bool,
    /// How often. What still goes on counts once.
    pub count: u64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

impl Use {
    /// Use of all time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Use since a time; events before it are passed over.
    pub fn since(time: Timestamp) -> Self {
        Self { since: Some(time), ..Self::default() }
    }

    /// Takes a line of an audit log: an event, or an `EventList` as the webhook of the API server sends it.
    ///
    /// # Errors
    /// When it is neither. It is counted, and what came before stays.
    pub fn add(&mut self, line: &[u8]) -> Result<(), EventError> {
        let result = self.add_line(line);
        self.window.broken += u64::from(result.is_err());
        result
    }

    /// Counts events that are known to be lost.
    pub fn dropped(&mut self, count: u64) {
        self.window.dropped += count;
    }

    /// Counts lines that could not be read at all.
    pub fn broken(&mut self, count: u64) {
        self.window.broken += count;
    }

    /// What is known of the time that was looked at.
    pub fn window(&self) -> Window {
        self.window
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

    fn add_event(&mut self, event: &Event<'_>) {
        let (Some(is_complete), Some(time)) = (event.is_complete(), event.time()) else { return };
        if self.since.is_some_and(|since| time < since) {
            return;
        }
        self.window.first = Some(self.window.first.map_or(time, |first| first.min(time)));
        self.window.last = Some(self.window.last.map_or(time, |last| last.max(time)));
        if is_complete {
            self.window.events += 1;
            match event.verdict() {
                Verdict::Denied => self.window.denied += 1,
                Verdict::AllowedByOther => self.window.by_other += 1,
                Verdict::Allowed => {}
            }
        }
        event.asked(&mut |user, request| self.count(user, &request, time, is_complete));
        if event.verdict() == Verdict::Allowed
            && let Some(written) = event.written()
            && let Some(identity) = event.acting().and_then(|user| self.identity(user))
        {
            let all = self.written.entry(identity).or_default();
            if all.len() < MAX_WRITTEN {
                all.insert(written);
            } else {
                self.window.left_out += 1;
            }
        }
    }

    fn count(&mut self, user: &User<'_>, request: &Request<'_>, time: Timestamp, is_complete: bool) {
        if let Request::Resource { verb: "get" | "list" | "watch", .. } = request {
            self.window.reads += u64::from(is_complete);
        }
        let Some(key) = self.key(user, request) else {
            self.window.left_out += 1;
            return;
        };
        let is_full = self.records.len() >= MAX_RECORDS && !self.records.contains_key(&key);
        if is_full {
            self.window.left_out += 1;
            return;
        }
        let record = self.records.entry(key).or_insert_with(|| Record::new(time));
        record.complete += u64::from(is_complete);
        record.first = record.first.min(time);
        record.last = record.last.max(time);
        match *request {
            Request::Resource { name, .. } if !name.is_empty() => record.add_name(&mut self.words, name),
            _ => record.is_nameless = true,
        }
    }

    fn key(&mut self, user: &User<'_>, request: &Request<'_>) -> Option<Key> {
        let identity = self.identity(user)?;
        let (is_path, parts) = match *request {
            Request::Resource { verb, group, resource, subresource, namespace, .. } => {
                (false, [verb, group, resource, subresource, namespace])
            }
            Request::Path { verb, path } => (true, [verb, "", path, "", ""]),
        };
        let mut word = |text| self.words.number(text);
        let [verb, group, resource, subresource, namespace] = parts;
        Some(Key {
            identity,
            is_path,
            verb: word(verb)?,
            group: word(group)?,
            resource: word(resource)?,
            subresource: word(subresource)?,
            namespace: word(namespace)?,
        })
    }

    fn identity(&mut self, user: &User<'_>) -> Option<u32> {
        self.scratch.clear();
        self.scratch.push_str(&user.username);
        for group in &user.groups {
            self.scratch.push('\0');
            self.scratch.push_str(group);
        }
        if let Some(known) = self.by_identity.get(self.scratch.as_str()) {
            return Some(*known);
        }
        if self.identities.len() >= MAX_IDENTITIES {
            return None;
        }
        let groups = user.groups.iter().map(|group| SmolStr::from(&**group)).collect();
        Some(self.new_identity(Identity { user: (&*user.username).into(), groups }))
    }

    /// Keeps an identity whose text stands in the scratch.
    fn new_identity(&mut self, identity: Identity) -> u32 {
        let number = u32::try_from(self.identities.len()).unwrap_or(u32::MAX);
        self.by_identity.insert(self.scratch.clone(), number);
        self.identities.push(identity);
        number
    }

    /// Everything that was used, in no order.
    pub fn used(&self) -> impl Iterator<Item = Used<'_>> {
        self.records.iter().map(|(key, record)| self.show(key, record))
    }

    fn show<'u>(&'u self, key: &Key, record: &'u Record) -> Used<'u> {
        let text = |number| self.words.text(number).as_str();
        let request = if key.is_path {
            Request::Path { verb: text(key.verb), path: text(key.resource) }
        } else {
            Request::Resource {
                verb: text(key.verb),
                group: text(key.group),
                resource: text(key.resource),
                subresource: text(key.subresource),
                namespace: text(key.namespace),
                name: "",
            }
        };
        Used {
            identity: &self.identities[key.identity as usize],
            request,
            names: record.names.iter().map(|name| self.words.text(*name)).collect(),
            is_nameless: record.is_nameless,
            has_more: record.has_more,
            count: record.complete.max(1),
            first: record.first,
            last: record.last,
        }
    }

    /// Arranged by who asked.
    pub fn by_subject(&self) -> UseBySubject<'_> {
        let mut identities: std::collections::HashMap<Subject, Vec<u32>> = std::collections::HashMap::new();
        for (number, identity) in (0..).zip(&self.identities) {
            for subject in identity.subjects() {
                identities.entry(subject).or_default().push(number);
            }
        }
        let mut records: Vec<Vec<Key>> = vec![Vec::new(); self.identities.len()];
        for key in self.records.keys() {
            records[key.identity as usize].push(*key);
        }
        for keys in &mut records {
            keys.sort_unstable();
        }
        UseBySubject { usage: self, identities, records }
    }

    /// Takes what another has seen, as when a log is read by several threads.
    pub fn merge(&mut self, other: &Self) {
        let (mine, theirs) = (&mut self.window, &other.window);
        let both = |a: Option<Timestamp>, b: Option<Timestamp>, pick: fn(Timestamp, Timestamp) -> Timestamp| {
            a.zip(b).map(|(a, b)| pick(a, b)).or(a).or(b)
        };
        mine.first = both(mine.first, theirs.first, Timestamp::min);
        mine.last = both(mine.last, theirs.last, Timestamp::max);
        mine.events += theirs.events;
        mine.denied += theirs.denied;
        mine.by_other += theirs.by_other;
        mine.reads += theirs.reads;
        mine.broken += theirs.broken;
        mine.dropped += theirs.dropped;
        mine.left_out += theirs.left_out;
        let identities: Vec<Option<u32>> =
            other.identities.iter().map(|identity| self.take_identity(identity)).collect();
        for (key, record) in &other.records {
            if self.take_record(other, key, record, &identities).is_none() {
                self.window.left_out += record.complete.max(1);
            }
        }
        for (identity, written) in &other.written {
            if let Some(identity) = identities[*identity as usize] {
                let all = self.written.entry(identity).or_default();
                all.extend(written.iter().take(MAX_WRITTEN.saturating_sub(all.len())).cloned());
            }
        }
    }

    /// What of it was used at a time or later. What was written to roles has no time, and stays; counts of the window are
    /// those of all of it.
    #[must_use]
    pub fn used_since(&self, time: Timestamp) -> Self {
        let mut left = Self { window: self.window, ..Self::default() };
        left.window.first = self.window.first.map(|first| first.max(time));
        left.window.last = self.window.last.map(|last| last.max(time));
        let recent = |record: &Record| record.last >= time;
        let asking: BTreeSet<u32> =
            self.records.iter().filter(|(_, record)| recent(record)).map(|(key, _)| key.identity).collect();
        let is_left = |number: u32| asking.contains(&number) || self.written.contains_key(&number);
        let identities: Vec<Option<u32>> = (0..)
            .zip(&self.identities)
            .map(|(number, identity)| is_left(number).then(|| left.take_identity(identity))?)
            .collect();
        for (key, record) in self.records.iter().filter(|(_, record)| recent(record)) {
            // There is room for a part of what there was room for.
            let _ = left.take_record(self, key, record, &identities);
        }
        for (identity, written) in &self.written {
            if let Some(identity) = identities[*identity as usize] {
                left.written.insert(identity, written.clone());
            }
        }
        left
    }

    /// Adds an identity; none when it is there.
    pub(crate) fn add_identity(&mut self, identity: &Identity) -> Option<u32> {
        let before = self.identities.len();
        let number = self.take_identity(identity)?;
        (number as usize == before).then_some(number)
    }

    fn take_identity(&mut self, identity: &Identity) -> Option<u32> {
        self.scratch.clear();
        self.scratch.push_str(&identity.user);
        for group in &identity.groups {
            self.scratch.push('\0');
            self.scratch.push_str(group);
        }
        if let Some(known) = self.by_identity.get(self.scratch.as_str()) {
            return Some(*known);
        }
        (self.identities.len() < MAX_IDENTITIES).then(|| self.new_identity(identity.clone()))
    }

    fn take_record(&mut self, other: &Self, key: &Key, record: &Record, identities: &[Option<u32>]) -> Option<()> {
        let mut word = |number| self.words.number(other.words.text(number));
        let key = Key {
            identity: identities[key.identity as usize]?,
            is_path: key.is_path,
            verb: word(key.verb)?,
            group: word(key.group)?,
            resource: word(key.resource)?,
            subresource: word(key.subresource)?,
            namespace: word(key.namespace)?,
        };
        if self.records.len() >= MAX_RECORDS && !self.records.contains_key(&key) {
            return None;
        }
        let mine = self.records.entry(key).or_insert_with(|| Record::new(record.first));
        mine.complete += record.complete;
        mine.first = mine.first.min(record.first);
        mine.last = mine.last.max(record.last);
        mine.is_nameless |= record.is_nameless;
        mine.has_more |= record.has_more;
        for name in &record.names {
            mine.add_name(&mut self.words, other.words.text(*name));
        }
        Some(())
    }
}

impl Record {
    fn new(time: Timestamp) -> Self {
        Self { complete: 0, first: time, last: time, names: BTreeSet::new(), is_nameless: false, has_more: false }
    }

    fn add_name(&mut self, words: &mut Words, name: &str) {
        if self.has_more && self.names.len() >= MAX_NAMES {
            return;
        }
        // Names that will not be kept are not given numbers either.
        if self.names.len() >= MAX_NAMES {
            self.has_more = !words.known(name).is_some_and(|number| self.names.contains(&number));
            return;
        }
        match words.number(name) {
            Some(number) => {
                self.names.insert(number);
            }
            None => self.has_more = true,
        }
    }
}

impl Words {
    fn known(&self, text: &str) -> Option<u32> {
        self.table.find(FixedState::default().hash_one(text), |number| self.texts[*number as usize] == text).copied()
    }
}

/// Use, arranged by who asked.
#[derive(Debug)]
pub struct UseBySubject<'u> {
    usage: &'u Use,
    identities: std::collections::HashMap<Subject, Vec<u32>>,
    records: Vec<Vec<Key>>,
}

impl<'u> UseBySubject<'u> {
    /// What a subject used; of a group, what everybody in it used.
    pub fn of(&self, subject: &Subject) -> Vec<Used<'u>> {
        let numbers = self.identities.get(subject).into_iter().flatten();
        let keys = numbers.flat_map(|number| &self.records[*number as usize]);
        keys.filter_map(|key| Some(self.usage.show(key, self.usage.records.get(key)?))).collect()
    }

    /// The roles and bindings that a subject wrote.
    pub(crate) fn written(&self, subject: &Subject) -> Vec<(&'u Identity, &'u Written)> {
        let numbers = self.identities.get(subject).into_iter().flatten();
        numbers
            .filter_map(|number| Some((&self.usage.identities[*number as usize], self.usage.written.get(number)?)))
            .flat_map(|(identity, written)| written.iter().map(move |written| (identity, written)))
            .collect()
    }

    /// What is known of the time that was looked at.
    pub fn window(&self) -> Window {
        self.usage.window
    }
}
