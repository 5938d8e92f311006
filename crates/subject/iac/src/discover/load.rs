//! A file's text.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use probity_model::json::{self, Sieved};
use probity_model::{Problem, Source};

use super::detect::{self, Content, Name};
use super::walk::Candidate;
use crate::terraform;

/// How much of a file tells whether it is a plan.
const HEAD: u64 = 256;

/// How much of a large plan is looked at at a time, in bytes.
const PIECE: usize = 1 << 18;

/// Largest plan that is read, in bytes: most of a large one is passed over.
const MAX_PLAN: u64 = 2 << 30;

/// From how many bytes on a plan is read in pieces, of which only what is used is ever held.
const LARGE: u64 = 1 << 20;

/// Reads a file that is worth it; `None` for one that holds nothing that is read. A large plan is kept in part unless it is
/// to be judged `whole`.
pub(super) fn load(candidate: &Candidate, max_size: u64, whole: bool) -> Result<Option<(Source, Content)>, Problem> {
    let Candidate { path, name, wanted } = candidate;
    let Sieved { text: bytes, cuts } = bytes(path, max_size, whole)?;
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
    let source = |text: &str| Source::with_cuts(path.clone(), text, cuts);
    match detect::by_content(*name, text) {
        Content::Other if *wanted => Ok(Some((source(text), Content::Other))),
        Content::Other if *name == Name::Unknown => Err(Problem::new("not a file that is known here", None).with_help(
            "Terraform, Terraform plans in JSON, CloudFormation templates, Kubernetes manifests and Dockerfiles are",
        )),
        Content::Other => Ok(None),
        content => Ok(Some((source(text), content))),
    }
}

fn bytes(path: &Path, max_size: u64, whole: bool) -> Result<Sieved, Problem> {
    let unreadable = |error: io::Error| {
        Problem::new(format!("cannot be read: {error}"), None)
            .with_help("give the user of this process the right to read it, or exclude it")
    };
    // A pipe would wait for a writer when it is opened.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Problem::new("not a file", None).with_help("name a file or a folder"));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(unreadable)?;
    let is_plan = detect::begins_as_plan(&bytes);
    let max_size = if is_plan { max_size.max(MAX_PLAN) } else { max_size };
    let too_large = || {
        Problem::new(format!("larger than {max_size} bytes"), None)
            .with_help("raise the limit for the size of files, or exclude it")
    };
    if is_plan && !whole && metadata.len() > LARGE {
        let mut all = BufReader::with_capacity(PIECE, bytes.as_slice().chain(file));
        return json::sieve(&mut all, max_size, &terraform::is_left_out).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => too_large(),
            _ => unreadable(error),
        });
    }
    // It may grow while it is read.
    bytes.reserve(usize::try_from(metadata.len().min(max_size)).unwrap_or(0));
    let rest = max_size.saturating_add(1).saturating_sub(bytes.len() as u64);
    file.take(rest).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max_size {
        return Err(too_large());
    }
    Ok(Sieved { text: bytes, cuts: Vec::new() })
}
