//! The frameworks that come with Probity.

use probity_controls::{Frameworks, Requirement, Resolution};
use probity_model::ControlId;

fn control(text: &str) -> ControlId {
    text.parse().unwrap()
}

#[test]
fn every_framework_is_there_with_its_requirements() {
    let frameworks = Frameworks::builtin();
    let ids: Vec<&str> = frameworks.iter().map(|framework| framework.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "cis-aws",
            "cis-azure",
            "cis-docker",
            "cis-google",
            "cis-kubernetes",
            "hipaa",
            "iso-27001",
            "nist-800-53",
            "pci-dss",
            "soc2"
        ]
    );
    for id in [
        "soc2:CC6.1",
        "pci-dss:6.3.2",
        "hipaa:164.312(a)(1)",
        "iso-27001:A.8.9",
        "nist-800-53:AC-3",
        "cis-docker:4.1",
        "cis-kubernetes:5.2.2",
    ] {
        let requirement = frameworks.requirement(&control(id)).unwrap_or_else(|| panic!("{id} is not there"));
        assert_eq!(requirement.id.to_string(), id);
    }
    // ISO/IEC 27001:2022 Annex A has 93 controls.
    assert_eq!(frameworks.get("iso-27001").unwrap().requirements.len(), 93);
}

#[test]
fn the_sets_that_auditors_ask_for_exist() {
    let frameworks = Frameworks::builtin();
    for (id, member) in [
        ("hipaa-access-control", "hipaa:164.312(a)(1)"),
        ("hipaa-backup", "hipaa:164.308(a)(7)(ii)(A)"),
        ("pci-sbom", "pci-dss:6.3.2"),
        ("iso-configuration", "iso-27001:A.8.9"),
        ("soc2-logical-access", "soc2:CC6.1"),
        ("soc2-monitoring", "soc2:CC7.2"),
    ] {
        let set = frameworks.set(id).unwrap_or_else(|| panic!("no set {id}"));
        assert!(set.requirements.contains(&control(member)), "{id} lacks {member}");
    }
    assert_eq!(frameworks.set("hipaa-nothing"), None);
}

#[test]
fn ids_resolve_in_the_current_version_first() {
    let frameworks = Frameworks::builtin();
    let resolve = |framework, id| match frameworks.resolve(framework, id) {
        None => "no framework".to_owned(),
        Some(Resolution::Current(Requirement { id, .. })) => format!("is {id}"),
        Some(Resolution::Retired(retired)) => {
            let now: Vec<String> = retired
                .iter()
                .flat_map(|retired| retired.now.iter().map(move |now| format!("{} -> {now}", retired.version)))
                .collect();
            now.join(", ")
        }
        Some(Resolution::Unknown { closest }) => format!("unknown, perhaps {closest:?}"),
    };
    for (framework, id, expected) in [
        ("pci-dss", "1.1.1", "is pci-dss:1.1.1"),
        ("pci-dss", "3.2.1:1.1.1", "3.2.1 -> pci-dss:1.2.2"),
        ("pci-dss", "1.1", "3.2.1 -> pci-dss:1.2.1"),
        ("nist-800-53", "AC-13", "r4 -> nist-800-53:AC-2, r4 -> nist-800-53:AU-6"),
        ("iso-27001", "A.9.2.3", "2013 -> iso-27001:A.8.2"),
        ("soc2", "CC66.1", "unknown, perhaps Some(\"CC6.1\")"),
        ("soc2", "Availability", "unknown, perhaps None"),
        ("soc3", "CC6.1", "no framework"),
    ] {
        assert_eq!(resolve(framework, id), expected, "{framework} {id}");
    }
}

#[test]
fn crosswalks_are_followed_both_ways() {
    let frameworks = Frameworks::builtin();
    let (hipaa, nist) = (control("hipaa:164.312(a)(1)"), control("nist-800-53:AC-3"));
    assert!(frameworks.crosswalk_from(&hipaa).contains(&nist));
    assert!(frameworks.crosswalk_to(&nist).contains(&hipaa));
    assert!(frameworks.crosswalk_to(&hipaa).iter().all(|id| frameworks.crosswalk_from(id).contains(&hipaa)));
    assert!(frameworks.crosswalk_from(&control("soc2:nothing")).is_empty());
}
