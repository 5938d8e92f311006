//! What expressions may ask for outside of the request.

use probity_model::Value as Model;
use probity_policy_cel::library::kubernetes::{
    Attributes as Question, Authorizer, Decision, authorizer_value, resource_check_value,
};
use probity_policy_cel::{Evaluation, Value};
use probity_policy_core::{Access, Cluster};

use crate::attributes::Attributes;

/// What stands behind policies. Without an authorizer, all that is asked of one is denied with an error.
#[derive(Clone, Copy, Default)]
pub struct Host<'h>(Option<&'h dyn Authorizer>);

impl<'h> Host<'h> {
    /// A host whose authorizer tells who may do what.
    pub fn new(authorizer: &'h dyn Authorizer) -> Self {
        Self(Some(authorizer))
    }

    /// Limits and surroundings of the evaluations of one policy.
    pub(crate) fn evaluation(self) -> Evaluation<'h> {
        match self.0 {
            Some(authorizer) => Evaluation::default().with_authorizer(authorizer),
            None => Evaluation::default(),
        }
    }
}

/// What expressions see as `authorizer` and `authorizer.requestResource`.
pub(crate) fn inputs(attributes: &Attributes) -> [(&'static str, Value); 2] {
    let question = Question {
        group: attributes.resource.group.clone(),
        resource: attributes.resource.resource.clone(),
        subresource: attributes.subresource.to_string(),
        namespace: attributes.namespace.to_string(),
        name: attributes.name.to_string(),
        ..Question::default()
    };
    [("authorizer", authorizer_value()), ("authorizer.requestResource", resource_check_value(question))]
}

/// The authorizer of a cluster, asked about the user of a request.
pub struct ClusterAuthorizer<'c> {
    cluster: &'c dyn Cluster,
    user: &'c Model,
}

impl<'c> ClusterAuthorizer<'c> {
    /// The authorizer of a cluster; `user` is the `userInfo` of a request.
    pub fn new(cluster: &'c dyn Cluster, user: &'c Model) -> Self {
        Self { cluster, user }
    }

    fn access(&self, question: &Question) -> Access {
        let text = |field: &str| self.user.get(field).and_then(Model::as_str).unwrap_or_default().to_owned();
        let (user, uid, groups) = if let Some((namespace, name)) = &question.service_account {
            // As a service account is known to the API server.
            let groups = [
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ];
            (format!("system:serviceaccount:{namespace}:{name}"), String::new(), groups.to_vec())
        } else {
            let groups = self.user.get("groups").and_then(Model::as_array);
            let groups = groups.into_iter().flat_map(|groups| groups.iter()).filter_map(Model::as_str);
            (text("username"), text("uid"), groups.map(str::to_owned).collect())
        };
        Access {
            user,
            groups,
            uid,
            verb: question.verb.clone(),
            group: question.group.clone(),
            // As the API server asks: whatever the version.
            version: if question.path.is_some() { String::new() } else { "*".to_owned() },
            resource: question.resource.clone(),
            subresource: question.subresource.clone(),
            namespace: question.namespace.clone(),
            name: question.name.clone(),
            path: question.path.clone().unwrap_or_default(),
            field_selector: question.field_selector.clone(),
            label_selector: question.label_selector.clone(),
        }
    }
}

impl Authorizer for ClusterAuthorizer<'_> {
    fn decide(&self, question: &Question) -> Decision {
        match self.cluster.may(&self.access(question)) {
            Ok(allowance) => Decision { allowed: allowance.allowed, reason: allowance.reason, error: None },
            Err(error) => Decision { allowed: false, reason: String::new(), error: Some(error.to_string()) },
        }
    }
}
