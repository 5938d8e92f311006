//! Go's standard library where policies can tell: how it reads and writes times, floating-point numbers and certificates,
//! and which regular expressions it takes. OPA, Gatekeeper, Kyverno and Kubernetes are written in Go, and their policies see it.

pub mod float;
pub mod pem;
pub mod regex;
pub mod time;
pub mod x509;
