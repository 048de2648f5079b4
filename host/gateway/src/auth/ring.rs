//! The keys that count at one moment, and the tokens they were found to have signed.

use std::sync::Arc;

use jsonwebtoken::decode_header;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use thali_runtime::Principal;

use super::key::Key;
use super::token::{TokenError, Verified};

/// Good tokens that are remembered; of more, those that were used are kept. About 500 bytes each.
const TOKENS_MAX: usize = 8192;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Keys that are tried with a token that names none.
const TRIES_MAX: usize = 8;

/// The keys of one moment. What is remembered of tokens goes with them, so that a key that is taken
/// out takes its tokens along.
pub(super) struct Ring {
    keys: Vec<Arc<Key>>,
    leeway_s: u64,
    /// By the digest of the token, so that no token stays in memory.
    tokens: Cache<[u8; 32], Arc<Verified>>,
}

impl Ring {
    pub(super) fn new(keys: Vec<Arc<Key>>, leeway_s: u64) -> Self {
        Self { keys, leeway_s, tokens: Cache::new(TOKENS_MAX) }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whom a token is for that was checked before, and still holds.
    pub(super) fn known(&self, token: &str, now_s: u64) -> Option<Arc<Principal>> {
        let verified = self.tokens.get(&digest(token))?;
        verified.check_at(now_s, self.leeway_s).ok()?;
        Some(Arc::clone(&verified.principal))
    }

    /// Whom a token is for.
    pub(super) fn check(&self, token: &str, now_s: u64) -> Result<Arc<Principal>, TokenError> {
        let verified = self.verify(token)?;
        verified.check_at(now_s, self.leeway_s)?;
        let principal = Arc::clone(&verified.principal);
        self.tokens.insert(digest(token), Arc::new(verified));
        Ok(principal)
    }

    fn verify(&self, token: &str) -> Result<Verified, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let head = decode_header(token).map_err(|_| TokenError::Head)?;
        // RFC 7515, section 4.1.11: what is critical has to be understood, and nothing is.
        let is_token = head.typ.as_deref().is_none_or(is_token_type);
        if head.crit.is_some() || !is_token {
            return Err(TokenError::Head);
        }
        let kid = head.kid.as_deref();
        let is_known = |kid| self.keys.iter().any(|key| key.kid() == Some(kid));
        let is_new = kid.is_some_and(|kid| !is_known(kid));
        let mut found = TokenError::UnknownKey { is_named: is_new };
        for key in self.keys.iter().filter(|key| key.is_for(kid, head.alg)).take(TRIES_MAX) {
            match key.check(token) {
                Ok(claims) => return Verified::of(claims),
                // A key that is yet to be fetched may be the one.
                Err(_) if is_new => {}
                Err(error) => found = error,
            }
        }
        Err(found)
    }
}

/// Access tokens, not the other things that are JWTs (RFC 8725, section 3.11).
fn is_token_type(typ: &str) -> bool {
    typ.eq_ignore_ascii_case("jwt")
        || typ.eq_ignore_ascii_case("at+jwt")
        || typ.eq_ignore_ascii_case("application/at+jwt")
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
