//! Digests of texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use probity_model::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::terraform::eval::{EvalError, Evaluated, to_text};

/// The function of this name, on a text.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    if let ("uuidv5", [namespace, text]) = (name, arguments) {
        return Some(uuid_v5(namespace, text));
    }
    let [text] = arguments else { return None };
    let digest = of(name)?;
    Some(to_text(text).map(|text| digest(text.as_bytes()).into()))
}

/// The digest that a function makes, by its name.
pub(super) fn of(name: &str) -> Option<fn(&[u8]) -> String> {
    Some(match name {
        "md5" => |bytes| hex(&Md5::digest(bytes)),
        "sha1" => |bytes| hex(&Sha1::digest(bytes)),
        "sha256" => |bytes| hex(&Sha256::digest(bytes)),
        "sha512" => |bytes| hex(&Sha512::digest(bytes)),
        "base64sha256" => |bytes| STANDARD.encode(Sha256::digest(bytes)),
        "base64sha512" => |bytes| STANDARD.encode(Sha512::digest(bytes)),
        _ => return None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A UUID made of a name (RFC 9562, section 5.5); the namespace is a UUID or one of those with names.
fn uuid_v5(namespace: &Value, name: &Value) -> Evaluated {
    let namespace = match to_text(namespace)?.as_str() {
        "dns" => "6ba7b810-9dad-11d1-80b4-00c04fd430c8".to_owned(),
        "url" => "6ba7b811-9dad-11d1-80b4-00c04fd430c8".to_owned(),
        "oid" => "6ba7b812-9dad-11d1-80b4-00c04fd430c8".to_owned(),
        "x500" => "6ba7b814-9dad-11d1-80b4-00c04fd430c8".to_owned(),
        other => other.to_owned(),
    };
    let digits: String = namespace.chars().filter(|character| *character != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32);
    let number = number.ok_or_else(|| EvalError(format!("uuidv5: `{namespace}` is not a UUID")))?;
    let mut hash = Sha1::new();
    hash.update(number.to_be_bytes());
    hash.update(to_text(name)?.as_bytes());
    let mut bytes = hash.finalize();
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes[..16]);
    Ok(format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]).into())
}
