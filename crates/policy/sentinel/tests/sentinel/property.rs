//! Whatever the text, nothing panics, and what is read is formatted to the same.

use probity_model::Sources;
use probity_policy_sentinel::{Evaluation, Limits, Policy};
use proptest::prelude::*;

/// Words and signs that policies are made of.
const TOKENS: [&str; 72] = [
    "a",
    "b",
    "f",
    "main",
    " = ",
    " += ",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ".",
    ",",
    ":",
    ";",
    "\n",
    " ",
    "1",
    "0x1f",
    "1.5",
    "\"s\"",
    "`r`",
    "\"k\": ",
    "true",
    "false",
    "null",
    "undefined",
    " and ",
    " or ",
    " xor ",
    "not ",
    "!",
    " is ",
    " is not ",
    " is empty",
    " is defined",
    " in ",
    " not in ",
    " contains ",
    " matches ",
    " else ",
    "-",
    " + ",
    " * ",
    " / ",
    " % ",
    " < ",
    " >= ",
    "rule { ",
    "rule when ",
    "func(a) {\n",
    "return ",
    "if ",
    "for ",
    " as ",
    " as k, v { ",
    "case ",
    "when ",
    "else:",
    "break",
    "continue",
    "any ",
    "all ",
    "filter ",
    "map ",
    "append(",
    "length(",
    "# c\n",
    "/* c */",
    "import \"strings\"\n",
    "param p default ",
];

fn check(text: &str) {
    let sources = Sources::default();
    let Ok(policy) = Policy::parse(&sources, sources.add("a.sentinel", text)) else { return };
    let formatted = policy.formatted();
    let again = Policy::parse(&sources, sources.add("b.sentinel", formatted.as_str()));
    let again = again.unwrap_or_else(|problems| panic!("{text}\n---\n{formatted}\n{problems}"));
    assert_eq!(again.formatted(), formatted, "{text}");
    let limits = Limits { steps: 20_000, memory: 8 << 20, ..Limits::default() };
    let run = |policy: &Policy| match Evaluation::new(policy).with_limits(limits).run() {
        Ok(outcome) => format!("{:?} {}", outcome.verdict, outcome.main),
        Err(failure) => failure.message,
    };
    // The same tokens mean the same; only places that a message names may differ.
    let (before, after) = (run(&policy), run(&again));
    if !before.contains(".sentinel") {
        assert_eq!(before, after, "{text}\n---\n{formatted}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        check(&text);
    }

    #[test]
    fn any_tokens_are_read_or_refused(tokens in prop::collection::vec(prop::sample::select(&TOKENS[..]), 0..40)) {
        check(&tokens.concat());
    }

    #[test]
    fn what_is_well_formed_keeps_its_meaning(
        lines in prop::collection::vec((prop::sample::select(&TOKENS[18..28]), prop::sample::select(&TOKENS[28..31])), 1..12),
        breaks in prop::collection::vec(0..3_usize, 12),
    ) {
        let mut text = "x=[1,{\"a\":-2}]\nmain=rule{x[0] is 1 and  x[1].a is - 2 or ".to_owned();
        for ((operand, operator), count) in lines.iter().zip(&breaks) {
            text.push_str(operand.trim_end_matches(": "));
            text.push_str(operator);
            text.push_str(&"\n".repeat(*count));
        }
        text.push_str("true}");
        check(&text);
    }
}
