use jiff::Timestamp;
use probity_model::Value;

use super::{entry, list, text, time};

/// An OpenVEX document: which vulnerabilities matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Vex {
    /// Who says so.
    pub author: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// What is said.
    pub statements: Vec<VexStatement>,
}

/// What is said of a vulnerability.
#[derive(Debug, Clone, PartialEq)]
pub struct VexStatement {
    /// The vulnerability's id.
    pub vulnerability: String,
    /// The products that it is said of, by their ids; none where it is of all that the document is about.
    pub products: Vec<String>,
    /// `not_affected`, `affected`, `fixed` or `under_investigation`.
    pub status: String,
    /// Why it does not affect: one of OpenVEX's five words.
    pub justification: Option<String>,
    /// The same in a sentence.
    pub impact: Option<String>,
}

impl VexStatement {
    fn read(value: &Value) -> Option<Self> {
        // Version 0.0 named the vulnerability by a text.
        let vulnerability = text(value, &["vulnerability", "name"])
            .or_else(|| text(value, &["vulnerability", "@id"]))
            .or_else(|| text(value, &["vulnerability"]))?;
        let products = list(value, &["products"]).iter();
        let id = |product: &Value| text(product, &["@id"]).or_else(|| text(product, &[]));
        Some(Self {
            vulnerability,
            products: products.filter_map(id).collect(),
            status: text(value, &["status"])?,
            justification: text(value, &["justification"]),
            impact: text(value, &["impact_statement"]),
        })
    }

    /// Whether it lifts the vulnerability: it is fixed, or does not affect, with the reason that OpenVEX asks for.
    pub fn lifts(&self) -> bool {
        match self.status.as_str() {
            "fixed" => true,
            "not_affected" => self.justification.is_some() || self.impact.is_some(),
            _ => false,
        }
    }

    fn document(&self) -> Value {
        let entries = [
            Some(("vulnerability", Value::from(self.vulnerability.as_str()))),
            Some(("products", Value::array(self.products.iter().map(|id| Value::from(id.as_str()))))),
            Some(("status", Value::from(self.status.as_str()))),
            entry("justification", self.justification.as_deref()),
            entry("impact", self.impact.as_deref()),
            Some(("lifts", Value::from(self.lifts()))),
        ];
        Value::object(entries.into_iter().flatten())
    }
}

impl Vex {
    pub(super) fn read(predicate: &Value) -> Self {
        Self {
            author: text(predicate, &["author"]),
            at: time(predicate, &["timestamp"]),
            statements: list(predicate, &["statements"]).iter().filter_map(VexStatement::read).collect(),
        }
    }

    /// It as a document.
    pub fn document(&self) -> Value {
        let entries = [
            entry("author", self.author.as_deref()),
            entry("at", self.at),
            Some(("statements", Value::array(self.statements.iter().map(VexStatement::document)))),
        ];
        Value::object(entries.into_iter().flatten())
    }
}
