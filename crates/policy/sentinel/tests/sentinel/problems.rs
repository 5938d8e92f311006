//! What is wrong with a file, and where.

use std::path::Path;

use probity_model::Sources;
use probity_policy_sentinel::{Policy, Problems};

fn problems(text: &str) -> Vec<String> {
    let sources = Sources::default();
    let id = sources.add("p.sentinel", text);
    let Problems(problems) = Policy::parse(&sources, id).expect_err(text);
    problems.iter().map(|problem| problem.display(&sources, Path::new("p.sentinel"))).collect()
}

#[test]
fn each_with_its_place() {
    let cases = [
        ("main = rule {", "p.sentinel:1:14: expected an expression, found the end of the file"),
        ("x = 1 +\n", "p.sentinel:2:1: expected an expression, found the end of the file"),
        ("x = \"abc\n", "p.sentinel:1:5: the string is not closed"),
        ("x = 'a'", "p.sentinel:1:5: unexpected character '\\'' (strings stand between double quotes or backquotes)"),
        ("x = a && b", "p.sentinel:1:7: unexpected character '&' (`and` is the operator)"),
        ("x = \"\\q\"", "p.sentinel:1:6: unknown escape `\\q`"),
        ("x = \"\\uD800\"", "p.sentinel:1:6: U+D800 is no character"),
        ("x = 089", "p.sentinel:1:5: `8` is no digit of the octal number `089`"),
        ("x = 170141183460469231731687303715884105727", "does not fit in 64 bits"),
        ("x = 9223372036854775808", "p.sentinel:1:5: the integer `9223372036854775808` does not fit in 64 bits"),
        ("map = 1", "expected"),
        ("a.b = 1", "p.sentinel:1:1: a selector cannot be assigned to (the index [\"b\"] can)"),
        ("f() = 1", "p.sentinel:1:1: only names and indices can be assigned to"),
        ("true = 1", "p.sentinel:1:1: `true` cannot be assigned to"),
        ("x = 1\nimport \"a\"", "p.sentinel:2:1: imports stand before parameters and statements"),
        ("import \"a\" as b\nimport \"a\" as c", "p.sentinel:2:1: \"a\" is imported twice"),
        ("import \"a\" as b\nimport \"c\" as b", "p.sentinel:2:1: two imports are called `b`"),
        ("import \"time\"\nparam time", "p.sentinel:2:7: an import is called `time`, too"),
        ("param undefined", "p.sentinel:1:7: `undefined` is predeclared and cannot be a parameter"),
        ("param a default b", "p.sentinel:1:17: the default of a parameter is a literal"),
        ("f = func() { return }", "p.sentinel:1:14: `return` gives no value (`return undefined` gives nothing)"),
        ("f = func(a, a) { return a }", "p.sentinel:1:13: the parameter `a` is there twice"),
        (
            "main = rule {\n\ta\n\tand b\n}",
            "p.sentinel:3:2: expected `}`, found `and` (an operator stands at the end of the line before, not at the beginning)",
        ),
        ("/* open", "p.sentinel:1:1: the comment is not closed"),
    ];
    for (text, expected) in cases {
        let found = problems(text);
        assert!(found[0].contains(expected), "{text}\n  {found:?}\n  {expected}");
    }
}

#[test]
fn all_of_a_file() {
    let found = problems("a = \nb = 1\nc = ]\nfunc f( {\n\treturn 1\n}\nd = 2 2\nmain = true");
    let lines: Vec<&str> = found.iter().map(|problem| problem.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["2", "3", "4", "7"], "{found:#?}");
}
