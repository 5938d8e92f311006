//! `OpenVEX` (`github.com/openvex/spec`), versions 0.0.1 to 0.2.0.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Product, Statement, Verdict, VexStatus};
use crate::feed::nullable;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "@id", default)]
    id: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    timestamp: String,
    statements: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    vulnerability: Named,
    #[serde(default, deserialize_with = "nullable")]
    products: Vec<Component>,
    /// Version 0.0.1 has them here.
    #[serde(default, deserialize_with = "nullable")]
    subcomponents: Vec<Component>,
    status: VexStatus,
    justification: Option<String>,
    impact_statement: Option<String>,
    action_statement: Option<String>,
    timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Text(String),
    Vulnerability {
        #[serde(default)]
        name: String,
        #[serde(default, deserialize_with = "nullable")]
        aliases: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Component {
    Text(String),
    Component {
        #[serde(rename = "@id", default)]
        id: String,
        #[serde(default, deserialize_with = "nullable")]
        identifiers: BTreeMap<String, String>,
        #[serde(default, deserialize_with = "nullable")]
        hashes: BTreeMap<String, String>,
        #[serde(default, deserialize_with = "nullable")]
        subcomponents: Vec<Component>,
    },
}

pub(super) fn read(document: Value) -> Result<Vec<Statement>, serde_json::Error> {
    let Document { id, author, timestamp, statements } = serde_json::from_value(document)?;
    let of = |said: Said| {
        let outer: Vec<String> = said.subcomponents.into_iter().flat_map(|part| product(part).names).collect();
        let products = said.products.into_iter().map(product).map(|mut product| {
            product.parts.extend(outer.iter().cloned());
            product
        });
        Statement {
            vulnerability: names(said.vulnerability),
            products: products.collect(),
            verdict: Verdict {
                status: said.status,
                justification: said.justification,
                impact: said.impact_statement,
                action: said.action_statement,
                author: author.clone(),
                document: id.clone(),
                timestamp: said.timestamp.unwrap_or_else(|| timestamp.clone()),
            },
        }
    };
    Ok(statements.into_iter().map(of).collect())
}

fn names(named: Named) -> Vec<String> {
    let all = match named {
        Named::Text(name) => vec![name],
        Named::Vulnerability { name, aliases } => [vec![name], aliases].concat(),
    };
    all.into_iter().filter(|name| !name.is_empty()).collect()
}

/// A digest is a name, too: `sha256:…`.
fn product(component: Component) -> Product {
    match component {
        Component::Text(name) => Product { names: vec![name], parts: Vec::new() },
        Component::Component { id, identifiers, hashes, subcomponents } => {
            let digests = hashes
                .into_iter()
                .map(|(algorithm, value)| format!("{}:{value}", algorithm.replace('-', "").to_ascii_lowercase()));
            let names = [id].into_iter().chain(identifiers.into_values()).chain(digests);
            Product {
                names: names.filter(|name| !name.is_empty()).collect(),
                parts: subcomponents.into_iter().flat_map(|part| product(part).names).collect(),
            }
        }
    }
}
