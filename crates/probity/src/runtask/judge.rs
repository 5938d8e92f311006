//! A run is judged as a scan is, and its decisions go to the ledger of the server.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use probity_evidence_ledger::{Ledger, Origin};
use probity_gate_terraform::{Judge, Judged, Stage, Subject, Task};
use probity_model::{Gate, Metadata, PolicyId, Sources};

use super::modules;
use crate::evidence::origin::{self, Build, Run};
use crate::evidence::record::{Scan, record_in};
use crate::scanning::{Inputs, PolicyArgs, decide};
use crate::secrets::Masks;
use crate::today;

/// Judges by the policies that the configuration names. They are read for each run: what was changed or accepted in between
/// counts.
pub(super) struct PlanJudge {
    pub(super) policies: PolicyArgs,
    /// Where the configuration is looked for.
    pub(super) start: PathBuf,
    pub(super) ledger: Arc<Ledger>,
    /// The address of the server's pages.
    pub(super) public_url: Option<String>,
}

impl Judge for PlanJudge {
    fn judge(&self, task: &Task, subject: &Subject) -> Result<Judged, String> {
        self.judge_run(task, subject).map_err(|error| crate::words(&error))
    }
}

impl PlanJudge {
    fn judge_run(&self, task: &Task, subject: &Subject) -> Result<Judged> {
        let sources = Arc::new(Sources::default());
        let config = self.policies.configuration(&self.start, &sources)?;
        let policies = self.policies.read(Gate::Terraform, &config, &sources)?;
        let paths = match task.stage {
            Stage::PrePlan => modules::folders(&subject.root.join(task.folder()), &subject.path)?,
            _ => vec![subject.path.clone()],
        };
        let inputs = Inputs { paths, root: Some(subject.root.clone()), ..Inputs::default() };
        let mut tree = inputs.read(&config, &policies, &sources)?;
        tree.problems.extend(policies.own.problems.iter().cloned());
        let mut decisions = decide(&policies.set, &tree.graph, &sources);
        Masks::of(&decisions, &sources).clean(&mut decisions, &sources);
        let path = subject.path.strip_prefix(&subject.root).unwrap_or(&subject.path);
        let scan = Scan {
            gate: Gate::Terraform,
            paths: &[path.to_owned()],
            graph: &tree.graph,
            decisions: &decisions,
            policies: policies.set.metadata().collect(),
            own_policies: &policies.own,
            waivers: policies.set.waivers(),
            problems: &tree.problems,
            sources: &sources,
            files: tree.files.total(),
            reports: &[],
            frameworks: &policies.frameworks,
            today: today(),
        };
        let gate = format!("terraform/{}/{}/{}", task.name(), task.result_name(), subject.attempt);
        let places = record_in(&scan, &run(task), &gate, &self.ledger)?;
        let known: HashMap<PolicyId, Metadata> =
            policies.set.metadata().map(|metadata| (metadata.id.clone(), metadata.clone())).collect();
        let problems: Vec<String> =
            tree.problems.iter().map(|(path, problem)| problem.display(&sources, path)).collect();
        let (page, pages) = self.pages(&places);
        Ok(Judged::new(&decisions, &known, &problems, page, &pages))
    }

    /// Where the run and its decisions are looked at.
    fn pages(&self, places: &[u64]) -> (Option<String>, Vec<String>) {
        let (Some(url), Some((run, decisions))) = (&self.public_url, places.split_last()) else {
            return (None, Vec::new());
        };
        let pages = decisions.iter().map(|place| format!("{url}/decisions/{place}")).collect();
        (Some(format!("{url}/scans/{run}")), pages)
    }
}

/// What the platform says of a run.
fn run(task: &Task) -> Run {
    let plain = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
    let origin = Origin {
        repository: task.vcs_repo_url.as_deref().filter(|url| !url.is_empty()).map(origin::without_credentials),
        commit: task.commit(),
        reference: plain(&task.vcs_branch),
        actor: plain(&task.run_created_by),
        workspace: Some(task.folder()),
        stage: Some(task.stage.as_str().to_owned()),
        run: task.run_app_url.as_deref().filter(|url| !url.is_empty()).map(origin::with_scheme_without_credentials),
        host: None,
    };
    Run { origin, gate: None, build: Build::default() }
}
