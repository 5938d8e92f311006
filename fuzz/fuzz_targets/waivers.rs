//! Files of waivers.
#![no_main]

use jiff::civil::date;
use libfuzzer_sys::fuzz_target;
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Waiver};

fuzz_target!(|text: &str| {
    for document in yaml::read(text, SourceId(0), Dialect::Core).unwrap_or_default() {
        let _ = Waiver::read_all(Node::root(&document.value, document.span), date(2026, 1, 1));
    }
});
