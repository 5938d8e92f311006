use std::path::Path;
use std::sync::Arc;

use probity_model::Sources;
use probity_model::value::Value;
use proptest::prelude::*;

use crate::{Code, CompileOptions, Documents, Errors, Evaluation, Limits, Policies, Version, parse_value};

mod bounds;

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
    let soon = Limits { deadline: Some(std::time::Instant::now()), ..Limits::default() };
    assert_eq!(stopped(endless, soon), Code::EvalCancel);
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
