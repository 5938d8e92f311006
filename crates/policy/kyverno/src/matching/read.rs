//! Reading `match` and `exclude`.

use probity_kubernetes::kind::KindSelector;
use probity_kubernetes::selector::Selector;
use probity_model::SmolStr;
use probity_model::node::{Mapping, Node};

use super::{Filter, Matching, Resources, Subject, SubjectKind, Users};
use crate::read::{Path, ReadError, Within};

impl Matching {
    pub(crate) fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["any", "all", "resources", "roles", "clusterRoles", "subjects"])?;
        let filters = |name: &str| -> Result<Vec<Filter>, ReadError> {
            let nodes = fields.optional(name).map(Node::list).transpose()?.unwrap_or_default();
            let read = |(index, node)| Filter::read(node).within(Path::Index(index)).within(name);
            nodes.into_iter().enumerate().map(read).collect()
        };
        let read = Self { any: filters("any")?, all: filters("all")?, own: Filter::of(&fields)? };
        if !read.any.is_empty() && !read.all.is_empty() {
            return Err(node.problem("`any` and `all` rule each other out").into());
        }
        Ok(read)
    }
}

impl Filter {
    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["resources", "roles", "clusterRoles", "subjects"])?;
        Self::of(&fields)
    }

    fn of(fields: &Mapping<'_>) -> Result<Self, ReadError> {
        let resources = fields.optional("resources").map(|node| Resources::read(node).within("resources"));
        Ok(Self { resources: resources.transpose()?.unwrap_or_default(), users: Users::of(fields)? })
    }
}

/// A label selector, with wildcards.
pub(crate) fn selector(node: Node<'_>) -> Result<Selector, ReadError> {
    node.mapping()?.only(&["matchLabels", "matchExpressions"])?;
    Ok(Selector::read_with_wildcards(node)?)
}

/// A list of texts.
pub(crate) fn texts(fields: &Mapping<'_>, name: &str) -> Result<Vec<SmolStr>, ReadError> {
    let nodes = fields.optional(name).map(Node::list).transpose().within(name)?.unwrap_or_default();
    let read = |(index, node): (usize, Node<'_>)| -> Result<SmolStr, ReadError> {
        Ok(node.string().within(Path::Index(index)).within(name)?.into())
    };
    nodes.into_iter().enumerate().map(read).collect()
}

impl Resources {
    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&[
            "kinds",
            "name",
            "names",
            "namespaces",
            "annotations",
            "selector",
            "namespaceSelector",
            "operations",
        ])?;
        let name = fields.optional("name").map(Node::string).transpose().within("name")?;
        if name.is_some_and(|name| !name.is_empty()) && fields.optional("names").is_some() {
            return Err(node.problem("`name` and `names` rule each other out").into());
        }
        let selector = |name: &str| fields.optional(name).map(selector).transpose().within(name);
        let mut annotations = Vec::new();
        if let Some(node) = fields.optional("annotations") {
            for (key, value) in node.mapping().within("annotations")?.entries() {
                annotations.push((key.as_str().into(), value.text().within("annotations")?.into()));
            }
        }
        Ok(Self {
            kinds: texts(&fields, "kinds")?.iter().map(|kind| KindSelector::parse(kind)).collect(),
            names: texts(&fields, "names")?,
            name: name.filter(|name| !name.is_empty()).map(SmolStr::from),
            namespaces: texts(&fields, "namespaces")?,
            annotations,
            selector: selector("selector")?,
            namespace_selector: selector("namespaceSelector")?,
            operations: texts(&fields, "operations")?,
        })
    }
}

impl Users {
    fn of(fields: &Mapping<'_>) -> Result<Self, ReadError> {
        let nodes = fields.optional("subjects").map(Node::list).transpose()?.unwrap_or_default();
        let read = |(index, node)| Subject::read(node).within(Path::Index(index)).within("subjects");
        let subjects: Result<Vec<_>, ReadError> = nodes.into_iter().enumerate().map(read).collect();
        Ok(Self { roles: texts(fields, "roles")?, cluster_roles: texts(fields, "clusterRoles")?, subjects: subjects? })
    }
}

impl Subject {
    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["kind", "apiGroup", "name", "namespace"])?;
        let kind = fields.required("kind")?;
        let name = fields.optional("name").map(Node::string).transpose().within("name")?.unwrap_or_default();
        let namespace = fields.optional("namespace").map(Node::string).transpose()?.unwrap_or_default();
        let (kind, name) = match kind.string()? {
            "User" => (SubjectKind::User, name.into()),
            "Group" => (SubjectKind::Group, name.into()),
            "ServiceAccount" => {
                (SubjectKind::ServiceAccount, format!("system:serviceaccount:{namespace}:{name}").into())
            }
            other => {
                let message = format!("`{other}` is no kind of subject; one of User, Group, ServiceAccount");
                return Err(kind.problem(message).into());
            }
        };
        Ok(Self { kind, name })
    }
}
