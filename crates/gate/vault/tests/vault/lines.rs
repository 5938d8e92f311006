use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use jiff::civil::date;
use probity_gate_vault::audit::Auditor;
use probity_gate_vault::audit::lines::{Follower, Line, News, Splitter, read};
use probity_model::Location;
use proptest::prelude::*;

use crate::support::one;

fn texts(bytes: &[u8]) -> Vec<(u64, Result<String, String>)> {
    let mut lines = Vec::new();
    read(bytes, &mut |Line { number, text }| {
        lines.push((number, text));
        true
    })
    .unwrap();
    lines
}

#[test]
fn lines_are_numbered_and_what_is_wrong_is_said() {
    let lines = texts(b"{\"a\":1}\n\n\xff\xfe\r\n{\"b\":2}\r\n{\"c\":");
    let shown: Vec<(u64, Result<&str, &str>)> =
        lines.iter().map(|(number, text)| (*number, text.as_deref().map_err(String::as_str))).collect();
    assert_eq!(
        shown,
        [
            (1, Ok("{\"a\":1}")),
            (3, Err("the line is no UTF-8 text")),
            (4, Ok("{\"b\":2}")),
            (5, Err("the line is cut off: what it said is not known")),
        ]
    );
    assert_eq!(texts(b"{}\n{\"a\":1}").len(), 2, "a last line that is whole needs no end");
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn news(follower: &mut Follower) -> Vec<String> {
    let mut news = Vec::new();
    follower.look(&mut news).unwrap();
    news.into_iter()
        .map(|news| match news {
            News::Line(Line { number, text }) => format!("{number} {}", text.unwrap_or_else(|problem| problem)),
            News::Note(note) => note,
        })
        .collect()
}

#[test]
fn a_file_is_followed_over_rotations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut follower = Follower::new(&path);
    assert_eq!(news(&mut follower), ["the file is not there; it is waited for"]);
    assert!(news(&mut follower).is_empty(), "said once");
    append(&path, "{\"n\":1}\n{\"n\":");
    assert_eq!(news(&mut follower), ["1 {\"n\":1}"]);
    append(&path, "2}\n");
    assert_eq!(news(&mut follower), ["2 {\"n\":2}"]);
    // Put aside, written to once more, and replaced.
    append(&path, "{\"n\":3}\n{\"n\"");
    fs::rename(&path, folder.path().join("audit.log.1")).unwrap();
    append(&path, "{\"n\":4}\n");
    assert_eq!(
        news(&mut follower),
        [
            "3 {\"n\":3}",
            "4 the line is cut off: what it said is not known",
            "the file was replaced; the new one is followed",
            "1 {\"n\":4}"
        ]
    );
    // Copied and cut back.
    fs::write(&path, "").unwrap();
    assert_eq!(news(&mut follower), ["the file was cut back; it is read from its beginning"]);
    append(&path, "{\"n\":5}");
    assert!(news(&mut follower).is_empty());
    assert_eq!(follower.end().unwrap().text.unwrap(), "{\"n\":5}");
}

proptest! {
    #[test]
    fn lines_do_not_depend_on_how_the_bytes_come(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 1_usize..40) {
        let whole = texts(&bytes);
        let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
        for part in bytes.chunks(cut) {
            splitter.take(part, &mut lines);
        }
        lines.extend(splitter.end());
        let parts: Vec<_> = lines.into_iter().map(|line| (line.number, line.text)).collect();
        prop_assert_eq!(&whole, &parts);
        // Nothing is lost: every line that is not blank is there once.
        let count = bytes.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace)).count();
        prop_assert_eq!(whole.len(), count);
    }

    #[test]
    fn any_line_is_judged_or_told(line in ".{0,200}", path in "[a-z/*]{0,20}", kind in "request|response|x", data in "[{}\\[\\]\",:a1]{0,12}") {
        let mut auditor = Auditor::new(one("main = rule { request.data.a is 1 }", "hard-mandatory").set(), date(2026, 11, 27));
        let place = Location { path: "a".into(), line: 1, column: 1, end_line: 1, end_column: 1 };
        let shaped = format!(
            r#"{{"type":"{kind}","time":"2026-11-27T02:26:03Z","request":{{"path":"{path}","operation":"read","data":{data}}}}}"#
        );
        for line in [&line, &shaped] {
            auditor.line(&place, line);
        }
        let counts = auditor.counts();
        prop_assert_eq!(counts.problems + counts.judged, 2);
    }
}
