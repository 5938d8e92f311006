//! Reviews sent to a webhook.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::policies;

/// How long answers took.
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    fn at(&self, thousandth: usize) -> Duration {
        let position = (self.0.len() * thousandth / 1_000).min(self.0.len().saturating_sub(1));
        self.0.get(position).copied().unwrap_or_default()
    }

    pub(super) fn mean(&self) -> Duration {
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX).max(1);
        self.0.iter().sum::<Duration>() / count
    }

    /// What the mean may be off by: its standard error.
    pub(super) fn error(&self) -> Duration {
        let mean = self.mean().as_secs_f64();
        let squares: f64 = self.0.iter().map(|time| (time.as_secs_f64() - mean).powi(2)).sum();
        Duration::from_secs_f64(squares.sqrt() / u32::try_from(self.0.len()).map_or(f64::MAX, f64::from).max(1.0))
    }

    pub(super) fn median(&self) -> Duration {
        self.at(500)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, p99, most) = (self.at(500), self.at(990), self.at(1_000));
        write!(f, "median {median:.2?}, p99 {p99:.2?}, longest {most:.2?}")
    }
}

/// A webhook, and the connections that it is asked over.
pub(super) struct Load {
    pub(super) url: String,
    pub(super) connections: usize,
}

impl Load {
    /// Asks at a constant rate. What an answer took counts from when it was to be asked for, so that a server that stands
    /// still is seen in all that wait for it.
    pub(super) fn at_rate(&self, rate: u32, time: Duration) -> Result<Latencies> {
        let (start, every) = (Instant::now(), Duration::from_secs(1) / rate);
        self.ask(time, |number| start + every * u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// Asks over each connection as soon as it has an answer.
    pub(super) fn as_many(&self, time: Duration) -> Result<Latencies> {
        self.ask(time, |_| Instant::now())
    }

    fn ask(&self, time: Duration, when: impl Fn(usize) -> Instant + Sync) -> Result<Latencies> {
        let (next, end) = (AtomicUsize::new(0), Instant::now() + time);
        let connection = || -> Result<Vec<Duration>> {
            let agent = agent();
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let start = when(number);
                if start >= end {
                    return Ok(times);
                }
                thread::sleep(start.saturating_duration_since(Instant::now()));
                let mut answer = agent.post(&self.url).send(policies::review(number).as_bytes())?;
                let text = answer.body_mut().read_to_string()?;
                times.push(start.elapsed());
                ensure!(answer.status() == 200 && text.contains(r#""allowed":true"#), "it answers {text}");
            }
        };
        let all = thread::scope(|scope| {
            let connections: Vec<_> = (0..self.connections).map(|_| scope.spawn(connection)).collect();
            let joined = connections.into_iter().map(|one| one.join().unwrap_or_else(|_| bail!("a connection failed")));
            joined.collect::<Result<Vec<_>>>()
        })?;
        Ok(Latencies::of(all.into_iter().flatten().collect()))
    }
}

/// A client that keeps its connection. Who the gate is does not matter here.
pub(super) fn agent() -> ureq::Agent {
    let tls = ureq::tls::TlsConfig::builder()
        .unversioned_rustls_crypto_provider(probity_crypto::tls::provider())
        .disable_verification(true)
        .build();
    ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into()
}
