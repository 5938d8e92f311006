//! Plans of configurations by what `OpenTofu` plans of them: `plans/*/plan.json`, or, where `PROBITY_TOFU` names its program, what
//! that says now. `plan.json` is what `tofu show -json` writes of a first plan in the folder, without its time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use probity_model::value::{Array, Object};
use probity_model::{Sources, Value, json};
use probity_subject_iac::terraform::WHOLE_PLAN;
use probity_subject_iac::{ReadOptions, read_paths};

const CONFIGURATIONS: [&str; 3] = ["basics", "modules", "references"];

/// What the provider computes of the resources that are planned; a configuration does not tell it.
const COMPUTED: [&str; 2] = ["id", "output"];

/// What is told otherwise than by `OpenTofu`, by where it stands, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("basics: variables.given.value[1]", TYPED),
    ("basics: variables.given.value[2]", TYPED),
    ("references: output_changes.instance.after.count", WHOLE),
    ("references: output_changes.instance.after_unknown", WHOLE),
    ("references: output_changes.whole.after.x.for_each", WHOLE),
    ("references: output_changes.whole.after.y.for_each", WHOLE),
    ("references: output_changes.whole.after.z.for_each", WHOLE),
    ("references: output_changes.whole.after_unknown", WHOLE),
    ("references: planned_values.outputs.instance.value", WHOLE),
    ("references: planned_values.outputs.whole.value", WHOLE),
    ("references: planned_values.root_module.resources[6].values.input[14]", PATH),
    ("references: resource_changes.terraform_data.references.change.after.input[14]", PATH),
];

const TYPED: &str = "what is given to a variable is brought to its type";
const WHOLE: &str = "a reference to a resource as a whole has what is written in it, and not what it computes";
const PATH: &str = "the folder as it was named, and not as the program is called in it";

#[test]
fn every_configuration_has_the_plan_that_opentofu_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/opentofu/plans");
    let tofu = std::env::var_os("PROBITY_TOFU").map(PathBuf::from);
    let (mut compared, mut differences, mut known) = (0, Vec::new(), 0);
    for name in CONFIGURATIONS {
        let answer = match &tofu {
            Some(tofu) => planned(tofu, &folder.join(name)),
            None => fs::read_to_string(folder.join(name).join("plan.json")).unwrap(),
        };
        let answer = json::read(answer.as_bytes()).unwrap();
        let mut comparison = Comparison { name, compared: 0, differences: Vec::new() };
        comparison.plans(&answer, &source(&folder.join(name)));
        compared += comparison.compared;
        let (otherwise, wrong): (Vec<_>, Vec<_>) = comparison
            .differences
            .into_iter()
            .partition(|difference| OTHERWISE.iter().any(|(place, _)| difference.starts_with(place)));
        known += otherwise.len();
        differences.extend(wrong);
    }
    println!("{compared} values compared, {} differ, {known} of them known", differences.len() + known);
    assert!(compared > 500, "{compared}");
    assert!(differences.is_empty(), "{} of {compared} differ:\n{}", differences.len(), differences.join("\n"));
    assert_eq!(known, OTHERWISE.len());
}

/// The plan that our evaluator makes.
fn source(folder: &Path) -> Value {
    let options = ReadOptions { whole_plans: true, exclude: vec!["plan.json".to_owned()], ..ReadOptions::default() };
    let tree = read_paths(&[folder.to_owned()], &Sources::default(), &options, &|_| {}).unwrap();
    assert!(tree.problems.is_empty(), "{:?}", tree.problems);
    let mut plans = tree.graph.subjects().iter().filter(|subject| subject.resource_type == WHOLE_PLAN);
    let plan = plans.next().unwrap();
    assert!(plans.next().is_none());
    plan.document.clone()
}

/// What `OpenTofu` plans, in a copy of the folder.
fn planned(tofu: &Path, folder: &Path) -> String {
    let copy = tempfile::tempdir().unwrap();
    copy_all(folder, copy.path());
    let run = |arguments: &[&str]| {
        let output = Command::new(tofu).args(arguments).current_dir(copy.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["init", "-no-color"]);
    run(&["plan", "-no-color", "-out=plan"]);
    run(&["show", "-json", "plan"])
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&target).unwrap();
            copy_all(&path, &target);
        } else if path.extension().is_some_and(|extension| extension != "json") {
            fs::copy(&path, &target).unwrap();
        }
    }
}

struct Comparison<'c> {
    name: &'c str,
    compared: usize,
    differences: Vec<String>,
}

impl Comparison<'_> {
    fn plans(&mut self, answer: &Value, found: &Value) {
        self.parts(answer, found, &["variables"]);
        self.parts(answer, found, &["output_changes"]);
        self.parts(answer, found, &["configuration"]);
        self.parts(answer, found, &["planned_values", "outputs"]);
        self.parts(answer, found, &["planned_values", "root_module"]);
        let by_address = |plan: &Value| {
            let changes = plan.get("resource_changes").and_then(Value::as_array).unwrap().clone();
            let address = |change: &Value| change.get("address").unwrap().as_str().unwrap().to_owned();
            Value::object(changes.iter().map(|change| (address(change), change.clone())))
        };
        self.same("resource_changes", &trimmed(&by_address(answer)), &trimmed(&by_address(found)));
    }

    fn parts(&mut self, answer: &Value, found: &Value, keys: &[&str]) {
        let part = |plan: &Value| plan.at(keys).map(trimmed).unwrap_or_default();
        self.same(&keys.join("."), &part(answer), &part(found));
    }

    fn same(&mut self, place: &str, answer: &Value, found: &Value) {
        match (answer, found) {
            (Value::Object(a), Value::Object(b)) => {
                let more = b.iter().map(|(key, _)| key).filter(|key| a.get_key(key).is_none());
                for key in a.iter().map(|(key, _)| key).chain(more) {
                    let value = |object: &Object| object.get_key(key).cloned().unwrap_or_else(|| "(nothing)".into());
                    self.same(&format!("{place}.{key}"), &value(a), &value(b));
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() && !a.is_empty() => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    self.same(&format!("{place}[{index}]"), a, b);
                }
            }
            (a, b) => {
                self.compared += 1;
                if a != b {
                    let name = self.name;
                    self.differences.push(format!("{name}: {place}\n  OpenTofu {a:?}\n  here     {b:?}"));
                }
            }
        }
    }
}

/// A part of a plan without what only one of both has: of attributes what is null, computed or not known, of a type what the
/// schema of its provider says, and where a provider comes from.
fn trimmed(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let is_after = object.get("after_unknown").is_some() || object.get("sensitive_values").is_some();
            let entry = |(key, inner): (&probity_model::Key, &Value)| {
                let inner = match key.as_str() {
                    "child_modules" => sorted(inner),
                    "schema_version" | "action_reason" => return None,
                    "type" if !matches!(inner, Value::String(text) if text.starts_with("terraform")) => return None,
                    "after" | "after_unknown" | "after_sensitive" | "values" | "sensitive_values" if is_after => {
                        known(inner, true)?
                    }
                    "provider_name" | "full_name" => inner.as_str()?.split_once('/')?.1.into(),
                    _ => trimmed(inner),
                };
                Some((key.clone(), inner))
            };
            Value::Object(object.iter().filter_map(entry).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(trimmed).collect::<Array>()),
        other => other.clone(),
    }
}

/// Modules within a module, which are in no order where they are several deep.
fn sorted(modules: &Value) -> Value {
    let address = |module: &Value| module.get("address").and_then(Value::as_str).map(str::to_owned);
    let mut modules: Vec<Value> = modules.as_array().unwrap().iter().map(trimmed).collect();
    modules.sort_by_key(address);
    Value::array(modules)
}

/// What is known of a value and not null; in a list null stands for what is not known.
fn known(value: &Value, is_top: bool) -> Option<Value> {
    match value {
        Value::Unknown(_) | Value::Null => None,
        Value::Object(object) => {
            let is_told = |key: &probity_model::Key| !(is_top && COMPUTED.contains(&key.as_str()));
            let entries = object.iter().filter(|(key, _)| is_told(key));
            Some(Value::Object(entries.filter_map(|(key, inner)| Some((key.clone(), known(inner, false)?))).collect()))
        }
        Value::Array(list) => Some(Value::array(list.iter().map(|inner| known(inner, false).unwrap_or_default()))),
        other => Some(other.clone()),
    }
}
