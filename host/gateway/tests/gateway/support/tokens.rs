//! Tokens, good ones and others.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use thali_gateway::{AuthConfig, FailureLimits, KeyConfig, KeyMaterial};
use thali_platform::config::Secret;
use thali_platform::identity::TokenAlgorithm;

pub const SECRET: &str = "a secret of the tests that is long enough";
pub const ISSUER: &str = "https://thali.test";
pub const AUDIENCE: &str = "thali";

const RS256: &str = include_str!("../keys/rs256.pem");
const ES256: &str = include_str!("../keys/es256.pem");
const EDDSA: &str = include_str!("../keys/eddsa.pem");
pub const RS256_PUBLIC: &str = include_str!("../keys/rs256.pub.pem");
pub const ES256_PUBLIC: &str = include_str!("../keys/es256.pub.pem");
pub const EDDSA_PUBLIC: &str = include_str!("../keys/eddsa.pub.pem");

/// So many that a test that sends bad tokens is not taken for somebody who guesses.
pub const MANY: FailureLimits = FailureLimits { burst: 1_000_000, every: Duration::from_millis(1) };

/// A key of every algorithm, each named as it.
pub fn config() -> AuthConfig {
    let public = |pem: &str| KeyMaterial::PublicPem(pem.to_owned());
    AuthConfig {
        keys: vec![
            secret("HS256", SECRET),
            key("RS256", TokenAlgorithm::Rs256, public(RS256_PUBLIC)),
            key("ES256", TokenAlgorithm::Es256, public(ES256_PUBLIC)),
            key("EdDSA", TokenAlgorithm::EdDsa, public(EDDSA_PUBLIC)),
        ],
        ..only(Vec::new())
    }
}

/// These keys and no others.
pub fn only(keys: Vec<KeyConfig>) -> AuthConfig {
    AuthConfig {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        leeway: AuthConfig::LEEWAY,
        keys,
        jwks: Vec::new(),
    }
}

pub fn secret(kid: &str, secret: &str) -> KeyConfig {
    key(kid, TokenAlgorithm::Hs256, KeyMaterial::Secret(Secret::new(secret)))
}

pub fn key(kid: &str, algorithm: TokenAlgorithm, material: KeyMaterial) -> KeyConfig {
    KeyConfig { kid: Some(kid.into()), algorithm, material, scopes: None }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Good claims with some changed; `null` takes one out.
pub fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "iat": now(), "exp": now() + 600,
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// A token of the HS256 key.
pub fn token(changes: &Value) -> String {
    sign(Algorithm::HS256, Some("HS256"), &claims(changes))
}

/// A token of `subject` that allows `scope`.
pub fn token_of(subject: &str, scope: &str) -> String {
    token(&json!({ "sub": subject, "scope": scope }))
}

/// A token of the key of an algorithm.
pub fn sign(algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
    let key = match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_pem(RS256.as_bytes()).unwrap(),
        Algorithm::ES256 => EncodingKey::from_ec_pem(ES256.as_bytes()).unwrap(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(EDDSA.as_bytes()).unwrap(),
        _ => EncodingKey::from_secret(SECRET.as_bytes()),
    };
    sign_with(&key, algorithm, kid, claims)
}

pub fn sign_with(
    key: &EncodingKey,
    algorithm: Algorithm,
    kid: Option<&str>,
    claims: &Value,
) -> String {
    let header = Header { kid: kid.map(Into::into), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

/// A token of these texts, signed with the secret, so that only what they say can be wrong with it.
pub fn raw(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", b64(header), b64(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

pub fn b64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}
