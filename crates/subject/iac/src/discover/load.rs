//! A file's text.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use probity_model::Problem;

use super::detect::{self, Content, Name};
use super::walk::Candidate;

/// How much of a file tells whether it is a plan.
const HEAD: u64 = 256;

/// Largest plan that is read, in bytes: most of a large one is passed over.
const MAX_PLAN: u64 = 2 << 30;

/// Reads a file that is worth it; `None` for one that holds nothing that is read.
pub(super) fn load(candidate: &Candidate, max_size: u64) -> Result<Option<(Arc<str>, Content)>, Problem> {
    let Candidate { path, name, wanted } = candidate;
    let bytes = bytes(path, max_size)?;
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if !wanted && !is_utf16 && !detect::is_candidate(*name, &bytes) {
        return Ok(None);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new(format!("not UTF-8 text: byte {at} does not belong to any character"), None)
            .with_help("save the file as UTF-8, or exclude it")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match detect::by_content(*name, text) {
        Content::Other if *wanted => Ok(Some((text.into(), Content::Other))),
        Content::Other if *name == Name::Unknown => Err(Problem::new("not a file that is known here", None).with_help(
            "Terraform, Terraform plans in JSON, CloudFormation templates, Kubernetes manifests, Dockerfiles and GitHub Actions workflows are",
        )),
        Content::Other => Ok(None),
        content => Ok(Some((text.into(), content))),
    }
}

fn bytes(path: &Path, max_size: u64) -> Result<Vec<u8>, Problem> {
    let unreadable = |error: std::io::Error| {
        Problem::new(format!("cannot be read: {error}"), None)
            .with_help("give the user of this process the right to read it, or exclude it")
    };
    // A pipe would wait for a writer when it is opened.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Problem::new("not a file", None).with_help("name a file or a folder"));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(max_size)).unwrap_or(0));
    file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(unreadable)?;
    let max_size = if detect::begins_as_plan(&bytes) { max_size.max(MAX_PLAN) } else { max_size };
    // It may grow while it is read.
    let rest = max_size.saturating_add(1).saturating_sub(bytes.len() as u64);
    file.take(rest).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max_size {
        return Err(Problem::new(format!("larger than {max_size} bytes"), None)
            .with_help("raise the limit for the size of files, or exclude it"));
    }
    Ok(bytes)
}
