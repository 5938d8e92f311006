//! What Kubernetes' API is made of: quantities, durations, label selectors, wildcards, kinds, and how objects are patched.
