//! Policies in CEL as policies of a scan, where objects in files are judged as if they were created, and of an API server.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;
use probity_kubernetes::kind::{self, GroupVersionKind};
use probity_model::node::Node;
use probity_model::{CONTAINER_IMAGE, Metadata, NodeIndex, Problem, Span, Stage, Subject, SubjectKind, Value};
use probity_policy_admission::{Action, namespace_in};
use probity_policy_core::{
    Cluster, Facts, FailMode, Occasions, Policy, RequestRule, Scope, TypeSelector, Verdict, Watched,
};

use super::read::{CelPolicy, is_cel_exception, is_cel_policy, items};
use super::rules::Head;
use super::run::CelPolicies;
use super::seen::Seen;
use crate::host::{Answer, Host, HostError};
use crate::images::Images;
use crate::live::InCluster;
use crate::object;
use crate::request::Request;
use crate::response::{RuleResponse, Status};
use crate::scan::metadata::{of_annotations, owner};

/// The annotation of a policy in JSON mode that says what it is about: `image`, container images; files, when it says
/// nothing.
const SUBJECT: &str = "probity.dev/subject";

/// What expressions say when they look at more than the object.
const LOOKING: &[&str] = &["namespaceObject", "resource."];

/// Whether a document is a policy or an exception of policies.kyverno.io, or a list of such.
pub fn is_kyverno_cel(document: &Value) -> bool {
    let is_one = |value: &Value| is_cel_policy(value) || is_cel_exception(value);
    is_one(document) || items(document).is_some_and(|items| items.iter().any(is_one))
}

/// Reads the documents of any number of files, in any order, as they are asked in a scan. Policies that judge neither
/// resources nor images are read, and asked for nothing. YAML must have been read as Kubernetes does.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read(documents: &[Node<'_>]) -> Result<Vec<JudgingPolicy>, Vec<Problem>> {
    let own: Vec<Node<'_>> = documents.iter().filter(|document| is_kyverno_cel(document.value)).copied().collect();
    let policies = CelPolicies::read(&own)?;
    let (mut all, mut problems, mut known) = (Vec::new(), Vec::new(), HashSet::new());
    for policy in policies.policies() {
        let head = policy.head();
        if !known.insert((head.kind.clone(), head.namespace.clone(), head.name.clone())) {
            problems.push(Problem::new(format!("there is another {} `{}`", head.kind, head.name), head.span));
        }
        match JudgingPolicy::new(policy) {
            Ok(policy) => all.extend(policy),
            Err(message) => problems.push(Problem::new(message, head.span)),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// A policy that judges resources, documents or images.
pub struct JudgingPolicy {
    metadata: Metadata,
    types: Vec<TypeSelector>,
    policy: CelPolicy,
    most: Stage,
    looks_around: bool,
    needs_namespace: bool,
    images: Option<Arc<dyn Images>>,
}

impl JudgingPolicy {
    fn new(policy: &CelPolicy) -> Result<Option<Self>, String> {
        let (actions, judges_json, kinds, selects_namespaces) = match policy {
            CelPolicy::Validating(own) => {
                let judging = &own.judging;
                (&judging.actions, judging.judges_json, judging.kinds(), judging.needs_namespace())
            }
            CelPolicy::Images(own) => {
                let judging = &own.judging;
                (&judging.actions, judging.judges_json, judging.kinds(), judging.needs_namespace())
            }
            _ => return Ok(None),
        };
        let head = policy.head();
        let id = owner(&head.namespace, &head.name);
        let judges_images = is_about_images(head, judges_json)?;
        let types = match kinds.filter(|_| !judges_json) {
            _ if judges_images => vec![TypeSelector::Exact(CONTAINER_IMAGE.into())],
            Some(kinds) => kinds.into_iter().map(|kind| TypeSelector::Exact(kind.into())).collect(),
            None => vec![TypeSelector::All],
        };
        Ok(Some(Self {
            metadata: of_annotations(&id, &head.name, &|name| head.annotation(name))?,
            types,
            most: actions.iter().copied().max().unwrap_or(Action::Deny).stage(),
            looks_around: selects_namespaces || head.mentions(LOOKING),
            needs_namespace: selects_namespaces || head.mentions(&["namespaceObject"]),
            policy: policy.clone(),
            images: None,
        }))
    }

    /// The same policy, where these answer for registries; without them what looks for signatures is an error.
    #[must_use]
    pub fn asking(self, images: Option<Arc<dyn Images>>) -> Self {
        Self { images, ..self }
    }

    /// Where the policy stands.
    pub fn span(&self) -> Option<Span> {
        self.policy.head().span
    }

    fn judges_json(&self) -> bool {
        match &self.policy {
            CelPolicy::Validating(own) => own.judging.judges_json,
            CelPolicy::Images(own) => own.judging.judges_json,
            _ => false,
        }
    }

    fn judge_within(&self, subject: &Subject, around: &Around<'_>, verdicts: &mut Vec<Verdict>) {
        let responses = match subject.kind {
            SubjectKind::Config | SubjectKind::Image if self.judges_json() => match &self.policy {
                CelPolicy::Validating(own) => vec![own.apply_to_json(&subject.document, around)],
                CelPolicy::Images(own) => own.apply_to_json(&subject.document, around).into_iter().collect(),
                _ => Vec::new(),
            },
            SubjectKind::Kubernetes if !self.judges_json() => {
                let namespace = match self.namespace(&subject.document, around) {
                    Ok(namespace) => namespace,
                    Err(message) => return verdicts.push(Verdict::Unknown { message, span: None }),
                };
                let own = self.policy.head().namespace.as_str();
                if !own.is_empty() && own != namespace_or_default(&subject.document) {
                    return;
                }
                let seen = Seen::new(&Request::of_object(&subject.document), namespace);
                match &self.policy {
                    CelPolicy::Validating(own) => own.apply(&seen, around),
                    CelPolicy::Images(own) => own.apply_alone(&seen, around).into_iter().collect(),
                    _ => Vec::new(),
                }
            }
            _ => return,
        };
        verdicts.extend(responses.into_iter().flat_map(|response| response.rules).filter_map(verdict));
    }

    /// Judges a request, or an object that is there as if it were made.
    fn judge_in(&self, subject: &Subject, cluster: &dyn Cluster, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        let occasions = self.occasions();
        let is_asked = if facts.request.is_some() { occasions.admission } else { occasions.background };
        if !is_asked {
            return;
        }
        let host = InCluster::new(cluster, self.images.as_deref());
        let seen = match facts.request.map(|request| request.view(|request| Seen::of_request(request, cluster))) {
            Some(seen) => seen,
            None => match self.seen_in(&subject.document, cluster) {
                Ok(seen) => Arc::new(seen),
                Err(message) => return verdicts.push(Verdict::Error { message }),
            },
        };
        let own = self.policy.head().namespace.as_str();
        if !own.is_empty() && own != seen.attributes.namespace {
            return;
        }
        let responses = match &self.policy {
            CelPolicy::Validating(own) => own.apply(&seen, &host),
            CelPolicy::Images(own) => own.apply_alone(&seen, &host).into_iter().collect(),
            _ => Vec::new(),
        };
        verdicts.extend(responses.into_iter().flat_map(|response| response.rules).filter_map(verdict));
    }

    /// What is seen of an object that is there.
    fn seen_in(&self, object: &Value, cluster: &dyn Cluster) -> Result<Seen, String> {
        let request = Request::of_object(object);
        if !self.needs_namespace {
            return Ok(Seen::new(&request, None));
        }
        match namespace_in(cluster, object::namespace(object)) {
            Value::Unknown(what) => Err(format!("{what} is not known")),
            Value::Null => Ok(Seen::new(&request, None)),
            namespace => Ok(Seen::new(&request, Some(&namespace))),
        }
    }

    /// The namespace of an object, when it counts; that it is in no file is an error then.
    fn namespace<'f>(&self, object: &Value, around: &Around<'f>) -> Result<Option<&'f Value>, String> {
        let is_namespace =
            object::text(object, "kind") == "Namespace" && !object::text(object, "apiVersion").contains('/');
        let name = object::namespace(object);
        if !self.needs_namespace || is_namespace || name.is_empty() {
            return Ok(None);
        }
        let found = around.find("v1", "namespaces", "", name);
        found.map(Some).ok_or_else(|| format!("the namespace `{name}` is in no file"))
    }
}

/// Whether a policy says that it is about container images.
fn is_about_images(head: &Head, judges_json: bool) -> Result<bool, String> {
    match head.annotation(SUBJECT) {
        None => Ok(false),
        Some("image") if judges_json => Ok(true),
        Some("image") => Err(format!(
            "{} `{}` is about images, whose documents are no Kubernetes objects: set spec.evaluation.mode to JSON",
            head.kind, head.name
        )),
        Some(other) => Err(format!("{SUBJECT}: `{other}` is not known; it can be `image`")),
    }
}

/// What is in no namespace by its own words is in this one.
fn namespace_or_default(object: &Value) -> &str {
    match object::namespace(object) {
        "" => "default",
        namespace => namespace,
    }
}

fn verdict(response: RuleResponse) -> Option<Verdict> {
    let RuleResponse { message, exceptions, status, .. } = response;
    match status {
        Status::Error => Some(Verdict::Error { message }),
        _ if !exceptions.is_empty() => {
            let reason = format!("PolicyException {}", exceptions.join(", "));
            Some(Verdict::Excepted { message, reason })
        }
        Status::Pass => Some(Verdict::Pass),
        Status::Fail | Status::Warn => Some(Verdict::Fail { message, span: None }),
        Status::Skip => None,
    }
}

/// The objects that were read together, and the day.
struct Around<'f> {
    objects: Vec<&'f Value>,
    today: Date,
    images: Option<&'f dyn Images>,
}

impl<'f> Around<'f> {
    fn none(today: Date) -> Self {
        Self { objects: Vec::new(), today, images: None }
    }

    fn asking(self, images: Option<&'f dyn Images>) -> Self {
        Self { images, ..self }
    }

    fn of(facts: &Facts<'f>) -> Self {
        let subjects = facts.graph.subjects().iter().filter(|subject| subject.kind == SubjectKind::Kubernetes);
        Self { objects: subjects.map(|subject| &subject.document).collect(), ..Self::none(facts.today) }
    }

    fn find(&self, api_version: &str, plural: &str, namespace: &str, name: &str) -> Option<&'f Value> {
        let is_meant = |object: &&&Value| {
            let (version, kind) = (object::text(object, "apiVersion"), object::text(object, "kind"));
            version == api_version
                && object::name(object) == name
                && (namespace.is_empty() || namespace_or_default(object) == namespace)
                && kind::plural(&GroupVersionKind::new(version, kind)) == plural
        };
        self.objects.iter().find(is_meant).copied()
    }
}

impl probity_policy_jmespath::Host for Around<'_> {
    /// The beginning of the day of the evaluation.
    fn now_ns(&self) -> Result<i64, String> {
        let start = jiff::tz::Offset::UTC.to_timestamp(self.today.at(0, 0, 0, 0));
        let start = start.map_err(|error| error.to_string())?;
        Ok(start.as_second().saturating_mul(1_000_000_000))
    }
}

impl Host for Around<'_> {
    fn images(&self) -> Option<&dyn Images> {
        self.images
    }

    fn resource(&self, api_version: &str, plural: &str, namespace: &str, name: &str) -> Answer {
        let found = self.find(api_version, plural, namespace, name).cloned();
        found.ok_or_else(|| {
            HostError::Failed(format!(
                "{api_version} {plural} {namespace}/{name} is not among what is scanned, and to ask for it needs a cluster"
            ))
        })
    }
}

impl Policy for JudgingPolicy {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn scope(&self) -> Scope {
        if self.looks_around { Scope::Graph } else { Scope::Subject }
    }

    fn most(&self) -> Stage {
        self.most
    }

    fn requests(&self) -> Vec<RequestRule> {
        match &self.policy {
            _ if self.judges_json() => Vec::new(),
            CelPolicy::Validating(own) => own.judging.requests(),
            CelPolicy::Images(own) => own.judging.requests(),
            _ => Vec::new(),
        }
    }

    fn fail_mode(&self) -> FailMode {
        match &self.policy {
            CelPolicy::Validating(own) => own.judging.fail_mode(),
            CelPolicy::Images(own) => own.judging.fail_mode(),
            _ => FailMode::Closed,
        }
    }

    fn occasions(&self) -> Occasions {
        match &self.policy {
            CelPolicy::Validating(own) => own.judging.occasions,
            CelPolicy::Images(own) => own.judging.occasions,
            _ => Occasions::default(),
        }
    }

    fn watches(&self) -> Vec<Watched> {
        let namespaces = self.needs_namespace.then(|| Watched { api_version: "v1".into(), kind: "Namespace".into() });
        self.policy.head().watches().into_iter().chain(namespaces).collect()
    }

    fn judge(&self, subject: &Subject, _: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        if let Some(cluster) = facts.cluster.filter(|_| subject.kind == SubjectKind::Kubernetes) {
            if !self.judges_json() {
                self.judge_in(subject, cluster, facts, verdicts);
            }
            return;
        }
        self.judge_within(subject, &Around::none(facts.today).asking(self.images.as_deref()), verdicts);
    }

    fn judge_graph(&self, facts: &Facts<'_>) -> Vec<(NodeIndex, Verdict)> {
        let around = Around::of(facts).asking(self.images.as_deref());
        let (mut all, mut verdicts) = (Vec::new(), Vec::new());
        for (index, subject) in facts.graph.iter() {
            if self.types.iter().any(|selector| selector.matches(&subject.resource_type)) {
                self.judge_within(subject, &around, &mut verdicts);
                all.extend(verdicts.drain(..).map(|verdict| (index, verdict)));
            }
        }
        all
    }
}
