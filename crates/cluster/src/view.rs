//! The cluster as policies ask it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::Request;
use k8s_openapi::api::authorization::v1::{
    FieldSelectorAttributes, LabelSelectorAttributes, NonResourceAttributes, ResourceAttributes, SubjectAccessReview,
    SubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;
use probity_model::{Value, json};
use probity_policy_core::{Access, Allowance, Cluster, ClusterError, Query, ServiceCall};

use crate::cache::Inner;

/// How long an answer of the authorizer counts, as for the API server's own webhooks.
const ALLOWED_FOR: Duration = Duration::from_secs(10);

/// Most answers of the authorizer that are remembered.
const MOST: usize = 10_000;

/// Largest answer that is read, in bytes.
const LARGEST: usize = 64 << 20;

/// Answers of the authorizer.
#[derive(Default)]
pub(crate) struct Allowances(Mutex<HashMap<Access, (Instant, Allowance)>>);

/// What answers for services beside the API server.
pub trait Services: Send + Sync {
    /// The answer, read as JSON, when it comes within this time.
    ///
    /// # Errors
    /// As [`Cluster::service`], in words.
    fn call(&self, call: &ServiceCall<'_>, time: Duration) -> Result<Value, String>;
}

/// The cluster, until a deadline.
pub struct View {
    pub(crate) inner: Arc<Inner>,
    pub(crate) deadline: Instant,
}

impl View {
    /// Asks the API server, for as long as there is time.
    fn ask<T>(&self, what: &str, question: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ClusterError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ClusterError::NotReady(what.to_owned()));
        }
        match self.inner.runtime.block_on(async { tokio::time::timeout(left, question).await }) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(ClusterError::Failed(format!("{what}: {error}"))),
            Err(_) => Err(ClusterError::NotReady(what.to_owned())),
        }
    }

    /// What a path means among the objects that are watched; `None` when the server must be asked.
    fn cached(&self, path: &str) -> Option<Result<Value, ClusterError>> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (api_version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, plural, name) = match *rest {
            ["namespaces", namespace, plural] => (namespace, plural, None),
            ["namespaces", namespace, plural, name] => (namespace, plural, Some(name)),
            ["namespaces", name] => ("", "namespaces", Some(name)),
            [plural] => ("", plural, None),
            [plural, name] => ("", plural, Some(name)),
            _ => return None,
        };
        let (kind, store) = self.inner.watched_store(&api_version, plural)?;
        if let Err(why) = store.wait(self.deadline) {
            return Some(Err(ClusterError::NotReady(format!("{plural}: {why}"))));
        }
        if let Some(name) = name {
            let missing = || ClusterError::Failed(format!("{plural} \"{name}\" not found"));
            return Some(store.get(namespace, name).ok_or_else(missing));
        }
        let list = [
            ("apiVersion", Value::from(api_version.as_str())),
            ("kind", format!("{}List", kind.kind).into()),
            ("items", Value::array(store.list(namespace))),
        ];
        Some(Ok(Value::object(list)))
    }
}

impl Cluster for View {
    fn get(&self, query: Query<'_>, name: &str) -> Result<Option<Value>, ClusterError> {
        let kind = self.inner.resolve(query, self.deadline)?;
        let store = self.inner.store(&kind);
        store.wait(self.deadline).map_err(|why| ClusterError::NotReady(format!("{}: {why}", kind.plural)))?;
        let namespace = if kind.namespaced { query.namespace } else { "" };
        Ok(store.get(namespace, name))
    }

    fn list(&self, query: Query<'_>) -> Result<Vec<Value>, ClusterError> {
        let kind = self.inner.resolve(query, self.deadline)?;
        let store = self.inner.store(&kind);
        store.wait(self.deadline).map_err(|why| ClusterError::NotReady(format!("{}: {why}", kind.plural)))?;
        Ok(store.list(if kind.namespaced { query.namespace } else { "" }))
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, ClusterError> {
        if method == "GET"
            && !path.contains('?')
            && let Some(answer) = self.cached(path)
        {
            return answer;
        }
        let body = if body.is_null() { Vec::new() } else { json::write(body).into_bytes() };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json").body(body);
        let request = request.map_err(|error| ClusterError::Failed(format!("{method} {path}: {error}")))?;
        let client = self.inner.connection.client.clone();
        let text = self.ask(&format!("{method} {path}"), async move { client.request_text(request).await })?;
        if text.len() > LARGEST {
            return Err(ClusterError::Failed(format!("{method} {path}: the answer has more than {LARGEST} bytes")));
        }
        json::read(text.as_bytes()).map_err(|problem| ClusterError::Failed(format!("{method} {path}: {problem:?}")))
    }

    fn service(&self, call: &ServiceCall<'_>) -> Result<Value, ClusterError> {
        let what = || format!("{} {}", call.method, call.url);
        let Some(services) = self.inner.services.get() else {
            return Err(ClusterError::Failed(format!("{}: services are not asked here", what())));
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ClusterError::NotReady(what()));
        }
        services.call(call, left).map_err(|why| ClusterError::Failed(format!("{}: {why}", what())))
    }

    fn may(&self, access: &Access) -> Result<Allowance, ClusterError> {
        let known = &self.inner.allowances.0;
        if let Some((since, allowance)) = known.lock().unwrap_or_else(PoisonError::into_inner).get(access)
            && since.elapsed() < ALLOWED_FOR
        {
            return Ok(allowance.clone());
        }
        let api: Api<SubjectAccessReview> = Api::all(self.inner.connection.client.clone());
        let review = review(access);
        let answer =
            self.ask("what the user may do", async move { api.create(&PostParams::default(), &review).await })?;
        let status = answer.status.unwrap_or_default();
        let allowance = Allowance { allowed: status.allowed, reason: status.reason.unwrap_or_default() };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(access.clone(), (Instant::now(), allowance.clone()));
        Ok(allowance)
    }

    fn inventory(&self) -> Result<Option<Value>, ClusterError> {
        let stores = self.inner.stores();
        for (kind, store) in &stores {
            store.wait(self.deadline).map_err(|why| ClusterError::NotReady(format!("{}: {why}", kind.plural)))?;
        }
        Ok(self.inner.inventory.value(stores.iter().map(|(kind, store)| (kind, &**store))))
    }

    fn now_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}

impl Cluster for crate::Cache {
    fn get(&self, query: Query<'_>, name: &str) -> Result<Option<Value>, ClusterError> {
        self.with_deadline(Instant::now()).get(query, name)
    }

    fn list(&self, query: Query<'_>) -> Result<Vec<Value>, ClusterError> {
        self.with_deadline(Instant::now()).list(query)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, ClusterError> {
        self.with_deadline(Instant::now()).call(method, path, body)
    }

    fn may(&self, access: &Access) -> Result<Allowance, ClusterError> {
        self.with_deadline(Instant::now()).may(access)
    }

    fn inventory(&self) -> Result<Option<Value>, ClusterError> {
        self.with_deadline(Instant::now()).inventory()
    }

    fn now_ns(&self) -> i64 {
        self.with_deadline(Instant::now()).now_ns()
    }
}

fn review(access: &Access) -> SubjectAccessReview {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (resource, path) = if access.path.is_empty() {
        let resource = ResourceAttributes {
            group: given(&access.group),
            version: given(&access.version),
            resource: given(&access.resource),
            subresource: given(&access.subresource),
            namespace: given(&access.namespace),
            name: given(&access.name),
            verb: given(&access.verb),
            field_selector: given(&access.field_selector)
                .map(|text| FieldSelectorAttributes { raw_selector: Some(text), requirements: None }),
            label_selector: given(&access.label_selector)
                .map(|text| LabelSelectorAttributes { raw_selector: Some(text), requirements: None }),
        };
        (Some(resource), None)
    } else {
        (None, Some(NonResourceAttributes { path: given(&access.path), verb: given(&access.verb) }))
    };
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: given(&access.user),
            uid: given(&access.uid),
            groups: (!access.groups.is_empty()).then(|| access.groups.clone()),
            resource_attributes: resource,
            non_resource_attributes: path,
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}
