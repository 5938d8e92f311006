//! The conformance tests of cel-spec.
//!
//! They lie in the Go module `cel.dev/expr`, in `tests/simple/testdata`. They are found through `PROBITY_CEL_CASES` (that
//! folder) or by asking `go` for the module. What does not pass is named in `tests/failing.txt`, a case or a whole
//! section a line, with the reason: a case that fails without being named there fails the test, and so does a line that
//! names nothing that fails. The figures are those of `conformance.toml`.

mod textproto;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use probity_model::json;
use probity_policy_cel::value::{Duration, Map, Timestamp};
use probity_policy_cel::{Builder, Environment, Error, Evaluation, Type, Value, library};
use textproto::Message;

const MODULE: &str = "cel.dev/expr@v0.25.2";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The folder of the cases, when it is on this machine.
fn cases_folder() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("PROBITY_CEL_CASES") {
        return Some(PathBuf::from(path));
    }
    let output = Command::new("go").args(["mod", "download", "-json", MODULE]).current_dir("/").output().ok()?;
    let answer = json::read(&output.stdout).ok()?;
    let folder = answer.get("Dir")?.as_str()?;
    Some(Path::new(folder).join("tests/simple/testdata"))
}

struct Case {
    name: String,
    fields: Message,
}

fn cases(folder: &Path) -> Vec<Case> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "textproto"));
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let file = textproto::read(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        for section in file.messages("section") {
            let section_name = section.text("name").unwrap_or_default();
            for test in section.messages("test") {
                let name = format!("{stem}/{section_name}/{}", test.text("name").unwrap_or_default());
                cases.push(Case { name, fields: test.clone() });
            }
        }
    }
    cases
}

/// All libraries that the cases use.
fn libraries() -> Builder {
    let libraries = [
        library::optionals,
        library::two_variable_comprehensions,
        library::bindings,
        library::strings,
        library::math,
        library::lists,
        library::sets,
        library::encoders,
        library::regexes,
        library::kubernetes::types,
    ];
    libraries.into_iter().fold(Environment::builder(), |builder, library| builder.with(library))
}

fn read_type(message: &Message) -> Result<Type, String> {
    let of = |name: &str| message.message(name).map_or(Ok(Type::Dyn), read_type);
    if let Some(primitive) = message.text("primitive") {
        return Ok(match primitive {
            "BOOL" => Type::Bool,
            "INT64" => Type::Int,
            "UINT64" => Type::Uint,
            "DOUBLE" => Type::Double,
            "STRING" => Type::String,
            "BYTES" => Type::Bytes,
            other => return Err(format!("primitive {other}")),
        });
    }
    match (message.text("well_known"), message.text("message_type"), message.text("type_param")) {
        (Some("TIMESTAMP"), ..) => return Ok(Type::Timestamp),
        (Some("DURATION"), ..) => return Ok(Type::Duration),
        (Some(_), ..) => return Ok(Type::Dyn),
        (_, Some("google.protobuf.Timestamp"), _) => return Ok(Type::Timestamp),
        (_, Some("google.protobuf.Duration"), _) => return Ok(Type::Duration),
        (_, Some(name), _) => return Ok(Type::opaque(name)),
        (_, _, Some(_)) => return Ok(Type::Dyn),
        _ => {}
    }
    if message.has("dyn") {
        return Ok(Type::Dyn);
    }
    if message.has("null") {
        return Ok(Type::Null);
    }
    if let Some(list) = message.message("list_type") {
        return Ok(Type::list(list.message("elem_type").map_or(Ok(Type::Dyn), read_type)?));
    }
    if let Some(map) = message.message("map_type") {
        let part = |name: &str| map.message(name).map_or(Ok(Type::Dyn), read_type);
        return Ok(Type::map(part("key_type")?, part("value_type")?));
    }
    if message.has("type") {
        return of("type").map(|of| Type::Type(Arc::new(of)));
    }
    if let Some(other) = message.message("abstract_type") {
        let params = other.messages("parameter_types").map(read_type).collect::<Result<Vec<_>, _>>()?;
        return Ok(Type::Opaque(other.text("name").unwrap_or_default().into(), params.into()));
    }
    Err(format!("a type of protobuf: {message:?}"))
}

fn read_value(message: &Message) -> Result<Value, String> {
    let (name, field) = message.first().ok_or("an empty value")?;
    let number = || field.text().ok_or("no number");
    let parse_error = |what: &str| format!("no {what}");
    Ok(match name {
        "null_value" => Value::Null,
        "bool_value" => Value::Bool(number()? == "true"),
        "int64_value" => Value::Int(number()?.parse().map_err(|_| parse_error("int"))?),
        "uint64_value" => Value::Uint(number()?.parse().map_err(|_| parse_error("uint"))?),
        "double_value" => Value::Double(read_double(number()?)?),
        "string_value" => Value::from(number()?),
        "bytes_value" => Value::from(field.bytes().ok_or("no bytes")?.to_vec()),
        "type_value" => Value::Type(number()?.into()),
        "list_value" => {
            let list = field.message().ok_or("no list")?;
            Value::list(list.messages("values").map(read_value).collect::<Result<Vec<_>, _>>()?)
        }
        "map_value" => {
            let map = field.message().ok_or("no map")?;
            let entry = |entry: &Message| {
                let part = |name: &str| entry.message(name).map_or(Err("no entry".to_owned()), read_value);
                Ok((part("key")?, part("value")?))
            };
            let entries = map.messages("entries").map(entry).collect::<Result<Vec<_>, String>>()?;
            Value::Map(Map::from_entries(entries).map_err(|error| error.to_string())?)
        }
        "object_value" => read_object(field.message().ok_or("no object")?)?,
        other => return Err(format!("a value of protobuf: {other}")),
    })
}

fn read_double(text: &str) -> Result<f64, String> {
    match text {
        "inf" | "Infinity" => Ok(f64::INFINITY),
        "-inf" | "-Infinity" => Ok(f64::NEG_INFINITY),
        text => text.parse().map_err(|_| format!("no double: {text}")),
    }
}

fn read_object(message: &Message) -> Result<Value, String> {
    let (name, content) = message.first().ok_or("an empty object")?;
    let content = content.message().ok_or("no object")?;
    let number = |name: &str| content.text(name).map_or(Ok(0), |text| text.parse::<i64>().map_err(|_| "no number"));
    let (seconds, nanos) = (number("seconds"), number("nanos"));
    match name {
        "type.googleapis.com/google.protobuf.Timestamp" => {
            let time = Timestamp::new(seconds?, u32::try_from(nanos?).unwrap_or(u32::MAX));
            time.map(Value::Timestamp).map_err(|error| error.to_string())
        }
        "type.googleapis.com/google.protobuf.Duration" => {
            let nanoseconds = seconds?.checked_mul(1_000_000_000).ok_or("out of range")? + nanos?;
            Ok(Value::Duration(Duration::from_nanoseconds(nanoseconds)))
        }
        other => Err(format!("a message of protobuf: {other}")),
    }
}

/// Equality with the type, and with NaN.
fn is_same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Double(a), Value::Double(b)) if a.is_nan() => b.is_nan(),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| is_same(&a, &b)),
        (Value::Map(a), Value::Map(b)) => {
            let same = |((k, v), (l, w)): ((Value, Value), (Value, Value))| is_same(&k, &l) && is_same(&v, &w);
            a.len() == b.len() && a.iter().zip(b.iter()).all(same)
        }
        (Value::Optional(Some(a)), b) => is_same(a, b),
        _ => found.type_name() == expected.type_name() && found == expected,
    }
}

fn run(fields: &Message) -> Result<(), String> {
    let mut builder = libraries().container(fields.text("container").unwrap_or_default());
    for declared in fields.messages("type_env") {
        let name = declared.text("name").unwrap_or_default();
        let Some(of) = declared.message("ident").and_then(|ident| ident.message("type")) else {
            return Err("a function that the test declares".to_owned());
        };
        builder = builder.variable(name, read_type(of)?);
    }
    let mut bindings = Vec::new();
    for binding in fields.messages("bindings") {
        let value = binding.message("value").and_then(|value| value.message("value")).ok_or("no value of a binding")?;
        bindings.push((binding.text("key").unwrap_or_default().to_owned(), read_value(value)?));
    }
    let environment = builder.build();
    let text = fields.text("expr").unwrap_or_default();
    let unchecked = fields.text("disable_check") == Some("true");
    let compiled = if unchecked { environment.compile_unchecked(text) } else { environment.compile(text) };
    let wants_error = fields.has("eval_error") || fields.has("any_eval_errors");
    let program = match compiled {
        Ok(program) => program,
        Err(_) if wants_error => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let typed = fields.message("typed_result");
    if let Some(expected) = typed.and_then(|typed| typed.message("deduced_type")) {
        let expected = read_type(expected)?;
        if expected.to_string() != program.result_type().to_string() {
            return Err(format!("has the type {}, not {expected}", program.result_type()));
        }
    }
    if fields.text("check_only") == Some("true") {
        return Ok(());
    }
    let result: Result<Value, Error> = program.evaluate(&bindings, &Evaluation::new(u64::MAX));
    let expected = match fields.message("value").or_else(|| typed.and_then(|typed| typed.message("result"))) {
        Some(value) => read_value(value)?,
        None => Value::Bool(true),
    };
    match result {
        Err(_) if wants_error => Ok(()),
        Err(error) => Err(format!("error: {error}")),
        Ok(found) if wants_error => Err(format!("is {found:?} instead of an error")),
        Ok(found) if is_same(&found, &expected) => Ok(()),
        Ok(found) => Err(format!("is {found:?} instead of {expected:?}")),
    }
}

/// Named failures: the beginning of cases' names.
fn known_failures() -> Vec<String> {
    let file = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failing.txt")).unwrap();
    let lines = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

fn covers(line: &str, case: &str) -> bool {
    case == line || case.strip_prefix(line).is_some_and(|rest| rest.starts_with('/'))
}

#[test]
fn the_cases_of_cel_spec_pass() {
    let Some(folder) = cases_folder().filter(|folder| folder.is_dir()) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "the module {MODULE} cannot be had, and PROBITY_CEL_CASES names no folder"
        );
        eprintln!("skipped: the cases of cel-spec are not on this machine");
        return;
    };
    let cases = cases(&folder);
    let failed: Vec<(String, String)> =
        cases.iter().filter_map(|case| run(&case.fields).err().map(|problem| (case.name.clone(), problem))).collect();
    let known = known_failures();
    let mut wrong = String::new();
    for (name, problem) in &failed {
        if !known.iter().any(|line| covers(line, name)) {
            writeln!(wrong, "{name}\t{problem}").unwrap();
        }
    }
    for line in known.iter().filter(|line| !failed.iter().any(|(name, _)| covers(line, name))) {
        writeln!(wrong, "{line} is named in tests/failing.txt and does not fail").unwrap();
    }
    assert!(wrong.is_empty(), "{wrong}");
    let found = format!("[cel-spec]\npassed = {}\ntotal = {}\n", cases.len() - failed.len(), cases.len());
    let figures = std::fs::read_to_string(workspace().join("conformance.toml")).unwrap();
    assert!(figures.contains(&found), "conformance.toml does not say what was found:\n{found}");
}
