//! Whatever a policy does, it ends, and within bounds.

use std::time::{Duration, Instant};

use probity_policy_sentinel::{Evaluation, Limits};

use crate::support::{policy, run, x};

/// The message of the error that a text ends with.
fn error(text: &str) -> String {
    run(&format!("{text}\nmain = true")).unwrap_err().message
}

#[test]
fn recursion_without_end_is_an_error_with_its_place() {
    let failure = run("f = func(n) {\n\treturn f(n + 1)\n}\nmain = rule { f(0) is 1 }").unwrap_err();
    assert!(failure.message.contains("a recursion without end"), "{failure}");
    assert_eq!(failure.location.unwrap().line, 2);
    assert_eq!(failure.calls.first().unwrap().0, "f");
    assert!(error("a = {}\na[\"f\"] = func() { return a.f() }\na.f()").contains("recursion"));
}

#[test]
fn recursion_with_an_end_goes_deep_enough() {
    assert_eq!(x("f = func(n) { if n is 0 { return 0 }\n return 1 + f(n - 1) }\nx = f(100)"), "100");
}

#[test]
fn loops_and_growth_are_stopped() {
    assert!(error("for range(2000) as a { for range(2000) as b { a + b } }").contains("steps"));
    assert!(error("a = \"xxxxxxxx\"\nfor range(60) as n { a = a + a }").contains("bytes"));
    assert!(error("a = [1]\nfor range(60) as n { a = a + a }").contains("steps"));
    assert!(error("range(100000000)").contains("more than"));
    assert!(
        error("import \"strings\"\na = \"x\"\nfor range(60) as n { a = strings.join([a, a], \"\") }").contains("bytes")
    );
    assert!(error("import \"json\"\na = [1]\nfor range(40) as n { a = [a, a] }\njson.marshal(a)").contains("steps"));
}

#[test]
fn a_deadline_ends_a_long_loop() {
    let policy = policy("for range(1000000) as a { for range(1000000) as b { a + b } }\nmain = true");
    let deadline = Instant::now() + Duration::from_millis(50);
    let limits = Limits { deadline: Some(deadline), steps: u64::MAX, memory: u64::MAX, ..Limits::default() };
    let failure = Evaluation::new(&policy).with_limits(limits).run().unwrap_err();
    assert_eq!(failure.message, "the evaluation takes too long");
}

#[test]
fn what_holds_itself_is_shown_and_compared_and_let_go() {
    assert_eq!(x("x = []\nappend(x, 1)\na = [x]\nappend(x, a)\nb = string(length(x))\nx = b"), "\"2\"");
    assert!(x("x = {}\nx[\"x\"] = x\nx = print(x)") == "true");
    assert!(error("a = []\nappend(a, a)\nb = []\nappend(b, b)\na is b").contains("too deeply"));
    assert!(x("x = []\nappend(x, x)").contains("nested too deeply"));
    assert!(x("import \"json\"\na = []\nappend(a, a)\nx = json.marshal(a)").contains("too deeply"));
    assert!(x("import \"strings\"\na = []\nappend(a, a)\nx = strings.join(a, \"\")").contains("too deeply"));
}

#[test]
fn deep_values_are_dropped_without_a_deep_stack() {
    assert_eq!(x("a = []\nfor range(20000) as n { a = [a] }\nx = length(a)"), "1");
    assert_eq!(
        x("a = {}\nlast = a\nfor range(20000) as n { m = {}\n last[\"m\"] = m\n last = m }\nx = length(a)"),
        "1"
    );
    assert_eq!(
        x("f = func() { return 1 }\nfor range(5000) as n { f = func(g) { return func() { return g } }(f) }\nx = 1"),
        "1"
    );
}

#[test]
fn deep_texts_are_refused_and_long_ones_are_not() {
    use probity_model::Sources;
    use probity_policy_sentinel::Policy;
    let parse = |text: &str| {
        let sources = Sources::default();
        Policy::parse(&sources, sources.add("a", text)).is_ok()
    };
    let nested = |depth: usize| format!("main = {}1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(60)));
    assert!(!parse(&nested(100_000)));
    assert!(!parse(&format!("main = {}true", "not ".repeat(100_000))));
    assert!(!parse(&format!("main = {}", "func() { return ".repeat(10_000))));
    assert!(!parse(&"if true { ".repeat(100_000)));
    assert_eq!(x(&format!("x = {}", vec!["1"; 20_000].join(" + "))), "20000");
    assert_eq!(x(&format!("x = {}true", "true and ".repeat(20_000))), "true");
    assert_eq!(x(&format!("x = {{}}{}", ".a".repeat(20_000))), "undefined");
    let chain = format!("x = 0\n{}", vec!["if false { x = 1 }"; 5_000].join(" else "));
    assert_eq!(x(&chain), "0");
}
