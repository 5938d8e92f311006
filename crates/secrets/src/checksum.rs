//! Checksums that tokens carry in themselves.

/// Whether the last six digits of a token of GitHub's (and npm's) are the checksum of the rest behind the prefix: CRC-32 of it in
/// base 62, as GitHub told when it introduced the format in 2021.
pub(crate) fn is_right(token: &str) -> bool {
    let Some(body) = token.split_once('_').map(|(_, body)| body) else { return false };
    let Some((random, sum)) = body.len().checked_sub(6).and_then(|at| body.split_at_checked(at)) else { return false };
    base62(crc32(random.as_bytes())) == sum.as_bytes()
}

/// CRC-32 as in ISO 3309.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

/// Six digits in base 62, the digits before the capitals before the small letters.
fn base62(mut number: u32) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(&base62(0), b"000000");
        assert_eq!(&base62(62 * 62 + 61), b"00010z");
    }

    #[test]
    fn a_digit_that_is_wrong_is_seen() {
        // A token that its owner made public, long without power.
        let token = ["gh", "p_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"].concat();
        assert!(is_right(&token));
        assert!(!is_right(&token.replace("zQ", "zR")));
        assert!(!is_right("ghp_") && !is_right("ghp") && !is_right("ghp_abc"));
    }
}
