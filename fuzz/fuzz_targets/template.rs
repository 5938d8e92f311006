//! Go templates, run over a few values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_template::{Limits, Set, read_yaml};

fuzz_target!(|text: &str| {
    let data = read_yaml("name: web\nport: 80\nlist: [a, {b: c}]\nmap: {x: {y: 1}}\n").unwrap_or_default();
    let mut set = Set::default();
    if set.add("t", text, Some(0)).is_ok() {
        let limits = Limits { steps: 100_000, output: 1 << 20, depth: 200 };
        let _ = set.execute("t", &data, limits);
    }
});
