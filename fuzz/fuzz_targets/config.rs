//! Any text as any configuration format: it is read or refused, and what is read can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::{SourceId, json};
use probity_subject_config::{Format, parse};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let format = Format::ALL[*first as usize % Format::ALL.len()];
    for document in parse(format, text, SourceId(0)).unwrap_or_default() {
        assert!(document.span.end as usize <= text.len());
        let written = json::write(&document.value);
        assert!(json::read_within(written.as_bytes(), usize::MAX).is_ok());
    }
});
