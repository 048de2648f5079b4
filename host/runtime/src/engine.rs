//! The engine with its settings, and the one [`Runtime`] everything goes through.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::admission::{AllShared, Gate, Room};
use crate::cache::{CacheKey, CodeCache};
use crate::calls::Circuits;
use crate::capability::Capability;
use crate::limits::HostLimits;
use crate::state::State;
use crate::topology::Topology;
use crate::trace::Tracer;
use crate::turns::Turns;

/// How often guests are asked to let others run: how long a task may wait behind a guest. Ticks of 1 to
/// 5 ms cost nothing that can be measured; a loop is noticed at most one tick after its deadline.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(1);

/// Memory that a pool slot keeps between instances, so that a fresh instance touches no page
/// tables: measured 35-54 µs without and 11-17 µs with it.
const KEEP_RESIDENT_BYTES: usize = 2 << 20;

/// The largest `VMContext` of an instance, for guests that bring an interpreter.
const INSTANCE_BYTES_MAX: usize = 10 << 20;

/// Core instances, memories and tables per component instance that the pool has room for on average.
const CORE_INSTANCES_PER_INSTANCE: u32 = 4;
const TABLES_PER_INSTANCE: u32 = 2;

/// What a [`Runtime`] is made from.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Where compiled code is kept; `None` compiles every time.
    pub cache_dir: Option<PathBuf>,
    /// The key that compiled code is authenticated with.
    pub cache_key: CacheKey,
    /// The limits of the host.
    pub limits: HostLimits,
}

/// Why a [`Runtime`] could not be made.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The engine refused every configuration that was tried.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// A capability could not be linked.
    #[error("the capability {interface} cannot be linked: {reason}")]
    Capability {
        /// The interface.
        interface: String,
        /// What the linker said.
        reason: String,
    },
    /// The folder for compiled code cannot be used.
    #[error("the cache folder {folder} cannot be used: {source}")]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// The thread that counts epochs does not start.
    #[error("no thread for the epoch ticker: {0}")]
    Ticker(std::io::Error),
}

/// The settings that are in force on this machine, after probing.
#[derive(Clone, Debug, Serialize)]
pub struct EngineReport {
    /// Instances that fit into the pool; 0 when there is no pool and instances are made on demand.
    pub pool_instances: u32,
    /// Whether the kernel tells which pages an instance dirtied (Linux 6.7 or newer).
    pub pagemap_scan: bool,
    /// Milliseconds between two chances for others to run.
    pub epoch_tick_ms: u64,
    /// Whether compiled code is kept on disk.
    pub code_cache: bool,
}

/// What runs at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeSnapshot {
    /// Requests from outside that have their permit.
    pub requests: usize,
    /// As many as may have one.
    pub requests_max: usize,
    /// Busy guests that compute.
    pub busy: usize,
    /// Busy guests that wait for a turn to compute.
    pub busy_waiting: usize,
}

/// The engine, what it links by default, and the permits for running on it.
pub struct Runtime {
    engine: Engine,
    linker: Linker<State>,
    granted: Vec<thali_contract::name::InterfaceName>,
    cache: Option<CodeCache>,
    limits: HostLimits,
    report: EngineReport,
    requests: Arc<Gate>,
    requests_max: usize,
    processors: usize,
    turns: Turns,
    /// What an idle instance holds instead of the topology of its last request.
    nowhere: Arc<Topology>,
    circuits: Circuits,
    shared: AllShared,
    tracer: Arc<Tracer>,
}

impl Runtime {
    /// Starts an engine, probing for the best settings this machine has.
    ///
    /// # Errors
    ///
    /// When no engine configuration works, a capability cannot be linked, or the cache folder cannot
    /// be used.
    pub fn new(
        config: RuntimeConfig,
        capabilities: &[&dyn Capability],
    ) -> Result<Arc<Self>, RuntimeError> {
        let (engine, mut report) = start_engine(&config.limits)?;
        let linker = base_linker(&engine, capabilities)?;
        let cache = config
            .cache_dir
            .map(|folder| {
                CodeCache::open(&folder, config.cache_key, &engine)
                    .map_err(|source| RuntimeError::Cache { folder, source })
            })
            .transpose()?;
        report.code_cache = cache.is_some();
        start_ticker(&engine).map_err(RuntimeError::Ticker)?;
        let requests_max = requests_max(&config.limits, &report);
        Ok(Arc::new(Self {
            engine,
            linker,
            granted: capabilities.iter().map(|capability| capability.interface()).collect(),
            cache,
            requests: Gate::new(Room {
                places_max: requests_max,
                places_min: requests_max,
                queue_max: config.limits.queue_max as usize,
            }),
            requests_max,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            turns: Turns::new(config.limits.busy_max),
            limits: config.limits,
            report,
            nowhere: Arc::new(Topology::build(Vec::new())),
            circuits: Circuits::default(),
            shared: AllShared::default(),
            tracer: Tracer::new(),
        }))
    }

    /// The settings that are in force.
    pub fn report(&self) -> &EngineReport {
        &self.report
    }

    /// Decides which requests are recorded: none, until it is started.
    pub fn tracer(&self) -> &Arc<Tracer> {
        &self.tracer
    }

    /// The limits of the host.
    pub fn limits(&self) -> &HostLimits {
        &self.limits
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn linker(&self) -> &Linker<State> {
        &self.linker
    }

    pub(crate) fn cache(&self) -> Option<&CodeCache> {
        self.cache.as_ref()
    }

    /// Requests from outside that run at the same time.
    pub fn requests_max(&self) -> usize {
        self.requests_max
    }

    pub(crate) fn requests(&self) -> &Arc<Gate> {
        &self.requests
    }

    /// What is left to a service whose guests keep the processors busy: two for each, so that none idles while a
    /// place changes hands or its owner waits for a database.
    pub(crate) fn places_min(&self) -> usize {
        self.processors * 2
    }

    /// What runs now.
    pub fn snapshot(&self) -> RuntimeSnapshot {
        let (busy, busy_waiting) = self.turns.taken_and_waiting();
        let requests = self.requests.counts().running;
        RuntimeSnapshot { requests, requests_max: self.requests_max, busy, busy_waiting }
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(crate) fn nowhere(&self) -> &Arc<Topology> {
        &self.nowhere
    }

    /// What the revisions of a service share.
    pub(crate) fn shared(&self) -> &AllShared {
        &self.shared
    }

    /// What is kept of calls between services.
    pub(crate) fn circuits(&self) -> &Circuits {
        &self.circuits
    }

    /// The platform interfaces that components may import.
    pub(crate) fn granted(&self) -> &[thali_contract::name::InterfaceName] {
        &self.granted
    }
}

/// A request may hold an instance per level of calls, so it gets room for four.
const INSTANCES_PER_REQUEST: u32 = 4;

fn requests_max(limits: &HostLimits, report: &EngineReport) -> usize {
    let by_pool = match report.pool_instances {
        0 => u32::MAX,
        instances => (instances / INSTANCES_PER_REQUEST).max(1),
    };
    limits.requests_max.clamp(1, by_pool) as usize
}

/// Tries pools from large to small (their address space may be limited), then no pool at all.
fn start_engine(limits: &HostLimits) -> Result<(Engine, EngineReport), RuntimeError> {
    let pagemap_scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut instances = limits.instances_max;
    let mut last = String::new();
    while instances >= 16 {
        let mut config = engine_config(limits);
        config.allocation_strategy(pool(limits, instances, pagemap_scan));
        match Engine::new(&config) {
            Ok(engine) => return Ok((engine, engine_report(instances, pagemap_scan))),
            Err(error) => last = format!("{error:#}"),
        }
        instances /= 2;
    }
    tracing::warn!(
        "no instance pool fits on this machine ({last}); instances are made on demand, which is slower"
    );
    let mut config = engine_config(limits);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    let engine =
        Engine::new(&config).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
    Ok((engine, engine_report(0, false)))
}

fn engine_report(pool_instances: u32, pagemap_scan: bool) -> EngineReport {
    let epoch_tick_ms = u64::try_from(EPOCH_TICK.as_millis()).unwrap_or(u64::MAX);
    EngineReport { pool_instances, pagemap_scan, epoch_tick_ms, code_cache: false }
}

/// What decides about the code: the same for every engine of this program.
pub(crate) fn engine_config(limits: &HostLimits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // The engine for `async` WIT functions is another one: this setting makes a call into a live
        // instance three times cheaper, and nothing here is async yet.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        .async_stack_size(limits.stack_bytes + (512 << 10))
        .memory_init_cow(true)
        // Proposals that components made for WASI 0.2 do not use stay off: less to attack.
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .gc_support(false)
        .wasm_threads(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

fn pool(limits: &HostLimits, instances: u32, pagemap_scan: bool) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_INSTANCE))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES_PER_INSTANCE))
        .total_stacks(instances)
        .max_memory_size(limits.memory_bytes_max)
        .max_component_instance_size(INSTANCE_BYTES_MAX)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .table_elements(limits.table_elements_max)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES)
        .pagemap_scan(if pagemap_scan { Enabled::Yes } else { Enabled::No });
    InstanceAllocationStrategy::Pooling(pool)
}

fn base_linker(
    engine: &Engine,
    capabilities: &[&dyn Capability],
) -> Result<Linker<State>, RuntimeError> {
    let mut linker = Linker::new(engine);
    let refused = |interface: String| {
        move |error: wasmtime::Error| RuntimeError::Capability {
            interface,
            reason: format!("{error:#}"),
        }
    };
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(refused("wasi".into()))?;
    for capability in capabilities {
        let interface = capability.interface().to_string();
        capability.link(&mut linker).map_err(refused(interface))?;
    }
    Ok(linker)
}

/// Counts epochs as long as the engine is in use.
fn start_ticker(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("epoch".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(EPOCH_TICK);
            }
        })
        .map(drop)
}

/// An engine without a pool, for tests.
#[cfg(test)]
pub(crate) fn plain() -> Engine {
    Engine::new(&engine_config(&HostLimits::default())).unwrap()
}
