//! The cluster that tests make believe there is.

use std::sync::Arc;

use probity_kubernetes::kind::{self, GroupVersionKind};
use probity_model::value::SmolStr;
use probity_model::{Key, Value};

use super::values::Values;
use crate::host::{Answer, ApiCall, Host, HostError};
use crate::images::Images;
use crate::object;
use crate::query::Query;

/// What policies find when they ask for something outside of the request.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The objects that are there.
    pub objects: Vec<Value>,
    /// Whether the objects are said to be a cluster's: config maps and the API server are asked for only then.
    pub is_cluster: bool,
    /// Values given from outside.
    pub values: Values,
    /// Answers of the API server and of services.
    pub answers: Vec<ApiAnswer>,
    /// The content of global context entries, or why there is none.
    pub global: Vec<(String, Result<Value, String>)>,
    /// What registries say of images, by their reference.
    pub images: Vec<(String, Value)>,
    /// What answers for registries themselves; without it they are not asked.
    pub registries: Option<Arc<dyn Images>>,
}

/// An answer of the API server or of a service.
#[derive(Debug, Clone)]
pub struct ApiAnswer {
    /// The address or the path at the API server.
    pub url: String,
    /// `GET` or `POST`; either when it is empty.
    pub method: String,
    /// The status, such as 200.
    pub status: i64,
    /// What is answered.
    pub body: Value,
}

impl World {
    /// The objects of a kind.
    pub fn of_kind(&self, api_version: &str, kind: &str, namespace: &str) -> Vec<Value> {
        let wanted = GroupVersionKind::new(api_version, kind);
        let is_wanted = |object: &&Value| {
            let found = object::gvk(object);
            (wanted.kind == "*" || found.kind == wanted.kind)
                && (wanted.version.is_empty() || wanted.version == "*" || wanted.version == found.version)
                && (wanted.version.is_empty() || wanted.group == "*" || wanted.group == found.group)
                && (namespace.is_empty() || object::namespace(object) == namespace)
        };
        self.objects.iter().filter(is_wanted).cloned().collect()
    }

    /// The answer to a call of this method.
    fn answer(&self, method: &str, url: &str) -> Option<&ApiAnswer> {
        let fits = |answer: &&ApiAnswer| answer.url == url;
        let exact = self.answers.iter().filter(fits).find(|answer| answer.method == method);
        exact.or_else(|| self.answers.iter().filter(fits).find(|answer| answer.method.is_empty()))
    }

    /// The objects that are served under a name: those of a namespace, or all when it is empty.
    fn served<'w>(&'w self, api_version: &str, plural: &str, namespace: &str) -> impl Iterator<Item = &'w Value> {
        let is_served = move |object: &&Value| {
            object::text(object, "apiVersion") == api_version && kind::plural(&object::gvk(object)) == plural
        };
        let is_within = move |object: &&Value| namespace.is_empty() || object::namespace(object) == namespace;
        self.objects.iter().filter(is_served).filter(is_within)
    }

    /// What the API server answers for a path: an object, or a list of a kind.
    fn get(&self, path: &str) -> Option<Value> {
        let path = path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, plural, name) = match rest {
            ["namespaces", namespace, plural, name] => (*namespace, *plural, Some(*name)),
            ["namespaces", namespace, plural] => (*namespace, *plural, None),
            [plural, name] => ("", *plural, Some(*name)),
            [plural] => ("", *plural, None),
            _ => return None,
        };
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let mut found = self.served(&api_version, plural, namespace);
        match name {
            Some(name) => found.find(|object| object::name(object) == name).cloned(),
            None => Some(Value::object([
                ("apiVersion", Value::from(api_version.as_str())),
                ("kind", "List".into()),
                ("metadata", Value::object::<&str>([])),
                ("items", Value::array(found.cloned())),
            ])),
        }
    }
}

impl probity_policy_jmespath::Host for World {
    fn now_ns(&self) -> Result<i64, String> {
        i64::try_from(jiff::Timestamp::now().as_nanosecond()).map_err(|error| error.to_string())
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        getrandom::fill(buffer).map_err(|error| error.to_string())
    }
}

impl Host for World {
    fn values(&self, policy: &str, rule: &str) -> Vec<(Vec<SmolStr>, Value)> {
        self.values.of_rule(policy, rule)
    }

    fn config_map(&self, namespace: &str, name: &str) -> Answer {
        if !self.is_cluster {
            return Err(HostError::Disabled);
        }
        let found = self.of_kind("v1", "ConfigMap", namespace).into_iter().find(|map| object::name(map) == name);
        found.ok_or_else(|| HostError::Failed(format!("failed to get configmap {namespace}/{name}: not found")))
    }

    fn calls_apis(&self) -> bool {
        self.is_cluster || !self.answers.is_empty()
    }

    fn api_call(&self, call: &ApiCall) -> Answer {
        let url = if call.url.is_empty() { &call.url_path } else { &call.url };
        if let Some(answer) = self.answer(&call.method, url) {
            return match answer.status {
                200..300 => Ok(answer.body.clone()),
                status => Err(HostError::Failed(format!("HTTP {status} from {url}"))),
            };
        }
        if !self.is_cluster {
            return Err(HostError::Disabled);
        }
        let found = self.get(&call.url_path);
        found.ok_or_else(|| {
            HostError::Failed(format!("failed to {} resource with raw url {url}: not found", call.method))
        })
    }

    fn image_data(&self, reference: &str) -> Answer {
        let found = self.images.iter().find(|(known, _)| known == reference);
        match (found, &self.registries) {
            (Some((_, data)), _) => Ok(data.clone()),
            (None, Some(registries)) => registries.data(reference),
            (None, None) => Err(HostError::Disabled),
        }
    }

    fn images(&self) -> Option<&dyn Images> {
        self.registries.as_deref()
    }

    fn global_context(&self, name: &str) -> Answer {
        let (entry, projection) = name.split_once('.').unwrap_or((name, ""));
        match self.global.iter().find(|(known, _)| known == entry) {
            None => Err(HostError::Disabled),
            Some((_, Err(error))) => Err(HostError::Failed(error.clone())),
            Some((_, Ok(value))) if projection.is_empty() => Ok(value.clone()),
            Some((_, Ok(value))) => {
                let found = value.get(projection).cloned();
                found.ok_or_else(|| HostError::Failed(format!("global context entry {entry} has no {projection}")))
            }
        }
    }

    fn resource(&self, api_version: &str, plural: &str, namespace: &str, name: &str) -> Answer {
        let found = self.served(api_version, plural, namespace).find(|object| object::name(object) == name);
        Ok(found.cloned().unwrap_or_default())
    }

    fn resources(&self, api_version: &str, plural: &str, namespace: &str) -> Answer {
        Ok(Value::array(self.served(api_version, plural, namespace).cloned()))
    }

    fn http(&self, method: &str, url: &str, _body: &Value, _headers: &[(SmolStr, String)]) -> Answer {
        let found = self.answer(method, url);
        let found = found.ok_or_else(|| HostError::Failed(format!("{method} {url} needs a network")))?;
        Ok(Value::object([("body", found.body.clone()), ("statusCode", found.status.into())]))
    }

    fn objects(&self, api_version: &str, kind: &str, namespace: &str) -> Answer {
        Ok(Value::array(self.of_kind(api_version, kind, namespace)))
    }
}

/// What a global context entry has: its data, or a part of it, by what is projected from that.
pub(super) fn global_entry(
    root: &Value,
    field: Option<&str>,
    projections: &[(String, String)],
) -> Result<Value, String> {
    let search = |text: &str, root: &Value| {
        let query = Query::parse(text).map_err(|error| error.message)?;
        let evaluation = probity_policy_jmespath::Evaluation::new(&probity_policy_jmespath::Closed);
        query.search(root, &evaluation).map_err(|error| error.message)
    };
    let root = field.map_or_else(|| Ok(root.clone()), |field| search(field, root))?;
    if projections.is_empty() {
        return Ok(root);
    }
    let entries: Result<Vec<(Key, Value)>, String> =
        projections.iter().map(|(name, path)| Ok((Key::new(name), search(path, &root)?))).collect();
    Ok(Value::Object(entries?.into_iter().collect()))
}
