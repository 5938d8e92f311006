//! Names of other objects, which follow when those are renamed.

use std::collections::{HashMap, HashSet};

use probity_model::value::Value;

use super::edit::{self, New, Outcome};
use super::fields::{self, Create, FieldSpec};
use super::resource::{Gvk, Id, Resource};
use super::rules::Rules;
use super::set::Resources;

/// An object that may be referred to.
struct Candidate {
    id: Id,
    original: Id,
    previous: Vec<Id>,
    name: String,
    namespace: String,
    is_cluster_scoped: bool,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

impl Candidate {
    fn of(resource: &Resource) -> Self {
        let id = resource.id();
        Self {
            original: resource.original_id(),
            previous: resource.previous_ids().collect(),
            name: id.name.clone(),
            namespace: resource.namespace().into_owned(),
            is_cluster_scoped: id.is_cluster_scoped,
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
            id,
        }
    }
}

/// Changes every name of an object that was renamed.
pub(super) fn fix(resources: &mut Resources, rules: &Rules) -> Outcome<()> {
    let candidates: Vec<Candidate> = resources.0.iter().map(Candidate::of).collect();
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let names: HashSet<&str> = candidate.previous.iter().map(|id| id.name.as_str()).collect();
        for name in names {
            by_name.entry(name).or_default().push(at);
        }
    }
    if by_name.is_empty() {
        return Ok(());
    }
    for (at, resource) in resources.0.iter_mut().enumerate() {
        for (target, specs) in &rules.names {
            for spec in specs.iter().filter(|spec| candidates[at].original.gvk.is_selected(&spec.gvk)) {
                let referrer = Referrer::new(&candidates[at], resource, spec, target, (&candidates, &by_name));
                let spec = FieldSpec { gvk: Gvk::default(), path: spec.path.clone(), create: false };
                let changed =
                    fields::change(&resource.value, &spec, (Create::Nothing, None), &mut |node| referrer.node(node));
                resource.change(changed)?;
            }
        }
    }
    Ok(())
}

/// A field that names other objects.
struct Referrer<'r> {
    own: &'r Candidate,
    target: &'r Gvk,
    /// What a binding says its role is.
    role: Option<Gvk>,
    /// Namespaces of the service accounts that a binding has.
    bound: HashSet<String>,
    candidates: &'r [Candidate],
    by_name: &'r HashMap<&'r str, Vec<usize>>,
}

impl<'r> Referrer<'r> {
    fn new(
        own: &'r Candidate,
        resource: &Resource,
        spec: &FieldSpec,
        target: &'r Gvk,
        (candidates, by_name): (&'r [Candidate], &'r HashMap<&'r str, Vec<usize>>),
    ) -> Self {
        let role = || {
            let role = resource.value.get("roleRef")?;
            let text = |name: &str| role.get(name).map(edit::text);
            Some(Gvk { group: text("apiGroup")?, version: String::new(), kind: text("kind")? })
        };
        let mut bound = HashSet::new();
        if resource.kind() == "RoleBinding" {
            let subjects = resource.value.get("subjects").and_then(Value::as_array);
            for subject in subjects.into_iter().flatten() {
                if subject.get("kind").and_then(Value::as_str) == Some("ServiceAccount") {
                    bound.extend(subject.get("namespace").and_then(Value::as_str).map(str::to_owned));
                }
            }
        }
        let role = if spec.path.ends_with("roleRef/name") { role() } else { None };
        Self { own, target, role, bound, candidates, by_name }
    }

    fn node(&self, node: &Value) -> Outcome<Option<New>> {
        match node {
            Value::Null => Ok(None),
            Value::Object(_) => self.mapping(node),
            Value::Array(list) => {
                let list = edit::changed_elements(list, &mut |element| match element {
                    Value::Null => Ok(None),
                    Value::Object(_) => self.mapping(element),
                    Value::Array(_) => Err("is expected to be either a string or a map of string".to_owned()),
                    scalar => self.scalar(scalar),
                })?;
                Ok(list.map(|list| New { value: Value::Array(list), span: None }))
            }
            scalar => self.scalar(scalar),
        }
    }

    fn scalar(&self, node: &Value) -> Outcome<Option<New>> {
        let name = edit::text(node);
        let found = self.select(&name, |_| true, |a, b| a.name == b.name)?;
        Ok(found.filter(|found| found.name != name).map(|found| New::text(&found.name, None)))
    }

    fn mapping(&self, node: &Value) -> Outcome<Option<New>> {
        let Value::Object(object) = node else { return Ok(None) };
        let name = object.get("name").ok_or("path config error; no 'name' field in node")?;
        let name = edit::text(name);
        let namespace = object.get("namespace").map(edit::text);
        let in_namespace = |candidate: &Candidate, original: bool| {
            let id = if original { &candidate.original } else { &candidate.id };
            namespace.as_deref().is_none_or(|namespace| id.effective_namespace() == namespace)
        };
        let by_original = self.reachable().any(|candidate| in_namespace(candidate, true));
        let same = |a: &Candidate, b: &Candidate| a.name == b.name && a.namespace == b.namespace;
        let found = self.select(&name, |candidate| in_namespace(candidate, by_original), same)?;
        let Some(found) = found.filter(|found| found.name != name || !found.namespace.is_empty()) else {
            return Ok(None);
        };
        let mut object =
            if found.name == name { object.clone() } else { edit::with(object, "name", New::text(&found.name, None)) };
        if !found.namespace.is_empty() && namespace.as_deref() != Some(&found.namespace) {
            object = edit::with(&object, "namespace", New::text(&found.namespace, None));
        }
        Ok(Some(New { value: Value::Object(object), span: None }))
    }

    fn reachable(&self) -> impl Iterator<Item = &'r Candidate> {
        self.candidates.iter().filter(|candidate| self.may_reach(candidate))
    }

    fn may_reach(&self, candidate: &Candidate) -> bool {
        self.own.is_cluster_scoped
            || candidate.is_cluster_scoped
            || candidate.id.effective_namespace() == self.own.id.effective_namespace()
            || self.bound.contains(&candidate.namespace)
    }

    /// The one object that had this name.
    fn select(
        &self,
        name: &str,
        fits: impl Fn(&Candidate) -> bool,
        same: impl Fn(&Candidate, &Candidate) -> bool,
    ) -> Outcome<Option<&'r Candidate>> {
        let named = self.by_name.get(name).into_iter().flatten().map(|at| &self.candidates[*at]);
        let was = |candidate: &Candidate, gvk: &Gvk| candidate.previous.iter().any(|id| id.gvk.is_selected(gvk));
        let mut found: Vec<&Candidate> = named
            .filter(|candidate| self.may_reach(candidate) && fits(candidate))
            .filter(|candidate| was(candidate, self.target))
            .filter(|candidate| self.role.as_ref().is_none_or(|role| was(candidate, role)))
            .filter(|candidate| self.is_in_namespace(candidate))
            .collect();
        if found.len() > 1 || found.is_empty() {
            found.retain(|candidate| self.has_same_affixes(candidate, true));
        }
        if found.len() > 1 {
            found.retain(|candidate| self.has_same_affixes(candidate, false));
        }
        match found.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] if rest.iter().all(|other| same(first, other)) => Ok(Some(first)),
            several => {
                let names: Vec<String> = several.iter().map(|candidate| candidate.id.label()).collect();
                Err(format!("found multiple possible referrals: {}", names.join(", ")))
            }
        }
    }

    fn is_in_namespace(&self, candidate: &Candidate) -> bool {
        self.own.is_cluster_scoped
            || candidate.is_cluster_scoped
            || candidate.id.gvk.kind == "ServiceAccount"
            || candidate.id.effective_namespace() == self.own.id.effective_namespace()
    }

    fn has_same_affixes(&self, candidate: &Candidate, allow_empty: bool) -> bool {
        let same = |a: &[String], b: &[String]| {
            let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
            if short.is_empty() { allow_empty || long.is_empty() } else { long.ends_with(short) }
        };
        same(&candidate.prefixes, &self.own.prefixes) && same(&candidate.suffixes, &self.own.suffixes)
    }
}
