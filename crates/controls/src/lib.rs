//! Frameworks as data: requirements, texts, crosswalks.
//!
//! Each file in `frameworks/` is one framework in one version: every requirement with its id as the standard prints it
//! and a title and text in our own words, never the standard's; whether software can check it; which requirements of
//! other frameworks ask for the same; where the ids of earlier versions went; and the sets that auditors ask for as
//! one. The build checks the files, and the library embeds what they say.

mod framework;
mod read;

use std::collections::HashMap;
use std::sync::LazyLock;

use probity_model::node::{Node, closest};
use probity_model::{ControlId, SmolStr, json};

pub use framework::{ControlSet, Framework, Requirement, Retired, Technical};

/// What `build.rs` made of `frameworks/*.yaml`: a JSON list of frameworks, with the fields of the files.
static FRAMEWORKS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/frameworks.json"));

static BUILTIN: LazyLock<Frameworks> = LazyLock::new(|| Frameworks::new(read_all(FRAMEWORKS)));

/// All frameworks, indexed by requirement.
#[derive(Debug)]
pub struct Frameworks {
    /// In the order of their ids.
    all: Vec<Framework>,
    /// Position of the framework and of the requirement in it.
    positions: HashMap<ControlId, (usize, usize)>,
    /// For a requirement those whose crosswalk names it.
    named_by: HashMap<ControlId, Vec<ControlId>>,
}

/// What an id means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution<'f> {
    /// A requirement of the current version.
    Current(&'f Requirement),
    /// Requirements of earlier versions, the only ones that have this id; never empty.
    Retired(Vec<&'f Retired>),
    /// Nothing.
    Unknown {
        /// The id of the current version that was probably meant.
        closest: Option<&'f str>,
    },
}

impl Frameworks {
    /// The frameworks that come with Probity, read on first use.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    fn new(frameworks: Vec<Framework>) -> Self {
        let mut positions = HashMap::new();
        let mut named_by: HashMap<ControlId, Vec<ControlId>> = HashMap::new();
        for (at, framework) in frameworks.iter().enumerate() {
            for (position, requirement) in framework.requirements.iter().enumerate() {
                positions.insert(requirement.id.clone(), (at, position));
                for named in &requirement.crosswalk {
                    named_by.entry(named.clone()).or_default().push(requirement.id.clone());
                }
            }
        }
        Self { all: frameworks, positions, named_by }
    }

    /// The frameworks in the order of their ids.
    pub fn iter(&self) -> std::slice::Iter<'_, Framework> {
        self.all.iter()
    }

    /// The framework with this id, such as `soc2`.
    pub fn get(&self, id: &str) -> Option<&Framework> {
        self.iter().find(|framework| framework.id == id)
    }

    /// The requirement with this id, in the current version of its framework.
    pub fn requirement(&self, id: &ControlId) -> Option<&Requirement> {
        let &(framework, position) = self.positions.get(id)?;
        self.all.get(framework)?.requirements.get(position)
    }

    /// What an id means in a framework, in its current version or else in an earlier one. `VERSION:ID`, such as
    /// `3.2.1:1.1.1` for `pci-dss`, asks for an id of an earlier version that the current one uses for something else.
    /// `None` when there is no such framework.
    pub fn resolve(&self, framework: &str, text: &str) -> Option<Resolution<'_>> {
        let framework = self.get(framework)?;
        let id = ControlId { framework: framework.id.clone(), requirement: text.into() };
        if let Some(requirement) = self.requirement(&id) {
            return Some(Resolution::Current(requirement));
        }
        let retired: Vec<&Retired> = match text.split_once(':') {
            Some((version, id)) => framework.retired_as(id).filter(|retired| retired.version == version).collect(),
            None => framework.retired_as(text).collect(),
        };
        if !retired.is_empty() {
            return Some(Resolution::Retired(retired));
        }
        let ids: Vec<&str> =
            framework.requirements.iter().map(|requirement| requirement.id.requirement.as_str()).collect();
        Some(Resolution::Unknown { closest: closest(text, &ids) })
    }

    /// The requirements of other frameworks that this one's crosswalk names.
    pub fn crosswalk_from(&self, id: &ControlId) -> &[ControlId] {
        self.requirement(id).map_or(&[], |requirement| &requirement.crosswalk)
    }

    /// The requirements of other frameworks whose crosswalk names this one.
    pub fn crosswalk_to(&self, id: &ControlId) -> &[ControlId] {
        self.named_by.get(id).map_or(&[], Vec::as_slice)
    }

    /// All sets with the framework of each.
    pub fn sets(&self) -> impl Iterator<Item = (&Framework, &ControlSet)> {
        self.iter().flat_map(|framework| framework.sets.iter().map(move |set| (framework, set)))
    }

    /// The set with this id, such as `hipaa-access-control`.
    pub fn set(&self, id: &str) -> Option<&ControlSet> {
        self.sets().map(|(_, set)| set).find(|set| set.id == id)
    }
}

impl<'f> IntoIterator for &'f Frameworks {
    type Item = &'f Framework;
    type IntoIter = std::slice::Iter<'f, Framework>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Framework {
    /// What this id stood for in earlier versions.
    pub fn retired_as<'f>(&'f self, id: &str) -> impl Iterator<Item = &'f Retired> {
        let id = SmolStr::from(id);
        self.retired.iter().filter(move |retired| retired.id == id)
    }
}

/// Reads the embedded list.
///
/// # Panics
/// When it is not as `build.rs` wrote it.
fn read_all(text: &[u8]) -> Vec<Framework> {
    let list = json::read(text).expect("build.rs wrote JSON");
    let mut problems = Vec::new();
    let readings: Vec<read::Reading> = Node::root(&list, None)
        .list()
        .and_then(|nodes| nodes.into_iter().map(|node| read::framework(node, &mut problems)).collect())
        .expect("build.rs read every framework");
    problems.extend(read::check(&readings));
    assert!(problems.is_empty(), "build.rs checked every requirement: {problems:?}");
    readings.into_iter().map(|reading| reading.framework).collect()
}
