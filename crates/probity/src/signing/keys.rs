//! Keys, and the passwords that they are kept under.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use probity_trust::PrivateKey;

/// The variable with the password of a private key, as cosign has it.
const PASSWORD: &str = "COSIGN_PASSWORD";

/// The key that is signed with.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PrivateKeyArgs {
    /// The private key in PEM: cosign's encrypted form, PKCS #8 or SEC 1. A file, or env://NAME for a variable that holds it.
    /// Its password is taken from the variable COSIGN_PASSWORD, or asked for.
    #[arg(long, value_name = "FILE")]
    key: String,
}

impl PrivateKeyArgs {
    /// Reads the key.
    pub(crate) fn read(&self) -> Result<PrivateKey> {
        private_key(&self.key)
    }
}

/// Reads a private key from a file, or from a variable that is named as env://NAME.
pub(crate) fn private_key(named: &str) -> Result<PrivateKey> {
    let text = match named.strip_prefix("env://") {
        Some(name) => std::env::var(name).map_err(|_| anyhow!("the variable {name} holds no key"))?,
        None => super::read_text(Path::new(named))?,
    };
    let password = if text.contains("ENCRYPTED") { password()? } else { String::new() };
    PrivateKey::from_pem(&text, password.as_bytes()).with_context(|| named.to_owned())
}

/// The password of a key that is there.
fn password() -> Result<String> {
    given()?.map_or_else(|| ask("Password of the key: "), Ok)
}

/// The password of a key that is made.
pub(crate) fn new_password() -> Result<String> {
    if let Some(given) = given()? {
        return Ok(given);
    }
    let password = ask("Password of the new key: ")?;
    if ask("The same again: ")? != password {
        bail!("the two passwords differ");
    }
    Ok(password)
}

fn given() -> Result<Option<String>> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(Some(password)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{PASSWORD} is no text"),
    }
}

fn ask(prompt: &str) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        bail!("the password of the key is not known: set the variable {PASSWORD}");
    }
    let terminal = console::Term::stderr();
    terminal.write_str(prompt)?;
    Ok(terminal.read_secure_line()?)
}
