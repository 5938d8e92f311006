//! Reading `mutate`.

use probity_model::node::{Mapping, Node};
use probity_model::{Key, Value};

use super::{Change, ForEach, Mutate, Patcher, Target};
use crate::condition::{Conditions, template_error};
use crate::query::Query;
use crate::read::{Path, ReadError, Within};
use crate::rule::entries;
use crate::template::Template;

/// Deepest nesting of loops.
const MAX_NESTING: usize = 16;

impl Mutate {
    /// Reads what a rule changes.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&[
            "mutateExistingOnPolicyUpdate",
            "targets",
            "patchStrategicMerge",
            "patchesJson6902",
            "foreach",
        ])?;
        let targets = fields.optional("targets").map(Node::list).transpose().within("targets")?;
        let read = |(index, node)| Target::read(node).within(Path::Index(index)).within("targets");
        let targets: Option<Result<Vec<Target>, ReadError>> =
            targets.map(|targets| targets.into_iter().enumerate().map(read).collect());
        Ok(Self { change: Change::read(&fields, 0)?, targets: targets.transpose()? })
    }
}

impl Change {
    /// Loops go before patches, and strategic merges before JSON patches.
    fn read(fields: &Mapping<'_>, nesting: usize) -> Result<Self, ReadError> {
        if let Some(node) = fields.optional("foreach") {
            let read = |(index, node)| ForEach::read(node, nesting).within(Path::Index(index)).within("foreach");
            let loops: Result<Vec<ForEach>, ReadError> =
                node.list().within("foreach")?.into_iter().enumerate().map(read).collect();
            return Ok(Self::ForEach(loops?));
        }
        if let Some(node) = fields.optional("patchStrategicMerge") {
            return Ok(Self::Patch(Patcher::read_strategic(node).within("patchStrategicMerge")?));
        }
        match fields.optional("patchesJson6902") {
            Some(node) if node.value.as_str() != Some("") => {
                Ok(Self::Patch(Patcher::read_json(node).within("patchesJson6902")?))
            }
            _ => Ok(Self::Nothing),
        }
    }
}

impl ForEach {
    fn read(node: Node<'_>, nesting: usize) -> Result<Self, ReadError> {
        if nesting > MAX_NESTING {
            return Err(node.problem(format!("loops are nested deeper than {MAX_NESTING} levels")).into());
        }
        let fields = node.mapping()?;
        fields.only(&[
            "list",
            "order",
            "context",
            "preconditions",
            "patchStrategicMerge",
            "patchesJson6902",
            "foreach",
        ])?;
        let list = fields.required("list")?;
        let query = Query::parse(list.string().within("list")?);
        let change = Change::read(&fields, nesting + 1)?;
        let order = fields.optional("order");
        let descending = match order.map(Node::string).transpose().within("order")? {
            // kustomize puts what is merged first, so that the last merged comes to stand first.
            None => fields.optional("patchStrategicMerge").is_some(),
            Some("Ascending") => false,
            Some("Descending") => true,
            Some(other) => {
                let message = format!("`{other}` is no order; one of Ascending, Descending");
                return Err(fields.problem(message)).within("order");
            }
        };
        Ok(Self {
            list: query.map_err(|error| list.problem(error.message)).within("list")?,
            descending,
            context: entries(&fields)?,
            preconditions: fields
                .optional("preconditions")
                .map(Conditions::read)
                .transpose()
                .within("preconditions")?,
            change,
        })
    }
}

impl Target {
    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["apiVersion", "kind", "namespace", "name", "uid", "selector", "context", "preconditions"])?;
        let is_selector = |key: &Key| !matches!(key.as_str(), "context" | "preconditions");
        let selector = fields.entries().filter(|(key, _)| is_selector(key));
        let selector = Value::Object(selector.map(|(key, node)| (key.clone(), node.value.clone())).collect());
        Ok(Self {
            selector: Template::compile(&selector).map_err(|error| template_error(node, &error))?,
            context: entries(&fields)?,
            preconditions: fields
                .optional("preconditions")
                .map(Conditions::read)
                .transpose()
                .within("preconditions")?,
        })
    }
}
