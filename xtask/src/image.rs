//! `cargo xtask bench image FOLDER TRIVY [SYFT]`: what is in an image, an OCI layout, by Probity's reader, by Trivy and by Syft
//! in turn: time and peak memory of whole processes, each of which reads the image anew and writes the list of what is in it.
//! Advisories are not matched by any of them.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use probity_model::json;
use probity_subject_image::{Image, Location, Options, Registry, RegistryOptions};

use crate::{Measured, measured, ratio, scan};

/// Rounds that are measured; one more before them warms the caches.
const ROUNDS: usize = 5;

pub(crate) fn bench(folder: &str, trivy: &str, syft: Option<&str>) -> Result<()> {
    let own = std::env::current_exe()?.display().to_string();
    let (cache, place) = (tempfile::tempdir()?, format!("oci-dir:{folder}"));
    let cache = cache.path().display().to_string();
    // The cache in memory: with that on the disk it reads no layer a second time.
    let asked = "--cache-backend memory --offline-scan --skip-db-update --skip-java-db-update --skip-version-check";
    let asked = asked.split(' ').chain(["--format", "cyclonedx", "--input", folder]);
    let asked = ["--quiet", "--cache-dir", &cache, "image"].into_iter().chain(asked).collect();
    let mut commands: Vec<(&str, &str, Vec<&str>)> =
        vec![("probity", &own, vec!["inventory", folder]), ("trivy", trivy, asked)];
    commands.extend(syft.map(|syft| ("syft", syft, vec!["--quiet", &place, "--output", "cyclonedx-json"])));
    let mut runs: Vec<Vec<Measured>> = vec![Vec::new(); commands.len()];
    for round in 0..=ROUNDS {
        for ((name, program, arguments), runs) in commands.iter().zip(&mut runs) {
            let measured = measured(program, arguments)?;
            ensure!(measured.code == 0, "{name} fails with {}", measured.code);
            if round > 0 {
                runs.push(measured);
            }
        }
    }
    let (own_time, own_peak) = scan::median(&runs[0]);
    let mut text = String::new();
    for ((name, ..), runs) in commands.iter().zip(&runs) {
        let (time, peak) = scan::median(runs);
        let (times, memory) = (time / own_time, ratio(peak, own_peak));
        let (time, peak) = (time * 1000.0, ratio(peak, 1024));
        writeln!(
            text,
            "{name:8} {time:9.1} ms {peak:8.1} MiB  ({times:.1} times the time, {memory:.1} times the memory)"
        )?;
    }
    print!("{text}");
    Ok(())
}

/// Prints the document of an image, which policies judge.
pub(crate) fn inventory(folder: &str) -> Result<()> {
    let registry = Registry::new(RegistryOptions { docker_config: None, ..RegistryOptions::default() })?;
    let image = Image::read(&Location::Layout(folder.into(), None), &registry, &Options::default())?;
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let document = json::write(&image.document(today));
    std::io::stdout().write_all(document.as_bytes()).context("standard output")
}
