//! UUIDs (RFC 9562).

use probity_model::value::Value;

use super::args::string;
use super::{Context, Failure, Outcome};

/// From the beginning of the Gregorian calendar to 1970, in steps of 100 nanoseconds.
const GREGORIAN: i64 = 122_192_928_000_000_000;

pub(super) fn rfc4122(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    context.once("uuid.rfc4122", &args[0], |host| {
        let mut bytes = [0; 16];
        host.random(&mut bytes).map_err(Failure::Value)?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let digits = super::encoding::hex_text(&bytes);
        let text = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
        Ok(text.into())
    })
}

fn bytes(text: &str) -> Option<[u8; 16]> {
    let text = match text.len() {
        36 | 32 => text,
        45 if text[..9].eq_ignore_ascii_case("urn:uuid:") => &text[9..],
        38 => text.get(1..37)?,
        _ => return None,
    };
    let mut digits = Vec::with_capacity(32);
    for (at, character) in text.char_indices() {
        if text.len() == 36 && matches!(at, 8 | 13 | 18 | 23) {
            if character != '-' {
                return None;
            }
            continue;
        }
        digits.push(u8::try_from(character.to_digit(16)?).ok()?);
    }
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    bytes.try_into().ok()
}

pub(super) fn parse(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    let bytes = bytes(text).ok_or(Failure::Undefined)?;
    let version = bytes[6] >> 4;
    let variant = match bytes[8] {
        byte if byte & 0xc0 == 0x80 => "RFC4122",
        byte if byte & 0xe0 == 0xc0 => "Microsoft",
        byte if byte & 0xe0 == 0xe0 => "Future",
        _ => "Reserved",
    };
    let mut fields: Vec<(&str, Value)> = vec![("version", i64::from(version).into()), ("variant", variant.into())];
    if matches!(version, 1 | 2) {
        let part =
            |range: std::ops::Range<usize>| bytes[range].iter().fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
        let ticks = part(0..4) | part(4..6) << 32 | (part(6..8) & 0x0fff) << 48;
        let node: Vec<String> = bytes[10..].iter().map(|byte| format!("{byte:02x}")).collect();
        let kind = match bytes[10] & 0b11 {
            0b11 => "local:multicast",
            0b01 => "global:multicast",
            0b10 => "local:unicast",
            _ => "global:unicast",
        };
        fields.push(("time", ((ticks - GREGORIAN) * 100).into()));
        fields.push(("nodeid", node.join("-").into()));
        fields.push(("macvariables", kind.into()));
        fields.push(("clocksequence", (part(8..10) & 0x3fff).into()));
        if version == 2 {
            let domain = match bytes[9] {
                0 => "Person".to_owned(),
                1 => "Group".to_owned(),
                2 => "Org".to_owned(),
                other => format!("Domain{other}"),
            };
            fields.push(("id", part(0..4).into()));
            fields.push(("domain", domain.into()));
        }
    }
    Ok(Value::object(fields))
}
