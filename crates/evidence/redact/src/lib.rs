//! Takes secrets out of what is kept.
//!
//! A [`Redactor`] makes the copy of a document that is kept as evidence. Policies judge the document as it is; what is redacted in
//! error costs the exactness of a replay and nothing else, so doubt is decided for redaction. What is found:
//!
//! - tokens and keys that are known by their form, wherever they stand, also in base64, percent-encoded or escaped;
//! - values under names that say that they are secret, in documents and in the texts within them: scripts, command lines,
//!   configuration files, connection strings, URLs;
//! - all data of Kubernetes Secrets, attributes that a Terraform provider or plan calls sensitive;
//! - values that look random, where such values are mostly keys.
//!
//! References, names of secrets, settings about secrets, digests, identifiers and public keys stay.

mod clean;
mod commands;
mod document;
mod secrets;

use std::borrow::Cow;

use probity_model::{SubjectKind, Value};

pub use crate::secrets::Secrets;

use probity_secrets::assignments::Assignments;
use probity_secrets::found::{Found, merge, replace};
use probity_secrets::tokens::Tokens;
use probity_secrets::{encoded, kind};

/// How many encodings inside of each other are taken off. What is encoded more often is redacted as it is.
const MAX_LAYERS: usize = 4;

/// How often a text is looked at again after something was taken out of it.
const MAX_ROUNDS: usize = 4;

/// Shortest run of base64 that is looked into: that of eight bytes.
const LEAST_BASE64: usize = 11;

/// Finds secrets and puts markers, `[redacted:KIND]`, in their place. Made once and used by all threads.
pub struct Redactor {
    tokens: Tokens,
    assignments: Assignments,
}

/// A document without its secrets.
#[derive(Debug)]
pub struct Redacted {
    /// The document. What has no secret in it is shared with the original.
    pub value: Value,
    /// What was replaced, in the order of the document.
    pub redactions: Vec<Redaction>,
    /// The secrets themselves, for [`Redactor::text`].
    pub secrets: Secrets,
}

/// One value that was replaced, or that a part of was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redaction {
    /// Where it stands in the redacted document, as a JSON Pointer (RFC 6901). Members of a set are counted in its order.
    pub pointer: String,
    /// What kind of secret it was, as the marker names it.
    pub kind: &'static str,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl Redactor {
    /// Compiles what is looked for: some milliseconds.
    pub fn new() -> Self {
        Self { tokens: Tokens::new(), assignments: Assignments::new() }
    }

    /// A copy of the document without secrets. Unknown values stay unknown, and what they wait for is named.
    pub fn document(&self, kind: SubjectKind, resource_type: &str, document: &Value) -> Redacted {
        document::redact(self, kind, resource_type, document, None)
    }

    /// As [`document`](Self::document), with what a Terraform plan says is sensitive: the `sensitive_values` of the resource.
    pub fn document_with_marks(
        &self,
        kind: SubjectKind,
        resource_type: &str,
        document: &Value,
        sensitive_values: &Value,
    ) -> Redacted {
        document::redact(self, kind, resource_type, document, Some(sensitive_values))
    }

    /// Any other text (a message, a reason, an address, a path) without secrets, neither those that are known by their form or
    /// place nor these.
    pub fn text<'t>(&self, text: &'t str, secrets: &Secrets) -> Cow<'t, str> {
        let known = merge(text, secrets.find(text));
        let mut cleaned = if known.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(replace(text, &known)) };
        for _ in 0..MAX_ROUNDS {
            let Some((text, _)) = self.clean_once(&cleaned, &mut Secrets::new()) else { break };
            cleaned = Cow::Owned(text);
        }
        cleaned
    }

    /// The text without what is secret by its form or place, with the kind of the first; none when there is nothing. What is left
    /// may read differently, and have to be looked at again.
    pub(crate) fn clean_once(&self, text: &str, secrets: &mut Secrets) -> Option<(String, &'static str)> {
        if clean::is_known(text) {
            return None;
        }
        let found = self.scan(text, 0, secrets);
        let Some(first) = found.first() else {
            clean::remember(text);
            return None;
        };
        Some((replace(text, &found), first.kind))
    }

    /// The secret parts of a text, in order and apart from each other.
    fn scan(&self, text: &str, layer: usize, secrets: &mut Secrets) -> Vec<Found> {
        let mut found = Vec::new();
        if text.len() < 3 {
            return found;
        }
        self.tokens.find(text, &mut found);
        self.assignments.find(text, &mut found);
        commands::find(text, &mut found);
        if layer < MAX_LAYERS {
            for view in [encoded::View::percent(text), encoded::View::escapes(text)].into_iter().flatten() {
                let inner = self.scan(&view.text, layer + 1, secrets);
                found.extend(inner.into_iter().map(|part| Found::new(view.original(&part.range), part.kind)));
            }
        }
        self.scan_base64(text, layer, secrets, &mut found);
        let found = merge(text, found);
        for part in &found {
            secrets.insert(&text[part.range.clone()], part.kind);
        }
        found
    }

    fn scan_base64(&self, text: &str, layer: usize, secrets: &mut Secrets, found: &mut Vec<Found>) {
        for run in encoded::runs(text, LEAST_BASE64) {
            let word = &text[run.clone()];
            if encoded::is_compressed(word) && word.len() >= 40 {
                found.push(Found::new(run, kind::COMPRESSED));
                continue;
            }
            for inner in encoded::texts(word) {
                if layer >= MAX_LAYERS {
                    found.push(Found::new(run.clone(), kind::ENCODED));
                    break;
                }
                if let Some(first) = self.scan(&inner, layer + 1, secrets).first() {
                    found.push(Found::new(run.clone(), first.kind));
                    break;
                }
            }
        }
    }
}
