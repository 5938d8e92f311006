//! Reads `policies/*/*.yaml` and writes what the library embeds: `policies.json`, which every evaluation needs, and
//! `examples.json`, which only people read. What the policies say is checked by the crate's tests, not here.

mod files;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, Sources, Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("policies");
    println!("cargo::rerun-if-changed={}", folder.display());
    let sources = Sources::default();
    let mut parts = Parts::default();
    for file in files::catalog_files(&folder)? {
        let text = fs::read_to_string(&file.path)?;
        if let Err(problem) = parts.add(&file.provider, &file.path, &text, &sources) {
            println!("cargo::error={}", problem.display(&sources, &file.path));
        }
    }
    let target = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(target.join("policies.json"), json::write(&Value::array(parts.files)))?;
    fs::write(target.join("examples.json"), json::write(&Value::object(parts.examples)))?;
    Ok(())
}

#[derive(Default)]
struct Parts {
    /// For each file its provider and itself without examples.
    files: Vec<Value>,
    /// For each policy its bindings, with nothing but types and examples.
    examples: Vec<(String, Value)>,
}

impl Parts {
    fn add(&mut self, provider: &str, path: &Path, text: &str, sources: &Sources) -> Result<(), Problem> {
        let documents = yaml::read(text, sources.add(path, text), Dialect::Core).map_err(|(problem, _)| problem)?;
        let [document] = documents.as_slice() else {
            return Err(Problem::new("expected one YAML document", documents.get(1).map(|document| document.span)));
        };
        let file = Node::root(&document.value, document.span).mapping()?;
        let mut policies = Vec::new();
        for policy in file.required("policies")?.list()? {
            let fields = policy.mapping()?;
            let (mut rules, mut examples) = (Vec::new(), Vec::new());
            for binding in fields.required("bindings")?.list()? {
                rules.push(select(binding, |field| field != "examples")?);
                examples.push(flat(&select(binding, |field| matches!(field, "types" | "secret" | "examples"))?));
            }
            let rest = select(policy, |field| field != "bindings")?;
            policies.push(Value::object(entries(&rest).chain([("bindings".to_owned(), Value::array(rules))])));
            self.examples.push((fields.required("id")?.string()?.to_owned(), Value::array(examples)));
        }
        let service = file.required("service")?.string()?.into();
        let file = Value::object([("service", service), ("policies", Value::array(policies))]);
        self.files.push(Value::object([("provider", provider.into()), ("file", file)]));
        Ok(())
    }
}

fn select(node: Node<'_>, keep: impl Fn(&str) -> bool) -> Result<Value, Problem> {
    let fields = node.mapping()?;
    let kept = fields.entries().filter(|(field, _)| keep(field.as_str()));
    Ok(Value::object(kept.map(|(field, node)| (field.as_str(), node.value.clone()))))
}

fn entries(value: &Value) -> impl Iterator<Item = (String, Value)> {
    let object = value.as_object().cloned().unwrap_or_default();
    object.iter().map(|(key, value)| (key.to_string(), value.clone())).collect::<Vec<_>>().into_iter()
}

/// Lifts the fields of `examples` beside `types`.
fn flat(binding: &Value) -> Value {
    let examples = binding.get("examples").cloned().unwrap_or_default();
    Value::object(entries(binding).filter(|(field, _)| field != "examples").chain(entries(&examples)))
}
