//! The objects that give rights, read from what the API server says of them.

use std::fmt;
use std::sync::Arc;

use probity_kubernetes::selector::Selector;
use probity_model::node::{Mapping, Node};
use probity_model::{Problem, SmolStr, Value};
use serde::{Serialize, Serializer};

use crate::rule::Rule;
use crate::subject::Subject;

/// Most lists of objects in lists that are read.
const MAX_LISTS: usize = 4;

/// What the roles and bindings that Kubernetes itself brings are labelled with.
const BOOTSTRAPPING: &str = "kubernetes.io/bootstrapping";

/// A role's name: of a Role with its namespace, of a `ClusterRole` without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleKey {
    /// The namespace; none for a `ClusterRole`.
    pub namespace: Option<SmolStr>,
    /// The name.
    pub name: SmolStr,
}

/// A binding's name: of a `RoleBinding` with its namespace, of a `ClusterRoleBinding` without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingKey {
    /// The namespace; none for a `ClusterRoleBinding`.
    pub namespace: Option<SmolStr>,
    /// The name.
    pub name: SmolStr,
}

/// A Role or `ClusterRole`.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name.
    pub key: RoleKey,
    /// `metadata.labels`.
    pub labels: Value,
    /// The rules that stand in it.
    pub rules: Arc<[Rule]>,
    /// The selectors of its `aggregationRule`, when it has one: then the rules are those of the `ClusterRoles` selected.
    pub aggregation: Option<Vec<Selector>>,
}

/// A `RoleBinding` or `ClusterRoleBinding`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its name.
    pub key: BindingKey,
    /// The role that it gives.
    pub role: RoleKey,
    /// Whom it gives it.
    pub subjects: Vec<Subject>,
    /// Whether it is one that Kubernetes itself brings (`kubernetes.io/bootstrapping`).
    pub is_default: bool,
}

/// An object that matters for rights.
#[derive(Debug, Clone)]
pub enum Object {
    /// A Role or `ClusterRole`.
    Role(Role),
    /// A `RoleBinding` or `ClusterRoleBinding`.
    Binding(Binding),
    /// A service account, which has rights only by bindings.
    ServiceAccount {
        /// The namespace.
        namespace: SmolStr,
        /// The name.
        name: SmolStr,
    },
}

/// What names an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKey {
    /// A Role or `ClusterRole`.
    Role(RoleKey),
    /// A `RoleBinding` or `ClusterRoleBinding`.
    Binding(BindingKey),
    /// A service account.
    ServiceAccount {
        /// The namespace.
        namespace: SmolStr,
        /// The name.
        name: SmolStr,
    },
}

impl Object {
    /// What names it.
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Role(role) => ObjectKey::Role(role.key.clone()),
            Self::Binding(binding) => ObjectKey::Binding(binding.key.clone()),
            Self::ServiceAccount { namespace, name } => {
                ObjectKey::ServiceAccount { namespace: namespace.clone(), name: name.clone() }
            }
        }
    }

    /// The object in a document; none when it is of a kind that gives no rights.
    ///
    /// # Errors
    /// When a field that matters is missing or of another type, with its place.
    pub fn read(node: Node<'_>) -> Result<Option<Self>, Problem> {
        let fields = node.mapping()?;
        let kind = fields.required("kind")?.string()?;
        let is_rbac = || -> Result<bool, Problem> {
            let version = fields.required("apiVersion")?.string()?;
            Ok(version.starts_with("rbac.authorization.k8s.io/"))
        };
        Ok(match kind {
            "Role" | "ClusterRole" if is_rbac()? => Some(Self::Role(role(fields, kind == "Role")?)),
            "RoleBinding" | "ClusterRoleBinding" if is_rbac()? => {
                Some(Self::Binding(binding(fields, kind == "RoleBinding")?))
            }
            "ServiceAccount" => {
                let metadata = Metadata::read(fields)?;
                let namespace = metadata.namespace()?;
                Some(Self::ServiceAccount { namespace, name: metadata.name })
            }
            _ => None,
        })
    }
}

/// The objects in a document: one, or a list such as `kubectl get -o json` prints.
///
/// # Errors
/// When a field that matters is missing or of another type, with its place.
pub fn read_objects(node: Node<'_>) -> Result<Vec<Object>, Problem> {
    let mut objects = Vec::new();
    add_objects(node, &mut objects, MAX_LISTS)?;
    Ok(objects)
}

fn add_objects(node: Node<'_>, objects: &mut Vec<Object>, depth: usize) -> Result<(), Problem> {
    let fields = node.mapping()?;
    let kind = fields.required("kind")?.string()?;
    let Some(items) = fields.optional("items").filter(|_| kind.ends_with("List")) else {
        objects.extend(Object::read(node)?);
        return Ok(());
    };
    if depth == 0 {
        return Err(node.problem("the lists are nested too deeply"));
    }
    for item in items.list()? {
        add_objects(item, objects, depth - 1)?;
    }
    Ok(())
}

struct Metadata<'n> {
    name: SmolStr,
    namespace: Option<SmolStr>,
    labels: Value,
    fields: Mapping<'n>,
}

impl<'n> Metadata<'n> {
    fn read(fields: Mapping<'n>) -> Result<Self, Problem> {
        let fields = fields.required("metadata")?.mapping()?;
        let text = |name: &str| fields.optional(name).map(|node| node.string().map(SmolStr::from)).transpose();
        let labels = fields.optional("labels").map_or(Value::Null, |node| node.value.clone());
        Ok(Self { name: fields.required("name")?.string()?.into(), namespace: text("namespace")?, labels, fields })
    }

    fn namespace(&self) -> Result<SmolStr, Problem> {
        self.namespace.clone().filter(|namespace| !namespace.is_empty()).ok_or_else(|| {
            self.fields
                .problem("the object is in no namespace")
                .with_help("take the objects from the cluster, with `kubectl get -A -o json`")
        })
    }

    fn scope(&self, is_namespaced: bool) -> Result<Option<SmolStr>, Problem> {
        if is_namespaced { self.namespace().map(Some) } else { Ok(None) }
    }
}

fn role(fields: Mapping<'_>, is_namespaced: bool) -> Result<Role, Problem> {
    let metadata = Metadata::read(fields)?;
    let namespace = metadata.scope(is_namespaced)?;
    let rules = fields.optional("rules").map(Node::list).transpose()?.unwrap_or_default();
    let rules: Vec<Rule> = rules.into_iter().map(rule).collect::<Result<_, _>>()?;
    let aggregation = match fields.optional("aggregationRule").filter(|_| !is_namespaced) {
        Some(node) => {
            let selectors = node.mapping()?.optional("clusterRoleSelectors").map(Node::list).transpose()?;
            Some(selectors.unwrap_or_default().into_iter().map(Selector::read).collect::<Result<_, _>>()?)
        }
        None => None,
    };
    Ok(Role {
        key: RoleKey { namespace, name: metadata.name },
        labels: metadata.labels,
        rules: rules.into(),
        aggregation,
    })
}

fn rule(node: Node<'_>) -> Result<Rule, Problem> {
    let fields = node.mapping()?;
    let texts = |name: &str| -> Result<Vec<SmolStr>, Problem> {
        let texts = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
        Ok(texts.into_iter().map(SmolStr::from).collect())
    };
    Ok(Rule {
        api_groups: texts("apiGroups")?,
        resources: texts("resources")?,
        resource_names: texts("resourceNames")?,
        non_resource_urls: texts("nonResourceURLs")?,
        verbs: texts("verbs")?,
    })
}

fn binding(fields: Mapping<'_>, is_namespaced: bool) -> Result<Binding, Problem> {
    let metadata = Metadata::read(fields)?;
    let namespace = metadata.scope(is_namespaced)?;
    let role = role_ref(fields.required("roleRef")?, namespace.as_ref())?;
    let subjects = fields.optional("subjects").map(Node::list).transpose()?.unwrap_or_default();
    let mut bound = Vec::new();
    for node in subjects {
        bound.extend(subject(node, namespace.as_ref())?);
    }
    let is_default = metadata.labels.get(BOOTSTRAPPING).is_some();
    Ok(Binding { key: BindingKey { namespace, name: metadata.name }, role, subjects: bound, is_default })
}

fn role_ref(node: Node<'_>, namespace: Option<&SmolStr>) -> Result<RoleKey, Problem> {
    let fields = node.mapping()?;
    let name = fields.required("name")?.string()?.into();
    let kind = fields.required("kind")?;
    match kind.string()? {
        "ClusterRole" => Ok(RoleKey { namespace: None, name }),
        "Role" if namespace.is_some() => Ok(RoleKey { namespace: namespace.cloned(), name }),
        "Role" => Err(kind.problem("a ClusterRoleBinding cannot give a Role")),
        other => Err(kind.problem(format!("`{other}` is no kind of role: expected Role or ClusterRole"))),
    }
}

/// The subject; none when it is one that the authorizer never finds: a service account without a namespace in a
/// `ClusterRoleBinding`.
fn subject(node: Node<'_>, namespace: Option<&SmolStr>) -> Result<Option<Subject>, Problem> {
    let fields = node.mapping()?;
    let name: SmolStr = fields.required("name")?.string()?.into();
    let kind = fields.required("kind")?;
    Ok(match kind.string()? {
        "User" => Some(Subject::User(name)),
        "Group" => Some(Subject::Group(name)),
        "ServiceAccount" => {
            let own = fields.optional("namespace").map(Node::string).transpose()?.filter(|own| !own.is_empty());
            let namespace = own.map(SmolStr::from).or_else(|| namespace.cloned());
            namespace.map(|namespace| Subject::ServiceAccount { namespace, name })
        }
        other => {
            return Err(
                kind.problem(format!("`{other}` is no kind of subject: expected ServiceAccount, User or Group"))
            );
        }
    })
}

fn write_key(f: &mut fmt::Formatter<'_>, kind: &str, namespace: Option<&SmolStr>, name: &str) -> fmt::Result {
    match namespace {
        Some(namespace) => write!(f, "{kind} {namespace}/{name}"),
        None => write!(f, "Cluster{kind} {name}"),
    }
}

impl fmt::Display for RoleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, "Role", self.namespace.as_ref(), &self.name)
    }
}

impl fmt::Display for BindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, "RoleBinding", self.namespace.as_ref(), &self.name)
    }
}

impl Serialize for RoleKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for BindingKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
