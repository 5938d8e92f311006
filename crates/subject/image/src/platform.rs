//! Platforms of images (OCI image index specification, `platform`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// An operating system and an architecture, such as `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Platform {
    /// As Go calls it: `linux`, `windows`.
    #[serde(default)]
    pub os: SmolStr,
    /// As Go calls it: `amd64`, `arm64`.
    #[serde(default)]
    pub architecture: SmolStr,
    /// Of the architecture: `v7`, `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<SmolStr>,
    /// The version of the operating system, on Windows.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<SmolStr>,
}

/// A text is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no platform; write it as linux/amd64 or linux/arm/v7")]
pub struct ParsePlatformError(String);

impl Default for Platform {
    /// Linux on the architecture of this machine.
    fn default() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self { os: "linux".into(), architecture: architecture.into(), variant: None, os_version: None }
    }
}

impl Platform {
    /// Whether an image for `self` is what is `wanted`: `arm64` and `arm64/v8` are the same, and a variant that is not
    /// asked for may be any.
    pub fn serves(&self, wanted: &Self) -> bool {
        let variant = |platform: &Self| match (platform.architecture.as_str(), &platform.variant) {
            ("arm64", None) => Some(SmolStr::new_static("v8")),
            (_, variant) => variant.clone(),
        };
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || variant(self) == variant(wanted))
            && (wanted.os_version.is_none() || self.os_version == wanted.os_version)
    }

    /// Whether this names no system: `unknown/unknown`, which attestations among images have.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }
}

impl FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let parts: Vec<&str> = text.split('/').collect();
        let (2 | 3, true) = (parts.len(), parts.iter().all(word)) else {
            return Err(ParsePlatformError(text.chars().take(100).collect()));
        };
        let architecture = match parts[1] {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let variant = parts.get(2).map(SmolStr::new);
        Ok(Self { os: parts[0].into(), architecture: architecture.into(), variant, os_version: None })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_matched() {
        let of = |text: &str| text.parse::<Platform>().unwrap();
        for (there, wanted, serves) in [
            ("linux/amd64", "linux/x86_64", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm/v7", "linux/arm", true),
            ("linux/arm/v7", "linux/arm/v6", false),
            ("windows/amd64", "linux/amd64", false),
        ] {
            assert_eq!(of(there).serves(&of(wanted)), serves, "{there} {wanted}");
        }
        for wrong in ["", "linux", "linux/", "linux/amd64/v1/x", "lin ux/amd64"] {
            assert!(wrong.parse::<Platform>().is_err());
        }
    }
}
