//! What came out, against what a test says must: row by row, as Kyverno's command line counts.

use std::collections::BTreeMap;

use probity_model::{SmolStr, Value};

use super::apply::Applied;
use super::compare;
use super::suite::Expected;
use crate::object;
use crate::response::{RuleResponse, RuleType};

/// How a row came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it must.
    Pass,
    /// Otherwise than it must.
    Fail,
    /// There was nothing to be judged, and nothing wrong with that.
    Excluded,
}

/// One comparison of a result entry with what came out.
#[derive(Debug, Clone)]
pub struct Row {
    /// The rule; empty when there was none.
    pub rule: SmolStr,
    /// The resource, as `apiVersion/kind/namespace/name`; of resources that were made, their name.
    pub resource: String,
    /// How it came out.
    pub verdict: Verdict,
    /// Why, in words.
    pub message: String,
}

/// A resource by what it is and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ResourceKey {
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
}

impl ResourceKey {
    pub(super) fn of(object: &Value) -> Self {
        Self {
            api_version: object::text(object, "apiVersion").to_owned(),
            kind: object::text(object, "kind").to_owned(),
            namespace: object::namespace(object).to_owned(),
            name: object::name(object).to_owned(),
        }
    }

    /// The key of something that is no object, such as a JSON document.
    pub(super) fn named(name: &str) -> Self {
        let none = String::new;
        Self { api_version: none(), kind: none(), namespace: none(), name: name.to_owned() }
    }

    fn is_called(&self, name: &str) -> bool {
        match name.split('/').collect::<Vec<_>>()[..] {
            [namespace, own] if !self.api_version.is_empty() => self.namespace == namespace && self.name == own,
            _ => self.name == name,
        }
    }

    fn shown(&self) -> String {
        if self.api_version.is_empty() {
            return self.name.clone();
        }
        format!("{}/{}/{}/{}", self.api_version, self.kind, self.namespace, self.name)
    }
}

/// What came out, by resource.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) triggers: BTreeMap<ResourceKey, Vec<Applied>>,
    /// Other objects that rules changed: the responses, and which of their rules it was.
    pub(super) targets: BTreeMap<ResourceKey, Vec<(Applied, usize)>>,
}

/// The files with resources that are compared with.
pub(super) trait Files {
    /// The resources of a file.
    fn resources(&self, file: &str) -> Result<Vec<Value>, String>;
}

/// The rows of a result entry.
pub(super) fn rows(expected: &Expected, outcomes: &Outcomes, files: &dyn Files) -> Vec<Row> {
    selected(expected, outcomes).into_iter().flat_map(|key| resource_rows(expected, key, outcomes, files)).collect()
}

/// The resources that an entry is about: those it names, or all.
fn selected<'o>(expected: &Expected, outcomes: &'o Outcomes) -> Vec<&'o ResourceKey> {
    let all = || outcomes.targets.keys().chain(outcomes.triggers.keys());
    let mut found = Vec::new();
    if let Some(names) = &expected.resources {
        for name in names {
            found.extend(all().filter(|key| key.is_called(name)));
        }
        for spec in &expected.specs {
            found.extend(all().filter(|key| {
                key.api_version == spec.api_version && key.namespace == spec.namespace && key.name == spec.name
            }));
        }
    }
    if found.is_empty() { all().collect() } else { found }
}

fn resource_rows(expected: &Expected, key: &ResourceKey, outcomes: &Outcomes, files: &dyn Files) -> Vec<Row> {
    let (mut rows, mut is_skipped) = (Vec::new(), false);
    let row =
        |rule: &str, resource: String, verdict, message: String| Row { rule: rule.into(), resource, verdict, message };
    let policy = expected.policy.rsplit('/').next().unwrap_or_default();
    let of_policy = outcomes.triggers.get(key).into_iter().flatten().filter(|applied| applied.policy.name == policy);
    for applied in of_policy {
        for rule in applied.rules.iter().filter(|rule| is_meant(expected, applied, rule)) {
            let objects: Vec<(Option<&Value>, String)> = match rule.rule_type {
                RuleType::Generation if rule.generated.is_empty() => vec![(None, key.shown())],
                RuleType::Generation => {
                    rule.generated.iter().map(|made| (Some(made), object::name(made).to_owned())).collect()
                }
                RuleType::Mutation => vec![(Some(&applied.patched), key.shown())],
                _ => vec![(Some(&applied.resource), key.shown())],
            };
            for (object, shown) in objects {
                match checked(expected, rule, object, files) {
                    Err(Wrong::NotInFile(message)) => {
                        if expected.fail_on_missing || rule.rule_type == RuleType::Generation {
                            rows.push(row(&rule.name, shown, Verdict::Fail, message));
                        } else {
                            is_skipped = true;
                        }
                    }
                    Err(Wrong::Other(message)) => rows.push(row(&rule.name, shown, Verdict::Fail, message)),
                    Ok(()) => rows.push(row(&rule.name, shown, Verdict::Pass, rule.message.clone())),
                }
            }
        }
        if rows.is_empty() && !is_skipped {
            rows.push(row(&expected.rule, key.shown(), Verdict::Excluded, "excluded".to_owned()));
        }
    }
    for (applied, position) in outcomes.targets.get(key).into_iter().flatten() {
        let rule = &applied.rules[*position];
        let object = rule.target.as_ref().map(|target| &target.object);
        let (verdict, message) = match checked(expected, rule, object, files) {
            Ok(()) => (Verdict::Pass, rule.message.clone()),
            Err(Wrong::NotInFile(message) | Wrong::Other(message)) => (Verdict::Fail, message),
        };
        rows.push(row(&rule.name, key.shown(), verdict, message));
    }
    if rows.is_empty() {
        let (verdict, message) = if is_skipped {
            (Verdict::Excluded, "the resource is not in the file that it would be compared with")
        } else {
            (Verdict::Fail, "not found: the policy says nothing of it")
        };
        rows.push(row(&expected.rule, key.shown(), verdict, message.to_owned()));
    }
    rows
}

/// Whether a rule is the one that is meant, or was generated from it. Policies in CEL have no rules to be told apart.
fn is_meant(expected: &Expected, applied: &Applied, rule: &RuleResponse) -> bool {
    let has_rules = matches!(applied.policy.kind.as_str(), "ClusterPolicy" | "Policy");
    let name = rule.name.as_str();
    let generated = name.strip_prefix("autogen-").map(|rest| (rest, rest.strip_prefix("cronjob-").unwrap_or(rest)));
    expected.rule.is_empty()
        || !has_rules
        || name == expected.rule
        || generated.is_some_and(|(rest, inner)| rest == expected.rule || inner == expected.rule)
}

/// What is wrong with what came out.
enum Wrong {
    /// The resource is not in the file that it is compared with.
    NotInFile(String),
    Other(String),
}

fn checked(expected: &Expected, rule: &RuleResponse, object: Option<&Value>, files: &dyn Files) -> Result<(), Wrong> {
    if let Some(object) = object {
        if let Some(file) = &expected.patched {
            compared(object, file, files)?;
        }
        let mut wrong = None;
        for file in &expected.generated {
            match compared(object, file, files) {
                Ok(()) => {
                    wrong = None;
                    break;
                }
                Err(error) => wrong = Some(error),
            }
        }
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
    }
    let found = rule.status.as_str();
    if found == expected.result {
        return Ok(());
    }
    Err(Wrong::Other(format!("want {}, got {found}: {}", expected.result, rule.message)))
}

fn compared(object: &Value, file: &str, files: &dyn Files) -> Result<(), Wrong> {
    let key = ResourceKey::of(object);
    let resources = files.resources(file).map_err(Wrong::Other)?;
    let Some(wanted) = resources.iter().find(|resource| ResourceKey::of(resource) == key) else {
        return Err(Wrong::NotInFile(format!("resource with name {} not found in manifest {file}", key.name)));
    };
    if compare::same(object, wanted) {
        return Ok(());
    }
    let difference = compare::difference(object, wanted);
    Err(Wrong::Other(format!("the resource is not the one in {file}: {difference}")))
}
