//! Kubernetes manifests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::SourceId;
use probity_subject_iac::kubernetes;

fuzz_target!(|text: &str| {
    let _ = kubernetes::read(text, SourceId(0));
});
