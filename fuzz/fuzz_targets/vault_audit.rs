//! Audit logs of Vault: lines, and the requests that entries are about.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_gate_vault::audit::{Entry, lines};

fuzz_target!(|bytes: &[u8]| {
    let mut each = |line: lines::Line| {
        if let Ok(text) = line.text
            && let Ok(entry) = Entry::read(&text)
        {
            let subject = entry.request.subject();
            assert!(subject.document.get("request").is_some());
        }
        true
    };
    lines::read(bytes, &mut each).unwrap();
});
