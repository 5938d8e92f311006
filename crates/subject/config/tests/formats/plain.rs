//! Formats of keys and values, and of trees of them.

use probity_subject_config::Format;

use super::{check, place};

#[test]
fn json() {
    check(
        Format::Json,
        &[
            (r#"{"b": [1, 2.50], "a": null}"#, r#"{"a":null,"b":[1,2.50]}"#),
            ("\u{feff}{}", "{}"),
            (r#"[{"a": 1}, [2], 3]"#, "{\"a\":1}\n[2]\n3"),
            ("[]", ""),
            (r#""text""#, r#""text""#),
            ("{\"a\": 1,}", "error: not valid JSON"),
            ("// note\n{}", "error: not valid JSON"),
        ],
    );
}

#[test]
fn jsonc() {
    check(
        Format::Jsonc,
        &[
            (
                "{\n  // one \"two\n  \"a\": \"// no\", /* b\n */ \"c\": \"\\\" # no\" # d\n}\n",
                r#"{"a":"// no","c":"\" # no"}"#,
            ),
            ("{} // no end", "{}"),
            ("{\"größe\": /* ä */ 1}", r#"{"größe":1}"#),
            ("{} /* ", "error: the comment does not end"),
            ("{\"a\": 1 / 2}", "error: not valid JSON"),
        ],
    );
    assert_eq!(place(Format::Jsonc, "{ // ä\n  \"a\": x }"), "2:8");
}

#[test]
fn yaml() {
    check(
        Format::Yaml,
        &[
            ("a: yes\nb: 0644\n", r#"{"a":true,"b":420}"#),
            ("a: 1\n---\nb: 2\n", "{\"a\":1}\n{\"b\":2}"),
            // A list of its own is several documents, among others it is one.
            ("- a\n- b\n", "\"a\"\n\"b\""),
            ("- a\n- b\n---\nc: 1\n", "[\"a\",\"b\"]\n{\"c\":1}"),
            // What stands between the separators is a document even when it is nothing.
            ("# note\n---\na: 1\n", "null\n{\"a\":1}"),
            ("---\na: 1\n---\n---\n", "{\"a\":1}\nnull"),
            ("a: 1\r\n---\r\n# none\r\n", "{\"a\":1}\nnull"),
            ("%YAML 1.1\n---\na: 1\n", r#"{"a":1}"#),
            ("%YAML 1.1\n---\na: 1\n---\nb: 2\n", "{\"a\":1}\n{\"b\":2}"),
            ("", "null"),
            ("# note\n", "null"),
            // Separators with a comment separate too.
            ("a: 1\n--- # two\nb: 2\n", "{\"a\":1}\n{\"b\":2}"),
            ("a: [1\n", "error: not valid YAML"),
        ],
    );
}

#[test]
fn dotenv() {
    check(
        Format::Dotenv,
        &[
            ("# note\n\nA=1\nexport B = two words # note\nC: three\n", r#"{"A":"1","B":"two words","C":"three"}"#),
            ("A='$B \\n'\nB=\"x\\ny\"\n", r#"{"A":"$B \\n","B":"x\ny"}"#),
            ("A=a\nB=$A-${A}-\\$A-$NONE-$lower\n", r#"{"A":"a","B":"a-a-$A--$lower"}"#),
            ("A=\"one # not a note\" # note\nB='it''s'\n", r#"{"A":"one # not a note","B":"it''s"}"#),
            ("A=\"one\ntwo\\\"\n# three\"\nB=\n", r#"{"A":"one\ntwo\"\n# three","B":""}"#),
            ("\u{feff}A=1\rB=2\r\nC.d=3", r#"{"A":"1","B":"2","C.d":"3"}"#),
            ("A=1\nA=2\n", r#"{"A":"2"}"#),
            ("ä=1\n", "error: `ä=1` is not NAME=value"),
            ("A\n", "error: `A` is not NAME=value"),
            ("A=\"open\n", "error: the quote does not end"),
        ],
    );
    assert_eq!(place(Format::Dotenv, "A=1\n  B\n"), "2:3");
    let doubling: String = (0..64).map(|n| format!("A{}=$A{n}$A{n}\n", n + 1)).collect();
    check(Format::Dotenv, &[(&format!("A0=x\n{doubling}"), "error: is longer than")]);
    let many = "B=$A\n".repeat(100);
    check(Format::Dotenv, &[(&format!("A={}\n{many}", "x".repeat(1 << 19)), "error: variables make the values")]);
}

#[test]
fn ignore() {
    check(
        Format::Ignore,
        &[
            (
                "# a \n!b\\ \nc  \n",
                concat!(
                    r##"[{"Kind":"Comment","Original":"# a ","Value":"a"},"##,
                    r#"{"Kind":"NegatedPath","Original":"!b\\ ","Value":"b "},"#,
                    r#"{"Kind":"Path","Original":"c  ","Value":"c"},"#,
                    r#"{"Kind":"Empty","Original":"","Value":""}]"#
                ),
            ),
            ("ä\\\\b", r#"[{"Kind":"Path","Original":"ä\\\\b","Value":"ä\\b"}]"#),
            (" ", r#"[{"Kind":"Empty","Original":" ","Value":" "}]"#),
        ],
    );
}

#[test]
fn properties() {
    check(
        Format::Properties,
        &[
            ("# a\n! b\na = 1\nb:two\nc three \n d\n", r#"{"a":"1","b":"two","c":"three ","d":""}"#),
            ("a\\ b=c\\\n   d\\te\\u00e4\\z\n", r#"{"a b":"cd\teäz"}"#),
            ("a=${b}\nb=${HOME}\n", r#"{"a":"${b}","b":"${HOME}"}"#),
            ("a=1\na=2\n", r#"{"a":"2"}"#),
            ("a=${b}\nb=${a}\n", "error: stands for itself"),
            ("a=${b\n", "error: without a `}`"),
            ("a=\\u12\n", "error: four hexadecimal digits"),
            ("=1\n", "error: a value without a key"),
        ],
    );
    assert_eq!(place(Format::Properties, "a=1\nb=\\u00\n"), "2:3");
    let chain: String = (0..10_000).map(|n| format!("a{n}=${{a{}}}\n", n + 1)).collect();
    check(Format::Properties, &[(&chain, "error: more than 64 values")]);
}

#[test]
fn ini() {
    check(
        Format::Ini,
        &[
            ("lost = 1\n[a]\nb = 1 ; note\nc: on\nd=True\n", r#"{"a":{"b":1,"c":"on","d":true}}"#),
            ("[a.b]\nc = \"x y\"\nd = it's\n; e = 1\n[a.b]\nf='g'\n", r#"{"a.b":{"c":"x y","d":"it's","f":"g"}}"#),
            ("[a]\nb = one \\\n  two\nc = \"\"\"three\nfour\"\"\"\n", r#"{"a":{"b":"one two","c":"three\nfour"}}"#),
            ("[a]\n- = x\n- = y\n`k = l`=m\n", "{\"a\":{\"#1\":\"x\",\"#2\":\"y\",\"k = l\":\"m\"}}"),
            ("[empty]\n", r#"{"empty":{}}"#),
            ("[a\n", "error: the section's name does not end"),
            ("[a]\nword\n", "error: `word` is no section, key or comment"),
            ("[a]\n= 1\n", "error: a value without a key"),
            ("[a]\nb = \"\"\"open\n", "error: the quoted value does not end"),
        ],
    );
    assert_eq!(place(Format::Ini, "[a]\nb=1\n word\n"), "3:2");
}

#[test]
fn toml() {
    check(
        Format::Toml,
        &[
            (
                "a = 1\n[b.c]\nd = [1.50, \"x\"]\n[[e]]\nf = {g = true}\n[[e]]\n",
                r#"{"a":1,"b":{"c":{"d":[1.50,"x"]}},"e":[{"f":{"g":true}},{}]}"#,
            ),
            ("a = 0xff\nb = 1_000\nc = +1.0\nd = 1e-2\n", r#"{"a":255,"b":1000,"c":1.0,"d":0.01}"#),
            ("a = 1979-05-27T07:32:00.50-07:00\n", r#"{"a":"1979-05-27T07:32:00.5-07:00"}"#),
            ("a = 1979-05-27\nb = 07:32:00\n", r#"{"a":"1979-05-27T00:00:00Z","b":"0000-01-01T07:32:00Z"}"#),
            ("a = inf\n", "error: `inf` is no number of JSON"),
            ("a = 1\na = 2\n", "error: duplicate key"),
            ("a = \n", "error: not valid TOML"),
        ],
    );
    check(Format::Toml, &[(&format!("a = 0.{}\n", "1".repeat(5000)), "error: is no number of JSON")]);
    assert_eq!(place(Format::Toml, "a = 1\nb = nan\n"), "2:5");
}

#[test]
fn xml() {
    check(
        Format::Xml,
        &[
            ("<a/>", r#"{"a":""}"#),
            ("<?xml version=\"1.0\"?>\n<a x:b=\"1 &lt;\"> t &amp; u <!-- c --> </a>\n", r#"{"a":{"-b":"1 <"}}"#),
            ("<a b=\"1\">t &amp; u</a>", r##"{"a":{"#content":"t & u","-b":"1"}}"##),
            ("<a><b>1</b><b>2</b><c:d>&#x41;</c:d></a>", r#"{"a":{"b":["1","2"],"d":"A"}}"#),
            ("<a>x<![CDATA[<y>]]></a>", r#"{"a":"<y>"}"#),
            ("<a>", "error: the element `a` does not end"),
            ("<a></b>", "error: not valid XML"),
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "error: the entity `b` is not known"),
        ],
    );
    assert_eq!(place(Format::Xml, "<a>\n<b>&c;</b></a>"), "2:4");
}

#[test]
fn cyclonedx() {
    check(
        Format::Cyclonedx,
        &[
            (r#"{"bomFormat": "CycloneDX"}"#, r#"{"bomFormat":"CycloneDX"}"#),
            ("[]", "error: a list is no bill of materials"),
            ("<bom/>", "error: the form in XML is not read"),
        ],
    );
}
