//! Dockerfiles.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use probity_model::SourceId;
use probity_subject_iac::dockerfile;

fuzz_target!(|text: &str| {
    let _ = dockerfile::read(Path::new("Dockerfile"), text, SourceId(0));
});
