//! `probity verify`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use probity_inspection::store::Beside;
use probity_model::{Value, json};
use probity_subject_image::Location;
use probity_trust::{
    Artifact, Digest, Expectation, Found, Signer, TrustError, Verified, verify_bundle, verify_image_by_any,
    verify_notation_image,
};

use super::sign::{annotation, noted};
use crate::images::RegistryArgs;
use crate::output::harmless;
use crate::signing::{ExpectationArgs, NotationArgs, PredicateType, Signed, TrustArgs, read};

/// Largest bundle, and largest file that one is about.
const MAX_BUNDLE: u64 = 64 << 20;
const MAX_FILE: u64 = 1 << 30;

/// Verify who signed an image, or what is attested of it; with --bundle, a signature of a file.
///
/// All forms are looked at that cosign writes, and with a trust policy Notation's. Only what is in the registry is fetched.
///
/// Exit codes: 0 when it is verified, 1 when it is not (it says why), 2 when it could not be found out or the command is wrong.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The image: a name in a registry, or oci:FOLDER[:TAG]. With --bundle, a file.
    #[arg(value_name = "IMAGE")]
    subject: String,
    /// A sigstore bundle with a signature of the file or a statement about it.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// An attestation is asked for, not a signature: slsaprovenance1, slsaprovenance, cyclonedx, spdx, spdxjson, vuln, openvex,
    /// vsa, test-result, link, custom, or a URI.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<PredicateType>,
    /// What must be noted in the signature. May be repeated.
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    expected: ExpectationArgs,
    #[command(flatten)]
    notation: NotationArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Something that was refused.
struct Refusal {
    origin: String,
    reason: &'static str,
    message: String,
}

/// What came out.
struct Outcome {
    subject: String,
    digest: Digest,
    verified: Vec<Verified>,
    refused: Vec<Refusal>,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let expectation = args.expected.of(args.kind.as_ref())?;
    let mut outcome = match &args.bundle {
        Some(bundle) => file(args, bundle)?,
        None => image(args)?,
    };
    outcome.hold_to(args, expectation.as_ref(), Timestamp::now());
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Text => outcome.write(args, &mut out)?,
        Format::Json => writeln!(out, "{}", json::write_pretty(&outcome.document(args)))?,
    }
    out.flush()?;
    Ok(if outcome.verified.is_empty() { crate::FINDINGS } else { crate::CLEAN })
}

/// What is beside an image.
fn image(args: &Args) -> Result<Outcome> {
    let location: Location = args.subject.parse()?;
    let notation = args.notation.read()?;
    let trusts = args.trust.read()?;
    if trusts.is_empty() && notation.is_none() {
        bail!(
            "nobody is trusted: name a key with --key, an identity with --certificate-identity and \
             --certificate-oidc-issuer, or a policy with --notation-trust-policy"
        );
    }
    let signed = Signed::find(&location, &args.registry, false)?;
    let (store, digest) = (Beside(&signed.repository), signed.target.digest);
    let mut found = Found::default();
    if !trusts.is_empty() {
        found = verify_image_by_any(&store, &digest, &trusts)?.0;
    }
    if let Some(notation) = &notation {
        let repository = signed.repository.name();
        let more = verify_notation_image(&store, &digest, &repository, notation, Timestamp::now())?;
        found.verified.extend(more.verified);
        found.refused.extend(more.refused);
    }
    let refused = found.refused.iter().map(|one| refusal(one.origin.to_string(), &one.error)).collect();
    Ok(Outcome { subject: signed.name(), digest, verified: found.verified, refused })
}

/// A file and its bundle.
fn file(args: &Args, bundle: &Path) -> Result<Outcome> {
    let trusts = args.trust.read()?;
    if args.trust.is_empty() {
        bail!(
            "nobody is trusted: name a key with --key, or an identity with --certificate-identity and --certificate-oidc-issuer"
        );
    }
    let path = Path::new(&args.subject);
    let mut bytes = Vec::new();
    let read_file = std::fs::File::open(path)
        .and_then(|file| io::Read::read_to_end(&mut io::Read::take(file, MAX_FILE + 1), &mut bytes));
    read_file.with_context(|| format!("{} cannot be read", path.display()))?;
    if bytes.len() as u64 > MAX_FILE {
        bail!("{} is larger than {MAX_FILE} bytes", path.display());
    }
    let text = read(bundle, MAX_BUNDLE)?;
    let artifact = Artifact::Bytes(&bytes);
    let mut outcome =
        Outcome { subject: args.subject.clone(), digest: artifact.digest(), verified: Vec::new(), refused: Vec::new() };
    for trust in &trusts {
        match verify_bundle(&text, artifact, trust) {
            Ok(verified) => outcome.verified.push(verified),
            Err(error) => outcome.refused.push(refusal(bundle.display().to_string(), &error)),
        }
    }
    Ok(outcome)
}

fn refusal(origin: String, error: &TrustError) -> Refusal {
    Refusal { origin, reason: error.reason(), message: error.to_string() }
}

impl Outcome {
    /// Leaves what is asked for, and says of the rest why it is not.
    fn hold_to(&mut self, args: &Args, expectation: Option<&Expectation>, now: Timestamp) {
        let verified = std::mem::take(&mut self.verified);
        for found in verified {
            // Beside an image there are others, which nobody asked for.
            let is_kind = match (&args.kind, &found.statement) {
                (Some(kind), statement) => statement.as_ref().is_some_and(|said| kind.is(&said.predicate_type)),
                (None, _) => args.bundle.is_some() || !found.is_attestation(),
            };
            if !is_kind {
                continue;
            }
            match unmet(&found, &args.annotation, expectation, now) {
                None => self.verified.push(found),
                Some(message) => {
                    self.refused.push(Refusal { origin: found.signer_words(), reason: "unmet", message });
                }
            }
        }
    }

    fn write(&self, args: &Args, out: &mut dyn Write) -> io::Result<()> {
        let what = args.kind.as_ref().map_or("signature", |kind| kind.name.as_str());
        if self.verified.is_empty() {
            writeln!(out, "not verified: {}", harmless(&self.subject))?;
            if self.refused.is_empty() {
                writeln!(out, "  there is no {} beside it", harmless(what))?;
            }
        } else {
            writeln!(out, "verified: {}", harmless(&self.subject))?;
        }
        for found in &self.verified {
            writeln!(out, "  {}", harmless(&words(found)))?;
        }
        // Beside what holds, what does not is told in the document only: others sign as well.
        let refused = self.refused.iter().filter(|_| self.verified.is_empty());
        let mut told: Vec<&str> = Vec::new();
        for one in refused {
            if !told.contains(&one.message.as_str()) {
                writeln!(out, "  {}: {} ({})", one.reason, harmless(&one.message), harmless(&one.origin))?;
                told.push(&one.message);
            }
        }
        Ok(())
    }

    fn document(&self, args: &Args) -> Value {
        let text = |text: &str| Value::from(text);
        let refused = self.refused.iter().map(|one| {
            Value::object([
                ("origin", text(&one.origin)),
                ("reason", text(one.reason)),
                ("message", text(&one.message)),
            ])
        });
        Value::object([
            ("subject", text(&self.subject)),
            ("digest", text(&self.digest.to_string())),
            ("type", args.kind.as_ref().map_or(Value::Null, |kind| text(&kind.uri))),
            ("verified", Value::from(!self.verified.is_empty())),
            ("found", Value::array(self.verified.iter().map(Verified::document))),
            ("refused", Value::array(refused)),
        ])
    }
}

/// Why something that is genuine is not what is asked for.
fn unmet(
    found: &Verified,
    annotations: &[(String, String)],
    expectation: Option<&Expectation>,
    now: Timestamp,
) -> Option<String> {
    let wanted = noted(annotations);
    let missing = wanted.as_object().into_iter().flat_map(probity_model::value::Object::iter);
    for (name, value) in missing {
        if found.annotations.get(name.as_str()) != Some(value) {
            return Some(format!("it does not note {}={}", name.as_str(), value.as_str().unwrap_or_default()));
        }
    }
    let (expectation, statement) = (expectation?, found.statement.as_ref());
    match statement {
        Some(statement) => expectation.check(statement, now).err().map(|unmet| unmet.to_string()),
        None => Some("it states nothing".to_owned()),
    }
}

/// A line about what was verified.
fn words(found: &Verified) -> String {
    let mut words = match &found.statement {
        Some(statement) if found.is_attestation() => {
            format!("{} by {}", statement.predicate_type, found.signer_words())
        }
        _ => format!("signature by {}", found.signer_words()),
    };
    words += &format!(" ({})", found.form.name());
    if let Some(at) = found.signed_at {
        words += &format!(", {} {}", if at.proved { "signed at" } else { "said to be signed at" }, at.time);
    }
    if let Some(log) = &found.log {
        words += &format!(", entry {} of the log {}", log.index, log.log.get(..12).unwrap_or_default());
    }
    for (lead, listed) in [(", not checked: ", &found.not_checked), (", let pass: ", &found.tolerated)] {
        if !listed.is_empty() {
            words += lead;
            words += &listed.join(", ");
        }
    }
    words
}

trait SignerWords {
    fn signer_words(&self) -> String;
}

impl SignerWords for Verified {
    fn signer_words(&self) -> String {
        match &self.signer {
            Signer::Key { id } => format!("the key {id}"),
            Signer::Identity { subject, issuer, .. } | Signer::Certificate { subject, issuer, .. } => {
                format!("{subject}, says {issuer}")
            }
        }
    }
}
