//! Vulnerabilities that were accepted for a time.

use jiff::civil::Date;
use probity_model::{Value, Waived, Waiver};

use crate::Inspection;
use crate::vulnerabilities::Found;

/// That a vulnerability was accepted, by whom and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub requested_by: String,
    /// Who approved it.
    pub approved_by: String,
    /// The last day on which it counts.
    pub expires: Date,
}

impl Accepted {
    fn of(waiver: &Waiver) -> Self {
        Self {
            reason: waiver.reason.clone(),
            requested_by: waiver.requested_by.clone(),
            approved_by: waiver.approved_by.clone(),
            expires: waiver.expires,
        }
    }

    /// It as policies see it.
    pub(crate) fn document(&self) -> Value {
        Value::object([
            ("reason", Value::from(self.reason.as_str())),
            ("requested_by", Value::from(self.requested_by.as_str())),
            ("approved_by", Value::from(self.approved_by.as_str())),
            ("expires", Value::from(self.expires.to_string())),
        ])
    }
}

impl Inspection {
    /// Notes which vulnerabilities waivers accept: those of the waivers that are for this image and have not expired. Of several
    /// that cover a vulnerability the first one is noted.
    ///
    /// Gives the waivers that are for this image and cover nothing found in it, which is worth a note; none when nobody looked for
    /// vulnerabilities.
    pub fn waive<'w>(&mut self, waivers: &'w [Waiver], today: Date) -> Vec<&'w Waiver> {
        let name = self.repository();
        let is_ours = |waiver: &&Waiver| waiver.expires >= today && waiver.subject.matches(&name);
        let Some(known) = &mut self.vulnerabilities else { return Vec::new() };
        let mut unused = Vec::new();
        for waiver in waivers.iter().filter(is_ours) {
            if let Waived::Vulnerability { .. } = waiver.of {
                let mut used = false;
                for found in known.found.iter_mut().filter(|found| covers(&waiver.of, found)) {
                    used = true;
                    found.waiver.get_or_insert_with(|| Accepted::of(waiver));
                }
                if !used {
                    unused.push(waiver);
                }
            }
        }
        unused
    }

    /// What waivers call the image: its registry, with the host in lower case, and repository; its digest when it has no name.
    pub fn repository(&self) -> String {
        let image = &self.image;
        match &image.reference {
            Some(reference) => format!("{}/{}", reference.registry().to_ascii_lowercase(), reference.repository()),
            None => image.digest.as_ref().unwrap_or(&image.id).to_string(),
        }
    }
}

fn covers(waived: &Waived, found: &Found) -> bool {
    let Waived::Vulnerability { id, package } = waived else { return false };
    let finding = &found.finding;
    let is_named = finding.aliases.iter().chain([&finding.id]).any(|name| id.matches(name));
    let is_in = |package: &probity_model::Pattern| {
        package.matches(&finding.package)
            || finding.purl.as_deref().is_some_and(|purl| package.matches(without_version(purl)))
    };
    is_named && package.as_ref().is_none_or(is_in)
}

/// A package URL without version and qualifiers: an `@` in a name is encoded (`pkg:npm/%40acme/ui`).
fn without_version(purl: &str) -> &str {
    let bare = purl.split(['?', '#']).next().unwrap_or(purl);
    bare.rsplit_once('@').map_or(bare, |(name, _)| name)
}
