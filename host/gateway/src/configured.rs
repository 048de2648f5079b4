//! What the host is told: who knows it, and what of it can be changed while the host serves.
//!
//! The gateway does not know where it comes from. The program that runs it does, and says so here.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use serde_json::Value;
use thali_contract::problem::Mistake;

use crate::client::Proxies;
use crate::dress::DressConfig;
use crate::front::{FrontConfig, Fronts};
use crate::listen::Server;

/// Knows what the host is told, and reads it again.
pub trait Configuration: Send + Sync {
    /// Every setting as it holds: `{"key", "value", "origin", "reloadable"}` each, and of secrets no value.
    fn settings(&self) -> Value;

    /// Reads everything again and makes it hold: all of it, or nothing. Answers what became of it.
    fn reload(&self) -> BoxFuture<'_, Result<Value, NotReloaded>>;
}

/// Why what the host is told stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReloaded {
    /// What is wrong, in a sentence.
    pub detail: String,
    /// Every mistake, with its place.
    pub mistakes: Vec<Mistake>,
}

/// The place of the one who knows; empty until there is one.
#[derive(Default)]
pub struct Configured(OnceLock<Box<dyn Configuration>>);

/// What is in front of all routes, to be changed while the host serves. Requests that run keep what they began with.
#[derive(Clone)]
pub struct Doors {
    pub(crate) fronts: Arc<Fronts>,
    pub(crate) server: Arc<Server>,
    pub(crate) dress: Arc<ArcSwap<DressConfig>>,
}

impl Configured {
    /// Says who knows. Only the first call counts.
    pub fn is_known_by(&self, configuration: impl Configuration + 'static) {
        let _ = self.0.set(Box::new(configuration));
    }

    /// Who knows.
    pub fn get(&self) -> Option<&dyn Configuration> {
        self.0.get().map(|configuration| &**configuration)
    }
}

impl Doors {
    /// Changes all of it. How many clients rate limits tell apart stays.
    pub fn change(&self, proxies: Proxies, front: FrontConfig, dress: DressConfig) {
        self.server.believe(proxies);
        self.fronts.change(front);
        self.dress.store(Arc::new(dress));
    }
}
