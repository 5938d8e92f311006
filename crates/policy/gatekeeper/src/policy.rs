//! Constraints as policies.

use std::sync::Arc;

use probity_model::{
    Category, ControlLink, Metadata, NodeIndex, PolicyId, Severity, SmolStr, Span, Stage, Strength, Subject,
    SubjectKind,
};
use probity_policy_core::{Facts, Policy, Scope, TypeSelector, Verdict};

use crate::enforcement::Point;
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
    expander: Arc<Expander>,
    point: Point,
    most: Stage,
    judges: Judges,
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
    pub(crate) fn all(
        bound: Bound,
        span: Option<Span>,
        expander: &Arc<Expander>,
        point: Point,
    ) -> Result<Vec<Self>, String> {
        let Some(stage) = bound.constraint.enforcement.stage(point) else { return Ok(Vec::new()) };
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
            expander: expander.clone(),
            point,
            most,
            judges,
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
        let code = &self.bound.template.code;
        code.uses_inventory()
            || code.uses_namespace()
            || self.bound.constraint.matching.needs_namespace()
            || self.expander.needs_namespace()
    }

    fn judge_within(&self, subject: &Subject, inventory: &Inventory, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        if subject.kind != SubjectKind::Kubernetes {
            return;
        }
        let around = Surroundings { inventory, point: self.point, shows_namespace: true, now_ns: midnight(facts) };
        let mut judged = false;
        let mut found = Vec::new();
        let mut ask = |review: &Review, prefix: Option<&str>| {
            let Some(own) = self.bound.judge(review, &around) else { return };
            judged = true;
            found.extend(own.into_iter().map(|one| match prefix {
                Some(prefix) => one.with_prefix(prefix),
                None => one,
            }));
        };
        if self.judges == Judges::Own {
            ask(&Review::of_object(&subject.document, Source::Original), None);
        }
        let namespace = inventory.namespace(object::namespace(&subject.document));
        match self.expander.made(&subject.document, namespace) {
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

    fn judge(&self, subject: &Subject, _: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
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
