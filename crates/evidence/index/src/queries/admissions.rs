use probity_evidence_ledger::{AdmissionRecord, ConfirmationRecord};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use super::decisions::row as decision_row;
use super::wanted::{self, Wanted};
use super::{Queries, from_json};
use crate::admissions::{
    AdmissionFilter, AdmissionPage, AdmissionRow, ConfirmationPage, ConfirmationRow, Deployment, DeploymentFilter,
    DeploymentKnown, DeploymentPage,
};
use crate::batch::signed;
use crate::error::IndexError;
use crate::filter::Page;
use crate::time::from_micros;
use crate::words::{glob, is_pattern, kept};

const CONFIRMATION: &str = "SELECT entry, time, environment, body FROM confirmation";

/// The users as whom the controllers of Kubernetes itself act.
const CONTROLLERS: &str = "(user GLOB 'system:serviceaccount:kube-system:*' OR user GLOB 'system:node:*'
  OR user IN ('system:kube-controller-manager', 'system:kube-scheduler'))";

/// Webhooks that are asked about one request are asked within so many microseconds.
const ONE_REQUEST: i64 = 5_000_000;

/// Whether the server is known to have done what a decision is about.
const DONE: &str = "EXISTS (SELECT 1 FROM confirmed JOIN confirmation ON confirmation.entry = confirmed.confirmation
  WHERE confirmed.decision = admission.decision AND done)";

impl Queries {
    /// Requests that gates answered, newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn admissions(&self, filter: &AdmissionFilter, page: Page) -> Result<AdmissionPage, IndexError> {
        let (sql, values) = admissions_wanted(filter).newest("SELECT entry FROM admission", "admission", page);
        self.read(|connection| {
            let (entries, next) = indexes(connection, &sql, values, page)?;
            let rows: rusqlite::Result<Vec<Option<AdmissionRow>>> =
                entries.iter().map(|entry| admission(connection, *entry)).collect();
            Ok(AdmissionPage { rows: rows?.into_iter().flatten().collect(), next })
        })
    }

    /// Requests that came after an entry, oldest first: what is new since.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn admissions_after(
        &self,
        filter: &AdmissionFilter,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AdmissionRow>, IndexError> {
        let mut wanted = admissions_wanted(filter);
        if let Some(after) = after {
            wanted.add("entry > ?", signed(after));
        }
        let (conditions, mut values) = wanted.into_conditions();
        values.push(i64::try_from(limit.min(Page::MAX)).unwrap_or(i64::MAX).into());
        let sql = format!("SELECT entry FROM admission WHERE {conditions} ORDER BY entry LIMIT ?{}", values.len());
        self.read(|connection| {
            let entries: Vec<i64> = connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let rows: rusqlite::Result<Vec<Option<AdmissionRow>>> =
                entries.iter().map(|entry| admission(connection, *entry)).collect();
            Ok(rows?.into_iter().flatten().collect())
        })
    }

    /// One request; none when there is no entry with this index, or it is of another kind.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn admission(&self, index: u64) -> Result<Option<AdmissionRow>, IndexError> {
        self.read(|connection| admission(connection, signed(index)))
    }

    /// What API servers did without a gate having been asked, or after one was asked whose decision is not in the ledger;
    /// newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn outside_of_gates(&self, filter: &DeploymentFilter, page: Page) -> Result<ConfirmationPage, IndexError> {
        let mut wanted = place(filter);
        // A decision whose evidence never came is none that was made here.
        wanted.holds(&format!("done AND {OUTSIDE}"));
        let (sql, values) = wanted.newest(CONFIRMATION, "confirmation", page);
        self.read(|connection| {
            let mut rows: Vec<ConfirmationRow> = connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), confirmation)?
                .collect::<Result<_, _>>()?;
            let more = rows.len() > page.rows();
            rows.truncate(page.rows());
            let next = rows.last().map(|row| row.index).filter(|_| more);
            Ok(ConfirmationPage { rows, next })
        })
    }

    /// Whether what an event of an audit log says is in the ledger.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn knows_audit_event(&self, cluster: &str, audit_id: &str) -> Result<bool, IndexError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM confirmation WHERE cluster = ?1 AND audit = ?2")?
                .exists((kept(cluster), kept(audit_id)))
        })
    }

    /// Who put what into which cluster, newest first: what a gate let pass, unless the server is known not to have done it,
    /// and what a server did without a gate having been asked. A request about which several webhooks were asked is told
    /// once.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn deployments(&self, filter: &DeploymentFilter, page: Page) -> Result<DeploymentPage, IndexError> {
        let (sql, values) = deployments_wanted(filter, page);
        self.read(|connection| {
            let (entries, next) = indexes(connection, &sql, values, page)?;
            let rows: rusqlite::Result<Vec<Option<Deployment>>> =
                entries.iter().map(|entry| deployment(connection, *entry)).collect();
            Ok(DeploymentPage { rows: rows?.into_iter().flatten().collect(), next })
        })
    }
}

/// No decision of a gate that it names is known.
const OUTSIDE: &str = "NOT EXISTS (SELECT 1 FROM confirmed JOIN admission ON admission.decision = confirmed.decision
  WHERE confirmed.confirmation = confirmation.entry)";

fn deployments_wanted(filter: &DeploymentFilter, page: Page) -> (String, Vec<Value>) {
    let mut wanted = place(filter);
    if let Some(before) = page.before {
        wanted.add("entry < ?", signed(before));
    }
    let (conditions, mut values) = wanted.into_conditions();
    let rows = i64::try_from(page.rows()).unwrap_or(i64::MAX).saturating_add(1);
    values.push(rows.into());
    let limit = values.len();
    // Of decisions about one request the first is taken: those with the same confirmation, or, while there is none, those
    // about the same object that were made together.
    let sql = format!(
        "SELECT entry FROM (
           SELECT * FROM (SELECT entry FROM admission WHERE {conditions} AND runs AND outcome != 1
             AND operation IN ('CREATE', 'UPDATE')
             AND (NOT EXISTS (SELECT 1 FROM confirmed WHERE confirmed.decision = admission.decision) OR {DONE})
             AND NOT EXISTS (SELECT 1 FROM confirmed own JOIN confirmed other ON other.confirmation = own.confirmation
               JOIN admission earlier ON earlier.decision = other.decision
               WHERE own.decision = admission.decision AND earlier.entry < admission.entry AND earlier.runs)
             AND NOT EXISTS (SELECT 1 FROM admission earlier WHERE earlier.cluster = admission.cluster
               AND earlier.namespace = admission.namespace AND earlier.name = admission.name
               AND earlier.kind = admission.kind AND earlier.user = admission.user
               AND earlier.operation = admission.operation AND earlier.entry < admission.entry
               AND earlier.time >= admission.time - {ONE_REQUEST} AND earlier.webhook != admission.webhook
               AND NOT EXISTS (SELECT 1 FROM confirmed WHERE confirmed.decision = admission.decision))
             ORDER BY entry DESC LIMIT ?{limit})
           UNION ALL
           SELECT * FROM (SELECT entry FROM confirmation WHERE {conditions} AND runs AND done AND {OUTSIDE}
             ORDER BY entry DESC LIMIT ?{limit})
         ) ORDER BY entry DESC LIMIT ?{limit}"
    );
    (sql, values)
}

/// Entries of a statement, and where the next page begins.
fn indexes(
    connection: &Connection,
    sql: &str,
    values: Vec<Value>,
    page: Page,
) -> rusqlite::Result<(Vec<i64>, Option<u64>)> {
    let mut entries: Vec<i64> = connection
        .prepare_cached(sql)?
        .query_map(params_from_iter(values), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let more = entries.len() > page.rows();
    entries.truncate(page.rows());
    let next = entries.last().map(|entry| entry.cast_unsigned()).filter(|_| more);
    Ok((entries, next))
}

fn admissions_wanted(filter: &AdmissionFilter) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.within(filter.from, filter.to);
    wanted.like("cluster", filter.cluster.as_deref());
    wanted.like("namespace", filter.namespace.as_deref());
    wanted.like("environment", filter.environment.as_deref());
    wanted.like("user", filter.user.as_deref());
    wanted.like("kind", filter.kind.as_deref());
    wanted.like("name", filter.name.as_deref());
    image(&mut wanted, filter.image.as_deref());
    if let Some(digest) = &filter.object_digest {
        wanted.add("object_digest = ?", kept(digest).into_owned());
    }
    if let Some(operation) = &filter.operation {
        wanted.add("operation = ?", operation.to_ascii_uppercase());
    }
    if let Some(outcome) = filter.outcome {
        wanted.add("outcome = ?", outcome as i64);
    }
    match filter.done {
        Some(true) => wanted.holds(DONE),
        Some(false) => wanted.holds(&format!("NOT {DONE}")),
        None => {}
    }
    wanted
}

/// The conditions that decisions and confirmations share.
fn place(filter: &DeploymentFilter) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.within(filter.from, filter.to);
    wanted.like("cluster", filter.cluster.as_deref());
    wanted.like("namespace", filter.namespace.as_deref());
    wanted.like("environment", filter.environment.as_deref());
    wanted.like("user", filter.user.as_deref());
    image(&mut wanted, filter.image.as_deref());
    if !filter.controllers {
        wanted.holds(&format!("NOT {CONTROLLERS}"));
    }
    wanted
}

fn image(wanted: &mut Wanted, image: Option<&str>) {
    let Some(image) = image else { return };
    if image.starts_with("sha256:") {
        wanted.begins(&wanted::digest(image), |is| {
            format!("entry IN (SELECT entry FROM admission_image WHERE {})", is("digest"))
        });
    } else if is_pattern(image) {
        wanted.add("entry IN (SELECT entry FROM admission_image WHERE reference GLOB ?)", glob(image));
    } else {
        wanted.add("entry IN (SELECT entry FROM admission_image WHERE reference = ?)", kept(image).into_owned());
    }
}

fn admission(connection: &Connection, entry: i64) -> rusqlite::Result<Option<AdmissionRow>> {
    let body: Option<String> = connection
        .prepare_cached("SELECT body FROM admission WHERE entry = ?1")?
        .query_row([entry], |row| row.get(0))
        .optional()?;
    let Some(body) = body else { return Ok(None) };
    let Some(decision) = decision_row(connection, entry.cast_unsigned())? else { return Ok(None) };
    let admission: AdmissionRecord = from_json(&body)?;
    let confirmation = confirmation_of(connection, &admission.decision_id)?;
    Ok(Some(AdmissionRow::new(decision, admission, confirmation)))
}

fn confirmation_of(connection: &Connection, decision: &str) -> rusqlite::Result<Option<ConfirmationRow>> {
    let sql = format!(
        "{CONFIRMATION} WHERE entry IN (SELECT confirmation FROM confirmed WHERE decision = ?1) ORDER BY entry LIMIT 1"
    );
    connection.prepare_cached(&sql)?.query_row([kept(decision)], confirmation).optional()
}

fn confirmation(row: &Row<'_>) -> rusqlite::Result<ConfirmationRow> {
    let confirmation: ConfirmationRecord = from_json(&row.get::<_, String>(3)?)?;
    Ok(ConfirmationRow {
        index: row.get::<_, i64>(0)?.cast_unsigned(),
        time: from_micros(row.get(1)?),
        environment: row.get(2)?,
        confirmation,
    })
}

fn deployment(connection: &Connection, entry: i64) -> rusqlite::Result<Option<Deployment>> {
    if let Some(row) = admission(connection, entry)? {
        return Ok(Some(of_decision(row)));
    }
    let sql = format!("{CONFIRMATION} WHERE entry = ?1");
    let row = connection.prepare_cached(&sql)?.query_row([entry], confirmation).optional()?;
    Ok(row.map(of_confirmation))
}

fn of_decision(row: AdmissionRow) -> Deployment {
    let known = if row.confirmation.is_some() { DeploymentKnown::Confirmed } else { DeploymentKnown::Unconfirmed };
    // The server gives the name where the gate saw only its beginning.
    let name = match &row.confirmation {
        Some(confirmed) if row.admission.name.ends_with('*') && !confirmed.confirmation.name.is_empty() => {
            confirmed.confirmation.name.clone()
        }
        _ => row.admission.name,
    };
    Deployment {
        index: row.decision.index,
        time: row.decision.time,
        user: row.admission.user,
        impersonated: None,
        cluster: row.admission.cluster,
        namespace: row.admission.namespace,
        environment: row.decision.environment,
        kind: row.admission.kind.to_string(),
        name,
        operation: row.admission.operation.to_string(),
        images: row.admission.images,
        known,
    }
}

fn of_confirmation(row: ConfirmationRow) -> Deployment {
    let confirmation = row.confirmation;
    let asked = !confirmation.decisions.is_empty();
    Deployment {
        index: row.index,
        time: row.time,
        user: confirmation.user,
        impersonated: confirmation.impersonated,
        cluster: confirmation.cluster,
        namespace: confirmation.namespace,
        environment: row.environment,
        kind: confirmation.resource.resource.to_string(),
        name: confirmation.name,
        operation: if confirmation.verb == "create" { "CREATE" } else { "UPDATE" }.to_owned(),
        images: confirmation.images,
        known: if asked { DeploymentKnown::DecisionMissing } else { DeploymentKnown::OutsideOfGates },
    }
}
