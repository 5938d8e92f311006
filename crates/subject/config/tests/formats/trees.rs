//! Formats of nested blocks and forms.

use probity_subject_config::Format;

use super::{check, place};

#[test]
fn nginx() {
    check(
        Format::Nginx,
        &[
            ("", r#"{"directives":[]}"#),
            (
                "user a; # note\nlog_format m '$b'\n \"c\";\n",
                concat!(
                    r#"{"directives":[{"name":"user","parameters":["a"]},"#,
                    r#"{"name":"log_format","parameters":["m","'$b'","\"c\""]}]}"#
                ),
            ),
            // Servers come last, and their named parameters in order.
            (
                "http { server {} upstream u { server a x=1 down b=2; hash c; } }",
                concat!(
                    r#"{"directives":[{"block":{"directives":["#,
                    r#"{"block":{"directives":[{"name":"hash","parameters":["c"]},"#,
                    r#"{"name":"server","parameters":["a","b=2","x=1","down"]}]},"name":"upstream","parameters":["u"]},"#,
                    r#"{"block":{"directives":[]},"name":"server"}]},"name":"http"}]}"#
                ),
            ),
            ("set $a /x/${b}/y;", r#"{"directives":[{"name":"set","parameters":["$a","/x/${b}/y"]}]}"#),
            (
                "content_by_lua_block { local a = {1} }",
                r#"{"directives":[{"block":{"directives":[]},"name":"content_by_lua_block"}]}"#,
            ),
            ("http {", "error: the block does not end"),
            ("}", "error: no block is open here"),
            ("a { b }", "error: `b` does not end with a `;`"),
            ("a \"b;", "error: the quote does not end"),
            ("location a b c {}", "error: `location` takes a path"),
            ("include a b;", "error: `include` takes one path"),
        ],
    );
    assert_eq!(place(Format::Nginx, "http {\n  gzip on\n}\n"), "2:3");
}

#[test]
fn edn() {
    check(
        Format::Edn,
        &[
            ("; note\n{:a 1, \"b\" [true nil] c/d ()}", r#"{":a":"1","b":["true","<nil>"],"c/d":[]}"#),
            ("[\"x\\n\\u00e4\" \\a \\newline]", "\"x\\nä\"\n\"97\"\n\"10\""),
            ("{:a [1.0 1e30 -0.5 7N 1.5M 123456789.0]}", r#"{":a":["1","1e+30","-0.5","7","1.5","1.23456789e+08"]}"#),
            ("{:a #{1 :b} :c #d [1 {:e f}]}", r##"{":a":"map[1:true :b:true]",":c":"#d [1 map[:e:f]]"}"##),
            ("{#_ a :b #_#_ 1 2 3} rest", r#"{":b":"3"}"#),
            ("{:a #inst \"1985-04-12T23:20:50.520Z\"}", r#"{":a":"1985-04-12 23:20:50.52 +0000 UTC"}"#),
            ("{:a #inst \"1985-04-12T23:20:50+01:00\"}", r#"{":a":"1985-04-12 23:20:50 +0100 +0100"}"#),
            ("", "error: a value is missing"),
            ("{:a}", "error: a key that has no value"),
            ("[1", "error: no `]` follows"),
            ("{[1] 2}", "error: only a scalar can be a key here"),
            ("\"a", "error: the string does not end"),
            ("\"\\q\"", "error: an escape that is not known"),
            ("01", "error: `01` is not a value"),
            ("#inst \"no\"", "error: not a time of RFC 3339"),
        ],
    );
    assert_eq!(place(Format::Edn, "{:a 1\n :b ^c}"), "2:5");
}

#[test]
fn vcl() {
    check(
        Format::Vcl,
        &[
            (
                "vcl 4.1;\nimport std;\n# note\nbackend a {\n  .host = \"h\";\n  .probe = { .url = \"/u\"; .interval = 5s; }\n}\n",
                r#"{"backend":{"a":{".probe":{"interval":5,"url":"\"/u"},"host":"h"}}}"#,
            ),
            (
                "acl a { \"localhost\"; \"10.0.0.0\"/8; ! \"10.0.0.1\"; }",
                r#"{"acl":{"a":["localhost","\"10.0.0.0\"/8"]}}"#,
            ),
            ("table t { \"a\": \"b\", \"c\": \"d\" }", r#"{"table":{"t":{"a":"b","c":"d"}}}"#),
            (
                "sub s { if (a ~ \"b\") { set c = d; } elsif (e) { call f; } else { } set g.h = \"i\"; return (pass); }",
                r#"{"sub":{"s":{"g.h":"i"}}}"#,
            ),
            ("sub s { set a = b + \"c\"; }", r#"{"sub":{"s":{"a":"b + \"c\""}}}"#),
            ("sub s { call t; }", r#"{"sub":{"s":[]}}"#),
            (
                "director d client { { .backend = a; } }",
                concat!(
                    r#"{"director":{"d":[{"Body":{"Attributes":{".backend":{"Name":".backend","Value":"a"}},"#,
                    r#""Blocks":null,"Comments":[],"Flats":[]},"Labels":null,"Type":"{"}]}}"#
                ),
            ),
            ("", "{}"),
            ("backend a {", "error: the block does not end"),
            ("backend a", "error: a block of `backend` is missing"),
            ("sub s { set a = ; }", "error: a value is missing"),
            ("sub s { if (a { } }", "error: no `)` follows"),
            ("/* a", "error: the comment does not end"),
            ("a = \"b", "error: the string does not end"),
        ],
    );
    assert_eq!(place(Format::Vcl, "backend a {\n  .b = ;\n}\n"), "2:8");
}
