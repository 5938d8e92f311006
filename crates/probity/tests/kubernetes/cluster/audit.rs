//! What the API server writes down of each request.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Cluster, eventually, write};

/// Where the API server sends its audit events, besides its log.
pub(crate) struct AuditWebhook {
    pub(crate) url: String,
    /// The authority of its certificate, as a file in PEM.
    pub(crate) authority: PathBuf,
    /// What the API server shows that it may send.
    pub(crate) token: String,
}

/// Who asked for what, once it is answered; what changes rights with what was asked. The API server's own requests and
/// the questions whether it is ready are left out.
const POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:apiserver"]}
- {level: None, nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]}
- {level: Request, resources: [{group: rbac.authorization.k8s.io}]}
- {level: Metadata}
"#;

/// Writes the audit policy, and the kubeconfig of the webhook.
pub(super) fn write_audit(folder: &Path, webhook: Option<&AuditWebhook>) {
    write(folder, "audit-policy.yaml", POLICY);
    if let Some(webhook) = webhook {
        write(folder, "audit-webhook.kubeconfig", &webhook.kubeconfig());
    }
}

impl AuditWebhook {
    fn kubeconfig(&self) -> String {
        let Self { url, authority, token } = self;
        let authority = authority.display();
        format!(
            r#"apiVersion: v1
kind: Config
clusters: [{{name: audit, cluster: {{server: "{url}", certificate-authority: "{authority}"}}}}]
users: [{{name: kube-apiserver, user: {{token: "{token}"}}}}]
contexts: [{{name: audit, context: {{cluster: audit, user: kube-apiserver}}}}]
current-context: audit
"#
        )
    }
}

impl Cluster {
    /// The file to which the API server writes its events, one a line.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.folder().join("audit.log")
    }

    /// The first event of the log that is so, once it is there.
    pub(crate) fn audited(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("the audit log says that {what}"), || {
            // A line without its end is still being written.
            let log = fs::read_to_string(self.audit_log()).unwrap_or_default();
            let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            lines.map(|line| serde_json::from_str(line).expect("an event")).find(|event| is_so(event))
        })
    }
}
