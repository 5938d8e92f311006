//! Kyverno's own tests: those of its policy library and of its command line.
//!
//! They lie in the folder `kyverno` of what `PROBITY_CORPUS` names, by default `../shared/conformance` beside the
//! workspace. Every entry of `results` is a case. The figures are those of `conformance.toml`: a run that differs, up or
//! down, fails. What needs something that is not here is left out by that property, and counted as such.
//! `PROBITY_CONFORMANCE_LIST` may name a file to write every case to that did not come out as it says, or was left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Sources, Value};
use probity_policy_kyverno::testing::{self, ResultReport, Verdict};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The folder of the tests, when it is on this machine.
fn folder() -> Option<PathBuf> {
    let corpus =
        std::env::var_os("PROBITY_CORPUS").map_or_else(|| workspace().join("../shared/conformance"), PathBuf::from);
    let folder = corpus.join("kyverno");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the tests are not at {}", folder.display());
    eprintln!("skipped: the tests are not at {}", folder.display());
    None
}

fn tests(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            tests(&path, found);
        } else if path.file_name().is_some_and(|name| name == "kyverno-test.yaml") {
            found.push(path);
        }
    }
}

/// The documents of a YAML file, or of those in a folder; what cannot be read has none.
fn documents(path: &Path) -> Vec<Value> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        return entries.flat_map(|path| documents(&path)).collect();
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let read = yaml::read(&text, SourceId(0), Dialect::Kubernetes).unwrap_or_else(|(_, before)| before);
    read.into_iter().map(|document| document.value).collect()
}

fn strings(test: &Value, field: &str) -> Vec<String> {
    let list = test.get(field).and_then(Value::as_array);
    list.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect()).unwrap_or_default()
}

/// What a test needs that is not here, for all of its results.
fn need_of_test(test: &Value, folder: &Path) -> Option<&'static str> {
    let named = ["policies", "resources", "exceptions", "targetResources", "paramResources", "clusterResources"];
    let mut files = named.iter().flat_map(|field| strings(test, field));
    files.any(|file| !folder.join(file).exists()).then_some("files that are not in the data")
}

/// What a policy needs that is not here, and that its test does not give in its place.
fn need_of_policy(policy: &Value, test: &Value) -> Option<&'static str> {
    let text = probity_model::json::write(policy);
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let kind = policy.get("kind").and_then(Value::as_str).unwrap_or_default();
    let verifies = says(&["\"verifyImages\":", "verifyImageSignatures", "verifyAttestationSignatures"]);
    if verifies || kind.ends_with("ImageValidatingPolicy") && says(&["attestors"]) {
        return Some("a registry with signatures");
    }
    let is_given = ["variables", "values", "context"].iter().any(|field| test.get(field).is_some());
    if !is_given && says(&["\"imageRegistry\":", "image.GetMetadata", "image.getMetadata"]) {
        return Some("a registry");
    }
    says(&["\"manifests\":{\"attestors\""]).then_some("signatures of manifests")
}

#[derive(Default)]
struct Figures {
    passed: usize,
    total: usize,
    left_out: BTreeMap<&'static str, usize>,
    lines: Vec<String>,
}

fn failure(result: &ResultReport) -> String {
    let failed = result.rows.iter().filter(|row| row.verdict == Verdict::Fail);
    let rows: Vec<String> = failed.map(|row| format!("[{} {}] {}", row.rule, row.resource, row.message)).collect();
    result.problem.clone().unwrap_or_else(|| rows.join("; ")).replace('\n', " ")
}

fn run_all(folder: &Path) -> Figures {
    let mut paths = Vec::new();
    tests(folder, &mut paths);
    let mut figures = Figures::default();
    for path in &paths {
        run(path, &mut figures);
    }
    figures
}

fn run(path: &Path, figures: &mut Figures) {
    let folder = path.parent().unwrap();
    let own = documents(path);
    let reports = testing::run(path, &Sources::default());
    let reports = reports.unwrap_or_else(|problem| panic!("{}", problem.place));
    for (test, report) in own.iter().zip(&reports) {
        let entries = test.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
        let policies: Vec<Value> =
            strings(test, "policies").iter().flat_map(|file| documents(&folder.join(file))).collect();
        for (index, entry) in entries.iter().enumerate() {
            let name = entry.get("policy").and_then(Value::as_str).unwrap_or_default();
            let bare = name.rsplit('/').next().unwrap_or_default();
            let is_it = |policy: &&Value| policy.at(&["metadata", "name"]).and_then(Value::as_str) == Some(bare);
            let own: Vec<&Value> = policies.iter().filter(is_it).collect();
            let need =
                need_of_test(test, folder).or_else(|| own.iter().find_map(|policy| need_of_policy(policy, test)));
            let need = need.or_else(|| own.is_empty().then_some("the policy that it names"));
            let line = |text: &str| format!("{}\t{name}\t{text}", path.display());
            if let Some(need) = need {
                *figures.left_out.entry(need).or_default() += 1;
                figures.lines.push(line(&format!("left out: needs {need}")));
                continue;
            }
            figures.total += 1;
            match (report.results.get(index), &report.problem) {
                (Some(result), _) if result.passed() => figures.passed += 1,
                (Some(result), _) => figures.lines.push(line(&failure(result))),
                (None, problem) => figures.lines.push(line(problem.as_deref().unwrap_or("not run"))),
            }
        }
    }
}

#[test]
fn figures_are_those_checked_in() {
    let Some(folder) = folder() else { return };
    let file = std::fs::read_to_string(workspace().join("conformance.toml")).unwrap_or_default();
    let (mut sections, mut lines) = (Vec::new(), Vec::new());
    for suite in ["cli", "policies"] {
        let figures = run_all(&folder.join(suite));
        let Figures { passed, total, left_out, .. } = &figures;
        let left_out: Vec<String> = left_out.iter().map(|(need, count)| format!("{count} need {need}")).collect();
        let left_out =
            if left_out.is_empty() { String::new() } else { format!("# Left out: {}.\n", left_out.join(", ")) };
        sections.push(format!("{left_out}[kyverno-{suite}]\npassed = {passed}\ntotal = {total}\n"));
        assert!(passed * 100 >= total * 98, "{suite}: {passed} of {total}\n{}", figures.lines.join("\n"));
        lines.extend(figures.lines);
    }
    if let Some(path) = std::env::var_os("PROBITY_CONFORMANCE_LIST") {
        std::fs::write(path, lines.join("\n")).unwrap();
    }
    for section in sections {
        assert!(
            file.contains(&section),
            "conformance.toml does not say what was found:\n{section}{}",
            lines.join("\n")
        );
    }
}

/// The tests of a checkout that `PROBITY_KYVERNO_TESTS` names, such as of Kyverno's policy library.
#[test]
#[ignore = "the checkouts are not part of the conformance data"]
fn a_whole_checkout_passes() {
    let folder = std::env::var_os("PROBITY_KYVERNO_TESTS").expect("PROBITY_KYVERNO_TESTS names a checkout");
    let figures = run_all(Path::new(&folder));
    eprintln!("{} of {}, left out {:?}", figures.passed, figures.total, figures.left_out);
    assert!(figures.passed == figures.total, "{}", figures.lines.join("\n"));
}
