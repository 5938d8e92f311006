//! Terraform plans and states in JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::json;
use probity_subject_iac::terraform;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = json::read(bytes) {
        let _ = terraform::read_plan(&value);
    }
});
