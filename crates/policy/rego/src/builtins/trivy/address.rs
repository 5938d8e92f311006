//! Ranges of addresses as cloud providers write them.

use std::net::{IpAddr, Ipv6Addr};

/// What is not reached from the internet: loopback, RFC 1918, link-local, RFC 6598, RFC 4193.
const PRIVATE: [(&str, u32); 9] = [
    ("127.0.0.0", 8),
    ("10.0.0.0", 8),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
    ("169.254.0.0", 16),
    ("100.64.0.0", 10),
    ("::1", 128),
    ("fe80::", 10),
    ("fc00::", 7),
];

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}

fn is_private(address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    let (value, width) = bits(address);
    PRIVATE.iter().any(|(first, prefix)| {
        let Ok(first) = first.parse::<IpAddr>() else { return false };
        let (first, other) = bits(first);
        width == other && (value ^ first) >> (width - prefix) == 0
    })
}

/// The address as written, and the last one of its range.
fn range(text: &str) -> Option<(IpAddr, IpAddr, u32)> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let (value, width) = bits(address);
    let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= width)?;
    let hosts = width - prefix;
    let mask = if hosts == 128 { u128::MAX } else { (1 << hosts) - 1 };
    let last = value | mask;
    let last = match address {
        IpAddr::V4(_) => IpAddr::V4(u32::try_from(last).ok()?.into()),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(last)),
    };
    Some((address, last, hosts))
}

fn is_everything(text: &str) -> bool {
    text == "*" || text.eq_ignore_ascii_case("internet") || text.eq_ignore_ascii_case("any")
}

/// How many addresses a range has; none when it is no range, and at most what 64 bits hold.
pub(super) fn count(text: &str) -> u64 {
    if is_everything(text) {
        return u64::MAX;
    }
    if !text.contains('/') {
        return u64::from(text.parse::<IpAddr>().is_ok());
    }
    match range(text) {
        None => 0,
        Some((_, _, hosts)) if hosts >= 63 => u64::MAX,
        Some((_, _, hosts)) => 1 << hosts,
    }
}

/// Whether the range has an address that the internet reaches, at its begin or end. `a-b` is a range, too.
pub(super) fn is_public(text: &str) -> bool {
    if is_everything(text) {
        return true;
    }
    let public = |text: &str| text.trim().parse().is_ok_and(|address| !is_private(address));
    if let Some((first, last)) = text.split_once('-') {
        return public(first) || public(last);
    }
    if !text.contains('/') {
        return public(text);
    }
    range(text).is_some_and(|(first, last, _)| !is_private(first) || !is_private(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_public_when_an_end_is() {
        for (text, public, addresses) in [
            ("*", true, u64::MAX),
            ("0.0.0.0/0", true, 1 << 32),
            ("10.0.0.0/16", false, 1 << 16),
            ("10.0.0.0/7", true, 1 << 25),
            ("1.2.3.4", true, 1),
            ("fd00::/64", false, u64::MAX),
            ("::/0", true, u64::MAX),
            ("10.0.0.1 - 10.0.0.9", false, 0),
            ("10.0.0.1-11.0.0.9", true, 0),
            ("VirtualNetwork", false, 0),
            ("1.2.3.4/33", false, 0),
        ] {
            assert_eq!((is_public(text), count(text)), (public, addresses), "{text}");
        }
    }
}
