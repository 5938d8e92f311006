//! `cargo xtask bench image PROBITY FOLDER TRIVY [SYFT [GRYPE DATABASES]]`: the image of an OCI layout by Probity, Trivy, Syft and
//! Grype in turn: time and peak memory of whole commands, each of which reads the image anew.
//!
//! First the list of what is in it. With databases, then the whole scan: `DATABASES` has `probity.db`, and the cache folders `trivy` and
//! `grype` with theirs, made of the same advisories. Grype reads images with Syft, so its command is that of both.

use anyhow::{Result, ensure};

use crate::{Measured, measured, ratio, scan};

/// Rounds that are measured; one more before them warms the caches.
const ROUNDS: usize = 5;

/// What Trivy is asked not to do: to reach for anything, and to keep in its cache on the disk what it read of the image, which would
/// spare it from reading it in the next round.
const TRIVY: &str = "--cache-backend memory --offline-scan --skip-db-update --skip-java-db-update --skip-version-check";

/// A command by its name in the table, and the exit codes with which it went well.
struct Peer<'a> {
    name: &'a str,
    command: Vec<String>,
    codes: &'a [i32],
}

pub(crate) fn bench(probity: &str, folder: &str, trivy: &str, rest: &[&str]) -> Result<()> {
    let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let empty = tempfile::tempdir()?;
    let cache = empty.path().display();
    let peer = |name, command: String, codes| Peer { name, command: words(command), codes };
    let mut lists = vec![
        peer("probity", format!("{probity} image inspect oci:{folder} --format json"), &[0][..]),
        peer(
            "trivy",
            format!("{trivy} --quiet --cache-dir {cache} image {TRIVY} --format cyclonedx --input {folder}"),
            &[0],
        ),
    ];
    if let Some(syft) = rest.first() {
        lists.push(peer("syft", format!("{syft} --quiet oci-dir:{folder} --output cyclonedx-json"), &[0]));
    }
    println!("what is in it");
    compare(&lists)?;
    if let [_, grype, databases] = rest {
        let scan =
            format!("{trivy} --quiet --cache-dir {databases}/trivy image {TRIVY} --format json --input {folder}");
        let probity = format!("{probity} image scan oci:{folder} --db {databases}/probity.db --format json");
        let grype =
            format!("env GRYPE_DB_CACHE_DIR={databases}/grype {GRYPE} {grype} --quiet oci-dir:{folder} --output json");
        println!("with its vulnerabilities");
        compare(&[
            peer("probity", probity, &[0, 1]),
            peer("trivy", format!("{scan} --scanners vuln"), &[0]),
            peer("trivy, and secrets", format!("{scan} --scanners vuln,secret"), &[0]),
            peer("syft and grype", grype, &[0]),
        ])?;
    }
    Ok(())
}

/// What Grype is asked not to do.
const GRYPE: &str = "GRYPE_DB_AUTO_UPDATE=false GRYPE_DB_VALIDATE_AGE=false GRYPE_CHECK_FOR_APP_UPDATE=false";

fn compare(peers: &[Peer<'_>]) -> Result<()> {
    let mut runs: Vec<Vec<Measured>> = vec![Vec::new(); peers.len()];
    for round in 0..=ROUNDS {
        for (peer, runs) in peers.iter().zip(&mut runs) {
            let arguments: Vec<&str> = peer.command[1..].iter().map(String::as_str).collect();
            let measured = measured(&peer.command[0], &arguments)?;
            ensure!(peer.codes.contains(&measured.code), "{} fails with {}", peer.name, measured.code);
            if round > 0 {
                runs.push(measured);
            }
        }
    }
    let (own_time, own_peak) = scan::median(&runs[0]);
    for (peer, runs) in peers.iter().zip(&runs) {
        let (time, peak) = scan::median(runs);
        let (times, memory) = (time / own_time, ratio(peak, own_peak));
        let (time, peak, name) = (time * 1000.0, ratio(peak, 1024), peer.name);
        println!("  {name:18} {time:9.1} ms {peak:8.1} MiB  ({times:.1} times the time, {memory:.1} times the memory)");
    }
    Ok(())
}
