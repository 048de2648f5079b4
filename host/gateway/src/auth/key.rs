//! One key, and what it takes for a token to be signed with it.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use thali_contract::access::Scope;
use thali_platform::identity::TokenAlgorithm;

use super::config::{AuthConfig, AuthError, JwksConfig, KeyConfig, KeyMaterial, SECRET_BYTES_MIN};
use super::token::{Claims, TokenError};

/// A key that checks tokens.
pub(super) struct Key {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    key: DecodingKey,
    validation: Validation,
    /// What its tokens may allow, if not everything.
    scopes: Option<Vec<Scope>>,
}

impl Key {
    /// A key that is given; `place` names one that has no name.
    pub(super) fn of_config(
        config: &KeyConfig,
        place: usize,
        auth: &AuthConfig,
    ) -> Result<Self, AuthError> {
        let name = || config.kid.clone().unwrap_or_else(|| format!("number {place}"));
        let algorithm = config.algorithm;
        let key = match (&config.material, algorithm.is_symmetric()) {
            (KeyMaterial::Secret(secret), true) => {
                let secret = secret.expose().as_bytes();
                if secret.len() < SECRET_BYTES_MIN {
                    return Err(AuthError::ShortSecret { key: name(), bytes: secret.len() });
                }
                Ok(DecodingKey::from_secret(secret))
            }
            (KeyMaterial::PublicPem(pem), false) => read_pem(algorithm, pem.as_bytes()),
            (_, true) => {
                return Err(AuthError::WrongMaterial { key: name(), expected: "a secret" });
            }
            (_, false) => {
                return Err(AuthError::WrongMaterial { key: name(), expected: "a public key" });
            }
        };
        let key = key.map_err(|source| AuthError::Pem { key: name(), algorithm, source })?;
        let scopes = config.scopes.clone();
        Ok(Self { scopes, ..Self::new(config.kid.as_deref(), algorithm, key, auth) })
    }

    /// A key of a key set; `None` for one that is not for signatures, or not of these algorithms.
    pub(super) fn of_jwk(jwk: &Jwk, set: &JwksConfig, auth: &AuthConfig) -> Option<Self> {
        if jwk.common.public_key_use.as_ref().is_some_and(|is| *is != PublicKeyUse::Signature) {
            return None;
        }
        let (algorithm, declared) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (TokenAlgorithm::Rs256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (TokenAlgorithm::Es256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (TokenAlgorithm::EdDsa, KeyAlgorithm::EdDSA)
            }
            // A symmetric key that is public is no secret.
            _ => return None,
        };
        let other = jwk.common.key_algorithm.as_ref().is_some_and(|is| *is != declared);
        if other || !set.algorithms.contains(&algorithm) {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        let scopes = set.scopes.clone();
        Some(Self { scopes, ..Self::new(jwk.common.key_id.as_deref(), algorithm, key, auth) })
    }

    fn new(
        kid: Option<&str>,
        algorithm: TokenAlgorithm,
        key: DecodingKey,
        auth: &AuthConfig,
    ) -> Self {
        let algorithm = algorithm.into();
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
        validation.set_issuer(&[&auth.issuer]);
        validation.set_audience(&[&auth.audience]);
        // Times are looked at by `Verified::check_at`, each time that the token is used.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { kid: kid.map(Into::into), algorithm, key, validation, scopes: None }
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether a token with this head may be signed with it.
    pub(super) fn is_for(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let named = match (kid, self.kid()) {
            (Some(kid), Some(own)) => kid == own,
            _ => true,
        };
        named && algorithm == self.algorithm
    }

    /// The claims of a token that is signed with it, for this host.
    pub(super) fn check(&self, token: &str) -> Result<Claims, TokenError> {
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        let claims = decoded.map_err(|error| TokenError::Wrong(kind(&error)))?.claims;
        let may_say = |scope: &str| {
            self.scopes.as_ref().is_none_or(|may| may.iter().any(|it| it.as_str() == scope))
        };
        if claims.scopes().all(may_say) { Ok(claims) } else { Err(TokenError::Scopes) }
    }
}

fn read_pem(
    algorithm: TokenAlgorithm,
    pem: &[u8],
) -> Result<DecodingKey, jsonwebtoken::errors::Error> {
    match algorithm {
        TokenAlgorithm::Hs256 => Ok(DecodingKey::from_secret(pem)),
        TokenAlgorithm::Rs256 => DecodingKey::from_rsa_pem(pem),
        TokenAlgorithm::Es256 => DecodingKey::from_ec_pem(pem),
        TokenAlgorithm::EdDsa => DecodingKey::from_ed_pem(pem),
    }
}

/// What is wrong, without anything of the token: an error of JSON may repeat a part of it.
fn kind(error: &jsonwebtoken::errors::Error) -> String {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::Json(_) => "its claims cannot be read".into(),
        ErrorKind::Base64(_) | ErrorKind::Utf8(_) => "it is not encoded as a token".into(),
        ErrorKind::MissingRequiredClaim(name) => format!("{name} is missing, or of another type"),
        ErrorKind::InvalidIssuer => "another issuer".into(),
        ErrorKind::InvalidAudience => "another audience".into(),
        ErrorKind::InvalidSignature => "the signature".into(),
        _ => "something else".into(),
    }
}
