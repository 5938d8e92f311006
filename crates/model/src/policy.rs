use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::control::ControlLink;
use crate::severity::Severity;

/// An enumeration that is written as one word a variant.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident: $what:literal { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word it is written as.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text.to_ascii_lowercase().as_str() {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("`{text}` is not {}; one of {}", $what, [$($word),*].join(", "))),
                }
            }
        }
    };
}
pub(crate) use words;

/// The identifier of a policy, such as `PRB-AWS-S3-001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyId(pub SmolStr);

impl PolicyId {
    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PolicyId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

words! {
    /// What a policy is about.
    #[derive(PartialOrd, Ord, Hash)]
    Category: "a category" {
        /// Who may do what: identities, rights, authentication.
        Access = "access",
        /// What can be reached by the public.
        Exposure = "exposure",
        /// Data at rest and in transit.
        Encryption = "encryption",
        /// Copies to come back to.
        Backup = "backup",
        /// What is written down about what happened.
        Logging = "logging",
        /// How systems reach each other.
        Network = "network",
        /// How containers and machines run.
        Workload = "workload",
        /// Where software comes from.
        SupplyChain = "supply-chain",
        /// Keys, passwords and tokens.
        Secrets = "secrets",
        /// Going on when something fails.
        Resilience = "resilience",
        /// Anything else.
        General = "general",
    }
}

/// What is known of a policy besides its rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Its identifier.
    pub id: PolicyId,
    /// The good state, in one line.
    pub title: String,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// What it is about.
    pub category: Category,
    /// What goes wrong without it.
    pub why: String,
    /// What to change.
    pub fix: String,
    /// Identifiers of the same requirement in other tools.
    pub aliases: Vec<SmolStr>,
    /// The controls it serves.
    pub controls: Vec<ControlLink>,
    /// The language it is written in.
    pub language: &'static str,
    /// Whether it comes with Probity.
    pub builtin: bool,
}

impl Metadata {
    /// A name in the form in which equal names are the same text.
    pub fn folded(name: &str) -> String {
        bare(name).to_ascii_uppercase()
    }

    /// The names it goes by, folded.
    pub fn names(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.id.as_str()).chain(self.aliases.iter().map(SmolStr::as_str)).map(Self::folded)
    }

    /// Whether the policy goes by this name, its own or another tool's; case does not matter.
    pub fn is_called(&self, name: &str) -> bool {
        self.id.as_str().eq_ignore_ascii_case(name) || self.aliases.iter().any(|alias| same_alias(alias, name))
    }
}

fn bare(text: &str) -> &str {
    match text.split_at_checked("AVD-".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("AVD-") => rest,
        _ => text,
    }
}

/// Trivy writes the same identifier as `AWS-0086` and `AVD-AWS-0086`.
fn same_alias(alias: &str, name: &str) -> bool {
    bare(alias).eq_ignore_ascii_case(bare(name))
}

#[cfg(test)]
mod tests {
    use super::same_alias;

    #[test]
    fn both_forms_of_trivy_identifiers_are_one() {
        assert!(same_alias("AWS-0086", "AVD-AWS-0086"));
        assert!(same_alias("AVD-AWS-0086", "aws-0086"));
        assert!(same_alias("CKV_AWS_21", "ckv_aws_21"));
        assert!(!same_alias("AWS-0086", "AWS-0087"));
    }
}
