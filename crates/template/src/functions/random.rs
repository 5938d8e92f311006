//! What is different every time it is called. Here it is always the same, and says so: a rendered chart is judged for what is
//! written in it.

use std::rc::Rc;

use super::{Outcome, Table, exactly, int, size, string};
use crate::datum::{Datum, Native};

/// What stands for a certificate or a key.
const PEM: &str = "placeholder";

pub(super) const TABLE: Table = &[
    ("bcrypt", |_| Ok(PEM.into())),
    ("buildCustomCert", certificate),
    ("decryptAES", |_| Ok(PEM.into())),
    ("derivePassword", |_| Ok(PEM.into())),
    ("encryptAES", |_| Ok(PEM.into())),
    ("genCA", certificate),
    ("genCAWithKey", certificate),
    ("genPrivateKey", |args| {
        let [kind] = exactly(args)?;
        string(kind)?;
        Ok(pem("PRIVATE KEY").into())
    }),
    ("genSelfSignedCert", certificate),
    ("genSelfSignedCertWithKey", certificate),
    ("genSignedCert", certificate),
    ("genSignedCertWithKey", certificate),
    ("htpasswd", |args| {
        let [user, _] = exactly(args)?;
        Ok(format!("{}:{PEM}", string(user)?).into())
    }),
    ("randAlpha", |args| repeated(args, "placeholder")),
    ("randAlphaNum", |args| repeated(args, "placeholder0")),
    ("randAscii", |args| repeated(args, "placeholder0")),
    ("randBytes", |args| repeated(args, "AAAA")),
    ("randInt", |args| {
        let [least, most] = exactly(args)?;
        int(most)?;
        Ok(Datum::Int(int(least)?))
    }),
    ("randNumeric", |args| repeated(args, "0")),
    ("shuffle", |args| {
        let [text] = exactly(args)?;
        Ok(string(text)?.into())
    }),
    ("uuidv4", |args| {
        let [] = exactly(args)?;
        Ok("00000000-0000-4000-8000-000000000000".into())
    }),
];

fn repeated(args: &[Datum], text: &str) -> Outcome {
    let [length] = exactly(args)?;
    Ok(text.chars().cycle().take(size(length)?).collect::<String>().into())
}

fn pem(kind: &str) -> String {
    format!("-----BEGIN {kind}-----\n{PEM}\n-----END {kind}-----\n")
}

struct Certificate;

impl Native for Certificate {
    fn type_name(&self) -> &'static str {
        "sprig.certificate"
    }

    fn member(&self, name: &str, _: &[Datum]) -> Result<Option<Datum>, String> {
        Ok(match name {
            "Cert" => Some(pem("CERTIFICATE").into()),
            "Key" => Some(pem("RSA PRIVATE KEY").into()),
            _ => None,
        })
    }

    fn text(&self) -> String {
        format!("{{{} {}}}", pem("CERTIFICATE"), pem("RSA PRIVATE KEY"))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a function of the table")]
fn certificate(_: &[Datum]) -> Outcome {
    Ok(Datum::Native(Rc::new(Certificate)))
}
