use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use proptest::prelude::*;

use super::{Builder, Database, DatabaseError};
use crate::assess::{Assessment, Package, assess};
use crate::{Ecosystem, Feed};

fn advisory(id: &str, name: &str, fixed: &str) -> String {
    format!(
        r#"{{"id": "{id}", "modified": "2024-01-0{}T00:00:00Z", "affected": [{{"package": {{"ecosystem": "npm", "name": "{name}"}},
        "ranges": [{{"type": "SEMVER", "events": [{{"introduced": "0"}}, {{"fixed": "{fixed}"}}]}}]}}]}}"#,
        id.len() % 9 + 1
    )
}

fn dump(folder: &Path, count: usize) -> PathBuf {
    let dump = folder.join("dump");
    fs::create_dir_all(&dump).expect("a folder");
    for at in 0..count {
        let text = advisory(&format!("GHSA-{at}"), &format!("package-{}", at / 3), &format!("1.{at}.0"));
        fs::write(dump.join(format!("{at}.json")), text).expect("a file");
    }
    dump
}

#[test]
fn what_was_built_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (dump, path) = (dump(folder.path(), 3000), folder.path().join("db"));
    let mut builder = Builder::new();
    builder.add(Feed::Osv, "osv", &dump).expect("an input");
    let written = builder.write(&path).expect("a file");
    let database = Database::open(&path).expect("a database");
    assert_eq!(&written, database.status());
    database.verify().expect("as it was written");
    assert!(database.packages_pages() > 1, "a table of several pages is what is tried here");

    let npm = Ecosystem::new("npm");
    for at in 0..1000 {
        let records = database.lookup(&npm, &format!("package-{at}")).expect("a page");
        assert_eq!(records.len(), 3, "package-{at}");
        let details = database.details(&records[0]).expect("a page").expect("details");
        assert_eq!((&details.id, details.source.as_str()), (&records[0].advisory, "osv"));
    }
    assert_eq!(database.lookup(&npm, "package-1000").expect("a page"), []);
    assert_eq!(database.lookup(&npm, "a").expect("a page"), []);
    assert_eq!(database.lookup(&Ecosystem::new("PyPI"), "package-1").expect("a page"), []);
    let status = database.status();
    assert_eq!((status.ecosystems["npm"].packages, status.ecosystems["npm"].records), (1000, 3000));
}

#[test]
fn the_same_inputs_give_the_same_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = dump(folder.path(), 200);
    let build = |name: &str, sources: [&str; 2]| {
        let mut builder = Builder::new();
        for source in sources {
            builder.add(Feed::Osv, source, &dump).expect("an input");
        }
        let path = folder.path().join(name);
        builder.write(&path).expect("a file");
        fs::read(path).expect("a file")
    };
    assert!(build("one", ["a", "b"]) == build("other", ["b", "a"]), "the files differ");
}

#[test]
fn a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (dump, path) = (dump(folder.path(), 30), folder.path().join("db"));
    let mut builder = Builder::new();
    builder.add(Feed::Osv, "osv", &dump).expect("an input");
    builder.write(&path).expect("a file");
    let sound = fs::read(&path).expect("a file");
    let open = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        Database::open(&path)
    };
    assert!(matches!(
        open(b"something else, of some length, as long as a header is, or longer, as it may well be"),
        Err(DatabaseError::Damaged { .. })
    ));
    assert!(matches!(open(b""), Err(DatabaseError::Damaged { .. })));
    assert!(matches!(open(&sound[..sound.len() - 1]), Err(DatabaseError::Damaged { .. })));
    let mut newer = sound.clone();
    newer[8] = 9;
    assert!(matches!(open(&newer), Err(DatabaseError::Format { found: 9, .. })));
    let mut changed = sound.clone();
    changed[super::HEADER + 20] ^= 1;
    let database = open(&changed).expect("it can be opened");
    assert!(matches!(database.verify(), Err(DatabaseError::Damaged { .. })));
    assert!(matches!(Database::open(&folder.path().join("none")), Err(DatabaseError::File { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever happens to the bytes, reading ends, and not in a panic.
    #[test]
    fn damage_is_told(at in any::<prop::sample::Index>(), bit in 0..8_u8, length in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let (dump, path) = (dump(folder.path(), 3), folder.path().join("db"));
        let mut builder = Builder::new();
        builder.add(Feed::Osv, "osv", &dump).expect("an input");
        builder.write(&path).expect("a file");
        let mut bytes = fs::read(&path).expect("a file");
        let place = at.index(bytes.len());
        bytes[place] ^= 1 << bit;
        bytes.truncate(bytes.len() - length.index(bytes.len()) / 8);
        fs::write(&path, bytes).expect("a file");
        if let Ok(database) = Database::open(&path) {
            let records = database.lookup(&Ecosystem::new("npm"), "package-0").unwrap_or_default();
            for record in &records {
                let _ = database.details(record);
            }
            prop_assert!(database.verify().is_err());
        }
    }
}

/// Public advisories in the folder that `PROBITY_OSV` names: `pypi` and `go` in OSV's form, `rustsec` in its own.
#[test]
fn public_advisories_are_built_and_found() {
    let Some(folder) = std::env::var_os("PROBITY_OSV").map(PathBuf::from) else {
        println!("not tried: PROBITY_OSV names no folder of advisories");
        return;
    };
    let target = tempfile::tempdir().expect("a folder");
    let path = target.path().join("db");
    let start = Instant::now();
    let mut builder = Builder::new();
    for (name, feed) in [("pypi", Feed::Osv), ("go", Feed::Osv), ("rustsec", Feed::RustSec)] {
        let status = builder.add(feed, name, &folder.join(name)).expect("an input");
        println!("{status:?}");
        assert_eq!(status.unreadable, 0, "{:?}", status.problems);
    }
    let status = builder.write(&path).expect("a file");
    println!(
        "built in {:?}, {} bytes, {:?}",
        start.elapsed(),
        fs::metadata(&path).expect("a file").len(),
        status.ecosystems
    );
    let start = Instant::now();
    let database = Database::open(&path).expect("a database");
    println!("opened in {:?}", start.elapsed());
    for (ecosystem, name, version) in [
        ("PyPI", "Jinja2", "2.4.1"),
        ("Go", "golang.org/x/net", "v0.5.0"),
        ("Go", "stdlib", "go1.21.3"),
        ("crates.io", "time", "0.1.42"),
        ("npm", "lodash", "1.0.0"),
    ] {
        let package = Package {
            ecosystem: Some(Ecosystem::new(ecosystem)),
            name: name.to_owned(),
            version: version.to_owned(),
            ..Package::default()
        };
        let start = Instant::now();
        let assessment = assess(&database, &package).expect("an answer");
        let elapsed = start.elapsed();
        match assessment {
            Assessment::Assessed(findings) => {
                assert!(!findings.is_empty(), "{name} {version}");
                println!("{name} {version} in {elapsed:?}: {} of them, the first {:?}", findings.len(), findings[0]);
            }
            Assessment::NotAssessed(why) => {
                assert_eq!(ecosystem, "npm");
                println!("{name}: {why}");
            }
        }
    }
}

#[test]
fn two_databases_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let build = |name: &str, advisories: &[(&str, &str, &str)]| {
        let dump = folder.path().join(format!("{name}-dump"));
        fs::create_dir_all(&dump).expect("a folder");
        for (id, package, fixed) in advisories {
            fs::write(dump.join(format!("{id}.json")), advisory(id, package, fixed)).expect("a file");
        }
        let mut builder = Builder::new();
        builder.add(Feed::Osv, "osv", &dump).expect("an input");
        builder.write(&folder.path().join(name)).expect("a file");
        Database::open(&folder.path().join(name)).expect("a database")
    };
    let old =
        build("old", &[("A-1", "a", "1.0.0"), ("B-1", "b", "1.0.0"), ("C-1", "c", "1.0.0"), ("D-1", "d", "1.0.0")]);
    let new =
        build("new", &[("A-1", "a", "1.0.0"), ("B-1", "b", "1.0.1"), ("D-1", "d", "1.0.0"), ("D-2", "d", "1.0.0")]);
    assert!(old.difference(&old).expect("an answer").is_empty());
    let difference = old.difference(&new).expect("an answer");
    let names = |names: &std::collections::BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!((names(&difference.new), names(&difference.gone)), ("D-2".to_owned(), "C-1".to_owned()));
    let packages: Vec<&str> = difference.packages.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(packages, ["b", "c", "d"]);
}
