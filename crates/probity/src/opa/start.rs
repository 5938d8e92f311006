//! The gate, running.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use probity_evidence_ledger::Ledger;
use probity_gate_opa::{DecisionLog, Gate, Poll, Settings, Stop, is_path, router};
use probity_model::Sources;
use probity_policy_bundle::load;
use probity_web::Mounted;

use super::args::OpaArgs;
use super::log::LedgerLog;
use crate::evidence::origin;
use crate::outside::Outside;

/// The gate with what keeps it up to date.
pub(crate) struct Started {
    gate: Arc<Gate>,
    _polls: Vec<Stop>,
}

/// What the gate begins with, read before anything is opened or made.
pub(crate) struct Prepared {
    polls: Vec<Poll>,
    loaded: load::Loaded,
}

impl Prepared {
    /// Loads policies, and reads which bundles are to be looked after; `None` when there are neither.
    pub(crate) fn new(args: &OpaArgs) -> Result<Option<Self>> {
        if !args.wanted() {
            return Ok(None);
        }
        let polls = args.polls()?;
        let options = load::Options { version: args.version(), ..load::Options::default() };
        let loaded = load::paths(&args.policies, &options, &Sources::default());
        if !loaded.problems.is_empty() {
            let lines: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
            bail!(lines.join("\nerror: "));
        }
        Ok(Some(Self { polls, loaded }))
    }

    /// Puts the policies in force and begins to look after bundles.
    pub(crate) fn start(self, args: &OpaArgs, ledger: &Arc<Ledger>) -> Result<Started> {
        let host = origin::of(Path::new(".")).origin.host;
        let log = || -> Result<Arc<dyn DecisionLog>> { Ok(Arc::new(LedgerLog::new(ledger, host.as_deref())?)) };
        let settings = Settings {
            time: args.evaluation_time(),
            default_decision: args.default_decision.trim_matches('/').to_owned(),
            version: args.version(),
            log: if args.no_decision_log { None } else { Some(log()?) },
            host_waits: args.host_waits(),
            ..Settings::new(Arc::new(Outside::new(args.allowed(), &args.allow_http)))
        };
        let gate = Gate::new(settings, self.loaded)?;
        let polls = self.polls.into_iter().map(|poll| Ok(poll.start(Arc::clone(&gate))?)).collect::<Result<_>>()?;
        Ok(Started { gate, _polls: polls })
    }
}

impl Started {
    /// What the server is to answer.
    pub(crate) fn mounted(&self) -> Mounted {
        let gate = Arc::clone(&self.gate);
        Mounted { router: router(Arc::clone(&self.gate)), is_path, ready: Box::new(move || gate.ready()) }
    }
}
