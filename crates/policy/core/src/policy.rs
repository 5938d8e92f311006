use jiff::civil::Date;
use probity_model::{
    CONTAINER_IMAGE, Metadata, NodeIndex, PolicyId, ResourceGraph, SmolStr, Span, Stage, Subject, WHOLE_PLAN,
};

use crate::cluster::{Cluster, Watched};
use crate::reach::{FailMode, Occasions, RequestRule};
use crate::request::AdmissionRequest;

/// What a policy may use beyond the subject itself. Gathered by the gate before it evaluates, and kept with the
/// decision, so that the same evaluation can be run again.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The subjects read together with this one, and which refer to which.
    pub graph: &'a ResourceGraph,
    /// The day of the evaluation: skips and waivers expire by it.
    pub today: Date,
    /// What is asked of an API server, when that is what is judged.
    pub request: Option<&'a AdmissionRequest>,
    /// The cluster that the subject is in, when there is one to ask.
    pub cluster: Option<&'a dyn Cluster>,
}

impl<'a> Facts<'a> {
    /// The facts of subjects that were read from files.
    pub fn of_files(graph: &'a ResourceGraph, today: Date) -> Self {
        Self { graph, today, request: None, cluster: None }
    }
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (request, has_cluster) = (&self.request, self.cluster.is_some());
        f.debug_struct("Facts")
            .field("today", &self.today)
            .field("request", request)
            .field("cluster", &has_cluster)
            .finish()
    }
}

/// Which resource types a policy judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeSelector {
    /// Every resource.
    All,
    /// This type.
    Exact(SmolStr),
    /// Types that start so.
    Prefix(SmolStr),
}

impl TypeSelector {
    /// Whether it selects this type.
    pub fn matches(&self, resource_type: &str) -> bool {
        match self {
            // Secrets, plans and images are no resources: what is asked of everything is not asked of them.
            Self::All => {
                !resource_type.starts_with("secret.") && ![WHOLE_PLAN, CONTAINER_IMAGE].contains(&resource_type)
            }
            Self::Exact(exact) => exact == resource_type,
            Self::Prefix(prefix) => resource_type.starts_with(prefix.as_str()),
        }
    }
}

/// How a policy came out on a subject, before waivers, skips and stages are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail {
        /// What was found, in words.
        message: String,
        /// The place to look at, when it is closer than the subject.
        span: Option<Span>,
    },
    /// It does not hold, and the policies themselves except the subject.
    Excepted {
        /// What was found, in words.
        message: String,
        /// Which exception it is.
        reason: String,
    },
    /// It cannot be decided yet.
    Unknown {
        /// What it waits for.
        message: String,
        /// Where that stands.
        span: Option<Span>,
    },
    /// The policy itself failed.
    Error {
        /// How.
        message: String,
    },
}

/// What a policy needs to look at to judge a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The subject, and through the facts those it is connected with.
    Subject,
    /// All subjects at once: [`Policy::judge_graph`] is called once for a graph instead of [`Policy::judge`]. Where there
    /// is a cluster to ask for the others, [`Policy::judge`] is called.
    Graph,
}

/// One requirement, compiled.
pub trait Policy: Send + Sync {
    /// Its identifier. Asked of every policy of a set, unlike the metadata, which a policy may read only when asked.
    fn id(&self) -> &PolicyId {
        &self.metadata().id
    }

    /// What is known of it besides the rule.
    fn metadata(&self) -> &Metadata;

    /// The resource types it judges.
    fn types(&self) -> &[TypeSelector];

    /// What it looks at.
    fn scope(&self) -> Scope {
        Scope::Subject
    }

    /// The highest stage it may be at, whatever is configured: a policy that is written to warn does not deny.
    fn most(&self) -> Stage {
        Stage::Enforce
    }

    /// Whether a waiver may cover its findings.
    fn can_be_waived(&self) -> bool {
        true
    }

    /// The requests to an API server that it is about.
    fn requests(&self) -> Vec<RequestRule> {
        RequestRule::of_types(self.types())
    }

    /// What it means for a request that the policy fails itself.
    fn fail_mode(&self) -> FailMode {
        FailMode::Closed
    }

    /// Where in a cluster it is asked.
    fn occasions(&self) -> Occasions {
        Occasions::default()
    }

    /// Whether it looks at the objects that the subject is connected with in `facts.graph`: a gate that judges one object
    /// puts those it watches around it.
    fn connects(&self) -> bool {
        false
    }

    /// The objects it looks at besides, to be watched before it is asked.
    fn watches(&self) -> Vec<Watched> {
        Vec::new()
    }

    /// Judges one subject of its types. `index` is the subject's position in `facts.graph`. A policy that can fail in
    /// several ways pushes a verdict for each; one that pushes nothing does not apply.
    fn judge(&self, subject: &Subject, index: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>);

    /// Judges all subjects at once; only called for [`Scope::Graph`].
    fn judge_graph(&self, _facts: &Facts<'_>) -> Vec<(NodeIndex, Verdict)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_everything_is_asked_of_resources_only() {
        let exact = TypeSelector::Exact(WHOLE_PLAN.into());
        let cases =
            [("aws_s3_bucket", true), ("secret.password", false), (WHOLE_PLAN, false), (CONTAINER_IMAGE, false)];
        for (resource_type, is_resource) in cases {
            assert_eq!(TypeSelector::All.matches(resource_type), is_resource, "{resource_type}");
            assert_eq!(exact.matches(resource_type), resource_type == WHOLE_PLAN);
        }
    }
}
