//! Which licences and libraries are approved, as probity.yaml says.

use std::path::Path;

use anyhow::{Context, Result};
use probity_inspection::{Approvals, Libraries};
use probity_sbom::LicenseList;

use crate::config::{Images, Listed};

/// What is approved; `None` when nothing is said of that.
pub(crate) fn approvals(images: &Images) -> Result<Option<Approvals>> {
    let approvals = Approvals {
        licenses: images.licenses.as_ref().map(LicenseList::new),
        libraries: images.libraries.as_deref().map(libraries).transpose()?,
        denied: libraries(&images.denied_libraries)?,
    };
    Ok((!approvals.is_empty()).then_some(approvals))
}

fn libraries(listed: &[Listed]) -> Result<Libraries> {
    let mut libraries = Libraries::default();
    for entry in listed {
        libraries.extend(match entry {
            Listed::Pattern(pattern) => Libraries::parse(pattern)?,
            Listed::File(path) => file(path)?,
        });
    }
    Ok(libraries)
}

fn file(path: &Path) -> Result<Libraries> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Libraries::parse(&text).with_context(|| path.display().to_string())
}
