//! Kubernetes' own admission policies: ValidatingAdmissionPolicy and MutatingAdmissionPolicy with their bindings and parameters.
