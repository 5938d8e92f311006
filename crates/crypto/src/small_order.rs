//! Points of small order of the curve of Ed25519.

/// The y coordinates of the points whose order divides eight, and how the two smallest are written above the prime too.
/// The last bit of an encoding is the sign of x, which is not looked at.
const SMALL: [[u8; 32]; 7] = [
    ends(0x00, 0x00, 0x00),
    ends(0x01, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    ends(0xec, 0xff, 0x7f),
    ends(0xed, 0xff, 0x7f),
    ends(0xee, 0xff, 0x7f),
];

const fn ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Whether the bytes encode a point whose order divides eight.
pub(crate) fn is_small_order(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    y[31] &= 0x7f;
    SMALL.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_implementation_calls_them_weak_too() {
        for bytes in SMALL {
            let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).unwrap();
            assert!(key.is_weak(), "{bytes:?}");
        }
        let sound = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        assert!(!is_small_order(sound.as_bytes()));
    }
}
