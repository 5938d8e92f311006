//! Blocks of internet addresses.

use std::any::Any;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::accessors;
use super::ip::{self, Address};
use crate::environment::Builder;
use crate::library::args::{error, text};
use crate::program::traversal;
use crate::value::Opaque;
use crate::{Error, Evaluation, Overload, Type, Value};

const NAME: &str = "net.CIDR";

/// A block as a value: an address in it and how many bits all in it share.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Block {
    address: IpAddr,
    bits: u8,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Block {
    fn parse(text: &str) -> Result<Self, String> {
        let prefix = "network address parse error during conversion from string: ";
        let because = |why: &str| format!("{prefix}{prefix}netip.ParsePrefix({text:?}): {why}");
        let (address, bits) = text.rsplit_once('/').ok_or_else(|| because("no '/'"))?;
        let parsed: IpAddr =
            address.parse().map_err(|_| because(&format!("ParseAddr({address:?}): unable to parse IP")))?;
        let plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || bits.len() > 1 && bits.starts_with('0') {
            return Err(because(&format!("bad bits after slash: {bits:?}")));
        }
        let most = if parsed.is_ipv4() { 32 } else { 128 };
        let bits =
            bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(|| because("prefix length out of range"))?;
        if let IpAddr::V6(v6) = parsed
            && v6.to_ipv4_mapped().is_some()
        {
            return Err(format!("{prefix}IPv4-mapped IPv6 address {text:?} is not allowed"));
        }
        Ok(Self { address: parsed, bits })
    }

    fn masked(self) -> Self {
        let address = match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
        };
        Self { address, ..self }
    }

    fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && Self { address, ..self }.masked() == self.masked()
    }

    fn includes(self, other: Self) -> bool {
        self.bits <= other.bits && self.has(other.address)
    }
}

impl Opaque for Block {
    fn type_name(&self) -> &str {
        NAME
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>() == Some(self)
    }

    /// Bytes of the prefix.
    fn size(&self) -> u64 {
        u64::from(self.bits).div_ceil(8)
    }
}

pub(super) fn cidr(builder: &mut Builder) {
    let own = || Type::opaque(NAME);
    let once = |args: &[Value], _: &Value| traversal(args[0].size());
    let read = |args: &[Value], index: usize| text(args, index).map(|text| Block::parse(text));
    builder
        .type_name(own())
        .function(
            "cidr",
            Overload::global("string_to_cidr", [Type::String], own(), move |_: &Evaluation<'_>, args: &[Value]| {
                read(args, 0)?.map(Value::opaque).map_err(error)
            })
            .with_cost(once),
        )
        .function(
            "isCIDR",
            Overload::global("is_cidr", [Type::String], Type::Bool, move |_: &Evaluation<'_>, args: &[Value]| {
                Ok(Value::Bool(read(args, 0)?.is_ok()))
            })
            .with_cost(once),
        )
        .function(
            "string",
            Overload::global("cidr_to_string", [own()], Type::String, |_, args| {
                block(args).map(|block| Value::from(format!("{block:?}")))
            }),
        );
    accessors!(builder, Block, NAME, {
        "ip", "cidr_ip", Type::opaque(ip::NAME), |block| Ok(Value::opaque(Address(block.address)));
        "prefixLength", "cidr_prefix_length", Type::Int, |block| Ok(Value::Int(block.bits.into()));
        "masked", "cidr_masked", Type::opaque(NAME), |block| Ok(Value::opaque(block.masked()));
    });
    containment(builder);
}

fn containment(builder: &mut Builder) {
    let own = || Type::opaque(NAME);
    let address_cost = |args: &[Value], _: &Value| (args[0].size() * 2).div_ceil(10) + text_cost(args);
    let block_cost =
        |args: &[Value], _: &Value| (args[0].size() * 2).div_ceil(10) + traversal(args[0].size()) + 1 + text_cost(args);
    let has = |_: &Evaluation<'_>, args: &[Value]| {
        let address = match args[1].downcast::<Address>() {
            Some(address) => address.0,
            None => ip::parse(text(args, 1)?).map_err(error)?,
        };
        Ok(Value::Bool(block(args)?.has(address)))
    };
    let includes = |_: &Evaluation<'_>, args: &[Value]| {
        let other = match args[1].downcast::<Block>() {
            Some(other) => *other,
            None => Block::parse(text(args, 1)?).map_err(error)?,
        };
        Ok(Value::Bool(block(args)?.includes(other)))
    };
    builder
        .function(
            "containsIP",
            Overload::member("cidr_contains_ip_string", [own(), Type::String], Type::Bool, has).with_cost(address_cost),
        )
        .function(
            "containsIP",
            Overload::member("cidr_contains_ip_ip", [own(), Type::opaque(ip::NAME)], Type::Bool, has)
                .with_cost(address_cost),
        )
        .function(
            "containsCIDR",
            Overload::member("cidr_contains_cidr_string", [own(), Type::String], Type::Bool, includes)
                .with_cost(block_cost),
        )
        .function(
            "containsCIDR",
            Overload::member("cidr_contains_cidr", [own(), own()], Type::Bool, includes).with_cost(block_cost),
        );
}

/// What reading the second argument costs when it is a text.
fn text_cost(args: &[Value]) -> u64 {
    match &args[1] {
        Value::String(_) => traversal(args[1].size()),
        _ => 0,
    }
}

fn block(args: &[Value]) -> Result<Block, Error> {
    args.first().and_then(Value::downcast::<Block>).copied().ok_or(Error::NoSuchOverload)
}
