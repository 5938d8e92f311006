//! What is known of a value that is not known before apply.

use probity_model::Value;

/// Whether an unknown is the id or the ARN of a resource, which are never empty, or what a template of CloudFormation asks
/// to be given.
pub(crate) fn is_given_by_provider(what: &str) -> bool {
    // The reason may follow: `aws_kms_key.a.arn, which is not declared`.
    let what = what.split(',').next().unwrap_or(what);
    if what.starts_with('"') {
        return false;
    }
    let is_reference = !what.contains([' ', '.', '[', '(']);
    if is_reference || what.starts_with("the parameter `") {
        return true;
    }
    let from_elsewhere = ["var.", "local.", "module.", "each.", "data."].iter().any(|root| what.starts_with(root));
    let last = what.rsplit_once('.').map(|(_, last)| last);
    !from_elsewhere && matches!(last, Some("id" | "arn" | "Id" | "Arn"))
}

/// Whether an unknown is surely not the value: ids and ARNs are neither empty nor a `*`.
pub(crate) fn cannot_be(what: &str, value: &Value) -> bool {
    matches!(value.as_str(), Some("" | "*")) && is_given_by_provider(what)
}

/// A text that is known in part: `"arn:aws:s3:::${var.name}/*"`.
pub(crate) struct Partial<'t> {
    /// What is known: before the first part that is not, between such parts, and behind the last.
    known: Vec<&'t str>,
    text: &'t str,
}

impl<'t> Partial<'t> {
    /// The text that an unknown is known as.
    pub(crate) fn of(what: &'t str) -> Option<Self> {
        let text = what.strip_prefix('"')?.strip_suffix('"')?;
        let (mut known, mut start, mut depth) = (Vec::new(), 0, 0);
        for (at, character) in text.char_indices() {
            match character {
                '{' if depth > 0 => depth += 1,
                '{' if text[..at].ends_with('$') => {
                    known.push(&text[start..at - 1]);
                    depth = 1;
                }
                '}' if depth > 0 => {
                    depth -= 1;
                    start = at + 1;
                }
                _ => {}
            }
        }
        known.push(text.get(start..).filter(|_| depth == 0).unwrap_or_default());
        (known.len() > 1).then_some(Self { known, text })
    }

    fn ends(&self) -> (&'t str, &'t str) {
        (self.known[0], self.known[self.known.len() - 1])
    }

    pub(crate) fn is_empty(&self) -> Option<bool> {
        self.known.iter().any(|part| !part.is_empty()).then_some(false)
    }

    /// Whether the text may turn out to be this one.
    pub(crate) fn may_be(&self, text: &str) -> bool {
        let (first, last) = self.ends();
        let inner = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
        let Some(mut rest) = inner else { return false };
        self.known[1..self.known.len() - 1].iter().all(|part| match rest.split_once(part) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => part.is_empty(),
        })
    }

    pub(crate) fn contains(&self, text: &str) -> Option<bool> {
        self.known.iter().any(|part| part.contains(text)).then_some(true)
    }

    pub(crate) fn starts_with(&self, text: &str) -> Option<bool> {
        let (first, _) = self.ends();
        if first.starts_with(text) {
            return Some(true);
        }
        if text.starts_with(first) { None } else { Some(false) }
    }

    pub(crate) fn ends_with(&self, text: &str) -> Option<bool> {
        let (_, last) = self.ends();
        if last.ends_with(text) {
            return Some(true);
        }
        if text.ends_with(last) { None } else { Some(false) }
    }

    /// Whether a pattern is met whatever stands in the parts that are not known, as far as three trials tell.
    pub(crate) fn matches(&self, is_match: impl Fn(&str) -> bool) -> Option<bool> {
        let with = |filling: &str| self.known.join(filling);
        (is_match(self.text) && is_match(&with("")) && is_match(&with("x"))).then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_arn_is_never_a_star() {
        for (what, value, expected) in [
            ("aws_s3_bucket.a.arn", "*", true),
            ("aws_s3_bucket.a.id", "", true),
            ("aws_s3_bucket.a.arn, which is not declared", "*", true),
            ("aws_s3_bucket.a.arn", "b", false),
            ("aws_s3_bucket.a.policy", "*", false),
            ("var.arn", "*", false),
            ("data.aws_s3_bucket.a.arn", "*", false),
        ] {
            assert_eq!(cannot_be(what, &value.into()), expected, "{what} {value}");
        }
    }

    #[test]
    fn a_text_that_is_known_in_part_decides_what_the_known_parts_decide() {
        let of = |what| Partial::of(what).unwrap();
        let arn = of(r#""arn:aws:s3:::${var.name}/${f({a})}*""#);
        for (decided, expected) in [
            (arn.starts_with("arn:aws:"), Some(true)),
            (arn.starts_with("arn:aws:s3:::logs"), None),
            (arn.starts_with("http"), Some(false)),
            (arn.ends_with("*"), Some(true)),
            (arn.ends_with("/*"), None),
            (arn.ends_with("/"), Some(false)),
            (arn.contains(":s3:"), Some(true)),
            (arn.contains("logs"), None),
            (arn.is_empty(), Some(false)),
            (arn.matches(|text| text.contains("s3:::")), Some(true)),
            (arn.matches(|text| text.contains("var")), None),
            (Some(arn.may_be("arn:aws:s3:::logs/*")), Some(true)),
            (Some(arn.may_be("arn:aws:s3:::logs*")), Some(false)),
            (Some(arn.may_be("*")), Some(false)),
        ] {
            assert_eq!(decided, expected);
        }
        for what in ["var.x", r#""plain""#, "\""] {
            assert!(Partial::of(what).is_none(), "{what}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_known_in_part_or_not(what in "[\"$\\{\\}aü]*", text in "[a$\\{\\}ü]*") {
            if let Some(partial) = Partial::of(&what) {
                let _ = (partial.may_be(&text), partial.starts_with(&text), partial.ends_with(&text));
            }
        }
    }
}
