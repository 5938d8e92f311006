//! rpm's database in its three forms: `SQLite`, ndb, and the hash of Berkeley DB. Each holds the headers of the packages.

mod bdb;
mod header;
mod ndb;
mod sqlite;

use crate::package::Package;

/// The packages of a database, whatever its form. `gpg-pubkey`, which is a key and no package, is left out.
pub(super) fn packages(database: Vec<u8>, path: &str) -> Result<Vec<Package>, String> {
    let headers = if database.is_empty() {
        return Ok(Vec::new());
    } else if database.starts_with(sqlite::MAGIC) {
        sqlite::headers(database)?
    } else if database.starts_with(ndb::MAGIC) {
        ndb::headers(&database)?
    } else {
        bdb::headers(&database)?
    };
    let mut packages = Vec::new();
    for blob in headers {
        let package = header::package(&blob, path).ok_or("a header in it is broken")?;
        packages.extend(package);
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_database_is_told() {
        assert_eq!(packages(Vec::new(), "it"), Ok(Vec::new()));
        for bytes in [&b"nothing"[..], b"SQLite format 3\0", b"RpmP"] {
            assert!(packages(bytes.to_vec(), "it").is_err());
        }
    }
}
