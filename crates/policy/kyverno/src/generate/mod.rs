//! `generate`: the resources that a rule makes (Kyverno, `pkg/background/generate`).

mod labels;
mod read;
mod run;

use crate::condition::Conditions;
use crate::entry::Entry;
use crate::query::Query;
use crate::template::Template;

/// What a rule makes.
#[derive(Debug, Clone)]
pub struct Generate {
    /// What is made follows what it is made of: changes of it are undone, and it goes when its trigger does.
    pub synchronize: bool,
    /// What was made stays when the policy goes.
    pub orphan_downstream: bool,
    /// Rules are also run for triggers that were there before the policy.
    pub generate_existing: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    One(Pattern),
    ForEach(Vec<ForEach>),
}

/// Something that is made.
#[derive(Debug, Clone)]
struct Pattern {
    /// `apiVersion`, `kind`, `namespace`, `name` and one of `data`, `clone` and `cloneList`.
    template: Template,
}

/// Something that is made for every element of a list.
#[derive(Debug, Clone)]
struct ForEach {
    list: Query,
    context: Vec<Entry>,
    preconditions: Option<Conditions>,
    pattern: Pattern,
}
