//! Internet addresses.

use std::any::Any;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::accessors;
use crate::environment::Builder;
use crate::library::args::{error, text};
use crate::program::traversal;
use crate::value::Opaque;
use crate::{Error, Evaluation, Overload, Type, Value};

pub(super) const NAME: &str = "net.IP";

/// An address as a value.
pub(super) struct Address(pub(super) IpAddr);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Opaque for Address {
    fn type_name(&self) -> &str {
        NAME
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| self.0 == other.0)
    }

    /// Bytes.
    fn size(&self) -> u64 {
        if self.0.is_ipv4() { 4 } else { 16 }
    }
}

/// Reads an address: no zone, no IPv4 address in the form of IPv6.
pub(super) fn parse(text: &str) -> Result<IpAddr, String> {
    let because = |why: &str| {
        format!("IP Address {text:?} parse error during conversion from string: ParseAddr({text:?}): {why}")
    };
    if let Some((_, zone)) = text.split_once('%') {
        let address = text.split('%').next().unwrap_or_default();
        if address.parse::<std::net::Ipv6Addr>().is_ok() && !zone.is_empty() {
            return Err(format!("IP address {text:?} with zone value is not allowed"));
        }
    }
    let address: IpAddr = text.parse().map_err(|_| because(reason(text)))?;
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Err(format!("IPv4-mapped IPv6 address {text:?} is not allowed"))
        }
        address => Ok(address),
    }
}

/// Why a text is no address, as far as Go tells apart.
fn reason(text: &str) -> &'static str {
    let fields: Vec<&str> = text.split('.').collect();
    let octal =
        |field: &&str| field.len() > 1 && field.starts_with('0') && field.bytes().all(|byte| byte.is_ascii_digit());
    if fields.len() == 4 && fields.iter().any(octal) {
        return "IPv4 field has octet with leading zero";
    }
    "unable to parse IP"
}

pub(super) fn ip(builder: &mut Builder) {
    let own = || Type::opaque(NAME);
    let once = |args: &[Value], _: &Value| traversal(args[0].size());
    let twice = |args: &[Value], _: &Value| (args[0].size() * 2).div_ceil(10);
    let read = |args: &[Value]| text(args, 0).map(|text| parse(text));
    builder
        .type_name(own())
        .function(
            "ip",
            Overload::global("string_to_ip", [Type::String], own(), move |_: &Evaluation<'_>, args: &[Value]| {
                read(args)?.map(|address| Value::opaque(Address(address))).map_err(error)
            })
            .with_cost(once),
        )
        .function(
            "isIP",
            Overload::global("is_ip", [Type::String], Type::Bool, move |_: &Evaluation<'_>, args: &[Value]| {
                Ok(Value::Bool(read(args)?.is_ok()))
            })
            .with_cost(once),
        )
        .function(
            "ip.isCanonical",
            Overload::global(
                "ip_is_canonical",
                [Type::String],
                Type::Bool,
                move |_: &Evaluation<'_>, args: &[Value]| {
                    let address = read(args)?.map_err(error)?;
                    Ok(Value::Bool(address.to_string() == text(args, 0)?.as_str()))
                },
            )
            .with_cost(twice),
        )
        .function(
            "string",
            Overload::global("ip_to_string", [own()], Type::String, |_, args| {
                args[0]
                    .downcast::<Address>()
                    .map(|address| Value::from(address.0.to_string()))
                    .ok_or(Error::NoSuchOverload)
            }),
        );
    accessors!(builder, Address, NAME, {
        "family", "ip_family", Type::Int, |address| Ok(Value::Int(if address.0.is_ipv4() { 4 } else { 6 }));
        "isUnspecified", "ip_is_unspecified", Type::Bool, |address| Ok(Value::Bool(address.0.is_unspecified()));
        "isLoopback", "ip_is_loopback", Type::Bool, |address| Ok(Value::Bool(address.0.is_loopback()));
        "isLinkLocalMulticast", "ip_is_link_local_multicast", Type::Bool, |address| Ok(Value::Bool(is_link_multicast(address.0)));
        "isLinkLocalUnicast", "ip_is_link_local_unicast", Type::Bool, |address| Ok(Value::Bool(is_link_unicast(address.0)));
        "isGlobalUnicast", "ip_is_global_unicast", Type::Bool, |address| Ok(Value::Bool(is_global_unicast(address.0)));
    });
}

fn is_link_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(v6) => v6.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_link_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 == 0xfe80,
    }
}

/// As Go has it: private addresses are among them.
fn is_global_unicast(address: IpAddr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || is_link_unicast(address)
        || address == IpAddr::V4(Ipv4Addr::BROADCAST))
}
