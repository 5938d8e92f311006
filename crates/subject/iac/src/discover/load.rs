//! A file's text.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use probity_model::Problem;

use super::Texts;
use super::detect::{self, Content, Name};
use super::walk::Candidate;

/// How much of a file tells whether it is a plan.
const HEAD: u64 = 256;

/// Largest plan that is read, in bytes: most of a large one is passed over.
const MAX_PLAN: u64 = 2 << 30;

/// Reads a file that is worth it; `None` for one that holds nothing that is read.
pub(super) fn load(
    candidate: &Candidate,
    max_size: u64,
    texts: Option<&Texts>,
) -> Result<Option<(Arc<str>, Content)>, Problem> {
    let Candidate { path, name, wanted } = candidate;
    if *name == Name::Text && !wanted {
        return Ok(texts.and_then(|texts| Some((text(path, texts)?, Content::Text))));
    }
    let bytes = bytes(path, max_size)?;
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if !wanted && !is_utf16 && !detect::is_candidate(*name, &bytes) {
        return Ok(texts.and_then(|texts| kept(path, bytes, texts)).map(|text| (text, Content::Text)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Problem::new(format!("not UTF-8 text: byte {at} does not belong to any character"), None)
            .with_help("save the file as UTF-8, or exclude it")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match detect::by_content(*name, text) {
        Content::Other if *wanted => Ok(Some((text.into(), Content::Other))),
        Content::Other if *name == Name::Unknown && !texts.is_some_and(|texts| (texts.named)(path)) => Err(Problem::new("not a file that is known here", None).with_help(
            "Terraform, Terraform plans in JSON, CloudFormation templates, Kubernetes manifests and Dockerfiles are",
        )),
        Content::Other => {
            let kept = texts.filter(|texts| is_kept(path, text, texts));
            Ok(kept.map(|_| (text.into(), Content::Text)))
        }
        content => Ok(Some((text.into(), content))),
    }
}

/// A text that is looked through and has something; `None` for one that is too large, cannot be read or is no text: nobody asked
/// for it by name.
pub(super) fn text(path: &Path, texts: &Texts) -> Option<Arc<str>> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > texts.max_size {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    File::open(path).ok()?.take(texts.max_size).read_to_end(&mut bytes).ok()?;
    kept(path, bytes, texts)
}

fn kept(path: &Path, bytes: Vec<u8>, texts: &Texts) -> Option<Arc<str>> {
    let text = String::from_utf8(bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    is_kept(path, text, texts).then(|| text.into())
}

fn is_kept(path: &Path, text: &str, texts: &Texts) -> bool {
    // What has zeros in it is no text, though it may be UTF-8.
    let is_text = memchr::memchr(0, &text.as_bytes()[..text.len().min(4096)]).is_none();
    is_text && text.len() as u64 <= texts.max_size && (texts.named)(path) && (texts.wanted)(path, text)
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
