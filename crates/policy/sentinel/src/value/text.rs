//! Strings, which are sequences of bytes in this language.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use smol_str::SmolStr;

/// A string: nearly always UTF-8, and whatever bytes escapes and indices made of it else.
#[derive(Clone)]
pub(crate) enum Text {
    /// Valid UTF-8.
    Utf8(SmolStr),
    /// Valid UTF-8 that was put together, with room to grow.
    Built(Arc<String>),
    /// Bytes that are not valid UTF-8.
    Bytes(Arc<[u8]>),
}

impl Text {
    /// The string of these bytes.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Utf8(text.into()),
            Err(error) => Self::Bytes(error.into_bytes().into()),
        }
    }

    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Utf8(text) => text.as_bytes(),
            Self::Built(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// The text; what is not UTF-8 is replaced.
    pub(crate) fn to_str(&self) -> Cow<'_, str> {
        match self {
            Self::Utf8(text) => Cow::Borrowed(text),
            Self::Built(text) => Cow::Borrowed(text),
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes),
        }
    }

    /// The text, when it is UTF-8.
    pub(crate) fn as_utf8(&self) -> Option<&str> {
        match self {
            Self::Utf8(text) => Some(text),
            Self::Built(text) => Some(text),
            Self::Bytes(_) => None,
        }
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether `part` stands somewhere in it.
    pub(crate) fn contains(&self, part: &Self) -> bool {
        if let (Some(text), Some(part)) = (self.as_utf8(), part.as_utf8()) {
            return text.contains(part);
        }
        let (bytes, part) = (self.as_bytes(), part.as_bytes());
        part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
    }

    /// Both, one after the other. What nobody else holds grows where it is.
    pub(crate) fn concat(self, other: &Self) -> Self {
        let Some(more) = other.as_utf8() else { return Self::from_bytes([self.as_bytes(), other.as_bytes()].concat()) };
        match self {
            Self::Built(mut text) => {
                Arc::make_mut(&mut text).push_str(more);
                Self::Built(text)
            }
            Self::Utf8(text) => {
                let mut built = String::with_capacity(text.len() + more.len());
                built.push_str(&text);
                built.push_str(more);
                Self::Built(Arc::new(built))
            }
            Self::Bytes(bytes) => Self::from_bytes([&bytes, more.as_bytes()].concat()),
        }
    }

    /// Bytes that [`Text::concat`] with so many more takes.
    pub(crate) fn growth(&self, more: usize) -> usize {
        match self {
            Self::Built(text) if Arc::strong_count(text) == 1 => more,
            _ => self.len() + more,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Utf8(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Utf8(text.into())
    }
}

impl From<SmolStr> for Text {
    fn from(text: SmolStr) -> Self {
        Self::Utf8(text)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str(), f)
    }
}
