//! The syntax of Terraform: that of HCL, in files of either form.

pub(super) mod json;

use probity_model::{Problem, SourceId};

pub(super) use probity_hcl::{
    Attribute, Binary, Block, Body, Call, Expression, For, Kind, Part, Step, Unary, expression, nowhere, template,
};

/// What a configuration has at its top.
const TOP: &[&str] = &[
    "check",
    "data",
    "ephemeral",
    "import",
    "locals",
    "module",
    "moved",
    "output",
    "provider",
    "removed",
    "resource",
    "terraform",
    "variable",
];

/// Parses a file. What cannot be parsed is a problem, and what follows it is still read.
pub(super) fn body(text: &str, source: SourceId) -> (Body, Vec<Problem>) {
    let (body, problems) = probity_hcl::body(text, source, TOP);
    let told = |problem: Problem| {
        let message = format!("not valid Terraform: {}", problem.message);
        Problem { message, ..problem }
            .with_help("this block is not judged before it is mended; the others of the file are")
    };
    (body, problems.into_iter().map(told).collect())
}
