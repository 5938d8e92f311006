//! Hashes, keyed hashes, signatures, randomness and TLS, for what Probity's own security rests on.
//!
//! All of it is AWS-LC. The feature `fips` puts its module for FIPS 140-3 in the place of the usual one, for the whole
//! program; nothing else differs between the two builds but what [`FIPS`] guards. What policies compute with functions of
//! their languages (`crypto.md5` and the like) is not meant: that is what they are about, not what we rest on.

mod ed25519;
mod hash;
mod jws;
mod mac;
mod module;
mod random;
mod small_order;
pub mod tls;

pub use ed25519::{BadKey, SigningKey, VerifyingKey};
pub use hash::{Sha224, Sha256, Sha384, Sha512, Sha512_256};
pub use jws::jws_verifies;
pub use mac::{hmac_sha256, hmac_sha512_verifies};
pub use module::{FIPS, Module, NotValidated, ready};
pub use random::{NoRandomness, fill};
