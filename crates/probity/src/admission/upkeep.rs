//! What is kept up to date while the gate runs: policies, webhook configurations, certificates, kinds.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use probity_cluster::{Applied, Cache, Change, Connection, Kind, Serving, What, apply, constraint_kind, delete};
use probity_evidence_ledger::Digest;
use probity_gate_admission::{Asked, Call, Exemptions, Served, Settings, asked, configurations};
use probity_kubernetes::kind::WORKLOADS;
use probity_model::{Source, Value, json};
use probity_policy_core::{FailMode, Mutator, Operation, Watched};
use probity_policy_kyverno::images::Images as Registries;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::args::AdmissionArgs;
use super::bundles::Bundles;
use super::images::Known;
use super::pin::Pin;
use super::policies::{Compiled, Origins};
use super::start::client;
use super::status;
use super::tags::Tags;
use super::webhook::{Gate, InForce};
use crate::config::Config;
use crate::images::InspectArgs;
use crate::scanning::PolicyArgs;
use crate::words;

/// API groups whose objects are policies, or belong to some.
const GROUPS: [&str; 9] = [
    "config.gatekeeper.sh",
    "constraints.gatekeeper.sh",
    "expansion.gatekeeper.sh",
    "kyverno.io",
    "mutations.gatekeeper.sh",
    "policies.kyverno.io",
    "policies.probity.dev",
    "syncset.gatekeeper.sh",
    "templates.gatekeeper.sh",
];

/// Kinds of those groups that other programs use for their own work.
const OTHERS: [&str; 4] = ["UpdateRequest", "CleanupPolicy", "ClusterCleanupPolicy", "GlobalContextEntry"];

/// The kinds of admission policies that the API server enforces itself.
const ADMISSION: [&str; 4] = [
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
];

/// Changes that come so close together are one.
const TOGETHER: Duration = Duration::from_millis(100);

/// How often files of policies are looked at.
const FILES: Duration = Duration::from_secs(1);

/// How long what policies look at may take to be known before they are put in force without.
const KNOWN: Duration = Duration::from_secs(30);

/// How long after a failure something is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// The webhook configurations' name.
pub(super) const NAME: &str = "probity";

/// Keeps the gate up to date.
pub(super) struct Upkeep {
    pub(super) args: Arc<AdmissionArgs>,
    pub(super) gate: Arc<Gate>,
    pub(super) connection: Connection,
    pub(super) serving: Arc<Serving>,
    pub(super) user: String,
    pub(super) bundles: Arc<Bundles>,
    pub(super) tags: Arc<Tags>,
    pub(super) held: Option<(probity_evidence_ledger::Reader, PathBuf)>,
    /// What the API server is asked to ask.
    pub(super) asked: Asked,
    /// What is wrong with policies that are left out.
    pub(super) problems: Vec<String>,
}

impl Upkeep {
    /// Whether the webhooks go when the gate ends: nobody else answers at an address of its own.
    pub(super) fn removes_webhooks(&self) -> bool {
        self.args.webhook_url.is_some()
    }

    /// Works until the end.
    pub(super) async fn run(mut self, mut ended: watch::Receiver<bool>) {
        let cluster = Arc::clone(&self.gate.cluster);
        let mut changes = cluster.changes();
        cluster.watch(&[
            watched("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            watched("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
            watched("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
            watched("v1", "Namespace"),
        ]);
        self.watch_policies();
        settle(&cluster).await;
        self.look_for_bundles(ended.clone());
        let mut files = self.files();
        let (mut policies, mut kinds, mut webhooks) = (Some(Instant::now()), None, None);
        let (mut certificates, mut look) = (Instant::now() + self.serving.next_look(), Instant::now() + FILES);
        loop {
            let due = [policies, kinds, webhooks, Some(certificates), Some(look)].into_iter().flatten().min();
            let change = tokio::select! {
                _ = ended.wait_for(|end| *end) => break,
                change = changes.recv() => Some(change),
                () = sleep_until(due.unwrap_or_else(|| Instant::now() + FILES)) => None,
            };
            let now = Instant::now();
            match change {
                Some(Ok(change)) if change.kind.kind == "CustomResourceDefinition" && !change.listed => {
                    kinds.get_or_insert(now + TOGETHER);
                }
                Some(Ok(change)) if change.kind.kind.ends_with("WebhookConfiguration") => {
                    if change.name == NAME && !change.listed && is_other(&change.what) {
                        webhooks.get_or_insert(now + TOGETHER);
                    }
                }
                Some(Ok(Change { what: What::Modified { old, new }, .. })) if status::says_the_same(&old, &new) => {}
                Some(Ok(change)) if is_policy(&change.kind, self.gate.config.admission.asks_server_policies) => {
                    self.make_constraint_kind(&change).await;
                    policies.get_or_insert(now + TOGETHER);
                }
                Some(Ok(_)) | None => {}
                Some(Err(RecvError::Lagged(_))) => {
                    policies.get_or_insert(now + TOGETHER);
                    kinds.get_or_insert(now + TOGETHER);
                }
                Some(Err(RecvError::Closed)) => break,
            }
            if kinds.is_some_and(|due| due <= now) {
                kinds = match cluster.rediscover().await {
                    Ok(()) => {
                        self.watch_policies();
                        None
                    }
                    Err(error) => {
                        eprintln!("probity: {error}");
                        Some(now + AGAIN)
                    }
                };
            }
            if look <= now {
                look = now + FILES;
                let seen = self.files();
                if std::mem::replace(&mut files, seen) != seen {
                    policies.get_or_insert(now + TOGETHER);
                }
                // A kind is served a moment after it was made.
                self.watch_policies();
            }
            if policies.is_some_and(|due| due <= now) {
                policies = if self.enforce().await { None } else { Some(Instant::now() + AGAIN) };
                webhooks.get_or_insert(now);
            }
            if certificates <= now {
                certificates = Instant::now() + self.serving.next_look();
                match self.serving.refresh().await {
                    Ok(true) => drop(webhooks.get_or_insert(now)),
                    Ok(false) => {}
                    Err(error) => eprintln!("probity: {error}"),
                }
            }
            if webhooks.is_some_and(|due| due <= now) {
                webhooks = if self.ask_about().await { None } else { Some(Instant::now() + AGAIN) };
                status::tell(&self.connection, &cluster, &self.problems).await;
            }
        }
        if self.removes_webhooks() {
            self.remove_webhooks().await;
        }
    }

    /// Looks for new policies of registries from time to time; their folders change then.
    fn look_for_bundles(&self, mut ended: watch::Receiver<bool>) {
        if self.bundles.is_empty() {
            return;
        }
        let (bundles, interval) = (Arc::clone(&self.bundles), Duration::from_secs(self.args.gate_policy_interval));
        tokio::spawn(async move {
            let look = async {
                loop {
                    tokio::time::sleep(interval).await;
                    let bundles = Arc::clone(&bundles);
                    let looked = tokio::task::spawn_blocking(move || bundles.refresh()).await;
                    for error in looked.unwrap_or_default() {
                        eprintln!("probity: policies are as they were: {}", words(&error));
                    }
                }
            };
            tokio::select! {
                () = look => {}
                _ = ended.wait_for(|end| *end) => {}
            }
        });
    }

    fn watch_policies(&self) {
        let cluster = &self.gate.cluster;
        let kinds = cluster.kinds("*").into_iter();
        let wanted: Vec<Watched> = kinds
            .filter(|kind| is_policy(kind, self.gate.config.admission.asks_server_policies))
            .map(|kind| watched(&kind.api_version(), &kind.kind))
            .collect();
        cluster.watch(&wanted);
    }

    /// The kind of the constraints that a template makes; without it no constraint could be applied.
    async fn make_constraint_kind(&self, change: &Change) {
        let (What::Added(template) | What::Modified { new: template, .. }) = &change.what else { return };
        if change.kind.kind != "ConstraintTemplate" {
            return;
        }
        let Some(kind) = constraint_kind(template) else { return };
        if let Err(error) = apply(&self.connection, "customresourcedefinitions", &kind).await {
            eprintln!("probity: {error}");
        }
    }

    /// Compiles the policies that are there now and puts them in force; those that were stay when that fails.
    async fn enforce(&mut self) -> bool {
        let cluster = Arc::clone(&self.gate.cluster);
        // Kinds that were made a moment ago are listed first.
        let _ = cluster.settle(Duration::from_secs(2)).await;
        let (gate, args, held) = (Arc::clone(&self.gate), Arc::clone(&self.args), self.held.clone());
        let (policies, tags) = (self.bundles.policies(&args.gate_policy), Arc::clone(&self.tags));
        let exemptions = gate.config.admission.exemptions(&args.gate_namespace, Some(&self.user));
        let documents = documents(&cluster, gate.config.admission.asks_server_policies);
        let compiled =
            tokio::task::spawn_blocking(move || compile(&gate, &args, &policies, &tags, documents, exemptions, held))
                .await;
        let (mut in_force, document, problems) = match compiled {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(error)) => {
                eprintln!("probity: policies are as they were: {error:#}");
                return false;
            }
            Err(error) => {
                eprintln!("probity: policies are as they were: {error}");
                return false;
            }
        };
        let policies = in_force.judge.policies().flat_map(|policy| policy.watches());
        let mutators = in_force.judge.mutators().iter().flat_map(|mutator| mutator.watches());
        let wanted: Vec<Watched> = policies.chain(mutators).collect();
        cluster.watch(&wanted);
        settle(&cluster).await;
        let mutators = in_force.judge.mutators().iter().map(|mutator| &**mutator as &dyn Mutator);
        self.asked = asked(in_force.judge.modes(), mutators, &Kinds(&cluster));
        if let Some(images) = &in_force.images {
            self.ask_about_containers(images.fail_mode(), &Kinds(&cluster));
        }
        in_force.asked.clone_from(&self.asked);
        let (count, digest) = (in_force.judge.policies().count(), Digest::of(document.as_bytes()));
        self.gate.enforce(in_force, digest, document);
        self.problems = problems;
        eprintln!("{count} policies are in force ({digest})");
        true
    }

    /// What containers run is judged by policies on images, whatever the others are about.
    fn ask_about_containers(&mut self, mode: FailMode, served: &dyn Served) {
        let closed = self.asked.get(&(Call::Validate, FailMode::Closed)).cloned().unwrap_or_default();
        let rules = self.asked.entry((Call::Validate, mode)).or_default();
        let asked = WORKLOADS.iter().flat_map(|kind| served.served(kind));
        // Who is asked in any case looks at images, too.
        for resource in asked.filter(|resource| !closed.contains_key(resource)) {
            rules.entry(resource).or_default().extend([Operation::Create, Operation::Update]);
        }
    }

    /// Has the API server ask about what is judged now.
    async fn ask_about(&self) -> bool {
        let settings = Settings {
            name: NAME.to_owned(),
            client: client(&self.args),
            ca_bundle: self.serving.ca(),
            timeout: self.gate.config.admission.timeout,
            exemptions: self.gate.config.admission.exemptions(&self.args.gate_namespace, Some(&self.user)),
            labels: BTreeMap::from([("app.kubernetes.io/part-of".to_owned(), "probity".to_owned())]),
        };
        let mut all = true;
        for configuration in configurations(&self.asked, &settings) {
            match apply(&self.connection, plural(&configuration), &configuration).await {
                Ok(Applied::Same | Applied::Changed) => {}
                Err(error) => {
                    eprintln!("probity: {error}");
                    all = false;
                }
            }
        }
        all
    }

    async fn remove_webhooks(&self) {
        for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
            let configuration = Value::object([
                ("apiVersion", Value::from("admissionregistration.k8s.io/v1")),
                ("kind", kind.into()),
                ("metadata", Value::object([("name", Value::from(NAME))])),
            ]);
            if let Err(error) = delete(&self.connection, plural(&configuration), &configuration).await {
                eprintln!("probity: the webhooks are still there: {error}");
            }
        }
    }

    /// What files of policies look like now, so that a change is seen. A folder that a `ConfigMap` is mounted at changes by
    /// a link, so contents are what counts.
    fn files(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let waivers = self.gate.config.waivers.iter();
        let policies = self.bundles.policies(&self.args.gate_policy);
        for path in policies.paths().chain(&self.gate.config.policy_folders).chain(waivers) {
            hash(path, &mut hasher, 0);
        }
        hasher.finish()
    }
}

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 16;

fn hash(path: &Path, hasher: &mut DefaultHasher, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    if path.is_dir() {
        let mut inner: Vec<PathBuf> =
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        inner.sort();
        for path in &inner {
            hash(path, hasher, depth + 1);
        }
    } else {
        path.hash(hasher);
        std::fs::read(path).unwrap_or_default().hash(hasher);
    }
}

fn plural(configuration: &Value) -> &'static str {
    match configuration.get("kind").and_then(Value::as_str) {
        Some("ValidatingWebhookConfiguration") => "validatingwebhookconfigurations",
        _ => "mutatingwebhookconfigurations",
    }
}

fn watched(api_version: &str, kind: &str) -> Watched {
    Watched { api_version: api_version.into(), kind: kind.into() }
}

/// Whether objects of a kind are policies, or belong to some.
fn is_policy(kind: &Kind, admission_policies: bool) -> bool {
    let of_admission = kind.group == "admissionregistration.k8s.io" && ADMISSION.contains(&kind.kind.as_str());
    GROUPS.contains(&kind.group.as_str()) && !OTHERS.contains(&kind.kind.as_str()) || of_admission && admission_policies
}

/// Whether webhooks are not what they were. Applying what is there changes who wrote it last, which would be applied for again.
fn is_other(what: &What) -> bool {
    match what {
        What::Added(_) | What::Deleted(_) => true,
        What::Modified { old, new } => old.get("webhooks") != new.get("webhooks"),
    }
}

async fn settle(cluster: &Cache) {
    if let Err(why) = cluster.settle(KNOWN).await {
        eprintln!("probity: policies that look at more than the object may fail: {why}");
    }
}

/// The policies of a cluster as texts, each under its kind and name.
fn documents(cluster: &Cache, admission_policies: bool) -> Vec<Source> {
    let mut sources = Vec::new();
    for kind in cluster.watched().iter().filter(|kind| is_policy(kind, admission_policies)) {
        for object in cluster.objects(kind) {
            let text =
                |field: &str| object.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default().to_owned();
            let place = [kind.kind.clone(), text("namespace"), text("name")];
            let place: Vec<&str> = place.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
            if kind.kind == "PolicyBundle" {
                sources.extend(bundled(&place.join("/"), &object));
            } else {
                sources.push(Source::new(PathBuf::from(format!("{}.json", place.join("/"))), json::write(&object)));
            }
        }
    }
    sources
}

/// The files of a bundle.
fn bundled(place: &str, object: &Value) -> Vec<Source> {
    let files = object.at(&["spec", "policies"]).and_then(Value::as_object);
    let files = files.into_iter().flat_map(probity_model::value::Object::iter);
    files
        .filter_map(|(name, text)| Some(Source::new(Path::new(place).join(name.as_str()), text.as_str()?.to_owned())))
        .collect()
}

/// Compiles the policies of files alone, to find what is wrong with them.
pub(super) fn check(args: &AdmissionArgs, config: &Config, bundles: &Bundles) -> anyhow::Result<()> {
    let policies = bundles.policies(&args.gate_policy);
    let registries = args.images.images()?;
    let exemptions = config.admission.exemptions(&args.gate_namespace, None);
    Origins { args: &policies, config, documents: Vec::new(), registries, pin: None }.compile(exemptions).map(drop)
}

fn compile(
    gate: &Gate,
    args: &AdmissionArgs,
    policies: &PolicyArgs,
    tags: &Arc<Tags>,
    documents: Vec<Source>,
    exemptions: Exemptions,
    held: Option<(probity_evidence_ledger::Reader, PathBuf)>,
) -> anyhow::Result<(InForce, String, Vec<String>)> {
    let registries: Option<Arc<dyn Registries>> = args.images.images()?;
    let pins = gate.config.admission.pin_images;
    let pin = pins.then(|| Pin { tags: Arc::clone(tags), patience: gate.config.admission.patience().mul_f32(0.8) });
    let origins = Origins { args: policies, config: &gate.config, documents, registries, pin };
    let Compiled { judge, images, document, problems } = origins.compile(exemptions)?;
    for problem in &problems {
        eprintln!("probity: a policy is left out: {problem}");
    }
    let images = images.map(|set| {
        let inspecting = InspectArgs::of_registries(args.images.registries().clone());
        Known::open(inspecting, Arc::clone(tags), set, Arc::clone(&gate.config), held)
    });
    Ok((InForce { judge, images: images.transpose()?, asked: Asked::new() }, document, problems))
}

/// What the cluster serves, for the rules of webhooks.
pub(super) struct Kinds<'c>(pub(super) &'c Cache);

impl Served for Kinds<'_> {
    fn served(&self, kind: &str) -> Vec<(String, String)> {
        self.0.kinds(kind).into_iter().map(|kind| (kind.group, kind.plural)).collect()
    }
}
