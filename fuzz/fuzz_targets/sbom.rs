//! Bills of materials in any form, and that what is read of one can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_sbom::{Format, compare, read, write};

fuzz_target!(|bytes: &[u8]| {
    let Ok(sbom) = read(bytes) else { return };
    assert!(compare(&sbom, &sbom).is_empty());
    for format in [Format::CycloneDx16, Format::CycloneDx17, Format::Spdx23] {
        read(write(&sbom, format).as_bytes()).unwrap();
    }
});
