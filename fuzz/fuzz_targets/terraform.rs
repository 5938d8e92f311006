//! Terraform modules in both syntaxes, parsed and evaluated.
#![no_main]

use std::collections::BTreeMap;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use probity_model::SourceId;
use probity_subject_iac::terraform::{Installed, ModuleFile, Options, read_tree};

fuzz_target!(|text: &str| {
    for name in ["main.tf", "main.tf.json"] {
        let file = ModuleFile { path: name.into(), text: text.into(), source: SourceId(0) };
        let _ = read_tree(&BTreeMap::from([(PathBuf::new(), vec![file])]), &Installed::default(), &Options::default());
    }
});
