//! `thali`: a microservices platform in one binary.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod admin_token;
mod args;
mod audit;
mod backends;
mod breakers;
mod build;
mod client;
mod commands;
mod compile_child;
mod config;
mod db;
mod dev;
mod doctor;
#[cfg(test)]
mod documents;
mod error;
mod events;
mod folder;
mod graph;
mod hints;
mod host_file;
mod identity;
mod logging;
mod logs;
mod new;
mod notify;
mod output;
mod progress;
mod reload;
mod rollouts;
mod schedules;
mod settings;
mod show;
mod sse;
mod steps;
mod table;
mod token;
mod top;
mod traces;
mod up;

use std::process::ExitCode;

use clap::FromArgMatches;
use thali_platform::config::Secret;

use crate::args::{Args, AuthCommand, Command};
use crate::client::Admin;
use crate::error::CliError;
use crate::output::note;
use crate::settings::Given;

/// Requests make and drop many small values on several threads. Measured in `just bench` against the
/// system's allocator before it was taken.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let matches = args::command().get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let json = args.json;
    let code = match run(args, &Given::of(&matches)) {
        Ok(code) => code,
        Err(error) => {
            let code = error.exit_code();
            if json {
                commands::print_json(&error.to_json());
            } else {
                note!("{:?}", miette::Report::new(error));
            }
            code
        }
    };
    output::ended(code)
}

fn run(args: Args, given: &Given) -> Result<ExitCode, CliError> {
    let token = match &args.command {
        // What a stranger's component is compiled by has no business with it.
        Command::CompileChild(_)
        | Command::Build(_)
        | Command::New(_)
        | Command::Completions(_) => None,
        Command::Config(options) if options.is_offline() => None,
        _ => admin_token::read(args.admin_token_file.as_deref())?,
    };
    let admin = Admin::new(&args.admin_url, token.as_ref());
    let json = args.json;
    let named = args.command.service().map(str::to_owned);
    let done = command(args.command, given, &admin, token, json);
    done.map_err(|error| hints::with_service(error, &admin, named.as_deref()))
}

fn command(
    command: Command,
    given: &Given,
    admin: &Admin,
    token: Option<Secret>,
    json: bool,
) -> Result<ExitCode, CliError> {
    match command {
        Command::Up(options) => up::up(options, given, token),
        Command::Dev(options) => dev::dev(&options, token.as_ref(), json),
        Command::CompileChild(options) => Ok(compile_child::run(&options)),
        Command::New(options) => commands::new(&options, json),
        Command::Build(options) => commands::build(&options, json),
        Command::Deploy(options) => commands::deploy(admin, &options, json),
        Command::Services => commands::services(admin, json),
        Command::Show { name } => show::show(admin, &name, json),
        Command::Rollback { name, why } => rollouts::rollback(admin, &name, &why, json),
        Command::Traffic(options) => rollouts::traffic(admin, &options, json),
        Command::Promote { name, revision, why } => {
            rollouts::promote(admin, &name, revision.as_deref(), &why, json)
        }
        Command::Remove { name, force, why } => commands::remove(admin, &name, force, &why, json),
        Command::Call { name, function, arguments } => {
            commands::call(admin, &name, &function, &arguments)
        }
        Command::Db(options) => db::db(admin, &options, json),
        Command::Events { command } => events::run(admin, &command, json),
        Command::Schedules { service, command } => {
            schedules::schedules(admin, service.as_deref(), command.as_ref(), json)
        }
        Command::Breakers { command } => breakers::breakers(admin, command.as_ref(), json),
        Command::Token(options) => token::token(&options, json),
        Command::Auth { command: AuthCommand::Reload } => commands::reload_keys(admin, json),
        Command::Logs(options) => logs::logs(admin, &options, json),
        Command::Traces(options) => traces::traces(admin, &options, json),
        Command::Trace { id } => traces::trace(admin, &id, json),
        Command::Config(options) => config::config(options.command, admin, given, json),
        Command::Audit { limit } => audit::audit(admin, limit, json),
        Command::Graph(options) => graph::graph(admin, &options, json),
        Command::Top(options) => top::top(admin, &options, json),
        Command::Completions(options) => Ok(commands::completions(&options)),
        Command::Openapi => commands::openapi(admin),
        Command::Doctor => Ok(doctor::doctor(admin, json)),
    }
}
