//! What is made to take without end is refused, or stopped at its budget.

use std::time::{Duration, Instant};

use super::*;

/// How long any of it may take, in a build that is not optimized, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Most memory that the tests may have had, in KiB.
const MEMORY: u64 = 1 << 20;

/// Peak memory of this process in KiB, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What a module is said to be: the error that it is refused with, or that its evaluation ends with.
fn ends(text: &str) -> Result<Option<Value>, String> {
    let policies = read(text).map_err(|errors| errors.to_string())?;
    let limits = Limits {
        steps: 2_000_000,
        values: 2_000_000,
        deadline: Some(Instant::now() + Duration::from_secs(2)),
        ..Limits::default()
    };
    let evaluation = Evaluation { limits, strict_builtin_errors: true, ..Evaluation::default() };
    let entry = policies.entry("data.test.p").ok_or("no such rule")?;
    entry.evaluate(&Documents::default(), &evaluation).map_err(|error| error.to_string())
}

/// Rules that make twice as much of the one before, so many times.
fn doubled(times: usize, first: &str, twice: &str, last: &str) -> String {
    let mut text = format!("v0 := {first}\n");
    for n in 0..times {
        text.push_str(&format!("v{} := {}\n", n + 1, twice.replace('$', &format!("v{n}"))));
    }
    text + &format!("p := {}", last.replace('$', &format!("v{times}")))
}

fn nested(depth: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn nothing_goes_on_without_end() {
    let mut failures: Vec<String> = Vec::new();
    for (text, wanted) in [
        // Recursion.
        ("p := p".to_owned(), "recursive"),
        ("p := f(1)\nf(x) := f(x + 1)".to_owned(), "recursive"),
        ("p := q\nq contains x if some x in data.test[\"p\"]".to_owned(), "recursive"),
        ("p if data.test[x]\nx := \"q\"".to_owned(), "recursive"),
        // Explosions of comprehensions.
        ("p := count({[a, b, c] | some a, b, c; a = numbers.range(1, 500)[_]; b = numbers.range(1, 500)[_]; c = numbers.range(1, 500)[_]})".to_owned(), "too"),
        ("p := {a: b | some a in numbers.range(1, 3000); some c in numbers.range(1, 3000); b := a + c}".to_owned(), ""),
        ("p if every a in numbers.range(1, 5000) { every b in numbers.range(1, 5000) { a + b > 0 } }".to_owned(), "evaluation took too"),
        // Growth.
        (doubled(60, "\"0123456789\"", "concat(\"\", [$, $])", "count($)"), "too"),
        (doubled(60, "\"0123456789\"", "sprintf(\"%s%s\", [$, $])", "count($)"), "too large"),
        (doubled(60, "\"0123456789\"", "replace($, \"0\", $)", "count($)"), "too"),
        (doubled(60, "[1]", "[$, $]", "json.marshal($)"), "too"),
        (doubled(60, "[1]", "[$, $]", "sprintf(\"%v\", [$])"), "too"),
        ("p := sprintf(\"%999999999d\", [1])".to_owned(), ""),
        ("p := count(sprintf(concat(\"\", [\"%1000000d\" | some x in numbers.range(1, 1000)]), numbers.range(1, 1000)))".to_owned(), "too long"),
        ("p := count(sprintf(concat(\"\", [\"%[1]s\" | some x in numbers.range(1, 1000)]), [sprintf(\"%1000000d\", [1])]))".to_owned(), "too long"),
        // Numbers.
        ("p := 1e1000000".to_owned(), "number too big"),
        ("p := json.unmarshal(\"1e1000000\")".to_owned(), ""),
        ("p := to_number(\"1e1000000\")".to_owned(), ""),
        ("p := numbers.range(0, 1000000000000)".to_owned(), "at most"),
        ("p := numbers.range_step(0, 1e30, 2)".to_owned(), "at most"),
        ("p := bits.lsh(1, 1e9)".to_owned(), "at most"),
        ("p := units.parse(\"1e1000000\")".to_owned(), ""),
        ("p := units.parse_bytes(concat(\"\", [\"9\" | some x in numbers.range(1, 200000)]))".to_owned(), ""),
        // Regular expressions and globs.
        ("p := regex.match(\"((a{1000}){1000}){1000}\", \"a\")".to_owned(), "repeat count"),
        ("p := regex.match(\"(?:a?){1000}(?:[[:word:]]{500})\", \"a\")".to_owned(), ""),
        (format!("p := regex.match(\"{}\", \"a\")", nested(5000, "(", "a", ")")), "regexp"),
        (format!("p := glob.match(\"{}\", [], \"a\")", nested(2000, "{a,", "b", "}")), ""),
        (format!("p := regex.globs_match(\"{}b\", \"{}c\")", "a*.*".repeat(200), ".*a*".repeat(200)), ""),
        // Graphs, networks, schemas, templates.
        ("p := net.cidr_expand(\"0.0.0.0/0\")".to_owned(), "more than"),
        ("p := net.cidr_expand(\"::/0\")".to_owned(), "more than"),
        ("p := json.match_schema(1, {\"$ref\": \"#\"})".to_owned(), ""),
        // Times.
        ("p := time.add_date(0, 1000000000, 0, 0)".to_owned(), ""),
        ("p := time.format(1e30)".to_owned(), ""),
        ("p := time.parse_duration_ns(\"99999999999999999h\")".to_owned(), ""),
        ("p := time.parse_rfc3339_ns(\"9999-12-31T23:59:59Z\")".to_owned(), "valid range"),
        // Depth.
        (format!("p := json.unmarshal(`{}`)", nested(100_000, "[", "", "]")), "nested"),
        (format!("p := yaml.unmarshal(`{}`)", nested(100_000, "[", "", "]")), "recursion limit"),
        (format!("p := {}", nested(5000, "[", "1", "]")), ""),
        (format!("p := graphql.parse_query(`{}`)", nested(10_000, "{a", "", "}")), ""),
    ] {
        let begin = Instant::now();
        let outcome = ends(&format!("package test\n{text}"));
        let taken = begin.elapsed();
        let shown: String = text.chars().take(160).collect();
        if taken > PATIENCE {
            failures.push(format!("{taken:?}: {shown}"));
        }
        match outcome {
            Ok(_) if !wanted.is_empty() => failures.push(format!("no error: {shown}")),
            Err(error) if !error.contains(wanted) => {
                failures.push(format!("{}: {shown}", error.chars().take(300).collect::<String>()));
            }
            _ => {}
        }
        assert!(peak().is_none_or(|peak| peak < MEMORY), "{:?} KiB after {shown}; {failures:#?}", peak());
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
