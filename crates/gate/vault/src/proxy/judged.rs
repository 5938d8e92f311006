//! What becomes of a request: judged, kept, and passed on or denied.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use probity_model::{Finding, Outcome, Stage, Subject, Value};

use super::answer::Refusal;
use super::forward::{Body, forward, read_body, stream};
use super::lookup::{Lookup, NOT_SPENT, Who};
use super::read::{Asked, BodyForm, is_login, may_unwrap, unwraps};
use super::{Fail, Settings};
use crate::judge::judge;
use crate::log::Event;
use crate::request::{Namespace, VaultRequest};

/// Time for a body that is judged to arrive.
const BODY_TIME: Duration = Duration::from_mins(1);

/// Why what only the server knows is not known.
const BEHIND: &str = "only the server behind the proxy knows";

/// Everything that requests share.
pub(super) struct Gate {
    pub(super) settings: Settings,
    pub(super) lookup: Lookup,
}

impl Gate {
    pub(super) fn new(settings: Settings) -> Result<Self, String> {
        let identity = settings.judges_all || settings.governing.policies.iter().any(|policy| policy.wants_identity());
        let lookup = Lookup::new(settings.upstream.clone(), settings.remember, identity)?;
        Ok(Self { settings, lookup })
    }

    /// Answers a request.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>, client: IpAddr) -> Response<Body> {
        self.pass(request, client).await.unwrap_or_else(|refusal| refusal.response())
    }

    async fn pass(&self, mut request: Request<Incoming>, client: IpAddr) -> Result<Response<Body>, Refusal> {
        let upgrade = request.headers().contains_key(hyper::header::UPGRADE).then(|| hyper::upgrade::on(&mut request));
        let (parts, body) = request.into_parts();
        let asked = match Asked::read(&parts)? {
            Some(asked) if self.is_governed(&asked) => asked,
            _ => return forward(&self.settings.upstream, parts, stream(body), client, upgrade).await,
        };
        let (data, body) = self.body(&asked, &parts, body).await?;
        let request = self.request(&asked, data, client).await;
        let subject = request.subject();
        self.judge(subject, request.time).await?;
        forward(&self.settings.upstream, parts, body, client, upgrade).await
    }

    /// Whether a policy may judge it.
    fn is_governed(&self, asked: &Asked) -> bool {
        if asked.is_last_resort() {
            return false;
        }
        let (namespace, path) = self.settings.governing.split(&asked.namespace, &asked.path);
        self.settings.judges_all || self.settings.governing.may_judge(&namespace, &path)
    }

    /// The data of a request, and its body to be passed on.
    async fn body(&self, asked: &Asked, parts: &Parts, body: Incoming) -> Result<(Value, Body), Refusal> {
        if matches!(asked.body, BodyForm::None | BodyForm::Stream) {
            return Ok((asked.data(&[])?, stream(body)));
        }
        let limit = self.settings.body_bytes;
        let too_large = || {
            Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {limit} bytes, which is the most that is judged"),
            )
        };
        let announced =
            parts.headers.get(hyper::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > limit) {
            return Err(too_large());
        }
        let read = tokio::time::timeout(BODY_TIME, Limited::new(body, limit).collect()).await;
        let late = || Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body takes too long to arrive");
        let bytes: Bytes = match read.map_err(|_| late())? {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large()),
            Err(error) => return Err(Refusal::bad(format!("the body cannot be read: {error}"))),
        };
        Ok((asked.data(&bytes)?, read_body(bytes)))
    }

    async fn request(&self, asked: &Asked, data: Value, client: IpAddr) -> VaultRequest {
        let (namespace, path) = self.settings.governing.split(&asked.namespace, &asked.path);
        let who = match &asked.token {
            None => None,
            Some(_) if is_login(&path) => None,
            Some(_) if unwraps(&path, &data) => Some(Arc::new(Who::wrapping())),
            Some(_) if may_unwrap(&path) => Some(Arc::new(Who::unknown(NOT_SPENT))),
            Some(token) => Some(match self.lookup.who(token, &asked.namespace).await {
                Ok(who) => who,
                Err(why) => Arc::new(Who::unknown(&why)),
            }),
        };
        let id = if namespace.is_empty() {
            "root".into()
        } else {
            Value::Unknown(format!("the namespace's id: {BEHIND}").into())
        };
        VaultRequest {
            id: Some(new_id()),
            time: Timestamp::now(),
            operation: asked.operation.to_owned(),
            may_create: asked.operation == "update",
            path,
            data,
            remote_addr: client.to_string().into(),
            policy_override: asked.policy_override,
            unauthenticated: who.is_none(),
            wrap_ttl: asked.wrap_ttl,
            namespace: Namespace { id, path: namespace },
            identity: who.as_ref().and_then(|who| who.identity.clone()),
            token: who.as_ref().map(|who| who.token.clone()),
            elsewhere: BEHIND,
        }
    }

    /// Judges a request and keeps the decision; a refusal when it does not pass.
    async fn judge(&self, subject: Subject, time: Timestamp) -> Result<(), Refusal> {
        let set = Arc::clone(&self.settings.set);
        let today = TimeZone::UTC.to_datetime(time).date();
        let judged = tokio::task::spawn_blocking(move || judge(&set, subject, today)).await;
        let unavailable = |error: &str| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error);
        let (decision, subject) =
            judged.map_err(|_| unavailable("the request could not be judged; the proxy's log says why"))?;
        let fail = self.settings.fail;
        let denying: Vec<&Finding> = decision.findings.iter().filter(|finding| denies(finding, fail)).collect();
        let undecided =
            decision.findings.iter().any(|finding| denies(finding, Fail::Closed) && !denies(finding, Fail::Open));
        let note = match fail {
            _ if !undecided => None,
            Fail::Closed => Some("denied, as what cannot be decided is (fail: closed)"),
            Fail::Open if denying.is_empty() => Some("passed although it could not be decided (fail: open)"),
            Fail::Open => None,
        };
        let id = subject.document.at(&["request", "id"]).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kept = self.settings.log.is_some().then_some(id.as_str());
        let refusal = (!denying.is_empty()).then(|| denial(&denying, kept));
        if let Some(log) = &self.settings.log {
            let allowed = refusal.is_none();
            let event = Event { id, decision, subject, time, allowed, note: note.map(str::to_owned) };
            match log.record(event).await {
                Ok(()) => {}
                Err(why) if fail == Fail::Open => eprintln!("note: a decision is not kept: {why}"),
                Err(_) => return Err(unavailable("the decision could not be kept; the proxy's log says why")),
            }
        }
        refusal.map_or(Ok(()), Err)
    }
}

/// Whether a finding keeps a request from passing.
fn denies(finding: &Finding, fail: Fail) -> bool {
    finding.stage == Stage::Enforce
        && match finding.outcome {
            Outcome::Fail => true,
            Outcome::Error | Outcome::Unknown => fail == Fail::Closed,
            Outcome::Pass | Outcome::Waived | Outcome::Skipped => false,
        }
}

/// What the client is told; `kept` is the name of the decision where it is kept.
fn denial(findings: &[&Finding], kept: Option<&str>) -> Refusal {
    let said = |finding: &&Finding| match finding.outcome {
        Outcome::Unknown => format!("permission denied by policy {}: undecided: {}", finding.policy, finding.message),
        Outcome::Error => format!("permission denied by policy {}: it failed: {}", finding.policy, finding.message),
        _ => format!("permission denied by policy {}: {}", finding.policy, finding.message),
    };
    // Vault asks role governing policies before endpoint governing ones.
    let mut findings = findings.to_vec();
    findings.sort_by_key(|finding| !finding.message.starts_with("RGP "));
    let errors = findings.iter().map(said).chain(kept.map(|id| format!("the decision is kept as {id}")));
    Refusal { status: StatusCode::FORBIDDEN, errors: errors.collect() }
}

/// A name for a request (UUID, version 4).
fn new_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness two requests may have one name, which harms nobody.
    let _ = getrandom::fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
