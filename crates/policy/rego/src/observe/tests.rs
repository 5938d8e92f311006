//! What observers are told.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use probity_model::{Sources, json};

use super::{Act, Event, Node, Observer};
use crate::{CompileOptions, Documents, Evaluation, Policies, Version, parse_value};

struct Log {
    sources: Arc<Sources>,
    lines: RefCell<Vec<String>>,
}

impl Log {
    fn text(&self, span: probity_model::Span) -> String {
        let source = self.sources.get(span.source).unwrap();
        source.text[span.start as usize..span.end as usize].to_owned()
    }
}

impl Observer for Log {
    fn event(&self, event: &Event<'_>) {
        let what = match event.node {
            Node::Text(text) => text.to_owned(),
            Node::Rule { name, .. } => name.to_owned(),
            Node::Body | Node::Expr => self.text(event.span.unwrap()),
        };
        let mut line = format!("{}{:?} {what}", "| ".repeat(event.depth as usize), event.act);
        if matches!(event.act, Act::Fail | Act::Exit) {
            for (span, value) in event.values() {
                line += &format!(" <{}={}>", self.text(span), json::write(&value));
            }
        }
        self.lines.borrow_mut().push(line);
    }
}

/// The events of a query, and whether it holds.
fn events(module: &str, query: &str, keep_prints: bool, observe: bool) -> Vec<String> {
    let sources = Arc::new(Sources::default());
    let options = CompileOptions { keep_prints, observe, ..CompileOptions::default() };
    let texts = [(Path::new("a.rego"), module)];
    let policies = Policies::read(texts, Version::V1, options, Arc::clone(&sources)).unwrap();
    let log = Log { sources, lines: RefCell::default() };
    let evaluation = Evaluation { observer: Some(&log), ..Evaluation::default() };
    let documents = Documents::input(parse_value(r#"{"a": 1, "list": [1, 2]}"#).unwrap());
    policies.query(query).unwrap().evaluate(&documents, &evaluation).unwrap();
    log.lines.into_inner()
}

#[test]
fn rules_and_expressions_are_told_in_order() {
    let module = "package a\n\np if {\n\tx := input.a\n\tx == 1\n\tnot q(x)\n}\n\nq(y) if y == 2\n";
    let expected = [
        "| Enter data.a.p",
        "| Eval data.a.p",
        "| | Enter data.a.p",
        "| | Eval x := input.a",
        "| | Eval x == 1",
        "| | Eval not q(x)",
        "| | | Enter q(x)",
        "| | | Eval q(x)",
        "| | | | Enter data.a.q",
        "| | | | Eval y == 2",
        "| | | | Fail y == 2 <y=1>",
        "| | | Fail q(x) <x=1>",
        "| | Exit data.a.p",
        "| | Redo data.a.p",
        "| | Redo not q(x)",
        "| | Redo x == 1",
        "| | Redo x := input.a",
        "| Exit data.a.p",
        "| Redo data.a.p",
        "| Redo data.a.p",
    ];
    assert_eq!(events(module, "data.a.p", false, true), expected);
}

#[test]
fn a_failing_expression_tells_the_values_in_it() {
    let cases = [
        ("package a\nd contains \"x\" if input.a == 1\n", "data.a.d == {\"y\"}", "<data.a.d=[\"x\"]>"),
        ("package a\nd contains \"x\" if input.a == 1\n", "data.a.d[\"y\"]", "<data.a.d=[\"x\"]>"),
        ("package a\nd := input.a\n", "data.a.d == 2 with input as {\"a\": 3}", "<data.a.d=3>"),
        ("package a\n", "count(input.list) > 2", "<count(input.list)=2>"),
    ];
    for (module, query, values) in cases {
        let events = events(module, query, false, true);
        let fails: Vec<_> = events.iter().filter(|line| line.contains("Fail")).collect();
        assert!(fails.last().is_some_and(|line| line.contains(values)), "{query}: {events:#?}");
    }
}

#[test]
fn prints_are_told_with_what_they_have() {
    let module =
        "package a\np if {\n\tsome x in input.list\n\tprint(\"x\", x, input.missing, {\"k\": [x]})\n\tx == 2\n}\n";
    let expected = ["Print x 1 <undefined> {\"k\": [1]}", "Print x 2 <undefined> {\"k\": [2]}"];
    assert_eq!(events(module, "data.a.p", true, false), expected);
    assert_eq!(events(module, "data.a.p", false, false), [""; 0]);
    let negated = "package a\np if not q\nq if {\n\tprint(\"in q\")\n\tfalse\n}\n";
    assert_eq!(events(negated, "data.a.p", true, false), ["Print in q"]);
}

#[test]
fn notes_are_told_only_when_observed() {
    let module = "package a\np if trace(\"here\")\n";
    let notes = |observe| {
        let events = events(module, "data.a.p", false, observe);
        events.into_iter().filter(|line| line.contains("Note")).collect::<Vec<_>>()
    };
    assert_eq!(notes(true), ["Note here"]);
}

#[test]
fn observed_policies_give_the_same_answers() {
    let module = r#"package a
        f(1) := "one"
        f(2) := "two" if true
        else := "no"
        p[x] contains y if { some x in ["a", "b"]; some y in input.list; y > 1 }
        every_one if every x in input.list { x > 0 }
        default d := 0
        d := input.a if input.a == 7
        all := [[k, v] | some k, v in input.list]
    "#;
    for query in ["x := data.a.f(2)", "x := data.a.p", "x := data.a.every_one", "x := data.a.d", "x := data.a.all"] {
        let answers: Vec<_> = [false, true]
            .into_iter()
            .map(|observe| {
                let options = CompileOptions { observe, ..CompileOptions::default() };
                let texts = [(Path::new("a.rego"), module)];
                let policies = Policies::read(texts, Version::V1, options, Arc::new(Sources::default())).unwrap();
                let documents = Documents::input(parse_value(r#"{"a": 1, "list": [1, 2]}"#).unwrap());
                policies.query(query).unwrap().evaluate(&documents, &Evaluation::default()).unwrap()
            })
            .collect();
        assert_eq!(answers[0], answers[1], "{query}");
        assert!(!answers[0].is_empty(), "{query}");
    }
}
