//! Addresses and networks.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use probity_model::value::{Set, Value};

use super::args::{string, wrong_type};
use super::{Context, Failure, Outcome};

/// Most addresses that a network is expanded to.
const MAX_EXPANDED: u128 = 1 << 20;

/// A network: the first address and the length of the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    prefix: u32,
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}

fn address(bits: u128, width: u32) -> IpAddr {
    if width == 32 {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(bits).unwrap_or(u32::MAX)))
    } else {
        IpAddr::V6(Ipv6Addr::from(bits))
    }
}

/// An IPv6 address that maps an IPv4 one is that one.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    Some(match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    })
}

impl Network {
    fn parse(text: &str) -> Result<(IpAddr, Self), Failure> {
        let wrong = || Failure::value(format!("invalid CIDR address: {text}"));
        let (address_text, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let full: IpAddr = address_text.parse().map_err(|_| wrong())?;
        let (value, width) = bits(full);
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
        if prefix > width {
            return Err(wrong());
        }
        Ok((full, Self { first: address(value & mask(prefix, width), width), prefix }))
    }

    fn range(&self) -> (u128, u128, u32) {
        let (first, width) = bits(self.first);
        (first, first | !mask(self.prefix, width) & all(width), width)
    }

    fn contains(&self, address: IpAddr) -> bool {
        let (first, last, width) = self.range();
        let (value, other) = bits(address);
        width == other && (first..=last).contains(&value)
    }

    fn contains_network(&self, other: &Self) -> bool {
        let (first, last, width) = self.range();
        let (other_first, other_last, other_width) = other.range();
        width == other_width && first <= other_first && other_last <= last
    }

    fn text(&self) -> String {
        format!("{}/{}", self.first, self.prefix)
    }
}

fn all(width: u32) -> u128 {
    if width == 128 { u128::MAX } else { (1 << width) - 1 }
}

fn mask(prefix: u32, width: u32) -> u128 {
    let host = width - prefix;
    if host == 128 { 0 } else { all(width) >> host << host }
}

fn network(value: &Value) -> Result<Network, Failure> {
    let text = value.as_str().ok_or_else(|| wrong_type(1, value, &["string"]))?;
    Network::parse(text).map(|(_, network)| network)
}

fn contains(outer: &Value, inner: &Value) -> Result<bool, Failure> {
    let outer = network(outer)?;
    let text = inner.as_str().ok_or_else(|| wrong_type(1, inner, &["string"]))?;
    if let Some(address) = parse_ip(text) {
        return Ok(outer.contains(address));
    }
    let Ok((_, inner)) = Network::parse(text) else {
        let message = format!("not a valid textual representation of an IP address or CIDR: {text}");
        return Err(Failure::Value(message));
    };
    Ok(outer.contains_network(&inner))
}

pub(super) fn cidr_contains(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    contains(&args[0], &args[1]).map(Value::from)
}

pub(super) fn cidr_intersects(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (left, right) = (network(&args[0])?, network(&args[1])?);
    Ok((left.contains(right.first) || right.contains(left.first)).into())
}

pub(super) fn cidr_is_valid(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(args[0].as_str().is_some_and(|text| Network::parse(text).is_ok()).into())
}

/// Networks, each with what it is known by.
fn indexed(args: &[Value], index: usize) -> Result<Vec<(Value, Value)>, Failure> {
    let one = |value: &Value| match value {
        Value::String(_) => Ok(value.clone()),
        Value::Array(array) if !array.is_empty() => Ok(array.as_slice()[0].clone()),
        _ => Err(Failure::value(format!("operand {}: element must be string or non-empty array", index + 1))),
    };
    match &args[index] {
        value @ Value::String(_) => Ok(vec![(value.clone(), value.clone())]),
        Value::Array(array) => (0_i64..).zip(array).map(|(at, value)| Ok((one(value)?, at.into()))).collect(),
        Value::Set(set) => set.iter().map(|value| Ok((one(value)?, value.clone()))).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| Ok((one(value)?, key.to_value()))).collect(),
        _ => Ok(Vec::new()),
    }
}

pub(super) fn cidr_contains_matches(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut found = Vec::new();
    let outers = indexed(args, 0)?;
    // Nobody looks at the other side when there is nothing to compare it with.
    if outers.is_empty() {
        return Ok(Value::Set(Set::default()));
    }
    let inners = indexed(args, 1)?;
    for (outer, outer_index) in &outers {
        for (inner, inner_index) in &inners {
            if contains(outer, inner)? {
                found.push(Value::array([outer_index.clone(), inner_index.clone()]));
            }
        }
    }
    Ok(Value::Set(found.into_iter().collect::<Set>()))
}

pub(super) fn cidr_expand(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (_, network) = Network::parse(string(args, 0)?)?;
    let (first, last, width) = network.range();
    if last - first >= MAX_EXPANDED {
        return Err(Failure::value(format!("the network has more than {MAX_EXPANDED} addresses")));
    }
    Ok(Value::Set((first..=last).map(|bits| Value::from(address(bits, width).to_string())).collect()))
}

/// The network that an address of the old classes stands for.
fn classful(address: Ipv4Addr) -> Network {
    let prefix = match address.octets()[0] {
        0..128 => 8,
        128..192 => 16,
        _ => 24,
    };
    Network { first: IpAddr::V4(address), prefix }
}

pub(super) fn cidr_merge(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let elements: &[Value] = match &args[0] {
        Value::Array(array) => array.as_slice(),
        Value::Set(set) => set.as_slice(),
        _ => return Err(Failure::value("operand must be an array")),
    };
    let mut ranges: Vec<(u32, u128, u128)> = Vec::new();
    for element in elements {
        let text = element.as_str().ok_or_else(|| Failure::value("element must be string"))?;
        let network = match parse_ip(text) {
            Some(IpAddr::V4(address)) => classful(address),
            Some(IpAddr::V6(_)) => return Err(Failure::value("IPv6 invalid: needs prefix length")),
            None => Network::parse(text)?.1,
        };
        let (first, last, width) = network.range();
        let start = first & mask(network.prefix, width);
        ranges.push((width, start, last));
    }
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u128, u128)> = Vec::new();
    for (width, first, last) in ranges {
        match merged.last_mut() {
            Some((known, _, end)) if *known == width && first <= end.saturating_add(1) => *end = last.max(*end),
            _ => merged.push((width, first, last)),
        }
    }
    let mut networks = BTreeSet::new();
    for (width, first, last) in merged {
        cover(width, first, last, &mut networks);
    }
    Ok(Value::Set(networks.into_iter().map(Value::from).collect()))
}

/// The fewest networks that make up a range.
fn cover(width: u32, mut first: u128, last: u128, networks: &mut BTreeSet<String>) {
    loop {
        let aligned = if first == 0 { width } else { first.trailing_zeros().min(width) };
        let mut host = aligned;
        while host > 0 {
            let size = if host == 128 { u128::MAX } else { (1 << host) - 1 };
            if first.checked_add(size).is_some_and(|end| end <= last) {
                break;
            }
            host -= 1;
        }
        let network = Network { first: address(first, width), prefix: width - host };
        networks.insert(network.text());
        let (_, end, _) = network.range();
        if end >= last {
            return;
        }
        first = end + 1;
    }
}

pub(super) fn lookup_ip_addr(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let name = string(args, 0)?;
    context.once("net.lookup_ip_addr", &args[0], |host| {
        let found = host.lookup(name).map_err(Failure::Value)?;
        Ok(Value::Set(found.into_iter().map(|address| Value::from(address.to_string())).collect()))
    })
}
