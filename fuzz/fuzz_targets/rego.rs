//! Rego modules: read, compiled and evaluated within small limits. A text that begins with `v0` is read as the old language.
#![no_main]

use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use probity_model::Sources;
use probity_policy_rego::{CompileOptions, Documents, Evaluation, Limits, Policies, Version, parse_value};

fuzz_target!(|text: &str| {
    let (version, text) = match text.strip_prefix("v0") {
        Some(rest) => (Version::V0, rest),
        None => (Version::V1, text),
    };
    let texts = [(Path::new("test.rego"), text)];
    let Ok(policies) = Policies::read(texts, version, CompileOptions::default(), Arc::new(Sources::default())) else {
        return;
    };
    let input = parse_value(r#"{"a": [1, "x", null, {"b": {2, 3}}], "s": "text", "n": 1.5}"#).ok();
    let documents = Documents { input, data: None };
    let limits = Limits { steps: 20_000, depth: 100, values: 20_000, ..Limits::default() };
    let evaluation = Evaluation { limits, ..Evaluation::default() };
    for name in policies.entries() {
        if let Some(entry) = policies.entry(name) {
            let _ = entry.evaluate(&documents, &evaluation);
        }
    }
});
