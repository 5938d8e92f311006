use smol_str::SmolStr;

use crate::pattern::Pattern;
use crate::policy::{PolicyId, words};

words! {
    /// The place where a decision is enforced.
    #[derive(PartialOrd, Ord, Hash)]
    Gate: "a gate" {
        /// A scan: on a laptop or in a pipeline.
        Ci = "ci",
        /// An application that asks before it acts, over OPA's REST API.
        Api = "api",
        /// A run of Terraform: a plan, before it is applied.
        Terraform = "terraform",
        /// In front of Vault or OpenBao, or behind its audit log.
        Vault = "vault",
        /// A request to a Kubernetes API server, before it is carried out.
        Admission = "admission",
    }
}

words! {
    /// What a finding does at a gate.
    #[derive(PartialOrd, Ord, Hash)]
    Stage: "a stage" {
        /// It is shown and kept; nothing else happens.
        Observe = "observe",
        /// The change passes with a warning.
        Warn = "warn",
        /// The change does not pass.
        Enforce = "enforce",
    }
}

/// One line of the stages: everything it names must fit for it to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRule {
    /// The gate, or all of them.
    pub gate: Option<Gate>,
    /// The environment label, or all of them.
    pub environment: Option<SmolStr>,
    /// The policies, or all of them when empty.
    pub policies: Vec<Pattern>,
    /// The stage.
    pub stage: Stage,
}

/// Which policy is at which stage, at which gate, in which environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// The stage where no rule fits.
    pub default: Stage,
    /// Rules in order; the last that fits decides.
    pub rules: Vec<StageRule>,
}

impl Stages {
    /// The same stage everywhere.
    pub fn all(stage: Stage) -> Self {
        Self { default: stage, rules: Vec::new() }
    }

    /// The stage of a policy at a gate for a subject in an environment.
    pub fn stage(&self, gate: Gate, environment: Option<&str>, policy: &PolicyId) -> Stage {
        let fits = |rule: &&StageRule| {
            rule.gate.is_none_or(|named| named == gate)
                && rule.environment.as_deref().is_none_or(|named| environment == Some(named))
                && (rule.policies.is_empty() || rule.policies.iter().any(|pattern| pattern.matches(policy.as_str())))
        };
        self.rules.iter().rev().find(fits).map_or(self.default, |rule| rule.stage)
    }

    /// The highest stage that a policy has at a gate in any environment.
    pub fn most(&self, gate: Gate, policy: &PolicyId) -> Stage {
        let named = self.rules.iter().filter_map(|rule| rule.environment.as_deref());
        let elsewhere = self.stage(gate, None, policy);
        named.map(|environment| self.stage(gate, Some(environment), policy)).fold(elsewhere, Stage::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_that_fits_decides() {
        let rule = |environment: Option<&str>, policies: &[&str], stage| StageRule {
            gate: None,
            environment: environment.map(Into::into),
            policies: policies.iter().map(|&pattern| pattern.into()).collect(),
            stage,
        };
        let stages = Stages {
            default: Stage::Observe,
            rules: vec![
                rule(Some("production"), &[], Stage::Warn),
                rule(Some("production"), &["PRB-AWS-*"], Stage::Enforce),
            ],
        };
        let stage = |environment, policy: &str| stages.stage(Gate::Ci, environment, &policy.into());
        assert_eq!(stage(None, "PRB-AWS-S3-001"), Stage::Observe);
        assert_eq!(stage(Some("production"), "PRB-K8S-POD-001"), Stage::Warn);
        assert_eq!(stage(Some("production"), "PRB-AWS-S3-001"), Stage::Enforce);
    }
}
