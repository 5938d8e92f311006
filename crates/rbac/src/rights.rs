//! Rights: roles and bindings in force, and what each subject has by them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use probity_model::{SmolStr, Value};
use serde::{Serialize, Serializer};

use crate::object::{Binding, BindingKey, Object, ObjectKey, Role, RoleKey};
use crate::power;
use crate::rule::{Request, Rule, uncovered};
use crate::subject::{Identity, Subject};

/// Whoever is in this group may do everything, whatever the roles say (the API server's privileged group).
pub const MASTERS: &str = "system:masters";

/// Roles and bindings of a cluster, kept up to date object by object.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    roles: HashMap<RoleKey, Entry>,
    /// `ClusterRoles` with an aggregation rule.
    aggregated: BTreeSet<RoleKey>,
    bindings: BTreeMap<BindingKey, Arc<Binding>>,
    by_subject: HashMap<Subject, BTreeSet<BindingKey>>,
    by_role: HashMap<RoleKey, BTreeSet<BindingKey>>,
    accounts: BTreeSet<(SmolStr, SmolStr)>,
}

#[derive(Debug, Clone)]
struct Entry {
    role: Role,
    /// The rules in force: with an aggregation rule those of the roles selected.
    rules: Arc<[Rule]>,
    /// Whether they have a part of some power.
    has_power: bool,
}

/// Where a right holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// In every namespace and in none.
    Cluster,
    /// In one namespace.
    Namespace(SmolStr),
}

impl Scope {
    fn of(binding: &BindingKey) -> Self {
        binding.namespace.clone().map_or(Self::Cluster, Self::Namespace)
    }

    /// Whether what holds here holds for requests in a namespace; empty for those in none.
    pub fn includes(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespace(own) => own == namespace,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::Namespace(name) => write!(f, "namespace {name}"),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a binding gives a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Where it holds.
    pub scope: Scope,
    /// The binding.
    pub binding: BindingKey,
    /// The role that it gives.
    pub role: RoleKey,
    /// The rules of the role; none when the role is missing.
    pub rules: Arc<[Rule]>,
    /// Whether the role is missing: then the binding gives nothing until somebody makes one.
    pub is_missing: bool,
    /// Whether the binding is one that Kubernetes itself brings.
    pub is_default: bool,
    /// Whether the rules have a part of some power.
    pub(crate) has_power: bool,
}

impl FromIterator<Object> for Rights {
    fn from_iter<I: IntoIterator<Item = Object>>(objects: I) -> Self {
        let mut rights = Self::default();
        for object in objects {
            rights.insert(object);
        }
        for key in rights.aggregated.clone() {
            rights.resolve(&key);
        }
        rights
    }
}

impl Rights {
    /// Takes an object as it is now.
    pub fn apply(&mut self, object: Object) {
        let mut stale = self.aggregators_of(&object.key());
        let key = object.key();
        self.insert(object);
        stale.extend(self.aggregators_of(&key));
        for key in &stale {
            self.resolve(key);
        }
    }

    /// Takes away an object that is no more.
    pub fn remove(&mut self, key: &ObjectKey) {
        let stale = self.aggregators_of(key);
        match key {
            ObjectKey::Role(key) => {
                self.roles.remove(key);
                self.aggregated.remove(key);
            }
            ObjectKey::Binding(key) => self.remove_binding(key),
            ObjectKey::ServiceAccount { namespace, name } => {
                self.accounts.remove(&(namespace.clone(), name.clone()));
            }
        }
        for key in &stale {
            self.resolve(key);
        }
    }

    fn insert(&mut self, object: Object) {
        match object {
            Object::Role(role) => {
                if role.aggregation.is_some() {
                    self.aggregated.insert(role.key.clone());
                } else {
                    self.aggregated.remove(&role.key);
                }
                let (rules, has_power) = (Arc::clone(&role.rules), power::has_part(&role.rules));
                self.roles.insert(role.key.clone(), Entry { role, rules, has_power });
            }
            Object::Binding(binding) => {
                self.remove_binding(&binding.key);
                for subject in &binding.subjects {
                    self.by_subject.entry(subject.clone()).or_default().insert(binding.key.clone());
                }
                self.by_role.entry(binding.role.clone()).or_default().insert(binding.key.clone());
                self.bindings.insert(binding.key.clone(), Arc::new(binding));
            }
            Object::ServiceAccount { namespace, name } => {
                self.accounts.insert((namespace, name));
            }
        }
    }

    fn remove_binding(&mut self, key: &BindingKey) {
        let Some(binding) = self.bindings.remove(key) else { return };
        for subject in &binding.subjects {
            take(&mut self.by_subject, subject, key);
        }
        take(&mut self.by_role, &binding.role, key);
    }

    /// The aggregated roles whose rules may come from an object, and itself when it is one.
    fn aggregators_of(&self, key: &ObjectKey) -> BTreeSet<RoleKey> {
        let ObjectKey::Role(key) = key else { return BTreeSet::new() };
        let labels = self.roles.get(key).map_or(Value::Null, |entry| entry.role.labels.clone());
        let mut found = self.aggregators_for(key, &labels);
        if self.aggregated.contains(key) {
            found.insert(key.clone());
        }
        found
    }

    /// The aggregated roles whose rules come from a role of these labels, directly or through others.
    pub(crate) fn aggregators_for(&self, key: &RoleKey, labels: &Value) -> BTreeSet<RoleKey> {
        let mut found = BTreeSet::new();
        if key.namespace.is_some() {
            return found;
        }
        let mut waiting = vec![(key.clone(), labels.clone())];
        while let Some((member, labels)) = waiting.pop() {
            for aggregator in &self.aggregated {
                if *aggregator != member && !found.contains(aggregator) && self.selects(aggregator, &labels) {
                    found.insert(aggregator.clone());
                    let own = self.roles.get(aggregator).map_or(Value::Null, |entry| entry.role.labels.clone());
                    waiting.push((aggregator.clone(), own));
                }
            }
        }
        found
    }

    fn selects(&self, aggregator: &RoleKey, labels: &Value) -> bool {
        let selectors = self.roles.get(aggregator).and_then(|entry| entry.role.aggregation.as_ref());
        selectors.is_some_and(|selectors| selectors.iter().any(|selector| selector.matches(labels.as_object())))
    }

    /// Gathers the rules of an aggregated role, through roles that are aggregated themselves.
    fn resolve(&mut self, key: &RoleKey) {
        let mut rules: Vec<Rule> = Vec::new();
        let mut known: HashSet<Rule> = HashSet::new();
        let mut seen = HashSet::from([key.clone()]);
        let mut waiting = vec![key.clone()];
        while let Some(aggregator) = waiting.pop() {
            let mut members: Vec<&Role> = self
                .roles
                .values()
                .map(|entry| &entry.role)
                .filter(|role| role.key.namespace.is_none() && !seen.contains(&role.key))
                .filter(|role| self.selects(&aggregator, &role.labels))
                .collect();
            members.sort_by(|a, b| a.key.cmp(&b.key));
            for member in members {
                seen.insert(member.key.clone());
                if member.aggregation.is_some() {
                    waiting.push(member.key.clone());
                } else {
                    rules.extend(member.rules.iter().filter(|rule| known.insert((*rule).clone())).cloned());
                }
            }
        }
        if let Some(entry) = self.roles.get_mut(key).filter(|entry| entry.role.aggregation.is_some()) {
            entry.has_power = power::has_part(&rules);
            entry.rules = rules.into();
        }
    }

    /// The rules of a role in force; none when there is no such role.
    pub fn rules(&self, role: &RoleKey) -> Option<&Arc<[Rule]>> {
        self.roles.get(role).map(|entry| &entry.rules)
    }

    /// Whether a role has an aggregation rule.
    pub fn is_aggregated(&self, role: &RoleKey) -> bool {
        self.aggregated.contains(role)
    }

    /// A binding.
    pub fn binding(&self, key: &BindingKey) -> Option<&Binding> {
        self.bindings.get(key).map(Arc::as_ref)
    }

    /// The bindings, by name.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.values().map(Arc::as_ref)
    }

    /// Whoever is bound where it counts for a namespace (in it, or in the cluster) to a role with a part of some power.
    pub(crate) fn powerful_in(&self, namespace: Option<&SmolStr>) -> BTreeSet<&Subject> {
        let within = |namespace: Option<SmolStr>| {
            let first = BindingKey { namespace: namespace.clone(), name: SmolStr::default() };
            self.bindings
                .range(first..)
                .take_while(move |(key, _)| key.namespace == namespace)
                .map(|(_, binding)| binding)
        };
        let has_power = |binding: &&Arc<Binding>| self.roles.get(&binding.role).is_some_and(|entry| entry.has_power);
        let in_namespace = namespace.into_iter().flat_map(|namespace| within(Some(namespace.clone())));
        let bindings = within(None).chain(in_namespace).filter(has_power);
        bindings.flat_map(|binding| &binding.subjects).collect()
    }

    /// The bindings that give a role.
    pub(crate) fn bindings_of(&self, role: &RoleKey) -> impl Iterator<Item = &Binding> {
        self.by_role.get(role).into_iter().flatten().filter_map(|key| self.binding(key))
    }

    /// Everybody who is bound, and every service account.
    pub fn subjects(&self) -> BTreeSet<Subject> {
        let accounts = self.accounts.iter().map(|(namespace, name)| Subject::service_account(namespace, name));
        self.by_subject.keys().cloned().chain(accounts).collect()
    }

    /// Everybody who is bound.
    pub fn bound(&self) -> impl Iterator<Item = &Subject> {
        self.by_subject.keys()
    }

    /// What a subject is given by bindings that name it. Those of its groups are not among them.
    pub fn grants(&self, subject: &Subject) -> Vec<Grant> {
        self.bindings_for(subject).map(|binding| self.grant(binding)).collect()
    }

    fn bindings_for(&self, subject: &Subject) -> impl Iterator<Item = &Binding> {
        self.by_subject.get(subject).into_iter().flatten().filter_map(|key| self.binding(key))
    }

    pub(crate) fn grant(&self, binding: &Binding) -> Grant {
        let entry = self.roles.get(&binding.role);
        Grant {
            scope: Scope::of(&binding.key),
            binding: binding.key.clone(),
            role: binding.role.clone(),
            is_missing: entry.is_none(),
            rules: entry.map_or_else(|| Vec::new().into(), |entry| Arc::clone(&entry.rules)),
            is_default: binding.is_default,
            has_power: entry.is_some_and(|entry| entry.has_power),
        }
    }

    /// What an identity has by all its subjects: user, service account and groups.
    pub fn held(&self, identity: &Identity) -> Vec<Grant> {
        identity.subjects().flat_map(|subject| self.grants(&subject)).collect()
    }

    /// Whether RBAC allows a request; [`MASTERS`] is allowed everything, as by the API server.
    pub fn allows(&self, identity: &Identity, request: &Request<'_>) -> bool {
        if identity.groups.iter().any(|group| group == MASTERS) {
            return true;
        }
        identity.subjects().any(|subject| {
            self.bindings_for(&subject).any(|binding| {
                let holds = binding.key.namespace.as_ref().is_none_or(|own| own == request.namespace());
                holds && self.rules(&binding.role).is_some_and(|rules| rules.iter().any(|rule| rule.allows(request)))
            })
        })
    }

    /// What of these rules an identity does not hold itself where they would be given, which is what it may not give on
    /// without `bind` or `escalate`.
    pub fn missing(&self, identity: &Identity, rules: &[Rule], scope: &Scope) -> Vec<Rule> {
        if identity.groups.iter().any(|group| group == MASTERS) {
            return Vec::new();
        }
        let held = self.held(identity);
        let held: Vec<&Rule> = held
            .iter()
            .filter(|grant| grant.scope == Scope::Cluster || grant.scope == *scope)
            .flat_map(|grant| grant.rules.iter())
            .collect();
        uncovered(rules, &held)
    }
}

fn take<K: std::hash::Hash + Eq>(index: &mut HashMap<K, BTreeSet<BindingKey>>, key: &K, binding: &BindingKey) {
    if let Some(bindings) = index.get_mut(key) {
        bindings.remove(binding);
        if bindings.is_empty() {
            index.remove(key);
        }
    }
}
