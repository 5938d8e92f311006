//! What a configuration says of its plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use probity_model::{SourceId, Subject, Value, json};

use super::WHOLE_PLAN;
use crate::terraform::{Installed, ModuleFile, Options, read_tree};

/// The plans of modules, by folder and text.
fn plans(modules: &[(&str, &str)]) -> Vec<Subject> {
    let file = |(number, (folder, text)): (u32, &(&str, &str))| {
        let file =
            ModuleFile { path: PathBuf::from(folder).join("main.tf"), text: (*text).into(), source: SourceId(number) };
        (PathBuf::from(folder), vec![file])
    };
    let folders: BTreeMap<PathBuf, Vec<ModuleFile>> = (0..).zip(modules).map(file).collect();
    let options = Options { whole_plans: true, ..Options::default() };
    let reads = read_tree(&folders, &Installed::default(), &options);
    let subjects = reads.into_iter().flat_map(|(_, read)| read.subjects);
    subjects.filter(|subject| subject.resource_type == WHOLE_PLAN).collect()
}

fn plan(modules: &[(&str, &str)]) -> Value {
    let mut plans = plans(modules);
    assert_eq!(plans.len(), 1);
    plans.remove(0).document
}

/// What stands at a JSON pointer, as a text.
fn at(document: &Value, pointer: &str) -> String {
    let step = |value: Option<Value>, step: &str| match value? {
        Value::Array(list) => list.get(step.parse().ok()?).cloned(),
        value => value.get(&step.replace("~1", "/")).cloned(),
    };
    let found = pointer.split('/').skip(1).fold(Some(document.clone()), step);
    found.map_or_else(|| "nothing".to_owned(), |found| format!("{found:?}"))
}

fn check(document: &Value, expected: &[(&str, &str)]) {
    for (pointer, expected) in expected {
        assert_eq!(at(document, pointer), *expected, "{pointer} of {}", json::write_pretty(document));
    }
}

#[test]
fn resources_are_created_and_data_sources_read() {
    let plan = plan(&[(
        "",
        r#"
        resource "aws_instance" "web" {
          count    = 2
          provider = aws.west
          ami      = data.aws_ami.base.id
          tags     = { Name = "web-${count.index}", Of = aws_vpc.a["k"].id }
          names    = toset(["b", "a"])
          ebs { size = 1 }
          ebs { size = 2 }
          timeouts { create = "5m" }
          lifecycle { prevent_destroy = true }
          provisioner "local-exec" { command = "true" }
        }
        resource "aws_vpc" "a" { for_each = { k = 1 } }
        data "aws_ami" "base" { owners = ["self"] }
        "#,
    )]);
    check(
        &plan,
        &[
            ("/format_version", r#""1.2""#),
            ("/terraform_version", "<unknown: the version of Terraform>"),
            ("/resource_changes/0/address", r#""data.aws_ami.base""#),
            ("/resource_changes/0/change/actions", r#"["read"]"#),
            ("/resource_changes/0/mode", r#""data""#),
            ("/resource_changes/2/address", r#""aws_instance.web[1]""#),
            ("/resource_changes/2/index", "1"),
            ("/resource_changes/2/mode", r#""managed""#),
            ("/resource_changes/2/type", r#""aws_instance""#),
            ("/resource_changes/2/name", r#""web""#),
            ("/resource_changes/2/module_address", "nothing"),
            ("/resource_changes/2/provider_name", r#""registry.terraform.io/hashicorp/aws""#),
            ("/resource_changes/2/change/actions", r#"["create"]"#),
            ("/resource_changes/2/change/before", "null"),
            (
                "/resource_changes/2/change/after",
                r#"{"ami": <unknown: data.aws_ami.base.id>, "ebs": [{"size": 1}, {"size": 2}], "names": ["a", "b"], "tags": {"Name": "web-1", "Of": <unknown: aws_vpc.a["k"].id>}, "timeouts": {"create": "5m"}}"#,
            ),
            (
                "/resource_changes/2/change/after_unknown",
                r#"{"ami": true, "ebs": [{}, {}], "names": [false, false], "tags": {"Of": true}, "timeouts": {}}"#,
            ),
            ("/resource_changes/3/address", r#""aws_vpc.a[\"k\"]""#),
            ("/resource_changes/3/index", r#""k""#),
            ("/resource_changes/3/change/after_unknown", "{}"),
            ("/resource_changes/1/change/after_unknown/timeouts", "{}"),
            ("/planned_values/root_module/resources/1/values/tags/Name", r#""web-0""#),
            ("/configuration/root_module/resources/0/provider_config_key", r#""aws.west""#),
            ("/configuration/root_module/resources/0/count_expression", r#"{"constant_value": 2}"#),
            ("/configuration/root_module/resources/0/provisioners/0/type", r#""local-exec""#),
            ("/configuration/root_module/resources/0/expressions/lifecycle", "nothing"),
            ("/configuration/root_module/resources/0/expressions/ebs/1/size", r#"{"constant_value": 2}"#),
            (
                "/configuration/root_module/resources/0/expressions/tags",
                r#"{"references": ["count.index", "aws_vpc.a[\"k\"].id", "aws_vpc.a[\"k\"]", "aws_vpc.a"]}"#,
            ),
        ],
    );
}

#[test]
fn modules_stand_within_those_that_call_them() {
    let plan = plan(&[
        (
            "r",
            r#"
            terraform {
              required_providers {
                cloud = { source = "example/cloud", version = "~> 2.0" }
              }
            }
            provider "cloud" {
              alias  = "west"
              region = var.region
            }
            variable "region" {
              type    = number
              default = "5"
            }
            module "m" {
              source    = "./m"
              for_each  = toset(["x", "y"])
              name      = each.key
              providers = { cloud = cloud.west }
              depends_on = [cloud_net.n]
            }
            resource "cloud_net" "n" {}
            output "names" { value = [for m in module.m : m.name] }
            output "one" { value = module.m["x"].name }
            "#,
        ),
        (
            "r/m",
            r#"
            terraform { required_providers { cloud = { source = "example/cloud" } } }
            variable "name" { description = "How it is called." }
            resource "cloud_disk" "d" { name = upper(var.name) }
            output "name" { value = cloud_disk.d.name }
            "#,
        ),
    ]);
    check(
        &plan,
        &[
            ("/variables/region", r#"{"value": 5}"#),
            ("/resource_changes/1/address", r#""module.m[\"x\"].cloud_disk.d""#),
            ("/resource_changes/1/module_address", r#""module.m[\"x\"]""#),
            ("/resource_changes/1/change/after", r#"{"name": "X"}"#),
            ("/resource_changes/1/provider_name", r#""registry.terraform.io/example/cloud""#),
            ("/planned_values/root_module/child_modules/1/address", r#""module.m[\"y\"]""#),
            ("/planned_values/root_module/child_modules/1/resources/0/values/name", r#""Y""#),
            ("/planned_values/outputs/names", r#"{"sensitive": false, "value": ["X", "Y"]}"#),
            ("/output_changes/one/after", r#""X""#),
            ("/configuration/provider_config/cloud.west/expressions/region", r#"{"references": ["var.region"]}"#),
            ("/configuration/provider_config/cloud.west/alias", r#""west""#),
            ("/configuration/provider_config/cloud/version_constraint", r#""~> 2.0""#),
            ("/configuration/provider_config/module.m:cloud", "nothing"),
            ("/configuration/root_module/variables/region", r#"{"default": 5}"#),
            ("/configuration/root_module/module_calls/m/source", r#""./m""#),
            ("/configuration/root_module/module_calls/m/depends_on", r#"["cloud_net.n"]"#),
            ("/configuration/root_module/module_calls/m/for_each_expression", "nothing"),
            ("/configuration/root_module/module_calls/m/expressions", r#"{"name": {"references": ["each.key"]}}"#),
            ("/configuration/root_module/module_calls/m/module/resources/0/provider_config_key", r#""cloud.west""#),
            (
                "/configuration/root_module/module_calls/m/module/variables/name",
                r#"{"description": "How it is called.", "required": true}"#,
            ),
            (
                "/configuration/root_module/outputs/one/expression/references",
                r#"["module.m[\"x\"].name", "module.m[\"x\"]"]"#,
            ),
        ],
    );
}

#[test]
fn what_is_sensitive_is_marked_and_what_is_made_of_it() {
    let plans = plans(&[
        (
            "r",
            r#"
            variable "p" {
              default   = "s"
              sensitive = true
            }
            locals { secrets = { a = var.p, b = "plain" } }
            module "m" {
              source = "./m"
              given  = local.secrets
            }
            resource "t" "r" {
              a     = local.secrets.a
              b     = local.secrets["b"]
              c     = "${var.p}!"
              d     = [1, sensitive(2)]
              e     = nonsensitive(var.p)
              f     = module.m.all
              g     = { for k, v in local.secrets : k => v }
              h     = merge({ x = 1 }, local.secrets)
              i     = t.other.z
              block {
                x = 1
                y = var.p
              }
              block { x = 2 }
              dynamic "more" {
                for_each = local.secrets
                content {
                  v = more.value
                  k = 1
                }
              }
            }
            resource "t" "other" {
              z = var.p
              y = 1
            }
            output "o" {
              value     = 1
              sensitive = true
            }
            "#,
        ),
        (
            "r/m",
            r#"
            variable "given" {}
            output "all" { value = var.given.a }
            output "plain" { value = var.given.b }
            resource "t" "inner" {
              x = var.given.a
              y = var.given.b
            }
            "#,
        ),
    ]);
    let plan = &plans[0].document;
    check(
        plan,
        &[
            (
                "/resource_changes/1/change/after_sensitive",
                r#"{"a": true, "block": [{"y": true}, {}], "c": true, "d": [false, true], "f": true, "g": true, "h": {"a": true}, "i": true, "more": [{"v": true}, {"v": true}]}"#,
            ),
            ("/resource_changes/0/change/after_sensitive", r#"{"z": true}"#),
            ("/resource_changes/2/address", r#""module.m.t.inner""#),
            ("/resource_changes/2/change/after_sensitive", r#"{"x": true}"#),
            ("/output_changes/o/after_sensitive", "true"),
            ("/planned_values/outputs/o/sensitive", "true"),
        ],
    );
    let marks = plans[0].sensitive.as_ref().unwrap();
    check(
        marks,
        &[
            ("/variables/p/value", "true"),
            ("/planned_values/outputs/o/value", "true"),
            ("/planned_values/root_module/resources/1/values/c", "true"),
            ("/planned_values/root_module/resources/1/values/b", "nothing"),
            ("/configuration/root_module/variables/p/default", "true"),
        ],
    );
}

#[test]
fn there_is_one_for_each_root_module_that_can_be_read_whole() {
    let resource = "resource \"t\" \"r\" {}\n";
    let call = "module \"m\" { source = \"./m\" }\n";
    for (modules, expected) in [
        (&[("a", resource), ("b", resource)][..], &["a", "b"][..]),
        (&[("", resource)], &["."]),
        (&[("a", call), ("a/m", resource)], &["a"]),
        (&[("a", "variable \"x\" {}\n")], &[]),
        (&[("a", "resource \"t\" \"r\" {\n")], &[]),
        (&[("a", call), ("a/m", "resource \"t\" {{\n")], &[]),
        // What is fetched from elsewhere is not there.
        (&[("a", "module \"m\" { source = \"example/m/cloud\" }\n")], &["a"]),
        // It never ends.
        (&[("a", "module \"m\" { source = \"../a\" }\n")], &[]),
    ] {
        let plans = plans(modules);
        let found: Vec<&str> = plans.iter().map(|plan| plan.address.as_str()).collect();
        assert_eq!(found, expected, "{modules:?}");
    }
}

#[test]
fn what_a_configuration_in_json_says_is_the_same() {
    let text = r#"{"terraform": {"required_providers": {"cloud": {"source": "example/cloud"}}},
        "resource": {"cloud_disk": {"d": {"name": "${var.n}-x", "depends_on": ["cloud_net.n"], "size": 1}}}, "variable": {"n": {"default": "a"}}}"#;
    let file = ModuleFile { path: "r/main.tf.json".into(), text: text.into(), source: SourceId(0) };
    let options = Options { whole_plans: true, ..Options::default() };
    let reads = read_tree(&[("r".into(), vec![file])].into(), &Installed::default(), &options);
    let plan = &reads[0].1.subjects.last().unwrap().document;
    check(
        plan,
        &[
            ("/resource_changes/0/provider_name", r#""registry.terraform.io/example/cloud""#),
            ("/resource_changes/0/change/after", r#"{"name": "a-x", "size": 1}"#),
            ("/configuration/root_module/resources/0/depends_on", r#"["cloud_net.n"]"#),
            (
                "/configuration/root_module/resources/0/expressions",
                r#"{"name": {"references": ["var.n"]}, "size": {"constant_value": 1}}"#,
            ),
        ],
    );
}
