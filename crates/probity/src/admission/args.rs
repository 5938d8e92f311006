//! What the gate is told on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;

use super::bundles::PolicySource;
use crate::commands::destination::DestinationArgs;
use crate::commands::serve::read_address;
use crate::outside::ImageArgs;

/// The gates that a server can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GateName {
    /// In front of a Kubernetes API server.
    Admission,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "In front of a Kubernetes API server")]
pub(crate) struct AdmissionArgs {
    /// Also judge what is asked of the API server of a cluster, by the policies of probity.yaml, of files and of the cluster.
    #[arg(long, value_name = "GATE")]
    pub(crate) gate: Option<GateName>,
    /// Where the API server finds the gate: an address with a port, or a port of 127.0.0.1.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443", value_parser = read_address, requires = "gate")]
    pub(super) admission_listen: SocketAddr,
    /// How the cluster is reached. Default: as kubectl does, or by the service account of the Pod.
    #[arg(long, value_name = "FILE", requires = "gate")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig.
    #[arg(long, value_name = "NAME", requires = "gate")]
    pub(super) context: Option<String>,
    /// The namespace that the gate is in: it has its certificates, and is not judged.
    #[arg(long, value_name = "NAMESPACE", default_value = "probity-system", requires = "gate")]
    pub(super) gate_namespace: String,
    /// The address that the API server asks, for a gate outside of the cluster, such as `https://192.0.2.1:8443`. The webhooks
    /// go when the gate ends. Default: the Service probity-admission.
    #[arg(long, value_name = "URL", requires = "gate")]
    pub(super) webhook_url: Option<String>,
    /// Policies in any language: a file or a folder, read again when it changes, or an artifact of a registry, such as
    /// <oci://registry.example.com/policies:1>, as Conftest, OPA, Kyverno and ORAS push them. May be repeated.
    #[arg(long, value_name = "PATH|OCI", requires = "gate")]
    pub(super) gate_policy: Vec<PolicySource>,
    /// The public key, in PEM, by which policies of registries must be signed, as cosign signs. May be repeated.
    #[arg(long, value_name = "FILE", requires = "gate_policy")]
    pub(super) gate_policy_key: Vec<String>,
    /// How many seconds lie between two looks for new policies of registries.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "gate",
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) gate_policy_interval: u64,
    /// The configuration. Default: the nearest probity.yaml upward from the current folder.
    #[arg(long, value_name = "FILE", requires = "gate")]
    pub(super) config: Option<PathBuf>,
    /// How many seconds certificates are valid; they are renewed when a sixth of that is left.
    #[arg(long, value_name = "SECONDS", default_value_t = 90 * 24 * 3600, requires = "gate",
        value_parser = clap::value_parser!(u64).range(30..))]
    pub(super) certificate_seconds: u64,
    #[command(flatten)]
    pub(super) images: ImageArgs,
    #[command(flatten)]
    pub(crate) destination: DestinationArgs,
}

impl AdmissionArgs {
    /// Whether the gate is wanted.
    pub(crate) fn wanted(&self) -> bool {
        self.gate.is_some()
    }

    /// Whether there is a ledger elsewhere: then this process has none.
    pub(crate) fn has_server(&self) -> bool {
        self.wanted() && self.destination.server.is_some()
    }
}
