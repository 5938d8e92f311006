//! What the workflow's own token may do.

use probity_model::{Span, Value};

use super::object::{Entries, texts};

/// The rights of `GITHUB_TOKEN` as a document: those of the job when it has its own, otherwise the workflow's.
pub(super) fn document(job: Option<&Value>, workflow: Option<&Value>, span: Span) -> Value {
    let mut entries = Entries::at(span);
    let (from, permissions) = match (job, workflow) {
        (Some(own), _) => ("job", own),
        (None, Some(outer)) => ("workflow", outer),
        (None, None) => {
            // Whatever the repository's settings say, which may be everything.
            entries.add("from", "default");
            return entries.object();
        }
    };
    entries.add("from", from);
    match permissions {
        Value::String(all) if all == "write-all" => entries.add("all", "write"),
        Value::String(all) if all == "read-all" => entries.add("all", "read"),
        Value::Object(scopes) => {
            let with = |right: &str| {
                let scopes = scopes.iter().filter(move |(_, value)| value.as_str() == Some(right));
                texts(scopes.map(|(scope, _)| scope.as_str()))
            };
            entries.add("write", with("write"));
            entries.add("read", with("read"));
        }
        _ => {}
    }
    entries.object()
}
