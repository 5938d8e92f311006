//! The webhook configurations by which the API server asks (`admissionregistration.k8s.io/v1`).

use std::collections::{BTreeMap, BTreeSet};

use probity_model::Value;
use probity_policy_core::{FailMode, Operation};

use crate::exemption::Exemptions;
use crate::rules::{Asked, Call};

/// Resources that change without end and that no policy is about unless it names them.
const NOISE: &[(&str, &str)] = &[
    ("", "events"),
    ("events.k8s.io", "events"),
    ("coordination.k8s.io", "leases"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("wgpolicyk8s.io", "policyreports"),
    ("wgpolicyk8s.io", "clusterpolicyreports"),
    ("openreports.io", "reports"),
    ("openreports.io", "clusterreports"),
];

/// Where the API server finds the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Client {
    /// A Service of the cluster.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: u16,
    },
    /// An address that begins with `https://`, without a slash at its end.
    Url(String),
}

/// How the server asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The configurations' name.
    pub name: String,
    /// Where the gate is.
    pub client: Client,
    /// The certificates that the gate's own is believed by, in PEM.
    pub ca_bundle: String,
    /// How long the server waits, in seconds, 1 to 30.
    pub timeout: u8,
    /// What always passes.
    pub exemptions: Exemptions,
    /// Labels of the configurations.
    pub labels: BTreeMap<String, String>,
}

/// The configurations: one of what is judged, one of what is changed; both, also when there is nothing to ask, so that
/// what was asked before no longer is.
pub fn configurations(asked: &Asked, settings: &Settings) -> Vec<Value> {
    let of = |call: Call, kind: &str| {
        let mut webhooks: Vec<Value> = [FailMode::Closed, FailMode::Open]
            .into_iter()
            .filter_map(|mode| Some(webhook(call, mode, asked.get(&(call, mode))?, settings)))
            .collect();
        if call == Call::Validate {
            webhooks.extend(exempt(asked, settings));
        }
        let labels = settings.labels.iter().map(|(name, value)| (name, Value::from(value.as_str())));
        let metadata = [("name", Value::from(settings.name.as_str())), ("labels", Value::object(labels))];
        let mut fields = vec![
            ("apiVersion", Value::from("admissionregistration.k8s.io/v1")),
            ("kind", kind.into()),
            ("metadata", Value::object(metadata)),
        ];
        // The API server keeps an empty list as none: to apply one is a change each time.
        if !webhooks.is_empty() {
            fields.push(("webhooks", Value::array(webhooks)));
        }
        Value::object(fields)
    };
    vec![of(Call::Validate, "ValidatingWebhookConfiguration"), of(Call::Mutate, "MutatingWebhookConfiguration")]
}

type Rules = BTreeMap<(String, String), BTreeSet<Operation>>;

fn webhook(call: Call, mode: FailMode, rules: &Rules, settings: &Settings) -> Value {
    let verb = if call == Call::Validate { "validate" } else { "mutate" };
    let (word, policy) = if mode == FailMode::Closed { ("fail", "Fail") } else { ("ignore", "Ignore") };
    let mut conditions = vec![condition("not-exempt", &format!("!({})", settings.exemptions.expression()))];
    conditions.extend(asks_for_everything(rules).then(quiet));
    let mut fields = common(&format!("{verb}.{word}"), &format!("/{verb}/{word}"), policy, rules, settings);
    fields.push(("matchConditions", Value::array(conditions)));
    // A namespace that is exempt is not asked about even when conditions cannot be evaluated.
    fields.push(("namespaceSelector", others_than(&settings.exemptions.namespaces)));
    if call == Call::Mutate {
        fields.push(("reinvocationPolicy", "IfNeeded".into()));
    }
    Value::object(fields)
}

/// What passes whatever policies say is seen as well, so that it is recorded: nothing waits for the answer to count.
fn exempt(asked: &Asked, settings: &Settings) -> Option<Value> {
    let mut rules = Rules::new();
    for ((_, _), more) in asked {
        for (resource, operations) in more {
            rules.entry(resource.clone()).or_default().extend(operations.iter().copied());
        }
    }
    if rules.is_empty() {
        return None;
    }
    let conditions = vec![condition("exempt", &settings.exemptions.expression()), quiet()];
    let mut fields = common("exempt", "/exempt", "Ignore", &rules, settings);
    fields.push(("matchConditions", Value::array(conditions)));
    Some(Value::object(fields))
}

fn common(name: &str, path: &str, failure: &str, rules: &Rules, settings: &Settings) -> Vec<(&'static str, Value)> {
    vec![
        ("name", format!("{name}.admission.probity.dev").into()),
        ("admissionReviewVersions", Value::array([Value::from("v1")])),
        ("clientConfig", client(path, settings)),
        ("failurePolicy", failure.into()),
        ("matchPolicy", "Equivalent".into()),
        ("rules", Value::array(written(rules))),
        ("sideEffects", "NoneOnDryRun".into()),
        ("timeoutSeconds", i64::from(settings.timeout).into()),
    ]
}

fn client(path: &str, settings: &Settings) -> Value {
    use base64::Engine;
    let bundle = base64::engine::general_purpose::STANDARD.encode(&settings.ca_bundle);
    let place = match &settings.client {
        Client::Url(url) => ("url", Value::from(format!("{url}{path}"))),
        Client::Service { namespace, name, port } => {
            let service = Value::object([
                ("namespace", Value::from(namespace.as_str())),
                ("name", name.as_str().into()),
                ("path", path.into()),
                ("port", i64::from(*port).into()),
            ]);
            ("service", service)
        }
    };
    Value::object([place, ("caBundle", bundle.into())])
}

/// Rules as configurations have them: resources of a group with the same operations are one.
fn written(rules: &Rules) -> Vec<Value> {
    let mut together: BTreeMap<(&str, &BTreeSet<Operation>), Vec<&str>> = BTreeMap::new();
    for ((group, resource), operations) in rules {
        together.entry((group, operations)).or_default().push(resource);
    }
    let list = |words: Vec<&str>| Value::array(words.into_iter().map(Value::from));
    together
        .into_iter()
        .map(|((group, operations), resources)| {
            Value::object([
                ("apiGroups", list(vec![group])),
                ("apiVersions", list(vec!["*"])),
                ("operations", list(operations.iter().map(|operation| operation.as_str()).collect())),
                ("resources", list(resources)),
                ("scope", "*".into()),
            ])
        })
        .collect()
}

fn asks_for_everything(rules: &Rules) -> bool {
    rules.keys().any(|(_, resource)| resource.starts_with('*'))
}

/// Whether a resource is noise.
pub(crate) fn is_noise(group: &str, resource: &str) -> bool {
    NOISE.contains(&(group, resource))
}

/// The condition that keeps noise away. Most requests are decided by their resource's name alone: the API server evaluates
/// this for each.
fn quiet() -> Value {
    let list = |words: BTreeSet<String>| words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
    let resources = list(NOISE.iter().map(|(_, resource)| (*resource).to_owned()).collect());
    let whole = list(NOISE.iter().map(|(group, resource)| format!("{group}/{resource}")).collect());
    let expression = format!(
        "!(request.resource.resource in [{resources}] && (request.resource.group + '/' + request.resource.resource) in [{whole}])"
    );
    condition("not-noise", &expression)
}

fn condition(name: &str, expression: &str) -> Value {
    Value::object([("name", Value::from(name)), ("expression", expression.into())])
}

fn others_than(namespaces: &[String]) -> Value {
    let values = Value::array(namespaces.iter().map(|name| Value::from(name.as_str())));
    let requirement = Value::object([
        ("key", Value::from("kubernetes.io/metadata.name")),
        ("operator", "NotIn".into()),
        ("values", values),
    ]);
    Value::object([("matchExpressions", Value::array([requirement]))])
}
