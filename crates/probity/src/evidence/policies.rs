//! The policies of a scan, as they are kept: what is known of each, and the texts that they are compiled from.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use probity_evidence_redact::{Redactor, Secrets};
use probity_model::{Metadata, PolicyId, Source, Sources, json};
use probity_policy_conftest::Options as RegoOptions;
use probity_policy_core::Policy;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::policies::{self, Own};

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
    #[serde(default)]
    rego: KeptRego,
}

/// How a repository's own Rego modules were taken.
#[derive(Default, serde::Serialize, Deserialize)]
struct KeptRego {
    namespaces: Vec<String>,
    combine: bool,
    /// JSON.
    data: Option<String>,
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
pub(crate) fn write<'a>(asked: impl Iterator<Item = &'a Metadata>, own: &Own, redactor: &Redactor) -> Result<String> {
    let asked: Vec<&Metadata> = asked.collect();
    let builtin = asked.iter().any(|metadata| metadata.builtin);
    let catalog = if builtin { std::str::from_utf8(probity_catalog::source())? } else { "null" };
    let clean = |text: &str| redactor.text(text, &Secrets::new()).into_owned();
    let data = own.rego.data.as_ref().map(json::write);
    let rego = KeptRego {
        namespaces: own.rego.namespaces.clone(),
        combine: own.rego.combine,
        data: data.as_deref().map(clean),
    };
    let own: Vec<OwnFile> = own
        .texts
        .iter()
        .map(|source| OwnFile { path: clean(&source.path.display().to_string()), text: clean(&source.text) })
        .collect();
    let (asked, own, rego) =
        (serde_json::to_string(&asked)?, serde_json::to_string(&own)?, serde_json::to_string(&rego)?);
    Ok(format!(r#"{{"version":{VERSION},"policies":{asked},"catalog":{catalog},"own":{own},"rego":{rego}}}"#))
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
    if !kept.own.is_empty() {
        let files = kept.own.iter().map(|file| Source::new(&file.path, file.text.as_str())).collect();
        let data = kept.rego.data.as_ref().map(|data| json::read(data.as_bytes())).transpose();
        let data = data.map_err(|problem| anyhow::anyhow!("the data of the policies: {problem}"))?;
        let rego = RegoOptions { namespaces: kept.rego.namespaces, data, combine: kept.rego.combine };
        policies.extend(policies::compile(files, rego, &Arc::new(Sources::default()), &policies)?.policies);
    }
    policies.retain(|policy| asked.contains(policy.id()));
    if policies.len() != asked.len() {
        bail!("{} policies were asked and {} are kept", asked.len(), policies.len());
    }
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_compiled_again() {
        let own = "policies:\n  - id: OWN-1\n    title: Named\n    severity: low\n    bindings:\n      - types: [aws_vpc]\n        \
                   rule: {attribute: name, operator: exists}\n";
        let rego = "package main\ndeny contains data.words[0] if input.bad";
        let files = vec![Source::new("own.yaml", own), Source::new("own.rego", rego)];
        let data = json::read(br#"{"words": ["bad"]}"#).unwrap();
        let options = RegoOptions { data: Some(data), ..RegoOptions::default() };
        let own = policies::compile(files, options, &Arc::new(Sources::default()), &[]).unwrap();
        let mut policies = probity_catalog::policies();
        policies.truncate(3);
        policies.extend(own.policies.iter().cloned());
        let asked = || policies.iter().map(|policy| policy.metadata());
        let json = write(asked(), &own, &Redactor::new()).unwrap();
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
