//! The file that says which policies govern: names, paths and levels as Vault's API has them (`sys/policies/egp`,
//! `sys/policies/rgp`).
//!
//! ```yaml
//! version: 1
//! timezone: Europe/Berlin
//! namespaces: [clinic]
//! egp:
//!   - name: business-hours
//!     policy: business-hours.sentinel
//!     paths: ["secret/*"]
//!     enforcement_level: soft-mandatory
//! rgp:
//!   - name: own-network
//!     policy: own-network.sentinel
//!     enforcement_level: hard-mandatory
//!     groups: [nurses]
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_model::node::{Mapping, Node};
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, Sources, Value};
use probity_policy_sentinel::{Policy as Text, metadata};

use crate::governing::{Attachment, GoverningPolicy, Holders, Level, types};
use crate::path::PathPattern;

/// Largest file that is read, in bytes.
const MAX_SIZE: u64 = 4 << 20;

/// The policies that govern, and what is known of the server.
#[derive(Debug, Default)]
pub struct Governing {
    /// The policies.
    pub policies: Vec<Arc<GoverningPolicy>>,
    /// Namespaces of the server that requests may name by the beginning of their path, each with a slash at its end, the
    /// longest first.
    pub namespaces: Vec<String>,
}

impl Governing {
    /// Whether a request to this path may be judged by one of the policies.
    pub fn may_judge(&self, namespace: &str, path: &str) -> bool {
        self.policies.iter().any(|policy| policy.may_judge(namespace, path))
    }

    /// The namespace and the path within it of a path that may begin with one; `named` is what the request says beside.
    pub fn split(&self, named: &str, path: &str) -> (String, String) {
        let whole = format!("{}{path}", with_slash(named));
        match self.namespaces.iter().find(|known| whole.starts_with(known.as_str())) {
            Some(known) if known.len() >= with_slash(named).len() => (known.clone(), whole[known.len()..].to_owned()),
            _ => (with_slash(named), path.to_owned()),
        }
    }
}

/// A namespace as it stands before paths: with a slash at its end and none before it.
pub(crate) fn with_slash(namespace: &str) -> String {
    let bare = namespace.trim_matches('/');
    if bare.is_empty() || bare == "root" { String::new() } else { format!("{bare}/") }
}

/// Reads a file and the policies it names, which lie beside it.
///
/// # Errors
/// With everything that is wrong, a line each with its place.
pub fn read(path: &Path, sources: &Arc<Sources>) -> Result<Governing, Vec<String>> {
    let text = read_text(path).map_err(|error| vec![error])?;
    let source = sources.add(path, text.as_str());
    let show = |problem: &Problem| problem.display(sources, path);
    let documents = yaml::read(&text, source, Dialect::Core).map_err(|(problem, _)| vec![show(&problem)])?;
    let [document] = &documents[..] else {
        return Err(vec![format!("{}: expected one YAML document, found {}", path.display(), documents.len())]);
    };
    let mut reader = Reader { folder: path.parent().unwrap_or(Path::new("")), sources, problems: Vec::new() };
    let governing = reader.file(Node::root(&document.value, document.span)).map_err(|problem| vec![show(&problem)])?;
    if reader.problems.is_empty() { Ok(governing) } else { Err(reader.problems) }
}

fn read_text(path: &Path) -> Result<String, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", path.display());
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(format!("{} is larger than {MAX_SIZE} bytes", path.display()));
    }
    String::from_utf8(bytes).map_err(|error| unreadable(&error))
}

struct Reader<'r> {
    folder: &'r Path,
    sources: &'r Arc<Sources>,
    /// What is wrong with policies, as shown.
    problems: Vec<String>,
}

impl Reader<'_> {
    fn file(&mut self, root: Node<'_>) -> Result<Governing, Problem> {
        let fields = root.mapping()?;
        fields.only(&["version", "timezone", "namespaces", "egp", "rgp"])?;
        let version = fields.required("version")?;
        if version.text()? != "1" {
            return Err(version.problem("this Probity reads version 1"));
        }
        let timezone = fields.optional("timezone").map(Node::string).transpose()?.map(str::to_owned);
        let mut governing = Governing::default();
        for (kind, key) in [("egp", "paths"), ("rgp", "groups")] {
            let entries = fields.optional(kind).map(Node::list).transpose()?.unwrap_or_default();
            for entry in entries {
                match self.policy(kind, entry, timezone.as_deref()) {
                    Ok(Some(policy)) => governing.policies.push(Arc::new(policy)),
                    Ok(None) => {}
                    Err(problem) => self.note(&problem, key),
                }
            }
        }
        if governing.policies.is_empty() && self.problems.is_empty() {
            return Err(fields.problem("there is no policy; name some under `egp` or `rgp`"));
        }
        let named = fields.optional("namespaces").map(Node::strings).transpose()?.unwrap_or_default();
        let own = governing.policies.iter().filter_map(|policy| policy.namespace.clone());
        governing.namespaces = named.into_iter().map(with_slash).chain(own).filter(|name| !name.is_empty()).collect();
        governing.namespaces.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        governing.namespaces.dedup();
        Ok(governing)
    }

    fn note(&mut self, problem: &Problem, otherwise: &str) {
        self.problems.push(problem.display(self.sources, Path::new(otherwise)));
    }

    /// A policy; none when its text is wrong, which is noted.
    fn policy(&mut self, kind: &str, entry: Node<'_>, zone: Option<&str>) -> Result<Option<GoverningPolicy>, Problem> {
        let fields = entry.mapping()?;
        let common = ["name", "policy", "enforcement_level", "namespace", "params"];
        let own: &[&str] = if kind == "egp" { &["paths"] } else { &["policies", "entities", "groups"] };
        fields.only(&[&common[..], own].concat())?;
        let name = fields.required("name")?.string()?.to_owned();
        let level = fields.required("enforcement_level")?.parse::<Level>()?;
        let attachment = if kind == "egp" { endpoint(&fields)? } else { role(&fields)? };
        let namespace = fields.optional("namespace").map(Node::string).transpose()?.map(with_slash);
        let params = fields.optional("params").map(Node::mapping).transpose()?;
        let params: BTreeMap<String, Value> = params
            .iter()
            .flat_map(Mapping::entries)
            .map(|(key, node)| (key.as_str().to_owned(), node.value.clone()))
            .collect();
        let Some(text) = self.text(fields.required("policy")?)? else { return Ok(None) };
        check_params(&text, &params, entry)?;
        let metadata = match metadata::of(&text, &name) {
            Ok(metadata) => metadata,
            Err(problem) => {
                self.note(&problem, &name);
                return Ok(None);
            }
        };
        let timezone = zone.map(str::to_owned);
        Ok(Some(GoverningPolicy {
            name,
            level,
            attachment,
            namespace,
            text,
            params,
            timezone,
            metadata,
            types: types(),
        }))
    }

    fn text(&mut self, file: Node<'_>) -> Result<Option<Text>, Problem> {
        let path: PathBuf = self.folder.join(file.string()?);
        let text = read_text(&path).map_err(|error| {
            file.problem(error).with_help("`policy` is the path of a .sentinel file, from the folder of this file")
        })?;
        match Text::parse(self.sources, self.sources.add(path.as_path(), text)) {
            Ok(text) => Ok(Some(text)),
            Err(problems) => {
                self.problems.extend(problems.0.iter().map(|problem| problem.display(self.sources, &path)));
                Ok(None)
            }
        }
    }
}

/// Parameters must be those that the policy has, and those without a default must be given.
fn check_params(text: &Text, params: &BTreeMap<String, Value>, entry: Node<'_>) -> Result<(), Problem> {
    for (name, required) in text.params() {
        if required && !params.contains_key(name) {
            return Err(entry.problem(format!("the policy wants a parameter `{name}`; give it under `params`")));
        }
    }
    match params.keys().find(|name| !text.params().any(|(known, _)| known == name.as_str())) {
        Some(name) => Err(entry.problem(format!("the policy has no parameter `{name}`"))),
        None => Ok(()),
    }
}

fn endpoint(fields: &Mapping<'_>) -> Result<Attachment, Problem> {
    let paths = fields.required("paths")?;
    let read = |node: Node<'_>| PathPattern::read(node.string()?).map_err(|message| node.problem(message));
    let patterns = paths.list_or_one()?.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if patterns.is_empty() {
        return Err(paths.problem("a policy without paths judges nothing; `*` is every path"));
    }
    Ok(Attachment::Endpoint(patterns))
}

fn role(fields: &Mapping<'_>) -> Result<Attachment, Problem> {
    let names = |name: &str| -> Result<Vec<String>, Problem> {
        let list = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
        Ok(list.into_iter().map(str::to_owned).collect())
    };
    Ok(Attachment::Role(Holders {
        policies: names("policies")?,
        entities: names("entities")?,
        groups: names("groups")?,
    }))
}
