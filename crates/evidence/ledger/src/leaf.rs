//! Entries as they stand in the tree: canonical JSON (RFC 8785).

use jiff::Timestamp;
use serde_json::Value;

use crate::digest::Digest;
use crate::entry::{Entry, Submission};
use crate::error::AppendError;
use crate::tile::MAX_LEAF;

/// The largest submission that is taken, in bytes of canonical JSON.
pub const MAX_SUBMISSION: usize = 64 << 20;
/// What the ledger adds to a submission: `"recorded":"…",`.
const RECORDED: usize = 64;
/// In canonical order a body kept elsewhere is what an entry begins with.
const BODY_ELSEWHERE: &[u8] = br#"{"body_digest":"#;

/// A submission in canonical JSON, ready to be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// Everything but when it was recorded.
    json: Vec<u8>,
    /// Where `"recorded"` goes: before `"time"`, the last name in canonical order.
    split: usize,
    /// The SHA-256 of `json`: what tells whether two submissions are the same.
    pub(crate) identity: Digest,
}

impl Prepared {
    /// Writes a submission as canonical JSON. A body that is too large for an entry is given to `keep`, which names it.
    pub(crate) fn new(
        submission: &Submission,
        keep: impl FnOnce(&[u8]) -> Result<Digest, AppendError>,
    ) -> Result<Self, AppendError> {
        let failed = |error: &dyn std::fmt::Display| AppendError::Failed(format!("not JSON: {error}"));
        let mut json = serde_json_canonicalizer::to_vec(submission).map_err(|error| failed(&error))?;
        if json.len() > MAX_SUBMISSION {
            return Err(AppendError::TooLarge { size: json.len() });
        }
        if json.len() + RECORDED > MAX_LEAF {
            let mut value = serde_json::to_value(submission).map_err(|error| failed(&error))?;
            let body = value.as_object_mut().and_then(|fields| fields.remove("body")).unwrap_or_default();
            let body = serde_json_canonicalizer::to_vec(&body).map_err(|error| failed(&error))?;
            value["body_digest"] = keep(&body)?.to_string().into();
            json = serde_json_canonicalizer::to_vec(&value).map_err(|error| failed(&error))?;
        }
        let time = format!(",\"time\":\"{}\"}}", submission.time);
        let split = json.len().checked_sub(time.len()).filter(|split| json[*split..] == *time.as_bytes());
        let split = split.ok_or_else(|| AppendError::Failed("the submission has no time".to_owned()))?;
        Ok(Self { identity: Digest::of(&json), json, split })
    }

    /// The entry's bytes.
    pub(crate) fn record(&self, recorded: Timestamp) -> Vec<u8> {
        let (before, after) = self.json.split_at(self.split);
        [before, format!(",\"recorded\":\"{recorded}\"").as_bytes(), after].concat()
    }
}

/// The SHA-256 of an entry without when it was recorded: the [`Prepared::identity`] that it had.
pub(crate) fn identity(leaf: &[u8]) -> Option<Digest> {
    let start = memchr::memmem::rfind(leaf, b",\"recorded\":\"")?;
    let end = start + memchr::memmem::find(&leaf[start..], b",\"time\":\"")?;
    Some(Digest::of(&[&leaf[..start], &leaf[end..]].concat()))
}

/// The digest of a body that is kept elsewhere.
pub(crate) fn body_digest(leaf: &[u8]) -> Option<Digest> {
    let rest = leaf.strip_prefix(BODY_ELSEWHERE)?.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', rest)?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

/// Reads an entry; `blob` gives a body that is kept elsewhere.
pub(crate) fn read<E>(
    leaf: &[u8],
    blob: impl FnOnce(&Digest) -> Result<Vec<u8>, E>,
) -> Result<Result<Entry, String>, E> {
    if !leaf.starts_with(BODY_ELSEWHERE) {
        return Ok(serde_json::from_slice(leaf).map_err(|error| error.to_string()));
    }
    let Some(digest) = body_digest(leaf) else { return Ok(Err("its body has no digest".to_owned())) };
    let body = blob(&digest)?;
    let whole = || -> serde_json::Result<Entry> {
        let mut value: Value = serde_json::from_slice(leaf)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("body_digest");
            fields.insert("body".to_owned(), serde_json::from_slice(&body)?);
        }
        serde_json::from_value(value)
    };
    Ok(whole().map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Body, ClockSetBack};

    fn submission() -> Submission {
        let time = "2026-11-26T10:54:35.25Z".parse().unwrap();
        Submission { time, gate: None, body: Body::ClockSetBack(ClockSetBack { clock: time, newest: time }) }
    }

    fn nothing_elsewhere(_: &[u8]) -> Result<Digest, AppendError> {
        panic!("the body fits")
    }

    #[test]
    fn an_entry_is_canonical_json() {
        let prepared = Prepared::new(&submission(), nothing_elsewhere).unwrap();
        let leaf = prepared.record("2026-11-26T10:54:36Z".parse().unwrap());
        let expected = r#"{"body":{"clock":"2026-11-26T10:54:35.25Z","newest":"2026-11-26T10:54:35.25Z"},"kind":"clock-set-back","recorded":"2026-11-26T10:54:36Z","time":"2026-11-26T10:54:35.25Z"}"#;
        assert_eq!(String::from_utf8(leaf.clone()).unwrap(), expected);
        assert_eq!(identity(&leaf), Some(prepared.identity));
        let value: Value = serde_json::from_slice(&leaf).unwrap();
        assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), leaf);
        let entry = read::<()>(&leaf, |_| Err(())).unwrap().unwrap();
        assert_eq!(entry.submission, submission());
    }

    #[test]
    fn names_in_the_body_do_not_confuse_the_identity() {
        let leaf = br#"{"body":{"x":",\"recorded\":\"2026"},"kind":"k","recorded":"2026-01-01T00:00:00Z","time":"2026-01-01T00:00:00Z"}"#;
        let without = br#"{"body":{"x":",\"recorded\":\"2026"},"kind":"k","time":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(identity(leaf), Some(Digest::of(without)));
    }
}
