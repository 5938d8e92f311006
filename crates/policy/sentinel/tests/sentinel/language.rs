//! The language, feature by feature.

use probity_policy_sentinel::Verdict;

use crate::support::{check, run};

#[test]
fn literals() {
    check(&[
        ("42", "42"),
        ("0600", "384"),
        ("0xBadFace", "195951310"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("072.40", "72.4"),
        (".25", "0.25"),
        ("1E6", "1000000.0"),
        ("6.5e-1", "0.65"),
        (r#""a\tb\"\u65e5\x41\101\U00008a9e""#, r#""a\tb\"日AA語""#),
        ("x = `a\\n\nb`", r#""a\\n\nb""#),
        ("[1, 2,]", "[1, 2]"),
        (r#"{"b": 1, "a": [true, null],}"#, r#"{"a": [true, null], "b": 1}"#),
        (r#"{1: "a", true: "b"}[1]"#, r#""a""#),
        ("{null: 1}", "error: cannot be the key"),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-5 % 3", "-2"),
        ("5 % -3", "2"),
        ("7 / 2.0", "3.5"),
        ("1 / 0", "error: division by zero"),
        ("9223372036854775807 + 1", "-9223372036854775808"),
        ("-9223372036854775808 / -1", "-9223372036854775808"),
        (r#""a" + "b""#, r#""ab""#),
        ("[1] + [2]", "[1, 2]"),
        (r#""a" + 1"#, "error: not there for string and int"),
        ("-\"a\"", "error: a sign wants a number"),
        ("10 - 2 - 3", "5"),
    ]);
}

#[test]
fn comparison() {
    check(&[
        ("1 is 1.0", "true"),
        ("1 == \"1\"", "false"),
        ("null is null", "true"),
        ("1 is null", "false"),
        ("{} is not null", "true"),
        ("[1, [2]] is [1, [2]]", "true"),
        ("[1, 2] is [2, 1]", "false"),
        (r#"{"a": 1, "b": 2} is {"b": 2, "a": 1}"#, "true"),
        ("\"b\" > \"a\"", "true"),
        ("1 < 1.5", "true"),
        ("1 < \"a\"", "undefined"),
        ("true is not false", "true"),
        ("not true is false", "true"),
        ("1 != 2", "true"),
    ]);
}

#[test]
fn undefined_in_logic() {
    check(&[
        ("undefined or true", "true"),
        ("undefined or false", "undefined"),
        ("undefined or undefined", "undefined"),
        ("undefined and true", "undefined"),
        ("undefined and false", "undefined"),
        ("undefined xor true", "undefined"),
        ("false or true or undefined", "true"),
        ("false or undefined or true", "true"),
        ("true and false and undefined", "false"),
        ("true and undefined and false", "undefined"),
        ("not undefined", "undefined"),
        ("undefined + 5", "undefined"),
        ("-undefined", "undefined"),
        ("undefined == undefined", "undefined"),
        ("undefined in [1]", "undefined"),
        ("undefined matches \"a\"", "undefined"),
        ("undefined else 1", "1"),
        ("null else 1", "null"),
        ("undefined()", "undefined"),
        ("undefined.a.b", "undefined"),
        ("undefined[0]", "undefined"),
        ("undefined is empty", "undefined"),
        ("undefined is not empty", "undefined"),
        ("undefined is defined", "false"),
        ("undefined is not defined", "true"),
        ("false and error(\"no\")", "false"),
        ("true or error(\"no\")", "true"),
        ("true xor false", "true"),
        ("true xor true", "false"),
        ("1 and true", "error: wants booleans"),
    ]);
}

#[test]
fn membership() {
    check(&[
        ("[1, 2] contains 2", "true"),
        ("[1, 2] not contains 3", "true"),
        ("3 not in [1, 2]", "true"),
        (r#""a" in {"a": 1}"#, "true"),
        (r#""est" in "test""#, "true"),
        ("[1, undefined] contains 1", "true"),
        ("[1, undefined] contains 2", "undefined"),
        ("[1, undefined] not contains 2", "undefined"),
        ("null contains 1", "error: expected a list"),
        (r#""ABC123" matches "[A-Z]+\\d+""#, "true"),
        (r#""TEST" matches "(?i)test""#, "true"),
        (r#""test" not matches "^e""#, "true"),
        ("1 matches \"a\"", "error: wants strings"),
        ("\"a\" matches \"(\"", "error: missing closing )"),
    ]);
}

#[test]
fn precedence() {
    check(&[
        ("undefined else \"a\" in [\"a\"]", "true"),
        ("undefined else 40 + 2", "42"),
        ("undefined else 42 is 42", "true"),
        ("not false and true", "true"),
        ("true or false and false", "true"),
        ("1 + 2 is 3 and 2 * 2 is 4", "true"),
        ("[] is empty and {} is empty", "true"),
        ("\"a\" is not empty", "true"),
    ]);
}

#[test]
fn indices_and_slices() {
    check(&[
        ("[1, 2, 3][-1]", "3"),
        ("[1, 2][2]", "undefined"),
        ("[1, 2][-3]", "undefined"),
        ("\"abc\"[1]", "\"b\""),
        ("[1, 2, 3, 4][1:3]", "[2, 3]"),
        ("[1, 2, 3][1:]", "[2, 3]"),
        ("[1, 2, 3][:1]", "[1]"),
        ("[1, 2][:]", "[1, 2]"),
        ("\"abc\"[0:2]", "\"ab\""),
        ("[1][1:0]", "undefined"),
        ("[1][-1:1]", "undefined"),
        ("null[0]", "undefined"),
        ("null.a", "undefined"),
        (r#"{"a": {"b": 1}}.a.b"#, "1"),
        (r#"{"type": 1}.type"#, "1"),
        (r#"{"default": {"all": 1}}.default.all"#, "1"),
        ("{}.a", "undefined"),
        ("\"a\".b", "error: string has no selectors"),
        ("[1][\"a\"]", "error: must be an integer"),
        ("5[0]", "error: no indices"),
    ]);
}

#[test]
fn quantifiers() {
    check(&[
        ("all [1, 2] as n { n > 0 }", "true"),
        ("any [1, 2] as n { n > 1 }", "true"),
        ("all [] as n { false }", "true"),
        ("any {} as n { true }", "false"),
        ("filter [1, 2, 3] as n { n > 1 }", "[2, 3]"),
        ("filter [1, 2, 3] as i, n { i is 0 }", "[1]"),
        (r#"filter {"a": 1, "b": 2} as k, v { v > 1 }"#, r#"{"b": 2}"#),
        (r#"filter {"a": 1, "b": 2} as k { k is "a" }"#, r#"{"a": 1}"#),
        ("map [1, 2] as n { n * 2 }", "[2, 4]"),
        (r#"map {"a": 1} as k, v { { k: v } }"#, r#"[{"a": 1}]"#),
        (r#"map {"a": 1} as k { k }"#, r#"["a"]"#),
        ("all filter [1, 2] as _, n { n > 1 } as _, n { n is 2 }", "true"),
        ("all [1, undefined] as n { n > 0 }", "undefined"),
        ("all [0, undefined] as n { n > 0 }", "false"),
        ("any [undefined, 1] as n { n > 0 }", "true"),
        ("any [undefined, 0] as n { n > 0 }", "undefined"),
        ("filter [1, undefined] as n { n > 0 }", "undefined"),
        ("all undefined as n { n }", "undefined"),
        ("all null as n { n }", "error: to iterate over"),
        ("all [1] as n { n }", "error: must result in a boolean"),
    ]);
}

#[test]
fn functions() {
    check(&[
        ("f = func(a, b) { return a + b }\nx = f(1, 2)", "3"),
        ("func f(a) {\n\treturn a\n}\nx = f(1)", "1"),
        ("f = func() { g = func() { return 1 }\n return g() }\nx = f()", "1"),
        ("make = func(n) { return func(m) { return n + m } }\nx = make(1)(2)", "3"),
        ("a = 1\nf = func() { a = 12\n return undefined }\nf()\nx = a", "12"),
        ("f = func(a) { a = 2\n return a }\na = 1\nf(a)\nx = a", "1"),
        ("f = func() { return g() }\ng = func() { return 3 }\nx = f()", "3"),
        ("f = func(n) { if n <= 1 { return 1 }\n return n * f(n - 1) }\nx = f(10)", "3628800"),
        ("f = func() { 1 }\nx = f()", "error: without `return`"),
        ("f = func(a) { return a }\nx = f()", "error: takes 1 argument"),
        ("x = 1()", "error: cannot be called"),
        ("x = missing", "error: unknown identifier accessed: missing"),
        (
            r#"m = {"f": func(a) { return a }}
x = m.f(7)"#,
            "7",
        ),
    ]);
}

#[test]
fn statements() {
    check(&[
        ("x = 1\nif true { x = 2 }", "2"),
        ("x = 0\nif false { x = 1 } else if true { x = 2 } else { x = 3 }", "2"),
        ("x = 0\nfor [1, 2, 3] as n { x += n }", "6"),
        ("x = 0\nfor [5, 6] as i, n { x += i }", "1"),
        ("x = []\nfor {\"a\": 1} as k { append(x, k) }", "[\"a\"]"),
        ("x = []\nfor {\"a\": 1} as k, v { append(x, v) }", "[1]"),
        ("x = 0\nfor [1, 2, 3] as n {\n\tif n is 2 { continue }\n\tif n is 3 { break }\n\tx += n\n}", "1"),
        ("x = 0\nfor [1] as n { y = 1 }\nx = y", "error: unknown identifier"),
        ("x = 10\nx -= 1\nx *= 4\nx /= 6\nx %= 4", "2"),
        ("x = \"a\"\nx += \"b\"", "\"ab\""),
        ("x = 0\ncase 2 {\nwhen 1, 2:\n\tx = 1\nwhen 3:\n\tx = 2\nelse:\n\tx = 3\n}", "1"),
        ("x = 0\ncase {\nwhen 1 > 2:\n\tx = 1\nelse:\n\tx = 3\n}", "3"),
        ("x = 0\ncase 9 {\nwhen 1:\n\tif true { x = 2 }\nelse:\n\tx = 3\n}", "3"),
        ("if undefined { x = 1 }\nx = 1", "error: if condition must result in a boolean, got undefined"),
        ("for undefined as n { n }\nx = 1", "error: wants a list or a map"),
        ("x = 1; x = 2;", "2"),
        ("break\nx = 1", "error: no loop"),
        ("return 1\nx = 1", "error: no function"),
    ]);
}

#[test]
fn lists_and_maps_are_shared() {
    check(&[
        ("a = [1]\nb = a\nappend(b, 2)\nx = a", "[1, 2]"),
        ("f = func(l) { append(l, 3)\n return undefined }\nx = []\nf(x)", "[3]"),
        ("a = {}\nb = a\nb[\"k\"] = 1\nx = a", "{\"k\": 1}"),
        ("x = [1, 2]\nx[0] = 5\nx[-1] += 1", "[5, 3]"),
        ("x = [1]\nx[1] = 2", "error: out of range"),
        ("x = {\"a\": {\"b\": 1}}\nx[\"a\"][\"b\"] = 2", "{\"a\": {\"b\": 2}}"),
        ("x = {\"a\": {\"b\": 1}}\nx.a[\"b\"] = 2", "{\"a\": {\"b\": 2}}"),
        ("a = [1]\nx = a + [2]\nappend(x, 3)\nx = a", "[1]"),
        ("x = {\"a\": 1}\ndelete(x, \"a\")\ndelete(x, \"b\")", "{}"),
        ("x = [1]\nfor x as n { if length(x) < 5 { append(x, n) } }", "[1, 1]"),
    ]);
}

#[test]
fn rules_are_lazy_and_kept() {
    check(&[
        ("a = 1\nb = rule { a is 1 }\na = 2\nx = b", "false"),
        ("n = []\nr = rule { print(append(n, 1)) }\nx = [r, r, length(n)]", "[true, true, 1]"),
        ("r = rule { error(\"no\") }\nx = 1", "1"),
        ("x = rule when false { error(\"no\") }", "true"),
        ("x = rule when true { 1 is 2 }", "false"),
        ("x = rule when undefined { true }", "undefined"),
        ("a = rule { b }\nb = rule { a }\nx = a", "error: asks for itself"),
        ("x = rule { [1] }", "[1]"),
        ("x = rule { func() { return 1 } }", "error: cannot result in a function"),
    ]);
}

#[test]
fn builtins() {
    check(&[
        ("length(\"äb\")", "3"),
        ("length(null)", "error: length wants"),
        ("length(undefined)", "undefined"),
        ("keys({\"a\": 1})", "[\"a\"]"),
        ("values({\"a\": 1})", "[1]"),
        ("keys(undefined)", "undefined"),
        ("range(3)", "[0, 1, 2]"),
        ("range(1, 5, 2)", "[1, 3]"),
        ("range(0, -3, -1)", "[0, -1, -2]"),
        ("range(3, 1)", "[]"),
        ("range(0, 3, 0)", "error: must not be 0"),
        ("int(\"0x1f\")", "31"),
        ("int(\"a\")", "undefined"),
        ("int(-1.5)", "-2"),
        ("int(true)", "1"),
        ("float(\"1.5\")", "1.5"),
        ("float(2)", "2.0"),
        ("string(1.5)", "\"1.500000\""),
        ("string(12)", "\"12\""),
        ("string([1])", "undefined"),
        ("bool(\"T\")", "true"),
        ("bool(0)", "false"),
        ("bool(\"yes\")", "undefined"),
        ("compare(1, 2.5)", "-1"),
        ("compare(\"b\", \"a\")", "1"),
        ("append(undefined, 1)", "error: append wants a list"),
        ("append([], 1)", "undefined"),
        ("print(\"a\", 1)", "true"),
        ("error(\"stop\", 1)", "error: stop 1"),
    ]);
}

#[test]
fn main_and_what_it_means() {
    let cases = [
        ("main = rule { true }", Verdict::Pass),
        ("main = 1 is 1", Verdict::Pass),
        ("main = false", Verdict::Fail),
        ("main = []", Verdict::Pass),
        ("main = [\"aws_vpc.main\"]", Verdict::Fail),
        ("main = \"\"", Verdict::Pass),
        ("main = {}", Verdict::Pass),
        ("main = 0.0", Verdict::Pass),
        ("main = 2", Verdict::Fail),
        ("main = rule { {}.a }", Verdict::Undefined),
    ];
    for (text, verdict) in cases {
        assert_eq!(run(text).unwrap().verdict, verdict, "{text}");
    }
    for (text, message) in
        [("a = 1", "the policy has no `main`"), ("main = func() { return 1 }", "`main` cannot be func")]
    {
        assert_eq!(run(text).unwrap_err().message, message, "{text}");
    }
}

#[test]
fn documents_are_looked_at_as_they_are() {
    check(&[
        ("import \"doc\"\nx = doc.map.b.c", "true"),
        ("import \"doc\" as d\nx = d.list[2][0]", "3"),
        ("import \"doc\"\nx = doc.none", "null"),
        ("import \"doc\"\nx = doc.missing", "undefined"),
        ("import \"doc\"\nx = doc.later", "undefined"),
        ("import \"doc\"\na = doc.map\na[\"b\"][\"c\"] = 2\nx = a.b.c", "2"),
        ("import \"doc\"\na = doc.list\nappend(a[2], 4)\nx = a[2]", "[3, 4]"),
        ("import \"doc\"\nx = keys(doc.map)", "[\"b\"]"),
        ("import \"missing\"\nx = 1", "error: is not available"),
        ("import \"strings\"\nx = strings", "error: an import is no value"),
        ("import \"strings\"\nx = strings.nothing", "error: has no member"),
    ]);
}

#[test]
fn line_ends() {
    check(&[
        ("x = true and\n\ttrue", "true"),
        ("x = [\n\t1,\n\t2\n]", "[1, 2]"),
        ("x = (1\n)", "1"),
        ("x = {\n\t\"a\": 1,\n}", "{\"a\": 1}"),
        ("x = {\"a\": {\"b\": 1}}.\n\ta.\n\tb", "1"),
        ("x = {\"a\": {\"b\": 1}}\n\t.a\n\t.b", "1"),
        ("x = rule {\n\ttrue\n}", "true"),
        ("x = 1 # a comment\ny = 2 // another\n/* and\none */ z = 3", "1"),
        ("x = {\"default\": 4}.default\ny = 1", "4"),
    ]);
}

#[test]
fn a_text_that_grows_changes_no_other() {
    check(&[
        (
            "a = \"0123456789012345678901234\"\nb = a\na += \"x\"\nc = a\na += \"y\"\nx = [b, c, a]",
            "[\"0123456789012345678901234\", \"0123456789012345678901234x\", \"0123456789012345678901234xy\"]",
        ),
        (
            "a = \"0123456789012345678901234\" + \"-\"\nf = func() { a += \"in\"\n return \"!\" }\na += f()\nx = a",
            "\"0123456789012345678901234-in!\"",
        ),
        ("a = \"0123456789012345678901234\" + \"-\"\na += a\nx = length(a)", "52"),
        ("m = {\"0123456789012345678901234-\": 1}\nk = \"0123456789012345678901234\" + \"-\"\nx = m[k]", "1"),
    ]);
}
