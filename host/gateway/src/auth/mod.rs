//! Who asks: the token of a request, checked against the keys of this host.
//!
//! A token is a JWT in `Authorization: Bearer`, and nowhere else: what is in a query ends in logs, and a
//! cookie is sent by pages of somebody else. One that is sent is checked on every route, public ones
//! too, so that nobody believes to be signed in who is not. Every token that is refused gets the same
//! answer, whatever is wrong with it; the log has the reason, at the level debug, and never the token.
//!
//! [`Auth`] is what the rest of the gateway sees. Below it are the keys of one configuration
//! ([`authority`]), the key sets that are fetched ([`jwks`]), and the count of wrong tokens by
//! client ([`failures`]).

mod authority;
mod bearer;
mod config;
mod denied;
mod failures;
mod jwks;
mod key;
mod ring;
mod selftest;
mod token;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use http::HeaderMap;
use thali_contract::access::Access;
use thali_runtime::Principal;
use thiserror::Error;

use authority::Authority;
pub(crate) use failures::Failures;

pub use config::{AuthConfig, AuthError, JwksConfig, KeyConfig, KeyMaterial};
pub(crate) use denied::Denied;
pub use failures::FailureLimits;

/// Checks tokens, by keys that can be replaced while it does.
pub struct Auth {
    /// `None` on a host that was given no keys.
    authority: ArcSwapOption<Authority>,
    failures: Failures,
    counts: Counts,
    reload: OnceLock<Reload>,
}

/// Keys that can be used, and are not used yet.
pub struct PreparedKeys(Option<Arc<Authority>>);

/// Reads the keys again and replaces them. It blocks.
type Reload = Box<dyn Fn(&Auth) -> Result<(), String> + Send + Sync>;

/// Why keys were not read again. Those of before stay.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReloadError {
    /// There is nowhere to read them from.
    #[error("this host reads no keys")]
    NoSource,
    /// They cannot be read, or not be used.
    #[error("{0}")]
    Refused(String),
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    from_cache: AtomicU64,
    refused: AtomicU64,
    throttled: AtomicU64,
}

/// What has been checked since the host began, and by how many keys now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthSnapshot {
    /// Requests with a good token.
    pub accepted: u64,
    /// Those of them whose token had been checked before.
    pub from_cache: u64,
    /// Requests with a bad one.
    pub refused: u64,
    /// Requests with a bad one that were told to wait, because of the bad ones before.
    pub throttled: u64,
    /// Keys that are held now.
    pub keys: usize,
}

impl Auth {
    /// Checks tokens by these keys; without any, no token is good.
    ///
    /// # Errors
    ///
    /// When a key cannot be used, or the cryptography of this build does not work.
    pub fn new(config: Option<AuthConfig>, limits: FailureLimits) -> Result<Arc<Self>, AuthError> {
        selftest::run()?;
        let auth = Arc::new(Self {
            authority: ArcSwapOption::empty(),
            failures: Failures::new(limits),
            counts: Counts::default(),
            reload: OnceLock::new(),
        });
        auth.replace(config)?;
        Ok(auth)
    }

    /// Checks tokens by these keys from now on. What was known of tokens is forgotten with the keys it
    /// was found out by.
    ///
    /// # Errors
    ///
    /// When a key cannot be used: then those of before stay.
    pub fn replace(&self, config: Option<AuthConfig>) -> Result<(), AuthError> {
        let keys = self.prepare(config)?;
        self.install(keys);
        Ok(())
    }

    /// Makes keys ready for [`Auth::install`].
    ///
    /// # Errors
    ///
    /// When a key cannot be used.
    pub fn prepare(&self, config: Option<AuthConfig>) -> Result<PreparedKeys, AuthError> {
        let before = self.authority.load_full();
        let authority = config.map(|config| Authority::open(config, before.as_deref()));
        Ok(PreparedKeys(authority.transpose()?))
    }

    /// Checks tokens by these keys from now on.
    pub fn install(&self, PreparedKeys(authority): PreparedKeys) {
        self.authority.store(authority);
    }

    /// Says how the keys are read again. Only the first call counts.
    pub fn on_reload(&self, reload: impl Fn(&Self) -> Result<(), String> + Send + Sync + 'static) {
        let _ = self.reload.set(Box::new(reload));
    }

    /// Reads the keys again, where they came from. Answers how many there are now.
    ///
    /// # Errors
    ///
    /// When they cannot be read or used: then those of before stay.
    pub async fn reload(self: &Arc<Self>) -> Result<usize, ReloadError> {
        let me = Arc::clone(self);
        let reloaded = tokio::task::spawn_blocking(move || {
            let reload = me.reload.get().ok_or(ReloadError::NoSource)?;
            reload(&me).map_err(ReloadError::Refused)?;
            Ok(me.snapshot().keys)
        });
        reloaded.await.unwrap_or_else(|error| Err(ReloadError::Refused(error.to_string())))
    }

    /// Whether there are keys to check tokens by.
    pub fn is_configured(&self) -> bool {
        self.authority.load().is_some()
    }

    /// What has been checked.
    pub fn snapshot(&self) -> AuthSnapshot {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        AuthSnapshot {
            accepted: read(&self.counts.accepted),
            from_cache: read(&self.counts.from_cache),
            refused: read(&self.counts.refused),
            throttled: read(&self.counts.throttled),
            keys: self.authority.load().as_ref().map_or(0, |authority| authority.ring().len()),
        }
    }

    /// Whom a request of `client` acts for; `None` for nobody.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
        client: IpAddr,
    ) -> Result<Option<Arc<Principal>>, Denied> {
        match bearer::token(headers)? {
            None => Ok(None),
            Some(bearer::Credentials::Token(token)) => Ok(Some(self.check(token, client).await?)),
            Some(bearer::Credentials::Unusable) => Err(self.refuse(client)),
        }
    }

    /// Whether whoever asks may use a route.
    pub(crate) fn permit(
        &self,
        access: &Access,
        principal: Option<&Principal>,
    ) -> Result<(), Denied> {
        match (access, principal) {
            (Access::Public, _) | (Access::SignedIn, Some(_)) => Ok(()),
            (Access::Implied(_), None) if !self.is_configured() => Ok(()),
            (Access::Scope(scope) | Access::Implied(scope), Some(who)) => {
                match who.has_scope(scope.as_str()) {
                    true => Ok(()),
                    false => Err(Denied::Scope(scope.clone())),
                }
            }
            (_, None) if !self.is_configured() => Err(Denied::NotConfigured),
            (_, None) => Err(Denied::NoToken),
        }
    }

    /// A token that was checked before costs one look-up. Bad tokens that others send from the same address
    /// never make a good one a bad one: they only end that key sets are fetched for it.
    async fn check(&self, token: &str, client: IpAddr) -> Result<Arc<Principal>, Denied> {
        let authority = self.authority.load();
        let Some(authority) = authority.as_ref() else { return Err(Denied::NotConfigured) };
        let now_s = now_s();
        let ring = authority.ring();
        if let Some(principal) = ring.known(token, now_s) {
            self.counts.accepted.fetch_add(1, Ordering::Relaxed);
            self.counts.from_cache.fetch_add(1, Ordering::Relaxed);
            return Ok(principal);
        }
        let checked = match ring.check(token, now_s) {
            Err(error)
                if authority.may_learn(&error) && self.failures.blocked_for(client).is_none() =>
            {
                // Boxed, so that the usual request does not carry the size of this.
                Box::pin(Arc::clone(authority).check_anew(token, now_s)).await
            }
            checked => checked,
        };
        match checked {
            Ok(principal) => {
                self.counts.accepted.fetch_add(1, Ordering::Relaxed);
                Ok(principal)
            }
            Err(error) => {
                tracing::debug!(%client, "a token is refused: {error}");
                Err(self.refuse(client))
            }
        }
    }

    fn refuse(&self, client: IpAddr) -> Denied {
        if let Some(retry_s) = self.failures.blocked_for(client) {
            self.counts.throttled.fetch_add(1, Ordering::Relaxed);
            return Denied::TooManyFailures { retry_s };
        }
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        self.failures.count(client);
        if self.is_configured() { Denied::BadToken } else { Denied::NotConfigured }
    }
}

/// Seconds since 1970.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
