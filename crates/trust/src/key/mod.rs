//! Keys: public ones that verify, private ones that sign, and the form in which cosign keeps the latter.

mod algorithm;
mod private;
mod public;
#[cfg_attr(feature = "fips", path = "sealed_refused.rs")]
mod sealed;

pub use private::{KeyPair, PrivateKey};
pub use public::{KeyKind, PublicKey};

pub(crate) use algorithm::{Algorithm, Hash};
