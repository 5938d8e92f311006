//! Sentinel, `HashiCorp`'s policy language, over model values: written from its public specification.
//!
//! A [`Policy`] is a file, read. An [`Evaluation`] gives it what it imports, its parameters and globals, what it may have
//! from outside ([`Host`]) and its bounds ([`Limits`]); running it gives an [`Outcome`] with the value of `main`, the
//! rules that were evaluated with the conditions in them, and, of what is undefined, where that arose.
//!
//! ```
//! use probity_model::{Sources, Value};
//! use probity_policy_sentinel::{Evaluation, Import, Policy, Verdict};
//!
//! let sources = Sources::default();
//! let text = "import \"tfplan/v2\" as tfplan\nmain = rule { tfplan.resources contains \"aws_vpc.main\" }";
//! let policy = Policy::parse(&sources, sources.add("vpc.sentinel", text)).unwrap();
//! let plan = Value::object([("resources", Value::array(["aws_vpc.main".into()]))]);
//! let outcome = Evaluation::new(&policy).with_import("tfplan/v2", Import::Data(plan)).run().unwrap();
//! assert_eq!(outcome.verdict, Verdict::Pass);
//! ```

mod builtins;
pub mod config;
mod eval;
mod evaluation;
mod host;
mod imports;
mod judge;
pub mod metadata;
mod outcome;
mod policy;
pub mod set;
mod syntax;
pub mod terraform;
pub mod testing;
mod value;

pub use eval::Limits;
pub use evaluation::{Evaluation, Import};
pub use host::{Host, HttpRequest, HttpResponse, Nothing};
pub use judge::{EvaluateError, Plans, Reason, SentinelPolicy};
pub use outcome::{Condition, Datum, Failure, Outcome, RuleTrace, Trace, Undefined, Verdict};
pub use policy::{Policy, Problems};
