//! Refresh tokens: random, and kept as a digest, so that whoever reads the database has none.

use sha2::{Digest, Sha256};
use thali_support::id;

/// Two ids of 36 characters, with 122 random bits each.
const BYTES: usize = 72;

/// A new one.
pub(crate) fn new() -> String {
    [id::new(), id::new()].concat()
}

/// What is kept of it. Nothing, of what no refresh token can be.
pub(crate) fn digest(token: &str) -> Option<String> {
    let plausible = token.len() == BYTES && token.bytes().all(|byte| byte.is_ascii_graphic());
    plausible.then(|| {
        let digest = Sha256::digest(token.as_bytes());
        let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_never_the_same_and_their_digests_neither() {
        let (a, b) = (new(), new());
        assert_ne!(a, b);
        assert_ne!(digest(&a).unwrap(), digest(&b).unwrap());
        assert_eq!(digest(&a), digest(&a));
    }

    #[test]
    fn a_digest_is_sha_256_and_of_plausible_tokens_only() {
        // printf 'a%.0s' {1..72} | sha256sum
        let expected = "d66304b6180365e47c858f6c84d3da065caf4b3350c9f45277a1af82e3dbb055";
        assert_eq!(digest(&"a".repeat(BYTES)).as_deref(), Some(expected));
        for token in ["", "x", &"ü".repeat(BYTES / 2), &"x".repeat(100_000)] {
            assert_eq!(digest(token), None);
        }
    }
}
