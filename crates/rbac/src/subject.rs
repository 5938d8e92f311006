//! Who has rights, and who asks.

use std::fmt;
use std::str::FromStr;

use probity_model::SmolStr;
use serde::{Serialize, Serializer};

/// What user names of service accounts begin with.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Everybody who is known.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";

/// Every service account.
pub(crate) const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";

/// Who is bound to a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A service account.
    ServiceAccount {
        /// The namespace it is in.
        namespace: SmolStr,
        /// Its name.
        name: SmolStr,
    },
    /// A user, by name.
    User(SmolStr),
    /// A group, by name.
    Group(SmolStr),
}

/// A text that names no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no subject: write NAMESPACE/NAME for a service account, user:NAME or group:NAME")]
pub struct ParseSubjectError(String);

impl Subject {
    /// The service account of a name in a namespace.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::ServiceAccount { namespace: namespace.into(), name: name.into() }
    }

    /// Whether Kubernetes itself brings it: its name begins with `system:`, or it is in `kube-system`.
    pub fn is_system(&self) -> bool {
        match self {
            Self::ServiceAccount { namespace, .. } => namespace == "kube-system",
            Self::User(name) | Self::Group(name) => name.starts_with("system:"),
        }
    }

    /// The groups that the API server puts it in by itself.
    pub fn implied_groups(&self) -> Vec<SmolStr> {
        match self {
            Self::ServiceAccount { namespace, .. } => service_account_groups(namespace),
            Self::User(name) if name == "system:anonymous" => vec!["system:unauthenticated".into()],
            Self::User(_) => vec![AUTHENTICATED.into()],
            Self::Group(_) => Vec::new(),
        }
    }

    /// The requester of this name; that of a group is in this group alone.
    pub fn identity(&self) -> Identity {
        let user = match self {
            Self::ServiceAccount { namespace, name } => format!("{SERVICE_ACCOUNT}{namespace}:{name}").into(),
            Self::User(name) => name.clone(),
            Self::Group(name) => return Identity { user: SmolStr::default(), groups: vec![name.clone()] },
        };
        Identity { user, groups: self.implied_groups() }
    }

    /// Whether requests of an identity are this subject's.
    pub fn is(&self, identity: &Identity) -> bool {
        match self {
            Self::ServiceAccount { namespace, name } => split(&identity.user) == Some((namespace, name)),
            Self::User(name) => *name == identity.user,
            Self::Group(name) => identity.groups.contains(name),
        }
    }
}

fn service_account_groups(namespace: &str) -> Vec<SmolStr> {
    vec![SERVICE_ACCOUNTS.into(), format!("{SERVICE_ACCOUNTS}:{namespace}").into(), AUTHENTICATED.into()]
}

/// Namespace and name of the service account of a user name.
pub(crate) fn split(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAccount { namespace, name } => write!(f, "ServiceAccount {namespace}/{name}"),
            Self::User(name) => write!(f, "User {name}"),
            Self::Group(name) => write!(f, "Group {name}"),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Subject {
    type Err = ParseSubjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseSubjectError(text.to_owned());
        let is_name = |name: &str| !name.is_empty();
        if let Some(name) = text.strip_prefix("user:").filter(|name| is_name(name)) {
            return Ok(Self::of_user(name));
        }
        if let Some(name) = text.strip_prefix("group:").filter(|name| is_name(name)) {
            return Ok(Self::Group(name.into()));
        }
        let account = split(text).or_else(|| text.strip_prefix("serviceaccount:").unwrap_or(text).split_once('/'));
        let (namespace, name) = account.ok_or_else(wrong)?;
        if !is_name(namespace) || !is_name(name) || name.contains('/') {
            return Err(wrong());
        }
        Ok(Self::service_account(namespace, name))
    }
}

impl Subject {
    /// Who asks under a user name: a service account when it is the name of one.
    pub fn of_user(user: &str) -> Self {
        match split(user) {
            Some((namespace, name)) => Self::service_account(namespace, name),
            None => Self::User(user.into()),
        }
    }
}

/// Who asks: a user name and groups, as the API server knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The user name; of a service account `system:serviceaccount:NAMESPACE:NAME`.
    pub user: SmolStr,
    /// The groups.
    pub groups: Vec<SmolStr>,
}

impl Identity {
    /// The subjects whose bindings count for it. A service account is found by its user name, too.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> {
        let account = split(&self.user).map(|(namespace, name)| Subject::service_account(namespace, name));
        let user = (!self.user.is_empty()).then(|| Subject::User(self.user.clone()));
        user.into_iter().chain(account).chain(self.groups.iter().cloned().map(Subject::Group))
    }
}
