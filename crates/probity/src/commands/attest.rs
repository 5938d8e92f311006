//! `probity attest`.

use std::path::PathBuf;

use anyhow::Result;
use jiff::Timestamp;
use probity_inspection::store::{self, Beside};
use probity_subject_image::{Location, Name};
use probity_trust::{Trust, attest, attest_under_tag, verify_image};

use crate::images::RegistryArgs;
use crate::signing::{PredicateType, PrivateKeyArgs, Signed, WrittenForm};

/// Attest something of an image: sign a statement about it, and keep it beside the image.
///
/// What it is about is the digest that the name leads to. Statements are in-toto's, in a DSSE envelope, as cosign keeps them.
/// What this key has attested already, with the same predicate, is left as it is. Another predicate of the same type is put beside
/// it and takes the place of none, as with cosign.
///
/// Mirrors are not written to, nor asked.
///
/// Exit codes: 0 when it is attested, 2 when it could not be.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The image: a name in a registry, or oci:FOLDER[:TAG].
    image: Location,
    /// What is stated: provenance, an SBOM, the report of a scan.
    #[arg(long, value_name = "FILE")]
    predicate: PathBuf,
    /// The type of that: slsaprovenance1, slsaprovenance, cyclonedx, spdx, spdxjson, vuln, openvex, vsa, test-result, link,
    /// custom, or a URI.
    #[arg(long = "type", value_name = "TYPE")]
    kind: PredicateType,
    #[command(flatten)]
    key: PrivateKeyArgs,
    /// The form of the attestation.
    #[arg(long, value_enum, default_value_t = WrittenForm::Bundle)]
    form: WrittenForm,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let now = Timestamp::now();
    let predicate = args.kind.read(&args.predicate, now)?;
    let key = args.key.read()?;
    let signed = Signed::find(&args.image, &args.registry, true)?;
    signed.warn_of_tag();
    let target = &signed.target;
    let trust = Trust::keys(vec![key.public().clone()]);
    let there = verify_image(&Beside(&signed.repository), &target.digest, &trust)?;
    let is_there = there.attestations().filter(|found| found.form == args.form.form()).any(|found| {
        let statement = found.statement.as_ref();
        statement.is_some_and(|said| said.predicate_type == args.kind.uri && said.predicate == predicate)
    });
    if is_there {
        println!("{} of {} is attested with this key already ({})", args.kind.uri, signed.name(), key.public().id());
        return Ok(crate::CLEAN);
    }
    let attached = match args.form {
        WrittenForm::Bundle => attest(target, &args.kind.uri, predicate, &key, now)?,
        WrittenForm::Tag => {
            let existing = signed.repository.manifest(&Name::Tag(&target.digest.tag(".att")))?;
            let existing = existing.as_ref().map(|found| found.bytes.as_slice());
            attest_under_tag(target, &args.kind.uri, predicate, &key, existing)?
        }
    };
    store::push(&signed.repository, &attached)?;
    println!("attested {} of {} with the key {}", args.kind.uri, signed.name(), key.public().id());
    Ok(crate::CLEAN)
}
