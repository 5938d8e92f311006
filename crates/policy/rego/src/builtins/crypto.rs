//! Hashes.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use probity_model::value::Value;
use sha1::Sha1;
use sha2::Sha256;

use super::args::string;
use super::encoding::hex_text;
use super::keys::{keyed_hash, same};
use super::{Context, Outcome};

pub(super) fn md5(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(hex_text(&Md5::digest(string(args, 0)?)).into())
}

pub(super) fn sha1(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(hex_text(&Sha1::digest(string(args, 0)?)).into())
}

pub(super) fn sha256(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(hex_text(&Sha256::digest(string(args, 0)?)).into())
}

pub(super) fn hmac_md5(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (message, key) = (string(args, 0)?, string(args, 1)?);
    let hash = Hmac::<Md5>::new_from_slice(key.as_bytes()).map(|mut mac| {
        mac.update(message.as_bytes());
        mac.finalize().into_bytes().to_vec()
    });
    Ok(hex_text(&hash.unwrap_or_default()).into())
}

pub(super) fn hmac_sha1(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (message, key) = (string(args, 0)?, string(args, 1)?);
    let hash = Hmac::<Sha1>::new_from_slice(key.as_bytes()).map(|mut mac| {
        mac.update(message.as_bytes());
        mac.finalize().into_bytes().to_vec()
    });
    Ok(hex_text(&hash.unwrap_or_default()).into())
}

pub(super) fn hmac_sha256(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (message, key) = (string(args, 0)?, string(args, 1)?);
    Ok(hex_text(&keyed_hash("256", key.as_bytes(), message.as_bytes())).into())
}

pub(super) fn hmac_sha512(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (message, key) = (string(args, 0)?, string(args, 1)?);
    Ok(hex_text(&keyed_hash("512", key.as_bytes(), message.as_bytes())).into())
}

pub(super) fn hmac_equal(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(same(string(args, 0)?.as_bytes(), string(args, 1)?.as_bytes()).into())
}
