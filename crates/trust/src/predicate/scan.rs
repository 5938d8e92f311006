use jiff::Timestamp;
use probity_model::Value;

use super::{count, entry, list, text, time};

/// A scan for vulnerabilities (cosign's and in-toto's forms).
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// The scanner: its `uri`.
    pub scanner: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The version of its database.
    pub database: Option<String>,
    /// When its database was brought up to date.
    pub database_updated: Option<Timestamp>,
    /// When the scan began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// What it found, as the scanner writes it.
    pub result: Value,
}

impl Scan {
    pub(super) fn read(predicate: &Value) -> Self {
        Self {
            scanner: text(predicate, &["scanner", "uri"]),
            version: text(predicate, &["scanner", "version"]),
            database: text(predicate, &["scanner", "db", "version"]),
            database_updated: time(predicate, &["scanner", "db", "lastUpdate"]),
            started: time(predicate, &["metadata", "scanStartedOn"]),
            finished: time(predicate, &["metadata", "scanFinishedOn"]),
            result: predicate.at(&["scanner", "result"]).cloned().unwrap_or_default(),
        }
    }

    /// What policies ask for, as a document.
    pub fn document(&self) -> Value {
        let found = match &self.result {
            // in-toto lists what was found; cosign keeps the scanner's own report.
            Value::Array(_) => Some(("found", count(list(&self.result, &[]).len()))),
            _ => None,
        };
        let entries = [
            entry("scanner", self.scanner.as_deref()),
            entry("scannerVersion", self.version.as_deref()),
            entry("databaseVersion", self.database.as_deref()),
            entry("databaseUpdatedAt", self.database_updated),
            entry("startedAt", self.started),
            entry("finishedAt", self.finished),
            found,
        ];
        Value::object(entries.into_iter().flatten())
    }
}
