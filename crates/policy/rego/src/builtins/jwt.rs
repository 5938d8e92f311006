//! JSON Web Tokens (RFC 7519).

use probity_crypto::{FIPS, jws_verifies};
use probity_model::json;
use probity_model::value::{Number, Object, Value};

use super::args::{all_expandable, object, string};
use super::encoding::{decode_url, encode_url, hex_text};
use super::json::{marshalled, plain};
use super::keys::{self, Known, Public};
use super::{Context, Failure, Outcome};

/// How many tokens may be within one another.
const MAX_NESTING: usize = 16;

struct Token<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Token<'t> {
    fn parse(text: &'t str) -> Result<Self, Failure> {
        if !text.contains('.') {
            return Err(Failure::value("encoded JWT had no period separators"));
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(Failure::value(format!("encoded JWT must have 3 sections, found {}", parts.len())));
        };
        Ok(Self { header, payload, signature })
    }

    fn header(&self) -> Result<Object, Failure> {
        let bytes = decode_url(self.header).map_err(|failure| wrap("JWT header had invalid encoding", failure))?;
        let header = json_object(&bytes).map_err(|failure| wrap("bad JWT header", failure))?;
        if header.get("enc").is_some() {
            return Err(Failure::value("JWT is a JWE object, which is not supported"));
        }
        Ok(header)
    }

    fn payload(&self) -> Result<Vec<u8>, Failure> {
        decode_url(self.payload).map_err(|failure| wrap("JWT payload had invalid encoding", failure))
    }

    fn signature(&self) -> Result<Vec<u8>, Failure> {
        decode_url(self.signature)
    }

    fn signed(&self) -> Vec<u8> {
        format!("{}.{}", self.header, self.payload).into_bytes()
    }
}

fn wrap(what: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Value(message) | Failure::Type(message) => Failure::Value(format!("{what}: {message}")),
        other => other,
    }
}

fn json_object(bytes: &[u8]) -> Result<Object, Failure> {
    match json::read(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::value("decoded JSON type was not an Object")),
        Err(problem) => Err(Failure::value(format!("invalid JSON: {}", problem.message))),
    }
}

pub(super) fn decode(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    decode_nested(string(args, 0)?, 0)
}

fn decode_nested(text: &str, depth: usize) -> Outcome {
    if depth > MAX_NESTING {
        return Err(Failure::value("tokens are nested too deep"));
    }
    let token = Token::parse(text)?;
    let header = token.header()?;
    let payload = token.payload()?;
    if header.get("cty").and_then(Value::as_str) == Some("JWT") {
        let inner = String::from_utf8_lossy(&payload).into_owned();
        return decode_nested(inner.trim_matches(['"', '\'']), depth + 1);
    }
    let payload = json_object(&payload)?;
    let signature = token.signature().map_err(|failure| wrap("JWT signature had invalid encoding", failure))?;
    Ok(Value::array([Value::Object(header), Value::Object(payload), hex_text(&signature).into()]))
}

/// What a header says that matters to whoever checks a signature.
struct Header {
    algorithm: String,
    key_id: String,
    content_type: String,
    /// Whether something is critical that is not known here.
    unknown_critical: bool,
}

impl Header {
    fn of(object: &Object) -> Result<Self, Failure> {
        let text = |name: &str| match object.get(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.to_string()),
            Some(_) => Err(Failure::value(format!("{name}: must be a string"))),
        };
        let mut unknown_critical = false;
        if let Some(critical) = object.get("crit") {
            let Value::Array(critical) = critical else { return Err(Failure::value("crit: must be a list")) };
            let names: Vec<&str> = critical.iter().filter_map(Value::as_str).collect();
            if names.is_empty() {
                return Err(Failure::value("crit: must be a nonempty list"));
            }
            let known = ["alg", "kid", "typ", "cty", "crit"];
            unknown_critical =
                object.iter().any(|(key, _)| !known.contains(&key.as_str()) && names.contains(&key.as_str()));
        }
        text("typ")?;
        Ok(Self { algorithm: text("alg")?, key_id: text("kid")?, content_type: text("cty")?, unknown_critical })
    }
}

/// Whether one of the keys made a signature. `algorithm` is what the function or the header says.
fn signed_by(known: &[Known], header: &Header, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
    if !header.key_id.is_empty()
        && let Some(key) = known.iter().find(|key| key.id == header.key_id)
    {
        return keys::verify(&key.key, algorithm, message, signature);
    }
    known
        .iter()
        .filter(|key| key.algorithm.is_empty() || key.algorithm == header.algorithm)
        .any(|key| keys::verify(&key.key, algorithm, message, signature))
}

/// Whether a signature of a message is right: `key` is a public key or certificate in PEM, a JWK, or the secret of `HS*`;
/// `algorithm` is one of JWS, such as `RS256`. It is for what we rest on ourselves, so all but a JWK goes through
/// `probity_crypto`.
///
/// # Errors
/// When the key cannot be read, or is a JWK in a build for FIPS 140-3.
pub fn verify_signature(key: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<bool, String> {
    if algorithm.starts_with("HS") {
        return Ok(jws_verifies(algorithm, key.as_bytes(), message, signature));
    }
    if let Some(info) = keys::public_key_info(key.trim_end()) {
        return Ok(jws_verifies(algorithm, &info, message, signature));
    }
    if FIPS {
        return Err("in this build for FIPS 140-3 the key has to be a public key or a certificate in PEM".to_owned());
    }
    match keys::verification_keys(key.trim_end()) {
        Ok(known) => Ok(known.iter().any(|known| keys::verify(&known.key, algorithm, message, signature))),
        Err(Failure::Value(message) | Failure::Type(message)) => Err(message),
        Err(_) => Err("the key cannot be read".to_owned()),
    }
}

fn verify_with_key(args: &[Value], algorithm: &str) -> Outcome {
    let token = Token::parse(string(args, 0)?)?;
    let known = keys::verification_keys(string(args, 1)?)?;
    let signature = token.signature()?;
    let header = Header::of(&token.header()?)?;
    Ok(signed_by(&known, &header, algorithm, &token.signed(), &signature).into())
}

fn verify_with_secret(args: &[Value], algorithm: &str) -> Outcome {
    let token = Token::parse(string(args, 0)?)?;
    let secret = Public::Secret(string(args, 1)?.as_bytes().to_vec());
    let signature = token.signature()?;
    Ok(keys::verify(&secret, algorithm, &token.signed(), &signature).into())
}

macro_rules! verifiers {
    ($($name:ident => $with:ident, $algorithm:literal;)*) => {$(
        pub(super) fn $name(_: &mut Context<'_>, args: &[Value]) -> Outcome {
            $with(args, $algorithm)
        }
    )*};
}

verifiers! {
    verify_rs256 => verify_with_key, "RS256";
    verify_rs384 => verify_with_key, "RS384";
    verify_rs512 => verify_with_key, "RS512";
    verify_ps256 => verify_with_key, "PS256";
    verify_ps384 => verify_with_key, "PS384";
    verify_ps512 => verify_with_key, "PS512";
    verify_es256 => verify_with_key, "ES256";
    verify_es384 => verify_with_key, "ES384";
    verify_es512 => verify_with_key, "ES512";
    verify_eddsa => verify_with_key, "EdDSA";
    verify_hs256 => verify_with_secret, "HS256";
    verify_hs384 => verify_with_secret, "HS384";
    verify_hs512 => verify_with_secret, "HS512";
}

/// What a token must keep to.
struct Constraints {
    keys: Vec<Known>,
    algorithm: String,
    issuer: String,
    audience: String,
    /// Nanoseconds since 1970.
    time: Number,
}

impl Constraints {
    fn of(context: &mut Context<'_>, object: &Object) -> Result<Self, Failure> {
        let (mut keys, mut secret, mut time) = (None, None, None);
        let mut texts = [String::new(), String::new(), String::new()];
        for (key, value) in object.iter() {
            let name = key.as_str();
            let text = || value.as_str().ok_or_else(|| Failure::value(format!("{name} constraint: must be a string")));
            match name {
                "cert" => keys = Some(keys::verification_keys(text()?)?),
                "secret" => secret = Some(text()?.as_bytes().to_vec()).filter(|secret| !secret.is_empty()),
                "alg" => text()?.clone_into(&mut texts[0]),
                "iss" => text()?.clone_into(&mut texts[1]),
                "aud" => text()?.clone_into(&mut texts[2]),
                "time" => {
                    let number =
                        value.as_number().ok_or_else(|| Failure::value("token time constraint: must be a number"))?;
                    if *number < 0.into() {
                        return Err(Failure::value("token time constraint: must not be negative"));
                    }
                    time = Some(number.clone());
                }
                other => return Err(Failure::value(format!("unknown token validation constraint: {other}"))),
            }
        }
        let keys = match (keys, secret) {
            (Some(_), Some(_)) => return Err(Failure::value("duplicate key constraints")),
            (None, None) => return Err(Failure::value("no key constraint")),
            (Some(keys), None) => keys,
            (None, Some(secret)) => {
                vec![Known { algorithm: String::new(), id: String::new(), key: Public::Secret(secret) }]
            }
        };
        let time = match time {
            Some(time) => time,
            None => context.now_ns()?.into(),
        };
        let [algorithm, issuer, audience] = texts;
        Ok(Self { keys, algorithm, issuer, audience, time })
    }

    fn accepts_audience(&self, audience: &Value) -> bool {
        match audience {
            Value::String(text) => *text == self.audience,
            Value::Array(array) => array.iter().any(|one| one.as_str() == Some(&self.audience)),
            _ => false,
        }
    }

    /// Whether a moment, in seconds, is later than now; and whether it is now or earlier.
    fn is_before(&self, value: &Value, what: &str) -> Result<std::cmp::Ordering, Failure> {
        let seconds = value.as_number().ok_or_else(|| Failure::value(format!("{what} value must be a number")))?;
        let scaled = seconds.to_big() * bigdecimal::BigDecimal::from(1_000_000_000_i64);
        Ok(self.time.to_big().cmp(&scaled))
    }
}

pub(super) fn decode_verify(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let constraints = Constraints::of(context, object(args, 1)?)?;
    let empty = || Value::object::<&str>([]);
    let unverified = || Ok(Value::array([false.into(), empty(), empty()]));
    let mut text = string(args, 0)?.to_owned();
    for _ in 0..MAX_NESTING {
        let token = Token::parse(&text)?;
        let header_object = token.header()?;
        let header = Header::of(&header_object)?;
        if header.algorithm.is_empty() || header.unknown_critical {
            return unverified();
        }
        if !constraints.algorithm.is_empty() && constraints.algorithm != header.algorithm {
            return unverified();
        }
        let signature = token.signature()?;
        if !signed_by(&constraints.keys, &header, &header.algorithm, &token.signed(), &signature) {
            return unverified();
        }
        let payload = token.payload()?;
        if header.content_type.eq_ignore_ascii_case("JWT") {
            text = String::from_utf8_lossy(&payload).into_owned();
            continue;
        }
        let payload = json_object(&payload)?;
        if !claims_hold(&constraints, &payload)? {
            return unverified();
        }
        return Ok(Value::array([true.into(), Value::Object(header_object), Value::Object(payload)]));
    }
    Err(Failure::value("tokens are nested too deep"))
}

fn claims_hold(constraints: &Constraints, payload: &Object) -> Result<bool, Failure> {
    if !constraints.issuer.is_empty() && payload.get("iss").and_then(Value::as_str) != Some(constraints.issuer.as_str())
    {
        return Ok(false);
    }
    match payload.get("aud") {
        Some(audience) if !constraints.accepts_audience(audience) => return Ok(false),
        None if !constraints.audience.is_empty() => return Ok(false),
        _ => {}
    }
    if let Some(expiry) = payload.get("exp")
        && constraints.is_before(expiry, "exp")? != std::cmp::Ordering::Less
    {
        return Ok(false);
    }
    if let Some(start) = payload.get("nbf")
        && constraints.is_before(start, "nbf")? == std::cmp::Ordering::Less
    {
        return Ok(false);
    }
    Ok(true)
}

fn encode(header: &str, payload: &str, key: &str) -> Outcome {
    let key = keys::signing_key(key)?;
    let missing = |why: &str| Failure::value(format!("missing or invalid 'alg' header: {why}"));
    if header.is_empty() {
        return Err(missing("cannot parse JSON: cannot parse empty string"));
    }
    let fields = match json::read(header.as_bytes()) {
        Ok(fields) => fields,
        Err(problem) if header.trim_start().starts_with('{') => {
            return Err(missing(&format!("cannot parse JSON: {}", problem.message)));
        }
        Err(_) => Value::Null,
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let algorithm = text("alg").ok_or_else(|| missing("jwsbb: header \"alg\" not found"))?;
    if !keys::ALGORITHMS.contains(&algorithm) {
        return Err(Failure::value(format!("unknown JWS algorithm: {algorithm}")));
    }
    let is_json = json::read(payload.as_bytes()).is_ok();
    if text("typ").is_none_or(|kind| kind == "JWT") && !is_json {
        return Err(Failure::value("type is JWT but payload is not JSON"));
    }
    let signed = format!("{}.{}", encode_url(header), encode_url(payload));
    let signature = keys::sign(&key, algorithm, signed.as_bytes())
        .ok_or_else(|| Failure::value("the key does not fit the algorithm"))?;
    Ok(format!("{signed}.{}", encode_url(signature)).into())
}

pub(super) fn encode_sign(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let text = |index: usize| marshalled(&plain(&args[index]));
    for index in 0..3 {
        object(args, index)?;
    }
    encode(&text(0), &text(1), &text(2))
}

pub(super) fn encode_sign_raw(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    encode(string(args, 0)?, string(args, 1)?, string(args, 2)?)
}
