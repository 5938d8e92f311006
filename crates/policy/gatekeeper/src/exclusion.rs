//! Namespaces that `Config` leaves out (`spec.match`; Gatekeeper, `pkg/controller/config/process`).

use probity_model::Problem;
use probity_model::node::Node;

use crate::matching::Wildcard;

/// What Gatekeeper does in a cluster, as `Config` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    Audit,
    Webhook,
    Mutation,
}

impl Process {
    fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Webhook => "webhook",
            Self::Mutation => "mutation-webhook",
        }
    }
}

/// Namespaces that are left out, each with the processes that leave it out; `*` is all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exclusions(Vec<(Wildcard, Vec<String>)>);

impl Exclusions {
    /// Adds those of a `Config`; other documents have none.
    pub(crate) fn read(&mut self, config: Node<'_>) -> Result<(), Problem> {
        let fields = config.mapping()?;
        let spec = fields.optional("spec").map(Node::mapping).transpose()?;
        let entries = spec.and_then(|spec| spec.optional("match")).map(Node::list).transpose()?;
        for entry in entries.unwrap_or_default() {
            let entry = entry.mapping()?;
            let list = |name: &str| entry.optional(name).map(Node::list).transpose().map(Option::unwrap_or_default);
            let processes = list("processes")?.into_iter().map(|node| node.string().map(str::to_owned));
            let processes: Vec<String> = processes.collect::<Result<_, _>>()?;
            for namespace in list("excludedNamespaces")? {
                self.0.push((Wildcard::read(namespace)?, processes.clone()));
            }
        }
        Ok(())
    }

    /// Whether a process leaves out what is in a namespace. A `Namespace` is in itself.
    pub(crate) fn has(&self, process: Process, namespace: &str) -> bool {
        self.0.iter().any(|(wildcard, processes)| {
            processes.iter().any(|named| named == "*" || named == process.as_str()) && wildcard.matches(namespace)
        })
    }
}
