//! The four kinds of mutators, read (`mutations.gatekeeper.sh`).

use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Value};

use super::apply::{Change, apply};
use super::conditions::{Condition, Conditions};
use super::conflicts::Kind;
use super::image::Image;
use super::path::{Path, Step};
use super::{Occasion, Operation};
use crate::expansion::ApplyTo;
use crate::matching::{Candidate, Match};
use crate::object::{self, Gvk};

/// Longest name, in bytes.
const MAX_NAME: usize = 63;

/// One mutator.
#[derive(Debug, Clone)]
pub(crate) struct Mutator {
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// Empty for what applies to every kind.
    pub(super) apply_to: Vec<(ApplyTo, Vec<Operation>)>,
    pub(super) matching: Match,
    pub(super) location: Path,
    conditions: Conditions,
    action: Action,
}

/// What a mutator does at its location.
#[derive(Debug, Clone)]
enum Action {
    Change(Change),
    /// A part of the object's metadata is put there: `name` or `namespace`.
    FromMetadata(&'static str),
}

const KINDS: &[&str] = &["Assign", "AssignImage", "AssignMetadata", "ModifySet"];

impl Mutator {
    /// Reads a mutator of any kind.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let kind_node = fields.required("kind")?;
        let word = kind_node.string()?;
        let kind = KINDS.iter().find(|kind| **kind == word).ok_or_else(|| {
            kind_node.problem(format!("`{word}` is not a mutator")).with_help(format!("one of {}", KINDS.join(", ")))
        })?;
        let name_node = fields.required("metadata")?.mapping()?.required("name")?;
        let name = name_node.string()?.to_owned();
        if name.len() > MAX_NAME {
            return Err(name_node.problem(format!("longer than {MAX_NAME} characters")));
        }
        let spec_node = fields.required("spec")?;
        let spec = spec_node.mapping()?;
        let location_node = spec.required("location")?;
        let location: Path = location_node.parse()?;
        check_location(kind, &location).map_err(|message| location_node.problem(message))?;
        let parameters = spec.required("parameters")?.mapping()?;
        let action = match *kind {
            "ModifySet" => Action::Change(read_set(&parameters)?),
            "AssignImage" => Action::Change(read_image(&parameters)?),
            _ => read_assign(kind, &parameters, &location)?,
        };
        let is_metadata = *kind == "AssignMetadata";
        let conditions = if is_metadata {
            // Labels and annotations that are there are never changed.
            Conditions::new(&location, &[(location.clone(), Condition::MustNotExist)])
        } else {
            Conditions::new(&location, &read_tests(&parameters)?)
        };
        Ok(Self {
            kind,
            name,
            apply_to: if is_metadata { Vec::new() } else { read_apply_to(&spec)? },
            matching: spec.optional("match").map(Match::read).transpose()?.unwrap_or_default(),
            location,
            conditions: conditions.map_err(|message| parameters.problem(message))?,
            action,
        })
    }

    /// Whether it is about an object.
    pub(super) fn matches(&self, object: &Value, occasion: &Occasion<'_>) -> Result<bool, String> {
        let gvk = Gvk::of(object);
        let applies = self.apply_to.iter().any(|(apply, operations)| {
            let operation = match &occasion.operation {
                // Not known: only what is for all of them.
                None => operations.len() == Operation::ALL.len(),
                Some(operation) => operations.contains(operation),
            };
            operation && apply.matches(&gvk)
        });
        if !applies && self.kind != "AssignMetadata" {
            return Ok(false);
        }
        self.matching.matches(&Candidate { object, namespace: occasion.namespace, source: Some(occasion.source) })
    }

    /// The object with the mutation made; `None` when its conditions do not hold.
    pub(super) fn mutate(&self, object: &Value) -> Result<Option<Value>, String> {
        match &self.action {
            Action::Change(change) => apply(object, &self.location, &self.conditions, change),
            Action::FromMetadata(field) => {
                let change = Change::Assign(object::metadata(object, field).into());
                apply(object, &self.location, &self.conditions, &change)
            }
        }
    }

    /// Whether the namespace of an object must be known to tell whether it is about it.
    pub(super) fn needs_namespace(&self) -> bool {
        self.matching.needs_namespace()
    }

    /// What it takes the value at its location for, and whether nothing may be below.
    pub(super) fn end(&self) -> (Kind, bool) {
        match self.kind {
            "ModifySet" => (Kind::Set, false),
            "AssignImage" => (Kind::String, true),
            _ => (Kind::Unknown, false),
        }
    }
}

fn check_location(kind: &str, location: &Path) -> Result<(), String> {
    let steps = &location.0;
    let Some(last) = steps.last() else { return Err("the location is empty".to_owned()) };
    if kind == "AssignMetadata" {
        return match &steps[..] {
            [Step::Field(root), Step::Field(field), Step::Field(_)]
                if root == "metadata" && (field == "labels" || field == "annotations") =>
            {
                Ok(())
            }
            _ => Err("AssignMetadata changes `metadata.labels.x` and `metadata.annotations.x` only".to_owned()),
        };
    }
    if matches!(&steps[0], Step::Field(root) if root == "metadata") {
        return Err(format!("{kind} does not change metadata"));
    }
    if kind != "Assign" && last.is_element() {
        return Err(format!("the location of {kind} must not end with an element of a list"));
    }
    if kind != "ModifySet"
        && let [.., Step::Element { key, .. }, Step::Field(name)] = &steps[..]
        && key == name
    {
        return Err(format!("the field `{key}` by which elements are found must not be changed"));
    }
    Ok(())
}

fn read_tests(parameters: &Mapping<'_>) -> Result<Vec<(Path, Condition)>, Problem> {
    let tests = parameters.optional("pathTests").map(Node::list).transpose()?.unwrap_or_default();
    let read = |node: Node<'_>| {
        let fields = node.mapping()?;
        let condition = fields.required("condition")?;
        let known = match condition.string()? {
            "MustExist" => Condition::MustExist,
            "MustNotExist" => Condition::MustNotExist,
            other => return Err(condition.problem(format!("`{other}` is not a condition: MustExist or MustNotExist"))),
        };
        Ok((fields.required("subPath")?.parse()?, known))
    };
    tests.into_iter().map(read).collect()
}

fn read_set(parameters: &Mapping<'_>) -> Result<Change, Problem> {
    let values = parameters.optional("values").map(Node::mapping).transpose()?;
    let list = values.and_then(|values| values.optional("fromList")).map(Node::list).transpose()?.unwrap_or_default();
    let values = list.into_iter().map(|node| node.value.clone()).collect();
    let Some(operation) = parameters.optional("operation") else { return Ok(Change::Merge(values)) };
    match operation.string()? {
        "merge" => Ok(Change::Merge(values)),
        "prune" => Ok(Change::Prune(values)),
        other => Err(operation.problem(format!("`{other}` is not an operation: merge or prune"))),
    }
}

fn read_image(parameters: &Mapping<'_>) -> Result<Change, Problem> {
    let part = |name: &str| parameters.optional(name).map(Node::string).transpose().map(Option::unwrap_or_default);
    let image = Image::new(part("assignDomain")?, part("assignPath")?, part("assignTag")?);
    image.map(Change::Image).map_err(|message| parameters.problem(message))
}

fn read_assign(kind: &str, parameters: &Mapping<'_>, location: &Path) -> Result<Action, Problem> {
    let assign = parameters.required("assign")?;
    let fields = assign.mapping()?;
    if let Some(node) = fields.optional("externalData") {
        let help = "assign a `value`, or leave the mutator out";
        return Err(node.problem("external data is off: providers are not asked").with_help(help));
    }
    let last = location.0.last();
    match (fields.optional("value"), fields.optional("fromMetadata")) {
        (Some(node), None) => {
            check_value(kind, last, node)?;
            Ok(Action::Change(Change::Assign(node.value.clone())))
        }
        (None, Some(node)) => {
            if last.is_some_and(Step::is_element) {
                return Err(node.problem("a part of the metadata cannot be an element of a list"));
            }
            let field = node.mapping()?.required("field")?;
            match field.string()? {
                "name" => Ok(Action::FromMetadata("name")),
                "namespace" => Ok(Action::FromMetadata("namespace")),
                other => Err(field.problem(format!("`{other}` is not a field: name or namespace"))),
            }
        }
        _ => Err(assign.problem("`assign` must have one of `value` and `fromMetadata`")),
    }
}

fn check_value(kind: &str, last: Option<&Step>, node: Node<'_>) -> Result<(), Problem> {
    if kind == "AssignMetadata" {
        return node.string().map(drop);
    }
    let Some(Step::Element { key, value }) = last else { return Ok(()) };
    let Some(wanted) = value else {
        return Err(node.problem("a value cannot be all elements of a list"));
    };
    if node.mapping()?.get(key) != Some(wanted) {
        return Err(node.problem(format!("the value must have the `{key}` of the element it replaces: {wanted:?}")));
    }
    Ok(())
}

fn read_apply_to(spec: &Mapping<'_>) -> Result<Vec<(ApplyTo, Vec<Operation>)>, Problem> {
    let node = spec.required("applyTo")?;
    let read = |node: Node<'_>| {
        let fields = node.mapping()?;
        let apply = ApplyTo::read(&fields)?;
        if apply.groups.is_empty() || apply.versions.is_empty() || apply.kinds.is_empty() {
            return Err(node.problem("`applyTo` must name groups, versions and kinds"));
        }
        Ok((apply, read_operations(&fields)?))
    };
    let all: Vec<_> = node.list()?.into_iter().map(read).collect::<Result<_, _>>()?;
    if all.is_empty() { Err(node.problem("`applyTo` must name something")) } else { Ok(all) }
}

fn read_operations(fields: &Mapping<'_>) -> Result<Vec<Operation>, Problem> {
    let Some(node) = fields.optional("operations") else { return Ok(Operation::ALL.to_vec()) };
    let words = node.strings()?;
    if words.is_empty() || words == ["*"] {
        return Ok(Operation::ALL.to_vec());
    }
    let mut operations = Vec::new();
    for word in words {
        let known = Operation::ALL.iter().find(|operation| operation.as_str() == word);
        match known {
            Some(operation) if !operations.contains(operation) => operations.push(*operation),
            Some(_) => return Err(node.problem(format!("{word} is named twice"))),
            None => return Err(node.problem(format!("`{word}` is not an operation: CREATE, UPDATE, or `*` alone"))),
        }
    }
    Ok(operations)
}
