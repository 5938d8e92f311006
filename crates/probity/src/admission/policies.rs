//! Which policies are in force: those of the configuration, of files, and of the cluster.

use std::sync::Arc;

use anyhow::{Context, Result};
use probity_evidence_redact::Redactor;
use probity_gate_admission::{Exemptions, Judge, Judging};
use probity_model::{CONTAINER_IMAGE, Gate, Pattern, Source, Sources, Stage, StageRule, Stages};
use probity_policy_core::{Mutator, Policy, PolicySet, TypeSelector};
use probity_policy_kyverno::images::Images as Registries;

use super::pin::Pin;
use crate::config::Config;
use crate::evidence;
use crate::policies::{self, Taking};
use crate::scanning::PolicyArgs;

/// What the policies are read from.
pub(super) struct Origins<'o> {
    pub(super) args: &'o PolicyArgs,
    pub(super) config: &'o Config,
    /// What the cluster has of policies, each with its kind and name.
    pub(super) documents: Vec<Source>,
    /// What answers for registries when policies verify images.
    pub(super) registries: Option<Arc<dyn Registries>>,
    /// What pins images, when they are to be.
    pub(super) pin: Option<Pin>,
}

/// Policies, ready to be put in force.
pub(super) struct Compiled {
    pub(super) judge: Judge,
    /// Those on images, when they are asked.
    pub(super) images: Option<PolicySet>,
    /// All of them, as the document that is kept.
    pub(super) document: String,
    /// What is wrong with those that are left out.
    pub(super) problems: Vec<String>,
}

impl Origins<'_> {
    /// Reads and compiles them. What is wrong with a policy of the cluster takes no other down; what is wrong with a file
    /// of this machine is an error.
    pub(super) fn compile(self, exemptions: Exemptions) -> Result<Compiled> {
        let sources = Arc::new(Sources::default());
        let registries = self.registries.clone();
        let read = self.args.read_asking(registries.clone(), Gate::Admission, self.config, &sources)?;
        let stages = admission_stages(self.config);
        let mut all: Vec<Arc<dyn Policy>> = read.set.policies().to_vec();
        let taking = Taking { registries: registries.clone(), in_cluster: true, ..Taking::default() };
        let (of_cluster, mut problems) = policies::compile_most(self.documents, taking, &sources, &all)?;
        problems.extend(of_cluster.problems.iter().map(|(path, problem)| problem.display(&sources, path)));
        problems.extend(read.own.problems.iter().map(|(path, problem)| problem.display(&sources, path)));
        all.extend(of_cluster.policies.iter().cloned());

        let about_images = |policy: &Arc<dyn Policy>| {
            policy.types().iter().any(|types| *types == TypeSelector::Exact(CONTAINER_IMAGE.into()))
        };
        let (on_images, on_objects): (Vec<_>, Vec<_>) = all.into_iter().partition(about_images);
        let on_objects: Vec<_> = on_objects
            .into_iter()
            .filter(|policy| policy.occasions().admission || policy.occasions().background)
            .filter(|policy| !policy.requests().is_empty())
            .collect();
        let mut written = evidence::policies::write(
            on_objects.iter().chain(&on_images).map(|policy| policy.metadata()),
            &read.own,
            &Redactor::new(),
        )?;
        of_cluster.texts.iter().for_each(|source| written.push_str(&source.text));

        let waivers = read.set.waivers().to_vec();
        let images = self.config.admission.judge_images && !on_images.is_empty();
        let images = images.then(|| {
            let set = PolicySet::builder(Gate::Admission, stages.clone()).policies(on_images);
            set.waivers(waivers.iter().cloned()).build()
        });
        // The API server asks its own policies that change objects itself.
        let is_servers = |source: &&Arc<Source>| {
            ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"]
                .iter()
                .any(|kind| source.path.starts_with(kind))
        };
        let changing = of_cluster.texts.iter().filter(|source| !is_servers(source));
        let (mut mutators, wrong) =
            policies::mutators(read.own.texts.iter().chain(changing), registries.as_ref(), &sources)?;
        problems.extend(wrong);
        // The last: others may name another registry.
        mutators.extend(self.pin.map(|pin| Arc::new(pin) as Arc<dyn Mutator>));
        let judging = Judging { policies: on_objects, mutators, waivers };
        let judge =
            Judge::new(judging, &stages, exemptions).context("policies of the cluster and of files have one id")?;
        Ok(Compiled { judge, images: images.transpose()?, document: written, problems })
    }
}

/// The stages of policies at this gate. Where the configuration says nothing of stages what the built-in ones find is kept,
/// and nobody is denied or warned: a cluster that runs has a lot of it on the first day.
pub(super) fn admission_stages(config: &Config) -> Stages {
    let builtin = || StageRule {
        gate: Some(Gate::Admission),
        environment: None,
        policies: vec![Pattern::from("PRB-*")],
        stage: Stage::Observe,
    };
    config.stages.clone().unwrap_or_else(|| Stages { default: Stage::Enforce, rules: vec![builtin()] })
}
