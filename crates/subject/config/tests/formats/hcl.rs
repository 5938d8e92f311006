//! HCL.

use probity_subject_config::Format;

use super::{check, place};

#[test]
fn blocks_and_attributes() {
    check(
        Format::Hcl2,
        &[
            (
                "resource \"a\" \"b\" {\n  c = 1.50\n  d {}\n  d {\n    e = -1\n  }\n}\nresource a f {}\n",
                r#"{"resource":{"a":{"b":[{"c":1.50,"d":[{},{"e":-1}]}],"f":[{}]}}}"#,
            ),
            ("a \"b\" {}\na \"b\" {\n  c = null\n}\n", r#"{"a":{"b":[{},{"c":null}]}}"#),
            ("a {}\na = [true, {b.c = 1, \"d\" = 2, 3 : 4}]\n", r#"{"a":[true,{"3":4,"b.c":1,"d":2}]}"#),
            ("", "{}"),
            ("\u{feff}a = \"ä\" # note\r\n", r#"{"a":"ä"}"#),
            ("a \"b\" {}\na {}\n", "error: `a` stands both with labels and without"),
            ("a {}\na \"b\" {}\n", "error: `a` stands both with labels and without"),
            ("a = 1\na = 2\n", "error: redefined attribute"),
            ("a = \n", "error: not valid HCL2"),
        ],
    );
    assert_eq!(place(Format::Hcl2, "b {}\na {\n  c =\n}\n"), "3:6");
    assert_eq!(place(Format::Hcl2, "a = 1\n  a = 2\n"), "2:3");
}

#[test]
fn expressions_are_their_source() {
    check(
        Format::Hcl2,
        &[
            ("a = var.b\nc = f(1, [2])\nd = !e\n", r#"{"a":"${var.b}","c":"${f(1, [2])}","d":"${!e}"}"#),
            ("a = [for b in c : b]\nd = (1 + 2)\n", r#"{"a":"${[for b in c : b]}","d":"${(1 + 2)}"}"#),
            ("a = b ?  1 : 2\nd = e[0].f.*.g\n", r#"{"a":"${b ?  1 : 2}","d":"${e[0].f.*.g}"}"#),
            ("a = {(b) = 1, \"${c}-d\" = 2}\n", r#"{"a":{"${(b)}":1,"${c}-d":2}}"#),
        ],
    );
}

#[test]
fn templates_are_written_again() {
    check(
        Format::Hcl2,
        &[
            ("a = \"${var.b}\"\nc = \"${5}\"\nd = \"x ${5} ${-5}\"\n", r#"{"a":"${var.b}","c":5,"d":"x 5 ${-5}"}"#),
            ("a = \"$${b} %%{c}\"\nd = \"${e}$${f}\"\n", r#"{"a":"$${b} %%{c}","d":"${e}$${f}"}"#),
            ("a = \"${\"b\"} c\"\nd = \"e ${f ? \"g\" : h}\"\n", r#"{"a":"b c","d":"e %{if f}g%{else}${h}%{endif}"}"#),
            ("a = \"%{ if b ~}  c  %{~ else }d%{ endif }\"\n", r#"{"a":"%{if b}c%{else}d%{endif}"}"#),
            ("a = \"%{ for b, c in d ~}  ${b} %{ endfor }\"\n", r#"{"a":"%{for b, c in d}${b} %{endfor}"}"#),
            ("a = \"b  ${~ c ~}  d\"\n", r#"{"a":"b${c}d"}"#),
            ("a = <<-E\n    b\n      ${c}\n  E\n", r#"{"a":"b\n  ${c}\n"}"#),
            ("a = <<E\n  ${b ~}\n  c\nE\n", r#"{"a":"  ${b}  c\n"}"#),
        ],
    );
}

#[test]
fn hcl1() {
    check(
        Format::Hcl1,
        &[
            (
                "resource \"a\" \"b\" {\n  c = \"${d[\"e\"]} \\n\"\n}\nresource \"a\" f {}\n",
                r#"{"resource":[{"a":[{"b":[{"c":"${d[\"e\"]} \n"}]}]},{"a":[{"f":[{}]}]}]}"#,
            ),
            ("a { b = 1 }\na { c = 0x1F }\n", r#"{"a":[{"b":1},{"c":31}]}"#),
            ("a = [1, -2.5, [true], {b = 0644}]\n", r#"{"a":[1,-2.5,[true],{"b":420}]}"#),
            ("a = { b = 1, c.d-e = 2 }\n", r#"{"a":[{"b":1,"c.d-e":2}]}"#),
            ("a = <<E\n  b\nE\nc = <<-E\n    d\n      e\n    E\n", r#"{"a":"  b\n","c":"d\n  e\n"}"#),
            ("# a\n// b\n/* c */ d = 1 e = 2", r#"{"d":1,"e":2}"#),
            ("a = 1\na = 2\n", r#"{"a":2}"#),
            ("a \"b\" {}\na {}\n", "error: `a` is given in forms that do not go together"),
            ("a \"b\" = 1\n", "error: `a` needs a `=` or a `{`"),
            ("a = [1 2]\n", "error: a comma is missing"),
            ("a {\n", "error: the object does not end"),
            ("a = \"\\q\"\n", "error: an escape that is not known"),
            ("a = <<E\nb\n", "error: the here-document does not end"),
            ("{}", "error: the form in JSON is not read"),
        ],
    );
    assert_eq!(place(Format::Hcl1, "a {\n  b = c\n}\n"), "2:7");
}
