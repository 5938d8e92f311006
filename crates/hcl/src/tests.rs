use super::*;

fn parsed(text: &str) -> (Body, Vec<Problem>) {
    body(text, SourceId(0), &["locals", "resource"])
}

fn names(body: &Body) -> Vec<String> {
    body.blocks
        .iter()
        .map(|block| block.labels.last().map_or_else(|| block.name.to_string(), ToString::to_string))
        .collect()
}

#[test]
fn what_terraform_takes_is_taken() {
    for text in [
        "a = 1",
        "\u{feff}locals {}\n",
        "a = [1, 2,]\r\nb = \"x\"\r\n",
        "a = {\n  for k, v in var.x : k => v ?\n    1 :\n    2\n}\n",
        "a = f(\n  1,\n  2, # two\n)\n",
        "a = f(x...)\n",
        "a = provider::aws::arn_parse(\"x\")\n",
        "a = x.*.y[0]\nb = x[*].y\nc = x.0.y\n",
        "a = <<-E\n  x ${y} %{ if z }\n  w%{ endif }\n  E\n",
        "a = -b + !c == d ? e : f\n",
        "block label \"label\" {\n  inner { a = 1 }\n  # comment\n  /* one\n  more */\n}\n",
        "a = \"${x}-${\"y\"}\" // z\n",
        "a = { \"x y\" = 1, (b) = 2, c : 3\n d = 4 }\n",
        "a = \"unicode é ${\"\\u00e9\"}\"\n",
    ] {
        let (_, problems) = parsed(text);
        assert!(problems.is_empty(), "{text}: {problems:?}");
    }
}

#[test]
fn what_it_refuses_is_refused_with_its_place() {
    for (text, place) in [
        ("a = \n", 4),
        ("a = 1\na = 2\n", 6),
        ("a = \"x\n", 6),
        ("a = [1\nb = 2\n", 7),
        ("a = <<E\nx\n", 8),
        ("a = \"\\q\"\n", 5),
        ("a = x.0.1\n", 7),
        ("a = { b.c = 1 }\n", 6),
        ("a = \"%{ if x }\"\n", 15),
        ("a b\n", 3),
        ("block {\n  a = 1\n", 0),
        ("}\n", 0),
        ("a = 1 b = 2\n", 6),
        ("a = `x`\n", 4),
    ] {
        let (_, problems) = parsed(text);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert_eq!(problems[0].span.unwrap().start, place, "{text}: {problems:?}");
    }
}

#[test]
fn half_written_files_keep_their_other_blocks() {
    let good = "resource \"a\" \"last\" {\n  x = 1\n}\n";
    for (broken, kept) in [
        ("resource \"a\" \"one\" {\n  x = \n}\n", &["first", "last"][..]),
        ("resource \"a\" \"one\" {\n  x = 1\n\n", &["first", "last"]),
        ("resource \"a\" \"one\" {\n  rule {\n    x = [1, 2\n  }\n}\n", &["first", "last"]),
        ("resource \"a\" \"one\n", &["first", "last"]),
        ("resource \"a\"\n", &["first", "last"]),
        ("reso\n", &["first", "last"]),
        ("resource \"a\" \"one\" {\n  x = \"${var.\"\n}\n", &["first", "last"]),
        ("resource \"a\" \"one\" {\n  x = <<E\n never closed\n}\n", &["first", "last"]),
        ("<<<<<<< HEAD\nresource \"a\" \"one\" {}\n=======\n", &["first", "one", "last"]),
        ("resource \"a\" \"one\" {}}\n", &["first", "one", "last"]),
        ("resource \"a\" \"one\" {\n  x = 1\n  x = 2\n}\n", &["first", "one", "last"]),
    ] {
        let text = format!("resource \"a\" \"first\" {{}}\n{broken}{good}");
        let (body, problems) = parsed(&text);
        assert!(!problems.is_empty(), "{broken}");
        assert_eq!(names(&body), kept, "{broken}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.span.is_some()), "{problems:?}");
    }
}

#[test]
fn everything_knows_where_it_stands() {
    let text = "resource \"a\" \"b\" {\n  x = [1, \"${var.y}\"]\n}\n";
    let (body, _) = parsed(text);
    let at = |span: Span| &text[span.start as usize..span.end as usize];
    let block = &body.blocks[0];
    assert_eq!(at(block.span), text.trim_end());
    assert_eq!(at(block.body.attributes[0].span), "x = [1, \"${var.y}\"]");
    assert_eq!(at(block.body.attributes[0].value.span), "[1, \"${var.y}\"]");
}

#[test]
fn long_and_deep_texts_are_bounded() {
    for text in [
        format!("a = {}1{}\n", "(".repeat(10_000), ")".repeat(10_000)),
        format!("a = {}1\n", "-".repeat(10_000)),
        format!("a = 1{}\n", " + 1".repeat(100_000)),
        format!("a = x{}\n", "[0]".repeat(100_000)),
        format!("a = x{}\n", "[*]".repeat(100_000)),
        format!("a = {}\n", "x ? y : ".repeat(10_000)),
        format!("a = {}", "\"${".repeat(10_000)),
        format!("a = \"{}\"\n", "%{ if x }".repeat(10_000)),
        format!("{}\n", "a {".repeat(10_000)),
        format!("a = {{{}}}\n", "x = 1,".repeat(200_000)),
        "a = 1e999999999\n".to_owned(),
    ] {
        let (_, problems) = parsed(&text);
        let is_flat = text.starts_with("a = {x");
        assert_eq!(problems.is_empty(), is_flat, "{}: {problems:?}", &text[..20]);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-c =\"{}\\[\\]$%<>\n#/*().?:~E-]*") {
        let _ = parsed(&text);
        let _ = template(&text, nowhere());
    }

    #[test]
    fn any_change_of_a_file_is_read_or_refused(at in 0_usize..400, cut in 0_usize..20, put in "[a-c =\"{}\\[\\]$%<\n#~]{0,3}") {
        let text = "locals {\n  a = { for k, v in var.x : k => \"${v}-%{ if k }é%{ endif }\" if v... }\n  b = <<-E\n    x ${y}\n    E\n}\n\
                    resource \"t\" \"r\" {\n  count = 2\n  x     = f(a.b[0].*.c, [1, 2]...)\n  rule {\n    y = -1 + 2 * 3\n  }\n}\n";
        let at = (at.min(text.len())..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
        let end = ((at + cut).min(text.len())..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
        let _ = parsed(&format!("{}{put}{}", &text[..at], &text[end..]));
    }
}
