//! Which subcharts take part, under which names, and what they give to the charts above them.

use probity_model::Problem;
use probity_model::value::Value;
use probity_template::semver::{Constraint, Version};
use probity_template::{Datum, Map};

use super::chart::{Chart, Wanted, scalar};
use super::values::{self, at, coalesced, table};

/// Gives subcharts their aliases, takes away those that are switched off, and brings in values from those that are left.
///
/// Those that are wanted and not there are problems.
pub(super) fn process(chart: &mut Chart, given: &Map) -> Vec<Problem> {
    let mut problems = Vec::new();
    enable(chart, given, "", &mut problems);
    import(chart);
    problems
}

fn is_compatible(wanted: &str, version: &str) -> bool {
    let Some(version) = Version::parse(version) else { return false };
    Constraint::parse(wanted).is_some_and(|constraint| constraint.accepts(&version))
}

fn answers(wanted: &Wanted, chart: &Chart) -> bool {
    chart.name == wanted.name && is_compatible(&wanted.version, &chart.version)
}

fn enable(chart: &mut Chart, given: &Map, path: &str, problems: &mut Vec<Problem>) {
    if chart.wanted.is_empty() {
        return;
    }
    let present: Vec<String> = chart.subcharts.iter().map(|subchart| subchart.name.clone()).collect();
    let missing: Vec<Option<String>> =
        chart.wanted.iter().map(|wanted| (!present.contains(&wanted.name)).then(|| wanted.name.clone())).collect();
    let (named, mut kept): (Vec<Chart>, Vec<Chart>) = std::mem::take(&mut chart.subcharts)
        .into_iter()
        .partition(|subchart| chart.wanted.iter().any(|wanted| answers(wanted, subchart)));
    for wanted in &mut chart.wanted {
        if let Some(found) = named.iter().find(|subchart| answers(wanted, subchart)) {
            let mut found = found.clone();
            if let Some(alias) = &wanted.alias {
                found.name.clone_from(alias);
            }
            kept.push(found);
        }
        if let Some(alias) = &wanted.alias {
            wanted.name.clone_from(alias);
        }
        wanted.enabled = true;
    }
    chart.subcharts = kept;
    let values = coalesced(chart, given, false);
    for wanted in &mut chart.wanted {
        tags(wanted, &values);
        condition(wanted, &values, path);
    }
    for (wanted, missing) in chart.wanted.iter().zip(missing) {
        let Some(name) = missing.filter(|_| wanted.enabled) else { continue };
        let message = format!("the chart `{}` depends on `{name}`, which is not in its charts folder", chart.name);
        let help = "run `helm dependency update`; the chart is rendered without it";
        problems.push(Problem::new(message, wanted.span).with_help(help));
    }
    let off: Vec<String> =
        chart.wanted.iter().filter(|wanted| !wanted.enabled).map(|wanted| wanted.name.clone()).collect();
    chart.subcharts.retain(|subchart| !off.contains(&subchart.name));
    chart.wanted.retain(|wanted| !off.contains(&wanted.name));
    for subchart in &mut chart.subcharts {
        let path = format!("{path}{}.", subchart.name);
        enable(subchart, &values, &path, problems);
    }
}

fn tags(wanted: &mut Wanted, values: &Map) {
    let Some(tags) = table(values, "tags") else { return };
    let known: Vec<bool> = wanted
        .tags
        .iter()
        .filter_map(|tag| match tags.get(tag) {
            Some(Datum::Bool(truth)) => Some(truth),
            _ => None,
        })
        .collect();
    wanted.enabled = known.is_empty() || known.contains(&true);
}

/// The first of the paths that says anything decides.
fn condition(wanted: &mut Wanted, values: &Map, path: &str) {
    for condition in wanted.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
        if let Some(Datum::Bool(truth)) = at(values, &format!("{path}{condition}")) {
            wanted.enabled = truth;
            return;
        }
    }
}

/// Brings in values that a chart wants from its subcharts, those of the deepest first.
fn import(chart: &mut Chart) {
    for subchart in &mut chart.subcharts {
        import(subchart);
    }
    if chart.wanted.is_empty() {
        return;
    }
    let values = coalesced(chart, &Map::default(), true);
    let imported = Map::default();
    for wanted in &chart.wanted {
        for entry in &wanted.import_values {
            let (child, parent) = match entry {
                Value::String(name) => (format!("exports.{name}"), ".".to_owned()),
                entry => {
                    let text = |name: &str| entry.get(name).map(scalar).unwrap_or_default();
                    (text("child"), text("parent"))
                }
            };
            let Some(found) = table(&values, &format!("{}.{child}", wanted.name)) else { continue };
            values::tables(&imported, &under(&parent, found), true);
        }
    }
    let own = values::copy(&values);
    values::tables(&own, &imported, true);
    chart.values = own;
}

/// A table under a path of keys; `.` is no path.
fn under(path: &str, table: Map) -> Map {
    if path == "." {
        return table;
    }
    path.split('.').rev().fold(table, |inner, key| [(key.into(), Datum::Map(inner))].into_iter().collect())
}
