//! What one database says that another does not.

use std::collections::{BTreeSet, HashMap};

use probity_crypto::Sha256;

use super::table::{Reader, Table};
use super::{Database, DatabaseError};
use crate::ecosystem::Ecosystem;

/// What a newer database says otherwise than an older one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Advisories that are only in the newer one.
    pub new: BTreeSet<String>,
    /// Those that say something else now.
    pub changed: BTreeSet<String>,
    /// Those that are only in the older one: taken back, or of a source that is not read any more.
    pub gone: BTreeSet<String>,
    /// Packages about which something else is said, with the ecosystem: what was scanned with them may have another answer.
    pub packages: BTreeSet<(Ecosystem, String)>,
    /// Ecosystems that nothing is said of any more.
    pub uncovered: BTreeSet<Ecosystem>,
}

impl Difference {
    /// Whether both say the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

type Digests = HashMap<String, [u8; 32]>;

impl Database {
    /// What a newer database says otherwise than this one.
    ///
    /// # Errors
    /// When one of them cannot be read or is damaged.
    pub fn difference(&self, newer: &Self) -> Result<Difference, DatabaseError> {
        let mut difference = Difference::default();
        let advisory = |key: &str| key.split('\n').next().unwrap_or_default().to_owned();
        let (old, new) = (self.digests(|it| &it.advisories)?, newer.digests(|it| &it.advisories)?);
        for (key, digest) in &new {
            match old.get(key) {
                None => drop(difference.new.insert(advisory(key))),
                Some(known) if known != digest => drop(difference.changed.insert(advisory(key))),
                Some(_) => {}
            }
        }
        difference.gone.extend(old.keys().filter(|key| !new.contains_key(*key)).map(|key| advisory(key)));
        let (old, new) = (self.digests(|it| &it.packages)?, newer.digests(|it| &it.packages)?);
        for key in old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)) {
            let (ecosystem, name) = key.split_once('\n').unwrap_or((key, ""));
            difference.packages.insert((Ecosystem::new(ecosystem), name.to_owned()));
        }
        let lost = self.status.ecosystems.keys().filter(|name| !newer.status.ecosystems.contains_key(*name));
        difference.uncovered.extend(lost.map(|name| Ecosystem::new(name)));
        Ok(difference)
    }

    fn digests(&self, table: fn(&Self) -> &Table) -> Result<Digests, DatabaseError> {
        let reader: &Reader = &self.reader;
        let mut digests = Digests::new();
        reader.each(table(self), &mut |key, value| {
            digests.insert(key.to_owned(), Sha256::digest(value));
        })?;
        Ok(digests)
    }
}
