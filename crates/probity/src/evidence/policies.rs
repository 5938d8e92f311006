//! The policies of a scan, as they are kept: what is known of each, and the texts that they are compiled from.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use probity_evidence_redact::{Redactor, Secrets};
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Metadata, PolicyId, Source, Sources};
use probity_policy_core::Policy;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The form that is written.
const VERSION: u32 = 1;

#[derive(Deserialize)]
struct Kept<'a> {
    version: u32,
    policies: Vec<KeptPolicy>,
    #[serde(borrow, default)]
    catalog: Option<&'a RawValue>,
    #[serde(default)]
    own: Vec<OwnFile>,
}

#[derive(Deserialize)]
struct KeptPolicy {
    id: PolicyId,
}

#[derive(serde::Serialize, Deserialize)]
struct OwnFile {
    path: String,
    text: String,
}

/// Writes the policies that were asked, with the built-in ones as they are embedded and a repository's own files.
pub(crate) fn write<'a>(
    asked: impl Iterator<Item = &'a Metadata>,
    own: &[Arc<Source>],
    redactor: &Redactor,
) -> Result<String> {
    let asked: Vec<&Metadata> = asked.collect();
    let builtin = asked.iter().any(|metadata| metadata.builtin);
    let catalog = if builtin { std::str::from_utf8(probity_catalog::source())? } else { "null" };
    let clean = |text: &str| redactor.text(text, &Secrets::new()).into_owned();
    let own: Vec<OwnFile> = own
        .iter()
        .map(|source| OwnFile { path: clean(&source.path.display().to_string()), text: clean(&source.text) })
        .collect();
    let (asked, own) = (serde_json::to_string(&asked)?, serde_json::to_string(&own)?);
    Ok(format!(r#"{{"version":{VERSION},"policies":{asked},"catalog":{catalog},"own":{own}}}"#))
}

/// Compiles the policies that were asked.
pub(crate) fn read(json: &[u8]) -> Result<Vec<Arc<dyn Policy>>> {
    let kept: Kept<'_> = serde_json::from_slice(json).context("the policies cannot be understood")?;
    if kept.version != VERSION {
        bail!("the policies are kept in form {}; this Probity reads {VERSION}", kept.version);
    }
    let asked: HashSet<PolicyId> = kept.policies.into_iter().map(|policy| policy.id).collect();
    let mut policies = match kept.catalog {
        Some(catalog) if catalog.get() != "null" => probity_catalog::read(catalog.get().as_bytes())?,
        _ => Vec::new(),
    };
    for file in &kept.own {
        policies.extend(read_own(file)?);
    }
    policies.retain(|policy| asked.contains(&policy.metadata().id));
    if policies.len() != asked.len() {
        bail!("{} policies were asked and {} are kept", asked.len(), policies.len());
    }
    Ok(policies)
}

fn read_own(file: &OwnFile) -> Result<Vec<Arc<dyn Policy>>> {
    let sources = Sources::default();
    let id = sources.add(&file.path, file.text.as_str());
    let documents =
        yaml::read(&file.text, id, Dialect::Core).map_err(|(problem, _)| anyhow!("{}: {problem}", file.path))?;
    let document = documents.first().with_context(|| format!("{}: there is nothing in the file", file.path))?;
    probity_policy_graph::read_file(Node::root(&document.value, document.span)).map_err(|problems| {
        let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("{}: {}", file.path, words.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_compiled_again() {
        let own = "policies:\n  - id: OWN-1\n    title: Named\n    severity: low\n    bindings:\n      - types: [aws_vpc]\n        \
                   rule: {attribute: name, operator: exists}\n";
        let sources = Sources::default();
        let id = sources.add("own.yaml", own);
        let mut policies = probity_catalog::policies();
        policies.truncate(3);
        policies.extend(read_own(&OwnFile { path: "own.yaml".to_owned(), text: own.to_owned() }).unwrap());
        let asked = || policies.iter().map(|policy| policy.metadata());
        let json = write(asked(), &[sources.get(id).unwrap()], &Redactor::new()).unwrap();
        let read = read(json.as_bytes()).unwrap();
        let mut ids: Vec<&PolicyId> = read.iter().map(|policy| &policy.metadata().id).collect();
        let mut expected: Vec<&PolicyId> = asked().map(|metadata| &metadata.id).collect();
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected);
    }

    #[test]
    fn what_is_something_else_is_refused() {
        for json in ["", "{}", r#"{"version":2,"policies":[]}"#, r#"{"version":1,"policies":[{"id":"NO-SUCH"}]}"#] {
            assert!(read(json.as_bytes()).is_err(), "{json}");
        }
    }
}
