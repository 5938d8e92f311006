//! What is in force, and how it changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use probity_model::value::Value;
use probity_policy_bundle::load::Loaded;
use probity_policy_bundle::{Bundle, Module};
use probity_policy_rego::{Errors, Host, Version};

use crate::event::DecisionLog;
use crate::snapshot::Snapshot;
use crate::store::{self, Change, StoreError};
use crate::timers::Timers;

/// So many bytes of queries may be kept before everything is compiled anew without them.
const SPENT: usize = 32 << 20;

/// How a gate answers.
pub struct Settings {
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of a body that came compressed.
    pub expanded_bytes: usize,
    /// Time for one evaluation.
    pub time: Duration,
    /// The document that `POST /` asks for, as a path.
    pub default_decision: String,
    /// The version of Rego of modules that are put.
    pub version: Version,
    /// What policies may have from outside.
    pub host: Arc<dyn Host + Send + Sync>,
    /// Whether asking [`Settings::host`] may take long, as it does over the network.
    pub host_waits: bool,
    /// Where decisions are kept; `None` for nowhere.
    pub log: Option<Arc<dyn DecisionLog>>,
}

impl Settings {
    /// The defaults: bodies of 16 MiB, 5 seconds, nothing is kept.
    pub fn new(host: Arc<dyn Host + Send + Sync>) -> Self {
        Self {
            body_bytes: 16 << 20,
            expanded_bytes: 64 << 20,
            time: Duration::from_secs(5),
            default_decision: "system/main".to_owned(),
            version: Version::V1,
            host,
            host_waits: false,
            log: None,
        }
    }
}

/// The text of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleText {
    /// The text.
    pub text: Arc<str>,
    /// The version of Rego that it is read as.
    pub version: Version,
    /// The bundle that it came with.
    pub bundle: Option<String>,
}

/// A bundle in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// Its revision.
    pub revision: String,
    /// The parts of `data` that are its own.
    pub roots: Vec<String>,
}

/// Why policies cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// They do not compile.
    #[error(transparent)]
    Rego(#[from] Errors),
    /// Another bundle owns the same part of `data`.
    #[error("the bundles `{0}` and `{1}` own the same part of data")]
    Overlap(String, String),
    /// The bundle's data has no place.
    #[error("{0}")]
    Data(String),
}

/// What may be changed.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) modules: BTreeMap<String, ModuleText>,
    pub(crate) data: Value,
    pub(crate) bundles: BTreeMap<String, Active>,
}

/// The policies and data in force.
pub struct Gate {
    pub(crate) settings: Settings,
    current: RwLock<Arc<Snapshot>>,
    /// Held while something changes, so that changes come one after the other.
    changes: Mutex<()>,
    /// Bundles that must be in force before the gate is ready, with what is wrong while they are not.
    awaited: Mutex<BTreeMap<String, String>>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("modules", &self.snapshot().modules.len()).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate that decides by what was loaded.
    ///
    /// # Errors
    /// When the modules do not compile.
    pub fn new(settings: Settings, loaded: Loaded) -> Result<Arc<Self>, BuildError> {
        let modules = loaded.modules.iter().map(|module| text_of(module, None)).collect();
        let data = if loaded.data.is_null() { store::empty() } else { loaded.data };
        let snapshot = Snapshot::new(modules, data, BTreeMap::new(), &mut Timers::default())?;
        Ok(Arc::new(Self {
            settings,
            current: RwLock::new(Arc::new(snapshot)),
            changes: Mutex::default(),
            awaited: Mutex::default(),
        }))
    }

    /// What is in force now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts something else in force. Requests that are being answered go on with what they began with.
    pub(crate) fn change<E: From<Errors>>(
        &self,
        timers: &mut Timers,
        change: impl FnOnce(&mut Content) -> Result<(), E>,
    ) -> Result<(), E> {
        let _one = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        let mut content =
            Content { modules: before.modules.clone(), data: before.data.clone(), bundles: before.bundles.clone() };
        change(&mut content)?;
        let snapshot = Snapshot::new(content.modules, content.data, content.bundles, timers)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        Ok(())
    }

    /// Puts other data in force. Policies stay compiled as they are when no rule has the place of what is new.
    pub(crate) fn change_data<E: From<Errors>>(
        &self,
        change: impl FnOnce(&Value, &Snapshot) -> Result<Value, E>,
    ) -> Result<(), E> {
        let _one = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        let data = change(&before.data, &before)?;
        let snapshot = before.with_data(data)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        Ok(())
    }

    /// Compiles everything anew when queries that came and went have taken much.
    pub(crate) fn tidy(&self) {
        if self.snapshot().spent() > SPENT {
            // It compiled before, so it does now.
            let _ = self.change::<BuildError>(&mut Timers::default(), |_| Ok(()));
        }
    }

    /// Has the gate be ready only once a bundle of this name is in force.
    pub fn await_bundle(&self, name: &str) {
        self.awaited_bundles().insert(name.to_owned(), "it was not loaded yet".to_owned());
    }

    /// Notes why a bundle that is awaited is not there.
    pub fn bundle_failed(&self, name: &str, why: &str) {
        if let Some(known) = self.awaited_bundles().get_mut(name) {
            why.clone_into(known);
        }
    }

    fn awaited_bundles(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bundles that the gate waits for.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.awaited_bundles().keys().cloned().collect()
    }

    /// Whether all bundles are in force, or else what is missing.
    pub fn ready(&self) -> Result<(), String> {
        match self.awaited_bundles().iter().next() {
            None => Ok(()),
            Some((name, why)) => Err(format!("the bundle {name} is not in force: {why}")),
        }
    }

    /// Puts a bundle in force, in place of the one of the same name. What was in force stays when it fails.
    ///
    /// # Errors
    /// When it does not compile with everything else, or owns what another one owns.
    pub fn activate(&self, bundle: &Bundle) -> Result<(), BuildError> {
        let name = bundle.name.as_str();
        self.change(&mut Timers::default(), |content| {
            let others = content.bundles.iter().filter(|(other, _)| *other != name);
            for (other, active) in others {
                let shared = |a: &String, b: &String| probity_policy_bundle::roots_overlap(a, b);
                if active.roots.iter().any(|a| bundle.manifest.roots.iter().any(|b| shared(a, b))) {
                    return Err(BuildError::Overlap(other.clone(), name.to_owned()));
                }
            }
            content.modules.retain(|_, module| module.bundle.as_deref() != Some(name));
            content.modules.extend(bundle.modules.iter().map(|module| text_of(module, Some(name))));
            let before = content.bundles.get(name).map(|active| active.roots.clone()).unwrap_or_default();
            content.data = with_bundle(&content.data, &before, bundle)
                .map_err(|error| BuildError::Data(format!("the bundle `{name}`: {error}")))?;
            let active = Active { revision: bundle.manifest.revision.clone(), roots: bundle.manifest.roots.clone() };
            content.bundles.insert(name.to_owned(), active);
            Ok(())
        })?;
        self.awaited_bundles().remove(name);
        Ok(())
    }
}

fn text_of(module: &Module, bundle: Option<&str>) -> (String, ModuleText) {
    let text =
        ModuleText { text: Arc::clone(&module.text), version: module.version, bundle: bundle.map(str::to_owned) };
    (module.path.display().to_string(), text)
}

/// The data with what a bundle owns in place of what it owned before.
fn with_bundle(data: &Value, before: &[String], bundle: &Bundle) -> Result<Value, StoreError> {
    let parts =
        |root: &String| -> Vec<String> { root.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect() };
    let mut data = data.clone();
    for root in before.iter().chain(&bundle.manifest.roots) {
        let path = parts(root);
        if path.is_empty() {
            data = store::empty();
        } else if store::get(&data, &path).is_some() {
            data = store::changed(&data, &path, Change::Remove)?;
        }
    }
    for root in &bundle.manifest.roots {
        let path = parts(root);
        let Some(value) = store::get(&bundle.data, &path) else { continue };
        data = match path.split_last() {
            None => value.clone(),
            Some((_, folders)) => {
                store::changed(&store::make_folders(&data, folders)?, &path, Change::Add(value.clone()))?
            }
        };
    }
    Ok(data)
}
