//! A revision: one component of a service, compiled and linked, ready to be instantiated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use semver::Version;
use thali_contract::contract::{Contract, FunctionRef, Interface};
use thali_contract::name::{Digest, InterfaceName, ServiceName};
use thiserror::Error;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::admission::{Gate, GateCounts, Room, Shared};
use crate::calls::{CallPolicies, Upstream};
use crate::engine::Runtime;
use crate::extensions::Extensions;
use crate::invoke::Idle;
use crate::limits::Limits;
use crate::link;
use crate::outcomes::Outcomes;
use crate::output::Speaker;
use crate::state::State;
use crate::trace::Source;
use crate::trap_log::{Say, TrapLog};
use crate::turns::Crowd;
use crate::usage::Usage;

/// Instances of one revision that wait to be used again, when its manifest allows reuse.
const IDLE_MAX: usize = 64;

/// Compiled code.
#[derive(Clone)]
pub struct Code {
    component: Component,
    cached: bool,
}

/// Why a component could not be compiled.
#[derive(Debug, Error)]
#[error("the component does not compile: {0}")]
pub struct CompileError(pub String);

/// Why a compiled component cannot be run here.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// It imports something that nobody offers.
    #[error("the component imports {0}, which this host does not offer")]
    NotGranted(String),
    /// It cannot be linked.
    #[error("the component cannot be linked: {0}")]
    Link(String),
    /// An export of its contract is not in the component.
    #[error("the component does not export {0}")]
    MissingExport(String),
}

/// What a revision is made from, besides its code.
pub struct RevisionSpec {
    /// The service.
    pub service: ServiceName,
    /// The revision's number, counted from 1 within the service.
    pub number: u32,
    /// The digest of the component's bytes.
    pub digest: Digest,
    /// The version in the manifest.
    pub version: Version,
    /// What it exports and imports.
    pub contract: Arc<Contract>,
    /// What it may use; cut down to what the host allows.
    pub limits: Limits,
    /// Imports that it can do without.
    pub optional: Vec<InterfaceName>,
    /// How it calls other services.
    pub calls: CallPolicies,
    /// Exported functions that may be called again when nobody knows how a call ended.
    pub idempotent: Vec<FunctionRef>,
    /// What capabilities find by type.
    pub extensions: Extensions,
}

/// One deployed component of a service. It is freed when the last topology and the last request that
/// hold it let go.
pub struct Revision {
    spec: RevisionSpec,
    source: Arc<Source>,
    speaker: Arc<Speaker>,
    tag: Box<str>,
    pre: InstancePre<State>,
    functions: Box<[Box<[Exported]>]>,
    upstreams: Box<[Arc<Upstream>]>,
    shared: Arc<Shared>,
    room: Room,
    idle: Option<ArrayQueue<Idle>>,
    in_flight: AtomicUsize,
    trap_log: TrapLog,
    invocations: AtomicU64,
    traps: AtomicU64,
    outcomes: Outcomes,
}

/// An exported function: where it is, and what it is called in logs.
pub(crate) struct Exported {
    pub(crate) index: ComponentExportIndex,
    pub(crate) name: Arc<str>,
    pub(crate) returns: bool,
    idempotent: bool,
}

impl Code {
    pub(crate) fn new(component: Component, cached: bool) -> Self {
        Self { component, cached }
    }

    /// Whether it came from the cache.
    pub fn cached(&self) -> bool {
        self.cached
    }
}

impl Runtime {
    /// Compiles a component, or loads what was compiled of it before. Takes from a millisecond to
    /// seconds, so keep it off the async threads.
    ///
    /// # Errors
    ///
    /// When the bytes are not a component that this engine takes.
    pub fn compile(&self, bytes: &[u8], digest: &Digest) -> Result<Code, CompileError> {
        let engine = self.engine();
        let Some(cache) = self.cache() else {
            let component = Component::from_binary(engine, bytes).map_err(compile_error)?;
            return Ok(Code { component, cached: false });
        };
        if let Some(component) = cache.load(engine, digest) {
            return Ok(Code { component, cached: true });
        }
        let compiled = engine.precompile_component(bytes).map_err(compile_error)?;
        if let Err(error) = cache.store(digest, &compiled) {
            tracing::warn!(%digest, "compiled code is not cached: {error}");
            let component = Component::from_binary(engine, bytes).map_err(compile_error)?;
            return Ok(Code { component, cached: false });
        }
        let component = match cache.load(engine, digest) {
            Some(component) => component,
            // What was just written cannot be read: the host's trouble, not the component's.
            None => Component::from_binary(engine, bytes).map_err(compile_error)?,
        };
        Ok(Code { component, cached: false })
    }

    /// Checks that everything a component imports is offered here, before it is compiled.
    ///
    /// # Errors
    ///
    /// [`PrepareError::NotGranted`] with the first import that is not.
    pub fn check_imports(&self, contract: &Contract) -> Result<(), PrepareError> {
        link::check_imports(self, contract)
    }

    /// Deletes the compiled code of a component that will not be needed again.
    pub fn forget(&self, digest: &Digest) {
        if let Some(cache) = self.cache() {
            cache.remove(digest);
        }
    }

    /// Links compiled code: WASI, the platform's capabilities, and calls to other services.
    ///
    /// # Errors
    ///
    /// When an import is not offered here, or an export of the contract is missing.
    pub fn prepare(&self, code: &Code, spec: RevisionSpec) -> Result<Arc<Revision>, PrepareError> {
        let spec = RevisionSpec { limits: spec.limits.within(self.limits()), ..spec };
        let (linker, upstreams) = link::link(self, &spec)?;
        let pre = linker
            .instantiate_pre(&code.component)
            .map_err(|error| PrepareError::Link(format!("{error:#}")))?;
        let functions = exported(&code.component, &spec)?;
        let reuse = spec.limits.reuse > 1;
        let room = Room {
            places_max: spec.limits.concurrency as usize,
            places_min: self.places_min(),
            queue_max: spec.limits.queue() as usize,
        };
        Ok(Arc::new(Revision {
            source: Arc::new(Source {
                service: spec.service.as_str().into(),
                version: spec.version.to_string().into(),
                revision: spec.number,
            }),
            speaker: Arc::new(Speaker::new(spec.service.as_str(), spec.number)),
            tag: format!("{}/{}", spec.service, spec.number).into(),
            shared: self.shared().of(&spec.service, room),
            room,
            idle: reuse.then(|| ArrayQueue::new(IDLE_MAX)),
            spec,
            pre,
            functions,
            upstreams,
            in_flight: AtomicUsize::new(0),
            trap_log: TrapLog::default(),
            invocations: AtomicU64::new(0),
            traps: AtomicU64::new(0),
            outcomes: Outcomes::default(),
        }))
    }
}

pub(crate) fn compile_error(error: wasmtime::Error) -> CompileError {
    CompileError(format!("{error:#}"))
}

/// Finds every exported function once, so that a request does not look it up by name.
fn exported(
    component: &Component,
    spec: &RevisionSpec,
) -> Result<Box<[Box<[Exported]>]>, PrepareError> {
    let in_interface = |(at, interface): (u32, &Interface)| {
        let name = interface.name.to_string();
        let missing = |what: String| PrepareError::MissingExport(what);
        let instance =
            component.get_export_index(None, &name).ok_or_else(|| missing(name.clone()))?;
        let exported = (0..).zip(&interface.functions).map(|(position, function)| {
            let index = component
                .get_export_index(Some(&instance), &function.name)
                .ok_or_else(|| missing(format!("{name}.{}", function.name)))?;
            let label = format!("{}.{}", interface.name.interface, function.name);
            let idempotent =
                spec.idempotent.contains(&FunctionRef { interface: at, function: position });
            let returns = function.result.is_some();
            Ok(Exported { index, name: label.into(), returns, idempotent })
        });
        exported.collect::<Result<Box<[_]>, _>>()
    };
    (0..).zip(&spec.contract.exports).map(in_interface).collect()
}

impl Revision {
    /// The service it belongs to.
    pub fn service(&self) -> &ServiceName {
        &self.spec.service
    }

    /// Its number within the service, from 1.
    pub fn number(&self) -> u32 {
        self.spec.number
    }

    /// The digest of its component.
    pub fn digest(&self) -> &Digest {
        &self.spec.digest
    }

    /// The version in its manifest.
    pub fn version(&self) -> &Version {
        &self.spec.version
    }

    /// What it exports and imports.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.spec.contract
    }

    /// What it may use.
    pub fn limits(&self) -> &Limits {
        &self.spec.limits
    }

    /// What belongs to it, by type.
    pub fn extensions(&self) -> &Extensions {
        &self.spec.extensions
    }

    /// Invocations that run now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Invocations begun since it was prepared.
    pub fn invocations(&self) -> u64 {
        self.invocations.load(Ordering::Relaxed)
    }

    /// Invocations that trapped.
    pub fn traps(&self) -> u64 {
        self.traps.load(Ordering::Relaxed)
    }

    /// How its invocations ended.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Lines of its invocations that were not logged because there were too many in a second.
    pub fn log_lines_dropped(&self) -> u64 {
        self.speaker.dropped()
    }

    /// Whether the manifest says the service can do without this import.
    pub fn is_optional(&self, import: &InterfaceName) -> bool {
        self.spec.optional.iter().any(|optional| optional.same_interface(import))
    }

    /// The interfaces that it calls other services by.
    pub fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    /// Whether a call of this function may be made again when nobody knows how it ended.
    pub(crate) fn is_idempotent(&self, at: FunctionRef) -> bool {
        self.exported(at).is_some_and(|exported| exported.idempotent)
    }

    pub(crate) fn label(&self) -> Arc<str> {
        Arc::clone(&self.source.service)
    }

    /// What its spans are about.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Who its invocations speak as.
    pub(crate) fn speaker(&self) -> &Arc<Speaker> {
        &self.speaker
    }

    pub(crate) fn pre(&self) -> &InstancePre<State> {
        &self.pre
    }

    pub(crate) fn exported(&self, at: FunctionRef) -> Option<&Exported> {
        self.functions.get(at.interface as usize)?.get(at.function as usize)
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.shared.gate
    }

    /// Its service has the room that its limits say, from now on.
    pub(crate) fn fit_gate(&self) {
        self.gate().fit(self.room);
    }

    /// Who runs, who waits, and who was turned away, of all revisions of its service.
    pub fn admissions(&self) -> GateCounts {
        self.gate().counts()
    }

    pub(crate) fn crowd(&self) -> &Crowd {
        &self.shared.crowd
    }

    /// What the instances of its service use, over all its revisions.
    pub fn usage(&self) -> &Arc<Usage> {
        &self.shared.usage
    }

    /// Instances that wait to be used again.
    pub fn idle_instances(&self) -> usize {
        self.idle.as_ref().map_or(0, ArrayQueue::len)
    }

    pub(crate) fn idle(&self) -> Option<&ArrayQueue<Idle>> {
        self.idle.as_ref()
    }

    /// Any of its functions.
    pub(crate) fn any_exported(&self) -> Option<&Exported> {
        self.functions.iter().flatten().next()
    }

    pub(crate) fn take_idle(&self) -> Option<Idle> {
        self.idle.as_ref()?.pop()
    }

    /// `service/number`, such as `orders/7`.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Counts a trap; answers whether it is logged.
    pub(crate) fn count_trap(&self) -> Say {
        self.traps.fetch_add(1, Ordering::Relaxed);
        self.trap_log.trapped(std::time::Instant::now())
    }

    /// Counts one invocation for as long as the guard lives.
    pub(crate) fn enter(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.invocations.fetch_add(1, Ordering::Relaxed);
        self.usage().begun();
        InFlight(self)
    }
}

/// One running invocation.
pub(crate) struct InFlight<'a>(&'a Revision);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
