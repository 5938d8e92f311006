//! The tables, and how a file is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::IndexError;

/// Marks a file as ours: `Prbx`.
const APPLICATION: i64 = 0x5072_6278;
/// Counts up with every change of the tables; a file of another version is made anew.
const VERSION: i64 = 6;

const TABLES: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE subject(
  id INTEGER PRIMARY KEY, address INTEGER NOT NULL, kind INTEGER NOT NULL, type INTEGER NOT NULL,
  environment INTEGER NOT NULL, service INTEGER NOT NULL, owner INTEGER NOT NULL,
  UNIQUE(address, kind, type, environment, service, owner));
CREATE TABLE judged(id INTEGER PRIMARY KEY, policies BLOB NOT NULL UNIQUE);
CREATE TABLE asked(policy INTEGER PRIMARY KEY);
CREATE TABLE gate(
  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, first_sequence INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL, entries INTEGER NOT NULL, missing INTEGER NOT NULL, first_time INTEGER NOT NULL,
  last_time INTEGER NOT NULL, last_ends INTEGER NOT NULL, UNIQUE(kind, name));
CREATE INDEX gate_time ON gate(last_time, first_time, missing);
CREATE TABLE gap(gate INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY(gate, first)) WITHOUT ROWID;
CREATE TABLE entry(
  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, time INTEGER NOT NULL, recorded INTEGER NOT NULL, gate INTEGER,
  sequence INTEGER, leaf BLOB NOT NULL, subject INTEGER, action INTEGER, severity INTEGER, passed INTEGER);
CREATE TABLE finding(
  entry INTEGER NOT NULL, position INTEGER NOT NULL, policy INTEGER NOT NULL, outcome INTEGER NOT NULL,
  severity INTEGER NOT NULL, stage INTEGER NOT NULL, message INTEGER NOT NULL, reason INTEGER NOT NULL,
  PRIMARY KEY(entry, position)) WITHOUT ROWID;
CREATE TABLE facet(
  facet INTEGER NOT NULL, chunk INTEGER NOT NULL, value INTEGER NOT NULL, bits BLOB NOT NULL,
  PRIMARY KEY(facet, chunk, value)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(text, content='', detail=none, columnsize=0, tokenize='ascii');
CREATE TABLE term(text TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE findings_by(
  span INTEGER NOT NULL, policy INTEGER NOT NULL, period INTEGER NOT NULL, environment INTEGER NOT NULL,
  outcome INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY(span, policy, period, environment, outcome)) WITHOUT ROWID;
CREATE TABLE actions_by(
  period INTEGER NOT NULL, environment INTEGER NOT NULL, action INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY(period, environment, action)) WITHOUT ROWID;
CREATE TABLE judged_by(
  span INTEGER NOT NULL, period INTEGER NOT NULL, environment INTEGER NOT NULL, judged INTEGER NOT NULL,
  count INTEGER NOT NULL, PRIMARY KEY(span, period, environment, judged)) WITHOUT ROWID;
CREATE TABLE scan(
  entry INTEGER PRIMARY KEY, time INTEGER NOT NULL, problems INTEGER NOT NULL, policies BLOB NOT NULL, body TEXT NOT NULL);
CREATE INDEX scan_time ON scan(time, problems);
CREATE TABLE image(
  entry INTEGER PRIMARY KEY, time INTEGER NOT NULL, reference TEXT NOT NULL, digest TEXT NOT NULL, configuration TEXT NOT NULL,
  action INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX image_time ON image(time);
CREATE INDEX image_reference ON image(reference);
CREATE INDEX image_digest ON image(digest);
CREATE INDEX image_configuration ON image(configuration);
CREATE TABLE build(
  entry INTEGER PRIMARY KEY, time INTEGER NOT NULL, project TEXT NOT NULL, number TEXT, commit_id TEXT, action INTEGER NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX build_time ON build(time);
CREATE INDEX build_project ON build(project, number);
CREATE INDEX build_commit ON build(commit_id);
CREATE TABLE build_image(digest TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY(digest, entry)) WITHOUT ROWID;
CREATE TABLE admission(
  entry INTEGER PRIMARY KEY, time INTEGER NOT NULL, decision TEXT NOT NULL, cluster TEXT NOT NULL, namespace TEXT NOT NULL,
  environment TEXT, user TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, operation TEXT NOT NULL, outcome INTEGER NOT NULL,
  runs INTEGER NOT NULL, webhook TEXT NOT NULL, object_digest TEXT, body TEXT NOT NULL);
CREATE INDEX admission_time ON admission(time);
CREATE INDEX admission_decision ON admission(decision);
CREATE INDEX admission_object ON admission(cluster, namespace, name, time);
CREATE INDEX admission_place ON admission(cluster, namespace, entry);
CREATE INDEX admission_digest ON admission(object_digest, cluster) WHERE object_digest IS NOT NULL;
CREATE INDEX admission_user ON admission(user);
CREATE TABLE confirmation(
  entry INTEGER PRIMARY KEY, time INTEGER NOT NULL, audit TEXT NOT NULL, cluster TEXT NOT NULL, namespace TEXT NOT NULL,
  environment TEXT, user TEXT NOT NULL, outside INTEGER NOT NULL, done INTEGER NOT NULL, runs INTEGER NOT NULL,
  body TEXT NOT NULL, UNIQUE(cluster, audit));
CREATE INDEX confirmation_time ON confirmation(time);
CREATE TABLE confirmed(decision TEXT NOT NULL, confirmation INTEGER NOT NULL, PRIMARY KEY(decision, confirmation)) WITHOUT ROWID;
CREATE INDEX confirmed_by ON confirmed(confirmation);
CREATE TABLE admission_image(reference TEXT NOT NULL, digest TEXT NOT NULL, entry INTEGER NOT NULL,
  PRIMARY KEY(reference, digest, entry)) WITHOUT ROWID;
CREATE INDEX admission_image_digest ON admission_image(digest);
CREATE TABLE drift(
  entry INTEGER PRIMARY KEY, time INTEGER NOT NULL, cluster TEXT NOT NULL, environment TEXT, what TEXT NOT NULL,
  severity INTEGER NOT NULL, address TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX drift_time ON drift(time);
CREATE TABLE unrecorded(
  entry INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, requests INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE replica(
  cluster TEXT NOT NULL, name TEXT NOT NULL, entry INTEGER NOT NULL, since INTEGER NOT NULL, time INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY(cluster, name)) WITHOUT ROWID;
CREATE TABLE silence(
  cluster TEXT NOT NULL, name TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY(cluster, name, first)) WITHOUT ROWID;
CREATE TABLE waiver(
  id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE, first_entry INTEGER NOT NULL, first_time INTEGER NOT NULL,
  last_entry INTEGER NOT NULL, last_time INTEGER NOT NULL, scans INTEGER NOT NULL);
CREATE TABLE policy_set(
  id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, first_entry INTEGER NOT NULL, first_time INTEGER NOT NULL,
  gate INTEGER, sources BLOB);
CREATE TABLE policy_version(id INTEGER PRIMARY KEY, policy INTEGER NOT NULL, body TEXT NOT NULL, first_entry INTEGER NOT NULL,
  first_time INTEGER NOT NULL, UNIQUE(policy, body));
CREATE TABLE policy_in(policy_set INTEGER NOT NULL, policy INTEGER NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY(policy_set, policy)) WITHOUT ROWID;
CREATE TABLE policy(id INTEGER PRIMARY KEY, version INTEGER NOT NULL, severity INTEGER NOT NULL, policy_set INTEGER NOT NULL);
CREATE TABLE serves(
  framework TEXT NOT NULL, requirement TEXT NOT NULL, policy INTEGER NOT NULL, strength INTEGER NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY(framework, requirement, policy)) WITHOUT ROWID;
CREATE INDEX serves_policy ON serves(policy);
";

/// What was found when the index was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// An index, to be followed on.
    Ready,
    /// None; an empty one was made.
    Created,
    /// An index of another version; an empty one took its place.
    OtherVersion,
    /// A file that is damaged or is no index; it was renamed, and an empty index took its place.
    SetAside {
        /// What was found.
        reason: String,
        /// The new name of the file.
        aside: PathBuf,
    },
}

enum Found {
    Ours,
    Nothing,
    OtherVersion,
    Foreign(String),
}

/// Opens a file to write to it, and makes the tables when they are not there.
pub(crate) fn open(file: &Path) -> Result<(Connection, Opened), IndexError> {
    let missing = !file.exists();
    let found = if missing { Found::Nothing } else { look(file)? };
    let opened = match found {
        Found::Ours => Opened::Ready,
        Found::Nothing => Opened::Created,
        Found::OtherVersion => {
            remove(file)?;
            Opened::OtherVersion
        }
        Found::Foreign(reason) => Opened::SetAside { aside: set_aside(file)?, reason },
    };
    let failed = |source| IndexError::Database { file: file.to_owned(), source };
    let connection = Connection::open(file).map_err(failed)?;
    prepare(&connection, opened == Opened::Ready).map_err(failed)?;
    Ok((connection, opened))
}

/// Opens a file that is an index to read from it.
pub(crate) fn open_to_read(file: &Path) -> Result<Connection, IndexError> {
    if !file.exists() {
        return Err(IndexError::Missing { file: file.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<(Connection, i64, i64)> {
        let connection = Connection::open_with_flags(file, flags)?;
        configure(&connection, READER_CACHE)?;
        let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((connection, application, version))
    };
    match open() {
        Ok((connection, APPLICATION, VERSION)) => Ok(connection),
        Ok(_) => Err(IndexError::Missing { file: file.to_owned() }),
        Err(source) => Err(wrap(file, source)),
    }
}

/// An error of the database, told apart when it means that the file is damaged.
pub(crate) fn wrap(file: &Path, source: rusqlite::Error) -> IndexError {
    let damaged = matches!(source.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            source,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::QueryReturnedNoRows
        )
        || matches!(&source, rusqlite::Error::SqlInputError { msg, .. } if msg.contains("no such"));
    if damaged {
        return IndexError::Damaged { file: file.to_owned(), what: source.to_string() };
    }
    IndexError::Database { file: file.to_owned(), source }
}

fn look(file: &Path) -> Result<Found, IndexError> {
    let read = || -> rusqlite::Result<(i64, i64, i64)> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        let value = |name| connection.pragma_query_value(None, name, |row| row.get(0));
        let tables = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        Ok((value("application_id")?, value("user_version")?, tables))
    };
    match read() {
        Ok((APPLICATION, VERSION, tables)) if tables > 0 => Ok(Found::Ours),
        Ok((APPLICATION, ..)) => Ok(Found::OtherVersion),
        Ok((0, 0, 0)) => Ok(Found::Nothing),
        Ok(_) => Ok(Found::Foreign("it is a database of something else".to_owned())),
        Err(source) => match wrap(file, source) {
            IndexError::Damaged { what, .. } => Ok(Found::Foreign(what)),
            other => Err(other),
        },
    }
}

fn prepare(connection: &Connection, ready: bool) -> rusqlite::Result<()> {
    configure(connection, WRITER_CACHE)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // The index can be rebuilt: that a crash loses the newest batch does not matter, that the file stays whole does.
    connection.pragma_update(None, "synchronous", "normal")?;
    if ready {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT")
}

/// Memory for pages of a connection that writes, in KiB; there is one.
const WRITER_CACHE: i32 = 16 * 1024;
/// And of one that reads; a server has several.
const READER_CACHE: i32 = 6 * 1024;

/// Memory is bounded: so many KiB of pages, and no mapped memory.
fn configure(connection: &Connection, cache: i32) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "cache_size", -cache)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// Renames a file and what belongs to it.
pub(crate) fn set_aside(file: &Path) -> Result<PathBuf, IndexError> {
    let named = |ending: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let aside = (1..=u32::MAX).map(|number| named(&format!(".aside-{number}"))).find(|aside| !aside.exists());
    let aside = aside.unwrap_or_else(|| named(".aside"));
    std::fs::rename(file, &aside).map_err(|source| IndexError::File { file: file.to_owned(), source })?;
    for ending in ["-wal", "-shm"] {
        remove_file(&named(ending))?;
    }
    Ok(aside)
}

fn remove(file: &Path) -> Result<(), IndexError> {
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        remove_file(Path::new(&name))?;
    }
    Ok(())
}

fn remove_file(file: &Path) -> Result<(), IndexError> {
    match std::fs::remove_file(file) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(IndexError::File { file: file.to_owned(), source })
        }
        _ => Ok(()),
    }
}
