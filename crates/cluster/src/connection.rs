//! How a cluster is reached.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::kinds::Kind;

/// How long the API server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Which cluster, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// A file of contexts; when there is none, the one that kubectl uses, or the service account of the Pod.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; its current one when there is none.
    pub context: Option<String>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Nothing says where the cluster is.
    #[error("no cluster: {0}; name a kubeconfig, or run in a Pod with a service account")]
    Nowhere(String),
    /// The client cannot be made.
    #[error("the cluster cannot be reached: {0}")]
    Client(String),
}

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Connection {
    pub(crate) client: Client,
    address: String,
}

impl Connection {
    /// Reads where the cluster is, without asking it.
    ///
    /// # Errors
    /// When nothing says it, or what says it is wrong.
    pub async fn open(options: &Options) -> Result<Self, ConnectionError> {
        // The provider of all TLS in this process; another one that was set before is the same.
        let _ = (*probity_crypto::tls::provider()).clone().install_default();
        let mut config = Self::config(options).await?;
        config.connect_timeout = Some(CONNECT);
        let address = config.cluster_url.to_string();
        let client = Client::try_from(config).map_err(|error| ConnectionError::Client(error.to_string()))?;
        Ok(Self { client, address })
    }

    async fn config(options: &Options) -> Result<Config, ConnectionError> {
        let nowhere = |error: &dyn std::fmt::Display| ConnectionError::Nowhere(error.to_string());
        let context = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
        if let Some(path) = &options.kubeconfig {
            let file = Kubeconfig::read_from(path)
                .map_err(|error| ConnectionError::Nowhere(format!("{}: {error}", path.display())))?;
            return Config::from_custom_kubeconfig(file, &context)
                .await
                .map_err(|error| ConnectionError::Nowhere(format!("{}: {error}", path.display())));
        }
        if options.context.is_some() {
            return Config::from_kubeconfig(&context).await.map_err(|error| nowhere(&error));
        }
        Config::infer().await.map_err(|error| nowhere(&error))
    }

    /// The address of the API server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether this user may list and watch the objects of a kind, in all namespaces.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn may_watch(&self, kind: &Kind) -> Result<bool, ConnectionError> {
        use k8s_openapi::api::authorization::v1::{
            ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
        };
        let reviews = kube::Api::<SelfSubjectAccessReview>::all(self.client.clone());
        for verb in ["list", "watch"] {
            let resource = ResourceAttributes {
                group: Some(kind.group.clone()),
                version: Some(kind.version.clone()),
                resource: Some(kind.plural.clone()),
                verb: Some(verb.to_owned()),
                ..ResourceAttributes::default()
            };
            let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(resource), ..Default::default() };
            let review = SelfSubjectAccessReview { spec, ..Default::default() };
            let answer = reviews.create(&kube::api::PostParams::default(), &review).await;
            let answer = answer.map_err(|error| ConnectionError::Client(error.to_string()))?;
            if !answer.status.is_some_and(|status| status.allowed) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Who the API server says that this is.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn user(&self) -> Result<String, ConnectionError> {
        use k8s_openapi::api::authentication::v1::SelfSubjectReview;
        let review = kube::Api::<SelfSubjectReview>::all(self.client.clone());
        let answer = review.create(&kube::api::PostParams::default(), &SelfSubjectReview::default()).await;
        let answer = answer.map_err(|error| ConnectionError::Client(error.to_string()))?;
        Ok(answer.status.and_then(|status| status.user_info).and_then(|user| user.username).unwrap_or_default())
    }
}
