//! Everything that is in force at a time: compiled once, read by all requests, never changed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use probity_model::Sources;
use probity_model::value::Value;
use probity_policy_rego::ast::{Module, Rule, Term};
use probity_policy_rego::{Code, CompileOptions, Documents, Error, Errors, Evaluation, Policies, Query, parse_module};

use crate::explain::Observed;
use crate::gate::{Active, ModuleText};
use crate::path::DataPath;
use crate::timers::{self, Timers};

/// So many prepared queries are kept.
const MAX_PREPARED: usize = 1_000;

/// Everything that decisions are made by.
pub(crate) struct Snapshot {
    pub(crate) policies: Policies,
    pub(crate) data: Value,
    pub(crate) modules: BTreeMap<String, ModuleText>,
    pub(crate) bundles: BTreeMap<String, Active>,
    /// What `data.system.log.mask` and `data.system.log.drop` are, when there are such rules.
    pub(crate) mask: Option<Prepared>,
    pub(crate) drop: Option<Prepared>,
    pub(crate) observed: Observed,
    prepared: RwLock<HashMap<String, Arc<Prepared>>>,
    /// Bytes of queries that were read so far: their texts are kept with the policies.
    read: AtomicUsize,
}

/// A query for one document, ready to be evaluated.
pub(crate) struct Prepared {
    query: Query,
    /// The query as it is written.
    pub(crate) text: String,
    /// The document's name, such as `data.app.allow`.
    pub(crate) name: String,
    /// The path with `/`.
    pub(crate) slashed: String,
    /// The last part of the path.
    pub(crate) last: String,
    /// Whether it is known to be quick, so that it is evaluated where the request is handled.
    pub(crate) quick: AtomicBool,
}

impl Prepared {
    fn again(&self) -> Self {
        Self {
            query: self.query.clone(),
            text: self.text.clone(),
            name: self.name.clone(),
            slashed: self.slashed.clone(),
            last: self.last.clone(),
            quick: AtomicBool::new(self.quick.load(Ordering::Relaxed)),
        }
    }

    /// The document; `None` when it is undefined.
    pub(crate) fn evaluate(&self, documents: &Documents, how: &Evaluation<'_>) -> Result<Option<Value>, Error> {
        let solutions = self.query.evaluate(documents, how)?;
        Ok(solutions.into_iter().next().and_then(|mut solution| solution.remove("expr0")))
    }
}

impl Snapshot {
    /// Reads and compiles modules.
    pub(crate) fn new(
        modules: BTreeMap<String, ModuleText>,
        data: Value,
        bundles: BTreeMap<String, Active>,
        timers: &mut Timers,
    ) -> Result<Self, Errors> {
        let sources = Arc::new(Sources::default());
        let start = Instant::now();
        let parsed = parse_all(&modules, &sources)?;
        timers.since(timers::MODULE_PARSE, start);
        let start = Instant::now();
        check_conflicts(&parsed, &data, &sources)?;
        let policies = Policies::compile(parsed, CompileOptions::default(), sources)?;
        timers.since(timers::MODULE_COMPILE, start);
        let known = |name: &str| policies.entries().any(|entry| entry == name);
        let (masks, drops) = (known("data.system.log.mask"), known("data.system.log.drop"));
        let mut snapshot = Self {
            policies,
            data,
            modules,
            bundles,
            mask: None,
            drop: None,
            observed: Observed::default(),
            prepared: RwLock::default(),
            read: AtomicUsize::new(0),
        };
        snapshot.mask = masks.then(|| snapshot.prepare("/system/log/mask").ok()).flatten();
        snapshot.drop = drops.then(|| snapshot.prepare("/system/log/drop").ok()).flatten();
        Ok(snapshot)
    }

    /// The same policies over other data.
    pub(crate) fn with_data(&self, data: Value) -> Result<Self, Errors> {
        // Texts are read again for the places in what is said; nothing is compiled.
        let sources = Sources::default();
        check_conflicts(&parse_all(&self.modules, &sources)?, &data, &sources)?;
        let of = |prepared: &Option<Prepared>| prepared.as_ref().map(Prepared::again);
        let prepared = self.prepared.read().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Self {
            policies: self.policies.clone(),
            data,
            modules: self.modules.clone(),
            bundles: self.bundles.clone(),
            mask: of(&self.mask),
            drop: of(&self.drop),
            observed: Observed::default(),
            prepared: RwLock::new(prepared),
            read: AtomicUsize::new(self.spent()),
        })
    }

    /// The query for the document at the escaped path of a request.
    pub(crate) fn prepared(&self, path: &str, timers: &mut Timers) -> Result<Arc<Prepared>, PrepareError> {
        if let Some(known) = self.prepared.read().unwrap_or_else(PoisonError::into_inner).get(path) {
            timers.set(timers::CACHE_HIT, 1);
            return Ok(Arc::clone(known));
        }
        timers.set(timers::CACHE_HIT, 0);
        let start = Instant::now();
        let prepared = Arc::new(self.prepare(path)?);
        timers.since(timers::QUERY_COMPILE, start);
        let mut all = self.prepared.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_PREPARED {
            all.clear();
        }
        all.insert(path.to_owned(), Arc::clone(&prepared));
        Ok(prepared)
    }

    fn prepare(&self, path: &str) -> Result<Prepared, PrepareError> {
        let path = DataPath::parse(path).map_err(PrepareError::Path)?;
        let text = path.query();
        self.note_read(text.len());
        let query = self.policies.query_values(&text).map_err(PrepareError::Query)?;
        Ok(Prepared {
            query,
            text,
            name: path.name(),
            slashed: path.slashed(),
            last: path.parts().last().cloned().unwrap_or_default(),
            quick: AtomicBool::new(false),
        })
    }

    /// Prepares a query of any form.
    pub(crate) fn query(&self, text: &str) -> Result<Query, Errors> {
        self.note_read(text.len());
        self.policies.query_values(text)
    }

    fn note_read(&self, bytes: usize) {
        // What is kept beside a text is about as much as a long one.
        self.read.fetch_add(bytes + 256, Ordering::Relaxed);
    }

    /// Bytes that queries have taken that nobody will ask for again.
    pub(crate) fn spent(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }
}

/// Why a document cannot be asked for.
#[derive(Debug)]
pub(crate) enum PrepareError {
    Path(String),
    Query(Errors),
}

fn parse_all(modules: &BTreeMap<String, ModuleText>, sources: &Sources) -> Result<Vec<Module>, Errors> {
    let mut parsed = Vec::with_capacity(modules.len());
    let mut errors = Vec::new();
    for (id, module) in modules {
        match parse_module(Path::new(id), &module.text, module.version, sources) {
            Ok(module) => parsed.push(module),
            Err(found) => errors.extend(found.0),
        }
    }
    if errors.is_empty() { Ok(parsed) } else { Err(Errors(errors)) }
}

/// No rule has the place of a document.
fn check_conflicts(modules: &[Module], data: &Value, sources: &Sources) -> Result<(), Errors> {
    let mut errors = Vec::new();
    for module in modules {
        let package: Option<Vec<&str>> = module.package.iter().skip(1).map(Term::as_str).collect();
        let Some(package) = package else { continue };
        for rule in &module.rules {
            let path: Vec<&str> = package.iter().copied().chain(static_path(rule)).collect();
            if is_taken(data, &path) {
                let message = format!("conflicting rule for data path {} found", path.join("/"));
                let location = sources.locate(rule.span);
                errors.push(Error {
                    code: Code::Compile,
                    message,
                    span: Some(rule.span),
                    location,
                    details: Vec::new(),
                });
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Errors(errors)) }
}

/// The parts of a rule's name that are known before it is evaluated.
fn static_path(rule: &Rule) -> impl Iterator<Item = &str> {
    let rest = rule.head.reference.iter().skip(1).map_while(Term::as_str);
    std::iter::once(rule.head.name()).chain(rest)
}

/// Whether there is a document at a path, or something on the way that has nothing below it.
fn is_taken(data: &Value, path: &[&str]) -> bool {
    let mut value = data;
    for part in path {
        let Value::Object(object) = value else { return true };
        match object.get(part) {
            Some(below) => value = below,
            None => return false,
        }
    }
    !value.as_object().is_some_and(probity_model::value::Object::is_empty)
}
