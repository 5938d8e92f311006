//! Transformers and generators that are given as objects of their own.

use std::path::Path;

use probity_model::value::Array;
use probity_model::{Problem, Span};

use super::definition::{Entry, Fields, Generator, Image, Patch, Replicas, Selector};
use super::edit::{self, New, Outcome};
use super::files::Files;
use super::names::{Namespace, Subjects};
use super::resource::Resource;
use super::set::Resources;
use super::{generate, images, labels, names, patches, replace};

/// What may be configured by an object.
pub(super) struct Plugin<'p> {
    kind: String,
    fields: Fields<'p>,
    root: &'p Path,
    files: &'p Files<'p>,
}

/// Whether an object configures something that is built into kustomize.
pub(super) fn is_builtin(resource: &Resource) -> bool {
    let gvk = resource.gvk();
    gvk.group.is_empty() && gvk.version == "builtin"
}

impl<'p> Plugin<'p> {
    pub(super) fn new(config: &'p Resource, root: &'p Path, files: &'p Files<'p>) -> Result<Self, Problem> {
        let fields = Fields::of(&config.value, config.span)?;
        Ok(Self { kind: config.kind().into_owned(), fields, root, files })
    }

    fn fail(&self) -> impl Fn(String) -> Problem {
        let span = self.fields.span;
        move |message| Problem::new(message, span)
    }

    /// What a generator gives; nothing for a chart, which is another's task.
    pub(super) fn generate(&self) -> Result<Option<Resource>, Problem> {
        let metadata = self.fields.mapping("metadata")?;
        let named = |name: &str| metadata.map_or(Ok(String::new()), |metadata| metadata.text(name));
        match self.kind.as_str() {
            "ConfigMapGenerator" | "SecretGenerator" => {
                let mut generator = Generator::read(self.fields, self.kind == "SecretGenerator")?;
                if generator.name.is_empty() {
                    generator.name = named("name")?;
                }
                if generator.namespace.is_empty() {
                    generator.namespace = named("namespace")?;
                }
                generate::generate(&generator, self.root, self.files).map(Some).map_err(self.fail())
            }
            "IAMPolicyGenerator" => {
                let inner = |name: &str| -> Result<String, Problem> {
                    self.fields.mapping(name)?.map_or(Ok(String::new()), |fields| fields.text("name"))
                };
                let namespace = match self.fields.mapping("kubernetesService")? {
                    Some(service) => service.text("namespace")?,
                    None => String::new(),
                };
                let project = match self.fields.mapping("serviceAccount")? {
                    Some(account) => account.text("projectId")?,
                    None => String::new(),
                };
                let account = format!("{}@{project}.iam.gserviceaccount.com", inner("serviceAccount")?);
                let name = inner("kubernetesService")?;
                Ok(Some(generate::service_account(&name, &namespace, &account, self.fields.span)))
            }
            _ => Ok(None),
        }
    }

    /// Changes the objects.
    pub(super) fn transform(&self, resources: &mut Resources, steps: &mut usize) -> Result<(), Problem> {
        let fields = &self.fields;
        let specs = fields.field_specs("fieldSpecs")?;
        let done = match self.kind.as_str() {
            "AnnotationsTransformer" => labels::set_pairs(resources, &fields.pairs("annotations")?, &specs),
            "LabelTransformer" => labels::set_pairs(resources, &fields.pairs("labels")?, &specs),
            "NamespaceTransformer" => return self.namespace(resources),
            "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => {
                for (name, is_prefix) in [("prefix", true), ("suffix", false)] {
                    let affix = fields.text(name)?;
                    let fits = self.kind.to_ascii_lowercase().contains(name);
                    if fits && (is_prefix || !affix.is_empty()) {
                        names::affix(resources, (&affix, fields.span), is_prefix, &specs).map_err(self.fail())?;
                    }
                }
                Ok(())
            }
            "ImageTagTransformer" => {
                let image = fields.mapping("imageTag")?.map(Image::read).transpose()?.unwrap_or_default();
                images::set_image(resources, &image, &specs, steps)
            }
            "ReplicaCountTransformer" => match fields.mapping("replica")?.map(Replicas::read).transpose()? {
                Some(replicas) => labels::set_replicas(resources, &replicas, &specs),
                None => Err("must specify `replica`".to_owned()),
            },
            "PatchTransformer" | "PatchJson6902Transformer" | "PatchStrategicMergeTransformer" => {
                return self.patch(resources);
            }
            "ReplacementTransformer" => return self.replace(resources),
            "ValueAddTransformer" => return self.add_value(resources),
            "HashTransformer" => generate::add_hashes(&mut resources.0),
            other => Err(format!("there is no builtin {other}")),
        };
        done.map_err(self.fail())
    }

    fn namespace(&self, resources: &mut Resources) -> Result<(), Problem> {
        let metadata = self.fields.mapping("metadata")?;
        let name = metadata.map(|metadata| metadata.entry("namespace")).transpose()?.flatten();
        let Some(name) = name.filter(|name| !name.text.is_empty()) else { return Ok(()) };
        let subjects = match self.fields.text("setRoleBindingSubjects")?.as_str() {
            "" | "defaultOnly" => Subjects::Default,
            "allServiceAccounts" => Subjects::ServiceAccounts,
            "none" => Subjects::Nobody,
            other => return Err(self.fail()(format!("invalid value {other} for setRoleBindingSubjects"))),
        };
        let specs = self.fields.field_specs("fieldSpecs")?;
        let unset_only = self.fields.flag("unsetOnly")?;
        Namespace { name: &name, specs: &specs, subjects, unset_only }.apply(resources).map_err(self.fail())
    }

    fn patch(&self, resources: &mut Resources) -> Result<(), Problem> {
        let fields = self.fields;
        match self.kind.as_str() {
            "PatchTransformer" => {
                let patch = Patch::read(fields)?;
                let loaded = patches::load(&patch, self.root, self.files)?;
                patches::apply(&patch, &loaded, resources).map_err(self.fail())
            }
            "PatchJson6902Transformer" => {
                let mut patch = Patch::read(fields)?;
                patch.text = fields.entry("jsonOp")?;
                let loaded = patches::load(&patch, self.root, self.files)?;
                patches::apply_json_patch(&patch, &loaded, resources).map_err(self.fail())
            }
            _ => {
                let own = fields.entry("patches")?;
                for entry in fields.texts("paths")?.iter().chain(&own) {
                    patches::apply_merge(entry, self.root, self.files, resources).map_err(self.fail())?;
                }
                Ok(())
            }
        }
    }

    fn replace(&self, resources: &mut Resources) -> Result<(), Problem> {
        let Some((list, span)) = self.fields.get("replacements") else { return Ok(()) };
        for (value, own) in list.as_array().into_iter().flat_map(Array::iter_spanned) {
            for replacement in replace::read((value, own.or(span)), self.root, self.files)? {
                replacement.apply(resources).map_err(self.fail())?;
            }
        }
        Ok(())
    }

    fn add_value(&self, resources: &mut Resources) -> Result<(), Problem> {
        let mut value = self.fields.text("value")?.trim().to_owned();
        if value.is_empty() {
            value = self.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        }
        let value = Entry { text: value, span: self.fields.span };
        for target in self.fields.list("targets")? {
            let positions = match target.mapping("selector")? {
                Some(selector) => resources.select(&Selector::read(&selector)?).map_err(self.fail())?,
                None => (0..resources.0.len()).collect(),
            };
            let (path, position) = (target.text("fieldPath")?, target.integer("filePathPosition")?);
            for at in positions {
                let resource = &mut resources.0[at];
                if path == "metadata/namespace" {
                    let namespace =
                        Namespace { name: &value, specs: &[], subjects: Subjects::Default, unset_only: false };
                    namespace.set(resource).map_err(self.fail())?;
                    continue;
                }
                add_value(resource, &path, position, (&value.text, value.span)).map_err(self.fail())?;
            }
        }
        Ok(())
    }
}

/// Sets a field, or puts a part into the path that it holds.
fn add_value(resource: &mut Resource, path: &str, position: i64, (value, span): (&str, Option<Span>)) -> Outcome<()> {
    let parts = super::fields::split(path, '/');
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let present = resource.value.at(&parts).map(edit::text).unwrap_or_default();
    let new = match usize::try_from(position - 1) {
        Ok(at) => {
            let (start, rest) = present.strip_prefix('/').map_or(("", present.as_str()), |rest| ("/", rest));
            let mut pieces: Vec<&str> = rest.split('/').filter(|piece| !piece.is_empty()).collect();
            pieces.insert(at.min(pieces.len()), value);
            format!("{start}{}", pieces.join("/"))
        }
        Err(_) => value.to_owned(),
    };
    if parts.is_empty() {
        return Err("fieldPath cannot be empty".to_owned());
    }
    resource.value = edit::put(&resource.value, &parts, New::text(&new, span));
    Ok(())
}
