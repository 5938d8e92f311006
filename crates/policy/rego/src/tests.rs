use std::path::Path;
use std::sync::Arc;

use probity_model::Sources;
use probity_model::value::Value;
use proptest::prelude::*;

use crate::{Code, CompileOptions, Documents, Errors, Evaluation, Limits, Policies, Version, parse_value};

mod bounds;
mod types;

fn read(text: &str) -> Result<Policies, Errors> {
    let texts = [(Path::new("test.rego"), text)];
    Policies::read(texts, Version::V1, CompileOptions::default(), Arc::new(Sources::default()))
}

fn policies(text: &str) -> Policies {
    read(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn evaluate(text: &str, input: &str) -> Option<Value> {
    let input = Documents::input(parse_value(input).unwrap());
    policies(text).entry("data.test.p").unwrap().evaluate(&input, &Evaluation::default()).unwrap()
}

fn is(text: &str, input: &str, wanted: &str) {
    assert_eq!(evaluate(text, input), Some(parse_value(wanted).unwrap()), "{text}");
}

fn stopped(text: &str, limits: Limits) -> Code {
    let evaluation = Evaluation { limits, ..Evaluation::default() };
    let entry = policies(text).entry("data.test.p").unwrap();
    entry.evaluate(&Documents::default(), &evaluation).unwrap_err().code
}

#[test]
fn undefined_is_not_false() {
    is("package test\np if not input.missing", "{}", "true");
    is("package test\np if not input.missing == 1", "{}", "true");
    is("package test\np := x if { x := input.a == 1 }", r#"{"a": 2}"#, "false");
    assert_eq!(evaluate("package test\np := input.a", "{}"), None);
    assert_eq!(evaluate("package test\np if input.a == 1", r#"{"a": 2}"#), None);
}

#[test]
fn negation_looks_at_each_element() {
    let text = "package test\np contains name if {\n\tsome name, c in input\n\tnot c.ok\n}";
    is(text, r#"{"a": {"ok": true}, "b": {"ok": false}, "c": {}}"#, r#"{"b", "c"}"#);
}

#[test]
fn documents_are_replaced_within_one_expression_only() {
    let text = "package test\nq := input.a\np := [x, y, z] if {\n\tx := q\n\ty := q with input.a as 2\n\tz := q\n}";
    is(text, r#"{"a": 1}"#, "[1, 2, 1]");
    let text = "package test\np := [count([1]), n] if {\n\tn := count([1]) with count as 7\n}";
    is(text, "{}", "[1, 7]");
}

#[test]
fn partial_documents_are_put_together() {
    let text = "package test\np[a].b := 1 if some a in input\np.x.c contains 2\np.x.c contains 3 if input[0]";
    is(text, r#"["x", "y"]"#, r#"{"x": {"b": 1, "c": {2, 3}}, "y": {"b": 1}}"#);
}

#[test]
fn functions_differ_by_their_operands() {
    let text = "package test\nf(\"a\") := 1\nf(\"b\") := 2\ndefault f(_) := 0\np := [f(x) | some x in input]";
    is(text, r#"["a", "b", "c"]"#, "[1, 2, 0]");
}

#[test]
fn rules_that_want_a_constant_of_the_input_are_found() {
    let text = "package test\np contains 1 if input.k == \"a\"\np contains 2 if input.k == \"b\"\n\
                p contains 3 if input.k == \"a\"\np contains 4 if \"c\" == input.k\np contains 5 if input.k == input.l\n\
                p contains 6 if input.k == 1\np contains 7 if not input.k";
    is(text, r#"{"k": "a"}"#, "{1, 3}");
    is(text, r#"{"k": "c", "l": "c"}"#, "{4, 5}");
    is(text, r#"{"k": 1.0}"#, "{6}");
    is(text, "{}", "{7}");
    is(text, "[]", "{7}");
    let replaced = text.replace("p contains", "q contains") + "\np := x if x := q with input.k as \"b\"";
    is(&replaced, r#"{"k": "a"}"#, "{2}");
}

#[test]
fn deep_chains_fit_a_small_stack() {
    let chain: Vec<String> = (0..380).map(|n| format!("f{n}(x) := [f{}(x) | x] if x", n + 1)).collect();
    let text = format!("package test\np := count(f0(input))\n{}\nf380(x) := x", chain.join("\n"));
    let input = Documents::input(true.into());
    let entry = policies(&text).entry("data.test.p").unwrap();
    let _ = entry.evaluate(&input, &Evaluation::default());
}

#[test]
fn lists_that_look_like_comprehensions_are_not_read_over_and_over() {
    // Each level is only known to be no comprehension when its comma comes: read anew at every level, this would not end.
    for (open, close) in [("[1 | ", ", 1]"), ("{1 | ", ", 1}")] {
        let text = format!("package test\np := {}1{}", open.repeat(100), close.repeat(100));
        let _ = read(&text);
    }
}

#[test]
fn deep_texts_fit_a_small_stack() {
    for (open, close) in [("[", "]"), ("{\"a\": ", "}"), ("(", ")"), ("count(", ")"), ("[x | x := ", "]"), ("-", "")] {
        for depth in [100, 150, 10_000] {
            let text = format!("package test\np := {}1{}", open.repeat(depth), close.repeat(depth));
            if let Ok(policies) = read(&text) {
                let entry = policies.entry("data.test.p").unwrap();
                let _ = entry.evaluate(&Documents::default(), &Evaluation::default());
            }
        }
    }
    let text = format!("package test\np if {}true", "not ".repeat(10_000));
    assert!(read(&text).is_err());
}

#[test]
fn evaluation_ends_within_its_budget() {
    let endless = "package test\np := count([x | some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); \
                   some c in numbers.range(1, 3000); x := a + b + c])";
    let few = Limits { steps: 100_000, ..Limits::default() };
    assert_eq!(stopped(endless, few), Code::EvalCancel);
    let small = Limits { values: 10_000, ..Limits::default() };
    assert_eq!(stopped(endless, small), Code::EvalCancel);
    let exploding = [
        // Many small collections, none of them large.
        "p := count([x | some a in numbers.range(1, 120); x := count([b | some b in numbers.range(1, 120)])])",
        // Few values, but large texts.
        "p := [x | some a in numbers.range(1, 120); x := concat(\",\", [sprintf(\"%d%d\", [a, b]) | some b in numbers.range(1, 90)])]",
        // What functions give is kept.
        "f(a, b) := [a, b]\np := {a | some a in numbers.range(1, 120); every b in numbers.range(1, 120) { f(a, b) }}",
        "p[a][b] := c if { some a in numbers.range(1, 100); some b in numbers.range(1, 100); some c in [a + b] }",
    ];
    for policy in exploding {
        let policy = format!("package test\n{policy}");
        assert_eq!(stopped(&policy, Limits { values: 9_000, ..Limits::default() }), Code::EvalCancel, "{policy}");
        assert!(evaluates(&policy, Limits::default()), "{policy}");
    }
    let soon = Limits { deadline: Some(std::time::Instant::now()), ..Limits::default() };
    assert_eq!(stopped(endless, soon), Code::EvalCancel);
}

fn evaluates(policy: &str, limits: Limits) -> bool {
    let entry = policies(policy).entry("data.test.p").unwrap();
    entry.evaluate(&Documents::default(), &Evaluation { limits, ..Evaluation::default() }).is_ok()
}

#[test]
fn operands_of_cheap_and_of_dear_functions_are_those_of_the_call() {
    let policies = policies(
        r#"package test
        is(a, a) := true
        first([a, _], b) := a if b
        kind("pod", _) := "Pod"
        kind("job", x) := x if x != ""
        default kind(_, _) := "other"
        outer(x) := [inner(x), x]
        inner(x) := y if { y := x + 1 }
        branch(x) := "small" if x < 10 else := "large"
        p := [is(1, 1), is([1], [1]), first([1, 2], true), kind("pod", 1), kind("job", "j"), kind("job", ""), outer(1),
            [outer(x) | some x in [1, 2, 1]], branch(3), branch(30), count([x | some x in [1, 2]; is(x, 1)])]
        "#,
    );
    let found = policies.entry("data.test.p").unwrap().evaluate(&Documents::default(), &Evaluation::default()).unwrap();
    let wanted = r#"[true, true, 1, "Pod", "j", "other", [2, 1], [[2, 1], [3, 2], [2, 1]], "small", "large", 1]"#;
    assert_eq!(found, Some(crate::parse_value(wanted).unwrap()));
}

#[test]
fn comprehensions_that_pick_by_a_variable_give_the_same_each_time() {
    let policies = policies(
        r#"package test
        rows := [{"k": "a", "n": 1}, {"k": "b", "n": 2}, {"k": "a", "n": 3}, {"n": 4}, {"k": 1.0, "n": 5}, {"k": 1, "n": 6}]
        keys := ["a", "b", "c", 1, 1.0, "a"]
        lists := [found | some k in keys; found := [row.n | some row in rows; row.k == k]]
        sets := [found | some k in keys; found := {row.n | row := rows[_]; k == row.k; row.n > 1}]
        scanned := [found | some k in keys; found := [i | rows[i].k == k]]
        two := [found | some k in keys; some n in [1, 2]; found := [row.n | some row in rows; row.k == k; row.n > n]]
        bound := [found | some k in keys; found := [x | some row in rows; x := row.k; x == k]]
        replaced := [found | some k in keys; found := [row.n | some row in input.rows; row.k == k]]
        p := [lists, sets, scanned, two, bound, replaced,
            [x | x := replaced with input.rows as [{"k": "a", "n": 7}]],
            [x | x := lists with rows as [{"k": "b", "n": 8}]]]
        "#,
    );
    let rows = crate::parse_value(r#"{"rows": [{"k": "c", "n": 9}, {"k": "a", "n": 0}]}"#).unwrap();
    let found = policies.entry("data.test.p").unwrap().evaluate(&Documents::input(rows), &Evaluation::default());
    let wanted = r#"[
        [[1, 3], [2], [], [5, 6], [5, 6], [1, 3]],
        [{3}, {2}, set(), {5, 6}, {5, 6}, {3}],
        [[0, 2], [1], [], [4, 5], [4, 5], [0, 2]],
        [[3], [3], [2], [], [], [], [5, 6], [5, 6], [5, 6], [5, 6], [3], [3]],
        [["a", "a"], ["b"], [], [1, 1], [1, 1], ["a", "a"]],
        [[0], [], [9], [], [], [0]],
        [[[7], [], [], [], [], [7]]],
        [[[], [8], [], [], [], []]]
    ]"#;
    assert_eq!(found.unwrap(), Some(crate::parse_value(wanted).unwrap()));
}

#[test]
fn chains_of_functions_do_not_fill_the_stack() {
    let links: String = (0..3000).map(|at| format!("f{at}(x) := f{}(x)\n", at + 1)).collect();
    let text = format!("package test\n{links}f3000(x) := x\np := f2990(1)");
    let entry = policies(&text).entry("data.test.p").unwrap();
    assert_eq!(entry.evaluate(&Documents::default(), &Evaluation::default()).unwrap(), Some(1.into()));
}

#[test]
fn nothing_is_reached_unless_it_is_allowed() {
    let evaluation = Evaluation { strict_builtin_errors: true, ..Evaluation::default() };
    for call in [r#"http.send({"method": "get", "url": "http://localhost"})"#, "opa.runtime()", "time.now_ns()"] {
        let entry = policies(&format!("package test\np := {call}")).entry("data.test.p").unwrap();
        assert!(entry.evaluate(&Documents::default(), &evaluation).is_err(), "{call}");
    }
}

#[test]
fn one_set_of_policies_serves_many_threads() {
    let policies = policies("package test\np := input.n + 1");
    std::thread::scope(|scope| {
        for n in 0..4_i64 {
            let policies = &policies;
            scope.spawn(move || {
                let input = Documents::input(Value::object([("n", n.into())]));
                let entry = policies.entry("data.test.p").unwrap();
                assert_eq!(entry.evaluate(&input, &Evaluation::default()).unwrap(), Some((n + 1).into()));
            });
        }
    });
}

/// What the differential fuzzer has found otherwise than in OPA, with what OPA says.
#[test]
fn as_opa_says() {
    for (term, wanted) in [
        (r#"sprintf("%1000d|", [true]) == concat("", ["%!d(string=", sprintf("%1000s", ["true"]), ")|"])"#, "true"),
        (r#"sprintf("%.10g|%g|%v", [1, 1234567.5, 0.00001])"#, r#""%!g(int64=0000000001)|1.2345675e+06|1e-05""#),
        (r#"sprintf("%*d|%-*d|%.*f", [5, 1, 3, 2, 1, 1.25])"#, r#""    1|2  |1.2""#),
        (r#"sprintf("%[5]d %[x]d %d %", [1])"#, r#""%!d(BADINDEX) %!d(BADINDEX) 1 %!(NOVERB)""#),
        (
            "[5 - 12345678901234567890.5, 1234567.5 + 0, 0.1 + 0.2, 1 / 3, 100000000000000000001 * 3]",
            "[-12345678901234567885, 1234567.5, 0.3, 0.33333333333333333334, 300000000000000000003]",
        ),
        (
            "[ceil(-1.5), floor(-1.5), round(2.5), round(-2.5), sum([0.1, 0.2, 0.3]), sum([12345678901234567890123, 1])]",
            "[-1, -2, 3, -3, 0.6, 12345678901234567890124]",
        ),
        (
            "[abs(-123456789012345678901234567890), ceil(1e20 + 0.5), 12345678901234567890.5 / 1]",
            "[123456789012345678900000000000, 100000000000000000000, 12345678901234567890]",
        ),
        (r#"sprintf("%x|% x|%#x|%X", ["aé", "ab", "ab", 1.5])"#, r#""61c3a9|61 62|0x6162|0X1.8P+00""#),
        (
            r#"sprintf("%q|%+q|%#U|%c|%08.3f", ["a\u2028", "é", 233, 128512, -1.5])"#,
            r#""\"a\\u2028\"|\"\\u00e9\"|U+00E9 'é'|😀|-001.500""#,
        ),
        (
            r#"[regex.is_valid(x) | some x in ["a**", "a{1001}", "(a{40}){40}", "(?=a)", "\\1", "\\Z", "\\C", "a+?", "(?U)a+", "\\pL", "[[:alpha:]]"]]"#,
            "[false, false, false, false, false, false, false, true, true, true, true]",
        ),
    ] {
        is(&format!("package test\np := {term}"), "{}", wanted);
    }
}

#[test]
fn what_opa_refuses_is_refused() {
    for (text, code) in [
        ("p if every x in input { true }", Code::Compile),
        ("p if every k, v in input { v }", Code::Compile),
        ("p := 1 + print(1)", Code::Type),
        ("p := [print(1) | true]", Code::Type),
    ] {
        assert_eq!(read(&format!("package test\n{text}")).unwrap_err().0[0].code, code, "{text}");
    }
    is("package test\nf(1)\np := [f(1), y] if y := [1 | f(2)]", "{}", "[true, []]");
    let text = "package test\np if true with input[0] as 1";
    assert_eq!(stopped(text, Limits::default()), Code::EvalConflict);
}

/// Words and signs of the language, in any order.
fn jumble() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "package",
        "test",
        "import",
        "rego.v1",
        "data",
        "input",
        "p",
        "q",
        "x",
        "if",
        "contains",
        "some",
        "every",
        "in",
        "not",
        "with",
        "as",
        "default",
        "else",
        ":=",
        "=",
        "==",
        "|",
        "&",
        "+",
        "-",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        ":",
        ";",
        "\n",
        "1",
        "1e9",
        "\"a\"",
        "`r`",
        "$\"{x}\"",
        "_",
        "null",
        "true",
        "# METADATA\n# title: t\n",
        "count",
        "{x | x}",
        "[x | x := 1]",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| format!("package test\n{}", words.join(" ")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn any_jumble_is_refused_or_evaluated(text in jumble()) {
        let read = read(&text);
        if let Ok(policies) = read {
            let limits = Limits { steps: 10_000, ..Limits::default() };
            let evaluation = Evaluation { limits, ..Evaluation::default() };
            for name in policies.entries() {
                if let Some(entry) = policies.entry(name) {
                    let _ = entry.evaluate(&Documents::default(), &evaluation);
                }
            }
        }
    }
}

#[test]
fn functions_of_other_tools_are_there_when_they_are_asked_for() {
    let module =
        "package a\np := result.new(\"no\", {\"StartLine\": 3, \"Path\": \"f\"}).startline\nm if isManaged({})\n";
    let read = |extensions| {
        let texts = [(Path::new("a.rego"), module)];
        let options = CompileOptions { extensions, ..CompileOptions::default() };
        Policies::read(texts, Version::V1, options, Arc::new(Sources::default()))
    };
    let errors = read(crate::Extensions::default()).unwrap_err();
    assert!(errors.to_string().contains("undefined function result.new"), "{errors}");
    let policies = read(crate::Extensions::ALL).unwrap();
    let value = policies.entry("data.a.p").unwrap().evaluate(&Documents::default(), &Evaluation::default()).unwrap();
    assert_eq!(value, Some(3.into()));
    let own = "package a\nisManaged(x) := x\np := isManaged(7)\n";
    let options = CompileOptions { extensions: crate::Extensions::ALL, ..CompileOptions::default() };
    let policies =
        Policies::read([(Path::new("a.rego"), own)], Version::V1, options, Arc::new(Sources::default())).unwrap();
    let value = policies.entry("data.a.p").unwrap().evaluate(&Documents::default(), &Evaluation::default()).unwrap();
    assert_eq!(value, Some(7.into()));
}

/// What a rule gives over an input whose `u` is unknown, and whether that had to be known.
fn with_unknown(text: &str) -> (Option<Value>, bool) {
    let unknown = || Value::Unknown("after apply".into());
    let nested = Value::object([("v", unknown()), ("w", Value::from("known"))]);
    let input = Documents::input(Value::object([("u", unknown()), ("o", nested), ("k", 1_i64.into())]));
    let noted = std::cell::OnceCell::new();
    let evaluation = Evaluation { unknown: Some(&noted), ..Evaluation::default() };
    let value = policies(text).entry("data.test.p").unwrap().evaluate(&input, &evaluation).unwrap();
    (value, noted.get().is_some())
}

#[test]
fn what_looks_at_an_unknown_value_says_so() {
    for body in [
        "input.u == 1",
        "not input.u == 1",
        "not input.u",
        "input.u",
        "input.u.below",
        "input.u[_]",
        "some x in input.u",
        "count(input.u) > 0",
        "input.u > 2",
        "input.o == {\"v\": 1, \"w\": \"known\"}",
        "input.o[_] == \"other\"",
        "json.marshal(input.o) == \"{}\"",
        "every x in input.u { x }",
        "[1, x] = input.u",
        "x := input.u; x == 1",
        "walk(input, [_, 7])",
        "f(input.u)",
    ] {
        let text = format!("package test\nf(x) if x == 1\ndefault p := false\np if {{ {body} }}");
        assert!(with_unknown(&text).1, "{body}");
    }
}

#[test]
fn what_does_not_look_at_an_unknown_value_is_known() {
    for body in ["input.k == 1", "x := input.u; input.k == 1", "input.o.w == \"known\"", "not input.missing"] {
        let text = format!("package test\np if {{ {body} }}");
        assert_eq!(with_unknown(&text), (Some(true.into()), false), "{body}");
    }
}

#[test]
fn the_rules_of_a_name_can_be_evaluated_apart() {
    let text = "package test\np contains \"a\" if input.a\np contains \"b\" if input.b\np contains \"c\"\nq := 1";
    let policies = policies(text);
    let input = Documents::input(parse_value(r#"{"a": true, "b": true}"#).unwrap());
    let entry = policies.entry("data.test.p").unwrap();
    assert_eq!(entry.rules().len(), 3);
    let value = |only: &[usize]| entry.only(only).evaluate(&input, &Evaluation::default()).unwrap().unwrap();
    assert_eq!(value(&[0]), parse_value(r#"{"a"}"#).unwrap());
    assert_eq!(value(&[1, 2]), parse_value(r#"{"b", "c"}"#).unwrap());
    assert_eq!(
        policies.entry("data.test.q").unwrap().only(&[]).evaluate(&input, &Evaluation::default()),
        Ok(Some(1.into()))
    );
}
