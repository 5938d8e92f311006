use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::policy::words;

/// A framework's requirement: `soc2:CC6.1`, `hipaa:164.312(a)(1)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControlId {
    /// The framework, such as `soc2`.
    pub framework: SmolStr,
    /// The requirement as its standard prints it.
    pub requirement: SmolStr,
}

/// A text that is not of the form `framework:requirement`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a control; write framework:requirement, such as soc2:CC6.1")]
pub struct ParseControlError(String);

impl FromStr for ControlId {
    type Err = ParseControlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((framework, requirement)) if !framework.is_empty() && !requirement.is_empty() => {
                Ok(Self { framework: framework.into(), requirement: requirement.into() })
            }
            _ => Err(ParseControlError(text.to_owned())),
        }
    }
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.framework, self.requirement)
    }
}

impl Serialize for ControlId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ControlId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

words! {
    /// How much of a control a policy answers for.
    #[derive(PartialOrd, Ord, Hash)]
    Strength: "a strength" {
        /// Helps, without being asked for.
        Supports = "supports",
        /// Answers for a part of what is asked.
        Partly = "partly",
        /// Answers for all that is asked, for the resources it judges.
        Fully = "fully",
    }
}

/// That a policy serves a control, how strongly, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlLink {
    /// The control.
    pub control: ControlId,
    /// How much of it.
    pub serves: Strength,
    /// Why.
    pub why: String,
}
