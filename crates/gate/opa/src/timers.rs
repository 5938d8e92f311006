//! How long the parts of an answer took, by the names that OPA gives them.

use std::time::Instant;

/// Timers of one request, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers(Vec<(&'static str, u64)>);

/// Reading the input.
pub(crate) const INPUT_PARSE: &str = "timer_rego_input_parse_ns";
/// Compiling a query.
pub(crate) const QUERY_COMPILE: &str = "timer_rego_query_compile_ns";
/// Evaluating it.
pub(crate) const QUERY_EVAL: &str = "timer_rego_query_eval_ns";
/// Everything until the answer is known.
pub(crate) const HANDLER: &str = "timer_server_handler_ns";
/// Reading a module.
pub(crate) const MODULE_PARSE: &str = "timer_rego_module_parse_ns";
/// Compiling all modules.
pub(crate) const MODULE_COMPILE: &str = "timer_rego_module_compile_ns";
/// Receiving a body.
pub(crate) const READ_BYTES: &str = "timer_server_read_bytes_ns";
/// Whether the query was compiled before: 1 or 0.
pub(crate) const CACHE_HIT: &str = "counter_server_query_cache_hit";

impl Timers {
    /// Notes how long something took since it began.
    pub(crate) fn since(&mut self, name: &'static str, start: Instant) {
        self.set(name, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }

    /// Notes a figure.
    pub(crate) fn set(&mut self, name: &'static str, value: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// The figures by name.
    pub(crate) fn into_sorted(mut self) -> Vec<(&'static str, u64)> {
        self.0.sort_unstable();
        self.0
    }

    /// The figures in JSON.
    pub(crate) fn json(&self) -> String {
        let entries: Vec<String> =
            self.clone().into_sorted().iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", entries.join(","))
    }
}
