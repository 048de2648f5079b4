//! `GET /metrics` on the admin listener, in the OpenMetrics text format.
//!
//! Nothing is kept here: the parts of the host count by atomics of their own, and each scrape reads them. So there is no
//! registry on the way of a request, and several hosts in one process do not mix. Labels are names of services and
//! templates of routes, never what a client sent.

mod collect;
mod family;
mod outbound;
mod revisions;
mod services;
mod traffic;

use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use thali_control::Control;
use thali_runtime::Runtime;

use crate::auth::Auth;
use crate::front::Fronts;
use crate::listen::Server;
use crate::streams::Streams;

pub(crate) use traffic::{Counts, Traffic};

/// What a scrape is answered with.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is measured on a host.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Registry>);

/// What the metrics are read from.
pub(crate) struct Sources {
    pub(crate) control: Arc<Control>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) fronts: Arc<Fronts>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) public: Arc<Server>,
    pub(crate) admin: Arc<Server>,
}

impl Metrics {
    /// Other parts of the host add their collectors here.
    pub(crate) fn new(sources: Sources) -> Self {
        let mut registry = Registry::with_prefix("thali");
        registry.register_collector(Box::new(services::Services(Arc::clone(&sources.control))));
        registry.register_collector(Box::new(outbound::Outbound(Arc::clone(&sources.control))));
        registry.register_collector(Box::new(revisions::Revisions(Arc::clone(&sources.control))));
        registry.register_collector(Box::new(collect::Gateway(sources)));
        Self(Arc::new(registry))
    }

    /// What there is to tell now.
    ///
    /// # Errors
    ///
    /// When it cannot be written as text.
    pub(crate) fn scrape(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}
