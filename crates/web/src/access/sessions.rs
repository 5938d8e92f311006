//! Browsers that are signed in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use probity_evidence_ledger::Digest;

/// How long a browser stays signed in.
pub(crate) const LIFETIME: Duration = Duration::from_hours(8);

/// Sessions kept at once; the oldest goes when there are more.
const MOST: usize = 1000;

/// The sessions, in memory only: a restart signs everyone out.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Digest, Session>>);

struct Session {
    token: Digest,
    opened: Instant,
}

impl Sessions {
    /// Opens a session for the holder of a token and says its secret, which goes into the cookie. What is kept is its
    /// digest, so that looking it up tells nothing by its time.
    pub(crate) fn open(&self, token: Digest) -> Result<String, probity_crypto::NoRandomness> {
        let mut secret = [0; 32];
        probity_crypto::fill(&mut secret)?;
        let secret = URL_SAFE_NO_PAD.encode(secret);
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.opened.elapsed() < LIFETIME);
        if sessions.len() >= MOST {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.opened).map(|(id, _)| *id);
            oldest.and_then(|id| sessions.remove(&id));
        }
        sessions.insert(Digest::of(secret.as_bytes()), Session { token, opened: Instant::now() });
        Ok(secret)
    }

    /// The token that opened the session.
    pub(crate) fn token(&self, secret: &str) -> Option<Digest> {
        let sessions = self.lock();
        let session = sessions.get(&Digest::of(secret.as_bytes()))?;
        (session.opened.elapsed() < LIFETIME).then_some(session.token)
    }

    /// Ends a session.
    pub(crate) fn close(&self, secret: &str) {
        self.lock().remove(&Digest::of(secret.as_bytes()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_until_it_is_closed() {
        let sessions = Sessions::default();
        let token = Digest::of(b"token");
        let first = sessions.open(token).unwrap();
        let second = sessions.open(token).unwrap();
        assert_eq!(sessions.token(&first), Some(token));
        sessions.close(&first);
        assert_eq!(sessions.token(&first), None);
        assert_eq!(sessions.token(&second), Some(token));
        assert_eq!(sessions.token("guessed"), None);
    }

    #[test]
    fn there_are_not_more_sessions_than_the_bound() {
        let sessions = Sessions::default();
        let first = sessions.open(Digest::of(b"first")).unwrap();
        for _ in 0..MOST {
            sessions.open(Digest::of(b"more")).unwrap();
        }
        assert_eq!(sessions.lock().len(), MOST);
        assert_eq!(sessions.token(&first), None);
    }
}
