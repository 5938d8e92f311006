//! What is known of vulnerabilities, from outside: a database's file, advisories in each form, VEX, reports of scanners.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_vulnerabilities::feed::{Kind, inputs};
use probity_vulnerabilities::{Builder, Database, Ecosystem, Package, ScanReport, Vex, assess};

fuzz_target!(|bytes: &[u8]| {
    let _ = Vex::read(bytes);
    if let Ok(mut report) = ScanReport::read(bytes) {
        if let Ok(vex) = Vex::read(bytes) {
            vex.apply(&mut report.findings, &[&report.artifact]);
        }
    }
    let Some((first, rest)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(["x.json", "x.yaml", "RUSTSEC-1.md", "x.csv", "x.zip"][usize::from(first % 5)]);
    std::fs::write(&path, rest).unwrap();
    if let Ok(database) = Database::open(&path) {
        ask(&database);
    }
    let named = Kind::names()[usize::from(first / 5) % Kind::names().len()];
    let found = inputs(&path).ok().and_then(|inputs| inputs.first().map(|input| input.kind));
    let mut builder = Builder::new();
    for kind in [Some(named.parse().unwrap()), found].into_iter().flatten() {
        let taken = match kind {
            Kind::Advisories(feed) => builder.add(feed, "x", &path).is_ok(),
            Kind::Epss => builder.add_epss(&path).is_ok(),
            Kind::KnownExploited => builder.add_known_exploited(&path).is_ok(),
            Kind::Database => false,
        };
        assert!(!taken || !rest.is_empty());
    }
    let written = folder.path().join("db");
    builder.write(&written).unwrap();
    let database = Database::open(&written).unwrap();
    database.verify().unwrap();
    ask(&database);
});

fn ask(database: &Database) {
    let ecosystems: Vec<Ecosystem> = database.status().ecosystems.keys().map(|name| Ecosystem::new(name)).collect();
    for ecosystem in ecosystems.into_iter().chain([Ecosystem::new("PyPI")]) {
        for name in ["a", "openssl", "x"] {
            let version = "1.0".to_owned();
            let package =
                Package { ecosystem: Some(ecosystem.clone()), name: name.to_owned(), version, ..Package::default() };
            let _ = assess(database, &package);
        }
    }
    let _ = database.difference(database);
}
