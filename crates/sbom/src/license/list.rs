//! Licences that are approved.

use std::collections::BTreeSet;

use super::{Expression, Term};

/// A list of approved licences.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LicenseList(BTreeSet<String>);

impl LicenseList {
    /// A list of licences, each by its id or any of its names; `BSD-*` stands for all that begin so. An id with an exception
    /// (`GPL-2.0-only WITH Classpath-exception-2.0`) is approved with that exception alone.
    pub fn new<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Self {
        let whole = |name: T| match Expression::parse(name.as_ref()) {
            expression @ Expression::One(_) => expression.to_string().to_ascii_lowercase(),
            _ => name.as_ref().trim().to_ascii_lowercase(),
        };
        Self(names.into_iter().map(whole).filter(|name| !name.is_empty()).collect())
    }

    /// Whether an expression may be met with what is on the list.
    pub fn approves(&self, expression: &Expression) -> bool {
        expression.holds(&|term| self.has(term))
    }

    /// An exception only permits more, so its licence alone is enough. A later version may be chosen where one is offered.
    fn has(&self, term: &Term) -> bool {
        let Some(id) = &term.id else { return self.names(&term.text) };
        term.exception.as_ref().is_some_and(|_| self.names(&term.to_string()))
            || self.names(id)
            || choices(id).iter().any(|choice| self.names(choice))
    }

    fn names(&self, name: &str) -> bool {
        let name = name.trim().to_ascii_lowercase();
        let begins = |listed: &String| listed.strip_suffix('*').is_some_and(|start| name.starts_with(start));
        self.0.contains(&name) || self.0.iter().any(begins)
    }
}

/// What may be chosen where a later version may be: the version itself, and the later ones of SPDX's list.
fn choices(id: &str) -> Vec<String> {
    if let Some(base) = id.strip_suffix('+') {
        return vec![base.to_owned()];
    }
    let Some((family, version)) = id.strip_suffix("-or-later").and_then(|base| base.rsplit_once('-')) else {
        return Vec::new();
    };
    let later = |name: &&str| {
        name.strip_prefix(family)
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|rest| rest.strip_suffix("-only").or_else(|| rest.strip_suffix("-or-later")))
            // Versions are of two numbers of one digit each.
            .is_some_and(|other| other >= version)
    };
    spdx::identifiers::LICENSES.iter().map(|license| license.name).filter(later).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_by_lists() {
        let cases: [(&[&str], &str, bool); 17] = [
            (&["MIT"], "MIT", true),
            (&["mit license"], "Expat", true),
            (&["MIT"], "Apache-2.0", false),
            (&["MIT"], "MIT OR GPL-3.0-only", true),
            (&["MIT"], "MIT AND GPL-3.0-only", false),
            (&["MIT", "Zlib"], "(MIT OR GPL-2.0-only) AND Zlib", true),
            (&["GPL-2.0-only"], "GPL-2.0-only WITH Classpath-exception-2.0", true),
            (&["GPL-2.0-only WITH Classpath-exception-2.0"], "GPL-2.0-only WITH Classpath-exception-2.0", true),
            (&["GPL-2.0-only WITH Classpath-exception-2.0"], "GPL-2.0-only", false),
            (&["GPL-3.0-only"], "GPL-2.0-or-later", true),
            (&["GPL-2.0-only"], "GPL-3.0-or-later", false),
            (&["GPL-2.0-or-later"], "GPL-2.0-only", false),
            (&["public-domain"], "public-domain", true),
            (&["BSD-*"], "BSD-4-Clause", true),
            (&["BSD-3-Clause"], "BSD", false),
            (&["MIT"], "MIT OR something of ours", true),
            (&[], "MIT", false),
        ];
        for (list, text, expected) in cases {
            assert_eq!(LicenseList::new(list).approves(&Expression::parse(text)), expected, "{list:?} of {text}");
        }
    }
}
