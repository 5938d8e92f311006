//! `foreach`: the same for every element of a list.

use probity_model::node::Node;

use super::{Check, read};
use crate::condition::Conditions;
use crate::entry::Entry;
use crate::query::Query;
use crate::read::{Path, ReadError, Within};

/// A loop of a validation.
#[derive(Debug, Clone)]
pub struct ForEach {
    pub(crate) list: Query,
    /// Whether patterns see the element rather than the resource; when it is not said, they do when it is an object.
    pub(crate) element_scope: Option<bool>,
    pub(crate) context: Vec<Entry>,
    pub(crate) preconditions: Option<Conditions>,
    pub(crate) check: Option<Check>,
}

/// Deepest nesting of loops.
const MAX_NESTING: usize = 16;

impl ForEach {
    pub(super) fn read_all(node: Node<'_>) -> Result<Vec<Self>, ReadError> {
        Self::read_nested(node, 0)
    }

    /// Whether it asks for other objects.
    pub(crate) fn needs_objects(&self) -> bool {
        let within = match &self.check {
            Some(Check::ForEach(loops)) => loops.as_slice(),
            _ => &[],
        };
        self.context.iter().any(Entry::is_outside) || within.iter().any(Self::needs_objects)
    }

    fn read_nested(node: Node<'_>, nesting: usize) -> Result<Vec<Self>, ReadError> {
        let read = |(index, node)| Self::read(node, nesting).within(Path::Index(index));
        node.list()?.into_iter().enumerate().map(read).collect()
    }

    fn read(node: Node<'_>, nesting: usize) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&[
            "list",
            "elementScope",
            "context",
            "preconditions",
            "pattern",
            "anyPattern",
            "deny",
            "foreach",
        ])?;
        if nesting > MAX_NESTING {
            return Err(node.problem(format!("loops are nested deeper than {MAX_NESTING} levels")).into());
        }
        let list = fields.required("list")?;
        let query = Query::parse(list.string().within("list")?);
        let check = match fields.optional("foreach") {
            Some(inner) if ["deny", "pattern", "anyPattern"].iter().all(|name| fields.optional(name).is_none()) => {
                Some(Check::ForEach(Self::read_nested(inner, nesting + 1).within("foreach")?))
            }
            _ => Check::read_of_element(&fields)?,
        };
        let scope = fields.optional("elementScope").map(Node::boolean).transpose();
        Ok(Self {
            list: query.map_err(|error| list.problem(error.message)).within("list")?,
            element_scope: scope.within("elementScope")?,
            context: read::entries(&fields)?,
            preconditions: fields
                .optional("preconditions")
                .map(Conditions::read)
                .transpose()
                .within("preconditions")?,
            check,
        })
    }
}
