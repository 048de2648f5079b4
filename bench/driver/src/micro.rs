//! What happens inside one process: instances, calls between services, JSON. No sockets.
//!
//! The driver times these in turns and prints them in its table; `cargo bench -p thali-bench` gives
//! them to criterion.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use thali_contract::contract::{Contract, FunctionRef};
use thali_contract::json;
use thali_contract::manifest::Manifest;
use thali_contract::name::Digest;
use thali_contract::pack::unpack;
use thali_contract::read::read_contract;
use thali_contract::ty::Type;
use thali_runtime::{
    CacheKey, CallPolicies, Context, Extensions, HostLimits, Limits, NodeIndex, Revision,
    RevisionSpec, Runtime, RuntimeConfig, Topology,
};
use wasmtime::component::Val;

use crate::native;
use crate::order::ORDER;

/// Long enough for a whole batch to run under one context.
const DEADLINE: Duration = Duration::from_secs(60);

/// Uses of an instance that may be used again.
const REUSE: u32 = 1000;

/// One thing to time.
pub struct Micro {
    /// What it is called.
    pub name: &'static str,
    /// Does it so many times and says how long that took.
    pub run: Box<dyn FnMut(u64) -> Result<Duration>>,
}

/// The names of [`all`].
pub mod names {
    /// A fresh instance and one call.
    pub const FRESH: &str = "instance-fresh";
    /// One call into an instance that served before.
    pub const REUSED: &str = "instance-reused";
    /// The last service of the chain alone, instance reused.
    pub const CALLS_0: &str = "calls-0";
    /// One call from service to service, caller reused, provider fresh.
    pub const CALLS_1_FRESH: &str = "calls-1-fresh";
    /// One call from service to service, both reused.
    pub const CALLS_1_REUSED: &str = "calls-1-reused";
    /// Three calls, first caller reused, providers fresh.
    pub const CALLS_3_FRESH: &str = "calls-3-fresh";
    /// Three calls, all reused.
    pub const CALLS_3_REUSED: &str = "calls-3-reused";
    /// Fresh instances on all cores at once; the time is that of one of them, divided by the cores.
    pub const PARALLEL: &str = "instance-fresh-parallel";
    /// The order of the POST case from JSON to typed values.
    pub const DECODE: &str = "json-decode";
    /// The same with serde into structs.
    pub const DECODE_NATIVE: &str = "json-decode-serde";
    /// The item of the GET case from typed values to JSON.
    pub const ENCODE: &str = "json-encode";
    /// The same with serde from structs.
    pub const ENCODE_NATIVE: &str = "json-encode-serde";
}

/// Everything there is to time, with the components in `folder`.
///
/// # Errors
///
/// When a component is not there or does not run.
pub fn all(folder: &Path) -> Result<Vec<Micro>> {
    let config = RuntimeConfig {
        cache_dir: None,
        cache_key: CacheKey([0; 32]),
        limits: HostLimits::default(),
    };
    let runtime = Runtime::new(config, &[])?;
    let read = |name: &str| {
        let path = folder.join(format!("bench-{name}.wasm"));
        std::fs::read(&path)
            .with_context(|| format!("{}: run `just bench --quick`", path.display()))
    };
    let echo = read("echo")?;
    let [a, b, c, d] = [read("chain-a")?, read("chain-b")?, read("chain-c")?, read("chain-d")?];
    let get = Call { interface: "items", function: "get", params: vec![Val::U64(42)] };
    let ask = |interface| Call {
        interface,
        function: "ask",
        params: vec![Val::String("margherita".into()), Val::U32(2)],
    };
    let services = |components: &[(&[u8], u32)]| Services::prepare(&runtime, components);
    let fresh = services(&[(&echo, 1)])?;
    let mut micros = vec![
        fresh.micro(names::FRESH, &get)?,
        services(&[(&echo, REUSE)])?.micro(names::REUSED, &get)?,
        services(&[(&d, REUSE)])?.micro(names::CALLS_0, &ask("d"))?,
        services(&[(&c, REUSE), (&d, 1)])?.micro(names::CALLS_1_FRESH, &ask("c"))?,
        services(&[(&c, REUSE), (&d, REUSE)])?.micro(names::CALLS_1_REUSED, &ask("c"))?,
        services(&[(&a, REUSE), (&b, 1), (&c, 1), (&d, 1)])?
            .micro(names::CALLS_3_FRESH, &ask("a"))?,
        services(&[(&a, REUSE), (&b, REUSE), (&c, REUSE), (&d, REUSE)])?
            .micro(names::CALLS_3_REUSED, &ask("a"))?,
        fresh.parallel(names::PARALLEL, &get)?,
    ];
    micros.extend(json_micros(&fresh, &get)?);
    Ok(micros)
}

/// One function of the first service of a topology.
struct Call {
    interface: &'static str,
    function: &'static str,
    params: Vec<Val>,
}

/// Services that are linked to each other.
struct Services {
    runtime: Arc<Runtime>,
    topology: Arc<Topology>,
}

impl Services {
    /// Compiles and links components, each with how often an instance of it may serve.
    fn prepare(runtime: &Arc<Runtime>, components: &[(&[u8], u32)]) -> Result<Self> {
        let revisions = components.iter().map(|(bytes, reuse)| revision(runtime, bytes, *reuse));
        let topology = Topology::build(revisions.collect::<Result<_>>()?);
        Ok(Self { runtime: Arc::clone(runtime), topology: Arc::new(topology) })
    }

    fn contract(&self) -> &Contract {
        self.topology.revision(NodeIndex(0)).contract()
    }

    fn find(&self, call: &Call) -> Result<FunctionRef> {
        let found = self.contract().find(call.interface, call.function);
        found.with_context(|| format!("there is no {}.{}", call.interface, call.function))
    }

    fn micro(&self, name: &'static str, call: &Call) -> Result<Micro> {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let one = self.caller(call)?;
        let run = move |times| {
            let begin = Instant::now();
            tokio.block_on(one.clone().repeat(times))?;
            Ok(begin.elapsed())
        };
        checked(Micro { name, run: Box::new(run) })
    }

    /// The same on all cores, one task each.
    fn parallel(&self, name: &'static str, call: &Call) -> Result<Micro> {
        let tokio = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
        let cores = u64::try_from(tokio.metrics().num_workers())?;
        let one = self.caller(call)?;
        let run = move |times: u64| {
            let begin = Instant::now();
            tokio.block_on(async {
                let tasks = (0..cores).map(|_| tokio::spawn(one.clone().repeat(times / cores)));
                for task in tasks.collect::<Vec<_>>() {
                    task.await??;
                }
                anyhow::Ok(())
            })?;
            Ok(begin.elapsed())
        };
        checked(Micro { name, run: Box::new(run) })
    }

    fn caller(&self, call: &Call) -> Result<Caller> {
        Ok(Caller {
            runtime: Arc::clone(&self.runtime),
            topology: Arc::clone(&self.topology),
            function: self.find(call)?,
            params: call.params.clone().into(),
        })
    }
}

#[derive(Clone)]
struct Caller {
    runtime: Arc<Runtime>,
    topology: Arc<Topology>,
    function: FunctionRef,
    params: Arc<[Val]>,
}

impl Caller {
    async fn repeat(self, times: u64) -> Result<()> {
        for _ in 0..times {
            self.once().await?;
        }
        Ok(())
    }

    /// The answer of a function that must answer `ok`.
    async fn once(&self) -> Result<Val> {
        let context = Context::root(DEADLINE);
        let node = NodeIndex(0);
        let answer =
            self.runtime.invoke(&self.topology, node, self.function, &self.params, context).await;
        match answer.map_err(|fault| anyhow!("{fault}"))? {
            Some(Val::Result(Ok(Some(value)))) => Ok(*value),
            other => bail!("answered {other:?}"),
        }
    }
}

fn revision(runtime: &Runtime, bytes: &[u8], reuse: u32) -> Result<Arc<Revision>> {
    let manifest = Manifest::parse(&unpack(bytes)?.manifest);
    let service = manifest.map_err(|mistakes| anyhow!("{mistakes:?}"))?.service;
    let digest = Digest::of(bytes);
    let code = runtime.compile(bytes, &digest)?;
    let spec = RevisionSpec {
        service: service.name,
        number: 1,
        digest,
        version: service.version,
        contract: Arc::new(read_contract(bytes)?),
        limits: Limits { reuse, timeout: DEADLINE, ..Limits::default() },
        optional: Vec::new(),
        calls: CallPolicies::default(),
        idempotent: Vec::new(),
        extensions: Extensions::new(),
    };
    Ok(runtime.prepare(&code, spec)?)
}

/// Runs it once: what does not work is found before anything is timed.
fn checked(mut micro: Micro) -> Result<Micro> {
    (micro.run)(64).with_context(|| micro.name)?;
    Ok(micro)
}

/// JSON of the same shapes, ours and serde's.
fn json_micros(services: &Services, get: &Call) -> Result<Vec<Micro>> {
    let contract = services.contract();
    let place = contract.find("orders", "place").and_then(|at| contract.function(at));
    let (_, place) = place.context("there is no orders.place")?;
    let order: Type = place.params.first().context("orders.place takes nothing")?.ty.clone();
    let (_, function) = contract.function(services.find(get)?).context("there is no items.get")?;
    let item: Type = function.success().context("items.get returns nothing")?.clone();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let value = tokio.block_on(services.caller(get)?.once())?;
    let native_item = native::Item::get(42).context("there is no native item")?;
    [
        timed(names::DECODE, move || {
            json::decode(&order, ORDER).map_err(|mistakes| anyhow!("{mistakes:?}"))
        }),
        timed(names::DECODE_NATIVE, || Ok(serde_json::from_slice::<native::Order>(ORDER)?)),
        timed(names::ENCODE, move || {
            let mut out = Vec::with_capacity(1024);
            json::encode(&item, &value, &mut out)?;
            Ok(out)
        }),
        timed(names::ENCODE_NATIVE, move || Ok(serde_json::to_vec(&native_item)?)),
    ]
    .into_iter()
    .map(checked)
    .collect()
}

fn timed<T>(name: &'static str, mut work: impl FnMut() -> Result<T> + 'static) -> Micro {
    let run = move |times| {
        let begin = Instant::now();
        for _ in 0..times {
            std::hint::black_box(work()?);
        }
        Ok(begin.elapsed())
    };
    Micro { name, run: Box::new(run) }
}
