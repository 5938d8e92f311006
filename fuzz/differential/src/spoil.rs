//! Texts that are no longer policies, or others than they were.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use probity_model::Sources;
use probity_policy_rego::{CompileOptions, Documents, Evaluation, Limits, Policies, Version};

use crate::generate;
use crate::random::Random;

const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "|",
    ",",
    ":",
    ":=",
    "=",
    "==",
    "\n",
    ";",
    "not ",
    " with input as ",
    " if ",
    " contains ",
    "some x in ",
    "every x in ",
    "else := ",
    "default ",
    "\"",
    "`",
    "$\"{",
    "}\"",
    "\\",
    "_",
    ".",
    "-",
    "1e99999",
    "0x",
    "\u{0}",
    "é",
    "data.t",
    "input",
    " as ",
    "import rego.v1\n",
    "package a\n",
    "# METADATA\n# scope: rule\n",
];

/// Reads, compiles and evaluates spoiled texts within small limits; prints what panics or takes long.
pub fn run(from: u64, time: Duration, mark: &Path) -> Result<()> {
    let begin = Instant::now();
    let mut seed = from;
    let (mut read, mut bad) = (0_u64, 0_u64);
    while begin.elapsed() < time {
        std::fs::write(mark, seed.to_string())?;
        let (text, version) = text(seed);
        let start = Instant::now();
        let outcome = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(4 << 20);
            Ok::<_, std::io::Error>(thread.spawn_scoped(scope, || evaluate(&text, version))?.join())
        })?;
        match outcome {
            Ok(was_read) => read += u64::from(was_read),
            Err(_) => {
                bad += 1;
                println!("=== seed {seed}: PANIC\n{text}");
            }
        }
        if start.elapsed() > Duration::from_secs(2) {
            bad += 1;
            println!("=== seed {seed}: {:?}\n{text}", start.elapsed());
        }
        seed += 1;
    }
    println!("=== {} texts, {read} of them policies, seeds {from}..{seed}, {bad} bad", seed - from);
    Ok(())
}

fn evaluate(text: &str, version: Version) -> bool {
    let texts = [(Path::new("test.rego"), text)];
    let Ok(policies) = Policies::read(texts, version, CompileOptions::default(), Arc::new(Sources::default())) else {
        return false;
    };
    let limits = Limits { steps: 20_000, depth: 100, values: 20_000, ..Limits::default() };
    let evaluation = Evaluation { limits, ..Evaluation::default() };
    for name in policies.entries() {
        if let Some(entry) = policies.entry(name) {
            let _ = entry.evaluate(&Documents::default(), &evaluation);
        }
    }
    true
}

/// A random policy with some of it cut, doubled, moved or replaced.
fn text(seed: u64) -> (String, Version) {
    let mut random = Random::new(seed ^ 0xdead_beef);
    let case = generate::case(seed);
    let mut text: Vec<char> = case.modules.join("\n").chars().collect();
    for _ in 0..1 + random.below(4) {
        if text.is_empty() {
            break;
        }
        let at = random.below(text.len());
        let end = (at + 1 + random.below(12)).min(text.len());
        match random.below(7) {
            0 => drop(text.drain(at..end)),
            1 => {
                let piece = text[at..end].to_vec();
                let place = random.below(text.len());
                text.splice(place..place, piece);
            }
            2 => {
                let piece = text[at..end].repeat(1 + random.below(300));
                text.splice(at..at, piece);
            }
            3 => text.truncate(at),
            4 => text[at] = char::from_u32(random.below(0x2_0000) as u32).unwrap_or('x'),
            _ => {
                let piece = random.pick(PIECES).repeat(if random.percent(10) { 1 + random.below(400) } else { 1 });
                text.splice(at..at, piece.chars());
            }
        }
    }
    (text.into_iter().collect(), if case.v0 { Version::V0 } else { Version::V1 })
}
