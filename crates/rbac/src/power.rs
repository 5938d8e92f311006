//! Powers: rights that lead to more rights than they say.

use std::collections::BTreeSet;
use std::fmt;

use probity_model::{Severity, SmolStr};

use crate::cells::Names;
use crate::event::RBAC;
use crate::object::{BindingKey, RoleKey};
use crate::rights::{Grant, Scope};
use crate::rule::Rule;

/// What makes and changes objects.
const WRITE: [&str; 3] = ["create", "update", "patch"];

/// What reads objects.
const READ: [&str; 3] = ["get", "list", "watch"];

/// Resources whose objects are, or make, Pods.
const WORKLOADS: [(&str, &str); 8] = [
    ("", "pods"),
    ("apps", "deployments"),
    ("apps", "daemonsets"),
    ("apps", "statefulsets"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("", "replicationcontrollers"),
];

/// The signer whose certificates the API server takes for users.
const CLIENT_SIGNERS: [&str; 2] = ["kubernetes.io/kube-apiserver-client", "kubernetes.io/*"];

const ADMISSION: &str = "admissionregistration.k8s.io";

/// A right that leads to more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Every verb on every resource.
    Everything,
    /// `escalate` on roles that it may write: gives itself any right.
    Escalate,
    /// `bind` on roles, and the writing of bindings: gives itself the roles of these names.
    Bind(Names),
    /// `impersonate` on groups of these names.
    ImpersonateGroups(Names),
    /// `impersonate` on users of these names.
    ImpersonateUsers(Names),
    /// `impersonate` on service accounts of these names.
    ImpersonateServiceAccounts(Names),
    /// Makes or changes Pods, or what makes Pods: its own program runs as any service account of the namespace.
    RunPods(SmolStr),
    /// Makes tokens of service accounts of these names.
    CreateTokens(Names),
    /// Runs commands in Pods.
    Exec,
    /// Puts containers into Pods that run.
    EphemeralContainers,
    /// Reads Secrets of these names.
    ReadSecrets(Names),
    /// Reaches the kubelets, which run commands in every Pod of a node.
    NodesProxy,
    /// Approves its own certificates, of any user but those of `system:masters`.
    ApproveCertificates,
    /// Has what is written to the API server changed as it likes.
    MutateRequests,
    /// Is shown what is written to the API server.
    SeeRequests,
    /// Makes `PersistentVolumes`, which may be a folder of a node.
    PersistentVolumes,
}

/// A power, where it holds and what gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The power.
    pub power: Power,
    /// Where it holds.
    pub scope: Scope,
    /// A binding that gives it.
    pub binding: BindingKey,
    /// The role of that binding.
    pub role: RoleKey,
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("may do everything"),
            Self::Escalate => f.write_str("may write roles with any rights (escalate)"),
            Self::Bind(names) => write!(f, "may give itself {} (bind)", named("role", names)),
            Self::ImpersonateGroups(names) => write!(f, "may impersonate {}", named("group", names)),
            Self::ImpersonateUsers(names) => write!(f, "may impersonate {}", named("user", names)),
            Self::ImpersonateServiceAccounts(names) => write!(f, "may impersonate {}", named("service account", names)),
            Self::RunPods(resource) => write!(f, "may write {resource}"),
            Self::CreateTokens(names) => write!(f, "may make tokens of {}", named("service account", names)),
            Self::Exec => f.write_str("may run commands in pods"),
            Self::EphemeralContainers => f.write_str("may add containers to running pods"),
            Self::ReadSecrets(Names::All) => f.write_str("may read every Secret"),
            Self::ReadSecrets(names) => write!(f, "may read {}", named("Secret", names)),
            Self::NodesProxy => f.write_str("may use the API of every kubelet (nodes/proxy)"),
            Self::ApproveCertificates => f.write_str("may approve its own certificates for any user"),
            Self::MutateRequests => f.write_str("may have every written object changed (mutating admission)"),
            Self::SeeRequests => f.write_str("may have every written object shown to it (validating webhooks)"),
            Self::PersistentVolumes => f.write_str("may make PersistentVolumes of folders of nodes (hostPath)"),
        }
    }
}

/// Names in a sentence, at most three of them.
fn named(what: &str, names: &Names) -> String {
    const SHOWN: usize = 3;
    match names {
        Names::All => format!("every {what}"),
        Names::Only(names) if names.len() > SHOWN => format!("{} {what}s", names.len()),
        Names::Only(names) => {
            let names: Vec<&str> = names.iter().map(SmolStr::as_str).collect();
            format!("{what} {}", names.join(", "))
        }
    }
}

/// Every cell that a power is made of: verbs, group, resource, subresource.
const CELLS: [(&[&str], &str, &str, &str); 19] = [
    (&["escalate", "bind"], RBAC, "clusterroles", ""),
    (&["escalate", "bind"], RBAC, "roles", ""),
    (&WRITE, RBAC, "clusterroles", ""),
    (&WRITE, RBAC, "roles", ""),
    (&WRITE, RBAC, "clusterrolebindings", ""),
    (&WRITE, RBAC, "rolebindings", ""),
    (&["impersonate"], "", "groups", ""),
    (&["impersonate"], "", "users", ""),
    (&["impersonate"], "", "serviceaccounts", ""),
    (&["create"], "", "serviceaccounts", "token"),
    (&["create", "get"], "", "pods", "exec"),
    (&["create", "get"], "", "pods", "attach"),
    (&["update", "patch"], "", "pods", "ephemeralcontainers"),
    (&READ, "", "secrets", ""),
    (&["create", "get"], "", "nodes", "proxy"),
    (&["create"], "", "persistentvolumes", ""),
    (&["create"], "certificates.k8s.io", "certificatesigningrequests", ""),
    (&["update", "patch"], "certificates.k8s.io", "certificatesigningrequests", "approval"),
    (&["approve"], "certificates.k8s.io", "signers", ""),
];

/// Resources of admission that powers are made of.
const MUTATING: [&str; 3] =
    ["mutatingwebhookconfigurations", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings"];

/// Whether rules have a part of some power at all.
pub(crate) fn has_part(rules: &[Rule]) -> bool {
    rules.iter().any(|rule| {
        let allows = |verbs: &[&str], group: &str, resource: &str, subresource: &str| {
            verbs.iter().any(|verb| rule.allows_cell(verb, group, resource, subresource))
        };
        CELLS.iter().any(|(verbs, group, resource, subresource)| allows(verbs, group, resource, subresource))
            || WORKLOADS.iter().any(|(group, resource)| allows(&WRITE, group, resource, ""))
            || MUTATING.iter().any(|resource| allows(&WRITE, ADMISSION, resource, ""))
            || allows(&WRITE, ADMISSION, "validatingwebhookconfigurations", "")
    })
}

/// The powers that grants give together, in the cluster and in each namespace; those of a namespace that hold in the cluster
/// are not told again.
pub(crate) fn powers(grants: &[Grant]) -> Vec<Held> {
    let grants: Vec<&Grant> = grants.iter().filter(|grant| grant.has_power).collect();
    let in_cluster: Vec<&Grant> = grants.iter().copied().filter(|grant| grant.scope == Scope::Cluster).collect();
    let mut all = Within { grants: &in_cluster, scope: &Scope::Cluster }.powers();
    let namespaces: BTreeSet<&Scope> =
        grants.iter().map(|grant| &grant.scope).filter(|scope| **scope != Scope::Cluster).collect();
    let mut of_namespaces = Vec::new();
    for scope in namespaces {
        let there: Vec<&Grant> =
            grants.iter().copied().filter(|grant| grant.scope == *scope || grant.scope == Scope::Cluster).collect();
        let found = Within { grants: &there, scope }.powers();
        let is_everywhere =
            |power: &Power| all.iter().any(|held| held.power == *power || held.power == Power::Everything);
        of_namespaces.extend(found.into_iter().filter(|held| !is_everywhere(&held.power)));
    }
    all.extend(of_namespaces);
    all
}

/// Grants that hold in a scope.
struct Within<'g> {
    grants: &'g [&'g Grant],
    scope: &'g Scope,
}

/// What is held of some objects, and a grant that gives it.
type Found<'g> = (Names, &'g Grant);

impl<'g> Within<'g> {
    fn powers(&self) -> Vec<Held> {
        let everything = self.grants.iter().find(|grant| grant.rules.iter().any(Rule::is_everything));
        if let Some(grant) = everything {
            return vec![self.held(Power::Everything, grant)];
        }
        let in_cluster = *self.scope == Scope::Cluster;
        let mut found = Vec::new();
        let mut add = |power: Option<(Power, &Grant)>| {
            if let Some((power, grant)) = power {
                found.push(self.held(power, grant));
            }
        };
        add(self.escalate(in_cluster));
        add(self.bind(in_cluster));
        if in_cluster {
            add(self
                .on(&["impersonate"], "", "groups", "")
                .map(|(names, grant)| (Power::ImpersonateGroups(names), grant)));
            add(self
                .on(&["impersonate"], "", "users", "")
                .map(|(names, grant)| (Power::ImpersonateUsers(names), grant)));
            add(self.on(&["get", "create"], "", "nodes", "proxy").map(|(_, grant)| (Power::NodesProxy, grant)));
            add(self.certificates());
            let mutating = MUTATING.iter().find_map(|resource| self.on(&WRITE, ADMISSION, resource, ""));
            add(mutating.map(|(_, grant)| (Power::MutateRequests, grant)));
            let validating = self.on(&WRITE, ADMISSION, "validatingwebhookconfigurations", "");
            add(validating.map(|(_, grant)| (Power::SeeRequests, grant)));
            add(self.on(&["create"], "", "persistentvolumes", "").map(|(_, grant)| (Power::PersistentVolumes, grant)));
        }
        let accounts = self.on(&["impersonate"], "", "serviceaccounts", "");
        add(accounts.map(|(names, grant)| (Power::ImpersonateServiceAccounts(names), grant)));
        add(WORKLOADS.iter().find_map(|(group, resource)| {
            let (_, grant) = self.on(&WRITE, group, resource, "")?;
            Some((Power::RunPods((*resource).into()), grant))
        }));
        let tokens = self.on(&["create"], "", "serviceaccounts", "token");
        add(tokens.map(|(names, grant)| (Power::CreateTokens(names), grant)));
        let exec = self.on(&["create", "get"], "", "pods", "exec");
        let exec = exec.or_else(|| self.on(&["create", "get"], "", "pods", "attach"));
        add(exec.map(|(_, grant)| (Power::Exec, grant)));
        let ephemeral = self.on(&["update", "patch"], "", "pods", "ephemeralcontainers");
        add(ephemeral.map(|(_, grant)| (Power::EphemeralContainers, grant)));
        add(self.on(&READ, "", "secrets", "").map(|(names, grant)| (Power::ReadSecrets(names), grant)));
        found
    }

    fn held(&self, power: Power, grant: &Grant) -> Held {
        Held { power, scope: self.scope.clone(), binding: grant.binding.clone(), role: grant.role.clone() }
    }

    /// `escalate` counts where the roles can be written, too.
    fn escalate(&self, in_cluster: bool) -> Option<(Power, &'g Grant)> {
        let roles: &[&str] = if in_cluster { &["clusterroles", "roles"] } else { &["roles"] };
        roles.iter().find_map(|resource| {
            let (_, grant) = self.on(&["escalate"], RBAC, resource, "")?;
            self.on(&WRITE, RBAC, resource, "")?;
            Some((Power::Escalate, grant))
        })
    }

    /// `bind` counts where bindings can be written, too.
    fn bind(&self, in_cluster: bool) -> Option<(Power, &'g Grant)> {
        let bindings: &[&str] = if in_cluster { &["clusterrolebindings", "rolebindings"] } else { &["rolebindings"] };
        bindings.iter().find_map(|resource| self.on(&WRITE, RBAC, resource, ""))?;
        let (names, grant) = self
            .on(&["bind"], RBAC, "clusterroles", "")
            .or_else(|| self.on(&["bind"], RBAC, "roles", "").filter(|_| !in_cluster))?;
        Some((Power::Bind(names), grant))
    }

    fn certificates(&self) -> Option<(Power, &'g Grant)> {
        let group = "certificates.k8s.io";
        let (signers, grant) = self.on(&["approve"], group, "signers", "")?;
        let signs_clients = match signers {
            Names::All => true,
            Names::Only(names) => CLIENT_SIGNERS.iter().any(|signer| names.contains(*signer)),
        };
        let asks = self.on(&["create"], group, "certificatesigningrequests", "").is_some();
        let approves = self.on(&["update", "patch"], group, "certificatesigningrequests", "approval").is_some();
        (signs_clients && asks && approves).then_some((Power::ApproveCertificates, grant))
    }

    /// For which objects some of these verbs are held, and a grant that gives it.
    fn on(&self, verbs: &[&str], group: &str, resource: &str, subresource: &str) -> Option<Found<'g>> {
        let mut names = BTreeSet::new();
        let mut by = None;
        for grant in self.grants {
            for rule in grant.rules.iter() {
                let mut held =
                    verbs.iter().filter(|verb| rule.allows_cell(verb, group, resource, subresource)).peekable();
                if held.peek().is_none() {
                    continue;
                }
                if rule.resource_names.is_empty() {
                    return Some((Names::All, grant));
                }
                // What is made has no name when the authorizer is asked.
                if held.any(|verb| *verb != "create" || !subresource.is_empty()) {
                    names.extend(rule.resource_names.iter().cloned());
                    by.get_or_insert(*grant);
                }
            }
        }
        by.map(|grant| (Names::Only(names), grant))
    }
}

/// How much rules are worth to an attacker where they hold, by each alone.
pub(crate) fn severity_of(rules: &[Rule], scope: &Scope) -> Severity {
    rules.iter().map(|rule| severity(rule, *scope == Scope::Cluster)).max().unwrap_or(Severity::Info)
}

fn severity(rule: &Rule, in_cluster: bool) -> Severity {
    const OVER_ALL: [(&[&str], &str, &str, &str); 9] = [
        (&["escalate", "bind"], RBAC, "clusterroles", ""),
        (&["escalate", "bind"], RBAC, "roles", ""),
        (&["impersonate"], "", "groups", ""),
        (&["impersonate"], "", "users", ""),
        (&["impersonate"], "", "serviceaccounts", ""),
        (&["create", "get"], "", "nodes", "proxy"),
        (&READ, "", "secrets", ""),
        (&WRITE, ADMISSION, "mutatingwebhookconfigurations", ""),
        (&["create"], "", "serviceaccounts", "token"),
    ];
    let allows = |(verbs, group, resource, subresource): &(&[&str], &str, &str, &str)| {
        verbs.iter().any(|verb| rule.allows_cell(verb, group, resource, subresource))
    };
    let is_named = !rule.resource_names.is_empty();
    if rule.is_everything() || (OVER_ALL.iter().any(allows) && !is_named) {
        return if in_cluster { Severity::Critical } else { Severity::High };
    }
    if has_part(std::slice::from_ref(rule)) {
        return if is_named { Severity::Medium } else { Severity::High };
    }
    let reads = |verb: &SmolStr| matches!(verb.as_str(), "get" | "list" | "watch" | "head" | "options");
    if rule.verbs.iter().all(reads) || rule.resources.is_empty() { Severity::Low } else { Severity::Medium }
}
