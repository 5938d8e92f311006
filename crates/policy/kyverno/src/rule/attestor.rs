//! Who must have signed an image, as a `ClusterPolicy` says it (Kyverno, `api/kyverno/v1/image_verification_types.go`).

use probity_model::node::{Mapping, Node};
use probity_model::{SmolStr, Value};

use crate::read::{Path, ReadError, Within};

/// How deep sets may be within sets.
const DEPTH: usize = 16;

/// Some who sign, of whom as many must have as the count says.
#[derive(Debug, Clone, Default)]
pub(crate) struct AttestorSet {
    /// All when it is not said.
    pub(crate) count: Option<usize>,
    pub(crate) entries: Vec<Attestor>,
}

/// One who signs.
#[derive(Debug, Clone)]
pub(crate) struct Attestor {
    pub(crate) who: Who,
    /// What the signature must note; what the rule says of all when it is not said.
    pub(crate) annotations: Option<Pairs>,
    /// Where their signatures are kept; empty when they are where the rule says.
    pub(crate) repository: SmolStr,
}

/// Names with what they must be.
pub(crate) type Pairs = Vec<(SmolStr, SmolStr)>;

/// By what one who signs is known.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    /// Anybody: of an attestation without attestors only its statement counts.
    Anybody,
    Keys {
        /// One key in PEM, or where it is kept.
        key: SmolStr,
        algorithm: SmolStr,
        logs: Logs,
    },
    Certificates {
        certificate: SmolStr,
        chain: SmolStr,
        logs: Logs,
    },
    Keyless {
        identity: Wanted,
        roots: SmolStr,
        logs: Logs,
    },
    Set(AttestorSet),
}

/// Whom a certificate must name; what is empty is not asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// With wildcards.
    pub(crate) issuer: SmolStr,
    pub(crate) issuer_expression: SmolStr,
    /// With wildcards.
    pub(crate) subject: SmolStr,
    pub(crate) subject_expression: SmolStr,
    /// Extensions of the certificate, with wildcards.
    pub(crate) extensions: Pairs,
}

/// What is asked of transparency logs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs {
    pub(crate) ignore_log: bool,
    pub(crate) ignore_certificate_log: bool,
    /// The address of the log; it is not asked, for what proves an entry comes with the signature.
    pub(crate) url: SmolStr,
    /// The log's key, when it is not one of the trusted root.
    pub(crate) log_key: SmolStr,
    pub(crate) certificate_log_key: SmolStr,
    pub(crate) timestamp_authorities: SmolStr,
    /// A trusted root as JSON that takes the place of the one from outside; may be empty.
    pub(crate) root: SmolStr,
}

impl AttestorSet {
    /// Reads a list of sets.
    pub(crate) fn read_all(node: Option<Node<'_>>) -> Result<Vec<Self>, ReadError> {
        let nodes = node.map(Node::list).transpose()?.unwrap_or_default();
        let read = |(index, node)| Self::read(node, 0).within(Path::Index(index));
        nodes.into_iter().enumerate().map(read).collect()
    }

    fn read(node: Node<'_>, depth: usize) -> Result<Self, ReadError> {
        if depth > DEPTH {
            return Err(node.problem(format!("attestors are nested more than {DEPTH} deep")).into());
        }
        let fields = node.mapping()?;
        fields.only(&["count", "entries"])?;
        let listed = fields.optional("entries").map(Node::list).transpose().within("entries")?.unwrap_or_default();
        let count = fields.optional("count").map(Node::parse::<usize>).transpose().within("count")?;
        let count = count.filter(|count| *count > 0);
        if listed.is_empty() {
            return Err(node.problem("an entry is required").into());
        }
        if count.is_some_and(|count| count > listed.len()) {
            return Err(node.problem("the count exceeds the number of entries").into());
        }
        let mut entries = Vec::with_capacity(listed.len());
        for (index, node) in listed.into_iter().enumerate() {
            let read = Attestor::read(node, depth).within(Path::Index(index)).within("entries")?;
            entries.extend(read);
        }
        Ok(Self { count, entries })
    }

    /// How many must have signed.
    pub(crate) fn required(&self) -> usize {
        self.count.unwrap_or(self.entries.len())
    }

    /// A set of one.
    pub(crate) fn one(who: Who, annotations: Option<Pairs>) -> Self {
        Self { count: None, entries: vec![Attestor { who, annotations, repository: SmolStr::default() }] }
    }
}

impl Attestor {
    /// Reads an entry; one with several keys is several.
    fn read(node: Node<'_>, depth: usize) -> Result<Vec<Self>, ReadError> {
        const KINDS: [&str; 4] = ["keys", "certificates", "keyless", "attestor"];
        let fields = node.mapping()?;
        fields.only(&[&KINDS[..], &["annotations", "repository", "signatureAlgorithm"]].concat())?;
        let given: Vec<_> = KINDS.iter().filter_map(|kind| Some((*kind, fields.optional(kind)?))).collect();
        let [(kind, inner)] = given.as_slice() else {
            return Err(node.problem("one of keys, certificates, keyless and attestor is required").into());
        };
        let who = match *kind {
            "keys" => keys(*inner, text(&fields, "signatureAlgorithm")?),
            "certificates" => certificates(*inner).map(|who| vec![who]),
            "keyless" => keyless(*inner).map(|who| vec![who]),
            _ => AttestorSet::read(*inner, depth + 1).map(|set| vec![Who::Set(set)]),
        };
        let who = who.within(*kind)?;
        let annotations = fields.optional("annotations").map(pairs).transpose().within("annotations")?;
        let repository = text(&fields, "repository")?;
        let entry = |who| Self { who, annotations: annotations.clone(), repository: repository.clone() };
        Ok(who.into_iter().map(entry).collect())
    }
}

fn text(fields: &Mapping<'_>, name: &str) -> Result<SmolStr, ReadError> {
    Ok(fields.optional(name).map(Node::string).transpose().within(name)?.unwrap_or_default().into())
}

/// The entries of a mapping of texts.
pub(crate) fn pairs(node: Node<'_>) -> Result<Pairs, ReadError> {
    let read = |(key, node): (&probity_model::Key, Node<'_>)| {
        Ok((key.as_str().into(), node.string().within(key.as_str())?.into()))
    };
    node.mapping()?.entries().map(read).collect()
}

/// The end of a key in PEM: several stand after each other in one text.
const END: &str = "-----END PUBLIC KEY-----";

fn keys(node: Node<'_>, algorithm: SmolStr) -> Result<Vec<Who>, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["publicKeys", "signatureAlgorithm", "kms", "secret", "rekor", "ctlog"])?;
    let own = text(&fields, "signatureAlgorithm")?;
    let algorithm = if own.is_empty() { algorithm } else { own };
    let logs = logs(&fields)?;
    let given = text(&fields, "publicKeys")?;
    let kms = text(&fields, "kms")?;
    let found = match (given.as_str(), fields.optional("secret"), kms.as_str()) {
        ("", Some(secret), _) => {
            let secret = secret.mapping().within("secret")?;
            let part = |name: &str| secret.get(name).and_then(Value::as_str).unwrap_or_default();
            vec![format!("k8s://{}/{}", part("namespace"), part("name")).into()]
        }
        ("", None, "") => return Err(node.problem("one of publicKeys, kms and secret is required").into()),
        ("", None, kms) => vec![SmolStr::from(kms)],
        _ => split(&given),
    };
    Ok(found.into_iter().map(|key| Who::Keys { key, algorithm: algorithm.clone(), logs: logs.clone() }).collect())
}

/// The keys of a text; what is no PEM is one.
fn split(text: &str) -> Vec<SmolStr> {
    if text.matches(END).count() < 2 {
        return vec![text.trim().into()];
    }
    let pieces = text.split_inclusive(END).filter(|piece| piece.contains(END));
    pieces.map(|piece| piece.trim().into()).collect()
}

fn certificates(node: Node<'_>) -> Result<Who, ReadError> {
    let fields = node.mapping()?;
    fields.only(&["cert", "certChain", "rekor", "ctlog"])?;
    let (certificate, chain) = (text(&fields, "cert")?, text(&fields, "certChain")?);
    if certificate.is_empty() && chain.is_empty() {
        return Err(node.problem("one of cert and certChain is required").into());
    }
    Ok(Who::Certificates { certificate, chain, logs: logs(&fields)? })
}

fn keyless(node: Node<'_>) -> Result<Who, ReadError> {
    let fields = node.mapping()?;
    fields.only(&[
        "rekor",
        "ctlog",
        "issuer",
        "issuerRegExp",
        "subject",
        "subjectRegExp",
        "roots",
        "additionalExtensions",
    ])?;
    let extensions = fields.optional("additionalExtensions").map(pairs).transpose().within("additionalExtensions")?;
    let identity = Wanted {
        issuer: text(&fields, "issuer")?,
        issuer_expression: text(&fields, "issuerRegExp")?,
        subject: text(&fields, "subject")?,
        subject_expression: text(&fields, "subjectRegExp")?,
        extensions: extensions.unwrap_or_default(),
    };
    Ok(Who::Keyless { identity, roots: text(&fields, "roots")?, logs: logs(&fields)? })
}

fn logs(fields: &Mapping<'_>) -> Result<Logs, ReadError> {
    let mut logs = Logs::default();
    let flag = |fields: &Mapping<'_>, name: &str| -> Result<bool, ReadError> {
        Ok(fields.optional(name).map(Node::boolean).transpose().within(name)?.unwrap_or(false))
    };
    if let Some(node) = fields.optional("rekor") {
        let rekor = node.mapping().within("rekor")?;
        rekor.only(&["url", "pubkey", "ignoreTlog"]).within("rekor")?;
        logs.ignore_log = flag(&rekor, "ignoreTlog").within("rekor")?;
        logs.url = text(&rekor, "url").within("rekor")?;
        logs.log_key = text(&rekor, "pubkey").within("rekor")?;
    }
    if let Some(node) = fields.optional("ctlog") {
        let ctlog = node.mapping().within("ctlog")?;
        ctlog.only(&["ignoreSCT", "pubkey", "tsaCertChain"]).within("ctlog")?;
        logs.ignore_certificate_log = flag(&ctlog, "ignoreSCT").within("ctlog")?;
        logs.certificate_log_key = text(&ctlog, "pubkey").within("ctlog")?;
        logs.timestamp_authorities = text(&ctlog, "tsaCertChain").within("ctlog")?;
    }
    Ok(logs)
}
