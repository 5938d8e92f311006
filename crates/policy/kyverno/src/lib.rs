//! Kyverno: ClusterPolicy and Policy, and the CEL kinds of policies.kyverno.io, as they are.
