//! `probity sign`.

use anyhow::Result;
use jiff::Timestamp;
use probity_inspection::store::{self, Beside};
use probity_model::Value;
use probity_subject_image::{Location, Name};
use probity_trust::{Trust, sign, sign_under_tag, verify_image};

use crate::images::RegistryArgs;
use crate::signing::{PrivateKeyArgs, Signed, WrittenForm};

/// Sign an image with a key, where it is kept.
///
/// What is signed is the digest that the name leads to; for an image of several platforms that is the index. The signature is kept
/// beside it, as cosign keeps it, and is in no transparency log. An image that this key has signed already is left as it is.
///
/// Mirrors are not written to, nor asked.
///
/// Exit codes: 0 when it is signed, 2 when it could not be.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The image: a name in a registry, or oci:FOLDER[:TAG].
    image: Location,
    #[command(flatten)]
    key: PrivateKeyArgs,
    /// Something to note in the signature. May be repeated.
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,
    /// The form of the signature.
    #[arg(long, value_enum, default_value_t = WrittenForm::Bundle)]
    form: WrittenForm,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// `NAME=VALUE`.
pub(super) fn annotation(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or_else(|| format!("`{text}` is not of the form name=value"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Annotations as signatures have them.
pub(super) fn noted(annotations: &[(String, String)]) -> Value {
    Value::object(annotations.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str()))))
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let key = args.key.read()?;
    let Signed { repository, target, .. } = &signed(args)?;
    let annotations = noted(&args.annotation);
    let name = format!("{}@{}", target.repository, target.digest);
    let trust = Trust::keys(vec![key.public().clone()]);
    let there = verify_image(&Beside(repository), &target.digest, &trust)?;
    if there.signatures().any(|found| found.form == args.form.form() && found.annotations == annotations) {
        println!("{name} is signed with this key already ({})", key.public().id());
        return Ok(crate::CLEAN);
    }
    let attached = match args.form {
        WrittenForm::Bundle => sign(target, &annotations, &key, Timestamp::now())?,
        WrittenForm::Tag => {
            let existing = repository.manifest(&Name::Tag(&target.digest.tag(".sig")))?;
            sign_under_tag(target, annotations, &key, existing.as_ref().map(|found| found.bytes.as_slice()))?
        }
    };
    store::push(repository, &attached)?;
    println!("signed {name} with the key {}", key.public().id());
    Ok(crate::CLEAN)
}

fn signed(args: &Args) -> Result<Signed> {
    let signed = Signed::find(&args.image, &args.registry, true)?;
    signed.warn_of_tag();
    Ok(signed)
}
