//! Extensions of certificates, as fields.

use probity_model::Value;
use url::Url;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension, X509Extension};

use super::{encoded, list};

/// What extensions say.
pub(super) struct Extensions {
    all: Vec<Value>,
    dns: Vec<Value>,
    mail: Vec<Value>,
    addresses: Vec<Value>,
    urls: Vec<String>,
    usage: i64,
    extended: Vec<Value>,
    /// Whether it is an authority, and how long a chain below it may be; `None` when nothing is said.
    basic: Option<(bool, Option<u32>)>,
    subject_key: Value,
    authority_key: Value,
    revocation: Vec<Value>,
}

/// Go's numbers of the flags of `ExtendedKeyUsage`; `None` for those that the parser does not tell apart.
fn extended(usage: &x509_parser::extensions::ExtendedKeyUsage<'_>) -> Vec<Value> {
    let flags = [
        usage.any,
        usage.server_auth,
        usage.client_auth,
        usage.code_signing,
        usage.email_protection,
        false,
        false,
        false,
        usage.time_stamping,
        usage.ocsp_signing,
    ];
    (0_i64..).zip(flags).filter(|(_, flag)| *flag).map(|(index, _)| Value::from(index)).collect()
}

fn value(extension: &X509Extension<'_>) -> Value {
    let id = extension.oid.iter().map(|arcs| Value::array(arcs.map(|arc| arc.cast_signed().into())));
    Value::object([
        ("Id", id.unwrap_or_default()),
        ("Critical", extension.critical.into()),
        ("Value", encoded(extension.value)),
    ])
}

/// The address of four or sixteen bytes.
fn address(bytes: &[u8]) -> Option<Value> {
    let address: std::net::IpAddr = match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
        16 => <[u8; 16]>::try_from(bytes).ok()?.into(),
        _ => return None,
    };
    Some(address.to_string().into())
}

/// A URL in its parts, as Go's `url.URL`.
fn url(text: &str) -> Value {
    let Ok(url) = Url::parse(text) else { return Value::Null };
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let (path, opaque) = if url.cannot_be_a_base() { ("", url.path()) } else { (url.path(), "") };
    Value::object([
        ("Scheme", url.scheme().into()),
        ("Opaque", opaque.into()),
        ("User", Value::Null),
        ("Host", host.into()),
        ("Path", path.into()),
        ("RawPath", "".into()),
        ("OmitHost", false.into()),
        ("ForceQuery", false.into()),
        ("RawQuery", url.query().unwrap_or_default().into()),
        ("Fragment", url.fragment().unwrap_or_default().into()),
        ("RawFragment", "".into()),
    ])
}

impl Extensions {
    pub(super) fn read(extensions: &[X509Extension<'_>]) -> Self {
        let mut read = Self {
            all: extensions.iter().map(value).collect(),
            dns: Vec::new(),
            mail: Vec::new(),
            addresses: Vec::new(),
            urls: Vec::new(),
            usage: 0,
            extended: Vec::new(),
            basic: None,
            subject_key: Value::Null,
            authority_key: Value::Null,
            revocation: Vec::new(),
        };
        for extension in extensions {
            read.add(extension.parsed_extension());
        }
        read
    }

    fn add(&mut self, extension: &ParsedExtension<'_>) {
        match extension {
            ParsedExtension::SubjectAlternativeName(alternative) => {
                alternative.general_names.iter().for_each(|name| self.name(name));
            }
            ParsedExtension::KeyUsage(usage) => self.usage = i64::from(usage.flags),
            ParsedExtension::ExtendedKeyUsage(usage) => self.extended = extended(usage),
            ParsedExtension::BasicConstraints(basic) => self.basic = Some((basic.ca, basic.path_len_constraint)),
            ParsedExtension::SubjectKeyIdentifier(id) => self.subject_key = encoded(id.0),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key = id.key_identifier.as_ref().map_or(Value::Null, |id| encoded(id.0));
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in points.iter() {
                    if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
                        self.revocation.extend(names.iter().filter_map(|name| match name {
                            GeneralName::URI(text) => Some(Value::from(*text)),
                            _ => None,
                        }));
                    }
                }
            }
            _ => {}
        }
    }

    fn name(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(text) => self.dns.push((*text).into()),
            GeneralName::RFC822Name(text) => self.mail.push((*text).into()),
            GeneralName::IPAddress(bytes) => self.addresses.extend(address(bytes)),
            GeneralName::URI(text) => self.urls.push((*text).to_owned()),
            _ => {}
        }
    }

    /// Those of a request.
    pub(super) fn request_fields(self) -> Vec<(&'static str, Value)> {
        vec![
            ("Extensions", list(self.all)),
            ("ExtraExtensions", Value::Null),
            ("DNSNames", list(self.dns)),
            ("EmailAddresses", list(self.mail)),
            ("IPAddresses", list(self.addresses)),
            ("URIs", list(self.urls.iter().map(|text| url(text)).collect())),
        ]
    }

    /// Those of a certificate.
    pub(super) fn fields(mut self) -> Vec<(&'static str, Value)> {
        const EMPTY: [&str; 15] = [
            "UnhandledCriticalExtensions",
            "UnknownExtKeyUsage",
            "OCSPServer",
            "IssuingCertificateURL",
            "PermittedDNSDomains",
            "ExcludedDNSDomains",
            "PermittedIPRanges",
            "ExcludedIPRanges",
            "PermittedEmailAddresses",
            "ExcludedEmailAddresses",
            "PermittedURIDomains",
            "ExcludedURIDomains",
            "PolicyIdentifiers",
            "Policies",
            "PolicyMappings",
        ];
        const ZERO: [&str; 3] = ["InhibitAnyPolicy", "InhibitPolicyMapping", "RequireExplicitPolicy"];
        const FALSE: [&str; 4] = [
            "InhibitAnyPolicyZero",
            "InhibitPolicyMappingZero",
            "RequireExplicitPolicyZero",
            "PermittedDNSDomainsCritical",
        ];
        let (authority, longest) = self.basic.unwrap_or_default();
        let longest = longest.map_or(if self.basic.is_some() { -1 } else { 0 }, i64::from);
        let mut fields = vec![
            ("KeyUsage", self.usage.into()),
            ("ExtKeyUsage", list(std::mem::take(&mut self.extended))),
            ("BasicConstraintsValid", self.basic.is_some().into()),
            ("IsCA", authority.into()),
            ("MaxPathLen", longest.into()),
            ("MaxPathLenZero", (self.basic.is_some() && longest == 0).into()),
            ("SubjectKeyId", std::mem::take(&mut self.subject_key)),
            ("AuthorityKeyId", std::mem::take(&mut self.authority_key)),
            ("CRLDistributionPoints", list(std::mem::take(&mut self.revocation))),
        ];
        fields.extend(EMPTY.map(|name| (name, Value::Null)));
        fields.extend(ZERO.map(|name| (name, 0.into())));
        fields.extend(FALSE.map(|name| (name, false.into())));
        fields.extend(self.request_fields());
        fields
    }
}

/// What a request asks for.
pub(super) struct Requested {
    pub(super) extensions: Extensions,
    asked: Vec<Value>,
}

pub(super) fn requested(request: &X509CertificationRequest<'_>) -> Requested {
    let attributes = request.certification_request_info.attributes();
    let lists = attributes.iter().filter_map(|attribute| match attribute.parsed_attribute() {
        ParsedCriAttribute::ExtensionRequest(requested) => Some(&requested.extensions),
        _ => None,
    });
    let all: Vec<X509Extension<'_>> = lists.flatten().cloned().collect();
    let asked = all.iter().map(|extension| {
        let id = extension.oid.iter().map(|arcs| Value::array(arcs.map(|arc| arc.cast_signed().into())));
        Value::object([("Type", id.unwrap_or_default()), ("Value", encoded(extension.value))])
    });
    Requested { asked: asked.collect(), extensions: Extensions::read(&all) }
}

impl Requested {
    /// The attribute that asks for extensions.
    pub(super) fn attributes(&self) -> Value {
        const EXTENSION_REQUEST: [i64; 7] = [1, 2, 840, 113_549, 1, 9, 14];
        if self.asked.is_empty() {
            return Value::Null;
        }
        let asked = Value::array([Value::array(self.asked.iter().cloned())]);
        let id = Value::array(EXTENSION_REQUEST.map(Value::from));
        Value::array([Value::object([("Type", id), ("Value", asked)])])
    }
}
