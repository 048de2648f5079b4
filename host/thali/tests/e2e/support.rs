//! A host of its own for each test: the real binary, free ports, a fresh folder.

mod components;
pub(crate) mod crates;
mod process;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;
use ureq::http::header::AUTHORIZATION;

pub(crate) use components::{
    bench_component, component, components_dir, folder_of, food_folder, guest, trapping,
    with_manifest, with_version,
};

/// How long what happens by itself may take on a busy machine. It takes milliseconds on another.
const EVENTUALLY: Duration = Duration::from_secs(8);

/// One running host. It is stopped when the value is dropped.
pub(crate) struct TestHost {
    child: Option<Child>,
    data: TempDir,
    ways: Ways,
    addresses: Addresses,
    agent: Agent,
    /// Allows everything.
    token: String,
}

/// What a host is started with every time.
#[derive(Clone, Default)]
struct Ways {
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

struct Addresses {
    gateway: String,
    admin: String,
}

/// A status, the headers that matter, and the body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl TestHost {
    /// A host without services.
    pub(crate) fn empty() -> Self {
        Self::start(tempfile::tempdir().unwrap(), &[])
    }

    /// A host without services that is told this.
    pub(crate) fn empty_with(arguments: &[&str]) -> Self {
        Self::start(tempfile::tempdir().unwrap(), arguments)
    }

    /// A host with the food delivery services and their seed data.
    pub(crate) fn with_services() -> Self {
        Self::with_services_after(|_| ())
    }

    /// The same, after `prepare` did something to the folder of the databases.
    pub(crate) fn with_services_after(prepare: impl FnOnce(&Path)) -> Self {
        let (data, folder) = (tempfile::tempdir().unwrap(), food_folder());
        let databases = data.path().join("data/databases");
        std::fs::create_dir_all(&databases).unwrap();
        prepare(&databases);
        Self::start(data, &["--seed", "--components", folder.path().to_str().unwrap()])
    }

    /// A host with the food delivery services and these environment variables.
    pub(crate) fn with_services_and(variables: &[(&str, &str)]) -> Self {
        let (data, folder) = (tempfile::tempdir().unwrap(), food_folder());
        let variables = variables.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let seeded = ["--seed", "--components", folder.path().to_str().unwrap()];
        Self::start_with(data, &seeded, Ways { arguments: Vec::new(), variables })
    }

    /// A host with every service there is and their seed data.
    pub(crate) fn with_all_services() -> Self {
        Self::with_all_services_told("")
    }

    /// The same, whose `thali.toml` is this text.
    pub(crate) fn with_all_services_told(text: &str) -> Self {
        let (data, folder) = (tempfile::tempdir().unwrap(), components_dir());
        let file = data.path().join("thali.toml");
        std::fs::write(&file, text).unwrap();
        let arguments = vec!["--config".into(), file.to_str().unwrap().into()];
        let seeded = ["--seed", "--components", folder.to_str().unwrap()];
        Self::start_with(data, &seeded, Ways { arguments, variables: Vec::new() })
    }

    /// Stops this host, does something to its data folder, and starts another on it.
    pub(crate) fn restart_after(mut self, change: impl FnOnce(&Path)) -> Self {
        assert!(self.terminate(), "the host exits with 0 on SIGTERM");
        change(&self.data.path().join("data"));
        self.restart()
    }

    /// A host with the components of `folder`.
    pub(crate) fn with_folder(folder: &Path) -> Self {
        let folder = folder.to_str().unwrap();
        Self::start(tempfile::tempdir().unwrap(), &["--watch", "--components", folder])
    }

    /// Stops this host as an operator would and starts another on the same folder.
    pub(crate) fn restart(mut self) -> Self {
        assert!(self.terminate(), "the host exits with 0 on SIGTERM");
        let data = std::mem::replace(&mut self.data, tempfile::tempdir().unwrap());
        Self::start_with(data, &[], self.ways.clone())
    }

    /// Starts another host on the folder of one that was killed.
    pub(crate) fn restart_killed(mut self) -> Self {
        self.child.take().unwrap().wait().unwrap();
        let data = std::mem::replace(&mut self.data, tempfile::tempdir().unwrap());
        Self::start_with(data, &[], self.ways.clone())
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// A host without services whose `thali.toml` is this text.
    pub(crate) fn with_host_file(text: &str) -> Self {
        Self::with_host_file_and(text, &[])
    }

    /// The same, with these environment variables.
    pub(crate) fn with_host_file_and(text: &str, variables: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("thali.toml");
        std::fs::write(&file, text).unwrap();
        let arguments = vec!["--config".into(), file.to_str().unwrap().into()];
        let variables = variables.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Self::start_with(data, &[], Ways { arguments, variables })
    }

    /// A host without services, with these arguments and environment variables.
    pub(crate) fn with_environment(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let ways = Ways {
            arguments: arguments.iter().map(ToString::to_string).collect(),
            variables: variables.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        };
        Self::start_with(tempfile::tempdir().unwrap(), &[], ways)
    }

    fn start(data: TempDir, args: &[&str]) -> Self {
        Self::start_with(data, args, Ways::default())
    }

    fn start_with(data: TempDir, args: &[&str], ways: Ways) -> Self {
        let file = data.path().join("addresses.json");
        let _ = std::fs::remove_file(&file);
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(data.path().join("host.log"))
            .unwrap();
        let mut child = up()
            .arg("--data")
            .arg(data.path().join("data"))
            .arg("--addr-file")
            .arg(&file)
            .args(args)
            .args(&ways.arguments)
            .envs(ways.variables.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let addresses = wait_for(&file, &mut child, data.path());
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        let token = format!("Bearer {}", token(data.path(), "test", "admin"));
        Self { child: Some(child), data, ways, addresses, agent, token }
    }

    /// SIGTERM, then wait; whether the host exited with 0.
    pub(crate) fn terminate(&mut self) -> bool {
        self.tell_to_stop();
        self.exits_well()
    }

    /// Waits for the end; whether the host exited with 0.
    pub(crate) fn exits_well(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return true };
        child.wait().unwrap().success()
    }

    pub(crate) fn admin_address(&self) -> &str {
        &self.addresses.admin
    }

    pub(crate) fn gateway_address(&self) -> &str {
        &self.addresses.gateway
    }

    /// A token of this host's key.
    pub(crate) fn token_of(&self, subject: &str, scopes: &str) -> String {
        token(self.data.path(), subject, scopes)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        read(self.agent.get(self.url(path)).header(AUTHORIZATION, &self.token).call())
    }

    /// A request with this token, or with none.
    pub(crate) fn send_as(
        &self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if matches!(method, "GET" | "DELETE") {
            return read(self.agent.run(request.body(()).unwrap()));
        }
        let request = request.header("content-type", "application/json");
        read(self.agent.run(request.body(body.to_string()).unwrap()))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.post(self.url(path)).content_type("application/json");
        let request = request.header(AUTHORIZATION, &self.token);
        read(request.send(body.to_string().as_bytes()))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.put(self.url(path)).content_type("application/json");
        let request = request.header(AUTHORIZATION, &self.token);
        read(request.send(body.to_string().as_bytes()))
    }

    /// A `GET` that may find nobody to answer it.
    pub(crate) fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        whole(self.agent.get(self.url(path)).header(AUTHORIZATION, &self.token).call()?)
    }

    /// A request that may find nobody to answer it.
    pub(crate) fn try_post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.post(self.url(path)).content_type("application/json");
        request = request.header(AUTHORIZATION, &self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        whole(request.send(body.to_string().as_bytes())?)
    }

    pub(crate) fn admin_get(&self, path: &str) -> Answer {
        read(self.agent.get(self.admin_url(path)).call())
    }

    pub(crate) fn admin_post(&self, path: &str, body: &[u8]) -> Answer {
        read(self.agent.post(self.admin_url(path)).content_type("application/wasm").send(body))
    }

    pub(crate) fn admin_post_json(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.post(self.admin_url(path)).content_type("application/json");
        read(request.send(body.to_string().as_bytes()))
    }

    /// The same, of a host that may die meanwhile.
    pub(crate) fn try_admin_post(&self, path: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
        let request = self.agent.post(self.admin_url(path)).content_type("application/wasm");
        whole(request.send(body)?)
    }

    pub(crate) fn admin_put_json(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.put(self.admin_url(path)).content_type("application/json");
        read(request.send(body.to_string().as_bytes()))
    }

    pub(crate) fn deploy(&self, component: &[u8]) -> Answer {
        self.admin_post("/services", component)
    }

    pub(crate) fn remove(&self, service: &str) -> Answer {
        read(self.agent.delete(self.admin_url(&format!("/services/{service}"))).call())
    }

    /// Runs the command line against this host.
    pub(crate) fn thali(&self, args: &[&str]) -> std::process::Output {
        self.command(args).output().unwrap()
    }

    /// The command line for this host, to be run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thali"));
        command.args(args).env("THALI_ADMIN_URL", format!("http://{}", self.addresses.admin));
        command
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("host.log")).unwrap()
    }

    /// Waits for a text in the log, which is written a moment after what it tells of.
    pub(crate) fn logs(&self, text: &str) {
        eventually(&format!("{text:?} is logged"), || self.log().contains(text).then_some(()));
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addresses.gateway)
    }

    fn admin_url(&self, path: &str) -> String {
        format!("http://{}/admin/v1{path}", self.addresses.admin)
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- host log ---\n{}", self.log());
        }
    }
}

/// A token of the key of `--dev` in the data folder of a host.
fn token(folder: &Path, subject: &str, scopes: &str) -> String {
    let data = folder.join("data");
    let output = Command::new(env!("CARGO_BIN_EXE_thali"))
        .args(["token", "--sub", subject, "--scope", scopes, "--ttl", "2h", "--data"])
        .arg(data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// `thali up` on free ports.
pub(crate) fn up() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thali"));
    command.args([
        "up",
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--drain",
        "5s",
    ]);
    command
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    whole(answer.unwrap()).unwrap()
}

fn whole(mut answer: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let text = answer.body_mut().read_to_string()?;
    Ok(Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    })
}

/// Waits for the line that the host prints when it is ready; it has written its addresses by then.
fn wait_for(file: &Path, child: &mut Child, folder: &Path) -> Addresses {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let Ok(text) = std::fs::read(file) else {
        let status = child.wait().unwrap();
        let log = std::fs::read_to_string(folder.join("host.log")).unwrap_or_default();
        panic!("the host ended with {status}:\n{log}");
    };
    let value: Value = serde_json::from_slice(&text).unwrap();
    let address = |name: &str| value[name].as_str().unwrap().to_owned();
    Addresses { gateway: address("listen"), admin: address("admin") }
}

/// Waits until there is something to be seen.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + EVENTUALLY;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {EVENTUALLY:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The order of the README.
pub(crate) fn an_order() -> Value {
    serde_json::json!({
        "restaurant_id": "1",
        "items": [{"item_id": "1", "quantity": 2}],
        "customer": {"name": "Ada", "phone": "+15550100"},
        "address": {"line": "1 Main St", "lat": 52.52, "lon": 13.40},
    })
}
