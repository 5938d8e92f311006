//! YAML texts in both dialects.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::SourceId;
use probity_model::yaml::{self, Dialect};

fuzz_target!(|text: &str| {
    let _ = yaml::read(text, SourceId(0), Dialect::Core);
    let _ = yaml::read(text, SourceId(0), Dialect::Kubernetes);
});
