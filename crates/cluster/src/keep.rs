//! Objects that Probity keeps in the cluster: applied by the server, and only when they are different.

use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::discovery::ApiResource;
use probity_model::{Value, json};
use probity_policy_core::ClusterError;

use crate::connection::Connection;

/// Who Probity is among those that change objects.
const MANAGER: &str = "probity";

/// What applying an object did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is as it was.
    Same,
    /// It was made or changed.
    Changed,
}

/// Applies an object: what it says is so, whoever changed it. `plural` is the name under which its kind is served.
///
/// # Errors
/// When the API server refuses it, or does not answer.
pub async fn apply(connection: &Connection, plural: &str, object: &Value) -> Result<Applied, ClusterError> {
    let (api, kind, name) = place(connection, plural, object);
    let failed = |error: &dyn std::fmt::Display| ClusterError::Failed(format!("{kind} {name}: {error}"));
    let body: serde_json::Value = serde_json::from_str(&json::write(object)).map_err(|error| failed(&error))?;
    let before = api.get_opt(name).await.map_err(|error| failed(&error))?;
    let after = api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&body)).await;
    let after = after.map_err(|error| failed(&error))?;
    let generation = |object: &DynamicObject| object.metadata.resource_version.clone();
    let same = before.as_ref().and_then(generation) == generation(&after);
    Ok(if same { Applied::Same } else { Applied::Changed })
}

/// Applies the status of an object that is there.
///
/// # Errors
/// When the API server refuses it, or does not answer.
pub async fn apply_status(connection: &Connection, plural: &str, object: &Value) -> Result<(), ClusterError> {
    let (api, kind, name) = place(connection, plural, object);
    let failed = |error: &dyn std::fmt::Display| ClusterError::Failed(format!("{kind} {name}: {error}"));
    let body: serde_json::Value = serde_json::from_str(&json::write(object)).map_err(|error| failed(&error))?;
    let params = PatchParams::apply(MANAGER).force();
    api.patch_status(name, &params, &Patch::Apply(&body)).await.map(drop).map_err(|error| failed(&error))
}

/// Deletes an object; that it is not there is no error.
///
/// # Errors
/// When the API server refuses it, or does not answer.
pub async fn delete(connection: &Connection, plural: &str, object: &Value) -> Result<(), ClusterError> {
    let (api, kind, name) = place(connection, plural, object);
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(ClusterError::Failed(format!("{kind} {name}: {error}"))),
    }
}

/// Where an object is kept, with its kind and name.
fn place<'o>(connection: &Connection, plural: &str, object: &'o Value) -> (Api<DynamicObject>, &'o str, &'o str) {
    let text = |path: &[&str]| object.at(path).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind, name) = (text(&["apiVersion"]), text(&["kind"]), text(&["metadata", "name"]));
    let (group, version) = probity_kubernetes::kind::split_api_version(api_version);
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    let client = connection.client.clone();
    let api = match text(&["metadata", "namespace"]) {
        "" => Api::all_with(client, &resource),
        namespace => Api::namespaced_with(client, namespace, &resource),
    };
    (api, kind, name)
}
