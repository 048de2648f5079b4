//! What a token claims, and whether that holds.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use thali_contract::access::SCOPE_BYTES_MAX;
use thali_platform::identity::is_subject;
use thali_runtime::Principal;
use thiserror::Error;

/// Why a token is not good. For the log: clients are told nothing of it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum TokenError {
    #[error("it is longer than a token may be")]
    TooLong,
    #[error("its head cannot be read, or asks for what is not supported")]
    Head,
    #[error("no key of this host is for it")]
    UnknownKey {
        /// Whether it names one.
        is_named: bool,
    },
    #[error("its signature, issuer, audience, or the form of its claims is wrong: {0}")]
    Wrong(String),
    #[error("its subject or a scope of it cannot be one")]
    Names,
    #[error("its key may not say all of its scopes")]
    Scopes,
    #[error("it has expired")]
    Expired,
    #[error("it is from the future")]
    Early,
}

/// The claims of a token. A member that is there twice, or of another type, makes it unreadable.
#[derive(Deserialize)]
pub(super) struct Claims {
    sub: String,
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
    /// Checked by the library; here so that its type is.
    #[serde(rename = "iss")]
    _iss: String,
    #[serde(rename = "aud")]
    _aud: OneOrMany,
    #[serde(default)]
    scope: String,
}

impl Claims {
    pub(super) fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split(' ').filter(|scope| !scope.is_empty())
    }
}

/// A string or an array of them.
struct OneOrMany(PhantomData<()>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Strings;
        impl<'de> Visitor<'de> for Strings {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(PhantomData))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<OneOrMany, A::Error> {
                while all.next_element::<String>()?.is_some() {}
                Ok(OneOrMany(PhantomData))
            }
        }
        deserializer.deserialize_any(Strings)
    }
}

/// A token whose signature and claims are good, at the times it says.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) principal: Arc<Principal>,
    exp: u64,
    nbf: u64,
    iat: u64,
}

impl Verified {
    /// What claims come to, whenever that may hold.
    pub(super) fn of(claims: Claims) -> Result<Self, TokenError> {
        let scopes: Vec<String> = claims.scopes().map(Into::into).collect();
        if !is_subject(&claims.sub) || scopes.iter().any(|scope| scope.len() > SCOPE_BYTES_MAX) {
            return Err(TokenError::Names);
        }
        Ok(Self {
            principal: Arc::new(Principal { subject: claims.sub, scopes }),
            exp: claims.exp,
            nbf: claims.nbf.unwrap_or_default(),
            iat: claims.iat.unwrap_or_default(),
        })
    }

    /// Whether it holds now: before `exp`, not before `nbf`, and not made in the future, each with the
    /// leeway.
    pub(super) fn check_at(&self, now_s: u64, leeway_s: u64) -> Result<(), TokenError> {
        if self.exp.saturating_add(leeway_s) <= now_s {
            return Err(TokenError::Expired);
        }
        if self.nbf.max(self.iat) > now_s.saturating_add(leeway_s) {
            return Err(TokenError::Early);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(exp: u64, nbf: u64, iat: u64) -> Verified {
        let principal = Arc::new(Principal { subject: "a".into(), scopes: Vec::new() });
        Verified { principal, exp, nbf, iat }
    }

    #[test]
    fn the_edges_of_a_tokens_life_are_where_the_leeway_puts_them() {
        let at = |exp, nbf, iat| verified(exp, nbf, iat).check_at(1000, 5);
        assert_eq!(at(996, 0, 0), Ok(()));
        assert_eq!(at(995, 0, 0), Err(TokenError::Expired));
        assert_eq!(at(0, 0, 0), Err(TokenError::Expired));
        assert_eq!(at(u64::MAX, 1005, 1005), Ok(()));
        assert_eq!(at(u64::MAX, 1006, 0), Err(TokenError::Early));
        assert_eq!(at(u64::MAX, 0, 1006), Err(TokenError::Early));
    }
}
