//! Lists of numbers: `package_version` of R, and Haskell's versions. `1.0` comes before `1.0.0`.

use std::cmp::Ordering;

use super::{is_number, numbers};

#[derive(Debug, Clone)]
pub(super) struct Version(Vec<String>);

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<String> = text.split(['.', '-']).map(str::to_owned).collect();
        if parts.iter().all(|part| is_number(part)) { Ok(Self(parts)) } else { Err("a part of it is no number") }
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let parts = self.0.iter().zip(&other.0).map(|(left, right)| numbers(left, right));
        parts.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}
