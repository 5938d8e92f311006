//! What the gate is told on the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use probity_gate_opa::{Poll, Source};
use probity_policy_bundle::{Key, Keys, Options, Verification};
use probity_policy_rego::{Impure, Version};

#[derive(clap::Args)]
#[command(next_help_heading = "Answering as OPA")]
pub(crate) struct OpaArgs {
    /// Policies and data to decide by: files, or folders with everything below them (.rego, .json, .yaml, .tar.gz).
    #[arg(long = "policy", value_name = "PATH", num_args = 1..)]
    pub(super) policies: Vec<PathBuf>,
    /// A bundle to decide by, kept up to date: an address, a tar.gz file or a folder; its name before `=` when it is to
    /// have one of its own.
    #[arg(long = "bundle", value_name = "[NAME=]URL|PATH")]
    bundles: Vec<String>,
    /// The key that bundles must be signed with: a public key or certificate in PEM, or the secret of HS256 and its like.
    #[arg(long, value_name = "FILE", requires = "bundles")]
    bundle_key: Option<PathBuf>,
    /// The id of that key.
    #[arg(long, value_name = "ID", default_value = "default", requires = "bundle_key")]
    bundle_key_id: String,
    /// The algorithm of the signature.
    #[arg(long, value_name = "NAME", default_value = "RS256", requires = "bundle_key",
        value_parser = clap::builder::PossibleValuesParser::new(probity_policy_bundle::ALGORITHMS))]
    bundle_algorithm: String,
    /// The scope that a signature must have.
    #[arg(long, value_name = "SCOPE", default_value = "", hide_default_value = true, requires = "bundle_key")]
    bundle_scope: String,
    /// Files that need not be signed, as a glob.
    #[arg(long, value_name = "GLOB", requires = "bundle_key")]
    bundle_exclude: Vec<String>,
    /// The environment variable that holds the token for the servers of bundles.
    #[arg(long, value_name = "VARIABLE", requires = "bundles")]
    bundle_token_env: Option<String>,
    /// Certificates to trust for the servers of bundles, in PEM, in place of the public authorities.
    #[arg(long, value_name = "FILE", requires = "bundles")]
    bundle_ca: Option<PathBuf>,
    /// Shortest time between two looks for a new bundle, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "bundles",
        value_parser = clap::value_parser!(u64).range(1..))]
    bundle_min_delay: u64,
    /// Longest time between two looks for a new bundle, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "bundles")]
    bundle_max_delay: u64,
    /// Read policies that do not say theirs as Rego of this version.
    #[arg(long, value_name = "VERSION", default_value = "v1", value_parser = ["v0", "v1"])]
    rego: String,
    /// Longest time for one evaluation, in milliseconds.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 5_000,
        value_parser = clap::value_parser!(u64).range(1..=25_000))]
    evaluation_time: u64,
    /// The document that `POST /` asks for.
    #[arg(long, value_name = "PATH", default_value = "system/main")]
    pub(super) default_decision: String,
    /// What policies may have from outside beside the time and chance: the addresses of names (`net.lookup_ip_addr`), the
    /// environment (opa.runtime).
    #[arg(long, value_name = "WHAT", value_parser = ["lookup", "runtime"])]
    allow: Vec<String>,
    /// A host that policies may send requests to (http.send, services that Kyverno's ask), such as api.example.com, api.example.com:8443 or
    /// *.example.com. May be repeated.
    #[arg(long, value_name = "HOST")]
    pub(super) allow_http: Vec<String>,
    /// Do not keep decisions.
    #[arg(long)]
    pub(super) no_decision_log: bool,
}

impl OpaArgs {
    /// Whether anything is to be answered.
    pub(super) fn wanted(&self) -> bool {
        !self.policies.is_empty() || !self.bundles.is_empty()
    }

    pub(super) fn version(&self) -> Version {
        if self.rego == "v0" { Version::V0 } else { Version::V1 }
    }

    pub(super) fn evaluation_time(&self) -> Duration {
        Duration::from_millis(self.evaluation_time)
    }

    /// The hosts that policies may send requests to.
    pub(crate) fn allowed_hosts(&self) -> &[String] {
        &self.allow_http
    }

    /// What policies may have from outside.
    pub(super) fn allowed(&self) -> Vec<Impure> {
        let named = self.allow.iter().map(|what| if what == "lookup" { Impure::Lookup } else { Impure::Runtime });
        [Impure::Clock, Impure::Random].into_iter().chain(named).collect()
    }

    /// Whether policies may wait for the network.
    pub(super) fn host_waits(&self) -> bool {
        !self.allow_http.is_empty() || self.allow.iter().any(|what| what == "lookup")
    }

    /// The bundles to look after.
    pub(super) fn polls(&self) -> Result<Vec<Poll>> {
        let options = Options { version: self.version(), verification: self.verification()?, ..Options::default() };
        let (token, ca) = (self.token()?, self.ca()?);
        let mut polls: Vec<Poll> = Vec::new();
        for text in &self.bundles {
            let (name, place) = named(text);
            if polls.iter().any(|poll| poll.name == name) {
                bail!("two bundles are called `{name}`; name one of them: --bundle NAME={place}");
            }
            let source = if place.contains("://") {
                Source::Url { url: place.to_owned(), token: token.clone(), ca: ca.clone() }
            } else {
                Source::Path(place.into())
            };
            polls.push(Poll {
                name,
                source,
                options: options.clone(),
                min_delay: Duration::from_secs(self.bundle_min_delay),
                max_delay: Duration::from_secs(self.bundle_max_delay.max(self.bundle_min_delay)),
                timeout: Duration::from_mins(1),
            });
        }
        Ok(polls)
    }

    fn verification(&self) -> Result<Verification> {
        let Some(path) = &self.bundle_key else { return Ok(Verification::NoKey) };
        let text = read(path)?;
        // A secret in a file mostly ends with a line's end that is not part of it.
        let key =
            Key { algorithm: self.bundle_algorithm.clone(), key: text.trim_end().to_owned(), scope: String::new() };
        Ok(Verification::Required(Keys {
            keys: [(self.bundle_key_id.clone(), key)].into(),
            key_id: self.bundle_key_id.clone(),
            scope: self.bundle_scope.clone(),
            exclude: self.bundle_exclude.clone(),
        }))
    }

    fn token(&self) -> Result<Option<String>> {
        let Some(name) = &self.bundle_token_env else { return Ok(None) };
        let token = std::env::var(name).with_context(|| format!("the variable {name} has no token for bundles"))?;
        Ok(Some(token.trim().to_owned()))
    }

    fn ca(&self) -> Result<Option<Vec<u8>>> {
        self.bundle_ca.as_deref().map(|path| read(path).map(String::into_bytes)).transpose()
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The name of a bundle, given or that of its file, and where it is.
fn named(text: &str) -> (String, &str) {
    if let Some((name, place)) = text.split_once('=')
        && !name.contains(['/', ':', '?'])
        && !name.is_empty()
    {
        return (name.to_owned(), place);
    }
    let path = text.split(['?', '#']).next().unwrap_or(text).trim_end_matches('/');
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.strip_suffix(".tar.gz").unwrap_or(file);
    (if name.is_empty() || name == "." { "bundle".to_owned() } else { name.to_owned() }, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_have_names() {
        for (text, wanted) in [
            ("authz=https://example.com/b.tar.gz", ("authz", "https://example.com/b.tar.gz")),
            ("https://example.com/v1/authz.tar.gz?x=1", ("authz", "https://example.com/v1/authz.tar.gz?x=1")),
            ("https://example.com/b?name=x", ("b", "https://example.com/b?name=x")),
            ("policies/", ("policies", "policies/")),
            ("./b.tar.gz", ("b", "./b.tar.gz")),
            (".", ("bundle", ".")),
        ] {
            let (name, place) = named(text);
            assert_eq!((name.as_str(), place), wanted, "{text}");
        }
    }
}
