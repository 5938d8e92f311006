//! `validate.cel` (Kyverno, `pkg/engine/handlers/validation/validate_cel.go`).

use probity_kubernetes::kind::GroupVersionKind;
use probity_model::value::Object;
use probity_model::{Key, Value};
use probity_policy_admission::{
    Attributes, ClusterAuthorizer, GroupVersionResource, Host as CelHost, Matched, Operation as Asked, Rules,
};

use super::Run;
use crate::context::Context;
use crate::host::Host;
use crate::object;
use crate::request::{Operation, Request};
use crate::response::{RuleResponse, RuleType, Status};
use crate::rule::{Cel, Params};

const TYPE: RuleType = RuleType::Validation;

/// A request as the expressions of CEL see it.
pub(super) fn attributes(request: &Request) -> Attributes {
    let resource = request.resource();
    let asked = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        request.fields.get(first)?.at(rest)?.as_str()
    };
    let is_namespace = request.gvk.group.is_empty() && request.gvk.kind == "Namespace";
    let namespace = if is_namespace { "" } else { resource.map_or("", object::namespace) };
    let user = request.user.as_ref().map(crate::request::UserInfo::value);
    Attributes {
        kind: match asked(&["kind", "kind"]) {
            Some(kind) => GroupVersionKind {
                group: asked(&["kind", "group"]).unwrap_or_default().to_owned(),
                version: asked(&["kind", "version"]).unwrap_or_default().to_owned(),
                kind: kind.to_owned(),
            },
            None => request.gvk.clone(),
        },
        resource: match asked(&["resource", "resource"]) {
            Some(resource) => GroupVersionResource {
                group: asked(&["resource", "group"]).unwrap_or_default().to_owned(),
                version: asked(&["resource", "version"]).unwrap_or_default().to_owned(),
                resource: resource.to_owned(),
            },
            None => GroupVersionResource::of(&request.gvk),
        },
        subresource: request.subresource.clone(),
        name: asked(&["name"]).unwrap_or_else(|| resource.map_or("", object::name)).into(),
        namespace: namespace.into(),
        operation: match request.operation {
            Operation::Create => Asked::Create,
            Operation::Update => Asked::Update,
            Operation::Delete => Asked::Delete,
            Operation::Connect => Asked::Connect,
        },
        object: request.object.clone().unwrap_or_default(),
        old_object: request.old_object.clone().unwrap_or_default(),
        user: user.unwrap_or_else(|| Value::object::<&str>([])),
        dry_run: request.fields.get("dryRun").and_then(Value::as_bool).unwrap_or_default(),
        options: request.fields.get("options").cloned().unwrap_or_default(),
        namespace_object: namespace_object(namespace, &request.namespace_labels),
    }
}

/// The namespace, as far as it is known.
fn namespace_object(name: &str, labels: &Object) -> Value {
    if name.is_empty() {
        return Value::Null;
    }
    let mut metadata = vec![(Key::new("name"), Value::from(name))];
    if !labels.is_empty() {
        metadata.push((Key::new("labels"), Value::Object(labels.clone())));
    }
    Value::object([
        ("apiVersion", "v1".into()),
        ("kind", "Namespace".into()),
        ("metadata", Value::Object(metadata.into_iter().collect())),
    ])
}

/// Whether the conditions of a policy let it be asked about a request. What cannot be told is asked.
pub(super) fn conditions_hold(conditions: &Rules, request: &Request) -> bool {
    let attributes = attributes(request);
    conditions.evaluate(&attributes, &Matched::exactly(&attributes), None, CelHost::default()).applies
}

impl Run<'_> {
    pub(super) fn holds(&self, cel: &Cel, context: &Context<'_>) -> RuleResponse {
        let attributes = attributes(self.request);
        let matched = Matched::exactly(&attributes);
        let authorizer = context.host().cluster().map(|cluster| ClusterAuthorizer::new(cluster, &attributes.user));
        let cel_host = authorizer.as_ref().map_or_else(CelHost::default, |authorizer| CelHost::new(authorizer));
        let params = match &cel.params {
            None => vec![None],
            Some(params) => match params.find(context.host(), &attributes.namespace) {
                Ok(found) => found.into_iter().map(Some).collect(),
                Err(error) => return self.error(TYPE, "error in parameterized resource", error),
            },
        };
        for params in params {
            let verdict = cel.rules.evaluate(&attributes, &matched, params.as_ref(), cel_host);
            if !verdict.applies {
                return self.own(TYPE, Status::Skip, "cel preconditions not met");
            }
            if let Some(denied) = verdict.decisions.into_iter().find(|decision| decision.denies) {
                return self.own(TYPE, Status::Fail, denied.message);
            }
        }
        self.own(TYPE, Status::Pass, format!("Validation rule '{}' passed.", self.rule.name))
    }
}

impl Params {
    /// The parameters for a request in a namespace.
    fn find(&self, host: &dyn Host, namespace: &str) -> Result<Vec<Value>, String> {
        let namespace = if self.namespace.is_empty() { namespace } else { self.namespace.as_str() };
        let objects = host.objects(&self.api_version, &self.kind, namespace).map_err(|error| error.to_string())?;
        let is_meant = |object: &&Value| {
            self.name.as_ref().is_none_or(|name| object::name(object) == name)
                && self.selector.as_ref().is_none_or(|selector| selector.matches(object::labels(object)))
        };
        let found: Vec<Value> =
            objects.as_array().into_iter().flat_map(|all| all.iter()).filter(is_meant).cloned().collect();
        if found.is_empty() && self.denies_without {
            return Err("no params found".to_owned());
        }
        Ok(found)
    }
}
