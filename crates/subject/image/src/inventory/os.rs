//! The distribution: `os-release` (os-release(5)).

use smol_str::SmolStr;

/// What an image's `os-release` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Os {
    /// `ID`: `debian`, `alpine`, `rhel`; `linux` when it has none.
    pub id: SmolStr,
    /// `ID_LIKE`: what it is made from, the closest first.
    pub like: Vec<SmolStr>,
    /// `VERSION_ID`: `12`, `3.20.1`.
    pub version: Option<SmolStr>,
    /// `VERSION_CODENAME`: `bookworm`.
    pub codename: Option<SmolStr>,
    /// `NAME`.
    pub name: Option<SmolStr>,
    /// `PRETTY_NAME`.
    pub pretty: Option<SmolStr>,
    /// `VARIANT_ID`.
    pub variant: Option<SmolStr>,
}

impl Os {
    /// The qualifier `distro` of package URLs: `debian-12`.
    pub(crate) fn distro(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.id),
            None => self.id.to_string(),
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut os = Self { id: "linux".into(), ..Self::default() };
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            let value = unquote(value);
            let some = || (!value.is_empty()).then(|| SmolStr::new(&value));
            match key {
                "ID" if !value.is_empty() => os.id = value.into(),
                "ID_LIKE" => os.like = value.split_ascii_whitespace().map(SmolStr::new).collect(),
                "VERSION_ID" => os.version = some(),
                "VERSION_CODENAME" => os.codename = some(),
                "NAME" => os.name = some(),
                "PRETTY_NAME" => os.pretty = some(),
                "VARIANT_ID" => os.variant = some(),
                _ => {}
            }
        }
        os
    }
}

/// A value as a shell reads it: quotes taken off, what a backslash precedes as it is.
fn unquote(value: &str) -> String {
    let mut text = String::new();
    let mut quote = None;
    let mut characters = value.trim().chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None | Some('"')) => text.extend(characters.next()),
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_distribution_is_read() {
        let os = Os::parse(
            "# a remark\nID=\"rhel\"\nID_LIKE='fedora centos'\nVERSION_ID=\"9.4\"\nPRETTY_NAME=\"A \\\"B\\\"\"\nNAME=\n",
        );
        assert_eq!((os.distro().as_str(), os.like.len()), ("rhel-9.4", 2));
        assert_eq!((os.pretty.as_deref(), os.name), (Some("A \"B\""), None));
        assert_eq!(Os::parse("").distro(), "linux");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[A-Z_=\"'\\\\\na-z]{0,40}") {
            Os::parse(&text);
        }
    }
}
