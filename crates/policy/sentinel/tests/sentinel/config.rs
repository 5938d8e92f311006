//! Configurations and test folders.

use std::collections::BTreeMap;

use probity_model::{Sources, Value};
use probity_policy_sentinel::Nothing;
use probity_policy_sentinel::config::{Configuration, EnforcementLevel, ImportSource};
use probity_policy_sentinel::testing::{Judgement, Runner, find};

fn hcl(text: &str) -> Configuration {
    let sources = Sources::default();
    Configuration::from_hcl(text, sources.add("sentinel.hcl", text)).unwrap_or_else(|problems| panic!("{problems}"))
}

fn json(text: &str) -> Configuration {
    let sources = Sources::default();
    Configuration::from_json(text, sources.add("sentinel.json", text)).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_set_of_policies() {
    let set = hcl(r#"
sentinel {
  features = {
    terraform = true
  }
}
import "module" "report" {
  source = "./report.sentinel"
}
import "static" "regions" {
  source = "regions.json"
  format = "json"
}
import "plugin" "tfplan/v2" {
  config = { path = "plan.json" }
}
policy "tags" {
  source            = "./tags.sentinel"
  enforcement_level = "soft-mandatory"
  params            = { keys = ["owner", "cost"], least = -1 }
}
policy "names" {}
param "region" {
  value = <<EOT
eu
EOT
}
global "caller" { value = null }
"#);
    assert_eq!(set.features.get("terraform"), Some(&true));
    assert_eq!(set.imports["report"], ImportSource::Module("./report.sentinel".to_owned()));
    assert_eq!(set.imports["regions"], ImportSource::Static("regions.json".to_owned()));
    let config = BTreeMap::from([("path".to_owned(), Value::from("plan.json"))]);
    assert_eq!(set.imports["tfplan/v2"], ImportSource::Plugin { source: None, config });
    assert_eq!(set.policies[0].level, EnforcementLevel::SoftMandatory);
    assert_eq!(set.policies[0].params["least"], (-1).into());
    assert_eq!(set.policies[1].source, "./names.sentinel");
    assert_eq!(set.policies[1].level, EnforcementLevel::Advisory);
    assert_eq!(set.params["region"], "eu\n".into());
    assert_eq!(set.globals["caller"], Value::Null);
}

#[test]
fn the_same_in_json_and_in_the_form_of_the_first_versions() {
    let twin = json(
        r#"{"mock": {"tfplan": {"module": {"source": "a.sentinel"}}, "d": {"data": {"x": 1}}},
        "param": {"p": {"value": 2}}, "test": {"rules": {"main": false}}, "import": {"module": {"m": {"source": "m.sentinel"}}}}"#,
    );
    let first = json(
        r#"{"mock": {"tfplan": "a.sentinel", "d": {"x": 1}}, "param": {"p": 2}, "test": {"main": false},
        "modules": {"m": {"path": "m.sentinel"}}}"#,
    );
    assert_eq!(twin, first);
    assert_eq!(twin.mocks["tfplan"], ImportSource::Module("a.sentinel".to_owned()));
    assert_eq!(twin.expected.unwrap()["main"], false.into());
}

#[test]
fn later_files_override_earlier_ones() {
    let base = hcl("policy \"a\" {}\npolicy \"b\" {}\nparam \"p\" { value = 1 }");
    let other = hcl("policy \"a\" { enforcement_level = \"hard-mandatory\" }\nparam \"p\" { value = 2 }");
    let both = base.overridden_by(other);
    let levels: Vec<_> = both.policies.iter().map(|policy| (policy.name.as_str(), policy.level)).collect();
    assert_eq!(levels, [("a", EnforcementLevel::HardMandatory), ("b", EnforcementLevel::Advisory)]);
    assert_eq!(both.params["p"], 2.into());
}

#[test]
fn what_is_wrong_is_told() {
    for (text, expected) in [
        ("policy \"a\" { enforcement_level = \"hard\" }", "no such enforcement level"),
        ("policies \"a\" {}", "there is no block `policies`"),
        ("import \"module\" \"a\" {}", "wants `source`"),
        ("param \"a\" { value = var.x }", "only literals"),
        ("param \"a\" { value = \"${x}\" }", "only literals"),
        ("a = 1", "outside of a block"),
        ("mock \"a\" {", "is not closed"),
        ("import \"static\" \"a\" {\n source = \"a\"\n format = \"yaml\"\n}", "static imports are JSON"),
        (&format!("a {{ b = {} }}", "[".repeat(5_000)), "nested more than 64 deep"),
    ] {
        let sources = Sources::default();
        let problems = Configuration::from_hcl(text, sources.add("sentinel.hcl", text)).expect_err(text);
        assert!(problems.to_string().contains(expected), "{text}: {problems}");
    }
}

#[test]
fn a_folder_of_tests() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "images.sentinel",
        "import \"plan\"\nimport \"lib\"\nparam registry\nbad = filter plan.images as i { not lib.within(i, registry) }\nmain = rule { bad is empty }",
    );
    write(
        "lib/lib.sentinel",
        "import \"strings\"\nwithin = func(image, registry) { return strings.has_prefix(image, registry) }",
    );
    let case = |images: &str, rules: &str| {
        format!(
            "module \"lib\" {{ source = \"../../lib/lib.sentinel\" }}\nparam \"registry\" {{ value = \"ours/\" }}\nmock \"plan\" {{ data = {{ images = {images} }} }}\n{rules}"
        )
    };
    write("test/images/pass.hcl", &case("[\"ours/a\"]", ""));
    write(
        "test/images/fail.hcl",
        &case("[\"theirs/b\"]", "test {\n  rules = {\n    main = false\n    bad = [\"theirs/b\"]\n  }\n}"),
    );
    write("test/images/wrong.hcl", &case("[\"theirs/b\"]", ""));
    write("test/images/broken.json", "{\"mock\": {\"plan\": \"missing.sentinel\"}}");
    write("test/nothing/pass.hcl", "");
    let cases = find(folder.path()).unwrap();
    let sources = Sources::default();
    let mut runner = Runner::new(&sources, &Nothing);
    let judged: BTreeMap<String, Judgement> = cases
        .iter()
        .map(|case| (case.file.file_name().unwrap().to_string_lossy().into_owned(), runner.run(case)))
        .collect();
    assert_eq!(judged.len(), 4);
    assert_eq!(judged["pass.hcl"], Judgement::Pass);
    assert_eq!(judged["fail.hcl"], Judgement::Pass);
    let Judgement::Fail(mismatches, trace) = &judged["wrong.hcl"] else { panic!("{judged:?}") };
    assert_eq!(mismatches[0].to_string(), "expected \"main\" to be a pass, got: false");
    assert_eq!(trace.rules[0].name, "main");
    let Judgement::Error(message) = &judged["broken.json"] else { panic!("{judged:?}") };
    assert!(message.contains("missing.sentinel"), "{message}");
}
