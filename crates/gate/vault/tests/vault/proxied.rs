//! A proxy that runs, and requests through it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use probity_gate_vault::proxy::{Fail, Proxy, Settings, Stopper, Upstream};
use probity_gate_vault::{DecisionLog, Event, Recorded};
use probity_model::{Value, json};

use crate::support::Folder;

/// Keeps decisions in memory, or fails to.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) broken: bool,
}

impl DecisionLog for Kept {
    fn record(&self, event: Event) -> Recorded {
        self.events.lock().unwrap().push(event);
        let result = if self.broken { Err("the disk is full".to_owned()) } else { Ok(()) };
        Box::pin(async move { result })
    }
}

/// A proxy.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) log: Arc<Kept>,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts one before a server, with changed settings.
    pub(crate) fn start(folder: &Folder, upstream: Upstream, log: Kept, change: impl FnOnce(&mut Settings)) -> Self {
        let log = Arc::new(log);
        let mut settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            upstream,
            fail: Fail::Closed,
            remember: Settings::REMEMBER,
            body_bytes: Settings::BODY_BYTES,
            set: folder.set(),
            governing: folder.read().unwrap(),
            judges_all: false,
            log: Some(Arc::clone(&log) as Arc<dyn DecisionLog>),
        };
        change(&mut settings);
        let proxy = Proxy::new(settings).unwrap();
        let (url, stopper) = (proxy.url(), proxy.stopper());
        let thread = std::thread::spawn(move || proxy.run().unwrap());
        Self { url, log, stopper, thread: Some(thread) }
    }

    /// What was allowed of the requests that were judged, by address.
    pub(crate) fn decisions(&self) -> Vec<(String, bool)> {
        let events = self.log.events.lock().unwrap();
        events.iter().map(|event| (event.subject.address.to_string(), event.allowed)).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The errors of Vault's form.
    pub(crate) fn errors(&self) -> String {
        let errors = self.body.get("errors").and_then(Value::as_array);
        let errors = errors.unwrap_or_else(|| panic!("{} {}", self.status, self.text));
        errors.iter().map(|error| error.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }
}

/// Asks for something.
pub(crate) fn ask(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .proxy(None)
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("{url}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    let body = json::read(text.as_bytes()).unwrap_or_default();
    Answer { status: answer.status().as_u16(), body, text }
}
