//! A module's configuration as written: its files parsed and sorted by what their blocks declare.

mod overrides;
mod skips;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use probity_model::{InlineSkip, Problem, SourceId, Span};

use super::ModuleFile;
use super::syntax::{self, Attribute, Block, Body, Expression, Kind};

/// A block of which there are instances in a plan, or that configures them.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) kind: DeclarationKind,
    /// The resource type; `provider` and `module` for those.
    pub(super) resource_type: String,
    pub(super) name: String,
    pub(super) body: Body,
    pub(super) span: Span,
    pub(super) header: Span,
    pub(super) skips: Vec<InlineSkip>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeclarationKind {
    Resource,
    Data,
    Ephemeral,
    Provider,
    Module,
}

impl Declaration {
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.body.attribute(name)
    }
}

/// A `variable` block.
#[derive(Debug, Default)]
pub(super) struct Variable {
    pub(super) default: Option<Expression>,
    pub(super) constraint: Option<Expression>,
    /// Whether null is a value of it, or stands for its default.
    pub(super) not_null: bool,
    pub(super) sensitive: bool,
    pub(super) description: Option<String>,
}

/// An `output` block that has a value.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) value: Expression,
    pub(super) sensitive: bool,
    pub(super) description: Option<String>,
    pub(super) depends_on: Option<Expression>,
}

/// What a module says in `required_providers` of one.
#[derive(Debug, Default)]
pub(super) struct RequiredProvider {
    pub(super) source: Option<String>,
    pub(super) version: Option<String>,
}

/// A folder of Terraform files.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) folder: PathBuf,
    pub(super) variables: HashMap<String, Variable>,
    /// Values from `terraform.tfvars` and `*.auto.tfvars`, later files over earlier ones.
    pub(super) values: HashMap<String, Expression>,
    pub(super) locals: HashMap<String, Expression>,
    pub(super) outputs: HashMap<String, Output>,
    /// By the names that the module has for them.
    pub(super) required_providers: BTreeMap<String, RequiredProvider>,
    pub(super) declarations: Vec<Declaration>,
    /// Position in `declarations` by kind, type and name.
    index: HashMap<(DeclarationKindKey, String, String), usize>,
    /// Positions in `declarations` of the configurations of providers.
    providers: Vec<usize>,
    pub(super) problems: Vec<Problem>,
    /// Whether a part of a file could not be parsed, and is left out.
    pub(super) broken: bool,
    /// The file that the module is said to stand in: its `main.tf`, or the first.
    pub(super) main: Option<SourceId>,
}

type DeclarationKindKey = u8;

impl Module {
    pub(super) fn read(folder: PathBuf, files: &[ModuleFile]) -> Self {
        let main = files.iter().find(|file| stem(file).0 == "main").or(files.first()).map(|file| file.source);
        let mut module = Self { folder, main, ..Self::default() };
        let mut values: BTreeMap<(u8, PathBuf), &ModuleFile> = BTreeMap::new();
        let mut over = Vec::new();
        for file in files {
            match order_of_values(file) {
                Some(order) => drop(values.insert((order, file.path.clone()), file)),
                None if is_values(file) || is_replaced(file, files) => {}
                None if is_override(file) => over.push(file),
                None => module.read_file(file),
            }
        }
        for file in values.into_values() {
            module.read_values(file);
        }
        for (position, declaration) in module.declarations.iter().enumerate() {
            let key = (declaration.kind as u8, declaration.resource_type.clone(), declaration.name.clone());
            module.index.insert(key, position);
            if declaration.kind == DeclarationKind::Provider {
                module.providers.push(position);
            }
        }
        over.sort_by(|a, b| a.path.cmp(&b.path));
        for file in over {
            let body = module.parse(file);
            overrides::apply(&mut module, body);
        }
        module
    }

    pub(super) fn declaration(&self, kind: DeclarationKind, resource_type: &str, name: &str) -> Option<usize> {
        self.index.get(&(kind as u8, resource_type.to_owned(), name.to_owned())).copied()
    }

    /// The provider configuration of a name, and of an alias when it has one.
    pub(super) fn provider(&self, name: &str, alias: Option<&str>) -> Option<usize> {
        self.providers.iter().copied().find(|position| {
            let declaration = &self.declarations[*position];
            let own = declaration.attribute("alias").and_then(|alias| match &alias.value.kind {
                Kind::Literal(alias) => alias.as_str(),
                _ => None,
            });
            declaration.name == name && own == alias
        })
    }

    fn parse(&mut self, file: &ModuleFile) -> Body {
        let (body, problems) = if file.path.extension().is_some_and(|extension| extension == "json") {
            syntax::json::body(&file.text, file.source, is_values(file))
        } else {
            syntax::body(&file.text, file.source)
        };
        self.broken |= !problems.is_empty();
        self.problems.extend(problems);
        body
    }

    /// A module that has only the values of a file.
    pub(super) fn of_values(file: &ModuleFile) -> Self {
        let mut module = Self::default();
        module.read_values(file);
        module
    }

    fn read_values(&mut self, file: &ModuleFile) {
        let values = self.parse(file).attributes.into_iter();
        self.values.extend(values.map(|value| (value.name.into_string(), value.value)));
    }

    fn read_file(&mut self, file: &ModuleFile) {
        for block in self.parse(file).blocks {
            self.add_block(block, &file.text);
        }
    }

    fn add_block(&mut self, block: Block, text: &Arc<str>) {
        if let Some((kind, resource_type, name)) = declared(&block) {
            return self.declare(kind, resource_type, name, block, text);
        }
        match (&*block.name, block.labels.as_slice()) {
            ("variable", [name]) => {
                let mut variable = Variable::default();
                variable.set(block.body);
                self.variables.insert(name.to_string(), variable);
            }
            ("output", [name]) => {
                if let Some(output) = Output::of(block.body) {
                    self.outputs.insert(name.to_string(), output);
                }
            }
            ("terraform", []) => self.add_required_providers(&block.body),
            ("locals", []) => {
                let locals = block.body.attributes.into_iter();
                self.locals.extend(locals.map(|local| (local.name.into_string(), local.value)));
            }
            // A data source of its own, for the conditions of a check.
            ("check", [_]) => block.body.blocks.into_iter().for_each(|inner| self.add_block(inner, text)),
            // Nothing that has instances: moved, removed, import.
            _ => {}
        }
    }

    /// They are attributes of a block, or, in JSON, of an object.
    fn add_required_providers(&mut self, settings: &Body) {
        let in_blocks = settings.blocks("required_providers").flat_map(|block| &block.body.attributes);
        let in_blocks = in_blocks.map(|attribute| (&*attribute.name, &attribute.value));
        let in_objects = settings.attributes.iter().filter(|attribute| &*attribute.name == "required_providers");
        let in_objects = in_objects.filter_map(|attribute| match &attribute.value.kind {
            Kind::Object(entries) => Some(entries.iter().filter_map(|(key, value)| Some((text(key)?, value)))),
            _ => None,
        });
        for (name, value) in in_blocks.chain(in_objects.flatten()) {
            self.required_providers.insert(name.to_owned(), RequiredProvider::of(value));
        }
    }

    fn declare(&mut self, kind: DeclarationKind, resource_type: String, name: String, block: Block, text: &str) {
        let Block { body, span, .. } = block;
        let range = span.start as usize..(span.end as usize).min(text.len());
        let line_end = text[range.start..].find('\n').map_or(text.len(), |at| range.start + at);
        let header = Span::new(span.source, range.start..line_end.min(range.end));
        let (skips, problems) = skips::of(text, &range, span.source);
        self.problems.extend(problems);
        self.declarations.push(Declaration { kind, resource_type, name, body, span, header, skips });
    }
}

/// What a block declares: kind, type and name.
fn declared(block: &Block) -> Option<(DeclarationKind, String, String)> {
    let labels: Vec<&str> = block.labels.iter().map(|label| &**label).collect();
    Some(match (&*block.name, labels.as_slice()) {
        ("resource", [resource_type, name]) => {
            (DeclarationKind::Resource, (*resource_type).to_owned(), (*name).to_owned())
        }
        ("data", [resource_type, name]) => (DeclarationKind::Data, (*resource_type).to_owned(), (*name).to_owned()),
        ("ephemeral", [resource_type, name]) => {
            (DeclarationKind::Ephemeral, (*resource_type).to_owned(), (*name).to_owned())
        }
        ("provider", [name]) => (DeclarationKind::Provider, format!("provider.{name}"), (*name).to_owned()),
        ("module", [name]) => (DeclarationKind::Module, "module".to_owned(), (*name).to_owned()),
        _ => return None,
    })
}

impl Variable {
    /// Takes over what the body of a `variable` block says.
    fn set(&mut self, body: Body) {
        for attribute in body.attributes {
            match &*attribute.name {
                "default" => self.default = Some(attribute.value),
                "type" => self.constraint = Some(attribute.value),
                "nullable" => {
                    self.not_null =
                        matches!(&attribute.value.kind, Kind::Literal(truth) if truth.as_bool() == Some(false));
                }
                // What is ephemeral is in no plan at all.
                "sensitive" | "ephemeral" => self.sensitive |= is_true(&attribute.value),
                "description" => self.description = text(&attribute.value).map(str::to_owned),
                _ => {}
            }
        }
    }
}

impl Output {
    fn of(mut body: Body) -> Option<Self> {
        let value = take(&mut body, "value")?;
        let mut output = Self { value, sensitive: false, description: None, depends_on: None };
        output.set(body);
        Some(output)
    }

    /// Takes over what the body of an `output` block says.
    fn set(&mut self, body: Body) {
        for attribute in body.attributes {
            match &*attribute.name {
                "value" => self.value = attribute.value,
                "sensitive" | "ephemeral" => self.sensitive |= is_true(&attribute.value),
                "description" => self.description = text(&attribute.value).map(str::to_owned),
                "depends_on" => self.depends_on = Some(attribute.value),
                _ => {}
            }
        }
    }
}

impl RequiredProvider {
    /// An object, or, as it was once written, the version alone.
    fn of(value: &Expression) -> Self {
        let Kind::Object(entries) = &value.kind else {
            return Self { version: text(value).map(str::to_owned), ..Self::default() };
        };
        let entry = |name: &str| {
            let (_, value) = entries.iter().find(|(key, _)| text(key) == Some(name))?;
            text(value).map(str::to_owned)
        };
        Self { source: entry("source"), version: entry("version") }
    }
}

/// A text that is written as it is.
pub(super) fn text(expression: &Expression) -> Option<&str> {
    match &expression.kind {
        Kind::Literal(value) => value.as_str(),
        _ => None,
    }
}

fn is_true(expression: &Expression) -> bool {
    matches!(&expression.kind, Kind::Literal(truth) if truth.as_bool() == Some(true))
}

fn take(body: &mut Body, name: &str) -> Option<Expression> {
    let position = body.attributes.iter().position(|attribute| &*attribute.name == name)?;
    Some(body.attributes.remove(position).value)
}

fn file_name(file: &ModuleFile) -> &str {
    file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_values(file: &ModuleFile) -> bool {
    let name = file_name(file);
    name.ends_with(".tfvars") || name.ends_with(".tfvars.json")
}

/// The name without its ending, and the ending.
fn stem(file: &ModuleFile) -> (&str, &str) {
    let name = file_name(file);
    let endings = [".tf", ".tofu", ".tf.json", ".tofu.json"];
    let found = endings.into_iter().find_map(|ending| name.strip_suffix(ending).map(|stem| (stem, ending)));
    found.unwrap_or((name, ""))
}

/// Whether `OpenTofu` takes a `.tofu` file of the same name instead.
fn is_replaced(file: &ModuleFile, files: &[ModuleFile]) -> bool {
    let (stem_of_file, ending) = stem(file);
    let other = match ending {
        ".tf" => ".tofu",
        ".tf.json" => ".tofu.json",
        _ => return false,
    };
    files.iter().any(|one| stem(one) == (stem_of_file, other))
}

/// Whether what the file has is laid over what the others have (Terraform's documentation, "Override Files").
fn is_override(file: &ModuleFile) -> bool {
    let (stem, _) = stem(file);
    stem == "override" || stem.ends_with("_override")
}

/// The order in which Terraform loads a file of values by itself; `None` for files that it does not.
fn order_of_values(file: &ModuleFile) -> Option<u8> {
    match file_name(file) {
        "terraform.tfvars" => Some(0),
        "terraform.tfvars.json" => Some(1),
        name if name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json") => Some(2),
        _ => None,
    }
}
