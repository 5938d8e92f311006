//! `sockaddr`: addresses of IP.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::value::Value;

pub(super) static FUNCTIONS: [Def; 4] = [
    Def { name: "is_contained", call: is_contained },
    Def { name: "is_equal", call: is_equal },
    Def { name: "is_ipv4", call: |_, args| is_version(args, |net| matches!(net, IpNet::V4(_))) },
    Def { name: "is_ipv6", call: |_, args| is_version(args, |net| matches!(net, IpNet::V6(_))) },
];

/// An address as the network of its own, or a network.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn argument(args: &Args, index: usize) -> Result<IpNet, Unfit> {
    let text = args.text(index)?.to_str();
    Ok(network(&text).ok_or_else(|| format!("`{text}` is no IP address"))?)
}

fn is_contained(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| {
        let (outer, inner) = (argument(args, 0)?, argument(args, 1)?);
        Ok(Value::Bool(outer.trunc().contains(&inner.trunc())))
    })())
}

fn is_equal(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(2, 2)?;
    settle((|| Ok(Value::Bool(argument(args, 0)? == argument(args, 1)?)))())
}

fn is_version(args: &Args, is: fn(&IpNet) -> bool) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Value::Bool(network(&args.text(0)?.to_str()).is_some_and(|net| is(&net)))))())
}
