//! The report of a scan is signed, and kept in a file or beside the image.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use probity_evidence_ledger::{Digest, ReportRecord};
use probity_evidence_redact::Redactor;
use probity_inspection::{SCAN_REPORT, ScanTime, scan_report, store};
use probity_model::{CONTAINER_IMAGE, Decision, SubjectKind, Value};
use probity_subject_image::{Location, Name, Registry, Repository};
use probity_trust::{Attached, PrivateKey, Target, attest};

use super::{ImageSource, Judged};
use crate::files::write_file;
use crate::signing;

/// Where the signed report of a scan goes.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "The signed report")]
pub(crate) struct ReportArgs {
    /// Sign what the scan found with this private key in PEM: cosign's encrypted form, PKCS #8 or SEC 1. Its password is taken from
    /// the variable COSIGN_PASSWORD, or asked for.
    #[arg(long, value_name = "FILE")]
    report_key: Option<String>,
    /// Write the signed report to a file, as a sigstore bundle with a statement of the type that cosign calls vuln.
    #[arg(long, value_name = "FILE", requires = "report_key")]
    report_file: Option<PathBuf>,
    /// Keep the signed report beside the image, in its registry or OCI layout.
    #[arg(long, requires = "report_key")]
    attach: bool,
}

/// Signs and delivers reports.
pub(crate) struct Reporter<'a> {
    key: PrivateKey,
    file: Option<&'a PathBuf>,
    attach: bool,
}

impl ReportArgs {
    /// Reads the key; `None` when no report is asked for.
    pub(crate) fn open(&self, images: usize) -> Result<Option<Reporter<'_>>> {
        let Some(key) = &self.report_key else { return Ok(None) };
        if self.report_file.is_none() && !self.attach {
            bail!("--report-key signs a report that goes nowhere: give --report-file or --attach as well");
        }
        if self.report_file.is_some() && images > 1 {
            bail!("--report-file takes the report of one image, and {images} were named");
        }
        let key = signing::private_key(key)?;
        Ok(Some(Reporter { key, file: self.report_file.as_ref(), attach: self.attach }))
    }
}

impl Reporter<'_> {
    /// The reports of images that were judged, each with the position of its decision.
    pub(crate) fn deliver(
        &self,
        judged: &Judged,
        registry: &Registry,
        during: ScanTime,
    ) -> Result<Vec<(usize, ReportRecord)>> {
        let redactor = Redactor::new();
        let mut reports = Vec::new();
        for (position, decision) in judged.decisions.iter().enumerate() {
            let document = &judged.graph.subjects()[position].document;
            let clean = redactor.document(SubjectKind::Image, CONTAINER_IMAGE, document).value;
            let ImageSource::Image(location) = &judged.locations[position] else {
                bail!("{} is no image that a report could be about", judged.locations[position]);
            };
            let report = self.one(&clean, decision, location, registry, during);
            reports.push((position, report.with_context(|| format!("the report of {location}"))?));
        }
        Ok(reports)
    }

    fn one(
        &self,
        document: &Value,
        decision: &Decision,
        location: &Location,
        registry: &Registry,
        during: ScanTime,
    ) -> Result<ReportRecord> {
        let Some(digest) = document.get("digest").and_then(Value::as_str) else {
            bail!("the archive has no manifest, and so no digest that a statement could be about");
        };
        let digest: probity_subject_image::Digest = digest.parse()?;
        let repository = if self.attach { Some(Repository::writable(location, registry)?) } else { None };
        let stored = repository.as_ref().map(|it| it.manifest(&Name::Digest(&digest))).transpose()?.flatten();
        let target = match (&repository, stored) {
            (Some(repository), Some(stored)) => store::target(repository, &stored)?,
            (Some(_), None) => bail!("{digest} is not there any more"),
            // Nothing is pushed: only the digest is part of the statement.
            (None, _) => Target {
                digest: digest.as_str().parse()?,
                size: 0,
                media_type: String::new(),
                repository: String::new(),
            },
        };
        let signed = attest(&target, SCAN_REPORT, scan_report(document, decision, during), &self.key, during.finished)?;
        let bundle = bundle(&signed)?;
        if let Some(path) = self.file {
            write_file(path, std::str::from_utf8(bundle)?)?;
        }
        let attached = repository.map(|repository| store::push(&repository, &signed)).transpose()?;
        Ok(ReportRecord { digest: Digest::of(bundle).to_string(), attached: attached.map(|digest| digest.to_string()) })
    }
}

/// The bundle among what would be pushed: the blob behind the configuration.
fn bundle(signed: &Attached) -> Result<&[u8]> {
    signed.blobs.last().map(|blob| blob.bytes.as_slice()).context("the statement has no bundle")
}
