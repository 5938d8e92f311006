//! Comments that ask for a finding to be skipped.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::{SourceId, Span};
use probity_subject_iac::skip;

fuzz_target!(|text: &str| {
    let _ = skip::parse_comment(text, Span::new(SourceId(0), 0..text.len()));
});
