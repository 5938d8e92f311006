//! Sentinel policies: read, formatted and read again, and evaluated within small limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::Sources;
use probity_policy_sentinel::config::Configuration;
use probity_policy_sentinel::{Evaluation, Limits, Policy};

fuzz_target!(|text: &str| {
    let sources = Sources::default();
    let id = sources.add("fuzz.sentinel", text);
    let _ = Configuration::from_hcl(text, id);
    let _ = Configuration::from_json(text, id);
    let Ok(policy) = Policy::parse(&sources, id) else { return };
    let formatted = policy.formatted();
    let again = Policy::parse(&sources, sources.add("formatted.sentinel", formatted.as_str())).unwrap();
    assert_eq!(again.formatted(), formatted);
    let limits = Limits { steps: 20_000, depth: 200, memory: 8 << 20, deadline: None };
    match Evaluation::new(&policy).with_limits(limits).run() {
        Ok(outcome) => drop(outcome.trace.to_string()),
        Err(failure) => drop(failure.to_string()),
    }
});
