//! Which manifests refer to another: the answer of the referrers API, and the index under a tag that stands in for it (OCI
//! distribution specification 1.1, "Referrers tag schema").

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::error::ImageError;
use crate::manifest::OCI_INDEX;

/// A manifest that refers to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// What it is, such as `application/vnd.dev.sigstore.bundle.v0.3+json`; empty where it does not say.
    pub artifact_type: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The tag of the index of those that refer to a digest, where the registry does not know the referrers API.
pub(crate) fn tag(subject: &Digest) -> String {
    // At most 128 characters: no digest that is read is longer.
    let hex: String = subject.hex().chars().take(64).collect();
    format!("{}-{hex}", subject.algorithm())
}

/// Reads an index of referrers. Entries that nobody could fetch are left out.
pub(crate) fn parse(what: &str, bytes: &[u8]) -> Result<Vec<Referrer>, ImageError> {
    Ok(entries(what, bytes)?.iter().filter_map(referrer).collect())
}

/// The entry of an index as a referrer.
pub(crate) fn referrer(entry: &Value) -> Option<Referrer> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Referrer {
        digest: text("digest").parse().ok()?,
        media_type: text("mediaType"),
        artifact_type: text("artifactType"),
        size: entry.get("size").and_then(Value::as_u64).unwrap_or_default(),
    })
}

/// An index with one entry more, or `None` when it is there already. What else the index says is kept.
pub(crate) fn with(what: &str, index: Option<&[u8]>, entry: &Value) -> Result<Option<Vec<u8>>, ImageError> {
    let mut listed = index.map_or_else(|| Ok(Vec::new()), |bytes| entries(what, bytes))?;
    if listed.iter().any(|one| one.get("digest") == entry.get("digest")) {
        return Ok(None);
    }
    listed.push(entry.clone());
    let mut whole = match index.map(serde_json::from_slice) {
        Some(Ok(Value::Object(whole))) => Value::Object(whole),
        _ => json!({"schemaVersion": 2, "mediaType": OCI_INDEX}),
    };
    whole["manifests"] = Value::Array(listed);
    Ok(Some(whole.to_string().into_bytes()))
}

fn entries(what: &str, bytes: &[u8]) -> Result<Vec<Value>, ImageError> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| ImageError::malformed(what, error))?;
    let listed = document.get("manifests").and_then(Value::as_array);
    listed.cloned().ok_or_else(|| ImageError::malformed(what, "it is no index: it has no `manifests`"))
}

/// What a manifest refers to, and what an index of referrers says of it. `None` when it refers to nothing.
pub(crate) fn descriptor(bytes: &[u8], media_type: &str, digest: &Digest) -> Option<(Digest, Value)> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let subject = text("/subject/digest")?.parse().ok()?;
    let mut entry = json!({"mediaType": media_type, "digest": digest.as_str(), "size": bytes.len()});
    if let Some(artifact_type) = text("/artifactType").or_else(|| text("/config/mediaType")) {
        entry["artifactType"] = artifact_type.into();
    }
    if let Some(annotations) = document.get("annotations").filter(|annotations| annotations.is_object()) {
        entry["annotations"] = annotations.clone();
    }
    Some((subject, entry))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_index_grows_and_keeps_what_it_says() {
        let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
        let manifest = format!(
            r#"{{"artifactType":"a/b","subject":{{"digest":"{one}"}},"config":{{"mediaType":"c/d"}},"annotations":{{"k":"v"}}}}"#
        );
        let (subject, entry) = descriptor(manifest.as_bytes(), "m/m", &two).unwrap();
        assert_eq!(
            (subject, entry["artifactType"].as_str(), entry["annotations"]["k"].as_str()),
            (one.clone(), Some("a/b"), Some("v"))
        );
        let old =
            format!(r#"{{"schemaVersion":2,"x":1,"manifests":[{{"digest":"{one}","y":2}},{{"digest":"md5:00"}}]}}"#);
        let new = with("it", Some(old.as_bytes()), &entry).unwrap().unwrap();
        let whole: Value = serde_json::from_slice(&new).unwrap();
        assert_eq!((&whole["x"], &whole["manifests"][0]["y"]), (&json!(1), &json!(2)));
        let read: Vec<_> = parse("it", &new).unwrap().into_iter().map(|one| (one.digest, one.artifact_type)).collect();
        assert_eq!(read, [(one, String::new()), (two.clone(), "a/b".into())]);
        assert_eq!(with("it", Some(&new), &entry).unwrap(), None);
        let first = with("it", None, &entry).unwrap().unwrap();
        assert_eq!(parse("it", &first).unwrap()[0].digest, two);
    }

    #[test]
    fn what_is_no_index_is_refused() {
        for wrong in ["", "[]", "{}", r#"{"manifests":{}}"#] {
            assert!(parse("it", wrong.as_bytes()).is_err(), "{wrong}");
            assert!(with("it", Some(wrong.as_bytes()), &json!({})).is_err(), "{wrong}");
        }
        for nothing in ["", "{}", r#"{"subject":{}}"#, r#"{"subject":{"digest":"sha256:0"}}"#] {
            assert!(descriptor(nothing.as_bytes(), "", &Digest::sha256(b"")).is_none(), "{nothing}");
        }
    }

    #[test]
    fn tags_are_those_of_the_specification() {
        let hex = "ab".repeat(64);
        assert_eq!(tag(&format!("sha512:{hex}").parse().unwrap()), format!("sha512-{}", &hex[..64]));
        assert_eq!(tag(&Digest::sha256(b"")), format!("sha256-{}", Digest::sha256(b"").hex()));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in r#"[\{\}\[\]":,a-z0-9 ]{0,60}"#) {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let _ = parse("it", bytes);
                let _ = with("it", Some(bytes), &json!({"digest": "x"}));
                let _ = descriptor(bytes, "m", &Digest::sha256(b""));
            }
        }
    }
}
