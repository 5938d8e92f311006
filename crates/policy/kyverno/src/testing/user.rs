//! Who asks (`cli.kyverno.io/v1alpha1`, kind `UserInfo`).

use probity_model::Problem;
use probity_model::node::{Mapping, Node};

use crate::request::UserInfo;

/// Reads a document of kind `UserInfo`.
///
/// # Errors
/// What is wrong first, with its place.
pub fn read_user(node: Node<'_>) -> Result<UserInfo, Problem> {
    let fields = node.mapping()?;
    fields.only(&["apiVersion", "kind", "metadata", "roles", "clusterRoles", "userInfo", "synchronize"])?;
    let mut user = UserInfo {
        roles: strings(&fields, "roles")?,
        cluster_roles: strings(&fields, "clusterRoles")?,
        ..UserInfo::default()
    };
    if let Some(node) = fields.optional("userInfo") {
        let fields = node.mapping()?;
        fields.only(&["username", "uid", "groups", "extra"])?;
        let text = |name: &str| fields.optional(name).map(Node::text).transpose().map(Option::unwrap_or_default);
        user.username = text("username")?;
        user.uid = text("uid")?;
        user.groups = strings(&fields, "groups")?;
        user.extra = fields.optional("extra").map(|node| node.value.clone());
    }
    Ok(user)
}

fn strings(fields: &Mapping<'_>, name: &str) -> Result<Vec<String>, Problem> {
    let list = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
    Ok(list.into_iter().map(str::to_owned).collect())
}
