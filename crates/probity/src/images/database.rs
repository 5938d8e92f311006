//! Which database of vulnerabilities is asked.

use std::path::PathBuf;

use anyhow::Result;
use probity_vulnerabilities::Database;

use crate::config::Config;

/// The name of the database in the user's cache folder.
const FILE: &str = "probity/vulnerabilities.db";

/// The database that packages are looked up in.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct DatabaseArgs {
    /// The database of vulnerabilities. Default: the one that probity.yaml names, or that of the user's cache folder.
    #[arg(long, value_name = "FILE", env = "PROBITY_DB")]
    pub(crate) db: Option<PathBuf>,
}

impl DatabaseArgs {
    /// Where the database is; `None` where nobody says and there is no home either.
    pub(crate) fn path(&self, config: &Config) -> Option<PathBuf> {
        self.db.clone().or_else(|| config.images.database.clone()).or_else(default_path)
    }

    /// The database; `None` when none was named and there is none at the usual place.
    pub(crate) fn open(&self, config: &Config) -> Result<Option<Database>> {
        let named = self.db.is_some() || config.images.database.is_some();
        let Some(path) = self.path(config).filter(|path| named || path.exists()) else { return Ok(None) };
        Ok(Some(Database::open(&path)?))
    }
}

/// The usual place, by the XDG base directory specification.
fn default_path() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join(FILE))
}
