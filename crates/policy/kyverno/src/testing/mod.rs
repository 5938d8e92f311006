//! Kyverno's tests (`kyverno-test.yaml`), run and judged as its command line does, and what `probity apply` shares with
//! them: reading policies, resources and values from files, and applying the ones to the others.

mod apply;
mod compare;
mod files;
mod judge;
mod load;
mod run;
mod suite;
mod user;
mod values;
mod world;

pub use apply::{Applied, Bench, CloneSource, PolicyName};
pub use files::{FileProblem, Scopes, resource};
pub use judge::{Row, Verdict};
pub use load::{BadPolicy, Placed, Policies, read_payload, read_resources, read_user_file, read_values};
pub use run::{ResultReport, TestReport, run, run_asking};
pub use suite::{Expected, Test, is_test};
pub use user::read_user;
pub use values::Values;
pub use world::{ApiAnswer, World};
