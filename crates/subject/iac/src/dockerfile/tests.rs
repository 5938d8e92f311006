use probity_model::{Sources, json};
use proptest::prelude::*;

use super::*;

fn read_text(text: &str) -> (Sources, Read) {
    let sources = Sources::default();
    let id = sources.add("Dockerfile", text);
    let read = read(Path::new("Dockerfile"), text, id);
    (sources, read)
}

fn document(text: &str) -> Value {
    read_text(text).1.subjects.pop().expect("a subject").document
}

fn at(text: &str, path: &[&str]) -> String {
    let mut document = document(text);
    for step in path {
        let next = match step.parse::<usize>() {
            Ok(index) => document.as_array().and_then(|list| list.get(index)).cloned(),
            Err(_) => document.get(step).cloned(),
        };
        match next {
            Some(value) => document = value,
            None => return "-".to_owned(),
        }
    }
    json::write(&document)
}

#[test]
fn the_document() {
    let text = "ARG V=1.26\nFROM docker.io/library/golang:${V} AS build\nRUN go build ./...\n\
                FROM scratch\nCOPY --from=build /a /b\nUSER 65534\n";
    let expected = r#"{"final":{"from":{"digest":null,"image":"scratch","platform":null,"reference":"scratch","stage":null,"tag":null},"healthcheck":false,"instructions":[COPY,USER],"user":"65534"},"instructions":[{"args":[{"key":"V","value":"1.26"}],"flags":{},"form":"shell","instruction":"ARG","stage":null,"value":"V=1.26"},{"args":["docker.io/library/golang:1.26","AS","build"],"flags":{},"form":"shell","instruction":"FROM","stage":0,"value":"docker.io/library/golang:${V} AS build"},RUN,{"args":["scratch"],"flags":{},"form":"shell","instruction":"FROM","stage":1,"value":"scratch"},COPY,USER],"stages":[{"from":{"digest":null,"image":"docker.io/library/golang","platform":null,"reference":"docker.io/library/golang:1.26","stage":null,"tag":"1.26"},"instructions":[RUN],"name":"build"},{"from":{"digest":null,"image":"scratch","platform":null,"reference":"scratch","stage":null,"tag":null},"instructions":[COPY,USER],"name":null}]}"#;
    let expected = expected
        .replace("RUN,", r#"{"args":["go build ./..."],"flags":{},"form":"shell","instruction":"RUN","stage":0,"value":"go build ./..."},"#)
        .replace("[RUN]", r#"[{"args":["go build ./..."],"flags":{},"form":"shell","instruction":"RUN","stage":0,"value":"go build ./..."}]"#)
        .replace("COPY,USER", r#"{"args":["/a","/b"],"flags":{"from":"build"},"form":"shell","instruction":"COPY","stage":1,"value":"--from=build /a /b"},{"args":["65534"],"flags":{},"form":"shell","instruction":"USER","stage":1,"value":"65534"}"#);
    assert_eq!(json::write(&document(text)), expected);
}

#[test]
fn references() {
    for (text, reference, image, tag, digest) in [
        ("FROM a:1", r#""a:1""#, r#""a""#, r#""1""#, "null"),
        ("from r:5000/a@sha256:d", r#""r:5000/a@sha256:d""#, r#""r:5000/a""#, "null", r#""sha256:d""#),
        ("ARG I=a\nARG T=$I-x\nFROM $I:$T", r#""a:a-x""#, r#""a""#, r#""a-x""#, "null"),
        ("ARG T\nFROM a:${T:-2}", r#""a:2""#, r#""a""#, r#""2""#, "null"),
        ("ARG T\nFROM a:$T", r#""<unknown: a:$T>""#, r#""a""#, r#""<unknown: a:$T>""#, r#""<unknown: a:$T>""#),
        ("FROM $B", r#""<unknown: $B>""#, r#""<unknown: $B>""#, r#""<unknown: $B>""#, r#""<unknown: $B>""#),
        ("FROM a AS b\nARG T=1\nFROM a:$T", r#""a""#, r#""a""#, "null", "null"),
    ] {
        let part = |name| at(text, &["stages", "0", "from", name]);
        assert_eq!(part("reference"), reference, "{text}");
        assert_eq!(
            (part("image").as_str(), part("tag").as_str(), part("digest").as_str()),
            (image, tag, digest),
            "{text}"
        );
    }
    assert_eq!(at("FROM a\nARG T=1\nFROM a:$T", &["stages", "1", "from", "tag"]), r#""<unknown: a:$T>""#);
    let platform = |text| at(text, &["stages", "0", "from", "platform"]);
    assert_eq!(platform("FROM --platform=linux/amd64 a"), r#""linux/amd64""#);
    assert_eq!(platform("FROM --platform=$BUILDPLATFORM a"), r#""<unknown: $BUILDPLATFORM>""#);
}

#[test]
fn the_last_stage_inherits() {
    let text = "FROM a:1 AS Base\nUSER app\nHEALTHCHECK CMD true\nENV P=80\nFROM b AS other\nUSER x\nFROM base AS last\nEXPOSE $P\n";
    assert_eq!(at(text, &["final", "user"]), r#""app""#);
    assert_eq!(at(text, &["final", "from", "tag"]), r#""1""#);
    assert_eq!(at(text, &["final", "healthcheck"]), "true");
    assert_eq!(at(text, &["final", "instructions", "3", "args"]), r#"[{"port":80,"protocol":"tcp"}]"#);
    assert_eq!(at(text, &["stages", "2", "from", "stage"]), "0");
    assert_eq!(at(text, &["stages", "2", "from", "image"]), "null");
    assert_eq!(at(&format!("{text}HEALTHCHECK NONE\nUSER 0\n"), &["final", "healthcheck"]), "false");
    assert_eq!(at(&format!("{text}USER 0\n"), &["final", "user"]), r#""0""#);
    assert_eq!(at("FROM a", &["final", "user"]), "-");
    assert_eq!(at("FROM a\nARG U\nUSER $U", &["final", "user"]), r#""<unknown: $U>""#);
    assert_eq!(at("ARG U=me\nFROM a\nARG U\nUSER ${U}:g", &["final", "user"]), r#""me:g""#);
    assert_eq!(at("ARG U=me\nFROM a\nUSER ${U}", &["final", "user"]), r#""<unknown: ${U}>""#);
}

#[test]
fn arguments() {
    for (line, form, flags, args) in [
        ("RUN a && \\\n  # why\n  b", "shell", "{}", r#"["a && b"]"#),
        ("RUN [\"a\", \"b c\"]", "exec", "{}", r#"["a","b c"]"#),
        ("RUN [a, b]", "shell", "{}", r#"["[a, b]"]"#),
        (
            "RUN --mount=type=a --mount=type=b --network=none x",
            "shell",
            r#"{"mount":["type=a","type=b"],"network":"none"}"#,
            r#"["x"]"#,
        ),
        ("RUN <<EOF\na\nb\nEOF", "shell", "{}", r#"["a\nb"]"#),
        ("RUN cat <<A > x\na\nA", "shell", "{}", r#"["cat <<A > x\na"]"#),
        ("ADD --chown=a:b x y /z", "shell", r#"{"chown":"a:b"}"#, r#"["x","y","/z"]"#),
        ("COPY --link [\"a b\", \"/c\"]", "exec", r#"{"link":true}"#, r#"["a b","/c"]"#),
        (
            "ENV A=1 B=\"x y\" C=d\\ e",
            "shell",
            "{}",
            r#"[{"key":"A","value":"1"},{"key":"B","value":"x y"},{"key":"C","value":"d e"}]"#,
        ),
        ("ENV A b c=d", "shell", "{}", r#"[{"key":"A","value":"b c=d"}]"#),
        ("LABEL a.b=\"c\"", "shell", "{}", r#"[{"key":"a.b","value":"c"}]"#),
        ("ARG A B=2", "shell", "{}", r#"[{"key":"A","value":null},{"key":"B","value":"2"}]"#),
        (
            "EXPOSE 22 53/UDP 20-21 $P",
            "shell",
            "{}",
            r#"[{"port":22,"protocol":"tcp"},{"port":53,"protocol":"udp"},{"port":20,"protocol":"tcp"},{"port":21,"protocol":"tcp"},{"port":"<unknown: $P>","protocol":"tcp"}]"#,
        ),
        ("HEALTHCHECK --interval=5m CMD curl -f x", "shell", r#"{"interval":"5m"}"#, r#"["CMD","curl -f x"]"#),
        ("healthcheck none", "shell", "{}", r#"["NONE"]"#),
        ("SHELL [\"a\", \"-c\"]", "exec", "{}", r#"["a","-c"]"#),
        ("VOLUME [\"/a\"]", "exec", "{}", r#"["/a"]"#),
        ("WORKDIR /a b", "shell", "{}", r#"["/a b"]"#),
        ("ONBUILD RUN x", "shell", "{}", r#"["RUN x"]"#),
    ] {
        let text = format!("FROM a\n{line}\n");
        let part = |name| at(&text, &["instructions", "1", name]);
        assert_eq!(
            (part("form"), part("flags"), part("args")),
            (format!("{form:?}"), flags.into(), args.into()),
            "{line}"
        );
    }
}

#[test]
fn ranges_of_ports_are_bounded() {
    let many = format!("FROM a\nEXPOSE 1-65535 {}", "1-65535/udp ".repeat(1000));
    let (_, read) = read_text(&many);
    let args = read.subjects[0].document.get("instructions").unwrap().as_array().unwrap().get(1).unwrap();
    assert_eq!(args.get("args").unwrap().as_array().unwrap().len(), 65_535 + 2 * 1000);
}

#[test]
fn what_is_refused_has_a_place_and_the_rest_is_read() {
    for (text, place, message, subjects) in [
        ("FROM a\nRUM x\nUSER y\n", "2:1", "`RUM` is not an instruction", 1),
        ("FROM a\nRUN\n", "2:1", "RUN says nothing", 1),
        ("FROM\n", "1:1", "FROM says nothing", 1),
        ("FROM a b\n", "1:1", "FROM has more than an image", 1),
        ("ARG A\nRUN x\nFROM a\n", "2:1", "RUN stands before the first FROM", 1),
        ("ARG A\n", "1:1", "has no FROM", 1),
        ("FROM a\nRUN <<X\nb\n", "2:1", "the here-document `X` does not end", 1),
        ("hello\n", "1:1", "holds no instruction", 0),
        ("", "1:1", "holds no instruction", 0),
        ("FROM a\n# probity:skip=A:expires=no\n", "2:3", "`no` is not a date", 1),
    ] {
        let (sources, read) = read_text(text);
        let problem = read.problems.first().expect(text);
        assert_eq!(sources.locate(problem.span.unwrap()).unwrap().to_string(), format!("Dockerfile:{place}"), "{text}");
        assert!(problem.message.starts_with(message) && problem.help.is_some(), "{text}: {problem:?}");
        assert_eq!(read.subjects.len(), subjects, "{text}");
    }
    let (_, read) = read_text(&format!("FROM a\n{}", "x y\n".repeat(1000)));
    assert_eq!(read.problems.len(), MAX_PROBLEMS + 1);
    let (_, read) = read_text(&"FROM a\n".repeat(1000));
    assert_eq!(read.subjects[0].document.get("stages").unwrap().as_array().unwrap().len(), MAX_STAGES);
}

#[test]
fn entries_and_skips_know_their_place() {
    let text = "# checkov:skip=CKV_1:why\nFROM a\nUSER b\nFROM c\nRUN x \\\n  # tfsec:ignore:B\n  y\n";
    let (sources, read) = read_text(text);
    let subject = &read.subjects[0];
    let line = |span: Option<Span>| sources.locate(span.unwrap()).unwrap().line;
    assert_eq!(line(subject.header), 4);
    assert_eq!(subject.skips.iter().map(|skip| line(skip.span)).collect::<Vec<_>>(), [1, 6]);
    let list = |value: &Value, key: &str| value.get(key).unwrap().as_array().unwrap().clone();
    let instructions = list(&subject.document, "instructions");
    assert_eq!((0..4).map(|index| line(instructions.span(index))).collect::<Vec<_>>(), [2, 3, 4, 5]);
    let stages = list(&subject.document, "stages");
    assert_eq!((line(stages.span(0)), line(stages.span(1))), (2, 4));
    let run = instructions.get(3).unwrap().as_object().unwrap();
    assert_eq!(sources.locate(run.span("value").unwrap()).unwrap().end_line, 7);
}

/// What parse-dockerfile reads has the same instructions here.
fn agrees(text: &str) {
    let Ok(theirs) = parse_dockerfile::parse(text) else { return };
    let ours = document(text);
    let ours = ours.get("instructions").unwrap().as_array().unwrap();
    assert_eq!(ours.len(), theirs.instructions.len(), "{text}");
    for (ours, theirs) in ours.iter().zip(&theirs.instructions) {
        let name = format!("{theirs:?}").split(['(', ' ']).next().unwrap_or_default().to_ascii_uppercase();
        assert_eq!(ours.get("instruction").unwrap().as_str(), Some(name.as_str()), "{text}");
        if let parse_dockerfile::Instruction::From(from) = theirs {
            let written = ours.get("value").unwrap().as_str().unwrap();
            assert!(written.contains(&*from.image.value), "{text}");
        }
    }
}

#[test]
fn agrees_with_another_parser() {
    for text in [
        "FROM a\nRUN a \\\n\n # c\n b\nCOPY --from=0 a b\nCMD [\"a\"]\n",
        "# escape=`\nFROM a AS b\nRUN a `\n b\nENV a=b c=d\nHEALTHCHECK CMD x\n",
        "FROM a\nRUN <<A cat <<-B\nFROM b\nA\n\tUSER c\n\tB\nUSER d\n",
    ] {
        agrees(text);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "(FROM |ARG |A=|RUN |ENV |EXPOSE 1-|COPY |--from=|<<E|\nE\n|\\$A|\\$\\{A:-|\\}|ö|\\\\|\n|# |escape=`\n|`|\"|'|\\[\"| AS b|@|:|,|\\]){0,24}"
    ) {
        let _ = read_text(&text);
    }
}
