//! Anchors: keys of patterns that say more than which field is meant, such as `(name)` or `=(hostPath)`
//! (Kyverno, `pkg/engine/anchor`).

/// What an anchor asks of the field it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// `(key)`: the rest is asked only when this holds.
    Condition,
    /// `<(key)`: the whole pattern is asked only when this holds.
    Global,
    /// `X(key)`: there must be no such field.
    Negation,
    /// `+(key)`: the field is added when it is not there.
    AddIfNotPresent,
    /// `=(key)`: what is said holds when the field is there.
    Equality,
    /// `^(key)`: one element of the list is such.
    Existence,
}

impl Anchor {
    /// The anchor and the field it names; `None` when the key is an ordinary one.
    pub fn parse(key: &str) -> Option<(Self, &str)> {
        let key = key.trim_matches(|c: char| c.is_whitespace());
        let inner = key.strip_suffix(')')?;
        let (anchor, field) = match inner.split_once('(')? {
            ("", field) => (Self::Condition, field),
            ("<", field) => (Self::Global, field),
            ("X", field) => (Self::Negation, field),
            ("+", field) => (Self::AddIfNotPresent, field),
            ("=", field) => (Self::Equality, field),
            ("^", field) => (Self::Existence, field),
            _ => return None,
        };
        (!field.is_empty() && !field.contains('\n')).then_some((anchor, field))
    }

    /// The field that a key names, without its anchor.
    pub fn field(key: &str) -> &str {
        Self::parse(key).map_or(key, |(_, field)| field)
    }

    /// The sign before the parentheses.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Condition => "",
            Self::Global => "<",
            Self::Negation => "X",
            Self::AddIfNotPresent => "+",
            Self::Equality => "=",
            Self::Existence => "^",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Anchor;

    #[test]
    fn keys_are_anchors_by_their_form() {
        for (key, expected) in [
            ("(name)", Some((Anchor::Condition, "name"))),
            (" =(a/b) ", Some((Anchor::Equality, "a/b"))),
            ("^(list)", Some((Anchor::Existence, "list"))),
            ("X(a(b))", Some((Anchor::Negation, "a(b)"))),
            ("+(x)", Some((Anchor::AddIfNotPresent, "x"))),
            ("<(x)", Some((Anchor::Global, "x"))),
            ("()", None),
            ("x(name)", None),
            ("name", None),
            ("a(b)", None),
            ("(name) x", None),
        ] {
            assert_eq!(Anchor::parse(key), expected, "{key}");
        }
    }
}
