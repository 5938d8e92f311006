//! What `spec.match` of constraints and mutators selects (Gatekeeper, `pkg/mutation/match`).

use probity_kubernetes::selector::Selector;
use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Value};

use crate::object::{self, Gvk};

const FIELDS: &[&str] =
    &["kinds", "scope", "namespaces", "excludedNamespaces", "labelSelector", "namespaceSelector", "name", "source"];

/// Where an object comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It was written as it is.
    Original,
    /// An expansion template made it from another.
    Generated,
}

/// A name with `*` in front, at the end, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wildcard(String);

impl Wildcard {
    fn parts(&self) -> (bool, &str, bool) {
        let (front, rest) = self.0.strip_prefix('*').map_or((false, self.0.as_str()), |rest| (true, rest));
        // A lone star is both.
        if front && rest.is_empty() {
            return (true, "", true);
        }
        let (rest, end) = rest.strip_suffix('*').map_or((rest, false), |rest| (rest, true));
        (front, rest, end)
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        match self.parts() {
            (true, part, true) => name.contains(part),
            (true, part, false) => name.ends_with(part),
            (false, part, true) => name.starts_with(part),
            (false, part, false) => name == part,
        }
    }

    /// Whether every name that will be generated from this beginning matches.
    fn matches_beginning(&self, beginning: &str) -> bool {
        match self.parts() {
            (true, part, true) => beginning.contains(part),
            (false, part, true) => beginning.starts_with(part),
            (_, _, false) => false,
        }
    }

    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let text = node.string()?;
        let wildcard = Self(text.to_owned());
        let inner = wildcard.parts().1;
        let plain = |letter: char| matches!(letter, '-' | ':' | 'a'..='z' | '0'..='9');
        if inner.chars().all(plain) {
            Ok(wildcard)
        } else {
            Err(node
                .problem(format!("`{text}` is not a name with `*` in front or at the end"))
                .with_help("lower case letters, digits, `-` and `:` only"))
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Kinds {
    groups: Vec<String>,
    kinds: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Scope {
    #[default]
    Any,
    Cluster,
    Namespaced,
}

/// Which objects are selected. Everything that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Match {
    kinds: Vec<Kinds>,
    scope: Scope,
    namespaces: Vec<Wildcard>,
    excluded_namespaces: Vec<Wildcard>,
    label_selector: Option<Selector>,
    namespace_selector: Option<Selector>,
    name: Option<Wildcard>,
    source: Option<Source>,
}

/// An object with what matching needs to know beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'v> {
    pub(crate) object: &'v Value,
    /// The namespace it is in, when that is known.
    pub(crate) namespace: Option<&'v Value>,
    /// Not known for objects that are mutated before anything else.
    pub(crate) source: Option<Source>,
}

fn strings(fields: &Mapping<'_>, name: &str) -> Result<Vec<String>, Problem> {
    let found = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
    Ok(found.into_iter().map(str::to_owned).collect())
}

fn wildcards(fields: &Mapping<'_>, name: &str) -> Result<Vec<Wildcard>, Problem> {
    let nodes = fields.optional(name).map(Node::list).transpose()?.unwrap_or_default();
    nodes.into_iter().map(Wildcard::read).collect()
}

/// The words of a list; `*` when it says nothing else.
fn or_any(list: &[String]) -> Vec<&str> {
    if list.is_empty() || list.iter().any(|word| word == "*") {
        return vec!["*"];
    }
    list.iter().map(String::as_str).collect()
}

impl Match {
    /// Reads the fields of `spec.match`.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let mut kinds = Vec::new();
        for node in fields.optional("kinds").map(Node::list).transpose()?.unwrap_or_default() {
            let fields = node.mapping()?;
            kinds.push(Kinds { groups: strings(&fields, "apiGroups")?, kinds: strings(&fields, "kinds")? });
        }
        let scope = match fields.optional("scope").map(Node::string).transpose()? {
            Some("Cluster") => Scope::Cluster,
            Some("Namespaced") => Scope::Namespaced,
            // Gatekeeper takes any other word for `*`.
            _ => Scope::Any,
        };
        let source = match fields.optional("source") {
            None => None,
            Some(node) => match node.string()? {
                "" | "All" => None,
                "Original" => Some(Source::Original),
                "Generated" => Some(Source::Generated),
                other => {
                    return Err(node.problem(format!("`{other}` is not a source; one of All, Original, Generated")));
                }
            },
        };
        let name = fields.optional("name").map(Wildcard::read).transpose()?;
        Ok(Self {
            kinds,
            scope,
            namespaces: wildcards(&fields, "namespaces")?,
            excluded_namespaces: wildcards(&fields, "excludedNamespaces")?,
            label_selector: fields.optional("labelSelector").map(Selector::read).transpose()?,
            namespace_selector: fields.optional("namespaceSelector").map(Selector::read).transpose()?,
            name: name.filter(|name| !name.0.is_empty()),
            source,
        })
    }

    /// Checks the selectors, which Gatekeeper does before it looks at the schema.
    pub(crate) fn check_selectors(node: Node<'_>) -> Result<(), Problem> {
        let Ok(fields) = node.mapping() else { return Ok(()) };
        let selectors = ["labelSelector", "namespaceSelector"].into_iter().filter_map(|name| fields.optional(name));
        selectors.map(Selector::read).try_for_each(|selector| selector.map(drop))
    }

    /// Checks that there are no other fields.
    pub(crate) fn check_fields(node: Node<'_>) -> Result<(), Problem> {
        let fields = node.mapping()?;
        fields.only(FIELDS)?;
        for node in fields.optional("kinds").map(Node::list).transpose()?.unwrap_or_default() {
            node.mapping()?.only(&["apiGroups", "kinds"])?;
        }
        Ok(())
    }

    /// Whether the namespace of an object must be known to decide.
    pub(crate) fn needs_namespace(&self) -> bool {
        self.namespace_selector.is_some()
    }

    /// The groups and kinds that can match, `*` for all.
    pub(crate) fn groups_and_kinds(&self) -> Vec<(&str, &str)> {
        if self.kinds.is_empty() {
            return vec![("*", "*")];
        }
        self.kinds
            .iter()
            .flat_map(|entry| {
                let kinds = or_any(&entry.kinds);
                or_any(&entry.groups)
                    .into_iter()
                    .flat_map(move |group| kinds.clone().into_iter().map(move |kind| (group, kind)))
            })
            .collect()
    }

    /// The kinds that can match; `None` when any can.
    pub(crate) fn kinds(&self) -> Option<Vec<&str>> {
        let mut all = Vec::new();
        for kinds in &self.kinds {
            if kinds.kinds.is_empty() || kinds.kinds.iter().any(|kind| kind == "*") {
                return None;
            }
            all.extend(kinds.kinds.iter().map(String::as_str));
        }
        (!self.kinds.is_empty()).then_some(all)
    }

    /// Whether the object is selected.
    ///
    /// # Errors
    /// When that cannot be told: the namespace selector needs a namespace that is not known, or the source is not.
    pub(crate) fn matches(&self, candidate: &Candidate<'_>) -> Result<bool, String> {
        let gvk = Gvk::of(candidate.object);
        Ok(self.kinds_match(&gvk)
            && self.scope_matches(candidate, &gvk)
            && self.namespaces_match(candidate, &gvk)
            && self.label_selector.as_ref().is_none_or(|selector| selector.matches(object::labels(candidate.object)))
            && self.namespace_selector_matches(candidate, &gvk)?
            && self.name_matches(candidate.object)
            && self.source_matches(candidate)?)
    }

    fn kinds_match(&self, gvk: &Gvk) -> bool {
        let among = |list: &[String], word: &str| list.is_empty() || list.iter().any(|one| one == "*" || one == word);
        self.kinds.is_empty()
            || self.kinds.iter().any(|kinds| among(&kinds.kinds, &gvk.kind) && among(&kinds.groups, &gvk.group))
    }

    fn scope_matches(&self, candidate: &Candidate<'_>, gvk: &Gvk) -> bool {
        let namespaced = !object::namespace(candidate.object).is_empty() || candidate.namespace.is_some();
        match self.scope {
            Scope::Any => true,
            Scope::Cluster => gvk.is_namespace() || !namespaced,
            Scope::Namespaced => !gvk.is_namespace() && namespaced,
        }
    }

    fn namespaces_match(&self, candidate: &Candidate<'_>, gvk: &Gvk) -> bool {
        let own = if gvk.is_namespace() {
            object::name(candidate.object)
        } else if let Some(namespace) = candidate.namespace {
            object::name(namespace)
        } else {
            match object::namespace(candidate.object) {
                // Cluster-scoped objects are in no namespace that could rule them out.
                "" => return true,
                namespace => namespace,
            }
        };
        let among = |list: &[Wildcard]| list.iter().any(|wildcard| wildcard.matches(own));
        (self.namespaces.is_empty() || among(&self.namespaces)) && !among(&self.excluded_namespaces)
    }

    fn namespace_selector_matches(&self, candidate: &Candidate<'_>, gvk: &Gvk) -> Result<bool, String> {
        let Some(selector) = &self.namespace_selector else { return Ok(true) };
        if gvk.is_namespace() {
            return Ok(selector.matches(object::labels(candidate.object)));
        }
        match candidate.namespace {
            Some(namespace) => Ok(selector.matches(object::labels(namespace))),
            None if object::namespace(candidate.object).is_empty() => Ok(true),
            None => Err("failed to run Match criteria: namespace selector for namespace-scoped object but missing \
                         Namespace"
                .to_owned()),
        }
    }

    fn name_matches(&self, candidate: &Value) -> bool {
        let Some(name) = &self.name else { return true };
        name.matches(object::name(candidate)) || name.matches_beginning(object::metadata(candidate, "generateName"))
    }

    fn source_matches(&self, candidate: &Candidate<'_>) -> Result<bool, String> {
        let Some(source) = self.source else { return Ok(true) };
        match candidate.source {
            Some(own) => Ok(own == source),
            None => Err(format!(
                "failed to run Match criteria: source field not specified for resource {}",
                object::name(candidate.object)
            )),
        }
    }
}
