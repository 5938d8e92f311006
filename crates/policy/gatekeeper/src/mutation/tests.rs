use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Value, json};
use proptest::prelude::*;

use super::image::Image;
use super::path::Path;
use super::{Mutators, Occasion, Operation};

fn value(text: &str) -> Value {
    yaml::read(text, SourceId(0), Dialect::Kubernetes).unwrap().remove(0).value
}

fn mutators(texts: &[String]) -> Result<Mutators, String> {
    let values: Vec<Value> = texts.iter().map(|text| value(text)).collect();
    let nodes: Vec<Node<'_>> = values.iter().map(|value| Node::root(value, None)).collect();
    Mutators::read(&nodes).map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// A mutator of pods.
fn mutator(kind: &str, name: &str, location: &str, parameters: &str) -> String {
    let apply_to =
        if kind == "AssignMetadata" { "" } else { "  applyTo: [{groups: [''], versions: [v1], kinds: [Pod]}]\n" };
    format!(
        "apiVersion: mutations.gatekeeper.sh/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{apply_to}  \
         location: '{location}'\n  parameters: {parameters}\n"
    )
}

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  containers:
  - {name: main, image: nginx, args: [a, b]}
  - {name: side, image: 'ghcr.io/x/y:1'}
";

/// What becomes of the pod's spec.
fn spec_after(texts: &[String]) -> Result<String, String> {
    let mutated = mutators(texts)?.mutate(&value(POD), None).map_err(|error| error.to_string())?;
    Ok(json::write(mutated.get("spec").unwrap()))
}

#[test]
fn locations() {
    for (text, shown) in [
        ("spec.a", Ok("spec.a")),
        (" spec . \"a b\" . c-d ", Ok("spec.\"a b\".c-d")),
        ("spec.list[name: 'x'].image", Ok("spec.list[name: x].image")),
        ("spec.list[\"the key\": *]", Ok("spec.list[\"the key\": *]")),
        ("spec.list[port: 80].x", Ok("spec.list[port: 80].x")),
        ("spec.list[port: '80'].x", Ok("spec.list[port: \"80\"].x")),
        (r"a.'it\'s'", Ok("a.\"it's\"")),
        ("", Ok("")),
        ("spec.", Err("not a location: it ends with `.`")),
        ("spec..a", Err("not a location: a field's name must stand where `.` does")),
        ("spec.1a", Err("not a location: a field's name must stand where `1` does")),
        ("spec a", Err("not a location: `.` must stand where `a` does")),
        ("spec.list[name]", Err("not a location: an element is `[key: value]` or `[key: *]`, not with `]` there")),
        ("spec.list[a: 1][b: 2]", Err("not a location: `.` must stand where `[` does")),
        ("spec.'x", Err("not a location: a ' is not closed")),
        ("spec.+", Err("not a location: `+` at position 5 must be in quotes")),
        ("l[a: 99999999999999999999]", Err("not a location: 99999999999999999999 is too large")),
    ] {
        let found = text.parse::<Path>().map(|path| path.to_string()).map_err(|error| error.to_string());
        assert_eq!(found, shown.map(str::to_owned).map_err(str::to_owned), "{text}");
    }
}

#[test]
fn images() {
    for (domain, path, tag, old, expected) in [
        ("", "", ":v2", "nginx", Ok("nginx:v2")),
        ("reg.example", "", "", "nginx", Ok("reg.example/nginx")),
        ("reg.example", "", "", "ghcr.io/x/y:1", Ok("reg.example/x/y:1")),
        ("localhost:5000", "a/b", ":c", "ghcr.io/x/y@sha256:0", Ok("localhost:5000/a/b:c")),
        ("", "a/b", "", "", Ok("a/b")),
        ("", "", "", "nginx", Err("at least one of assignDomain, assignPath, assignTag must be set")),
        ("nodots", "", "", "", Err("assignDomain `nodots` must be a fully-qualified domain name or localhost")),
        ("", "A/b", "", "", Err("assignPath `A/b` must be the path of an image")),
        ("", "", "v2", "", Err("assignTag `v2` must be a tag behind `:` or a digest behind `@`")),
        (
            "",
            "gcr.io/repo",
            "",
            "",
            Err("assignDomain must be set: the beginning of assignPath `gcr.io/repo` reads as a domain"),
        ),
    ] {
        let found = Image::new(domain, path, tag).map(|image| image.applied_to(old));
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{domain} {path} {tag} on {old}");
    }
}

#[test]
fn values_are_put_where_the_location_says() {
    let (main, side) =
        (r#"{"args":["a","b"],"image":"nginx","name":"main"}"#, r#"{"image":"ghcr.io/x/y:1","name":"side"}"#);
    let containers = |main: &str, side: &str| format!(r#"{{"containers":[{main},{side}]}}"#);
    let unchanged = containers(main, side);
    for (kind, location, parameters, expected) in [
        ("Assign", "spec.a.b", "{assign: {value: 1}}", format!(r#"{{"a":{{"b":1}},{}"#, &unchanged[1..])),
        (
            "Assign",
            "spec.a",
            "{assign: {fromMetadata: {field: namespace}}}",
            format!(r#"{{"a":"shop",{}"#, &unchanged[1..]),
        ),
        (
            "Assign",
            "spec.containers[name: main].image",
            "{assign: {value: x}}",
            containers(r#"{"args":["a","b"],"image":"x","name":"main"}"#, side),
        ),
        (
            "Assign",
            "spec.containers[name: *].tty",
            "{assign: {value: true}}",
            containers(
                r#"{"args":["a","b"],"image":"nginx","name":"main","tty":true}"#,
                r#"{"image":"ghcr.io/x/y:1","name":"side","tty":true}"#,
            ),
        ),
        (
            "Assign",
            "spec.containers[name: new].image",
            "{assign: {value: x}}",
            format!(r#"{{"containers":[{main},{side},{{"image":"x","name":"new"}}]}}"#),
        ),
        (
            "Assign",
            "spec.containers[name: side]",
            "{assign: {value: {name: side, image: z}}}",
            containers(main, r#"{"image":"z","name":"side"}"#),
        ),
        (
            "Assign",
            "spec.containers[name: *].tty",
            "{assign: {value: true}, pathTests: [{subPath: 'spec.containers[name: *]', condition: MustNotExist}]}",
            unchanged.clone(),
        ),
        (
            "Assign",
            "spec.a.b",
            "{assign: {value: 1}, pathTests: [{subPath: spec.a, condition: MustExist}]}",
            unchanged.clone(),
        ),
        (
            "Assign",
            "spec.containers[name: new].tty",
            "{assign: {value: 1}, pathTests: [{subPath: 'spec.containers[name: new]', condition: MustExist}]}",
            unchanged.clone(),
        ),
        (
            "AssignImage",
            "spec.containers[name: *].image",
            "{assignDomain: reg.example, assignTag: ':2'}",
            containers(
                r#"{"args":["a","b"],"image":"reg.example/nginx:2","name":"main"}"#,
                r#"{"image":"reg.example/x/y:2","name":"side"}"#,
            ),
        ),
        (
            "ModifySet",
            "spec.containers[name: *].args",
            "{operation: merge, values: {fromList: [b, c]}}",
            containers(
                r#"{"args":["a","b","c"],"image":"nginx","name":"main"}"#,
                r#"{"args":["b","c"],"image":"ghcr.io/x/y:1","name":"side"}"#,
            ),
        ),
        (
            "ModifySet",
            "spec.containers[name: *].args",
            "{operation: prune, values: {fromList: [a]}}",
            containers(r#"{"args":["b"],"image":"nginx","name":"main"}"#, side),
        ),
    ] {
        let found = spec_after(&[mutator(kind, "m", location, parameters)]);
        assert_eq!(found.as_deref(), Ok(expected.as_str()), "{kind} {location} {parameters}");
    }
}

#[test]
fn metadata_is_added_and_never_changed() {
    for (location, expected) in
        [("metadata.labels.team", r#"{"app":"web","team":"x"}"#), ("metadata.labels.app", r#"{"app":"web"}"#)]
    {
        let mutators = mutators(&[mutator("AssignMetadata", "m", location, "{assign: {value: x}}")]).unwrap();
        let mutated = mutators.mutate(&value(POD), None).unwrap();
        assert_eq!(json::write(mutated.at(&["metadata", "labels"]).unwrap()), expected, "{location}");
    }
}

#[test]
fn mutators_that_make_no_sense_are_refused() {
    for (kind, location, parameters, expected) in [
        ("Assign", "metadata.labels.a", "{assign: {value: x}}", "Assign does not change metadata"),
        ("AssignMetadata", "spec.a", "{assign: {value: x}}", "AssignMetadata changes `metadata.labels.x`"),
        ("AssignMetadata", "metadata.labels.a", "{assign: {value: 1}}", "expected a string"),
        ("Assign", "spec.l[a: b].a", "{assign: {value: x}}", "the field `a` by which elements are found"),
        ("Assign", "spec.l[a: *]", "{assign: {value: {a: b}}}", "a value cannot be all elements"),
        ("Assign", "spec.l[a: b]", "{assign: {value: {a: c}}}", "the value must have the `a`"),
        ("Assign", "spec.a", "{assign: {}}", "`assign` must have one of `value` and `fromMetadata`"),
        ("Assign", "spec.a", "{assign: {value: 1, fromMetadata: {field: name}}}", "`assign` must have one of"),
        ("Assign", "spec.a", "{assign: {externalData: {provider: p}}}", "external data is off"),
        (
            "Assign",
            "spec.a",
            "{assign: {value: 1}, pathTests: [{subPath: b, condition: MustExist}]}",
            "is not a beginning",
        ),
        (
            "Assign",
            "spec.a",
            "{assign: {value: 1}, pathTests: [{subPath: spec, condition: MustNotExist}, {subPath: spec.a, condition: \
             MustExist}]}",
            "its parent `spec` MustNotExist",
        ),
        ("ModifySet", "spec.l[a: b]", "{values: {fromList: [1]}}", "must not end with an element"),
        ("ModifySet", "spec.l", "{operation: sort, values: {fromList: [1]}}", "`sort` is not an operation"),
        ("Assign", "", "{assign: {value: 1}}", "the location is empty"),
        ("Replace", "spec.a", "{}", "`Replace` is not a mutator"),
    ] {
        let found = mutators(&[mutator(kind, "m", location, parameters)]).map(drop).unwrap_err();
        assert!(found.contains(expected), "{kind} {location} {parameters}: {found}");
    }
}

#[test]
fn mutators_that_fail_say_which_and_why() {
    for (location, expected) in [
        ("spec.containers.name", "Assign m: `spec.containers` is a list, not an object"),
        (
            "spec.containers[name: main].image[a: b].c",
            "Assign m: `spec.containers[name: main].image` is a string, not a list",
        ),
    ] {
        let found = spec_after(&[mutator("Assign", "m", location, "{assign: {value: x}}")]);
        assert_eq!(found, Err(expected.to_owned()));
    }
}

#[test]
fn contradicting_locations_are_found() {
    let assign = |name: &str, location: &str| mutator("Assign", name, location, "{assign: {value: x}}");
    let image = |name: &str, location: &str| mutator("AssignImage", name, location, "{assignTag: ':1'}");
    let set = |name: &str, location: &str| mutator("ModifySet", name, location, "{values: {fromList: [1]}}");
    for (mutators_of, contradict) in [
        ([assign("a", "spec.l[name: x].y"), assign("b", "spec.l.y")], true),
        ([assign("a", "spec.l[name: x].y"), assign("b", "spec.l[id: x].y")], true),
        ([assign("a", "spec.l[name: x].y"), assign("b", "spec.l[name: z].y")], false),
        ([assign("a", "spec.x"), assign("b", "spec.x.y")], false),
        ([image("a", "spec.x"), assign("b", "spec.x.y")], true),
        ([set("a", "spec.x"), assign("b", "spec.x.y")], true),
        ([set("a", "spec.x"), image("b", "spec.x")], true),
        ([set("a", "spec.x"), assign("b", "spec.x")], false),
    ] {
        let found = mutators(&mutators_of);
        assert_eq!(found.is_err(), contradict, "{mutators_of:?}: {found:?}");
    }
}

#[test]
fn mutators_that_undo_each_other_do_not_go_on_for_ever() {
    let one = mutator("ModifySet", "add", "spec.l", "{values: {fromList: [1]}}");
    let other = mutator("ModifySet", "take", "spec.l", "{operation: prune, values: {fromList: [1]}}");
    assert_eq!(spec_after(&[one.clone(), other.clone()]).map(drop), Ok(()));
    let grows = [
        mutator("Assign", "a", "spec.x", "{assign: {value: [1]}}"),
        mutator("ModifySet", "b", "spec.x", "{values: {fromList: [2]}}"),
    ];
    // The order is always the same, so that each round ends where the one before did.
    assert_eq!(spec_after(&grows).map(drop), Ok(()));
}

#[test]
fn operations_limit_mutators() {
    let create = mutator("Assign", "m", "spec.a", "{assign: {value: 1}}")
        .replace("kinds: [Pod]}", "kinds: [Pod], operations: [CREATE]}");
    let mutators = mutators(&[create]).unwrap();
    for (operation, changes) in [(Some(Operation::Create), true), (Some(Operation::Update), false), (None, false)] {
        let occasion = Occasion { operation, ..Occasion::default() };
        let mutated = mutators.mutate_on(&value(POD), &occasion).unwrap();
        assert_eq!(mutated.at(&["spec", "a"]).is_some(), changes, "{operation:?}");
    }
}

proptest! {
    #[test]
    fn any_location_is_read_or_refused_and_reads_back_as_itself(text in "[-a-z0-9.\\[\\]:*'\"\\\\ ]{0,40}") {
        if let Ok(path) = text.parse::<Path>() {
            prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
        }
    }

    #[test]
    fn a_name_of_any_characters_is_kept_in_quotes(name in ".{0,20}") {
        let quoted = format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"));
        let path: Path = quoted.parse().unwrap();
        prop_assert_eq!(path.0[0].name(), name);
    }

    #[test]
    fn images_stay_what_they_are_when_assigned_again(
        domain in "(|[a-z]{1,4}\\.[a-z]{2}(:[0-9]{1,4})?|localhost)",
        path in "(|[a-z]{1,4}(/[a-z]{1,4}){0,2})",
        tag in "(|:[a-z0-9]{1,5})",
        old in "[a-z.:/@0-9]{0,20}",
    ) {
        if let Ok(image) = Image::new(&domain, &path, &tag) {
            let once = image.applied_to(&old);
            if !domain.is_empty() && !path.is_empty() && !tag.is_empty() {
                prop_assert_eq!(image.applied_to(&once), once);
            }
        }
    }
}
