//! Which requests a policy or a binding is about (`MatchResources` of `admissionregistration.k8s.io`).
//!
//! What everything means is what the API server's `matching` and `rules` packages do.

use probity_kubernetes::kind::{self, GroupVersionKind};
use probity_kubernetes::selector::Selector;
use probity_model::node::{Mapping, Node};
use probity_model::value::SmolStr;
use probity_model::{Problem, Value};
use probity_policy_core::{Named, RequestRule};

use crate::attributes::{Attributes, GroupVersionResource, Matched, Operation};
use crate::object;

const FIELDS: &[&str] =
    &["namespaceSelector", "objectSelector", "resourceRules", "excludeResourceRules", "matchPolicy"];

const RULE_FIELDS: &[&str] = &["resourceNames", "operations", "apiGroups", "apiVersions", "resources", "scope"];

/// A list of words of which `*` stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Words {
    any: bool,
    words: Vec<SmolStr>,
}

impl Words {
    fn new(words: Vec<&str>) -> Self {
        let any = words.contains(&"*");
        Self { any, words: words.into_iter().map(SmolStr::from).collect() }
    }

    /// The words; `*` alone when it is among them.
    fn listed(&self) -> Vec<SmolStr> {
        if self.any { vec![SmolStr::new_static("*")] } else { self.words.clone() }
    }

    fn contains(&self, word: &str) -> bool {
        self.any || self.words.iter().any(|known| known == word)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Scope {
    #[default]
    Any,
    Cluster,
    Namespaced,
}

/// A resource as a rule names it: `pods`, `pods/exec`, `*/scale`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ResourcePattern {
    resource: SmolStr,
    subresource: SmolStr,
}

impl ResourcePattern {
    fn new(text: &str) -> Self {
        let (resource, subresource) = text.split_once('/').unwrap_or((text, ""));
        Self { resource: resource.into(), subresource: subresource.into() }
    }

    fn matches(&self, resource: &str, subresource: &str) -> bool {
        (self.resource == "*" || self.resource == resource)
            && (self.subresource == "*" || self.subresource == subresource)
    }
}

/// `NamedRuleWithOperations`: all that it says must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    names: Vec<SmolStr>,
    /// `None` in the list stands for every operation.
    operations: Vec<Option<Operation>>,
    groups: Words,
    versions: Words,
    resources: Vec<ResourcePattern>,
    scope: Scope,
}

/// Whether rules also match other versions of the resources they name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum MatchPolicy {
    Exact,
    #[default]
    Equivalent,
}

/// Which requests are selected. Everything that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchResources {
    namespace_selector: Option<Selector>,
    object_selector: Option<Selector>,
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    policy: MatchPolicy,
}

/// How a rule's names are compared with an object that has none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// By its name alone, as the API server does.
    Given,
    /// The beginning of the name that will be generated may also begin with one, as Kyverno does.
    OrGenerated,
}

impl MatchResources {
    /// Reads `matchConstraints` of a policy or `matchResources` of a binding.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(FIELDS)?;
        Self::read_fields(&fields)
    }

    /// As [`MatchResources::read`], of fields that stand among others.
    ///
    /// # Errors
    /// As there.
    pub fn read_fields(fields: &Mapping<'_>) -> Result<Self, Problem> {
        let selector = |name: &str| fields.optional(name).map(Selector::read).transpose();
        Ok(Self {
            namespace_selector: selector("namespaceSelector")?,
            object_selector: selector("objectSelector")?,
            rules: rules(fields, "resourceRules")?,
            excluded: rules(fields, "excludeResourceRules")?,
            policy: match_policy(fields)?,
        })
    }

    /// The same, whatever is done with the objects.
    #[must_use]
    pub fn of_any_operation(&self) -> Self {
        let mut all = self.clone();
        for rule in &mut all.rules {
            rule.operations = vec![None];
        }
        all
    }

    /// Whether the rules name any resource; a policy must.
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether the labels of the object's namespace must be known to decide.
    pub fn needs_namespace(&self) -> bool {
        self.namespace_selector.as_ref().is_some_and(|selector| !selector.is_empty())
    }

    /// The requests that can match, as far as their resource tells.
    pub fn requests(&self) -> Vec<RequestRule> {
        self.rules.iter().flat_map(Rule::requests).collect()
    }

    /// The kinds of native types that can match, what is sent to their subresources among them; `None` when others can as
    /// well.
    pub fn kinds(&self) -> Option<Vec<&'static str>> {
        let mut kinds = Vec::new();
        for pattern in self.rules.iter().flat_map(|rule| &rule.resources) {
            if pattern.resource == "*" {
                return None;
            }
            let native =
                kind::NATIVE.iter().filter(|native| native.plural == pattern.resource).map(|native| native.kind);
            let before = kinds.len();
            kinds.extend(native);
            if kinds.len() == before {
                return None;
            }
            if !pattern.subresource.is_empty() {
                let sent = kind::SUBRESOURCES.iter().filter(|known| pattern.matches(known.parent, known.name));
                let before = kinds.len();
                kinds.extend(sent.map(|known| known.kind));
                if kinds.len() == before {
                    return None;
                }
            }
        }
        (!kinds.is_empty()).then_some(kinds)
    }

    /// Whether the request is selected, and as what: rules may be met by another version of the resource.
    ///
    /// # Errors
    /// When that cannot be told, because the labels of the namespace are not known.
    pub fn matches(&self, attributes: &Attributes) -> Result<Option<Matched>, String> {
        let in_namespace = self.namespace_matches(attributes);
        if in_namespace == Ok(false) || !self.object_matches(attributes) {
            return Ok(None);
        }
        if self.rules_match(&self.excluded, attributes, Names::Given).is_some() {
            return Ok(None);
        }
        let matched = if self.rules.is_empty() {
            Some(Matched::exactly(attributes))
        } else {
            self.rules_match(&self.rules, attributes, Names::Given)
        };
        // An unknown namespace is only told of requests that the policy is otherwise about.
        if matched.is_some() {
            in_namespace?;
        }
        Ok(matched)
    }

    /// Whether the request is selected as it is asked: no other versions, and names as Kyverno compares them.
    ///
    /// # Errors
    /// As [`MatchResources::matches`].
    pub fn matches_exactly(&self, attributes: &Attributes) -> Result<bool, String> {
        let in_namespace = self.namespace_matches(attributes);
        if in_namespace == Ok(false) || !self.object_matches(attributes) {
            return Ok(false);
        }
        let meets = |rules: &[Rule]| {
            rules.iter().any(|rule| rule.matches(attributes, &attributes.resource, Names::OrGenerated))
        };
        if meets(&self.excluded) || !(self.rules.is_empty() || meets(&self.rules)) {
            return Ok(false);
        }
        in_namespace
    }

    fn namespace_matches(&self, attributes: &Attributes) -> Result<bool, String> {
        let is_namespace = attributes.resource.resource == "namespaces";
        if attributes.namespace.is_empty() && !is_namespace {
            // What is in no namespace is ruled out by none.
            return Ok(true);
        }
        let Some(selector) = self.namespace_selector.as_ref().filter(|selector| !selector.is_empty()) else {
            return Ok(true);
        };
        let is_written = matches!(attributes.operation, Operation::Create | Operation::Update);
        if is_namespace && attributes.subresource.is_empty() && is_written {
            return Ok(selector.matches(object::labels(&attributes.object)));
        }
        if matches!(attributes.namespace_object, Value::Null | Value::Unknown(_)) {
            return Err(format!("the labels of the namespace `{}` are not known", attributes.namespace));
        }
        Ok(selector.matches(object::labels(&attributes.namespace_object)))
    }

    fn object_matches(&self, attributes: &Attributes) -> bool {
        let Some(selector) = self.object_selector.as_ref().filter(|selector| !selector.is_empty()) else {
            return true;
        };
        let meets = |object: &Value| !object.is_null() && selector.matches(object::labels(object));
        meets(&attributes.object) || meets(&attributes.old_object)
    }

    fn rules_match(&self, rules: &[Rule], attributes: &Attributes, names: Names) -> Option<Matched> {
        if rules.iter().any(|rule| rule.matches(attributes, &attributes.resource, names)) {
            return Some(Matched::exactly(attributes));
        }
        if self.policy == MatchPolicy::Exact {
            return None;
        }
        rules.iter().find_map(|rule| rule.matches_equivalent(attributes, names))
    }
}

impl Rule {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(RULE_FIELDS)?;
        let strings = |name: &str| fields.optional(name).map(Node::strings).transpose();
        let words = |name: &str| Ok::<_, Problem>(Words::new(strings(name)?.unwrap_or_default()));
        let resources = strings("resources")?.unwrap_or_default();
        Ok(Self {
            names: strings("resourceNames")?.unwrap_or_default().into_iter().map(SmolStr::from).collect(),
            operations: operations(&fields)?,
            groups: words("apiGroups")?,
            versions: words("apiVersions")?,
            resources: resources.into_iter().map(ResourcePattern::new).collect(),
            scope: scope(&fields)?,
        })
    }

    fn requests(&self) -> Vec<RequestRule> {
        let operations: Vec<Operation> = match self.operations.iter().copied().collect::<Option<Vec<_>>>() {
            Some(operations) => operations,
            None => Operation::ALL.to_vec(),
        };
        let (groups, versions) = (self.groups.listed(), self.versions.listed());
        let mut requests = Vec::new();
        for group in &groups {
            for version in &versions {
                requests.extend(self.resources.iter().map(|pattern| RequestRule {
                    group: group.clone(),
                    version: version.clone(),
                    named: Named::Plural(pattern.resource.clone()),
                    subresource: pattern.subresource.clone(),
                    operations: operations.clone(),
                }));
            }
        }
        requests
    }

    fn matches(&self, attributes: &Attributes, resource: &GroupVersionResource, names: Names) -> bool {
        self.scope_matches(attributes, resource)
            && self.operations.iter().any(|one| one.is_none_or(|one| one == attributes.operation))
            && self.groups.contains(&resource.group)
            && self.versions.contains(&resource.version)
            && self.resources.iter().any(|one| one.matches(&resource.resource, &attributes.subresource))
            && self.name_matches(attributes, names)
    }

    fn scope_matches(&self, attributes: &Attributes, resource: &GroupVersionResource) -> bool {
        let is_namespace = resource.group.is_empty() && resource.version == "v1" && resource.resource == "namespaces";
        match self.scope {
            Scope::Any => true,
            Scope::Namespaced => !is_namespace && !attributes.namespace.is_empty(),
            Scope::Cluster => is_namespace || attributes.namespace.is_empty(),
        }
    }

    fn name_matches(&self, attributes: &Attributes, names: Names) -> bool {
        if self.names.is_empty() {
            return true;
        }
        if attributes.name.is_empty() && names == Names::OrGenerated {
            let beginning = object::generate_name(&attributes.object);
            return self.names.iter().any(|name| beginning.starts_with(name.as_str()));
        }
        self.names.contains(&attributes.name)
    }

    /// What the request is when the rule names another version of its resource.
    fn matches_equivalent(&self, attributes: &Attributes, names: Names) -> Option<Matched> {
        let other = |group: &str, version: &str| GroupVersionResource {
            group: group.into(),
            version: version.into(),
            resource: attributes.resource.resource.clone(),
        };
        let groups = equivalent_groups(&attributes.resource);
        let resource = groups
            .iter()
            .flat_map(|group| self.versions.words.iter().map(|version| other(group, version)))
            .filter(|resource| resource.version != "*" && *resource != attributes.resource)
            .find(|resource| self.matches(attributes, resource, names))?;
        let kind = GroupVersionKind {
            group: resource.group.clone(),
            version: resource.version.clone(),
            kind: attributes.kind.kind.clone(),
        };
        Some(Matched { kind, resource })
    }
}

/// The groups that serve the same objects under the same name: its own, and what it was moved from.
fn equivalent_groups(resource: &GroupVersionResource) -> Vec<&str> {
    const MOVED: &[(&[&str], &str, &str)] = &[
        (&["deployments", "daemonsets", "replicasets"], "apps", "extensions"),
        (&["ingresses", "networkpolicies"], "networking.k8s.io", "extensions"),
        (&["podsecuritypolicies"], "policy", "extensions"),
        (&["events"], "events.k8s.io", ""),
    ];
    let mut groups = vec![resource.group.as_str()];
    for (resources, new, old) in MOVED {
        if resources.contains(&resource.resource.as_str()) {
            match resource.group.as_str() {
                group if group == *new => groups.push(old),
                group if group == *old => groups.push(new),
                _ => {}
            }
        }
    }
    groups
}

fn rules(fields: &Mapping<'_>, name: &str) -> Result<Vec<Rule>, Problem> {
    let nodes = fields.optional(name).map(Node::list).transpose()?.unwrap_or_default();
    nodes.into_iter().map(Rule::read).collect()
}

fn match_policy(fields: &Mapping<'_>) -> Result<MatchPolicy, Problem> {
    let Some(node) = fields.optional("matchPolicy") else { return Ok(MatchPolicy::default()) };
    match node.string()? {
        "Exact" => Ok(MatchPolicy::Exact),
        "Equivalent" => Ok(MatchPolicy::Equivalent),
        other => Err(node.problem(format!("`{other}` is not a match policy")).with_help("one of Exact, Equivalent")),
    }
}

fn scope(fields: &Mapping<'_>) -> Result<Scope, Problem> {
    let Some(node) = fields.optional("scope") else { return Ok(Scope::default()) };
    match node.string()? {
        "*" => Ok(Scope::Any),
        "Cluster" => Ok(Scope::Cluster),
        "Namespaced" => Ok(Scope::Namespaced),
        other => Err(node.problem(format!("`{other}` is not a scope")).with_help("one of Cluster, Namespaced, *")),
    }
}

fn operations(fields: &Mapping<'_>) -> Result<Vec<Option<Operation>>, Problem> {
    let nodes = fields.optional("operations").map(Node::list).transpose()?.unwrap_or_default();
    let read = |node: Node<'_>| match node.string()? {
        "*" => Ok(None),
        word => Operation::named(word).map(Some).ok_or_else(|| {
            let problem = node.problem(format!("`{word}` is not an operation"));
            problem.with_help("one of CREATE, UPDATE, DELETE, CONNECT, *")
        }),
    };
    nodes.into_iter().map(read).collect()
}
