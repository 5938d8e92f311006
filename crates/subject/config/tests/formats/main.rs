//! What files of each format are read as.

mod dockerfile;
mod hcl;
mod plain;
mod trees;

use probity_model::{SourceId, Sources, json};
use probity_subject_config::{Format, MAX_DEPTH, parse};

/// The documents of a text as JSON, a line each; the problem when it is refused.
fn read(format: Format, text: &str) -> String {
    match parse(format, text, SourceId(0)) {
        Ok(documents) => documents.iter().map(|document| json::write(&document.value)).collect::<Vec<_>>().join("\n"),
        Err(problem) => format!("error: {problem}"),
    }
}

fn check(format: Format, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let found = read(format, text);
        if let Some(message) = expected.strip_prefix("error: ") {
            assert!(found.starts_with("error: ") && found.contains(message), "{text}\n{found}");
        } else {
            assert_eq!(found, *expected, "{text}");
        }
    }
}

/// The place that the problem of a text has, `line:column`.
fn place(format: Format, text: &str) -> String {
    let sources = Sources::default();
    let source = sources.add("f", text);
    let problem = parse(format, text, source).unwrap_err();
    let location = sources.locate(problem.span.unwrap()).unwrap();
    format!("{}:{}", location.line, location.column)
}

#[test]
fn entries_know_their_place() {
    for (format, text, key, expected) in [
        (Format::Json, "{\n \"a\": 1}", "a", "f:2:6"),
        (Format::Yaml, "x: 1\na: 1\n", "a", "f:2:1"),
        (Format::Edn, "; note\n{:a 1}", ":a", "f:2:2"),
        (Format::Toml, "x = 1\n[a]\nb = 1\n", "a", "f:2:1"),
        (Format::Hcl2, "x = 1\na \"b\" {}\n", "a", "f:2:1"),
        (Format::Hcl1, "x = 1\na \"b\" {}\n", "a", "f:2:1"),
        (Format::Ini, "[x]\n[a]\nb = 1\n", "a", "f:2:1"),
        (Format::Dotenv, "x=1\n a=2\n", "a", "f:2:2"),
        (Format::Properties, "x=1\n a=2\n", "a", "f:2:2"),
        (Format::Xml, "<!-- -->\n<a><b/></a>", "a", "f:2:1"),
    ] {
        let sources = Sources::default();
        let documents = parse(format, text, sources.add("f", text)).unwrap();
        let span = documents[0].value.as_object().unwrap().span(key).unwrap();
        assert_eq!(sources.locate(span).unwrap().to_string(), expected, "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    const LEVELS: usize = 100_000;
    for (format, text) in [
        (Format::Json, "[".repeat(LEVELS)),
        (Format::Jsonc, "[".repeat(LEVELS)),
        (Format::Yaml, "[".repeat(LEVELS)),
        (Format::Toml, format!("a = {}", "[".repeat(LEVELS))),
        (Format::Toml, format!("a{} = 1", ".b".repeat(LEVELS))),
        (Format::Toml, format!("[a{}]", ".b".repeat(LEVELS))),
        (Format::Hcl2, "a {".repeat(LEVELS)),
        (Format::Hcl2, format!("a = {}", "[".repeat(LEVELS))),
        (Format::Hcl2, format!("a = {}", "-".repeat(LEVELS))),
        (Format::Hcl2, format!("a = \"{}", "${\"".repeat(LEVELS))),
        (Format::Nginx, "a {".repeat(LEVELS)),
        (Format::Vcl, "a = {".repeat(LEVELS)),
        (Format::Vcl, "sub a { if (b) {".repeat(LEVELS)),
        (Format::Vcl, "if (a) {} else ".repeat(LEVELS)),
        (Format::Hcl1, "a {".repeat(LEVELS)),
        (Format::Hcl1, format!("a = {}", "[".repeat(LEVELS))),
        (Format::Hcl1, format!("a {} {{}}", "b ".repeat(LEVELS))),
        (Format::Hcl2, format!("a {} {{}}", "b ".repeat(LEVELS))),
        (Format::Vcl, format!("acl {} {{ a = 1; }}", "b ".repeat(LEVELS))),
        (Format::Cyclonedx, "[".repeat(LEVELS)),
        (Format::Edn, "[".repeat(LEVELS)),
        (Format::Edn, "#a ".repeat(LEVELS)),
        (Format::Edn, "#_ ".repeat(LEVELS)),
        (Format::Xml, "<a>".repeat(LEVELS)),
    ] {
        assert!(parse(format, &text, SourceId(0)).is_err(), "{format:?}");
    }
}

#[test]
fn what_is_read_is_no_deeper_than_json() {
    for (format, open, close) in [
        (Format::Nginx, "a {", "}"),
        (Format::Xml, "<a><b/>", "</a>"),
        (Format::Hcl1, "a {", "}"),
        (Format::Edn, "[", "]"),
    ] {
        let text = |levels: usize| format!("{}{}", open.repeat(levels), close.repeat(levels));
        assert!(parse(format, &text(20), SourceId(0)).is_ok(), "{format:?}");
        let problem = parse(format, &text(MAX_DEPTH + 2), SourceId(0)).unwrap_err();
        assert!(problem.message.contains("nested deeper than 256 levels"), "{problem}");
    }
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_read_or_refused(text in "\\PC*") {
            for format in Format::ALL {
                let _ = parse(format, &text, SourceId(0));
            }
        }

        #[test]
        fn of_marks_is_read_or_refused(text in "[a-cA 0-9ä=:;,#!/*+~&|%.'\"`$\\\\{}()\\[\\]<>@^?\r\n\t-]{0,80}") {
            for format in Format::ALL {
                let _ = parse(format, &text, SourceId(0));
            }
        }
    }
}
