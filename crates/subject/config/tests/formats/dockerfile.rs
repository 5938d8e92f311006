//! Dockerfiles.

use probity_model::{SourceId, Value, json};
use probity_subject_config::{Format, parse};

use super::{place, read};

/// Each command in a line: stage, name, trigger, flags, values, `json` if they were.
fn commands(text: &str) -> Vec<String> {
    let documents = parse(Format::Dockerfile, text, SourceId(0)).unwrap();
    assert_eq!(documents.len(), 1, "{text}");
    let line = |command: &Value| {
        let written = |key: &str| json::write(command.get(key).unwrap());
        let name = command.get("Cmd").unwrap().as_str().unwrap();
        let trigger = command.get("SubCmd").unwrap().as_str().unwrap();
        let json = if command.get("JSON").unwrap().as_bool().unwrap() { " json" } else { "" };
        format!("{} {name} {trigger}{}{}{json}", written("Stage"), written("Flags"), written("Value"))
    };
    documents[0].value.as_array().unwrap().iter().map(line).collect()
}

#[test]
fn instructions_take_their_arguments() {
    for (text, expected) in [
        ("FROM a AS b", r#"0 from []["a","AS","b"]"#),
        ("ARG A B=\"c d\"", r#"0 arg []["A","B=\"c d\""]"#),
        ("ENV a=1 b=\"c d\" e=f\\ g", r#"0 env []["a","1","=","b","\"c d\"","=","e","f\\ g","="]"#),
        ("LABEL a  b c", r#"0 label []["a","b c",""]"#),
        ("run a  b", r#"0 run []["a  b"]"#),
        ("RUN [\"a\", \"b c\"]", r#"0 run []["a","b c"] json"#),
        ("RUN [a, b]", r#"0 run []["[a, b]"]"#),
        ("CMD []", "0 cmd []null json"),
        ("ENTRYPOINT", "0 entrypoint nullnull"),
        ("COPY --from=b --chown='c d' e  f", r#"0 copy ["--from=b","--chown=c d"]["e","f"]"#),
        ("ADD [\"a b\", \"c\"]", r#"0 add []["a b","c"] json"#),
        ("EXPOSE 80 443/tcp", r#"0 expose []["80","443/tcp"]"#),
        ("HEALTHCHECK --retries=3 CMD a b", r#"0 healthcheck ["--retries=3"]["CMD","a b"]"#),
        ("ONBUILD Run a b", r#"0 onbuild Run[]["a b"]"#),
        ("WORKDIR /a b", r#"0 workdir []["/a b"]"#),
    ] {
        assert_eq!(commands(text), [expected], "{text}");
    }
}

#[test]
fn lines_comments_and_stages() {
    let text = "# syntax=docker/dockerfile:1\n# escape=`\n# one\n\nFROM a\n# lost\n#\n  RUN b `\n# between\n\n   c\nFROM d\nRUN <<E\n# in\nE\nUSER u";
    let expected = [
        r#"0 comment null["one"]"#,
        r#"0 from []["a"]"#,
        r#"0 run []["b    c"]"#,
        r#"1 from []["d"]"#,
        r#"1 run []["<<E"]"#,
        r#"1 user []["u"]"#,
    ];
    assert_eq!(commands(text), expected);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, message, at) in [
        ("FROM a\nFOO b\n", "`FOO` is not an instruction", "2:1"),
        ("FROM a\n  ENV b\n", "ENV `b` has no value", "2:3"),
        ("FROM a b\n", "FROM cannot take 2 arguments", "1:1"),
        ("FROM a\nCOPY b\n", "COPY cannot take 1 arguments", "2:1"),
        ("FROM a\nCMD [1]\n", "strings only", "2:1"),
        ("FROM a\nRUN <<E\n", "the here-document `E` does not end", "2:1"),
        ("FROM a\nONBUILD FROM b\n", "`FROM` cannot be one", "2:1"),
        ("# escape=x\n", "the escape can be", "1:1"),
        ("# nothing\n", "no instruction", "1:1"),
    ] {
        let found = read(Format::Dockerfile, text);
        assert!(found.starts_with("error: not valid Dockerfile: ") && found.contains(message), "{found}");
        assert_eq!(place(Format::Dockerfile, text), at, "{text}");
    }
}
