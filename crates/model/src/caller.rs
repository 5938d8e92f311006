use std::net::SocketAddr;

use smol_str::SmolStr;

/// Who asks a gate, as far as the server that the gate is part of knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Where the request came from.
    pub address: Option<SocketAddr>,
    /// The name of the token that the request showed.
    pub token: Option<SmolStr>,
    /// The role of that token.
    pub role: Option<&'static str>,
    /// Whether the caller may change what the gate decides by.
    pub admin: bool,
}
