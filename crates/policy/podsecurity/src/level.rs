//! Levels of the standard, and versions of it.

use std::fmt;
use std::str::FromStr;

/// How much a Pod may do, the least restricted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Anything.
    Privileged,
    /// Nothing that is known to give more rights.
    Baseline,
    /// What hardened Pods do.
    Restricted,
}

/// A text that is no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of privileged, baseline, restricted")]
pub struct ParseLevelError;

impl FromStr for Level {
    type Err = ParseLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "privileged" => Ok(Self::Privileged),
            "baseline" => Ok(Self::Baseline),
            "restricted" => Ok(Self::Restricted),
            _ => Err(ParseLevelError),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        })
    }
}

/// A version of the standard, which is that of the minor version of Kubernetes 1 that it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `v1.x`
    Minor(u32),
    /// The newest one.
    Latest,
}

/// A text that is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be \"latest\" or \"v1.x\"")]
pub struct ParseVersionError;

impl FromStr for Version {
    type Err = ParseVersionError;

    /// Reads `latest`, nothing, or `v1.25`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "" | "latest") {
            return Ok(Self::Latest);
        }
        let minor = text.strip_prefix("v1.").ok_or(ParseVersionError)?;
        let padded = minor.len() > 1 && minor.starts_with('0');
        if padded || !minor.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseVersionError);
        }
        minor.parse().map(Self::Minor).map_err(|_| ParseVersionError)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minor(minor) => write!(f, "v1.{minor}"),
            Self::Latest => f.write_str("latest"),
        }
    }
}
