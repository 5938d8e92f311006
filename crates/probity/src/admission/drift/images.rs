//! Images that run, looked at again: vulnerabilities that became known since, and bases of which there is a newer release.
//!
//! Each digest is looked into once to know what it is compared with, and again when the database of advisories or the list of
//! bases changed, one after the other and with pauses: a registry is asked for a whole image each time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use probity_evidence_ledger::DriftKind;
use probity_gate_admission::image_references;
use probity_inspection::Inspection;
use probity_model::{Labels, Severity, Value};
use probity_subject_image::{Digest, Image, Reference};
use tokio::sync::watch;
use tokio::time::sleep;

use super::telling::{Drift, Teller};
use super::watched;
use crate::admission::images::Known;
use crate::images::Inspector;

/// How often it is looked what runs.
const LOOK: Duration = Duration::from_mins(1);

/// How long after an image was looked into the next one is; as much again at most, by chance.
const PAUSE: Duration = Duration::from_secs(5);

/// How often the tag of a base is asked for.
const TAGS: Duration = Duration::from_hours(6);

/// How long an image that could not be looked into is left alone.
const FAILED: Duration = Duration::from_mins(30);

/// How long a tag may take to be looked up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most images that are looked at; more that run are not.
const MOST: usize = 2_000;

/// Most vulnerabilities, and Pods, that a message names.
const MOST_NAMED: usize = 5;

/// By which an image says what it was built from (OCI image specification, annotations), as an annotation or a label.
const BASE: [&str; 2] = ["org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"];

/// Tells what became known of images that run, until the end.
pub(super) async fn run(mut teller: Teller, mut ended: watch::Receiver<bool>) {
    if !teller.gate.config.admission.judge_images {
        return;
    }
    teller.gate.cluster.watch(&[watched("v1", "Pod")]);
    tokio::select! {
        _ = ended.wait_for(|end| *end) => {}
        () = look_on(&mut teller) => {}
    }
}

async fn look_on(teller: &mut Teller) {
    let mut known: HashMap<Digest, Seen> = HashMap::new();
    loop {
        sleep(LOOK).await;
        let Some(images) = teller.gate.in_force().and_then(|in_force| in_force.images.clone()) else { continue };
        let running = running(teller);
        known.retain(|digest, _| running.contains_key(digest));
        let made_of = state_of(&images.files());
        let is_due = |digest: &&Digest| known.get(*digest).is_none_or(|seen| seen.is_due(&made_of));
        let due: Vec<Digest> = running.keys().filter(is_due).take(MOST).cloned().collect();
        if due.is_empty() {
            continue;
        }
        let inspector = match images.anew() {
            Ok(inspector) => Arc::new(inspector),
            Err(error) => {
                eprintln!("probity: images that run are not looked at again: {error:#}");
                continue;
            }
        };
        for digest in due {
            let Some(run) = running.get(&digest) else { continue };
            let seen = look(&images, &inspector, &run.reference).await;
            let seen = Seen { at: Instant::now(), made_of: made_of.clone(), looked: seen };
            if let Some(before) = known.remove(&digest) {
                tell(teller, run, &before, &seen).await;
                known.insert(digest, seen.or(before));
            } else {
                known.insert(digest, seen);
            }
            sleep(PAUSE + PAUSE.mul_f64(by_chance())).await;
        }
    }
}

/// A share of one, by chance: so that replicas and clusters do not ask registries at the same time.
fn by_chance() -> f64 {
    let mut byte = [0];
    // Without randomness all pauses are equal.
    let _ = probity_crypto::fill(&mut byte);
    f64::from(byte[0]) / 256.0
}

/// Files with when they were changed, and their sizes.
type MadeOf = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

fn state_of(files: &[PathBuf]) -> MadeOf {
    let state = |path: &PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(|path| (path.clone(), state(path))).collect()
}

/// An image that was looked into, or could not be.
struct Seen {
    at: Instant,
    made_of: MadeOf,
    looked: Option<Looked>,
}

impl Seen {
    fn is_due(&self, made_of: &MadeOf) -> bool {
        let age = self.at.elapsed();
        match &self.looked {
            None => age >= FAILED,
            Some(looked) => self.made_of != *made_of || (looked.named_base.is_some() && age >= TAGS),
        }
    }

    /// What is known of it, if not by this look then by one before.
    fn or(self, before: Self) -> Self {
        Self { looked: self.looked.or(before.looked), ..self }
    }
}

/// What is known of an image.
#[derive(Debug, Clone, Default, PartialEq)]
struct Looked {
    /// Open vulnerabilities by their names; none when there is no database to look them up in.
    vulnerabilities: Option<BTreeMap<String, Option<Severity>>>,
    /// The approved base that it stands on, and the newest release of that when it is another.
    base: Option<(String, Option<String>)>,
    /// What it says that it was built from.
    named_base: Option<Reference>,
    /// The digest that this tag has now.
    base_digest: Option<Digest>,
}

async fn look(images: &Arc<Known>, inspector: &Arc<Inspector<'static>>, at: &Reference) -> Option<Looked> {
    let (images, inspector, at) = (Arc::clone(images), Arc::clone(inspector), at.clone());
    let look = tokio::task::spawn_blocking(move || {
        let looked = looked(&images.look(&inspector, &at)?);
        let digest = |base: &Reference| images.digest(base, Instant::now() + PATIENCE).ok();
        let base_digest = looked.named_base.as_ref().and_then(digest);
        Ok::<_, String>(Looked { base_digest, ..looked })
    });
    // Why an image cannot be looked into is told where it is judged.
    look.await.ok()?.ok()
}

fn looked(inspection: &Inspection) -> Looked {
    let image = &inspection.image;
    let open = |known: &probity_inspection::Vulnerabilities| {
        known.open().map(|found| (found.finding.id.clone(), found.finding.severity)).collect()
    };
    let base = image.base.as_ref().map(|found| {
        let newer = found.newer.as_ref().map(|newer| newer.date.to_string());
        (format!("{} of {}", found.base.name, found.base.date), newer)
    });
    Looked {
        vulnerabilities: inspection.vulnerabilities.as_ref().map(open),
        base,
        named_base: named_base(image),
        base_digest: None,
    }
}

/// The tag of the base that an image says it was built from.
fn named_base(image: &Image) -> Option<Reference> {
    let said = |name: &str| image.annotations.get(name).or_else(|| image.config.labels.get(name));
    let [name, digest] = BASE;
    said(digest)?;
    said(name)?.parse().ok().filter(|base: &Reference| base.digest().is_none())
}

/// Vulnerabilities that were not known before, the worst first.
fn new_vulnerabilities<'l>(before: &Looked, after: &'l Looked) -> Vec<(&'l str, Option<Severity>)> {
    let (Some(before), Some(after)) = (&before.vulnerabilities, &after.vulnerabilities) else { return Vec::new() };
    let new = after.iter().filter(|(id, _)| !before.contains_key(*id));
    let mut new: Vec<_> = new.map(|(id, severity)| (id.as_str(), *severity)).collect();
    new.sort_by_key(|(id, severity)| (std::cmp::Reverse(*severity), *id));
    new
}

/// Which newer base there is, when there was none before.
fn newer_base(before: &Looked, after: &Looked) -> Option<String> {
    let newest = |looked: &Looked| looked.base.as_ref().and_then(|(_, newer)| newer.clone());
    if let Some((base, Some(newer))) = &after.base
        && newest(before).as_ref() != Some(newer)
    {
        return Some(format!("its base {base} has a newer release, of {newer}"));
    }
    let (Some(was), Some(is), Some(base)) = (&before.base_digest, &after.base_digest, &after.named_base) else {
        return None;
    };
    (was != is).then(|| format!("its base {base} is another image now: {is}"))
}

async fn tell(teller: &mut Teller, run: &Run, before: &Seen, after: &Seen) {
    let (Some(before), Some(after)) = (&before.looked, &after.looked) else { return };
    let new = new_vulnerabilities(before, after);
    if let Some((_, worst)) = new.first() {
        let severity = worst.unwrap_or(Severity::Medium);
        let message = format!("{} became known; it runs in {}", list(new.iter().map(|(id, _)| *id)), run.places());
        let drift = Drift::new(DriftKind::Advisory, severity, message);
        teller.tell_of_image(run.reference.to_string(), run.labels.clone(), drift).await;
    }
    if let Some(what) = newer_base(before, after) {
        let message = format!("{what}; it runs in {}", run.places());
        let drift = Drift::new(DriftKind::BaseOutdated, Severity::Medium, message);
        teller.tell_of_image(run.reference.to_string(), run.labels.clone(), drift).await;
    }
}

/// Some words, and how many more there are.
fn list<'w>(words: impl ExactSizeIterator<Item = &'w str>) -> String {
    let more = words.len().saturating_sub(MOST_NAMED);
    let named: Vec<&str> = words.take(MOST_NAMED).collect();
    let named = named.join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

/// An image that runs.
struct Run {
    reference: Reference,
    labels: Labels,
    pods: BTreeSet<String>,
}

impl Run {
    fn places(&self) -> String {
        list(self.pods.iter().map(String::as_str))
    }
}

/// What containers run now, by digest.
fn running(teller: &Teller) -> BTreeMap<Digest, Run> {
    let cluster = &teller.gate.cluster;
    let kinds = cluster.kinds("Pod").into_iter().filter(|kind| kind.group.is_empty());
    let mut found: BTreeMap<Digest, Run> = BTreeMap::new();
    for pod in kinds.flat_map(|kind| cluster.objects(&kind)) {
        let text = |field| pod.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        for (reference, digest) in images_of(&pod) {
            let run = found.entry(digest.clone()).or_insert_with(|| Run {
                reference: reference.at(digest),
                labels: teller.gate.labels(namespace, Some(&pod)),
                pods: BTreeSet::new(),
            });
            run.pods.insert(format!("Pod/{namespace}/{name}"));
        }
    }
    found
}

/// The images of the containers of a Pod that run, as their status or they themselves tell the digest.
fn images_of(pod: &Value) -> Vec<(Reference, Digest)> {
    let mut found = Vec::new();
    for (container, image) in image_references(pod) {
        let Ok(reference) = image.parse::<Reference>() else { continue };
        let told =
            ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"].iter().find_map(|list| {
                let mut statuses = pod.at(&["status", list])?.as_array()?.iter();
                let is_it = |status: &&Value| status.get("name").and_then(Value::as_str) == Some(container);
                let id = statuses.find(is_it)?.get("imageID")?.as_str()?;
                id.rsplit_once('@')?.1.parse::<Digest>().ok()
            });
        if let Some(digest) = told.or_else(|| reference.digest().cloned()) {
            found.push((reference, digest));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use probity_model::json;

    use super::*;

    fn known(vulnerabilities: &[(&str, Option<Severity>)]) -> Looked {
        let vulnerabilities = vulnerabilities.iter().map(|(id, severity)| ((*id).to_owned(), *severity)).collect();
        Looked { vulnerabilities: Some(vulnerabilities), ..Looked::default() }
    }

    #[test]
    fn only_what_was_not_known_is_new_and_the_worst_comes_first() {
        let before = known(&[("CVE-1", None), ("CVE-2", Some(Severity::High))]);
        let after = known(&[
            ("CVE-1", Some(Severity::High)),
            ("CVE-3", Some(Severity::Low)),
            ("CVE-4", Some(Severity::Critical)),
            ("CVE-5", None),
        ]);
        let new: Vec<&str> = new_vulnerabilities(&before, &after).iter().map(|(id, _)| *id).collect();
        assert_eq!(new, ["CVE-4", "CVE-3", "CVE-5"]);
        assert!(new_vulnerabilities(&after, &before).iter().all(|(id, _)| *id == "CVE-2"));
        // That there is a database now says nothing of what is new.
        assert!(new_vulnerabilities(&Looked::default(), &after).is_empty());
    }

    #[test]
    fn a_base_is_outdated_when_there_is_a_newer_one_than_before() {
        let listed = |newer: Option<&str>| Looked {
            base: Some(("debian:12 of 2026-09-01".to_owned(), newer.map(str::to_owned))),
            ..Looked::default()
        };
        let tagged = |byte: u8| Looked {
            named_base: Some("registry.example.com/debian:12".parse().unwrap()),
            base_digest: Some(Digest::sha256(&[byte])),
            ..Looked::default()
        };
        let cases = [
            (listed(None), listed(Some("2026-10-01")), Some("has a newer release, of 2026-10-01")),
            (listed(Some("2026-10-01")), listed(Some("2026-10-01")), None),
            (listed(Some("2026-10-01")), listed(Some("2026-11-01")), Some("of 2026-11-01")),
            (tagged(1), tagged(2), Some("registry.example.com/debian:12 is another image now: sha256:")),
            (tagged(1), tagged(1), None),
            (Looked { base_digest: None, ..tagged(1) }, tagged(2), None),
        ];
        for (number, (before, after, expected)) in cases.into_iter().enumerate() {
            let said = newer_base(&before, &after);
            let is_so = match (&said, expected) {
                (Some(said), Some(expected)) => said.contains(expected),
                (said, expected) => said.is_none() && expected.is_none(),
            };
            assert!(is_so, "case {number}: {said:?}");
        }
    }

    #[test]
    fn what_runs_is_told_by_the_status_of_the_pod() {
        let (told, own) = (Digest::sha256(b"told"), Digest::sha256(b"own"));
        let pod = format!(
            r#"{{"kind": "Pod", "spec": {{"containers": [{{"name": "a", "image": "registry.example.com/a:1"}},
                {{"name": "b", "image": "registry.example.com/b@{own}"}}, {{"name": "c", "image": "registry.example.com/c:1"}}]}},
                "status": {{"containerStatuses": [{{"name": "a", "imageID": "registry.example.com/a@{told}"}},
                {{"name": "c", "imageID": "c:1"}}]}}}}"#
        );
        let found: Vec<Digest> =
            images_of(&json::read(pod.as_bytes()).unwrap()).into_iter().map(|(_, digest)| digest).collect();
        assert_eq!(found, [told, own]);
    }

    #[test]
    fn an_image_is_looked_at_again_when_what_is_known_changed() {
        let folder = tempfile::tempdir().unwrap();
        let files = [folder.path().join("advisories")];
        let before = state_of(&files);
        let seen = |looked| Seen { at: Instant::now(), made_of: before.clone(), looked };
        assert!(!seen(Some(Looked::default())).is_due(&state_of(&files)));
        fs::write(&files[0], "new").unwrap();
        assert!(seen(Some(Looked::default())).is_due(&state_of(&files)));
        // One that could not be looked into waits.
        assert!(!seen(None).is_due(&state_of(&files)));
    }
}
