//! A filter as sets of entries.

use foldhash::{HashMap, HashMapExt as _, HashSet};
use jiff::Timestamp;
use probity_model::{Outcome, Severity};
use rusqlite::Connection;

use crate::batch::not_a_set;
use crate::bits::{Bits, CHUNK, position_of};
use crate::facet;
use crate::filter::{Filter, Period};
use crate::policies::decode_list;
use crate::time::{day_number, day_of, micros};
use crate::tokens::{self, Term};
use crate::words::{find, glob, is_pattern, kept};

/// Up to so many values of a facet are looked up one by one; beyond, all of the chunk are gone through.
const LOOKED_UP: usize = 16;
/// Up to so many candidates are looked up in the full-text index one by one.
const TEXT_LOOKED_UP: u64 = 100;

/// Up to so many words with the same beginning are searched for one by one.
const BEGINNINGS: i64 = 64;

/// One condition; an entry must meet all of a plan.
enum Clause {
    /// The entry has one of these values, which are in order.
    Any { facet: i64, values: Vec<i64> },
    /// The entry has a value from one to another.
    Between { facet: i64, low: i64, high: i64 },
    /// One of the policies was asked and came out as a pass.
    Passed { policies: Vec<i64>, lists: Vec<(i64, Vec<i64>)> },
}

/// Times that begin or end within a day, and the days in which they do.
#[derive(Clone, Copy)]
struct Times {
    from: i64,
    to: i64,
    days: [i64; 2],
}

/// What a filter comes to in this index.
pub(crate) struct Plan {
    clauses: Vec<Clause>,
    /// When the filter does not begin and end with a day.
    times: Option<Times>,
    text: Option<String>,
    /// One past the newest entry.
    end: u64,
}

impl Plan {
    /// Brings a filter to sets; none when nothing can match.
    pub(crate) fn new(connection: &Connection, filter: &Filter, end: u64) -> rusqlite::Result<Option<Self>> {
        let mut plan = Self { clauses: Vec::new(), times: None, text: None, end };
        if let Some(text) = &filter.text
            && !text.trim().is_empty()
        {
            let Some(search) = search(connection, text)? else { return Ok(None) };
            plan.text = Some(search);
        }
        let words = [
            (facet::KIND, Some("decision")),
            (facet::GATE_KIND, filter.gate_kind.map(probity_model::Gate::as_str)),
            (facet::ENVIRONMENT, filter.environment.as_deref()),
            (facet::SERVICE, filter.service.as_deref()),
            (facet::OWNER, filter.owner.as_deref()),
            (facet::SUBJECT_KIND, filter.subject_kind.as_deref()),
            (facet::RESOURCE_TYPE, filter.resource_type.as_deref()),
        ];
        for (facet, word) in words {
            let Some(word) = word else { continue };
            let Some(number) = find(connection, word)? else { return Ok(None) };
            plan.clauses.push(Clause::Any { facet, values: vec![number] });
        }
        if let Some(action) = filter.action {
            plan.clauses.push(Clause::Any { facet: facet::ACTION, values: vec![action as i64] });
        }
        if let Some(gate) = &filter.gate {
            let values = numbers(connection, "SELECT id FROM gate WHERE name GLOB ?1 ORDER BY id", &glob(gate))?;
            plan.clauses.push(Clause::Any { facet: facet::GATE, values });
        }
        if let Some(address) = &filter.address {
            let values = if is_pattern(address) {
                numbers(connection, "SELECT id FROM word WHERE text GLOB ?1 ORDER BY id", &glob(address))?
            } else {
                find(connection, address)?.into_iter().collect()
            };
            plan.clauses.push(Clause::Any { facet: facet::ADDRESS, values });
        }
        plan.time(filter);
        plan.findings(connection, filter)?;
        let never = plan.clauses.iter().any(|clause| matches!(clause, Clause::Any { values, .. } if values.is_empty()));
        Ok((!never).then_some(plan))
    }

    /// Entries of one kind, or of all, in a period.
    pub(crate) fn entries_of(
        connection: &Connection,
        kind: Option<&str>,
        period: Option<Period>,
        end: u64,
    ) -> rusqlite::Result<Option<Self>> {
        let mut plan = Self { clauses: Vec::new(), times: None, text: None, end };
        if let Some(period) = period {
            plan.time(&Filter::within(period));
        }
        match kind {
            None => plan.clauses.push(Clause::Between { facet: facet::KIND, low: i64::MIN, high: i64::MAX }),
            Some(kind) => {
                let Some(number) = find(connection, kind)? else { return Ok(None) };
                plan.clauses.push(Clause::Any { facet: facet::KIND, values: vec![number] });
            }
        }
        Ok(Some(plan))
    }

    fn time(&mut self, filter: &Filter) {
        if filter.from.is_none() && filter.to.is_none() {
            return;
        }
        let from = filter.from.unwrap_or(Timestamp::MIN);
        let to = filter.to.unwrap_or(Timestamp::MAX);
        let whole = |time: Timestamp| micros(time).rem_euclid(86_400_000_000) == 0;
        let last = to.checked_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(to);
        let (low, high) = (day_number(day_of(from)), day_number(day_of(last)));
        self.clauses.push(Clause::Between { facet: facet::DAY, low, high });
        if !(filter.from.is_none_or(whole) && filter.to.is_none_or(whole)) || from >= to {
            self.times = Some(Times { from: micros(from), to: micros(to), days: [low, high] });
        }
    }

    fn findings(&mut self, connection: &Connection, filter: &Filter) -> rusqlite::Result<()> {
        let mut policies = named_policies(connection, filter)?;
        match (filter.outcome, filter.severity_at_least) {
            (Some(Outcome::Pass), None) if policies.is_none() => {
                let values = vec![facet::outcome(Outcome::Pass, Severity::Info)];
                self.clauses.push(Clause::Any { facet: facet::OUTCOME, values });
            }
            (Some(Outcome::Pass), severity) => {
                if let Some(severity) = severity {
                    let worse = "SELECT id FROM policy WHERE severity >= ?1 ORDER BY id";
                    narrow(&mut policies, numbers_of(connection, worse, [severity as i64])?);
                }
                let policies = policies.unwrap_or_default();
                let lists = lists_with(connection, &policies)?;
                self.clauses.push(Clause::Passed { policies, lists });
            }
            (None, None) => {
                if let Some(policies) = policies {
                    let values = lists_with(connection, &policies)?.into_iter().map(|(list, _)| list).collect();
                    self.clauses.push(Clause::Any { facet: facet::JUDGED, values });
                }
            }
            (outcome, severity) => {
                let outcomes: Vec<Outcome> =
                    facet::not_a_pass().filter(|each| outcome.is_none_or(|wanted| wanted == *each)).collect();
                let severities = Severity::ALL.iter().filter(|each| severity.is_none_or(|least| **each >= least));
                let pairs = severities.flat_map(|severity| outcomes.iter().map(|outcome| (*outcome, *severity)));
                let (facet, mut values): (i64, Vec<i64>) = match &policies {
                    None => (facet::OUTCOME, pairs.map(|(of, severity)| facet::outcome(of, severity)).collect()),
                    Some(policies) => {
                        let values = pairs.flat_map(|(of, severity)| {
                            policies.iter().map(move |policy| facet::finding(*policy, of, severity))
                        });
                        (facet::FINDING, values.collect())
                    }
                };
                values.sort_unstable();
                self.clauses.push(Clause::Any { facet, values });
            }
        }
        Ok(())
    }

    /// Whether the full-text index is searched, which is slower than sets.
    pub(crate) fn has_text(&self) -> bool {
        self.text.is_some()
    }

    /// The chunks, newest first.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = u64> + use<> {
        (0..self.end.div_ceil(CHUNK)).rev()
    }

    /// The entries of a chunk that meet everything.
    pub(crate) fn entries(&self, connection: &Connection, chunk: u64) -> rusqlite::Result<Bits> {
        let mut all: Option<Bits> = None;
        for clause in &self.clauses {
            let these = clause.entries(connection, chunk)?;
            match &mut all {
                None => all = Some(these),
                Some(all) => all.and(&these),
            }
            if all.as_ref().is_some_and(Bits::is_empty) {
                return Ok(Bits::empty());
            }
        }
        let mut entries = all.unwrap_or_else(Bits::empty);
        if let Some(times) = self.times {
            keep_times(connection, chunk, &times, &mut entries)?;
        }
        match &self.text {
            Some(text) if !entries.is_empty() => keep_text(connection, chunk, text, &entries),
            _ => Ok(entries),
        }
    }
}

impl Clause {
    fn entries(&self, connection: &Connection, chunk: u64) -> rusqlite::Result<Bits> {
        let mut entries = Bits::empty();
        match self {
            Self::Any { facet, values } if values.len() <= LOOKED_UP => {
                for value in values {
                    each_value(connection, *facet, chunk, (*value, *value), |_, stored| add(&mut entries, stored))?;
                }
            }
            Self::Any { facet, values } => {
                let ends = (values[0], values[values.len() - 1]);
                each_value(connection, *facet, chunk, ends, |value, stored| match values.binary_search(&value) {
                    Ok(_) => add(&mut entries, stored),
                    Err(_) => Ok(()),
                })?;
            }
            Self::Between { facet, low, high } => {
                each_value(connection, *facet, chunk, (*low, *high), |_, stored| add(&mut entries, stored))?;
            }
            Self::Passed { policies, lists } => passed(connection, chunk, policies, lists, &mut entries)?,
        }
        Ok(entries)
    }
}

/// Entries in which one of the policies was asked, and has no other outcome.
fn passed(
    connection: &Connection,
    chunk: u64,
    policies: &[i64],
    lists: &[(i64, Vec<i64>)],
    entries: &mut Bits,
) -> rusqlite::Result<()> {
    let mut asked: HashMap<i64, Bits> = HashMap::new();
    let ends = (i64::MIN, i64::MAX);
    each_value(connection, facet::JUDGED, chunk, ends, |list, stored| {
        let Ok(at) = lists.binary_search_by_key(&list, |(list, _)| *list) else { return Ok(()) };
        let mut these = Bits::empty();
        add(&mut these, stored)?;
        for policy in &lists[at].1 {
            asked.entry(*policy).or_insert_with(Bits::empty).or(&these);
        }
        Ok(())
    })?;
    for policy in policies {
        let Some(mut held) = asked.remove(policy) else { continue };
        let mut otherwise = Bits::empty();
        let ends = (policy << 8, (policy << 8) | 255);
        each_value(connection, facet::FINDING, chunk, ends, |_, stored| add(&mut otherwise, stored))?;
        held.and_not(&otherwise);
        entries.or(&held);
    }
    Ok(())
}

fn each_value(
    connection: &Connection,
    facet: i64,
    chunk: u64,
    (low, high): (i64, i64),
    mut with: impl FnMut(i64, &[u8]) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut select = connection
        .prepare_cached("SELECT value, bits FROM facet WHERE facet = ?1 AND chunk = ?2 AND value BETWEEN ?3 AND ?4")?;
    let mut rows = select.query((facet, chunk.cast_signed(), low, high))?;
    while let Some(row) = rows.next()? {
        with(row.get(0)?, row.get_ref(1)?.as_blob().map_err(|_| not_a_set())?)?;
    }
    Ok(())
}

fn add(entries: &mut Bits, stored: &[u8]) -> rusqlite::Result<()> {
    entries.add_stored(stored).map_err(|_| not_a_set())
}

/// Takes out entries of the first and last day that are outside the times.
fn keep_times(connection: &Connection, chunk: u64, times: &Times, entries: &mut Bits) -> rusqlite::Result<()> {
    let mut edge = Bits::empty();
    for day in times.days {
        each_value(connection, facet::DAY, chunk, (day, day), |_, stored| add(&mut edge, stored))?;
    }
    edge.and(entries);
    let Some((low, high)) = ends(chunk, &edge) else { return Ok(()) };
    let mut select =
        connection.prepare_cached("SELECT id FROM entry WHERE id BETWEEN ?1 AND ?2 AND (time < ?3 OR time >= ?4)")?;
    let mut rows = select.query((low, high, times.from, times.to))?;
    while let Some(row) = rows.next()? {
        entries.remove(position_of(row.get::<_, i64>(0)?.cast_unsigned()));
    }
    Ok(())
}

fn keep_text(connection: &Connection, chunk: u64, text: &str, entries: &Bits) -> rusqlite::Result<Bits> {
    let mut found = Bits::empty();
    let mut select =
        connection.prepare_cached("SELECT rowid FROM words WHERE words MATCH ?1 AND rowid BETWEEN ?2 AND ?3")?;
    let mut search = |low: i64, high: i64| -> rusqlite::Result<()> {
        let mut rows = select.query((text, low, high))?;
        while let Some(row) = rows.next()? {
            let position = position_of(row.get::<_, i64>(0)?.cast_unsigned());
            if entries.contains(position) {
                found.insert(position);
            }
        }
        Ok(())
    };
    if entries.count() <= TEXT_LOOKED_UP {
        for position in entries.descending() {
            let id = (chunk * CHUNK + u64::from(position)).cast_signed();
            search(id, id)?;
        }
    } else if let Some((low, high)) = ends(chunk, entries) {
        search(low, high)?;
    }
    Ok(found)
}

fn ends(chunk: u64, entries: &Bits) -> Option<(i64, i64)> {
    let (low, high) = entries.ends()?;
    let id = |position: u16| (chunk * CHUNK + u64::from(position)).cast_signed();
    Some((id(low), id(high)))
}

/// What is searched for as an FTS5 expression; none when there is no word in it, or nothing begins like one of them.
fn search(connection: &Connection, text: &str) -> rusqlite::Result<Option<String>> {
    let mut all = Vec::new();
    for term in tokens::terms(text) {
        all.push(match term {
            Term::Word(word) => tokens::any_of(&[word]),
            Term::Beginning(start) => {
                let words: Vec<String> = connection
                    .prepare_cached("SELECT text FROM term WHERE text >= ?1 AND text < ?1 || ?2 LIMIT ?3")?
                    .query_map((&start, "\u{10ffff}", BEGINNINGS + 1), |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                match i64::try_from(words.len()) {
                    Ok(0) => return Ok(None),
                    // The full-text index gathers all entries with such words before it gives the first.
                    Ok(count) if count > BEGINNINGS => tokens::beginning(&start),
                    _ => tokens::any_of(&words),
                }
            }
        });
    }
    Ok((!all.is_empty()).then(|| all.join(" AND ")))
}

/// The policies that a filter names, in order; none when it names none.
fn named_policies(connection: &Connection, filter: &Filter) -> rusqlite::Result<Option<Vec<i64>>> {
    let mut policies = None;
    if let Some(pattern) = &filter.policy {
        narrow(&mut policies, policies_like(connection, pattern)?);
    }
    if let Some(control) = &filter.control {
        narrow(&mut policies, policies_for_control(connection, control)?);
    }
    if let Some(framework) = &filter.framework {
        let serving = "SELECT DISTINCT policy FROM serves WHERE framework = ?1 ORDER BY policy";
        narrow(&mut policies, numbers(connection, serving, &kept(framework))?);
    }
    Ok(policies)
}

/// The policies that were asked whose id matches a pattern, in order.
pub(crate) fn policies_like(connection: &Connection, pattern: &str) -> rusqlite::Result<Vec<i64>> {
    if !is_pattern(pattern) {
        return Ok(find(connection, pattern)?.into_iter().collect());
    }
    let like = "SELECT policy FROM asked JOIN word ON word.id = policy WHERE text GLOB ?1 ORDER BY policy";
    numbers(connection, like, &glob(pattern))
}

/// The policies that serve a control, in order.
pub(crate) fn policies_for_control(connection: &Connection, control: &str) -> rusqlite::Result<Vec<i64>> {
    let Some((framework, requirement)) = control.split_once(':') else { return Ok(Vec::new()) };
    let control = (kept(framework), kept(requirement));
    let serving = "SELECT policy FROM serves WHERE framework = ?1 AND requirement = ?2 ORDER BY policy";
    numbers_of(connection, serving, control)
}

fn narrow(policies: &mut Option<Vec<i64>>, to: Vec<i64>) {
    *policies = Some(match policies.take() {
        None => to,
        Some(before) => {
            let to: HashSet<i64> = to.into_iter().collect();
            before.into_iter().filter(|policy| to.contains(policy)).collect()
        }
    });
}

/// The lists that have any of the policies, in order, each with those that it has.
fn lists_with(connection: &Connection, policies: &[i64]) -> rusqlite::Result<Vec<(i64, Vec<i64>)>> {
    let wanted: HashSet<i64> = policies.iter().copied().collect();
    let mut lists = Vec::new();
    let mut select = connection.prepare_cached("SELECT id, policies FROM judged ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let stored = row.get_ref(1)?.as_blob().map_err(|_| not_a_set())?;
        let has: Vec<i64> = decode_list(stored).filter(|policy| wanted.contains(policy)).collect();
        if !has.is_empty() {
            lists.push((row.get(0)?, has));
        }
    }
    Ok(lists)
}

fn numbers(connection: &Connection, sql: &'static str, text: &str) -> rusqlite::Result<Vec<i64>> {
    numbers_of(connection, sql, [text])
}

fn numbers_of(
    connection: &Connection,
    sql: &'static str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<i64>> {
    connection.prepare_cached(sql)?.query_map(parameters, |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_newest_first() {
        let plan = |end| Plan { clauses: Vec::new(), times: None, text: None, end };
        assert_eq!(plan(0).chunks().count(), 0);
        assert_eq!(plan(1).chunks().collect::<Vec<_>>(), [0]);
        assert_eq!(plan(CHUNK).chunks().collect::<Vec<_>>(), [0]);
        assert_eq!(plan(CHUNK + 1).chunks().collect::<Vec<_>>(), [1, 0]);
    }
}
