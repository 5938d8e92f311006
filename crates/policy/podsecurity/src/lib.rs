//! Kubernetes' Pod Security Standards: baseline and restricted, as each version of Kubernetes has them.
