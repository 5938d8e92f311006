//! Signatures and attestations from outside: bundles, envelopes, statements, Notation's envelopes and policies, keys.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use probity_trust::predicate::Predicate;
use probity_trust::{
    Artifact, Digest, Envelope, NotationTrust, PublicKey, Referrer, Statement, Trust, TrustPolicies, TrustStores,
    TrustedRoot, verify_bundle, verify_notation,
};

const POLICY: &[u8] = br#"{"version": "1.0", "trustPolicies": [{"name": "p", "registryScopes": ["*"],
    "signatureVerification": {"level": "strict"}, "trustStores": ["ca:a"], "trustedIdentities": ["*"]}]}"#;

fuzz_target!(|bytes: &[u8]| {
    thread_local!(static ROOT: LazyCell<TrustedRoot> = LazyCell::new(|| TrustedRoot::public_good().unwrap()));
    let artifact = Artifact::Digest(Digest::of(b"app"));
    let root = ROOT.with(|root| (**root).clone());
    for trust in [Trust::keys(Vec::new()), Trust::identities(Vec::new(), root)] {
        assert!(verify_bundle(bytes, artifact, &trust).is_err());
    }
    if let Ok(envelope) = Envelope::from_json(bytes) {
        assert_eq!(Envelope::from_json(envelope.to_json().as_bytes()).unwrap(), envelope);
    }
    if let Ok(statement) = Statement::from_json(bytes) {
        let _ = Predicate::of(&statement);
    }
    let _ = (TrustPolicies::from_json(bytes), Referrer::list(bytes));
    let notation = NotationTrust { policies: TrustPolicies::from_json(POLICY).unwrap(), stores: TrustStores::new() };
    for media_type in ["application/jose+json", "application/cose"] {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        assert!(verify_notation(bytes, media_type, &Digest::of(b"app"), "r/a", &notation, now).is_err());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (PublicKey::from_pem(text), TrustedRoot::from_json(text));
    }
});
