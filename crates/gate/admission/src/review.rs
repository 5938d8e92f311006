//! What the API server sends (`admission.k8s.io/v1`, `AdmissionReview`).

use probity_model::{Value, json};
use probity_policy_core::AdmissionRequest;

/// The version of reviews that is read and written.
const API_VERSION: &str = "admission.k8s.io/v1";

/// Deepest nesting of a review: objects may be as deep as the API server takes them, and stand two deeper here.
const MAX_DEPTH: usize = 256;

/// A review that cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the AdmissionReview cannot be read: {message}")]
pub struct Malformed {
    /// What is wrong.
    pub message: String,
    /// The request's uid, when that much can be read: the server can be answered.
    pub uid: Option<String>,
}

/// A question of the API server.
#[derive(Debug)]
pub struct Review {
    /// What is asked.
    pub request: AdmissionRequest,
}

impl Review {
    /// Reads the body of a request to a webhook.
    ///
    /// # Errors
    /// When it is no review of version v1, or lacks what a review has.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let document =
            json::read_within(body, MAX_DEPTH).map_err(|problem| Malformed { message: problem.message, uid: None })?;
        let uid = document.at(&["request", "uid"]).and_then(Value::as_str).map(str::to_owned);
        let malformed = |message: String| Malformed { message, uid: uid.clone() };
        let text = |field: &str| document.get(field).and_then(Value::as_str).unwrap_or_default();
        if (text("apiVersion"), text("kind")) != (API_VERSION, "AdmissionReview") {
            let (version, kind) = (text("apiVersion"), text("kind"));
            return Err(malformed(format!("it is `{version}` `{kind}`, not {API_VERSION} AdmissionReview")));
        }
        let request = document.get("request").cloned().unwrap_or_default();
        let request = AdmissionRequest::new(request).map_err(malformed)?;
        Ok(Self { request })
    }
}

/// An answer in the form that the API server takes.
pub(crate) fn response(response: Value) -> Value {
    Value::object([
        ("apiVersion", Value::from(API_VERSION)),
        ("kind", "AdmissionReview".into()),
        ("response", response),
    ])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    #[test]
    fn what_is_wrong_is_said_and_the_uid_kept() {
        let body = json::write(&testing::review("CREATE", testing::pod("web", "nginx:1.27")));
        let cases = [
            ("", None, "EOF"),
            ("[]", None, "it is `` ``"),
            (&body.replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1"), Some("uid-1"), "v1beta1"),
            (&body.replace("CREATE", "PATCH"), Some("uid-1"), "`PATCH`"),
            (&body.replace("\"resource\":\"pods\"", "\"resource\":\"\""), Some("uid-1"), "request.resource.resource"),
        ];
        for (body, uid, said) in cases {
            let malformed = Review::read(body.as_bytes()).unwrap_err();
            assert_eq!(malformed.uid.as_deref(), uid, "{body}");
            assert!(malformed.message.contains(said), "{body}: {}", malformed.message);
        }
        assert!(Review::read(body.as_bytes()).is_ok());
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(Review::read(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(body in ".{0,200}", cut in 0usize..2_000) {
            let _ = Review::read(body.as_bytes());
            let whole = json::write(&testing::review("UPDATE", testing::pod("web", "nginx:1.27")));
            let _ = Review::read(&whole.as_bytes()[..cut.min(whole.len())]);
        }
    }
}
