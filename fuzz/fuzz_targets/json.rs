//! JSON texts: what is read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::json;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = json::read(bytes) {
        let written = json::write(&value);
        assert_eq!(json::read(written.as_bytes()).as_ref(), Ok(&value), "{written}");
    }
});
