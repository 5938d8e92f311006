//! Events of the API server's audit log (`audit.k8s.io/v1`), and what of each was asked of the authorizer.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

use crate::rule::Request;
use crate::subject;

/// The group of what is impersonated besides names and groups.
const AUTHENTICATION: &str = "authentication.k8s.io";

/// The group of roles and bindings.
pub(crate) const RBAC: &str = "rbac.authorization.k8s.io";

/// A text that stands in the line where it can; null is an empty one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// An event, or a list of them; fields that do not matter are passed over.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    items: Vec<Event<'a>>,
    stage: Text<'a>,
    #[serde(rename = "requestURI")]
    request_uri: Text<'a>,
    verb: Text<'a>,
    user: Option<User<'a>>,
    impersonated_user: Option<User<'a>>,
    authentication_metadata: Option<AuthenticationMetadata<'a>>,
    object_ref: Option<ObjectRef<'a>>,
    response_status: Option<Status>,
    request_received_timestamp: Option<Timestamp>,
    annotations: Option<Annotations<'a>>,
    request_object: Option<&'a RawValue>,
}

/// Who asked.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct User<'a> {
    #[serde(borrow)]
    pub(crate) username: Text<'a>,
    uid: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) groups: Vec<Text<'a>>,
    extra: Option<&'a RawValue>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AuthenticationMetadata<'a> {
    #[serde(borrow)]
    impersonation_constraint: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ObjectRef<'a> {
    #[serde(borrow)]
    resource: Text<'a>,
    namespace: Text<'a>,
    name: Text<'a>,
    api_group: Text<'a>,
    subresource: Text<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Status {
    code: u32,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Annotations<'a> {
    #[serde(borrow, rename = "authorization.k8s.io/decision")]
    decision: Text<'a>,
    #[serde(rename = "authorization.k8s.io/reason")]
    reason: Option<Text<'a>>,
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What the authorizer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was allowed, as far as can be known by RBAC.
    Allowed,
    /// It was allowed by another authorizer than RBAC, such as that of nodes.
    AllowedByOther,
    /// It was denied, or never asked for.
    Denied,
}

/// A binding or role that a request wrote, which may have needed the right to give it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct Written {
    /// `roles`, `clusterroles`, `rolebindings` or `clusterrolebindings`.
    pub(crate) resource: String,
    /// Empty for those of the cluster.
    pub(crate) namespace: String,
    /// Its name; empty when it is not known.
    pub(crate) name: String,
    /// Whether it was made, and not changed.
    pub(crate) is_new: bool,
    /// Kind and name of the role that is bound, when the event has the object.
    pub(crate) role: Option<(String, String)>,
}

impl<'a> Event<'a> {
    /// The events of a line: one, or those of an `EventList`.
    pub(crate) fn read(line: &'a [u8]) -> Result<Vec<Self>, serde_json::Error> {
        let event: Self = serde_json::from_slice(line)?;
        if event.kind.ends_with("List") { Ok(event.items) } else { Ok(vec![event]) }
    }

    /// Whether it says what came of a request; `false` for one that goes on, such as a watch that has begun.
    ///
    /// None when it says nothing of that: a request that was only received.
    pub(crate) fn is_complete(&self) -> Option<bool> {
        match &*self.stage {
            "ResponseComplete" | "Panic" => Some(true),
            "ResponseStarted" => Some(false),
            _ => None,
        }
    }

    /// Why it is no event, when it is none.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.stage.is_empty() {
            Some("it has no `stage`: it is no event of audit.k8s.io/v1")
        } else if self.verb.is_empty() {
            Some("it has no `verb`")
        } else if self.request_received_timestamp.is_none() {
            Some("it has no `requestReceivedTimestamp`")
        } else {
            None
        }
    }

    /// When the request came.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.request_received_timestamp
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let annotations = self.annotations.as_ref();
        let code = self.response_status.as_ref().map_or(0, |status| status.code);
        match annotations.map_or("", |annotations| &annotations.decision) {
            "allow" => {
                let reason = annotations.and_then(|annotations| annotations.reason.as_deref());
                let by_rbac = reason.is_none_or(|reason| reason.starts_with("RBAC: allowed by"));
                if by_rbac { Verdict::Allowed } else { Verdict::AllowedByOther }
            }
            // Without the annotation the authorizer was not asked, or everything is allowed in this cluster.
            "" if !matches!(code, 401 | 403 | 429) => Verdict::Allowed,
            _ => Verdict::Denied,
        }
    }

    /// Who the request was made as: who is impersonated, or who asked.
    pub(crate) fn acting(&self) -> Option<&User<'a>> {
        self.impersonated_user.as_ref().or(self.user.as_ref())
    }

    /// Each request that the authorizer was asked about and allowed, with who asked it.
    pub(crate) fn asked(&self, each: &mut dyn FnMut(&User<'a>, Request<'_>)) {
        if let (Some(user), Some(impersonated)) = (&self.user, &self.impersonated_user) {
            self.impersonation(user, impersonated, each);
        }
        if self.verdict() != Verdict::Allowed {
            return;
        }
        let Some(user) = self.acting() else { return };
        let Some(object) = &self.object_ref else {
            let path = percent_encoding::percent_decode_str(path(&self.request_uri)).decode_utf8_lossy();
            each(user, Request::Path { verb: &self.verb, path: &path });
            return;
        };
        let request = object.request(&self.verb);
        each(user, request);
        // An object that was not there is made by `update` and by `patch`, which needs `create`, with the name.
        let is_made = self.response_status.as_ref().is_some_and(|status| status.code == 201);
        if let Request::Resource { group, resource, subresource, namespace, name, .. } = request
            && is_made
            && matches!(&*self.verb, "update" | "patch")
        {
            each(user, Request::Resource { verb: "create", group, resource, subresource, namespace, name });
        }
    }

    /// What impersonation asks for (`pkg/endpoints/filters/impersonation.go`).
    fn impersonation(&self, user: &User<'a>, other: &User<'a>, each: &mut dyn FnMut(&User<'a>, Request<'_>)) {
        let constraint = self.authentication_metadata.as_ref().map_or("", |data| &data.impersonation_constraint);
        if !constraint.is_empty() {
            return self.constrained(user, other, constraint, each);
        }
        let extra = other.extra();
        let ask = |group, resource, subresource, namespace, name| Request::Resource {
            verb: "impersonate",
            group,
            resource,
            subresource,
            namespace,
            name,
        };
        let account = subject::split(&other.username);
        match account {
            Some((namespace, name)) => each(user, ask("", "serviceaccounts", "", namespace, name)),
            None => each(user, ask("", "users", "", "", &other.username)),
        }
        if !other.uid.is_empty() {
            each(user, ask(AUTHENTICATION, "uids", "", "", &other.uid));
        }
        for group in other.asked_groups() {
            each(user, ask("", "groups", "", "", group));
        }
        for (key, values) in &extra {
            for value in values {
                each(user, ask(AUTHENTICATION, "userextras", key, "", value));
            }
        }
    }

    /// What constrained impersonation asks for (KEP-5284): the identity, and the request itself under a verb of its own.
    fn constrained(&self, user: &User<'a>, other: &User<'a>, verb: &str, each: &mut dyn FnMut(&User<'a>, Request<'_>)) {
        let extra = other.extra();
        let ask = |resource, subresource, namespace, name| Request::Resource {
            verb,
            group: AUTHENTICATION,
            resource,
            subresource,
            namespace,
            name,
        };
        let node = other.username.strip_prefix("system:node:");
        match (subject::split(&other.username), node) {
            (Some((namespace, name)), _) => each(user, ask("serviceaccounts", "", namespace, name)),
            (None, Some(_)) if verb == "impersonate:associated-node" => each(user, ask("nodes", "", "", "*")),
            (None, Some(node)) => each(user, ask("nodes", "", "", node)),
            (None, None) => {
                each(user, ask("users", "", "", &other.username));
                if !other.uid.is_empty() {
                    each(user, ask("uids", "", "", &other.uid));
                }
                for group in other.asked_groups() {
                    each(user, ask("groups", "", "", group));
                }
                for (key, values) in &extra {
                    for value in values {
                        each(user, ask("userextras", key, "", value));
                    }
                }
            }
        }
        let mode = verb.strip_prefix("impersonate:").unwrap_or(verb);
        let on = format!("impersonate-on:{mode}:{}", &*self.verb);
        match &self.object_ref {
            Some(object) => each(user, object.request_as(&self.verb, &on)),
            None => each(user, Request::Path { verb: &on, path: path(&self.request_uri) }),
        }
    }

    /// The role or binding that the request wrote.
    pub(crate) fn written(&self) -> Option<Written> {
        let object = self.object_ref.as_ref()?;
        let is_write = matches!(&*self.verb, "create" | "update" | "patch") && object.subresource.is_empty();
        let is_rbac = &*object.api_group == RBAC
            && matches!(&*object.resource, "roles" | "clusterroles" | "rolebindings" | "clusterrolebindings");
        let is_done = self.response_status.as_ref().is_none_or(|status| status.code < 300);
        if !is_write || !is_rbac || !is_done {
            return None;
        }
        let sent: Option<Sent> = self.request_object.and_then(|object| serde_json::from_str(object.get()).ok());
        let (role, metadata) = sent.map_or((None, None), |sent| (sent.role_ref, sent.metadata));
        let name = if object.name.is_empty() {
            metadata.map(|metadata| metadata.name).unwrap_or_default()
        } else {
            object.name.to_string()
        };
        Some(Written {
            resource: object.resource.to_string(),
            namespace: object.namespace.to_string(),
            name,
            is_new: &*self.verb == "create",
            role: role.map(|role| (role.kind, role.name)).filter(|(_, name)| !name.is_empty()),
        })
    }
}

/// What is looked at of an object that was sent.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Sent {
    role_ref: Option<RoleRef>,
    metadata: Option<Named>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct RoleRef {
    kind: String,
    name: String,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

impl ObjectRef<'_> {
    fn request<'s>(&'s self, verb: &'s str) -> Request<'s> {
        self.request_as(verb, verb)
    }

    /// The request of a verb under another one.
    ///
    /// The log completes the name and namespace from what was sent, after the authorizer was asked: what is made has no name
    /// then, unless it is a part of something.
    fn request_as<'s>(&'s self, verb: &str, named: &'s str) -> Request<'s> {
        let is_new = verb == "create" && self.subresource.is_empty();
        let is_namespace = &*self.resource == "namespaces" && self.api_group.is_empty();
        Request::Resource {
            verb: named,
            group: &self.api_group,
            resource: &self.resource,
            subresource: &self.subresource,
            namespace: if is_new && is_namespace { "" } else { &self.namespace },
            name: if is_new || verb == "deletecollection" { "" } else { &self.name },
        }
    }
}

impl User<'_> {
    /// The groups that were asked for: not those that the API server adds by itself.
    fn asked_groups(&self) -> impl Iterator<Item = &str> {
        let implied = subject::split(&self.username).is_some();
        self.groups.iter().map(|group| &**group).filter(move |group| {
            let of_accounts = implied && group.starts_with(subject::SERVICE_ACCOUNTS);
            !of_accounts && *group != subject::AUTHENTICATED && *group != "system:unauthenticated"
        })
    }

    fn extra(&self) -> Vec<(String, Vec<String>)> {
        let read =
            |extra: &RawValue| serde_json::from_str::<std::collections::BTreeMap<String, Vec<String>>>(extra.get());
        self.extra.and_then(|extra| read(extra).ok()).into_iter().flatten().collect()
    }
}

fn path(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or(uri)
}
