use proptest::prelude::*;

use super::*;

/// A tree in one line.
fn shown(expression: &Expression) -> String {
    let list = |parts: &[Expression], between: &str| {
        format!("({})", parts.iter().map(shown).collect::<Vec<_>>().join(between))
    };
    let steps = |path: &[Step]| {
        let step = |step: &Step| match step {
            Step::Name(name) => format!(".{name}"),
            Step::Element => ".*".to_owned(),
            Step::Computed(index) => format!("[{}]", shown(index)),
        };
        path.iter().map(step).collect::<String>()
    };
    match expression {
        Expression::Null => "null".to_owned(),
        Expression::Bool(truth) => truth.to_string(),
        Expression::Number(number) => number.to_string(),
        Expression::Text(text) => format!("'{text}'"),
        Expression::Context { root, path } => format!("{root}{}", steps(path)),
        Expression::Call { function, arguments, path } => {
            format!("{function}{}{}", list(arguments, ", "), steps(path))
        }
        Expression::Member { of, path } => format!("<{}>{}", shown(of), steps(path)),
        Expression::Not(inner) => format!("!{}", shown(inner)),
        Expression::And(parts) => list(parts, " && "),
        Expression::Or(parts) => list(parts, " || "),
        Expression::Compare { operator, left, right } => format!("({} {operator:?} {})", shown(left), shown(right)),
    }
}

#[test]
fn trees() {
    for (text, expected) in [
        ("github.event.issue.title", "github.event.issue.title"),
        (" GitHub['Head_Ref'] ", "github.head_ref"),
        ("github.event.commits[0].message", "github.event.commits.*.message"),
        ("github.event.commits.*.author", "github.event.commits.*.author"),
        ("matrix[env.KEY].x", "matrix[env.key].x"),
        ("secrets[format('A_{0}', inputs.e)]", "secrets[format('A_{0}', inputs.e)]"),
        ("'it''s'", "'it's'"),
        ("1.5e-3 == 0x1F", "(0.0015 Equal 31)"),
        ("-1 < .5", "(-1 Less 0.5)"),
        ("a || b && !c == 'd'", "(a || (b && (!c Equal 'd')))"),
        ("(a || b) && c", "((a || b) && c)"),
        ("a && b && c", "(a && b && c)"),
        ("!(a)", "!a"),
        ("always()", "always()"),
        ("fromJSON(needs.a.outputs.b).c[0]", "fromjson(needs.a.outputs.b).c.*"),
        ("(a || b).c", "<(a || b)>.c"),
        ("steps.a-b.outputs.c_d", "steps.a-b.outputs.c_d"),
        ("true && null", "(true && null)"),
        ("github\n . event", "github.event"),
        ("a<=b", "(a LessOrEqual b)"),
        ("a != b == c", "((a NotEqual b) Equal c)"),
    ] {
        assert_eq!(parse(text).map(|tree| shown(&tree)).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_expression_says_where_and_why() {
    for (text, at, message) in [
        ("", 0, "an empty expression"),
        ("github.", 7, "the expression ends where a name should be"),
        ("a b", 2, "`b` where an operator should be"),
        ("a == \"b\"", 5, "texts in expressions stand in single quotes"),
        ("'a", 0, "a text without its closing quote"),
        ("(a", 2, "the expression ends where `)` should be"),
        ("f(a", 3, "the expression ends where `,` or `)` should be"),
        ("a[1", 3, "the expression ends where `]` should be"),
        ("a + b", 2, "`+` where an operator should be"),
        ("1x", 0, "`1x` is not a number"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.at, error.message.as_str()), (at, message), "{text}");
    }
}

#[test]
fn nesting_is_bounded_and_long_chains_are_not_nesting() {
    assert!(parse(&format!("{}a{}", "(".repeat(100), ")".repeat(100))).is_err());
    assert!(parse(&format!("{}a", "!".repeat(100))).is_err());
    assert!(parse(&vec!["a"; 100].join(" == ")).is_err());
    assert!(parse(&vec!["a"; 1000].join(" || ")).is_ok());
    assert!(parse(&vec!["a"; 1000].join(".")).is_ok());
    assert!(parse(&"a".repeat(30_000)).is_err());
}

#[test]
fn what_flows_into_a_value() {
    for (text, expected) in [
        ("github.head_ref", vec!["github.head_ref"]),
        ("github.head_ref || github.ref", vec!["github.head_ref", "github.ref"]),
        ("github.head_ref == 'main'", vec![]),
        ("inputs.a && 'yes' || 'no'", vec![]),
        ("inputs.a && github.actor", vec!["github.actor"]),
        ("format('{0}', inputs.a)", vec!["inputs.a"]),
        ("contains(github.head_ref, 'x')", vec![]),
        ("toJSON(github.event).a", vec!["github.event"]),
        ("!inputs.a", vec![]),
    ] {
        let tree = parse(text).unwrap();
        let mut found = Vec::new();
        tree.flows(&mut |inner| found.push(shown(inner)));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn constants() {
    for (text, expected) in
        [("'a'", true), ("format('{0}', 'a')", true), ("1 == 2", true), ("always()", false), ("github.x", false)]
    {
        assert_eq!(parse(text).unwrap().is_constant(), expected, "{text}");
    }
}

#[test]
fn fences_end_at_their_braces() {
    for (text, expected) in [
        ("echo ${{ a }} and ${{b}}", vec!["${{ a }}", "${{b}}"]),
        ("${{ format('}}{0}', a) }}", vec!["${{ format('}}{0}', a) }}"]),
        ("${{ a", vec![]),
        ("$ {{ a }} }}", vec![]),
        ("${{ 'it''s' }}", vec!["${{ 'it''s' }}"]),
    ] {
        let found: Vec<&str> = fences(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_refused(text in "([a-c.*()\\[\\]'!&|=<>,0-9 \"ü-]|github|\\$\\{\\{|\\}\\}){0,40}") {
        for range in fences(&text) {
            prop_assert!(text[range].starts_with("${{"));
        }
        match parse(&text) {
            Ok(tree) => {
                tree.walk(&mut |_| {});
                tree.flows(&mut |_| {});
            }
            Err(error) => prop_assert!(text.is_char_boundary(error.at)),
        }
    }
}
