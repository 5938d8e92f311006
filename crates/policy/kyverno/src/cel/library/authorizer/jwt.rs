//! `jwt.Decode` with a secret, and `jwks.Fetch`, which reaches outside.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use probity_model::Value as Model;
use probity_policy_cel::{Builder, Error, Evaluation, Overload, Type, Value};
use sha2::{Sha256, Sha384, Sha512};

use super::super::outside::ask;
use super::super::{from_go_json, text};
use super::answer::made;

const TOKEN: &str = "jwt.Token";
const KEYS: &str = "jwk.Set";

pub(super) fn add(builder: &mut Builder) {
    let claims = Type::map(Type::String, Type::Dyn);
    let token = || Type::object(TOKEN, [("Claims", claims.clone()), ("Valid", Type::Bool)]);
    let decode = |evaluation: &Evaluation<'_>, args: &[Value]| decode(evaluation, text(args, 0)?, text(args, 1)?);
    let params = vec![Type::String, Type::String];
    builder.function("jwt.Decode", Overload::global("decode_string_string", params, token(), decode).impure());
    // There are no keys to be had without `jwks.Fetch`, so that this is never reached.
    let refused = |evaluation: &Evaluation<'_>, args: &[Value]| ask(evaluation, "jwks.Fetch", args);
    let params = vec![Type::String, Type::opaque(KEYS)];
    builder.function("jwt.Decode", Overload::global("decode_string_set", params, token(), refused).impure());
    let fetch = Overload::global("fetch_string", vec![Type::String], Type::opaque(KEYS), refused);
    builder.function("jwks.Fetch", fetch.impure());
}

fn decode(evaluation: &Evaluation<'_>, token: &str, secret: &str) -> Result<Value, Error> {
    let token = token.trim();
    let malformed = || Error::new("failed to parse jws: invalid compact serialization format");
    let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    let algorithm = json(header)?.get("alg").and_then(Model::as_str).unwrap_or_default().to_owned();
    if secret.is_empty() || !is_signed(&algorithm, secret.as_bytes(), signed.as_bytes(), &signature) {
        return Err(Error::new("could not verify message using any of the signatures or keys"));
    }
    let claims = json(payload)?;
    let Model::Object(fields) = &claims else { return Err(Error::new("failed to parse token: no object")) };
    // Kyverno has no form of this claim for a token that is signed with a secret.
    if fields.get("aud").is_some() {
        return Err(Error::new("proto: invalid type: []string"));
    }
    let fields = fields.iter().map(|(name, value)| {
        let value = match (name.as_str(), value) {
            ("exp" | "nbf" | "iat", value) => Value::Double(seconds(value)?.trunc()),
            (_, value) => from_go_json(value),
        };
        Ok((name.as_str().to_owned(), value))
    });
    let fields = Value::map(fields.collect::<Result<Vec<_>, Error>>()?);
    Ok(made(TOKEN, [("Valid", is_valid(evaluation, &claims)?.into()), ("Claims", fields)]))
}

fn json(part: &str) -> Result<Model, Error> {
    let malformed = || Error::new("failed to parse token: a part of it is no JSON");
    let text = URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed())?;
    probity_model::json::read(&text).map_err(|_| malformed())
}

fn is_signed(algorithm: &str, secret: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    macro_rules! check {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(secret).is_ok_and(|mut mac| {
                mac.update(signed);
                mac.verify_slice(signature).is_ok()
            })
        };
    }
    match algorithm {
        "HS256" => check!(Sha256),
        "HS384" => check!(Sha384),
        "HS512" => check!(Sha512),
        _ => false,
    }
}

/// A point in time, in seconds since 1970.
fn seconds(value: &Model) -> Result<f64, Error> {
    let number = value.as_number().map(probity_model::value::Number::as_f64);
    let number = number.or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    number.ok_or(Error::new("failed to parse token: a time is a number of seconds"))
}

/// Whether the token counts now: it is not expired, and neither begins nor was made in the future.
fn is_valid(evaluation: &Evaluation<'_>, claims: &Model) -> Result<bool, Error> {
    let times = ["exp", "nbf", "iat"].map(|name| claims.get(name).map(seconds));
    if times.iter().all(Option::is_none) {
        return Ok(true);
    }
    let Value::Timestamp(now) = ask(evaluation, "time.now", &[])? else { return Err(Error::NoSuchOverload) };
    #[expect(clippy::cast_precision_loss, reason = "seconds of our time are exact")]
    let now = now.seconds() as f64;
    let [expires, begins, made] = times.map(Option::transpose);
    Ok(expires?.is_none_or(|expires| now < expires.trunc())
        && begins?.is_none_or(|begins| begins.trunc() <= now)
        && made?.is_none_or(|made| made.trunc() <= now))
}
