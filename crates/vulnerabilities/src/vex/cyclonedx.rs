//! VEX in `CycloneDX`: the analysis of the vulnerabilities of a bill of materials.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Product, Statement, Verdict, VexStatus};
use crate::feed::nullable;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    serial_number: String,
    #[serde(default, deserialize_with = "nullable")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "nullable")]
    components: Vec<Component>,
    #[serde(default, deserialize_with = "nullable")]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default, deserialize_with = "nullable")]
    timestamp: String,
    supplier: Option<Supplier>,
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Supplier {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    purl: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    references: Vec<Other>,
    analysis: Option<Analysis>,
    #[serde(default, deserialize_with = "nullable")]
    updated: String,
    #[serde(default, deserialize_with = "nullable")]
    affects: Vec<Affects>,
}

#[derive(Deserialize)]
struct Other {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    state: Option<String>,
    justification: Option<String>,
    detail: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    response: Vec<String>,
    last_updated: Option<String>,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref")]
    reference: String,
}

pub(super) fn read(document: Value) -> Result<Vec<Statement>, serde_json::Error> {
    let Document { serial_number, metadata, components, vulnerabilities } = serde_json::from_value(document)?;
    let mut purls = HashMap::new();
    let mut left: Vec<&Component> = components.iter().chain(&metadata.component).collect();
    while let Some(component) = left.pop() {
        left.extend(&component.components);
        purls.extend(component.reference.as_deref().zip(component.purl.as_deref()));
    }
    let author = metadata.supplier.and_then(|supplier| supplier.name).unwrap_or_default();
    let statements = vulnerabilities.into_iter().filter_map(|vulnerability| {
        let Vulnerability { id, references, analysis, updated, affects } = vulnerability;
        let analysis = analysis?;
        let names = [id].into_iter().chain(references.into_iter().filter_map(|other| other.id));
        let times = [analysis.last_updated.unwrap_or_default(), updated, metadata.timestamp.clone()];
        Some(Statement {
            vulnerability: names.filter(|name| !name.is_empty()).collect(),
            products: affects.iter().map(|it| product(&it.reference, &purls)).collect(),
            verdict: Verdict {
                status: status(analysis.state.as_deref()?)?,
                justification: analysis.justification,
                impact: analysis.detail,
                action: (!analysis.response.is_empty()).then(|| analysis.response.join(", ")),
                author: author.clone(),
                document: serial_number.clone(),
                timestamp: times.into_iter().find(|time| !time.is_empty()).unwrap_or_default(),
            },
        })
    });
    Ok(statements.collect())
}

fn status(state: &str) -> Option<VexStatus> {
    Some(match state {
        "not_affected" | "false_positive" => VexStatus::NotAffected,
        "exploitable" => VexStatus::Affected,
        "resolved" | "resolved_with_pedigree" => VexStatus::Fixed,
        "in_triage" => VexStatus::UnderInvestigation,
        _ => return None,
    })
}

/// A reference within the document, or into another: `urn:cdx:serial/1#reference`. Many are package URLs themselves.
fn product(reference: &str, purls: &HashMap<&str, &str>) -> Product {
    let outside = reference.strip_prefix("urn:cdx:").and_then(|link| link.split_once('#')).map(|(_, to)| decoded(to));
    let reference = outside.unwrap_or_else(|| reference.to_owned());
    let purl = purls.get(reference.as_str()).map(|purl| (*purl).to_owned());
    Product { names: purl.into_iter().chain([reference]).collect(), parts: Vec::new() }
}

/// Takes percent-encoding away.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if byte.is_some() { &behind[2..] } else { behind };
        bytes.push(byte.unwrap_or(*first));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
