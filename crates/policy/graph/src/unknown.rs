//! What is known of a value that is not known before apply.

use probity_model::Value;

/// Whether an unknown is the id or the ARN of a resource, which are never empty, or what a template of CloudFormation asks
/// to be given.
pub(crate) fn is_given_by_provider(what: &str) -> bool {
    // The reason may follow: `aws_kms_key.a.arn, which is not declared`.
    let what = what.split(',').next().unwrap_or(what);
    let is_reference = !what.contains([' ', '.', '[', '(']);
    if is_reference || what.starts_with("the parameter `") {
        return true;
    }
    let from_elsewhere = ["var.", "local.", "module.", "each.", "data."].iter().any(|root| what.starts_with(root));
    let last = what.rsplit_once('.').map(|(_, last)| last);
    !from_elsewhere && matches!(last, Some("id" | "arn" | "Id" | "Arn"))
}

/// Whether an unknown is surely not the value: ids and ARNs are neither empty nor a `*`.
pub(crate) fn cannot_be(what: &str, value: &Value) -> bool {
    matches!(value.as_str(), Some("" | "*")) && is_given_by_provider(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_never_a_star() {
        for (what, value, expected) in [
            ("aws_s3_bucket.a.arn", "*", true),
            ("aws_s3_bucket.a.id", "", true),
            ("aws_s3_bucket.a.arn, which is not declared", "*", true),
            ("aws_s3_bucket.a.arn", "b", false),
            ("aws_s3_bucket.a.policy", "*", false),
            ("var.arn", "*", false),
            ("data.aws_s3_bucket.a.arn", "*", false),
        ] {
            assert_eq!(cannot_be(what, &value.into()), expected, "{what} {value}");
        }
    }
}
