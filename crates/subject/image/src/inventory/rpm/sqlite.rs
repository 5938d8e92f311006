//! `rpmdb.sqlite`: the table `Packages` with a header a row.

use rusqlite::{Connection, MAIN_DB};

pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

pub(super) fn headers(mut database: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
    // A database that says it is kept with a log of writes is not opened without that log. The log of an image is empty:
    // rpm closes its database when it is done.
    if let Some(versions @ [2, 2]) = database.get_mut(18..20) {
        versions.fill(1);
    }
    let size = database.len();
    read(&database, size).map_err(|error| error.to_string())?
}

fn read(database: &[u8], size: usize) -> rusqlite::Result<Result<Vec<Vec<u8>>, String>> {
    let mut connection = Connection::open_in_memory()?;
    connection.deserialize_read_exact(MAIN_DB, database, size, true)?;
    // Nothing that the schema says is run: a view or a column that is computed could go on without end.
    let schema = "SELECT sql FROM sqlite_schema WHERE name = 'Packages' AND type = 'table' AND rootpage > 0";
    let stored =
        |sql: String| !sql.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.eq_ignore_ascii_case("as"));
    if !connection.query_row(schema, [], |row| row.get::<_, String>(0)).is_ok_and(stored) {
        return Ok(Err("it has no table of packages".to_owned()));
    }
    let mut statement = connection.prepare("SELECT blob FROM Packages NOT INDEXED")?;
    let mut rows = statement.query([])?;
    let (mut headers, mut taken) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let header = row.get_ref(0)?.as_bytes().unwrap_or_default().to_vec();
        taken = taken.saturating_add(header.len()).saturating_add(1);
        if taken > size {
            return Ok(Err("its rows lie over each other".to_owned()));
        }
        headers.push(header);
    }
    Ok(Ok(headers))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::header::tests::named;
    use super::super::packages;
    use super::*;

    fn database(schema: &str, blobs: &[Vec<u8>]) -> Vec<u8> {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(schema).unwrap();
        for blob in blobs {
            connection.execute("INSERT INTO Packages (blob) VALUES (?1)", [blob]).unwrap();
        }
        connection.serialize(MAIN_DB).unwrap().to_vec()
    }

    const TABLE: &str = "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)";

    #[test]
    fn packages_are_read() {
        let mut bytes = database(TABLE, &[named("bash"), named("gpg-pubkey"), named("zlib")]);
        // As rpm leaves it.
        bytes[18..20].fill(2);
        let found = packages(bytes, "rpmdb.sqlite").unwrap();
        let names: Vec<&str> = found.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["bash", "zlib"]);
    }

    #[test]
    fn what_would_be_computed_is_not_run() {
        for schema in [
            "CREATE VIEW Packages AS WITH RECURSIVE n(blob) AS (SELECT 1 UNION ALL SELECT blob FROM n) SELECT * FROM n",
            "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB AS (zeroblob(1000000000)))",
        ] {
            assert!(packages(database(schema, &[]), "it").unwrap_err().contains("no table"));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
            let mut bytes = database(TABLE, &[named("bash"), named("zlib")]);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = packages(bytes, "it");
        }
    }
}
