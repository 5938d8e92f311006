//! A file's text.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use probity_model::json::{self, Sieved};
use probity_model::{Problem, Source};

use super::Texts;
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
pub(super) fn load(
    candidate: &Candidate,
    max_size: u64,
    whole: bool,
    texts: Option<&Texts>,
) -> Result<Option<(Source, Content)>, Problem> {
    let Candidate { path, name, wanted } = candidate;
    if *name == Name::Text && !wanted {
        return Ok(texts.and_then(|texts| Some((text(path, texts)?, Content::Text))));
    }
    let Sieved { text: bytes, cuts } = bytes(path, max_size, whole)?;
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if !wanted && !is_utf16 && !detect::is_candidate(*name, &bytes) {
        return Ok(texts.and_then(|texts| kept(path, bytes, texts)).map(|source| (source, Content::Text)));
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
        Content::Other if *name == Name::Unknown && !texts.is_some_and(|texts| (texts.named)(path)) => Err(Problem::new("not a file that is known here", None).with_help(
            "Terraform, Terraform plans in JSON, CloudFormation templates, Kubernetes manifests, Dockerfiles and GitHub Actions workflows are",
        )),
        Content::Other => {
            let kept = texts.filter(|texts| is_kept(path, text, texts));
            Ok(kept.map(|_| (source(text), Content::Text)))
        }
        content => Ok(Some((source(text), content))),
    }
}

/// A text that is looked through and has something; `None` for one that is too large, cannot be read or is no text: nobody asked
/// for it by name.
pub(super) fn text(path: &Path, texts: &Texts) -> Option<Source> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > texts.max_size {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    File::open(path).ok()?.take(texts.max_size).read_to_end(&mut bytes).ok()?;
    kept(path, bytes, texts)
}

fn kept(path: &Path, bytes: Vec<u8>, texts: &Texts) -> Option<Source> {
    let text = String::from_utf8(bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    is_kept(path, text, texts).then(|| Source::new(path, text))
}

fn is_kept(path: &Path, text: &str, texts: &Texts) -> bool {
    // What has zeros in it is no text, though it may be UTF-8.
    let is_text = memchr::memchr(0, &text.as_bytes()[..text.len().min(4096)]).is_none();
    is_text && text.len() as u64 <= texts.max_size && (texts.named)(path) && (texts.wanted)(path, text)
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
            .with_help("split it, or leave it out with `--exclude`")
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
