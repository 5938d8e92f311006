//! Names of decisions: UUIDs of version 7 (RFC 9562), which sort by time.

use anyhow::{Context, Result};
use jiff::Timestamp;

/// A name that no other decision has.
pub(super) fn new(now: Timestamp) -> Result<String> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).context("no randomness to name a decision by")?;
    Ok(of(u64::try_from(now.as_millisecond()).unwrap_or(0), random))
}

fn of(milliseconds: u64, random: [u8; 10]) -> String {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_of_the_rfc() {
        // RFC 9562, appendix A.6.
        let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
        assert_eq!(super::of(0x017F_22E2_79B0, random), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn no_name_comes_again_when_the_clock_is_set_back() {
        let hours = jiff::SignedDuration::from_hours;
        let now: jiff::Timestamp = "2025-03-22T10:20:15Z".parse().unwrap();
        let names: Vec<_> = [now, now + hours(24), now - hours(1), now].map(|now| super::new(now).unwrap()).into();
        assert!(names[2] < names[0] && names[0] < names[1], "{names:?}");
        assert_ne!(names[0], names[3]);
        // Nor does a clock that stands before 1970 keep anybody from being answered.
        assert!(super::new(jiff::Timestamp::MIN).unwrap().starts_with("00000000-0000-7"));
    }
}
