//! What operators say about tokens.

use std::time::Duration;

use thali_contract::access::Scope;
use thali_platform::config::Secret;
use thali_platform::identity::TokenAlgorithm;
use thiserror::Error;

/// The fewest bytes of an HS256 secret: what RFC 7518, section 3.2, demands.
pub(super) const SECRET_BYTES_MIN: usize = 32;

/// Which tokens are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthConfig {
    /// What `iss` has to be, to the letter.
    pub issuer: String,
    /// What `aud` has to be, or to have among others, to the letter.
    pub audience: String,
    /// How far clocks may be apart, for `exp`, `nbf` and `iat`. Whole seconds; default 5 s.
    pub leeway: Duration,
    /// Keys that are given.
    pub keys: Vec<KeyConfig>,
    /// Key sets that are fetched.
    pub jwks: Vec<JwksConfig>,
}

/// A key that is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyConfig {
    /// Tokens that name a key must name this one; those that name none are tried with every key of
    /// their algorithm.
    pub kid: Option<String>,
    /// The one algorithm that it is for.
    pub algorithm: TokenAlgorithm,
    /// The key itself.
    pub material: KeyMaterial,
    /// The scopes that its tokens may have; one with another is refused. `None`: any, `admin` too.
    pub scopes: Option<Vec<Scope>>,
}

/// A key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMaterial {
    /// Of HS256: at least 32 bytes.
    Secret(Secret),
    /// Of the others: the public key as PEM.
    PublicPem(String),
}

/// A key set (RFC 7517) that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksConfig {
    /// Where: `https`, or `http` on a loopback address.
    pub url: String,
    /// The algorithms its keys may have; never HS256, whose keys are secrets.
    pub algorithms: Vec<TokenAlgorithm>,
    /// How often it is fetched. Default 5 min.
    pub refresh: Duration,
    /// The shortest time between two tries, however many tokens name a key that is not known. Default
    /// 30 s.
    pub refresh_floor: Duration,
    /// For how long its last keys count while it cannot be fetched. Default 24 h.
    pub stale_max: Duration,
    /// The scopes that tokens of its keys may have; one with another is refused. `None`: any, `admin` too.
    pub scopes: Option<Vec<Scope>>,
}

impl AuthConfig {
    /// The default of [`AuthConfig::leeway`].
    pub const LEEWAY: Duration = Duration::from_secs(5);
}

impl JwksConfig {
    /// A key set with the default times.
    pub fn new(url: impl Into<String>, algorithms: Vec<TokenAlgorithm>) -> Self {
        Self {
            url: url.into(),
            algorithms,
            refresh: Duration::from_secs(300),
            refresh_floor: Duration::from_secs(30),
            stale_max: Duration::from_secs(24 * 60 * 60),
            scopes: None,
        }
    }
}

/// What cannot be worked with.
#[derive(Debug, Error)]
pub enum AuthError {
    /// Nothing could be good.
    #[error("there is no key: give one, or the address of a key set")]
    NoKeys,
    /// Two keys have one name.
    #[error("two keys are called {0:?}")]
    SameKid(String),
    /// The secret could be guessed.
    #[error(
        "the secret of the key {key} has {bytes} bytes, at least {SECRET_BYTES_MIN} are needed"
    )]
    ShortSecret {
        /// Its name, or its place.
        key: String,
        /// How many it has.
        bytes: usize,
    },
    /// The key is of another kind.
    #[error("the key {key} is not {expected}")]
    WrongMaterial {
        /// Its name, or its place.
        key: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// The PEM cannot be read.
    #[error("the key {key} is not a public key for {algorithm} in PEM: {source}")]
    Pem {
        /// Its name, or its place.
        key: String,
        /// What it is said to be for.
        algorithm: TokenAlgorithm,
        /// What is wrong with it.
        source: jsonwebtoken::errors::Error,
    },
    /// The address cannot be fetched from.
    #[error("{url:?} is no address of a key set: {why}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No TLS.
    #[error("key sets cannot be fetched: {0}")]
    Tls(std::io::Error),
    /// The cryptography of this build does not work.
    #[error("the cryptography of this build is broken: {0} fails its known answer")]
    SelfTest(TokenAlgorithm),
}
