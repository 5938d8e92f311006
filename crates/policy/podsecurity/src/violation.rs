//! What offends, as the messages of pod-security-admission and Kyverno tell it.

use std::fmt;

/// A field that a check does not allow as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Such as `spec.containers[0].securityContext.privileged`.
    pub path: String,
    /// Whether it is there and must not be, or the other way about.
    pub kind: ErrorKind,
    /// The value that offends, as far as there is one.
    pub value: BadValue,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It must not be what it is.
    Forbidden,
    /// It must be there.
    Required,
}

/// A value that offends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadValue {
    /// None is told.
    None,
    /// A text.
    Text(String),
    /// A truth value.
    Bool(bool),
    /// A number.
    Int(i64),
    /// Texts, in order and each once.
    Texts(Vec<String>),
}

impl BadValue {
    /// The values as texts.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Text(text) => vec![text.clone()],
            Self::Bool(truth) => vec![truth.to_string()],
            Self::Int(int) => vec![int.to_string()],
            Self::Texts(texts) => texts.clone(),
        }
    }
}

impl FieldError {
    pub(crate) fn forbidden(path: impl Into<String>, value: BadValue) -> Self {
        // What is empty counts as not told.
        let value = if value == BadValue::Text(String::new()) { BadValue::None } else { value };
        Self { path: path.into(), kind: ErrorKind::Forbidden, value }
    }

    pub(crate) fn required(path: impl Into<String>) -> Self {
        Self { path: path.into(), kind: ErrorKind::Required, value: BadValue::None }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match (self.kind, &self.value) {
            (ErrorKind::Required, _) => write!(f, "{path}: Required value"),
            (ErrorKind::Forbidden, BadValue::None) => write!(f, "{path}: Forbidden"),
            (ErrorKind::Forbidden, BadValue::Texts(texts)) => {
                write!(f, "{path} is forbidden, forbidden values found: [{}]", texts.join(" "))
            }
            (ErrorKind::Forbidden, other) => {
                write!(f, "{path} is forbidden, forbidden values found: {}", other.texts().join(" "))
            }
        }
    }
}

/// What was found: who offends, and the fields.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    pub(crate) who: Vec<String>,
    pub(crate) fields: Vec<FieldError>,
}

impl Violations {
    pub(crate) fn add(&mut self, who: impl Into<String>, fields: impl IntoIterator<Item = FieldError>) {
        self.who.push(who.into());
        self.fields.extend(fields);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.who.is_empty()
    }

    /// `container "a"` or `containers "a", "b"`.
    pub(crate) fn containers(&self) -> String {
        containers(&self.who)
    }
}

/// `container "a"` or `containers "a", "b"`.
pub(crate) fn containers(names: &[String]) -> String {
    format!("{} {}", plural(names.len(), "container", "containers"), quoted(names))
}

/// `"a", "b"`
pub(crate) fn quoted<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| format!("\"{}\"", text.as_ref())).collect();
    texts.join(", ")
}

pub(crate) fn plural<'t>(count: usize, one: &'t str, many: &'t str) -> &'t str {
    if count == 1 { one } else { many }
}
