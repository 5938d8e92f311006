//! Images built for real: a root file system by debootstrap, with Python and npm packages on top, in a layout made by umoci,
//! pushed by skopeo to a registry on loopback, and signed by cosign.
//!
//! What is not on the machine is said, and the test passes; in CI it fails.

mod build;
mod cosign;
mod gate;
mod instance;
mod inventory;
mod keyless;
mod kyverno;
mod ours;
mod registry;
mod signed;
mod syft;
mod tools;
