//! `thali up`: one node, from an empty folder to a clean exit.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thali_control::{CompileLimits, CompileWith, Control, ControlConfig, DataFolder, open_data};
use thali_gateway::{
    AdminToken, AuditEntry, AuditLog, AuditOutcome, Configured, Gateway, GatewayConfig,
    GatewayLimits, Guards, Serving, Site,
};
use thali_platform::Backends;
use thali_platform::config::{Environment, Secret};
use thali_platform::identity::Identity;
use thali_platform::outbound::Outbound;
use thali_runtime::trace::{Sampler, TraceSpec};
use thali_runtime::{CacheKey, Runtime, RuntimeConfig};
use thali_telemetry::Telemetry;
use thali_telemetry::traces::otlp::{Otlp, OtlpConfig};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin_token;
use crate::args::{Started, UpArgs};
use crate::backends;
use crate::error::CliError;
use crate::folder::{self, Watch};
use crate::host_file::{GatewayTable, HostFile, TelemetryTable};
use crate::identity::{KeySource, dev_token};
use crate::logging::{self, LogFiles, Logging};
use crate::notify;
use crate::reload::{Asked, Parts, Reloader};
use crate::settings::{self, Given};

/// Runs a host until SIGTERM or Ctrl-C.
pub(crate) fn up(
    mut args: UpArgs,
    given: &Given,
    admin_token: Option<Secret>,
) -> Result<ExitCode, CliError> {
    let file = HostFile::load(args.config.as_deref())?;
    let asked = Asked { args: args.clone(), given: given.clone() };
    args.take(&file, given);
    if args.watch && args.components.is_none() {
        return Err(CliError::Start {
            what: "--watch has nothing to watch".into(),
            help: Some("name the folder with --components, or `[host] components`".into()),
        });
    }
    let admin_token = match (admin_token, &file.admin.token_file) {
        (None, Some(path)) => admin_token::read(Some(path))?,
        (token, _) => token,
    };
    let admin_token = admin_token.as_ref().map(AdminToken::new).transpose();
    let admin_token = admin_token.map_err(CliError::start)?;
    if !args.admin.ip().is_loopback() && admin_token.is_none() {
        return Err(CliError::Start {
            what: format!(
                "--admin {} is not a loopback address, and the admin API has no token",
                args.admin
            ),
            help: Some(
                "give it one with --admin-token-file or THALI_ADMIN_TOKEN (`openssl rand -hex 32` \
                 makes one), or use 127.0.0.1 and an SSH tunnel"
                    .into(),
            ),
        });
    }
    let logging = logging::start(&args)?;
    file.warn_of_readers();
    raise_open_files();
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let tokio = tokio.map_err(CliError::start)?;
    let outcome = tokio.block_on(run(args, asked, file, admin_token, &logging));
    // Whoever still compiles has nothing to lose.
    tokio.shutdown_timeout(BLOCKING_GRACE);
    outcome
}

/// How long work off the async threads may go on after everything else has ended.
const BLOCKING_GRACE: Duration = Duration::from_secs(1);

/// Takes all the open files that the process may have: each connection is one, each database several.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_err() {
        tracing::warn!(open_files = ?limit.current, "the limit of open files cannot be raised");
    }
}

/// Connections that fit beside what the host itself opens.
fn connections_max(wanted: usize) -> usize {
    let open_files = getrlimit(Resource::Nofile).current;
    let open_files = open_files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    let room = (open_files / 4 * 3).max(1);
    if room < wanted {
        tracing::warn!(open_files, "only {room} connections are accepted: raise `ulimit -n`");
    }
    wanted.min(room)
}

async fn run(
    args: UpArgs,
    asked: Asked,
    mut file: HostFile,
    admin_token: Option<AdminToken>,
    logging: &Logging,
) -> Result<ExitCode, CliError> {
    let mut stop = Stop::listen()?;
    let data = open_data(&args.data).map_err(CliError::chain)?;
    let log_files = LogFiles::new(&logging.logs, data.paths().root.join("logs"));
    log_files.set(file.logs.files.wanted());
    let keys =
        KeySource { config: args.config.clone(), data: data.paths().root.clone(), dev: args.dev };
    let (auth, identity) = keys.open(&file)?;
    let audit = data.paths().root.join("audit.jsonl");
    let audit = AuditLog::open(&audit).map_err(|error| {
        CliError::start(format!("the audit log {} cannot be written: {error}", audit.display()))
    })?;
    let configured = Arc::new(Configured::default());
    let guards = Guards {
        auth: Arc::clone(&auth),
        admin_token,
        audit: Arc::clone(&audit),
        configured: Arc::clone(&configured),
    };
    let mut hangup = signal(SignalKind::hangup()).map_err(CliError::start)?;
    let holds = settings::shown(&args, &asked.given, &file, &Environment::of_process());
    let in_front = std::mem::take(&mut file.gateway);
    let (telemetry, anonymous_reads) = (file.telemetry, file.admin.anonymous_read);
    let (control, runtime, outbound) = wire(&args, file, data, Arc::clone(&identity)).await?;
    let config = GatewayConfig { anonymous_reads, ..config(&args, in_front)? };
    let kept = config.telemetry.clone();
    record_traces(telemetry, &kept, &runtime)?;
    let tracer = Arc::clone(runtime.tracer());
    let gateway = Gateway::bind(config, control.clone(), runtime, guards)
        .await
        .map_err(|error| listen_error(&args, &error))?
        .with_logs(Arc::clone(&logging.logs));
    let addresses = (gateway.address(), gateway.admin_address());
    outbound.close(gateway.admin_address());
    let serving = gateway.serve();
    let reloader = Reloader::new(Parts {
        asked,
        keys,
        auth,
        identity: Arc::clone(&identity),
        control: Arc::clone(&control),
        doors: serving.doors(),
        logs: logging.filters.clone(),
        log_files,
        tracer,
        holds: Mutex::new(holds),
        turn: tokio::sync::Mutex::default(),
    });
    configured.is_known_by(reloader.clone());

    let watch = watch(&args)?;
    if let Some(folder) = &args.components {
        let deploys = folder::deploy_all(&control, &audit, folder);
        tokio::select! {
            refused = deploys => report(folder, refused)?,
            () = stop.wait() => return Ok(stop_serving(serving, &control, &kept, args.drain).await),
        }
    }
    serving.ready();
    announce(&args, addresses, &control)?;
    if args.dev && !args.starting.as_ref().is_some_and(|starting| starting.quiet) {
        announce_token(&args, &identity)?;
    }
    let watching = async {
        match watch {
            Some(watch) => watch.run(&control, &audit).await,
            None => std::future::pending().await,
        }
    };
    notify::ready(&control);
    tokio::select! {
        () = watching => {}
        () = reload_on(&mut hangup, &reloader, &audit) => {}
        () = notify::keep_telling(&control, addresses.0) => {}
        () = stop.wait() => {}
    }
    notify::stopping();
    if !args.drain_delay.is_zero() {
        serving.not_ready();
        tracing::info!("not ready: listening for another {:?}", args.drain_delay);
        tokio::select! {
            () = tokio::time::sleep(args.drain_delay) => {}
            () = stop.wait() => {}
        }
    }
    tracing::info!("stopping: running requests have {:?} to finish", args.drain);
    Ok(stop_serving(serving, &control, &kept, args.drain).await)
}

/// How long a collector may take for what is left to send at the end.
const FLUSH_GRACE: Duration = Duration::from_secs(5);

/// Lets requests end, and a deploy that is between its migration and its swap. Then what they left is sent on.
async fn stop_serving(
    serving: Serving,
    control: &Control,
    telemetry: &Telemetry,
    drain: Duration,
) -> ExitCode {
    let settled = tokio::time::timeout(drain, control.settled());
    let deliveries = control.events().stop(drain);
    let schedules = control.schedules().stop(drain);
    let (cut, settled, _, _) = tokio::join!(serving.stop(drain), settled, deliveries, schedules);
    if settled.is_err() {
        tracing::warn!(
            "a deploy was cut short; what it had not stored is swept up at the next start"
        );
    }
    if let Some(otlp) = telemetry.otlp()
        && !otlp.flush(FLUSH_GRACE).await
    {
        tracing::warn!("the collector did not take the last spans in {FLUSH_GRACE:?}");
    }
    finish(cut)
}

/// The program that runs, even when its file has been replaced since.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Puts the parts together, from the data folder up.
async fn wire(
    args: &UpArgs,
    mut file: HostFile,
    data: DataFolder,
    identity: Arc<Identity>,
) -> Result<(Arc<Control>, Arc<Runtime>, Arc<Outbound>), CliError> {
    let limits = std::mem::take(&mut file.limits);
    let (backends, policies) = backends::open(file, &data)?;
    let backends = Backends { identity, ..backends };
    let outbound = Arc::clone(&backends.outbound);
    let config = RuntimeConfig {
        cache_dir: Some(data.paths().cache.clone()),
        cache_key: CacheKey(data.key()),
        limits: limits.host,
    };
    let runtime = Runtime::new(config, thali_platform::CAPABILITIES).map_err(CliError::chain)?;
    let config = ControlConfig {
        seed: args.seed,
        implied_routes: !args.no_implied_routes,
        policies,
        compile: CompileLimits {
            with: CompileWith::Child { program: THIS_PROGRAM.into(), limits: limits.compile },
            ..CompileLimits::default()
        },
        ..ControlConfig::default()
    };
    let control = Control::open(config, data, Arc::clone(&runtime), backends)
        .await
        .map_err(CliError::chain)?;
    Ok((control, runtime, outbound))
}

fn config(args: &UpArgs, in_front: GatewayTable) -> Result<GatewayConfig, CliError> {
    let GatewayTable { proxies, front, dress, .. } = in_front;
    let site = args.site.as_deref().map(open_site).transpose()?;
    let limits = GatewayLimits::default();
    let connections = connections_max(limits.connections_max);
    Ok(GatewayConfig {
        listen: args.listen,
        admin: args.admin,
        limits: limits.with(|limits| limits.connections_max = connections),
        proxies,
        front,
        dress,
        site,
        ..GatewayConfig::default()
    })
}

/// Requests are recorded from the first one on.
fn record_traces(
    table: TelemetryTable,
    telemetry: &Telemetry,
    runtime: &Runtime,
) -> Result<(), CliError> {
    let per_second = table.traces_per_second;
    let config = OtlpConfig::from_env(|name| std::env::var(name).ok()).map_err(CliError::start)?;
    let sampler = config.as_ref().map_or(Sampler::OFF, |config| config.sampler);
    let otlp = config.as_ref().map(Otlp::start).transpose().map_err(CliError::chain)?;
    telemetry.trace(runtime, TraceSpec { per_second, sampler }, otlp);
    if let Some(config) = &config {
        tracing::info!(endpoint = config.endpoint, "traces are sent to a collector");
    }
    Ok(())
}

fn open_site(folder: &Path) -> Result<Site, CliError> {
    Site::open(folder).map_err(|error| CliError::Start {
        what: format!("the site cannot be served: {error}"),
        help: Some("name another folder with --site, or leave the option and `site` out".into()),
    })
}

fn watch(args: &UpArgs) -> Result<Option<Watch>, CliError> {
    let Some(folder) = args.components.as_ref().filter(|_| args.watch) else { return Ok(None) };
    let watch = Watch::start(folder).map_err(|error| CliError::Start {
        what: format!("{} cannot be watched: {error}", folder.display()),
        help: Some("is it there? `thali build components/NAME` makes target/components".into()),
    })?;
    Ok(Some(watch))
}

/// A component that is refused keeps the host from nothing: the others serve, and the log has why.
fn report(folder: &Path, refused: std::io::Result<usize>) -> Result<(), CliError> {
    match refused {
        Ok(0) => Ok(()),
        Ok(refused) => {
            tracing::warn!(folder = %folder.display(), "{refused} components were refused, see above");
            Ok(())
        }
        Err(error) => Err(CliError::Start {
            what: format!("--components {} cannot be read: {error}", folder.display()),
            help: Some("`./justw build-components` makes target/components".into()),
        }),
    }
}

/// Says where the host is, on standard output and in the file that was asked for.
fn announce(
    args: &UpArgs,
    (gateway, admin): (SocketAddr, SocketAddr),
    control: &Control,
) -> Result<(), CliError> {
    if let Some(file) = &args.addr_file {
        write_addresses(file, gateway, admin)
            .map_err(|error| CliError::start(format!("--addr-file {}: {error}", file.display())))?;
    }
    if let Some(starting) = &args.starting {
        // It has ended if nobody waits any more, and then so does everything.
        let _ = starting.tell.try_send(Started { gateway, admin });
        return Ok(());
    }
    let services = control.live().services.len();
    // A reader that has gone away is no reason to stop.
    let _ = writeln!(
        std::io::stdout(),
        "{services} services on http://{gateway}/api/v1, admin API on http://{admin}/admin/v1"
    );
    Ok(())
}

/// Says who may do everything on a host for development.
fn announce_token(args: &UpArgs, identity: &Identity) -> Result<(), CliError> {
    let token = dev_token(identity)?;
    let _ = writeln!(
        std::io::stdout(),
        "\na token with the scope admin, for 12 hours:\n  export TOKEN={}\n\
         others: thali token --data {} --sub ann --scope orders:read",
        token.text.expose(),
        args.data.display()
    );
    Ok(())
}

/// Reads the configuration again at every SIGHUP, for ever. One that cannot be used changes nothing.
async fn reload_on(hangup: &mut Signal, reloader: &Reloader, audit: &Arc<AuditLog>) {
    while hangup.recv().await.is_some() {
        notify::reloading();
        let outcome = match reloader.run().await {
            Ok(_) => AuditOutcome::Status(200),
            Err(error) => {
                tracing::error!("the configuration stays as it is: {error}");
                AuditOutcome::Refused(422, "config_refused".into())
            }
        };
        let target = "config".to_owned();
        audit.append(AuditEntry::own("signal", "config reload", target, outcome)).await;
        notify::ready(reloader.control());
    }
}

/// Whole or not at all: somebody waits for the file.
fn write_addresses(file: &Path, gateway: SocketAddr, admin: SocketAddr) -> std::io::Result<()> {
    let text = serde_json::json!({ "listen": gateway.to_string(), "admin": admin.to_string() });
    let aside = file.with_extension("tmp");
    std::fs::write(&aside, text.to_string())?;
    std::fs::rename(&aside, file)
}

/// 0 when every request that ran was answered.
fn finish(cut: usize) -> ExitCode {
    if cut == 0 {
        return ExitCode::SUCCESS;
    }
    tracing::warn!(
        "{cut} connections were cut because their requests took longer than the drain time"
    );
    ExitCode::FAILURE
}

fn listen_error(args: &UpArgs, error: &std::io::Error) -> CliError {
    CliError::Start {
        what: format!("cannot listen on {} and {}: {error}", args.listen, args.admin),
        help: Some(
            "is another host running? choose other addresses with --listen and --admin".into(),
        ),
    }
}

/// SIGTERM and Ctrl-C.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> Result<Self, CliError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(CliError::start)?,
            interrupt: signal(SignalKind::interrupt()).map_err(CliError::start)?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
