//! Checks of what the Pod says for its containers, or they for themselves.

use std::collections::BTreeSet;

use super::{Outcome, denied};
use crate::pod::{Fields, Path};
use crate::violation::{BadValue, FieldError, Violations, containers, plural, quoted};
use crate::{Forbidden, Pod, TypeError, Version};

/// A `securityContext`.
struct Context<'v> {
    /// The container's name; `None` for that of the Pod.
    who: Option<&'v str>,
    path: Path,
    security: Fields<'v>,
}

impl Context<'_> {
    /// Where a field of it stands.
    fn path_to(&self, field: &str) -> String {
        format!("{}.securityContext.{field}", self.path)
    }
}

/// That of the Pod and those of its containers, as far as there are any.
fn contexts<'v>(pod: &Pod<'v>) -> Result<Vec<Context<'v>>, TypeError> {
    let mut contexts = Vec::new();
    if let Some(security) = pod.security()? {
        contexts.push(Context { who: None, path: pod.path(), security });
    }
    for (container, path) in pod.containers() {
        if let Some(security) = container.security {
            contexts.push(Context { who: Some(container.name), path, security });
        }
    }
    Ok(contexts)
}

/// Who says what must not be said: the Pod, and containers.
#[derive(Default)]
struct Setters {
    pod: bool,
    containers: Vec<String>,
    fields: Vec<FieldError>,
}

impl Setters {
    fn add(&mut self, who: Option<&str>, fields: impl IntoIterator<Item = FieldError>) {
        match who {
            None => self.pod = true,
            Some(name) => self.containers.push(name.to_owned()),
        }
        self.fields.extend(fields);
    }

    fn is_empty(&self) -> bool {
        !self.pod && self.containers.is_empty()
    }

    /// `pod and containers "a", "b"`
    fn told(&self) -> Vec<String> {
        let pod = self.pod.then(|| "pod".to_owned());
        let rest = (!self.containers.is_empty()).then(|| containers(&self.containers));
        pod.into_iter().chain(rest).collect()
    }
}

/// The type of a profile, such as `seccompProfile`; empty when the profile has none.
fn profile<'v>(security: &Fields<'v>, name: &'static str) -> Result<Option<&'v str>, TypeError> {
    let profile = security.fields(name)?;
    profile.map(|profile| profile.text("type").map(Option::unwrap_or_default)).transpose()
}

fn is_usual(kind: &str) -> bool {
    matches!(kind, "RuntimeDefault" | "Localhost")
}

/// Profiles that are not the usual ones, with who has them, and their types.
fn bad_profiles<'v>(pod: &Pod<'v>, name: &'static str) -> Result<(Setters, BTreeSet<&'v str>), TypeError> {
    let (mut setters, mut types) = (Setters::default(), BTreeSet::new());
    for context in contexts(pod)? {
        if let Some(kind) = profile(&context.security, name)?.filter(|kind| !is_usual(kind)) {
            let path = context.path_to(&format!("{name}.type"));
            setters.add(context.who, [FieldError::forbidden(path, BadValue::Text(kind.to_owned()))]);
            types.insert(kind);
        }
    }
    Ok((setters, types))
}

/// Pods keep the profile of `AppArmor`, by their fields and by the annotations that came before those.
pub(super) fn app_armor(_: Version, pod: &Pod<'_>) -> Outcome {
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    let (mut setters, types) = bad_profiles(pod, "appArmorProfile")?;
    let mut values: Vec<String> = types.into_iter().map(str::to_owned).collect();
    let mut told = setters.told();
    let mut annotations = Vec::new();
    for (key, value) in pod.annotations.iter().filter(|(key, _)| key.as_str().starts_with(PREFIX)) {
        let value = value.as_str().unwrap_or_default();
        if !(value.is_empty() || value == "runtime/default" || value.starts_with("localhost/")) {
            annotations.push(format!("{}={value:?}", key.as_str()));
            let path = format!("metadata.annotations[{}]", key.as_str());
            setters.fields.push(FieldError::forbidden(path, BadValue::Text(value.to_owned())));
        }
    }
    if !annotations.is_empty() {
        told.push(plural(annotations.len(), "annotation", "annotations").to_owned());
        values.append(&mut annotations);
    }
    if told.is_empty() {
        return Ok(None);
    }
    let reason = plural(values.len(), "forbidden AppArmor profile", "forbidden AppArmor profiles");
    let detail = format!("{} must not set AppArmor profile type to {}", told.join(" and "), quoted(&values));
    Ok(Some(denied(reason, detail, setters.fields)))
}

fn seccomp(setters: Setters, types: BTreeSet<&str>) -> Forbidden {
    let detail = format!(
        "{} must not set securityContext.seccompProfile.type to {}",
        setters.told().join(" and "),
        quoted(types)
    );
    denied("seccompProfile", detail, setters.fields)
}

/// Nobody turns seccomp off.
pub(super) fn seccomp_baseline(_: Version, pod: &Pod<'_>) -> Outcome {
    let (setters, types) = bad_profiles(pod, "seccompProfile")?;
    Ok((!setters.is_empty()).then(|| seccomp(setters, types)))
}

/// Hardened Pods, or each of their containers, say that there is seccomp.
pub(super) fn seccomp_restricted(version: Version, pod: &Pod<'_>) -> Outcome {
    if version >= Version::Minor(25) && pod.is_windows()? {
        return Ok(None);
    }
    let (setters, types) = bad_profiles(pod, "seccompProfile")?;
    if !setters.is_empty() {
        return Ok(Some(seccomp(setters, types)));
    }
    let of_pod = pod.security()?.map(|security| profile(&security, "seccompProfile")).transpose()?.flatten();
    let mut silent = Violations::default();
    for (container, path) in pod.containers().filter(|_| of_pod.is_none()) {
        let own = container.security.map(|security| profile(&security, "seccompProfile")).transpose()?;
        if own.flatten().is_none() {
            let path = format!("{path}.securityContext.seccompProfile.type");
            silent.add(container.name, [FieldError::required(path)]);
        }
    }
    if silent.is_empty() {
        return Ok(None);
    }
    let detail = format!(
        "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
        silent.containers()
    );
    Ok(Some(denied("seccompProfile", detail, silent.fields)))
}

/// Hardened Pods, or each of their containers, say that they do not run as root.
pub(super) fn run_as_non_root(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut setters = Setters::default();
    for context in contexts(pod)? {
        if context.security.boolean("runAsNonRoot")? == Some(false) {
            setters.add(context.who, [FieldError::forbidden(context.path_to("runAsNonRoot"), BadValue::Bool(false))]);
        }
    }
    let of_pod = pod.security()?.map(|security| security.boolean("runAsNonRoot")).transpose()?.flatten();
    let mut silent = Violations::default();
    for (container, path) in pod.containers().filter(|_| of_pod != Some(true)) {
        let own = container.security.map(|security| security.boolean("runAsNonRoot")).transpose()?;
        if own.flatten().is_none() {
            let path = format!("{path}.securityContext.runAsNonRoot");
            silent.add(container.name, [FieldError::required(path)]);
        }
    }
    let mut details = Vec::new();
    if !setters.is_empty() {
        details.push(format!("{} must not set securityContext.runAsNonRoot=false", setters.told().join(" and ")));
    }
    if !silent.is_empty() {
        details.push(format!("pod or {} must set securityContext.runAsNonRoot=true", silent.containers()));
    }
    if details.is_empty() {
        return Ok(None);
    }
    setters.fields.append(&mut silent.fields);
    Ok(Some(denied("runAsNonRoot != true", details.join("\n"), setters.fields)))
}

/// Nobody runs as the user 0.
pub(super) fn run_as_user(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut setters = Setters::default();
    for context in contexts(pod)? {
        if context.security.integer("runAsUser")? == Some(0) {
            setters.add(context.who, [FieldError::forbidden(context.path_to("runAsUser"), BadValue::Int(0))]);
        }
    }
    if setters.is_empty() {
        return Ok(None);
    }
    Ok(Some(denied(
        "runAsUser=0",
        format!("{} must not set runAsUser=0", setters.told().join(" and ")),
        setters.fields,
    )))
}

/// `SELinux`'s user and role stay what they are, its type is one of a few.
pub(super) fn se_linux(version: Version, pod: &Pod<'_>) -> Outcome {
    let engine = version >= Version::Minor(31);
    let is_allowed = |kind: &str| match kind {
        "" | "container_t" | "container_init_t" | "container_kvm_t" => true,
        kind => engine && kind == "container_engine_t",
    };
    let (mut setters, mut types) = (Setters::default(), BTreeSet::new());
    let (mut sets_user, mut sets_role) = (false, false);
    for context in contexts(pod)? {
        let Some(options) = context.security.fields("seLinuxOptions")? else { continue };
        let mut fields = Vec::new();
        let mut offends = |name: &str, value: &str| {
            let path = context.path_to(&format!("seLinuxOptions.{name}"));
            fields.push(FieldError::forbidden(path, BadValue::Text(value.to_owned())));
        };
        if let Some(kind) = options.text("type")?.filter(|kind| !is_allowed(kind)) {
            types.insert(kind);
            offends("type", kind);
        }
        if let Some(user) = options.text("user")?.filter(|user| !user.is_empty()) {
            sets_user = true;
            offends("user", user);
        }
        if let Some(role) = options.text("role")?.filter(|role| !role.is_empty()) {
            sets_role = true;
            offends("role", role);
        }
        if !fields.is_empty() {
            setters.add(context.who, fields);
        }
    }
    if setters.is_empty() {
        return Ok(None);
    }
    let count = types.len();
    let types = (count > 0).then(|| format!("{} {}", plural(count, "type", "types"), quoted(types)));
    let user = sets_user.then(|| "user may not be set".to_owned());
    let role = sets_role.then(|| "role may not be set".to_owned());
    let what: Vec<String> = [types, user, role].into_iter().flatten().collect();
    let detail =
        format!("{} set forbidden securityContext.seLinuxOptions: {}", setters.told().join(" and "), what.join("; "));
    Ok(Some(denied("seLinuxOptions", detail, setters.fields)))
}

/// Nobody runs as a process of a Windows host.
pub(super) fn host_process(_: Version, pod: &Pod<'_>) -> Outcome {
    let mut setters = Setters::default();
    for context in contexts(pod)? {
        let options = context.security.fields("windowsOptions")?;
        if options.map(|options| options.boolean("hostProcess")).transpose()?.flatten() == Some(true) {
            let path = context.path_to("windowsOptions.hostProcess");
            setters.add(context.who, [FieldError::forbidden(path, BadValue::Bool(true))]);
        }
    }
    if setters.is_empty() {
        return Ok(None);
    }
    let detail =
        format!("{} must not set securityContext.windowsOptions.hostProcess=true", setters.told().join(" and "));
    Ok(Some(denied("hostProcess", detail, setters.fields)))
}
