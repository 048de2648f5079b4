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
use thali_runtime::{Lineup, NodeIndex, Revision, Topology};

use crate::care::Care;
use crate::contracts::Party;
use crate::record::ServiceRecord;
use crate::rollout::StickyBy;

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
    /// The slots of the services that have canaries.
    pub rolling: Box<[usize]>,
    absent: Arc<BTreeMap<ServiceName, Absent>>,
    openapi: OnceLock<Bytes>,
}

/// A service that has a live revision. Unless it says otherwise, everything is about the stable one.
#[derive(Clone)]
pub struct LiveService {
    /// What is known of it.
    pub record: Arc<ServiceRecord>,
    /// Its live revision; the stable one, when there are several.
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
    /// The other live revisions, in the order of the rollout.
    pub canaries: Arc<[Canary]>,
}

/// A live revision that is not the stable one. A request that meets it finds the routes that it has.
#[derive(Clone)]
pub struct Canary {
    /// The service as it would be if this revision were the stable one.
    pub service: LiveService,
    /// Its routes.
    pub routes: Arc<RouteTable>,
    /// Its place in the topology.
    pub node: NodeIndex,
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
            rolling: Box::default(),
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
        let lineups: Vec<_> = line.services.values().map(LiveService::lineup).collect();
        let topology = Arc::new(Topology::of(&lineups));
        let services = topology.stable().zip(line.services.into_values());
        let services: Vec<_> = services.map(|(node, live)| live.placed(&topology, node)).collect();
        let rolling = services.iter().enumerate().filter(|(_, live)| !live.canaries.is_empty());
        let rolling = rolling.map(|(slot, _)| slot).collect();
        let absent = Arc::new(line.absent);
        Ok(Self {
            generation,
            topology,
            routes,
            services,
            rolling,
            absent,
            openapi: OnceLock::new(),
        })
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

    /// The next value, with these services in place of what was live under their names.
    pub(crate) fn following(
        &self,
        services: impl IntoIterator<Item = LiveService>,
    ) -> Result<Self, RouteConflict> {
        let mut line = self.line();
        line.services.extend(services.into_iter().map(|live| (live.name().clone(), live)));
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
        let others = || self.services.iter().filter(|live| live.name() != name);
        check_routes(others().map(|live| (live.name(), &*live.routes)).chain([(name, routes)]))?;
        for canary in others().flat_map(|live| live.canaries.iter()) {
            check_routes([(canary.service.name(), &*canary.service.routes), (name, routes)])?;
        }
        Ok(())
    }

    /// A service by its name.
    pub fn service(&self, name: &ServiceName) -> Option<&LiveService> {
        self.services.get(self.slot(name)?)
    }

    /// The place of a live revision in the topology.
    pub fn node(&self, name: &ServiceName, number: u32) -> Option<NodeIndex> {
        let stable = self.topology.node(name.as_str())?;
        let mut nodes = self.topology.revisions_of(stable).iter().copied();
        nodes.find(|node| self.topology.revision(*node).number() == number)
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

    /// Every live revision of the services other than `name`, as the contract checks see it.
    pub(crate) fn others(&self, name: &ServiceName) -> Vec<Party<'_>> {
        let others = self.services.iter().filter(|live| live.name() != name);
        others.flat_map(|live| live.revisions().map(LiveService::party)).collect()
    }

    /// What a revision of `name` may meet: the stable revisions of the other services, then the same
    /// with each canary in the place of its stable revision.
    pub(crate) fn views(&self, name: &ServiceName) -> Vec<Vec<Party<'_>>> {
        let others = || self.services.iter().filter(|live| live.name() != name);
        let stable: Vec<_> = others().map(LiveService::party).collect();
        let canaries = others().enumerate().flat_map(|(at, live)| {
            live.canaries.iter().map(move |canary| (at, canary.service.party()))
        });
        let beside = canaries.map(|(at, canary)| {
            let mut view = stable.clone();
            view.splice(at..=at, [canary]);
            view
        });
        let beside: Vec<_> = beside.collect();
        std::iter::once(stable).chain(beside).collect()
    }
}

/// Whether all these routes can be there at once.
fn check_routes<'a>(
    services: impl IntoIterator<Item = (&'a ServiceName, &'a [Arc<Route>])>,
) -> Result<(), RouteConflict> {
    let services = services.into_iter().enumerate();
    let services =
        services.map(|(slot, (service, routes))| ServiceRoutes { slot, service, routes });
    RouteTable::build(services).map(drop)
}

impl LiveService {
    /// Its name.
    pub fn name(&self) -> &ServiceName {
        self.revision.service()
    }

    /// The service as each of its live revisions has it, the stable one first.
    pub fn revisions(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.canaries.iter().map(|canary| &canary.service))
    }

    /// The service as it is with this record and these canaries.
    pub(crate) fn rolling(
        self,
        record: &Arc<ServiceRecord>,
        canaries: impl IntoIterator<Item = Self>,
    ) -> Result<Self, RouteConflict> {
        let canaries = canaries.into_iter().map(|canary| canary.beside(record));
        let canaries = canaries.collect::<Result<_, _>>()?;
        Ok(Self { record: Arc::clone(record), canaries, ..self })
    }

    fn beside(self, record: &Arc<ServiceRecord>) -> Result<Canary, RouteConflict> {
        let service = Self { record: Arc::clone(record), canaries: Arc::default(), ..self };
        let routes = ServiceRoutes { slot: 0, service: service.name(), routes: &service.routes };
        let routes = Arc::new(RouteTable::build([routes])?);
        // The topology that it will be in is made later.
        Ok(Canary { routes, service, node: NodeIndex(0) })
    }

    fn lineup(&self) -> Lineup {
        let rollout = self.record.rollout.as_ref();
        let percent = |number| rollout.and_then(|rollout| rollout.percent_of(number));
        let canaries = self.canaries.iter().map(|canary| {
            let revision = &canary.service.revision;
            (Arc::clone(revision), percent(revision.number()).unwrap_or_default().get())
        });
        Lineup {
            stable: Arc::clone(&self.revision),
            canaries: canaries.collect(),
            sticky: self.record.sticky.as_ref().map(StickyBy::sticky),
        }
    }

    /// The service in its place.
    fn placed(self, topology: &Topology, stable: NodeIndex) -> Self {
        let waiting_for = |node| topology.waiting_for(node).cloned();
        let canaries = topology.revisions_of(stable).iter().skip(1).zip(self.canaries.iter());
        let canaries = canaries.map(|(node, canary)| Canary {
            service: Self { waiting_for: waiting_for(*node), ..canary.service.clone() },
            routes: Arc::clone(&canary.routes),
            node: *node,
        });
        Self { waiting_for: waiting_for(stable), canaries: canaries.collect(), ..self }
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
