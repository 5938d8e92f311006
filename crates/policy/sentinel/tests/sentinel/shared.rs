//! Documents are shared with policies, and filters need not evaluate their bodies for every element: neither shows.

use probity_model::Value;
use probity_policy_sentinel::{Evaluation, Import};
use proptest::prelude::*;

use super::support::{check, policy, x};

#[test]
fn what_is_inside_a_document_is_one_value_however_it_is_reached() {
    let doc = "import \"doc\"\n";
    check(&[
        (&format!("{doc}a = doc.list[2]\nappend(a, 4)\nx = doc.list[2]"), "[3, 4]"),
        (
            &format!("{doc}for doc.list as e {{\n\tif e not in [1, 2] {{ append(e, 4) }}\n}}\nx = doc.list"),
            "[1, 2, [3, 4]]",
        ),
        (
            &format!("{doc}m = map doc as k, v {{ v }}\ndoc.map.b[\"d\"] = 1\nx = m[2]"),
            "{\"b\": {\"c\": true, \"d\": 1}}",
        ),
        (
            &format!("{doc}b = doc.map.b\ndoc.map[\"e\"] = 2\nb[\"d\"] = 1\nx = doc.map"),
            "{\"b\": {\"c\": true, \"d\": 1}, \"e\": 2}",
        ),
        (
            &format!("{doc}delete(doc.map, \"b\")\nx = [length(doc.map), doc.map contains \"b\", keys(doc)]"),
            "[0, false, [\"later\", \"list\", \"map\", \"name\", \"none\"]]",
        ),
        (&format!("{doc}for doc.list as i, _ {{ append(doc.list, i) }}\nx = length(doc.list)"), "6"),
    ]);
}

#[test]
fn changes_stay_in_the_evaluation() {
    let document = Value::object([("list", Value::array([1.into()]))]);
    let policy = policy("import \"doc\"\nappend(doc.list, 2)\nmain = length(doc.list) is 2");
    for _ in 0..2 {
        let evaluation = Evaluation::new(&policy).with_import("doc", Import::Data(document.clone()));
        assert_eq!(evaluation.run().unwrap().main.known(), Some(&true.into()));
    }
    assert_eq!(document, Value::object([("list", Value::array([1.into()]))]));
}

#[test]
fn the_name_that_is_nobodys_can_be_asked_for() {
    check(&[
        ("x = map {\"a\": 1, \"b\": 2} as _, v { _ }", "[\"a\", \"b\"]"),
        ("x = filter [5, 6] as _, v { _ is 1 }", "[6]"),
        ("x = map [[1], [2]] as _, v { map v as _, w { w + 1 } }", "[[2], [3]]"),
        ("x = map [7] as _ { _ }", "[7]"),
    ]);
}

const ELEMENTS: [&str; 12] = [
    "{}",
    "{\"k\": null}",
    "{\"k\": \"a\", \"j\": 1}",
    "{\"k\": \"b\", \"j\": 2}",
    "{\"k\": \"a\"}",
    "{\"k\": true, \"j\": 1}",
    "{\"k\": 1}",
    "{\"k\": [1]}",
    "{\"k\": undefined}",
    "{\"j\": 1}",
    "null",
    "\"s\"",
];

const WANTED: [&str; 8] = ["null", "\"a\"", "true", "1", "undefined", "[1]", "w", "c.w"];

proptest! {
    /// A filter comes to the same as one whose body is the same condition in a form of which nothing is known beforehand.
    #[test]
    fn filters_come_to_what_their_bodies_do(
        elements in prop::collection::vec(prop::sample::select(&ELEMENTS[..]), 0..6),
        wanted in prop::sample::select(&WANTED[..]),
        member in prop::sample::select(&["r.k", "r[\"k\"]", "r[n]", "r.absent"][..]),
        operator in prop::sample::select(&["is", "is not"][..]),
        more in prop::sample::select(&["", " and r.j is 1", " and f(r)"][..]),
        of_map in any::<bool>(),
    ) {
        let collection = if of_map {
            let entries: Vec<String> = elements.iter().enumerate().map(|(at, element)| format!("\"p{at}\": {element}")).collect();
            format!("{{{}}}", entries.join(", "))
        } else {
            format!("[{}]", elements.join(", "))
        };
        let before = "w = \"a\"\nn = \"k\"\nc = {\"w\": \"a\"}\nf = func(r) {\n\tw = \"b\"\n\treturn r.k is \"a\"\n}\n";
        let condition = format!("{member} {operator} {wanted}{more}");
        let plain = x(&format!("{before}x = filter {collection} as _, r {{ {condition} }}"));
        let other = x(&format!("{before}x = filter {collection} as _, r {{ false or ({condition}) }}"));
        prop_assert_eq!(plain, other);
    }
}
