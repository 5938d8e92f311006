//! What needs something from outside, and what says something to the outside.

use probity_model::value::{Object, Value};

use super::args::{object, string};
use super::{Context, Failure, Outcome};
use crate::observe::{Act, Event, Node, Nothing};

pub(super) fn trace(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let note = string(args, 0)?;
    if let Some(observer) = context.observer {
        let node = Node::Text(note);
        observer.event(&Event { act: Act::Note, node, span: context.at, depth: 0, values: &Nothing });
    }
    Ok(true.into())
}

pub(super) fn runtime(context: &mut Context<'_>, _: &[Value]) -> Outcome {
    context.once("opa.runtime", &Value::Null, |host| host.runtime().map_err(Failure::Value))
}

/// Parameters of a request.
const ALLOWED: [&str; 28] = [
    "method",
    "url",
    "body",
    "enable_redirect",
    "force_json_decode",
    "force_yaml_decode",
    "headers",
    "raw_body",
    "tls_use_system_certs",
    "tls_ca_cert",
    "tls_ca_cert_file",
    "tls_ca_cert_env_variable",
    "tls_client_cert",
    "tls_client_cert_file",
    "tls_client_cert_env_variable",
    "tls_client_key",
    "tls_client_key_file",
    "tls_client_key_env_variable",
    "tls_insecure_skip_verify",
    "tls_server_name",
    "timeout",
    "cache",
    "force_cache",
    "force_cache_duration_seconds",
    "raise_error",
    "caching_mode",
    "max_retry_attempts",
    "cache_ignored_headers",
];

fn set_text(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("{{{}}}", names.join(", "))
}

/// Whether a request has what it must have and nothing else.
pub(super) fn check_request(request: &Object) -> Result<(), Failure> {
    let unknown: Vec<&str> = request.iter().map(|(key, _)| key.as_str()).filter(|key| !ALLOWED.contains(key)).collect();
    if !unknown.is_empty() {
        return Err(Failure::Type(format!("operand 1 invalid request parameters(s): {}", set_text(&unknown))));
    }
    let missing: Vec<&str> = ["method", "url"].into_iter().filter(|key| request.get(key).is_none()).collect();
    if !missing.is_empty() {
        return Err(Failure::Type(format!("operand 1 missing required request parameters(s): {}", set_text(&missing))));
    }
    Ok(())
}

pub(super) fn http_send(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    check_request(object(args, 0)?)?;
    context.once("http.send", &args[0], |host| host.http_send(&args[0]).map_err(Failure::Value))
}
