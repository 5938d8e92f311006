use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashMapExt as _};
use jiff::civil::Date;
use probity_model::{Action, Outcome, PolicyId, SmolStr, Strength};
use rusqlite::Connection;

use super::decisions::{day_range, time_range};
use super::{Queries, environment, one_of, spans};
use crate::batch::{ALL_POLICIES, DAYS};
use crate::error::IndexError;
use crate::filter::Scope;
use crate::index::next;
use crate::plan::{policies_for_control, policies_like};
use crate::policies::decode_list;
use crate::rows::{Actions, ControlPosture, DayOutcomes, Outcomes, Overview, Serving};
use crate::time::day_from_number;
use crate::words::kept;

/// Whose findings are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<'t> {
    /// Of all policies.
    All,
    /// Of a policy, or of those that match a pattern.
    Policy(&'t str),
    /// Of the policies that serve a control: `soc2:CC6.1`.
    Control(&'t str),
}

impl Queries {
    /// Sums over everything in a scope.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn overview(&self, scope: &Scope) -> Result<Overview, IndexError> {
        self.read(|connection| {
            let place = environment(connection, scope.environment.as_deref())?;
            let (first, last) = day_range(scope.period);
            let (mut actions, mut days) = (Actions::default(), BTreeMap::<i64, Actions>::new());
            let mut environments = BTreeMap::<Option<String>, Actions>::new();
            let mut select = connection.prepare_cached(
                "SELECT period, text, action, count FROM actions_by LEFT JOIN word ON word.id = environment
                 WHERE period BETWEEN ?1 AND ?2 AND (?3 IS NULL OR environment = ?3)",
            )?;
            let mut rows = select.query((first, last, place))?;
            while let Some(row) = rows.next()? {
                let action = one_of(Action::ALL, row.get(2)?)?;
                let count = count(row.get(3)?);
                actions.add(action, count);
                days.entry(row.get(0)?).or_default().add(action, count);
                environments.entry(row.get(1)?).or_default().add(action, count);
            }
            let mut environments: Vec<(Option<String>, Actions)> = environments.into_iter().collect();
            environments.sort_by_key(|(_, actions)| std::cmp::Reverse(actions.total()));
            let (scans, incomplete_scans) = scans(connection, scope)?;
            let (gates, missing) = gates(connection, scope)?;
            Ok(Overview {
                entries: next(connection)?,
                actions,
                outcomes: outcomes_of(connection, scope, [ALL_POLICIES])?.remove(&ALL_POLICIES).unwrap_or_default(),
                days: days.into_iter().filter_map(|(day, actions)| Some((day_from_number(day)?, actions))).collect(),
                environments,
                scans,
                incomplete_scans,
                gates,
                missing,
            })
        })
    }

    /// What is known of each control of a framework that a policy serves, in the order of their ids. Policies serve what
    /// the newest set that has them says.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn posture(&self, framework: &str, scope: &Scope) -> Result<Vec<ControlPosture>, IndexError> {
        Ok(self.postures(&[framework], scope)?.pop().unwrap_or_default())
    }

    /// The same for several frameworks, in their order. What they have in common is read once.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn postures(&self, frameworks: &[&str], scope: &Scope) -> Result<Vec<Vec<ControlPosture>>, IndexError> {
        self.read(|connection| {
            let mut policies = BTreeSet::new();
            for framework in frameworks {
                policies.extend(policies_for_framework(connection, framework)?);
            }
            let outcomes = outcomes_of(connection, scope, policies)?;
            let (mut all, mut counts) = (Served::new(), Vec::new());
            for framework in frameworks {
                let controls = served(connection, framework, &outcomes)?;
                counts.push(controls.len());
                all.extend(controls);
            }
            count_decisions(connection, scope, &mut all)?;
            let mut all = all.into_iter().map(|(control, _)| control);
            Ok(counts.into_iter().map(|count| all.by_ref().take(count).collect()).collect())
        })
    }

    /// Findings by day: only days that have any.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn daily(&self, of: Of<'_>, scope: &Scope) -> Result<Vec<DayOutcomes>, IndexError> {
        self.read(|connection| {
            let place = environment(connection, scope.environment.as_deref())?;
            let (first, last) = day_range(scope.period);
            let policies = match of {
                Of::All => vec![ALL_POLICIES],
                Of::Policy(pattern) => policies_like(connection, pattern)?,
                Of::Control(control) => policies_for_control(connection, control)?,
            };
            let mut days = BTreeMap::<i64, Outcomes>::new();
            let mut select = connection.prepare_cached(
                "SELECT period, outcome, count FROM findings_by
                 WHERE span = ?1 AND policy = ?2 AND period BETWEEN ?3 AND ?4 AND (?5 IS NULL OR environment = ?5)",
            )?;
            for policy in policies {
                let mut rows = select.query((DAYS, policy, first, last, place))?;
                while let Some(row) = rows.next()? {
                    let outcome = one_of(Outcome::ALL, row.get(1)?)?;
                    days.entry(row.get(0)?).or_default().add(outcome, count(row.get(2)?));
                }
            }
            let day = |(day, outcomes)| Some(DayOutcomes { day: day_from_number(day)?, outcomes });
            Ok(days.into_iter().filter_map(day).collect())
        })
    }

    /// Findings by day of the policies that serve a control of each framework, in the order of the frameworks. A policy that
    /// serves several is read once.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn daily_of_frameworks(&self, frameworks: &[&str], scope: &Scope) -> Result<Vec<Vec<DayOutcomes>>, IndexError> {
        self.read(|connection| {
            let place = environment(connection, scope.environment.as_deref())?;
            let (first, last) = day_range(scope.period);
            let mut serves = BTreeMap::<i64, Vec<usize>>::new();
            for (at, framework) in frameworks.iter().enumerate() {
                for policy in policies_for_framework(connection, framework)? {
                    serves.entry(policy).or_default().push(at);
                }
            }
            let mut days = vec![BTreeMap::<i64, Outcomes>::new(); frameworks.len()];
            let mut select = connection.prepare_cached(
                "SELECT period, outcome, count FROM findings_by
                 WHERE span = ?1 AND policy = ?2 AND period BETWEEN ?3 AND ?4 AND (?5 IS NULL OR environment = ?5)",
            )?;
            for (policy, served) in serves {
                let mut rows = select.query((DAYS, policy, first, last, place))?;
                while let Some(row) = rows.next()? {
                    let (day, outcome) = (row.get(0)?, one_of(Outcome::ALL, row.get(1)?)?);
                    let count = count(row.get(2)?);
                    for at in &served {
                        days[*at].entry(day).or_default().add(outcome, count);
                    }
                }
            }
            let day = |(day, outcomes)| Some(DayOutcomes { day: day_from_number(day)?, outcomes });
            Ok(days.into_iter().map(|days| days.into_iter().filter_map(day).collect()).collect())
        })
    }

    /// The days in a scope on which a policy that serves the control was asked; the others are gaps.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn days_with_evidence(&self, control: &str, scope: &Scope) -> Result<Vec<Date>, IndexError> {
        Ok(self.daily(Of::Control(control), scope)?.into_iter().map(|day| day.day).collect())
    }
}

/// A sum as a count.
pub(super) fn count(sum: i64) -> u64 {
    u64::try_from(sum).unwrap_or(0)
}

/// Findings by policy.
pub(super) fn outcomes_of(
    connection: &Connection,
    scope: &Scope,
    policies: impl IntoIterator<Item = i64>,
) -> rusqlite::Result<HashMap<i64, Outcomes>> {
    let place = environment(connection, scope.environment.as_deref())?;
    let mut by_policy = HashMap::new();
    let mut select = connection.prepare_cached(
        "SELECT outcome, count FROM findings_by
         WHERE span = ?1 AND policy = ?2 AND period BETWEEN ?3 AND ?4 AND (?5 IS NULL OR environment = ?5)",
    )?;
    for policy in policies {
        let mut outcomes = Outcomes::default();
        for (span, first, last) in spans(scope.period) {
            let mut rows = select.query((span, policy, first, last, place))?;
            while let Some(row) = rows.next()? {
                outcomes.add(one_of(Outcome::ALL, row.get(0)?)?, count(row.get(1)?));
            }
        }
        by_policy.insert(policy, outcomes);
    }
    Ok(by_policy)
}

fn policies_for_framework(connection: &Connection, framework: &str) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT DISTINCT policy FROM serves WHERE framework = ?1")?
        .query_map([kept(framework)], |row| row.get(0))?
        .collect()
}

type Served = Vec<(ControlPosture, Vec<i64>)>;

/// The controls of a framework with the policies that serve them, and the numbers of those.
fn served(connection: &Connection, framework: &str, outcomes: &HashMap<i64, Outcomes>) -> rusqlite::Result<Served> {
    let mut controls: Served = Vec::new();
    let mut select = connection.prepare_cached(
        "SELECT requirement, serves.policy, word.text, strength, why, json_extract(body, '$.title') FROM serves
         JOIN word ON word.id = serves.policy JOIN policy ON policy.id = serves.policy
         JOIN policy_version ON policy_version.id = policy.version
         WHERE framework = ?1 ORDER BY requirement, strength DESC, word.text",
    )?;
    let mut rows = select.query([kept(framework)])?;
    while let Some(row) = rows.next()? {
        let control = SmolStr::from(format!("{framework}:{}", row.get::<_, String>(0)?));
        let (policy, id): (i64, String) = (row.get(1)?, row.get(2)?);
        if controls.last().is_none_or(|(last, _)| last.control != control) {
            let posture = ControlPosture { control, policies: Vec::new(), decisions: 0, outcomes: Outcomes::default() };
            controls.push((posture, Vec::new()));
        }
        let Some((posture, numbers)) = controls.last_mut() else { continue };
        let outcomes = outcomes.get(&policy).copied().unwrap_or_default();
        posture.outcomes.add_all(&outcomes);
        posture.policies.push(Serving {
            policy: PolicyId(id.into()),
            title: row.get(5)?,
            serves: one_of(Strength::ALL, row.get(3)?)?,
            why: row.get(4)?,
            outcomes,
        });
        numbers.push(policy);
    }
    Ok(controls)
}

/// Counts for each control the decisions in which a policy that serves it was asked: all that were judged by a list of
/// policies with one of them.
fn count_decisions(connection: &Connection, scope: &Scope, controls: &mut Served) -> rusqlite::Result<()> {
    let mut served_by = HashMap::<i64, Vec<usize>>::new();
    for (at, (_, policies)) in controls.iter().enumerate() {
        for policy in policies {
            served_by.entry(*policy).or_default().push(at);
        }
    }
    let mut select = connection.prepare_cached("SELECT policies FROM judged WHERE id = ?1")?;
    for (list, decisions) in decisions_by_list(connection, scope)? {
        let stored: Vec<u8> = select.query_row([list], |row| row.get(0))?;
        let mut counted = vec![false; controls.len()];
        for at in decode_list(&stored).filter_map(|policy| served_by.get(&policy)).flatten() {
            if !std::mem::replace(&mut counted[*at], true) {
                controls[*at].0.decisions += decisions;
            }
        }
    }
    Ok(())
}

fn decisions_by_list(connection: &Connection, scope: &Scope) -> rusqlite::Result<HashMap<i64, u64>> {
    let place = environment(connection, scope.environment.as_deref())?;
    let mut by_list = HashMap::new();
    let mut select = connection.prepare_cached(
        "SELECT judged, count FROM judged_by WHERE span = ?1 AND period BETWEEN ?2 AND ?3
         AND (?4 IS NULL OR environment = ?4)",
    )?;
    for (span, first, last) in spans(scope.period) {
        let mut rows = select.query((span, first, last, place))?;
        while let Some(row) = rows.next()? {
            *by_list.entry(row.get(0)?).or_default() += count(row.get(1)?);
        }
    }
    Ok(by_list)
}

fn scans(connection: &Connection, scope: &Scope) -> rusqlite::Result<(u64, u64)> {
    let (from, to) = time_range(scope.period);
    connection
        .prepare_cached("SELECT count(*), coalesce(sum(problems > 0), 0) FROM scan WHERE time >= ?1 AND time < ?2")?
        .query_row((from, to), |row| Ok((count(row.get(0)?), count(row.get(1)?))))
}

fn gates(connection: &Connection, scope: &Scope) -> rusqlite::Result<(u64, u64)> {
    let (from, to) = time_range(scope.period);
    connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(missing), 0) FROM gate WHERE last_time >= ?1 AND first_time < ?2",
        )?
        .query_row((from, to), |row| Ok((count(row.get(0)?), count(row.get(1)?))))
}
