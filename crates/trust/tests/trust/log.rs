//! cosign's first form with an entry in a transparency log, which is made here: a log is a key that promises.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_model::{Value, json};
use probity_trust::{Digest, KeyTrust, Log, PrivateKey, Target, Trust, TrustedRoot, sign_under_tag, verify_image};

use crate::support::{Memory, image, key};

const AT: i64 = 1_760_000_000;

/// The trusted root of a log.
fn root(log: &PrivateKey) -> TrustedRoot {
    let public = log.public();
    let text = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{{"baseUrl":"https://log.example",
        "hashAlgorithm":"SHA2_256","publicKey":{{"rawBytes":"{}","keyDetails":"PKIX_ECDSA_P256_SHA_256",
        "validFor":{{"start":"2020-01-01T00:00:00Z"}}}},"logId":{{"keyId":"{}"}}}}]}}"#,
        STANDARD.encode(public.spki()),
        public.hint()
    );
    TrustedRoot::from_json(&text).unwrap()
}

/// The annotation of an entry that the log promises, for a signature over a payload.
fn entry(log: &PrivateKey, signer: &PrivateKey, payload: &[u8], signature: &str) -> String {
    let text = |text: &str| Value::from(text);
    let hash = Value::object([("algorithm", text("sha256")), ("value", text(&Digest::of(payload).hex()))]);
    let public = Value::object([("content", text(&STANDARD.encode(signer.public().to_pem())))]);
    let signature = Value::object([("content", text(signature)), ("publicKey", public)]);
    let spec = Value::object([("data", Value::object([("hash", hash)])), ("signature", signature)]);
    let body = [("apiVersion", text("0.0.1")), ("kind", text("hashedrekord")), ("spec", spec)];
    let payload = Value::object([
        ("body", text(&STANDARD.encode(json::write(&Value::object(body))))),
        ("integratedTime", Value::from(AT)),
        ("logID", text(&log.public().id())),
        ("logIndex", Value::from(7)),
    ]);
    let promise = STANDARD.encode(log.sign(json::write(&payload).as_bytes()).unwrap());
    json::write(&Value::object([("SignedEntryTimestamp", text(&promise)), ("Payload", payload)]))
}

/// A signed image whose entry is made by `entry` of the payload and its signature.
fn logged(target: &Target, key: &PrivateKey, entry: impl Fn(&[u8], &str) -> String) -> Memory {
    let mut attached = sign_under_tag(target, Value::Null, key, None).unwrap();
    let manifest = String::from_utf8(attached.manifest.bytes).unwrap();
    let start = r#""dev.cosignproject.cosign/signature":""#;
    let signature = manifest.split_once(start).unwrap().1.split_once('"').unwrap().0.to_owned();
    let entry = json::write(&Value::from(entry(&attached.blobs[1].bytes, &signature)));
    let with = format!(r#""dev.sigstore.cosign/bundle":{entry},{start}"#);
    attached.manifest.bytes = manifest.replace(start, &with).into_bytes();
    let mut store = Memory::default();
    store.push(&target.digest, &attached);
    store
}

#[test]
fn an_entry_proves_when_it_was_signed() {
    let (target, signer, log) = (image(b"app"), key(), key());
    let store = logged(&target, &signer, |payload, signature| entry(&log, &signer, payload, signature));
    for rule in [Log::Required, Log::Optional] {
        let trust = KeyTrust { keys: vec![signer.public().clone()], log: rule, root: Some(root(&log)) };
        let found = verify_image(&store, &target.digest, &Trust::Keys(trust)).unwrap();
        assert!(found.refused.is_empty(), "{:?}", found.refused);
        let verified = &found.verified[0];
        assert_eq!(verified.signed_at.unwrap().time.as_second(), AT);
        assert_eq!(verified.log.as_ref().map(|entry| entry.index), Some(7));
        assert!(verified.not_checked.is_empty());
    }
    let found = verify_image(&store, &target.digest, &crate::support::trust(&[&signer])).unwrap();
    assert_eq!(found.verified[0].not_checked, ["transparency-log"]);
}

#[test]
fn entries_that_prove_nothing_are_refused() {
    let (target, signer, other, log) = (image(b"app"), key(), key(), key());
    let trust = || Trust::keys_in_log(vec![signer.public().clone()], root(&log));
    let reason = |entry: &dyn Fn(&[u8], &str) -> String| {
        let store = logged(&target, &signer, entry);
        let found = verify_image(&store, &target.digest, &trust()).unwrap();
        assert!(found.verified.is_empty());
        found.refused[0].error.reason()
    };
    // A log that is not trusted.
    assert_eq!(reason(&|payload, signature| entry(&other, &signer, payload, signature)), "inclusion-proof");
    // An entry of another payload, another signature and another key.
    let foreign = STANDARD.encode(signer.sign(b"else").unwrap());
    assert_eq!(reason(&|_, _| entry(&log, &signer, b"else", &foreign)), "other-digest");
    assert_eq!(reason(&|payload, _| entry(&log, &signer, payload, &foreign)), "other-log-entry");
    assert_eq!(reason(&|payload, signature| entry(&log, &other, payload, signature)), "other-log-entry");
    // Another time than was promised.
    let later = |payload: &[u8], signature: &str| {
        entry(&log, &signer, payload, signature).replace(&AT.to_string(), &(AT + 1).to_string())
    };
    assert_eq!(reason(&later), "inclusion-proof");
    assert_eq!(reason(&|_, _| "{}".to_owned()), "malformed");
}
