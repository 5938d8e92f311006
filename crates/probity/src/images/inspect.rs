//! An image is read and looked into.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use probity_inspection::{Approvals, BASE_MAX_AGE, Inspection, Requirements, Vulnerabilities};
use probity_model::Sources;
use probity_subject_image::{Bases, Digest, Image, Location, Options};
use probity_vulnerabilities::{Database, ScanReport, Vex};

use super::approvals::approvals;
use super::beside::Beside;
use super::{DatabaseArgs, ImageSource, RegistryArgs};
use crate::config::Config;
use crate::input;
use crate::signing::{self, TrustArgs};

/// Largest report of another scanner, or document of statements, that is read; in bytes.
const MAX_DOCUMENT: u64 = 256 << 20;

/// How images are looked into.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Take the vulnerabilities that Trivy or Grype found in the image, from their report in JSON, in the place of a database.
    #[arg(long, value_name = "FILE", conflicts_with = "db")]
    findings: Option<PathBuf>,
    /// What is said of vulnerabilities in the image: OpenVEX, CycloneDX VEX or CSAF. May be repeated.
    #[arg(long, value_name = "FILE")]
    vex: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What is needed to look into images, opened once for all of them.
pub(crate) struct Inspector<'a> {
    registry: probity_subject_image::Registry,
    options: Options,
    database: Option<Database>,
    findings: Option<&'a Path>,
    vex: Vec<(PathBuf, Vex)>,
    approvals: Option<Approvals>,
    requirements: Requirements,
    beside: Beside,
}

impl InspectArgs {
    /// What the configuration names, and registries that are reached so.
    pub(crate) fn of_registries(registry: RegistryArgs) -> Self {
        Self { registry, ..Self::default() }
    }

    /// The files that an opinion on an image is made of: when one of them changes, it may be another.
    pub(crate) fn files(&self, config: &Config) -> Vec<PathBuf> {
        let named = self.database.path(config).into_iter().chain(config.images.bases.clone());
        named.chain(config.images.vex.iter().chain(&self.vex).cloned()).collect()
    }

    /// Opens what the options and the configuration name.
    pub(crate) fn open(&self, config: &Config, sources: &Sources) -> Result<Inspector<'_>> {
        let bases = match &config.images.bases {
            Some(path) => bases(path, sources)?,
            None => Bases::default(),
        };
        let database = if self.findings.is_none() { self.database.open(config)? } else { None };
        let vex = config.images.vex.iter().chain(&self.vex).map(|path| Ok((path.clone(), vex(path)?)));
        Ok(Inspector {
            beside: Beside::new(&self.trust, config)?,
            registry: self.registry.open()?,
            options: Options { platform: self.registry.platform.clone(), bases, ..Options::default() },
            database,
            findings: self.findings.as_deref(),
            vex: vex.collect::<Result<_>>()?,
            approvals: approvals(&config.images)?,
            requirements: Requirements {
                registries: config.images.registries.clone(),
                bases: config.images.bases.is_some(),
                base_max_age: config.images.base_max_age.unwrap_or(BASE_MAX_AGE),
            },
        })
    }
}

impl Inspector<'_> {
    /// Reads an image and looks into it.
    pub(crate) fn inspect(&self, source: &ImageSource) -> Result<Inspection> {
        let mut inspection = match source {
            ImageSource::Image(location) => self.read(location)?,
            ImageSource::Bill(path) => {
                let bill = probity_sbom::read(&signing::read(path, MAX_DOCUMENT)?)
                    .with_context(|| path.display().to_string())?;
                Inspection::of_bill(&bill)
            }
        };
        let image = &inspection.image;
        inspection.dependencies = self.approvals.as_ref().map(|approvals| approvals.judge(image));
        inspection.vulnerabilities = self.vulnerabilities(image)?;
        inspection.requirements = self.requirements.clone();
        let products = inspection.products();
        let products: Vec<&str> = products.iter().map(String::as_str).collect();
        if let Some(known) = &mut inspection.vulnerabilities {
            self.vex.iter().for_each(|(_, vex)| known.apply(vex, &products));
        }
        Ok(inspection)
    }

    fn read(&self, location: &Location) -> Result<Inspection> {
        let mut inspection = Inspection::new(Image::read(location, &self.registry, &self.options)?);
        inspection.seek_secrets();
        self.beside.look(&mut inspection, location, &self.registry);
        Ok(inspection)
    }

    fn vulnerabilities(&self, image: &Image) -> Result<Option<Vulnerabilities>> {
        Ok(match (self.findings, &self.database) {
            (Some(path), _) => Some(reported(image, path)?),
            (None, Some(database)) => Some(Vulnerabilities::look_up(image, database)?),
            (None, None) => None,
        })
    }

    /// The registries, as they are to be reached.
    pub(crate) fn registry(&self) -> &probity_subject_image::Registry {
        &self.registry
    }

    /// What is wrong with the statements that were given.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        let problems = |(path, vex): &'_ (PathBuf, Vex)| -> Vec<String> {
            vex.problems.iter().map(|problem| format!("{}: {problem}; it is not applied", path.display())).collect()
        };
        self.vex.iter().flat_map(problems)
    }
}

/// What another scanner found, when it was this image that it scanned.
fn reported(image: &Image, path: &Path) -> Result<Vulnerabilities> {
    let report = ScanReport::read(&signing::read(path, MAX_DOCUMENT)?).with_context(|| path.display().to_string())?;
    let ours: Vec<&str> = image.digest.iter().chain(&image.index).chain([&image.id]).map(Digest::as_str).collect();
    let is_ours = |named: &String| ours.iter().any(|digest| named.ends_with(digest));
    if !report.digests.is_empty() && !report.digests.iter().any(is_ours) {
        bail!(
            "{}: {} scanned {} ({}), which is another image than {}",
            path.display(),
            report.scanner,
            report.artifact,
            report.digests.join(", "),
            ours.join(", ")
        );
    }
    Ok(Vulnerabilities::of_report(image, report))
}

fn vex(path: &Path) -> Result<Vex> {
    Vex::read(&signing::read(path, MAX_DOCUMENT)?).with_context(|| path.display().to_string())
}

fn bases(path: &Path, sources: &Sources) -> Result<Bases> {
    let document = input::read_yaml(path, sources)?;
    Bases::from_value(&document.value).map_err(|error| anyhow!("{}: {error}", path.display()))
}
