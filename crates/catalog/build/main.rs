//! Reads `policies/*/*.yaml` and writes what the library embeds: `policies.json`, all that evaluation needs;
//! `index.rs`, where each policy stands in it and what it judges; and `examples.json`, which only people read. What the
//! policies say is checked by the crate's tests, not here.

mod files;

use std::error::Error;
use std::fmt::Write;
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
    fs::write(target.join("policies.json"), format!("[{}]", parts.files))?;
    let (policies, services) = (parts.index, parts.services);
    fs::write(
        target.join("index.rs"),
        format!(
            "pub(super) static INDEX: &[Entry] = &[{policies}];\npub(super) static SERVICES: &[Part] = &[{services}];\n"
        ),
    )?;
    fs::write(target.join("examples.json"), json::write(&Value::object(parts.examples)))?;
    Ok(())
}

#[derive(Default)]
struct Parts {
    /// For each file its provider and itself without examples: the elements of a JSON list.
    files: String,
    /// The elements of `INDEX`.
    index: String,
    /// The elements of `SERVICES`.
    services: String,
    /// How many policies were added.
    count: usize,
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
        let service = file.required("service")?.string()?;
        let comma = if self.files.is_empty() { "" } else { "," };
        let (provider_text, service_text) = (json::write(&provider.into()), json::write(&service.into()));
        let head = format!(r#"{comma}{{"provider":{provider_text},"file":{{"service":{service_text},"policies":["#);
        self.files.push_str(&head);
        let first = self.count;
        for (position, policy) in file.required("policies")?.list()?.into_iter().enumerate() {
            if position > 0 {
                self.files.push(',');
            }
            self.add_policy(policy)?;
        }
        self.files.push_str("]}}");
        let count = self.count - first;
        let _ = writeln!(self.services, "Part {{ provider: {provider:?}, title: {service:?}, count: {count} }},");
        Ok(())
    }

    /// Writes a policy with its bindings last, so that all else can be read without them.
    fn add_policy(&mut self, policy: Node<'_>) -> Result<(), Problem> {
        let fields = policy.mapping()?;
        let id = fields.required("id")?.string()?;
        let (mut rules, mut examples, mut types) = (Vec::new(), Vec::new(), Vec::new());
        for binding in fields.required("bindings")?.list()? {
            rules.push(select(binding, |field| field != "examples")?);
            examples.push(flat(&select(binding, |field| matches!(field, "types" | "secret" | "examples"))?));
            types.extend(types_of(binding)?);
        }
        // Every place is one byte further in the file, which starts with a bracket.
        let start = self.files.len() + 1;
        self.files.push_str(json::write(&select(policy, |field| field != "bindings")?).trim_end_matches('}'));
        let bindings = self.files.len() + 1;
        let _ = write!(self.files, r#","bindings":{}}}"#, json::write(&Value::array(rules)));
        let end = self.files.len() + 1;
        let _ = writeln!(
            self.index,
            "Entry {{ id: {id:?}, types: &{types:?}, start: {start}, bindings: {bindings}, end: {end} }},"
        );
        self.count += 1;
        self.examples.push((id.to_owned(), Value::array(examples)));
        Ok(())
    }
}

/// The types of subjects that a binding judges: those it names, or those that secrets of its kinds are.
fn types_of(binding: Node<'_>) -> Result<Vec<String>, Problem> {
    let fields = binding.mapping()?;
    let (names, prefix) = match fields.optional("secret") {
        Some(kinds) => (kinds, "secret."),
        None => (fields.required("types")?, ""),
    };
    names.list_or_one()?.into_iter().map(|name| Ok(format!("{prefix}{}", name.string()?))).collect()
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
