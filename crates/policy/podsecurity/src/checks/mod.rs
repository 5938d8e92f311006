//! The checks, one a control and level.

mod either;
mod of_containers;
mod of_pods;

use crate::violation::FieldError;
use crate::{CheckResult, Forbidden, Level, Pod, TypeError, Version};

/// What a check finds.
type Outcome = Result<Option<Forbidden>, TypeError>;

/// A check of the standard.
#[derive(Debug, Clone, Copy)]
pub struct Control {
    /// Its id in pod-security-admission.
    pub id: &'static str,
    /// The standard's name of the control. Kyverno has no name for `hostProbesAndHostLifecycle`.
    pub name: &'static str,
    /// The level that it belongs to.
    pub level: Level,
    /// The first minor version of Kubernetes 1 that has it.
    pub since: u32,
    /// The check of baseline that it takes the place of.
    pub replaces: Option<&'static str>,
    check: fn(Version, &Pod<'_>) -> Outcome,
}

impl Control {
    /// Whether a version has it.
    pub fn applies(&self, version: Version) -> bool {
        version >= Version::Minor(self.since)
    }

    /// Checks a Pod. In a version that does not have it, it is what it was at first.
    pub(crate) fn run(&self, version: Version, pod: &Pod<'_>) -> Result<CheckResult, TypeError> {
        let forbidden = (self.check)(version, pod)?;
        Ok(CheckResult { id: self.id, control: self.name, level: self.level, forbidden })
    }
}

const fn baseline(id: &'static str, name: &'static str, check: fn(Version, &Pod<'_>) -> Outcome) -> Control {
    Control { id, name, level: Level::Baseline, since: 0, replaces: None, check }
}

const fn restricted(
    id: &'static str,
    name: &'static str,
    since: u32,
    replaces: Option<&'static str>,
    check: fn(Version, &Pod<'_>) -> Outcome,
) -> Control {
    Control { id, name, level: Level::Restricted, since, replaces, check }
}

/// Every check, in the order in which Kyverno asks them.
pub const CONTROLS: &[Control] = &[
    restricted("allowPrivilegeEscalation", "Privilege Escalation", 8, None, of_containers::privilege_escalation),
    baseline("appArmorProfile", "AppArmor", either::app_armor),
    baseline("capabilities_baseline", "Capabilities", of_containers::capabilities_baseline),
    restricted(
        "capabilities_restricted",
        "Capabilities",
        22,
        Some("capabilities_baseline"),
        of_containers::capabilities_restricted,
    ),
    baseline("hostNamespaces", "Host Namespaces", of_pods::host_namespaces),
    baseline("hostPathVolumes", "HostPath Volumes", of_pods::host_path_volumes),
    baseline("hostPorts", "Host Ports", of_containers::host_ports),
    Control {
        since: 34,
        ..baseline("hostProbesAndHostLifecycle", "Host Probes / Lifecycle Hooks", of_containers::hosts)
    },
    baseline("privileged", "Privileged Containers", of_containers::privileged),
    baseline("procMount", "/proc Mount Type", of_containers::proc_mount),
    restricted("restrictedVolumes", "Volume Types", 0, Some("hostPathVolumes"), of_pods::volume_types),
    restricted("runAsNonRoot", "Running as Non-root", 0, None, either::run_as_non_root),
    restricted("runAsUser", "Running as Non-root user", 23, None, either::run_as_user),
    baseline("seLinuxOptions", "SELinux", either::se_linux),
    baseline("seccompProfile_baseline", "Seccomp", either::seccomp_baseline),
    restricted("seccompProfile_restricted", "Seccomp", 19, Some("seccompProfile_baseline"), either::seccomp_restricted),
    baseline("sysctls", "Sysctls", of_pods::sysctls),
    baseline("windowsHostProcess", "HostProcess", either::host_process),
];

fn denied(reason: impl Into<String>, detail: impl Into<String>, fields: Vec<FieldError>) -> Forbidden {
    Forbidden { reason: reason.into(), detail: detail.into(), fields: Some(fields) }
}
