//! Notation's signatures, made by Notation's own library: `tests/data/notation/main.go` makes `tests/data/notation.json`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use probity_model::{Value, json};
use probity_trust::{
    Digest, Form, NotationTrust, Referrer, Signer, TrustError, TrustPolicies, TrustStores, Verified, verify_notation,
    verify_notation_image,
};
use proptest::prelude::*;

use crate::support::Memory;

const REPOSITORY: &str = "registry.example/team/app";
const IDENTITY: &str = "x509.subject: C=US, ST=WA, O=Acme, CN=builder";

/// An envelope that the library made over the digest of `app`.
struct Made {
    name: String,
    media_type: String,
    envelope: Vec<u8>,
    root: String,
}

fn all() -> Vec<Made> {
    let document = json::read(include_bytes!("../data/notation.json")).unwrap();
    let made = document.as_array().unwrap().iter().map(|one| {
        let text = |key| one.get(key).and_then(Value::as_str).unwrap();
        Made {
            name: text("name").to_owned(),
            media_type: text("mediaType").to_owned(),
            envelope: STANDARD.decode(text("envelope")).unwrap(),
            root: text("root").to_owned(),
        }
    });
    made.collect()
}

/// Both envelopes of a name.
fn named(name: &str) -> Vec<Made> {
    let found: Vec<_> = all().into_iter().filter(|made| made.name == name).collect();
    assert_eq!(found.len(), 2, "{name}");
    found
}

fn policies(level: &str, store: &str, identity: &str) -> TrustPolicies {
    let text = format!(
        r#"{{"version":"1.0","trustPolicies":[{{"name":"p","registryScopes":["{REPOSITORY}"],
        "signatureVerification":{{"level":"{level}"}},"trustStores":["{store}"],"trustedIdentities":["{identity}"]}}]}}"#
    );
    TrustPolicies::from_json(text.as_bytes()).unwrap()
}

impl Made {
    fn trust(&self, level: &str, identity: &str) -> NotationTrust {
        let kind = if self.name == "authority" { "signingAuthority:acme" } else { "ca:acme" };
        let mut stores = TrustStores::new();
        stores.add(kind, &self.root).unwrap();
        NotationTrust { policies: policies(level, kind, identity), stores }
    }

    fn verify(&self, trust: &NotationTrust) -> Result<Verified, TrustError> {
        self.verify_at(trust, "2026-01-01T00:00:00Z")
    }

    fn verify_at(&self, trust: &NotationTrust, now: &str) -> Result<Verified, TrustError> {
        let digest = Digest::of(b"app");
        verify_notation(&self.envelope, &self.media_type, &digest, REPOSITORY, trust, now.parse().unwrap())
    }
}

#[test]
fn envelopes_of_every_algorithm_are_verified() {
    for name in ["es256", "es384", "es512", "ps256", "ps384", "ps512", "authority", "other attribute"] {
        for made in named(name) {
            let verified =
                made.verify(&made.trust("strict", IDENTITY)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let jws = made.media_type == "application/jose+json";
            assert_eq!(verified.form, if jws { Form::NotationJws } else { Form::NotationCose });
            let Signer::Certificate { subject, issuer, .. } = &verified.signer else { panic!("{name}") };
            assert!(subject.contains("CN=builder") && issuer.contains("CN=Root"), "{subject}, {issuer}");
            let at = verified.signed_at.unwrap();
            assert_eq!((at.time.to_string().as_str(), at.proved), ("2025-06-01T00:00:00Z", name == "authority"));
            assert_eq!(verified.annotations.get("env"), Some(&Value::from("prod")));
            assert_eq!(verified.not_checked, ["revocation"]);
        }
    }
}

fn reason(outcome: Result<Verified, TrustError>) -> &'static str {
    outcome.map_or_else(|error| error.reason(), |_| "verified")
}

#[test]
fn what_does_not_hold_is_refused_and_told() {
    for made in named("es256") {
        let trust = made.trust("strict", IDENTITY);
        let other = Digest::of(b"other");
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let about = |digest, repository| {
            reason(verify_notation(&made.envelope, &made.media_type, digest, repository, &trust, now))
        };
        assert_eq!(about(&other, REPOSITORY), "other-digest");
        assert_eq!(about(&Digest::of(b"app"), "registry.example/team/other"), "no-policy");
        assert_eq!(reason(made.verify_at(&trust, "2025-05-01T00:00:00Z")), "no-time");
        assert_eq!(reason(made.verify_at(&trust, "2121-01-01T00:00:00Z")), "expired-certificate");
        let someone = made.trust("strict", "x509.subject: C=US, ST=WA, O=Acme, CN=other");
        assert_eq!(reason(made.verify(&someone)), "wrong-identity");
        assert_eq!(reason(made.verify(&made.trust("strict", "*"))), "verified");
        // The root of another, with the same name.
        let mut stores = TrustStores::new();
        stores.add("ca:acme", &named("ps256")[0].root).unwrap();
        let foreign = NotationTrust { policies: trust.policies.clone(), stores };
        assert_eq!(reason(made.verify(&foreign)), "untrusted-certificate");
        let none = NotationTrust { policies: trust.policies.clone(), stores: TrustStores::new() };
        assert_eq!(reason(made.verify(&none)), "trusted-root");
        // A level that lets any signer pass verifies nothing.
        for level in ["audit", "skip"] {
            assert_eq!(reason(made.verify(&made.trust(level, IDENTITY))), "no-policy");
        }
        let other_form = Made { media_type: "application/json".into(), ..made };
        assert_eq!(reason(other_form.verify(&trust)), "unsupported");
    }
    for made in named("unknown critical attribute") {
        assert_eq!(reason(made.verify(&made.trust("strict", IDENTITY))), "unsupported");
    }
    // A signing authority counts by stores of its own kind only.
    for made in named("authority") {
        let mut stores = TrustStores::new();
        stores.add("ca:acme", &made.root).unwrap();
        let trust = NotationTrust { policies: policies("strict", "ca:acme", IDENTITY), stores };
        assert_eq!(reason(made.verify(&trust)), "untrusted-certificate");
    }
}

#[test]
fn what_expired_is_refused_or_told_by_the_level() {
    for (name, expected) in
        [("expires 2025-06-02", "expired-signature"), ("certificate until 2025-07-01", "expired-certificate")]
    {
        for made in named(name) {
            assert_eq!(reason(made.verify(&made.trust("strict", IDENTITY))), expected);
            assert_eq!(reason(made.verify_at(&made.trust("strict", IDENTITY), "2025-06-01T12:00:00Z")), "verified");
            let tolerated = made.verify(&made.trust("permissive", IDENTITY)).unwrap().tolerated;
            assert_eq!(tolerated, [expected]);
        }
    }
}

#[test]
fn an_image_with_both_forms_is_verified() {
    let image = Digest::of(b"app");
    let mut store = Memory::default();
    for made in named("es256") {
        let layer = Digest::of(&made.envelope);
        let manifest = format!(
            r#"{{"schemaVersion":2,"artifactType":"application/vnd.cncf.notary.signature",
            "layers":[{{"mediaType":"{}","digest":"{layer}","size":{}}}]}}"#,
            made.media_type,
            made.envelope.len()
        );
        let digest = Digest::of(manifest.as_bytes());
        store.blobs.insert(layer, made.envelope.clone());
        store.blobs.insert(digest, manifest.into_bytes());
        let artifact_type = "application/vnd.cncf.notary.signature".to_owned();
        store.referrers.entry(image).or_default().push(Referrer { digest, artifact_type });
    }
    let mut trust = named("es256")[0].trust("strict", IDENTITY);
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let found = verify_notation_image(&store, &image, REPOSITORY, &trust, now).unwrap();
    assert_eq!((found.verified.len(), found.refused.len()), (1, 1));
    trust.stores.add("ca:acme", &named("es256")[1].root).unwrap();
    let found = verify_notation_image(&store, &image, REPOSITORY, &trust, now).unwrap();
    let forms: Vec<_> = found.verified.iter().map(|verified| verified.form).collect();
    assert_eq!((forms, found.refused.len()), (vec![Form::NotationJws, Form::NotationCose], 0));
}

#[test]
fn trust_policies_that_cannot_be_kept_are_refused() {
    let policy = |scopes: &str, rest: &str| format!(r#"{{"name":"p","registryScopes":[{scopes}],{rest}}}"#);
    let good = r#""signatureVerification":{"level":"strict"},"trustStores":["ca:a"],"trustedIdentities":["*"]"#;
    let read = |policies: &[String]| {
        let text = format!(r#"{{"version":"1.0","trustPolicies":[{}]}}"#, policies.join(","));
        TrustPolicies::from_json(text.as_bytes()).map_or_else(|error| error.reason(), |_| "read")
    };
    assert_eq!(read(&[policy(r#""a/b""#, good), policy(r#""*""#, good)]), "read");
    assert_eq!(read(&[policy(r#""a/b""#, good), policy(r#""a/b""#, good)]), "malformed");
    assert_eq!(read(&[policy("", good)]), "malformed");
    for (from, to) in [
        ("strict", "lax"),
        (r#"["ca:a"]"#, "[]"),
        (r#"["*"]"#, "[]"),
        (r#""*""#, r#""x509.subject: CN=a""#),
        (r#""*""#, r#""x509.subject: C=US, ST=WA, O=a, O=b""#),
        (r#""*""#, r#""x509.subject: C=US, ST=WA, O=a+CN=b""#),
        (r#""level":"strict""#, r#""level":"strict","override":{"integrity":"log"}"#),
        (r#""level":"strict""#, r#""level":"strict","override":{"expiry":"skip"}"#),
        (r#""level":"strict""#, r#""level":"skip","override":{"expiry":"log"}"#),
    ] {
        assert_eq!(read(&[policy(r#""*""#, &good.replace(from, to))]), "malformed", "{to}");
    }
    let other = good.replace(r#""*""#, r#""did:x""#);
    assert_eq!(read(&[policy(r#""*""#, &other)]), "unsupported");
    assert_eq!(TrustPolicies::from_json(br#"{"version":"2.0"}"#).unwrap_err().reason(), "unsupported");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever byte of an envelope is changed, it says nothing else.
    #[test]
    fn changed_envelopes_say_nothing_else(which in 0..2_usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut made = named("es256").swap_remove(which);
        let trust = made.trust("strict", IDENTITY);
        let at = at.index(made.envelope.len());
        made.envelope[at] = byte;
        if let Ok(verified) = made.verify(&trust) {
            prop_assert_eq!(verified.annotations.get("env"), Some(&Value::from("prod")));
        }
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for mut made in named("es256") {
            let trust = made.trust("strict", IDENTITY);
            made.envelope.clone_from(&bytes);
            prop_assert!(made.verify(&trust).is_err());
        }
    }
}
