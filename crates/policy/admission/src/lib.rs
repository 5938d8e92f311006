//! `ValidatingAdmissionPolicy` and `MutatingAdmissionPolicy`, as Kubernetes evaluates them.
//!
//! A policy says what must hold, or what is changed, in CEL; a binding says where it is applied, with which parameters,
//! and what its failures do. What everything means is what the API server does (`pkg/admission/plugin/policy` of
//! `k8s.io/apiserver` 1.36). The parts that policies of other tools share with these are public.

mod about;
mod admit;
mod apply;
mod attributes;
mod binding;
mod conditions;
mod environment;
mod expression;
mod head;
mod host;
mod matching;
mod mutating;
mod mutation;
mod mutator;
mod object;
mod params;
mod policy;
mod read;
mod validating;

pub use admit::{Answer, Changed, Failure, Trouble};
pub use apply::{Atomics, apply_configuration};
pub use attributes::{Attributes, GroupVersionResource, Matched, Operation, namespace_in};
pub use binding::{Action, Binding, read_actions};
pub use conditions::{Conditions, FailurePolicy};
pub use environment::{Names, environment, namespace_type, patches, request_type};
pub use expression::{Compiler, Context, Expression, Variables, input};
pub use head::Head;
pub use host::{ClusterAuthorizer, Host};
pub use matching::MatchResources;
pub use mutating::{Mutated, MutatingPolicy};
pub use mutation::Mutation;
pub use mutator::{AdmissionMutator, can_be_mutated, read_mutator};
pub use object::problem_of;
pub use policy::AdmissionPolicy;
pub use read::{Set, is_admission_policy, is_mutating, read, read_set};
pub use validating::{Decision, Evaluated, Rules, ValidatingPolicy, Validation, Verdict};
#[cfg(test)]
mod tests;
