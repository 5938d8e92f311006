//! What is signed here is verified here, and what was done to it since is told.

use jiff::Timestamp;
use probity_model::Value;
use probity_trust::predicate::CYCLONEDX;
use probity_trust::{
    Digest, Form, Found, PrivateKey, Reference, Referrer, Signer, Store, StoreError, Target, TrustedRoot, attest,
    attest_under_tag, referrers_index, sign, sign_under_tag, verify_image, verify_image_by_any,
};

use crate::support::{Memory, image, key, trust};

fn sbom() -> Value {
    Value::object([
        ("bomFormat", Value::from("CycloneDX")),
        ("specVersion", Value::from("1.6")),
        ("components", Value::array([Value::object([("name", Value::from("openssl"))])])),
    ])
}

/// An image that is signed and attested in both forms.
fn signed(target: &Target, key: &PrivateKey) -> Memory {
    let mut store = Memory::default();
    let now = Timestamp::now();
    let note = Value::object([("env", Value::from("prod"))]);
    store.push(&target.digest, &sign_under_tag(target, note.clone(), key, None).unwrap());
    store.push(&target.digest, &attest_under_tag(target, CYCLONEDX, sbom(), key, None).unwrap());
    store.push(&target.digest, &sign(target, &note, key, now).unwrap());
    store.push(&target.digest, &attest(target, CYCLONEDX, sbom(), key, now).unwrap());
    store
}

fn reasons(found: &Found) -> Vec<&'static str> {
    found.refused.iter().map(|refused| refused.error.reason()).collect()
}

#[test]
fn both_forms_are_verified_with_the_key_that_signed() {
    let (target, key) = (image(b"app"), key());
    let found = verify_image(&signed(&target, &key), &target.digest, &trust(&[&key])).unwrap();
    assert_eq!(reasons(&found), [""; 0]);
    assert_eq!((found.signatures().count(), found.attestations().count()), (2, 2));
    let forms: Vec<_> = found.signatures().map(|signature| signature.form).collect();
    assert_eq!(forms, [Form::Cosign, Form::Bundle]);
    assert!(found.verified.iter().all(|one| one.signer == Signer::Key { id: key.public().id() }));
    for signature in found.signatures() {
        assert_eq!(signature.document().at(&["annotations", "env"]), Some(&Value::from("prod")));
    }
    for attestation in found.attestations() {
        let document = attestation.document();
        assert_eq!(document.at(&["sbom", "version"]), Some(&Value::from("1.6")));
        assert_eq!(document.get("digest"), Some(&Value::from(target.digest.to_string())));
    }
}

#[test]
fn signatures_of_several_stand_under_one_tag() {
    let (target, ours, theirs) = (image(b"app"), key(), key());
    let mut store = Memory::default();
    store.push(&target.digest, &sign_under_tag(&target, Value::Null, &ours, None).unwrap());
    let existing = store.manifest(&Reference::Tag(&target.digest.tag(".sig"))).unwrap();
    store.push(&target.digest, &sign_under_tag(&target, Value::Null, &theirs, existing.as_deref()).unwrap());
    let both = verify_image(&store, &target.digest, &trust(&[&ours, &theirs])).unwrap();
    assert_eq!((both.verified.len(), both.refused.len()), (2, 0));
    let one = verify_image(&store, &target.digest, &trust(&[&theirs])).unwrap();
    assert_eq!((one.verified.len(), reasons(&one)), (1, vec!["unknown-key"]));
}

#[test]
fn another_key_is_told() {
    let (target, ours, theirs) = (image(b"app"), key(), key());
    let found = verify_image(&signed(&target, &theirs), &target.digest, &trust(&[&ours])).unwrap();
    assert_eq!((found.verified.len(), reasons(&found)), (0, vec!["unknown-key"; 4]));
}

#[test]
fn several_are_trusted_each_by_itself() {
    let (target, ours, theirs, nobodys) = (image(b"app"), key(), key(), key());
    let mut store = signed(&target, &theirs);
    store.push(&target.digest, &sign(&target, &Value::Null, &ours, Timestamp::now()).unwrap());
    store.push(&target.digest, &sign(&target, &Value::Null, &nobodys, Timestamp::now()).unwrap());
    let trusts = [trust(&[&ours]), trust(&[&theirs])];
    let (found, trusted) = verify_image_by_any(&store, &target.digest, &trusts).unwrap();
    assert_eq!((trusted, reasons(&found)), (vec![1, 1, 1, 1, 0], vec!["unknown-key"]));
    assert_eq!(found.verified.len(), 5);
}

/// All that belongs to one image, put beside another.
#[test]
fn what_was_signed_of_another_image_is_refused() {
    let (target, other, key) = (image(b"app"), image(b"evil"), key());
    let mut store = signed(&target, &key);
    for ending in [".sig", ".att"] {
        let manifest = store.tags.remove(&target.digest.tag(ending)).unwrap();
        store.tags.insert(other.digest.tag(ending), manifest);
    }
    let referrers = store.referrers.remove(&target.digest).unwrap();
    store.referrers.insert(other.digest, referrers);
    let found = verify_image(&store, &other.digest, &trust(&[&key])).unwrap();
    assert_eq!((found.verified.len(), reasons(&found)), (0, vec!["other-digest"; 4]));
}

#[test]
fn blobs_that_were_changed_are_refused() {
    let (target, key) = (image(b"app"), key());
    let mut store = signed(&target, &key);
    let manifests: Vec<_> = store.referrers[&target.digest].iter().map(|referrer| referrer.digest).collect();
    for (digest, bytes) in &mut store.blobs {
        if !manifests.contains(digest) {
            bytes.push(b' ');
        }
    }
    let found = verify_image(&store, &target.digest, &trust(&[&key])).unwrap();
    assert_eq!((found.verified.len(), reasons(&found)), (0, vec!["altered"; 4]));
}

#[test]
fn a_log_that_is_asked_for_must_have_it() {
    let (target, key) = (image(b"app"), key());
    let root = TrustedRoot::public_good().unwrap();
    let trust = probity_trust::Trust::keys_in_log(vec![key.public().clone()], root);
    let found = verify_image(&signed(&target, &key), &target.digest, &trust).unwrap();
    assert_eq!((found.verified.len(), reasons(&found)), (0, vec!["no-inclusion-proof"; 4]));
}

/// A registry that is away.
struct Away;

impl Store for Away {
    fn manifest(&self, _: &Reference<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        Err("connection refused".into())
    }
    fn blob(&self, _: &Digest, _: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Err("connection refused".into())
    }
    fn referrers(&self, _: &Digest) -> Result<Vec<Referrer>, StoreError> {
        Err("connection refused".into())
    }
}

#[test]
fn that_nothing_is_known_is_not_that_nothing_is_there() {
    let key = key();
    let error = verify_image(&Away, &Digest::of(b"app"), &trust(&[&key])).unwrap_err();
    assert_eq!(error.reason(), "store");
    let found = verify_image(&Memory::default(), &Digest::of(b"app"), &trust(&[&key])).unwrap();
    assert_eq!((found.verified.len(), found.refused.len()), (0, 0));
}

#[test]
fn no_more_than_a_thousand_are_looked_at() {
    let (target, key) = (image(b"app"), key());
    let mut store = Memory::default();
    for number in 0..1_003 {
        let predicate = Value::object([("number", Value::from(number))]);
        let attached = attest(&target, "https://example.com/n", predicate, &key, Timestamp::UNIX_EPOCH).unwrap();
        store.push(&target.digest, &attached);
    }
    let found = verify_image(&store, &target.digest, &trust(&[&key])).unwrap();
    assert_eq!((found.verified.len(), reasons(&found)), (1_000, vec!["too-large"]));
}

#[test]
fn the_index_of_referrers_grows_by_one() {
    let (target, key) = (image(b"app"), key());
    let first = sign(&target, &Value::Null, &key, Timestamp::UNIX_EPOCH).unwrap();
    let second = attest(&target, CYCLONEDX, sbom(), &key, Timestamp::UNIX_EPOCH).unwrap();
    let index = referrers_index(&first, None).unwrap();
    let index = referrers_index(&second, Some(&index.bytes)).unwrap();
    let again = referrers_index(&second, Some(&index.bytes)).unwrap();
    assert_eq!(index, again);
    let listed: Vec<_> = Referrer::list(&index.bytes).unwrap().into_iter().map(|referrer| referrer.digest).collect();
    assert_eq!(listed, [first.manifest.digest, second.manifest.digest]);
}
