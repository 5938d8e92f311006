//! Which cryptography is in the program, in the usual build and in that for FIPS 140-3.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use object::{Object as _, ObjectSymbol as _};
use serde_json::Value;

use crate::support::{OPEN, folder, probity, text};

const FIPS: bool = cfg!(feature = "fips");

/// Other providers of TLS or of everything, some by the libraries that they stand for. None may be there.
const PROVIDERS: [&str; 15] = [
    "boring",
    "boring-sys",
    "botan",
    "gnutls-sys",
    "graviola",
    "mbedtls",
    "native-tls",
    "openssl",
    "openssl-sys",
    "ring",
    "rustls-graviola",
    "rustls-rustcrypto",
    "schannel",
    "security-framework",
    "sodiumoxide",
];

/// Crates that say they are about cryptography, and why they may be in the build for FIPS 140-3.
const EXPLAINED: [(&str, &[&str]); 4] = [
    (
        "write and read keys, certificates and messages, or wipe memory; they compute nothing",
        &[
            "base16ct",
            "base64ct",
            "block-buffer",
            "cmov",
            "cms",
            "const-oid",
            "constant_time_eq",
            "coset",
            "crypto-common",
            "ctutils",
            "der",
            "der_derive",
            "pem",
            "pem-rfc7468",
            "pkcs1",
            "pkcs8",
            "rustls-native-certs",
            "rustls-pki-types",
            "secrecy",
            "sec1",
            "spki",
            "subtle",
            "x509-cert",
            "x509-parser",
            "zeroize",
            "zeroize_derive",
        ],
    ),
    ("speak TLS, and compute with the module", &["rustls", "rustls-webpki", "tokio-rustls"]),
    (
        "are what functions of policy languages compute with: crypto.md5, io.jwt.verify_es256, sha1()",
        &[
            "crypto-bigint",
            "crypto-primes",
            "curve25519-dalek",
            "digest",
            "ecdsa",
            "ed25519",
            "ed25519-dalek",
            "elliptic-curve",
            "hmac",
            "md-5",
            "p256",
            "p384",
            "p521",
            "primefield",
            "primeorder",
            "rfc6979",
            "rsa",
            "sha1",
            "sha2",
            "signature",
            "wnaf",
        ],
    ),
    (
        "open the encrypted keys of cosign, which that build refuses: compiled, and linked into nothing",
        &["aead", "cipher", "crypto_secretbox", "pbkdf2", "poly1305", "salsa20", "scrypt", "universal-hash"],
    ),
];

/// Our crates that compute with the third group, all of them languages of policies or of what they judge. The one for
/// signatures needs it for Ed25519ph, which the build for FIPS 140-3 leaves out.
const LANGUAGES: [&str; 7] = [
    "probity-policy-bundle",
    "probity-policy-jmespath",
    "probity-policy-kyverno",
    "probity-policy-rego",
    "probity-subject-iac",
    "probity-template",
    "probity-trust",
];

/// What cargo says; `None` when it has to fetch what cannot be had, as the crates of the other build.
fn cargo(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(env!("CARGO"));
    let output = command.args(arguments).arg("--locked").current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(std::env::var_os("CI").is_none(), "{said}");
        eprintln!("skipped: {said}");
        return None;
    }
    Some(text(&output.stdout))
}

/// The names of the crates that are built into the program.
fn built(more: &[&str]) -> Option<BTreeSet<String>> {
    let mut arguments = vec!["tree", "-p", "probity", "-e", "normal", "--prefix", "none"];
    arguments.extend(more);
    Some(cargo(&arguments)?.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect())
}

#[test]
fn nothing_but_the_module_is_built_in_for_fips_but_what_is_explained() {
    let (Some(fips), Some(usual)) = (built(&["--features", "fips"]), built(&[])) else { return };
    assert!(fips.contains("aws-lc-fips-sys") && !usual.contains("aws-lc-fips-sys"));
    for names in [&fips, &usual] {
        let others: Vec<_> = PROVIDERS.iter().filter(|name| names.contains(**name)).collect();
        assert!(others.is_empty(), "{others:?}");
    }

    let Some(metadata) = cargo(&["metadata", "--format-version", "1"]) else { return };
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let about = |package: &&Value| package["categories"].as_array().unwrap().iter().any(|c| c == "cryptography");
    let found: BTreeSet<&str> =
        packages.iter().filter(about).map(|package| package["name"].as_str().unwrap()).collect();
    let found: BTreeSet<&str> = found.into_iter().filter(|name| fips.contains(*name)).collect();
    let explained: BTreeMap<&str, &str> =
        EXPLAINED.iter().flat_map(|(why, names)| names.iter().map(move |name| (*name, *why))).collect();
    let strangers: Vec<_> = found.iter().filter(|name| !explained.contains_key(**name)).collect();
    assert!(strangers.is_empty(), "say in EXPLAINED why the build for FIPS 140-3 may have {strangers:?}");
    let gone: Vec<_> = explained.keys().filter(|name| !fips.contains(**name)).collect();
    assert!(gone.is_empty(), "{gone:?} are there no more");
}

#[test]
fn only_languages_compute_without_the_module() {
    let Some(all) = cargo(&["tree", "-p", "probity", "-e", "normal", "--features", "fips", "--prefix", "none"]) else {
        return;
    };
    // Of some there are two versions.
    let versions = |package: &str| -> BTreeSet<String> {
        let lines = all.lines().filter_map(|line| line.strip_prefix(package)?.strip_prefix(" v"));
        lines.filter_map(|rest| Some(format!("{package}@{}", rest.split(' ').next()?))).collect()
    };
    let own = |package: &str| {
        let tree =
            ["tree", "-p", "probity", "-e", "normal", "--features", "fips", "--prefix", "none", "--depth", "1", "-i"];
        let mut users = Vec::new();
        for version in versions(package) {
            let tree = cargo(&[&tree[..], &[version.as_str()]].concat())?;
            let names = tree.lines().filter_map(|line| line.split(' ').next());
            users.extend(names.filter(|name| name.starts_with("probity")).map(str::to_owned));
        }
        Some(users)
    };
    let mut users = BTreeSet::new();
    for package in EXPLAINED[2].1 {
        let Some(own) = own(package) else { return };
        users.extend(own);
    }
    assert_eq!(users.iter().map(String::as_str).collect::<Vec<_>>(), LANGUAGES);
    for package in EXPLAINED[3].1 {
        assert!(own(package).is_some_and(|users| users.iter().all(|user| user == "probity-trust")), "{package}");
    }
}

/// The names of the functions in the program itself. Cargo compiles the usual module for the other build, too, as a
/// feature of rustls names it, but links it into nothing.
#[test]
fn the_program_has_the_functions_of_one_module_only() {
    let bytes = std::fs::read(env!("CARGO_BIN_EXE_probity")).unwrap();
    let file = object::File::parse(bytes.as_slice()).unwrap();
    let names: Vec<&str> = file.symbols().filter_map(|symbol| symbol.name().ok()).collect();
    let has = |part: &str| names.iter().any(|name| name.contains(part));
    assert!(has("probity"), "the program has no names of functions");
    assert_eq!(has("aws_lc_fips_"), FIPS);
    assert_eq!(has("aws_lc_0_"), !FIPS);
    for part in ["ring_core", "RING_", "OPENSSL_init_ssl", "mbedtls_", "sodium_"] {
        assert!(!has(part), "{part}");
    }
    // Crates as Rust writes them in names, after their length: functions in C that the module keeps to itself are called
    // after the last, too.
    for part in ["6scrypt", "16crypto_secretbox", "7salsa20", "8poly1305"] {
        assert_eq!(has(part), !FIPS, "{part}");
    }
}

#[test]
fn the_version_names_the_module() {
    let about = |format: &str| text(&probity(Path::new("."), &["version", "--format", format]).stdout);
    let value: Value = serde_json::from_str(&about("json")).unwrap();
    assert_eq!(value["crypto"]["fips"], FIPS);
    assert_eq!(value["tls"]["fips"], FIPS);
    assert_eq!(value["crypto"]["module"], if FIPS { "AWS-LC-FIPS" } else { "AWS-LC" });
    let suites: Vec<&str> =
        value["tls"]["cipher_suites"].as_array().unwrap().iter().map(|suite| suite.as_str().unwrap()).collect();
    assert!(suites.contains(&"TLS13_AES_128_GCM_SHA256"), "{suites:?}");
    assert_eq!(suites.iter().any(|suite| suite.contains("CHACHA20")), !FIPS, "{suites:?}");
    let version = value["version"].as_str().unwrap();
    assert_eq!(version.contains("+aws-lc-fips."), FIPS, "{version}");
    assert!(version.starts_with(env!("CARGO_PKG_VERSION")), "{version}");

    let said = about("text");
    assert_eq!(said.contains("in FIPS mode"), FIPS, "{said}");
    let short = text(&probity(Path::new("."), &["--version"]).stdout);
    assert_eq!(short, format!("probity {version}\n"));

    // Evidence says the same, and the ledger of either build is kept and proved.
    let folder = folder(&[("open.tf", OPEN)]);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        command.args(arguments).current_dir(folder.path()).env("XDG_STATE_HOME", folder.path().join("state"));
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stdout))
    };
    assert_eq!(run(&["scan", "open.tf", "--record"]).0, Some(1));
    let (code, record) = run(&["evidence", "show", "1"]);
    assert!(code == Some(0) && record.contains(&format!("\"version\": \"{version}\"")), "{record}");
    let (code, verified) = run(&["evidence", "verify"]);
    assert_eq!(code, Some(0), "{verified}");
}
