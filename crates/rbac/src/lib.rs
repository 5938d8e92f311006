//! RBAC of Kubernetes, looked at from both sides: the rights that subjects are given, and those that they use.
//!
//! [`Rights`] holds roles and bindings and answers as the API server's authorizer does. [`Use`] takes the events of an audit log.
//! What is given and not used is [`excess`]; [`propose`] makes the roles that would be enough, and [`Replay`] asks a log of other
//! roles. [`escalations`] says what rights lead to, [`widening`] and [`Rights::change`] who gained some.
//!
//! Nothing here asks a cluster: objects are given as [`Object`]s, events as lines.
//!
//! # What a log does not show
//!
//! Only requests to the API server are in its audit log, and of them what the audit policy keeps. Verbs that admission plugins and
//! other programs ask for (`use`, `approve`, `sign`, `attest`, verbs of one's own), `finalizers` and the parts of a node that the
//! kubelet asks for are not; such rights are told apart as unseen, and are neither used nor excess. `bind` and `escalate` are told
//! from the roles and bindings that were written.

mod cells;
mod escalation;
mod event;
mod excess;
mod giving;
mod kept;
mod needs;
mod object;
mod power;
mod proposal;
mod replay;
mod rights;
mod rule;
mod subject;
mod usage;
mod visible;
mod widening;

pub use cells::Names;
pub use escalation::{Escalation, Reach, Step, escalations, escalations_of};
pub use excess::{Excess, ExcessReport, MissingRole, RuleExcess, excess, excess_of};
pub use object::{Binding, BindingKey, Object, ObjectKey, Role, RoleKey, read_objects};
pub use power::{Held, Power};
pub use proposal::{Options, Proposal, propose};
pub use replay::{Counts, Denied, Replay};
pub use rights::{Grant, MASTERS, Rights, Scope};
pub use rule::{Request, Rule, uncovered};
pub use subject::{Identity, ParseSubjectError, Subject};
pub use usage::{EventError, Use, UseBySubject, Used, Window};
pub use widening::{Change, Widening, widening};
