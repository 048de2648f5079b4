//! A whole host, on free ports and a data folder of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use thali_control::{Control, ControlConfig, DeployOptions, open_data};
use thali_gateway::{
    AdminToken, AuditLog, Auth, AuthConfig, FailureLimits, Gateway, GatewayConfig, GatewayLimits,
    Guards, Serving,
};
use thali_platform::sql::{Databases, SqlLimits};
use thali_runtime::trace::{Sampler, TraceSpec, Tracer};
use thali_runtime::{CacheKey, GateCounts, HostLimits, Runtime, RuntimeConfig};
use thali_telemetry::logs::Logs;

use super::{Answer, Raw};

pub struct TestHost {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub control: Arc<Control>,
    pub serving: Serving,
    pub auth: Arc<Auth>,
    pub tracer: Arc<Tracer>,
    _data: TempDir,
}

impl TestHost {
    /// A ready host without services.
    pub async fn new() -> Self {
        let host = Self::not_ready().await;
        host.serving.ready();
        host
    }

    pub async fn not_ready() -> Self {
        Self::with(GatewayLimits::default()).await
    }

    /// A ready host that checks tokens by these keys.
    pub async fn with_keys(config: AuthConfig, failures: FailureLimits) -> Self {
        let auth = Auth::new(Some(config), failures).unwrap();
        let host = Self::with_parts(|_| (), auth, None, Logs::none()).await;
        host.serving.ready();
        host
    }

    /// A ready host that shows this log, to who has this token if there is one.
    pub async fn with_logs(logs: Arc<Logs>, token: Option<&str>) -> Self {
        let auth = Auth::new(None, FailureLimits::default()).unwrap();
        let host = Self::with_parts(|_| (), auth, token.map(admin_token), logs).await;
        host.serving.ready();
        host
    }

    /// A host with these limits, that is not ready.
    pub async fn with(limits: GatewayLimits) -> Self {
        Self::configured(|config| config.limits = limits).await
    }

    /// A host with this configuration, that is not ready.
    pub async fn configured(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let auth = Auth::new(None, FailureLimits::default()).unwrap();
        Self::with_parts(change, auth, None, Logs::none()).await
    }

    /// A ready host whose admin API asks for this token.
    pub async fn with_admin_token(token: &str) -> Self {
        Self::with_admin_token_and(token, |_| ()).await
    }

    /// A ready host whose admin API asks for this token, with this configuration.
    pub async fn with_admin_token_and(
        token: &str,
        change: impl FnOnce(&mut GatewayConfig),
    ) -> Self {
        let auth = Auth::new(None, FailureLimits::default()).unwrap();
        let host = Self::with_parts(change, auth, Some(admin_token(token)), Logs::none()).await;
        host.serving.ready();
        host
    }

    async fn with_parts(
        change: impl FnOnce(&mut GatewayConfig),
        auth: Arc<Auth>,
        admin_token: Option<AdminToken>,
        logs: Arc<Logs>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = open_data(folder.path()).unwrap();
        let config = RuntimeConfig {
            cache_dir: Some(data.paths().cache.clone()),
            cache_key: CacheKey(data.key()),
            limits: HostLimits { instances_max: 64, ..HostLimits::default() },
        };
        let runtime = Runtime::new(config, thali_platform::CAPABILITIES).unwrap();
        let databases =
            Databases::open(data.paths().databases.clone(), SqlLimits::default()).unwrap();
        let control =
            Control::open(ControlConfig::default(), data, Arc::clone(&runtime), databases)
                .await
                .unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = GatewayConfig { listen: any, admin: any, ..GatewayConfig::default() };
        change(&mut config);
        let spec = TraceSpec { per_second: 1000, sampler: Sampler::OFF };
        config.telemetry.trace(&runtime, spec, None);
        let audit = AuditLog::open(&folder.path().join("audit.jsonl")).unwrap();
        let guards =
            Guards { auth: Arc::clone(&auth), admin_token, audit, configured: Arc::default() };
        let tracer = Arc::clone(runtime.tracer());
        let gateway = Gateway::bind(config, Arc::clone(&control), runtime, guards).await.unwrap();
        let gateway = gateway.with_logs(logs);
        let (address, admin) = (gateway.address(), gateway.admin_address());
        Self { address, admin, control, serving: gateway.serve(), auth, tracer, _data: folder }
    }

    /// A ready host with the service `counter`.
    pub async fn with_counter() -> Self {
        let host = Self::new().await;
        host.deploy(super::counter(1)).await;
        host
    }

    pub async fn deploy(&self, component: Bytes) {
        self.control.deploy(component, DeployOptions::default()).await.unwrap();
    }

    /// Deploys for so many percent of the requests.
    pub async fn canary(&self, component: Bytes, percent: u8) {
        let canary = Some(percent.try_into().unwrap());
        let options = DeployOptions { canary, ..DeployOptions::default() };
        self.control.deploy(component, options).await.unwrap();
    }

    pub async fn connect(&self) -> Raw {
        Raw::connect(self.address).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "", "").await
    }

    /// A GET with a token.
    pub async fn get_as(&self, path: &str, token: &str) -> Answer {
        self.send(&format!("GET {path}"), &format!("authorization: Bearer {token}\r\n"), "").await
    }

    /// A request with a JSON body.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(&format!("POST {path}"), "content-type: application/json\r\n", body).await
    }

    /// A request on a connection of its own.
    pub async fn send(&self, line: &str, headers: &str, body: &str) -> Answer {
        exchange(self.address, line, headers, body.as_bytes()).await
    }

    /// A GET with headers.
    pub async fn ask(&self, path: &str, headers: &str) -> Answer {
        self.send(&format!("GET /api/v1{path}"), headers, "").await
    }

    pub async fn admin_get(&self, path: &str) -> Answer {
        self.admin_send(&format!("GET /admin/v1{path}"), "", b"").await
    }

    pub async fn admin_send(&self, line: &str, headers: &str, body: &[u8]) -> Answer {
        exchange(self.admin, line, headers, body).await
    }

    /// Waits until something is so.
    pub async fn until(&self, mut so: impl FnMut(&Self) -> bool) {
        for _ in 0..400 {
            if so(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it never happened");
    }

    /// Invocations of the live revision of a service that were begun.
    pub fn invocations_of(&self, service: &str) -> u64 {
        let live = self.control.live();
        live.service(&service.parse().unwrap()).unwrap().revision.invocations()
    }

    /// What the gate of a service has seen.
    pub fn admissions_of(&self, service: &str) -> GateCounts {
        let live = self.control.live();
        live.service(&service.parse().unwrap()).unwrap().revision.admissions()
    }

    /// Invocations of a service that run now.
    pub fn in_flight(&self, service: &str) -> usize {
        let services = self.control.services();
        services.iter().find(|status| status.name.as_str() == service).map_or(0, |s| s.in_flight)
    }
}

fn admin_token(token: &str) -> AdminToken {
    AdminToken::new(&thali_platform::config::Secret::new(token)).unwrap()
}

async fn exchange(address: SocketAddr, line: &str, headers: &str, body: &[u8]) -> Answer {
    let mut client = Raw::connect(address).await;
    let length = match body.len() {
        0 => String::new(),
        length => format!("content-length: {length}\r\n"),
    };
    let head = format!("{line} HTTP/1.1\r\nhost: {address}\r\n{headers}{length}\r\n");
    client.send(head).await.send(body).await;
    client.answer().await
}
