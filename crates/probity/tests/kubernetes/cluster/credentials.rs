//! Who may ask the cluster, and how the two know each other: its certificates, users and their kubeconfigs.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::write;

/// Somebody who may ask the cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    /// The name by which the API server knows them.
    pub(crate) name: &'static str,
    pub(crate) groups: &'static [&'static str],
    /// The name of their files, without a kind.
    pub(super) file: &'static str,
}

/// Who may do everything.
pub(crate) const ADMIN: User = User { name: "admin", groups: &["system:masters"], file: "admin" };
/// A developer without any right until one is given.
pub(crate) const ALICE: User = User { name: "alice@company.com", groups: &["developers"], file: "alice" };
/// Another one.
pub(crate) const BOB: User = User { name: "bob@company.com", groups: &["developers"], file: "bob" };
/// The service account that Probity runs as, with the rights that its manifests give it.
pub(crate) const PROBITY: User = User {
    name: "system:serviceaccount:probity-system:probity",
    groups: &["system:serviceaccounts", "system:serviceaccounts:probity-system"],
    file: "probity",
};

/// Kubernetes' own controllers.
const CONTROLLER_MANAGER: User =
    User { name: "system:kube-controller-manager", groups: &[], file: "controller-manager" };

impl User {
    /// Their kubeconfig in the cluster's folder.
    pub(super) fn kubeconfig(self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.kubeconfig", self.file))
    }
}

/// Writes certificates, keys, the users' tokens and their kubeconfigs for an API server on a port.
pub(super) fn write_credentials(folder: &Path, port: u16) {
    certificates(folder);
    let service_accounts = KeyPair::generate().unwrap();
    write(folder, "service-accounts.key", &service_accounts.serialize_pem());
    write(folder, "service-accounts.pub", &service_accounts.public_key_pem());
    let mut tokens = String::new();
    for user in [ADMIN, ALICE, BOB, PROBITY, CONTROLLER_MANAGER] {
        let token = token();
        // A quoted list in the last column of the CSV.
        tokens += &format!("{token},{},{},\"{}\"\n", user.name, user.file, user.groups.join(","));
        write(folder, &format!("{}.kubeconfig", user.file), &kubeconfig(folder, port, user, &token));
    }
    write(folder, "tokens.csv", &tokens);
}

/// An authority of the cluster's own, and the API server's certificate of it.
fn certificates(folder: &Path) {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "kubernetes-ca");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority_key = KeyPair::generate().unwrap();
    write(folder, "ca.crt", &authority.self_signed(&authority_key).unwrap().pem());
    let authority = Issuer::new(authority, authority_key);

    let names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default.svc"].map(str::to_owned);
    let mut server = CertificateParams::new(names).unwrap();
    server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    write(folder, "kube-apiserver.crt", &server.signed_by(&key, &authority).unwrap().pem());
    write(folder, "kube-apiserver.key", &key.serialize_pem());
}

fn token() -> String {
    let mut bytes = [0; 16];
    probity_crypto::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn kubeconfig(folder: &Path, port: u16, user: User, token: &str) -> String {
    let (authority, name) = (folder.join("ca.crt").display().to_string(), user.name);
    format!(
        r#"apiVersion: v1
kind: Config
clusters: [{{name: e2e, cluster: {{server: "https://127.0.0.1:{port}", certificate-authority: "{authority}"}}}}]
users: [{{name: "{name}", user: {{token: "{token}"}}}}]
contexts: [{{name: e2e, context: {{cluster: e2e, user: "{name}"}}}}]
current-context: e2e
"#
    )
}
