//! Proposals: the roles and bindings that allow a subject what it used, and nothing else that it was given.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use probity_model::{SmolStr, Value};
use serde::Serialize;

use crate::cells::Cells;
use crate::excess::by_visibility;
use crate::needs::{Needs, add_common, combined};
use crate::object::{Binding, BindingKey, Object, Role, RoleKey};
use crate::rights::{Grant, Rights, Scope};
use crate::rule::{Request, Rule, uncovered};
use crate::subject::Subject;
use crate::usage::{UseBySubject, Used};

/// How a proposal is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Also name the objects that were used, where requests named them and there were not too many.
    pub names: bool,
    /// Keep rights whose use an audit log cannot show.
    pub keep_unseen: bool,
}

/// Roles and bindings in the place of those that a subject has.
#[derive(Debug, Clone, Serialize)]
pub struct Proposal {
    /// Who.
    pub subject: Subject,
    /// The rules, by where they hold.
    pub rules: Vec<(Scope, Vec<Rule>)>,
    /// The bindings of today that give the subject something; it is to be taken out of them.
    pub replaces: Vec<BindingKey>,
    /// Rights whose use an audit log cannot show, and that are not kept.
    pub unseen: Vec<(Scope, Vec<Rule>)>,
    /// Requests that were allowed and that neither its bindings nor those of its groups allow now, as many different ones.
    pub not_given: usize,
    /// What is not known, in words.
    pub doubts: Vec<String>,
}

/// The proposal for a subject. What it has by its groups stays theirs.
pub fn propose(subject: &Subject, rights: &Rights, usage: &UseBySubject<'_>, options: Options) -> Proposal {
    let grants = rights.grants(subject);
    let needs = Needs::of(subject, rights, usage);
    let mut cells: BTreeMap<Scope, Cells> = BTreeMap::new();
    for used in &needs.used {
        add_used(used, &grants, options, &mut cells);
    }
    for (scope, need) in &needs.told {
        for rule in given(&grants, scope) {
            add_common(rule, need, cells.entry(scope.clone()).or_default());
        }
    }
    let unseen = unseen(&grants, &cells);
    if options.keep_unseen {
        for (scope, rules) in &unseen {
            for rule in rules {
                add_common(rule, rule, cells.entry(scope.clone()).or_default());
            }
        }
    }
    Proposal {
        subject: subject.clone(),
        rules: without_repeats(&cells),
        replaces: grants.iter().map(|grant| grant.binding.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        unseen: if options.keep_unseen { Vec::new() } else { unseen },
        not_given: needs.used.iter().filter(|used| !is_given(used, rights)).count(),
        doubts: needs.doubts,
    }
}

/// The rules that hold in a scope.
fn given<'g>(grants: &'g [Grant], scope: &'g Scope) -> impl Iterator<Item = &'g Rule> {
    let holds = move |grant: &&Grant| grant.scope == Scope::Cluster || grant.scope == *scope;
    grants.iter().filter(holds).flat_map(|grant| grant.rules.iter())
}

/// Where a request needs its right.
fn place(request: &Request<'_>) -> Scope {
    let namespace = request.namespace();
    if namespace.is_empty() { Scope::Cluster } else { Scope::Namespace(namespace.into()) }
}

fn add_used(used: &Used<'_>, grants: &[Grant], options: Options, cells: &mut BTreeMap<Scope, Cells>) {
    let scope = place(&used.request);
    match used.request {
        Request::Path { verb, path } => {
            if given(grants, &scope).any(|rule| rule.allows(&used.request)) {
                cells.entry(scope).or_default().add_path(path, verb);
            }
        }
        Request::Resource { verb, group, resource, subresource, .. } => {
            let rules: Vec<&Rule> =
                given(grants, &scope).filter(|rule| rule.allows_cell(verb, group, resource, subresource)).collect();
            let resource = combined(resource, subresource);
            let is_free = rules.iter().any(|rule| rule.resource_names.is_empty());
            let mut add = |name: Option<&SmolStr>| {
                cells.entry(scope.clone()).or_default().add(group, &resource, verb, name);
            };
            if is_free && (!options.names || used.is_nameless || used.has_more) {
                add(None);
            } else if is_free {
                used.names.iter().for_each(|name| add(Some(name)));
            } else {
                // A rule with names is no reason to give the right to every name.
                for rule in rules {
                    used.names_among(&rule.resource_names).for_each(|name| add(Some(name)));
                }
            }
        }
    }
}

/// Whether the identity that made a request may make it now, by any of its subjects. Of the names one is enough.
fn is_given(used: &Used<'_>, rights: &Rights) -> bool {
    let is_allowed = |request: &Request<'_>| rights.allows(used.identity, request);
    match used.request {
        Request::Resource { verb, group, resource, subresource, namespace, .. } if !used.is_nameless => {
            used.names.iter().any(|name| {
                is_allowed(&Request::Resource { verb, group, resource, subresource, namespace, name: name.as_str() })
            })
        }
        _ => is_allowed(&used.request),
    }
}

/// What of the grants a log cannot show the use of, without what is kept anyhow.
fn unseen(grants: &[Grant], cells: &BTreeMap<Scope, Cells>) -> Vec<(Scope, Vec<Rule>)> {
    let mut found: BTreeMap<Scope, Vec<Rule>> = BTreeMap::new();
    for grant in grants {
        let kept = cells.get(&grant.scope).map(Cells::rules).unwrap_or_default();
        let kept: Vec<&Rule> = kept.iter().collect();
        for rule in grant.rules.iter() {
            let rules = uncovered(&by_visibility(rule).1, &kept);
            found.entry(grant.scope.clone()).or_default().extend(rules);
        }
    }
    found.retain(|_, rules| !rules.is_empty());
    found.into_iter().collect()
}

/// The rules of each scope, without what those of the cluster give everywhere.
fn without_repeats(cells: &BTreeMap<Scope, Cells>) -> Vec<(Scope, Vec<Rule>)> {
    let in_cluster = cells.get(&Scope::Cluster).map(Cells::rules).unwrap_or_default();
    let held: Vec<&Rule> = in_cluster.iter().collect();
    let scoped = cells.iter().filter(|(scope, _)| **scope != Scope::Cluster);
    let mut all: Vec<(Scope, Vec<Rule>)> =
        scoped.map(|(scope, cells)| (scope.clone(), uncovered(&cells.rules(), &held))).collect();
    all.insert(0, (Scope::Cluster, in_cluster.clone()));
    all.retain(|(_, rules)| !rules.is_empty());
    all
}

impl Proposal {
    /// The roles and bindings. Namespaces that need the same share a `ClusterRole`, which `RoleBindings` give in each.
    pub fn objects(&self) -> Vec<Object> {
        let name = self.name();
        let mut objects = Vec::new();
        let mut shared: BTreeMap<&[Rule], Vec<&SmolStr>> = BTreeMap::new();
        for (scope, rules) in &self.rules {
            match scope {
                Scope::Cluster => self.give(None, None, &name, rules, &mut objects),
                Scope::Namespace(namespace) => shared.entry(rules).or_default().push(namespace),
            }
        }
        let mut sharing = 0;
        for (rules, namespaces) in shared {
            if let [namespace] = namespaces.as_slice() {
                self.give(Some(namespace), Some(namespace), &name, rules, &mut objects);
                continue;
            }
            sharing += 1;
            let name = if sharing == 1 { format!("{name}:namespaces") } else { format!("{name}:namespaces-{sharing}") };
            objects.push(role(None, &name, rules));
            objects.extend(namespaces.iter().map(|namespace| self.binding(Some(namespace), None, &name)));
        }
        objects
    }

    fn give(
        &self,
        bound_in: Option<&SmolStr>,
        role_in: Option<&SmolStr>,
        name: &str,
        rules: &[Rule],
        objects: &mut Vec<Object>,
    ) {
        objects.push(role(role_in, name, rules));
        objects.push(self.binding(bound_in, role_in, name));
    }

    fn binding(&self, bound_in: Option<&SmolStr>, role_in: Option<&SmolStr>, name: &str) -> Object {
        Object::Binding(Binding {
            key: BindingKey { namespace: bound_in.cloned(), name: name.into() },
            role: RoleKey { namespace: role_in.cloned(), name: name.into() },
            subjects: vec![self.subject.clone()],
            is_default: false,
        })
    }

    /// The name of the roles and bindings. Objects of RBAC may have any name without `/` and `%`.
    fn name(&self) -> String {
        let name = match &self.subject {
            Subject::ServiceAccount { namespace, name } => format!("least-privilege:{namespace}:{name}"),
            Subject::User(name) => format!("least-privilege:user:{name}"),
            Subject::Group(name) => format!("least-privilege:group:{name}"),
        };
        name.replace(['/', '%'], "-")
    }

    /// These rights with the subject taken out of its bindings, and the proposal in their place.
    pub fn applied(&self, rights: &Rights) -> Rights {
        let mut rights = rights.clone();
        for key in &self.replaces {
            let Some(mut binding) = rights.binding(key).cloned() else { continue };
            binding.subjects.retain(|subject| *subject != self.subject);
            rights.apply(Object::Binding(binding));
        }
        self.objects().into_iter().for_each(|object| rights.apply(object));
        rights
    }

    /// The roles and bindings in YAML, as `kubectl apply` takes them. What is not in them stands in comments.
    pub fn yaml(&self) -> String {
        let mut text = String::new();
        for line in self.notes() {
            let _ = writeln!(text, "# {line}");
        }
        for (at, object) in self.objects().iter().enumerate() {
            if at > 0 || !text.is_empty() {
                text.push_str("---\n");
            }
            match object {
                Object::Role(role) => write_role(&mut text, role),
                Object::Binding(binding) => write_binding(&mut text, binding),
                Object::ServiceAccount { .. } => {}
            }
        }
        text
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.rules.is_empty() {
            notes.push(format!("{} used nothing of what its bindings give: it needs no role.", self.subject));
        }
        if !self.replaces.is_empty() {
            notes.push(format!("In the place of what gives {} its rights today; take it out of:", self.subject));
            notes.extend(self.replaces.iter().map(|key| format!("  {key}")));
        }
        for (scope, rules) in &self.unseen {
            notes.push(format!("Left out in {scope} scope, as an audit log does not show its use:"));
            notes.extend(rules.iter().map(|rule| format!("  {rule}")));
        }
        if self.not_given > 0 {
            notes.push(format!(
                "{} kinds of requests of the log are allowed by no role of today: the roles have changed since.",
                self.not_given
            ));
        }
        notes.extend(self.doubts.iter().cloned());
        // A line that a name breaks would be no comment.
        notes.iter().map(|note| note.replace(char::is_control, " ")).collect()
    }
}

fn role(namespace: Option<&SmolStr>, name: &str, rules: &[Rule]) -> Object {
    Object::Role(Role {
        key: RoleKey { namespace: namespace.cloned(), name: name.into() },
        labels: Value::Null,
        rules: rules.into(),
        aggregation: None,
    })
}

fn write_head(text: &mut String, kind: &str, namespace: Option<&SmolStr>, name: &str) {
    let kind = if namespace.is_some() { kind.to_owned() } else { format!("Cluster{kind}") };
    let _ =
        writeln!(text, "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {}", quoted(name));
    if let Some(namespace) = namespace {
        let _ = writeln!(text, "  namespace: {}", quoted(namespace));
    }
}

fn write_role(text: &mut String, role: &Role) {
    write_head(text, "Role", role.key.namespace.as_ref(), &role.key.name);
    text.push_str("rules:\n");
    for rule in role.rules.iter() {
        let fields = [
            ("apiGroups", &rule.api_groups),
            ("resources", &rule.resources),
            ("resourceNames", &rule.resource_names),
            ("nonResourceURLs", &rule.non_resource_urls),
            ("verbs", &rule.verbs),
        ];
        let fields = fields.iter().filter(|(_, entries)| !entries.is_empty());
        for (at, (name, entries)) in fields.enumerate() {
            let entries: Vec<String> = entries.iter().map(|entry| quoted(entry)).collect();
            let _ = writeln!(text, "  {} {name}: [{}]", if at == 0 { "-" } else { " " }, entries.join(", "));
        }
    }
}

fn write_binding(text: &mut String, binding: &Binding) {
    write_head(text, "RoleBinding", binding.key.namespace.as_ref(), &binding.key.name);
    let kind = if binding.role.namespace.is_some() { "Role" } else { "ClusterRole" };
    let _ = writeln!(
        text,
        "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {}\nsubjects:",
        quoted(&binding.role.name)
    );
    for subject in &binding.subjects {
        let (kind, name) = match subject {
            Subject::ServiceAccount { namespace, name } => {
                let _ = writeln!(
                    text,
                    "  - kind: ServiceAccount\n    name: {}\n    namespace: {}",
                    quoted(name),
                    quoted(namespace)
                );
                continue;
            }
            Subject::User(name) => ("User", name),
            Subject::Group(name) => ("Group", name),
        };
        let _ = writeln!(text, "  - apiGroup: rbac.authorization.k8s.io\n    kind: {kind}\n    name: {}", quoted(name));
    }
}

/// A string of JSON, which is one of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
