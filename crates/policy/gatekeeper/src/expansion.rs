//! Expansion templates: the objects that another one will have a cluster make, such as the pods of a deployment.

use std::collections::BTreeSet;

use probity_model::node::{Mapping, Node};
use probity_model::value::Object;
use probity_model::{Problem, Stage, Value};

use crate::enforcement::stage_of;
use crate::matching::Source;
use crate::mutation::{Mutators, Occasion};
use crate::object::{self, Gvk, with_entry, with_path, without_entry};

/// The API group of expansion templates.
pub(crate) const GROUP: &str = "expansion.gatekeeper.sh";

/// How often what was made is expanded in turn.
const MAX_DEPTH: usize = 30;

/// How many objects are made of one.
const MAX_OBJECTS: usize = 1_000;

/// Longest name, in bytes.
const MAX_NAME: usize = 63;

/// Which kinds something applies to, word by word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ApplyTo {
    pub(crate) groups: Vec<String>,
    pub(crate) versions: Vec<String>,
    pub(crate) kinds: Vec<String>,
}

impl ApplyTo {
    pub(crate) fn read(fields: &Mapping<'_>) -> Result<Self, Problem> {
        let words = |name: &str| -> Result<Vec<String>, Problem> {
            let words = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
            Ok(words.into_iter().map(str::to_owned).collect())
        };
        Ok(Self { groups: words("groups")?, versions: words("versions")?, kinds: words("kinds")? })
    }

    /// Every kind that it applies to.
    pub(crate) fn all(&self) -> impl Iterator<Item = Gvk> {
        let with_version =
            |group: &String| self.versions.iter().map(move |version| (group.clone(), version)).collect::<Vec<_>>();
        self.groups.iter().flat_map(with_version).flat_map(|(group, version)| {
            self.kinds.iter().map(move |kind| Gvk {
                group: group.clone(),
                version: version.clone(),
                kind: kind.clone(),
            })
        })
    }

    pub(crate) fn matches(&self, gvk: &Gvk) -> bool {
        self.groups.contains(&gvk.group) && self.versions.contains(&gvk.version) && self.kinds.contains(&gvk.kind)
    }
}

/// How objects are made of others.
#[derive(Debug, Clone)]
pub(crate) struct ExpansionTemplate {
    pub(crate) name: String,
    pub(crate) apply_to: Vec<ApplyTo>,
    source: Vec<String>,
    pub(crate) makes: Gvk,
    /// What violations of what is made do, when that is not the constraint's matter.
    pub(crate) stage: Option<Stage>,
}

/// An object that was made.
#[derive(Debug, Clone)]
pub(crate) struct Made<'e> {
    pub(crate) object: Value,
    pub(crate) template: &'e ExpansionTemplate,
}

impl ExpansionTemplate {
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let name = fields.required("metadata")?.mapping()?.required("name")?;
        if name.string()?.len() > MAX_NAME {
            return Err(name.problem(format!("longer than {MAX_NAME} characters")));
        }
        let spec = fields.required("spec")?.mapping()?;
        let generated = spec.required("generatedGVK")?;
        let part = |name: &str| -> Result<String, Problem> {
            let part = generated.mapping()?.optional(name).map(Node::string).transpose()?;
            Ok(part.unwrap_or_default().to_owned())
        };
        let makes = Gvk { group: part("group")?, version: part("version")?, kind: part("kind")? };
        let applies = spec.required("applyTo")?;
        let apply_to: Vec<ApplyTo> =
            applies.list()?.into_iter().map(|node| ApplyTo::read(&node.mapping()?)).collect::<Result<_, _>>()?;
        if apply_to.is_empty() {
            return Err(applies.problem("an expansion template must say what it applies to"));
        }
        if apply_to.iter().any(|apply| apply.matches(&makes)) {
            return Err(applies.problem(format!("the template makes {makes} and applies to it as well")));
        }
        Ok(Self {
            name: name.string()?.to_owned(),
            apply_to,
            source: spec.required("templateSource")?.string()?.split('.').map(str::to_owned).collect(),
            makes,
            stage: spec.optional("enforcementAction").map(stage_of).transpose()?.flatten(),
        })
    }

    fn applies_to(&self, gvk: &Gvk) -> bool {
        self.apply_to.iter().any(|apply| apply.matches(gvk))
    }

    fn make(&self, parent: &Value) -> Result<Value, String> {
        let source = self.source.iter().try_fold(parent, |value, key| value.get(key));
        let name = object::name(parent);
        let source = source
            .and_then(Value::as_object)
            .ok_or_else(|| format!("could not find source field \"{}\" in resource {name}", self.source.join(".")))?;
        let mut made = with_entry(source, "apiVersion", self.makes.api_version().into());
        made = with_entry(&made, "kind", self.makes.kind.as_str().into());
        let empty = Object::default();
        let metadata = made.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
        // It is where its parent is, whatever it says.
        let metadata = match object::namespace(parent) {
            "" => without_entry(metadata, "namespace"),
            namespace => with_entry(metadata, "namespace", namespace.into()),
        };
        let own_name = [name, self.makes.kind.as_str()].join("-").to_lowercase();
        let metadata = with_entry(&metadata, "name", own_name.into());
        let made = Value::Object(with_entry(&made, "metadata", Value::Object(metadata)));
        Ok(with_owner(made, parent))
    }
}

/// The object with a reference to the one that it comes from.
fn with_owner(made: Value, parent: &Value) -> Value {
    let fields = [
        ("apiVersion", object::text(parent, "apiVersion")),
        ("kind", object::text(parent, "kind")),
        ("name", object::name(parent)),
    ];
    let known = made.at(&["metadata", "ownerReferences"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let is_same = |owner: &Value| fields.iter().all(|(field, text)| object::text(owner, field) == *text);
    if fields.iter().any(|(_, text)| text.is_empty()) || known.iter().any(is_same) {
        return made;
    }
    let owner = fields.map(|(field, text)| (field, Value::from(text))).into_iter().chain([("uid", "".into())]);
    let owners = known.iter().cloned().chain([Value::object(owner)]);
    with_path(&made, &["metadata", "ownerReferences"], Value::array(owners))
}

/// All expansion templates that are known together, with the mutators that what they make goes through.
#[derive(Debug, Clone, Default)]
pub struct Expander {
    templates: Vec<ExpansionTemplate>,
    mutators: Mutators,
}

impl Expander {
    /// Puts templates together, those of equal names replaced by the last. Those that form a circle are not used.
    pub(crate) fn new(templates: Vec<ExpansionTemplate>, mutators: Mutators) -> (Self, BTreeSet<String>) {
        let mut known: Vec<ExpansionTemplate> = Vec::new();
        for template in templates {
            known.retain(|other| other.name != template.name);
            known.push(template);
        }
        known.sort_by(|a, b| a.name.cmp(&b.name));
        let circular: BTreeSet<String> =
            known.iter().filter(|template| reaches(&known, template)).map(|template| template.name.clone()).collect();
        known.retain(|template| !circular.contains(&template.name));
        (Self { templates: known, mutators }, circular)
    }

    pub(crate) fn templates(&self) -> &[ExpansionTemplate] {
        &self.templates
    }

    /// Whether the namespaces of objects must be known.
    pub(crate) fn needs_namespace(&self) -> bool {
        !self.templates.is_empty() && self.mutators.need_namespace()
    }

    /// Everything that is made of an object, and of what is made of it.
    ///
    /// # Errors
    /// When a template finds nothing to make it of, or a mutator fails.
    pub fn expand(&self, object: &Value, namespace: Option<&Value>) -> Result<Vec<Value>, String> {
        Ok(self.made(object, namespace)?.into_iter().map(|made| made.object).collect())
    }

    pub(crate) fn made(&self, object: &Value, namespace: Option<&Value>) -> Result<Vec<Made<'_>>, String> {
        let mut made = Vec::new();
        if !self.templates.is_empty() {
            let object = self.mutated(object, namespace, Source::Original)?;
            self.make_into(&object, namespace, &mut made, 0)?;
        }
        Ok(made)
    }

    fn mutated(&self, object: &Value, namespace: Option<&Value>, source: Source) -> Result<Value, String> {
        let occasion = Occasion { namespace, source, operation: None };
        self.mutators.mutate_on(object, &occasion).map_err(|error| error.to_string())
    }

    fn make_into<'e>(
        &'e self,
        object: &Value,
        namespace: Option<&Value>,
        made: &mut Vec<Made<'e>>,
        depth: usize,
    ) -> Result<(), String> {
        if depth >= MAX_DEPTH {
            return Err(format!("maximum recursion depth of {MAX_DEPTH} reached"));
        }
        let gvk = Gvk::of(object);
        for template in self.templates.iter().filter(|template| template.applies_to(&gvk)) {
            let one = self.mutated(&template.make(object)?, namespace, Source::Generated)?;
            if made.len() >= MAX_OBJECTS {
                return Err(format!("more than {MAX_OBJECTS} objects are made of {}", object::name(object)));
            }
            self.make_into(&one, namespace, made, depth + 1)?;
            made.push(Made { object: one, template });
        }
        Ok(())
    }
}

/// Whether a template leads to itself again.
fn reaches(templates: &[ExpansionTemplate], start: &ExpansionTemplate) -> bool {
    let mut open = vec![start];
    let mut seen = BTreeSet::new();
    while let Some(template) = open.pop() {
        for next in templates.iter().filter(|next| next.applies_to(&template.makes)) {
            if next.name == start.name {
                return true;
            }
            if seen.insert(&next.name) {
                open.push(next);
            }
        }
    }
    false
}
