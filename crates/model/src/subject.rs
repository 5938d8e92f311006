use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::policy::words;
use crate::source::Span;
use crate::value::Value;

words! {
    /// What kind of thing a subject is, and so what its document looks like.
    #[derive(PartialOrd, Ord, Hash)]
    SubjectKind: "a kind of subject" {
        /// A block of a Terraform configuration.
        Terraform = "terraform",
        /// A resource of a Terraform plan, or, of the type [`WHOLE_PLAN`], the plan.
        TerraformPlan = "terraform-plan",
        /// A Kubernetes object.
        Kubernetes = "kubernetes",
        /// A resource of a CloudFormation template.
        CloudFormation = "cloudformation",
        /// A Dockerfile.
        Dockerfile = "dockerfile",
        /// A workflow of GitHub Actions, an action, or a part of one.
        GithubActions = "github-actions",
        /// What an application asks about: the input of a decision.
        Request = "request",
        /// A request to Vault or OpenBao, with its token and identity.
        VaultRequest = "vault-request",
        /// A file as a whole, in the form that Conftest reads it in.
        Config = "config",
        /// A secret in a text; the document does not have it.
        Secret = "secret",
        /// A container image, with all that is known of it.
        Image = "image",
    }
}

/// The type of the subject that is a Terraform plan as a whole. It is no resource: what is asked of every resource is not
/// asked of it.
pub const WHOLE_PLAN: &str = "terraform_plan";

/// The type of the subjects that are container images. What is asked of every resource is not asked of them.
pub const CONTAINER_IMAGE: &str = "container_image";

/// Where a subject belongs, by configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// Such as `production`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<SmolStr>,
    /// Such as `patient-portal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<SmolStr>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<SmolStr>,
}

/// A comment or annotation in the source that asks for policies to be skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineSkip {
    /// The policies, by any of their names; `*` is all of them.
    pub policies: Vec<SmolStr>,
    /// Why, as far as it says.
    pub reason: Option<String>,
    /// The last day on which it counts.
    pub expires: Option<Date>,
    /// Where it stands.
    pub span: Option<Span>,
}

/// The thing judged.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What kind of thing it is.
    pub kind: SubjectKind,
    /// Its type in the words of its platform: `aws_s3_bucket`, `AWS::S3::Bucket`, `Deployment`, `dockerfile`.
    pub resource_type: SmolStr,
    /// What it is called: `module.logs.aws_s3_bucket.this[0]`, `Deployment/clinic/portal`, `Dockerfile`.
    pub address: SmolStr,
    /// What policies see.
    pub document: Value,
    /// The text it was read from.
    pub span: Option<Span>,
    /// The part of that text that names it: the header of a block, the kind of an object.
    pub header: Option<Span>,
    /// The module calls that lead to it, the outermost first.
    pub calls: Vec<Span>,
    /// What its source asks to be skipped.
    pub skips: Vec<InlineSkip>,
    /// Where it belongs.
    pub labels: Labels,
    /// Which values of the document its source calls sensitive: the same shape, with `true` in their places, as
    /// `sensitive_values` of a Terraform plan. They are judged like all others and not kept.
    pub sensitive: Option<Value>,
}

impl Subject {
    /// A container image, called so, of which this is known.
    pub fn image(address: impl Into<SmolStr>, document: Value) -> Self {
        Self {
            kind: SubjectKind::Image,
            resource_type: CONTAINER_IMAGE.into(),
            address: address.into(),
            document,
            span: None,
            header: None,
            calls: Vec::new(),
            skips: Vec::new(),
            labels: Labels::default(),
            sensitive: None,
        }
    }
}
