//! What the admin API and the command line show of the services.

use std::time::Duration;

use jiff::Timestamp;
use semver::Version;
use serde::Serialize;
use thali_contract::access::Access;
use thali_contract::contract::{Interface, Origin};
use thali_contract::manifest::Manifest;
use thali_contract::manifest::edge::CorsRule;
use thali_contract::name::{Digest, InterfaceName, ServiceName};
use thali_contract::route::Route;
use thali_runtime::{Limits, NodeIndex};

use crate::breakers::CallStatus;
use crate::drain::Drains;
use crate::live::{Absent, Live, LiveService};
use crate::outbound::OutboundStatus;
use crate::record::{RevisionRecord, ServiceRecord, Source};
use crate::rollout::{Change, RolloutStatus, Share};
use crate::settings::{ConfigStatus, SecretStatus};

/// Whether a service serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// It does.
    Running,
    /// An interface it cannot do without has no provider.
    Waiting,
    /// Its database cannot be used.
    Unavailable,
    /// It could not be brought back after a restart.
    Failed,
    /// It was taken away.
    Removed,
}

/// A line of the list of services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: ServiceName,
    /// Whether it serves.
    pub state: ServiceState,
    /// What it waits for, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The live revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// The version in its manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The digest of its component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Since when that revision is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_since: Option<Timestamp>,
    /// One line for people; may be empty.
    pub description: String,
    /// How many routes it has.
    pub routes: usize,
    /// Invocations that run now.
    pub in_flight: usize,
    /// Invocations that the live revision has begun since the host started.
    pub invocations: u64,
    /// How many of them trapped.
    pub traps: u64,
    /// The other live revisions, with their shares.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<Share>,
}

/// One service in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceDetails {
    /// What the list shows.
    #[serde(flatten)]
    pub status: ServiceStatus,
    /// The revision a rollback would lead to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
    /// Its revisions, the newest first.
    pub revisions: Vec<RevisionStatus>,
    /// The rollout that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// The latest changes, the newest first.
    pub history: Vec<Change>,
    /// Revisions that are replaced and still serve.
    pub draining: Vec<DrainStatus>,
    /// Its routes.
    pub routes: Vec<RouteStatus>,
    /// What it exports.
    pub exports: Vec<ExportStatus>,
    /// What it imports.
    pub imports: Vec<ImportStatus>,
    /// How its calls to other services go.
    pub calls: Vec<CallStatus>,
    /// What it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsStatus>,
    /// Its settings.
    pub config: Vec<ConfigStatus>,
    /// The secrets that it declares.
    pub secrets: Vec<SecretStatus>,
    /// Where it may send HTTP requests to; absent when nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound: Option<OutboundStatus>,
}

/// A revision of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevisionStatus {
    /// Its number.
    pub number: u32,
    /// Whether it is the live one; of several the stable one.
    pub live: bool,
    /// The version in its manifest.
    pub version: Version,
    /// The digest of its component.
    pub digest: Digest,
    /// The size of its component.
    pub bytes: u64,
    /// When it was first deployed.
    pub deployed_at: Timestamp,
    /// How it came.
    pub source: Source,
    /// Whether it was deployed although it broke a contract.
    pub forced: bool,
}

/// A revision that is replaced and still serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DrainStatus {
    /// Its number.
    pub revision: u32,
    /// Invocations that run now.
    pub in_flight: usize,
}

/// A route of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteStatus {
    /// The HTTP method.
    pub method: &'static str,
    /// The path template, under `/api/v1`.
    pub path: String,
    /// `interface.function`
    pub call: String,
    /// The status of a success.
    pub status: u16,
    /// How often it may be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// The origins whose pages may call it; absent when the host decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Vec<String>>,
    /// Whether its work goes on when the client leaves.
    pub detached: bool,
    /// What a caller needs: `public`, `signed in`, or a scope.
    pub access: String,
}

/// An interface that a service exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportStatus {
    /// Its full name.
    pub interface: InterfaceName,
    /// Its functions.
    pub functions: Vec<String>,
    /// The services that call it.
    pub consumers: Vec<ServiceName>,
}

/// An interface that a service imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportStatus {
    /// Its full name.
    pub interface: InterfaceName,
    /// Who provides it.
    #[serde(flatten)]
    pub provider: Provider,
    /// Whether the service can do without.
    pub optional: bool,
}

/// Who provides an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum Provider {
    /// The host itself.
    Host,
    /// A service.
    Service {
        /// Its name.
        service: ServiceName,
        /// Its live revision.
        revision: u32,
    },
    /// Nobody.
    Missing,
}

/// What a service may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitsStatus {
    /// Milliseconds of one invocation.
    pub timeout_ms: u64,
    /// Milliseconds that one invocation may compute.
    pub cpu_ms: u64,
    /// Bytes of memory of one invocation.
    pub memory_bytes: usize,
    /// Table elements of one invocation.
    pub table_elements: usize,
    /// Invocations at the same time; absent without a limit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Requests that may wait for one of those to end.
    pub queue: u32,
    /// How often its routes may be called, all together, by its manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// Invocations that one instance serves.
    pub reuse: u32,
}

impl ServiceState {
    /// The state of the service `name`.
    pub(crate) fn of(live: &Live, name: &ServiceName) -> Self {
        match live.service(name) {
            Some(service) => Self::of_live(service).0,
            None if live.is_known(name) => Self::Failed,
            None => Self::Removed,
        }
    }

    /// The state of a live service, and why it does not serve.
    fn of_live(service: &LiveService) -> (Self, Option<String>) {
        if let Some(interface) = &service.waiting_for {
            return (Self::Waiting, Some(format!("nobody provides {interface}")));
        }
        match service.care.as_ref().and_then(|care| care.trouble()) {
            Some(trouble) => (Self::Unavailable, Some(trouble)),
            None => (Self::Running, None),
        }
    }
}

impl ServiceStatus {
    /// Every service that is live or should be, by name.
    pub(crate) fn of_all(live: &Live) -> Vec<Self> {
        let failed =
            live.absent().iter().filter_map(|(name, absent)| Self::of_failed(name, absent));
        let mut all: Vec<_> = live.services.iter().map(Self::of_live).chain(failed).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn of_live(service: &LiveService) -> Self {
        let revision = &service.revision;
        let (state, reason) = ServiceState::of_live(service);
        Self {
            name: service.name().clone(),
            state,
            reason,
            revision: Some(revision.number()),
            version: Some(revision.version().clone()),
            digest: Some(*revision.digest()),
            live_since: service.record.live_since,
            description: service.manifest.service.description.clone(),
            routes: service.routes.len(),
            in_flight: revision.in_flight(),
            invocations: revision.invocations(),
            traps: revision.traps(),
            canaries: service
                .record
                .rollout
                .as_ref()
                .map_or_else(Vec::new, |rollout| rollout.canaries.clone()),
        }
    }

    /// `None` for a service that is not even supposed to be there.
    fn of_failed(name: &ServiceName, absent: &Absent) -> Option<Self> {
        let reason = absent.failure.clone()?;
        let record = absent.record.as_ref();
        let revision = record.and_then(|record| record.live_revision());
        Some(Self {
            name: name.clone(),
            state: ServiceState::Failed,
            reason: Some(reason),
            revision: revision.map(|revision| revision.number),
            version: revision.map(|revision| revision.version.clone()),
            digest: revision.map(|revision| revision.digest),
            live_since: None,
            description: String::new(),
            routes: 0,
            in_flight: 0,
            invocations: 0,
            traps: 0,
            canaries: Vec::new(),
        })
    }
}

impl ServiceDetails {
    /// The service `name` in full, unless it is not even supposed to be there.
    pub(crate) fn of(live: &Live, name: &ServiceName, drains: &Drains) -> Option<Self> {
        let record = live.record(name).map(|record| &**record);
        let (Some(slot), Some(service)) = (live.slot(name), live.service(name)) else {
            let status = ServiceStatus::of_failed(name, live.absent().get(name)?)?;
            return Some(Self::new(status, record, name, drains));
        };
        let details = Self::new(ServiceStatus::of_live(service), record, name, drains);
        let node = NodeIndex(u32::try_from(slot).ok()?);
        Some(Self {
            routes: service.routes.iter().map(|route| RouteStatus::of(route)).collect(),
            exports: exports(live, service, node),
            imports: imports(live, service, node),
            calls: CallStatus::all(service),
            limits: Some(LimitsStatus::of(service.revision.limits(), &service.manifest)),
            rollout: RolloutStatus::of(service),
            config: ConfigStatus::all(&service.settings),
            secrets: SecretStatus::all(&service.settings),
            outbound: OutboundStatus::of(&service.revision),
            ..details
        })
    }

    fn new(
        status: ServiceStatus,
        record: Option<&ServiceRecord>,
        name: &ServiceName,
        drains: &Drains,
    ) -> Self {
        let revisions = record.map_or(&[][..], |record| &record.revisions).iter().rev();
        let live = record.and_then(|record| record.live);
        let draining = drains.of(name);
        Self {
            status,
            previous: record.and_then(ServiceRecord::previous).map(|previous| previous.number),
            revisions: revisions.map(|revision| RevisionStatus::of(revision, live)).collect(),
            rollout: None,
            history: record.map_or_else(Vec::new, history),
            draining: draining
                .iter()
                .map(|old| DrainStatus { revision: old.number(), in_flight: old.in_flight() })
                .collect(),
            routes: Vec::new(),
            exports: Vec::new(),
            imports: Vec::new(),
            calls: Vec::new(),
            limits: None,
            config: Vec::new(),
            secrets: Vec::new(),
            outbound: None,
        }
    }
}

/// Changes that are shown with a service; the others are asked for.
const HISTORY_SHOWN: usize = 10;

fn history(record: &ServiceRecord) -> Vec<Change> {
    record.changes.iter().rev().take(HISTORY_SHOWN).cloned().collect()
}

impl RevisionStatus {
    fn of(revision: &RevisionRecord, live: Option<u32>) -> Self {
        let RevisionRecord { number, digest, version, bytes, deployed_at, source, forced } =
            revision.clone();
        let live = live == Some(number);
        Self { number, live, version, digest, bytes, deployed_at, source, forced }
    }
}

impl RouteStatus {
    fn of(route: &Route) -> Self {
        Self {
            method: route.method().as_str(),
            path: route.path().to_owned(),
            call: format!("{}.{}", route.interface().interface, route.function_name()),
            status: route.status(),
            rate: route.edge().rate.as_ref().map(ToString::to_string),
            cors: match &route.edge().cors {
                CorsRule::Inherit => None,
                CorsRule::Off => Some(Vec::new()),
                CorsRule::Allow(spec) => Some(spec.origins.clone()),
            },
            detached: route.edge().detached,
            access: match route.access() {
                Access::Public => "public".into(),
                Access::SignedIn => "signed in".into(),
                Access::Scope(scope) => scope.to_string(),
                Access::Implied(scope) => format!("{scope}, where tokens are checked"),
            },
        }
    }
}

impl LimitsStatus {
    fn of(limits: &Limits, manifest: &Manifest) -> Self {
        Self {
            timeout_ms: milliseconds(limits.timeout),
            cpu_ms: milliseconds(limits.cpu),
            memory_bytes: limits.memory_bytes,
            table_elements: limits.table_elements,
            concurrency: Some(limits.concurrency).filter(|count| *count != u32::MAX),
            queue: limits.queue(),
            rate: manifest.rate.as_ref().map(ToString::to_string),
            reuse: limits.reuse,
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn exports(live: &Live, service: &LiveService, node: NodeIndex) -> Vec<ExportStatus> {
    let consumers = |export: &Interface| {
        let nodes = (0..).map(NodeIndex).zip(&live.services);
        let calls = |(at, _): &(NodeIndex, &LiveService)| {
            live.topology.providers(*at).any(|(import, provider)| {
                provider == node && import.name.same_interface(&export.name)
            })
        };
        nodes.filter(calls).map(|(_, consumer)| consumer.name().clone()).collect()
    };
    let exports = service.revision.contract().exports.iter();
    exports
        .map(|export| ExportStatus {
            interface: export.name.clone(),
            functions: export.functions.iter().map(|function| function.name.clone()).collect(),
            consumers: consumers(export),
        })
        .collect()
}

fn imports(live: &Live, service: &LiveService, node: NodeIndex) -> Vec<ImportStatus> {
    let imports = service.revision.contract().imports.iter();
    imports
        .map(|import| ImportStatus {
            interface: import.name.clone(),
            provider: provider(live, node, import),
            optional: service.revision.is_optional(&import.name),
        })
        .collect()
}

fn provider(live: &Live, node: NodeIndex, import: &Interface) -> Provider {
    if import.name.origin() != Origin::Service {
        return Provider::Host;
    }
    let mut providers = live.topology.providers(node);
    match providers.find(|(provided, _)| provided.name == import.name) {
        Some((_, at)) => {
            let revision = live.topology.revision(at);
            Provider::Service { service: revision.service().clone(), revision: revision.number() }
        }
        None => Provider::Missing,
    }
}
