//! Networks: addresses with the length of their prefix (RFC 4632).

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use probity_model::{Number, Value};

use super::{int, within_elements};
use crate::terraform::eval::{EvalError, Evaluated, error, to_number, to_text};

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("cidrhost", [prefix, number]) => host(prefix, number),
        ("cidrnetmask", [prefix]) => netmask(prefix),
        ("cidrsubnet", [prefix, bits, number]) => subnet(prefix, bits, number),
        ("cidrsubnets", [prefix, bits @ ..]) => subnets(prefix, bits),
        ("cidrcontains", [outer, inner]) => contains(outer, inner),
        _ => return None,
    })
}

fn network(prefix: &Value) -> Result<IpNet, EvalError> {
    let text = to_text(prefix)?;
    text.parse::<IpNet>()
        .map(|network| network.trunc())
        .map_err(|_| EvalError(format!("`{text}` is not a CIDR prefix")))
}

/// The address bits of a network, and how many there are in all.
fn bits(network: &IpNet) -> (u128, u8) {
    match network {
        IpNet::V4(network) => (u32::from(network.network()).into(), 32),
        IpNet::V6(network) => (network.network().into(), 128),
    }
}

fn made(address: u128, length: u8, width: u8) -> Result<IpNet, EvalError> {
    let out_of_range = || EvalError("the prefix is longer than an address".to_owned());
    if width == 32 {
        let address = u32::try_from(address).map_err(|_| out_of_range())?;
        Ipv4Net::new(address.into(), length).map(IpNet::V4).map_err(|_| out_of_range())
    } else {
        Ipv6Net::new(address.into(), length).map(IpNet::V6).map_err(|_| out_of_range())
    }
}

/// The number, when so many bits can hold it.
fn within(number: &Number, bits: u32) -> Result<u128, EvalError> {
    let value: Option<u128> = number.to_string().parse().ok();
    let fits = |value: &u128| bits >= 128 || value >> bits == 0;
    value.filter(fits).ok_or_else(|| EvalError(format!("{number} does not fit in {bits} bits")))
}

/// Negative numbers count from the end.
fn host(prefix: &Value, number: &Value) -> Evaluated {
    let network = network(prefix)?;
    let (address, width) = bits(&network);
    let room = u32::from(width - network.prefix_len());
    let number = to_number(number)?;
    let address = if number < 0.into() {
        let back = within(&Number::from(-number.to_big()), room)?;
        let last = if room >= 128 { u128::MAX } else { (1 << room) - 1 };
        address + (last - (back - 1))
    } else {
        address + within(&number, room)?
    };
    Ok(made(address, width, width)?.addr().to_string().into())
}

fn netmask(prefix: &Value) -> Evaluated {
    match network(prefix)? {
        IpNet::V4(network) => Ok(network.netmask().to_string().into()),
        IpNet::V6(_) => error("cidrnetmask: there are no netmasks in IPv6"),
    }
}

fn subnet(prefix: &Value, new_bits: &Value, number: &Value) -> Evaluated {
    let network = network(prefix)?;
    let (address, width) = bits(&network);
    let length = i64::from(network.prefix_len()).checked_add(int(new_bits)?);
    let length = length.and_then(|length| u8::try_from(length).ok()).filter(|length| *length <= width);
    let length = length.filter(|length| *length >= network.prefix_len());
    let length = length.ok_or_else(|| EvalError("cidrsubnet: the prefix has not so many bits left".to_owned()))?;
    let number = within(&to_number(number)?, u32::from(length - network.prefix_len()))?;
    let shift = u32::from(width - length);
    let offset = number.checked_shl(shift).unwrap_or(0);
    Ok(made(address | offset, length, width)?.to_string().into())
}

/// Networks one after another, each as large as is asked for.
fn subnets(prefix: &Value, new_bits: &[Value]) -> Evaluated {
    within_elements(new_bits.len())?;
    let network = network(prefix)?;
    let (first, width) = bits(&network);
    let full = || EvalError("cidrsubnets: the network has no room for all of them".to_owned());
    let room = u32::from(width - network.prefix_len());
    let end = if room >= 128 { u128::MAX } else { first + ((1 << room) - 1) };
    let mut next = Some(first);
    let mut all = Vec::new();
    for bits in new_bits {
        let length =
            i64::from(network.prefix_len()).checked_add(int(bits)?).filter(|_| int(bits).is_ok_and(|bits| bits > 0));
        let length = length.and_then(|length| u8::try_from(length).ok()).filter(|length| *length <= width);
        let length = length.ok_or_else(|| EvalError("cidrsubnets: the prefix has not so many bits left".to_owned()))?;
        let size = 1_u128 << u32::from(width - length);
        // A network begins at a multiple of its size.
        let start = next.and_then(|next| next.checked_next_multiple_of(size)).ok_or_else(full)?;
        let last = start.checked_add(size - 1).filter(|last| *last <= end).ok_or_else(full)?;
        all.push(Value::from(made(start, length, width)?.to_string()));
        next = last.checked_add(1);
    }
    Ok(Value::array(all))
}

fn contains(outer: &Value, inner: &Value) -> Evaluated {
    let outer = network(outer)?;
    let text = to_text(inner)?;
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Ok(outer.contains(&address).into());
    }
    Ok(outer.contains(&network(inner)?).into())
}
