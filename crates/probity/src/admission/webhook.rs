//! Reviews are decided, and the decisions kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use probity_cluster::Cache;
use probity_evidence_ledger::Digest;
use probity_evidence_usage::UsageStore;
use probity_gate_admission::{Answer, Asked, Images, Judge, Passed, Question, Review, Surroundings, Webhook};
use probity_model::{Labels, SmolStr, Value};
use probity_policy_core::{AdmissionRequest, Cluster, FailMode};
use tokio::sync::watch;

use super::entry;
use super::figures::Figures;
use super::id;
use super::images::Known;
use super::let_in::{self, LetIn};
use super::queue::Queue;
use crate::config::Config;
use crate::today;

/// What is decided by, swapped as a whole when policies change.
pub(super) struct InForce {
    pub(super) judge: Judge,
    /// What knows of images, when their policies are asked.
    pub(super) images: Option<Arc<Known>>,
    /// What the API server is to ask about.
    pub(super) asked: Asked,
}

/// The gate, running.
pub(super) struct Gate {
    pub(super) config: Arc<Config>,
    /// The cluster's name in evidence.
    pub(super) cluster_name: SmolStr,
    /// This replica's name.
    pub(super) replica: SmolStr,
    pub(super) in_force: watch::Sender<Option<Arc<InForce>>>,
    pub(super) cluster: Arc<Cache>,
    pub(super) queue: Queue,
    /// What was let in lately.
    pub(super) let_in: LetIn,
    /// The index of the ledger, when that is in this process.
    pub(super) index: Option<PathBuf>,
    /// What was used of rights, when the server that is told is in this process.
    pub(super) usage: Option<Arc<UsageStore>>,
    pub(super) figures: Figures,
    /// Reviews that are being decided.
    pub(super) open: AtomicU64,
}

impl Gate {
    pub(super) fn in_force(&self) -> Option<Arc<InForce>> {
        self.in_force.borrow().clone()
    }

    /// Puts policies in force, and tells those that wait for others.
    pub(super) fn enforce(&self, policies: InForce, digest: Digest, document: String) {
        self.queue.in_force(digest, document);
        self.in_force.send_replace(Some(Arc::new(policies)));
    }

    /// Where something in a namespace of the cluster belongs: what probity.yaml says of `cluster/namespace`, and else what
    /// the labels of the namespace and of the object say.
    pub(super) fn labels(&self, namespace: &str, object: Option<&Value>) -> Labels {
        let mut labels = self.config.labels_of(&format!("{}/{namespace}", self.cluster_name));
        let held = (!namespace.is_empty()).then(|| self.cluster.namespace(namespace).ok().flatten()).flatten();
        let said = |names: &[&str]| {
            let sources = [object, held.as_ref()];
            let found = sources.into_iter().flatten().find_map(|object| {
                names.iter().find_map(|name| object.at(&["metadata", "labels", name]).and_then(Value::as_str))
            });
            found.map(SmolStr::new)
        };
        let of_namespace = |name: &str| {
            held.as_ref()
                .and_then(|held| held.at(&["metadata", "labels", name]))
                .and_then(Value::as_str)
                .map(SmolStr::new)
        };
        labels.environment = labels.environment.or_else(|| of_namespace("environment"));
        labels.service = labels.service.or_else(|| said(&["app.kubernetes.io/name", "app"]));
        labels.owner = labels.owner.or_else(|| said(&["owner", "team"]));
        labels
    }

    fn answer(&self, question: Question, request: &AdmissionRequest, labels: &Labels, deadline: Instant) -> Answer {
        let uid = request.text(&["uid"]);
        let id = match id::new(Timestamp::now()) {
            Ok(id) => id,
            Err(error) => return self.undecided(question, uid, error.to_string()),
        };
        let Some(in_force) = self.in_force() else {
            return self.undecided(question, uid, "no policies are loaded yet".to_owned());
        };
        let cluster = self.cluster.with_deadline(deadline);
        let images = in_force.images.as_ref().map(|known| known.until(deadline));
        let images = images.as_ref().map(|images| images as &dyn Images);
        let around = Surroundings { cluster: Some(&cluster), today: today(), labels, images };
        match question {
            Question::Validate(mode) => in_force.judge.validate(mode, request, id, &around),
            Question::Mutate(_) => in_force.judge.mutate(request, id, &around),
            Question::Exempt => match in_force.judge.exemptions().reason(request) {
                Some(reason) => Answer::passed(id, uid, Passed::Exempt(reason)),
                None => Answer::allowed(id, uid),
            },
        }
    }

    /// Keeps a decision; what cannot be kept is refused, or passes and is counted, as the fail mode says.
    fn kept(
        &self,
        question: Question,
        request: &AdmissionRequest,
        labels: Labels,
        (answer, content): (Answer, Option<Digest>),
        started: Instant,
        deadline: Instant,
    ) -> Answer {
        if request.is_dry_run() || !is_kept(question, &answer) {
            return answer;
        }
        let now = Timestamp::now();
        let body = entry::body(&entry::Decided {
            request,
            answer: &answer,
            content,
            labels,
            cluster: &self.cluster_name,
            replica: &self.replica,
            webhook: question.name(),
            took: started.elapsed(),
        });
        let Err(why) = self.queue.keep(now, body, deadline) else { return answer };
        // What is exempt passes in any case: the cluster is never locked out.
        let passes = question.fail_mode() == FailMode::Open || matches!(answer.passed, Some(Passed::Exempt(_)));
        let allowed = answer.allowed && passes;
        self.queue.missed(now, allowed, &why);
        self.figures.unkept(allowed);
        if allowed || !answer.allowed {
            return answer;
        }
        Answer::refused(answer.id, &answer.uid, format!("the decision cannot be kept: {why}"))
    }
}

/// Whether an answer is evidence: every verdict is, and of changes those that were made or failed.
fn is_kept(question: Question, answer: &Answer) -> bool {
    match question {
        Question::Validate(_) => answer.decision.is_some() || answer.passed.is_some() || answer.refused.is_some(),
        Question::Mutate(_) => !answer.allowed || !answer.patch.is_empty(),
        Question::Exempt => answer.passed.is_some(),
    }
}

impl Webhook for Gate {
    fn decide(&self, question: Question, review: &Review, deadline: Instant) -> Answer {
        let started = Instant::now();
        self.open.fetch_add(1, Ordering::Relaxed);
        let request = &review.request;
        let labels = self.labels(request.text(&["namespace"]), request.subject());
        let answer = self.answer(question, request, &labels, deadline);
        let content = (answer.allowed && question != Question::Mutate(question.fail_mode()))
            .then(|| let_in::content_of(request))
            .flatten();
        let answer = self.kept(question, request, labels, (answer, content), started, deadline);
        if answer.allowed && !request.is_dry_run() {
            self.let_in.remember(request, content);
        }
        self.figures.answered(question, &answer, started.elapsed());
        self.open.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    fn expect(&self) {
        self.queue.expect();
    }

    fn undecided(&self, question: Question, uid: &str, reason: String) -> Answer {
        let id = id::new(Timestamp::now()).unwrap_or_default();
        self.figures.undecided();
        let allowed = question.fail_mode() == FailMode::Open;
        self.queue.missed(Timestamp::now(), allowed, &reason);
        if allowed { Answer::passed(id, uid, Passed::FailOpen(reason)) } else { Answer::refused(id, uid, reason) }
    }

    fn ready(&self) -> Result<(), String> {
        // Policies are put in force when what they look at is known.
        self.in_force().map(drop).ok_or_else(|| "no policies are loaded yet".to_owned())
    }

    fn metrics(&self) -> String {
        self.figures.text(self.queue.waiting(), self.queue.written(), self.open.load(Ordering::Relaxed))
    }
}
