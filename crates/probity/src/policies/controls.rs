//! Controls that policies name, held against the frameworks that are known.

use probity_controls::Frameworks;
use probity_model::node::Node;
use probity_model::{ControlId, Metadata, Problem, Span};

/// What is wrong with a control that is in no framework: the words, and advice.
fn unknown(control: &ControlId) -> Option<(String, Option<String>)> {
    let frameworks = Frameworks::builtin();
    if frameworks.requirement(control).is_some() {
        return None;
    }
    Some(match frameworks.get(&control.framework) {
        Some(_) => (
            format!("`{control}` is no requirement of that framework"),
            Some(format!("`probity controls --framework {}` shows them", control.framework)),
        ),
        None => (format!("there is no framework `{}`", control.framework), None),
    })
}

fn problem((message, help): (String, Option<String>), span: Option<Span>) -> Problem {
    let problem = Problem::new(message, span);
    match help {
        Some(help) => problem.with_help(help),
        None => problem,
    }
}

/// What is wrong with an entry of a `controls` list.
pub(super) fn unknown_in_link(link: Node<'_>) -> Option<Problem> {
    let node = link.mapping().ok()?.optional("control")?;
    let control: ControlId = node.parse().ok()?;
    unknown(&control).map(|found| problem(found, node.span))
}

/// What is wrong with the controls of a policy that stands at `span`.
pub(super) fn unknown_in(metadata: &Metadata, span: Option<Span>) -> Vec<Problem> {
    let links = metadata.controls.iter();
    links.filter_map(|link| unknown(&link.control)).map(|found| problem(found, span)).collect()
}
