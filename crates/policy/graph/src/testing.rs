//! What the tests of this crate share.

use probity_model::{Labels, Subject, SubjectKind, json};

/// A subject of this type with this JSON document.
pub(crate) fn subject(resource_type: &str, document: &str) -> Subject {
    Subject {
        kind: SubjectKind::Terraform,
        resource_type: resource_type.into(),
        address: format!("{resource_type}.test").into(),
        document: json::read(document.as_bytes()).unwrap(),
        span: None,
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}
