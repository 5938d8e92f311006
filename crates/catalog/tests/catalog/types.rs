//! Which resource types exist.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use probity_model::node::{Node, closest};
use probity_model::{CONTAINER_IMAGE, Problem, Value};

static TERRAFORM: LazyLock<BTreeSet<&str>> = LazyLock::new(|| lines(include_str!("terraform-types.txt")));
static CLOUDFORMATION: LazyLock<BTreeSet<&str>> = LazyLock::new(|| lines(include_str!("cloudformation-types.txt")));
static KUBERNETES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| lines(include_str!("kubernetes-kinds.txt")));

fn lines(text: &'static str) -> BTreeSet<&'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Types under `types` and `connected`, at any depth of a binding, that select nothing that exists.
pub(crate) fn unknown(binding: Node<'_>, problems: &mut Vec<Problem>) {
    match binding.value {
        Value::Object(object) => {
            for (key, value, span) in object.iter_spanned() {
                let node = Node::root(value, span);
                match key.as_str() {
                    "types" | "connected" => {
                        problems.extend(node.list_or_one().into_iter().flatten().filter_map(unknown_type));
                    }
                    "examples" => {}
                    _ => unknown(node, problems),
                }
            }
        }
        Value::Array(_) => binding.list().into_iter().flatten().for_each(|node| unknown(node, problems)),
        _ => {}
    }
}

fn unknown_type(node: Node<'_>) -> Option<Problem> {
    let name = node.value.as_str()?;
    let known = match name.strip_suffix('*') {
        Some(prefix) => begins(&TERRAFORM, prefix) || begins(&CLOUDFORMATION, prefix) || begins(&KUBERNETES, prefix),
        None => is_known(name),
    };
    if known {
        return None;
    }
    let all: Vec<&str> = TERRAFORM.iter().chain(CLOUDFORMATION.iter()).chain(KUBERNETES.iter()).copied().collect();
    let problem = node.problem(format!("no resource has the type `{name}`"));
    Some(match closest(name, &all) {
        Some(near) => problem.with_help(format!("did you mean `{near}`? if it is new, add it to tests/catalog/*.txt")),
        None => problem.with_help("if it is new, add it to tests/catalog/*.txt"),
    })
}

fn is_known(name: &str) -> bool {
    let provider = |name: &str| begins(&TERRAFORM, &format!("{name}_"));
    matches!(
        name,
        "dockerfile" | CONTAINER_IMAGE | "module" | "github.workflow" | "github.job" | "github.step" | "github.action"
    ) || name.strip_prefix("provider.").is_some_and(provider)
        || TERRAFORM.contains(name)
        || CLOUDFORMATION.contains(name)
        || KUBERNETES.contains(name)
}

fn begins(names: &BTreeSet<&'static str>, prefix: &str) -> bool {
    !prefix.is_empty() && names.iter().any(|name| name.starts_with(prefix))
}
