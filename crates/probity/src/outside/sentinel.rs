//! What Sentinel policies may have from outside: the clock, and requests of the `http` import to hosts that are allowed by name.

use std::collections::BTreeMap;
use std::time::Duration;

use probity_policy_rego::Host as _;
use probity_policy_sentinel::{Host, HttpRequest, HttpResponse};

use super::{Asked, MAX_BODY, Outside, agent_with};

impl Host for Outside {
    fn now_ns(&self) -> Result<i64, String> {
        self.system.now_ns()
    }

    fn http(&self, request: &HttpRequest) -> Result<HttpResponse, String> {
        if !request.verify {
            return Err("`without_certificate_verification` is refused here".to_owned());
        }
        let asked = Asked {
            uri: request.url.parse().map_err(|_| format!("{} is no address", request.url))?,
            method: request.method.parse().map_err(|_| format!("`{}` is no method", request.method))?,
            headers: request.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            body: Some(request.body.clone()).filter(|body| !body.is_empty()),
            redirect: true,
            retries: i64::from(request.retries),
            agent: agent_with(None, Duration::from_secs(u64::from(request.timeout))),
        };
        self.check(&asked.uri)?;
        let mut response = self.send(&asked)?;
        let header = |name: &ureq::http::HeaderName| {
            let values = response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
            (name.as_str().to_owned(), values.collect::<Vec<_>>().join(", "))
        };
        let headers: BTreeMap<String, String> = response.headers().keys().map(header).collect();
        let status = response.status().as_u16();
        let body =
            response.body_mut().with_config().limit(MAX_BODY).read_to_vec().map_err(|error| error.to_string())?;
        Ok(HttpResponse { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
    }
}
