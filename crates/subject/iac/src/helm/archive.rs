//! Charts that are packed: gzipped tars with one folder.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::chart::{File, MAX_CHART, MAX_FILES, without_mark};

/// The files of a packed chart, named from the chart on. Nothing is written anywhere, so names can lead nowhere.
pub(super) fn files(bytes: &[u8]) -> Result<Vec<File>, String> {
    let broken = |error: std::io::Error| format!("not a packed chart: {error}");
    // What unpacks to more than a chart may hold is cut off, and so broken.
    let mut archive = tar::Archive::new(GzDecoder::new(bytes).take(MAX_CHART));
    let mut files = Vec::new();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if files.len() >= MAX_FILES {
            return Err(format!("a chart of more than {MAX_FILES} files"));
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some((_, name)) = path.trim_start_matches("./").split_once('/') else { continue };
        if name.split('/').any(|part| part == "..") {
            return Err(format!("a file of it is called {path}"));
        }
        let name = name.to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(broken)?;
        files.push(File { name, bytes: without_mark(bytes) });
    }
    Ok(files)
}
