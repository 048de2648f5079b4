//! Which services may make tokens, and with which scopes.
//!
//! The host's file says so, not the manifest: that comes from whoever wrote the service, and a token
//! opens the other services too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use thali_contract::access::Scope;
use thali_contract::name::ServiceName;
use thiserror::Error;

use super::{Passwords, SignError, Signer, Token};

/// The scopes that each service may put into tokens, at most.
pub type MintGrants = BTreeMap<ServiceName, Vec<Scope>>;

/// What makes tokens and checks passwords on one host. Without a key it makes no tokens.
#[derive(Default)]
pub struct Identity {
    minting: RwLock<Minting>,
    passwords: Passwords,
}

#[derive(Clone, Default)]
struct Minting {
    signer: Option<Arc<Signer>>,
    grants: Arc<MintGrants>,
}

/// Why a service gets no token.
#[derive(Debug, Error)]
pub enum MintError {
    /// Nobody has said that it may.
    #[error("this service may not make tokens: the host's file does not grant it")]
    NotGranted,
    /// It may not give this scope.
    #[error("this service may not give the scope {0:?}: the host's file does not grant it")]
    Scope(String),
    /// The host has nothing to sign with.
    #[error("this host has no key that signs tokens")]
    NoKey,
    /// The claims cannot be those of a token.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl Identity {
    /// Makes tokens with this key, for these services, from now on.
    pub fn replace(&self, signer: Option<Signer>, grants: MintGrants) {
        *self.minting.write() = Minting { signer: signer.map(Arc::new), grants: Arc::new(grants) };
    }

    /// Whether the service may make tokens.
    pub fn may_mint(&self, service: &ServiceName) -> bool {
        self.minting.read().grants.contains_key(service)
    }

    /// A token that the host itself gives, to whomever it likes.
    ///
    /// # Errors
    ///
    /// Without a key, and as [`Signer::sign`].
    pub fn sign(&self, subject: &str, scopes: &[Scope], ttl: Duration) -> Result<Token, MintError> {
        let signer = self.minting.read().signer.clone().ok_or(MintError::NoKey)?;
        Ok(signer.sign(subject, scopes, ttl)?)
    }

    /// A token that a service gives.
    ///
    /// # Errors
    ///
    /// When it may not, or not with these scopes, and as [`Identity::sign`].
    pub fn mint(
        &self,
        service: &ServiceName,
        subject: &str,
        scopes: &[String],
        ttl: Duration,
    ) -> Result<Token, MintError> {
        let grants = Arc::clone(&self.minting.read().grants);
        let granted = grants.get(service).ok_or(MintError::NotGranted)?;
        let grant = |scope: &String| {
            let found = granted.iter().find(|granted| granted.as_str() == scope);
            found.cloned().ok_or_else(|| MintError::Scope(scope.chars().take(100).collect()))
        };
        let scopes = scopes.iter().map(grant).collect::<Result<Vec<_>, _>>()?;
        self.sign(subject, &scopes, ttl)
    }

    /// Hashes passwords.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }
}
