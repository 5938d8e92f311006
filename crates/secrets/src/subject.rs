//! Secrets as subjects of policies. A subject says what was found and under which name, and never the secret itself.

use std::collections::HashMap;
use std::path::Path;

use probity_model::{Labels, SourceId, Span, Subject, SubjectKind, Value};

use crate::{Scanner, Secret, Syntax, kind};

/// What the types of these subjects start with: `secret.github-token`.
pub const TYPE_PREFIX: &str = "secret.";

/// The type of a subject for secrets of a kind.
pub fn resource_type(kind: &str) -> String {
    format!("{TYPE_PREFIX}{kind}")
}

/// Longest name that is shown, in characters.
const NAME: usize = 80;

/// The secrets of a text, each a subject that a policy for its kind fails.
///
/// An address is the path and the name that the secret has in the text, or its kind: `deploy/values.yaml#db_password`. Lines may
/// move without changing it; of several with the same name the second has `@2` behind it, and so on.
pub fn subjects(scanner: &Scanner, path: &Path, text: &str, source: SourceId) -> Vec<Subject> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let secrets = scanner.find(text, Syntax::of(path));
    secrets
        .into_iter()
        .map(|secret| {
            let named = format!("{}#{}", path.display(), name(text, &secret).unwrap_or(secret.kind));
            let count = seen.entry(named.clone()).and_modify(|count| *count += 1).or_insert(1);
            let address = if *count == 1 { named } else { format!("{named}@{count}") };
            subject(text, &secret, &address, source)
        })
        .collect()
}

fn name<'t>(text: &'t str, secret: &Secret) -> Option<&'t str> {
    let name = text[secret.name.clone()?].trim_start_matches(['-', '.']);
    (!name.is_empty() && name.chars().count() <= NAME).then_some(name)
}

fn subject(text: &str, secret: &Secret, address: &str, source: SourceId) -> Subject {
    let name = name(text, secret);
    let what = kind::words(secret.kind);
    let message = match name {
        Some(name) => format!("Here stands {what}, as `{name}`."),
        None => format!("Here stands {what}."),
    };
    let fields = [("kind", Value::from(secret.kind)), ("name", name.map(Value::from).unwrap_or_default())];
    Subject {
        kind: SubjectKind::Secret,
        resource_type: resource_type(secret.kind).as_str().into(),
        address: address.into(),
        document: Value::object(fields.into_iter().chain([("message", message.into())])),
        span: Some(Span::new(source, secret.range.clone())),
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}
