//! Constraints as policies.

use std::sync::Arc;

use probity_kubernetes::kind;
use probity_model::{
    Category, ControlLink, Metadata, NodeIndex, PolicyId, Severity, SmolStr, Span, Stage, Strength, Subject,
    SubjectKind, Value,
};
use probity_policy_core::{
    AdmissionRequest, Cluster, Facts, FailMode, Named, Occasions, Operation, Policy, RequestRule, Scope, TypeSelector,
    Verdict, Watched,
};

use crate::enforcement::Point;
use crate::exclusion::{Exclusions, Process};
use crate::expansion::Expander;
use crate::inventory::Inventory;
use crate::judge::{Bound, Found, Surroundings};
use crate::matching::Source;
use crate::object;
use crate::review::Review;

/// The name of the language in metadata.
const LANGUAGE: &str = "gatekeeper";

/// A constraint, asked at a point.
pub struct ConstraintPolicy {
    metadata: Metadata,
    types: Vec<TypeSelector>,
    span: Option<Span>,
    bound: Arc<Bound>,
    point: Point,
    most: Stage,
    judges: Judges,
    shared: Shared,
}

/// What constraints that are read together share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) expander: Arc<Expander>,
    /// What is to be in the inventory.
    pub(crate) sync: Arc<[Watched]>,
    pub(crate) exclusions: Arc<Exclusions>,
}

/// Which objects a policy judges: what an expansion template makes may have a stage of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Judges {
    /// Those that are there, and those made of them by templates without a stage.
    Own,
    /// Those made by this template.
    MadeBy(String),
}

impl ConstraintPolicy {
    /// The policies that a constraint is: one, and one more for each expansion template that says what violations of what
    /// it makes do. None when the constraint is not asked at the point.
    pub(crate) fn all(bound: Bound, span: Option<Span>, shared: &Shared, at: At) -> Result<Vec<Self>, String> {
        let expander = &shared.expander;
        let stage_at = |point| bound.constraint.enforcement.stage(point);
        let (point, stage) = match at {
            At::Point(point) => (point, stage_at(point)),
            // What is only audited does what it does there.
            At::Cluster => (Point::Webhook, stage_at(Point::Webhook).or_else(|| stage_at(Point::Audit))),
        };
        let Some(stage) = stage else { return Ok(Vec::new()) };
        let metadata = metadata(&bound)?;
        let kinds = bound.constraint.matching.kinds();
        let kinds: Option<Vec<String>> = kinds.map(|kinds| kinds.into_iter().map(str::to_owned).collect());
        let takes = |kind: &str| kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|known| known == kind));
        let relevant: Vec<_> = expander.templates().iter().filter(|template| takes(&template.makes.kind)).collect();
        let bound = Arc::new(bound);
        let new = |metadata: Metadata, types, most, judges| Self {
            metadata,
            types,
            span,
            bound: bound.clone(),
            point,
            most,
            judges,
            shared: shared.clone(),
        };
        let types = match &kinds {
            None => vec![TypeSelector::All],
            Some(kinds) if relevant.is_empty() => {
                kinds.iter().cloned().map(|kind| TypeSelector::Exact(kind.into())).collect()
            }
            // What is made may be made in several steps, so any kind that is expanded can be the first.
            Some(kinds) => kinds
                .iter()
                .cloned()
                .chain(expanded_kinds(expander))
                .map(|kind| TypeSelector::Exact(kind.into()))
                .collect(),
        };
        let mut policies = vec![new(metadata.clone(), types, stage, Judges::Own)];
        for template in relevant {
            let Some(stage) = template.stage else { continue };
            let mut metadata = metadata.clone();
            metadata.id = PolicyId::from(format!("{}@{}", metadata.id, template.name).as_str());
            let types = expanded_kinds(expander).map(|kind| TypeSelector::Exact(kind.into())).collect();
            policies.push(new(metadata, types, stage, Judges::MadeBy(template.name.clone())));
        }
        Ok(policies)
    }

    /// Where the constraint stands.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// Whether what it says depends on other objects than the one judged.
    fn looks_around(&self) -> bool {
        self.bound.template.code.uses_inventory() || self.needs_namespace()
    }

    fn needs_namespace(&self) -> bool {
        self.bound.template.code.uses_namespace()
            || self.bound.constraint.matching.needs_namespace()
            || self.shared.expander.needs_namespace()
    }

    fn judge_within(&self, subject: &Subject, inventory: &Inventory, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        if subject.kind != SubjectKind::Kubernetes {
            return;
        }
        let around = Surroundings { inventory, point: self.point, shows_namespace: true, now_ns: midnight(facts) };
        self.judge_review(&Review::of_object(&subject.document, Source::Original), &around, verdicts);
    }

    /// Whether Gatekeeper's webhook would be asked about a request: others have the gate asked about more.
    fn is_asked(&self, request: &AdmissionRequest) -> bool {
        let (operation, kind) = (request.operation(), request.text(&["kind", "kind"]));
        let operations = &self.bound.template.operations;
        let connects = || {
            let kinds = self.bound.constraint.matching.kinds().unwrap_or_default();
            operation == Operation::Connect && kinds.contains(&kind)
        };
        if !operations.contains(&operation) && !connects() {
            return false;
        }
        let subresource = request.text(&["subResource"]);
        let (group, plural) = (request.text(&["resource", "group"]), request.text(&["resource", "resource"]));
        // Its status has the kind of the object itself.
        let is_other = || kind::by_plural(group, plural).is_none_or(|own| own.kind != kind);
        matches!(subresource, "" | "ephemeralcontainers") || subresource != "status" && is_other()
    }

    /// Judges a request, or an object that is there.
    fn judge_in(&self, subject: &Subject, cluster: &dyn Cluster, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        let is_asked = facts.request.is_none_or(|request| self.is_asked(request));
        if subject.kind != SubjectKind::Kubernetes || !is_asked {
            return;
        }
        let requested = facts.request.map_or_else(
            || Arc::new(Requested::new(Review::of_object(&subject.document, Source::Original), cluster)),
            |request| request.view(|request| Requested::new(Review::of_request(request), cluster)),
        );
        let (point, process) = match facts.request {
            Some(_) => (Point::Webhook, Process::Webhook),
            None => (Point::Audit, Process::Audit),
        };
        if self.shared.exclusions.has(process, requested.review.place()) {
            return;
        }
        let namespace = match &requested.namespace {
            Ok(namespace) => namespace.clone(),
            Err(message) if self.needs_namespace() => {
                return verdicts.push(Verdict::Error { message: message.clone() });
            }
            Err(_) => None,
        };
        let all = if self.bound.template.code.uses_inventory() { cluster.inventory() } else { Ok(None) };
        let inventory = match all {
            Ok(all) => Inventory::of_cluster(all, namespace),
            Err(error) => return verdicts.push(Verdict::Error { message: format!("the inventory: {error}") }),
        };
        let around = Surroundings { inventory: &inventory, point, shows_namespace: true, now_ns: cluster.now_ns() };
        self.judge_review(&requested.review, &around, verdicts);
    }

    fn judge_review(&self, review: &Review, around: &Surroundings<'_>, verdicts: &mut Vec<Verdict>) {
        let mut judged = false;
        let mut found = Vec::new();
        let mut ask = |review: &Review, prefix: Option<&str>| {
            let Some(own) = self.bound.judge(review, around) else { return };
            judged = true;
            found.extend(own.into_iter().map(|one| match prefix {
                Some(prefix) => one.with_prefix(prefix),
                None => one,
            }));
        };
        if self.judges == Judges::Own {
            ask(review, None);
        }
        // What goes makes nothing.
        let parent = review.object.as_ref().filter(|_| review.is_written());
        let namespace = parent.and_then(|parent| around.inventory.namespace(object::namespace(parent)));
        match parent.map_or_else(|| Ok(Vec::new()), |parent| self.shared.expander.made(parent, namespace)) {
            Ok(made) => {
                for one in made {
                    let mine = match &self.judges {
                        Judges::Own => one.template.stage.is_none(),
                        Judges::MadeBy(name) => one.template.name == *name,
                    };
                    if mine {
                        let prefix = format!("[Implied by {}]", one.template.name);
                        ask(&Review::of_object(&one.object, Source::Generated), Some(&prefix));
                    }
                }
            }
            Err(message) => found.push(Found::Error(format!("the object cannot be expanded: {message}"))),
        }
        if found.is_empty() && judged {
            verdicts.push(Verdict::Pass);
        }
        verdicts.extend(found.into_iter().map(verdict));
    }
}

/// Where constraints are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// At one point.
    Point(Point),
    /// In a cluster: by its webhook and its audit.
    Cluster,
}

/// A request in the form that Gatekeeper has for it; all constraints share one.
#[derive(Debug)]
struct Requested {
    review: Review,
    /// The namespace it is in, or why that is not known.
    namespace: Result<Option<Value>, String>,
}

impl Requested {
    fn new(review: Review, cluster: &dyn Cluster) -> Self {
        let namespace = match review.namespace() {
            "" => Ok(None),
            _ if review.is_of_namespace() => Ok(None),
            name => match cluster.namespace(name) {
                Ok(Some(namespace)) => Ok(Some(namespace)),
                Ok(None) => Err(format!("the namespace `{name}` is not there")),
                Err(error) => Err(format!("the namespace `{name}`: {error}")),
            },
        };
        let review = review.prepared(namespace.as_ref().ok().and_then(Option::as_ref));
        Self { review, namespace }
    }
}

/// The requests for what is sent to subresources as objects of a kind, such as `PodExecOptions`.
fn to_subresources(kind: &str, operations: &[Operation]) -> Vec<RequestRule> {
    let is_sent = |known: &&kind::Subresource| {
        let parent = kind::by_plural(known.parent_group, known.parent);
        // What has the kind of the object itself is its status and the like.
        let is_other = parent.is_none_or(|parent| parent.kind != kind) || known.name == "ephemeralcontainers";
        known.kind == kind && is_other
    };
    let sent = kind::SUBRESOURCES.iter().filter(is_sent);
    sent.map(|known| {
        let mut operations = operations.to_vec();
        if known.kind.ends_with("Options") && !operations.contains(&Operation::Connect) {
            operations.push(Operation::Connect);
        }
        RequestRule {
            group: known.parent_group.into(),
            version: "*".into(),
            named: Named::Plural(known.parent.into()),
            subresource: known.name.into(),
            operations,
        }
    })
    .collect()
}

fn expanded_kinds(expander: &Expander) -> impl Iterator<Item = String> {
    expander.templates().iter().flat_map(|template| &template.apply_to).flat_map(|apply| apply.kinds.iter().cloned())
}

fn verdict(found: Found) -> Verdict {
    match found {
        Found::Violation(message) => Verdict::Fail { message, span: None },
        Found::Undecided(message) => Verdict::Unknown { message, span: None },
        Found::Error(message) | Found::Unusable(message) => Verdict::Error { message },
    }
}

/// The beginning of the day of the evaluation, in nanoseconds since 1970: what the time is for policies.
fn midnight(facts: &Facts<'_>) -> i64 {
    let start = jiff::tz::Offset::UTC.to_timestamp(facts.today.at(0, 0, 0, 0));
    start.map_or(0, |start| start.as_second().saturating_mul(1_000_000_000))
}

impl Policy for ConstraintPolicy {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn scope(&self) -> Scope {
        if self.looks_around() { Scope::Graph } else { Scope::Subject }
    }

    fn most(&self) -> Stage {
        self.most
    }

    fn requests(&self) -> Vec<RequestRule> {
        let operations = &self.bound.template.operations;
        let of_kind = |group: &str, kind: &str| RequestRule {
            group: group.into(),
            version: "*".into(),
            named: Named::Kind(kind.into()),
            subresource: "".into(),
            operations: operations.clone(),
        };
        let mut requests = Vec::new();
        for (group, kind) in self.bound.constraint.matching.groups_and_kinds() {
            if self.judges == Judges::Own {
                requests.push(of_kind(group, kind));
                let sent = if kind == "*" { "Pod" } else { kind };
                requests.extend(to_subresources(sent, operations));
            }
        }
        if self.types.len() > 1 || self.judges != Judges::Own {
            let applied = self.shared.expander.templates().iter().flat_map(|template| &template.apply_to);
            for apply in applied {
                let groups = apply.groups.iter();
                requests.extend(groups.flat_map(|group| apply.kinds.iter().map(|kind| of_kind(group, kind))));
            }
        }
        requests
    }

    fn fail_mode(&self) -> FailMode {
        FailMode::Open
    }

    fn occasions(&self) -> Occasions {
        let is_asked = |point| self.bound.constraint.enforcement.stage(point).is_some();
        Occasions { admission: is_asked(Point::Webhook), background: is_asked(Point::Audit) }
    }

    fn watches(&self) -> Vec<Watched> {
        let mut watched = self.bound.template.watches.clone();
        if self.bound.template.code.uses_inventory() {
            watched.extend(self.shared.sync.iter().cloned());
        }
        if self.needs_namespace() {
            watched.push(Watched { api_version: "v1".into(), kind: "Namespace".into() });
        }
        watched
    }

    fn judge(&self, subject: &Subject, _: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        if let Some(cluster) = facts.cluster {
            return self.judge_in(subject, cluster, facts, verdicts);
        }
        self.judge_within(subject, &Inventory::default(), facts, verdicts);
    }

    fn judge_graph(&self, facts: &Facts<'_>) -> Vec<(NodeIndex, Verdict)> {
        let objects = facts.graph.subjects().iter().filter(|subject| subject.kind == SubjectKind::Kubernetes);
        let inventory = Inventory::of(objects.map(|subject| &subject.document));
        let (mut all, mut verdicts) = (Vec::new(), Vec::new());
        for (index, subject) in facts.graph.iter() {
            if self.types.iter().any(|selector| selector.matches(&subject.resource_type)) {
                self.judge_within(subject, &inventory, facts, &mut verdicts);
                all.extend(verdicts.drain(..).map(|verdict| (index, verdict)));
            }
        }
        all
    }
}

/// What is known of a constraint, in the annotations of its own or of its template.
fn metadata(bound: &Bound) -> Result<Metadata, String> {
    let (template, constraint) = (&bound.template, &bound.constraint);
    let id = format!("{}/{}", constraint.kind, constraint.name);
    let severity = match constraint.severity.as_ref().or(template.severity.as_ref()) {
        Some(word) => word.trim().parse::<Severity>()?,
        None => Severity::Medium,
    };
    let controls = constraint.controls.as_ref().or(template.controls.as_ref()).map_or("", String::as_str);
    let description = template.description.clone().unwrap_or_default();
    let first_line = description.lines().next().filter(|line| !line.is_empty());
    let title = template.title.clone().or(first_line.map(str::to_owned)).unwrap_or_else(|| constraint.kind.clone());
    Ok(Metadata {
        id: PolicyId::from(id.as_str()),
        title,
        severity,
        category: Category::General,
        why: description,
        fix: String::new(),
        aliases: Vec::<SmolStr>::new(),
        controls: read_controls(controls)?,
        language: LANGUAGE,
        builtin: false,
    })
}

/// Controls parted by commas, such as `soc2:CC6.1, hipaa:164.312(a)(1)`.
fn read_controls(text: &str) -> Result<Vec<ControlLink>, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let control = word.parse().map_err(|error: probity_model::ParseControlError| error.to_string())?;
            Ok(ControlLink { control, serves: Strength::Supports, why: String::new() })
        })
        .collect()
}
