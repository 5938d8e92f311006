//! Checkov's custom policies in YAML, as they are.
//!
//! Conditions on attributes are judged resource by resource; as soon as a policy has a connection, the whole graph is
//! judged at once, as sets of resources that passed, failed or cannot be known: that is how their meaning is defined
//! (Checkov's documentation, "YAML custom policies", and its graph solvers).

use std::collections::BTreeSet;

use probity_model::{
    Category, Metadata, NodeIndex, PolicyId, Problem, Severity, Subject,
    node::{Mapping, Node},
};
use probity_policy_core::{Facts, Policy, RequestRule, Scope, TypeSelector, Verdict, Watched};

use crate::operator::{Operator, Test, loosely_equal};
use crate::path::{Context, Path};
use crate::policy::LANGUAGE;
use crate::reach::{is_written, requests_for, watched};
use crate::rule::{Attribute, Rule, read_types};
use crate::taggable;

const MAX_DEPTH: usize = 32;

/// A custom policy of Checkov's form.
#[derive(Debug, Clone)]
pub struct CheckovPolicy {
    metadata: Metadata,
    definition: Condition,
    types: Vec<TypeSelector>,
}

#[derive(Debug, Clone)]
enum Condition {
    Attribute { types: Vec<TypeSelector>, rule: Box<Rule> },
    Filter { attribute: String, values: Vec<probity_model::Value> },
    Connection { types: Vec<TypeSelector>, connected: Vec<TypeSelector>, kind: ConnectionKind },
    Resource { types: Vec<TypeSelector>, allowed: bool },
    Complex { operator: Complex, conditions: Vec<Condition> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionKind {
    Exists,
    NotExists,
    OneExists,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Complex {
    And,
    Or,
    Not,
}

impl CheckovPolicy {
    /// Whether a document has the form.
    pub fn is_one(root: Node<'_>) -> bool {
        root.value.get("metadata").is_some() && root.value.get("definition").is_some()
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// When a part is missing or not understood, with its place.
    pub fn read(root: Node<'_>) -> Result<Self, Problem> {
        let fields = root.mapping()?;
        let metadata = read_metadata(&fields.required("metadata")?.mapping()?)?;
        let providers = match fields.optional("scope").and_then(|scope| scope.mapping().ok()?.optional("provider")) {
            Some(node) => node.list_or_one()?.into_iter().map(Node::text).collect::<Result<Vec<_>, _>>()?,
            None => Vec::new(),
        };
        let definition = fields.required("definition")?;
        let definition = match definition.list() {
            Ok(conditions) => Condition::Complex {
                operator: Complex::And,
                conditions: conditions
                    .into_iter()
                    .map(|condition| Condition::read(condition, &providers, 1))
                    .collect::<Result<_, _>>()?,
            },
            Err(_) => Condition::read(definition, &providers, 0)?,
        };
        let mut types = Vec::new();
        definition.collect_types(&mut types);
        Ok(Self { metadata, definition, types })
    }
}

fn read_metadata(fields: &Mapping<'_>) -> Result<Metadata, Problem> {
    let text = |name: &str| fields.optional(name).map(Node::text).transpose().map(Option::unwrap_or_default);
    let severity = match fields.optional("severity") {
        Some(node) => node.parse::<Severity>()?,
        None => Severity::Medium,
    };
    Ok(Metadata {
        id: PolicyId::from(fields.required("id")?.text()?.as_str()),
        title: fields.required("name")?.text()?,
        severity,
        category: category(&text("category")?),
        why: String::new(),
        fix: text("guideline")?,
        aliases: Vec::new(),
        controls: Vec::new(),
        language: LANGUAGE,
        builtin: false,
    })
}

/// Checkov's categories in our words.
fn category(name: &str) -> Category {
    match name.to_ascii_uppercase().as_str() {
        "IAM" => Category::Access,
        "NETWORKING" => Category::Network,
        "ENCRYPTION" => Category::Encryption,
        "LOGGING" => Category::Logging,
        "BACKUP_AND_RECOVERY" => Category::Backup,
        "SECRETS" => Category::Secrets,
        "SUPPLY_CHAIN" => Category::SupplyChain,
        "KUBERNETES" => Category::Workload,
        _ => Category::General,
    }
}

impl Condition {
    fn read(node: Node<'_>, providers: &[String], depth: usize) -> Result<Self, Problem> {
        if depth > MAX_DEPTH {
            return Err(node.problem(format!("conditions nested deeper than {MAX_DEPTH} levels")));
        }
        let fields = node.mapping()?;
        for (name, operator) in [("and", Complex::And), ("or", Complex::Or), ("not", Complex::Not)] {
            if let Some(conditions) = fields.optional(name) {
                let conditions: Vec<Self> = conditions
                    .list_or_one()?
                    .into_iter()
                    .map(|condition| Self::read(condition, providers, depth + 1))
                    .collect::<Result<_, _>>()?;
                if operator == Complex::Not && conditions.len() != 1 {
                    return Err(node.problem("`not` takes exactly one condition"));
                }
                return Ok(Self::Complex { operator, conditions });
            }
        }
        Self::read_simple(&fields, providers)
    }

    fn read_simple(fields: &Mapping<'_>, providers: &[String]) -> Result<Self, Problem> {
        let kind = fields.optional("cond_type").map(Node::text).transpose()?.unwrap_or_default();
        match kind.as_str() {
            "attribute" => read_attribute(fields, providers),
            "" => {
                Ok(Self::Attribute { types: resource_types(fields, providers)?, rule: Box::new(Rule::And(Vec::new())) })
            }
            "filter" => {
                let values = fields.required("value")?.list_or_one()?;
                Ok(Self::Filter {
                    attribute: fields.required("attribute")?.text()?,
                    values: values.into_iter().map(|node| node.value.clone()).collect(),
                })
            }
            "connection" => {
                let operator = fields.required("operator")?;
                let kind = match operator.string()? {
                    "exists" => ConnectionKind::Exists,
                    "not_exists" => ConnectionKind::NotExists,
                    "one_exists" => ConnectionKind::OneExists,
                    other => {
                        return Err(
                            operator.problem(format!("a connection exists, not_exists or one_exists, not `{other}`"))
                        );
                    }
                };
                let connected = read_types(fields.required("connected_resource_types")?)?;
                Ok(Self::Connection { types: resource_types(fields, providers)?, connected, kind })
            }
            "resource" => {
                let operator = fields.required("operator")?;
                let allowed = match operator.string()? {
                    "exists" => true,
                    "not_exists" => false,
                    other => return Err(operator.problem(format!("a resource exists or not_exists, not `{other}`"))),
                };
                Ok(Self::Resource { types: resource_types(fields, providers)?, allowed })
            }
            other => Err(fields.problem(format!("unknown cond_type `{other}`"))),
        }
    }

    fn collect_types(&self, all: &mut Vec<TypeSelector>) {
        match self {
            Self::Attribute { types, .. } => all.extend(types.iter().cloned()),
            Self::Connection { types, connected, .. } => all.extend(types.iter().chain(connected).cloned()),
            Self::Resource { .. } => all.push(TypeSelector::All),
            Self::Filter { .. } => {}
            Self::Complex { conditions, .. } => conditions.iter().for_each(|condition| condition.collect_types(all)),
        }
    }

    fn has_connection(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Resource { .. } => true,
            Self::Complex { conditions, .. } => conditions.iter().any(Self::has_connection),
            Self::Attribute { .. } | Self::Filter { .. } => false,
        }
    }
}

fn resource_types(fields: &Mapping<'_>, providers: &[String]) -> Result<Vec<TypeSelector>, Problem> {
    let Some(node) = fields.optional("resource_types") else { return Ok(vec![TypeSelector::All]) };
    let names = node.list_or_one()?;
    match names.first().map(|first| first.text()).transpose()?.map(|name| name.to_lowercase()).as_deref() {
        None | Some("all") => Ok(vec![TypeSelector::All]),
        Some("taggable") => taggable::selectors(providers).map_err(|message| node.problem(message)),
        Some("provider") if !providers.is_empty() => Ok(providers
            .iter()
            .map(|provider| TypeSelector::Exact(format!("provider.{}", provider.to_lowercase()).into()))
            .collect()),
        Some(_) => read_types(node),
    }
}

fn read_attribute(fields: &Mapping<'_>, providers: &[String]) -> Result<Condition, Problem> {
    let types = resource_types(fields, providers)?;
    let name = fields.required("operator")?;
    let text = name.string()?;
    let bare = text.strip_prefix("jsonpath_");
    let attribute = fields.optional("attribute");
    let path = match attribute {
        Some(node) => {
            let text = node.text()?;
            let parsed = if bare.is_some() { jsonpath(&text) } else { Path::parse(&text) };
            parsed.map_err(|message| node.problem(message))?
        }
        None if text == "any" => Path::parse(".").map_err(|message| name.problem(message))?,
        None => return Err(fields.problem("missing field `attribute`")),
    };
    let positive_name = probity_model::Value::from(bare.unwrap_or(text));
    let operator = Operator::read(Node { value: &positive_name, span: name.span }, fields.optional("value"))?;
    operator.check()?;
    // The form defines `is_not_empty` and `is_false` as negations, which hold on what is absent.
    let absent = (matches!(operator.test, Test::IsEmpty | Test::IsTrue) && operator.negated).then_some(true);
    // JSONPath conditions hold for all that is found.
    let all = bare.is_some() != operator.negated && bare.is_some();
    // A text with a variable in it is not known as a whole.
    let attribute = Attribute { path, operator, absent, unknown: None, all, in_part: false };
    Ok(Condition::Attribute { types, rule: Box::new(Rule::Attribute(attribute)) })
}

/// A `JSONPath` of keys, indices, wildcards and filters as a path.
fn jsonpath(text: &str) -> Result<Path, String> {
    if text.contains("..") {
        return Err(format!("`..` is not supported in a JSONPath: `{text}`"));
    }
    Path::parse(text.strip_prefix('$').unwrap_or(text))
}

impl Policy for CheckovPolicy {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn scope(&self) -> Scope {
        if self.definition.has_connection() { Scope::Graph } else { Scope::Subject }
    }

    fn requests(&self) -> Vec<RequestRule> {
        requests_for(&self.types)
    }

    fn connects(&self) -> bool {
        self.definition.has_connection()
    }

    fn watches(&self) -> Vec<Watched> {
        if self.definition.has_connection() { watched(&self.types) } else { Vec::new() }
    }

    fn judge(&self, subject: &Subject, index: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        if !is_written(facts) {
            return;
        }
        if self.definition.has_connection() {
            let of_graph = self.judge_graph(facts).into_iter();
            return verdicts.extend(of_graph.filter(|(own, _)| *own == index).map(|(_, verdict)| verdict));
        }
        let outcome = judge_one(&self.definition, subject, index, facts);
        verdicts.extend(outcome.map(|(holds, message)| verdict(holds, message)));
    }

    fn judge_graph(&self, facts: &Facts<'_>) -> Vec<(NodeIndex, Verdict)> {
        let sets = Solver { facts }.solve(&self.definition);
        let message = || format!("{} does not hold", self.metadata.title);
        let passed = sets.passed.difference(&sets.failed).map(|&index| (index, Verdict::Pass));
        let failed = sets.failed.iter().map(|&index| (index, Verdict::Fail { message: message(), span: None }));
        let unknown =
            sets.unknown.iter().filter(|index| !sets.failed.contains(index) && !sets.passed.contains(index)).map(
                |&index| (index, Verdict::Unknown { message: "a value is not known before apply".into(), span: None }),
            );
        passed.chain(failed).chain(unknown).collect()
    }
}

fn verdict(holds: Option<bool>, message: String) -> Verdict {
    match holds {
        Some(true) => Verdict::Pass,
        Some(false) => Verdict::Fail { message, span: None },
        None => Verdict::Unknown { message, span: None },
    }
}

fn selects(types: &[TypeSelector], subject: &Subject) -> bool {
    types.iter().any(|selector| selector.matches(&subject.resource_type))
}

/// Judges a condition without connections on one subject; `None` when it does not speak of it.
fn judge_one(
    condition: &Condition,
    subject: &Subject,
    index: NodeIndex,
    facts: &Facts<'_>,
) -> Option<(Option<bool>, String)> {
    match condition {
        Condition::Attribute { types, rule } => {
            if !selects(types, subject) {
                return None;
            }
            let judgement = rule.judge(Context::of(subject), index, facts);
            Some((judgement.holds, judgement.note.map(|note| note.words()).unwrap_or_default()))
        }
        Condition::Filter { attribute, values } => {
            Some((Some(filtered(attribute, values, subject)), format!("`{attribute}` is filtered out")))
        }
        Condition::Complex { operator: Complex::Not, conditions } => {
            let (holds, message) = judge_one(conditions.first()?, subject, index, facts)?;
            Some((holds.map(|holds| !holds), message))
        }
        Condition::Complex { operator, conditions } => {
            let decisive = *operator == Complex::Or;
            let mut result: Option<(Option<bool>, String)> = None;
            for condition in conditions {
                // An attribute condition on other types does not hold for this one.
                let judged =
                    judge_one(condition, subject, index, facts).unwrap_or((Some(false), "not of the type".to_owned()));
                if judged.0 == Some(decisive) {
                    return Some(judged);
                }
                if judged.0.is_none() || result.is_none() {
                    result = Some(judged);
                }
            }
            result
        }
        Condition::Connection { .. } | Condition::Resource { .. } => None,
    }
}

fn filtered(attribute: &str, values: &[probity_model::Value], subject: &Subject) -> bool {
    if attribute == "resource_type" {
        return values.iter().any(|value| value.as_str() == Some(subject.resource_type.as_str()));
    }
    subject.document.get(attribute).is_some_and(|found| values.iter().any(|value| loosely_equal(found, value)))
}

/// Subjects by how a condition came out for them; one may be in several until the operators above have settled it.
#[derive(Debug, Default, Clone)]
struct Sets {
    passed: BTreeSet<NodeIndex>,
    failed: BTreeSet<NodeIndex>,
    unknown: BTreeSet<NodeIndex>,
}

impl Sets {
    fn extend(&mut self, other: Sets) {
        self.passed.extend(other.passed);
        self.failed.extend(other.failed);
        self.unknown.extend(other.unknown);
    }

    fn retain(&mut self, keep: impl Fn(&NodeIndex) -> bool) {
        self.passed.retain(&keep);
        self.failed.retain(&keep);
        self.unknown.retain(&keep);
    }
}

struct Solver<'a> {
    facts: &'a Facts<'a>,
}

impl Solver<'_> {
    fn solve(&self, condition: &Condition) -> Sets {
        match condition {
            Condition::Complex { operator, conditions } if condition.has_connection() => match operator {
                Complex::And => self.and(conditions),
                Complex::Or => self.or(conditions),
                Complex::Not => {
                    let inner = conditions.first().map(|inner| self.solve(inner)).unwrap_or_default();
                    Sets { passed: inner.failed, failed: inner.passed, unknown: inner.unknown }
                }
            },
            Condition::Connection { types, connected, kind } => {
                self.connection(types, connected, *kind, &Sets::default())
            }
            Condition::Resource { types, allowed } => self.resources(types, *allowed),
            Condition::Filter { .. } => Sets::default(),
            Condition::Attribute { .. } | Condition::Complex { .. } => self.attributes(condition),
        }
    }

    fn attributes(&self, condition: &Condition) -> Sets {
        let mut types = Vec::new();
        condition.collect_types(&mut types);
        let mut sets = Sets::default();
        for (index, subject) in self.facts.graph.iter().filter(|(_, subject)| selects(&types, subject)) {
            if let Some((holds, _)) = judge_one(condition, subject, index, self.facts) {
                let set = match holds {
                    Some(true) => &mut sets.passed,
                    Some(false) => &mut sets.failed,
                    None => &mut sets.unknown,
                };
                set.insert(index);
            }
        }
        sets
    }

    fn resources(&self, types: &[TypeSelector], allowed: bool) -> Sets {
        let mut sets = Sets::default();
        for (index, subject) in self.facts.graph.iter() {
            match (selects(types, subject), allowed) {
                (true, true) => sets.passed.insert(index),
                (true, false) | (false, true) => sets.failed.insert(index),
                (false, false) => sets.unknown.insert(index),
            };
        }
        sets
    }

    fn and(&self, conditions: &[Condition]) -> Sets {
        let (connections, others) = split(conditions);
        let mut sets = Sets::default();
        for condition in others {
            sets.extend(self.attributes(condition));
        }
        sets.passed.retain(|index| !sets.failed.contains(index) && !sets.unknown.contains(index));
        for condition in sorted_by_filter(connections, conditions) {
            let solved = match condition {
                Condition::Connection { types, connected, kind } => self.connection(types, connected, *kind, &sets),
                other => self.solve(other),
            };
            sets.extend(solved);
        }
        sets.passed.retain(|index| !sets.failed.contains(index) && !sets.unknown.contains(index));
        sets.unknown.retain(|index| !sets.failed.contains(index));
        self.filter(sets, conditions)
    }

    fn or(&self, conditions: &[Condition]) -> Sets {
        let (connections, others) = split(conditions);
        let mut sets = Sets::default();
        for condition in others {
            sets.extend(self.attributes(condition));
        }
        for condition in connections {
            sets.extend(self.solve(condition));
        }
        sets.unknown.retain(|index| !sets.passed.contains(index));
        sets.failed.retain(|index| !sets.passed.contains(index) && !sets.unknown.contains(index));
        self.filter(sets, conditions)
    }

    fn filter(&self, mut sets: Sets, conditions: &[Condition]) -> Sets {
        for condition in conditions {
            if let Condition::Filter { attribute, values } = condition {
                sets.retain(|&index| filtered(attribute, values, self.facts.graph.subject(index)));
            }
        }
        sets
    }

    /// Subjects of the two groups that are connected passed, unless one of a pair has failed before.
    fn connection(
        &self,
        types: &[TypeSelector],
        connected: &[TypeSelector],
        kind: ConnectionKind,
        before: &Sets,
    ) -> Sets {
        let graph = self.facts.graph;
        let group = |types: &[TypeSelector]| -> BTreeSet<NodeIndex> {
            graph.iter().filter(|(_, subject)| selects(types, subject)).map(|(index, _)| index).collect()
        };
        let (left, right) = (group(types), group(connected));
        let mut sets = Sets::default();
        for &a in &left {
            for (b, _) in graph.neighbours(a).filter(|(b, _)| right.contains(b)) {
                let set = if before.failed.contains(&a) || before.failed.contains(&b) {
                    &mut sets.failed
                } else if before.unknown.contains(&a) || before.unknown.contains(&b) {
                    &mut sets.unknown
                } else {
                    &mut sets.passed
                };
                set.extend([a, b]);
            }
        }
        for index in left.into_iter().chain(right) {
            if !sets.passed.contains(&index) && !sets.unknown.contains(&index) {
                sets.failed.insert(index);
            }
        }
        match kind {
            ConnectionKind::Exists => sets,
            ConnectionKind::NotExists => Sets { passed: sets.failed, failed: sets.passed, unknown: sets.unknown },
            ConnectionKind::OneExists => {
                sets.failed.retain(|index| !sets.passed.contains(index));
                sets.unknown.retain(|index| !sets.passed.contains(index));
                sets
            }
        }
    }
}

/// Conditions with connections, and the others but for filters.
fn split(conditions: &[Condition]) -> (Vec<&Condition>, Vec<&Condition>) {
    conditions
        .iter()
        .filter(|condition| !matches!(condition, Condition::Filter { .. }))
        .partition(|condition| condition.has_connection())
}

/// Connections that touch a type the filters keep come last, so that they see what the others have failed.
fn sorted_by_filter<'c>(connections: Vec<&'c Condition>, conditions: &[Condition]) -> Vec<&'c Condition> {
    let kept: Vec<&str> = conditions
        .iter()
        .filter_map(|condition| match condition {
            Condition::Filter { attribute, values } if attribute == "resource_type" => Some(values),
            _ => None,
        })
        .flatten()
        .filter_map(|value| value.as_str())
        .collect();
    let touches = |condition: &&Condition| {
        let mut types = Vec::new();
        condition.collect_types(&mut types);
        types.iter().any(|selector| kept.iter().any(|kept| selector.matches(kept)))
    };
    let (last, mut sorted): (Vec<&Condition>, Vec<&Condition>) = connections.into_iter().partition(touches);
    sorted.extend(last);
    sorted
}
