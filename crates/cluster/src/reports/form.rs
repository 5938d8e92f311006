//! What a report says, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::discovery::ApiResource;
use probity_crypto::Sha256;
use probity_model::Severity;
use serde_json::{Value, json};

use super::plan::Content;
use crate::cache::Cache;

/// The kinds of reports of `wgpolicyk8s.io/v1alpha2`, for a cluster that has none.
pub const POLICY_REPORTS: &str = include_str!("../../data/policyreports.yaml");

/// The kinds of reports of `openreports.io/v1alpha1`, for a cluster that has none.
pub const OPEN_REPORTS: &str = include_str!("../../data/openreports.yaml");

/// How Probity's reports are found among others.
pub(super) const LABEL: &str = "app.kubernetes.io/managed-by=probity";

/// The annotation that says what a report says, in short.
pub(super) const CONTENT: &str = "probity.dev/content";

/// The annotation that says how many results were left out of a report.
const LEFT_OUT: &str = "probity.dev/left-out";

/// Names of Probity's reports begin so: Kyverno's are named by the UID alone.
const PREFIX: &str = "probity-";

/// Longest name of a policy, rule or category, in bytes.
const LONGEST_NAME: usize = 256;

/// The namespace of a report; empty for objects of the cluster.
pub(super) type Place = String;

/// How a policy came out on an object, in the words of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It does not hold.
    Fail,
    /// It could not be asked.
    Error,
    /// It does not hold, and that is no more than a warning.
    Warn,
    /// It was not asked, or what it found is accepted.
    Skip,
    /// It holds.
    Pass,
}

impl Verdict {
    const ALL: [Self; 5] = [Self::Fail, Self::Error, Self::Warn, Self::Skip, Self::Pass];

    fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Skip => "skip",
            Self::Pass => "pass",
        }
    }
}

/// What was found of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audited {
    /// The object's group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for objects of the cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID, which names the report.
    pub uid: String,
    /// The digest of what was judged, as evidence has it: it is in the report, and not what a report is written for.
    pub digest: String,
    /// The results, in any order.
    pub results: Vec<Reported>,
}

/// How one policy came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The policy's id.
    pub policy: String,
    /// The rule of the policy; empty when it has none.
    pub rule: String,
    /// How it came out.
    pub verdict: Verdict,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// Its category; empty for none.
    pub category: String,
    /// What was found, in words.
    pub message: String,
    /// What else is known, such as the digest of the evidence.
    pub properties: BTreeMap<String, String>,
}

/// What keeps reports small and rare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Which results are in reports; an object that has none of them has no report.
    pub verdicts: Vec<Verdict>,
    /// Most results in a report; the others are counted.
    pub results: usize,
    /// Longest message and longest properties of a result, in bytes.
    pub text: usize,
    /// Most writes in a second.
    pub per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let verdicts = vec![Verdict::Fail, Verdict::Warn, Verdict::Error];
        Self { verdicts, results: 100, text: 1024, per_second: 50 }
    }
}

impl Limits {
    /// The time between writes.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }
}

/// A kind of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Policy,
    Open,
}

impl Form {
    /// The one that this cluster has: the one that `kubectl get polr` shows when it has both, so that nothing is told twice.
    pub(super) fn served(cache: &Cache) -> Option<Self> {
        [Self::Policy, Self::Open].into_iter().find(|form| form.is_served(cache))
    }

    pub(super) fn is_served(self, cache: &Cache) -> bool {
        [true, false].into_iter().all(|namespaced| {
            let resource = self.resource(namespaced);
            cache.serves(&resource.api_version, &resource.kind)
        })
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Policy => Self::Open,
            Self::Open => Self::Policy,
        }
    }

    /// The kind of reports on objects in namespaces, or on those of the cluster.
    pub(super) fn resource(self, namespaced: bool) -> ApiResource {
        let (group, version, kind, plural) = match (self, namespaced) {
            (Self::Policy, true) => ("wgpolicyk8s.io", "v1alpha2", "PolicyReport", "policyreports"),
            (Self::Policy, false) => ("wgpolicyk8s.io", "v1alpha2", "ClusterPolicyReport", "clusterpolicyreports"),
            (Self::Open, true) => ("openreports.io", "v1alpha1", "Report", "reports"),
            (Self::Open, false) => ("openreports.io", "v1alpha1", "ClusterReport", "clusterreports"),
        };
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: format!("{group}/{version}"),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        }
    }
}

/// The name of the report on an object.
pub(super) fn name_of(uid: &str) -> String {
    format!("{PREFIX}{uid}")
}

/// The object that a report of this name is on.
pub(super) fn uid_of(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// A report, without its name and the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) place: Place,
    pub(super) content: Content,
    /// Owner, scope, summary and results, as JSON: smaller than values, and many may wait.
    text: String,
    /// The digest of the object.
    digest: String,
    left_out: usize,
}

impl Report {
    /// The report on an object; `None` when there is nothing to tell. The worst comes first.
    pub(super) fn of(audited: &Audited, limits: &Limits) -> Option<Self> {
        let told = |result: &&Reported| limits.verdicts.contains(&result.verdict);
        let mut results: Vec<&Reported> = audited.results.iter().filter(told).collect();
        if results.is_empty() {
            return None;
        }
        results.sort_by(|a, b| {
            let of = |result: &Reported| (result.verdict, std::cmp::Reverse(result.severity));
            of(a).cmp(&of(b)).then_with(|| (&a.policy, &a.rule, &a.message).cmp(&(&b.policy, &b.rule, &b.message)))
        });
        let left_out = results.len().saturating_sub(limits.results);
        results.truncate(limits.results);
        let results: Vec<Value> = results.into_iter().map(|result| result.document(limits.text)).collect();
        let Audited { api_version, kind, namespace, name, uid, .. } = audited;
        let owner = json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid});
        let mut scope = owner.clone();
        if !namespace.is_empty() {
            scope["namespace"] = namespace.as_str().into();
        }
        let body = json!({"owner": owner, "scope": scope, "summary": summary(&audited.results), "results": results});
        let text = body.to_string();
        let content = Content::of(&Sha256::digest(format!("{left_out} {text}")));
        Some(Self { place: namespace.clone(), content, text, digest: audited.digest.clone(), left_out })
    }

    /// How many bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.text.len() + self.place.len() + self.digest.len()
    }

    /// The object that the API server is given, as a change of one that may be there: `null` takes something away.
    pub(super) fn change(&self, form: Form, name: &str) -> Value {
        let mut document = self.document(form, name);
        if self.left_out == 0 {
            document["metadata"]["annotations"][LEFT_OUT] = Value::Null;
        }
        document
    }

    /// The object that the API server is given.
    pub(super) fn document(&self, form: Form, name: &str) -> Value {
        let resource = form.resource(!self.place.is_empty());
        let mut body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let mut part = |of: &str| body.get_mut(of).map(Value::take).unwrap_or_default();
        let mut results = part("results");
        let now = Timestamp::now().as_second();
        for result in results.as_array_mut().into_iter().flatten() {
            result["timestamp"] = json!({"seconds": now, "nanos": 0});
            if !self.digest.is_empty() {
                result["properties"]["object"] = self.digest.as_str().into();
            }
        }
        let mut metadata = json!({
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "probity"},
            "annotations": {CONTENT: self.content.to_string()},
            "ownerReferences": [part("owner")],
        });
        if self.left_out > 0 {
            metadata["annotations"][LEFT_OUT] = self.left_out.to_string().into();
        }
        if !self.place.is_empty() {
            metadata["namespace"] = self.place.as_str().into();
        }
        json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": metadata,
            "scope": part("scope"),
            "summary": part("summary"),
            "results": results,
        })
    }
}

/// How many results there are of each verdict, those that are not in the report among them.
fn summary(results: &[Reported]) -> Value {
    let count = |verdict: Verdict| results.iter().filter(|result| result.verdict == verdict).count();
    Verdict::ALL.iter().map(|&verdict| (verdict.word().to_owned(), Value::from(count(verdict)))).collect()
}

impl Reported {
    fn document(&self, longest: usize) -> Value {
        let mut document = json!({
            "source": "probity",
            "policy": cut(&self.policy, LONGEST_NAME),
            "result": self.verdict.word(),
            "scored": self.verdict != Verdict::Warn,
        });
        let texts = [
            ("rule", cut(&self.rule, LONGEST_NAME)),
            ("category", cut(&self.category, LONGEST_NAME)),
            ("message", cut(&self.message, longest)),
            ("severity", self.severity.map(|severity| severity.to_string()).unwrap_or_default()),
        ];
        for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            document[field] = text.into();
        }
        let mut left = longest;
        let mut fits = |(name, value): &(&String, &String)| {
            let size = name.len() + value.len();
            let fits = size <= left;
            left -= if fits { size } else { 0 };
            fits
        };
        let properties: serde_json::Map<String, Value> = self
            .properties
            .iter()
            .filter(|entry| fits(entry))
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        if !properties.is_empty() {
            document["properties"] = properties.into();
        }
        document
    }
}

/// A text of at most so many bytes, between characters.
fn cut(text: &str, longest: usize) -> String {
    const MORE: &str = "…";
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(longest.saturating_sub(MORE.len()));
    format!("{}{MORE}", &text[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn result(policy: &str, verdict: Verdict, severity: Severity, message: &str) -> Reported {
        Reported {
            policy: policy.to_owned(),
            rule: String::new(),
            verdict,
            severity: Some(severity),
            category: "Pods".to_owned(),
            message: message.to_owned(),
            properties: [("decision".to_owned(), "0190".to_owned())].into(),
        }
    }

    fn pod(results: Vec<Reported>) -> Audited {
        Audited {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: "clinic".to_owned(),
            name: "portal".to_owned(),
            uid: "5c1a".to_owned(),
            digest: "sha256:00".to_owned(),
            results,
        }
    }

    #[test]
    fn the_worst_comes_first_and_what_holds_is_only_counted() {
        let audited = pod(vec![
            result("PRB-K8S-9", Verdict::Warn, Severity::Critical, "a warning"),
            result("PRB-K8S-3", Verdict::Pass, Severity::High, ""),
            result("PRB-K8S-2", Verdict::Fail, Severity::Low, "a small one"),
            result("PRB-K8S-1", Verdict::Fail, Severity::High, "runs as root"),
        ]);
        let report = Report::of(&audited, &Limits::default()).unwrap();
        let mut document = report.document(Form::Policy, &name_of(&audited.uid));
        for result in document["results"].as_array_mut().unwrap() {
            assert!(result["timestamp"]["seconds"].take().as_i64().unwrap() > 1_600_000_000);
        }
        insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
        let open = report.document(Form::Open, "probity-5c1a");
        assert_eq!((&open["apiVersion"], &open["kind"]), (&"openreports.io/v1alpha1".into(), &"Report".into()));
    }

    #[test]
    fn what_was_judged_is_named_and_is_no_reason_to_write() {
        let found = || vec![result("P", Verdict::Fail, Severity::High, "runs as root")];
        let [one, other] = ["sha256:01", "sha256:02"].map(|digest| {
            let audited = Audited { digest: digest.to_owned(), ..pod(found()) };
            Report::of(&audited, &Limits::default()).unwrap()
        });
        assert_eq!(one.content, other.content);
        assert_eq!(other.document(Form::Policy, "n")["results"][0]["properties"]["object"], "sha256:02");
    }

    #[test]
    fn an_object_without_anything_wrong_has_no_report() {
        let passed = pod(vec![result("P", Verdict::Pass, Severity::High, "")]);
        assert_eq!(Report::of(&passed, &Limits::default()), None);
        let all = Limits { verdicts: Verdict::ALL.to_vec(), ..Limits::default() };
        assert!(Report::of(&passed, &all).is_some());
    }

    #[test]
    fn what_is_left_out_is_counted_and_takes_no_room() {
        let results = |count: usize| {
            (0..count)
                .map(|n| result(&format!("P-{n:03}"), Verdict::Fail, Severity::High, &"ü".repeat(2_000)))
                .collect()
        };
        let report = Report::of(&pod(results(120)), &Limits::default()).unwrap();
        let document = report.document(Form::Policy, "probity-5c1a");
        assert_eq!(document["results"].as_array().unwrap().len(), 100);
        assert_eq!(document["summary"]["fail"], 120);
        assert_eq!(document["metadata"]["annotations"][LEFT_OUT], "20");
        let fewer = Report::of(&pod(results(100)), &Limits::default()).unwrap().change(Form::Policy, "probity-5c1a");
        assert_eq!(fewer["metadata"]["annotations"].get(LEFT_OUT), Some(&Value::Null));
        assert!(report.size() < 200_000, "{}", report.size());
        // One more is another report, though it shows the same results.
        let more = Report::of(&pod(results(121)), &Limits::default()).unwrap();
        assert_ne!(report.content, more.content);
    }

    proptest! {
        #[test]
        fn the_order_of_results_makes_no_difference(
            results in prop::collection::vec(("[a-c]", 0usize..5, 0usize..3, "[a-z]{0,3}"), 1..12),
            seed in any::<u64>(),
        ) {
            let severities = [Severity::Low, Severity::Medium, Severity::High];
            let results: Vec<Reported> = results
                .into_iter()
                .map(|(policy, verdict, severity, message)| {
                    result(&policy, Verdict::ALL[verdict], severities[severity], &message)
                })
                .collect();
            let mut other = results.clone();
            let length = u64::try_from(other.len()).unwrap();
            other.rotate_left(usize::try_from(seed % length).unwrap());
            prop_assert_eq!(
                Report::of(&pod(results), &Limits::default()),
                Report::of(&pod(other), &Limits::default())
            );
        }

        #[test]
        fn a_text_is_cut_between_characters(text in "\\PC{0,80}", longest in 0usize..60) {
            let short = cut(&text, longest);
            prop_assert!(short.len() <= longest.max(3), "{short:?}");
            prop_assert!(text.len() > longest || short == text);
        }
    }
}
