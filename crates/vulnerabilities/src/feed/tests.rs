use std::fs;
use std::io::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::{Feed, FeedError, Reading, read};
use crate::advisory::{Advisory, Event};

const ADVISORY: &str = r#"{"id": "GHSA-1", "modified": "2024-02-01T00:00:00Z", "aliases": ["CVE-2024-1"], "details": "Text.\nMore.",
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}], "references": null,
    "affected": [{"package": {"ecosystem": "PyPI", "name": "Some.Thing"}, "versions": ["1.0", "0.9b"],
        "ranges": [{"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]}, {"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"fixed": "1.2"}]}]},
        {"package": {"ecosystem": "Plan 9", "name": "x"}, "versions": ["1"]}], "database_specific": {"severity": "HIGH"}}"#;
const WITHDRAWN: &str = r#"{"id": "GHSA-2", "modified": "2024-03-01T00:00:00Z", "withdrawn": "2024-03-01T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "x"}, "versions": ["1"]}]}"#;

fn all(feed: Feed, path: &Path) -> (super::SourceStatus, Vec<Advisory>) {
    let mut advisories = Vec::new();
    let status = read(feed, "test", path, &mut |advisory| advisories.push(advisory)).expect("an input");
    (status, advisories)
}

#[test]
fn a_folder_and_an_archive_say_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [("b/GHSA-1.json", ADVISORY), ("a.json", WITHDRAWN), ("c.yaml", "id: [\n"), ("readme.txt", "")];
    let mut archive = zip::ZipWriter::new(fs::File::create(folder.path().join("all.zip")).expect("a file"));
    for (name, text) in files {
        let path = folder.path().join("dump").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        archive.write_all(text.as_bytes()).expect("an entry");
    }
    archive.finish().expect("an archive");
    fs::create_dir_all(folder.path().join("dump/.git")).expect("a folder");
    fs::write(folder.path().join("dump/.git/x.json"), ADVISORY).expect("a file");

    let (status, advisories) = all(Feed::Osv, &folder.path().join("dump"));
    assert_eq!((status.advisories, status.withdrawn, status.git_ranges), (1, 1, 1));
    assert_eq!((status.unknown_ecosystem, status.unreadable, status.newest.as_str()), (1, 1, "2024-02-01T00:00:00Z"));
    assert!(status.problems[0].starts_with("c.yaml: "), "{:?}", status.problems);
    assert_eq!((status, advisories), all(Feed::Osv, &folder.path().join("all.zip")));
}

#[test]
fn an_advisory_is_read_for_what_matches() {
    let reading = Feed::Osv.parse("GHSA-1.json", ADVISORY.as_bytes()).expect("an advisory");
    let [advisory] = reading.advisories.as_slice() else { panic!("one advisory") };
    assert_eq!((advisory.details.summary.as_str(), advisory.details.ratings.len()), ("Text.", 2));
    let [affected] = advisory.affected.as_slice() else { panic!("one package") };
    assert_eq!((affected.ecosystem.as_str(), affected.name.as_str()), ("PyPI", "some-thing"));
    // What a span has is not listed once more.
    assert_eq!(affected.record.versions, ["0.9b"]);
    assert_eq!(affected.record.ranges.len(), 1);
}

#[test]
fn what_rustsec_patches_ends_what_is_affected() {
    let cases = [
        ("patched = [\">= 1.2.3\"]", vec!["0", "<1.2.3"]),
        ("patched = []", vec!["0"]),
        ("patched = [\">= 2.0.0\"]\nunaffected = [\"< 1.0.0\"]", vec!["1.0.0", "<2.0.0"]),
        ("patched = [\">= 1.0.2, < 2.0.0\", \">= 2.0.2\"]", vec!["0", "<1.0.2", "2.0.0", "<2.0.2"]),
        ("patched = [\"^0.3.4\", \">= 0.5.1\"]", vec!["0", "<0.3.4", "0.4.0-0", "<0.5.1"]),
        ("patched = [\"> 1.2.3\"]", vec!["0", "<1.2.4-0"]),
        ("patched = [\"= 1.2.3\"]", vec!["0", "<1.2.3", "1.2.4-0"]),
        ("patched = [\"~1.2\"]\nunaffected = [\"<= 1.0.0\"]", vec!["1.0.1-0", "<1.2.0", "1.3.0-0"]),
    ];
    for (versions, expected) in cases {
        let text = format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-1\"\npackage = \"x\"\ndate = \"2024-01-01\"\n[versions]\n{versions}\n```\n\n# Title\n"
        );
        let reading = Feed::RustSec.parse("RUSTSEC-1.md", text.as_bytes()).expect("an advisory");
        let events = &reading.advisories[0].affected[0].record.ranges[0].events;
        let found = events.iter().map(|event| match event {
            Event::Introduced(version) => version.clone(),
            Event::Fixed(version) => format!("<{version}"),
            other => format!("{other:?}"),
        });
        let found: Vec<String> = found.collect();
        assert_eq!(found, expected, "{versions}");
        assert_eq!(reading.advisories[0].details.summary, "Title");
    }
}

/// What is affected, as `ecosystem name: events (status)`.
fn told(reading: &Reading) -> Vec<String> {
    let affected = reading.advisories.iter().flat_map(|advisory| &advisory.affected);
    let told = affected.map(|it| {
        let events: Vec<String> =
            it.record.ranges.iter().flat_map(|range| &range.events).map(|event| format!("{event:?}")).collect();
        format!("{} {} {}: {} {:?}", it.record.advisory, it.ecosystem, it.name, events.join(" "), it.record.status)
    });
    told.collect()
}

#[test]
fn debians_tracker_is_read() {
    let text = r#"{"openssl": {"CVE-1": {"description": "It breaks", "scope": "remote", "releases": {
        "bookworm": {"status": "resolved", "fixed_version": "3.0.9-1", "urgency": "high"},
        "trixie": {"status": "resolved", "fixed_version": "0", "urgency": "unimportant"},
        "bullseye": {"status": "open", "urgency": "not yet assigned", "nodsa": "Minor issue", "nodsa_reason": ""},
        "buster": {"status": "open", "urgency": "end-of-life"}, "sid": {"status": "open", "nodsa": "No", "nodsa_reason": "ignored"}, "unheard": {"status": "open"}}}}}"#;
    let reading = Feed::Debian.parse("json", text.as_bytes()).expect("a tracker");
    let mut told = told(&reading);
    told.sort();
    assert_eq!(
        told,
        [
            "CVE-1 Debian:10 openssl: Introduced(\"0\") EndOfLife",
            "CVE-1 Debian:11 openssl: Introduced(\"0\") Deferred",
            "CVE-1 Debian:12 openssl: Introduced(\"0\") Fixed(\"3.0.9-1\") Affected",
            "CVE-1 Debian:sid openssl: Introduced(\"0\") WillNotFix",
        ]
    );
}

#[test]
fn alpines_database_is_read() {
    let text = r#"{"distroversion": "v3.18", "reponame": "main", "packages": [{"pkg": {"name": "openssl", "secfixes": {"3.1.1-r0": ["CVE-1 GHSA-1", "CVE-2 (+remark)"], "0": ["CVE-3"], "1-r0": null}}}]}"#;
    let reading = Feed::Alpine.parse("main.json", text.as_bytes()).expect("a database");
    let fixed = "Alpine:v3.18 openssl: Introduced(\"0\") Fixed(\"3.1.1-r0\") Affected";
    assert_eq!(told(&reading), [format!("CVE-1 {fixed}"), format!("CVE-2 {fixed}")]);
    assert_eq!(reading.advisories[0].details.aliases, ["GHSA-1"]);
    assert!(Feed::Alpine.parse("x.json", br#"{"packages": []}"#).is_err());
}

#[test]
fn red_hats_statements_are_read() {
    let branch = |id: &str, helper: &str| {
        format!(r#"{{"product": {{"product_id": "{id}", "product_identification_helper": {{{helper}}}}}}}"#)
    };
    let link = |id: &str, package: &str, platform: &str| {
        format!(
            r#"{{"full_product_name": {{"product_id": "{id}"}}, "product_reference": "{package}", "relates_to_product_reference": "{platform}"}}"#
        )
    };
    let text = format!(
        r#"{{"document": {{"title": "t", "publisher": {{"name": "Red Hat Product Security"}}, "tracking": {{"id": "CVE-1", "current_release_date": "2026-01-01T00:00:00Z"}}}},
        "product_tree": {{"branches": [{{"branches": [{}, {}, {}, {}]}}], "relationships": [{}, {}, {}]}},
        "vulnerabilities": [{{"cve": "CVE-1", "product_status": {{"fixed": ["9:new"], "known_affected": ["8:any", "9:any"]}},
            "remediations": [{{"category": "no_fix_planned", "details": "Will not fix", "product_ids": ["8:any"]}}], "scores": [{{"cvss_v3": {{"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}}}], "threats": [{{"category": "impact", "details": "Important"}}]}}]}}"#,
        branch("8", r#""cpe": "cpe:/o:redhat:enterprise_linux:8""#),
        branch("9", r#""cpe": "cpe:/a:redhat:enterprise_linux:9::appstream""#),
        branch("new", r#""purl": "pkg:rpm/redhat/openssl@3.0.7-16.el9?arch=src&epoch=1""#),
        branch("any", r#""purl": "pkg:rpm/redhat/openssl""#),
        link("9:new", "new", "9"),
        link("8:any", "any", "8"),
        link("9:any", "any", "9"),
    );
    let reading = Feed::RedHat.parse("CVE-1.json", text.as_bytes()).expect("a document");
    assert_eq!(
        told(&reading),
        [
            "CVE-1 Red Hat:8 openssl: Introduced(\"0\") WillNotFix",
            "CVE-1 Red Hat:9 openssl: Introduced(\"0\") Fixed(\"1:3.0.7-16.el9\") Affected",
        ]
    );
    assert_eq!(reading.advisories[0].details.ratings.len(), 2);
}

/// A file that the real `bbolt` wrote of Trivy's own test records, which `PROBITY_TRIVY_DB` names.
#[test]
fn trivys_database_is_read() {
    let Some(path) = std::env::var_os("PROBITY_TRIVY_DB") else {
        println!("not tried: PROBITY_TRIVY_DB names no file of Trivy's database");
        return;
    };
    let (status, advisories) = all(Feed::TrivyDb, Path::new(&path));
    println!("{status:?}");
    let told = told(&Reading { advisories, ..Reading::default() });
    let alpine = "CVE-2019-14697 Alpine:v3.9 musl: Introduced(\"0\") Fixed(\"1.1.20-r5\") Affected";
    let python = "CVE-2019-14806 PyPI werkzeug: Introduced(\"0\") Fixed(\"0.15.3\") Affected";
    for expected in [alpine, python] {
        assert!(told.iter().any(|line| line == expected), "{expected} is not in {told:#?}");
    }
}

#[test]
fn an_input_without_advisories_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(read(Feed::Osv, "x", folder.path(), &mut |_| ()), Err(FeedError::Nothing { .. })));
    assert!(matches!(read(Feed::Osv, "x", &folder.path().join("none.json"), &mut |_| ()), Err(FeedError::Read { .. })));
    fs::write(folder.path().join("x.zip"), "PK\x03\x04none").expect("a file");
    assert!(matches!(read(Feed::Osv, "x", &folder.path().join("x.zip"), &mut |_| ()), Err(FeedError::Archive { .. })));
}

/// A file of `bbolt` with a sound head and a page of these bytes.
fn bolt(page: &[u8]) -> Vec<u8> {
    let numbers = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let mut meta = [0xED0C_DAED_u32, 2, 512, 0].iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    meta.extend(numbers(&[2, 0, 0, 3, 1]));
    let sum = meta
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    meta.extend(sum.to_le_bytes());
    let mut file = [vec![0; 16], meta].concat();
    file.resize(1024, 0);
    file.extend(page);
    file.resize(1536, 0);
    file
}

#[test]
fn a_page_of_trivys_database_is_read() {
    // A leaf with the bucket `alpine 3.18`, in it the bucket `musl`, in that one advisory: each small enough to stand inline.
    let leaf = |bucket: bool, key: &str, value: &[u8]| {
        let head = [0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0];
        let element = [
            u32::from(bucket),
            16,
            u32::try_from(key.len()).expect("short"),
            u32::try_from(value.len()).expect("short"),
        ];
        let element = element.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        [head.as_slice(), &element, key.as_bytes(), value].concat()
    };
    let inline = |page: Vec<u8>| [vec![0; 16], page].concat();
    let advisory = leaf(false, "CVE-1", br#"{"FixedVersion": "1.2.4-r1", "Severity": 3}"#);
    let page = leaf(true, "alpine 3.18", &inline(leaf(true, "musl", &inline(advisory))));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trivy.db");
    fs::write(&path, bolt(&page)).expect("a file");
    let (status, advisories) = all(Feed::TrivyDb, &path);
    assert_eq!((status.advisories, status.digest.len()), (1, 64));
    let expected = "CVE-1 Alpine:v3.18 musl: Introduced(\"0\") Fixed(\"1.2.4-r1\") Affected";
    assert_eq!(told(&Reading { advisories, ..Reading::default() }), [expected]);
}

proptest! {
    /// Whatever is in a file, reading it ends, and not in a panic.
    #[test]
    fn any_text_is_read_or_refused(text in "(\\{\"id\": \"x\"|```toml|[\\[\\]{}\":, a-z0-9\n<>=.]|affected|ranges|events){0,40}") {
        let feeds = [(Feed::Osv, "x.json"), (Feed::Osv, "x.yaml"), (Feed::RustSec, "x.md"), (Feed::Debian, "x.json"), (Feed::Alpine, "x.json"), (Feed::RedHat, "x.json")];
        for (feed, name) in feeds {
            let _ = feed.parse(name, text.as_bytes());
        }
    }

    /// Nor does a file of pages that are not as they should be.
    #[test]
    fn any_bytes_are_no_database_of_trivys(bytes in prop::collection::vec(any::<u8>(), 0..300), sound in any::<bool>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trivy.db");
        fs::write(&path, if sound { bolt(&bytes) } else { bytes }).expect("a file");
        let _ = read(Feed::TrivyDb, "x", &path, &mut |_| ());
    }

    #[test]
    fn any_requirement_is_read_or_refused(requirement in "[<>=^~*, 0-9.a-]{0,20}") {
        let text = format!("```toml\n[advisory]\nid = \"R\"\npackage = \"x\"\n[versions]\npatched = [\"{requirement}\"]\n```\n");
        let _ = Feed::RustSec.parse("RUSTSEC-1.md", text.as_bytes());
    }
}
