//! Checks of what the Pod itself says.

use std::collections::BTreeSet;

use super::{Outcome, denied};
use crate::pod::Fields;
use crate::violation::{BadValue, FieldError, Violations, plural, quoted};
use crate::{Pod, Version};

/// Pods share no namespace of the host.
pub(super) fn host_namespaces(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut found = Violations::default();
    for name in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod.spec.boolean(name)? == Some(true) {
            let field = FieldError::forbidden(format!("spec.{name}"), BadValue::Bool(true));
            found.add(format!("{name}=true"), [field]);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    Ok(Some(denied("host namespaces", found.who.join(", "), found.fields)))
}

/// Pods mount nothing of the host.
pub(super) fn host_path_volumes(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut found = Violations::default();
    for (index, volume) in pod.spec.objects("volumes")?.iter().enumerate() {
        if let Some(host_path) = volume.fields("hostPath")? {
            let path = host_path.text("path")?.unwrap_or_default().to_owned();
            let field = FieldError::forbidden(format!("spec.volumes[{index}].hostPath"), BadValue::Text(path));
            found.add(volume.text("name")?.unwrap_or_default(), [field]);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let detail = format!("{} {}", plural(found.who.len(), "volume", "volumes"), quoted(&found.who));
    Ok(Some(denied("hostPath volumes", detail, found.fields)))
}

/// Sources of volumes that hardened Pods may have.
const ALLOWED_VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// The others, in the order in which they are looked for.
const OTHER_VOLUMES: [&str; 21] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
];

/// Hardened Pods have volumes of a few types only.
pub(super) fn volume_types(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut found = Violations::default();
    let mut types = BTreeSet::new();
    for (index, volume) in pod.spec.objects("volumes")?.iter().enumerate() {
        let has = |name: &&&str| volume.get(name).is_some();
        if ALLOWED_VOLUMES.iter().find(has).is_some() {
            continue;
        }
        let kind = OTHER_VOLUMES.iter().find(has).copied().unwrap_or("unknown");
        types.insert(kind);
        let field = FieldError::forbidden(format!("spec.volumes[{index}].{kind}"), BadValue::None);
        found.add(volume.text("name")?.unwrap_or_default(), [field]);
    }
    if found.is_empty() {
        return Ok(None);
    }
    let count = found.who.len();
    let detail = format!(
        "{} {} {} {} {}",
        plural(count, "volume", "volumes"),
        quoted(&found.who),
        plural(count, "uses", "use"),
        plural(types.len(), "restricted volume type", "restricted volume types"),
        quoted(types),
    );
    Ok(Some(denied("restricted volume types", detail, found.fields)))
}

/// Parameters of the kernel that are namespaced, with the first minor version that takes them for safe.
const SAFE_SYSCTLS: [(&str, u32); 12] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

/// Pods set safe parameters of the kernel only.
pub(super) fn sysctls(version: Version, pod: &Pod<'_>) -> Outcome {
    let mut found = Violations::default();
    let set: Vec<Fields<'_>> =
        pod.security()?.map(|security| security.objects("sysctls")).transpose()?.unwrap_or_default();
    for (index, sysctl) in set.iter().enumerate() {
        let name = sysctl.text("name")?.unwrap_or_default();
        let safe = SAFE_SYSCTLS.iter().any(|(safe, since)| *safe == name && version >= Version::Minor(*since));
        if !safe {
            let path = format!("spec.securityContext.sysctls[{index}].name");
            found.add(name, [FieldError::forbidden(path, BadValue::Text(name.to_owned()))]);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    Ok(Some(denied("forbidden sysctls", found.who.join(", "), found.fields)))
}
