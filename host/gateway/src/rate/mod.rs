//! Rate limits: how often a client may call a route, and a service.
//!
//! What clients have sent is kept for the host and not for a revision, so a deploy gives nobody anything back. An
//! algorithm of our own, because the ones there are keep their state in a limiter that goes with its limit, and in
//! maps that grow with their keys.
//!
//! The headers are those of draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy` says what there is, `RateLimit`
//! what is left of it (`r`) and in how many seconds all of it is back (`t`).

mod buckets;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, HeaderValue};
use thali_contract::manifest::edge::{RateKey, RateSpec};
use thali_contract::name::ServiceName;
use thali_contract::problem::Problem;
use thali_contract::route::Route;

use crate::client::network;
use buckets::{Buckets, Taken};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What the host says of rates, besides the manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateConfig {
    /// For services that have no limit of their own. Default none.
    pub default: Option<Arc<RateSpec>>,
    /// For these services, whatever their manifests say.
    pub services: BTreeMap<ServiceName, Arc<RateSpec>>,
    /// Clients that are told apart at the same time, over all limits. Default 65,536: a megabyte.
    pub keys_max: usize,
}

/// The rate limits of a host.
pub(crate) struct Rates {
    buckets: Buckets,
    config: ArcSwap<RateConfig>,
    refused: AtomicU64,
}

/// Whose request it is.
pub(crate) struct Caller<'a> {
    /// The principal's, if there is one.
    pub(crate) subject: Option<&'a str>,
    pub(crate) address: IpAddr,
    pub(crate) headers: &'a HeaderMap,
}

/// What the client is told of its limits, with every answer of a route that has one.
#[derive(Debug, Default)]
pub(crate) struct Stamp {
    policies: String,
    limits: String,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { default: None, services: BTreeMap::new(), keys_max: 65_536 }
    }
}

impl Rates {
    pub(crate) fn new(config: RateConfig) -> Self {
        Self {
            buckets: Buckets::new(config.keys_max),
            config: ArcSwap::from_pointee(config),
            refused: AtomicU64::new(0),
        }
    }

    /// Limits clients otherwise from now on. What they have sent is not forgotten.
    pub(crate) fn change(&self, config: RateConfig) {
        self.config.store(Arc::new(config));
    }

    /// Requests that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Counts a request; the problem is there when it may not pass. `None` for a route without a limit.
    pub(crate) fn take(
        &self,
        service: &ServiceName,
        route: &Route,
        caller: &Caller<'_>,
    ) -> Option<(Stamp, Option<Problem>)> {
        let edge = route.edge();
        let config = self.config.load();
        let of_service = config.of_service(service, edge.service_rate.as_ref());
        if edge.rate.is_none() && of_service.is_none() {
            return None;
        }
        let mut stamp = Stamp::default();
        let of_route =
            edge.rate.as_deref().map(|rate| (ROUTE, rate, Some((route.method(), route.path()))));
        // The narrower one first: what it refuses is not counted by the other.
        for (name, rate, place) in
            of_route.into_iter().chain(of_service.map(|rate| (SERVICE, rate, None)))
        {
            let key = self.buckets.key((service.as_str(), place, caller.key(&rate.by)));
            let taken = self.buckets.take(key, rate);
            stamp.add(name, rate, &taken);
            if let Some(retry_after) = taken.retry_after {
                self.refused.fetch_add(1, Relaxed);
                return Some((stamp, Some(problem(name, rate, retry_after))));
            }
        }
        Some((stamp, None))
    }
}

impl RateConfig {
    fn of_service<'a>(
        &'a self,
        service: &ServiceName,
        own: Option<&'a Arc<RateSpec>>,
    ) -> Option<&'a RateSpec> {
        let override_of = || self.services.get(service);
        let forced = if self.services.is_empty() { None } else { override_of() };
        forced.or(own).or(self.default.as_ref()).map(|rate| &**rate)
    }
}

const ROUTE: &str = "route";
const SERVICE: &str = "service";

impl Caller<'_> {
    /// What tells one caller from another.
    fn key(&self, by: &RateKey) -> impl std::hash::Hash {
        let value = match by {
            RateKey::Ip => None,
            RateKey::Subject => self.subject.map(str::as_bytes),
            RateKey::Header(name) => self.headers.get(name).map(HeaderValue::as_bytes),
        };
        // Somebody named like an address is not that address.
        match value {
            Some(value) => (Some(value), None),
            None => (None, Some(network(self.address))),
        }
    }
}

impl Stamp {
    fn add(&mut self, name: &str, rate: &RateSpec, taken: &Taken) {
        let comma = if self.limits.is_empty() { "" } else { ", " };
        let (per, full) = (seconds(rate.per), seconds(taken.full_after));
        // Writing to a String does not fail.
        let _ = write!(self.policies, "{comma}\"{name}\";q={};w={per}", rate.limit);
        let _ = write!(self.limits, "{comma}\"{name}\";r={};t={full}", taken.remaining);
    }

    /// Tells the client.
    pub(crate) fn complete(&self, headers: &mut HeaderMap) {
        let fields = [(RATE_LIMIT_POLICY, &self.policies), (RATE_LIMIT, &self.limits)];
        for (name, text) in fields {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
    }
}

fn problem(name: &str, rate: &RateSpec, retry_after: Duration) -> Problem {
    let what = if name == ROUTE { "this route takes" } else { "this service takes" };
    Problem::new(429, "rate_limited", "Too many requests")
        .detail(format!("{what} {rate}; slow down, and come again when Retry-After is over"))
        .retry_after(u32::try_from(seconds(retry_after)).unwrap_or(u32::MAX).max(1))
}

/// Rounded up: who comes back after so many seconds is not early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
