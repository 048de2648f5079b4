//! Small components written as text, and the one way tests run them.

use std::sync::Arc;
use std::time::Duration;

use semver::Version;
use thali_contract::contract::FunctionRef;
use thali_contract::name::{Digest, InterfaceName};
use thali_contract::read::read_contract;
use thali_runtime::{
    CacheKey, CallPolicies, Capability, Context, Extensions, Fault, HostLimits, Limits,
    PrepareError, Revision, RevisionSpec, Runtime, RuntimeConfig, State, Topology,
};
use wasmtime::component::{Linker, Val};

/// `thali:platform/park`: a host function that never returns, and one that leaves something open.
pub(crate) struct Park;

impl Capability for Park {
    fn interface(&self) -> InterfaceName {
        "thali:platform/park@1.0.0".parse().unwrap()
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        let mut park = linker.instance("thali:platform/park@1.0.0")?;
        park.func_wrap("hold", |mut store, (): ()| {
            store.data_mut().hold();
            Ok(())
        })?;
        park.func_wrap("panic", |_, (): ()| -> wasmtime::Result<()> { panic!("on purpose") })?;
        park.func_wrap_async("park", |_, (): ()| {
            Box::new(async { std::future::pending::<wasmtime::Result<()>>().await })
        })
    }
}

pub(crate) fn runtime() -> Arc<Runtime> {
    runtime_with(HostLimits { instances_max: 200, ..HostLimits::default() })
}

pub(crate) fn runtime_with(limits: HostLimits) -> Arc<Runtime> {
    let config = RuntimeConfig { cache_dir: None, cache_key: CacheKey([0; 32]), limits };
    Runtime::new(config, &[&Park]).unwrap()
}

pub(crate) fn prepare(
    runtime: &Runtime,
    service: &str,
    wat: &str,
    limits: Limits,
) -> Result<Arc<Revision>, PrepareError> {
    prepare_with(runtime, service, wat, |spec| spec.limits = limits)
}

/// The same, with something else in its manifest.
pub(crate) fn prepare_with(
    runtime: &Runtime,
    service: &str,
    wat: &str,
    change: impl FnOnce(&mut RevisionSpec),
) -> Result<Arc<Revision>, PrepareError> {
    let bytes = wat::parse_str(wat).unwrap();
    let digest = Digest::of(&bytes);
    let code = runtime.compile(&bytes, &digest).unwrap();
    let mut spec = RevisionSpec {
        service: service.parse().unwrap(),
        number: 1,
        digest,
        version: Version::new(1, 0, 0),
        contract: Arc::new(read_contract(&bytes).unwrap()),
        limits: Limits::default(),
        optional: Vec::new(),
        calls: CallPolicies::default(),
        idempotent: Vec::new(),
        extensions: Extensions::new(),
    };
    change(&mut spec);
    runtime.prepare(&code, spec)
}

/// Services that run together.
pub(crate) struct TestHost {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) topology: Arc<Topology>,
}

impl TestHost {
    pub(crate) fn new(services: &[(&str, &str)]) -> Self {
        Self::with(services, Limits { timeout: Duration::from_millis(200), ..Limits::default() })
    }

    pub(crate) fn with(services: &[(&str, &str)], limits: Limits) -> Self {
        Self::on(runtime(), services, limits)
    }

    /// These revisions together.
    pub(crate) fn of(runtime: &Arc<Runtime>, revisions: &[Arc<Revision>]) -> Self {
        let topology = Arc::new(Topology::build(revisions.to_vec()));
        Self { runtime: Arc::clone(runtime), topology }
    }

    pub(crate) fn on(runtime: Arc<Runtime>, services: &[(&str, &str)], limits: Limits) -> Self {
        let prepared = services
            .iter()
            .map(|(name, wat)| prepare(&runtime, name, wat, limits.clone()).unwrap());
        let topology = Arc::new(Topology::build(prepared.collect()));
        Self { runtime, topology }
    }

    pub(crate) fn revision(&self, service: &str) -> &Arc<Revision> {
        self.topology.revision(self.topology.node(service).unwrap())
    }

    /// Calls `service`'s function `run` of its first exported interface that has one.
    pub(crate) async fn run(&self, service: &str) -> Result<Option<Val>, Fault> {
        self.run_for(service, Duration::from_secs(10)).await
    }

    /// The same, for a request that may take `timeout`.
    pub(crate) async fn run_for(
        &self,
        service: &str,
        timeout: Duration,
    ) -> Result<Option<Val>, Fault> {
        let node = self.topology.node(service).unwrap();
        let contract = self.topology.revision(node).contract();
        let function = (0..)
            .zip(&contract.exports)
            .find_map(|(interface, export)| {
                let at = export.functions.iter().position(|f| f.name == "run")?;
                Some(FunctionRef { interface, function: u32::try_from(at).ok()? })
            })
            .unwrap();
        let context = Context::root(timeout);
        self.runtime.invoke(&self.topology, node, function, &[], context).await
    }
}

/// A component that exports `test:NAME/api` with `run: func() -> u32` over this core code.
pub(crate) fn guest(name: &str, core: &str) -> String {
    format!(
        r#"(component
            (core module $m {core})
            (core instance $i (instantiate $m))
            (func $run (result u32) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "test:{name}/api@1.0.0" (instance $api)))"#
    )
}

/// A component whose `run` calls `callee`'s `run` and adds one.
pub(crate) fn consumer(name: &str, callee: &str) -> String {
    format!(
        r#"(component
            (import "test:{callee}/api@1.0.0" (instance $p (export "run" (func (result u32)))))
            (core func $call (canon lower (func $p "run")))
            (core module $m
                (import "p" "run" (func $call (result i32)))
                (func (export "run") (result i32) (i32.add (call $call) (i32.const 1))))
            (core instance $i (instantiate $m (with "p" (instance (export "run" (func $call))))))
            (func $run (result u32) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "test:{name}/api@1.0.0" (instance $api)))"#
    )
}

/// `run: func() -> result<u32, error>` with `enum error { broken, unavailable }`: traps when `core`
/// does, else answers `ok`.
pub(crate) fn fallible(name: &str, core: &str) -> String {
    format!(
        r#"(component
            (type $error' (enum "broken" "unavailable"))
            (core module $m (memory (export "mem") 1) {core})
            (core instance $i (instantiate $m))
            (type $error (enum "broken" "unavailable"))
            (type $run-type (func (result (result u32 (error $error)))))
            (func $run (type $run-type) (canon lift (core func $i "run") (memory (core memory $i "mem"))))
            (component $shim
                (import "import-error" (type $e (eq $error')))
                (import "import-run" (func $run (result (result u32 (error $e)))))
                (export $e2 "error" (type $e))
                (export "run" (func $run) (func (result (result u32 (error $e2))))))
            (instance $api (instantiate $shim
                (with "import-error" (type $error))
                (with "import-run" (func $run))))
            (export "test:{name}/api@1.0.0" (instance $api)))"#
    )
}

/// Calls [`fallible`]'s `run` and answers 0 for `ok`, 1 + the error's number otherwise.
pub(crate) fn degrading_consumer(name: &str, callee: &str) -> String {
    format!(
        r#"(component
            (import "test:{callee}/api@1.0.0" (instance $p
                (type $error' (enum "broken" "unavailable"))
                (export "error" (type $error (eq $error')))
                (export "run" (func (result (result u32 (error $error)))))))
            (core module $memory (memory (export "mem") 1))
            (core instance $memory (instantiate $memory))
            (core func $call (canon lower (func $p "run") (memory (core memory $memory "mem"))))
            (core module $m
                (import "p" "run" (func $call (param i32)))
                (import "p" "mem" (memory 1))
                (func (export "run") (result i32)
                    (call $call (i32.const 64))
                    (if (result i32) (i32.load8_u (i32.const 64))
                        (then (i32.add (i32.const 1) (i32.load8_u (i32.const 68))))
                        (else (i32.const 0)))))
            (core instance $i (instantiate $m (with "p" (instance
                (export "run" (func $call))
                (export "mem" (memory $memory "mem"))))))
            (func $run (result u32) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "test:{name}/api@1.0.0" (instance $api)))"#
    )
}
