//! What a kustomization file says.

use probity_model::value::{Object, Value};
use probity_model::{Problem, Span};

use super::edit;
use super::fields::FieldSpec;
use super::order::SortOptions;
use super::resource::{Behavior, Gvk, Id};

/// Longest prefix, suffix or namespace: names of objects have at most 253 characters.
const MAX_NAME: usize = 1024;

/// The fields of a kustomization; others are refused.
const KNOWN: &[&str] = &[
    "apiVersion",
    "bases",
    "buildMetadata",
    "commonAnnotations",
    "commonLabels",
    "components",
    "configMapGenerator",
    "configurations",
    "crds",
    "generatorOptions",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "imageTags",
    "images",
    "kind",
    "labels",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "openapi",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "replicas",
    "resources",
    "secretGenerator",
    "sortOptions",
    "transformers",
    "validators",
    "vars",
];

/// A mapping that configuration is read from. Names are found whatever their case, as Go finds them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'v> {
    object: &'v Object,
    pub(super) span: Option<Span>,
}

/// A text with its place.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) span: Option<Span>,
}

/// Labels or annotations, with the place of each.
pub(super) type Pairs = Vec<(String, Entry)>;

impl<'v> Fields<'v> {
    pub(super) fn of(value: &'v Value, span: Option<Span>) -> Result<Self, Problem> {
        match value {
            Value::Object(object) => Ok(Self { object, span }),
            other => Err(Problem::new(format!("expected a mapping, found a {}", other.kind()), span)),
        }
    }

    /// The value of a field and its place; nothing for null.
    pub(super) fn get(&self, name: &str) -> Option<(&'v Value, Option<Span>)> {
        let key = match self.object.get(name) {
            Some(_) => name,
            None => self.object.iter().find(|(key, _)| key.as_str().eq_ignore_ascii_case(name))?.0.as_str(),
        };
        let value = self.object.get(key).filter(|value| !value.is_null())?;
        Some((value, self.object.span(key).or(self.span)))
    }

    fn wrong(name: &str, wanted: &str, value: &Value, span: Option<Span>) -> Problem {
        Problem::new(format!("`{name}` is {wanted}, not a {}", value.kind()), span)
    }

    pub(super) fn entry(&self, name: &str) -> Result<Option<Entry>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some((Value::String(text), span)) => Ok(Some(Entry { text: text.to_string(), span })),
            Some((value, span)) => Err(Self::wrong(name, "a string", value, span)),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<String, Problem> {
        Ok(self.entry(name)?.map(|entry| entry.text).unwrap_or_default())
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None => Ok(false),
            Some((Value::Bool(truth), _)) => Ok(*truth),
            Some((value, span)) => Err(Self::wrong(name, "true or false", value, span)),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<i64, Problem> {
        match self.get(name) {
            None => Ok(0),
            Some((value, span)) => value
                .as_number()
                .and_then(probity_model::value::Number::as_i64)
                .ok_or_else(|| Self::wrong(name, "a whole number", value, span)),
        }
    }

    pub(super) fn mapping(&self, name: &str) -> Result<Option<Fields<'v>>, Problem> {
        self.get(name).map(|(value, span)| Fields::of(value, span)).transpose()
    }

    /// The mappings of a list.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Fields<'v>>, Problem> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some((Value::Array(list), span)) => {
                list.iter_spanned().map(|(value, own)| Fields::of(value, own.or(span))).collect()
            }
            Some((value, span)) => Err(Self::wrong(name, "a list", value, span)),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<Entry>, Problem> {
        let list = match self.get(name) {
            None => return Ok(Vec::new()),
            Some((Value::Array(list), _)) => list,
            Some((value, span)) => return Err(Self::wrong(name, "a list", value, span)),
        };
        let texts = list.iter_spanned().map(|(value, span)| match value {
            Value::String(text) => Ok(Entry { text: text.to_string(), span: span.or(self.span) }),
            Value::Null => Ok(Entry { text: String::new(), span: span.or(self.span) }),
            other => Err(Self::wrong(name, "a list of strings", other, span.or(self.span))),
        });
        texts.collect()
    }

    pub(super) fn pairs(&self, name: &str) -> Result<Pairs, Problem> {
        let Some(fields) = self.mapping(name)? else { return Ok(Vec::new()) };
        let pairs = fields.object.iter_spanned().map(|(key, value, span)| match value {
            Value::String(text) => Ok((key.as_str().to_owned(), Entry { text: text.to_string(), span })),
            Value::Null => Ok((key.as_str().to_owned(), Entry { text: String::new(), span })),
            other => Err(Self::wrong(key.as_str(), "a string", other, span)),
        });
        pairs.collect()
    }

    pub(super) fn gvk(&self) -> Result<Gvk, Problem> {
        Ok(Gvk { group: self.text("group")?, version: self.text("version")?, kind: self.text("kind")? })
    }

    pub(super) fn id(&self) -> Result<Id, Problem> {
        let (gvk, name, namespace) = (self.gvk()?, self.text("name")?, self.text("namespace")?);
        Ok(Id { gvk, name, namespace, is_cluster_scoped: false })
    }

    pub(super) fn field_specs(&self, name: &str) -> Result<Vec<FieldSpec>, Problem> {
        let spec = |fields: Fields<'_>| {
            Ok(FieldSpec { gvk: fields.gvk()?, path: fields.text("path")?, create: fields.flag("create")? })
        };
        self.list(name)?.into_iter().map(spec).collect()
    }

    /// Refuses fields that there are not.
    fn only(&self, known: &[&str], what: &str) -> Result<(), Problem> {
        let is_known = |name: &str| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        match self.object.iter_spanned().find(|(key, ..)| !is_known(key.as_str())) {
            Some((key, _, span)) => {
                Err(Problem::new(format!("{what} has no field `{}`", key.as_str()), span.or(self.span)))
            }
            None => Ok(()),
        }
    }
}

/// Which objects a patch or a replacement is for. Its texts are patterns in a patch, and plain in a replacement.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    pub(super) id: Id,
    pub(super) annotations: String,
    pub(super) labels: String,
}

impl Selector {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            id: fields.id()?,
            annotations: fields.text("annotationSelector")?,
            labels: fields.text("labelSelector")?,
        })
    }
}

/// `labels`
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) pairs: Pairs,
    pub(super) includes_selectors: bool,
    pub(super) includes_templates: bool,
    pub(super) fields: Vec<FieldSpec>,
}

/// A patch, given by its path or as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Patch {
    pub(super) path: Option<Entry>,
    pub(super) text: Option<Entry>,
    pub(super) target: Option<Selector>,
    pub(super) may_change_name: bool,
    pub(super) may_change_kind: bool,
    pub(super) span: Option<Span>,
}

impl Patch {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, Problem> {
        let options = fields.mapping("options")?;
        let flag = |name: &str| options.map_or(Ok(false), |options| options.flag(name));
        Ok(Self {
            path: fields.entry("path")?.filter(|entry| !entry.text.is_empty()),
            text: fields.entry("patch")?.filter(|entry| !entry.text.trim().is_empty()),
            target: fields.mapping("target")?.as_ref().map(Selector::read).transpose()?,
            may_change_name: flag("allowNameChange")?,
            may_change_kind: flag("allowKindChange")?,
            span: fields.span,
        })
    }
}

/// `images`
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) new_name: String,
    pub(super) suffix: String,
    pub(super) new_tag: String,
    pub(super) digest: String,
    pub(super) span: Option<Span>,
}

impl Image {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            name: fields.text("name")?,
            new_name: fields.text("newName")?,
            suffix: fields.text("tagSuffix")?,
            new_tag: fields.text("newTag")?,
            digest: fields.text("digest")?,
            span: fields.span,
        })
    }
}

/// `replicas`
#[derive(Debug, Clone)]
pub(super) struct Replicas {
    pub(super) name: String,
    pub(super) count: i64,
    pub(super) span: Option<Span>,
}

impl Replicas {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self { name: fields.text("name")?, count: fields.integer("count")?, span: fields.span })
    }
}

/// `vars`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) object: Id,
    pub(super) path: String,
    pub(super) span: Option<Span>,
}

impl Variable {
    fn read(fields: Fields<'_>) -> Result<Self, Problem> {
        let mut object = Id::default();
        if let Some(reference) = fields.mapping("objref")? {
            object = reference.id()?;
            let version = reference.text("apiVersion")?;
            if !version.is_empty() {
                match version.split('/').collect::<Vec<_>>()[..] {
                    [group, version] => (object.gvk.group, object.gvk.version) = (group.into(), version.into()),
                    [version] => object.gvk.version = version.into(),
                    _ => {}
                }
            }
        }
        let path = fields.mapping("fieldref")?.map(|field| field.text("fieldPath")).transpose()?.unwrap_or_default();
        let path = if path.is_empty() { "metadata.name".to_owned() } else { path };
        Ok(Self { name: fields.text("name")?, object, path, span: fields.span })
    }
}

/// Options of generated objects.
#[derive(Debug, Clone, Default)]
pub(super) struct GeneratorOptions {
    pub(super) labels: Pairs,
    pub(super) annotations: Pairs,
    pub(super) without_hash: bool,
    pub(super) is_immutable: bool,
}

impl GeneratorOptions {
    fn read(fields: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            labels: fields.pairs("labels")?,
            annotations: fields.pairs("annotations")?,
            without_hash: fields.flag("disableNameSuffixHash")?,
            is_immutable: fields.flag("immutable")?,
        })
    }

    /// These, and where they say nothing those of the kustomization.
    fn merged(mut self, global: &Self) -> Self {
        let add = |own: &mut Pairs, others: &Pairs| {
            for (name, entry) in others {
                if !own.iter().any(|(known, _)| known == name) {
                    own.push((name.clone(), entry.clone()));
                }
            }
        };
        add(&mut self.labels, &global.labels);
        add(&mut self.annotations, &global.annotations);
        self.without_hash |= global.without_hash;
        self.is_immutable |= global.is_immutable;
        self
    }
}

/// `configMapGenerator` and `secretGenerator`
#[derive(Debug, Clone, Default)]
pub(super) struct Generator {
    pub(super) is_secret: bool,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) behavior: Behavior,
    pub(super) literals: Vec<Entry>,
    pub(super) files: Vec<Entry>,
    pub(super) envs: Vec<Entry>,
    /// The type of a Secret.
    pub(super) secret_type: String,
    pub(super) options: GeneratorOptions,
    pub(super) span: Option<Span>,
}

impl Generator {
    pub(super) fn read(fields: Fields<'_>, is_secret: bool) -> Result<Self, Problem> {
        let mut envs = fields.texts("envs")?;
        envs.extend(fields.entry("env")?.filter(|entry| !entry.text.is_empty()));
        let behavior = match fields.text("behavior")?.as_str() {
            "merge" => Behavior::Merge,
            "replace" => Behavior::Replace,
            _ => Behavior::Create,
        };
        Ok(Self {
            is_secret,
            name: fields.text("name")?,
            namespace: fields.text("namespace")?,
            behavior,
            literals: fields.texts("literals")?,
            files: fields.texts("files")?,
            envs,
            secret_type: if is_secret { fields.text("type")? } else { String::new() },
            options: fields.mapping("options")?.map(GeneratorOptions::read).transpose()?.unwrap_or_default(),
            span: fields.span,
        })
    }
}

/// What a kustomization file says. What there is several names for is together under the newest.
#[derive(Debug, Clone, Default)]
pub(super) struct Kustomization {
    pub(super) is_component: bool,
    pub(super) resources: Vec<Entry>,
    pub(super) components: Vec<Entry>,
    pub(super) crds: Vec<Entry>,
    pub(super) configurations: Vec<Entry>,
    pub(super) generators: Vec<Entry>,
    pub(super) transformers: Vec<Entry>,
    pub(super) validators: Vec<Entry>,
    pub(super) build_metadata: Vec<String>,
    pub(super) name_prefix: Option<Entry>,
    pub(super) name_suffix: Option<Entry>,
    pub(super) namespace: Option<Entry>,
    pub(super) labels: Vec<Label>,
    pub(super) common_labels: Pairs,
    pub(super) common_annotations: Pairs,
    pub(super) patches: Vec<Patch>,
    pub(super) json_patches: Vec<Patch>,
    pub(super) merge_patches: Vec<Entry>,
    pub(super) images: Vec<Image>,
    pub(super) replicas: Vec<Replicas>,
    /// As they are: they may stand in files of their own.
    pub(super) replacements: Vec<(Value, Option<Span>)>,
    pub(super) variables: Vec<Variable>,
    pub(super) generated: Vec<Generator>,
    /// As they are, with the place of each.
    pub(super) charts: Vec<(Value, Option<Span>)>,
    pub(super) chart_home: String,
    pub(super) open_api: Option<Span>,
    pub(super) sort_options: Option<SortOptions>,
}

impl Kustomization {
    /// Reads a kustomization.
    ///
    /// # Errors
    /// What kustomize would refuse.
    pub(super) fn read(value: &Value, span: Option<Span>) -> Result<Self, Problem> {
        let fields = Fields::of(value, span)?;
        fields.only(KNOWN, "a kustomization")?;
        let is_component = Self::check_kind(&fields)?;
        let both = |first: &str, second: &str| -> Result<Vec<Entry>, Problem> {
            Ok([fields.texts(first)?, fields.texts(second)?].concat())
        };
        let raw = |name: &str| -> Result<Vec<(Value, Option<Span>)>, Problem> {
            let list = fields.list(name)?;
            Ok(list.into_iter().map(|fields| (Value::Object(fields.object.clone()), fields.span)).collect())
        };
        let images = [fields.list("images")?, fields.list("imageTags")?].concat();
        let charts = [raw("helmCharts")?, raw("helmChartInflationGenerator")?].concat();
        let globals = fields.mapping("helmGlobals")?;
        let options = fields.mapping("generatorOptions")?.map(GeneratorOptions::read).transpose()?;
        let mut generated = Vec::new();
        for (name, is_secret) in [("configMapGenerator", false), ("secretGenerator", true)] {
            for entry in fields.list(name)? {
                let mut generator = Generator::read(entry, is_secret)?;
                if let Some(options) = &options {
                    generator.options = std::mem::take(&mut generator.options).merged(options);
                }
                generated.push(generator);
            }
        }
        let kustomization = Self {
            is_component,
            resources: both("resources", "bases")?,
            components: fields.texts("components")?,
            crds: fields.texts("crds")?,
            configurations: fields.texts("configurations")?,
            generators: fields.texts("generators")?,
            transformers: fields.texts("transformers")?,
            validators: fields.texts("validators")?,
            build_metadata: fields.texts("buildMetadata")?.into_iter().map(|entry| entry.text).collect(),
            name_prefix: name(&fields, "namePrefix")?,
            name_suffix: name(&fields, "nameSuffix")?,
            namespace: name(&fields, "namespace")?,
            labels: fields.list("labels")?.into_iter().map(Label::read).collect::<Result<_, _>>()?,
            common_labels: fields.pairs("commonLabels")?,
            common_annotations: fields.pairs("commonAnnotations")?,
            patches: fields.list("patches")?.into_iter().map(Patch::read).collect::<Result<_, _>>()?,
            json_patches: fields.list("patchesJson6902")?.into_iter().map(Patch::read).collect::<Result<_, _>>()?,
            merge_patches: fields.texts("patchesStrategicMerge")?,
            images: images.into_iter().map(Image::read).collect::<Result<_, _>>()?,
            replicas: fields.list("replicas")?.into_iter().map(Replicas::read).collect::<Result<_, _>>()?,
            replacements: raw("replacements")?,
            variables: fields.list("vars")?.into_iter().map(Variable::read).collect::<Result<_, _>>()?,
            generated,
            charts,
            chart_home: globals.map(|globals| globals.text("chartHome")).transpose()?.unwrap_or_default(),
            open_api: fields
                .mapping("openapi")?
                .filter(|fields| fields.get("path").is_some())
                .and_then(|fields| fields.span),
            sort_options: fields.mapping("sortOptions")?.as_ref().map(sort_options).transpose()?,
        };
        let says_nothing = |(key, value): (&probity_model::Key, &Value)| {
            matches!(key.as_str(), "apiVersion" | "kind") || edit::is_empty(value)
        };
        if fields.object.iter().all(says_nothing) {
            return Err(Problem::new("the kustomization is empty", span));
        }
        Ok(kustomization)
    }

    fn check_kind(fields: &Fields<'_>) -> Result<bool, Problem> {
        let (kind, version) = (fields.text("kind")?, fields.text("apiVersion")?);
        let is_component = kind == "Component";
        let wanted = if is_component { "kustomize.config.k8s.io/v1alpha1" } else { "kustomize.config.k8s.io/v1beta1" };
        if !matches!(kind.as_str(), "" | "Kustomization" | "Component") {
            return Err(Problem::new("kind should be Kustomization or Component", fields.span));
        }
        if !version.is_empty() && version != wanted {
            return Err(Problem::new(format!("apiVersion for {kind} should be {wanted}"), fields.span));
        }
        Ok(is_component)
    }

    /// Whether a document is a kustomization rather than something else that is called so.
    pub(super) fn is_meant(value: &Value) -> bool {
        let group = value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        group.is_empty() || group.starts_with("kustomize.config.k8s.io/")
    }
}

impl Label {
    fn read(fields: Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            pairs: fields.pairs("pairs")?,
            includes_selectors: fields.flag("includeSelectors")?,
            includes_templates: fields.flag("includeTemplates")?,
            fields: fields.field_specs("fields")?,
        })
    }
}

fn name(fields: &Fields<'_>, name: &str) -> Result<Option<Entry>, Problem> {
    let entry = fields.entry(name)?.filter(|entry| !entry.text.is_empty());
    match entry {
        Some(entry) if entry.text.len() > MAX_NAME => {
            Err(Problem::new(format!("`{name}` is longer than names can be"), entry.span))
        }
        entry => Ok(entry),
    }
}

fn sort_options(fields: &Fields<'_>) -> Result<SortOptions, Problem> {
    let texts = |fields: &Fields<'_>, name: &str| -> Result<Vec<String>, Problem> {
        Ok(fields.texts(name)?.into_iter().map(|entry| entry.text).collect())
    };
    let legacy = fields.mapping("legacySortOptions")?;
    let legacy = legacy.map(|legacy| Ok((texts(&legacy, "orderFirst")?, texts(&legacy, "orderLast")?))).transpose()?;
    Ok(SortOptions { order: fields.text("order")?, legacy })
}
