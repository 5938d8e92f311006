//! Policies of registries that a gate judges by.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use probity_subject_image::{Location, Reference, Registry};

use super::args::AdmissionArgs;
use crate::evidence::data::Data;
use crate::policies::artifact::PolicyArtifact;
use crate::scanning::PolicyArgs;
use crate::signing::key_trust;
use crate::words;

/// Where policies are.
#[derive(Debug, Clone)]
pub(super) enum PolicySource {
    /// In a file or a folder.
    Path(PathBuf),
    /// In a registry.
    Artifact(Reference),
}

impl FromStr for PolicySource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(reference) = text.strip_prefix("oci://") else { return Ok(Self::Path(text.into())) };
        match format!("docker://{reference}").parse() {
            Ok(Location::Registry(reference)) => Ok(Self::Artifact(reference)),
            Ok(_) => Err(format!("{text}: no name in a registry, such as oci://registry.example.com/policies:1")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The artifacts that are named, each with what was last had of it.
pub(super) struct Bundles {
    registry: Option<Registry>,
    artifacts: Mutex<Vec<PolicyArtifact>>,
    /// The folders of their policies and data, as they are now.
    folders: Mutex<Vec<(PathBuf, PathBuf)>>,
}

impl Bundles {
    /// Has all of them. A registry that is away is told; what was had before counts then.
    pub(super) fn open(args: &AdmissionArgs, data: &Data) -> Result<Self> {
        let references = args.gate_policy.iter().filter_map(|source| match source {
            PolicySource::Artifact(reference) => Some(reference.clone()),
            PolicySource::Path(_) => None,
        });
        let trusts = args.gate_policy_key.iter().map(|key| key_trust(key, false, None)).collect::<Result<Vec<_>>>()?;
        let folder = data.folder().join("policies");
        let artifacts: Vec<_> =
            references.map(|reference| PolicyArtifact::new(reference, &folder, trusts.clone())).collect();
        ensure!(
            trusts.is_empty() || !artifacts.is_empty(),
            "--gate-policy-key is for policies of registries, and --gate-policy names none"
        );
        let registry = (!artifacts.is_empty()).then(|| args.images.registries().open()).transpose()?;
        if let (true, Some(artifact)) = (trusts.is_empty(), artifacts.first()) {
            eprintln!(
                "note: policies such as {} count unsigned; --gate-policy-key asks for a signature",
                artifact.reference()
            );
        }
        let bundles = Self { registry, artifacts: Mutex::new(artifacts), folders: Mutex::default() };
        for error in bundles.refresh() {
            eprintln!("probity: {}", words(&error));
        }
        for artifact in bundles.artifacts().iter() {
            ensure!(artifact.current().is_some(), "there are no policies of {} yet", artifact.reference());
        }
        Ok(bundles)
    }

    fn artifacts(&self) -> MutexGuard<'_, Vec<PolicyArtifact>> {
        self.artifacts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folders(&self) -> MutexGuard<'_, Vec<(PathBuf, PathBuf)>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.registry.is_none()
    }

    /// Looks at all of them anew; gives what went wrong.
    pub(super) fn refresh(&self) -> Vec<anyhow::Error> {
        let Some(registry) = &self.registry else { return Vec::new() };
        let mut artifacts = self.artifacts();
        let mut wrong = Vec::new();
        for artifact in artifacts.iter_mut() {
            match artifact.refresh(registry) {
                Ok(true) => {
                    let digest = artifact.current().map(ToString::to_string).unwrap_or_default();
                    eprintln!("the policies of {} are those of {digest}", artifact.reference());
                }
                Ok(false) => {}
                Err(error) => wrong.push(error),
            }
        }
        *self.folders() = artifacts.iter().flat_map(PolicyArtifact::folders).collect();
        wrong
    }

    /// What policies are read from, those of files first.
    pub(super) fn policies(&self, sources: &[PolicySource]) -> PolicyArgs {
        let paths = sources.iter().filter_map(|source| match source {
            PolicySource::Path(path) => Some(path.clone()),
            PolicySource::Artifact(_) => None,
        });
        let (mut policies, mut data): (Vec<PathBuf>, Vec<PathBuf>) = (paths.collect(), Vec::new());
        for (of_policies, of_data) in self.folders().iter().cloned() {
            policies.push(of_policies);
            data.extend(of_data.is_dir().then_some(of_data));
        }
        PolicyArgs::of_paths(policies, data)
    }
}
