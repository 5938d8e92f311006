//! Where we differ from another tool on purpose, because it is wrong: each case is listed with the reason.

use std::collections::HashMap;

use crate::Case;

const LISTED: &str = include_str!("data/differences.tsv");

/// The reason for each resource of a case, by suite, case and resource.
pub(crate) struct Listed<'t>(HashMap<(&'t str, &'t str, &'t str), &'t str>);

impl Listed<'static> {
    pub(crate) fn read() -> Self {
        let row = |line: &'static str| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [suite, case, resource, reason] = columns[..] else { panic!("not four columns: {line}") };
            assert!(!reason.trim().is_empty(), "no reason: {line}");
            ((suite, case, resource), reason)
        };
        let lines = LISTED.lines().skip(1);
        let listed: HashMap<_, _> = lines.clone().map(row).collect();
        assert_eq!(listed.len(), lines.count(), "a difference is listed twice");
        Self(listed)
    }
}

impl Listed<'_> {
    fn has(&self, case: &Case, resource: &str) -> bool {
        self.0.contains_key(&(&*case.suite, &*case.name, resource))
    }

    /// How many of the differences of a case are listed.
    pub(crate) fn count(&self, case: &Case) -> usize {
        case.compared.differences.iter().filter(|(resource, _)| self.has(case, resource)).count()
    }

    /// What is listed and does not differ, or is no case.
    pub(crate) fn stale(&self, cases: &[Case]) -> Vec<String> {
        let mut stale = self.0.clone();
        for case in cases {
            for (resource, _) in &case.compared.differences {
                stale.remove(&(&*case.suite, &*case.name, &**resource));
            }
        }
        let mut stale: Vec<String> =
            stale.keys().map(|(suite, case, name)| format!("{suite}: {case}: {name}")).collect();
        stale.sort();
        stale
    }
}
