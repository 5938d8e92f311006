//! The paths that endpoint governing policies are set on (Vault, "Manage Vault policies with Sentinel", "Configuration").

/// A path of an endpoint, or with a `*` at its end everything that begins so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    prefix: bool,
}

impl PathPattern {
    /// Reads a pattern; a `/` at its beginning counts for nothing.
    ///
    /// # Errors
    /// When it is one that Vault has for access control lists only.
    pub fn read(text: &str) -> Result<Self, String> {
        let whole = text.trim_start_matches('/');
        let (text, prefix) = match whole.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (whole, false),
        };
        if text.contains('*') {
            return Err(format!("`{whole}`: a `*` stands at the end of a path, and nowhere else"));
        }
        if text.split('/').any(|segment| segment == "+") {
            return Err(format!("`{whole}`: `+` stands for a segment in ACL policies only; end the path with `*`"));
        }
        if text.is_empty() && !prefix {
            return Err("the path is empty; `*` is every path".to_owned());
        }
        Ok(Self { text: text.to_owned(), prefix })
    }

    /// Whether a request's path is one of these.
    pub fn matches(&self, path: &str) -> bool {
        if self.prefix {
            return path.starts_with(&self.text);
        }
        // Vault puts a slash behind the paths of lists.
        path == self.text || path.strip_suffix('/').is_some_and(|path| path == self.text.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_exact_or_begin_so() {
        for (pattern, path, matches) in [
            ("secret/data/a", "secret/data/a", true),
            ("/secret/data/a", "secret/data/a", true),
            ("secret/data/a", "secret/data/ab", false),
            ("secret/data/a", "secret/data/a/b", false),
            ("secret/*", "secret/data/a", true),
            ("secret/*", "secret", false),
            ("secret/da*", "secret/data/a", true),
            ("secret/metadata/a", "secret/metadata/a/", true),
            ("secret/metadata/a/", "secret/metadata/a/", true),
            ("secret/metadata/a/", "secret/metadata/a", false),
            ("*", "", true),
            ("*", "sys/mounts", true),
            ("Secret/*", "secret/data/a", false),
        ] {
            assert_eq!(PathPattern::read(pattern).unwrap().matches(path), matches, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for (pattern, said) in [
            ("", "the path is empty"),
            ("secret/*/a", "at the end"),
            ("secret/+/a", "ACL policies only"),
            ("**", "at the end"),
        ] {
            assert!(PathPattern::read(pattern).unwrap_err().contains(said), "{pattern}");
        }
    }
}
