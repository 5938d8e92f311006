//! Envelopes, statements and bundles from outside.

use probity_model::Value;
use probity_trust::{Artifact, Digest, Envelope, IN_TOTO, Statement, attest, verify_bundle};
use proptest::prelude::*;

use crate::support::{image, key, trust};

#[test]
fn an_envelope_tells_which_keys_signed_it() {
    let (first, second, other) = (key(), key(), key());
    let mut envelope = Envelope::sign("text/plain", b"payload".to_vec(), &first).unwrap();
    envelope.add_signature(&second).unwrap();
    let read = Envelope::from_json(envelope.to_json().as_bytes()).unwrap();
    assert_eq!(read, envelope);
    let keys = [other.public().clone(), second.public().clone(), first.public().clone(), first.public().clone()];
    let signed: Vec<_> = read.verify(&keys).unwrap().into_iter().map(|(key, _)| key.id()).collect();
    assert_eq!(signed, [second.public().id(), first.public().id()]);
    assert_eq!(read.verify(&keys[..1]).unwrap_err().reason(), "unknown-key");
    // The type is signed with the payload.
    let other_type = Envelope { payload_type: IN_TOTO.into(), ..read };
    assert!(other_type.verify(&keys).is_err());
}

#[test]
fn statements_of_other_versions_and_without_subjects_are_refused() {
    let statement = |kind: &str, subject: &str| {
        let text = format!(r#"{{"_type":"{kind}","subject":{subject},"predicateType":"p","predicate":{{}}}}"#);
        Statement::from_json(text.as_bytes()).map_err(|error| error.reason())
    };
    let digest = Digest::of(b"app");
    let subject = format!(r#"[{{"digest":{{"sha256":"{}"}}}}]"#, digest.hex());
    for version in ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"] {
        let read = statement(version, &subject).unwrap();
        read.check_about(&digest).unwrap();
        assert_eq!(read.check_about(&Digest::of(b"other")).unwrap_err().reason(), "other-digest");
        for none in ["[]", "{}", r#"[{"name":"app"}]"#, r#"[{"digest":{}}]"#, r#"[{"digest":{"sha256":1}}]"#] {
            assert_eq!(statement(version, none), Err("malformed"), "{none}");
        }
    }
    assert_eq!(statement("https://in-toto.io/Statement/v2", &subject), Err("unsupported"));
}

#[test]
fn bounds_hold() {
    let key = key();
    let mut envelope = Envelope::sign("text/plain", b"payload".to_vec(), &key).unwrap();
    envelope.signatures = vec![envelope.signatures[0].clone(); 1_000];
    assert_eq!(Envelope::from_json(envelope.to_json().as_bytes()).unwrap_err().reason(), "too-large");

    let entry = r#"{"inclusionPromise":{}}"#;
    let entries = vec![entry; 1_000].join(",");
    let bundle = format!(r#"{{"verificationMaterial":{{"publicKey":{{}},"tlogEntries":[{entries}]}}}}"#);
    let artifact = Artifact::Bytes(b"app");
    assert_eq!(verify_bundle(bundle.as_bytes(), artifact, &trust(&[&key])).unwrap_err().reason(), "too-large");

    let deep = "[".repeat(100_000);
    assert_eq!(verify_bundle(deep.as_bytes(), artifact, &trust(&[&key])).unwrap_err().reason(), "malformed");
    let large = vec![b' '; (64 << 20) + 1];
    assert_eq!(verify_bundle(&large, artifact, &trust(&[&key])).unwrap_err().reason(), "too-large");
}

/// A large statement, such as one with an SBOM of 10 MB, is within them.
#[test]
fn large_statements_are_verified() {
    let (target, key) = (image(b"app"), key());
    let predicate = Value::object([("text", Value::from("x".repeat(10 << 20)))]);
    let attached = attest(&target, "https://example.com/large", predicate, &key, jiff::Timestamp::UNIX_EPOCH).unwrap();
    verify_bundle(&attached.blobs[1].bytes, Artifact::Digest(target.digest), &trust(&[&key])).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever byte of a bundle is changed, it does not panic, and what it states is not another thing.
    #[test]
    fn changed_bundles_say_nothing_else(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (target, key) = (image(b"app"), key());
        let attached =
            attest(&target, "https://example.com/n", Value::from(7), &key, jiff::Timestamp::UNIX_EPOCH).unwrap();
        let mut bytes = attached.blobs[1].bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(verified) = verify_bundle(&bytes, Artifact::Digest(target.digest), &trust(&[&key])) {
            prop_assert_eq!(verified.statement.unwrap().predicate, Value::from(7));
        }
    }

    #[test]
    fn any_text_is_refused_without_panic(text in ".{0,200}") {
        prop_assert!(Envelope::from_json(text.as_bytes()).is_err());
        prop_assert!(Statement::from_json(text.as_bytes()).is_err());
        prop_assert!(verify_bundle(text.as_bytes(), Artifact::Bytes(b"app"), &trust(&[])).is_err());
    }
}
