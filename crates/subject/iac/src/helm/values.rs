//! How the values of a chart, of the charts above it and those given are put together: what Helm calls coalescing.

use probity_template::{Datum, Map};

use super::chart::Chart;

/// The name of the values that all charts see.
const GLOBAL: &str = "global";

/// The values that a chart is rendered with: those given, over those of the chart and its subcharts.
///
/// With `merges`, nulls are kept; without, a null takes away what it stands over.
pub(super) fn coalesced(chart: &Chart, given: &Map, merges: bool) -> Map {
    let target = copy(given);
    coalesce(chart, &target, merges);
    target
}

pub(super) fn copy(map: &Map) -> Map {
    match Datum::Map(map.clone()).deep_copy() {
        Datum::Map(copy) => copy,
        _ => Map::default(),
    }
}

fn coalesce(chart: &Chart, target: &Map, merges: bool) {
    own_values(chart, target, merges);
    for subchart in &chart.subcharts {
        let inner = if let Some(Datum::Map(inner)) = target.get(&subchart.name) {
            inner
        } else {
            // Helm refuses what is no table; here it gives no values.
            let inner = Map::default();
            target.set(&subchart.name, Datum::Map(inner.clone()));
            inner
        };
        globals(&inner, target);
        coalesce(subchart, &inner, merges);
    }
}

/// Puts a chart's own values under those that are there.
fn own_values(chart: &Chart, target: &Map, merges: bool) {
    for (key, value) in copy(&chart.values).entries() {
        match target.get(&key) {
            None => target.set(&key, value),
            Some(Datum::Nil) if !merges => target.remove(&key),
            Some(Datum::Map(table)) => {
                if let Datum::Map(source) = value {
                    let is_subchart = chart.subcharts.iter().any(|subchart| *subchart.name == *key);
                    tables(&table, &source, merges || is_subchart);
                }
            }
            Some(_) => {}
        }
    }
}

/// Puts the global values of a chart over those of its subchart.
fn globals(target: &Map, source: &Map) {
    let table = |map: &Map| match map.get(GLOBAL) {
        None => Some(Map::default()),
        Some(Datum::Map(table)) => Some(table),
        Some(_) => None,
    };
    let (Some(own), Some(above)) = (table(target), table(source)) else { return };
    for (key, value) in above.entries() {
        match (value, own.get(&key)) {
            (Datum::Map(value), None) => own.set(&key, Datum::Map(value.shallow_copy())),
            (Datum::Map(value), Some(Datum::Map(known))) => {
                let value = value.shallow_copy();
                tables(&value, &known, true);
                own.set(&key, Datum::Map(value));
            }
            (Datum::Map(_), Some(_)) | (_, Some(Datum::Map(_))) => {}
            (value, _) => own.set(&key, value),
        }
    }
    target.set(GLOBAL, Datum::Map(own));
}

/// Puts the entries of `source` under those of `target`, table by table.
pub(super) fn tables(target: &Map, source: &Map, merges: bool) {
    for (key, value) in source.entries() {
        match target.get(&key) {
            Some(Datum::Nil) if !merges && !value.is_nil() => target.remove(&key),
            None => target.set(&key, value),
            Some(Datum::Map(known)) => {
                if let Datum::Map(inner) = value {
                    tables(&known, &inner, merges);
                }
            }
            Some(_) => {}
        }
    }
}

/// Puts values that were given later over those given before.
pub(super) fn given(target: &Map, later: &Map) {
    for (key, value) in later.entries() {
        match (target.get(&key), value) {
            (Some(Datum::Map(known)), Datum::Map(inner)) => given(&known, &inner),
            (_, value) => target.set(&key, value),
        }
    }
}

/// The value at a path of keys, such as `a.b`.
pub(super) fn at(map: &Map, path: &str) -> Option<Datum> {
    let (mut value, keys) = (Datum::Map(map.clone()), path.split('.'));
    for key in keys {
        value = value.as_map()?.get(key)?;
    }
    Some(value)
}

/// The table at a path.
pub(super) fn table(map: &Map, path: &str) -> Option<Map> {
    at(map, path)?.as_map().cloned()
}
