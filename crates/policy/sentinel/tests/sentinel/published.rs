//! Runs the test cases of published policy sets: `PROBITY_SENTINEL_SETS=FOLDER cargo test -p probity-policy-sentinel`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use probity_model::Sources;
use probity_policy_sentinel::testing::{Judgement, Runner, find};
use probity_policy_sentinel::{Host, HttpRequest, HttpResponse, Policy, Problems};

/// The least share of cases that come out as their authors expect, of those that can be judged.
const FLOOR: f64 = 0.995;

/// Why a case cannot be judged, by what its error says: it asks a service on the network, whose answers change, or names a
/// file that the set does not ship.
const REASONS: [(&str, &str); 2] = [("no network in tests", "live service"), ("No such file", "missing file")];

/// The clock of this machine, and no network.
struct Clock;

impl Host for Clock {
    fn now_ns(&self) -> Result<i64, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        i64::try_from(now.as_nanos()).map_err(|error| error.to_string())
    }

    fn http(&self, request: &HttpRequest) -> Result<HttpResponse, String> {
        Err(format!("no network in tests: {}", request.url))
    }
}

/// The files of the language below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&path, found),
            _ if path.extension().is_some_and(|extension| extension == "sentinel") => found.push(path),
            _ => {}
        }
    }
}

#[test]
fn published_files_are_formatted_and_stay_the_same_policies() {
    let Ok(folder) = std::env::var("PROBITY_SENTINEL_SETS") else {
        eprintln!("skipped: PROBITY_SENTINEL_SETS names no folder");
        return;
    };
    let mut paths = Vec::new();
    files(Path::new(&folder), &mut paths);
    let (mut read, mut as_written) = (0, 0);
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        let sources = Sources::default();
        let policy = match Policy::parse(&sources, sources.add(path, text.as_str())) {
            Ok(policy) => policy,
            Err(Problems(problems)) => {
                println!("{}", problems[0].display(&sources, path));
                continue;
            }
        };
        read += 1;
        let formatted = policy.formatted();
        as_written += u32::from(formatted == text);
        let again = Policy::parse(&sources, sources.add(path, formatted.as_str()));
        let again = again.unwrap_or_else(|problems| panic!("{}: {problems}\n{formatted}", path.display()));
        assert_eq!(again.formatted(), formatted, "{}", path.display());
        let words = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(words(&formatted), words(&text), "{}", path.display());
    }
    println!("{read} of {} files are read, {as_written} stand as they are formatted", paths.len());
    assert!(f64::from(read) >= f64::from(u32::try_from(paths.len()).unwrap()) * FLOOR);
}

/// Files of cases in folders that are called as no policy beside them is: no tool runs them.
fn without_policy(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
        let path = entry.path();
        let policy = folder.parent().map(|parent| parent.join(entry.file_name()).with_added_extension("sentinel"));
        if folder.ends_with("test") && policy.is_some_and(|policy| !policy.is_file()) {
            let files = std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().path());
            let is_case =
                |file: &PathBuf| file.extension().is_some_and(|extension| extension == "hcl" || extension == "json");
            found.extend(files.filter(is_case));
        }
        without_policy(&path, found);
    }
}

#[test]
fn published_sets_come_out_as_their_authors_expect() {
    let Ok(folder) = std::env::var("PROBITY_SENTINEL_SETS") else {
        eprintln!("skipped: PROBITY_SENTINEL_SETS names no folder");
        return;
    };
    let cases = find(Path::new(&folder)).unwrap();
    let mut reasons: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    without_policy(Path::new(&folder), reasons.entry("no policy of that name").or_default());
    let sources = Sources::default();
    let mut runner = Runner::new(&sources, &Clock);
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for case in &cases {
        match runner.run(case) {
            Judgement::Pass => passed += 1,
            Judgement::Fail(mismatches, _) => {
                failed += 1;
                for mismatch in mismatches {
                    println!("FAIL {}: {mismatch}", case.file.display());
                }
            }
            Judgement::Error(message) => {
                if let Some((_, reason)) = REASONS.iter().find(|(part, _)| message.contains(part)) {
                    reasons.entry(reason).or_default().push(case.file.clone());
                } else {
                    failed += 1;
                    println!("ERROR {}: {message}", case.file.display());
                }
            }
        }
    }
    for (reason, files) in &reasons {
        println!("{} cases cannot be judged: {reason}", files.len());
        for file in files {
            println!("  {}", file.display());
        }
    }
    let unjudged = reasons.values().map(Vec::len).sum::<usize>();
    let all = f64::from(passed) + f64::from(failed) + f64::from(u32::try_from(unjudged).unwrap());
    let share = f64::from(passed) / f64::from(passed + failed);
    println!(
        "{passed} of {all} cases as expected ({:.2} %); of those that can be judged {:.2} %",
        100.0 * f64::from(passed) / all,
        100.0 * share
    );
    assert!(!cases.is_empty(), "no cases in {folder}");
    assert!(f64::from(passed + failed) >= all * 0.98, "{unjudged} cases could not be judged");
    assert!(share >= FLOOR, "{share} of the cases came out as expected, fewer than {FLOOR}");
}
