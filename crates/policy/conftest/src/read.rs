//! From modules to policies.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use probity_model::value::{SmolStr, Value};
use probity_model::{Problem, Sources, Stage};
use probity_policy_rego::ast::Module;
use probity_policy_rego::{CompileOptions, Errors, Extensions, Policies as Compiled, Version, parse_module};

use crate::metadata::{self, Described};
use crate::policy::{ConftestPolicy, Input, Part};

/// How modules are taken.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Packages whose rules are asked, such as `main` or `kubernetes.security`; all when empty.
    pub namespaces: Vec<String>,
    /// What `data` is beside the rules, an object.
    pub data: Option<Value>,
    /// Whether rules are asked once about all documents together: about the subject of type [`COMBINED`].
    pub combine: bool,
}

/// The type of the subject that stands for all documents together: its document is a list of objects with `path` and
/// `contents`.
pub const COMBINED: &str = "combined";

/// What was read.
#[derive(Debug, Default)]
pub struct Policies {
    /// The policies, in the order of their modules.
    pub policies: Vec<ConftestPolicy>,
    /// What the policies want that is never given to them: they are not asked.
    pub unread_inputs: BTreeMap<SmolStr, usize>,
}

/// Why modules give no policies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// They are not Rego, or make no sense together.
    #[error(transparent)]
    Rego(#[from] Errors),
    /// What they say of themselves cannot be understood.
    #[error("{} problems in METADATA blocks", .0.len())]
    Metadata(Vec<Problem>),
}

/// Reads modules, each with its path. A text that is not Rego v1 and is Rego v0 is taken as that.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read<'t>(
    texts: impl IntoIterator<Item = (&'t Path, &'t str)>,
    options: &Options,
    sources: &Arc<Sources>,
) -> Result<Policies, ReadError> {
    let mut modules = Vec::new();
    let mut errors = Vec::new();
    let (mut names_file, mut names_graph) = (false, false);
    for (path, text) in texts {
        names_file |= text.contains("data.conftest");
        names_graph |= text.contains("data.probity");
        match parse(path, text, sources) {
            Ok(module) => modules.push(module),
            Err(found) => errors.extend(found.0),
        }
    }
    if !errors.is_empty() {
        return Err(Errors(errors).into());
    }
    let asked = rules(&modules, options);
    let described = describe(&asked, &modules).map_err(ReadError::Metadata)?;
    let options_of_rego = CompileOptions { extensions: Extensions::ALL, ..CompileOptions::default() };
    let compiled = Compiled::compile(modules, options_of_rego, Arc::clone(sources))?;
    Ok(policies(described, &compiled, options, &Around { names_file, names_graph, sources: Arc::clone(sources) }))
}

fn parse(path: &Path, text: &str, sources: &Sources) -> Result<Module, Errors> {
    parse_module(path, text, Version::V1, sources)
        .or_else(|errors| parse_module(path, text, Version::V0, sources).map_err(|_| errors))
}

/// A rule that finds something.
pub(crate) struct Asked {
    pub(crate) module: usize,
    pub(crate) rule: usize,
    /// Such as `main`.
    pub(crate) namespace: String,
    /// Such as `deny_root`.
    pub(crate) name: SmolStr,
}

impl Asked {
    fn full_name(&self) -> String {
        format!("data.{}.{}", self.namespace, self.name)
    }

    fn most(&self) -> Stage {
        if self.name.starts_with("warn") { Stage::Warn } else { Stage::Enforce }
    }
}

/// Whether rules of this name find something.
fn finds(name: &str) -> bool {
    let rest = ["deny", "violation", "warn"].iter().find_map(|word| name.strip_prefix(word));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

fn rules(modules: &[Module], options: &Options) -> Vec<Asked> {
    let mut asked = Vec::new();
    for (at, module) in modules.iter().enumerate() {
        let namespace = metadata::namespace(module);
        if !options.namespaces.is_empty() && !options.namespaces.contains(&namespace) {
            continue;
        }
        for (rule, found) in module.rules.iter().enumerate() {
            let head = &found.head;
            if finds(head.name()) && head.args.is_empty() && !head.function && !found.default {
                let name = SmolStr::new(head.name());
                asked.push(Asked { module: at, rule, namespace: namespace.clone(), name });
            }
        }
    }
    asked
}

/// Rules that are one policy.
struct Group {
    described: Described,
    most: Stage,
    /// The full names, and of each the spans of the rules.
    rules: BTreeMap<String, Vec<probity_model::Span>>,
    namespace: String,
    suffixes: BTreeMap<String, String>,
}

fn describe(asked: &[Asked], modules: &[Module]) -> Result<Vec<Group>, Vec<Problem>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut problems = Vec::new();
    for rule in asked {
        let described = match metadata::describe(rule, modules) {
            Ok(described) => described,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let at = place(&mut groups, described, rule);
        let span = modules[rule.module].rules[rule.rule].span;
        groups[at].rules.entry(rule.full_name()).or_default().push(span);
        let suffix = rule.name.split_once('_').map_or("", |(_, suffix)| suffix);
        groups[at].suffixes.insert(rule.full_name(), suffix.to_owned());
    }
    if problems.is_empty() { Ok(groups) } else { Err(problems) }
}

/// What all policies share.
struct Around {
    names_file: bool,
    names_graph: bool,
    sources: Arc<Sources>,
}

/// The position of the group that a rule belongs to. Rules of which the same is said are one policy; others of the same
/// name are told apart by a number.
fn place(groups: &mut Vec<Group>, mut described: Described, rule: &Asked) -> usize {
    let id = described.metadata.id.clone();
    for number in 2_u32.. {
        match groups.iter().position(|group| group.described.metadata.id == described.metadata.id) {
            None => break,
            Some(at) if groups[at].described.metadata == described.metadata && groups[at].most == rule.most() => {
                return at;
            }
            Some(at) if groups[at].most != rule.most() => {
                described.metadata.id = format!("{id}/{}", rule.name).as_str().into();
            }
            Some(_) => described.metadata.id = format!("{id}-{number}").as_str().into(),
        }
    }
    groups.push(Group {
        described,
        most: rule.most(),
        rules: BTreeMap::new(),
        namespace: rule.namespace.clone(),
        suffixes: BTreeMap::new(),
    });
    groups.len() - 1
}

fn policies(groups: Vec<Group>, compiled: &Compiled, options: &Options, around: &Around) -> Policies {
    let mut read = Policies::default();
    for group in groups {
        if let Input::Unread(what) = &group.described.input {
            *read.unread_inputs.entry(what.clone()).or_default() += 1;
            continue;
        }
        let exception = compiled.entry(&format!("data.{}.exception", group.namespace));
        let parts = group
            .rules
            .iter()
            .filter_map(|(name, spans)| {
                let entry = compiled.entry(name)?;
                let rules = entry.rules();
                let only: Vec<usize> = (0..rules.len()).filter(|at| spans.contains(&rules[*at])).collect();
                let entry = if only.len() == rules.len() { entry } else { entry.only(&only) };
                Some(Part { entry, suffix: group.suffixes[name].clone() })
            })
            .collect();
        read.policies.push(ConftestPolicy {
            metadata: group.described.metadata,
            span: group.described.span,
            input: group.described.input,
            types: group.described.types,
            most: group.most,
            parts,
            exception,
            data: options.data.clone(),
            combine: options.combine,
            names_file: around.names_file,
            names_graph: around.names_graph,
            sources: Arc::clone(&around.sources),
        });
    }
    read
}
