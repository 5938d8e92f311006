//! Reading `generate`.

use probity_model::node::{Mapping, Node};
use probity_model::{Key, Value};

use super::{ForEach, Generate, Pattern, What};
use crate::condition::{Conditions, template_error};
use crate::query::Query;
use crate::read::{Path, ReadError, Within};
use crate::rule::entries;
use crate::template::Template;

/// What is said of the resource that is made.
const PATTERN: &[&str] = &["apiVersion", "kind", "namespace", "name", "uid", "data", "clone", "cloneList"];

impl Generate {
    /// Reads what a rule makes.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        let own = ["synchronize", "orphanDownstreamOnPolicyDelete", "generateExisting", "foreach"];
        fields.only(&own.iter().chain(PATTERN).copied().collect::<Vec<_>>())?;
        let flag = |name: &str| -> Result<bool, ReadError> {
            Ok(fields.optional(name).map(Node::boolean).transpose().within(name)?.unwrap_or(false))
        };
        let what = match fields.optional("foreach") {
            Some(node) => {
                let read = |(index, node)| ForEach::read(node).within(Path::Index(index)).within("foreach");
                let loops: Result<Vec<ForEach>, ReadError> =
                    node.list().within("foreach")?.into_iter().enumerate().map(read).collect();
                What::ForEach(loops?)
            }
            None => What::One(Pattern::read(node, &fields)?),
        };
        Ok(Self {
            synchronize: flag("synchronize")?,
            orphan_downstream: flag("orphanDownstreamOnPolicyDelete")?,
            generate_existing: flag("generateExisting")?,
            what,
        })
    }
}

impl ForEach {
    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["list", "context", "preconditions"].iter().chain(PATTERN).copied().collect::<Vec<_>>())?;
        let list = fields.required("list")?;
        let query = Query::parse(list.string().within("list")?);
        Ok(Self {
            list: query.map_err(|error| list.problem(error.message)).within("list")?,
            context: entries(&fields)?,
            preconditions: fields
                .optional("preconditions")
                .map(Conditions::read)
                .transpose()
                .within("preconditions")?,
            pattern: Pattern::read(node, &fields)?,
        })
    }
}

impl Pattern {
    fn read(node: Node<'_>, fields: &Mapping<'_>) -> Result<Self, ReadError> {
        let is_said = |key: &Key| PATTERN.contains(&key.as_str());
        let said = fields.entries().filter(|(key, _)| is_said(key));
        let said = Value::Object(said.map(|(key, node)| (key.clone(), node.value.clone())).collect());
        Ok(Self { template: Template::compile(&said).map_err(|error| template_error(node, &error))? })
    }
}
