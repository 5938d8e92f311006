//! Who asks: tokens and passwords (the token authentication specification of registries).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use ureq::http::{HeaderMap, StatusCode, header};
use url::Url;

use super::challenge::{self, Challenge};
use super::client::{MAX_ANSWER, Session};
use super::credentials::Credential;
use super::{RegistryError, is_local};

impl Session {
    /// What `Authorization` has to be for a challenge. `None` when there is nothing to say.
    pub(super) fn authorize(&self, base: &str, headers: &HeaderMap) -> Result<Option<String>, RegistryError> {
        let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        match (challenge::parse(challenges), &self.server.credential) {
            (_, Some(Credential::Bearer(token))) => Ok(Some(format!("Bearer {token}"))),
            (Some(Challenge::Basic), Some(Credential::Basic { user, password })) => Ok(Some(basic(user, password))),
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                let scope = self.scope(scope);
                self.token(base, &realm, service.as_deref(), &scope).map(|token| Some(format!("Bearer {token}")))
            }
            _ => Ok(None),
        }
    }

    /// A token of the server that the registry names (its token authentication specification).
    fn token(&self, base: &str, realm: &str, service: Option<&str>, scope: &str) -> Result<String, RegistryError> {
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        let wrong = |what: &str| RegistryError::Answer { server: base.to_owned(), what: what.to_owned() };
        let mut url = Url::parse(realm).map_err(|_| wrong("the server of its tokens has no address"))?;
        if !is_private(&url, base) {
            return Err(wrong("the server of its tokens is not https: a password would be sent in the clear"));
        }
        let server = url.origin().ascii_serialization();
        let answer = if let Some(Credential::Identity(token)) = &self.server.credential {
            let form =
                [("grant_type", "refresh_token"), ("client_id", "probity"), ("scope", scope), ("refresh_token", token)];
            let service = service.map(|service| ("service", service));
            self.agent.post(url.as_str()).send_form(form.into_iter().chain(service))
        } else {
            url.query_pairs_mut().extend_pairs(service.map(|service| ("service", service))).append_pair("scope", scope);
            let mut request = self.agent.get(url.as_str());
            if let Some(Credential::Basic { user, password }) = &self.server.credential {
                request = request.header(header::AUTHORIZATION, basic(user, password));
            }
            request.call()
        };
        let mut answer = answer.map_err(|error| self.away(&server, &error))?;
        if answer.status() != StatusCode::OK {
            return Err(self.refused(&server, &self.server.repository, answer));
        }
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec()
            .map_err(|error| self.away(&server, &error))?;
        let token: Option<Token> = serde_json::from_slice(&text).ok();
        let token = token.and_then(|token| token.token.filter(|token| !token.is_empty()).or(token.access_token));
        let sound = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        token.filter(sound).ok_or_else(|| wrong("there is no token in the answer of the server of its tokens"))
    }

    /// What a token is asked for. Who writes asks for that from the start: the scope that a registry names is that of the
    /// request it refused, and some refuse what goes beyond a token as a matter of rights.
    fn scope(&self, named: Option<String>) -> String {
        let actions = if self.server.writes { "pull,push" } else { "pull" };
        let enough = |scope: &String| !self.server.writes || scope.contains("push");
        named.filter(enough).unwrap_or_else(|| format!("repository:{}:{actions}", self.server.repository))
    }
}

/// Whether a password may be sent to a server of tokens: by https, or where the registry is plain itself, to the same host
/// or this machine.
fn is_private(url: &Url, base: &str) -> bool {
    let home = Url::parse(base).ok().filter(|home| home.scheme() == "http");
    let near = |home: Url| url.host_str() == home.host_str() || url.host_str().is_some_and(is_local);
    url.scheme() == "https" || (url.scheme() == "http" && home.is_some_and(near))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
