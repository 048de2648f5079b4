//! What the host serves at one moment, as one immutable value behind one pointer.
//!
//! A change builds the next value and swaps it in. A request holds the one it began with, so it sees
//! every service at exactly one revision until it ends.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use thali_contract::manifest::Manifest;
use thali_contract::name::{Digest, InterfaceName, ServiceName};
use thali_contract::openapi::{self, ServiceDoc};
use thali_contract::route::{Route, RouteConflict, RouteTable, ServiceRoutes};
use thali_platform::config::Settings;
use thali_runtime::{NodeIndex, Revision, Topology};

use crate::care::Care;
use crate::contracts::Party;
use crate::record::ServiceRecord;

/// What the host serves at one moment.
pub struct Live {
    /// Grows by one with every change.
    pub generation: u64,
    /// The live revisions and how they call each other.
    pub topology: Arc<Topology>,
    /// The routes of all services.
    pub routes: RouteTable,
    /// The services by name; the index of one is its slot in `routes` and its node in `topology`.
    pub services: Vec<LiveService>,
    absent: Arc<BTreeMap<ServiceName, Absent>>,
    openapi: OnceLock<Bytes>,
}

/// A service that has a live revision.
#[derive(Clone)]
pub struct LiveService {
    /// What is known of it.
    pub record: Arc<ServiceRecord>,
    /// Its live revision.
    pub revision: Arc<Revision>,
    /// The manifest of that revision.
    pub manifest: Arc<Manifest>,
    /// The routes of that revision.
    pub routes: Arc<[Arc<Route>]>,
    /// Imports that it can do without.
    pub(crate) optional: Arc<[InterfaceName]>,
    /// What operators set for it.
    pub(crate) settings: Arc<Settings>,
    /// Its database, if it has one.
    pub care: Option<Arc<Care>>,
    /// The interface that has to be there before the service can serve, and is not.
    pub waiting_for: Option<InterfaceName>,
}

/// A service that is known and not live.
#[derive(Clone, Debug)]
pub(crate) struct Absent {
    /// What is known of it, if that could be read.
    pub(crate) record: Option<Arc<ServiceRecord>>,
    /// Why it could not be brought up; `None` for a service that was removed.
    pub(crate) failure: Option<String>,
}

/// The parts of a [`Live`] that changes are made of.
#[derive(Clone, Default)]
pub(crate) struct Line {
    pub(crate) services: BTreeMap<ServiceName, LiveService>,
    pub(crate) absent: BTreeMap<ServiceName, Absent>,
}

impl Live {
    /// A host without services.
    pub(crate) fn empty() -> Self {
        Self {
            generation: 0,
            topology: Arc::new(Topology::build(Vec::new())),
            routes: RouteTable::default(),
            services: Vec::new(),
            absent: Arc::default(),
            openapi: OnceLock::new(),
        }
    }

    /// Wires the services and their routes.
    pub(crate) fn build(generation: u64, line: Line) -> Result<Self, RouteConflict> {
        let routes =
            RouteTable::build(line.services.iter().enumerate().map(|(slot, (service, live))| {
                ServiceRoutes { slot, service, routes: &live.routes }
            }))?;
        let revisions = line.services.values().map(|live| Arc::clone(&live.revision)).collect();
        let topology = Arc::new(Topology::build(revisions));
        let services = (0..).map(NodeIndex).zip(line.services.into_values());
        let services = services
            .map(|(node, live)| LiveService {
                waiting_for: topology.waiting_for(node).cloned(),
                ..live
            })
            .collect();
        let absent = Arc::new(line.absent);
        Ok(Self { generation, topology, routes, services, absent, openapi: OnceLock::new() })
    }

    /// The parts this value was built from, to build the next one from.
    fn line(&self) -> Line {
        let services = self.services.iter().map(|live| (live.name().clone(), live.clone()));
        Line { services: services.collect(), absent: BTreeMap::clone(&self.absent) }
    }

    /// The next value, with this service in place of what was live under its name.
    pub(crate) fn with(&self, service: LiveService) -> Result<Self, RouteConflict> {
        let mut line = self.line();
        line.absent.remove(service.name());
        line.services.insert(service.name().clone(), service);
        Self::build(self.generation + 1, line)
    }

    /// The next value, without this service.
    pub(crate) fn without(
        &self,
        name: &ServiceName,
        absent: Absent,
    ) -> Result<Self, RouteConflict> {
        let mut line = self.line();
        line.services.remove(name);
        line.absent.insert(name.clone(), absent);
        Self::build(self.generation + 1, line)
    }

    /// Whether these routes of the service `name` can be there beside those of the others.
    pub(crate) fn check_routes(
        &self,
        name: &ServiceName,
        routes: &[Arc<Route>],
    ) -> Result<(), RouteConflict> {
        let others = self.services.iter().filter(|live| live.name() != name);
        let others = others.map(|live| (live.name(), &*live.routes));
        let all = others.chain([(name, routes)]).enumerate();
        RouteTable::build(all.map(|(slot, (service, routes))| ServiceRoutes {
            slot,
            service,
            routes,
        }))
        .map(drop)
    }

    /// A service by its name.
    pub fn service(&self, name: &ServiceName) -> Option<&LiveService> {
        self.services.get(self.slot(name)?)
    }

    /// The index of a service in [`Live::services`].
    pub fn slot(&self, name: &ServiceName) -> Option<usize> {
        self.services.binary_search_by(|live| live.name().cmp(name)).ok()
    }

    /// The OpenAPI 3.1 document of all routes; made at the first call.
    pub fn openapi(&self) -> Bytes {
        let make = || {
            let docs: Vec<_> = self.services.iter().map(LiveService::doc).collect();
            Bytes::from(openapi::document(&docs, &openapi::Info::default()))
        };
        self.openapi.get_or_init(make).clone()
    }

    /// The services that are known and not live.
    pub(crate) fn absent(&self) -> &BTreeMap<ServiceName, Absent> {
        &self.absent
    }

    /// Whether the service is live or should be.
    pub(crate) fn is_known(&self, name: &ServiceName) -> bool {
        let failed = self.absent.get(name).is_some_and(|absent| absent.failure.is_some());
        failed || self.slot(name).is_some()
    }

    /// What is known of a service, live or not.
    pub(crate) fn record(&self, name: &ServiceName) -> Option<&Arc<ServiceRecord>> {
        match self.service(name) {
            Some(live) => Some(&live.record),
            None => self.absent.get(name)?.record.as_ref(),
        }
    }

    /// The live service that runs this component.
    pub(crate) fn running(&self, digest: Digest) -> Option<&LiveService> {
        self.services.iter().find(|live| *live.revision.digest() == digest)
    }

    /// The record of the service that the watched folder last held as this component. A service that
    /// could not be brought up is none: its component is welcome wherever it comes from.
    pub(crate) fn taken_from_folder(&self, digest: Digest) -> Option<&ServiceRecord> {
        let absent = self.absent.values().filter(|absent| absent.failure.is_none());
        let absent = absent.filter_map(|absent| absent.record.as_deref());
        let mut records = self.services.iter().map(|live| &*live.record).chain(absent);
        records.find(|record| record.folder_digest == Some(digest))
    }

    /// The services other than `name`, as the contract checks see them.
    pub(crate) fn others(&self, name: &ServiceName) -> Vec<Party<'_>> {
        self.services.iter().filter(|live| live.name() != name).map(LiveService::party).collect()
    }
}

impl LiveService {
    /// Its name.
    pub fn name(&self) -> &ServiceName {
        self.revision.service()
    }

    /// As the contract checks see it.
    pub(crate) fn party(&self) -> Party<'_> {
        Party { name: self.name(), contract: self.revision.contract(), optional: &self.optional }
    }

    fn doc(&self) -> ServiceDoc<'_> {
        ServiceDoc {
            manifest: &self.manifest,
            contract: self.revision.contract(),
            routes: &self.routes,
        }
    }
}
