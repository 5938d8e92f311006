//! What licences are called besides their ids in SPDX's list.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Names that mean one licence wherever they stand, in lower case.
const ALIASES: [(&str, &str); 70] = [
    ("expat", "MIT"),
    ("expat license", "MIT"),
    ("mit license", "MIT"),
    ("mit licence", "MIT"),
    ("the mit license", "MIT"),
    ("mit-license", "MIT"),
    ("mit-license.php", "MIT"),
    ("apache 2", "Apache-2.0"),
    ("apache 2.0", "Apache-2.0"),
    ("apache v2", "Apache-2.0"),
    ("apache2", "Apache-2.0"),
    ("apache2.0", "Apache-2.0"),
    ("apache 2.0 license", "Apache-2.0"),
    ("apache license 2", "Apache-2.0"),
    ("apache license 2.0", "Apache-2.0"),
    ("apache license v2", "Apache-2.0"),
    ("apache license v2.0", "Apache-2.0"),
    ("apache license version 2.0", "Apache-2.0"),
    ("apache license, version 2", "Apache-2.0"),
    ("apache license, version 2.0", "Apache-2.0"),
    ("apache software license 2.0", "Apache-2.0"),
    ("apache software license version 2.0", "Apache-2.0"),
    ("apache software license, version 2.0", "Apache-2.0"),
    ("the apache license, version 2.0", "Apache-2.0"),
    ("the apache software license, version 2.0", "Apache-2.0"),
    ("asl 2.0", "Apache-2.0"),
    ("asl 1.1", "Apache-1.1"),
    ("2-clause bsd license", "BSD-2-Clause"),
    ("bsd 2-clause", "BSD-2-Clause"),
    ("bsd 2-clause license", "BSD-2-Clause"),
    ("bsd-2", "BSD-2-Clause"),
    ("simplified bsd", "BSD-2-Clause"),
    ("simplified bsd license", "BSD-2-Clause"),
    ("3-clause bsd", "BSD-3-Clause"),
    ("3-clause bsd license", "BSD-3-Clause"),
    ("the 3-clause bsd license", "BSD-3-Clause"),
    ("bsd 3-clause", "BSD-3-Clause"),
    ("bsd 3-clause license", "BSD-3-Clause"),
    ("bsd 3 clause", "BSD-3-Clause"),
    ("bsd-3", "BSD-3-Clause"),
    ("modified bsd license", "BSD-3-Clause"),
    ("new bsd", "BSD-3-Clause"),
    ("new bsd license", "BSD-3-Clause"),
    ("revised bsd license", "BSD-3-Clause"),
    ("isc license", "ISC"),
    ("isc license (iscl)", "ISC"),
    ("python", "PSF-2.0"),
    ("psf", "PSF-2.0"),
    ("psf license", "PSF-2.0"),
    ("python software foundation license", "PSF-2.0"),
    ("the unlicense (unlicense)", "Unlicense"),
    ("zlib/libpng", "Zlib"),
    ("zlib/libpng license", "Zlib"),
    ("boost", "BSL-1.0"),
    ("boost software license 1.0 (bsl-1.0)", "BSL-1.0"),
    ("cc0", "CC0-1.0"),
    ("cc0 1.0 universal", "CC0-1.0"),
    ("cc0 1.0 universal (cc0 1.0) public domain dedication", "CC0-1.0"),
    ("mplv1.1", "MPL-1.1"),
    ("mplv2.0", "MPL-2.0"),
    ("mozilla public license 2.0", "MPL-2.0"),
    ("mozilla public license, version 2.0", "MPL-2.0"),
    ("eclipse public license 1.0", "EPL-1.0"),
    ("eclipse public license v1.0", "EPL-1.0"),
    ("eclipse public license - v 1.0", "EPL-1.0"),
    ("eclipse public license 2.0", "EPL-2.0"),
    ("eclipse public license v. 2.0", "EPL-2.0"),
    ("eclipse public license - v 2.0", "EPL-2.0"),
    ("universal permissive license (upl)", "UPL-1.0"),
    ("european union public licence 1.2 (eupl 1.2)", "EUPL-1.2"),
];

/// Pages that are one licence, without `http://` and `www.` and without an end such as `.txt`.
const PAGES: [(&str, &str); 6] = [
    ("apache.org/licenses/license-2.0", "Apache-2.0"),
    ("apache.org/license/license-2.0", "Apache-2.0"),
    ("mozilla.org/mpl/2.0", "MPL-2.0"),
    ("mozilla.org/en-us/mpl/2.0", "MPL-2.0"),
    ("eclipse.org/legal/epl-v10", "EPL-1.0"),
    ("eclipse.org/legal/epl-2.0", "EPL-2.0"),
];

/// Ids of SPDX's list by themselves and by the full names, in lower case.
static KNOWN: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    // The marks for "nothing is said" are no licences, and of the variants of the GFDL not all are on every list.
    let listed = || {
        spdx::identifiers::LICENSES
            .iter()
            .filter(|it| it.name != "NOASSERTION" && it.name != "NONE" && !it.name.ends_with("invariants"))
    };
    let mut known: HashMap<String, &'static str> = HashMap::new();
    let mut twice = Vec::new();
    for license in listed() {
        let name = license.full_name.to_ascii_lowercase();
        if known.insert(name.clone(), license.name).is_some() {
            twice.push(name);
        }
    }
    for name in twice {
        known.remove(&name);
    }
    known.extend(ALIASES.iter().map(|(alias, id)| ((*alias).to_owned(), *id)));
    known.extend(listed().map(|license| (license.name.to_ascii_lowercase(), license.name)));
    known
});

/// The id of a licence, with a `+` behind it when a later version may be chosen; `None` when what is meant is not certain.
pub(super) fn id(text: &str) -> Option<String> {
    let lower = text.trim().trim_matches('"').to_ascii_lowercase();
    if lower.len() > 200 {
        return None;
    }
    if let Some(found) = gnu(&lower) {
        return known(&found);
    }
    known(&lower)
        .or_else(|| page(&lower))
        .or_else(|| bracketed(&lower))
        .or_else(|| known(&lower.replace(' ', "-")))
        .or_else(|| versioned(&lower))
        .or_else(|| Some(format!("{}+", known(lower.strip_suffix('+')?)?)))
}

fn known(lower: &str) -> Option<String> {
    let id = *KNOWN.get(lower)?;
    // What SPDX no longer calls `GPL-2.0` is read by the rule for all of them.
    let lower = id.to_ascii_lowercase();
    gnu(&lower).is_none_or(|newer| newer == lower).then(|| id.to_owned())
}

/// `gpl-2`, `gplv3+`, `lgpl-2.1-or-later`, `gfdl-1.3`: in the form of SPDX's list, in lower case.
fn gnu(lower: &str) -> Option<String> {
    let family = ["agpl", "lgpl", "gpl", "gfdl"].into_iter().find(|family| lower.starts_with(family))?;
    let rest = &lower[family.len()..];
    let rest = rest.trim_start_matches(['-', ' ']);
    let (rest, v) = rest.strip_prefix('v').map_or((rest, false), |rest| (rest, true));
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let (version, end) = rest.split_at(end);
    let later = match end {
        "" | "-only" | " only" => false,
        "+" | "-or-later" | " or later" | "-or-later+" => true,
        _ => return None,
    };
    // In Fedora `LGPLv2` is 2.0 as well as 2.1.
    if family == "lgpl" && v && version == "2" {
        return None;
    }
    let version = match version {
        "" => return None,
        version if version.contains('.') => version.to_owned(),
        version => format!("{version}.0"),
    };
    Some(format!("{family}-{version}-{}", if later { "or-later" } else { "only" }))
}

/// An address that stands for a licence.
fn page(lower: &str) -> Option<String> {
    let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"))?;
    let rest = rest.strip_prefix("www.").unwrap_or(rest).trim_end_matches('/');
    let bare = [".txt", ".html", ".php"].iter().find_map(|end| rest.strip_suffix(end)).unwrap_or(rest);
    if let Some(id) = bare.strip_prefix("opensource.org/licenses/").or_else(|| bare.strip_prefix("spdx.org/licenses/"))
    {
        return known(id)
            .or_else(|| gnu(id).filter(|_| id.ends_with("only") || id.ends_with("later")).and_then(|id| known(&id)));
    }
    PAGES.iter().find(|(page, _)| *page == bare).map(|(_, id)| (*id).to_owned())
}

/// `ISC License (ISCL)`, `Mozilla Public License 2.0 (MPL 2.0)`: the name of one licence and its short form, one of them known or
/// both the same.
fn bracketed(lower: &str) -> Option<String> {
    let (name, short) = lower.strip_suffix(')')?.rsplit_once('(')?;
    let (name, short) = (name.trim(), short.trim());
    if name.contains(['(', ')']) || !(name.contains("license") || name.contains("licence")) {
        return None;
    }
    let of = |text: &str| {
        let dashed = text.replace(' ', "-");
        known(text).or_else(|| gnu(text).and_then(|text| known(&text))).or_else(|| known(&dashed))
    };
    match (of(name), of(short)) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        (one, other) => one.or(other),
    }
}

/// `apache-2` for `Apache-2.0`.
fn versioned(lower: &str) -> Option<String> {
    let (_, version) = lower.rsplit_once('-')?;
    version.bytes().all(|byte| byte.is_ascii_digit()).then(|| known(&format!("{lower}.0")))?
}

/// The id of an exception of SPDX's list.
pub(super) fn exception(text: &str) -> Option<String> {
    let found = spdx::identifiers::EXCEPTIONS.iter().find(|it| it.name.eq_ignore_ascii_case(text.trim()))?;
    Some(found.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_is_of_the_list_and_is_found() {
        for (alias, id) in ALIASES.iter().chain(&PAGES) {
            assert_eq!(spdx::license_id(id).map(|it| it.name), Some(*id), "{alias}");
            assert_eq!(*alias, alias.to_ascii_lowercase());
        }
        for (alias, expected) in ALIASES {
            assert_eq!(id(alias).as_deref(), Some(expected), "{alias}");
        }
    }

    #[test]
    fn every_id_of_the_list_is_itself_unless_another_took_its_place() {
        for license in spdx::identifiers::LICENSES {
            let Some(found) = id(license.name) else { continue };
            let deprecated = license.flags & 0x8 != 0 || license.name.ends_with('+');
            assert!(
                found == license.name || deprecated || gnu(&license.name.to_ascii_lowercase()).is_some(),
                "{}: {found}",
                license.name
            );
        }
        let found = spdx::identifiers::LICENSES.iter().filter(|license| id(license.name).is_some()).count();
        assert!(found + 10 > spdx::identifiers::LICENSES.len(), "{found}");
    }
}
