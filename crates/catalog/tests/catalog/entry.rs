//! One policy of the catalog: its fields, its controls, its bindings.

use std::collections::HashSet;

use probity_catalog::Format;
use probity_controls::{Frameworks, Requirement, Resolution, Technical};
use probity_model::node::{Mapping, Node};
use probity_model::value::{Array, Object};
use probity_model::{Category, ControlId, Problem, Severity, Sources, Strength, Value};
use probity_policy_graph::GraphPolicy;

use crate::{example, types};

const FIELDS: [&str; 9] = ["id", "title", "severity", "category", "why", "fix", "aliases", "controls", "bindings"];

/// Longest title, in characters: a finding's first line.
const MAX_TITLE: usize = 90;

/// What folders call a provider, and what ids do.
const PROVIDERS: [(&str, &str); 24] = [
    ("aws", "AWS"),
    ("azure", "AZURE"),
    ("google", "GOOGLE"),
    ("github", "GITHUB"),
    ("gitlab", "GITLAB"),
    ("bridgecrew", "BRIDGECREW"),
    ("alicloud", "ALICLOUD"),
    ("cloudstack", "CLOUDSTACK"),
    ("digitalocean", "DIGITALOCEAN"),
    ("ibm", "IBM"),
    ("linode", "LINODE"),
    ("ncp", "NCP"),
    ("nifcloud", "NIFCLOUD"),
    ("oci", "OCI"),
    ("openstack", "OPENSTACK"),
    ("panos", "PANOS"),
    ("tencentcloud", "TENCENTCLOUD"),
    ("yandex", "YANDEX"),
    ("terraform", "TF"),
    ("kubernetes", "K8S"),
    ("dockerfile", "DOCKER"),
    ("image", "IMAGE"),
    ("secrets", "SECRET"),
    ("github-actions", "GHA"),
];

/// Everything that is wrong with a policy.
pub(crate) fn problems(provider: &str, policy: Node<'_>, sources: &Sources) -> Vec<Problem> {
    let fields = match policy.mapping() {
        Ok(fields) => fields,
        Err(problem) => return vec![problem],
    };
    let mut problems: Vec<Problem> = [
        fields.only(&FIELDS),
        id(provider, &fields),
        title(&fields),
        fields.required("severity").and_then(Node::parse::<Severity>).map(drop),
        category(&fields),
        words(&fields, "why"),
        words(&fields, "fix"),
        aliases(&fields),
    ]
    .into_iter()
    .filter_map(Result::err)
    .collect();
    controls(&fields, &mut problems);
    bindings(policy, &fields, sources, &mut problems);
    problems
}

/// A text that says something.
pub(crate) fn words(fields: &Mapping<'_>, name: &str) -> Result<(), Problem> {
    let node = fields.required(name)?;
    if node.string()?.trim().is_empty() { Err(node.problem(format!("`{name}` is empty"))) } else { Ok(()) }
}

fn id(provider: &str, fields: &Mapping<'_>) -> Result<(), Problem> {
    let node = fields.required("id")?;
    let Some((_, word)) = PROVIDERS.iter().find(|(folder, _)| *folder == provider) else {
        return Err(node.problem(format!("no provider has the folder `{provider}`")));
    };
    let is_word =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let is_number = |part: &str| part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    match node.string()?.split('-').collect::<Vec<_>>().as_slice() {
        ["PRB", named, services @ .., number] if named == word && services.iter().all(is_word) && is_number(number) => {
            Ok(())
        }
        _ => Err(node.problem(format!("an id in this folder is PRB-{word}-SERVICE-001"))),
    }
}

fn title(fields: &Mapping<'_>) -> Result<(), Problem> {
    words(fields, "title")?;
    let node = fields.required("title")?;
    match node.string()?.trim().chars().count() {
        0..=MAX_TITLE => Ok(()),
        length => Err(node.problem(format!("a title of {length} characters; shorten it to {MAX_TITLE}"))),
    }
}

fn category(fields: &Mapping<'_>) -> Result<(), Problem> {
    let node = fields.required("category")?;
    match node.parse()? {
        Category::General => Err(node.problem("a built-in policy has a category of its own, not `general`")),
        _ => Ok(()),
    }
}

fn aliases(fields: &Mapping<'_>) -> Result<(), Problem> {
    let mut seen = HashSet::new();
    for alias in fields.required("aliases")?.list()? {
        if !seen.insert(alias.string()?) {
            return Err(alias.problem(format!("`{}` stands here twice", alias.string()?)));
        }
    }
    Ok(())
}

fn controls(fields: &Mapping<'_>, problems: &mut Vec<Problem>) {
    let links = match fields.required("controls").and_then(Node::list) {
        Ok(links) => links,
        Err(problem) => return problems.push(problem),
    };
    if links.is_empty() {
        problems.push(fields.problem("a built-in policy serves at least one control"));
    }
    let mut seen = HashSet::new();
    for link in links {
        match control(link) {
            Ok(control) if seen.contains(&control) => {
                problems.push(link.problem(format!("`{control}` stands here twice")));
            }
            Ok(control) => drop(seen.insert(control)),
            Err(problem) => problems.push(problem),
        }
    }
}

fn control(link: Node<'_>) -> Result<ControlId, Problem> {
    let fields = link.mapping()?;
    fields.only(&["control", "serves", "why"])?;
    let serves = fields.required("serves")?;
    let strength: Strength = serves.parse()?;
    words(&fields, "why")?;
    let node = fields.required("control")?;
    let control: ControlId = node.parse()?;
    match Frameworks::builtin().resolve(&control.framework, &control.requirement) {
        Some(Resolution::Current(requirement)) if strength > strongest(requirement) => {
            let can = requirement.technical;
            Err(serves.problem(format!("what software can check of `{control}`: {can}; `{strength}` says more")))
        }
        Some(Resolution::Current(_)) => Ok(control),
        Some(Resolution::Retired(retired)) => {
            let now: Vec<String> = retired.iter().flat_map(|retired| &retired.now).map(ToString::to_string).collect();
            let versions: Vec<&str> = retired.iter().map(|retired| retired.version.as_str()).collect();
            let problem = node.problem(format!("`{control}` is an id of version {}", versions.join(", ")));
            Err(problem.with_help(format!("now: {}", now.join(", "))))
        }
        Some(Resolution::Unknown { closest }) => {
            let problem = node.problem(format!("there is no control `{control}`"));
            Err(match closest {
                Some(near) => problem.with_help(format!("did you mean `{}:{near}`?", control.framework)),
                None => problem,
            })
        }
        None => Err(node.problem(format!("there is no framework `{}`", control.framework))),
    }
}

/// How strongly a policy can answer for a requirement: not for what only people can judge.
fn strongest(requirement: &Requirement) -> Strength {
    match requirement.technical {
        Technical::Fully => Strength::Fully,
        Technical::Partly => Strength::Partly,
        Technical::No => Strength::Supports,
    }
}

fn bindings(policy: Node<'_>, fields: &Mapping<'_>, sources: &Sources, problems: &mut Vec<Problem>) {
    let bindings = match fields.required("bindings").and_then(Node::list) {
        Ok(bindings) => bindings,
        Err(problem) => return problems.push(problem),
    };
    if bindings.is_empty() {
        problems.push(fields.problem("no binding: the policy would judge nothing"));
    }
    for binding in bindings {
        types::unknown(binding, problems);
        let format = format(binding).map_err(|problem| problems.push(problem)).ok();
        match compile(policy, binding) {
            Ok(compiled) => example::check(&compiled, binding, format, sources, problems),
            Err(found) => problems.extend(found),
        }
    }
}

/// The format of the binding's examples; its types must agree on it.
fn format(binding: Node<'_>) -> Result<Format, Problem> {
    let fields = binding.mapping()?;
    if fields.optional("secret").is_some() {
        return Ok(Format::Text);
    }
    let types = fields.required("types")?;
    let mut formats = types.list_or_one()?.into_iter().map(|node| node.string().map(Format::of_type));
    let first = formats.next().ok_or_else(|| types.problem("no resource type: the rule would judge nothing"))??;
    for format in formats {
        if format? != first {
            return Err(types.problem("types of different formats").with_help("give each format a binding of its own"));
        }
    }
    Ok(first)
}

/// The policy with this binding alone, so that what its examples show is this binding's doing.
fn compile(policy: Node<'_>, binding: Node<'_>) -> Result<GraphPolicy, Vec<Problem>> {
    let list = |node: Node<'_>| match node.span {
        Some(span) => Value::Array(Array::with_spans(vec![node.value.clone()], vec![span])),
        None => Value::array([node.value.clone()]),
    };
    let entries = policy.value.as_object().into_iter().flat_map(Object::iter_spanned);
    let alone = entries
        .filter_map(|(key, value, span)| {
            let value = if key.as_str() == "bindings" { list(binding) } else { value.clone() };
            Some((key.clone(), value, span?))
        })
        .collect();
    let alone = Value::Object(Object::with_spans(alone));
    let file = Value::object([("service", "one".into()), ("policies", list(Node { value: &alone, ..policy }))]);
    let mut compiled = probity_policy_graph::read_catalog_file(Node::root(&file, policy.span), true)?;
    compiled.pop().ok_or_else(|| vec![policy.problem("no policy")])
}
