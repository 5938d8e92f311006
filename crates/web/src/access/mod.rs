//! Who may do what.

mod same_site;
mod sessions;
mod tokens;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use probity_model::Caller;

pub(crate) use sessions::{LIFETIME, Sessions};
pub use tokens::{NewToken, Role, Token, TokenError, Tokens, accept_token, create_token, revoke_token};

use crate::app::App;
use crate::problem::{Kind, Problem};

/// For how long the tokens of the file are taken to be the same.
const FRESH: Duration = Duration::from_secs(1);

/// The file of tokens, read again when it may have changed, so that a revoked token stops working without a restart.
pub(crate) struct TokenFile {
    path: PathBuf,
    read: Mutex<Option<(Instant, Arc<Tokens>)>>,
}

impl TokenFile {
    /// The file; it must be readable now, if it is there.
    pub(crate) fn open(path: PathBuf) -> Result<Self, TokenError> {
        let tokens = Arc::new(Tokens::read(&path)?);
        Ok(Self { path, read: Mutex::new(Some((Instant::now(), tokens))) })
    }

    /// The tokens. None work while the file cannot be read.
    pub(crate) fn tokens(&self) -> Arc<Tokens> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, tokens)) = &*read
            && at.elapsed() < FRESH
        {
            return Arc::clone(tokens);
        }
        let tokens = Arc::new(Tokens::read(&self.path).unwrap_or_else(|error| {
            eprintln!("probity serve: no token is accepted: {error}");
            Tokens::default()
        }));
        *read = Some((Instant::now(), Arc::clone(&tokens)));
        tokens
    }
}

/// How a request says who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A token in the `Authorization` header.
    Bearer,
    /// A session's cookie.
    Cookie,
}

/// Who sends a request.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) token: Token,
    pub(crate) shown: Shown,
}

/// What a request needs.
enum Needs {
    /// Nothing: to see whether the server lives, to sign in, the stylesheet, and what is signed.
    Nothing,
    Read,
    /// What gates must know of the evidence to go on. Any token, and what a gate's is told is for who answers to narrow.
    Ask,
    Write,
    /// A decision of the gate that is part of the server: to be told one, any token; on this machine, none.
    Decide,
    /// A change of what the gate decides by: who may is for the gate to say.
    Change,
}

fn needs(app: &App, method: &Method, path: &str) -> Needs {
    if app.is_gates(method, path) {
        return match *method {
            _ if path == "/health" || path.starts_with("/health/") => Needs::Nothing,
            Method::GET | Method::HEAD if path.starts_with("/v1/policies") => Needs::Read,
            Method::GET | Method::HEAD | Method::POST => Needs::Decide,
            _ => Needs::Change,
        };
    }
    if app.is_signed(path) {
        return Needs::Nothing;
    }
    match path {
        "/healthz" | "/readyz" | "/sign-in" | "/sign-out" => Needs::Nothing,
        _ if path.starts_with("/assets/") => Needs::Nothing,
        "/api/v1/admissions" | "/api/v1/drift" | "/api/v1/permissions/used"
            if method == Method::GET || method == Method::HEAD =>
        {
            Needs::Ask
        }
        _ if method == Method::GET || method == Method::HEAD => Needs::Read,
        _ => Needs::Write,
    }
}

/// The middleware through which every request goes.
pub(crate) async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if let Err(problem) = same_site::check(&app, &request) {
        return refusal(&app, &request, problem);
    }
    let needs = needs(&app, request.method(), request.uri().path());
    match admit(&app, &needs, request.headers()) {
        Ok(identity) => {
            if matches!(needs, Needs::Decide | Needs::Change | Needs::Read | Needs::Ask) && app.gate.is_some() {
                let address = request.extensions().get::<Peer>().map(|peer| peer.0);
                request.extensions_mut().insert(caller(address, identity.as_ref()));
            }
            if let Some(identity) = identity {
                request.extensions_mut().insert(identity);
            }
            next.run(request).await
        }
        Err(problem) if problem.kind == Kind::Unauthorized && wants_page(&app, &request) => sign_in_first(&request),
        Err(problem) => refusal(&app, &request, problem),
    }
}

/// What a refused request is told: clients of the gate read another form.
fn refusal(app: &App, request: &Request, problem: Problem) -> Response {
    if app.is_gates(request.method(), request.uri().path()) {
        return problem.into_gate_response();
    }
    problem.into_response()
}

fn caller(address: Option<SocketAddr>, identity: Option<&Identity>) -> Caller {
    let token = identity.map(|identity| &identity.token);
    Caller {
        address,
        token: token.map(|token| token.name.as_str().into()),
        role: token.map(|token| token.role.as_str()),
        // A page must not change anything by the session of who looks at it.
        admin: identity.is_some_and(|identity| identity.shown == Shown::Bearer && identity.token.role == Role::Admin),
    }
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

fn admit(app: &App, needs: &Needs, headers: &HeaderMap) -> Result<Option<Identity>, Problem> {
    let identity = identity(app, headers);
    match needs {
        Needs::Nothing => Ok(identity.ok().flatten()),
        Needs::Change => identity,
        Needs::Decide | Needs::Ask => match identity? {
            None if !app.config.loopback() => {
                Err(Problem::new(Kind::Unauthorized, "Send a token: `Authorization: Bearer ...`."))
            }
            identity => Ok(identity),
        },
        Needs::Read => match identity? {
            None if app.config.loopback() => Ok(None),
            None => Err(Problem::new(Kind::Unauthorized, "Send a token: `Authorization: Bearer ...`.")),
            Some(identity) if identity.token.role.reads() || app.config.loopback() => Ok(Some(identity)),
            Some(identity) => Err(Problem::new(
                Kind::Forbidden,
                format!("The token `{}` has the role gate: it sends evidence and reads none.", identity.token.name),
            )),
        },
        Needs::Write => match identity? {
            Some(identity) if identity.shown == Shown::Bearer && identity.token.role.writes() => Ok(Some(identity)),
            Some(identity) if identity.shown == Shown::Bearer => Err(Problem::new(
                Kind::Forbidden,
                format!("The token `{}` has the role auditor: it reads evidence and sends none.", identity.token.name),
            )),
            _ => Err(Problem::new(
                Kind::Unauthorized,
                "Send a token of the role gate or admin: `Authorization: Bearer ...`.",
            )),
        },
    }
}

/// Who sends the request; an error when it shows a token that does not work.
fn identity(app: &App, headers: &HeaderMap) -> Result<Option<Identity>, Problem> {
    let tokens = app.tokens.tokens();
    let now = Timestamp::now();
    if let Some(header) = headers.get(AUTHORIZATION) {
        let text = header.to_str().ok().and_then(|text| text.split_once(' '));
        let token = text
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, text)| tokens.find(text.trim(), now))
            .ok_or_else(|| Problem::new(Kind::Unauthorized, "The token is unknown, revoked or expired."))?;
        return Ok(Some(Identity { token: token.clone(), shown: Shown::Bearer }));
    }
    let token = session_secret(app, headers)
        .and_then(|secret| app.sessions.token(secret))
        .and_then(|id| tokens.by_id(&id, now));
    Ok(token.map(|token| Identity { token: token.clone(), shown: Shown::Cookie }))
}

/// The name of the session's cookie. Under TLS the name itself keeps other hosts and plain HTTP from setting it.
pub(crate) fn cookie_name(app: &App) -> &'static str {
    if app.config.tls.is_some() { "__Host-probity" } else { "probity" }
}

/// The secret of the session that the request's cookie names.
pub(crate) fn session_secret<'h>(app: &App, headers: &'h HeaderMap) -> Option<&'h str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == cookie_name(app))
        .map(|(_, secret)| secret)
}

/// Whether the request is of a browser that looks at pages.
fn wants_page(app: &App, request: &Request) -> bool {
    let path = request.uri().path();
    let program = path.starts_with("/api/")
        || path.starts_with("/ledger/")
        || path == "/metrics"
        || app.is_gates(request.method(), path);
    request.method() == Method::GET && !program
}

fn sign_in_first(request: &Request) -> Response {
    let next = request.uri().path_and_query().map_or("/", |next| next.as_str());
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}
