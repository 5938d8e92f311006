//! What policies may have from outside: the clock, chance, the network, the process.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use probity_model::Span;
use probity_model::value::Value;

/// What a policy asks for that is neither in it nor in its documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Impure {
    /// The time (`time.now_ns`, expiry of tokens).
    Clock,
    /// Chance (`rand.intn`, `uuid.rfc4122`).
    Random,
    /// Names to addresses (`net.lookup_ip_addr`).
    Lookup,
    /// Requests (`http.send`).
    Http,
    /// Configuration and environment (`opa.runtime`).
    Runtime,
}

impl Impure {
    /// The name under which it is allowed in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Lookup => "lookup",
            Self::Http => "http",
            Self::Runtime => "runtime",
        }
    }
}

/// Gives policies what they may have from outside. Whoever implements it can keep the answers for a replay.
///
/// Every method fails with a message for the policy's author. What is the same for the whole of a query is asked once.
pub trait Host: Sync {
    /// Nanoseconds since 1970.
    fn now_ns(&self) -> Result<i64, String> {
        Err(refused(Impure::Clock))
    }

    /// Fills a buffer by chance.
    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        let _ = buffer;
        Err(refused(Impure::Random))
    }

    /// The addresses of a name.
    fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        let _ = name;
        Err(refused(Impure::Lookup))
    }

    /// The answer to a request in the form of `http.send`.
    fn http_send(&self, request: &Value) -> Result<Value, String> {
        let _ = request;
        Err(refused(Impure::Http))
    }

    /// A text of a format, such as `toml`, as Conftest reads it.
    fn parse_config(&self, format: &str, text: &str) -> Result<Value, String> {
        let _ = (format, text);
        Err("not allowed here: reading configuration".to_owned())
    }

    /// A file as Conftest reads it. The path counts from the module in which `from` is.
    fn parse_config_file(&self, path: &str, from: Option<Span>) -> Result<Value, String> {
        let _ = (path, from);
        Err("not allowed here: reading files".to_owned())
    }

    /// What `opa.runtime` gives: an object with `config`, `env`, `version` and `commit` as far as they are known.
    fn runtime(&self) -> Result<Value, String> {
        Err(refused(Impure::Runtime))
    }
}

fn refused(what: Impure) -> String {
    format!("not allowed here: `{}` is off", what.as_str())
}

/// Gives nothing: policies are functions of their documents.
#[derive(Debug, Clone, Copy, Default)]
pub struct Closed;

impl Host for Closed {}

/// Gives what it is told to give, from the system it runs on. It has no HTTP client.
#[derive(Debug, Clone, Default)]
pub struct System {
    allowed: BTreeSet<Impure>,
}

impl System {
    /// Gives these only.
    pub fn allowing(allowed: impl IntoIterator<Item = Impure>) -> Self {
        Self { allowed: allowed.into_iter().collect() }
    }

    fn check(&self, what: Impure) -> Result<(), String> {
        if self.allowed.contains(&what) { Ok(()) } else { Err(refused(what)) }
    }
}

impl Host for System {
    fn now_ns(&self) -> Result<i64, String> {
        self.check(Impure::Clock)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        i64::try_from(since.as_nanos()).map_err(|error| error.to_string())
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        self.check(Impure::Random)?;
        getrandom::fill(buffer).map_err(|error| error.to_string())
    }

    fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        use std::net::ToSocketAddrs;
        self.check(Impure::Lookup)?;
        let found = (name, 0).to_socket_addrs().map_err(|error| format!("lookup {name}: {error}"))?;
        Ok(found.map(|address| address.ip()).collect())
    }

    fn runtime(&self) -> Result<Value, String> {
        self.check(Impure::Runtime)?;
        let env = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, Value::from(value.into_string().ok()?))));
        Ok(Value::object([("env", Value::object(env))]))
    }
}
