//! Running a host.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use clap::ValueEnum;

use super::time::duration;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UpArgs {
    /// Where services are served. Port 0 takes a free one.
    #[arg(long, env = "THALI_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Where the admin API is served: a loopback address, or any other with --admin-token-file.
    #[arg(long, env = "THALI_ADMIN", default_value = "127.0.0.1:8081")]
    pub(crate) admin: SocketAddr,

    /// The folder that keeps everything: components, databases, compiled code.
    #[arg(long, env = "THALI_DATA", default_value = "./.thali")]
    pub(crate) data: PathBuf,

    /// The host's file, which can say what these options say and much more: see `thali config example`.
    /// Without the option ./thali.toml, when it is there.
    #[arg(long, env = "THALI_CONFIG_FILE", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Deploy the components (*.wasm) of this folder at start. A file that was deployed from here
    /// before and has not changed since is left alone.
    #[arg(long, env = "THALI_COMPONENTS", value_name = "DIR")]
    pub(crate) components: Option<PathBuf>,

    /// Serve the files of this folder at /, beside the services. It comes before `[gateway] site` of the
    /// host's file.
    #[arg(long, env = "THALI_SITE", value_name = "DIR")]
    pub(crate) site: Option<PathBuf>,

    /// Go on watching the folder and deploy what changes.
    #[arg(long)]
    pub(crate) watch: bool,

    /// Load each service's seed data once, when it is first deployed.
    #[arg(long)]
    pub(crate) seed: bool,

    /// Make a key for tokens with the first start, keep it in the data folder, and print a token with
    /// the scope `admin`. For development.
    #[arg(long)]
    pub(crate) dev: bool,

    /// How long running requests may take to finish after SIGTERM.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) drain: Duration,

    /// How long the host says that it is not ready after SIGTERM, and still takes requests, so that load
    /// balancers see it before its listeners close. A second signal cuts it short.
    #[arg(long, env = "THALI_DRAIN_DELAY", value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(crate) drain_delay: Duration,

    /// Do not serve services without an `[http]` table under /api/v1/{service}/{interface}/{function}.
    #[arg(long)]
    pub(crate) no_implied_routes: bool,

    /// Write no access log.
    #[arg(long)]
    pub(crate) no_access_log: bool,

    /// How logs are written to standard error.
    #[arg(long, env = "THALI_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    /// What is logged, as a tracing filter: info, or info,thali_control=debug.
    #[arg(long, env = "THALI_LOG", default_value = "info")]
    pub(crate) log: String,

    /// Write the addresses that are listened on to this file, as JSON, once the host is ready.
    #[arg(long, value_name = "FILE")]
    pub(crate) addr_file: Option<PathBuf>,

    /// Who else in this process waits for the host.
    #[arg(skip)]
    pub(crate) starting: Option<Starting>,
}

/// Somebody in this process who waits for the host, and tells people where it is.
#[derive(Clone, Debug)]
pub(crate) struct Starting {
    pub(crate) tell: SyncSender<Started>,
    /// Whether standard output is for programs.
    pub(crate) quiet: bool,
}

/// Where a host serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) gateway: SocketAddr,
    pub(crate) admin: SocketAddr,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompileChildArgs {
    /// The fingerprint of the host's engine.
    #[arg(long)]
    pub(crate) engine: String,
    /// The stack of guests.
    #[arg(long)]
    pub(crate) stack_bytes: usize,
    /// Memory of this process.
    #[arg(long)]
    pub(crate) memory_bytes: u64,
    /// CPU time of this process.
    #[arg(long)]
    pub(crate) cpu_seconds: u64,
    /// Bytes of compiled code.
    #[arg(long)]
    pub(crate) code_bytes: u64,
}
