//! How Kyverno's `podSecurity` rules judge (Kyverno, `pkg/pss`): the same checks, without some controls that a rule or
//! an exception takes out.
//!
//! Unlike Kubernetes' admission it asks every check of a level whatever the version, also those that a stricter one takes
//! the place of. It knows no level privileged: there that is judged as restricted, so it is here.

use probity_kubernetes::wildcard;
use probity_model::Problem;
use probity_model::node::Node;

use crate::pod::LISTS;
use crate::violation::FieldError;
use crate::{CONTROLS, CheckResult, Level, Pod, TypeError, Version};

/// A control that is taken out, for the Pod or for some of its containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclude {
    /// The standard's name of the control.
    pub control: String,
    /// Wildcards over images of the containers that are meant; without any, what the Pod itself says is.
    pub images: Vec<String>,
    /// The field that is meant, its indexes as `*`; all when empty.
    pub field: String,
    /// Wildcards over values that are allowed; all when there are none.
    pub values: Vec<String>,
}

impl Exclude {
    /// Reads `controlName`, `images`, `restrictedField` and `values`.
    ///
    /// # Errors
    /// When a field is of another type, is unknown, or there is no such control.
    pub fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["controlName", "images", "restrictedField", "values"])?;
        let control = fields.required("controlName")?;
        let name = control.string()?;
        if !CONTROLS.iter().any(|known| known.name == name && known.id != UNNAMED) {
            return Err(control.problem(format!("`{name}` is no control of the Pod Security Standards")));
        }
        let texts = |name: &str| -> Result<Vec<String>, Problem> {
            let texts = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
            Ok(texts.into_iter().map(str::to_owned).collect())
        };
        let field = fields.optional("restrictedField").map(Node::string).transpose()?.unwrap_or_default();
        Ok(Self {
            control: name.to_owned(),
            images: texts("images")?,
            field: field.to_owned(),
            values: texts("values")?,
        })
    }

    fn means(&self, result: &CheckResult) -> bool {
        result.control == self.control && result.id != UNNAMED
    }

    fn allows(&self, field: &FieldError) -> bool {
        let any = |value: &String| self.values.iter().any(|pattern| wildcard::matches(pattern, value));
        (self.field.is_empty() || self.field == general(&field.path))
            && (self.values.is_empty() || field.value.texts().iter().all(any))
    }
}

/// The check for which Kyverno has no control's name.
const UNNAMED: &str = "hostProbesAndHostLifecycle";

/// What is forbidden of a Pod at a level, without what is excluded. The Pod is allowed when that is nothing.
///
/// # Errors
/// When a field that is looked at has another type than it must have.
pub fn evaluate(
    level: Level,
    version: Version,
    excludes: &[Exclude],
    pod: &Pod<'_>,
) -> Result<Vec<CheckResult>, TypeError> {
    let results = violations(level, version, pod)?;
    exclude(level, version, excludes, results, pod)
}

/// What is left of what is forbidden when more is excluded: by exceptions.
///
/// # Errors
/// As [`evaluate`].
pub fn exclude(
    level: Level,
    version: Version,
    excludes: &[Exclude],
    mut results: Vec<CheckResult>,
    pod: &Pod<'_>,
) -> Result<Vec<CheckResult>, TypeError> {
    for exclude in excludes {
        if results.is_empty() {
            break;
        }
        if exclude.images.is_empty() {
            let meant = violations(level, version, &pod.without_containers())?;
            take_out(&mut results, &meant, exclude, |left, right| general(&left.path) == general(&right.path));
        } else {
            let matching =
                pod.of_containers(|image| exclude.images.iter().any(|pattern| wildcard::matches(pattern, image)));
            let meant = violations(level, version, &matching)?;
            take_out(&mut results, &meant, exclude, |left, right| {
                general(&left.path) == general(&right.path)
                    && container(&matching, &left.path)
                        .zip(container(pod, &right.path))
                        .is_none_or(|(left, right)| left == right)
            });
        }
    }
    Ok(results)
}

fn violations(level: Level, version: Version, pod: &Pod<'_>) -> Result<Vec<CheckResult>, TypeError> {
    let asked = CONTROLS.iter().filter(|check| level != Level::Baseline || check.level == level);
    let results = asked.map(|check| check.run(version, pod)).collect::<Result<Vec<_>, _>>()?;
    Ok(results.into_iter().filter(|result| !result.is_allowed()).collect())
}

/// Takes one field of a result out for each of those that are meant, and the result when it has no more.
fn take_out(
    results: &mut Vec<CheckResult>,
    meant: &[CheckResult],
    exclude: &Exclude,
    same: impl Fn(&FieldError, &FieldError) -> bool,
) {
    for meant in meant.iter().filter(|meant| exclude.means(meant)) {
        for field in fields(meant).iter().filter(|field| exclude.allows(field)) {
            let Some(at) = results.iter().position(|result| result.id == meant.id) else { break };
            let left = results[at].forbidden.as_mut().and_then(|forbidden| forbidden.fields.as_mut());
            let Some(left) = left else { break };
            if let Some(found) = left.iter().position(|other| same(field, other)) {
                left.swap_remove(found);
            }
            if left.is_empty() {
                results.remove(at);
            }
        }
    }
}

fn fields(result: &CheckResult) -> &[FieldError] {
    result.forbidden.as_ref().and_then(|forbidden| forbidden.fields.as_deref()).unwrap_or_default()
}

/// A path with `*` for each number in it.
fn general(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for character in path.chars() {
        match character {
            digit if digit.is_ascii_digit() => {
                if !out.ends_with('*') {
                    out.push('*');
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// The name of the container that a path leads into, if it does.
fn container<'v>(pod: &Pod<'v>, path: &str) -> Option<&'v str> {
    let (list, rest) = path.strip_prefix("spec.")?.split_once('[')?;
    let list = LISTS.iter().position(|name| *name == list)?;
    let index: usize = rest.split_once(']')?.0.parse().ok()?;
    pod.lists[list].get(index).map(|container| container.name)
}

/// What is forbidden as Kyverno's message tells it. Paths are those of the object of this kind that the Pod is from.
pub fn describe(results: &[CheckResult], kind: &str) -> String {
    let mut out = String::new();
    for result in results {
        let reason = result.forbidden.as_ref().map_or("", |forbidden| forbidden.reason.as_str());
        let fields: Vec<String> = fields(result)
            .iter()
            .map(|field| FieldError { path: path_in(kind, &field.path), ..field.clone() }.to_string())
            .collect();
        out.push_str(&format!("(Forbidden reason: {reason}, field error list: [{}])", fields.join(", ")));
    }
    out
}

/// A path of the Pod in the object that it is from, by replacement of words as there, also for metadata of a Pod.
pub fn path_in(kind: &str, path: &str) -> String {
    let path = match kind {
        "DaemonSet" | "Deployment" | "Job" | "StatefulSet" | "ReplicaSet" | "ReplicationController" => {
            path.replace("spec", "spec.template.spec")
        }
        "CronJob" => path.replace("spec", "spec.jobTemplate.spec.template.spec"),
        _ => path.to_owned(),
    };
    path.replace("metadata", "spec.template.metadata")
}
