//! What policies say of themselves.

use probity_model::Sources;
use probity_policy_sentinel::{Policy, metadata};

fn read(text: &str) -> Result<probity_model::Metadata, String> {
    let sources = Sources::default();
    let policy = Policy::parse(&sources, sources.add("acl.sentinel", text)).unwrap();
    metadata::of(&policy, "acl").map_err(|problem| problem.display(&sources, std::path::Path::new("acl.sentinel")))
}

#[test]
fn a_comment_describes() {
    for (text, title, why) in [
        ("main = true", "acl", ""),
        ("# Buckets are private. Always.\n\nmain = true", "Buckets are private", "Buckets are private. Always."),
        (
            "// Copyright (c) A\n// Buckets are\n// private\n\n# More\nmain = true",
            "Buckets are private",
            "Buckets are private",
        ),
        ("# SPDX-License-Identifier: MIT\n\nmain = true", "acl", ""),
    ] {
        let metadata = read(text).unwrap();
        assert_eq!((metadata.title.as_str(), metadata.why.as_str()), (title, why), "{text}");
        assert_eq!(metadata.id.as_str(), "acl");
    }
}

#[test]
fn a_block_of_metadata_says_more() {
    let metadata = read(
        "# Copyright\n\n# METADATA\n# title: Images come from our registry\n# description: Others may be anything.\n# custom:\n\
         #   id: CLINIC-1\n#   severity: HIGH\n#   category: supply-chain\n#   fix: Push it first.\n#   aliases: [A_1]\n\
         #   controls:\n#     - {control: \"soc2:CC7.2\", serves: supports, why: It is.}\n\nmain = true",
    );
    insta::assert_debug_snapshot!(metadata.unwrap());
}

#[test]
fn what_a_block_cannot_say_is_refused() {
    for (block, expected) in [
        ("# - a", "acl.sentinel:1:1: METADATA: a mapping is wanted"),
        ("# title: [a]", "`title`: a text is wanted, not list"),
        ("# custom: a", "`custom` must be a mapping"),
        ("# custom: {severity: bad}", "custom.severity: `bad` is not a severity"),
        ("# custom: {controls: [{control: \"soc2:CC7.2\", more: 1}]}", "custom.controls: `more` is not known here"),
        ("# a: [", "no valid YAML"),
    ] {
        let problem = read(&format!("# METADATA\n{block}\nmain = true")).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
}
