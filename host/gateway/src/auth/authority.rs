//! The keys of one configuration: those that are given, and those that are fetched.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use thali_runtime::Principal;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::config::{AuthConfig, AuthError};
use super::jwks::{KeySet, Refreshed};
use super::key::Key;
use super::ring::Ring;
use super::token::TokenError;

/// Requests that wait for key sets at the same time, over all clients.
const LEARNERS_MAX: usize = 64;

/// The pause after a key set could not be fetched.
const RETRY: Duration = Duration::from_secs(30);

/// The keys of one configuration.
pub(super) struct Authority {
    config: AuthConfig,
    given: Vec<Arc<Key>>,
    sets: Vec<Arc<KeySet>>,
    ring: ArcSwap<Ring>,
    /// Rings are made one after the other, each of what has been fetched by then.
    making: Mutex<()>,
    learners: Semaphore,
}

impl Authority {
    /// Takes over what was fetched before by key sets that stay. Those that are fetched begin to be, when
    /// there is a runtime to do it.
    pub(super) fn open(config: AuthConfig, before: Option<&Self>) -> Result<Arc<Self>, AuthError> {
        if config.keys.is_empty() && config.jwks.is_empty() {
            return Err(AuthError::NoKeys);
        }
        let given = config.keys.iter().zip(1..);
        let given = given.map(|(key, place)| Key::of_config(key, place, &config).map(Arc::new));
        let given = given.collect::<Result<Vec<_>, _>>()?;
        for (at, key) in given.iter().enumerate() {
            let earlier = given.iter().take(at);
            if let Some(kid) = key.kid()
                && earlier.filter_map(|key| key.kid()).any(|other| other == kid)
            {
                return Err(AuthError::SameKid(kid.to_owned()));
            }
        }
        let same = before.filter(|before| {
            before.config.issuer == config.issuer && before.config.audience == config.audience
        });
        let set = |jwks| {
            let kept = same.and_then(|same| same.sets.iter().find(|set| set.is_of(jwks)));
            KeySet::open(jwks.clone(), kept.map(|set| set.keys()).unwrap_or_default())
        };
        let sets = config.jwks.iter().map(set).collect::<Result<Vec<_>, _>>()?;
        let leeway_s = config.leeway.as_secs();
        let ring = ArcSwap::from_pointee(Ring::new(given.clone(), leeway_s));
        let authority = Arc::new(Self {
            config,
            given,
            sets,
            ring,
            making: Mutex::default(),
            learners: Semaphore::new(LEARNERS_MAX),
        });
        authority.make_ring();
        for set in &authority.sets {
            tokio::spawn(keep_fresh(Arc::downgrade(&authority), Arc::clone(set)));
        }
        Ok(authority)
    }

    /// The keys that count now.
    pub(super) fn ring(&self) -> Guard<Arc<Ring>> {
        self.ring.load()
    }

    /// Whether a key that is not known yet might make the token a good one.
    pub(super) fn may_learn(&self, error: &TokenError) -> bool {
        !self.sets.is_empty() && matches!(error, TokenError::UnknownKey { is_named: true })
    }

    /// Fetches the key sets, unless that was done a moment ago, and looks at the token again.
    pub(super) async fn check_anew(
        self: Arc<Self>,
        token: &str,
        now_s: u64,
    ) -> Result<Arc<Principal>, TokenError> {
        // Who finds no room is not told apart from who has waited in vain.
        if let Ok(_waiting) = self.learners.try_acquire() {
            for set in &self.sets {
                self.refresh(set, set.config().refresh_floor).await;
            }
        }
        self.ring().check(token, now_s)
    }

    /// Fetches a key set, unless the last try ended less than `floor` ago. Only keys that are not those of before make
    /// another ring: what is known of tokens is forgotten with one.
    async fn refresh(&self, set: &KeySet, floor: Duration) {
        if set.refresh(floor, &self.config).await == Refreshed::Changed {
            self.make_ring();
        }
    }

    fn make_ring(&self) {
        let _turn = self.making.lock();
        let fetched = self.sets.iter().flat_map(|set| set.keys());
        let keys = self.given.iter().cloned().chain(fetched).collect();
        self.ring.store(Arc::new(Ring::new(keys, self.config.leeway.as_secs())));
    }
}

/// Fetches a key set again and again, for as long as its configuration is the one that counts.
async fn keep_fresh(authority: Weak<Authority>, set: Arc<KeySet>) {
    loop {
        let Some(held) = authority.upgrade() else { return };
        held.refresh(&set, Duration::ZERO).await;
        drop(held);
        let config = set.config();
        sleep(if set.is_fresh() { config.refresh } else { RETRY }).await;
    }
}
