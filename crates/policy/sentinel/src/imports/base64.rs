//! `base64`: encoding and decoding (RFC 4648).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::eval::{Args, Def, Interp, Stop, settle};
use crate::value::{Text, Value};

pub(super) static FUNCTIONS: [Def; 4] = [
    Def { name: "encode", call: |interp, args| encode(interp, args, &STANDARD) },
    Def { name: "decode", call: |_, args| decode(args, &STANDARD) },
    Def { name: "urlencode", call: |interp, args| encode(interp, args, &URL_SAFE) },
    Def { name: "urldecode", call: |_, args| decode(args, &URL_SAFE) },
];

fn encode(interp: &mut Interp<'_>, args: &Args, engine: &impl Engine) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle(args.text(0).and_then(|text| {
        interp.budget.bytes(text.len() * 4 / 3)?;
        Ok(Value::String(engine.encode(text.as_bytes()).into()))
    }))
}

fn decode(args: &Args, engine: &impl Engine) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle(args.text(0).and_then(|text| match engine.decode(text.as_bytes()) {
        Ok(bytes) => Ok(Value::String(Text::from_bytes(bytes))),
        Err(error) => Err(format!("not base64: {error}").into()),
    }))
}
