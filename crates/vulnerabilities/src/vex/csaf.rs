//! CSAF 2.0, profile 5 (VEX).

use serde_json::Value;

use super::{Product, Statement, Verdict, VexStatus};
use crate::csaf::{Document, Products, Vulnerability};

pub(super) fn read(document: Value) -> Result<Vec<Statement>, serde_json::Error> {
    let document: Document = serde_json::from_value(document)?;
    let products = Products::new(&document);
    let statements = document.vulnerabilities.iter().flat_map(|it| statements(&document, it, &products));
    Ok(statements.collect())
}

/// One for each product: each has its own reasons.
fn statements(document: &Document, vulnerability: &Vulnerability, products: &Products) -> Vec<Statement> {
    let status = &vulnerability.product_status;
    let lists = [
        (VexStatus::NotAffected, &status.known_not_affected),
        (VexStatus::Affected, &status.known_affected),
        (VexStatus::Fixed, &status.fixed),
        (VexStatus::UnderInvestigation, &status.under_investigation),
    ];
    let names: Vec<String> =
        vulnerability.cve.iter().cloned().chain(vulnerability.ids.iter().map(|id| id.text.clone())).collect();
    let of = |status: VexStatus, id: &String| {
        let purl = products.get(id).and_then(|product| product.purl.clone());
        Statement {
            vulnerability: names.clone(),
            products: vec![Product { names: purl.into_iter().chain([id.clone()]).collect(), parts: Vec::new() }],
            verdict: verdict(document, vulnerability, status, id),
        }
    };
    lists
        .into_iter()
        .flat_map(|(status, ids)| ids.iter().map(move |id| (status, id)))
        .map(|(status, id)| of(status, id))
        .collect()
}

fn verdict(document: &Document, vulnerability: &Vulnerability, status: VexStatus, id: &str) -> Verdict {
    // What names no products holds for all of them.
    let about = |ids: &[String]| ids.is_empty() || ids.iter().any(|other| other == id);
    let flag = vulnerability.flags.iter().find(|flag| about(&flag.product_ids));
    let impact = vulnerability.threats.iter().find(|it| it.category == "impact" && about(&it.product_ids));
    let action = vulnerability.remediations.iter().find(|it| about(&it.product_ids));
    Verdict {
        status,
        justification: flag.map(|flag| flag.label.clone()),
        impact: impact.map(|impact| impact.details.clone()),
        action: action.map(|action| action.details.clone()),
        author: document.head.publisher.name.clone(),
        document: document.head.tracking.id.clone(),
        timestamp: document.head.tracking.current_release_date.clone(),
    }
}
