//! A module's configuration as written: its files parsed and sorted by what their blocks declare.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block, Body, Structure};
use probity_model::{InlineSkip, Problem, SourceId, Span};

use super::ModuleFile;
use super::parse::{Part, parse};
use crate::skip;

/// Where a piece of syntax comes from: its text, and how far into it the parsed part began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) source: SourceId,
    pub(super) base: usize,
}

impl Origin {
    pub(super) fn span(self, range: Option<std::ops::Range<usize>>) -> Option<Span> {
        range.map(|range| Span::new(self.source, range.start + self.base..range.end + self.base))
    }
}

/// A `resource`, `data`, `provider` or `module` block.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) kind: DeclarationKind,
    /// The resource type; `provider` and `module` for those.
    pub(super) resource_type: String,
    pub(super) name: String,
    pub(super) body: Body,
    pub(super) origin: Origin,
    pub(super) span: Option<Span>,
    pub(super) header: Option<Span>,
    pub(super) skips: Vec<InlineSkip>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeclarationKind {
    Resource,
    Data,
    Provider,
    Module,
}

impl Declaration {
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.body.get_attribute(name)
    }
}

/// A folder of Terraform files.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) folder: PathBuf,
    /// Defaults of variables; those without one are there with `None`.
    pub(super) variables: HashMap<String, Option<Expression>>,
    /// Values from `terraform.tfvars` and `*.auto.tfvars`, later files over earlier ones.
    pub(super) values: HashMap<String, Expression>,
    pub(super) locals: HashMap<String, Expression>,
    pub(super) outputs: HashMap<String, Expression>,
    pub(super) declarations: Vec<Declaration>,
    /// Position in `declarations` by kind, type and name.
    index: HashMap<(DeclarationKindKey, String, String), usize>,
    pub(super) problems: Vec<Problem>,
}

type DeclarationKindKey = u8;

impl Module {
    pub(super) fn read(folder: PathBuf, files: &[ModuleFile]) -> Self {
        let mut module = Self { folder, ..Self::default() };
        let mut values: BTreeMap<(u8, PathBuf), &ModuleFile> = BTreeMap::new();
        for file in files {
            match order_of_values(file) {
                Some(order) => drop(values.insert((order, file.path.clone()), file)),
                None if is_values(file) => {}
                None => module.read_file(file),
            }
        }
        for file in values.into_values() {
            module.read_values(file);
        }
        for (position, declaration) in module.declarations.iter().enumerate() {
            let key = (declaration.kind as u8, declaration.resource_type.clone(), declaration.name.clone());
            module.index.insert(key, position);
        }
        module
    }

    pub(super) fn declaration(&self, kind: DeclarationKind, resource_type: &str, name: &str) -> Option<usize> {
        self.index.get(&(kind as u8, resource_type.to_owned(), name.to_owned())).copied()
    }

    fn read_file(&mut self, file: &ModuleFile) {
        let (parts, problems) = parse(file);
        self.problems.extend(problems);
        for Part { body, base } in parts {
            let origin = Origin { source: file.source, base };
            for structure in body {
                if let Structure::Block(block) = structure {
                    self.add_block(block, origin, &file.text);
                }
            }
        }
    }

    fn read_values(&mut self, file: &ModuleFile) {
        let (parts, problems) = parse(file);
        self.problems.extend(problems);
        for Part { body, .. } in parts {
            for structure in body {
                if let Structure::Attribute(attribute) = structure {
                    self.values.insert(attribute.key.as_str().to_owned(), attribute.value);
                }
            }
        }
    }

    fn add_block(&mut self, block: Block, origin: Origin, text: &Arc<str>) {
        let labels: Vec<&str> = block.labels.iter().map(hcl_edit::structure::BlockLabel::as_str).collect();
        match (block.ident.as_str(), labels.as_slice()) {
            ("resource", [resource_type, name]) => {
                let (resource_type, name) = ((*resource_type).to_owned(), (*name).to_owned());
                self.declare(DeclarationKind::Resource, resource_type, name, block, origin, text);
            }
            ("data", [resource_type, name]) => {
                let (resource_type, name) = ((*resource_type).to_owned(), (*name).to_owned());
                self.declare(DeclarationKind::Data, resource_type, name, block, origin, text);
            }
            ("provider", [name]) => {
                let name = (*name).to_owned();
                self.declare(DeclarationKind::Provider, format!("provider.{name}"), name, block, origin, text);
            }
            ("module", [name]) => {
                let name = (*name).to_owned();
                self.declare(DeclarationKind::Module, "module".to_owned(), name, block, origin, text);
            }
            ("variable", [name]) => {
                let name = (*name).to_owned();
                let default = take(block.body, "default");
                self.variables.insert(name, default);
            }
            ("output", [name]) => {
                let name = (*name).to_owned();
                if let Some(expression) = take(block.body, "value") {
                    self.outputs.insert(name, expression);
                }
            }
            ("locals", []) => {
                for structure in block.body {
                    if let Structure::Attribute(attribute) = structure {
                        self.locals.insert(attribute.key.as_str().to_owned(), attribute.value);
                    }
                }
            }
            _ => {}
        }
    }

    fn declare(
        &mut self,
        kind: DeclarationKind,
        resource_type: String,
        name: String,
        block: Block,
        origin: Origin,
        text: &str,
    ) {
        let range = block.span().map(|range| range.start + origin.base..(range.end + origin.base).min(text.len()));
        let (span, header, skips) = match range {
            None => (None, None, Vec::new()),
            Some(range) => {
                let line_end = text[range.start..].find('\n').map_or(text.len(), |at| range.start + at);
                let header = Span::new(origin.source, range.start..line_end.min(range.end));
                let (skips, problems) = skips(text, &range, origin.source);
                self.problems.extend(problems);
                (Some(Span::new(origin.source, range)), Some(header), skips)
            }
        };
        let body = block.body;
        self.declarations.push(Declaration { kind, resource_type, name, body, origin, span, header, skips });
    }
}

fn take(body: Body, name: &str) -> Option<Expression> {
    body.into_attributes().find(|attribute| attribute.key.as_str() == name).map(|attribute| attribute.value)
}

fn file_name(file: &ModuleFile) -> &str {
    file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_values(file: &ModuleFile) -> bool {
    let name = file_name(file);
    name.ends_with(".tfvars") || name.ends_with(".tfvars.json")
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

/// What comments inside a block, and in the lines right above it, ask to be skipped.
fn skips(text: &str, range: &std::ops::Range<usize>, source: SourceId) -> (Vec<InlineSkip>, Vec<Problem>) {
    let start = comment_start(text, range.start);
    let (mut skips, mut problems) = (Vec::new(), Vec::new());
    let region = &text[start..range.end];
    if !region.contains(":skip=") && !region.contains(":ignore:") {
        return (skips, problems);
    }
    let mut offset = start;
    for line in region.split_inclusive('\n') {
        let comment = [line.find('#'), line.find("//"), line.find("/*")].into_iter().flatten().min();
        // A line inside `/* */` has no mark of its own.
        let at = comment.unwrap_or(0);
        let span = Span::new(source, offset + at..offset + line.trim_end().len().max(at));
        for found in skip::parse_comment(&line[at..], span) {
            match found {
                Ok(skip) => skips.push(skip),
                Err(problem) => problems.push(problem),
            }
        }
        offset += line.len();
    }
    (skips, problems)
}

/// The start of the comment lines that stand right above this offset.
fn comment_start(text: &str, block: usize) -> usize {
    let mut start = text[..block].rfind('\n').map_or(0, |at| at + 1);
    while start > 0 {
        let above = text[..start - 1].rfind('\n').map_or(0, |at| at + 1);
        let line = text[above..start].trim_start();
        if !line.starts_with('#') && !line.starts_with("//") {
            break;
        }
        start = above;
    }
    start
}
