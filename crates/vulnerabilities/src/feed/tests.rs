use std::fs;
use std::io::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::{Feed, FeedError, read};
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

#[test]
fn an_input_without_advisories_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(read(Feed::Osv, "x", folder.path(), &mut |_| ()), Err(FeedError::Nothing { .. })));
    assert!(matches!(read(Feed::Osv, "x", &folder.path().join("none.json"), &mut |_| ()), Err(FeedError::Read { .. })));
    fs::write(folder.path().join("x.zip"), "none").expect("a file");
    assert!(matches!(read(Feed::Osv, "x", &folder.path().join("x.zip"), &mut |_| ()), Err(FeedError::Archive { .. })));
}

proptest! {
    /// Whatever is in a file, reading it ends, and not in a panic.
    #[test]
    fn any_text_is_read_or_refused(text in "(\\{\"id\": \"x\"|```toml|[\\[\\]{}\":, a-z0-9\n<>=.]|affected|ranges|events){0,40}") {
        for (feed, name) in [(Feed::Osv, "x.json"), (Feed::Osv, "x.yaml"), (Feed::RustSec, "x.md")] {
            let _ = feed.parse(name, text.as_bytes());
        }
    }

    #[test]
    fn any_requirement_is_read_or_refused(requirement in "[<>=^~*, 0-9.a-]{0,20}") {
        let text = format!("```toml\n[advisory]\nid = \"R\"\npackage = \"x\"\n[versions]\npatched = [\"{requirement}\"]\n```\n");
        let _ = Feed::RustSec.parse("RUSTSEC-1.md", text.as_bytes());
    }
}
