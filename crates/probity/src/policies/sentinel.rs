//! Sets of Sentinel policies among the files of a repository.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use probity_model::{Problem, Source, Sources};
use probity_policy_sentinel::config::Configuration;
use probity_policy_sentinel::{Policy, set};

use super::languages::Placed;
use super::{Ids, Own, check_placed, collect_files, lines};
use crate::input;

/// Whether a file is a policy, a module, or the configuration of a set.
pub(super) fn is_part(path: &Path) -> bool {
    set::is_policy_file(path) || set::is_configuration_file(path)
}

/// Whether a file is for tests alone: cases and mocks stand in `test` and `testdata`.
pub(super) fn is_of_test(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.iter().any(|part| part == "test" || part == "testdata"))
}

/// The files that the configurations among these name, beside these: modules and data lie anywhere.
pub(super) fn files_named_in(found: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let sources = Sources::default();
    let plain = |path: &PathBuf| path.components().collect::<PathBuf>();
    let mut known: HashSet<PathBuf> = found.iter().map(plain).collect();
    let mut named = Vec::new();
    for configuration in found.iter().filter(|path| set::is_configuration_file(path)) {
        let files = set::named_files(configuration, &sources).map_err(|problem| anyhow!(problem))?;
        named.extend(files.into_iter().filter(|file| file.is_file() && known.insert(file.clone())));
    }
    Ok(named)
}

/// The texts at paths, files or folders, that belong to sets, with those that configurations among them name.
pub(crate) fn texts_of<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Result<BTreeMap<PathBuf, Arc<str>>> {
    let mut found = Vec::new();
    for path in paths {
        collect_files(path, &mut found, 0).with_context(|| format!("{} cannot be read", path.display()))?;
    }
    found.retain(|path| is_part(path));
    let named = files_named_in(&found)?;
    let read = |path: PathBuf| Ok((path.clone(), input::read_text(&path)?.into()));
    found.into_iter().chain(named).map(read).collect()
}

/// Adds the policies of sets; gives what is wrong with them. Data that they import is among `others`.
pub(super) fn read(
    sets: &[Source],
    others: &[Source],
    sources: &Arc<Sources>,
    ids: &mut Ids,
    own: &mut Own,
) -> Vec<String> {
    if sets.is_empty() {
        return Vec::new();
    }
    let data = others.iter().filter(|file| file.path.extension().is_some_and(|ending| ending == "json"));
    let texts = sets.iter().chain(data).map(|file| (file.path.clone(), Arc::clone(&file.text))).collect();
    let (policies, wrong) = policies(texts, sources, ids);
    for placed in policies {
        own.places.extend(placed.place());
        own.policies.push(placed.policy);
    }
    wrong
}

/// The policies of texts, and what is wrong with them.
pub(super) fn policies(
    texts: BTreeMap<PathBuf, Arc<str>>,
    sources: &Arc<Sources>,
    ids: &mut Ids,
) -> (Vec<Placed>, Vec<String>) {
    let set::Set { policies, problems: mut wrong } = set::read(texts, &set::Options::default(), sources);
    let placed: Vec<Placed> =
        policies.into_iter().map(|policy| Placed { span: Some(policy.span()), policy: Arc::new(policy) }).collect();
    wrong.extend(placed.iter().flat_map(|placed| lines(&check_placed(placed, ids), sources)));
    (placed, wrong)
}

/// What is wrong with one file of a set by itself.
pub(super) fn problems(path: &Path, sources: &Sources) -> Vec<Problem> {
    let text = match input::read_text(path) {
        Ok(text) => text,
        Err(error) => return vec![Problem::new(format!("{error:#}"), None)],
    };
    let source = sources.add(path, text.as_str());
    let read = if set::is_policy_file(path) {
        Policy::parse(sources, source).map(drop)
    } else if path.extension().is_some_and(|ending| ending == "json") {
        Configuration::from_json(&text, source).map(drop)
    } else {
        Configuration::from_hcl(&text, source).map(drop)
    };
    read.err().map(|problems| problems.0).unwrap_or_default()
}
