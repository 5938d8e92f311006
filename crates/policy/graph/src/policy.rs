//! Policies of the catalog form.

use probity_model::{
    Category, ControlLink, Metadata, NodeIndex, PolicyId, Problem, Severity, SmolStr, Span, Subject, Value, node::Node,
};
use probity_policy_core::{Facts, Policy, RequestRule, TypeSelector, Verdict, Watched};
use probity_secrets::{kind, subject::resource_type};

use crate::path::Context;
use crate::reach::{is_written, requests_for, watched};
use crate::rule::{Judgement, Note, Rule, read_types};

/// The name of the language in metadata.
pub(crate) const LANGUAGE: &str = "graph";

/// A policy whose rule is judged resource by resource.
#[derive(Debug, Clone)]
pub struct GraphPolicy {
    metadata: Metadata,
    bindings: Vec<Binding>,
    types: Vec<TypeSelector>,
}

#[derive(Debug, Clone)]
struct Binding {
    types: Vec<TypeSelector>,
    message: Option<String>,
    /// Which resources of the types are judged; all of them when absent.
    when: Option<Rule>,
    judge: Judge,
}

/// What a binding says of the subjects it is for.
#[derive(Debug, Clone)]
enum Judge {
    Rule(Rule),
    /// There should be none: they are secrets.
    Never,
}

impl GraphPolicy {
    /// Reads one entry of a file's `policies` list. A built-in policy must say everything about itself.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn read(node: Node<'_>, builtin: bool) -> Result<Self, Problem> {
        let policy = Self::read_checked(node, builtin)?;
        for binding in &policy.bindings {
            let rule = match &binding.judge {
                Judge::Rule(rule) => Some(rule),
                Judge::Never => None,
            };
            binding.when.iter().chain(rule).try_for_each(Rule::check)?;
        }
        Ok(policy)
    }

    /// As [`read`](Self::read), of an entry that was read before: regular expressions are not compiled until they are asked.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn read_checked(node: Node<'_>, builtin: bool) -> Result<Self, Problem> {
        let metadata = read_metadata(node, builtin)?;
        let fields = node.mapping()?;
        let bindings: Vec<Binding> =
            fields.required("bindings")?.list()?.into_iter().map(Binding::read).collect::<Result<_, _>>()?;
        if bindings.is_empty() {
            return Err(fields.problem("no binding: the policy would judge nothing"));
        }
        let types = bindings.iter().flat_map(|binding| binding.types.iter().cloned()).collect();
        Ok(Self { metadata, bindings, types })
    }
}

impl Binding {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let message = fields.optional("message").map(|node| node.string().map(str::to_owned)).transpose()?;
        if let Some(kinds) = fields.optional("secret") {
            fields.only(&["secret", "message", "examples"])?;
            return Ok(Self { types: read_secrets(kinds)?, message, when: None, judge: Judge::Never });
        }
        fields.only(&["types", "message", "when", "rule", "examples"])?;
        Ok(Self {
            types: read_types(fields.required("types")?)?,
            message,
            when: fields.optional("when").map(|node| Rule::read(node, 0)).transpose()?,
            judge: Judge::Rule(Rule::read(fields.required("rule")?, 0)?),
        })
    }

    /// The verdict on a resource of the binding's types; none on one that `when` leaves out.
    fn judge(&self, subject: &Subject, index: NodeIndex, facts: &Facts<'_>) -> Option<Verdict> {
        if let Some(when) = &self.when {
            let judgement = when.judge(Context::of(subject), index, facts);
            match judgement.holds {
                Some(true) => {}
                Some(false) => return None,
                None => return Some(unknown(&judgement)),
            }
        }
        let rule = match &self.judge {
            Judge::Rule(rule) => rule,
            Judge::Never => {
                let seen = subject.document.get("message").and_then(Value::as_str).map(str::to_owned);
                let message = self.message.clone().or(seen).unwrap_or_else(|| "Here stands a secret.".to_owned());
                return Some(Verdict::Fail { message, span: subject.span });
            }
        };
        let judgement = rule.judge(Context::of(subject), index, facts);
        Some(match judgement.holds {
            Some(true) => Verdict::Pass,
            Some(false) => {
                let seen = judgement.note.as_ref().map(Note::words);
                Verdict::Fail { message: message(self.message.as_deref(), seen), span: span(&judgement) }
            }
            None => unknown(&judgement),
        })
    }
}

/// The types of subjects that secrets of these kinds are.
fn read_secrets(node: Node<'_>) -> Result<Vec<TypeSelector>, Problem> {
    let known: Vec<&str> = kind::found().collect();
    let kinds = node.list_or_one()?;
    if kinds.is_empty() {
        return Err(node.problem("no kind of secret: the policy would judge nothing"));
    }
    kinds
        .into_iter()
        .map(|kind| match kind.string()? {
            name if known.contains(&name) => Ok(TypeSelector::Exact(resource_type(name).into())),
            name => Err(kind
                .problem(format!("there is no kind of secret `{name}`"))
                .with_help(format!("there are {}", known.join(", ")))),
        })
        .collect()
}

fn span(judgement: &Judgement<'_>) -> Option<Span> {
    judgement.note.as_ref().and_then(|note| note.span)
}

fn unknown(judgement: &Judgement<'_>) -> Verdict {
    let message = judgement.note.as_ref().map(Note::words).unwrap_or_default();
    Verdict::Unknown { message, span: span(judgement) }
}

/// Reads what is known of a policy besides its bindings from its entry in a file's `policies` list.
///
/// # Errors
/// What is wrong first, with its place.
pub fn read_metadata(node: Node<'_>, builtin: bool) -> Result<Metadata, Problem> {
    let fields = node.mapping()?;
    fields.only(&["id", "title", "severity", "category", "why", "fix", "aliases", "controls", "bindings"])?;
    let text = |name: &str| -> Result<String, Problem> {
        match fields.optional(name) {
            Some(node) => Ok(node.string()?.trim().to_owned()),
            None if builtin => Err(fields.problem(format!("missing field `{name}`"))),
            None => Ok(String::new()),
        }
    };
    let aliases = fields.optional("aliases").map(Node::strings).transpose()?.unwrap_or_default();
    let controls = match fields.optional("controls") {
        Some(node) => node.list()?.into_iter().map(read_control).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let category = match fields.optional("category") {
        Some(node) => node.parse()?,
        None if builtin => return Err(fields.problem("missing field `category`")),
        None => Category::General,
    };
    Ok(Metadata {
        id: PolicyId::from(fields.required("id")?.string()?),
        title: fields.required("title")?.string()?.trim().to_owned(),
        severity: fields.required("severity")?.parse::<Severity>()?,
        category,
        why: text("why")?,
        fix: text("fix")?,
        aliases: aliases.into_iter().map(SmolStr::from).collect(),
        controls,
        language: LANGUAGE,
        builtin,
    })
}

fn read_control(node: Node<'_>) -> Result<ControlLink, Problem> {
    let fields = node.mapping()?;
    fields.only(&["control", "serves", "why"])?;
    Ok(ControlLink {
        control: fields.required("control")?.parse()?,
        serves: fields.required("serves")?.parse()?,
        why: fields.required("why")?.string()?.trim().to_owned(),
    })
}

impl Policy for GraphPolicy {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn requests(&self) -> Vec<RequestRule> {
        requests_for(&self.types)
    }

    fn connects(&self) -> bool {
        !self.watches().is_empty()
    }

    fn watches(&self) -> Vec<Watched> {
        let mut types = Vec::new();
        for binding in self.bindings.iter().filter(|binding| !requests_for(&binding.types).is_empty()) {
            let rule = match &binding.judge {
                Judge::Rule(rule) => Some(rule),
                Judge::Never => None,
            };
            binding.when.iter().chain(rule).for_each(|rule| rule.connected_types(&mut types));
        }
        watched(types)
    }

    fn judge(&self, subject: &Subject, index: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        if !is_written(facts) {
            return;
        }
        let selects = |binding: &&Binding| binding.types.iter().any(|types| types.matches(&subject.resource_type));
        let bindings = self.bindings.iter().filter(selects);
        verdicts.extend(bindings.filter_map(|binding| binding.judge(subject, index, facts)));
    }
}

/// The binding's own words, and what was seen behind them.
fn message(own: Option<&str>, seen: Option<String>) -> String {
    match (own.map(str::trim), seen) {
        (Some(own), Some(seen)) => format!("{own} ({seen})"),
        (Some(own), None) => own.to_owned(),
        (None, Some(seen)) => seen,
        (None, None) => "the rule does not hold".to_owned(),
    }
}
