//! What `# METADATA` blocks say of a rule.

use probity_model::value::{SmolStr, Value};
use probity_model::{CONTAINER_IMAGE, Category, ControlLink, Metadata, PolicyId, Problem, Severity, Span};
use probity_policy_core::{TypeSelector, annotation};
use probity_policy_rego::annotations::{Annotations, Scope, Target};
use probity_policy_rego::ast::{Module, Term};

use crate::policy::Input;
use crate::read::Asked;

/// The name of the language in metadata.
const LANGUAGE: &str = "rego";

/// What is known of the policy that a rule belongs to.
pub(crate) struct Described {
    pub(crate) metadata: Metadata,
    pub(crate) span: Span,
    pub(crate) input: Input,
    pub(crate) types: Vec<TypeSelector>,
}

/// The package without `data`.
pub(crate) fn namespace(module: &Module) -> String {
    package(module).join(".")
}

fn package(module: &Module) -> Vec<&str> {
    module.package[1..].iter().filter_map(Term::as_str).collect()
}

/// Reads what is said of a rule: by its own block, by that of its document, of its package and of those above. Of what is
/// said more than once the nearest counts.
pub(crate) fn describe(rule: &Asked, modules: &[Module]) -> Result<Described, Problem> {
    let module = &modules[rule.module];
    let blocks = blocks(rule, modules);
    let own_title = blocks
        .iter()
        .find(|block| matches!(block.scope, Scope::Rule | Scope::Document))
        .map(|block| block.title.trim())
        .filter(|title| !title.is_empty());
    let span = blocks.first().map_or(module.rules[rule.rule].span, |block| block.span);
    let said = Said(&blocks);
    let name = format!("{}.{}", rule.namespace, rule.name);
    let id = match (said.text("id")?, own_title) {
        (Some(id), _) => id,
        (None, Some(title)) => format!("{name}.{}", slug(title)),
        (None, None) => name.clone(),
    };
    let title = said.first(|block| block.title.trim()).or(said.text("title")?);
    let severity = match said.text("severity")? {
        Some(word) => annotation::severity(&word).map_err(|message| said.problem("severity", message))?,
        None if rule.name.starts_with("warn") => Severity::Low,
        None => Severity::Medium,
    };
    let category = match said.text("category")? {
        Some(word) => word.parse().map_err(|message: String| said.problem("category", message))?,
        None => Category::General,
    };
    let metadata = Metadata {
        id: PolicyId::from(id.as_str()),
        title: title.unwrap_or(name),
        severity,
        category,
        why: said.first(|block| block.description.trim()).unwrap_or_default(),
        fix: fix(said)?,
        aliases: said.strings("aliases")?,
        controls: controls(said)?,
        language: LANGUAGE,
        builtin: false,
    };
    let types = said.strings("types")?;
    let (input, types) = if types.is_empty() {
        judged(said, &rule.namespace)?
    } else {
        (Input::Resources, types.iter().map(|name| read_type(name)).collect())
    };
    Ok(Described { metadata, span, input, types })
}

/// What a rule judges that names no types: documents, unless its selector or its package says that it is images.
fn judged(said: Said<'_>, namespace: &str) -> Result<(Input, Vec<TypeSelector>), Problem> {
    let image = || TypeSelector::Exact(CONTAINER_IMAGE.into());
    let is_of_images = namespace.split('.').next() == Some(IMAGE);
    Ok(match selector(said)? {
        None if is_of_images => (Input::Resources, vec![image()]),
        None => (Input::Documents(Vec::new()), vec![TypeSelector::All]),
        Some(Input::Documents(kinds)) if kinds.iter().all(|kind| kind == IMAGE) => (Input::Resources, vec![image()]),
        Some(Input::Documents(kinds)) if kinds.iter().any(|kind| kind == IMAGE) => {
            (Input::Documents(kinds), vec![TypeSelector::All, image()])
        }
        Some(input) => (input, vec![TypeSelector::All]),
    })
}

/// The blocks that speak of a rule, the nearest first.
fn blocks<'m>(rule: &Asked, modules: &'m [Module]) -> Vec<&'m Annotations> {
    let module = &modules[rule.module];
    let own = |block: &&Annotations| block.scope == Scope::Rule && block.target == Target::Rule(rule.rule);
    let mut found: Vec<&Annotations> = module.annotations.iter().filter(own).collect();
    found.reverse();
    let path = package(module);
    let all = || modules.iter().flat_map(|module| module.annotations.iter().map(move |block| (module, block)));
    found.extend(all().filter(|(other, block)| is_document(other, block, &path, &rule.name)).map(|(_, block)| block));
    found.extend(
        all().filter(|(other, block)| block.scope == Scope::Package && package(other) == path).map(|(_, block)| block),
    );
    let mut above: Vec<(usize, &Annotations)> = all()
        .filter(|(other, block)| block.scope == Scope::Subpackages && path.starts_with(&package(other)))
        .map(|(other, block)| (other.package.len(), block))
        .collect();
    above.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    found.extend(above.into_iter().map(|(_, block)| block));
    found
}

fn is_document(module: &Module, block: &Annotations, path: &[&str], name: &str) -> bool {
    let Target::Rule(at) = block.target else { return false };
    block.scope == Scope::Document && package(module) == path && module.rules[at].head.name() == name
}

/// What the blocks say together.
#[derive(Clone, Copy)]
struct Said<'b>(&'b [&'b Annotations]);

impl<'b> Said<'b> {
    fn first(self, text: impl Fn(&'b Annotations) -> &'b str) -> Option<String> {
        self.0.iter().map(|block| text(block)).find(|text| !text.is_empty()).map(str::to_owned)
    }

    fn custom(self, name: &str) -> Option<&'b Value> {
        self.0.iter().find_map(|block| block.custom.as_ref()?.get(name))
    }

    fn problem(self, name: &str, message: impl std::fmt::Display) -> Problem {
        let said = |block: &&&Annotations| block.custom.as_ref().is_some_and(|custom| custom.get(name).is_some());
        let block = self.0.iter().find(said).or(self.0.first());
        Problem::new(format!("custom.{name}: {message}"), block.map(|block| block.span))
    }

    fn text(self, name: &str) -> Result<Option<String>, Problem> {
        match self.custom(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(other) => Err(self.problem(name, format!("a text is wanted, not {}", other.kind()))),
        }
    }

    fn strings(self, name: &str) -> Result<Vec<SmolStr>, Problem> {
        let strings = self.custom(name).map(annotation::strings).transpose();
        Ok(strings.map_err(|message| self.problem(name, message))?.unwrap_or_default())
    }
}

/// What to change, and where to read on.
fn fix(said: Said<'_>) -> Result<String, Problem> {
    let mut lines = Vec::new();
    for name in ["fix", "recommended_action", "recommended_actions"] {
        lines.extend(said.text(name)?);
    }
    let resources = said.0.iter().map(|block| &block.related_resources).find(|list| !list.is_empty());
    for resource in resources.into_iter().flatten() {
        lines.push(match resource.description.as_str() {
            "" => format!("See {}", resource.reference),
            description => format!("See {} ({description})", resource.reference),
        });
    }
    Ok(lines.join("\n"))
}

fn controls(said: Said<'_>) -> Result<Vec<ControlLink>, Problem> {
    let said_controls = said.custom("controls").map(annotation::controls).transpose();
    Ok(said_controls.map_err(|message| said.problem("controls", message))?.unwrap_or_default())
}

fn read_type(name: &str) -> TypeSelector {
    match name.strip_suffix('*') {
        Some("") => TypeSelector::All,
        Some(prefix) => TypeSelector::Prefix(prefix.into()),
        None => TypeSelector::Exact(name.into()),
    }
}

/// Images, as selectors and packages call them.
pub(crate) const IMAGE: &str = "image";

/// Trivy's checks say in `custom.input.selector` what they judge; `None` when it is not said.
fn selector(said: Said<'_>) -> Result<Option<Input>, Problem> {
    let Some(selectors) = said.custom("input").and_then(|input| input.get("selector")) else { return Ok(None) };
    let Value::Array(selectors) = selectors else { return Err(said.problem("input", "`selector` must be a list")) };
    let kinds: Vec<SmolStr> =
        selectors.iter().filter_map(|selector| selector.get("type")?.as_str().map(SmolStr::new)).collect();
    let known = |kind: &SmolStr| ["kubernetes", "yaml", "json", "toml", IMAGE].contains(&kind.as_str());
    Ok(match kinds.iter().find(|kind| !known(kind)) {
        Some(other) if !kinds.iter().any(known) => Some(Input::Unread(other.clone())),
        _ if kinds.is_empty() => None,
        _ => Some(Input::Documents(kinds.into_iter().filter(known).collect())),
    })
}

/// A title as a part of an id.
fn slug(title: &str) -> String {
    let words: String =
        title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    words.split_whitespace().collect::<Vec<_>>().join("-")
}
