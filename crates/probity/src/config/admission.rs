//! `admission:` of `probity.yaml`: the gate in front of a Kubernetes API server.

use std::time::Duration;

use probity_gate_admission::Exemptions;
use probity_model::Problem;
use probity_model::node::Node;

/// The namespaces that are not judged unless told: without them nothing in a cluster can be mended.
const SYSTEM: [&str; 2] = ["kube-system", "kube-node-lease"];

/// The group whose members may do what policies forbid.
const BREAK_GLASS: &str = "probity:break-glass";

/// How often all objects are judged again, in seconds, when nothing else asks for it.
const AUDIT_INTERVAL: u64 = 600;

/// How what is there already is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audit {
    /// How often everything is judged again, whatever changed.
    pub(crate) interval: Duration,
    /// Whether reports are written in the cluster.
    pub(crate) reports: bool,
}

impl Audit {
    /// `false`, `true`, or what is different.
    fn read(node: Node<'_>) -> Result<Option<Self>, Problem> {
        let mut audit = Self { interval: Duration::from_secs(AUDIT_INTERVAL), reports: true };
        if let Ok(wanted) = node.boolean() {
            return Ok(wanted.then_some(audit));
        }
        let fields = node.mapping()?;
        fields.only(&["interval", "reports"])?;
        if let Some(node) = fields.optional("interval") {
            let seconds = node.parse()?;
            if !(10..=86_400).contains(&seconds) {
                return Err(node.problem("everything is judged again after 10 seconds to a day (86400)"));
            }
            audit.interval = Duration::from_secs(seconds);
        }
        if let Some(node) = fields.optional("reports") {
            audit.reports = node.boolean()?;
        }
        Ok(Some(audit))
    }
}

/// How the gate is set up.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    /// The cluster's name, in evidence and in labels (`cluster/namespace`).
    pub(crate) cluster: String,
    /// The namespaces that are not judged, besides Probity's own; the system's when nothing is said.
    exempt_namespaces: Vec<String>,
    exempt_groups: Vec<String>,
    exempt_users: Vec<String>,
    /// How many seconds the API server waits, 1 to 30.
    pub(crate) timeout: u8,
    /// Whether policies on images are asked of what containers run.
    pub(crate) judge_images: bool,
    /// Whether tags of images are replaced by digests.
    pub(crate) pin_images: bool,
    /// Whether the admission policies of the cluster, which the API server enforces itself, are asked here too.
    pub(crate) asks_server_policies: bool,
    /// When rights that nobody uses are told; none when they are not.
    pub(crate) unused_rights: Option<UnusedRights>,
    /// How what is there already is judged; none when it is not.
    pub(crate) audit: Option<Audit>,
}

/// When rights that nobody uses are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnusedRights {
    /// For how long nobody used them.
    pub(crate) after: Duration,
    /// How often it is looked.
    pub(crate) interval: Duration,
}

impl Default for UnusedRights {
    fn default() -> Self {
        Self { after: Duration::from_hours(30 * 24), interval: Duration::from_hours(1) }
    }
}

impl UnusedRights {
    fn read(node: Node<'_>) -> Result<Option<Self>, Problem> {
        if let Ok(wanted) = node.boolean() {
            return Ok(wanted.then(Self::default));
        }
        let fields = node.mapping()?;
        fields.only(&["after", "interval"])?;
        let mut unused = Self::default();
        for (name, value) in [("after", &mut unused.after), ("interval", &mut unused.interval)] {
            if let Some(node) = fields.optional(name) {
                *value = duration(node)?;
            }
        }
        Ok(Some(unused))
    }
}

/// Longest duration, in seconds: a year, for which use is remembered.
const LONGEST: u64 = 366 * 24 * 3600;

/// A number with `s`, `m`, `h` or `d`.
fn duration(node: Node<'_>) -> Result<Duration, Problem> {
    let text = node.text()?;
    let read = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            _ => return None,
        };
        let seconds = number.parse::<u64>().ok()?.checked_mul(seconds)?;
        (1..=LONGEST).contains(&seconds).then(|| Duration::from_secs(seconds))
    };
    read().ok_or_else(|| node.problem("write a duration such as 30d, 12h, 10m or 30s, up to a year"))
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            cluster: "kubernetes".to_owned(),
            exempt_namespaces: SYSTEM.map(str::to_owned).to_vec(),
            exempt_groups: vec![BREAK_GLASS.to_owned()],
            exempt_users: Vec::new(),
            timeout: 3,
            judge_images: false,
            pin_images: false,
            asks_server_policies: false,
            unused_rights: Some(UnusedRights::default()),
            audit: Some(Audit { interval: Duration::from_secs(AUDIT_INTERVAL), reports: true }),
        }
    }
}

impl Admission {
    pub(super) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&[
            "cluster",
            "exempt",
            "timeout",
            "images",
            "pin_images",
            "admission_policies",
            "audit",
            "unused_rights",
        ])?;
        let mut admission = Self::default();
        if let Some(cluster) = fields.optional("cluster") {
            cluster.string()?.clone_into(&mut admission.cluster);
            if admission.cluster.is_empty() || admission.cluster.contains('/') {
                return Err(cluster.problem("a cluster's name is not empty and has no slash"));
            }
        }
        if let Some(exempt) = fields.optional("exempt") {
            let exempt = exempt.mapping()?;
            exempt.only(&["namespaces", "groups", "users"])?;
            let lists = [
                ("namespaces", &mut admission.exempt_namespaces),
                ("groups", &mut admission.exempt_groups),
                ("users", &mut admission.exempt_users),
            ];
            for (name, list) in lists {
                if let Some(node) = exempt.optional(name) {
                    *list = node.strings()?.into_iter().map(str::to_owned).collect();
                }
            }
        }
        if let Some(node) = fields.optional("timeout") {
            admission.timeout = node.parse()?;
            if !(1..=30).contains(&admission.timeout) {
                return Err(node.problem("the API server waits from 1 to 30 seconds"));
            }
        }
        let flags = [
            ("images", &mut admission.judge_images),
            ("pin_images", &mut admission.pin_images),
            ("admission_policies", &mut admission.asks_server_policies),
        ];
        for (name, flag) in flags {
            if let Some(node) = fields.optional(name) {
                *flag = node.boolean()?;
            }
        }
        if let Some(node) = fields.optional("unused_rights") {
            admission.unused_rights = UnusedRights::read(node)?;
        }
        if let Some(node) = fields.optional("audit") {
            admission.audit = Audit::read(node)?;
        }
        Ok(admission)
    }

    /// How long an answer may take: a little less than the API server waits.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(u64::from(self.timeout) * 900)
    }

    /// What always passes, for a gate in this namespace that asks the cluster as this user.
    pub(crate) fn exemptions(&self, own_namespace: &str, own_user: Option<&str>) -> Exemptions {
        let mut namespaces = self.exempt_namespaces.clone();
        if !namespaces.iter().any(|namespace| namespace == own_namespace) {
            namespaces.push(own_namespace.to_owned());
        }
        let users = self.exempt_users.iter().map(String::as_str).chain(own_user).map(str::to_owned).collect();
        Exemptions { namespaces, groups: self.exempt_groups.clone(), users }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn when_unused_rights_are_told_is_read() {
        let read = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("probity.yaml");
            std::fs::write(&path, format!("version: 1\nadmission: {{unused_rights: {text}}}\n")).unwrap();
            let config = Config::read(&path, &probity_model::Sources::default());
            config.map(|config| config.admission.unused_rights).map_err(|error| format!("{error:#}"))
        };
        let of = |after, interval| {
            Some(UnusedRights { after: Duration::from_secs(after), interval: Duration::from_secs(interval) })
        };
        for (text, expected) in [
            ("true", of(2_592_000, 3600)),
            ("false", None),
            ("{after: 90d}", of(7_776_000, 3600)),
            ("{after: 12h, interval: 10m}", of(43_200, 600)),
            ("{interval: 1s}", of(2_592_000, 1)),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for text in [
            "{after: 0s}",
            "{after: 400d}",
            "{after: d}",
            "{after: -1d}",
            "{after: 5é}",
            "{after: 1w}",
            "{often: 1d}",
            "often",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
