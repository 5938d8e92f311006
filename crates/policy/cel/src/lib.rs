//! CEL, the Common Expression Language (cel-spec), over model values, with the libraries of Kubernetes.
