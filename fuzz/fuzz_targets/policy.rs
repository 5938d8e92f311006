//! Policies of the graph language, in both forms.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::SourceId;
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};

fuzz_target!(|text: &str| {
    for document in yaml::read(text, SourceId(0), Dialect::Core).unwrap_or_default() {
        let _ = probity_policy_graph::read_file(Node::root(&document.value, document.span));
    }
});
