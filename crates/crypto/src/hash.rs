//! Hashes of FIPS 180-4.

use aws_lc_rs::digest::{self, Context};

macro_rules! hash {
    ($name:ident, $algorithm:ident, $size:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone)]
        pub struct $name(Context);

        impl $name {
            /// Of nothing yet.
            #[must_use]
            pub fn new() -> Self {
                Self(Context::new(&digest::$algorithm))
            }

            /// Takes the next bytes.
            pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
                self.0.update(bytes.as_ref());
            }

            /// It, with the next bytes taken.
            #[must_use]
            pub fn chain_update(mut self, bytes: impl AsRef<[u8]>) -> Self {
                self.update(bytes);
                self
            }

            /// The hash of all bytes that were taken.
            #[must_use]
            pub fn finalize(self) -> [u8; $size] {
                array(&self.0.finish())
            }

            /// The hash of these bytes.
            #[must_use]
            pub fn digest(bytes: impl AsRef<[u8]>) -> [u8; $size] {
                array(&digest::digest(&digest::$algorithm, bytes.as_ref()))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

hash!(Sha224, SHA224, 28, "SHA-224.");
hash!(Sha256, SHA256, 32, "SHA-256.");
hash!(Sha384, SHA384, 48, "SHA-384.");
hash!(Sha512, SHA512, 64, "SHA-512.");
hash!(Sha512_256, SHA512_256, 32, "SHA-512/256.");

fn array<const N: usize>(hash: &digest::Digest) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(hash.as_ref());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest as _;

    use super::*;

    proptest! {
        #[test]
        fn hashes_are_those_of_another_implementation(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            cut in any::<prop::sample::Index>(),
        ) {
            let (front, back) = bytes.split_at(cut.index(bytes.len() + 1));
            macro_rules! same {
                ($($name:ident),*) => {$(
                    let expected: Vec<u8> = sha2::$name::digest(&bytes).to_vec();
                    prop_assert_eq!(&$name::digest(&bytes).to_vec(), &expected);
                    prop_assert_eq!(&$name::new().chain_update(front).chain_update(back).finalize().to_vec(), &expected);
                )*};
            }
            same!(Sha224, Sha256, Sha384, Sha512, Sha512_256);
        }
    }
}
