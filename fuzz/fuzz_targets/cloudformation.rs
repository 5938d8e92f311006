//! CloudFormation templates in YAML and JSON, parsed, mended and evaluated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::SourceId;
use probity_subject_iac::cloudformation;

fuzz_target!(|text: &str| {
    let _ = cloudformation::glance(text);
    let _ = cloudformation::read(text, SourceId(0));
});
