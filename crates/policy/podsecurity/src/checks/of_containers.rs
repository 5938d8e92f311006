//! Checks of what containers say.

use std::collections::BTreeSet;

use super::{Outcome, denied};
use crate::pod::{Container, Fields};
use crate::violation::{BadValue, FieldError, Violations, plural, quoted};
use crate::{Forbidden, Pod, TypeError, Version};

/// Windows says this in other ways, which are looked at since 1.25.
fn is_exempt(version: Version, pod: &Pod<'_>) -> Result<bool, TypeError> {
    Ok(version >= Version::Minor(25) && pod.is_windows()?)
}

/// Containers must say that processes gain no more rights than their parents have.
pub(super) fn privilege_escalation(version: Version, pod: &Pod<'_>) -> Outcome {
    if is_exempt(version, pod)? {
        return Ok(None);
    }
    let mut found = Violations::default();
    for (container, path) in pod.containers() {
        let escalation = container.security.map(|security| security.boolean("allowPrivilegeEscalation")).transpose()?;
        if escalation == Some(Some(false)) {
            continue;
        }
        let path = format!("{path}.securityContext.allowPrivilegeEscalation");
        let field = match escalation {
            None => FieldError::required(path),
            Some(None) => FieldError::forbidden(path, BadValue::Text("nil".to_owned())),
            Some(Some(_)) => FieldError::forbidden(path, BadValue::Bool(true)),
        };
        found.add(container.name, [field]);
    }
    if found.is_empty() {
        return Ok(None);
    }
    let detail = format!("{} must set securityContext.allowPrivilegeEscalation=false", found.containers());
    Ok(Some(denied("allowPrivilegeEscalation != false", detail, found.fields)))
}

/// Capabilities that containers have unless they are told otherwise.
const DEFAULT_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn capabilities<'v>(container: &Container<'v>) -> Result<Option<Fields<'v>>, TypeError> {
    Ok(container.security.map(|security| security.fields("capabilities")).transpose()?.flatten())
}

fn owned(texts: &BTreeSet<&str>) -> BadValue {
    BadValue::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// Containers add no capability that is not among the default ones.
pub(super) fn capabilities_baseline(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut found = Violations::default();
    let mut all = BTreeSet::new();
    for (container, path) in pod.containers() {
        let Some(capabilities) = capabilities(container)? else { continue };
        let mut added: BTreeSet<&str> = capabilities.texts("add")?.into_iter().collect();
        added.retain(|name| !DEFAULT_CAPABILITIES.contains(name));
        if !added.is_empty() {
            let field = FieldError::forbidden(format!("{path}.securityContext.capabilities.add"), owned(&added));
            found.add(container.name, [field]);
            all.extend(added);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let detail = format!("{} must not include {} in securityContext.capabilities.add", found.containers(), quoted(all));
    Ok(Some(denied("non-default capabilities", detail, found.fields)))
}

/// Hardened containers drop all capabilities and add back one at most.
pub(super) fn capabilities_restricted(version: Version, pod: &Pod<'_>) -> Outcome {
    if is_exempt(version, pod)? {
        return Ok(None);
    }
    let (mut keeping, mut adding) = (Violations::default(), Violations::default());
    let mut all = BTreeSet::new();
    for (container, path) in pod.containers() {
        let drop_path = || format!("{path}.securityContext.capabilities.drop");
        let Some(capabilities) = capabilities(container)? else {
            keeping.add(container.name, [FieldError::required(drop_path())]);
            continue;
        };
        let dropped: BTreeSet<&str> = capabilities.texts("drop")?.into_iter().collect();
        if dropped.is_empty() {
            keeping.add(container.name, [FieldError::required(drop_path())]);
        } else if !dropped.contains("ALL") {
            keeping.add(container.name, [FieldError::forbidden(drop_path(), owned(&dropped))]);
        }
        let mut added: BTreeSet<&str> = capabilities.texts("add")?.into_iter().collect();
        added.remove("NET_BIND_SERVICE");
        if !added.is_empty() {
            let field = FieldError::forbidden(format!("{path}.securityContext.capabilities.add"), owned(&added));
            adding.add(container.name, [field]);
            all.extend(added);
        }
    }
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", keeping.containers()));
    }
    if !adding.is_empty() {
        details.push(format!(
            "{} must not include {} in securityContext.capabilities.add",
            adding.containers(),
            quoted(all)
        ));
    }
    if details.is_empty() {
        return Ok(None);
    }
    keeping.fields.append(&mut adding.fields);
    Ok(Some(denied("unrestricted capabilities", details.join("; "), keeping.fields)))
}

/// Containers take no port of the host.
pub(super) fn host_ports(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut found = Violations::default();
    let mut taken = BTreeSet::new();
    for (container, path) in pod.containers() {
        let mut fields = Vec::new();
        for (index, port) in container.fields.objects("ports")?.iter().enumerate() {
            if let Some(host_port) = port.integer("hostPort")?.filter(|port| *port != 0) {
                taken.insert(host_port.to_string());
                let path = format!("{path}.ports[{index}].hostPort");
                fields.push(FieldError::forbidden(path, BadValue::Int(host_port)));
            }
        }
        if !fields.is_empty() {
            found.add(container.name, fields);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let detail = format!(
        "{} {} {} {}",
        found.containers(),
        plural(found.who.len(), "uses", "use"),
        plural(taken.len(), "hostPort", "hostPorts"),
        taken.into_iter().collect::<Vec<_>>().join(", "),
    );
    Ok(Some(denied("hostPort", detail, found.fields)))
}

/// The hosts that a probe or handler asks other than its Pod.
fn hosts_of<'v>(asking: Option<&Fields<'v>>) -> Result<Vec<&'v str>, TypeError> {
    let mut hosts = Vec::new();
    for how in ["httpGet", "tcpSocket"] {
        let action = asking.map(|asking| asking.fields(how)).transpose()?.flatten();
        let host = action.map(|action| action.text("host")).transpose()?.flatten();
        hosts.extend(host.filter(|host| !host.is_empty()));
    }
    Ok(hosts)
}

/// Probes and handlers ask no other host. The check does not tell the fields.
pub(super) fn hosts(_: Version, pod: &Pod<'_>) -> Outcome {
    let (mut names, mut all) = (BTreeSet::new(), BTreeSet::new());
    for (container, _) in pod.containers() {
        let mut found = Vec::new();
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            found.extend(hosts_of(container.fields.fields(probe)?.as_ref())?);
        }
        if let Some(lifecycle) = container.fields.fields("lifecycle")? {
            for handler in ["postStart", "preStop"] {
                found.extend(hosts_of(lifecycle.fields(handler)?.as_ref())?);
            }
        }
        if !found.is_empty() {
            names.insert(container.name);
            all.extend(found);
        }
    }
    if names.is_empty() {
        return Ok(None);
    }
    let detail = format!(
        "{} {} {} {} {}",
        plural(names.len(), "container", "containers"),
        quoted(&names),
        plural(names.len(), "uses", "use"),
        plural(all.len(), "probe or lifecycle host", "probe or lifecycle hosts"),
        quoted(all),
    );
    Ok(Some(Forbidden { reason: "probe or lifecycle host".to_owned(), detail, fields: None }))
}

/// Containers have not all rights of the host.
pub(super) fn privileged(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut found = Violations::default();
    for (container, path) in pod.containers() {
        let Some(security) = container.security else { continue };
        if security.boolean("privileged")? == Some(true) {
            let field = FieldError::forbidden(format!("{path}.securityContext.privileged"), BadValue::Bool(true));
            found.add(container.name, [field]);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let detail = format!("{} must not set securityContext.privileged=true", found.containers());
    Ok(Some(denied("privileged", detail, found.fields)))
}

/// What `/proc` hides stays hidden.
pub(super) fn proc_mount(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut found = Violations::default();
    let mut types = BTreeSet::new();
    for (container, path) in pod.containers() {
        let kind = container.security.map(|security| security.text("procMount")).transpose()?.flatten();
        if let Some(kind) = kind.filter(|kind| *kind != "Default") {
            let path = format!("{path}.securityContext.procMount");
            found.add(container.name, [FieldError::forbidden(path, BadValue::Text(kind.to_owned()))]);
            types.insert(kind);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let detail = format!("{} must not set securityContext.procMount to {}", found.containers(), quoted(types));
    Ok(Some(denied("procMount", detail, found.fields)))
}
