//! Times from and for others.

use jiff::Timestamp;

use crate::TrustError;

/// A time in seconds since 1970.
pub(crate) fn from_seconds(what: &'static str, seconds: i64) -> Result<Timestamp, TrustError> {
    Timestamp::from_second(seconds).map_err(|error| TrustError::malformed(what, error))
}

/// A time of the sigstore crates, to the second.
macro_rules! from_sigstore {
    ($time:expr) => {
        crate::time::from_seconds("a time", $time.as_second())
    };
}

pub(crate) use from_sigstore;
