//! A host without HTTP, and services made of a few lines of text.

mod guest;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;
use thali_contract::name::{Digest, ServiceName};
use thali_control::{
    Cause, Control, ControlConfig, DeployError, DeployOptions, Deployed, Removed, ServiceDetails,
    ServiceState, Source, Traffic, open_data,
};
use thali_platform::events::Outbox;
use thali_platform::sql::{Databases, SqlLimits, Statement, Value};
use thali_runtime::{CacheKey, Context, Fault, HostLimits, Runtime, RuntimeConfig, TraceContext};
use uuid::Uuid;
use wasmtime::component::Val;

pub(crate) use guest::{Guest, guest};

/// A host, on a data folder of its own unless it is given one.
pub(crate) struct TestHost {
    dir: PathBuf,
    _own: Option<TempDir>,
    config: ControlConfig,
    running: Option<Running>,
}

struct Running {
    control: Arc<Control>,
    runtime: Arc<Runtime>,
    databases: Arc<Databases>,
}

impl TestHost {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ControlConfig)) -> Self {
        let mut config = ControlConfig::default();
        change(&mut config);
        let own = tempfile::tempdir().unwrap();
        let mut host = Self { dir: own.path().into(), _own: Some(own), config, running: None };
        host.start().await;
        host
    }

    pub(crate) async fn on(dir: &Path) -> Self {
        let config = ControlConfig::default();
        let mut host = Self { dir: dir.into(), _own: None, config, running: None };
        host.start().await;
        host
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.running.as_ref().unwrap().control
    }

    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    pub(crate) async fn start(&mut self) {
        self.running = Some(start(&self.dir, self.config.clone()).await);
    }

    pub(crate) async fn restart(&mut self) {
        self.stop();
        self.start().await;
    }

    pub(crate) async fn restart_with(&mut self, change: impl FnOnce(&mut ControlConfig)) {
        change(&mut self.config);
        self.restart().await;
    }

    pub(crate) async fn try_deploy(&self, bytes: Bytes) -> Result<Deployed, DeployError> {
        self.control().deploy(bytes, DeployOptions::default()).await
    }

    pub(crate) async fn deploy(&self, guest: Guest) -> Deployed {
        self.try_deploy(guest.build()).await.unwrap()
    }

    pub(crate) async fn refuse(&self, guest: Guest) -> DeployError {
        self.try_deploy(guest.build()).await.unwrap_err()
    }

    pub(crate) async fn force(&self, guest: Guest) -> Deployed {
        let options = DeployOptions { force: true, ..DeployOptions::default() };
        self.control().deploy(guest.build(), options).await.unwrap()
    }

    pub(crate) async fn deploy_from_folder(&self, guest: Guest) -> Deployed {
        let options = DeployOptions { source: Source::Folder, ..DeployOptions::default() };
        self.control().deploy(guest.build(), options).await.unwrap()
    }

    pub(crate) async fn rollback(&self, service: &str) -> Result<Deployed, DeployError> {
        self.control().rollback(&name(service), Cause::by("test")).await
    }

    pub(crate) async fn try_canary(
        &self,
        guest: Guest,
        percent: u8,
    ) -> Result<Deployed, DeployError> {
        let canary = Some(percent.try_into().unwrap());
        let options = DeployOptions { canary, ..DeployOptions::default() };
        self.control().deploy(guest.build(), options).await
    }

    pub(crate) async fn canary(&self, guest: Guest, percent: u8) -> Deployed {
        self.try_canary(guest, percent).await.unwrap()
    }

    pub(crate) async fn traffic(
        &self,
        service: &str,
        shares: &[(u32, u8)],
    ) -> Result<Deployed, DeployError> {
        let shares = Some(shares.iter().copied().collect());
        let traffic = Traffic { shares, sticky: None };
        self.control().traffic(&name(service), traffic, Cause::by("test")).await
    }

    pub(crate) async fn promote(
        &self,
        service: &str,
        number: Option<u32>,
    ) -> Result<Deployed, DeployError> {
        self.control().promote(&name(service), number, Cause::by("test")).await
    }

    pub(crate) async fn remove(&self, service: &str) -> Result<Removed, DeployError> {
        self.control().remove(&name(service), false, Cause::by("test")).await
    }

    pub(crate) fn show(&self, service: &str) -> ServiceDetails {
        self.control().service(&name(service)).unwrap()
    }

    /// Name, state and live revision of every service.
    pub(crate) fn services(&self) -> Vec<(String, ServiceState, Option<u32>)> {
        let services = self.control().services().into_iter();
        services.map(|status| (status.name.to_string(), status.state, status.revision)).collect()
    }

    /// Calls `interface.function` of a service, which takes nothing and returns a `u32`.
    pub(crate) async fn call(&self, service: &str, function: &str) -> Result<u32, Fault> {
        self.call_as(service, function, Context::root(std::time::Duration::from_secs(5))).await
    }

    /// The same, as the request with this id. What it meets depends on that and on what is live.
    pub(crate) async fn request(&self, service: &str, function: &str, id: u128) -> u32 {
        let id = Uuid::from_u128(id);
        let trace = TraceContext::begin(id);
        let context = Context::new(id, trace, std::time::Duration::from_secs(5));
        self.call_as(service, function, context).await.unwrap()
    }

    /// How many of the requests 1 to `requests` are answered with `answer`.
    pub(crate) async fn answered(
        &self,
        service: &str,
        function: &str,
        requests: u128,
        answer: u32,
    ) -> usize {
        let mut count = 0;
        for id in 1..=requests {
            count += usize::from(self.request(service, function, id).await == answer);
        }
        count
    }

    async fn call_as(&self, service: &str, function: &str, context: Context) -> Result<u32, Fault> {
        let running = self.running.as_ref().unwrap();
        let live = running.control.live();
        let (interface, function) = function.split_once('.').unwrap();
        let node = live.topology.node(service).expect("a live service");
        let node = live.topology.pick(node, &context);
        let contract = Arc::clone(live.topology.revision(node).contract());
        let function = contract.find(interface, function).expect("an exported function");
        let value = running.runtime.invoke(&live.topology, node, function, &[], context).await?;
        match value {
            Some(Val::U32(number)) => Ok(number),
            other => panic!("expected u32, got {other:?}"),
        }
    }

    /// How many rows a table of a service has.
    pub(crate) async fn rows(&self, service: &str, table: &str) -> i64 {
        let database = self.running.as_ref().unwrap().databases.database(&name(service));
        let count = Statement::new(format!("SELECT count(*) FROM {table}"), vec![]);
        match database.query(count).await.unwrap().rows[0][0] {
            Value::Integer(count) => count,
            ref other => panic!("expected a number, got {other:?}"),
        }
    }

    /// The outbox of a live service that publishes.
    pub(crate) fn outbox(&self, service: &str) -> Arc<Outbox> {
        let topology = Arc::clone(&self.control().live().topology);
        let node = topology.node(service).expect("a live service");
        topology.revision(node).extensions().get().expect("a service that publishes")
    }

    /// Every file that a deploy may write, with the digest of its content. Compiled code is not among
    /// them, which is only a cache, nor are databases, whose files change when they are opened.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, Digest> {
        let mut tree = BTreeMap::new();
        collect(&self.dir, &mut tree);
        let aside = ["cache", "databases"].map(|folder| self.dir.join(folder));
        tree.retain(|path, _| !aside.iter().any(|folder| path.starts_with(folder)));
        tree
    }

    /// What is live and what is on disk; equal to an earlier one when nothing happened in between.
    pub(crate) fn everything(&self) -> (u64, Vec<String>, BTreeMap<PathBuf, Digest>) {
        let live = self.control().live();
        let services = live.services.iter().map(|live| format!("{:?}", live.record));
        (live.generation, services.collect(), self.tree())
    }
}

async fn start(dir: &Path, config: ControlConfig) -> Running {
    let data = open_data(dir).unwrap();
    let runtime = RuntimeConfig {
        cache_dir: Some(data.paths().cache.clone()),
        cache_key: CacheKey(data.key()),
        // Small pools start quickly, and there are many hosts at once in a test run.
        limits: HostLimits { instances_max: 64, ..HostLimits::default() },
    };
    let runtime = Runtime::new(runtime, thali_platform::CAPABILITIES).unwrap();
    let databases = Databases::open(data.paths().databases.clone(), SqlLimits::default()).unwrap();
    let control = Control::open(config, data, Arc::clone(&runtime), Arc::clone(&databases));
    Running { control: control.await.unwrap(), runtime, databases }
}

fn collect(folder: &Path, tree: &mut BTreeMap<PathBuf, Digest>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, tree);
        } else {
            let digest = Digest::of(&fs::read(&path).unwrap());
            tree.insert(path, digest);
        }
    }
}

pub(crate) fn name(service: &str) -> ServiceName {
    service.parse().unwrap()
}
