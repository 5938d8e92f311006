//! The parts of CSAF 2.0 that say which product has which vulnerability (`docs.oasis-open.org/csaf`), for advisories and VEX.

use std::collections::HashMap;

use serde::Deserialize;

use crate::feed::nullable;

#[derive(Deserialize)]
pub(crate) struct Document {
    #[serde(rename = "document")]
    pub(crate) head: Head,
    #[serde(default, deserialize_with = "nullable")]
    product_tree: Tree,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
pub(crate) struct Head {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) title: String,
    pub(crate) publisher: Publisher,
    pub(crate) tracking: Tracking,
}

#[derive(Deserialize)]
pub(crate) struct Publisher {
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Tracking {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) current_release_date: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) initial_release_date: String,
}

#[derive(Deserialize, Default)]
struct Tree {
    #[serde(default, deserialize_with = "nullable")]
    branches: Vec<Branch>,
    #[serde(default, deserialize_with = "nullable")]
    full_product_names: Vec<FullName>,
    #[serde(default, deserialize_with = "nullable")]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default, deserialize_with = "nullable")]
    branches: Vec<Branch>,
    product: Option<FullName>,
}

#[derive(Deserialize)]
struct FullName {
    product_id: String,
    #[serde(default, deserialize_with = "nullable")]
    product_identification_helper: Helper,
}

#[derive(Deserialize, Default, Clone)]
struct Helper {
    cpe: Option<String>,
    purl: Option<String>,
}

#[derive(Deserialize)]
struct Relationship {
    full_product_name: FullName,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
pub(crate) struct Vulnerability {
    pub(crate) cve: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) title: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) ids: Vec<OtherId>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) product_status: ProductStatus,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) remediations: Vec<Note>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) threats: Vec<Note>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) flags: Vec<Flag>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) scores: Vec<Score>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) references: Vec<Reference>,
}

#[derive(Deserialize)]
pub(crate) struct OtherId {
    pub(crate) text: String,
}

#[derive(Deserialize, Default)]
pub(crate) struct ProductStatus {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) fixed: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) known_affected: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) known_not_affected: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) under_investigation: Vec<String>,
}

/// A remediation or a threat.
#[derive(Deserialize)]
pub(crate) struct Note {
    pub(crate) category: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) details: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) product_ids: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Flag {
    pub(crate) label: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) product_ids: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Score {
    #[serde(rename = "cvss_v2")]
    second: Option<Vector>,
    #[serde(rename = "cvss_v3")]
    third: Option<Vector>,
    #[serde(rename = "cvss_v4")]
    fourth: Option<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "vectorString")]
    vector: String,
}

#[derive(Deserialize)]
pub(crate) struct Reference {
    pub(crate) category: Option<String>,
    pub(crate) url: String,
}

impl Score {
    pub(crate) fn vectors(&self) -> impl Iterator<Item = &str> {
        [&self.fourth, &self.third, &self.second].into_iter().flatten().map(|vector| vector.vector.as_str())
    }
}

/// A product: a package, and the platform that it is part of.
#[derive(Default)]
pub(crate) struct Product {
    pub(crate) purl: Option<String>,
    /// The CPE of the platform, or the product's own.
    pub(crate) cpe: Option<String>,
}

/// The products of a document by what its statements call them.
pub(crate) struct Products(HashMap<String, Product>);

impl Products {
    pub(crate) fn new(document: &Document) -> Self {
        let mut known: HashMap<&str, &Helper> = HashMap::new();
        let tree = &document.product_tree;
        let mut branches: Vec<&Branch> = tree.branches.iter().collect();
        while let Some(branch) = branches.pop() {
            branches.extend(&branch.branches);
            known.extend(branch.product.iter().map(|it| (it.product_id.as_str(), &it.product_identification_helper)));
        }
        known.extend(
            tree.full_product_names.iter().map(|it| (it.product_id.as_str(), &it.product_identification_helper)),
        );
        let mut products: HashMap<String, Product> = HashMap::new();
        for link in &tree.relationships {
            let (package, platform) =
                (known.get(link.product_reference.as_str()), known.get(link.relates_to_product_reference.as_str()));
            let purl = package.and_then(|package| package.purl.clone());
            let cpe = platform.and_then(|platform| platform.cpe.clone());
            products.insert(link.full_product_name.product_id.clone(), Product { purl, cpe });
        }
        for (id, helper) in known {
            products
                .entry(id.to_owned())
                .or_insert_with(|| Product { purl: helper.purl.clone(), cpe: helper.cpe.clone() });
        }
        Self(products)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Product> {
        self.0.get(id)
    }
}
