//! Values given from outside (`cli.kyverno.io/v1alpha1`, kind `Values`): variables of policies, rules and resources, labels
//! of namespaces, subresources.

use probity_kubernetes::kind::GroupVersionKind;
use probity_model::node::{Mapping, Node};
use probity_model::value::Object;
use probity_model::{Problem, SmolStr, Value};

/// A variable by its dotted path.
pub(super) type Variable = (Vec<SmolStr>, Value);

/// Values given from outside.
#[derive(Debug, Clone, Default)]
pub struct Values {
    global: Vec<(String, Value)>,
    policies: Vec<PolicyValues>,
    namespaces: Vec<Value>,
    labels: Vec<(String, Object)>,
    subresources: Vec<Subresource>,
}

#[derive(Debug, Clone, Default)]
struct PolicyValues {
    name: String,
    rules: Vec<(String, Vec<Variable>)>,
    resources: Vec<(String, Vec<(String, Value)>)>,
}

/// A kind that stands for a subresource of another.
#[derive(Debug, Clone)]
struct Subresource {
    kind: GroupVersionKind,
    parent: GroupVersionKind,
    name: SmolStr,
}

impl Values {
    /// Reads a document of kind `Values`.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&[
            "apiVersion",
            "kind",
            "metadata",
            "globalValues",
            "policies",
            "namespaceSelector",
            "namespaces",
            "subresources",
        ])?;
        let list = |name: &str| fields.optional(name).map(Node::list).transpose();
        let policies = list("policies")?.unwrap_or_default();
        let labels = list("namespaceSelector")?.unwrap_or_default();
        let namespaces = list("namespaces")?.unwrap_or_default();
        let subresources = list("subresources")?.unwrap_or_default();
        Ok(Self {
            global: pairs(&fields, "globalValues")?,
            policies: policies.into_iter().map(PolicyValues::read).collect::<Result<_, _>>()?,
            namespaces: namespaces.into_iter().map(|node| node.value.clone()).collect(),
            labels: labels.into_iter().map(labels_of).collect::<Result<_, _>>()?,
            subresources: subresources.into_iter().map(Subresource::read).collect::<Result<_, _>>()?,
        })
    }

    /// Adds variables for all policies, over all others.
    pub fn set(&mut self, name: &str, value: Value) {
        self.global.retain(|(known, _)| known != name);
        self.global.push((name.to_owned(), value));
    }

    /// The operation that is said for all policies.
    pub fn operation(&self) -> Option<&str> {
        self.global.iter().find(|(name, _)| name == "request.operation").and_then(|(_, value)| value.as_str())
    }

    /// The variables of a policy on a resource, those of all policies among them.
    pub fn variables(&self, policy: &str, resource: &str) -> Vec<(String, Value)> {
        let of_policy = self.policies.iter().filter(|values| values.name == policy);
        let of_resource = of_policy.flat_map(|values| &values.resources).filter(|(name, _)| name == resource);
        let mut all = self.global.clone();
        for (name, value) in of_resource.flat_map(|(_, values)| values) {
            all.retain(|(known, _)| known != name);
            all.push((name.clone(), value.clone()));
        }
        if !all.iter().any(|(name, _)| name == "request.operation") {
            all.push(("request.operation".to_owned(), "CREATE".into()));
        }
        all
    }

    /// The variables of a rule; generated rules have those of the one that they were made from.
    pub fn of_rule(&self, policy: &str, rule: &str) -> Vec<Variable> {
        let is_it = |name: &str| {
            rule == name
                || rule.strip_prefix("autogen-").is_some_and(|rest| rest == name || rest == format!("cronjob-{name}"))
        };
        let policy = self.policies.iter().find(|values| values.name == policy);
        let rule = policy.and_then(|values| values.rules.iter().find(|(name, _)| is_it(name)));
        rule.map(|(_, values)| values.clone()).unwrap_or_default()
    }

    /// The labels that a namespace is said to have.
    pub fn namespace_labels(&self, name: &str) -> Object {
        if let Some(namespace) = self.namespace(name) {
            return crate::object::labels(&namespace).cloned().unwrap_or_default();
        }
        Object::default()
    }

    /// The namespace, as far as something is said of it.
    pub fn namespace(&self, name: &str) -> Option<Value> {
        if let Some(namespace) = self.namespaces.iter().find(|namespace| crate::object::name(namespace) == name) {
            return Some(namespace.clone());
        }
        let (_, labels) = self.labels.iter().rev().find(|(known, _)| known == name)?;
        let metadata = Value::object([("name", name.into()), ("labels", Value::Object(labels.clone()))]);
        Some(Value::object([("apiVersion", "v1".into()), ("kind", "Namespace".into()), ("metadata", metadata)]))
    }

    /// What a kind belongs to, and the name of the subresource that it is; `None` when it is none.
    pub fn parent(&self, gvk: &GroupVersionKind) -> Option<(GroupVersionKind, SmolStr)> {
        let found = self.subresources.iter().find(|known| known.kind == *gvk)?;
        Some((found.parent.clone(), found.name.clone()))
    }
}

fn pairs(fields: &Mapping<'_>, name: &str) -> Result<Vec<(String, Value)>, Problem> {
    let Some(node) = fields.optional(name) else { return Ok(Vec::new()) };
    Ok(node.mapping()?.entries().map(|(key, node)| (key.as_str().to_owned(), node.value.clone())).collect())
}

fn labels_of(node: Node<'_>) -> Result<(String, Object), Problem> {
    let fields = node.mapping()?;
    let labels = fields.optional("labels").map(|node| node.mapping().map(|_| node.value.as_object().cloned()));
    let labels = labels.transpose()?.flatten().unwrap_or_default();
    Ok((fields.required("name")?.text()?, labels))
}

impl PolicyValues {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["name", "rules", "resources"])?;
        let list = |name: &str| fields.optional(name).map(Node::list).transpose();
        let mut values = Self { name: fields.required("name")?.text()?, ..Self::default() };
        for node in list("resources")?.unwrap_or_default() {
            let fields = node.mapping()?;
            fields.only(&["name", "values"])?;
            values.resources.push((fields.required("name")?.text()?, pairs(&fields, "values")?));
        }
        for node in list("rules")?.unwrap_or_default() {
            let fields = node.mapping()?;
            fields.only(&["name", "values", "foreachValues"])?;
            let mut variables = pairs(&fields, "values")?;
            // Kyverno's command line takes the first of the values for every element.
            let first = |(name, value): (String, Value)| Some((name, value.as_array()?.get(0)?.clone()));
            variables.extend(pairs(&fields, "foreachValues")?.into_iter().filter_map(first));
            let variables = variables.into_iter().map(|(name, value)| (path(&name), value)).collect();
            values.rules.push((fields.required("name")?.text()?, variables));
        }
        Ok(values)
    }
}

impl Subresource {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let gvk = |name: &str| -> Result<(GroupVersionKind, String), Problem> {
            let fields = fields.required(name)?.mapping()?;
            let text = |name: &str| fields.optional(name).map(Node::text).transpose().map(Option::unwrap_or_default);
            let gvk = GroupVersionKind { group: text("group")?, version: text("version")?, kind: text("kind")? };
            Ok((gvk, text("name")?))
        };
        let ((kind, name), (parent, _)) = (gvk("subresource")?, gvk("parentResource")?);
        let name = name.split_once('/').map_or("", |(_, name)| name).into();
        Ok(Self { kind, parent, name })
    }
}

/// The parts of a dotted path; a part in double quotes may have dots.
pub(super) fn path(text: &str) -> Vec<SmolStr> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(SmolStr::from(std::mem::take(&mut part))),
            other => part.push(other),
        }
    }
    parts.push(part.into());
    parts
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn quoted_parts_of_paths_have_dots() {
        assert_eq!(path("request.object"), ["request", "object"]);
        assert_eq!(path("a.\"b.c/d\".e"), ["a", "b.c/d", "e"]);
    }
}
