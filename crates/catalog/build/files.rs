//! The files of the catalog, for the build and for the tests.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// A file `policies/<provider>/<service>.yaml`.
pub(crate) struct CatalogFile {
    /// The name of its folder: `aws`.
    pub(crate) provider: String,
    pub(crate) path: PathBuf,
}

/// All files of the catalog, ordered by path.
pub(crate) fn catalog_files(policies: &Path) -> io::Result<Vec<CatalogFile>> {
    let mut files = Vec::new();
    for folder in entries(policies)?.into_iter().filter(|path| path.is_dir()) {
        let provider = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for path in entries(&folder)? {
            if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(CatalogFile { provider: provider.clone(), path });
            }
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
