//! YAML as the Kubernetes tools read it.

use probity_model::{Problem, Value};

use crate::Document;
use crate::text::Text;
use probity_model::yaml::{self, Dialect};

/// Reads every document of a text.
///
/// Between two `---` lines with nothing else there is a document that is `null`, and a text without any is one: this
/// is what policies of Conftest are asked about. A single document that is a list is several.
pub(crate) fn read(text: &Text<'_>) -> Result<Vec<Document>, Problem> {
    let found = yaml::read(text.whole, text.source, Dialect::Kubernetes).map_err(|(problem, _)| problem)?;
    let parts = parts(text.whole);
    if let ([only], 1) = (found.as_slice(), parts.len()) {
        return Ok(text.documents(only.value.clone()));
    }
    let mut documents = Vec::with_capacity(found.len());
    let mut found = found.into_iter().peekable();
    for (position, end) in parts.iter().enumerate() {
        let before = documents.len();
        let is_last = position + 1 == parts.len();
        while let Some(next) = found.next_if(|next| is_last || (next.span.start as usize) < *end) {
            documents.push(Document { value: next.value, span: next.span });
        }
        if documents.len() == before {
            documents.push(Document { value: Value::Null, span: text.span(*end..*end) });
        }
    }
    Ok(documents)
}

/// Where each part ends that lines of `---` alone make of a text. A text that begins with a directive has no part in
/// front of its first such line.
fn parts(text: &str) -> Vec<usize> {
    let separator = if text.contains("\r\n") { "\r\n---\r\n" } else { "\n---\n" };
    let mut ends: Vec<usize> = text.match_indices(separator).map(|(at, _)| at).collect();
    if text.starts_with('%') && !ends.is_empty() {
        ends.remove(0);
    }
    ends.push(text.len());
    ends
}
