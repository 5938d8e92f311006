//! `cargo xtask bench web FOLDER`: how long each page takes, and the memory of the server, on the ledger that
//! `cargo xtask bench index DECISIONS FOLDER` made.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use probity_controls::Frameworks;
use probity_evidence_ledger::{KeyFile, Ledger};
use probity_evidence_usage::UsageStore;
use probity_web::{Config, Parts, Server};

/// Times that each page is asked for once more; the slowest counts.
const ASKED: usize = 5;

/// The year that the ledger's decisions are of, and a quarter of it.
const PERIODS: [(&str, &str); 2] =
    [("year", "from=2025-07-01&to=2026-06-30"), ("quarter", "from=2026-01-01&to=2026-03-31")];

const PATHS: [&str; 20] = [
    "/",
    "/?environment=production",
    "/frameworks/soc2",
    "/frameworks/nist-800-53?show=all",
    "/frameworks/soc2/controls/CC6.1",
    "/frameworks/nist-800-53/controls/AC-3",
    "/decisions",
    "/decisions?action=deny&environment=production",
    "/decisions?text=bucket",
    "/decisions?text=resource",
    "/decisions?policy=PRB-AWS-*&outcome=fail",
    "/decisions?control=soc2:CC6.1&outcome=fail",
    "/decisions?before=500000",
    "/decisions/500001",
    "/policies",
    "/policies/PRB-AWS-S3-001",
    "/scans",
    "/waivers",
    "/gates",
    "/report",
];

pub(crate) fn bench(folder: &Path) -> Result<()> {
    let own = tempfile::tempdir()?;
    let key = KeyFile::load(&folder.join("ledger.key"))?;
    let mut config = Config::new(own.path().join("tokens.json"));
    config.listen.set_port(0);
    let parts = Parts {
        ledger: Arc::new(Ledger::open(&folder.join("ledger"), key)?),
        index: folder.join("index.sqlite"),
        frameworks: Frameworks::builtin(),
        policies: probity_catalog::policies().iter().map(|policy| policy.metadata().clone()).collect(),
        gate: None,
        signed: None,
        usage: Arc::new(UsageStore::new(&own.path().join("usage"))),
    };
    let server = Server::new(config, parts)?;
    let (address, stopper) = (server.address(), server.stopper());
    let thread = std::thread::spawn(move || server.run());
    wait_until_ready(address)?;
    println!("memory when ready: {}", memory("VmRSS:"));
    let mut slowest = Duration::ZERO;
    for (name, period) in PERIODS {
        for path in PATHS {
            let path = format!("{path}{}{period}", if path.contains('?') { '&' } else { '?' });
            let page = page(address, &path)?;
            slowest = slowest.max(page.slowest);
            let [first, later] = [page.first, page.slowest].map(|time| time.as_secs_f64() * 1000.0);
            println!("{first:>9.1} ms, then {later:>6.1} ms {:>8} bytes  {path} ({name})", page.bytes);
        }
    }
    println!("the slowest: {:.1} ms", slowest.as_secs_f64() * 1000.0);
    println!("memory now: {}, at the most: {}", memory("VmRSS:"), memory("VmHWM:"));
    let report = page(address, &format!("/api/v1/report?framework=soc2&{}", PERIODS[0].1))?;
    println!("a report of a year: {:.0} ms, {} bytes", report.slowest.as_secs_f64() * 1000.0, report.bytes);
    println!("memory then: {}, at the most: {}", memory("VmRSS:"), memory("VmHWM:"));
    stopper.stop();
    thread.join().ok().context("the server panicked")??;
    Ok(())
}

fn wait_until_ready(address: SocketAddr) -> Result<()> {
    let start = Instant::now();
    while !get(address, "/readyz")?.starts_with(b"HTTP/1.1 200") {
        ensure!(start.elapsed() < Duration::from_mins(10), "the index does not catch up");
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// What a page took.
struct Page {
    /// The first time, when nothing of it was read before.
    first: Duration,
    /// The slowest of the next times.
    slowest: Duration,
    bytes: usize,
}

fn page(address: SocketAddr, path: &str) -> Result<Page> {
    let ask = || -> Result<(Duration, usize)> {
        let start = Instant::now();
        let answer = get(address, path)?;
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
        Ok((start.elapsed(), answer.len()))
    };
    let (first, bytes) = ask()?;
    let mut slowest = Duration::ZERO;
    for _ in 0..ASKED {
        slowest = slowest.max(ask()?.0);
    }
    Ok(Page { first, slowest, bytes })
}

fn get(address: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// A line of what the system says of this process.
fn memory(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}
