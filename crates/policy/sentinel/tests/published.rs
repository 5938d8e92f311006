//! Runs the test cases of published policy sets: `PROBITY_SENTINEL_SETS=FOLDER cargo test -p probity-policy-sentinel`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use probity_model::Sources;
use probity_policy_sentinel::testing::{Judgement, Runner, find};
use probity_policy_sentinel::{Host, HttpRequest, HttpResponse};

/// The least share of cases that come out as their authors expect.
const FLOOR: f64 = 0.995;

/// What a case says that wants what the sets do not ship: an answer from the network, or a file.
const NOT_SHIPPED: [&str; 2] = ["no network in tests", "No such file"];

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

#[test]
fn published_sets_come_out_as_their_authors_expect() {
    let Ok(folder) = std::env::var("PROBITY_SENTINEL_SETS") else {
        eprintln!("skipped: PROBITY_SENTINEL_SETS names no folder");
        return;
    };
    let cases = find(Path::new(&folder)).unwrap();
    let sources = Sources::default();
    let mut runner = Runner::new(&sources, &Clock);
    let (mut passed, mut not_shipped) = (0_u32, 0_u32);
    for case in &cases {
        match runner.run(case) {
            Judgement::Pass => passed += 1,
            Judgement::Fail(mismatches, _) => {
                for mismatch in mismatches {
                    println!("FAIL {}: {mismatch}", case.file.display());
                }
            }
            Judgement::Error(message) => {
                not_shipped += u32::from(NOT_SHIPPED.iter().any(|wanted| message.contains(wanted)));
                println!("ERROR {}: {message}", case.file.display());
            }
        }
    }
    println!("{passed} of {} cases; {not_shipped} want what the sets do not ship", cases.len());
    assert!(!cases.is_empty(), "no cases in {folder}");
    let judged = u32::try_from(cases.len()).unwrap() - not_shipped;
    let share = f64::from(passed) / f64::from(judged);
    assert!(f64::from(not_shipped) <= f64::from(judged) * 0.02, "{not_shipped} cases could not be judged");
    assert!(share >= FLOOR, "{share} of the cases came out as expected, fewer than {FLOOR}");
}
