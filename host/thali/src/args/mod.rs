//! The command line: a file for each group of commands.

mod access;
mod calls;
mod config;
mod data;
mod develop;
mod help;
mod host;
mod logs;
mod look;
#[cfg(test)]
mod reference;
mod services;
mod time;
mod traces;
mod under;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::events::EventsCommand;

pub(crate) use access::{AuthCommand, TokenArgs};
pub(crate) use calls::{BreakersCommand, SchedulesCommand};
pub(crate) use config::{ConfigArgs, ConfigCommand};
pub(crate) use data::{DbArgs, DbCommand, ExportFormat};
pub(crate) use develop::{BuildArgs, DevArgs, NewArgs};
pub(crate) use help::command;
pub(crate) use host::{CompileChildArgs, LogFormat, Started, Starting, UpArgs};
pub(crate) use logs::LogsArgs;
pub(crate) use look::{CompletionsArgs, GraphArgs, TopArgs};
pub(crate) use services::{DeployArgs, TrafficArgs, Why};
pub(crate) use traces::TracesArgs;

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
    /// Run a host, and build and swap in what you save. What does not build, or is refused, leaves the
    /// revision that serves.
    #[command(
        after_help = "Examples:\n  thali dev\n  thali dev components/orders\n  thali dev . --listen 127.0.0.1:9000 -- --site public"
    )]
    Dev(DevArgs),
    /// Compile the component on standard input for a host that started this process.
    #[command(hide = true)]
    CompileChild(CompileChildArgs),
    /// Make a new service: a small one that builds, passes its tests and serves, to be made into another.
    #[command(
        after_help = "Examples:\n  thali new notes && cd notes && thali dev\n  thali new words --template subscriber\n  thali new --list"
    )]
    New(NewArgs),
    /// Build component crates and pack manifest, migrations and WIT docs into one file each.
    #[command(after_help = "Example:\n  thali build components/orders")]
    Build(BuildArgs),
    /// Deploy a component into the running host; no request is lost.
    #[command(after_help = "Example:\n  thali deploy target/components/orders.wasm")]
    Deploy(DeployArgs),
    /// List the services.
    #[command(
        after_help = "Examples:\n  thali services\n  thali services --json | jq -r '.items[].name'"
    )]
    Services,
    /// Show one service: revisions, routes, contracts, limits.
    #[command(after_help = "Example:\n  thali show orders")]
    Show {
        /// The service.
        name: String,
    },
    /// Make the revision that was live before live again, or call off the rollout that runs. Migrations are
    /// not undone.
    #[command(after_help = "Example:\n  thali rollback orders -m 'prices were wrong'")]
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
    #[command(after_help = "Example:\n  thali promote orders -m 'a day without trouble'")]
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
    #[command(after_help = "Example:\n  thali remove notifications")]
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
    #[command(
        after_help = "Examples:\n  thali events list\n  thali events redrive --subscriber notifications"
    )]
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
    #[command(after_help = "Example:\n  thali auth reload")]
    Auth {
        #[command(subcommand)]
        command: AuthCommand,
    },
    /// Show, check and describe the configuration of a host.
    #[command(
        after_help = "Examples:\n  thali config show --origin\n  thali config check thali.toml\n  thali config reload\n  thali config example > thali.toml"
    )]
    Config(ConfigArgs),
    /// Read what services write and the host says, and follow it.
    #[command(
        after_help = "Examples:\n  thali logs orders -f\n  thali logs --since 10m --level warn\n  thali logs --request 019aabcd-..."
    )]
    Logs(LogsArgs),
    /// List who changed what through the admin API, the newest first.
    #[command(after_help = "Example:\n  thali audit --limit 50")]
    Audit {
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// List what requests did lately, the newest first.
    #[command(
        after_help = "Examples:\n  thali traces --errors\n  thali traces --service orders --slow 5ms"
    )]
    Traces(TracesArgs),
    /// Draw one trace: each hop, whose it was, when and how long.
    #[command(after_help = "Example:\n  thali trace 0af7651916cd43dd8448eb211c80319c")]
    Trace {
        /// The trace, as `thali traces` or the header `traceparent` of an answer names it.
        id: String,
    },
    /// Show who calls whom, who hears whom, what is missing, and which circuits are open.
    #[command(
        after_help = "Examples:\n  thali graph\n  thali graph --dot | dot -Tsvg > services.svg"
    )]
    Graph(GraphArgs),
    /// Show what the services do now: requests, errors, times, memory. q leaves.
    #[command(after_help = "Examples:\n  thali top\n  thali top --once")]
    Top(TopArgs),
    /// Print what completes these commands in a shell.
    #[command(
        after_help = "Examples:\n  thali completions bash > ~/.local/share/bash-completion/completions/thali\n  thali completions zsh > \"${fpath[1]}/_thali\"\n  thali completions fish > ~/.config/fish/completions/thali.fish"
    )]
    Completions(CompletionsArgs),
    /// Print the OpenAPI document of everything that is live.
    #[command(after_help = "Example:\n  thali openapi > openapi.json")]
    Openapi,
    /// Check this machine and the running host.
    #[command(after_help = "Example:\n  thali doctor")]
    Doctor,
}

impl Command {
    /// The service that it is about.
    pub(crate) fn service(&self) -> Option<&str> {
        match self {
            Self::Show { name }
            | Self::Rollback { name, .. }
            | Self::Promote { name, .. }
            | Self::Remove { name, .. }
            | Self::Call { name, .. } => Some(name),
            Self::Traffic(options) => Some(&options.name),
            Self::Db(options) => Some(&options.name),
            Self::Schedules { service, .. } => service.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
