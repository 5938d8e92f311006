//! Requests signed for AWS (Signature Version 4).

use std::collections::BTreeMap;

use probity_go::time as gotime;
use probity_model::value::{Key, Object, Value};
use sha2::{Digest, Sha256};

use super::args::{bad, number, object, wrong_type};
use super::encoding::hex_text;
use super::json::marshalled;
use super::keys::keyed_hash;
use super::misc::check_request;
use super::{Context, Failure, Outcome, uri};

const REQUIRED: [&str; 4] = ["aws_access_key", "aws_region", "aws_secret_access_key", "aws_service"];

/// Headers that proxies change and that are not signed.
const IGNORED: [&str; 3] = ["authorization", "user-agent", "x-amzn-trace-id"];

fn names(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("{{{}}}", names.join(", "))
}

fn check_config(config: &Object) -> Result<(), Failure> {
    let missing: Vec<&str> = REQUIRED.into_iter().filter(|name| config.get(name).is_none()).collect();
    if !missing.is_empty() {
        return Err(bad(2, format!("missing required AWS config parameters(s): {}", names(&missing))));
    }
    let is_text = |name: &str| config.get(name).is_some_and(|value| value.as_str().is_some());
    let invalid: Vec<&str> = REQUIRED.into_iter().filter(|name| !is_text(name)).collect();
    if !invalid.is_empty() {
        return Err(bad(2, format!("invalid values for required AWS config parameters(s): {}", names(&invalid))));
    }
    Ok(())
}

pub(super) fn sign_req(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let request = object(args, 0)?;
    let config = object(args, 1)?;
    check_config(config)?;
    let time =
        number(args, 2)?.as_i64().ok_or_else(|| bad(3, "could not convert time_ns value into a unix timestamp"))?;
    check_request(request)?;
    let headers = match request.get("headers") {
        None => Object::default(),
        Some(Value::Object(headers)) => headers.clone(),
        Some(other) => return Err(wrong_type(0, other, &["object"])),
    };
    let text = |object: &Object, name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_text = |name: &&str| request.get(name).is_some_and(|value| value.as_str().is_some());
    let invalid: Vec<&str> = ["method", "url"].into_iter().filter(|name| !is_text(name)).collect();
    if !invalid.is_empty() {
        return Err(bad(1, format!("invalid values for required request parameters(s): {}", names(&invalid))));
    }
    let unsigned = match config.get("disable_payload_signing") {
        None => false,
        Some(Value::Bool(unsigned)) => *unsigned,
        Some(_) => return Err(bad(2, "invalid value for 'disable_payload_signing' in AWS config")),
    };
    let body = match (request.get("raw_body"), request.get("body")) {
        (Some(raw), _) => raw.as_str().unwrap_or_default().to_owned(),
        (None, Some(body)) => marshalled(body),
        (None, None) => String::new(),
    };
    let plain: BTreeMap<String, String> = headers
        .iter()
        .map(|(key, value)| (key.as_str().to_owned(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let signing = Signing {
        method: text(request, "method"),
        url: text(request, "url"),
        service: text(config, "aws_service"),
        region: text(config, "aws_region"),
        access_key: text(config, "aws_access_key"),
        secret_key: text(config, "aws_secret_access_key"),
        session_token: text(config, "aws_session_token"),
        body,
        unsigned,
        time,
    };
    let added = signing.sign(&plain)?;
    let entries = plain.into_iter().chain(added).map(|(name, value)| (name, Value::from(value)));
    let all = request.iter().map(|(key, value)| (key.clone(), value.clone()));
    Ok(Value::Object(all.chain(std::iter::once((Key::new("headers"), Value::object(entries)))).collect()))
}

struct Signing {
    method: String,
    url: String,
    service: String,
    region: String,
    access_key: String,
    secret_key: String,
    session_token: String,
    body: String,
    unsigned: bool,
    time: i64,
}

impl Signing {
    /// The headers to add.
    fn sign(&self, headers: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, Failure> {
        let (host, path, query) = uri::host_path_query(&self.url)?;
        let seconds = self.time.div_euclid(1_000_000_000);
        let (year, month, day) = gotime::civil_from_days(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        let date = format!("{year:04}{month:02}{day:02}");
        let moment = format!("{date}T{:02}{:02}{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60);
        let content =
            if self.unsigned { "UNSIGNED-PAYLOAD".to_owned() } else { hex_text(&Sha256::digest(self.body.as_bytes())) };
        let mut own = vec![("host".to_owned(), host), ("x-amz-date".to_owned(), moment.clone())];
        if matches!(self.service.as_str(), "s3" | "glacier") {
            own.push(("x-amz-content-sha256".to_owned(), content.clone()));
        }
        if !self.session_token.is_empty() {
            own.push(("x-amz-security-token".to_owned(), self.session_token.clone()));
        }
        let mut signed: BTreeMap<String, String> = own.iter().cloned().collect();
        for (name, value) in headers {
            let name = name.to_lowercase();
            if !IGNORED.contains(&name.as_str()) {
                signed.insert(name, value.clone());
            }
        }
        let mut canonical = format!("{}\n{path}\n{query}\n", self.method);
        for (name, value) in &signed {
            canonical.push_str(&format!("{name}:{value}\n"));
        }
        let list = signed.keys().cloned().collect::<Vec<_>>().join(";");
        canonical.push_str(&format!("\n{list}\n{content}"));
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let hashed = hex_text(&Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}");
        let mut key = format!("AWS4{}", self.secret_key).into_bytes();
        for part in [date.as_str(), &self.region, &self.service, "aws4_request"] {
            key = keyed_hash("256", &key, part.as_bytes());
        }
        let signature = hex_text(&keyed_hash("256", &key, to_sign.as_bytes()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={list},Signature={signature}",
            self.access_key
        );
        own.push(("Authorization".to_owned(), authorization));
        Ok(own)
    }
}
