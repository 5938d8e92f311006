use std::fmt;
use std::str::FromStr;

/// A pattern over identifiers, addresses and paths: `*` stands for any run of characters, `?` for one. Case matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut text) = (self.0.chars(), text.chars());
        // What follows the last star, and what of the text that has not taken.
        let mut star = None;
        loop {
            let rest = text.clone();
            match (pattern.next(), text.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    star = Some((pattern.clone(), rest.clone()));
                    text = rest;
                }
                (Some(expected), Some(found)) if expected == '?' || expected == found => {}
                _ => {
                    let Some((behind, left)) = &mut star else { return false };
                    if left.next().is_none() {
                        return false;
                    }
                    (pattern, text) = (behind.clone(), left.clone());
                }
            }
        }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, matches) in [
            ("PRB-AWS-*", "PRB-AWS-S3-001", true),
            ("PRB-AWS-*", "PRB-GOOGLE-GCS-001", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("v?", "v1", true),
            ("v?", "v12", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::from(pattern).matches(text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn many_stars_stay_fast() {
        let pattern = Pattern::from("*a*a*a*a*a*a*a*a*a*a*b");
        assert!(!pattern.matches(&"a".repeat(10_000)));
    }
}
