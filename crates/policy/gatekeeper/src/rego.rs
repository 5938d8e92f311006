//! The Rego of a template: read, checked as Gatekeeper does, compiled, evaluated.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use probity_model::{Sources, Value};
use probity_policy_rego::ast::{Module, Term, TermKind, ref_text};
use probity_policy_rego::{CompileOptions, Documents, Entry, Evaluation, Host, Policies, Version, parse_module};

use crate::message;
use crate::walk;

/// The package that the code of a template is put into, whatever it calls itself.
const PACKAGE: &str = "template";

/// What stands in for the function: two results for the same operand are an error wherever it is called.
const EXTERNAL_DATA: &str = "package external\nexternal_data(_) = json.unmarshal(\"1\") { true }\nexternal_data(_) = json.unmarshal(\"2\") { true }\n";

/// The name under which [`EXTERNAL_DATA`] stands among the sources.
const EXTERNAL_PATH: &str = "external data is off: a call of `external_data`";

/// Compiled code of a template.
#[derive(Debug, Clone)]
pub(crate) struct Rego {
    entry: Entry,
    /// Whether it looks at objects beside the one that is judged.
    pub(crate) uses_inventory: bool,
    /// Whether it looks at the namespace of the one that is judged.
    pub(crate) uses_namespace: bool,
}

/// One thing that is wrong with the object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) details: Value,
    pub(crate) message: String,
}

/// Why code gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It failed; for Gatekeeper that is a violation with this message.
    Evaluation(String),
    /// It asked for what it may not have, or its answer is none.
    Unusable(String),
}

impl Rego {
    /// Compiles the code of a template and its libraries. `name` is what errors call it.
    pub(crate) fn compile(name: &str, text: &str, libs: &[&str], version: Version) -> Result<Self, String> {
        let sources = Arc::new(Sources::default());
        let mut main = parse(name, text, version, &sources)?;
        let has_entry = |module: &Module| {
            module.rules.iter().any(|rule| rule.head.reference.len() == 1 && rule.head.name() == "violation")
        };
        if !has_entry(&main) {
            return Err("the code has no rule `violation`".to_owned());
        }
        if !message::may_have_message(&main) {
            return Err("no violation has a `msg`, so that nothing would ever be reported".to_owned());
        }
        main.package.truncate(1);
        let span = main.package_span;
        main.package.push(Term::string(span, PACKAGE));
        let mut modules = vec![main];
        for (index, lib) in libs.iter().enumerate() {
            let module = parse(&format!("{name} libs[{index}]"), lib, version, &sources)?;
            if !is_below(&module.package, "lib") || module.package.len() < 3 {
                let package = ref_text(&module.package[1..]);
                return Err(format!("the package of libs[{index}] is `{package}`; libraries are below `lib`"));
            }
            modules.push(module);
        }
        modules.iter().try_for_each(check)?;
        let uses_inventory = modules.iter().any(uses_inventory);
        for module in &mut modules {
            refuse_external_data(module, &sources)?;
        }
        let mentions = |word: &str| text.contains(word) || libs.iter().any(|lib| lib.contains(word));
        let policies = Policies::compile(modules, CompileOptions::default(), sources).map_err(|e| e.to_string())?;
        let entry = policies.entry(&format!("data.{PACKAGE}.violation")).ok_or("`violation` is a function")?;
        Ok(Self { entry, uses_inventory, uses_namespace: mentions("namespaceObject") || mentions("_unstable") })
    }

    /// Everything that is wrong with a review.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(crate) fn violations(
        &self,
        review: Value,
        parameters: Value,
        inventory: Option<Value>,
        now_ns: i64,
    ) -> Result<BTreeSet<Violation>, Failure> {
        let input = Value::object([("parameters", parameters), ("review", review)]);
        let data = inventory.map(|inventory| Value::object([("inventory", inventory)]));
        let host = Outside { now_ns, refused: Mutex::default(), any: AtomicBool::new(false) };
        let evaluation = Evaluation { host: &host, ..Evaluation::default() };
        let found = self.entry.evaluate(&Documents { input: Some(input), data }, &evaluation).map_err(|error| {
            let message = error.to_string();
            if message.contains(EXTERNAL_PATH) {
                Failure::Unusable(EXTERNAL_PATH.to_owned())
            } else {
                Failure::Evaluation(message)
            }
        })?;
        if let Some(refused) = host.refused() {
            return Err(Failure::Unusable(refused));
        }
        responses(found.as_ref()).map_err(Failure::Unusable)
    }
}

fn parse(name: &str, text: &str, version: Version, sources: &Sources) -> Result<Module, String> {
    parse_module(Path::new(name), text, version, sources).map_err(|errors| errors.to_string())
}

/// The members of `violation` that have a message.
fn responses(found: Option<&Value>) -> Result<BTreeSet<Violation>, String> {
    let mut violations = BTreeSet::new();
    let mut add = |member: &Value| match member.get("msg") {
        None => Ok(()),
        Some(Value::String(text)) => {
            let details = member.get("details").cloned().unwrap_or_else(|| Value::object::<&str>([]));
            violations.insert(Violation { details, message: text.to_string() });
            Ok(())
        }
        Some(other) => Err(format!("`msg` of a violation must be a string, not a {}", other.kind())),
    };
    match found {
        Some(Value::Set(members)) => members.iter().try_for_each(&mut add)?,
        // The keys of an object are what `violation[r]` goes through.
        Some(Value::Object(members)) => {
            members.iter().filter_map(|(key, _)| key.as_other()).try_for_each(&mut add)?;
        }
        _ => {}
    }
    Ok(violations)
}

/// Whether a reference is `data.root` or below it.
fn is_below(parts: &[Term], root: &str) -> bool {
    parts[0].as_var().is_some_and(|name| name == "data") && parts.get(1).and_then(Term::as_str) == Some(root)
}

/// Checks that a module looks at nothing but its libraries and the inventory (frameworks, `pkg/regorewriter`).
fn check(module: &Module) -> Result<(), String> {
    for import in &module.imports {
        if import.root() != "future" && !is_below(&import.path, "lib") {
            let path = ref_text(&import.path);
            return Err(format!("`import {path}` is not allowed in a template; only `data.lib` and `future` are"));
        }
    }
    let mut wrong = None;
    walk::module(module, &mut |term| {
        let TermKind::Ref(parts) = &term.kind else { return true };
        let is_data = parts[0].as_var().is_some_and(|name| name == "data");
        if is_data && !is_below(parts, "lib") && !is_below(parts, "inventory") {
            wrong.get_or_insert_with(|| ref_text(parts));
        }
        false
    });
    match wrong {
        Some(path) => Err(format!("`{path}` is not allowed in a template; only `data.lib` and `data.inventory` are")),
        None => Ok(()),
    }
}

fn uses_inventory(module: &Module) -> bool {
    let mut found = false;
    walk::module(module, &mut |term| {
        found |= term.as_ref().is_some_and(|parts| is_below(parts, "inventory"));
        true
    });
    found
}

/// Gives a module that calls `external_data` a function of that name that always fails.
fn refuse_external_data(module: &mut Module, sources: &Sources) -> Result<(), String> {
    let mut found = false;
    walk::module(module, &mut |term| {
        found |= term.is_operator("external_data");
        true
    });
    if found {
        let refusing = parse(EXTERNAL_PATH, EXTERNAL_DATA, Version::V0, sources)?;
        module.rules.extend(refusing.rules);
    }
    Ok(())
}

/// What code may have from outside: the time. That something else was asked for is remembered, since Rego takes it for
/// undefined.
struct Outside {
    now_ns: i64,
    refused: Mutex<Option<String>>,
    any: AtomicBool,
}

impl Outside {
    fn refuse<T>(&self, function: &str) -> Result<T, String> {
        let message = format!("the policy calls `{function}`, which is not allowed here");
        self.any.store(true, Ordering::Relaxed);
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| message.clone());
        Err(message)
    }

    fn refused(&self) -> Option<String> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Host for Outside {
    fn now_ns(&self) -> Result<i64, String> {
        Ok(self.now_ns)
    }

    fn random(&self, _: &mut [u8]) -> Result<(), String> {
        self.refuse("rand.intn")
    }

    fn lookup(&self, _: &str) -> Result<Vec<IpAddr>, String> {
        self.refuse("net.lookup_ip_addr")
    }

    fn http_send(&self, _: &Value) -> Result<Value, String> {
        self.refuse("http.send")
    }

    fn runtime(&self) -> Result<Value, String> {
        self.refuse("opa.runtime")
    }
}
