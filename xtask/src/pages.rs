//! The reference pages of the built-in policies, `docs/policies`, written from the catalog.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use probity_catalog::Service;
use probity_model::Metadata;
use probity_policy_core::{Policy, TypeSelector};

/// Where the pages are, from the workspace's root.
const FOLDER: &str = "docs/policies";

/// Writes all pages anew.
pub(crate) fn write() -> Result<()> {
    let folder = root().join(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let pages = pages()?;
    for (path, text) in &pages {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().context("a page lies in a folder")?)?;
        fs::write(path, text)?;
    }
    println!("{} pages in {FOLDER}", pages.len());
    Ok(())
}

/// Whether the pages say what the catalog does.
pub(crate) fn check() -> Result<()> {
    let folder = root().join(FOLDER);
    let pages = pages()?;
    for (path, text) in &pages {
        let known = fs::read_to_string(folder.join(path)).unwrap_or_default();
        ensure!(known == *text, "{FOLDER}/{} is not what the catalog says; run `cargo xtask pages`", path.display());
    }
    for provider in fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?.iter().filter(|entry| entry.path().is_dir())
    {
        for page in fs::read_dir(provider.path())? {
            let page = page?.path();
            let path = page.strip_prefix(&folder)?;
            ensure!(pages.contains_key(path), "{FOLDER}/{} is of no service; run `cargo xtask pages`", path.display());
        }
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All pages by their paths within the folder.
fn pages() -> Result<BTreeMap<PathBuf, String>> {
    let policies = probity_catalog::policies();
    let by_id: BTreeMap<&str, &dyn Policy> =
        policies.iter().map(|policy| (policy.metadata().id.as_str(), policy.as_ref())).collect();
    let mut pages = BTreeMap::new();
    let mut index = String::from(
        "# Built-in policies\n\nWritten from the catalog by `cargo xtask pages`. How severities are chosen: [severity](../severity.md). \
         How a policy is written: [writing policies](../writing-policies.md).\n",
    );
    let _ = writeln!(index, "\n{} policies.", policies.len());
    let mut provider = "";
    for service in probity_catalog::services() {
        if service.provider != provider {
            provider = &service.provider;
            let _ = writeln!(index, "\n## {provider}\n");
        }
        let path = PathBuf::from(provider).join(format!("{}.md", slug(&service.title)));
        let count = service.policies.len();
        let _ = writeln!(index, "- [{}]({}): {count}", service.title, path.display());
        let page = page(service, &by_id)?;
        if pages.insert(path.clone(), page).is_some() {
            bail!("two services would have the page {}", path.display());
        }
    }
    pages.insert("README.md".into(), index);
    Ok(pages)
}

fn slug(title: &str) -> String {
    let words: Vec<String> = title
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

fn page(service: &Service, by_id: &BTreeMap<&str, &dyn Policy>) -> Result<String> {
    let mut page = format!("# {}\n", service.title);
    for id in &service.policies {
        let policy = by_id.get(id.as_str()).with_context(|| format!("{id} is in no file"))?;
        section(*policy, &mut page);
    }
    Ok(page)
}

fn section(policy: &dyn Policy, page: &mut String) {
    let Metadata { id, title, severity, category, why, fix, aliases, controls, .. } = policy.metadata();
    let _ = write!(page, "\n## {id}\n\n**{title}**\n\n{severity} · {category}");
    if !aliases.is_empty() {
        let _ = write!(page, " · also {}", aliases.join(", "));
    }
    let types: Vec<&str> = policy.types().iter().map(name).collect();
    let _ = writeln!(page, "\n\n{}\n\n{}\n\nJudges: `{}`", one_line(why), one_line(fix), types.join("`, `"));
    if !controls.is_empty() {
        page.push_str("\n| control | serves | why |\n| --- | --- | --- |\n");
    }
    for link in controls {
        let _ = writeln!(page, "| {} | {} | {} |", link.control, link.serves, one_line(&link.why).replace('|', "\\|"));
    }
}

fn name(selector: &TypeSelector) -> &str {
    match selector {
        TypeSelector::All => "everything",
        TypeSelector::Exact(name) | TypeSelector::Prefix(name) => name,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
