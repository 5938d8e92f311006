//! The objects of a kustomization, in their order.

use std::collections::HashSet;

use probity_go::regex;
use probity_kubernetes::selector;
use probity_model::value::Value;

use super::definition::Selector;
use super::edit::{self, New, Outcome};
use super::resource::{Behavior, Gvk, Id, Resource};

/// Most objects that a kustomization is rendered to.
const MAX_RESOURCES: usize = 20_000;

/// Objects that are few enough to be compared with all others one by one.
const FEW: usize = 16;

/// The objects of a kustomization, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Resources(pub(super) Vec<Resource>);

impl Resources {
    /// Adds objects; one that is there already is refused.
    pub(super) fn append(&mut self, others: Vec<Resource>) -> Outcome<()> {
        if self.0.len() + others.len() > MAX_RESOURCES {
            return Err(format!("more than {MAX_RESOURCES} objects"));
        }
        if others.len() <= FEW {
            for resource in others {
                let id = resource.id();
                if self.0.iter().any(|known| known.name() == id.name && known.id().is_same(&id)) {
                    return Err(registered(&id));
                }
                self.0.push(resource);
            }
            return Ok(());
        }
        let mut known: HashSet<(Gvk, String, String)> = self.0.iter().map(|resource| resource.id().key()).collect();
        for resource in others {
            let id = resource.id();
            if !known.insert(id.key()) {
                return Err(registered(&id));
            }
            self.0.push(resource);
        }
        Ok(())
    }

    /// Refuses two objects of one name.
    pub(super) fn check_names(&self) -> Outcome<()> {
        let mut known = HashSet::new();
        match self.0.iter().map(Resource::id).find(|id| !known.insert(id.key())) {
            Some(id) => Err(format!("namespace transformation produces ID conflict: {}", id.label())),
            None => Ok(()),
        }
    }

    /// Adds generated objects, or puts them over those that are there, as their behaviour says.
    pub(super) fn absorb(&mut self, generated: Vec<Resource>) -> Outcome<()> {
        for resource in generated {
            let id = resource.id();
            let found = self.called(&id);
            match (found.as_slice(), resource.behavior) {
                ([], Behavior::Create) => self.append(vec![resource])?,
                ([], _) => return Err(format!("id {} does not exist; cannot merge or replace", id.label())),
                ([_], Behavior::Create) => {
                    return Err(format!("id {} exists; behavior must be merge or replace", id.label()));
                }
                ([at], behavior) => self.0[*at] = over(&self.0[*at], resource, behavior),
                _ => return Err(format!("several objects could accept merge of {}", id.label())),
            }
        }
        Ok(())
    }

    pub(super) fn positions(&self, fits: impl Fn(&Resource) -> bool) -> Vec<usize> {
        self.0.iter().enumerate().filter(|(_, resource)| fits(resource)).map(|(at, _)| at).collect()
    }

    /// The objects that are or were called so.
    fn called(&self, id: &Id) -> Vec<usize> {
        self.positions(|known| {
            let is_named = known.name() == id.name || known.previous.iter().any(|previous| previous.name == id.name);
            is_named && known.any_id(|known| known.is_same(id))
        })
    }

    /// The one object that is or was called so.
    pub(super) fn only(&self, id: &Id) -> Outcome<usize> {
        match self.called(id).as_slice() {
            [at] => Ok(*at),
            [] => Err(format!("no matches for Id {}; failed to find unique target for patch", id.label())),
            _ => Err(format!("multiple matches for Id {}; failed to find unique target for patch", id.label())),
        }
    }

    /// The objects that the patterns of a selector match.
    pub(super) fn select(&self, selector: &Selector) -> Outcome<Vec<usize>> {
        let pattern = |text: &str| match text {
            "" => Ok(None),
            text => regex::compiled(&format!("^(?:{text})$")).map(Some),
        };
        let wanted = &selector.id;
        let [group, version, kind] =
            [&wanted.gvk.group, &wanted.gvk.version, &wanted.gvk.kind].map(|text| pattern(text));
        let (group, version, kind) = (group?, version?, kind?);
        let (name, namespace) = (pattern(&wanted.name)?, pattern(&wanted.namespace)?);
        let fits = |pattern: &Option<std::rc::Rc<::regex::Regex>>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
        };
        let matched = Matched::new(selector)?;
        Ok(self.positions(|resource| {
            let ids = [resource.original_id(), resource.id()];
            let gvk = &ids[1].gvk;
            ids.iter().any(|id| fits(&namespace, id.effective_namespace()))
                && ids.iter().any(|id| fits(&name, &id.name))
                && fits(&group, &gvk.group)
                && fits(&version, &gvk.version)
                && fits(&kind, &gvk.kind)
                && matched.fits(&resource.value)
        }))
    }

    pub(super) fn drop_empty(&mut self) {
        self.0.retain(|resource| !resource.is_empty());
    }
}

fn registered(id: &Id) -> String {
    format!("may not add resource with an already registered id: {}", id.label())
}

/// The selectors of labels and annotations.
pub(super) struct Matched {
    labels: selector::Selector,
    annotations: selector::Selector,
}

impl Matched {
    pub(super) fn new(selector: &Selector) -> Outcome<Self> {
        let read = |text: &str| text.parse::<selector::Selector>().map_err(|error| error.to_string());
        Ok(Self { labels: read(&selector.labels)?, annotations: read(&selector.annotations)? })
    }

    pub(super) fn fits(&self, value: &Value) -> bool {
        let fits = |selector: &selector::Selector, name: &str| {
            selector.is_empty() || selector.matches(value.at(&["metadata", name]).and_then(Value::as_object))
        };
        fits(&self.annotations, "annotations") && fits(&self.labels, "labels")
    }
}

/// A generated object over the one that it replaces or is merged into, whose name and history it takes.
fn over(old: &Resource, new: Resource, behavior: Behavior) -> Resource {
    let mut merged = Resource { needs_hash: old.needs_hash && new.needs_hash, ..old.clone() };
    merged.value = new.value;
    merged.calls = new.calls;
    merged.span = new.span;
    if behavior == Behavior::Replace {
        merged.origin = new.origin;
    }
    for path in [&["metadata", "labels"][..], &["metadata", "annotations"]] {
        merged.value = joined(&merged.value, &old.value, path);
    }
    if behavior == Behavior::Merge {
        merged.value = joined(&joined(&merged.value, &old.value, &["data"]), &old.value, &["binaryData"]);
    }
    merged.set_name(&old.name(), None);
    merged.set_namespace(&old.namespace());
    merged
}

/// The value with the texts at a path put over those that another one has there.
fn joined(value: &Value, other: &Value, path: &[&str]) -> Value {
    let texts = |value: &Value| value.at(path).and_then(Value::as_object).cloned();
    let mut entries = Vec::new();
    for object in [texts(other), texts(value)].into_iter().flatten() {
        let texts = object.iter_spanned().map(|(key, value, span)| (key.clone(), Value::from(edit::text(value)), span));
        entries.extend(texts.collect::<Vec<_>>());
    }
    if entries.is_empty() {
        return value.clone();
    }
    let span = entries.last().and_then(|(.., span)| *span);
    let entries = Value::Object(probity_model::value::Object::with_known_spans(entries));
    edit::put(value, path, New { value: entries, span })
}
