//! A cluster in memory and requests to it, for the tests of languages.

use probity_model::value::Object;
use probity_model::{Labels, NodeIndex, ResourceGraph, Subject, SubjectKind, Value, json};

use crate::cluster::{Access, Allowance, Called, Cluster, ClusterError, Query};
use crate::policy::{Facts, Policy, Verdict};
use crate::request::{AdmissionRequest, Operation};

/// A cluster that has these objects, and lets these things be done.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    /// What is there.
    pub objects: Vec<Value>,
    /// What `call` answers besides the objects: method, path and answer.
    pub answers: Vec<(String, String, Value)>,
    /// User, verb and resource of what may be done.
    pub allowed: Vec<(String, String, String)>,
    /// What every question is answered with, when it fails.
    pub failing: Option<ClusterError>,
    /// What the time is, in nanoseconds since 1970.
    pub now_ns: i64,
}

fn text<'v>(object: &'v Value, path: &[&str]) -> &'v str {
    object.at(path).and_then(Value::as_str).unwrap_or_default()
}

/// The name under which a kind is served, as far as these tests have any.
fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.as_bytes().last() {
        Some(b's') => format!("{kind}es"),
        Some(b'y') => format!("{}ies", &kind[..kind.len() - 1]),
        _ => format!("{kind}s"),
    }
}

impl Objects {
    /// A cluster with these objects.
    pub fn of(objects: impl IntoIterator<Item = Value>) -> Self {
        Self { objects: objects.into_iter().collect(), ..Self::default() }
    }

    fn found<'o>(&'o self, query: &Query<'o>) -> Result<impl Iterator<Item = &'o Value>, ClusterError> {
        if let Some(error) = &self.failing {
            return Err(error.clone());
        }
        let query = *query;
        Ok(self.objects.iter().filter(move |object| {
            let kind = text(object, &["kind"]);
            let is_called = match query.called {
                Called::Kind(wanted) => kind == wanted,
                Called::Plural(wanted) => plural(kind) == wanted,
            };
            is_called
                && text(object, &["apiVersion"]) == query.api_version
                && (query.namespace.is_empty() || text(object, &["metadata", "namespace"]) == query.namespace)
        }))
    }
}

impl Cluster for Objects {
    fn get(&self, query: Query<'_>, name: &str) -> Result<Option<Value>, ClusterError> {
        Ok(self.found(&query)?.find(|object| text(object, &["metadata", "name"]) == name).cloned())
    }

    fn list(&self, query: Query<'_>) -> Result<Vec<Value>, ClusterError> {
        Ok(self.found(&query)?.cloned().collect())
    }

    fn call(&self, method: &str, path: &str, _: &Value) -> Result<Value, ClusterError> {
        if let Some(error) = &self.failing {
            return Err(error.clone());
        }
        if let Some((_, _, answer)) = self.answers.iter().find(|(m, p, _)| m == method && p == path) {
            return Ok(answer.clone());
        }
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (api_version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return Err(ClusterError::Failed(format!("{path}: not found"))),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let missing = || ClusterError::Failed(format!("{path}: not found"));
        let query = |plural| Query { api_version: &api_version, called: Called::Plural(plural), namespace };
        match (method, rest) {
            ("GET", [plural]) => {
                let items = Value::array(self.list(query(plural))?);
                Ok(Value::object([("kind", "List".into()), ("items", items)]))
            }
            ("GET", [plural, name]) => self.get(query(plural), name)?.ok_or_else(missing),
            _ => Err(missing()),
        }
    }

    fn may(&self, access: &Access) -> Result<Allowance, ClusterError> {
        if let Some(error) = &self.failing {
            return Err(error.clone());
        }
        let is_meant = |(user, verb, resource): &&(String, String, String)| {
            *user == access.user && *verb == access.verb && *resource == access.resource
        };
        let allowed = self.allowed.iter().any(|one| is_meant(&one));
        Ok(Allowance { allowed, reason: String::new() })
    }

    fn inventory(&self) -> Result<Option<Value>, ClusterError> {
        if let Some(error) = &self.failing {
            return Err(error.clone());
        }
        let merge = |root: Value, object: &Value| {
            let (version, kind) = (text(object, &["apiVersion"]), text(object, &["kind"]));
            let (namespace, name) = (text(object, &["metadata", "namespace"]), text(object, &["metadata", "name"]));
            let scope: &[&str] = if namespace.is_empty() { &["cluster"] } else { &["namespace", namespace] };
            put(&root, &[scope, &[version, kind, name]].concat(), object)
        };
        let empty = Value::object::<&str>([]);
        Ok((!self.objects.is_empty()).then(|| self.objects.iter().fold(empty, merge)))
    }

    fn now_ns(&self) -> i64 {
        self.now_ns
    }
}

fn put(value: &Value, path: &[&str], new: &Value) -> Value {
    let Some((first, rest)) = path.split_first() else { return new.clone() };
    let inner = put(value.get(first).unwrap_or(&Value::Null), rest, new);
    let known = value.as_object().into_iter().flat_map(Object::iter);
    let known = known.map(|(key, value)| (key.clone(), value.clone()));
    Value::Object(known.chain([((*first).into(), inner)]).collect())
}

/// What is asked in a test: the parts of an `AdmissionReview` that differ from one to another.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What is done.
    pub operation: Operation,
    /// Group, version and kind of the object.
    pub kind: [&'static str; 3],
    /// Group, version and name of the resource.
    pub resource: [&'static str; 3],
    /// Such as `exec`; empty for the object itself.
    pub subresource: &'static str,
    /// What it is about; empty when the server will make a name.
    pub name: &'static str,
    /// Where.
    pub namespace: &'static str,
    /// Who asks.
    pub user: &'static str,
    /// The object as it would be; null when it goes.
    pub object: Value,
    /// The object as it was; null when it is made.
    pub old_object: Value,
}

impl Asked {
    /// The making of a pod.
    pub fn pod(operation: Operation, object: Value, old_object: Value) -> Self {
        Self {
            operation,
            kind: ["", "v1", "Pod"],
            resource: ["", "v1", "pods"],
            subresource: "",
            name: "web",
            namespace: "shop",
            user: "alice",
            object,
            old_object,
        }
    }

    /// A command run in a pod.
    pub fn exec(command: &[&str]) -> Self {
        let words = command.iter().map(|word| Value::from(*word));
        let options = [("apiVersion", Value::from("v1")), ("kind", "PodExecOptions".into())];
        let options = Value::object(options.into_iter().chain([("command", Value::array(words))]));
        Self {
            kind: ["", "v1", "PodExecOptions"],
            subresource: "exec",
            ..Self::pod(Operation::Connect, options, Value::Null)
        }
    }

    /// A deployment set to a number of replicas.
    pub fn scale(replicas: i64) -> Self {
        let metadata = Value::object([("name", Value::from("web")), ("namespace", "shop".into())]);
        let scale = |replicas: i64| {
            Value::object([
                ("apiVersion", Value::from("autoscaling/v1")),
                ("kind", "Scale".into()),
                ("metadata", metadata.clone()),
                ("spec", Value::object([("replicas", Value::from(replicas))])),
            ])
        };
        Self {
            kind: ["autoscaling", "v1", "Scale"],
            resource: ["apps", "v1", "deployments"],
            subresource: "scale",
            ..Self::pod(Operation::Update, scale(replicas), scale(1))
        }
    }

    /// The request of the review.
    ///
    /// # Panics
    /// When it is none.
    pub fn request(&self) -> AdmissionRequest {
        let triple = |last: &'static str, words: [&'static str; 3]| {
            Value::object(["group", "version", last].into_iter().zip(words.map(Value::from)))
        };
        let mut fields = vec![
            ("uid", Value::from("705ab4f5-6393-11e8-b7cc-42010a800002")),
            ("kind", triple("kind", self.kind)),
            ("resource", triple("resource", self.resource)),
            ("requestKind", triple("kind", self.kind)),
            ("requestResource", triple("resource", self.resource)),
            ("operation", self.operation.as_str().into()),
            (
                "userInfo",
                Value::object([
                    ("username", Value::from(self.user)),
                    ("groups", Value::array([Value::from("system:authenticated")])),
                ]),
            ),
            ("object", self.object.clone()),
            ("oldObject", self.old_object.clone()),
            ("dryRun", false.into()),
            ("options", Value::object([("kind", Value::from(format!("{}Options", self.operation.as_str())))])),
        ];
        let texts = [
            ("subResource", self.subresource),
            ("requestSubResource", self.subresource),
            ("name", self.name),
            ("namespace", self.namespace),
        ];
        fields
            .extend(texts.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (*name, Value::from(*text))));
        AdmissionRequest::new(Value::object(fields)).expect("a request of a test is one")
    }
}

/// The document of a text in JSON.
///
/// # Panics
/// When it is none.
pub fn document(text: &str) -> Value {
    json::read(text.as_bytes()).expect("a document of a test is JSON")
}

/// The object of a request as what is judged, or an object that is there.
pub fn subject(document: &Value) -> Subject {
    let kind = text(document, &["kind"]);
    Subject {
        kind: SubjectKind::Kubernetes,
        resource_type: kind.into(),
        address: format!("{kind}/{}", text(document, &["metadata", "name"])).as_str().into(),
        document: document.clone(),
        span: None,
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}

/// What a policy says of a request where its types select the object; an object in the place of the request is one that
/// is there already.
pub fn judge(policy: &dyn Policy, asked: Result<&AdmissionRequest, &Value>, cluster: &dyn Cluster) -> Vec<Verdict> {
    let (request, document) = match asked {
        Ok(request) => (Some(request), request.subject().cloned().unwrap_or_default()),
        Err(document) => (None, document.clone()),
    };
    let subject = subject(&document);
    if !policy.types().iter().any(|selector| selector.matches(&subject.resource_type)) {
        return Vec::new();
    }
    let graph = ResourceGraph::new(vec![subject.clone()], []);
    let today = jiff::civil::date(2026, 11, 27);
    let facts = Facts { graph: &graph, today, request, cluster: Some(cluster) };
    let mut verdicts = Vec::new();
    policy.judge(&subject, NodeIndex(0), &facts, &mut verdicts);
    verdicts
}

/// What a mutator makes of a request.
pub fn mutate(
    mutator: &dyn crate::mutation::Mutator,
    request: &AdmissionRequest,
    cluster: &dyn Cluster,
) -> crate::mutation::Mutation {
    let graph = ResourceGraph::new(Vec::new(), []);
    let today = jiff::civil::date(2026, 11, 27);
    mutator.mutate(&Facts { graph: &graph, today, request: Some(request), cluster: Some(cluster) })
}

/// Verdicts in few words, such as `pass` and `fail: no owner`.
pub fn told(verdicts: &[Verdict]) -> String {
    let words: Vec<String> = verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Fail { message, .. } => format!("fail: {message}"),
            Verdict::Excepted { reason, .. } => format!("excepted: {reason}"),
            Verdict::Unknown { message, .. } => format!("unknown: {message}"),
            Verdict::Error { message } => format!("error: {message}"),
        })
        .collect();
    words.join("; ")
}

/// How long policies take for a request in microseconds, each time for one that none has seen.
///
/// # Panics
/// When they say nothing.
pub fn microseconds(policies: &[&dyn Policy], asked: &Asked, cluster: &dyn Cluster) -> f64 {
    const TIMES: u32 = 2_000;
    let mut spent = std::time::Duration::ZERO;
    for _ in 0..TIMES {
        let request = asked.request();
        let document = request.subject().cloned().unwrap_or_default();
        let subject = subject(&document);
        let graph = ResourceGraph::new(vec![subject.clone()], []);
        let today = jiff::civil::date(2026, 11, 27);
        let facts = Facts { graph: &graph, today, request: Some(&request), cluster: Some(cluster) };
        let mut verdicts = Vec::new();
        let start = std::time::Instant::now();
        for policy in policies {
            policy.judge(&subject, NodeIndex(0), &facts, &mut verdicts);
        }
        spent += start.elapsed();
        assert!(!verdicts.is_empty(), "nothing was judged");
    }
    spent.as_secs_f64() * 1e6 / f64::from(TIMES)
}
