//! Parameters: objects that bindings give to policies (`ParamKind` and `ParamRef`).

use probity_kubernetes::kind::{self, GroupVersionKind};
use probity_kubernetes::selector::Selector;
use probity_model::node::{Mapping, Node};
use probity_model::value::SmolStr;
use probity_model::{Problem, Value};
use probity_policy_core::{Called, Cluster, Query};

use crate::object;

/// Reads `paramKind`.
pub(crate) fn read_kind(fields: &Mapping<'_>) -> Result<Option<GroupVersionKind>, Problem> {
    let Some(node) = fields.optional("paramKind") else { return Ok(None) };
    let fields = node.mapping()?;
    fields.only(&["apiVersion", "kind"])?;
    let text = |name: &str| fields.required(name)?.string();
    Ok(Some(GroupVersionKind::new(text("apiVersion")?, text("kind")?)))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Named(SmolStr),
    Selected(Selector),
}

/// Which objects are the parameters, as a binding says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParamRef {
    which: Which,
    /// Empty for the namespace of the request.
    namespace: SmolStr,
    /// What to do when there are none.
    denies_without: bool,
}

impl ParamRef {
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["name", "namespace", "selector", "parameterNotFoundAction"])?;
        let name = fields.optional("name").map(Node::string).transpose()?.filter(|name| !name.is_empty());
        let which = match (name, fields.optional("selector")) {
            (Some(name), None) => Which::Named(name.into()),
            (None, Some(selector)) => Which::Selected(Selector::read(selector)?),
            (Some(_), Some(_)) => return Err(node.problem("`name` and `selector` rule each other out")),
            (None, None) => return Err(node.problem("one of `name` and `selector` must be given")),
        };
        let denies_without = denies_without(&fields)?;
        let namespace = fields.optional("namespace").map(Node::string).transpose()?.unwrap_or_default();
        Ok(Self { which, namespace: namespace.into(), denies_without })
    }

    /// The parameters among these objects, for a request in a namespace.
    ///
    /// # Errors
    /// When there must be some and there are none, or the namespace does not fit the kind.
    fn find<'o>(
        &self,
        wanted: &GroupVersionKind,
        objects: impl Iterator<Item = &'o Value>,
        request_namespace: &str,
    ) -> Result<Vec<&'o Value>, String> {
        let namespace = self.namespace(wanted, request_namespace)?;
        let fits = |object: &&Value| {
            object::text(object, "kind") == wanted.kind
                && object::text(object, "apiVersion") == wanted.api_version()
                && namespace.is_none_or(|namespace| object::namespace_or_default(object) == namespace)
                && match &self.which {
                    Which::Named(name) => object::name(object) == name,
                    Which::Selected(selector) => selector.matches(object::labels(object)),
                }
        };
        let found: Vec<&Value> = objects.filter(fits).collect();
        if found.is_empty() && self.denies_without {
            return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
        }
        Ok(found)
    }

    /// The objects of a cluster that may be the parameters of a request in a namespace.
    ///
    /// # Errors
    /// When they cannot be told, or the namespace does not fit the kind.
    fn candidates(
        &self,
        wanted: &GroupVersionKind,
        cluster: &dyn Cluster,
        request_namespace: &str,
    ) -> Result<Vec<Value>, String> {
        let namespace = self.namespace(wanted, request_namespace)?;
        let is_known = namespace.is_some() || kind::by_kind(&wanted.group, &wanted.kind).is_some();
        let api_version = wanted.api_version();
        let namespace = namespace.unwrap_or_default();
        let query = Query { api_version: &api_version, called: Called::Kind(&wanted.kind), namespace };
        let found = match &self.which {
            Which::Named(name) if is_known => cluster.get(query, name).map(|found| found.into_iter().collect()),
            _ => cluster.list(query),
        };
        let mut found = found.map_err(|error| error.to_string())?;
        if !is_known {
            // Whether the kind is in namespaces shows only in its objects.
            found.retain(|object| ["", request_namespace].contains(&object::namespace(object)));
        }
        Ok(found)
    }

    /// The parameters as Kyverno's command line gives them: the object of the name, or a list of those that are selected;
    /// `None` when there are none, whatever is to be done then.
    pub(crate) fn as_one(&self, objects: &[Value]) -> Option<Value> {
        match &self.which {
            Which::Named(name) => objects.iter().find(|object| object::name(object) == name).cloned(),
            Which::Selected(selector) => {
                let selected = objects.iter().filter(|object| selector.matches(object::labels(object)));
                let items: Vec<Value> = selected.cloned().collect();
                (!items.is_empty()).then(|| Value::object([("items", Value::array(items))]))
            }
        }
    }

    /// The namespace to look in; `None` for kinds that are in none, and for those of which that is not known.
    fn namespace<'n>(&'n self, wanted: &GroupVersionKind, request: &'n str) -> Result<Option<&'n str>, String> {
        let scope = kind::by_kind(&wanted.group, &wanted.kind).map(|resource| resource.namespaced);
        match (scope, self.namespace.as_str()) {
            (Some(false) | None, "") => Ok(None),
            (Some(false), _) => {
                Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned())
            }
            (Some(true), "") if request.is_empty() => {
                Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned())
            }
            (Some(true), "") => Ok(Some(request)),
            (_, namespace) => Ok(Some(namespace)),
        }
    }
}

/// Reads `parameterNotFoundAction`. The API server demands it; files of other tools leave it out, and then nothing passes
/// for want of parameters.
fn denies_without(fields: &Mapping<'_>) -> Result<bool, Problem> {
    let Some(action) = fields.optional("parameterNotFoundAction") else { return Ok(true) };
    match action.string()? {
        "Deny" => Ok(true),
        "Allow" => Ok(false),
        other => Err(action.problem(format!("`{other}` is not an action")).with_help("one of Allow, Deny")),
    }
}

/// The parameters that a policy is evaluated with, once for each; `None` stands for an evaluation without.
///
/// # Errors
/// As the binding demands.
pub(crate) fn collect<'o>(
    kind: Option<&GroupVersionKind>,
    reference: Option<&ParamRef>,
    objects: impl Iterator<Item = &'o Value>,
    namespace: &str,
) -> Result<Vec<Option<&'o Value>>, String> {
    let (Some(kind), Some(reference)) = (kind, reference) else { return Ok(vec![None]) };
    let found = reference.find(kind, objects, namespace)?;
    Ok(found.into_iter().map(Some).collect())
}

/// As [`collect`], of what a cluster has.
///
/// # Errors
/// As there, and when the cluster cannot tell.
pub(crate) fn collect_in(
    cluster: &dyn Cluster,
    kind: Option<&GroupVersionKind>,
    reference: Option<&ParamRef>,
    namespace: &str,
) -> Result<Vec<Option<Value>>, String> {
    let (Some(kind), Some(reference)) = (kind, reference) else { return Ok(vec![None]) };
    let candidates = reference.candidates(kind, cluster, namespace)?;
    let found = reference.find(kind, candidates.iter(), namespace)?;
    Ok(found.into_iter().cloned().map(Some).collect())
}
