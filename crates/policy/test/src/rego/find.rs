//! Which rules are tests.

use std::collections::HashMap;

use probity_model::Span;
use probity_model::value::Value;
use probity_policy_rego::ast::{Module, Name, Rule, Term, TermKind};

/// A rule that is a test.
#[derive(Debug, Clone)]
pub(super) struct Test {
    /// Its name in full: `data.a_test.test_x`.
    pub(super) name: String,
    /// The same as a term that a query can have.
    pub(super) reference: String,
    /// Its head.
    pub(super) span: Span,
    /// Whether its name says that it is not to be run.
    pub(super) skipped: bool,
    /// Whether it defines an object whose entries are tests of their own.
    pub(super) has_cases: bool,
    /// Where the keys of that object stand in the head; constants are given as they are.
    pub(super) keys: Vec<Result<Value, Span>>,
}

/// The tests of modules, in their order. Of rules that have the same name all but the first get another, so that each is
/// a test.
pub(super) fn tests(modules: &mut [Module]) -> Vec<Test> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut tests = Vec::new();
    for module in modules {
        let package = module.package.clone();
        for rule in &mut module.rules {
            let Some(at) = test_part(rule) else { continue };
            if rule.default || rule.head.function {
                continue;
            }
            let count = counts.entry(dotted(&package, &rule.head.reference[..=at])).or_default();
            if *count > 0 {
                rename(&mut rule.head.reference[at], *count);
            }
            *count += 1;
            tests.push(test(&package, rule, at));
        }
    }
    tests
}

/// Which part of a rule's name begins as a test's does.
fn test_part(rule: &Rule) -> Option<usize> {
    let is_test =
        |part: &Term| part_text(part).is_some_and(|text| text.starts_with("test_") || text.starts_with("todo_test_"));
    let constants = rule.head.reference.iter().enumerate().take_while(|(at, part)| *at == 0 || part.as_str().is_some());
    constants.filter(|(_, part)| is_test(part)).map(|(at, _)| at).next()
}

fn part_text(part: &Term) -> Option<&str> {
    part.as_var().map(Name::as_str).or_else(|| part.as_str())
}

fn rename(part: &mut Term, count: usize) {
    let name = format!("{}#{count:02}", part_text(part).unwrap_or_default());
    part.kind = match part.kind {
        TermKind::Var(_) => TermKind::Var(name.into()),
        _ => TermKind::Scalar(name.into()),
    };
}

fn test(package: &[Term], rule: &Rule, at: usize) -> Test {
    let (name, keys) = rule.head.reference.split_at(at + 1);
    let quoted: String = package[1..]
        .iter()
        .chain(name)
        .filter_map(part_text)
        .map(|part| format!("[{}]", probity_model::json::write(&part.into())))
        .collect();
    let key = |part: &Term| match &part.kind {
        TermKind::Scalar(value) => Ok(value.clone()),
        _ => Err(part.span),
    };
    Test {
        name: dotted(package, name),
        reference: format!("data{quoted}"),
        span: rule.head.span,
        skipped: name.last().and_then(part_text).is_some_and(|text| text.starts_with("todo_")),
        has_cases: !keys.is_empty() && !rule.head.is_multi_value(),
        keys: keys.iter().map(key).collect(),
    }
}

fn dotted(package: &[Term], name: &[Term]) -> String {
    package.iter().chain(name).filter_map(part_text).collect::<Vec<_>>().join(".")
}
