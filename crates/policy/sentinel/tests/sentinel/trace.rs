//! Traces, and where undefined comes from.

use probity_policy_sentinel::{Datum, Verdict};

use crate::support::run;

#[test]
fn rules_with_their_conditions() {
    let text = "// No open buckets.\n\nimport \"doc\"\n\n# Buckets that are open.\nopen = rule { any {\"aws_s3.a\": 1, \"aws_s3.b\": 2} as address, acl { acl is 2 } }\n\nunused = rule { true }\n\nmain = rule {\n\tnot open and\n\tdoc.name is \"a\"\n}\nprint(\"seen\", [1, \"a\"])";
    let outcome = run(text).unwrap();
    assert_eq!(outcome.verdict, Verdict::Fail);
    let trace = &outcome.trace;
    assert_eq!(trace.description.as_deref(), Some("No open buckets."));
    assert_eq!(trace.prints, ["seen [1, \"a\"]"]);
    let names: Vec<&str> = trace.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["main", "open"], "what was evaluated, main first");
    assert_eq!(trace.rules[1].description.as_deref(), Some("Buckets that are open."));
    let whole = &trace.rules[1].conditions[0];
    let elements: Vec<_> = whole.parts.iter().map(|part| (part.element.as_deref(), part.value.to_string())).collect();
    assert_eq!(elements, [(Some("aws_s3.a"), "false".to_owned()), (Some("aws_s3.b"), "true".to_owned())]);
    let shown = trace.to_string();
    for line in [
        "test.sentinel:10:8 - Rule \"main\"",
        "  FALSE - 11:2 - not open and doc.name is \"a\"",
        "    FALSE - 11:2 - not open",
        "      TRUE - 11:6 - open",
        "[aws_s3.b] acl is 2",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn undefined_says_where_it_arose() {
    let outcome = run("import \"doc\"\nf = func() {\n\treturn doc.map.z.c\n}\nmain = rule { f() is 1 }").unwrap();
    let Datum::Undefined(undefined) = &outcome.main else { panic!("{:?}", outcome.main) };
    assert_eq!(undefined.location.as_ref().unwrap().to_string(), "test.sentinel:3:9");
    assert_eq!(undefined.expression, "doc.map.z");
    assert_eq!(undefined.reason, "there is no key \"z\"");
    assert_eq!(undefined.waits_for, None);
    let outcome = run("import \"doc\"\nmain = rule { doc.later is \"vpc\" }").unwrap();
    let Datum::Undefined(undefined) = &outcome.main else { panic!("{:?}", outcome.main) };
    assert_eq!(undefined.waits_for.as_deref(), Some("aws_vpc.main.id"));
    assert_eq!(undefined.location.as_ref().unwrap().to_string(), "test.sentinel:2:15");
}

#[test]
fn errors_say_where_and_what_was_evaluated_before() {
    let text = "ready = rule { 1 is 1 }\nf = func(a) {\n\treturn a + \"b\"\n}\nmain = rule { ready and f(1) is 1 }";
    let failure = run(text).unwrap_err();
    assert_eq!(failure.to_string(), "test.sentinel:3:9: the operator + is not there for int and string");
    assert_eq!(failure.expression, "a + \"b\"");
    assert_eq!(failure.calls[0].0, "f");
    assert_eq!(failure.calls[0].1.to_string(), "test.sentinel:5:25");
    assert_eq!(failure.trace.rules[0].name, "ready");
    assert_eq!(failure.trace.rules[1].name, "main");
    assert_eq!(failure.trace.rules[1].value, None);
}

#[test]
fn an_undefined_condition_says_what_it_rests_on() {
    let failure = run("import \"doc\"\nif doc.map.z { a = 1 }\nmain = true").unwrap_err();
    let expected = "test.sentinel:2:4: if condition must result in a boolean, got undefined (there is no key \"z\", at test.sentinel:2:4)";
    assert_eq!(failure.to_string(), expected);
}

#[test]
fn what_was_decided_for_the_lack_of_a_value_that_is_not_known_says_so() {
    for (text, assumed) in [
        ("main = rule { (doc.later else \"vpc\") is \"vpc\" }", true),
        ("main = rule { doc.later is not defined }", true),
        ("main = rule { {\"a\": doc.later} is {\"a\": 1} }", true),
        ("main = rule { {\"a\": doc.later} is {} }", false),
        ("main = rule { [doc.name, doc.later] contains \"a\" }", false),
        ("f = func() { if doc.later is 1 { return true }\nreturn false }\nmain = rule { f() }", true),
        ("f = func() { for doc.later as x { return true }\nreturn false }\nmain = rule { f() }", true),
        ("main = rule { doc.map.z or doc.later }", true),
        ("import \"types\"\nmain = rule { types.type_of(doc.later) is \"undefined\" }", true),
        ("import \"collection/maps\" as maps\nmain = rule { maps.get(doc, \"later\", 1) is 1 }", true),
        ("import \"json\"\nmain = rule { json.marshal({\"a\": doc.later}) is \"{}\" }", true),
        ("main = rule { print(doc.later) }", false),
        ("main = rule { doc.later is 1 or true }", false),
        ("main = rule { (doc.map.z else 1) is 1 }", false),
    ] {
        let found = match run(&format!("import \"doc\"\n{text}")) {
            Ok(outcome) => outcome.trace.assumed,
            Err(failure) => failure.trace.assumed,
        };
        let waits_for = found.as_ref().and_then(|undefined| undefined.waits_for.as_deref());
        assert_eq!(waits_for, assumed.then_some("aws_vpc.main.id"), "{text}");
    }
}
