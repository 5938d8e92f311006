//! Rego modules with `deny`, `violation` and `warn` rules, as policies: what Conftest runs, unmodified.
//!
//! A rule's name may go on after `_`, as in `deny_root`. What rules of one name find is one policy, unless a `# METADATA`
//! block gives some of them an id or a title of their own. Rules judge documents: Kubernetes objects, and files as Conftest
//! reads them. With `custom.types` in its metadata a rule judges resources of these types instead, such as
//! `aws_s3_bucket`, and its input is the evaluated resource. `data.probity` has the subject's names, and the resources that it
//! is connected with.

mod metadata;
mod policy;
mod read;
#[cfg(test)]
mod tests;

pub use policy::ConftestPolicy;
pub use read::{COMBINED, Options, Policies, ReadError, read};
