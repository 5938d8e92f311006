//! Sentinel policies among all others: they judge Terraform plans as wholes, and those that import `image` container images.

mod plans;
mod reasons;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use probity_model::{CONTAINER_IMAGE, Metadata, NodeIndex, Span, Stage, Subject, SubjectKind, Value, WHOLE_PLAN};
use probity_policy_core::{Facts, Policy as Judges, TypeSelector, Verdict as Judged};

use crate::config::EnforcementLevel;
use crate::evaluation::{Evaluation, Import};
use crate::host::Host;
use crate::outcome::{Datum, Failure, Outcome, Verdict};
use crate::policy::Policy;
use crate::terraform::PlanError;
pub use plans::Plans;
use plans::SharedPlan;
pub use reasons::Reason;

/// The import that is the document of the image that is judged.
const IMAGE: &str = "image";

/// So many resources are named, each by a finding of its own.
const MAX_FINDINGS: usize = 50;

/// A policy with all that it is evaluated with.
#[derive(Debug, Clone)]
pub struct SentinelPolicy {
    /// What its set calls it, or else its file.
    pub name: String,
    /// What is known of it.
    pub metadata: Metadata,
    /// Its text.
    pub policy: Policy,
    /// What imports stand for.
    pub imports: Arc<Vec<(String, Import)>>,
    /// Values of parameters.
    pub params: BTreeMap<String, Value>,
    /// Names that are there without an import.
    pub globals: Arc<BTreeMap<String, Value>>,
    /// How much its failure weighs, when its set says so.
    pub level: Option<EnforcementLevel>,
    types: [TypeSelector; 2],
    plans: Arc<Plans>,
}

impl SentinelPolicy {
    /// A policy that nothing is given. `plans` is shared by all of a set.
    pub fn new(policy: Policy, metadata: Metadata, plans: Arc<Plans>) -> Self {
        Self {
            name: metadata.id.to_string(),
            metadata,
            policy,
            imports: Arc::default(),
            params: BTreeMap::new(),
            globals: Arc::default(),
            level: None,
            types: [TypeSelector::Exact(WHOLE_PLAN.into()), TypeSelector::Exact(CONTAINER_IMAGE.into())],
            plans,
        }
    }

    /// Where it stands: its first line.
    pub fn span(&self) -> Span {
        Span { source: self.policy.source_id(), start: 0, end: 1 }
    }

    /// An evaluation of it with everything that it is given but a plan.
    pub fn evaluation(&self) -> Evaluation<'_> {
        let mut evaluation = Evaluation::new(&self.policy);
        for (name, import) in &*self.imports {
            evaluation = evaluation.with_import(name, import.clone());
        }
        for (name, value) in &self.params {
            evaluation = evaluation.with_param(name, value.clone());
        }
        for (name, value) in &*self.globals {
            evaluation = evaluation.with_global(name, value.clone());
        }
        evaluation
    }

    /// Whether it judges container images: it imports `image`, and its set has nothing of that name.
    pub fn judges_images(&self) -> bool {
        self.policy.imports().any(|name| name == IMAGE) && self.imports.iter().all(|(name, _)| name != IMAGE)
    }

    /// Judges an image.
    fn judge_image(&self, document: &Value, host: &dyn Host) -> Judged {
        let evaluation = self.evaluation().with_host(host).with_import(IMAGE, Import::Data(document.clone()));
        match evaluation.run() {
            Err(error) => Judged::Error { message: error.to_string() },
            Ok(outcome) => match outcome.verdict {
                Verdict::Pass => Judged::Pass,
                Verdict::Fail => {
                    let why = reasons::find(&outcome, &self.policy, evaluation, |_| None);
                    let why: Vec<String> = why.iter().take(MAX_FINDINGS).map(ToString::to_string).collect();
                    let message = if why.is_empty() { "`main` is false".to_owned() } else { why.join("; ") };
                    Judged::Fail { message, span: None }
                }
                Verdict::Undefined => undefined(&outcome),
            },
        }
    }

    /// The plan that its configuration names.
    fn configured_plan(&self) -> Option<Arc<SharedPlan>> {
        self.imports.iter().find_map(|(_, import)| match import {
            Import::Plan(plan) => Some(Arc::new(SharedPlan::new(plan.clone()))),
            Import::Module(_) | Import::Data(_) => None,
        })
    }

    /// Evaluates it on a plan, or on what it is given otherwise. Tells, when it fails on a plan, why.
    ///
    /// # Errors
    /// When an error ends the evaluation, or the document is no plan.
    pub fn evaluate(&self, plan: Option<&Value>, host: &dyn Host) -> Result<(Outcome, Vec<Reason>), EvaluateError> {
        let shared = match plan {
            Some(document) => Some(self.plans.of(document)?),
            None => self.configured_plan(),
        };
        let evaluation = || {
            let evaluation = self.evaluation().with_host(host);
            match &shared {
                Some(shared) => evaluation.with_plan(shared.plan()),
                None => evaluation,
            }
        };
        let outcome = evaluation().run()?;
        let reasons = match &shared {
            Some(plan) if outcome.verdict == Verdict::Fail => {
                reasons::find(&outcome, &self.policy, evaluation(), |name| plan.address(name))
            }
            _ => Vec::new(),
        };
        Ok((outcome, reasons))
    }
}

/// Why a policy could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The document is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An error ended it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

fn verdicts(outcome: &Outcome, reasons: Vec<Reason>, facts: &Facts<'_>) -> Vec<Judged> {
    let assumed = outcome.trace.assumed.as_ref().and_then(|assumed| assumed.waits_for.as_deref());
    match (outcome.verdict, assumed) {
        (Verdict::Pass, None) => vec![Judged::Pass],
        // With what it took for absent it could be something else.
        (Verdict::Pass, Some(what)) => vec![Judged::Unknown { message: format!("waits for {what}"), span: None }],
        (Verdict::Undefined, _) => vec![undefined(outcome)],
        (Verdict::Fail, _) => failures(reasons, assumed, facts),
    }
}

/// What is undefined only because Terraform does not know it yet is not decided; all else is a mistake of the policy's.
fn undefined(outcome: &Outcome) -> Judged {
    let Datum::Undefined(undefined) = &outcome.main else {
        return Judged::Error { message: "`main` is undefined".to_owned() };
    };
    match &undefined.waits_for {
        Some(what) => Judged::Unknown { message: format!("waits for {what}"), span: None },
        None => Judged::Error { message: format!("`main` is undefined: {undefined}") },
    }
}

/// A failure for each resource, where it stands.
fn failures(mut reasons: Vec<Reason>, assumed: Option<&str>, facts: &Facts<'_>) -> Vec<Judged> {
    let assumed = assumed.map(|what| format!(", with {what}, which is not known yet, taken for absent"));
    let left = reasons.len().saturating_sub(MAX_FINDINGS);
    reasons.truncate(MAX_FINDINGS);
    let mut verdicts: Vec<Judged> = reasons
        .into_iter()
        .map(|reason| Judged::Fail {
            span: reason.address.as_deref().and_then(|address| place(address, facts)),
            message: format!("{reason}{}", assumed.as_deref().unwrap_or_default()),
        })
        .collect();
    if left > 0 {
        verdicts.push(Judged::Fail { message: format!("{left} more resources"), span: None });
    }
    verdicts
}

/// Where the resource of an address stands, when it was read too.
fn place(address: &str, facts: &Facts<'_>) -> Option<Span> {
    let subject = facts.graph.subjects().iter().find(|subject| subject.address == address)?;
    subject.header.or(subject.span)
}

impl Judges for SentinelPolicy {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        let [plans, images] = &self.types;
        std::slice::from_ref(if self.judges_images() { images } else { plans })
    }

    fn most(&self) -> Stage {
        match self.level {
            Some(EnforcementLevel::Advisory) => Stage::Warn,
            Some(EnforcementLevel::SoftMandatory | EnforcementLevel::HardMandatory) | None => Stage::Enforce,
        }
    }

    fn can_be_waived(&self) -> bool {
        self.level != Some(EnforcementLevel::HardMandatory)
    }

    fn judge(&self, subject: &Subject, _: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Judged>) {
        if subject.kind == SubjectKind::Image {
            return verdicts.push(self.judge_image(&subject.document, &Today(facts.today)));
        }
        match self.evaluate(Some(&subject.document), &Today(facts.today)) {
            Ok((outcome, reasons)) => verdicts.extend(self::verdicts(&outcome, reasons, facts)),
            Err(error) => verdicts.push(Judged::Error { message: error.to_string() }),
        }
    }
}

/// Gives the day of the evaluation as the time, and nothing else: the same policy on the same plan on the same day comes to
/// the same.
struct Today(Date);

impl Host for Today {
    fn now_ns(&self) -> Result<i64, String> {
        let start = TimeZone::UTC.to_ambiguous_timestamp(self.0.at(0, 0, 0, 0)).unambiguous();
        let nanoseconds = start.map_err(|error| error.to_string())?.as_nanosecond();
        i64::try_from(nanoseconds).map_err(|error| error.to_string())
    }
}
