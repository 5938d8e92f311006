use std::cell::RefCell;

use probity_model::{Value, json};
use proptest::prelude::*;

use super::{Still, check, search};
use crate::{Evaluation, Expression, Root, SearchError};

const GIVEN: &str = r#"{
    "name": "web", "count": 3, "ratio": 1.5, "none": null, "empty": [], "flag": true,
    "labels": {"app": "web", "tier": "front"},
    "containers": [{"name": "a", "image": "nginx", "ports": [80]}, {"name": "b", "ports": [81, 82]}, {"name": "c"}],
    "nested": [[1, 2], [3], 4, [[5]]]
}"#;

#[test]
fn paths_and_projections() {
    check(
        GIVEN,
        &[
            ("name", r#""web""#),
            ("labels.app", r#""web""#),
            ("\"labels\".\"app\"", r#""web""#),
            ("containers[0].name", r#""a""#),
            ("containers[-1].name", r#""c""#),
            ("containers[9]", "null"),
            ("containers[*].name", r#"["a","b","c"]"#),
            ("containers[].ports[]", "[80,81,82]"),
            ("containers[:2].name", r#"["a","b"]"#),
            ("containers[::-1].name", r#"["c","b","a"]"#),
            ("containers[?name == 'b'].ports[]", "[81,82]"),
            ("containers[?ports].name", r#"["a","b"]"#),
            ("containers[?!image].name", r#"["b","c"]"#),
            ("nested[]", "[1,2,3,4,[5]]"),
            ("nested[][]", "[1,2,3,4,5]"),
            ("labels.*", r#"["web","front"]"#),
            ("[name, count]", r#"["web",3]"#),
            ("{n: name, c: count, x: absent}", r#"{"c":3,"n":"web","x":null}"#),
            ("containers[*].{n: name, i: image}", r#"[{"i":"nginx","n":"a"},{"i":null,"n":"b"},{"i":null,"n":"c"}]"#),
            ("count > `2` && count < `4`", "true"),
            ("count == `3.0`", "true"),
            ("ratio >= `1.5`", "true"),
            ("name > `1`", "null"),
            ("!flag || name", r#""web""#),
            ("'it\\'s'", r#""it's""#),
            ("`\"a\\`b\"`", r#""a`b""#),
            ("containers | [0] | name", r#""a""#),
            ("@.name", r#""web""#),
            ("none.deeper.still", "null"),
            ("count.deeper", "null"),
        ],
    );
}

#[test]
fn keys_that_are_not_found() {
    check(
        GIVEN,
        &[
            ("absent", "!Unknown key \"absent\" in path"),
            ("labels.absent", "!Unknown key \"absent\" in path"),
            ("absent.deeper", "!Unknown key \"absent\" in path"),
            ("absent || 'x'", r#""x""#),
            ("absent || absent", "null"),
            ("absent && name", "null"),
            ("name && absent", "!Unknown key \"absent\" in path"),
            ("!absent", "true"),
            ("absent == `null`", "true"),
            ("absent != name", "true"),
            ("absent > `1`", "null"),
            ("absent | 'x'", r#""x""#),
            ("name | absent", "null"),
            ("labels | absent", "null"),
            ("absent[*].x", "null"),
            ("absent[].x", "null"),
            ("absent[?x]", "null"),
            ("absent.*", "null"),
            ("containers[*].image", r#"["nginx"]"#),
            ("[absent, name]", r#"[null,"web"]"#),
            ("to_string(absent)", r#""null""#),
            (
                "length(absent)",
                "!Invalid type for: <nil>, expected: []jmespath.JpType{\"string\", \"array\", \"object\"}",
            ),
            ("length(absent || '')", "0"),
            ("absent[0]", "!Unknown key \"absent\" in path"),
        ],
    );
}

#[test]
fn what_is_no_expression() {
    for (text, message, offset) in [
        ("", "Incomplete expression", 0),
        ("a.", "Expected identifier, lbracket, or lbrace", 2),
        ("a b", "Unexpected token at the end of the expression: tUnquotedIdentifier", 2),
        ("a[", "Expected tStar, received: tEOF", 2),
        ("[0", "Expected tRbracket, received: tEOF", 2),
        ("'a", "Unclosed delimiter: '", 2),
        ("a.#", "Unknown char: '#'", 2),
        ("\"f\"(a)", "Can't have quoted identifier as function Name.", 0),
        ("{a b}", "Expected tColon, received: tUnquotedIdentifier", 3),
        ("a = b", "Unexpected token at the end of the expression: tUnknown", 2),
    ] {
        let error = Expression::parse(text).unwrap_err();
        assert_eq!((error.message.as_str(), error.offset), (message, offset), "{text}");
    }
    assert!(Expression::parse("`{bad`").is_err());
}

#[test]
fn functions_that_do_not_exist_are_told() {
    let expression = Expression::parse("name || foo(bar(@))").unwrap();
    assert_eq!(expression.unknown_functions(), ["foo", "bar"]);
    check(
        GIVEN,
        &[
            ("name || foo(@)", r#""web""#),
            ("foo(@)", "!unknown function: foo"),
            ("to_array()", "!incorrect number of args"),
        ],
    );
}

#[test]
fn bounds_are_kept() {
    assert!(Expression::parse(&"[".repeat(10_000)).is_err());
    assert!(Expression::parse(&"a.".repeat(10_000)).is_err());
    assert!(Expression::parse(&format!("{}a", "!".repeat(10_000))).is_err());
    assert!(Expression::parse(&"a||".repeat(5_000)).is_err());
    let doubled = ["@"; 40].map(|_| "[@, @]").join(" | ");
    assert!(matches!(search(&doubled, &Value::Null), Ok(Value::Null)));
    assert!(matches!(search(&doubled, &1.into()), Err(SearchError::Bound(_))));
    let shallow = ["@"; 24].map(|_| "[@, @]").join(" | ");
    assert!(matches!(search(&format!("to_string(({shallow}))"), &1.into()), Err(SearchError::Bound(_))));
    let longer = ["@"; 40].map(|_| "[@, @][]").join(" | ");
    assert!(matches!(search(&longer, &Value::array([1.into()])), Err(SearchError::Bound(_))));
    let twice = Expression::parse(&format!("({doubled}) == ({doubled})")).unwrap();
    let some = Evaluation::new(&Still).with_steps(10_000);
    assert!(matches!(twice.search(&Value::from(1), &some), Err(SearchError::Bound(_))));
    let grown = ["x"; 12].map(|_| "replace_all(@, 'a', 'aaaaaaaaaa')").join(" | ");
    assert!(matches!(search(&grown, &"a".into()), Err(SearchError::Bound(_))));
    let few = Evaluation::new(&Still).with_steps(3);
    let long = Expression::parse("a[*].b[*].c").unwrap();
    let given = json::read(br#"{"a": [{"b": [1]}, {"b": [1]}]}"#).unwrap();
    assert!(matches!(long.search(&given, &few), Err(SearchError::Bound(_))));
}

/// A root that notes what it is asked for.
struct Noting<'v>(&'v Value, RefCell<Vec<String>>);

impl Root for Noting<'_> {
    fn get(&self, key: &str) -> Result<Option<Value>, SearchError> {
        self.1.borrow_mut().push(key.to_owned());
        match key {
            "broken" => Err(SearchError::Root("could not be loaded".to_owned())),
            key => Root::get(self.0, key),
        }
    }

    fn whole(&self) -> Result<Value, SearchError> {
        self.1.borrow_mut().push("@".to_owned());
        Ok(self.0.clone())
    }
}

#[test]
fn a_root_is_asked_for_what_is_needed() {
    let given = json::read(GIVEN.as_bytes()).unwrap();
    for (expression, asked) in [
        ("name", &["name"][..]),
        ("labels.app || broken", &["labels"]),
        ("containers[?name == 'a'].image", &["containers"]),
        ("@.name", &["name"]),
        ("@ | name", &["name"]),
        ("{a: name, b: count}", &["name", "count"]),
        ("keys(@)", &["@"]),
        ("length(containers)", &["containers"]),
    ] {
        let root = Noting(&given, RefCell::default());
        Expression::parse(expression).unwrap().search(&root, &Evaluation::new(&Still)).unwrap();
        assert_eq!(*root.1.borrow(), asked, "{expression}");
    }
    let root = Noting(&given, RefCell::default());
    let error = Expression::parse("broken[] || name").unwrap().search(&root, &Evaluation::new(&Still)).unwrap_err();
    assert_eq!(error, SearchError::Root("could not be loaded".to_owned()));
}

#[test]
fn keys_of_the_root_are_known() {
    for (expression, keys) in [
        ("request.object.spec", Some(vec!["request"])),
        ("a || b.c", Some(vec!["a", "b"])),
        ("a[?b == 'x'].c", Some(vec!["a"])),
        ("sort_by(a, &b)", Some(vec!["a"])),
        ("@ | a", Some(vec!["a"])),
        ("`1`", Some(vec![])),
        ("keys(@)", None),
        ("*.a", None),
    ] {
        assert_eq!(Expression::parse(expression).unwrap().root_keys(), keys, "{expression}");
    }
}

#[test]
fn what_is_nested_as_deeply_as_allowed_is_evaluated() {
    let deepest = |make: &dyn Fn(usize) -> String| {
        let text = (1..400).rev().map(make).find(|text| Expression::parse(text).is_ok()).unwrap();
        let given = json::read(br#"{"a": [[1]]}"#).unwrap();
        let _ = search(&text, &given);
        text.len()
    };
    assert!(deepest(&|depth| format!("{}a", "!".repeat(depth))) > 150);
    assert!(deepest(&|depth| format!("a{}", ".a".repeat(depth))) > 300);
    assert!(deepest(&|depth| format!("a{}", "[*].a[0]".repeat(depth))) > 150);
    assert!(deepest(&|depth| format!("{}a{}", "[".repeat(depth), "]".repeat(depth))) > 150);
    assert!(deepest(&|depth| format!("a{}", " || a".repeat(depth))) > 150);
    assert!(deepest(&|depth| format!("{}a{}", "to_array(".repeat(depth), ")".repeat(depth))) > 150);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[ab.\\[\\]*?()|&!<>=@`'\",:{}0-9 -]{0,24}") {
        if let Ok(expression) = Expression::parse(&text) {
            let given = json::read(br#"{"a": [{"b": 1}, {"b": [2, {"a": "x"}]}], "b": {"a": null}}"#).unwrap();
            let _ = expression.search(&given, &Evaluation::new(&Still));
        }
    }

    #[test]
    fn slices_are_those_of_their_definition(length in 0_usize..8, start in -10_i64..10, stop in -10_i64..10, step in 1_i64..4) {
        let list: Vec<i64> = (0..).take(length).collect();
        let given = Value::array(list.iter().map(|number| Value::from(*number)));
        let found = search(&format!("[{start}:{stop}:{step}]"), &given).unwrap();
        let length = i64::try_from(length).unwrap();
        let at = |place: i64| if place < 0 { (place + length).max(0) } else { place.min(length) };
        let wanted: Vec<i64> = list.into_iter().filter(|at_| (at(start)..at(stop)).contains(at_) && (at_ - at(start)) % step == 0).collect();
        prop_assert_eq!(found, Value::array(wanted.into_iter().map(Value::from)));
    }
}
