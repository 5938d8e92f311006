//! The ledger as a whole: what goes in comes out, and what is changed is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use probity_model::{Action, Gate, Labels, PolicyId};

use crate::disk::Disk;
use crate::*;

const GATE: &str = "ci/test";

fn decision(gate: &str, sequence: u64, address: &str) -> Submission {
    let subject = SubjectRecord {
        kind: "terraform".into(),
        resource_type: "aws_s3_bucket".into(),
        address: address.to_owned(),
        labels: Labels::default(),
        location: None,
    };
    let passed = vec![PolicyId::from("PRB-AWS-S3-001")];
    let record = DecisionRecord {
        subject,
        action: Action::Allow,
        findings: Vec::new(),
        passed,
        input: None,
        request: None,
        admission: None,
    };
    Submission {
        time: "2026-11-26T10:00:00Z".parse().unwrap(),
        gate: Some(GateNumber { kind: Gate::Ci, name: gate.into(), sequence }),
        body: Body::Decision(Box::new(record)),
    }
}

fn decisions(range: std::ops::Range<u64>) -> Vec<Submission> {
    range.map(|n| decision(GATE, n + 1, &format!("aws_s3_bucket.b{n}"))).collect()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    fn key(&self) -> KeyFile {
        KeyFile::load_or_create(&self.0.path().join("keys/ledger.key")).unwrap()
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.folder(), self.key()).unwrap()
    }

    fn verify(&self) -> Verification {
        verify(&self.folder(), &[self.key().verifier().clone()], &[]).unwrap()
    }

    fn addresses(&self) -> Vec<String> {
        let reader = Reader::open(&self.folder()).unwrap();
        let entries = reader.entries(0..u64::MAX).map(|entry| entry.unwrap().entry.submission.body);
        entries
            .filter_map(|body| match body {
                Body::Decision(record) => Some(record.subject.address),
                _ => None,
            })
            .collect()
    }
}

#[test]
fn what_was_appended_is_read_proved_and_verified() {
    let place = Place::new();
    // Below, at and above a full tile, over several openings.
    for (from, to) in [(0, 1), (1, 256), (256, 257), (257, 900)] {
        let ledger = place.open();
        let receipts = ledger.append(&decisions(from..to)).unwrap();
        assert_eq!(receipts.iter().map(|receipt| receipt.index).collect::<Vec<_>>(), (from..to).collect::<Vec<_>>());
        assert_eq!(ledger.publish().unwrap().size, to);
        let reader = ledger.reader();
        for receipt in receipts.iter().step_by(41) {
            let entry = reader.entry(receipt.index).unwrap();
            assert_eq!((entry.leaf, leaf_hash(&entry.bytes)), (receipt.leaf, receipt.leaf));
            let proof = Proof::parse(&reader.proof(receipt.index).unwrap().to_text()).unwrap();
            proof.verify(&entry.leaf, &ledger.verifier()).unwrap();
        }
        drop(ledger);
        let found = place.verify();
        assert_eq!(found.problems, Vec::<String>::new());
        assert_eq!((found.checkpoint.size, found.pending), (to, 0));
        assert_eq!((found.gates[0].count, found.gates[0].missing()), (to, 0));
    }
    assert_eq!(place.addresses().len(), 900);
    let reader = Reader::open(&place.folder()).unwrap();
    let part: Vec<u64> = reader.entries(250..260).map(|entry| entry.unwrap().index).collect();
    assert_eq!(part, (250..260).collect::<Vec<_>>());
    assert!(matches!(reader.entry(900), Err(LedgerError::NoEntry { .. })));
}

#[test]
fn drift_that_names_policies_verifies() {
    let place = Place::new();
    let Body::Decision(decided) = decision(GATE, 1, "Pod/shop/web").body else { panic!("a decision") };
    let drift = DriftRecord {
        cluster: "eu-1".into(),
        subject: decided.subject,
        what: DriftKind::PolicyChanged,
        message: "the image has no signature".into(),
        severity: probity_model::Severity::High,
        before: None,
        after: None,
        who: None,
        policies: vec![PolicyId::from("signed")],
    };
    let ledger = place.open();
    let time = "2026-11-26T10:00:00Z".parse().unwrap();
    ledger.append(&[Submission { time, gate: None, body: Body::Drift(Box::new(drift)) }]).unwrap();
    ledger.publish().unwrap();
    drop(ledger);
    assert_eq!(place.verify().problems, Vec::<String>::new());
}

#[test]
fn a_repeated_number_is_kept_once_and_another_content_refused() {
    let place = Place::new();
    let first = place.open().append(&decisions(0..300)).unwrap();
    // Known from the cache, from reading all entries, and from memory.
    for remove_cache in [false, true] {
        if remove_cache {
            fs::remove_file(place.folder().join("sequences.json")).unwrap();
        }
        let ledger = place.open();
        let again = ledger.append(&decisions(290..310)).unwrap();
        assert_eq!((again[0].index, again[0].leaf, again[0].repeated), (290, first[290].leaf, true));
        assert_eq!(again[19].index, 309);
        let once_more = ledger.append(&decisions(300..310)).unwrap();
        assert!(once_more.iter().all(|receipt| receipt.repeated));
        let mut other = decisions(310..312);
        other.push(decision(GATE, 5, "something.else"));
        let error = ledger.append(&other).unwrap_err();
        assert!(matches!(error, AppendError::Conflict { sequence: 5, index: 4, .. }), "{error}");
        let twice = [decision(GATE, 400, "a.b"), decision(GATE, 400, "a.b"), decision(GATE, 400, "a.c")];
        assert!(matches!(ledger.append(&twice), Err(AppendError::Conflict { sequence: 400, .. })));
        assert_eq!(ledger.publish().unwrap().size, 310, "a refused batch leaves nothing");
    }
}

#[test]
fn numbers_that_never_came_are_missing() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(&decisions(0..3)).unwrap();
    ledger.append(&decisions(5..6)).unwrap();
    drop(ledger);
    let gate = &place.verify().gates[0];
    assert_eq!((gate.last, gate.count, gate.missing()), (6, 4, 2));
}

#[test]
fn what_cannot_be_a_submission_is_refused() {
    let place = Place::new();
    let ledger = place.open();
    for (gate, sequence) in [(GATE, 0), ("", 1), ("a\nb", 1)] {
        let error = ledger.append(&[decision(gate, sequence, "a.b")]).unwrap_err();
        assert!(matches!(error, AppendError::Invalid(_)), "{gate:?} {sequence}: {error}");
    }
    assert_eq!(ledger.append(&[]).unwrap(), []);
}

#[test]
fn a_field_of_a_million_characters_is_kept_whole() {
    let place = Place::new();
    let long = "x".repeat(1_000_000);
    place.open().append(&[decision(GATE, 1, &long), decision(GATE, 2, "short")]).unwrap();
    assert_eq!(place.addresses(), [long.as_str(), "short"]);
    assert_eq!(place.verify().problems, Vec::<String>::new());
    assert!(place.open().append(&[decision(GATE, 1, &long)]).unwrap()[0].repeated);
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let place = Place::new();
    let _first = place.open();
    let error = Ledger::open(&place.folder(), place.key()).unwrap_err().to_string();
    assert!(error.contains(&format!("in use by process {}", std::process::id())), "{error}");
}

#[test]
fn another_key_is_refused() {
    let place = Place::new();
    place.open().append(&decisions(0..1)).unwrap();
    let other = KeyFile::load_or_create(&place.0.path().join("other.key")).unwrap();
    let trusted = [other.verifier().clone()];
    assert!(matches!(Ledger::open(&place.folder(), other), Err(LedgerError::OtherKey { .. })));
    let problems = verify(&place.folder(), &trusted, &[]).unwrap().problems;
    assert!(problems.iter().any(|problem| problem.contains("not signed by a trusted key")), "{problems:?}");
}

#[test]
fn threads_share_commits() {
    let place = Place::new();
    let ledger = Arc::new(place.open());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let ledger = Arc::clone(&ledger);
            std::thread::spawn(move || {
                let gate = format!("ci/{thread}");
                (1..=50).for_each(|n| drop(ledger.append(&[decision(&gate, n, "a.b")]).unwrap()));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    drop(ledger);
    let found = place.verify();
    assert_eq!((found.checkpoint.size, found.problems.len()), (400, 0));
    assert!(found.gates.iter().all(|gate| gate.count == 50 && gate.missing() == 0));
}

#[test]
fn keys_are_rotated_and_the_chain_verifies_from_either_end() {
    let place = Place::new();
    let path = place.0.path().join("keys/ledger.key");
    let old = place.key().verifier().clone();
    let ledger = place.open();
    ledger.append(&decisions(0..3)).unwrap();
    let before = ledger.publish().unwrap();
    let new = ledger.rotate_key(&path).unwrap();
    ledger.append(&decisions(3..5)).unwrap();
    drop(ledger);
    assert_ne!(old, new);
    assert_eq!(place.key().verifier(), &new);
    assert!(!path.with_extension("key.next").exists());
    for trusted in [&old, &new] {
        let found = verify(&place.folder(), std::slice::from_ref(trusted), std::slice::from_ref(&before)).unwrap();
        assert_eq!(found.problems, Vec::<String>::new());
        assert_eq!(found.keys, [old.clone(), new.clone()]);
        assert_eq!(found.checkpoint.origin, new.name());
    }
    assert_eq!(place.open().append(&decisions(5..6)).unwrap()[0].index, 6);
}

#[test]
fn a_clock_set_back_is_recorded_and_time_never_decreases() {
    let place = Place::new();
    let at = |clock: fn() -> Timestamp| Ledger::open_on(Disk::new(&place.folder()), place.key(), clock).unwrap();
    let late = at(|| "2026-11-26T12:00:00Z".parse().unwrap());
    late.append(&decisions(0..1)).unwrap();
    drop(late);
    let early = at(|| "2026-11-26T11:00:00Z".parse().unwrap());
    early.append(&decisions(1..2)).unwrap();
    early.append(&decisions(2..3)).unwrap();
    drop(early);
    let reader = Reader::open(&place.folder()).unwrap();
    let entries: Vec<Entry> = reader.entries(0..9).map(|entry| entry.unwrap().entry).collect();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry.submission.body.kind()).collect();
    assert_eq!(kinds, ["decision", "clock-set-back", "decision", "decision"]);
    assert!(entries.windows(2).all(|pair| pair[0].recorded <= pair[1].recorded));
    assert_eq!(place.verify().problems, Vec::<String>::new());
}

/// A small ledger with everything in it: documents, a body kept elsewhere, a full tile and parts.
fn full_place() -> Place {
    let place = Place::new();
    let ledger = place.open();
    let subjects = ledger.put_blob(b"[1]").unwrap();
    let policies = ledger.put_blob(b"[2]").unwrap();
    let mut submissions = decisions(0..258);
    if let Body::Decision(record) = &mut submissions[3].body {
        let day = "2026-11-26".parse().unwrap();
        record.input = Some(InputRef { subjects, position: 0, policies, day, redacted: 0 });
    }
    submissions.push(decision(GATE, 259, &"y".repeat(70_000)));
    ledger.append(&submissions).unwrap();
    ledger.publish().unwrap();
    ledger.append(&decisions(259..262)).unwrap();
    drop(ledger);
    place
}

#[test]
fn an_exported_ledger_verifies_and_has_no_key() {
    let place = full_place();
    let folder = place.0.path().join("exported");
    let exported = Reader::open(&place.folder()).unwrap().export(&folder).unwrap();
    assert_eq!((exported.entries, exported.documents), (262, 3));
    let found = verify(&folder, &[place.key().verifier().clone()], &[]).unwrap();
    assert_eq!((found.problems, found.documents), (Vec::new(), 3));
    for path in files(&folder) {
        let bytes = fs::read(path).unwrap();
        assert!(memchr::memmem::find(&bytes, b"PRIVATE").is_none());
    }
    let error = Reader::open(&place.folder()).unwrap().export(&folder).unwrap_err().to_string();
    assert!(error.contains("something in it"), "{error}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.retain(|path| !path.ends_with("lock") && !path.ends_with("sequences.json"));
    files.sort();
    files
}

#[test]
fn every_flipped_byte_is_found() {
    let place = full_place();
    let trusted = [place.key().verifier().clone()];
    assert_eq!(place.verify().problems, Vec::<String>::new());
    for path in files(&place.folder()) {
        let bytes = fs::read(&path).unwrap();
        // Every byte of what is short, and every so many of what is long.
        let step = bytes.len() / 150 + 1;
        for at in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, &changed).unwrap();
            let found = verify(&place.folder(), &trusted, &[]);
            assert!(
                found.is_err_and(|_| true) || place_has_problem(&place, &trusted),
                "byte {at} of {}",
                path.display()
            );
        }
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(place.verify().problems, Vec::<String>::new());
}

fn place_has_problem(place: &Place, trusted: &[Verifier]) -> bool {
    verify(&place.folder(), trusted, &[]).is_ok_and(|found| !found.problems.is_empty())
}

#[test]
fn every_missing_file_is_found() {
    let place = full_place();
    let trusted = [place.key().verifier().clone()];
    for path in files(&place.folder()) {
        // What a tile began with, before it was longer, is not needed.
        let part = path.parent().is_some_and(|folder| folder.extension().is_some_and(|extension| extension == "p"));
        let earlier = part && !path.ends_with("001.p/6") && !path.ends_with("000.p/1");
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let found = verify(&place.folder(), &trusted, &[]).map_or(true, |found| !found.problems.is_empty());
        assert!(found || earlier, "{} is not missed", path.display());
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn dropped_and_reordered_entries_are_found() {
    let place = full_place();
    let path = place.folder().join("tile/entries/001.p/6");
    let bytes = fs::read(&path).unwrap();
    let leaves = crate::tile::read_leaves(&bytes).unwrap();
    let without: Vec<&[u8]> = leaves.iter().skip(1).copied().collect();
    let mut swapped = leaves.clone();
    swapped.swap(3, 4);
    let mut doubled = leaves.clone();
    doubled.push(leaves[0]);
    for changed in [without, swapped, doubled] {
        let mut bytes = Vec::new();
        for leaf in changed {
            crate::tile::push_leaf(&mut bytes, leaf);
        }
        fs::write(&path, &bytes).unwrap();
        assert_ne!(place.verify().problems, Vec::<String>::new());
    }
}

#[test]
fn a_checkpoint_rolled_back_is_found() {
    let place = Place::new();
    let ledger = place.open();
    ledger.append(&decisions(0..3)).unwrap();
    let old = ledger.publish().unwrap();
    ledger.append(&decisions(3..5)).unwrap();
    let new = ledger.publish().unwrap();
    drop(ledger);
    fs::write(place.folder().join("checkpoint"), &old.note).unwrap();
    let problems = place.verify().problems;
    assert!(problems.iter().any(|problem| problem.contains("rolled back")), "{problems:?}");
    // All of the later files gone too: only who remembers the later checkpoint can tell.
    for path in ["tile/0/000.p/5", "tile/entries/000.p/5"] {
        fs::remove_file(place.folder().join(path)).unwrap();
    }
    assert_eq!(place.verify().problems, Vec::<String>::new());
    let trusted = [place.key().verifier().clone()];
    let problems = verify(&place.folder(), &trusted, &[new]).unwrap().problems;
    assert!(problems.iter().any(|problem| problem.contains("rolled back")), "{problems:?}");
}

#[test]
fn a_rewritten_history_is_found_by_an_earlier_checkpoint() {
    let (place, other) = (Place::new(), Place::new());
    fs::create_dir_all(other.0.path().join("keys")).unwrap();
    let ledger = place.open();
    fs::copy(place.0.path().join("keys/ledger.key"), other.0.path().join("keys/ledger.key")).unwrap();
    ledger.append(&decisions(0..3)).unwrap();
    let old = ledger.publish().unwrap();
    other.open().append(&decisions(1..5)).unwrap();
    let trusted = [place.key().verifier().clone()];
    let problems = verify(&other.folder(), &trusted, &[old]).unwrap().problems;
    assert!(problems.iter().any(|problem| problem.contains("rewritten")), "{problems:?}");
}

/// One life of a ledger; gives how many entries were acknowledged. Errors are what the fault makes of it.
fn life(disk: Disk, place: &Place) -> u64 {
    let Ok(ledger) = Ledger::open_on(disk, place.key(), Timestamp::now) else { return 0 };
    let mut acknowledged = 0;
    // The last one leaves the first hash above the entries' as it is.
    for (from, to) in [(0, 2), (2, 255), (255, 258), (258, 260)] {
        if ledger.append(&decisions(from..to)).is_err() {
            break;
        }
        acknowledged = to;
        let _ = ledger.publish();
    }
    acknowledged
}

#[test]
fn power_loss_at_any_write_loses_nothing_acknowledged() {
    let mut step = 0;
    loop {
        let place = Place::new();
        let disk = Disk::new(&place.folder());
        let faults = Arc::clone(&disk.faults);
        faults.fail_at(step);
        let acknowledged = life(disk, &place);
        let done = !faults.failed();
        let opened = Ledger::open(&place.folder(), place.key());
        let ledger = opened.unwrap_or_else(|error| panic!("after a loss at step {step}: {error}"));
        let size = ledger.publish().unwrap().size;
        assert!(size >= acknowledged, "{acknowledged} were acknowledged, {size} are there, step {step}");
        // Who was not told sends again, and nothing is there twice.
        ledger.append(&decisions(0..260)).unwrap();
        drop(ledger);
        let expected: Vec<String> = (0..260).map(|n| format!("aws_s3_bucket.b{n}")).collect();
        assert_eq!(place.addresses(), expected, "step {step}");
        assert_eq!(place.verify().problems, Vec::<String>::new(), "step {step}");
        if done {
            break;
        }
        step += 1;
    }
    assert!(step > 30, "only {step} steps were tried");
}

#[test]
fn power_loss_at_any_write_of_a_rotation_leaves_a_usable_ledger() {
    let mut step = 0;
    loop {
        let place = Place::new();
        let path = place.0.path().join("keys/ledger.key");
        place.open().append(&decisions(0..3)).unwrap();
        let old = place.key().verifier().clone();
        let disk = Disk::new(&place.folder());
        let faults = Arc::clone(&disk.faults);
        faults.fail_at(step);
        if let Ok(ledger) = Ledger::open_on(disk, place.key(), Timestamp::now) {
            let _ = ledger.rotate_key(&path);
        }
        let done = !faults.failed();
        let ledger = Ledger::open(&place.folder(), place.key()).unwrap_or_else(|error| panic!("step {step}: {error}"));
        ledger.append(&decisions(3..4)).unwrap();
        drop(ledger);
        let found = verify(&place.folder(), &[old], &[]).unwrap();
        assert_eq!(found.problems, Vec::<String>::new(), "step {step}");
        if done {
            break;
        }
        step += 1;
    }
    assert!(step > 5, "only {step} steps were tried");
}

#[test]
fn a_write_that_fails_is_an_error_and_the_next_one_works() {
    let place = Place::new();
    let disk = Disk::new(&place.folder());
    let faults = Arc::clone(&disk.faults);
    let ledger = Ledger::open_on(disk, place.key(), Timestamp::now).unwrap();
    ledger.append(&decisions(0..2)).unwrap();
    faults.fail_at(0);
    let error = ledger.append(&decisions(2..4)).unwrap_err().to_string();
    assert!(error.contains("cannot be written"), "{error}");
    faults.fail_at(usize::MAX / 2);
    ledger.append(&decisions(2..5)).unwrap();
    drop(ledger);
    assert_eq!(place.addresses().len(), 5);
    assert_eq!(place.verify().problems, Vec::<String>::new());
}

const CHILD: &str = "PROBITY_TEST_APPENDS_TO";

#[test]
#[ignore = "appends until it is killed; `nothing_acknowledged_is_lost_by_kill_9` runs it as a process of its own"]
fn appends_until_killed() {
    use std::io::Write as _;

    let Some(root) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let key = KeyFile::load_or_create(&root.join("keys/ledger.key")).unwrap();
    let ledger = Ledger::open(&root.join("ledger"), key).unwrap();
    let start = ledger.appended();
    for from in (start..).step_by(7).take(100_000) {
        ledger.append(&decisions(from..from + 7)).unwrap();
        println!("acknowledged {}", from + 7);
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let place = Place::new();
    let mut acknowledged = 0;
    for round in 0..16_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["tests::appends_until_killed", "--exact", "--ignored", "--nocapture"])
            .env(CHILD, place.0.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed at another moment each time: some while starting, some after more than a second of checkpoints.
        let until = round * 15;
        let mut seen = 0;
        while seen < until {
            let line = lines.next().expect("the child goes on").unwrap();
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged = acknowledged.max(number.parse().unwrap());
                seen += 1;
            }
        }
        child.kill().unwrap();
        let rest = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        acknowledged = rest.fold(acknowledged, u64::max);
        child.wait().unwrap();
    }
    drop(place.open());
    let found = place.verify();
    assert_eq!(found.problems, Vec::<String>::new());
    assert!(found.checkpoint.size >= acknowledged && acknowledged > 500, "{acknowledged} of {}", found.checkpoint.size);
    let addresses = place.addresses();
    assert!(addresses.iter().enumerate().all(|(n, address)| *address == format!("aws_s3_bucket.b{n}")));
}
