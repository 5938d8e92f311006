//! What expressions ask for outside of the request, answered by the host of the policies.

use std::cell::RefCell;

use probity_kubernetes::kind::{self, GroupVersionKind, split_api_version};
use probity_model::value::{Object, SmolStr};
use probity_model::{Key, Value};
use probity_policy_cel::value::Timestamp;
use probity_policy_cel::{Error, Opaque, Outside, Value as Cel};

use super::verifying::{Verifying, image_data};
use crate::host::{Answer, Host, HostError};
use crate::object;

/// Makes resources of what a policy gives.
#[derive(Debug, Default)]
pub(crate) struct Made(RefCell<Vec<Value>>);

impl Made {
    /// Takes what was made.
    pub(crate) fn take(&self) -> Vec<Value> {
        self.0.take()
    }
}

/// Answers for the expressions of one policy.
pub(crate) struct Answers<'h> {
    pub(crate) host: &'h dyn Host,
    /// The namespace of the policy; empty when it is one of the cluster.
    pub(crate) namespace: SmolStr,
    /// Where resources go that the policy makes.
    pub(crate) made: Made,
    /// What verifies signatures, for policies on images.
    pub(crate) verifying: Option<Verifying<'h>>,
}

/// A resource as `toGVR` gives it.
/// What a copy has of the object it was copied from, and is not its own.
const FOREIGN: &[&str] = &["uid", "managedFields", "resourceVersion", "creationTimestamp", "namespace"];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Gvr {
    api_version: String,
    resource: String,
}

impl Opaque for Gvr {
    fn type_name(&self) -> &'static str {
        "schema.GroupVersionResource"
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn std::any::Any = other;
        other.downcast_ref::<Self>() == Some(self)
    }

    fn field(&self, name: &str) -> Option<Result<Cel, Error>> {
        let (group, version) = split_api_version(&self.api_version);
        match name {
            "Group" => Some(Ok(group.into())),
            "Version" => Some(Ok(version.into())),
            "Resource" => Some(Ok(self.resource.as_str().into())),
            _ => None,
        }
    }
}

impl Outside for Answers<'_> {
    fn call(&self, function: &str, args: &[Cel]) -> Result<Cel, Error> {
        match function {
            "resource.get" => self.get(args),
            "resource.list" => self.list(args),
            "resource.post" => self.post(args),
            "resource.toGVR" => to_gvr(args),
            "http.get" => answered(self.host.http("GET", text(args, 0)?, &Value::Null, &headers(args, 1)?), "request"),
            "http.post" => {
                let body = args.get(1).ok_or(Error::NoSuchOverload)?.to_model()?;
                answered(self.host.http("POST", text(args, 0)?, &body, &headers(args, 2)?), "request")
            }
            "globalContext.get" => self.global(args),
            "image.getMetadata" | "getImageData" => {
                let data = self.host.image_data(text(args, 0)?);
                // What a test gives in the place of a registry's answer is given as it is.
                let data = if self.host.images().is_some() { data.map(|data| image_data(&data)) } else { data };
                answered(data, "failed to get image data")
            }
            "generator.apply" => self.generate(args),
            "time.now" => self.now(),
            "random" => self.random(text(args, 0)?),
            other => match self.verifying.as_ref().and_then(|verifying| verifying.call(other, args)) {
                Some(answer) => answer,
                None => Err(Error::new(format!("`{other}` is not to be had here: it could not be verified"))),
            },
        }
    }
}

fn text(args: &[Cel], index: usize) -> Result<&str, Error> {
    args.get(index).and_then(Cel::as_str).ok_or(Error::NoSuchOverload)
}

fn answered(answer: Answer, what: &str) -> Result<Cel, Error> {
    answer.map(Cel::from).map_err(|error| Error::new(format!("{what} failed: {error}")))
}

/// The headers, when there are any.
fn headers(args: &[Cel], index: usize) -> Result<Vec<(SmolStr, String)>, Error> {
    let Some(headers) = args.get(index) else { return Ok(Vec::new()) };
    let headers = headers.as_map().ok_or(Error::NoSuchOverload)?;
    let pair = |(name, value): (Cel, Cel)| match (name.as_str(), value.as_str()) {
        (Some(name), Some(value)) => Ok((name.into(), value.to_owned())),
        _ => Err(Error::NoSuchOverload),
    };
    headers.iter().map(pair).collect()
}

/// Version and resource, given as two texts or as what `toGVR` gives, and the other arguments.
fn which(args: &[Cel]) -> Result<(String, String, &[Cel]), Error> {
    if let Some(gvr) = args.first().and_then(Cel::downcast::<Gvr>) {
        return Ok((gvr.api_version.clone(), gvr.resource.clone(), &args[1..]));
    }
    Ok((text(args, 0)?.to_owned(), text(args, 1)?.to_owned(), &args[2..]))
}

fn to_gvr(args: &[Cel]) -> Result<Cel, Error> {
    let (api_version, kind) = (text(args, 0)?, text(args, 1)?);
    let resource = kind::plural(&GroupVersionKind::new(api_version, kind));
    Ok(Cel::opaque(Gvr { api_version: api_version.to_owned(), resource }))
}

impl Answers<'_> {
    /// The namespace to look in and the other arguments: a policy in a namespace does not name it.
    fn within<'a>(&self, args: &'a [Cel]) -> Result<(SmolStr, &'a [Cel]), Error> {
        if !self.namespace.is_empty() {
            return Ok((self.namespace.clone(), args));
        }
        let (first, rest) = args.split_first().ok_or(Error::NoSuchOverload)?;
        Ok((first.as_str().ok_or(Error::NoSuchOverload)?.into(), rest))
    }

    fn get(&self, args: &[Cel]) -> Result<Cel, Error> {
        let (api_version, resource, rest) = which(args)?;
        let (namespace, rest) = self.within(rest)?;
        let name = text(rest, 0)?;
        // A subresource is looked for as the object it belongs to.
        let resource = resource.split('/').next().unwrap_or_default();
        answered(self.host.resource(&api_version, resource, &namespace, name), "failed to get resource")
    }

    fn list(&self, args: &[Cel]) -> Result<Cel, Error> {
        let (api_version, resource, rest) = which(args)?;
        let (namespace, rest) = self.within(rest)?;
        let labels = match rest.first() {
            Some(labels) => labels.to_model()?,
            None => Value::Null,
        };
        let found = self.host.resources(&api_version, &resource, &namespace);
        let found = found.map_err(|error| Error::new(format!("failed to list resource: {error}")))?;
        let items = found.as_array().map(probity_model::value::Array::as_slice).unwrap_or_default();
        let items = items.iter().filter(|item| has_labels(item, labels.as_object())).cloned();
        Ok(Cel::from(Value::object([("items", Value::array(items))])))
    }

    fn post(&self, args: &[Cel]) -> Result<Cel, Error> {
        let (api_version, resource, rest) = which(args)?;
        let (namespace, data) = match rest {
            [data] => (self.namespace.clone(), data),
            [namespace, data] => (namespace.as_str().ok_or(Error::NoSuchOverload)?.into(), data),
            _ => return Err(Error::NoSuchOverload),
        };
        let answer = self.host.create(&api_version, &resource, &namespace, &data.to_model()?);
        answered(answer, "failed to create resource")
    }

    fn global(&self, args: &[Cel]) -> Result<Cel, Error> {
        if !self.namespace.is_empty() {
            return Err(Error::new(
                "failed to get global reference: globalContext.* is not allowed in namespaced policies",
            ));
        }
        let (name, projection) = (text(args, 0)?, args.get(1).and_then(Cel::as_str).unwrap_or_default());
        let entry = match projection {
            "" => self.host.global_context(name),
            projection => self.host.global_projection(name, projection),
        };
        match entry {
            Ok(entry) => Ok(Cel::from(&entry)),
            Err(HostError::Disabled) => Ok(Cel::Null),
            Err(error) => Err(Error::new(format!("failed to get global reference: {error}"))),
        }
    }

    /// A text that the expression matches, as the function of the same name in `JMESPath` makes it.
    fn random(&self, pattern: &str) -> Result<Cel, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::new(format!("random of {pattern:?}: {error}"));
        let call = probity_policy_jmespath::Expression::parse("random(@)").map_err(|error| failed(&error))?;
        let evaluation = probity_policy_jmespath::Evaluation::new(self.host);
        call.search(&Value::from(pattern), &evaluation).map(|made| Cel::from(&made)).map_err(|error| failed(&error))
    }

    fn now(&self) -> Result<Cel, Error> {
        let now = self.host.now_ns().map_err(Error::new)?;
        let (seconds, nanos) = (now.div_euclid(1_000_000_000), now.rem_euclid(1_000_000_000));
        Timestamp::new(seconds, u32::try_from(nanos).unwrap_or_default()).map(Cel::Timestamp)
    }

    fn generate(&self, args: &[Cel]) -> Result<Cel, Error> {
        let (namespace, rest) = self.within(args)?;
        let resources = rest.first().and_then(Cel::as_list).ok_or(Error::NoSuchOverload)?;
        for resource in resources.iter() {
            self.make(&namespace, &resource.to_model()?).map_err(Error::new)?;
        }
        Ok(Cel::Bool(true))
    }

    /// Makes a resource, or those of a list, in a namespace; what is in no namespace is made in the cluster.
    pub(crate) fn make(&self, namespace: &str, resource: &Value) -> Result<(), String> {
        if let Some(items) = resource.get("items").and_then(Value::as_array) {
            return items.iter().try_for_each(|item| self.make(namespace, item));
        }
        let metadata = resource.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
        let elsewhere = object::namespace(resource);
        let owned = !elsewhere.is_empty() && elsewhere != namespace;
        let mut metadata: Vec<(Key, Value)> = metadata
            .iter()
            .filter(|(key, _)| !(FOREIGN.contains(&key.as_str()) || owned && key.as_str() == "ownerReferences"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !namespace.is_empty() {
            metadata.push((Key::new("namespace"), namespace.into()));
        }
        let metadata = Value::Object(metadata.into_iter().collect());
        let fields = resource.as_object().ok_or("a resource to be made is an object")?;
        let fields: Object = fields
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .chain([(Key::new("metadata"), metadata)])
            .collect();
        self.made.0.borrow_mut().push(Value::Object(fields));
        Ok(())
    }
}

fn has_labels(item: &Value, wanted: Option<&Object>) -> bool {
    let labels = object::labels(item);
    wanted.is_none_or(|wanted| {
        wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get_key(key)) == Some(value))
    })
}
