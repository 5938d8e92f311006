//! One kustomization after the other: what `kustomize build` does.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use probity_model::yaml::Dialect;
use probity_model::{Problem, Span};

use super::definition::{Entry, Fields, Kustomization};
use super::edit::Outcome;
use super::fields::FieldSpec;
use super::files::{self, Files};
use super::names::{self, Namespace, Subjects};
use super::origin::Origin;
use super::patches::Loaded;
use super::plugins::{self, Plugin};
use super::resource::Resource;
use super::rules::{self, Rules};
use super::set::Resources;
use super::variables::{self, Variables};
use super::{charts, finish, generate, images, labels, load, openapi, order, patches, references, replace};

/// Most kustomizations that are gone through for one that is rendered, each counted as often as it is used.
const MAX_VISITS: usize = 2_000;

/// How deep kustomizations use each other.
const MAX_DEPTH: usize = 40;

/// What has come together so far.
#[derive(Default)]
pub(super) struct Accumulated {
    pub(super) resources: Resources,
    pub(super) rules: Option<Rc<Rules>>,
    variables: Variables,
}

impl Accumulated {
    fn add_rules(&mut self, rules: &Rc<Rules>) -> Outcome<()> {
        self.rules = Some(match &self.rules {
            Some(own) => rules::merged(own, rules)?,
            None if Rc::ptr_eq(rules, &Rules::builtin()) => Rc::clone(rules),
            // Not the same as the rules themselves: what comes later in them may count as there already.
            None => Rc::new(Rules::default().merged(rules)?),
        });
        Ok(())
    }

    /// Adds what another kustomization came to.
    fn merge(&mut self, other: Self) -> Outcome<()> {
        self.resources.append(other.resources.0)?;
        if let Some(rules) = &other.rules {
            self.add_rules(rules)?;
        }
        other.variables.values().try_for_each(|variable| variables::merge(&mut self.variables, variable))
    }
}

/// A kustomization that is being rendered.
struct Target {
    /// As the system names it.
    root: PathBuf,
    definition: Kustomization,
    /// The name of its file.
    file: String,
    /// Where it begins.
    span: Option<Span>,
    /// The entries that lead to it.
    calls: Vec<Span>,
    /// The folders that lead to it, and its own.
    trail: Vec<PathBuf>,
    origin: Option<Origin>,
}

impl Target {
    fn fail(&self, span: Option<Span>) -> impl Fn(String) -> Problem {
        let span = span.or(self.span);
        move |message| Problem::new(message, span)
    }

    /// The entries that lead to what one of its entries names.
    fn calls_with(&self, span: Option<Span>) -> Vec<Span> {
        self.calls.iter().copied().chain(span).collect()
    }
}

/// The rendering of one kustomization.
pub(super) struct Build<'b> {
    files: &'b Files<'b>,
    readable: &'b [PathBuf],
    visits: usize,
    image_steps: usize,
    /// What is left out; the rest is rendered.
    pub(super) notes: Vec<Problem>,
}

impl<'b> Build<'b> {
    pub(super) fn new(files: &'b Files<'b>, readable: &'b [PathBuf]) -> Self {
        Self { files, readable, visits: 0, image_steps: 0, notes: Vec::new() }
    }

    /// Renders the kustomization in a folder, which is named as the system names it.
    pub(super) fn run(&mut self, folder: &Path) -> Result<Vec<Resource>, Problem> {
        let mut target = self.target(folder, Vec::new(), &[])?;
        let asked = target.definition.build_metadata.clone();
        target.origin = (!asked.is_empty()).then(Origin::default);
        let mut all = self.accumulate(&target, Accumulated::default())?;
        let fail = target.fail(None);
        generate::add_hashes(&mut all.resources.0).map_err(&fail)?;
        if let Some(rules) = &all.rules {
            references::fix(&mut all.resources, rules).map_err(&fail)?;
            variables::resolve(&mut all.resources, &all.variables, rules).map_err(&fail)?;
        }
        all.resources.0.retain(|resource| !finish::is_local(resource));
        order::sort(&mut all.resources.0, target.definition.sort_options.as_ref()).map_err(&fail)?;
        if asked.iter().any(|option| option == "managedByLabel") {
            let pairs = vec![finish::managed_by(target.span)];
            labels::set_pairs(&mut all.resources, &pairs, &[labels::own_labels()]).map_err(&fail)?;
        }
        for resource in &mut all.resources.0 {
            finish::annotations(resource, &asked);
        }
        Ok(all.resources.0)
    }

    fn target(&mut self, folder: &Path, calls: Vec<Span>, trail: &[PathBuf]) -> Result<Target, Problem> {
        let span = calls.last().copied();
        let fail = |message: String| Problem::new(message, span);
        self.visits += 1;
        if self.visits > MAX_VISITS || trail.len() > MAX_DEPTH {
            return Err(fail(format!("more than {MAX_VISITS} kustomizations, or deeper than {MAX_DEPTH}")));
        }
        let file = self.files.kustomization(folder).map_err(fail)?;
        let documents = (*self.files.documents(&file, true)).clone()?;
        let document = documents.first().ok_or_else(|| fail("the kustomization is empty".to_owned()))?;
        let definition = Kustomization::read(&document.value, Some(document.span))?;
        if let Some(span) = definition.open_api {
            let note =
                Problem::new("a schema of one's own is not followed: lists are merged as kustomize does without", span);
            self.notes
                .push(note.with_help("compare with `kustomize build` where a patch changes lists of custom resources"));
        }
        Ok(Target {
            root: folder.to_owned(),
            definition,
            file: file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            span: Some(Span { end: document.span.start, ..document.span }),
            calls,
            trail: trail.iter().cloned().chain([folder.to_owned()]).collect(),
            origin: None,
        })
    }

    fn accumulate(&mut self, target: &Target, mut all: Accumulated) -> Result<Accumulated, Problem> {
        let definition = &target.definition;
        for entry in &definition.resources {
            self.resource(target, entry, &mut all)?;
        }
        self.add_rules(target, &mut all)?;
        self.generate(target, &mut all)?;
        for entry in &definition.components {
            all = self.component(target, entry, all)?;
        }
        self.transform(target, &mut all)?;
        self.plugins(target, &definition.transformers, &mut all)?;
        self.validators(target)?;
        let fail = target.fail(None);
        variables::declare(&mut all.variables, &definition.variables, &mut all.resources).map_err(fail)?;
        Ok(all)
    }

    fn add_rules(&mut self, target: &Target, all: &mut Accumulated) -> Result<(), Problem> {
        let mut rules = Rules::builtin();
        for entry in &target.definition.configurations {
            let fail = target.fail(entry.span);
            let file = self.files.load(&target.root, &entry.text).map_err(&fail)?;
            let documents = (*self.files.documents(&file, true)).clone()?;
            for document in documents {
                let own = Rules::read(&Fields::of(&document.value, Some(document.span))?)?;
                rules = Rc::new(rules.merged(&own).map_err(&fail)?);
            }
        }
        for entry in &target.definition.crds {
            let fail = target.fail(entry.span);
            let file = self.files.load(&target.root, &entry.text).map_err(&fail)?;
            let documents = (*self.files.documents(&file, true)).clone()?;
            for document in documents {
                rules = Rc::new(rules.merged(&openapi::rules(&document.value)).map_err(&fail)?);
            }
        }
        all.add_rules(&rules).map_err(target.fail(None))
    }

    /// Adds what an entry of `resources` names: a file, or a folder with a kustomization.
    fn resource(&mut self, target: &Target, entry: &Entry, all: &mut Accumulated) -> Result<(), Problem> {
        let fail = target.fail(entry.span);
        let from_file = match self.files.load(&target.root, &entry.text) {
            Ok(file) => {
                let documents = self.files.documents(&file, false);
                match documents.as_ref() {
                    Ok(documents) => {
                        load::resources(documents).map_err(|message| fail(format!("{}: {message}", entry.text)))
                    }
                    Err(problem) => Err(problem.clone()),
                }
            }
            Err(message) => Err(fail(message)),
        };
        match from_file {
            Ok(mut found) => {
                let calls = target.calls_with(entry.span);
                for resource in &mut found {
                    resource.calls.clone_from(&calls);
                    resource.origin = target.origin.as_ref().map(|origin| origin.join(&entry.text));
                }
                all.resources.append(found).map_err(fail)
            }
            Err(problem) => match self.folder(target, entry)? {
                Some(inner) if inner.definition.is_component => {
                    Err(fail(format!("{} is a component; name it under `components`", entry.text)))
                }
                Some(inner) => {
                    let inner = self.accumulate(&inner, Accumulated::default())?;
                    all.merge(inner).map_err(fail)
                }
                None if files::is_remote(&entry.text) => {
                    self.notes.push(remote(entry));
                    Ok(())
                }
                None => Err(problem),
            },
        }
    }

    /// The kustomization in the folder that an entry names; `None` when there is no such folder.
    fn folder(&mut self, target: &Target, entry: &Entry) -> Result<Option<Target>, Problem> {
        let fail = target.fail(entry.span);
        let path = Path::new(&entry.text);
        if path.is_absolute() || entry.text.is_empty() {
            return Ok(None);
        }
        let Some(folder) = target.root.join(path).canonicalize().ok().filter(|folder| folder.is_dir()) else {
            return Ok(None);
        };
        if let Some(visited) = target.trail.iter().find(|visited| visited.starts_with(&folder)) {
            let [folder, visited] = [&folder, visited].map(|path| self.files.shown(path));
            return Err(fail(format!("cycle: {} contains {}", folder.display(), visited.display())));
        }
        let mut inner = self.target(&folder, target.calls_with(entry.span), &target.trail)?;
        inner.origin = target.origin.as_ref().map(|origin| origin.join(&entry.text));
        Ok(Some(inner))
    }

    fn component(&mut self, target: &Target, entry: &Entry, all: Accumulated) -> Result<Accumulated, Problem> {
        let fail = target.fail(entry.span);
        match self.folder(target, entry)? {
            Some(inner) if inner.definition.is_component => self.accumulate(&inner, all),
            Some(_) => Err(fail(format!("expected kind 'Component' in {}", entry.text))),
            None if files::is_remote(&entry.text) => {
                self.notes.push(remote(entry));
                Ok(all)
            }
            None => Err(fail(format!("there is no folder {}", entry.text))),
        }
    }

    fn generate(&mut self, target: &Target, all: &mut Accumulated) -> Result<(), Problem> {
        for generator in &target.definition.generated {
            let fail = target.fail(generator.span);
            let mut made = generate::generate(generator, &target.root, self.files).map_err(&fail)?;
            let kind = if generator.is_secret { "SecretGenerator" } else { "ConfigMapGenerator" };
            made.calls = target.calls_with(generator.span);
            made.origin = target.origin.as_ref().map(|origin| origin.builtin(&target.file, kind));
            all.resources.absorb(vec![made]).map_err(fail)?;
        }
        for (chart, span) in &target.definition.charts {
            let made = self.chart(target, &Fields::of(chart, *span)?)?;
            all.resources.absorb(made).map_err(target.fail(*span))?;
        }
        for config in self.configs(target, &target.definition.generators)? {
            let fail = target.fail(config.span);
            if !plugins::is_builtin(&config) {
                self.notes.push(not_run(&config));
                continue;
            }
            let made = Plugin::new(&config, &target.root, self.files)?.generate()?;
            let mut made: Vec<Resource> = match made {
                Some(made) => vec![made],
                None => self.chart(target, &Fields::of(&config.value, config.span)?)?,
            };
            for resource in &mut made {
                resource.calls.clone_from(&config.calls);
                resource.origin = Origin::of_plugin(&config);
            }
            all.resources.absorb(made).map_err(fail)?;
        }
        Ok(())
    }

    fn chart(&mut self, target: &Target, fields: &Fields<'_>) -> Result<Vec<Resource>, Problem> {
        let home = &target.definition.chart_home;
        let own = fields.text("chartHome")?;
        let home = if own.is_empty() { home } else { &own };
        let Some((mut made, problems)) = charts::render(fields, home, &target.root, self.files, self.readable)? else {
            let note = Problem::new("the chart is not there, and is not fetched", fields.span);
            self.notes.push(note.with_help("put it under `charts` with `helm pull --untar` to have it judged"));
            return Ok(Vec::new());
        };
        self.notes.extend(problems);
        for resource in &mut made {
            resource.calls = target.calls_with(fields.span);
            resource.origin =
                target.origin.as_ref().map(|origin| origin.builtin(&target.file, "HelmChartInflationGenerator"));
        }
        Ok(made)
    }

    /// The objects that configure generators or transformers: given as they are, in files or by kustomizations.
    fn configs(&mut self, target: &Target, entries: &[Entry]) -> Result<Vec<Resource>, Problem> {
        let mut all = Accumulated::default();
        let mut paths = Vec::new();
        for entry in entries {
            let own = patches::inline(entry, Dialect::Go, self.files).ok();
            match own.and_then(|documents| load::resources(&documents).ok()) {
                Some(mut found) => {
                    for config in &mut found {
                        config.calls = target.calls_with(entry.span);
                        config.origin = target.origin.as_ref().map(|origin| origin.join(&target.file));
                    }
                    all.resources.append(found).map_err(target.fail(entry.span))?;
                }
                None => paths.push(entry),
            }
        }
        for entry in paths {
            self.resource(target, entry, &mut all)?;
        }
        Ok(all.resources.0)
    }

    fn plugins(&mut self, target: &Target, entries: &[Entry], all: &mut Accumulated) -> Result<(), Problem> {
        for config in self.configs(target, entries)? {
            if !plugins::is_builtin(&config) {
                self.notes.push(not_run(&config));
                continue;
            }
            let plugin = Plugin::new(&config, &target.root, self.files)?;
            plugin.transform(&mut all.resources, &mut self.image_steps)?;
            changed_by(&mut all.resources, Origin::of_plugin(&config));
            all.resources.drop_empty();
        }
        Ok(())
    }

    /// Validators change nothing; their files are read all the same, as kustomize refuses when they are not there.
    fn validators(&mut self, target: &Target) -> Result<(), Problem> {
        self.configs(target, &target.definition.validators).map(drop)
    }

    fn transform(&mut self, target: &Target, all: &mut Accumulated) -> Result<(), Problem> {
        let definition = &target.definition;
        let rules = all.rules.clone().unwrap_or_else(Rules::builtin);
        let resources = &mut all.resources;
        let origin = |kind: &str| target.origin.as_ref().map(|origin| origin.builtin(&target.file, kind));
        let done = |resources: &mut Resources, kind: &str| {
            changed_by(resources, origin(kind));
            resources.drop_empty();
        };
        if !definition.merge_patches.is_empty() {
            for entry in &definition.merge_patches {
                patches::apply_merge(entry, &target.root, self.files, resources).map_err(target.fail(entry.span))?;
            }
            done(resources, "PatchStrategicMergeTransformer");
        }
        let loaded = self.loaded(target, &definition.patches)?;
        for (patch, loaded) in definition.patches.iter().zip(&loaded) {
            patches::apply(patch, loaded, resources).map_err(target.fail(patch.span))?;
            done(resources, "PatchTransformer");
        }
        if let Some(name) = &definition.namespace {
            let specs = rules.list("namespace");
            let namespace = Namespace { name, specs, subjects: Subjects::Default, unset_only: false };
            namespace.apply(resources).map_err(target.fail(name.span))?;
            done(resources, "NamespaceTransformer");
        }
        for (affix, list, kind) in [
            (&definition.name_prefix, "namePrefix", "PrefixTransformer"),
            (&definition.name_suffix, "nameSuffix", "SuffixTransformer"),
        ] {
            if let Some(affix) = affix {
                let (text, is_prefix) = ((affix.text.as_str(), affix.span), list == "namePrefix");
                names::affix(resources, text, is_prefix, rules.list(list)).map_err(target.fail(affix.span))?;
                done(resources, kind);
            }
        }
        self.transform_fields(target, &rules, resources, &done)
    }

    fn transform_fields(
        &mut self,
        target: &Target,
        rules: &Rules,
        resources: &mut Resources,
        done: &dyn Fn(&mut Resources, &str),
    ) -> Result<(), Problem> {
        let definition = &target.definition;
        let fail = target.fail(None);
        if !definition.labels.is_empty() || !definition.common_labels.is_empty() {
            for label in &definition.labels {
                let specs: Vec<FieldSpec> = labels::label_fields(label, rules).map_err(&fail)?;
                labels::set_pairs(resources, &label.pairs, &specs).map_err(&fail)?;
                done(resources, "LabelTransformer");
            }
            let specs = rules.list("commonLabels");
            labels::set_pairs(resources, &definition.common_labels, specs).map_err(&fail)?;
            done(resources, "LabelTransformer");
        }
        if !definition.common_annotations.is_empty() {
            let specs = rules.list("commonAnnotations");
            labels::set_pairs(resources, &definition.common_annotations, specs).map_err(&fail)?;
            done(resources, "AnnotationsTransformer");
        }
        let loaded = self.loaded(target, &definition.json_patches)?;
        for (patch, loaded) in definition.json_patches.iter().zip(&loaded) {
            patches::apply_json_patch(patch, loaded, resources).map_err(target.fail(patch.span))?;
            done(resources, "PatchJson6902Transformer");
        }
        for replicas in &definition.replicas {
            let specs = rules.list("replicas");
            labels::set_replicas(resources, replicas, specs).map_err(target.fail(replicas.span))?;
            done(resources, "ReplicaCountTransformer");
        }
        for image in &definition.images {
            let specs = rules.list("images");
            images::set_image(resources, image, specs, &mut self.image_steps).map_err(target.fail(image.span))?;
            done(resources, "ImageTagTransformer");
        }
        for (value, span) in &definition.replacements {
            for replacement in replace::read((value, *span), &target.root, self.files)? {
                replacement.apply(resources).map_err(target.fail(*span))?;
            }
        }
        if !definition.replacements.is_empty() {
            done(resources, "ReplacementTransformer");
        }
        Ok(())
    }

    fn loaded(&self, target: &Target, patches: &[super::definition::Patch]) -> Result<Vec<Loaded>, Problem> {
        patches.iter().map(|patch| patches::load(patch, &target.root, self.files)).collect()
    }
}

/// Notes what changed the objects, when that is asked for.
fn changed_by(resources: &mut Resources, origin: Option<Origin>) {
    let Some(origin) = origin else { return };
    for resource in &mut resources.0 {
        match resource.origin {
            Some(_) => resource.transformations.push(origin.clone()),
            None => resource.origin = Some(origin.clone()),
        }
    }
}

fn remote(entry: &Entry) -> Problem {
    let message = format!("`{}` is on the network and is not fetched: what it adds is not known", entry.text);
    Problem::new(message, entry.span).with_help("copy it into the repository to have it judged")
}

fn not_run(config: &Resource) -> Problem {
    let message =
        format!("`{}` is no part of kustomize, and programs are not run: what it does is not known", config.kind());
    Problem::new(message, config.calls.last().copied().or(config.span))
        .with_help("judge what it gives by scanning the output of `kustomize build`")
}
