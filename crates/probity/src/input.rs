//! Files that the command line or the configuration names: policies, waivers, baselines, the configuration itself.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use probity_model::Sources;
use probity_model::yaml::{self, Dialect};

/// Largest file that is read, in bytes.
const MAX_SIZE: u64 = 64 << 20;

/// The text of a file.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let shown = path.display();
    let unreadable = || format!("{shown} cannot be read");
    let metadata = fs::metadata(path).with_context(unreadable)?;
    // A pipe that nobody writes to would be waited for; one that a shell has opened (`<(...)`) is written to.
    let is_opened = path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") || path == Path::new("/dev/stdin");
    if !metadata.is_file() && !is_opened {
        bail!("{shown} is not a file");
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes)).with_context(unreadable)?;
    if bytes.len() as u64 > MAX_SIZE {
        bail!("{shown} is larger than {MAX_SIZE} bytes");
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        anyhow::anyhow!("{shown}:{line}: not UTF-8 text")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Reads a YAML or JSON file that has one document.
pub(crate) fn read_yaml(path: &Path, sources: &Sources) -> Result<yaml::Document> {
    let text = read_text(path)?;
    let source = sources.add(path, text.clone());
    let mut documents = yaml::read(&text, source, Dialect::Core)
        .map_err(|(problem, _)| anyhow::anyhow!(problem.display(sources, path)))?;
    match documents.len() {
        0 => bail!("{}: there is nothing in the file", path.display()),
        1 => Ok(documents.remove(0)),
        count => bail!("{}: expected one YAML document, found {count}", path.display()),
    }
}
