//! Blocks to a configuration, whatever they were written in.

use std::collections::BTreeMap;

use probity_model::{Problem, Span, Value};

use super::{Configuration, EnforcementLevel, ImportSource, PolicyEntry};
use crate::policy::Problems;

/// A block: its type, its labels, what it says and the blocks in it.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) kind: String,
    pub(super) labels: Vec<String>,
    pub(super) attributes: BTreeMap<String, Value>,
    pub(super) blocks: Vec<Block>,
    pub(super) span: Option<Span>,
}

type Read<T> = Result<T, Problem>;

/// Reads all blocks; every problem is told.
pub(super) fn configuration(blocks: &[Block]) -> Result<Configuration, Problems> {
    let mut configuration = Configuration::default();
    let problems: Vec<Problem> = blocks.iter().filter_map(|block| configuration.block(block).err()).collect();
    if problems.is_empty() { Ok(configuration) } else { Err(Problems(problems)) }
}

impl Block {
    fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(message, self.span)
    }

    fn label(&self) -> Read<String> {
        match &self.labels[..] {
            [label] => Ok(label.clone()),
            labels => Err(self.problem(format!("`{}` wants one label, its name, got {}", self.kind, labels.len()))),
        }
    }

    fn text(&self, name: &str) -> Read<String> {
        match self.attributes.get(name) {
            Some(Value::String(text)) => Ok(text.to_string()),
            Some(other) => Err(self.problem(format!("`{name}` must be a string, got {}", other.kind()))),
            None => Err(self.problem(format!("`{}` wants `{name}`", self.kind))),
        }
    }

    fn value(&self, name: &str) -> Read<Value> {
        let missing = || self.problem(format!("`{}` wants `{name}`", self.kind));
        self.attributes.get(name).cloned().ok_or_else(missing)
    }

    /// The entries of an attribute that is an object, or of a block of its name.
    fn entries(&self, name: &str) -> Read<BTreeMap<String, Value>> {
        if let Some(block) = self.blocks.iter().find(|block| block.kind == name) {
            return Ok(block.attributes.clone());
        }
        match self.attributes.get(name) {
            None => Ok(BTreeMap::new()),
            Some(Value::Object(object)) => {
                Ok(object.iter().map(|(key, value)| (key.as_str().to_owned(), value.clone())).collect())
            }
            Some(other) => Err(self.problem(format!("`{name}` must be an object, got {}", other.kind()))),
        }
    }
}

impl Configuration {
    fn block(&mut self, block: &Block) -> Read<()> {
        match block.kind.as_str() {
            "policy" => self.policies.push(policy(block)?),
            "import" => {
                let (name, source) = import(block)?;
                self.imports.insert(name, source);
            }
            "module" => {
                self.imports.insert(block.label()?, ImportSource::Module(block.text("source")?));
            }
            "mock" => {
                self.mocks.insert(block.label()?, mock(block)?);
            }
            "global" => {
                self.globals.insert(block.label()?, block.value("value")?);
            }
            "param" => {
                self.params.insert(block.label()?, block.value("value")?);
            }
            "test" => self.expected = Some(block.entries("rules")?),
            "sentinel" => {
                for (name, value) in block.entries("features")? {
                    let on = value.as_bool();
                    let on =
                        on.ok_or_else(|| block.problem(format!("the feature `{name}` is on or off, a boolean")))?;
                    self.features.insert(name, on);
                }
            }
            other => return Err(block.problem(format!("there is no block `{other}`"))),
        }
        Ok(())
    }
}

fn policy(block: &Block) -> Read<PolicyEntry> {
    let level = match block.attributes.get("enforcement_level").map(|level| level.as_str()) {
        None | Some(Some("advisory")) => EnforcementLevel::Advisory,
        Some(Some("soft-mandatory")) => EnforcementLevel::SoftMandatory,
        Some(Some("hard-mandatory")) => EnforcementLevel::HardMandatory,
        Some(_) => {
            let problem = block.problem("there is no such enforcement level");
            return Err(problem.with_help("advisory, soft-mandatory or hard-mandatory"));
        }
    };
    let name = block.label()?;
    let source = match block.attributes.get("source") {
        None => format!("./{name}.sentinel"),
        Some(_) => block.text("source")?,
    };
    Ok(PolicyEntry { name, source, level, params: block.entries("params")? })
}

fn import(block: &Block) -> Read<(String, ImportSource)> {
    let (kind, name) = match &block.labels[..] {
        // The form of the first versions.
        [name] => ("plugin", name.clone()),
        [kind, name] => (kind.as_str(), name.clone()),
        _ => return Err(block.problem("`import` wants two labels, its kind and its name")),
    };
    let source = match kind {
        "module" => ImportSource::Module(block.text("source")?),
        "static" => match block.attributes.get("format").map(Value::as_str) {
            None | Some(Some("json")) => ImportSource::Static(block.text("source")?),
            Some(_) => return Err(block.problem("static imports are JSON: `format` must be \"json\"")),
        },
        "plugin" => {
            let path = ["source", "path"].into_iter().find(|name| block.attributes.contains_key(*name));
            let source = path.map(|name| block.text(name)).transpose()?;
            ImportSource::Plugin { source, config: block.entries("config")? }
        }
        other => {
            let problem = block.problem(format!("there is no kind of import `{other}`"));
            return Err(problem.with_help("module, static or plugin"));
        }
    };
    Ok((name, source))
}

fn mock(block: &Block) -> Read<ImportSource> {
    if let Some(module) = block.blocks.iter().find(|block| block.kind == "module") {
        return Ok(ImportSource::Module(module.text("source")?));
    }
    Ok(ImportSource::Data(block.value("data")?))
}
