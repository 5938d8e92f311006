//! Sets of Sentinel policies among the files of a repository.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use probity_model::{Source, Sources};
use probity_policy_sentinel::set;

use super::languages::Placed;
use super::{Ids, Own, check_placed, lines};

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
    let set::Set { policies, problems: mut wrong } = set::read(texts, false, sources);
    for policy in policies {
        let placed = Placed { span: Some(policy.span()), policy: Arc::new(policy) };
        wrong.extend(lines(&check_placed(&placed, ids), sources));
        own.places.extend(placed.place());
        own.policies.push(placed.policy);
    }
    wrong
}
