//! Attestors and attestations of an `ImageValidatingPolicy` (policies.kyverno.io, `imagevalidating_policy.go`).

use probity_model::node::{Mapping, Node};
use probity_model::value::SmolStr;
use probity_model::{Problem, Value};
use probity_policy_admission::{Compiler, Context, Expression};
use probity_policy_cel::Type;
use probity_trust::{PublicKey, Verified};

use crate::images::attestor::{Refusal, by_identity, by_key, decoded, public_key};
use crate::images::identity::{Reading, notes};
use crate::images::{Images, Signers};
use crate::object;
use crate::rule::attestor::{Logs, Pairs, Wanted};

/// Where a text of an attestor may be an expression, and where the text stands.
const EXPRESSIONS: &[(&[&str], &str)] = &[
    (&["cosign", "key"], "data"),
    (&["cosign", "certificate", "cert"], "value"),
    (&["cosign", "certificate", "certChain"], "value"),
    (&["cosign", "trustedRoot"], "value"),
    (&["notary", "certs"], "value"),
    (&["notary", "tsaCerts"], "value"),
];

/// An attestor as it is written, with its expressions compiled.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub(super) name: SmolStr,
    value: Value,
    expressions: Vec<(Vec<SmolStr>, Expression)>,
}

impl Compiled {
    /// Reads an attestor.
    pub(super) fn read(node: Node<'_>, compiler: &Compiler) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["name", "cosign", "notary"])?;
        let mut expressions = Vec::new();
        for (way, text) in EXPRESSIONS {
            let mut place = Some(node);
            for step in *way {
                place = match place {
                    Some(node) => node.mapping()?.optional(step),
                    None => None,
                };
            }
            let Some(expression) = place.map(Node::mapping).transpose()?.and_then(|own| own.optional("expression"))
            else {
                continue;
            };
            let compiled = compiler.expression(expression, &[Type::String, Type::Dyn])?;
            let way = way.iter().chain([text]).copied().map(SmolStr::from).collect();
            expressions.push((way, compiled));
        }
        check(&fields)?;
        Ok(Self { name: fields.required("name")?.string()?.into(), value: node.value.clone(), expressions })
    }

    /// The attestor with what its expressions give.
    ///
    /// # Errors
    /// When one has no value, or no text.
    pub(super) fn evaluate(&self, context: &Context<'_>) -> Result<Value, String> {
        let mut value = self.value.clone();
        for (way, expression) in &self.expressions {
            let found = expression.evaluate(context);
            let found = found.map_err(|error| format!("failed to evaluate the attestor {}: {error}", self.name))?;
            let text = found.as_str().ok_or_else(|| format!("the attestor {}: it is no text", self.name))?;
            value = object::merged_at(&value, way, &text.into());
        }
        Ok(value)
    }
}

/// Whether the parts of an attestor are those that there are.
fn check(fields: &Mapping<'_>) -> Result<(), Problem> {
    let inner = |fields: &Mapping<'_>, name: &str, known: &[&str]| -> Result<(), Problem> {
        fields.optional(name).map_or(Ok(()), |node| node.mapping()?.only(known))
    };
    if let Some(node) = fields.optional("cosign") {
        let cosign = node.mapping()?;
        cosign.only(&["key", "keyless", "certificate", "source", "ctlog", "tuf", "annotations", "trustedRoot"])?;
        inner(&cosign, "key", &["data", "kms", "hashAlgorithm", "expression"])?;
        inner(&cosign, "keyless", &["identities", "roots", "additionalExtensions"])?;
        inner(&cosign, "certificate", &["cert", "certChain"])?;
        inner(&cosign, "source", &["repository", "PullSecrets", "tagPrefix"])?;
        let logs = ["url", "rekorPubKey", "ctLogPubKey", "tsaCertChain", "insecureIgnoreTlog", "insecureIgnoreSCT"];
        inner(&cosign, "ctlog", &logs)?;
        inner(&cosign, "tuf", &["root", "mirror"])?;
        inner(&cosign, "trustedRoot", &["value", "expression"])?;
    }
    fields.optional("notary").map_or(Ok(()), |node| node.mapping()?.only(&["certs", "tsaCerts"]))
}

/// An attestation that the policy names.
#[derive(Debug, Clone)]
pub(crate) struct Attestation {
    pub(crate) name: SmolStr,
    pub(crate) kind: AttestationKind,
}

/// What an attestation is.
#[derive(Debug, Clone)]
pub(crate) enum AttestationKind {
    /// A statement with a predicate of this type.
    InToto(SmolStr),
    /// What refers to the image and is of this type.
    Referrer(SmolStr),
    /// Nothing is said of it.
    None,
}

impl Attestation {
    pub(super) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["name", "intoto", "referrer"])?;
        let inner = |name: &str| -> Result<Option<SmolStr>, Problem> {
            let Some(node) = fields.optional(name) else { return Ok(None) };
            let own = node.mapping()?;
            own.only(&["type"])?;
            Ok(Some(own.required("type")?.string()?.into()))
        };
        let kind = match (inner("intoto")?, inner("referrer")?) {
            (Some(predicate), _) => AttestationKind::InToto(predicate_type(&predicate)),
            (None, Some(artifact)) => AttestationKind::Referrer(artifact),
            (None, None) => AttestationKind::None,
        };
        Ok(Self { name: fields.required("name")?.string()?.into(), kind })
    }
}

/// The type of a predicate by the short names that cosign has for some.
fn predicate_type(name: &str) -> SmolStr {
    match name {
        "custom" => "https://cosign.sigstore.dev/attestation/v1",
        "slsaprovenance" | "slsaprovenance02" => "https://slsa.dev/provenance/v0.2",
        "slsaprovenance1" => "https://slsa.dev/provenance/v1",
        "spdx" | "spdxjson" => "https://spdx.dev/Document",
        "cyclonedx" => "https://cyclonedx.org/bom",
        "link" => "https://in-toto.io/Link/v1",
        "vuln" => "https://cosign.sigstore.dev/attestation/vuln/v1",
        "openvex" => "https://openvex.dev/ns",
        other => other,
    }
    .into()
}

/// An attestor as an expression gives it to those that verify.
pub(super) enum Given {
    Cosign {
        signers: Signers,
        accepted: Accepted,
    },
    Notary(Signers),
    /// It is neither: nobody's signature counts.
    Neither,
}

/// Whose signatures count of those that were verified.
pub(super) struct Accepted {
    /// Of whom one must be named; anybody when there are none.
    identities: Vec<Wanted>,
    annotations: Pairs,
}

impl Accepted {
    /// Whether a signature counts.
    pub(super) fn check(&self, verified: &Verified) -> bool {
        let is_named = self.identities.is_empty()
            || self.identities.iter().any(|identity| identity.check(verified, Reading::Letters).is_ok());
        is_named && notes(verified, &self.annotations)
    }
}

fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    value.at(path).and_then(Value::as_str).unwrap_or_default()
}

fn flag(value: &Value, path: &[&str]) -> bool {
    value.at(path).and_then(Value::as_bool).unwrap_or(false)
}

fn pairs(value: Option<&Value>) -> Pairs {
    let entries = value.and_then(Value::as_object).into_iter().flat_map(|object| object.iter());
    entries.map(|(name, value)| (name.as_str().into(), value.as_str().unwrap_or_default().into())).collect()
}

impl Given {
    /// Reads an attestor.
    ///
    /// # Errors
    /// When its keys or certificates cannot be used, or need what is not here.
    pub(super) fn read(attestor: &Value, images: &dyn Images) -> Result<Self, Refusal> {
        if let Some(notary) = attestor.get("notary") {
            let certificates = text(notary, &["certs", "value"]);
            let signers = Signers::notation(certificates)
                .map_err(|error| Refusal::Unsigned(format!("failed to parse certificates: {error}")))?;
            return Ok(Self::Notary(signers));
        }
        let Some(cosign) = attestor.get("cosign") else { return Ok(Self::Neither) };
        if !text(cosign, &["source", "tagPrefix"]).is_empty() {
            return Err(Refusal::Unsigned("signatures under tags with a prefix cannot be looked for here".to_owned()));
        }
        if cosign.at(&["source", "PullSecrets"]).is_some() {
            let message = "secrets are in a cluster; credentials of registries are given from outside here";
            return Err(Refusal::Unknown(message.to_owned()));
        }
        let accepted = Accepted { identities: identities(cosign), annotations: pairs(cosign.get("annotations")) };
        let signers = signers(cosign, images)?.kept_in(text(cosign, &["source", "repository"]));
        Ok(Self::Cosign { signers, accepted })
    }
}

fn identities(cosign: &Value) -> Vec<Wanted> {
    let listed = cosign.at(&["keyless", "identities"]).and_then(Value::as_array);
    let extensions = pairs(cosign.at(&["keyless", "additionalExtensions"]));
    let read = |identity: &Value| Wanted {
        issuer: text(identity, &["issuer"]).into(),
        issuer_expression: text(identity, &["issuerRegExp"]).into(),
        subject: text(identity, &["subject"]).into(),
        subject_expression: text(identity, &["subjectRegExp"]).into(),
        extensions: extensions.clone(),
    };
    listed.into_iter().flat_map(|list| list.iter()).map(read).collect()
}

fn signers(cosign: &Value, images: &dyn Images) -> Result<Signers, Refusal> {
    if cosign.get("tuf").is_some() {
        let message =
            "a TUF repository cannot be asked here; give its trusted_root.json as trustedRoot, or from outside";
        return Err(Refusal::Unsigned(message.to_owned()));
    }
    let logs = Logs {
        ignore_log: flag(cosign, &["ctlog", "insecureIgnoreTlog"]),
        ignore_certificate_log: flag(cosign, &["ctlog", "insecureIgnoreSCT"]),
        url: text(cosign, &["ctlog", "url"]).into(),
        log_key: text(cosign, &["ctlog", "rekorPubKey"]).into(),
        certificate_log_key: text(cosign, &["ctlog", "ctLogPubKey"]).into(),
        timestamp_authorities: text(cosign, &["ctlog", "tsaCertChain"]).into(),
        root: text(cosign, &["trustedRoot", "value"]).into(),
    };
    if cosign.get("keyless").is_some() {
        return by_identity(text(cosign, &["keyless", "roots"]), &logs, images);
    }
    if cosign.get("key").is_some() {
        let algorithm = text(cosign, &["key", "hashAlgorithm"]);
        if !matches!(algorithm, "" | "sha256") {
            return Err(Refusal::Unsigned(format!("keys with {algorithm} cannot be verified here")));
        }
        let data = text(cosign, &["key", "data"]).trim();
        let key = if data.is_empty() { text(cosign, &["key", "kms"]) } else { data };
        return by_key(public_key(key)?, &logs, images);
    }
    let certificate = decoded(text(cosign, &["certificate", "cert", "value"]));
    let chain = text(cosign, &["certificate", "certChain", "value"]);
    let key = match (certificate.trim(), chain) {
        ("", "") => {
            return Err(Refusal::Unsigned("one of key, keyless and certificate is required".to_owned()));
        }
        ("", roots) => return by_identity(roots, &logs, images),
        (certificate, "") => PublicKey::of_certificate(certificate),
        (certificate, chain) => PublicKey::of_certificate_under(certificate, chain),
    };
    by_key(key.map_err(|error| Refusal::Unsigned(format!("failed to load certificate: {error}")))?, &logs, images)
}
