//! Bundles as OPA builds and signs them, and bundles as nobody should.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use probity_model::{Sources, json};
use probity_policy_bundle::{Bundle, BundleError, Key, Keys, Limits, Options, Verification, merge};
use probity_policy_rego::Version;
use proptest::prelude::*;

/// What `opa sign` 1.22 says of [`FILES`] with the secret `secret`.
const SIGNED_HS256: &str = "\
    eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJmaWxlcyI6W3sibmFtZSI6Ii5tYW5pZmVzdCIsImhhc2giOiI2NTY2ZGMwMWI0Mzc4MzM1Z\
    mViYWFhMGUxZDAwNDVhMzIxM2NmYzFhMTg0NWY5OWUwNjY1YjdkYTA2NGJjNTk4IiwiYWxnb3JpdGhtIjoiU0hBLTI1NiJ9LHsibmFtZSI6ImF\
    wcC9kYXRhLnlhbWwiLCJoYXNoIjoiNGIyZjQxZjBjOWE2NjVlMzNmN2U4OTgwOTZlMjhiNTA0MjU3MTExMTJjOWYwZTVmYTljMmUxN2FmMWVhY\
    WJlNyIsImFsZ29yaXRobSI6IlNIQS0yNTYifSx7Im5hbWUiOiJhcHAvbW9yZS9kYXRhLmpzb24iLCJoYXNoIjoiNGM3YzIzNGE0ZjQyMzU5ZjM\
    3M2FkNjdmOTM1YjMyMzBkNjA2OWUxZDRiMzQ3Y2VmODEwNzkyOTMwNTIxYTlhYiIsImFsZ29yaXRobSI6IlNIQS0yNTYifSx7Im5hbWUiOiJhc\
    HAvcG9saWN5LnJlZ28iLCJoYXNoIjoiYWI3MDc5MDU5NzIwMzNhYzBhNzM3ZjBlZDhjNzBlNDU1NTlhOTkzOGE1YmJhYmE4NzAxMTBiYjAyYmU\
    5YTYyNiIsImFsZ29yaXRobSI6IlNIQS0yNTYifV19.Kjfq2JQi2b3qjs0g-bc4RePsMDJMJxaAHqzOYEhNB9s";

/// The same with the key of [`PUBLIC_KEY`].
const SIGNED_ES256: &str = "\
    eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJmaWxlcyI6W3sibmFtZSI6Ii5tYW5pZmVzdCIsImhhc2giOiI2NTY2ZGMwMWI0Mzc4MzM1Z\
    mViYWFhMGUxZDAwNDVhMzIxM2NmYzFhMTg0NWY5OWUwNjY1YjdkYTA2NGJjNTk4IiwiYWxnb3JpdGhtIjoiU0hBLTI1NiJ9LHsibmFtZSI6ImF\
    wcC9kYXRhLnlhbWwiLCJoYXNoIjoiNGIyZjQxZjBjOWE2NjVlMzNmN2U4OTgwOTZlMjhiNTA0MjU3MTExMTJjOWYwZTVmYTljMmUxN2FmMWVhY\
    WJlNyIsImFsZ29yaXRobSI6IlNIQS0yNTYifSx7Im5hbWUiOiJhcHAvbW9yZS9kYXRhLmpzb24iLCJoYXNoIjoiNGM3YzIzNGE0ZjQyMzU5ZjM\
    3M2FkNjdmOTM1YjMyMzBkNjA2OWUxZDRiMzQ3Y2VmODEwNzkyOTMwNTIxYTlhYiIsImFsZ29yaXRobSI6IlNIQS0yNTYifSx7Im5hbWUiOiJhc\
    HAvcG9saWN5LnJlZ28iLCJoYXNoIjoiYWI3MDc5MDU5NzIwMzNhYzBhNzM3ZjBlZDhjNzBlNDU1NTlhOTkzOGE1YmJhYmE4NzAxMTBiYjAyYmU\
    5YTYyNiIsImFsZ29yaXRobSI6IlNIQS0yNTYifV19.qgx4p1Oan3zRBfPzmNL1kYMss9PGJ2oFYadtYd0VYJStcItxffUIVi6Jp-gM1t6P3WWd\
    JQmb4zQjWy85eaZEXw";

const PUBLIC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUKwrT000RHq0o1V0yOr4vZKANbaZ
el+y2hZ4ZGC5aaIQsYWccHkD2zJ5qyACmDU54q5fQwz4+IO19vCNDaGpQw==
-----END PUBLIC KEY-----
";

const FILES: [(&str, &str); 4] = [
    (".manifest", "{ \"roots\": [\"app\"],  \"revision\": \"r1\" }\n"),
    ("app/policy.rego", "package app\n\nallow if input.role in data.app.roles\n"),
    ("app/data.yaml", "roles: [admin, \"reader\"]\nlimit: 1.50\nbig: 1e30\non: yes\n"),
    ("app/more/data.json", "{\"z\": 1.50, \"a\": \"<\\u2028é>\", \"list\": [1, {\"k\": null}]}\n"),
];

type Entry<'a> = (&'a str, &'a str);

fn tar_of(files: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        // Set by hand: the builder refuses names that the reader is to refuse.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed(files: &[Entry<'_>]) -> Vec<u8> {
    gzip(&tar_of(files))
}

fn read_with(bytes: &[u8], options: &Options) -> Result<Bundle, BundleError> {
    Bundle::from_bytes("test", bytes, options, &Sources::default())
}

fn read(files: &[Entry<'_>]) -> Result<Bundle, BundleError> {
    read_with(&packed(files), &Options::default())
}

fn refusal(files: &[Entry<'_>]) -> String {
    read(files).unwrap_err().to_string()
}

fn keys(id: &str, algorithm: &str, key: &str) -> Keys {
    let key = Key { algorithm: algorithm.to_owned(), key: key.to_owned(), scope: String::new() };
    Keys { keys: [(id.to_owned(), key)].into(), key_id: id.to_owned(), ..Keys::default() }
}

fn signed(files: &[Entry<'_>], token: &str, keys: Keys) -> Result<Bundle, BundleError> {
    let signatures = format!("{{\"signatures\": [\"{token}\"]}}");
    let mut files = files.to_vec();
    files.push((".signatures.json", &signatures));
    read_with(&packed(&files), &Options { verification: Verification::Required(keys), ..Options::default() })
}

#[test]
fn files_become_modules_and_data() {
    let bundle = read(&FILES).unwrap();
    assert_eq!(bundle.manifest.revision, "r1");
    assert_eq!(bundle.manifest.roots, ["app"]);
    assert_eq!(bundle.modules[0].path.to_str(), Some("test/app/policy.rego"));
    assert_eq!(
        json::write(&bundle.data),
        "{\"app\":{\"big\":1e30,\"limit\":1.50,\"more\":{\"a\":\"<\u{2028}é>\",\"list\":[1,{\"k\":null}],\"z\":1.50},\
         \"on\":\"yes\",\"roles\":[\"admin\",\"reader\"]}}"
    );
}

#[test]
fn names_as_opa_builds_them_mean_the_same() {
    let slashed: Vec<(String, &str)> = FILES.iter().map(|(name, text)| (format!("/{name}"), *text)).collect();
    let slashed: Vec<Entry<'_>> = slashed.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    assert_eq!(read(&slashed).unwrap().data, read(&FILES).unwrap().data);
}

#[test]
fn a_folder_is_read_as_an_archive_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let bundle = Bundle::from_path("test", folder.path(), &Options::default(), &Sources::default()).unwrap();
    let archive = read(&FILES).unwrap();
    assert_eq!((bundle.data, bundle.manifest), (archive.data, archive.manifest));
    assert_eq!(bundle.modules[0].path, archive.modules[0].path);
}

#[test]
fn the_manifest_says_the_version_of_rego() {
    let old = "package a\nallow { input.x }";
    let manifest = "{\"rego_version\": 1, \"file_rego_versions\": {\"/old/*\": 0}}";
    let bundle = read(&[(".manifest", manifest), ("old/x.rego", old), ("new.rego", "package b\np if true")]).unwrap();
    let versions: Vec<Version> = bundle.modules.iter().map(|module| module.version).collect();
    assert_eq!(versions, [Version::V0, Version::V1]);
    assert!(refusal(&[("old/x.rego", old)]).contains("rego_parse_error"));
    assert!(refusal(&[(".manifest", "{\"rego_version\": 7}")]).contains("no version of Rego"));
}

#[test]
fn signatures_of_opa_are_right() {
    let secret = || keys("default", "HS256", "secret");
    assert!(signed(&FILES, SIGNED_HS256, secret()).unwrap().verified);
    assert!(signed(&FILES, SIGNED_ES256, keys("default", "ES256", PUBLIC_KEY)).unwrap().verified);
    // The hash of a document does not depend on its form.
    let mut other = FILES;
    other[3].1 = "{\"a\":\"<\\u2028é>\",\n\"list\":[1,{\"k\":null}],\"z\":1.50}";
    assert!(signed(&other, SIGNED_HS256, secret()).is_ok());
}

#[test]
fn what_is_not_signed_as_wanted_is_refused() {
    let secret = || keys("default", "HS256", "secret");
    let mut changed = FILES;
    changed[1].1 = "package app\n\nallow := true\n";
    let more = [&FILES[..], &[("app/more.rego", "package app.more")]].concat();
    let scoped = Keys { scope: "write".to_owned(), ..secret() };
    let by_token = Keys { key_id: String::new(), ..secret() };
    let excluding = Keys { exclude: vec!["app/*.rego".to_owned()], ..secret() };
    for (files, token, keys, wanted) in [
        (&changed[..], SIGNED_HS256, secret(), "app/policy.rego is not the file that was signed"),
        (&FILES[..3], SIGNED_HS256, secret(), "app/more/data.json was signed and is not in the bundle"),
        (&more, SIGNED_HS256, secret(), "app/more.rego is not signed"),
        (&FILES, SIGNED_HS256, keys("default", "HS256", "other"), "not signed with the key"),
        (&FILES, SIGNED_HS256, keys("default", "ES256", PUBLIC_KEY), "not signed with the key"),
        (&FILES, SIGNED_ES256, keys("default", "HS256", PUBLIC_KEY), "not signed with the key"),
        (&FILES, SIGNED_ES256, keys("default", "none", PUBLIC_KEY), "not an algorithm"),
        (&FILES, SIGNED_ES256, keys("default", "ES256", "no key"), "signature: "),
        (&FILES, SIGNED_HS256, scoped, "another scope"),
        (&FILES, SIGNED_HS256, by_token, "which key"),
        (&FILES, "a.b", secret(), "three parts"),
        (&FILES, "", secret(), "three parts"),
    ] {
        let message = signed(files, token, keys).unwrap_err().to_string();
        assert!(message.contains(wanted), "{message}\nwanted: {wanted}");
    }
    assert!(signed(&changed, SIGNED_HS256, excluding).is_ok(), "what is excluded may change");
    let required = Options { verification: Verification::Required(secret()), ..Options::default() };
    assert!(read_with(&packed(&FILES), &required).unwrap_err().to_string().contains("no .signatures.json"));
    let signatures = [&FILES[..], &[(".signatures.json", "{}")]].concat();
    assert!(refusal(&signatures).contains("no key"), "a signed bundle is not taken unchecked");
    let skip = Options { verification: Verification::Skip, ..Options::default() };
    assert!(!read_with(&packed(&signatures), &skip).unwrap().verified);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let roots = |roots: &str| format!("{{\"roots\": {roots}}}");
    let (app, overlapping) = (roots("[\"app\"]"), roots("[\"a/b\", \"a\"]"));
    for (files, wanted) in [
        (&[("../evil.rego", "package a")][..], "leads out of the bundle"),
        (&[("a/../../evil.rego", "package a")], "leads out of the bundle"),
        (&[("//etc/passwd", "x")], "absolute"),
        (&[("C:/x.rego", "package a")], "absolute"),
        (&[("a\\b.rego", "package a")], "a character"),
        (&[("a\nb.rego", "package a")], "a character"),
        (&[("a//b.rego", "package a")], "empty part"),
        (&[("x.rego", "package a"), ("/x.rego", "package b")], "twice"),
        (&[("policy.wasm", "\0asm")], "WebAssembly"),
        (&[(".manifest", "{\"wasm\": [{\"module\": \"policy.wasm\"}]}")], "WebAssembly"),
        (&[("patch.json", "{\"data\": [{\"op\": \"add\"}]}")], "delta bundle"),
        (&[("data.json", "{")], "data.json: not valid JSON"),
        (&[("data.json", "[1]")], "must be an object"),
        (&[("a/data.json", "1"), ("data.json", "{\"a\": {}}")], "data.a already"),
        (&[("a.rego", "package")], "rego_parse_error"),
        (&[(".manifest", "[]")], "not an object"),
        (&[(".manifest", "{}"), ("a/.manifest", "{}")], "there are two"),
        (&[(".manifest", &app), ("x.rego", "package other")], "lies in none of the roots `app`"),
        (&[(".manifest", &app), ("data.json", "{\"other\": 1}")], "/other lies in none of the roots"),
        (&[(".manifest", &overlapping)], "overlap"),
    ] {
        let message = refusal(files);
        assert!(message.contains(wanted), "{message}\nwanted: {wanted}");
    }
    assert!(read(&[(".manifest", &roots("[\"a/b\"]")), ("data.json", "{\"a\": {\"b\": {\"c\": 1}}}")]).is_ok());
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Char, tar::EntryType::Fifo] {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_path("data.json").unwrap();
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        builder.append(&header, &[][..]).unwrap();
        let bytes = gzip(&builder.into_inner().unwrap());
        assert!(matches!(read_with(&bytes, &Options::default()), Err(BundleError::Link(_))), "{kind:?}");
    }
}

#[test]
fn sizes_and_numbers_are_bounded() {
    let bomb = "0".repeat(80 << 20);
    let message = refusal(&[("x.txt", &bomb)]);
    assert!(message.contains("bytes, unpacked"), "{message}");
    for (limits, wanted) in [
        (Limits { compressed: 10, ..Limits::default() }, "bytes, packed"),
        (Limits { expanded: 600, ..Limits::default() }, "bytes, unpacked"),
        (Limits { files: 2, ..Limits::default() }, "2 files"),
        (Limits { name: 8, ..Limits::default() }, "too long"),
        (Limits { depth: 1, ..Limits::default() }, "too deep"),
    ] {
        let message = read_with(&packed(&FILES), &Options { limits, ..Options::default() }).unwrap_err().to_string();
        assert!(message.contains(wanted), "{message}\nwanted: {wanted}");
    }
}

#[test]
fn an_archive_that_is_cut_off_or_changed_is_refused() {
    let whole = packed(&FILES);
    for end in (0..whole.len()).step_by(7) {
        assert!(read_with(&whole[..end], &Options::default()).is_err(), "{end} of {}", whole.len());
    }
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0x10;
    assert!(read_with(&changed, &Options::default()).is_err());
    assert!(read_with(b"not gzip", &Options::default()).unwrap_err().to_string().contains("not a whole tar.gz"));
}

#[test]
fn bundles_are_merged_when_each_owns_its_own() {
    let bundle = |name: &str, roots: &str, data: &str| {
        let manifest = format!("{{\"roots\": {roots}}}");
        let bytes = packed(&[(".manifest", &manifest), ("data.json", data)]);
        Bundle::from_bytes(name, &bytes, &Options::default(), &Sources::default()).unwrap()
    };
    let (one, two) = (bundle("one", "[\"a/x\"]", "{\"a\":{\"x\":1}}"), bundle("two", "[\"a/y\"]", "{\"a\":{\"y\":2}}"));
    assert_eq!(json::write(&merge(&[&one, &two]).unwrap().data), "{\"a\":{\"x\":1,\"y\":2}}");
    let all = bundle("all", "[\"\"]", "{}");
    let message = merge(&[&one, &all]).unwrap_err().to_string();
    assert_eq!(message, "the bundles `one` and `all` both own data.a.x");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let _ = read_with(&bytes, &Options::default());
        let _ = read_with(&gzip(&bytes), &Options::default());
    }

    #[test]
    fn any_damage_to_an_archive_is_survived(at in 0_usize..4096, byte: u8) {
        let mut bytes = tar_of(&FILES);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read_with(&gzip(&bytes), &Options::default());
    }

    #[test]
    fn any_name_is_taken_or_refused(name in "[./\\\\a-zé:\u{1}]{1,40}") {
        if let Ok(bundle) = read(&[(&format!("{name}.rego"), "package a")]) {
            let path = bundle.modules[0].path.to_str().unwrap();
            prop_assert!(!path.split('/').any(|part| part == ".." || part.is_empty()), "{}", path);
        }
    }
}
