//! Escalation: what subjects can make of their rights, step by step.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

use probity_model::{Severity, SmolStr};
use serde::{Serialize, Serializer};

use crate::cells::Names;
use crate::power::{Held, Power, powers};
use crate::rights::{MASTERS, Rights, Scope};
use crate::subject::{AUTHENTICATED, SERVICE_ACCOUNTS, Subject};

/// What is reached, the worst first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Every right in the cluster.
    Cluster,
    /// Every Pod of every node.
    Nodes,
    /// Every user but those of `system:masters`.
    Users,
    /// Every Secret of the cluster.
    Secrets,
    /// Every right in a namespace.
    Namespace(SmolStr),
    /// Every Secret of a namespace.
    SecretsOf(SmolStr),
    /// What is written to the API server, Secrets among it.
    Written,
    /// Files of nodes.
    NodeFiles,
    /// The rights of somebody else, which lead no further.
    Others(Scope),
    /// Secrets, or roles, of some names.
    Named(Scope),
}

impl Reach {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Cluster | Self::Nodes | Self::Users | Self::Secrets => Severity::Critical,
            Self::Namespace(name) | Self::SecretsOf(name) if name == "kube-system" => Severity::Critical,
            Self::Namespace(_) | Self::SecretsOf(_) | Self::Written | Self::NodeFiles => Severity::High,
            Self::Others(_) | Self::Named(_) => Severity::Medium,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("every right in the cluster"),
            Self::Nodes => f.write_str("every pod on every node"),
            Self::Users => f.write_str("the rights of every user"),
            Self::Secrets => f.write_str("every Secret in the cluster"),
            Self::Namespace(name) => write!(f, "every right in namespace {name}"),
            Self::SecretsOf(name) => write!(f, "every Secret in namespace {name}"),
            Self::Written => f.write_str("everything that is written to the API server"),
            Self::NodeFiles => f.write_str("files of nodes"),
            Self::Others(Scope::Cluster) => f.write_str("the rights of others in every namespace"),
            Self::Others(Scope::Namespace(name)) => write!(f, "the rights of others in namespace {name}"),
            Self::Named(Scope::Cluster) => f.write_str("what is named, in every namespace"),
            Self::Named(Scope::Namespace(name)) => write!(f, "what is named, in namespace {name}"),
        }
    }
}

impl Serialize for Reach {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who takes it.
    pub subject: Subject,
    /// What it takes: a power, or that the subject is in a group (then none).
    pub held: Option<Held>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(held) = &self.held else { return write!(f, "{} is in the group", self.subject) };
        write!(f, "{} {}", self.subject, held.power)?;
        if let Scope::Namespace(name) = &held.scope {
            write!(f, " in namespace {name}")?;
        }
        write!(f, " by {} of {}", held.binding, held.role)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How a subject comes to rights that it was not given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Escalation {
    /// Who.
    pub subject: Subject,
    /// What it reaches.
    pub reach: Reach,
    /// How bad that is.
    pub severity: Severity,
    /// How, step by step.
    pub steps: Vec<Step>,
}

/// Whom a power lets a subject become.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Become {
    /// The service accounts of a scope, or those of these names.
    Accounts(Scope, Option<Vec<SmolStr>>),
    /// These subjects.
    Subjects(Vec<Subject>),
    /// Every user that is bound.
    Users,
}

/// What a power reaches by itself, and whom it lets become.
fn leads_to(held: &Held, rights: &Rights) -> (Reach, Option<Become>) {
    let scope = held.scope.clone();
    let whole = || match &scope {
        Scope::Cluster => Reach::Cluster,
        Scope::Namespace(name) => Reach::Namespace(name.clone()),
    };
    let accounts = |names: &Names| Become::Accounts(scope.clone(), listed(names));
    let others = || Reach::Others(scope.clone());
    let every_account = Become::Accounts(scope.clone(), None);
    match &held.power {
        Power::Everything | Power::Escalate => (whole(), Some(every_account)),
        Power::Bind(names) if gives_everything(names, rights) => (whole(), Some(every_account)),
        Power::Bind(_) | Power::ReadSecrets(Names::Only(_)) => (Reach::Named(scope), None),
        Power::ImpersonateGroups(names) if includes(names, MASTERS) => (Reach::Cluster, None),
        Power::ImpersonateGroups(names) => {
            (others(), Some(Become::Subjects(listed(names).into_iter().flatten().map(Subject::Group).collect())))
        }
        Power::ImpersonateUsers(Names::All) => (others(), Some(Become::Users)),
        Power::ImpersonateUsers(names) => {
            (others(), Some(Become::Subjects(listed(names).into_iter().flatten().map(Subject::User).collect())))
        }
        Power::ImpersonateServiceAccounts(names) | Power::CreateTokens(names) => (others(), Some(accounts(names))),
        Power::RunPods(_) | Power::Exec | Power::EphemeralContainers => (others(), Some(every_account)),
        Power::ReadSecrets(Names::All) => match scope {
            Scope::Cluster => (Reach::Secrets, None),
            Scope::Namespace(name) => (Reach::SecretsOf(name), None),
        },
        Power::NodesProxy => (Reach::Nodes, Some(every_account)),
        Power::ApproveCertificates => (Reach::Users, Some(Become::Users)),
        Power::MutateRequests => (Reach::Cluster, None),
        Power::SeeRequests => (Reach::Written, None),
        Power::PersistentVolumes => (Reach::NodeFiles, None),
    }
}

fn listed(names: &Names) -> Option<Vec<SmolStr>> {
    match names {
        Names::All => None,
        Names::Only(names) => Some(names.iter().cloned().collect()),
    }
}

fn includes(names: &Names, name: &str) -> bool {
    match names {
        Names::All => true,
        Names::Only(names) => names.contains(name),
    }
}

/// Whether one of these `ClusterRoles` has every right.
fn gives_everything(names: &Names, rights: &Rights) -> bool {
    let Names::Only(names) = names else { return true };
    names.iter().any(|name| {
        let key = crate::object::RoleKey { namespace: None, name: name.clone() };
        rights.rules(&key).is_some_and(|rules| rules.iter().any(crate::rule::Rule::is_everything))
    })
}

/// The subjects and what leads from one to another.
pub(crate) struct Paths<'r> {
    rights: &'r Rights,
    subjects: Vec<Subject>,
    numbers: HashMap<Subject, usize>,
    /// Powers of each subject, once they are asked for.
    powers: Vec<Option<Vec<Held>>>,
    /// Service accounts that are bound, by namespace; the groups of service accounts among them.
    accounts: BTreeMap<SmolStr, Vec<usize>>,
    all_accounts: Vec<usize>,
    users: Vec<usize>,
}

impl<'r> Paths<'r> {
    pub(crate) fn new(rights: &'r Rights) -> Self {
        let mut subjects: Vec<Subject> = rights.bound().cloned().collect();
        subjects.sort();
        let numbers = subjects.iter().cloned().zip(0..).collect();
        let mut paths = Self {
            rights,
            powers: vec![None; subjects.len()],
            numbers,
            accounts: BTreeMap::new(),
            all_accounts: Vec::new(),
            users: Vec::new(),
            subjects,
        };
        for (number, subject) in paths.subjects.iter().enumerate() {
            match subject {
                Subject::ServiceAccount { namespace, .. } => {
                    paths.accounts.entry(namespace.clone()).or_default().push(number);
                    paths.all_accounts.push(number);
                }
                Subject::Group(name) => {
                    if let Some(namespace) = name.strip_prefix(SERVICE_ACCOUNTS).and_then(|rest| rest.strip_prefix(':'))
                    {
                        paths.accounts.entry(namespace.into()).or_default().push(number);
                        paths.all_accounts.push(number);
                    } else if name == SERVICE_ACCOUNTS {
                        paths.all_accounts.push(number);
                    }
                }
                Subject::User(_) => paths.users.push(number),
            }
        }
        paths
    }

    fn powers(&mut self, number: usize) -> Vec<Held> {
        if let Some(known) = &self.powers[number] {
            return known.clone();
        }
        let found = powers(&self.rights.grants(&self.subjects[number]));
        self.powers[number] = Some(found.clone());
        found
    }

    /// The groups that a subject is in by itself.
    fn groups(&self, number: usize) -> Vec<usize> {
        let mut groups = self.subjects[number].implied_groups();
        if let Subject::Group(name) = &self.subjects[number]
            && name.starts_with(SERVICE_ACCOUNTS)
        {
            groups = vec![SERVICE_ACCOUNTS.into(), AUTHENTICATED.into()];
        }
        groups
            .into_iter()
            .filter_map(|group| self.numbers.get(&Subject::Group(group)).copied())
            .filter(|group| *group != number)
            .collect()
    }

    fn become_of(&self, target: &Become) -> Vec<usize> {
        match target {
            Become::Users => self.users.clone(),
            Become::Subjects(subjects) => {
                subjects.iter().filter_map(|subject| self.numbers.get(subject)).copied().collect()
            }
            Become::Accounts(Scope::Cluster, None) => self.all_accounts.clone(),
            Become::Accounts(Scope::Namespace(name), None) => self.accounts.get(name).cloned().unwrap_or_default(),
            Become::Accounts(scope, Some(names)) => {
                let all = match scope {
                    Scope::Cluster => &self.all_accounts,
                    Scope::Namespace(name) => self.accounts.get(name).map_or(&self.all_accounts, |found| found),
                };
                let is_named = |number: &usize| match &self.subjects[*number] {
                    Subject::ServiceAccount { namespace, name } => names.contains(name) && scope.includes(namespace),
                    _ => false,
                };
                all.iter().copied().filter(is_named).collect()
            }
        }
    }

    /// The worst that a subject reaches, by the shortest way, and each of its own powers.
    pub(crate) fn of(&mut self, subject: &Subject) -> Vec<Escalation> {
        let Some(&start) = self.numbers.get(subject) else { return Vec::new() };
        let mut found = self.own(start);
        let own_worst = found.iter().map(|path| path.severity).max();
        if own_worst < Some(Severity::Critical)
            && let Some(path) = self.worst(start)
            && Some(path.severity) > own_worst
        {
            // The path says what its first step alone says.
            found.retain(|own| own.steps.first() != path.steps.first());
            found.push(path);
        }
        found.sort_by(|a, b| (&a.reach, a.steps.len()).cmp(&(&b.reach, b.steps.len())));
        found
    }

    /// Paths of one step, the worst of each reach.
    fn own(&mut self, start: usize) -> Vec<Escalation> {
        let subject = self.subjects[start].clone();
        let mut found: Vec<Escalation> = Vec::new();
        for held in self.powers(start) {
            let (reach, target) = leads_to(&held, self.rights);
            // To become somebody is worth something only when there is somebody.
            if matches!(reach, Reach::Others(_))
                && target.as_ref().is_none_or(|target| self.become_of(target).iter().all(|other| *other == start))
                && !matches!(held.power, Power::RunPods(_) | Power::Exec | Power::EphemeralContainers)
            {
                continue;
            }
            if found.iter().any(|path| path.reach == reach) {
                continue;
            }
            let steps = vec![Step { subject: subject.clone(), held: Some(held) }];
            found.push(Escalation { subject: subject.clone(), severity: reach.severity(), reach, steps });
        }
        found
    }

    /// The worst that is reached through others, by the shortest way.
    fn worst(&mut self, start: usize) -> Option<Escalation> {
        let mut came: HashMap<usize, (usize, Option<Held>)> = HashMap::new();
        let mut waiting = VecDeque::from([start]);
        let mut best: Option<(Reach, usize, Held)> = None;
        let mut expanded: std::collections::HashSet<Become> = std::collections::HashSet::new();
        'search: while let Some(number) = waiting.pop_front() {
            for held in self.powers(number) {
                let (reach, target) = leads_to(&held, self.rights);
                if number != start && best.as_ref().is_none_or(|(known, ..)| reach < *known) {
                    let is_worst = reach == Reach::Cluster;
                    best = Some((reach, number, held.clone()));
                    if is_worst {
                        break 'search;
                    }
                }
                let Some(target) = target.filter(|target| expanded.insert(target.clone())) else { continue };
                for other in self.become_of(&target) {
                    if other != start && !came.contains_key(&other) {
                        came.insert(other, (number, Some(held.clone())));
                        waiting.push_back(other);
                    }
                }
            }
            for group in self.groups(number) {
                if group != start && !came.contains_key(&group) {
                    came.insert(group, (number, None));
                    waiting.push_back(group);
                }
            }
        }
        let (reach, mut at, held) = best?;
        let mut steps = vec![Step { subject: self.subjects[at].clone(), held: Some(held) }];
        while let Some((from, held)) = came.get(&at) {
            steps.push(Step { subject: self.subjects[*from].clone(), held: held.clone() });
            at = *from;
        }
        steps.reverse();
        let subject = self.subjects[start].clone();
        // Being in a group is no escalation.
        let is_own = steps.iter().rev().skip(1).all(|step| step.held.is_none());
        (!is_own).then(|| Escalation { subject, severity: reach.severity(), reach, steps })
    }

    /// Who can become a subject in one step.
    pub(crate) fn who_becomes(&mut self, subject: &Subject) -> Vec<Subject> {
        let Some(&target) = self.numbers.get(subject) else { return Vec::new() };
        // Only a service account is in a namespace; whoever else is become is so by rights in the cluster.
        let namespace = match subject {
            Subject::ServiceAccount { namespace, .. } => Some(namespace),
            Subject::User(_) | Subject::Group(_) => None,
        };
        let mut found = Vec::new();
        for other in self.rights.powerful_in(namespace).into_iter().filter(|other| *other != subject) {
            let Some(&number) = self.numbers.get(other) else { continue };
            let becomes = self.powers(number).iter().any(|held| {
                let (_, target_of) = leads_to(held, self.rights);
                target_of.is_some_and(|become_of| self.reaches(&become_of, target))
            });
            if becomes {
                found.push(other.clone());
            }
        }
        found
    }

    fn reaches(&self, target: &Become, number: usize) -> bool {
        match (target, &self.subjects[number]) {
            (Become::Users, subject) => matches!(subject, Subject::User(_)),
            (Become::Subjects(subjects), subject) => subjects.contains(subject),
            (Become::Accounts(scope, names), Subject::ServiceAccount { namespace, name }) => {
                scope.includes(namespace) && names.as_ref().is_none_or(|names| names.contains(name))
            }
            (Become::Accounts(..), _) => false,
        }
    }
}

/// What everybody who is bound can make of its rights, subject by subject, the worst first.
pub fn escalations(rights: &Rights) -> Vec<Escalation> {
    let mut paths = Paths::new(rights);
    let subjects = paths.subjects.clone();
    subjects.iter().flat_map(|subject| paths.of(subject)).collect()
}

/// What one subject can make of its rights, the worst first.
pub fn escalations_of(rights: &Rights, subject: &Subject) -> Vec<Escalation> {
    Paths::new(rights).of(subject)
}
