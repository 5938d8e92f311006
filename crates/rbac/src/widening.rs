//! Widening: who gained which rights by a change of the objects.

use std::collections::{BTreeSet, HashMap};

use probity_model::Severity;
use serde::Serialize;

use crate::escalation::{Escalation, Paths, Reach};
use crate::object::{Binding, BindingKey, Object, ObjectKey, RoleKey};
use crate::power::{has_part, severity_of};
use crate::rights::{Grant, Rights, Scope};
use crate::rule::{Rule, uncovered};
use crate::subject::Subject;

/// A change of one object, as a watch tells it.
#[derive(Debug, Clone)]
pub enum Change {
    /// The object is new, or is now so.
    Apply(Object),
    /// The object is no more.
    Remove(ObjectKey),
}

/// Rights that a subject gained.
#[derive(Debug, Clone, Serialize)]
pub struct Widening {
    /// Who.
    pub subject: Subject,
    /// Where they hold.
    pub scope: Scope,
    /// The binding that gives them.
    pub binding: BindingKey,
    /// The role that they stand in.
    pub role: RoleKey,
    /// Whether the binding gave this role to the subject before: then the role has changed.
    pub is_role_change: bool,
    /// The rights, without those that the subject had there before.
    pub gained: Vec<Rule>,
    /// How many rules it had there before.
    pub had: usize,
    /// How bad it is: of the rights and of what they lead to.
    pub severity: Severity,
    /// What it can make of its rights now and could not before.
    pub escalations: Vec<Escalation>,
    /// Who can become the subject in one step, and so gains the same, where an escalation is new.
    pub also: Vec<Subject>,
}

impl Widening {
    /// What happened, in a sentence.
    pub fn message(&self) -> String {
        let had = match self.had {
            0 => format!("was nothing in {}", self.place()),
            1 => format!("had 1 rule in {}", self.place()),
            count => format!("had {count} rules in {}", self.place()),
        };
        if self.is_role_change {
            let gained: Vec<String> = self.gained.iter().take(3).map(Rule::to_string).collect();
            let more =
                if self.gained.len() > 3 { format!(" and {} more", self.gained.len() - 3) } else { String::new() };
            let (role, subject, binding) = (&self.role, &self.subject, &self.binding);
            return format!("{role} now gives {subject} {}{more} by {binding}: {had}", gained.join("; "));
        }
        format!("{} gives {} {}: {had}", self.binding, self.subject, self.role.name)
    }

    fn place(&self) -> String {
        match &self.scope {
            Scope::Cluster => "cluster scope".to_owned(),
            Scope::Namespace(name) => format!("namespace {name}"),
        }
    }
}

/// Most subjects of one change whose paths are followed; of more, only the rights are compared.
const MAX_TRACED: usize = 200;

/// What subjects had before a change.
#[derive(Default)]
struct Before {
    /// By subject: what it was given itself, and all that it held.
    grants: HashMap<Subject, (Vec<Grant>, Vec<Grant>)>,
    /// By subject: what it could reach. None when that was not followed.
    reached: Option<HashMap<Subject, BTreeSet<Reach>>>,
}

impl Before {
    fn of(rights: &Rights, subjects: &BTreeSet<Subject>, is_traced: bool) -> Self {
        let held = |subject: &Subject| (rights.grants(subject), rights.held(&subject.identity()));
        let grants = subjects.iter().map(|subject| (subject.clone(), held(subject))).collect();
        let reached = (is_traced && subjects.len() <= MAX_TRACED).then(|| {
            let mut paths = Paths::new(rights);
            let mut reach = |subject: &Subject| paths.of(subject).into_iter().map(|path| path.reach).collect();
            subjects.iter().map(|subject| (subject.clone(), reach(subject))).collect()
        });
        Self { grants, reached }
    }
}

impl Rights {
    /// Takes a change, and says who gained rights by it.
    pub fn change(&mut self, change: Change) -> Vec<Widening> {
        let object = match change {
            Change::Apply(object) => object,
            // Rights only add up: what is taken away gives nobody more.
            Change::Remove(key) => {
                self.remove(&key);
                return Vec::new();
            }
        };
        let (keys, subjects) = self.affected(&object);
        let before = Before::of(self, &subjects, self.has_power(&object));
        self.apply(object);
        gains(self, &keys, &before)
    }

    /// The bindings that an object matters for as it is and as it will be, and who will be bound by them.
    fn affected(&self, object: &Object) -> (BTreeSet<BindingKey>, BTreeSet<Subject>) {
        match object {
            Object::ServiceAccount { .. } => (BTreeSet::new(), BTreeSet::new()),
            Object::Binding(binding) => {
                (BTreeSet::from([binding.key.clone()]), binding.subjects.iter().cloned().collect())
            }
            Object::Role(role) => {
                let mut roles = self.aggregators_for(&role.key, &role.labels);
                roles.insert(role.key.clone());
                let bindings: Vec<&Binding> = roles.iter().flat_map(|role| self.bindings_of(role)).collect();
                let subjects = bindings.iter().flat_map(|binding| binding.subjects.iter().cloned()).collect();
                (bindings.iter().map(|binding| binding.key.clone()).collect(), subjects)
            }
        }
    }

    /// Whether what an object gives may lead to more.
    fn has_power(&self, object: &Object) -> bool {
        match object {
            Object::Role(role) => role.aggregation.is_some() || has_part(&role.rules),
            Object::Binding(binding) => self.grant(binding).has_power,
            Object::ServiceAccount { .. } => false,
        }
    }
}

/// Who has more rights in one state of the objects than in another.
pub fn widening(before: &Rights, after: &Rights) -> Vec<Widening> {
    let is_changed = |binding: &&Binding| {
        let same = before.binding(&binding.key).is_some_and(|known| known == *binding);
        !same || before.rules(&binding.role) != after.rules(&binding.role)
    };
    let changed: Vec<&Binding> = after.bindings().filter(is_changed).collect();
    let keys = changed.iter().map(|binding| binding.key.clone()).collect();
    let subjects = changed.iter().flat_map(|binding| binding.subjects.iter().cloned()).collect();
    gains(after, &keys, &Before::of(before, &subjects, true))
}

fn gains(after: &Rights, keys: &BTreeSet<BindingKey>, before: &Before) -> Vec<Widening> {
    let mut found = Vec::new();
    for binding in keys.iter().filter_map(|key| after.binding(key)) {
        let grant = after.grant(binding);
        let subjects: BTreeSet<&Subject> = binding.subjects.iter().collect();
        found.extend(subjects.into_iter().filter_map(|subject| gain(subject, &grant, before)));
    }
    if let Some(reached) = &before.reached {
        trace(after, reached, &mut found);
    }
    found.sort_by(|a, b| (b.severity, &a.subject, &a.binding).cmp(&(a.severity, &b.subject, &b.binding)));
    found
}

fn gain(subject: &Subject, grant: &Grant, before: &Before) -> Option<Widening> {
    let (own, all) = before.grants.get(subject).map_or((&[][..], &[][..]), |(own, all)| (own, all));
    let is_there = |known: &&Grant| known.scope == Scope::Cluster || known.scope == grant.scope;
    let held: Vec<&Rule> = all.iter().filter(is_there).flat_map(|known| known.rules.iter()).collect();
    let gained = uncovered(&grant.rules, &held);
    if gained.is_empty() {
        return None;
    }
    Some(Widening {
        subject: subject.clone(),
        scope: grant.scope.clone(),
        binding: grant.binding.clone(),
        role: grant.role.clone(),
        is_role_change: own.iter().any(|known| known.binding == grant.binding && known.role == grant.role),
        severity: severity_of(&gained, &grant.scope),
        had: own.iter().filter(|known| known.scope == grant.scope).map(|known| known.rules.len()).sum(),
        gained,
        escalations: Vec::new(),
        also: Vec::new(),
    })
}

/// Adds what is reached now and was not before.
fn trace(after: &Rights, reached: &HashMap<Subject, BTreeSet<Reach>>, found: &mut [Widening]) {
    let mut paths = Paths::new(after);
    for widening in found.iter_mut().filter(|widening| has_part(&widening.gained)) {
        let known = reached.get(&widening.subject);
        let is_new = |path: &Escalation| known.is_none_or(|known| !known.contains(&path.reach));
        widening.escalations = paths.of(&widening.subject).into_iter().filter(is_new).collect();
        if let Some(worst) = widening.escalations.iter().map(|path| path.severity).max() {
            widening.severity = widening.severity.max(worst);
            widening.also = paths.who_becomes(&widening.subject);
        }
    }
}
