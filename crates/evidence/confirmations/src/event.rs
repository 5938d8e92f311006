//! Events as they stand in a log (`audit.k8s.io/v1`, `Event`), as far as they are of use here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use probity_evidence_ledger::{AdmittedImage, ConfirmationRecord, ResourceRecord};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// What the names of all webhooks of Probity's gates end in.
const OURS: &str = "admission.probity.dev";

/// The annotation by which a gate names its decision.
const DECISION: &str = "/decision";

/// Images and decisions of one event that are kept.
const MOST: usize = 1_000;

/// An event, or a list of them. What is null is as if it were not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    pub(crate) api_version: Option<String>,
    pub(crate) kind: Option<String>,
    #[serde(borrow)]
    pub(crate) items: Option<Vec<&'a RawValue>>,
    #[serde(rename = "auditID")]
    pub(crate) audit_id: Option<String>,
    stage: Option<String>,
    #[serde(rename = "requestURI")]
    request_uri: Option<String>,
    verb: Option<String>,
    user: Option<User>,
    impersonated_user: Option<User>,
    object_ref: Option<ObjectRef>,
    response_status: Option<Status>,
    #[serde(borrow)]
    request_object: Option<&'a RawValue>,
    #[serde(borrow)]
    response_object: Option<&'a RawValue>,
    request_received_timestamp: Option<Timestamp>,
    stage_timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    annotations: BTreeMap<String, String>,
}

/// Groups, uids and extra fields, in which there may be tokens, are not read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct User {
    username: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ObjectRef {
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    api_group: Option<String>,
    api_version: Option<String>,
    subresource: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    code: Option<u16>,
    message: Option<String>,
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Event<'_> {
    /// Whether it is the end of a request that a gate was asked about, or that changed something that runs.
    pub(crate) fn counts(&self) -> bool {
        let ended = matches!(self.stage.as_deref(), Some("ResponseComplete" | "Panic"));
        ended && (self.decisions().next().is_some() || self.changes_a_workload())
    }

    fn decisions(&self) -> impl Iterator<Item = &str> {
        self.annotations.iter().filter_map(|(key, value)| {
            let webhook = key.strip_suffix(DECISION)?;
            let ours = webhook == OURS || webhook.strip_suffix(OURS).is_some_and(|rest| rest.ends_with('.'));
            (ours && !value.is_empty()).then_some(value.as_str())
        })
    }

    fn changes_a_workload(&self) -> bool {
        let Some(object) = &self.object_ref else { return false };
        let resource =
            (object.api_group.as_deref().unwrap_or_default(), object.resource.as_deref().unwrap_or_default());
        let runs = matches!(
            resource,
            ("", "pods" | "replicationcontrollers")
                | ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets")
                | ("batch", "jobs" | "cronjobs")
                | ("apps.openshift.io", "deploymentconfigs")
        );
        let whole = matches!(object.subresource.as_deref(), None | Some("" | "ephemeralcontainers"));
        let verb = self.verb.as_deref().unwrap_or_default();
        runs && whole && matches!(verb, "create" | "update" | "patch" | "apply" | "delete" | "deletecollection")
    }

    /// When the server answered, or else when it was asked.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.stage_timestamp.or(self.request_received_timestamp)
    }

    /// What is kept of it; `clean` takes secrets out of what the server said.
    pub(crate) fn record(self, cluster: &str, clean: impl Fn(&str) -> String) -> ConfirmationRecord {
        let request = object(self.request_object);
        let response = object(self.response_object);
        let decisions = self.decisions().take(MOST).map(str::to_owned).collect();
        let status = self.response_status.unwrap_or_default();
        let target = self.object_ref.unwrap_or_default();
        let code = status.code.unwrap_or_default();
        let message = status.message.filter(|text| !text.is_empty() && !(200..300).contains(&code));
        let user = |user: Option<User>| user.and_then(|user| user.username);
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let of_response = |field: &str| {
            let about_it = response.get("kind").is_none_or(|kind| kind != "Status");
            response.pointer(&format!("/metadata/{field}")).filter(|_| about_it)?.as_str().map(str::to_owned)
        };
        let running = if images(&response).is_empty() { images(&request) } else { images(&response) };
        ConfirmationRecord {
            audit_id: self.audit_id.unwrap_or_default(),
            cluster: cluster.to_owned(),
            decisions,
            verb: self.verb.unwrap_or_default().into(),
            user: user(self.user).unwrap_or_default(),
            impersonated: user(self.impersonated_user),
            resource: ResourceRecord {
                group: target.api_group.unwrap_or_default().into(),
                version: target.api_version.unwrap_or_default().into(),
                resource: target.resource.unwrap_or_default().into(),
            },
            subresource: given(target.subresource).map(Into::into),
            namespace: target.namespace.unwrap_or_default(),
            name: given(target.name).or_else(|| of_response("name")).unwrap_or_default(),
            object_uid: given(target.uid).or_else(|| of_response("uid")),
            images: running,
            code,
            denied_by: denied_by(code, message.as_deref().unwrap_or_default(), &self.annotations),
            message: message.map(|text| clean(&text)),
            dry_run: is_dry_run(self.request_uri.as_deref().unwrap_or_default(), &request),
            received: self.request_received_timestamp,
            answered: self.stage_timestamp,
        }
    }
}

/// An object of the log; null when it has none. The level of the log's policy says which it has.
fn object(raw: Option<&RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// Who refused a request, as far as the server says.
fn denied_by(code: u16, message: &str, annotations: &BTreeMap<String, String>) -> Option<String> {
    if code < 400 {
        return None;
    }
    let named = |before: &str, quote: char| {
        let name = message.split_once(before)?.1.split(quote).next()?;
        (!name.is_empty()).then(|| name.chars().take(253).collect::<String>())
    };
    let authorization = annotations.get("authorization.k8s.io/decision").is_some_and(|decision| decision == "forbid");
    let by = if authorization {
        "authorization".to_owned()
    } else if let Some(name) = named("admission webhook \"", '"') {
        format!("webhook {name}")
    } else if let Some(name) = named("failed calling webhook \"", '"') {
        format!("webhook {name}, which could not be asked")
    } else if let Some(name) = named("ValidatingAdmissionPolicy '", '\'') {
        format!("ValidatingAdmissionPolicy {name}")
    } else {
        "the API server".to_owned()
    };
    Some(by)
}

fn is_dry_run(uri: &str, request: &Value) -> bool {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let asked = form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "dryRun" && !value.is_empty());
    let options = request.get("kind").is_some_and(|kind| kind == "DeleteOptions");
    asked || options && request.get("dryRun").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

/// The images of an object that makes containers, whichever it is.
fn images(object: &Value) -> Vec<AdmittedImage> {
    let places = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];
    let specs = places.iter().filter_map(|place| object.pointer(place));
    let containers = specs.flat_map(|spec| {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        lists.into_iter().filter_map(|list| spec.get(list)?.as_array()).flatten()
    });
    let image = |container: &Value| {
        let reference = container.get("image")?.as_str().filter(|image| !image.is_empty())?;
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        let digest = reference.split_once('@').map(|(_, digest)| digest.to_owned());
        Some(AdmittedImage { container: name.to_owned(), reference: reference.to_owned(), digest })
    };
    containers.filter_map(image).take(MOST).collect()
}
