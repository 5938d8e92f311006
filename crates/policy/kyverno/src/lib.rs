//! Kyverno: `ClusterPolicy` and `Policy`, and the CEL kinds of policies.kyverno.io, as they are.
//!
//! A policy is read once ([`Policy::read`]): its expressions are parsed, its patterns compiled, and the rules on what
//! makes pods generated. [`Policy::validate`] then judges a [`Request`], and gives a [`RuleResponse`] for each rule that
//! applies. What everything means is what Kyverno 1.19 does; its Go source is the specification.

mod acting;
mod anchor;
mod assertion;
mod autogen;
pub mod cel;
mod condition;
mod context;
mod documents;
mod engine;
mod entry;
mod exception;
mod generate;
mod gofmt;
mod host;
mod image;
pub mod images;
mod live;
mod matching;
mod mutate;
pub mod object;
mod pattern;
mod pointer;
mod policy;
mod query;
mod read;
mod reference;
mod request;
mod response;
mod rule;
mod scan;
mod set;
mod template;
pub mod testing;

pub use acting::judges_nothing;
pub use anchor::Anchor;
pub use assertion::Assertion;
pub use condition::{Condition, Conditions, Outcome};
pub use context::{Context, Mark};
pub use documents::{is_kyverno, read, read_mutator};
pub use engine::Surroundings;
pub use entry::Entry;
pub use exception::{PolicyException, is_exception};
pub use generate::Generate;
pub use host::{Answer, ApiCall, Host, HostError, Offline, Outside};
pub use live::KyvernoMutator;
pub use mutate::Mutate;
pub use pattern::{Mismatch, Pattern};
pub use policy::{Policy, Spec, is_policy};
pub use query::{Query, QueryError};
pub use request::{Operation, Request, UserInfo};
pub use response::{PatchedTarget, Response, RuleResponse, RuleType, Status};
pub use rule::{
    Body, Cel, Check, FailureAction, ForEach, ImageVerification, Override, PodSecurity, Rule, Section, Validate,
};
pub use scan::RulePolicy;
pub use set::Policies;
pub use template::{SubstituteError, Template, TemplateError, has_variable};
