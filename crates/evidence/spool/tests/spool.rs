//! The queue on the disk, killed and damaged, and its delivery to a server that misbehaves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use probity_evidence_ledger::{Body, Digest, Origin, ScanRecord};
use probity_evidence_spool::{DeliverError, Server, Spool, SpoolError, deliver};
use probity_model::Gate;
use serde_json::{Value, json};

const TOKEN: &str = "tok-0123456789";

fn body(number: u64, policies: Digest) -> (Timestamp, Body) {
    let scan = ScanRecord {
        origin: Origin::default(),
        paths: vec![format!("path {number}")],
        files: number,
        decisions: 0,
        outcomes: Vec::new(),
        problems: Vec::new(),
        policies,
        waivers: Vec::new(),
        frameworks: Vec::new(),
        version: "0.1.0".to_owned(),
    };
    (Timestamp::UNIX_EPOCH, Body::Scan(Box::new(scan)))
}

fn open(folder: &Path) -> Result<Spool, SpoolError> {
    Spool::open(folder, Gate::Ci, "ci/acme/1")
}

/// Appends submissions that each refer to a document of their own, in groups.
fn fill(spool: &Spool, from: u64, count: u64) {
    for number in from..from + count {
        let blob = format!("document {}", number / 10);
        let entries = vec![body(number, Digest::of(blob.as_bytes()))];
        let numbers = spool.append(entries, &[blob.as_bytes()]).unwrap();
        assert_eq!(numbers, number..number + 1);
    }
}

/// The numbers that wait, each checked to be what was appended under it.
fn waiting(spool: &Spool) -> Vec<u64> {
    spool
        .pending()
        .map(|submission| {
            let submission = submission.unwrap();
            let gate = submission.gate.unwrap();
            assert_eq!(gate.name, "ci/acme/1");
            let Body::Scan(scan) = submission.body else { panic!("a scan") };
            assert_eq!(scan.files, gate.sequence);
            gate.sequence
        })
        .collect()
}

#[test]
fn what_is_appended_waits_until_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    fill(&spool, 1, 30);
    assert_eq!(waiting(&spool), (1..=30).collect::<Vec<_>>());
    spool.acknowledge(12).unwrap();
    drop(spool);
    let spool = open(folder.path()).unwrap();
    assert_eq!(waiting(&spool), (13..=30).collect::<Vec<_>>());
    fill(&spool, 31, 2);
    spool.acknowledge(32).unwrap();
    assert_eq!((spool.waiting(), fs::read_dir(folder.path().join("blobs")).unwrap().count()), (0, 0));
    assert!(matches!(spool.acknowledge(33), Err(SpoolError::NotAppended { through: 33, last: 32 })));
    drop(spool);
    // Numbers are never given twice, though nothing is left.
    fill(&open(folder.path()).unwrap(), 33, 1);
}

#[test]
fn files_made_beforehand_hold_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let segments = || fs::read_dir(folder.path().join("segments")).unwrap().count();
    let spool = open(folder.path()).unwrap();
    for number in 1..=3 {
        spool.prepare().unwrap();
        spool.prepare().unwrap();
        let made = segments();
        assert!(waiting(&spool).is_empty());
        spool.expect();
        fill(&spool, number, 1);
        assert_eq!((segments(), waiting(&spool)), (made, vec![number]));
        spool.acknowledge(number).unwrap();
    }
    // Nothing came: the files go, and the number is still the next.
    spool.prepare().unwrap();
    drop(spool);
    let spool = open(folder.path()).unwrap();
    assert_eq!(segments(), 0);
    // What waits from before stays in front of it.
    fill(&spool, 4, 2);
    drop(spool);
    let spool = open(folder.path()).unwrap();
    spool.prepare().unwrap();
    fill(&spool, 6, 1);
    assert_eq!(waiting(&spool), [4, 5, 6]);
    let before = segments();
    spool.acknowledge(5).unwrap();
    assert_eq!((segments(), waiting(&spool)), (before - 1, vec![6]));
    drop(spool);
    let spool = open(folder.path()).unwrap();
    assert_eq!((segments(), waiting(&spool)), (1, vec![6]));
    fill(&spool, 7, 1);
    assert_eq!(waiting(&spool), [6, 7]);
}

#[test]
fn one_file_after_the_other_is_used_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let size = || -> u64 {
        let files = fs::read_dir(folder.path().join("segments")).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    };
    let limit = 9 << 20;
    let spool = Spool::open_with_limit(folder.path(), Gate::Ci, "ci/acme/1", limit).unwrap();
    let mut last = 0;
    let error = loop {
        spool.prepare().unwrap();
        let group = (1..=900).map(|number| body(last + number, Digest::of(b"x"))).collect();
        match spool.append(group, &[]) {
            Ok(numbers) => last = numbers.end - 1,
            Err(error) => break error,
        }
        assert!(size() <= limit && last < 100_000);
    };
    assert!(matches!(error, SpoolError::Full { .. }), "{error}");
    assert_eq!(waiting(&spool), (1..=last).collect::<Vec<_>>());
    // Wherever it is taken up again, nothing is left out and nothing comes twice.
    for through in [1, 899, 900, 901, last / 2, last - 1] {
        spool.acknowledge(through).unwrap();
        assert_eq!(waiting(&spool), (through + 1..=last).collect::<Vec<_>>());
    }
    spool.acknowledge(last).unwrap();
    spool.prepare().unwrap();
    fill(&spool, last + 1, 1);
    assert_eq!(waiting(&spool), [last + 1]);
}

#[test]
fn what_is_appended_while_something_is_acknowledged_stays() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (1..=300).for_each(|number| fill(&spool, number, 1)));
        let mut seen = 0;
        while seen < 300 {
            // Each is there once, in order, whatever was let go in between.
            for number in waiting(&spool) {
                assert_eq!(number, seen + 1);
                seen = number;
            }
            spool.acknowledge(seen).unwrap();
            spool.prepare().unwrap();
        }
    });
    assert_eq!((spool.waiting(), spool.last()), (0, 300));
}

#[test]
fn one_process_and_one_gate_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    let error = open(folder.path()).err().unwrap().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(spool);
    let error = Spool::open(folder.path(), Gate::Ci, "ci/other").err().unwrap().to_string();
    assert!(error.contains("ci/acme/1") && error.contains("ci/other"), "{error}");
}

#[test]
fn the_bound_is_kept_and_nothing_is_half_added() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open_with_limit(folder.path(), Gate::Ci, "ci/acme/1", 4000).unwrap();
    let mut number = 1;
    let error = loop {
        match spool.append(vec![body(number, Digest::of(b"x"))], &[b"x"]) {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
        assert!(number < 100);
    };
    assert!(matches!(error, SpoolError::Full { limit: 4000, .. }), "{error}");
    assert_eq!(waiting(&spool), (1..number).collect::<Vec<_>>());
    spool.acknowledge(number - 1).unwrap();
    fill(&spool, number, 1);
}

/// The only segment of a folder.
fn segment(folder: &Path) -> std::path::PathBuf {
    let mut segments: Vec<_> =
        fs::read_dir(folder.join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    segments.pop().unwrap()
}

#[test]
fn a_write_that_was_cut_off_anywhere_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    fill(&spool, 1, 2);
    let path = segment(folder.path());
    let kept = fs::metadata(&path).unwrap().len();
    fill(&spool, 3, 1);
    drop(spool);
    let whole = fs::read(&path).unwrap();
    for cut in kept..whole.len() as u64 {
        fs::write(&path, &whole[..usize::try_from(cut).unwrap()]).unwrap();
        let spool = open(folder.path()).unwrap();
        assert_eq!(waiting(&spool), [1, 2], "{cut}");
        assert_eq!(fs::metadata(&path).unwrap().len(), kept);
    }
    // Power loss may leave zeros in place of what was written.
    let mut zeros = whole.clone();
    zeros[usize::try_from(kept).unwrap()..].fill(0);
    fs::write(&path, &zeros).unwrap();
    let spool = open(folder.path()).unwrap();
    fill(&spool, 3, 1);
    assert_eq!(waiting(&spool), [1, 2, 3]);
}

#[test]
fn damage_before_the_end_is_told_and_not_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path()).unwrap(), 1, 3);
    let path = segment(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(open(folder.path()), Err(SpoolError::Corrupt { .. })));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

/// A folder whose segment was made beforehand, as the machine left it that lost its power: its segment's bytes, of which
/// two appends took the first. The first is of one submission, the second of three.
/// None where the file system writes nothing past its cache.
fn lost(folder: &Path) -> Option<(std::path::PathBuf, Vec<u8>)> {
    let spool = open(folder).unwrap();
    spool.prepare().unwrap();
    fill(&spool, 1, 1);
    let group = (2..=4).map(|number| {
        let (time, mut body) = body(number, Digest::of(b"x"));
        let Body::Scan(scan) = &mut body else { panic!("a scan") };
        scan.paths = vec!["long/".repeat(600)];
        (time, body)
    });
    spool.append(group.collect(), &[]).unwrap();
    let path = folder.join("segments").join(format!("{:020}.log", 1));
    let bytes = fs::read(&path).unwrap();
    if bytes.len() != 4 << 20 {
        eprintln!("skipped: nothing is made beforehand in {}", folder.display());
        return None;
    }
    Some((path, bytes))
}

const BLOCK: usize = 4096;

#[test]
fn blocks_that_were_not_written_are_dropped_with_the_append_they_are_of() {
    let folder = tempfile::tempdir().unwrap();
    let Some((path, whole)) = lost(folder.path()) else { return };
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let blocks = used / BLOCK;
    assert!((2..=4).contains(&blocks), "{blocks}");
    for missing in 1..1_u32 << blocks {
        let mut bytes = whole.clone();
        for block in (0..blocks).filter(|block| missing & (1 << block) != 0) {
            bytes[(block + 1) * BLOCK..][..BLOCK].fill(0);
        }
        fs::write(&path, &bytes).unwrap();
        let spool = open(folder.path()).unwrap();
        let kept = waiting(&spool);
        assert!((1..4).contains(&kept.len()), "{missing:b}: {kept:?}");
        spool.prepare().unwrap();
        fill(&spool, kept.len() as u64 + 1, 2);
        drop(spool);
        assert_eq!(waiting(&open(folder.path()).unwrap()), (1..=kept.len() as u64 + 2).collect::<Vec<_>>());
        fs::remove_dir_all(folder.path().join("segments")).unwrap();
        fs::create_dir(folder.path().join("segments")).unwrap();
    }
}

#[test]
fn damage_in_front_of_a_later_append_is_told_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let Some((path, whole)) = lost(folder.path()) else { return };
    let first = whole[..BLOCK].iter().rposition(|byte| *byte != 0).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..=first)
        .map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            bytes
        })
        .collect();
    let mut zeros = whole;
    zeros[..BLOCK].fill(0);
    damaged.push(zeros);
    for bytes in damaged {
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(open(folder.path()), Err(SpoolError::Corrupt { .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

/// Run in a process of its own by the test below; does nothing otherwise.
#[test]
fn child_that_appends() {
    let Ok(folder) = std::env::var("SPOOL_TEST_FOLDER") else { return };
    let spool = open(Path::new(&folder)).unwrap();
    let mut number = spool.pending().last().map_or_else(
        || std::env::var("SPOOL_TEST_NEXT").unwrap().parse().unwrap(),
        |last| last.unwrap().gate.unwrap().sequence + 1,
    );
    let mut out = std::io::stdout();
    for round in 0_u64.. {
        let count = 1 + round % 7;
        let blob = format!("document {number}").repeat(50);
        let entries = (number..number + count).map(|number| body(number, Digest::of(blob.as_bytes()))).collect();
        spool.append(entries, &[blob.as_bytes()]).unwrap();
        number += count;
        writeln!(out, "\nappended {}", number - 1).unwrap();
        if round % 3 == 1 {
            spool.prepare().unwrap();
        }
        if round % 5 == 4 {
            spool.acknowledge(number - 4).unwrap();
            writeln!(out, "\nacknowledged {}", number - 4).unwrap();
        }
    }
}

#[test]
fn killing_loses_nothing_that_was_durable() {
    let folder = tempfile::tempdir().unwrap();
    let (mut appended, mut acknowledged) = (0_u64, 0_u64);
    for round in 0..25_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_appends", "--nocapture"])
            .env("SPOOL_TEST_FOLDER", folder.path())
            .env("SPOOL_TEST_NEXT", (appended + 1).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let start = Instant::now();
        let mut killed = false;
        let mut progressed = false;
        for line in lines.lines().map_while(Result::ok) {
            let number = |word: &str| line.strip_prefix(word).and_then(|number| number.trim().parse::<u64>().ok());
            if let Some(number) = number("appended ") {
                appended = number;
                progressed = true;
            } else if let Some(number) = number("acknowledged ") {
                acknowledged = number;
            }
            // At another moment each time.
            if progressed && !killed && start.elapsed() > Duration::from_millis(5 + round * 13 % 60) {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        assert!(killed && progressed, "round {round}");
        let spool = open(folder.path()).unwrap();
        let waiting = waiting(&spool);
        let first = waiting.first().copied().unwrap_or(appended + 1);
        let last = waiting.last().copied().unwrap_or(first - 1);
        assert_eq!(waiting, (first..=last).collect::<Vec<_>>(), "round {round}: in order, without gaps");
        assert!(last >= appended, "round {round}: {appended} was durable, {last} is there");
        assert!(first > acknowledged, "round {round}: {acknowledged} was acknowledged");
        assert!(first <= appended + 1, "round {round}");
        appended = last;
    }
    assert!(appended >= 25, "{appended}");
}

/// What the server of these tests has, and what it does wrong next.
#[derive(Default)]
struct Kept {
    blobs: BTreeSet<String>,
    entries: BTreeMap<u64, Value>,
    /// One for each request to `ingest`: how it goes wrong.
    faults: Vec<Fault>,
    tokens: BTreeSet<String>,
    largest: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// 503 without taking anything.
    Away,
    /// Takes everything and closes the connection.
    DropsAfterCommit,
    /// Takes everything and answers 503.
    AwayAfterCommit,
    Status(u16),
    /// Answers with something else.
    Nonsense,
}

fn serve(kept: Arc<Mutex<Kept>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (path, token, body) = read_request(&mut stream);
            let answer = answer(&mut kept.lock().unwrap(), &path, token, &body);
            // Without an answer the connection is closed.
            let Some((status, text)) = answer else { continue };
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
            stream.get_mut().write_all(format!("{head}{text}").as_bytes()).unwrap();
        }
    });
    address
}

/// The path, the header that authorizes, and the body of a request.
fn read_request(stream: &mut BufReader<TcpStream>) -> (String, String, Vec<u8>) {
    let (mut path, mut token, mut length) = (String::new(), String::new(), 0);
    let mut line = String::new();
    while stream.read_line(&mut line).unwrap() > 2 {
        if let Some(rest) = line.strip_prefix("POST ") {
            rest.split(' ').next().unwrap().clone_into(&mut path);
        } else if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "authorization" => value.trim().clone_into(&mut token),
                "content-length" => length = value.trim().parse().unwrap(),
                _ => {}
            }
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (path, token, body)
}

fn answer(kept: &mut Kept, path: &str, token: String, body: &[u8]) -> Option<(u16, String)> {
    kept.tokens.insert(token);
    kept.largest = kept.largest.max(body.len());
    let asked: Value = serde_json::from_slice(body).unwrap();
    if path == "/api/v1/blobs/missing" {
        let digests = asked["digests"].as_array().unwrap();
        let missing: Vec<&Value> =
            digests.iter().filter(|digest| !kept.blobs.contains(digest.as_str().unwrap())).collect();
        return Some((200, json!({ "missing": missing }).to_string()));
    }
    assert_eq!(path, "/api/v1/ingest");
    let fault = if kept.faults.is_empty() { Fault::None } else { kept.faults.remove(0) };
    match fault {
        Fault::Away => return Some((503, String::new())),
        Fault::Status(status) => return Some((status, format!("no, says the server to {TOKEN}"))),
        _ => {}
    }
    let receipts = ingest(kept, &asked).to_string();
    match fault {
        Fault::DropsAfterCommit => None,
        Fault::AwayAfterCommit => Some((503, String::new())),
        Fault::Nonsense => Some((200, "<html>".to_owned())),
        _ => Some((200, receipts)),
    }
}

fn ingest(kept: &mut Kept, asked: &Value) -> Value {
    for blob in asked["blobs"].as_array().unwrap() {
        let bytes = BASE64_STANDARD.decode(blob["data"].as_str().unwrap()).unwrap();
        let document = zstd::stream::decode_all(&bytes[..]).unwrap();
        let digest = Digest::of(&document).to_string();
        assert_eq!(digest, blob["digest"].as_str().unwrap());
        kept.blobs.insert(digest);
    }
    let receipts: Vec<Value> = asked["submissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|submission| {
            let digest = submission["body"]["policies"].as_str().unwrap();
            assert!(kept.blobs.contains(digest), "documents come before what refers to them");
            let number = submission["gate"]["sequence"].as_u64().unwrap();
            let repeated = kept.entries.insert(number, submission.clone());
            assert!(repeated.as_ref().is_none_or(|before| before == submission), "the same under the same number");
            json!({ "index": number - 1, "leaf": Digest::of(b"leaf").to_string(), "repeated": repeated.is_some() })
        })
        .collect();
    json!({ "receipts": receipts })
}

fn server(address: &str) -> Server {
    Server::new(address, TOKEN, None).unwrap()
}

#[test]
fn a_server_that_misbehaves_gets_everything_once() {
    use Fault::{Away, AwayAfterCommit, DropsAfterCommit};
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    let documents: Vec<(Timestamp, Body)> = (1..=1200).map(|number| body(number, Digest::of(b"policies"))).collect();
    spool.append(documents, &[b"policies"]).unwrap();
    let kept = Arc::new(Mutex::new(Kept {
        faults: vec![Away, DropsAfterCommit, Away, Fault::None, AwayAfterCommit, DropsAfterCommit],
        ..Kept::default()
    }));
    let address = serve(Arc::clone(&kept));
    let delivered = deliver(&spool, &server(&address), Duration::from_mins(1)).unwrap();
    assert_eq!((delivered.sent, delivered.repeated, delivered.left), (1200, 1000, 0), "{delivered:?}");
    assert_eq!(delivered.trouble, None);
    let kept = kept.lock().unwrap();
    assert_eq!(kept.entries.keys().copied().collect::<Vec<_>>(), (1..=1200).collect::<Vec<_>>());
    assert_eq!(kept.tokens.iter().collect::<Vec<_>>(), [&format!("Bearer {TOKEN}")]);
    assert_eq!((spool.waiting(), kept.blobs.len()), (0, 1));
}

#[test]
fn documents_go_in_requests_of_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    let mut random: u32 = 1;
    for number in 1..=6 {
        let blob: Vec<u8> = std::iter::repeat_with(|| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random.to_be_bytes()[0]
        })
        .take(1 << 20)
        .collect();
        spool.append(vec![body(number, Digest::of(&blob))], &[&blob]).unwrap();
    }
    let kept = Arc::new(Mutex::new(Kept::default()));
    let address = serve(Arc::clone(&kept));
    assert_eq!(deliver(&spool, &server(&address), Duration::from_mins(1)).unwrap().sent, 6);
    let kept = kept.lock().unwrap();
    assert_eq!((kept.blobs.len(), kept.entries.len()), (6, 6));
    assert!(kept.largest < 5 << 20, "{}", kept.largest);
}

#[test]
fn a_server_that_is_away_leaves_everything_in_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    fill(&spool, 1, 3);
    // A port where nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = Instant::now();
    let delivered = deliver(&spool, &server(&format!("http://127.0.0.1:{port}")), Duration::from_millis(700)).unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!((delivered.sent, delivered.left), (0, 3));
    assert!(delivered.trouble.unwrap().contains("127.0.0.1"));
    assert_eq!(waiting(&spool), [1, 2, 3]);
}

#[test]
fn what_will_not_be_better_is_said_and_nothing_is_lost() {
    let table = [
        (Fault::Status(401), "token"),
        (Fault::Status(403), "token"),
        (Fault::Status(409), "new name"),
        (Fault::Status(400), "does not take"),
        (Fault::Status(302), "sends elsewhere"),
        (Fault::Nonsense, "makes no sense"),
    ];
    for (fault, expected) in table {
        let folder = tempfile::tempdir().unwrap();
        let spool = open(folder.path()).unwrap();
        fill(&spool, 1, 3);
        let kept = Arc::new(Mutex::new(Kept { faults: vec![fault], ..Kept::default() }));
        let address = serve(Arc::clone(&kept));
        let error = deliver(&spool, &server(&address), Duration::from_secs(20)).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected) && !text.contains(TOKEN), "{text}");
        assert_eq!(matches!(error, DeliverError::Conflict { .. }), fault == Fault::Status(409));
        assert_eq!(waiting(&spool), [1, 2, 3]);
        // And it goes on when somebody has done something about it.
        assert_eq!(deliver(&spool, &server(&address), Duration::from_secs(20)).unwrap().sent, 3);
    }
}

#[test]
fn requests_that_are_too_large_are_made_smaller() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path()).unwrap();
    fill(&spool, 1, 8);
    let kept = Arc::new(Mutex::new(Kept { faults: vec![Fault::Status(413), Fault::Status(413)], ..Kept::default() }));
    let address = serve(Arc::clone(&kept));
    assert_eq!(deliver(&spool, &server(&address), Duration::from_secs(20)).unwrap().sent, 8);
    assert_eq!(kept.lock().unwrap().entries.len(), 8);
}

#[test]
fn a_file_of_certificates_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    OpenOptions::new().create(true).write(true).truncate(true).open(&path).unwrap().write_all(b"nothing").unwrap();
    for path in [path, folder.path().join("absent.pem")] {
        let error = Server::new("https://example.com", TOKEN, Some(&path)).unwrap_err().to_string();
        assert!(error.contains("pem"), "{error}");
    }
}
