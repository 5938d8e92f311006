//! Workflows and actions of GitHub Actions, with their expressions and scripts.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use probity_model::SourceId;
use probity_subject_iac::github_actions;

fuzz_target!(|text: &str| {
    let _ = github_actions::read(Path::new(".github/workflows/ci.yml"), text, SourceId(0));
    let step = format!("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: |\n          {text}\n");
    let _ = github_actions::read(Path::new(".github/workflows/ci.yml"), &step, SourceId(0));
});
