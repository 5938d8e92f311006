//! SPDX 2's text form: a tag and its value a line, values of several lines between `<text>` and `</text>`.

use super::document::{Checksum, CreationInfo, Document, ExternalReference, Extracted, File, Linked, Package};
use super::invalid;
use crate::model::Sbom;
use crate::{MAX_COMPONENTS, SbomError};

pub(crate) fn read(text: &[u8]) -> Result<Sbom, SbomError> {
    let text = std::str::from_utf8(text).map_err(|error| SbomError::Unknown(error.to_string()))?;
    if !text.lines().any(|line| line.starts_with("SPDXVersion:")) {
        return Err(SbomError::Unknown("it has no line SPDXVersion".to_owned()));
    }
    let mut reader = Reader::default();
    let mut rest = text;
    while let Some((tag, value, after)) = next(rest)? {
        reader.tag(tag, value)?;
        rest = after;
    }
    super::model(reader.document)
}

/// A tag, its value and what follows.
fn next(mut rest: &str) -> Result<Option<(&str, &str, &str)>, SbomError> {
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let Some((tag, value)) = line.split_once(':').filter(|_| !line.starts_with('#')) else {
            rest = after;
            continue;
        };
        let value = value.trim();
        let Some(_) = value.strip_prefix("<text>") else { return Ok(Some((tag.trim(), value, after))) };
        let from = rest.find("<text>").map_or(0, |at| at + "<text>".len());
        let length = rest[from..].find("</text>").ok_or_else(|| invalid(format!("the text of {tag} does not end")))?;
        let after = &rest[from + length + "</text>".len()..];
        return Ok(Some((tag.trim(), rest[from..from + length].trim(), after)));
    }
    Ok(None)
}

#[derive(Default)]
struct Reader {
    document: Document,
    part: Part,
}

/// What the lines are about.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Document,
    Package,
    File,
    /// A snippet or an annotation, which is not kept.
    Other,
}

impl Reader {
    fn tag(&mut self, tag: &str, value: &str) -> Result<(), SbomError> {
        let document = &mut self.document;
        let text = || Some(value.to_owned());
        match tag {
            "PackageName" => {
                self.part = Part::Package;
                document.packages.push(Package { name: value.to_owned(), ..Package::default() });
            }
            "FileName" => {
                self.part = Part::File;
                document.files.push(File { name: value.to_owned(), ..File::default() });
            }
            "SnippetSPDXID" | "Annotator" => self.part = Part::Other,
            "LicenseID" => {
                self.part = Part::Other;
                document.extracted.push(Extracted { license_id: value.to_owned(), ..Extracted::default() });
            }
            "SPDXVersion" => value.clone_into(&mut document.spdx_version),
            "DocumentName" => value.clone_into(&mut document.name),
            "DocumentNamespace" => document.namespace = text(),
            "Created" => {
                document.creation_info =
                    CreationInfo { created: value.to_owned(), ..std::mem::take(&mut document.creation_info) }
            }
            "Creator" => document.creation_info.creators.push(value.to_owned()),
            "Relationship" => document.relationships.extend(relationship(value)),
            "LicenseName" => document.extracted.last_mut().into_iter().for_each(|it| it.name = text()),
            "ExtractedText" => document.extracted.last_mut().into_iter().for_each(|it| it.text = text()),
            _ => self.of_part(tag, value),
        }
        if self.document.packages.len() + self.document.files.len() > MAX_COMPONENTS {
            return Err(SbomError::TooMuch { limit: MAX_COMPONENTS, what: "components" });
        }
        Ok(())
    }

    fn of_part(&mut self, tag: &str, value: &str) {
        let text = || Some(value.to_owned());
        match (self.part, self.document.packages.last_mut(), self.document.files.last_mut()) {
            (Part::Package, Some(package), _) => match tag {
                "SPDXID" => value.clone_into(&mut package.id),
                "PackageVersion" => package.version = text(),
                "PackageSupplier" => package.supplier = text(),
                "PackageLicenseDeclared" => package.license_declared = text(),
                "PackageLicenseConcluded" => package.license_concluded = text(),
                "PackageCopyrightText" => package.copyright = text(),
                "PackageSummary" => package.summary = text(),
                "PackageDescription" => package.description = text(),
                "PrimaryPackagePurpose" => package.purpose = text(),
                "PackageChecksum" => package.checksums.extend(checksum(value)),
                "ExternalRef" => package.external_references.extend(external_reference(value)),
                _ => {}
            },
            (Part::File, _, Some(file)) => match tag {
                "SPDXID" => value.clone_into(&mut file.id),
                "FileChecksum" => file.checksums.extend(checksum(value)),
                "FileCopyrightText" => file.copyright = text(),
                _ => {}
            },
            _ => {}
        }
    }
}

fn checksum(value: &str) -> Option<Checksum> {
    let (algorithm, value) = value.split_once(':')?;
    Some(Checksum { algorithm: algorithm.trim().to_owned(), value: value.trim().to_owned() })
}

fn external_reference(value: &str) -> Option<ExternalReference> {
    let mut words = value.split_whitespace().map(str::to_owned);
    Some(ExternalReference { category: words.next()?, kind: words.next()?, locator: words.next()? })
}

fn relationship(value: &str) -> Option<Linked> {
    let mut words = value.split_whitespace().map(str::to_owned);
    Some(Linked { from: words.next()?, kind: words.next()?, to: words.next()? })
}
