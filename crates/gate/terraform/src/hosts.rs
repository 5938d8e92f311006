//! Which addresses are asked for.
//!
//! Addresses come with the request, so whoever can send one could have anything asked for from within a network. Only hosts
//! that are allowed are, only over TLS, and a token only goes to the host that it is for.

use std::str::FromStr;

use url::{Host, Url};

/// HCP Terraform, and where it sends who fetches a plan.
const PLATFORM: &[&str] = &["app.terraform.io", "archivist.terraform.io"];

/// A host that may be asked: `tfe.example.com`, `tfe.example.com:8443`, or with `http://` before it when it may be asked
/// without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    scheme: String,
    host: Host<String>,
    port: u16,
}

/// Why a text names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host such as tfe.example.com or tfe.example.com:8443")]
pub struct AllowedHostError(String);

impl FromStr for AllowedHost {
    type Err = AllowedHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || AllowedHostError(text.to_owned());
        let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&full).map_err(|_| wrong())?;
        let alone = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !alone || url.password().is_some() {
            return Err(wrong());
        }
        Self::of(&url).ok_or_else(wrong)
    }
}

impl AllowedHost {
    fn of(url: &Url) -> Option<Self> {
        let port = url.port_or_known_default()?;
        let is_http = matches!(url.scheme(), "https" | "http");
        is_http.then_some(())?;
        Some(Self { scheme: url.scheme().to_owned(), host: url.host()?.to_owned(), port })
    }
}

/// Why an address is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is none.
    #[error("the platform names an address that is none: {0}")]
    Address(String),
    /// It has a user name or password.
    #[error("an address with a user name in it is not asked for")]
    Credentials,
    /// It is without TLS.
    #[error("{0} is not asked without TLS; allow it with `--run-task-host http://{0}` if it must be")]
    Plain(String),
    /// It is not allowed.
    #[error("{0} is not among the hosts that are asked; allow it with `--run-task-host {0}`")]
    NotAllowed(String),
}

/// The hosts that may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    allowed: Vec<AllowedHost>,
    /// Whether the host of the callback is one of them because the request is signed.
    trusts_callback: bool,
}

impl Hosts {
    pub(crate) fn new(allowed: &[AllowedHost], trusts_callback: bool) -> Self {
        Self { allowed: allowed.to_vec(), trusts_callback }
    }

    /// An address, when it may be asked for a task with this callback.
    pub(crate) fn check(&self, address: &str, callback: &str) -> Result<Url, HostError> {
        let url = Url::parse(address).map_err(|error| HostError::Address(error.to_string()))?;
        self.check_url(&url, callback)?;
        Ok(url)
    }

    pub(crate) fn check_url(&self, url: &Url, callback: &str) -> Result<(), HostError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HostError::Credentials);
        }
        let Some(host) = AllowedHost::of(url) else {
            return Err(HostError::Address(format!("{}: is not asked for", url.scheme())));
        };
        if self.allowed.contains(&host) {
            return Ok(());
        }
        let shown = shown(url);
        let of_callback = || Url::parse(callback).ok().and_then(|callback| AllowedHost::of(&callback));
        let known = self.trusts_callback && of_callback().as_ref() == Some(&host);
        if host.scheme != "https" {
            // What never leaves the machine needs no TLS.
            return if known && is_loopback(&host.host) { Ok(()) } else { Err(HostError::Plain(shown)) };
        }
        let is_platform = host.port == 443 && PLATFORM.iter().any(|name| host.host == Host::Domain((*name).to_owned()));
        if known || is_platform { Ok(()) } else { Err(HostError::NotAllowed(shown)) }
    }
}

/// The host with its port, when that is not the usual one.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether a token for one address may be sent to another.
pub(crate) fn same_host(one: &Url, other: &Url) -> bool {
    AllowedHost::of(one).is_some_and(|host| AllowedHost::of(other).as_ref() == Some(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLBACK: &str = "https://tfe.example.com/api/v2/task-results/1/callback";

    fn hosts(allowed: &[&str], trusts_callback: bool) -> Hosts {
        let allowed: Vec<AllowedHost> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        Hosts::new(&allowed, trusts_callback)
    }

    #[test]
    fn hosts_are_the_platforms_the_callbacks_and_those_named() {
        for (address, signed, unsigned) in [
            ("https://app.terraform.io/api/v2/plans/1/json-output", true, true),
            ("https://archivist.terraform.io/v1/object/x", true, true),
            ("https://app.terraform.io:8443/", false, false),
            ("http://app.terraform.io/", false, false),
            ("https://tfe.example.com/x", true, false),
            ("https://TFE.example.com:443/x", true, false),
            ("https://tfe.example.com:444/x", false, false),
            ("https://tfe.example.com.evil.test/", false, false),
            ("https://app.terraform.io@evil.test/", false, false),
            ("https://evil.test/", false, false),
            ("https://store.example.com:9000/x", true, true),
            ("https://store.example.com/x", false, false),
            ("http://plain.example.com/x", true, true),
            ("https://plain.example.com/x", false, false),
            ("https://169.254.169.254/latest/meta-data", false, false),
            ("http://127.0.0.1/", false, false),
            ("file:///etc/passwd", false, false),
            ("gopher://app.terraform.io/", false, false),
            ("", false, false),
        ] {
            let named = ["store.example.com:9000", "http://plain.example.com"];
            assert_eq!(hosts(&named, true).check(address, CALLBACK).is_ok(), signed, "{address}");
            assert_eq!(hosts(&named, false).check(address, CALLBACK).is_ok(), unsigned, "{address} unsigned");
        }
    }

    #[test]
    fn only_this_machine_goes_without_tls() {
        for (address, allowed) in [
            ("http://127.0.0.1:9000/callback", true),
            ("http://localhost:9000/callback", true),
            ("http://[::1]:9000/callback", true),
            ("http://192.0.2.1:9000/callback", false),
            ("http://localhost.evil.test:9000/callback", false),
        ] {
            assert_eq!(hosts(&[], true).check(address, address).is_ok(), allowed, "{address}");
            assert!(hosts(&[], false).check(address, address).is_err(), "{address} unsigned");
        }
    }

    #[test]
    fn a_refusal_says_how_to_allow() {
        let refused = hosts(&[], true).check("https://10.0.0.7:9000/x?token=secret", CALLBACK).unwrap_err().to_string();
        assert!(refused.contains("--run-task-host 10.0.0.7:9000"), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
    }

    #[test]
    fn hosts_are_read() {
        for text in ["tfe.example.com", "tfe.example.com:8443", "http://127.0.0.1:9000", "https://[::1]:9000"] {
            assert!(text.parse::<AllowedHost>().is_ok(), "{text}");
        }
        for text in ["", "a/b", "ftp://a", "https://u@a", "a?b", "a b"] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
    }
}
