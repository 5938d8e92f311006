//! Signing in with a token, and out.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::view::{brand, document};
use crate::access::{LIFETIME, cookie_name, session_secret};
use crate::app::App;
use crate::params::Params;
use crate::problem::{Kind, Problem};

#[derive(Deserialize)]
pub(crate) struct SignIn {
    token: String,
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`.
pub(crate) async fn page(params: Params) -> Html<String> {
    Html(form(params.text("next").unwrap_or("/"), None).into_string())
}

/// `POST /sign-in`: opens a session for whoever has a token that reads.
pub(crate) async fn sign_in(State(app): State<Arc<App>>, Form(sent): Form<SignIn>) -> Result<Response, Problem> {
    let tokens = app.tokens.tokens();
    let Some(token) = tokens.find(sent.token.trim(), Timestamp::now()) else {
        let page = form(&sent.next, Some("This token is unknown, revoked or expired."));
        return Ok((StatusCode::UNAUTHORIZED, Html(page.into_string())).into_response());
    };
    if !token.role.reads() {
        let page =
            form(&sent.next, Some("This token sends evidence. Reading it takes one of the role auditor or admin."));
        return Ok((StatusCode::FORBIDDEN, Html(page.into_string())).into_response());
    }
    let secret = app
        .sessions
        .open(token.id())
        .map_err(|_| Problem::new(Kind::Unavailable, "The system gives no random bytes."))?;
    let cookie = cookie(&app, &secret, LIFETIME.as_secs());
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(own_path(&sent.next))).into_response())
}

/// `POST /sign-out`.
pub(crate) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(secret) = session_secret(&app, &headers) {
        app.sessions.close(secret);
    }
    (AppendHeaders([(SET_COOKIE, cookie(&app, "", 0))]), Redirect::to("/sign-in")).into_response()
}

fn cookie(app: &App, secret: &str, seconds: u64) -> String {
    let secure = if app.config.tls.is_some() { "; Secure" } else { "" };
    format!("{}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}", cookie_name(app))
}

/// Where to go after signing in: a path of this server, whatever the address said.
fn own_path(next: &str) -> &str {
    let own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/sign-")
        && !next.contains('\\')
        && next.bytes().all(|byte| byte.is_ascii_graphic());
    if own { next } else { "/" }
}

fn form(next: &str, wrong: Option<&str>) -> Markup {
    document(
        "Sign in",
        &html! {
            main.alone {
                (brand())
                form.card method="post" action="/sign-in" {
                    h1 { "Sign in" }
                    p.muted { "With a token of the role auditor or admin. Whoever runs this server makes one with " code { "probity serve token create" } "." }
                    @if let Some(wrong) = wrong { p.notice.notice-fail role="alert" #wrong { (wrong) } }
                    div.field {
                        label for="token" { "Token" }
                        input #token type="password" name="token" required autofocus autocomplete="current-password"
                            aria-describedby=[wrong.map(|_| "wrong")];
                    }
                    input type="hidden" name="next" value=(next);
                    button.primary type="submit" { "Sign in" }
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn signing_in_leads_to_no_other_site() {
        for (next, path) in [
            ("/decisions?text=a", "/decisions?text=a"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: a=b", "/"),
            ("/sign-in?next=/", "/"),
        ] {
            assert_eq!(own_path(next), path, "{next}");
        }
    }
}
