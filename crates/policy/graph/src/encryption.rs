//! Whether a resource of Terraform is encrypted at rest: what Checkov's policies ask for as the attribute `encryption_`.

use std::sync::Arc;

use probity_model::{Span, Subject, Value};

use crate::operator::loosely_equal;
use crate::path::{Context, Found, Path, Place};

/// How a type of resource says that it is encrypted.
struct Kind {
    resource_type: &'static str,
    /// Attributes, each with the values that are good; without any, every value is.
    attributes: &'static [(&'static str, &'static [&'static str])],
    by_default: bool,
}

const fn kind(resource_type: &'static str, attributes: &'static [(&'static str, &'static [&'static str])]) -> Kind {
    Kind { resource_type, attributes, by_default: false }
}

const fn encrypted(
    resource_type: &'static str,
    attributes: &'static [(&'static str, &'static [&'static str])],
) -> Kind {
    Kind { resource_type, attributes, by_default: true }
}

const ON: &[&str] = &["true"];
const ANY: &[&str] = &[];
const ATHENA: &[&str] = &["SSE_S3", "SSE_KMS", "CSE_KMS"];
const S3: &[&str] = &["aws:kms", "AES256"];

const KINDS: &[Kind] = &[
    kind("aws_athena_database", &[("encryption_configuration.encryption_option", ATHENA)]),
    kind(
        "aws_athena_workgroup",
        &[("configuration.result_configuration.encryption_configuration.encryption_option", ATHENA)],
    ),
    kind("aws_cloudtrail", &[("kms_key_id", ANY)]),
    encrypted("aws_cloudwatch_log_group", &[("kms_key_id", ANY)]),
    kind("aws_codebuild_project", &[("encryption_key", ANY)]),
    kind(
        "aws_codebuild_report_group",
        &[
            ("export_config.s3_destination.encryption_disabled", &["false"]),
            ("export_config.s3_destination.encryption_key", ANY),
        ],
    ),
    kind("aws_dax_cluster", &[("server_side_encryption.enabled", ON)]),
    kind("aws_docdb_cluster", &[("storage_encrypted", ON), ("kms_key_arn", ANY)]),
    encrypted(
        "aws_dynamodb_table",
        &[("server_side_encryption.enabled", ON), ("server_side_encryption.kms_key_arn", ANY)],
    ),
    kind("aws_ebs_volume", &[("encrypted", ON), ("kms_key_id", ANY)]),
    kind(
        "aws_ecr_repository",
        &[("encryption_configuration.encryption_type", &["AES256", "KMS"]), ("encryption_configuration.kms_key", ANY)],
    ),
    kind("aws_efs_file_system", &[("encrypted", ON), ("kms_key_id", ANY)]),
    kind("aws_eks_cluster", &[("encryption_config.provider.key_arn", ANY)]),
    kind("aws_elasticache_replication_group", &[("at_rest_encryption_enabled", ON), ("kms_key_id", ANY)]),
    kind("aws_elasticsearch_domain", &[("encrypt_at_rest.enabled", ON), ("encrypt_at_rest.kms_key_id", ANY)]),
    kind("aws_kinesis_stream", &[("encryption_type", &["KMS"]), ("kms_key_id", ANY)]),
    kind("aws_msk_cluster", &[("encryption_info.encryption_at_rest_kms_key_arn", ANY)]),
    kind("aws_neptune_cluster", &[("storage_encrypted", ON), ("kms_key_arn", ANY)]),
    kind("aws_rds_cluster", &[("storage_encrypted", ON), ("kms_key_id", ANY)]),
    kind("aws_rds_global_cluster", &[("storage_encrypted", ON)]),
    kind("aws_redshift_cluster", &[("encrypted", ON), ("kms_key_id", ANY)]),
    encrypted(
        "aws_s3_bucket",
        &[("server_side_encryption_configuration.rule.apply_server_side_encryption_by_default.sse_algorithm", S3)],
    ),
    kind("aws_s3_bucket_object", &[("server_side_encryption", S3), ("kms_key_id", ANY)]),
    kind("aws_sagemaker_feature_group", &[("security_config.kms_key_id", ANY)]),
    kind("aws_sns_topic", &[("kms_master_key_id", ANY)]),
    kind("aws_sqs_queue", &[("kms_master_key_id", ANY)]),
];

/// `ENCRYPTED` or `UNENCRYPTED`; nothing for types that do not encrypt.
pub(crate) fn find(subject: &Subject, found: &mut Found) {
    let Some(kind) = KINDS.iter().find(|kind| kind.resource_type == subject.resource_type) else { return };
    let (mut good, mut span) = (None, None);
    for (attribute, values) in kind.attributes {
        let Ok(path) = Path::parse(attribute) else { continue };
        let at = path.find(Context::of(subject));
        for place in &at.places {
            span = place.span;
            match meets(&place.value, values) {
                Ok(Some(met)) => good = Some(good.unwrap_or(true) && met),
                Ok(None) => {}
                Err(what) => {
                    found.unknown = Some((what, place.span));
                    return;
                }
            }
        }
    }
    found.places.push(told(good.unwrap_or(kind.by_default), span));
}

fn told(is_encrypted: bool, span: Option<Span>) -> Place {
    Place { value: if is_encrypted { "ENCRYPTED" } else { "UNENCRYPTED" }.into(), span }
}

/// Whether a value is good; `None` for one that says nothing, `Err` with what is not known. A key that is given is
/// good, whatever it will be.
fn meets(value: &Value, good: &[&str]) -> Result<Option<bool>, Arc<str>> {
    match value {
        Value::Unknown(what) if !good.is_empty() => Err(what.clone()),
        value if good.is_empty() => Ok((value.as_str() != Some("")).then_some(true)),
        value => Ok(Some(good.iter().any(|good| loosely_equal(value, &(*good).into())))),
    }
}

#[cfg(test)]
mod tests {
    use crate::path::{Context, Path};
    use crate::testing::subject;

    #[test]
    fn encryption_is_told_from_what_each_type_has_for_it() {
        for (resource_type, document, expected) in [
            ("aws_rds_cluster", r#"{"kms_key_id":"k"}"#, Some("ENCRYPTED")),
            ("aws_rds_cluster", "{}", Some("UNENCRYPTED")),
            ("aws_rds_cluster", r#"{"kms_key_id":"k","storage_encrypted":false}"#, Some("UNENCRYPTED")),
            ("aws_kinesis_stream", r#"{"encryption_type":"NONE"}"#, Some("UNENCRYPTED")),
            ("aws_s3_bucket", "{}", Some("ENCRYPTED")),
            ("aws_vpc", "{}", None),
        ] {
            let subject = subject(resource_type, document);
            let found = Path::parse("encryption_").unwrap().find(Context::of(&subject));
            let value = found.places.first().and_then(|place| place.value.as_str());
            assert_eq!(value, expected, "{resource_type} {document}");
        }
    }
}
