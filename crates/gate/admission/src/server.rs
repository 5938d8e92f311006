//! Listening for the API server: TLS, bounds on what is read and how long it takes, and ending well.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use probity_model::{Value, json};
use probity_policy_core::FailMode;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::answer::Answer;
use crate::review::{Malformed, Review};

/// What a webhook asks for, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// Judge, where an error denies or passes.
    Validate(FailMode),
    /// Change, where an error denies or passes.
    Mutate(FailMode),
    /// Record what passes in any case.
    Exempt,
}

impl Question {
    /// The question of a path.
    pub fn of_path(path: &str) -> Option<Self> {
        match path {
            "/validate/fail" => Some(Self::Validate(FailMode::Closed)),
            "/validate/ignore" => Some(Self::Validate(FailMode::Open)),
            "/mutate/fail" => Some(Self::Mutate(FailMode::Closed)),
            "/mutate/ignore" => Some(Self::Mutate(FailMode::Open)),
            "/exempt" => Some(Self::Exempt),
            _ => None,
        }
    }

    /// The webhook's name in its configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validate(FailMode::Closed) => "validate.fail.admission.probity.dev",
            Self::Validate(FailMode::Open) => "validate.ignore.admission.probity.dev",
            Self::Mutate(FailMode::Closed) => "mutate.fail.admission.probity.dev",
            Self::Mutate(FailMode::Open) => "mutate.ignore.admission.probity.dev",
            Self::Exempt => "exempt.admission.probity.dev",
        }
    }

    /// What an error does.
    pub fn fail_mode(self) -> FailMode {
        match self {
            Self::Validate(mode) | Self::Mutate(mode) => mode,
            Self::Exempt => FailMode::Open,
        }
    }
}

/// What answers.
pub trait Webhook: Send + Sync + 'static {
    /// Decides a review and keeps the decision. Called on a thread that may wait, until `deadline`.
    fn decide(&self, question: Question, review: &Review, deadline: std::time::Instant) -> Answer;

    /// A review is being decided, and its decision will be kept. It does not wait for anything.
    fn expect(&self);

    /// The answer to what cannot be decided: there was no time, or the review is not one.
    fn undecided(&self, question: Question, uid: &str, reason: String) -> Answer;

    /// Whether reviews can be decided, or why not.
    fn ready(&self) -> Result<(), String>;

    /// Figures in Prometheus' text form.
    fn metrics(&self) -> String;
}

/// Bounds.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a review.
    pub body: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Reviews that are decided at a time; others wait.
    pub decisions: usize,
    /// The longest that an answer takes, if the API server does not say less.
    pub time: Duration,
    /// How long a client may take to send a request's head, or a handshake.
    pub head_time: Duration,
    /// How long new requests are still taken after the end was asked for: the cluster needs a moment to notice.
    pub drain: Duration,
    /// How long open requests may take after that.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Objects are at most 3 MiB, and there may be two of them.
            body: 8 << 20,
            connections: 1_024,
            decisions: 64,
            time: Duration::from_millis(2_500),
            head_time: Duration::from_secs(10),
            drain: Duration::from_secs(5),
            stop_time: Duration::from_secs(10),
        }
    }
}

/// Reviews of more bytes are read where they are decided: to read one here would keep all others waiting.
const LARGE: usize = 256 << 10;

struct Shared {
    webhook: Arc<dyn Webhook>,
    limits: Limits,
    decisions: Semaphore,
    ending: std::sync::atomic::AtomicBool,
}

/// Answers reviews until `stop` is ready: then says that it is not ready any more, answers for a while, and lets open
/// requests end.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    webhook: Arc<dyn Webhook>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let tls = TlsAcceptor::from(tls);
    let (graceful, places) = (GracefulShutdown::new(), Arc::new(Semaphore::new(limits.connections)));
    let (drain, stop_time) = (limits.drain, limits.stop_time);
    let shared = Arc::new(Shared {
        webhook,
        decisions: Semaphore::new(limits.decisions),
        ending: std::sync::atomic::AtomicBool::new(false),
        limits,
    });
    let end = async {
        stop.await;
        shared.ending.store(true, std::sync::atomic::Ordering::Release);
        sleep(drain).await;
    };
    let mut end = std::pin::pin!(end);
    loop {
        // The semaphore is never closed.
        let accepted = async { (Arc::clone(&places).acquire_owned().await.ok(), listener.accept().await) };
        let (place, stream) = tokio::select! {
            () = &mut end => break,
            (place, accepted) = accepted => match accepted {
                Ok((stream, _)) => (place, stream),
                Err(error) => {
                    eprintln!("probity: a connection could not be accepted: {error}");
                    // Without file handles, accepting again at once would only burn time.
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (tls, shared, watcher) = (tls.clone(), Arc::clone(&shared), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            let Ok(Ok(stream)) = timeout(shared.limits.head_time, tls.accept(stream)).await else { return };
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(shared.limits.head_time.max(Duration::from_mins(2)));
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, std::convert::Infallible>(shared.answer(request).await) }
            });
            // What goes wrong with one connection concerns its client, who is gone.
            let _ = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await;
        });
    }
    drop(listener);
    let _ = timeout(stop_time, graceful.shutdown()).await;
    Ok(())
}

type Reply = Response<Full<Bytes>>;

impl Shared {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Reply {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/healthz") => text(StatusCode::OK, "ok\n"),
            (&Method::GET, "/readyz") => self.readiness(),
            (&Method::GET, "/metrics") => text(StatusCode::OK, self.webhook.metrics()),
            (method, path) => match Question::of_path(path) {
                None => text(StatusCode::NOT_FOUND, "there is nothing here\n"),
                Some(_) if method != Method::POST => text(StatusCode::METHOD_NOT_ALLOWED, "reviews are posted\n"),
                Some(question) => self.review(question, request).await,
            },
        }
    }

    fn readiness(&self) -> Reply {
        if self.ending.load(std::sync::atomic::Ordering::Acquire) {
            return text(StatusCode::SERVICE_UNAVAILABLE, "it is ending\n");
        }
        match self.webhook.ready() {
            Ok(()) => text(StatusCode::OK, "ok\n"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        }
    }

    async fn review(self: Arc<Self>, question: Question, request: Request<Incoming>) -> Reply {
        let time =
            asked_time(request.uri().query()).map_or(self.limits.time, |asked| budget(asked).min(self.limits.time));
        let deadline = Instant::now() + time;
        let mut body = request.into_body();
        let body = match timeout(time, Limited::new(&mut body, self.limits.body).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let most = self.limits.body;
                // Who sends is answered when that is sent: a connection that is closed before says nothing.
                let _ = timeout(time, discard(&mut body, self.limits.body)).await;
                return status(StatusCode::PAYLOAD_TOO_LARGE, &format!("the review has more than {most} bytes"));
            }
            Ok(Err(_)) => return status(StatusCode::BAD_REQUEST, "the review could not be read to its end"),
            Err(_) => return status(StatusCode::REQUEST_TIMEOUT, "the review did not arrive in time"),
        };
        let review = match read(body).await {
            Ok(review) => review,
            Err(malformed) => {
                return match &malformed.uid {
                    Some(uid) => answered(&self.webhook.undecided(question, uid, malformed.to_string())),
                    None => status(StatusCode::BAD_REQUEST, &malformed.to_string()),
                };
            }
        };
        let uid = review.request.text(&["uid"]).to_owned();
        let late = || {
            let reason = format!("there was no verdict within {} ms", time.as_millis());
            answered(&self.webhook.undecided(question, &uid, reason))
        };
        // The semaphore is never closed.
        let Ok(Ok(place)) = tokio::time::timeout_at(deadline, self.decisions.acquire()).await else { return late() };
        let webhook = Arc::clone(&self.webhook);
        let decided = tokio::task::spawn_blocking(move || webhook.decide(question, &review, deadline.into_std()));
        self.webhook.expect();
        let decided = tokio::time::timeout_at(deadline, decided).await;
        drop(place);
        match decided {
            Ok(Ok(answer)) => answered(&answer),
            Ok(Err(panicked)) => {
                eprintln!("probity: a review could not be decided: {panicked}");
                answered(&self.webhook.undecided(question, &uid, "the gate failed; its log says how".to_owned()))
            }
            Err(_) => late(),
        }
    }
}

async fn read(body: Bytes) -> Result<Review, Malformed> {
    if body.len() <= LARGE {
        return Review::read(&body);
    }
    let reading = tokio::task::spawn_blocking(move || Review::read(&body)).await;
    reading.unwrap_or_else(|failed| Err(Malformed { message: failed.to_string(), uid: None }))
}

/// Reads on, up to so many bytes more, and keeps nothing.
async fn discard(body: &mut Incoming, most: usize) {
    let mut left = most;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// How long the API server waits: it says so in the query, as `timeout=3s`.
fn asked_time(query: Option<&str>) -> Option<Duration> {
    let value = query?.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
    let (number, unit) = value.split_at(value.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let seconds: f64 = match unit {
        "s" => number.parse().ok()?,
        "ms" => number.parse::<f64>().ok()? / 1_000.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// What of that time a verdict may take: the way back takes some as well.
fn budget(asked: Duration) -> Duration {
    asked.saturating_sub((asked / 10).max(Duration::from_millis(100)))
}

fn answered(answer: &Answer) -> Reply {
    reply(StatusCode::OK, "application/json", json::write(&answer.response()))
}

/// An error in the form that clients of Kubernetes show to their users.
fn status(code: StatusCode, message: &str) -> Reply {
    let status = Value::object([
        ("kind", Value::from("Status")),
        ("apiVersion", "v1".into()),
        ("status", "Failure".into()),
        ("message", message.into()),
        ("code", i64::from(code.as_u16()).into()),
    ]);
    reply(code, "application/json", json::write(&status))
}

fn text(code: StatusCode, body: impl Into<String>) -> Reply {
    reply(code, "text/plain; charset=utf-8", body.into())
}

fn reply(code: StatusCode, content: &'static str, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = code;
    reply.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_what_the_server_waits_less_the_way_back() {
        let cases = [
            (None, None),
            (Some("timeout=3s"), Some(2_700)),
            (Some("a=b&timeout=500ms"), Some(400)),
            (Some("timeout=1.5s"), Some(1_350)),
            (Some("timeout=50ms"), Some(0)),
            (Some("timeout=soon"), None),
            (Some("timeout="), None),
            (Some("timeout=1e400s"), None),
        ];
        for (query, expected) in cases {
            let time = asked_time(query).map(|asked| budget(asked).as_millis());
            assert_eq!(time, expected, "{query:?}");
        }
    }

    #[test]
    fn a_path_says_what_is_asked() {
        for (path, mode) in
            [("/validate/fail", FailMode::Closed), ("/mutate/ignore", FailMode::Open), ("/exempt", FailMode::Open)]
        {
            assert_eq!(Question::of_path(path).unwrap().fail_mode(), mode, "{path}");
        }
        assert_eq!(Question::of_path("/validate"), None);
    }
}
