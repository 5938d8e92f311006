//! Hashes of files as OPA takes them: documents without regard to white space and the order of keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use probity_crypto::{FIPS, Sha224, Sha256, Sha384, Sha512, Sha512_256};
use probity_model::value::{Number, Value};
use sha1::Sha1;
use sha2::Sha512_224;

use crate::error::BundleError;
use crate::file::File;
use crate::text;

/// The hash of a file in hexadecimal, under an algorithm by OPA's name.
pub(crate) fn of(file: &File, algorithm: &str) -> Result<String, BundleError> {
    let wrong = |message: String| BundleError::Signature(format!("{}: {message}", file.name));
    let bytes = match file.base() {
        "data.json" | "data.yaml" | "data.yml" | ".manifest" => canonical(&file.bytes).map_err(wrong)?,
        _ => return digest(&file.bytes, algorithm).map_err(wrong),
    };
    digest(bytes.as_bytes(), algorithm).map_err(wrong)
}

fn digest(bytes: &[u8], algorithm: &str) -> Result<String, String> {
    let digest = match algorithm {
        "MD5" | "SHA-1" | "SHA-512-224" if FIPS => {
            return Err(format!("this build for FIPS 140-3 takes no {algorithm}; sign the bundle with SHA-256"));
        }
        "MD5" => Md5::digest(bytes).to_vec(),
        "SHA-1" => Sha1::digest(bytes).to_vec(),
        "SHA-224" => Sha224::digest(bytes).to_vec(),
        "SHA-256" => Sha256::digest(bytes).to_vec(),
        "SHA-384" => Sha384::digest(bytes).to_vec(),
        "SHA-512" => Sha512::digest(bytes).to_vec(),
        "SHA-512-224" => Sha512_224::digest(bytes).to_vec(),
        "SHA-512-256" => Sha512_256::digest(bytes).to_vec(),
        "" => return Err("the token names no algorithm of its hash".to_owned()),
        other => return Err(format!("`{other}` is not an algorithm of hashes")),
    };
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A document without white space, keys in order, numbers as they are written. YAML is what it is in JSON.
fn canonical(bytes: &[u8]) -> Result<String, String> {
    let mut out = String::new();
    if text::json(bytes).is_ok() {
        // It is known to be JSON, so only where its parts end has to be found.
        let mut reader = Reader { text: text::utf8(bytes)?, at: 0 };
        reader.value(&mut out)?;
    } else {
        write(&text::yaml(bytes)?, &mut out);
    }
    Ok(out)
}

/// Copies a JSON text that was found to be one.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&mut self) -> Option<u8> {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.rest().bytes().next()
    }

    fn value(&mut self, out: &mut String) -> Result<(), String> {
        match self.peek() {
            Some(b'{') => self.object(out),
            Some(b'[') => self.list(out),
            Some(b'"') => {
                let text = self.string()?;
                write_string(&text, out);
                Ok(())
            }
            Some(_) => {
                let end = self.rest().find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(self.rest().len());
                out.push_str(&self.rest()[..end]);
                self.at += end;
                Ok(())
            }
            None => Err("not valid JSON".to_owned()),
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let bytes = self.rest().as_bytes();
        let mut end = 1;
        while bytes.get(end).is_some_and(|byte| *byte != b'"') {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let raw = self.rest().get(..=end).ok_or("not valid JSON")?;
        self.at += raw.len();
        match text::json(raw.as_bytes())? {
            Value::String(text) => Ok(text.to_string()),
            _ => Err("not valid JSON".to_owned()),
        }
    }

    fn object(&mut self, out: &mut String) -> Result<(), String> {
        self.at += 1;
        // Of equal keys the last wins.
        let mut entries = BTreeMap::new();
        while self.peek() != Some(b'}') {
            let key = self.string()?;
            self.peek();
            // The colon.
            self.at += 1;
            let mut value = String::new();
            self.value(&mut value)?;
            entries.insert(key, value);
            if self.peek() == Some(b',') {
                self.at += 1;
                self.peek();
            }
        }
        self.at += 1;
        out.push('{');
        for (position, (key, value)) in entries.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            write_string(key, out);
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
        Ok(())
    }

    fn list(&mut self, out: &mut String) -> Result<(), String> {
        self.at += 1;
        out.push('[');
        while self.peek() != Some(b']') {
            self.value(out)?;
            if self.peek() == Some(b',') {
                self.at += 1;
                out.push(',');
            }
        }
        self.at += 1;
        out.push(']');
        Ok(())
    }
}

/// A value of YAML as Go writes it in JSON.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Unknown(_) => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(array) => write_all(array.iter(), out),
        Value::Set(set) => write_all(set.iter(), out),
        Value::Object(object) => {
            out.push('{');
            for (position, (key, value)) in object.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_string(key.as_str(), out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn write_all<'v>(values: impl Iterator<Item = &'v Value>, out: &mut String) {
    out.push('[');
    for (position, value) in values.enumerate() {
        if position > 0 {
            out.push(',');
        }
        write(value, out);
    }
    out.push(']');
}

/// Whole numbers as they are, others as Go writes a double: with an exponent when it is very small or large.
fn write_number(number: &Number, out: &mut String) {
    if let Some(int) = number.as_i64() {
        let _ = write!(out, "{int}");
        return;
    }
    let double = number.as_f64();
    let size = double.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{double:e}");
        // Go writes at least two digits and a sign for large exponents: 1e+21, 1e-07 becomes 1e-7.
        match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => {
                let _ = write!(out, "{mantissa}e+{exponent}");
            }
            _ => out.push_str(&text),
        }
        return;
    }
    let _ = write!(out, "{double}");
}

/// As Go's encoder writes texts when it does not mind HTML.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_hashed_without_their_form() {
        for (text, wanted) in [
            ("{ \"b\" : 1.50e3,\n\"a\":[ 1 , {} , [] , \"x\\u0041\\/\" ] }", r#"{"a":[1,{},[],"xA/"],"b":1.50e3}"#),
            ("\u{feff}{\"a\":1,\"a\":2}", r#"{"a":2}"#),
            ("\"<\\u2028\\b>\"", "\"<\\u2028\\b>\""),
            ("b: 1.0\na: [x, 0.0000001, 1e30]\nc: 1.5\n", r#"{"a":["x",1e-7,1e+30],"b":1,"c":1.5}"#),
            ("null", "null"),
        ] {
            assert_eq!(canonical(text.as_bytes()).unwrap(), wanted, "{text}");
        }
    }
}
