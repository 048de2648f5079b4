//! Making tokens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;
use thali_contract::access::Scope;
use thiserror::Error;
use uuid::Uuid;

use super::{SUBJECT_BYTES_MAX, TokenAlgorithm, is_subject};
use crate::config::Secret;

/// The longest life of a token: 30 days. What has to hold longer is refreshed.
pub const TTL_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A key that signs.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// Its name in the header of tokens.
    pub kid: Option<String>,
    /// How it signs.
    pub algorithm: TokenAlgorithm,
    /// The secret of HS256, or the private key as PEM (PKCS #8).
    pub key: Secret,
}

/// Makes tokens with one key, for one issuer and audience.
pub struct Signer {
    header: Header,
    key: EncodingKey,
    issuer: Box<str>,
    audience: Box<str>,
}

/// A token that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token. Whoever has it is its subject.
    pub text: Secret,
    /// When it ends, in seconds since 1970.
    pub expires_at_s: u64,
}

/// A key that cannot sign.
#[derive(Debug, Error)]
#[error("it is not a private key for {algorithm} in PEM (PKCS #8): {source}")]
pub struct SigningKeyError {
    algorithm: TokenAlgorithm,
    source: jsonwebtoken::errors::Error,
}

/// Why a token was not made.
#[derive(Debug, Error)]
pub enum SignError {
    /// Nobody can be called that.
    #[error("the subject must have 1 to {SUBJECT_BYTES_MAX} bytes and no control characters")]
    Subject,
    /// It would live for no time, or for too long.
    #[error("a token lives for 1 second to {} days", TTL_MAX.as_secs() / (24 * 60 * 60))]
    Ttl,
    /// The key does not sign.
    #[error("the key does not sign: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

impl Signer {
    /// Makes tokens that say they are from `issuer` and for `audience`.
    ///
    /// # Errors
    ///
    /// When the key is not one of its algorithm.
    pub fn new(key: &SigningKey, issuer: &str, audience: &str) -> Result<Self, SigningKeyError> {
        let bytes = key.key.expose().as_bytes();
        let read = match key.algorithm {
            TokenAlgorithm::Hs256 => Ok(EncodingKey::from_secret(bytes)),
            TokenAlgorithm::Rs256 => EncodingKey::from_rsa_pem(bytes),
            TokenAlgorithm::Es256 => EncodingKey::from_ec_pem(bytes),
            TokenAlgorithm::EdDsa => EncodingKey::from_ed_pem(bytes),
        };
        let algorithm = key.algorithm;
        let read = read.map_err(|source| SigningKeyError { algorithm, source })?;
        let header = Header { kid: key.kid.clone(), ..Header::new(algorithm.into()) };
        Ok(Self { header, key: read, issuer: issuer.into(), audience: audience.into() })
    }

    /// A token for `subject` that allows `scopes`, for `ttl` from now. Times are whole seconds.
    ///
    /// # Errors
    ///
    /// [`SignError`]
    pub fn sign(&self, subject: &str, scopes: &[Scope], ttl: Duration) -> Result<Token, SignError> {
        if !is_subject(subject) {
            return Err(SignError::Subject);
        }
        if !(Duration::from_secs(1)..=TTL_MAX).contains(&ttl) {
            return Err(SignError::Ttl);
        }
        let iat = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let exp = iat + ttl.as_secs();
        let scope = scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ");
        let (iss, aud) = (&*self.issuer, &*self.audience);
        let claims =
            Claims { sub: subject, iss, aud, iat, exp, jti: Uuid::now_v7().to_string(), scope };
        let text = encode(&self.header, &claims, &self.key)?;
        Ok(Token { text: Secret::new(text), expires_at_s: exp })
    }
}
