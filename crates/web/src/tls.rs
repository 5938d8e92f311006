//! TLS 1.3.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version::TLS13};

use crate::config::TlsFiles;

/// Reads certificate and key. The error says which file is wrong, and how.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, String> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let certificates: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&files.certificate, &error))?;
    if certificates.is_empty() {
        return Err(wrong(&files.certificate, &"there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, &error))?;
    let mut config = ServerConfig::builder_with_provider(probity_crypto::tls::provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| wrong(&files.key, &format!("it does not fit the certificate: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let make = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (one, other) = (make(), make());
        std::fs::write(path("cert.pem"), one.cert.pem()).unwrap();
        std::fs::write(path("key.pem"), one.signing_key.serialize_pem()).unwrap();
        std::fs::write(path("other.pem"), other.signing_key.serialize_pem()).unwrap();
        std::fs::write(path("empty.pem"), "").unwrap();
        for (certificate, key, wrong) in [
            ("cert.pem", "key.pem", None),
            ("absent.pem", "key.pem", Some("absent.pem")),
            ("empty.pem", "key.pem", Some("there is no certificate")),
            ("cert.pem", "empty.pem", Some("empty.pem")),
            ("cert.pem", "other.pem", Some("does not fit")),
        ] {
            let read = acceptor(&TlsFiles { certificate: path(certificate), key: path(key) });
            match wrong {
                None => assert!(read.is_ok(), "{:?}", read.err()),
                Some(wrong) => assert!(read.err().unwrap().contains(wrong), "{certificate} {key}"),
            }
        }
    }
}
