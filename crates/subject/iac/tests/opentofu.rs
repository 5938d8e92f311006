//! Expressions by what `OpenTofu` says of them: `opentofu/expressions.tsv`, written by `cargo xtask opentofu TOFU`.

#[path = "opentofu/plans.rs"]
mod plans;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use probity_model::value::Value;
use probity_model::{SourceId, json};
use probity_subject_iac::terraform::{Installed, ModuleFile, Options, read_tree};

/// What a value does not tell of its type.
const TYPES: &str = "a list is not told from a tuple, nor a map from an object: not known";

/// What is not kept of a text in YAML.
const YAML: &str = "words that only YAML 1.1 has other types for, and tags, are texts";

/// What is told otherwise than by `OpenTofu`, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("[] == []", TYPES),
    ("[1] == [1]", TYPES),
    ("{a = 1} == {a = 1}", TYPES),
    ("[1, 2] != [1, 2]", TYPES),
    ("tolist([\"a\"]) == [\"a\"]", TYPES),
    ("tomap({a = 1}) == {a = 1}", TYPES),
    ("[1, 2, 3] == tolist([1, 2, 3])", TYPES),
    ("lookup(tomap({a = 1}), \"b\", \"5\")", "the default is not converted to the type of a map's elements"),
    ("lookup(tomap({a = 1}), \"b\", \"x\")", "the default is not converted to the type of a map's elements"),
    ("1 > 0 ? \"yes\" : error", "a name that stands for nothing is no matter where it is not chosen"),
    ("True", "a word that stands for nothing is what it would be in quotes, or the truth value that is meant"),
    ("\"$$${1}\"", "a mark before an escaped one stays; OpenTofu drops it"),
    ("textencodebase64(\"é\", \"windows-1252\")", "not known: only the encodings in use are"),
    ("yamldecode(\"- 1\\n- a\\n- ~\\n- yes\\n- 0x10\\n- 1.5\\n- 1e3\\n- 0o7\\n- 012\")", YAML),
    ("yamldecode(\"a: 2001-12-14\")", YAML),
    ("yamldecode(\"a: !foo 1\")", YAML),
    ("yamldecode(\"a: .inf\")", YAML),
    ("cidrsubnet(\"10.0.0.0/24\", -1, 0)", "not known: a larger network is no subnet"),
    ("issensitive(sensitive(1))", "not known: values are not marked"),
    ("issensitive(1)", "not known: values are not marked"),
    ("issensitive([sensitive(1)])", "not known: values are not marked"),
    ("path.module", "the folder as it was named, and not as the console is called in it"),
    ("path.root", "the folder as it was named, and not as the console is called in it"),
];

#[test]
fn every_expression_has_the_value_that_opentofu_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/opentofu");
    let fixture = fs::read_to_string(folder.join("main.tf")).unwrap();
    let table = fs::read_to_string(folder.join("expressions.tsv")).unwrap();
    let rows: Vec<(String, &str)> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('\t').unwrap())
        .map(|(expression, answer)| (expression.replace('⏎', "\n"), answer))
        .collect();
    assert!(rows.len() >= 800, "{}", rows.len());
    let mut wrong = Vec::new();
    let mut otherwise = 0;
    for (expression, answer) in &rows {
        let found = value(&folder, &fixture, expression);
        let agrees = agrees(answer, found.as_ref());
        let known = OTHERWISE.iter().find(|(known, _)| known == expression);
        otherwise += usize::from(known.is_some());
        if agrees == known.is_some() {
            wrong.push(format!("{expression}\n  OpenTofu {answer}\n  here     {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert_eq!(otherwise, OTHERWISE.len());
}

/// The value of an attribute that is this expression; `None` where it has none.
fn value(folder: &Path, fixture: &str, expression: &str) -> Option<Value> {
    let asked = format!("resource \"t\" \"asked\" {{\n  x = [{expression}\n  ]\n}}\n");
    let file = |name: &str, text: &str, number: u32| ModuleFile {
        path: folder.join(name),
        text: text.into(),
        source: SourceId(number),
    };
    // Relative paths are those of the root module, which is the folder of the table.
    let files = vec![file("main.tf", fixture, 0), file("asked.tf", &asked, 1)];
    let folders: BTreeMap<PathBuf, Vec<ModuleFile>> = [(folder.to_owned(), files)].into();
    let options = Options { readable: vec![folder.canonicalize().unwrap()], ..Options::default() };
    let mut reads = read_tree(&folders, &Installed::default(), &options);
    let subject = reads.remove(0).1.subjects.into_iter().find(|subject| subject.address == "t.asked")?;
    let list = subject.document.get("x")?.as_array()?.clone();
    list.get(0).cloned()
}

fn agrees(answer: &str, found: Option<&Value>) -> bool {
    let unknown = matches!(found, None | Some(Value::Unknown(_)));
    match (answer, found) {
        ("error", _) => unknown,
        (_, None) => false,
        (answer, Some(found)) => !unknown && same(&json::read(answer.as_bytes()).unwrap(), found),
    }
}

/// Whether values are the same; numbers that are no whole ones need to be so only as doubles.
fn same(answer: &Value, found: &Value) -> bool {
    match (answer, found) {
        (Value::Number(a), Value::Number(b)) if !a.is_integer() => a.as_f64().to_bits() == b.as_f64().to_bits(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Array(a), Value::Set(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((k, a), (l, b))| k == l && same(a, b))
        }
        (a, b) => a == b,
    }
}
