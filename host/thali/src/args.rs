//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::events::EventsCommand;
use crate::token::{self, Scopes};

/// A microservices platform in one binary: every service is a sandboxed WebAssembly component.
#[derive(Debug, Parser)]
#[command(name = "thali", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Args {
    /// Where the admin API of the running host is.
    #[arg(long, global = true, env = "THALI_ADMIN_URL", default_value = "http://127.0.0.1:8081")]
    pub(crate) admin_url: String,

    /// The file of the admin API's token, for the host and for whoever talks to it. The variable
    /// THALI_ADMIN_TOKEN may hold the token itself.
    #[arg(long, global = true, env = "THALI_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,

    /// Print JSON for programs instead of tables for people.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a host.
    #[command(after_help = "Example:\n  thali up --components target/components --watch --seed")]
    Up(UpArgs),
    /// Compile the component on standard input for a host that started this process.
    #[command(hide = true)]
    CompileChild(CompileChildArgs),
    /// Make a new service: a small one that builds, passes its tests and serves, to be made into another.
    #[command(after_help = "Example:\n  thali new notes && cd notes && thali build .")]
    New(NewArgs),
    /// Build component crates and pack manifest, migrations and WIT docs into one file each.
    #[command(after_help = "Example:\n  thali build components/orders")]
    Build(BuildArgs),
    /// Deploy a component into the running host; no request is lost.
    #[command(after_help = "Example:\n  thali deploy target/components/orders.wasm")]
    Deploy(DeployArgs),
    /// List the services.
    Services,
    /// Show one service: revisions, routes, contracts, limits.
    Show {
        /// The service.
        name: String,
    },
    /// Make the revision that was live before live again, or call off the rollout that runs. Migrations are
    /// not undone.
    Rollback {
        /// The service.
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// Share the requests of a service out among its revisions, or say what clients keep theirs by.
    #[command(
        after_help = "Examples:\n  thali traffic orders v7=75 v8=25\n  thali traffic orders --sticky subject\n  thali traffic orders --sticky header:x-user"
    )]
    Traffic(TrafficArgs),
    /// End a rollout: make the canary the stable revision, with all the requests.
    Promote {
        /// The service.
        name: String,
        /// Which canary, when there are several: 8 or v8.
        #[arg(long)]
        revision: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Take a service out. Its database stays.
    Remove {
        /// The service.
        name: String,
        /// Remove it although other services need it.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Call one exported function with a JSON object of arguments.
    #[command(after_help = "Example:\n  thali call restaurants catalog.get '{\"id\": \"1\"}'")]
    Call {
        /// The service.
        name: String,
        /// The function: interface.function, in WIT spelling.
        function: String,
        /// The arguments by name, in JSON spelling.
        #[arg(default_value = "{}")]
        arguments: String,
    },
    /// Look into, copy and replace the database of a service.
    #[command(
        after_help = "Examples:\n  thali db orders shell\n  thali db orders backup orders.sqlite"
    )]
    Db(DbArgs),
    /// Look at subscriptions and dead letters; deliver them again, or forget them.
    Events {
        #[command(subcommand)]
        command: EventsCommand,
    },
    /// List what runs by the clock, or run one of it now.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  thali schedules orders\n  thali schedules run orders assign-queued"
    )]
    Schedules {
        /// Only those of this service.
        service: Option<String>,
        #[command(subcommand)]
        command: Option<SchedulesCommand>,
    },
    /// List the calls between services, or hold a circuit breaker open or closed.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  thali breakers\n  thali breakers open orders charging\n  thali breakers auto orders charging"
    )]
    Breakers {
        #[command(subcommand)]
        command: Option<BreakersCommand>,
    },
    /// Print a token that this host's key has signed.
    #[command(
        after_help = "Example:\n  thali token --sub ann --scope 'orders:read orders:write' --ttl 1h"
    )]
    Token(TokenArgs),
    /// The keys that tokens are checked by.
    Auth {
        #[command(subcommand)]
        command: AuthCommand,
    },
    /// List who changed what through the admin API, the newest first.
    Audit {
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Print the OpenAPI document of everything that is live.
    Openapi,
    /// Check this machine and the running host.
    Doctor,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesCommand {
    /// Run a schedule now and wait for its end. Exits with 1 when the run fails.
    Run {
        /// The service.
        service: String,
        /// The schedule.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BreakersCommand {
    /// Let no call through, until `auto` or the host's end.
    Open(BreakerArgs),
    /// Let every call through, until `auto` or the host's end.
    Close(BreakerArgs),
    /// Let calls decide again.
    Auto(BreakerArgs),
}

/// Which calls.
#[derive(Debug, clap::Args)]
pub(crate) struct BreakerArgs {
    /// The service that calls.
    pub(crate) consumer: String,
    /// The interface that it calls: its last name, or in full.
    pub(crate) interface: String,
}

#[derive(Debug, clap::Args)]
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

    /// The host's file: settings and secrets of services, mail, text messages. Without the option
    /// ./thali.toml, when it is there.
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
    #[arg(long, requires = "components")]
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
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Read thali.toml and the files of its keys again. SIGHUP does the same.
    Reload,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// Whom the token is for.
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) sub: String,

    /// What it allows, separated by spaces; `admin` allows everything.
    #[arg(long, value_name = "SCOPES", default_value = "")]
    pub(crate) scope: Scopes,

    /// How long it lives.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = token::ttl)]
    pub(crate) ttl: Duration,

    /// The data folder of the host, for the key of `thali up --dev`.
    #[arg(long, env = "THALI_DATA", default_value = "./.thali")]
    pub(crate) data: PathBuf,

    /// The host's file, whose `[auth] sign` names the key. Without the option ./thali.toml, when it is
    /// there.
    #[arg(long, env = "THALI_CONFIG_FILE", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
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

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// How it is called: lower-case letters, digits and hyphens.
    pub(crate) name: String,
    /// The folder that it is made in. Without the option this one; at the root of a workspace for services,
    /// its folder `components`.
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) parent: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BuildArgs {
    /// The folders of component crates: each has a Cargo.toml and a service.toml.
    #[arg(required = true)]
    pub(crate) folders: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeployArgs {
    /// The component, as `thali build` wrote it.
    pub(crate) file: PathBuf,
    /// Deploy although it breaks a service that depends on it.
    #[arg(long)]
    pub(crate) force: bool,
    /// Give it only so many percent of the requests, 0 to 99. It is rolled back by itself when it is worse
    /// than what is live.
    #[arg(long, value_name = "PERCENT", conflicts_with = "force")]
    pub(crate) canary: Option<u8>,
    #[command(flatten)]
    pub(crate) why: Why,
}

/// Why something is changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// Why, in a line: `thali show` and the history have it.
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TrafficArgs {
    /// The service.
    pub(crate) name: String,
    /// What each revision gets, in percent; together 100. One that is not named is let go.
    #[arg(value_name = "REVISION=PERCENT", required_unless_present = "sticky")]
    pub(crate) shares: Vec<String>,
    /// What clients keep their revision by: subject, header:NAME, or none to draw every request anew.
    #[arg(long, value_name = "BY")]
    pub(crate) sticky: Option<String>,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DbArgs {
    /// The service.
    pub(crate) name: String,

    #[command(subcommand)]
    pub(crate) command: DbCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Run SQL as the service could: from a prompt, --sql, or standard input.
    Shell {
        /// Run this and leave.
        #[arg(long)]
        sql: Option<String>,
        /// Let it change data. The statements that are sent at once are one transaction.
        #[arg(long)]
        write: bool,
    },
    /// Copy the live database to a file, as it is at one moment.
    Backup {
        /// The file.
        file: PathBuf,
        /// Write over it when it is there.
        #[arg(long)]
        force: bool,
    },
    /// Put a backup in place of the database. The one that was there is kept beside it.
    Restore {
        /// The file.
        file: PathBuf,
    },
    /// Print everything that the service has stored.
    Export {
        /// How: statements that make it again, or a JSON object a line.
        #[arg(long, value_enum, default_value_t = ExportFormat::Sql)]
        format: ExportFormat,
    },
    /// Read the whole database and say what is wrong with it.
    Check,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// SQL, as PostgreSQL reads it as well.
    Sql,
    /// One JSON object a line.
    Jsonl,
}

/// The longest time that can be asked for.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// `30s`, `500ms`, `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let expected = || format!("{text:?} is not a time: write 500ms, 30s or 2m");
    let number: u64 = number.parse().map_err(|_| expected())?;
    let time = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(expected()),
    };
    if time > DURATION_MAX { Err(format!("{text:?} is longer than a day")) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(duration("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(duration("2m").unwrap(), Duration::from_secs(120));
        for bad in ["", "30", "s", "-1s", "1h", "1.5s", "18446744073709551615s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
