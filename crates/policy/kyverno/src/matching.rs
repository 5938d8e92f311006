//! What `match` and `exclude` select (Kyverno, `pkg/engine/utils/match.go` and `pkg/utils/match`).

mod read;

use probity_kubernetes::kind::{GroupVersionKind, KindSelector};
use probity_kubernetes::selector::Selector;
use probity_kubernetes::wildcard;
use probity_model::value::Object;
use probity_model::{SmolStr, Value};

pub(crate) use read::{selector, texts};

use crate::object;
use crate::request::{Operation, Request, UserInfo};

/// What `match` selects, or `exclude` takes out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matching {
    pub(crate) any: Vec<Filter>,
    pub(crate) all: Vec<Filter>,
    /// What stands there by itself; counts only when there is neither `any` nor `all`.
    pub(crate) own: Filter,
}

/// One block: all that it says must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) resources: Resources,
    pub(crate) users: Users,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Resources {
    pub(crate) kinds: Vec<KindSelector>,
    pub(crate) names: Vec<SmolStr>,
    pub(crate) name: Option<SmolStr>,
    pub(crate) namespaces: Vec<SmolStr>,
    pub(crate) annotations: Vec<(SmolStr, SmolStr)>,
    pub(crate) selector: Option<Selector>,
    pub(crate) namespace_selector: Option<Selector>,
    pub(crate) operations: Vec<SmolStr>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Users {
    pub(crate) roles: Vec<SmolStr>,
    pub(crate) cluster_roles: Vec<SmolStr>,
    pub(crate) subjects: Vec<Subject>,
}

/// A user, group or service account.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) kind: SubjectKind,
    /// The name, with wildcards; of a service account, the user it is.
    pub(crate) name: SmolStr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubjectKind {
    User,
    Group,
    ServiceAccount,
}

/// What is asked whether it matches.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'r> {
    pub(crate) object: &'r Value,
    pub(crate) gvk: &'r GroupVersionKind,
    pub(crate) subresource: &'r str,
    pub(crate) operation: Operation,
    pub(crate) user: Option<&'r UserInfo>,
    pub(crate) namespace_labels: &'r Object,
}

impl<'r> Candidate<'r> {
    /// The object of a request, or another in its place.
    pub(crate) fn new(request: &'r Request, object: &'r Value) -> Self {
        Self {
            object,
            gvk: &request.gvk,
            subresource: &request.subresource,
            operation: request.operation,
            user: request.user.as_ref(),
            namespace_labels: &request.namespace_labels,
        }
    }
}

impl Matching {
    fn filters(&self) -> impl Iterator<Item = &Filter> {
        self.any.iter().chain(&self.all).chain(std::iter::once(&self.own))
    }

    /// The blocks that decide: the others do not count.
    pub(crate) fn deciding(&self) -> impl Iterator<Item = &Filter> {
        let (list, own) = match (self.any.is_empty(), self.all.is_empty()) {
            (false, _) => (self.any.as_slice(), None),
            (true, false) => (self.all.as_slice(), None),
            (true, true) => (&[][..], Some(&self.own)),
        };
        list.iter().chain(own)
    }

    /// The blocks of which one is enough.
    pub(crate) fn deciding_any(&self) -> impl Iterator<Item = &Filter> {
        let is_any = !self.any.is_empty() || self.all.is_empty();
        self.deciding().filter(move |_| is_any)
    }

    /// Whether it asks who asks.
    pub(crate) fn names_users(&self) -> bool {
        self.filters().any(|filter| !filter.users.is_empty())
    }

    /// Whether it asks for the roles of who asks.
    pub(crate) fn names_roles(&self) -> bool {
        self.filters().any(|filter| !filter.users.roles.is_empty() || !filter.users.cluster_roles.is_empty())
    }

    /// The kinds that are named.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &KindSelector> {
        self.filters().flat_map(|filter| &filter.resources.kinds)
    }

    /// Whether nothing is matched but what kinds name.
    pub(crate) fn names_kinds(&self) -> bool {
        let is_named = |filter: &Filter| !filter.resources.kinds.is_empty();
        match (self.any.is_empty(), self.all.is_empty()) {
            (false, _) => self.any.iter().all(is_named),
            (true, false) => self.all.iter().any(is_named),
            (true, true) => is_named(&self.own),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.any.is_empty() && self.all.is_empty() && self.own.is_empty()
    }

    /// Whether it asks for labels of namespaces.
    pub(crate) fn needs_namespace(&self) -> bool {
        self.filters().any(|filter| filter.resources.namespace_selector.is_some())
    }

    /// Whether the kind of a request is one that may be selected.
    pub(crate) fn may_select(&self, request: &Request) -> bool {
        if !self.names_kinds() {
            return true;
        }
        let Some(object) = request.resource() else { return false };
        self.kinds().any(|kind| is_kind(kind, &Candidate::new(request, object)))
    }

    /// Whether `match` selects an object.
    pub(crate) fn selects(&self, candidate: &Candidate<'_>) -> bool {
        let is_selected = |filter: &Filter| filter.selects(candidate);
        match (self.any.is_empty(), self.all.is_empty()) {
            (false, _) => self.any.iter().any(is_selected),
            (true, false) => self.all.iter().all(is_selected),
            (true, true) => self.own.selects(candidate),
        }
    }

    /// Whether `exclude` takes an object out.
    pub(crate) fn excludes(&self, candidate: &Candidate<'_>) -> bool {
        let is_taken_out = |filter: &Filter| !filter.is_empty() && filter.holds(candidate);
        match (self.any.is_empty(), self.all.is_empty()) {
            (false, _) => self.any.iter().any(is_taken_out),
            (true, false) => self.all.iter().all(is_taken_out),
            (true, true) => is_taken_out(&self.own),
        }
    }

    /// Whether the match of an exception selects an object.
    pub(crate) fn selects_as_exception(&self, candidate: &Candidate<'_>) -> bool {
        let is_selected = |filter: &Filter| !filter.is_empty() && filter.holds_for_exception(candidate);
        match (self.any.is_empty(), self.all.is_empty()) {
            (false, _) => self.any.iter().any(is_selected),
            (true, false) => self.all.iter().all(is_selected),
            (true, true) => false,
        }
    }
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.users.is_empty()
    }

    /// Whether nothing but operations is said.
    pub(crate) fn names_only_operations(&self) -> bool {
        let others = Resources { operations: Vec::new(), ..self.resources.clone() };
        !self.resources.operations.is_empty() && others.is_empty() && self.users.is_empty()
    }

    /// As part of `match`: what is said of users does not count when nothing is known of them, and a block that says
    /// nothing selects nothing.
    fn selects(&self, candidate: &Candidate<'_>) -> bool {
        match candidate.user {
            None => !self.resources.is_empty() && self.resources.hold(candidate),
            Some(_) => !self.is_empty() && self.holds(candidate),
        }
    }

    fn holds(&self, candidate: &Candidate<'_>) -> bool {
        self.resources.hold(candidate) && self.users.hold(candidate.user)
    }

    fn holds_for_exception(&self, candidate: &Candidate<'_>) -> bool {
        let is_of_namespace = |selector: &Selector| {
            let is_namespace = matches!(object::text(candidate.object, "kind"), "Namespace" | "");
            is_namespace || selector.matches(Some(candidate.namespace_labels))
        };
        self.resources.hold_but_for_namespace(candidate)
            && self.resources.namespace_selector.as_ref().is_none_or(is_of_namespace)
            && self.users.hold(candidate.user)
    }
}

fn any_matches(patterns: &[SmolStr], text: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| wildcard::matches(pattern, text))
}

impl Resources {
    fn is_empty(&self) -> bool {
        self.kinds.is_empty()
            && self.name.is_none()
            && self.names.is_empty()
            && self.namespaces.is_empty()
            && self.annotations.is_empty()
            && self.selector.is_none()
            && self.namespace_selector.is_none()
            && self.operations.is_empty()
    }

    fn hold(&self, candidate: &Candidate<'_>) -> bool {
        self.hold_of_operation(candidate)
            && self.hold_but_for_namespace(candidate)
            && self.namespace_selector.as_ref().is_none_or(|selector| self.namespace_holds(selector, candidate))
    }

    fn hold_of_operation(&self, candidate: &Candidate<'_>) -> bool {
        self.operations.is_empty() || self.operations.iter().any(|known| known == candidate.operation.as_str())
    }

    fn hold_but_for_namespace(&self, candidate: &Candidate<'_>) -> bool {
        let name = || object::name_or_generate_name(candidate.object);
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| is_kind(kind, candidate)))
            && self.name.as_ref().is_none_or(|pattern| wildcard::matches(pattern, name()))
            && (self.names.is_empty() || any_matches(&self.names, name()))
            && (self.namespaces.is_empty() || any_matches(&self.namespaces, namespace_of(candidate.object)))
            && self.annotations_hold(candidate.object)
            && self.selector.as_ref().is_none_or(|selector| selector.matches(object::labels(candidate.object)))
    }

    fn annotations_hold(&self, object: &Value) -> bool {
        if self.annotations.is_empty() {
            return true;
        }
        let Some(actual) = object::annotations(object) else { return false };
        self.annotations.iter().all(|(key, value)| {
            actual.iter().any(|(name, text)| {
                wildcard::matches(key, name.as_str())
                    && text.as_str().is_some_and(|text| wildcard::matches(value, text))
            })
        })
    }

    fn namespace_holds(&self, selector: &Selector, candidate: &Candidate<'_>) -> bool {
        match object::text(candidate.object, "kind") {
            "Namespace" => false,
            "" if !self.kinds.iter().any(|kind| kind.kind == "*") => true,
            _ => selector.matches(Some(candidate.namespace_labels)),
        }
    }
}

/// Whether a kind is that of the candidate. Ephemeral containers are part of a pod, whether or not they are asked for.
fn is_kind(kind: &KindSelector, candidate: &Candidate<'_>) -> bool {
    let is_pod = |gvk: &GroupVersionKind| gvk.group.is_empty() && gvk.version == "v1" && gvk.kind == "Pod";
    kind.matches(candidate.gvk, candidate.subresource)
        || (candidate.subresource == "ephemeralcontainers" && is_pod(candidate.gvk) && kind.matches_kind(candidate.gvk))
}

/// The namespace that an object is in; a namespace is in itself.
fn namespace_of(object: &Value) -> &str {
    if object::text(object, "kind") == "Namespace" { object::name(object) } else { object::namespace(object) }
}

impl Users {
    fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.cluster_roles.is_empty() && self.subjects.is_empty()
    }

    fn hold(&self, user: Option<&UserInfo>) -> bool {
        if self.is_empty() {
            return true;
        }
        let nobody = UserInfo::default();
        let user = user.unwrap_or(&nobody);
        let among = |wanted: &[SmolStr], had: &[String]| {
            wanted.is_empty() || had.iter().any(|own| wanted.iter().any(|one| one == own))
        };
        among(&self.roles, &user.roles)
            && among(&self.cluster_roles, &user.cluster_roles)
            && (self.subjects.is_empty() || self.subjects.iter().any(|subject| subject.is(user)))
    }
}

impl Subject {
    fn is(&self, user: &UserInfo) -> bool {
        match self.kind {
            SubjectKind::User | SubjectKind::ServiceAccount => wildcard::matches(&self.name, &user.username),
            SubjectKind::Group => user.groups.iter().any(|group| wildcard::matches(&self.name, group)),
        }
    }
}
