//! `cargo xtask bench scan PROBITY CHECKOV TREE CHECKS|all [TRIVY]`: the same checks on the same tree by Probity and by Checkov,
//! in turn; Trivy takes no list of checks and does all of its own. Medians of whole commands.

use anyhow::{Context, Result};

use crate::{Measured, measured, ratio};

/// Rounds that are measured of what is quick; one more before them warms the caches.
const ROUNDS: usize = 7;

/// Rounds in which the peers run too: they take minutes on some trees.
const PEER_ROUNDS: usize = 3;

pub(crate) fn bench(probity: &str, checkov: &str, tree: &str, checks: &str, trivy: Option<&str>) -> Result<()> {
    let cache = std::env::temp_dir().join("probity-bench-trivy").display().to_string();
    let all = vec!["scan", "--no-config", "--soft-fail", tree];
    let peer = vec!["--compact", "--quiet", "--framework", "terraform", "-d", tree];
    let other =
        ["config", "--quiet", "--cache-dir", &cache, "--skip-check-update", "--misconfig-scanners", "terraform", tree];
    let asked = |arguments: Vec<_>| {
        let given = if checks == "all" { Vec::new() } else { vec!["--check", checks] };
        [arguments, given].concat()
    };
    let mut commands: Vec<(&str, &str, Vec<&str>)> = vec![
        ("probity", probity, asked(all.clone())),
        ("probity, all policies", probity, all),
        ("probity --version", probity, vec!["--version"]),
        ("checkov", checkov, asked(peer)),
    ];
    commands.extend(trivy.map(|trivy| ("trivy, all checks", trivy, other.to_vec())));
    let mut runs: Vec<Vec<Measured>> = vec![Vec::new(); commands.len()];
    for round in 0..=ROUNDS {
        for ((_, program, arguments), runs) in commands.iter().zip(&mut runs) {
            if *program != probity && round > PEER_ROUNDS {
                continue;
            }
            let measured = measured(program, arguments)?;
            if round > 0 {
                runs.push(measured);
            }
        }
    }
    let (own_time, own_peak) = median(&runs[0]);
    for ((name, ..), runs) in commands.iter().zip(&runs) {
        let (time, peak) = median(runs);
        let (times, memory) = (time / own_time, ratio(peak, own_peak));
        println!(
            "{name:22} {:9.1} ms {:8.1} MiB  exit {}  ({times:.1} times the time, {memory:.1} times the memory)",
            time * 1000.0,
            ratio(peak, 1024),
            runs[0].code
        );
    }
    let size = std::fs::metadata(probity).with_context(|| format!("{probity} is not there"))?.len();
    println!("size of the binary: {:.1} MiB", ratio(size, 1 << 20));
    Ok(())
}

/// Seconds and KiB.
pub(crate) fn median(runs: &[Measured]) -> (f64, u64) {
    let (mut times, mut peaks): (Vec<_>, Vec<_>) = runs.iter().map(|run| (run.time, run.peak_kib)).unzip();
    times.sort();
    peaks.sort_unstable();
    (times[runs.len() / 2].as_secs_f64(), peaks[runs.len() / 2])
}
