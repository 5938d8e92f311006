//! What expressions may have from outside: the clock, chance, and names of the network.

use std::net::IpAddr;

/// Gives expressions what they may have from outside. Whoever implements it can keep the answers for a replay.
///
/// Every method fails with a message for the policy's author, and does unless it is implemented.
pub trait Host {
    /// Nanoseconds since 1970.
    fn now_ns(&self) -> Result<i64, String> {
        Err("not allowed here: the clock is off".to_owned())
    }

    /// Fills a buffer by chance.
    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        let _ = buffer;
        Err("not allowed here: chance is off".to_owned())
    }

    /// The addresses of a name.
    fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        Err(format!("not allowed here: looking up `{name}`"))
    }
}

/// Gives nothing: expressions are functions of their documents.
#[derive(Debug, Clone, Copy, Default)]
pub struct Closed;

impl Host for Closed {}
