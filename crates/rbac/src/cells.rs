//! Rights in their smallest parts, put together to rules that people can read.

use std::collections::{BTreeMap, BTreeSet};

use probity_model::SmolStr;

use crate::rule::Rule;

/// Names that a right is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Names {
    /// Every object, and requests that name none.
    All,
    /// Only objects of these names.
    Only(BTreeSet<SmolStr>),
}

impl Names {
    fn add(&mut self, name: Option<&SmolStr>) {
        match (&mut *self, name) {
            (Self::Only(names), Some(name)) => {
                names.insert(name.clone());
            }
            _ => *self = Self::All,
        }
    }
}

/// Rights, each of one verb on one resource, or one path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cells {
    /// By group and resource.
    resources: BTreeMap<(SmolStr, SmolStr), BTreeMap<Verb, Names>>,
    paths: BTreeMap<SmolStr, BTreeSet<Verb>>,
}

/// A verb; those of Kubernetes' API come in the order in which they are usually written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Verb(usize, SmolStr);

impl Verb {
    fn new(verb: &str) -> Self {
        const USUAL: [&str; 9] =
            ["*", "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
        Self(USUAL.iter().position(|usual| *usual == verb).unwrap_or(USUAL.len()), verb.into())
    }
}

/// What a rule allows in each of its groups: resources, verbs and names.
type Product<'c> = (BTreeSet<&'c SmolStr>, Vec<&'c Verb>, &'c Names);

impl Cells {
    pub(crate) fn add(&mut self, group: &str, resource: &str, verb: &str, name: Option<&SmolStr>) {
        let verbs = self.resources.entry((group.into(), resource.into())).or_default();
        verbs.entry(Verb::new(verb)).or_insert_with(|| Names::Only(BTreeSet::new())).add(name);
    }

    pub(crate) fn add_path(&mut self, path: &str, verb: &str) {
        self.paths.entry(path.into()).or_default().insert(Verb::new(verb));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.paths.is_empty()
    }

    /// The fewest rules, of those that hold one list of verbs for each resource, that allow this and nothing else.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        // Resources of a group that have the same verbs and names are one rule; then groups that have the same resources.
        let mut resources: BTreeMap<(&SmolStr, Vec<&Verb>, &Names), BTreeSet<&SmolStr>> = BTreeMap::new();
        for ((group, resource), verbs) in &self.resources {
            let mut by_names: BTreeMap<&Names, Vec<&Verb>> = BTreeMap::new();
            for (verb, names) in verbs {
                by_names.entry(names).or_default().push(verb);
            }
            for (names, verbs) in by_names {
                resources.entry((group, verbs, names)).or_default().insert(resource);
            }
        }
        let mut groups: BTreeMap<Product<'_>, BTreeSet<&SmolStr>> = BTreeMap::new();
        for ((group, verbs, names), resources) in resources {
            groups.entry((resources, verbs, names)).or_default().insert(group);
        }
        let mut rules: Vec<Rule> = groups
            .into_iter()
            .map(|((resources, verbs, names), groups)| Rule {
                api_groups: groups.into_iter().cloned().collect(),
                resources: resources.into_iter().cloned().collect(),
                resource_names: match names {
                    Names::All => Vec::new(),
                    Names::Only(names) => names.iter().cloned().collect(),
                },
                verbs: verbs.into_iter().map(|verb| verb.1.clone()).collect(),
                ..Rule::default()
            })
            .collect();
        rules.sort();
        rules.extend(self.path_rules());
        rules
    }

    fn path_rules(&self) -> Vec<Rule> {
        let mut paths: BTreeMap<&BTreeSet<Verb>, Vec<SmolStr>> = BTreeMap::new();
        for (path, verbs) in &self.paths {
            paths.entry(verbs).or_default().push(path.clone());
        }
        let rule = |(verbs, paths): (&BTreeSet<Verb>, Vec<SmolStr>)| Rule {
            non_resource_urls: paths,
            verbs: verbs.iter().map(|verb| verb.1.clone()).collect(),
            ..Rule::default()
        };
        paths.into_iter().map(rule).collect()
    }
}
