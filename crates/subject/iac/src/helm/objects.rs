//! What templates find under `.Chart`, `.Files` and `.Capabilities`.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_model::value::Value;
use probity_template::{Datum, Native, write_yaml};
use regex::Regex;

use super::Options;
use super::chart::{Chart, scalar};

/// The version of Helm that templates are told.
const HELM_VERSION: &str = "v3.19.0";

/// The API versions of a cluster that has nothing of its own: those that Helm knows.
const API_VERSIONS: &[&str] = &[
    "v1",
    "admission.k8s.io/v1",
    "admission.k8s.io/v1beta1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
    "apiextensions.k8s.io/v1beta1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "autoscaling/v2beta1",
    "autoscaling/v2beta2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1alpha1",
    "certificates.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "internal.apiserver.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1alpha1",
    "rbac.authorization.k8s.io/v1beta1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1alpha3",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1beta2",
    "scheduling.k8s.io/v1",
    "scheduling.k8s.io/v1alpha1",
    "scheduling.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storage.k8s.io/v1beta1",
    "storagemigration.k8s.io/v1alpha1",
];

/// `.Chart`
pub(super) struct ChartObject {
    metadata: Value,
    name: String,
    is_root: bool,
}

impl ChartObject {
    pub(super) fn of(chart: &Chart, is_root: bool) -> Datum {
        let object = Self { metadata: chart.metadata.clone(), name: chart.name.clone(), is_root };
        Datum::Native(Rc::new(object))
    }
}

impl Native for ChartObject {
    fn type_name(&self) -> &'static str {
        "struct { chart.Metadata; IsRoot bool }"
    }

    fn member(&self, name: &str, _: &[Datum]) -> Result<Option<Datum>, String> {
        let text = |key: &str| Some(Datum::from(self.metadata.get(key).map(scalar).unwrap_or_default()));
        let other = |key: &str| Some(self.metadata.get(key).map_or(Datum::Nil, Datum::from_value));
        Ok(match name {
            "Name" => Some(self.name.as_str().into()),
            "IsRoot" => Some(self.is_root.into()),
            "Version" => text("version"),
            "AppVersion" => text("appVersion"),
            "Description" => text("description"),
            "Home" => text("home"),
            "Icon" => text("icon"),
            "Type" => text("type"),
            "KubeVersion" => text("kubeVersion"),
            "Condition" => text("condition"),
            "Tags" => text("tags"),
            "APIVersion" => text("apiVersion"),
            "Deprecated" => Some((self.metadata.get("deprecated") == Some(&Value::Bool(true))).into()),
            "Annotations" => {
                Some(self.metadata.get("annotations").map_or_else(|| Datum::map::<&str>([]), Datum::from_value))
            }
            "Keywords" => other("keywords"),
            "Sources" => other("sources"),
            "Maintainers" => Some(people(self.metadata.get("maintainers"))),
            "Dependencies" => other("dependencies"),
            _ => None,
        })
    }

    fn text(&self) -> String {
        format!("{{{}}}", self.name)
    }

    fn data(&self) -> Datum {
        Datum::from_value(&self.metadata)
    }
}

/// Maintainers, under the names that their fields have in Go.
fn people(list: Option<&Value>) -> Datum {
    let person = |entry: &Value| {
        let text = |key: &str| Datum::from(entry.get(key).map(scalar).unwrap_or_default());
        Datum::map([("Name", text("name")), ("Email", text("email")), ("URL", text("url"))])
    };
    Datum::List(list.and_then(Value::as_array).into_iter().flatten().map(person).collect())
}

/// `.Files`
pub(super) struct Files(pub(super) Rc<BTreeMap<String, Rc<str>>>);

impl Files {
    fn get(&self, name: &str) -> Datum {
        self.0.get(name).map_or_else(|| "".into(), |text| Datum::Text(Rc::clone(text)))
    }

    fn matching(&self, pattern: &str) -> Self {
        let regex = glob(pattern);
        let matches = |name: &str| regex.as_ref().is_none_or(|regex| regex.is_match(name));
        let found = self.0.iter().filter(|(name, _)| matches(name));
        Self(Rc::new(found.map(|(name, text)| (name.clone(), Rc::clone(text))).collect()))
    }

    /// The files by their last names, as YAML.
    fn flattened(&self, form: impl Fn(&str) -> String) -> Datum {
        let named = self.0.iter().map(|(name, text)| (name.rsplit('/').next().unwrap_or(name), form(text).into()));
        write_yaml(&Datum::map(named)).trim_end_matches('\n').into()
    }
}

impl Native for Files {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }

    fn member(&self, name: &str, arguments: &[Datum]) -> Result<Option<Datum>, String> {
        Ok(match (name, arguments) {
            ("Get" | "GetBytes", [Datum::Text(name)]) => Some(self.get(name)),
            ("Glob", [Datum::Text(pattern)]) => Some(Datum::Native(Rc::new(self.matching(pattern)))),
            ("AsConfig", []) => Some(self.flattened(str::to_owned)),
            ("AsSecrets", []) => Some(self.flattened(|text| STANDARD.encode(text))),
            ("Lines", [Datum::Text(name)]) => {
                let text = self.0.get(&**name).map_or("", |text| text);
                let lines = text.strip_suffix('\n').unwrap_or(text).split('\n').map(Datum::from).collect();
                Some(if text.is_empty() { Datum::list(Vec::new()) } else { Datum::list(lines) })
            }
            ("Get" | "GetBytes" | "Glob" | "Lines", _) => return Err(format!("{name} wants one text")),
            // Files are a map from names to texts, too.
            (name, []) => Some(self.get(name)),
            _ => None,
        })
    }

    fn text(&self) -> String {
        probity_template::plain(&self.data())
    }

    fn data(&self) -> Datum {
        Datum::map(self.0.iter().map(|(name, text)| (name, Datum::Text(Rc::clone(text)))))
    }
}

/// A pattern as Helm's files have it: `*` stays within a folder, `**` does not, `{a,b}` is either. `None` for one that
/// cannot be understood: it matches everything there.
fn glob(pattern: &str) -> Option<Regex> {
    let mut out = String::from("(?s)^");
    let mut characters = pattern.chars().peekable();
    let (mut alternatives, mut in_class) = (0_usize, false);
    while let Some(character) = characters.next() {
        match character {
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '\\' => out.push_str(&regex::escape(&characters.next()?.to_string())),
            inner if in_class => {
                out.push_str(&if inner == '-' { "-".into() } else { regex::escape(&inner.to_string()) });
            }
            '*' if characters.next_if_eq(&'*').is_some() => out.push_str(".*"),
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => {
                in_class = true;
                out.push('[');
                if characters.next_if_eq(&'!').is_some() {
                    out.push('^');
                }
            }
            '{' => {
                alternatives += 1;
                out.push_str("(?:");
            }
            '}' if alternatives > 0 => {
                alternatives -= 1;
                out.push(')');
            }
            ',' if alternatives > 0 => out.push('|'),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out.push('$');
    Regex::new(&out).ok()
}

/// `.Capabilities`
pub(super) struct Capabilities {
    kubernetes: Rc<KubeVersion>,
    apis: Rc<ApiVersions>,
}

impl Capabilities {
    pub(super) fn of(options: &Options) -> Datum {
        let version = format!("v{}", options.kubernetes.trim_start_matches('v'));
        let known = API_VERSIONS.iter().map(|version| (*version).to_owned());
        let apis = ApiVersions(known.chain(options.api_versions.iter().cloned()).collect());
        Datum::Native(Rc::new(Self { kubernetes: Rc::new(KubeVersion(version)), apis: Rc::new(apis) }))
    }
}

impl Native for Capabilities {
    fn type_name(&self) -> &'static str {
        "*chartutil.Capabilities"
    }

    fn member(&self, name: &str, _: &[Datum]) -> Result<Option<Datum>, String> {
        Ok(match name {
            "KubeVersion" => Some(Datum::Native(Rc::clone(&self.kubernetes) as Rc<dyn Native>)),
            "APIVersions" => Some(Datum::Native(Rc::clone(&self.apis) as Rc<dyn Native>)),
            "HelmVersion" => Some(Datum::map([
                ("Version", Datum::from(HELM_VERSION)),
                ("GitCommit", "".into()),
                ("GitTreeState", "".into()),
                ("GoVersion", "".into()),
            ])),
            _ => None,
        })
    }

    fn text(&self) -> String {
        format!("&{{{} {}}}", self.kubernetes.0, self.apis.text())
    }
}

struct KubeVersion(String);

impl Native for KubeVersion {
    fn type_name(&self) -> &'static str {
        "chartutil.KubeVersion"
    }

    fn member(&self, name: &str, _: &[Datum]) -> Result<Option<Datum>, String> {
        let mut numbers = self.0.trim_start_matches('v').split('.');
        Ok(match name {
            "Version" | "GitVersion" | "String" => Some(self.0.as_str().into()),
            "Major" => numbers.next().map(Datum::from),
            "Minor" => numbers.nth(1).map(Datum::from),
            _ => None,
        })
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

struct ApiVersions(Vec<String>);

impl Native for ApiVersions {
    fn type_name(&self) -> &'static str {
        "chartutil.VersionSet"
    }

    fn member(&self, name: &str, arguments: &[Datum]) -> Result<Option<Datum>, String> {
        match (name, arguments) {
            ("Has", [Datum::Text(version)]) => Ok(Some(self.0.iter().any(|known| **known == **version).into())),
            ("Has", _) => Err("Has wants one text".to_owned()),
            _ => Ok(None),
        }
    }

    fn text(&self) -> String {
        format!("[{}]", self.0.join(" "))
    }

    fn data(&self) -> Datum {
        Datum::List(self.0.iter().map(|version| Datum::from(version.as_str())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_files() {
        for (pattern, name, expected) in [
            ("config/*", "config/a.yaml", true),
            ("config/*", "config/b/a.yaml", false),
            ("config/**", "config/b/a.yaml", true),
            ("**.yaml", "config/b/a.yaml", true),
            ("*.{json,yaml}", "a.json", true),
            ("a[0-9].txt", "a7.txt", true),
            ("a[!0-9].txt", "a7.txt", false),
            ("a.b", "axb", false),
        ] {
            assert_eq!(glob(pattern).unwrap().is_match(name), expected, "{pattern} {name}");
        }
    }
}
