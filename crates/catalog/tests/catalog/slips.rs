//! The checker finds what is wrong: a right policy, and the same with one slip each.

use std::path::Path;

use crate::checker::Checker;

const LINK: &str = r#"{control: "hipaa:164.308(a)(7)(ii)(A)", serves: partly, why: A copy.}"#;

const RIGHT: &str = r#"service: Amazon S3
policies:
  - id: PRB-AWS-S3-001
    title: Buckets keep versions
    severity: medium
    category: backup
    why: Without versions an overwritten object is gone.
    fix: Set it.
    aliases: [CKV_AWS_21]
    controls:
      - {control: "hipaa:164.308(a)(7)(ii)(A)", serves: partly, why: A copy.}
    bindings:
      - types: [aws_s3_bucket]
        rule: {attribute: versioning.enabled, operator: is_true}
        examples:
          pass:
            - |
              resource "aws_s3_bucket" "a" {
                versioning { enabled = true }
              }
          fail:
            - |
              resource "aws_s3_bucket" "a" {
                versioning { enabled = false }
              }
"#;

fn problems(provider: &str, text: &str) -> String {
    let mut checker = Checker::default();
    checker.file(provider, Path::new("s3.yaml"), text);
    checker.finish().problems.join("\n")
}

#[test]
fn a_right_policy_has_no_problems() {
    assert_eq!(problems("aws", RIGHT), "");
}

#[test]
fn every_slip_is_named_with_its_place() {
    for (right, slip, expected) in [
        ("service: Amazon S3\n", "", "1:1: missing field `service`"),
        ("why: Without", "why: [Without", "8:8: not valid YAML: illegal placement of ':' indicator"),
        (
            "severity: medium",
            "severty: medium",
            "3:5: missing field `severity`\n5:5: unknown field `severty` (did you mean `severity`?)",
        ),
        ("severity: medium", "severity: bad", "5:5: `bad` is not a severity; one of info, low, medium, high, critical"),
        ("category: backup", "category: general", "6:5: a built-in policy has a category of its own, not `general`"),
        ("    why: Without versions an overwritten object is gone.\n", "", "3:5: missing field `why`"),
        ("fix: Set it.", "fix: ' '", "8:5: `fix` is empty"),
        ("    aliases: [CKV_AWS_21]\n", "", "3:5: missing field `aliases`"),
        ("[CKV_AWS_21]", "[CKV_AWS_21, CKV_AWS_21]", "9:27: `CKV_AWS_21` stands here twice"),
        ("PRB-AWS-S3-001", "PRB-AWS-S3-1", "3:5: an id in this folder is PRB-AWS-SERVICE-001"),
        ("PRB-AWS-S3-001", "PRB-GOOGLE-S3-001", "3:5: an id in this folder is PRB-AWS-SERVICE-001"),
        ("keep versions", &"keep versions ".repeat(7), "4:5: a title of 105 characters; shorten it to 90"),
        (&format!("      - {LINK}\n"), "", "3:5: missing field `controls`"),
        (&format!("\n      - {LINK}"), " []", "3:5: a built-in policy serves at least one control"),
        (LINK, &format!("{LINK}\n      - {LINK}"), "12:9: `hipaa:164.308(a)(7)(ii)(A)` stands here twice"),
        (
            "(ii)(A)",
            "(ii)(Z)",
            "11:10: there is no control `hipaa:164.308(a)(7)(ii)(Z)` (did you mean `hipaa:164.308(a)(7)(ii)(A)`?)",
        ),
        ("hipaa:164.308(a)(7)(ii)(A)", "hippa:164.308", "11:10: there is no framework `hippa`"),
        (
            "hipaa:164.308(a)(7)(ii)(A)",
            "iso-27001:A.9.2.3",
            "11:10: `iso-27001:A.9.2.3` is an id of version 2013 (now: iso-27001:A.8.2)",
        ),
        (", serves: partly", "", "11:9: missing field `serves`"),
        (
            "serves: partly",
            "serves: fully",
            "11:49: what software can check of `hipaa:164.308(a)(7)(ii)(A)`: partly; `fully` says more",
        ),
        ("serves: partly", "serves: mostly", "11:49: `mostly` is not a strength; one of supports, partly, fully"),
        (", why: A copy.", "", "11:9: missing field `why`"),
        (
            "types: [aws_s3_bucket]",
            "types: [aws_s3_bucket, aws_s3_buckett]",
            "13:32: no resource has the type `aws_s3_buckett` (did you mean `aws_s3_bucket`? if it is new, add it to \
             tests/catalog/*.txt)",
        ),
        (
            "rule: {attribute: versioning.enabled, operator: is_true}",
            "rule: {or: [{connected: [aws_s3_bucket_version]}, {attribute: versioning.enabled, operator: is_true}]}",
            "14:34: no resource has the type `aws_s3_bucket_version` (did you mean `aws_s3_bucket_versioning`? if it is \
             new, add it to tests/catalog/*.txt)",
        ),
        (
            "types: [aws_s3_bucket]",
            "types: [aws_s3_bucket, Pod]",
            "13:9: types of different formats (give each format a binding of its own)",
        ),
        ("types: [aws_s3_bucket]", "types: []", "13:9: no resource type: the rule would judge nothing"),
        (
            "types: [aws_s3_bucket]",
            "types: [aws_sqs_queue]",
            "18:15: nothing here is judged\n23:15: nothing fails here; judged: nothing",
        ),
        ("operator: is_true", "operator: is_ture", "14:47: unknown operator `is_ture` (did you mean `is_true`?)"),
        ("          fail:\n", "          fial:\n", "21:11: unknown field `fial` (did you mean `fail`?)"),
        (
            "enabled = true",
            "enabled = false",
            "19:17: aws_s3_bucket.a fails where it should pass: `versioning.enabled` is false, wanted: true",
        ),
        ("enabled = false", "enabled = true", "23:15: nothing fails here; judged: aws_s3_bucket.a"),
        (
            "enabled = true",
            "enabled = var.versioned",
            "19:17: aws_s3_bucket.a comes out `unknown`: a value cannot be told: var.versioned, which is not declared",
        ),
        ("enabled = true", "enabled = ", "19:17: not readable: not valid Terraform: expected a value, found `}`"),
    ] {
        assert!(RIGHT.contains(right), "{right}");
        let text = RIGHT.replacen(right, slip, 1);
        assert_eq!(problems("aws", &text).replace("s3.yaml:", ""), expected, "{right} -> {slip}");
    }
}

#[test]
fn an_id_is_used_once_in_all_files() {
    let mut checker = Checker::default();
    checker.file("aws", Path::new("a.yaml"), RIGHT);
    checker.file("aws", Path::new("b.yaml"), RIGHT);
    assert_eq!(checker.finish().problems, ["b.yaml:3:5: a second policy `PRB-AWS-S3-001`, after a.yaml:3:5"]);
}
