//! What can be said of a component from its bytes alone. Nothing here runs or stores anything.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thali_contract::contract::{Contract, FunctionRef, Origin};
use thali_contract::events;
use thali_contract::manifest::calls::idempotent_functions;
use thali_contract::manifest::{LimitsSpec, Manifest};
use thali_contract::name::{Digest, InterfaceName, InvalidServiceName, ServiceName};
use thali_contract::pack::{self, Migration, Parts};
use thali_contract::read::{self, Shape};
use thali_contract::route::{Route, Routes};
use thali_platform::cache::{CACHE_BYTES_MAX, CACHE_BYTES_USUAL};
use thali_platform::events::EventLimits;
use thali_platform::schedules::Schedules;
use thali_runtime::{HostLimits, Limits};

use crate::error::DeployError;
use crate::outbound;
use crate::progress::{Progress, Step};
use crate::smoke::check_health;

/// Names that mean something else where a service's name may stand: `/health/live`.
const RESERVED_NAMES: [&str; 2] = ["live", "ready"];

/// A component that may become a revision.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) bytes: Bytes,
    pub(crate) digest: Digest,
    pub(crate) shape: Shape,
    pub(crate) contract: Arc<Contract>,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) routes: Arc<[Arc<Route>]>,
    pub(crate) schedules: Arc<Schedules>,
    /// Imports that it can do without.
    pub(crate) optional: Arc<[InterfaceName]>,
    /// Exported functions that may be called again.
    pub(crate) idempotent: Arc<[FunctionRef]>,
    pub(crate) migrations: Arc<[Migration]>,
    pub(crate) seed: Option<Arc<str>>,
}

/// Reads a component and checks everything that needs nobody else.
pub(crate) fn inspect(
    bytes: Bytes,
    digest: Digest,
    implied_routes: bool,
) -> Result<Candidate, DeployError> {
    inspect_telling(bytes, digest, implied_routes, &Progress::default())
}

/// The same, and tells how far it is.
pub(crate) fn inspect_telling(
    bytes: Bytes,
    digest: Digest,
    implied_routes: bool,
    progress: &Progress,
) -> Result<Candidate, DeployError> {
    let validating = progress.begin(Step::Validate);
    let read = || Ok((read::read(&bytes)?, pack::unpack(&bytes)?));
    let ((contract, shape), parts) = validating.end(read())?;
    let declaring = progress.begin(Step::Manifest);
    let manifest = manifest(&parts.manifest).inspect(|it| progress.is_of(&it.service.name));
    let declare = |manifest| {
        declared(bytes, digest, Component { contract, shape, parts, manifest }, implied_routes)
    };
    declaring.end(manifest.and_then(declare))
}

/// What was read of a component.
struct Component {
    contract: Contract,
    shape: Shape,
    parts: Parts,
    manifest: Manifest,
}

fn declared(
    bytes: Bytes,
    digest: Digest,
    component: Component,
    implied_routes: bool,
) -> Result<Candidate, DeployError> {
    let Component { contract, shape, parts, manifest } = component;
    check_name(&manifest.service.name)?;
    outbound::check_manifest(&manifest, &contract)?;
    let routes = routes(&manifest, &contract, implied_routes)?;
    let schedules = Schedules::check(&manifest, &contract).map_err(DeployError::InvalidManifest)?;
    let idempotent = idempotent_functions(&manifest.idempotent, &contract)
        .map_err(DeployError::InvalidManifest)?;
    events::check(&manifest, &contract).map_err(DeployError::InvalidEvents)?;
    check_health(&contract)?;
    Ok(Candidate {
        bytes,
        digest,
        shape,
        optional: optional(&manifest, &contract),
        idempotent: idempotent.into(),
        contract: Arc::new(contract),
        manifest: Arc::new(manifest),
        routes,
        schedules: Arc::new(schedules),
        migrations: parts.migrations.into(),
        seed: parts.seed.map(Arc::from),
    })
}

/// A name that no service can have is told apart from other mistakes: it is about where things are.
fn manifest(text: &str) -> Result<Manifest, DeployError> {
    Manifest::parse(text).map_err(|mistakes| match wrong_name(text) {
        Some(name) => DeployError::InvalidName(name),
        None => DeployError::InvalidManifest(mistakes),
    })
}

fn wrong_name(text: &str) -> Option<InvalidServiceName> {
    let document: toml::Table = text.parse().ok()?;
    let name = document.get("service")?.get("name")?.as_str()?;
    name.parse::<ServiceName>().err()
}

fn check_name(name: &ServiceName) -> Result<(), DeployError> {
    match RESERVED_NAMES.contains(&name.as_str()) {
        true => Err(DeployError::ReservedName(name.clone())),
        false => Ok(()),
    }
}

fn routes(
    manifest: &Manifest,
    contract: &Contract,
    implied_routes: bool,
) -> Result<Arc<[Arc<Route>]>, DeployError> {
    let routes = Routes::build(manifest, contract).map_err(DeployError::InvalidManifest)?;
    let wanted = routes.into_iter().filter(|route| implied_routes || !route.is_implied());
    Ok(wanted.map(Arc::new).collect())
}

fn optional(manifest: &Manifest, contract: &Contract) -> Arc<[InterfaceName]> {
    let imports = contract.service_imports().map(|(_, import)| &import.name);
    imports.filter(|name| manifest.is_optional(name)).cloned().collect()
}

impl Candidate {
    /// The service it wants to be.
    pub(crate) fn name(&self) -> &ServiceName {
        &self.manifest.service.name
    }

    /// Whether some of its answers are kept.
    pub(crate) fn keeps_answers(&self) -> bool {
        self.routes.iter().any(|route| route.is_idempotent())
    }

    /// Whether it gets a database: it asks for one, or there is something to put into it.
    pub(crate) fn wants_database(&self) -> bool {
        self.imports_platform("sql")
            || self.manifest.database.is_some()
            || !self.migrations.is_empty()
            || self.keeps_answers()
            || !self.schedules.is_empty()
            || self.publishes()
    }

    /// Whether it imports `thali:platform/NAME`.
    pub(crate) fn imports_platform(&self, name: &str) -> bool {
        let mut imports = self.contract.imports.iter().map(|import| &import.name);
        imports.any(|import| import.origin() == Origin::Platform && import.interface == name)
    }

    /// What its cache may weigh, in bytes.
    pub(crate) fn cache_bytes(&self) -> u64 {
        let asked = self.manifest.cache.and_then(|cache| cache.size_bytes);
        asked.unwrap_or(CACHE_BYTES_USUAL).min(CACHE_BYTES_MAX)
    }

    /// Whether it publishes events, which are kept in its database.
    pub(crate) fn publishes(&self) -> bool {
        self.contract.publishes().next().is_some()
    }

    /// What its events may take.
    pub(crate) fn event_limits(&self) -> EventLimits {
        let usual = EventLimits::default();
        let retention = self.manifest.events.as_ref().and_then(|events| events.retention);
        EventLimits { retention: retention.unwrap_or(usual.retention), ..usual }
    }

    /// The limits it asks for, and what the host allows where that is less.
    pub(crate) fn limits(&self) -> Limits {
        let LimitsSpec { memory_bytes, table_elements, timeout, cpu, concurrency, queue, reuse } =
            self.manifest.limits;
        let usual = Limits::default();
        Limits {
            timeout: timeout.unwrap_or(usual.timeout),
            cpu: cpu.unwrap_or(usual.cpu),
            memory_bytes: memory_bytes
                .map_or(usual.memory_bytes, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            table_elements: table_elements.map_or(usual.table_elements, |count| count as usize),
            concurrency: concurrency.unwrap_or(usual.concurrency),
            queue,
            reuse: reuse.unwrap_or(usual.reuse),
        }
    }

    /// Refuses what could not be instantiated under its own limits.
    pub(crate) fn check_shape(&self, host: &HostLimits) -> Result<(), DeployError> {
        let limits = self.limits().within(host);
        let Shape { memory_bytes, table_elements } = self.shape;
        let (memory_max, tables_max) = (limits.memory_bytes as u64, limits.table_elements as u64);
        let too_low = |what: String| Err(DeployError::LimitTooLow(what));
        if memory_bytes > memory_max {
            let most = host.memory_bytes_max;
            return too_low(format!(
                "the component begins with {memory_bytes} bytes of memory and may have {memory_max}: \
                 raise memory under [limits] in service.toml (this host allows {most})"
            ));
        }
        if table_elements > tables_max {
            let most = host.table_elements_max;
            return too_low(format!(
                "the component begins with {table_elements} table elements and may have {tables_max}: \
                 raise tables under [limits] in service.toml (this host allows {most})"
            ));
        }
        Ok(())
    }

    /// What it asked for and does not get.
    pub(crate) fn curtailed(&self, host: &HostLimits) -> Vec<String> {
        let LimitsSpec { memory_bytes, table_elements, timeout, cpu, concurrency, .. } =
            self.manifest.limits;
        let memory_max = u64::try_from(host.memory_bytes_max).unwrap_or(u64::MAX);
        let memory = memory_bytes.filter(|bytes| *bytes > memory_max).map(|bytes| {
            format!("limits.memory: asked for {bytes} bytes, gets {memory_max}, the most this host allows")
        });
        let time = |key, asked: Option<Duration>, most| {
            let asked = seconds(asked.filter(|asked| *asked > most)?);
            let most = seconds(most);
            Some(format!(
                "limits.{key}: asked for {asked} s, gets {most} s, the most this host allows"
            ))
        };
        let timeout = time("timeout", timeout, host.timeout_max);
        let cpu = time("cpu", cpu, host.cpu_max);
        let tables_max = host.table_elements_max;
        let tables = table_elements.filter(|count| *count as usize > tables_max).map(|count| {
            format!(
                "limits.tables: asked for {count}, gets {tables_max}, the most this host allows"
            )
        });
        let concurrency = concurrency.filter(|count| *count > host.instances_max).map(|count| {
            let most = host.instances_max;
            format!("limits.concurrency: asked for {count}, gets {most}, the most this host allows")
        });
        let cache = self.manifest.cache.map(|cache| cache.size_bytes.unwrap_or_default());
        let cache = cache.and_then(|bytes| match bytes {
            _ if !self.imports_platform("cache") => {
                Some("[cache] means nothing: the component does not import thali:platform/cache".into())
            }
            bytes if bytes > CACHE_BYTES_MAX => Some(format!(
                "cache.size: asked for {bytes} bytes, gets {CACHE_BYTES_MAX}, the most this host allows"
            )),
            _ => None,
        });
        let outbound = self.idle_outbound();
        [memory, tables, timeout, cpu, concurrency, cache, outbound].into_iter().flatten().collect()
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_meaning_of_their_own_are_reserved() {
        assert!(check_name(&"live".parse().unwrap()).is_err());
        assert!(check_name(&"orders".parse().unwrap()).is_ok());
    }
}
