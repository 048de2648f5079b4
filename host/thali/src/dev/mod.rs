//! `thali dev`: a host, and what is saved is built and swapped in.
//!
//! The host is the one of `thali up`, in this process. A thread beside it builds one component at a time
//! and deploys through the admin API, as everybody else does, so what a deploy checks is checked. Whatever
//! goes wrong leaves the revision that serves.

mod changes;
mod components;
mod tell;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use clap::{CommandFactory, FromArgMatches};
use parking_lot::Mutex;
use serde_json::Value;
use thali_platform::config::Secret;

use crate::args::{Args, Command, DevArgs, Started, Starting, UpArgs};
use crate::build::{self, BuildReport, How, Running, Words};
use crate::client::Admin;
use crate::commands::{query, segment};
use crate::error::CliError;
use crate::settings::Given;
use crate::table::cell;
use crate::up;

pub(crate) use components::NoComponents;

use changes::{Changes, Saved, Watcher};
use components::Component;
use tell::{Live, Tell};

/// What is logged unless something else is asked for: trouble, and what services say. The
/// deploys are told by this module.
const LOG: &str = "warn,access=off,guest=debug";

/// Deploys at the same time: as many as the host compiles at once, and one that is on its way.
const DEPLOYS_MAX: usize = 3;

/// Builds and deploys what is saved, until Ctrl-C.
pub(crate) fn dev(
    args: &DevArgs,
    token: Option<&Secret>,
    json: bool,
) -> Result<ExitCode, CliError> {
    let components = components::find(&args.folders)?;
    let (tell_started, started) = sync_channel(1);
    let (mut host, given) = host(args)?;
    host.starting = Some(Starting { tell: tell_started, quiet: json });
    let (changes, running) = (Arc::new(Changes::default()), Arc::new(Running::default()));
    let work = Work {
        components,
        changes: Arc::clone(&changes),
        running: Arc::clone(&running),
        tell: Tell { json },
        force: args.force,
    };
    let token = token.cloned();
    let working = std::thread::spawn({
        let token = token.clone();
        move || work.run(&started, token.as_ref())
    });
    let ended = up::up(host, &given, token);
    changes.stop();
    running.stop();
    // It can only have ended by a bug, which it has told then.
    let _ = working.join();
    ended
}

/// The host, as `thali up` would start it.
fn host(args: &DevArgs) -> Result<(UpArgs, Given), CliError> {
    let mut line = vec!["thali".to_owned(), "up".into(), "--dev".into()];
    if !args.no_seed {
        line.push("--seed".into());
    }
    for (name, value) in [("--listen", &args.listen), ("--admin", &args.admin)] {
        if let Some(value) = value {
            line.extend([name.into(), value.to_string()]);
        }
    }
    line.extend(args.host.iter().cloned());
    let matches = Args::command().try_get_matches_from(line).map_err(CliError::Usage)?;
    let parsed = Args::from_arg_matches(&matches).map_err(CliError::Usage)?;
    match parsed.command {
        Command::Up(mut options) => {
            let given = Given::of(&matches);
            // What the host's file says comes before it, as it does before what is usual.
            if !given.has("--log") {
                options.log = LOG.into();
            }
            Ok((options, given))
        }
        _ => Err(CliError::start("what stands behind -- are not options of `thali up`")),
    }
}

/// What the thread beside the host has to do.
struct Work {
    components: Vec<Component>,
    changes: Arc<Changes>,
    running: Arc<Running>,
    tell: Tell,
    force: bool,
}

/// A component that was built and is not deployed yet.
struct Built {
    index: usize,
    report: BuildReport,
}

impl Work {
    fn run(mut self, started: &Receiver<Started>, token: Option<&Secret>) {
        // The host that cannot start says so itself.
        let Ok(Started { gateway, admin }) = started.recv() else { return };
        let (gateway, admin) = (format!("http://{gateway}"), format!("http://{admin}"));
        self.tell.started(&gateway, &admin);
        let admin = Admin::new(&admin, token);
        let mut watcher = match Watcher::start(&self.changes) {
            Ok(watcher) => watcher,
            Err(error) => return self.tell.not_watched(&error),
        };
        // Before the first build: what is saved meanwhile is not missed.
        self.watch(&mut watcher);
        self.take_built(&admin);
        self.round(&admin, None);
        self.watch(&mut watcher);
        let names: Vec<_> = self.components.iter().map(|one| one.name.as_str()).collect();
        self.tell.watching(&names);
        while let Some(saved) = self.changes.wait() {
            self.round(&admin, Some(&saved));
            self.watch(&mut watcher);
        }
    }

    /// Watches what the components are made from now.
    fn watch(&self, watcher: &mut Watcher) {
        let folders: BTreeSet<PathBuf> =
            self.components.iter().flat_map(Component::folders).collect();
        if let Err(error) = watcher.watch(folders) {
            self.tell.not_watched(&error);
        }
    }

    /// Deploys what was built before and is not worked on, so that calls find their providers.
    fn take_built(&self, admin: &Admin) {
        let Some(first) = self.components.first() else { return };
        // A folder that cargo does not understand is told when it is built.
        let Ok(folder) = build::output(&first.dir) else { return };
        let own: BTreeSet<_> = self.components.iter().map(|one| one.name.as_str()).collect();
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| file.extension().is_some_and(|extension| extension == "wasm"))
            .filter(|file| {
                file.file_stem().is_some_and(|name| !own.contains(&*name.to_string_lossy()))
            })
            .collect();
        files.sort();
        side_by_side(&files, |file| {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            if self.changes.stopped() {
                return;
            }
            if let Err(error) = self.deploy(admin, file, None) {
                self.refused(admin, &name, error);
            }
        });
    }

    /// Builds what these changes are about, one component after the other, and deploys it. `None`: all.
    fn round(&mut self, admin: &Admin, saved: Option<&Saved>) {
        let mut built = Vec::new();
        for index in 0..self.components.len() {
            let Some(component) = self.components.get(index) else { return };
            if saved.is_some_and(|saved| !saved.any(|file| component.is_made_from(file))) {
                continue;
            }
            if self.changes.stopped() {
                return;
            }
            built.extend(self.build(admin, index, saved.is_none()));
        }
        // A consumer may need what its provider gets with the same save, so whoever is refused may come
        // again once the others are there.
        let refused = self.swap(admin, built);
        let refused = match &refused[..] {
            [] | [_] => refused,
            _ => self.swap(admin, refused.into_iter().map(|(_, built)| built).collect()),
        };
        for (error, built) in refused {
            self.refused(admin, built.report.name.as_str(), error);
        }
    }

    /// Builds one component. `None` when there is nothing to deploy; the reason is told.
    fn build(&mut self, admin: &Admin, index: usize, first: bool) -> Option<Built> {
        let tell = self.tell;
        let component = self.components.get_mut(index)?;
        tell.building(&component.name);
        let words = if first { Words::All } else { Words::Compiler };
        let how = How { words, running: Some(&self.running) };
        match build::build(&component.dir, how) {
            Ok(report) => {
                component.built(&report);
                component.deployed &= !report.changed;
                // It was saved again: what was built just now is old already.
                if self.changes.pending(|file| component.is_made_from(file)) {
                    return None;
                }
                if component.deployed {
                    tell.unchanged(&component.name);
                    return None;
                }
                Some(Built { index, report })
            }
            Err(_) if self.changes.stopped() => None,
            Err(error) => {
                let name = component.name.clone();
                tell.not_built(&name, error, serving(admin, &name).as_deref());
                None
            }
        }
    }

    /// Deploys what was built. Answers what was refused.
    fn swap(&mut self, admin: &Admin, built: Vec<Built>) -> Vec<(CliError, Built)> {
        let outcomes = side_by_side(&built, |built| {
            self.deploy(admin, &built.report.path, Some(&built.report))
        });
        let mut refused = Vec::new();
        for (built, outcome) in built.into_iter().zip(outcomes) {
            match outcome {
                Err(error) => refused.push((error, built)),
                Ok(()) => {
                    if let Some(component) = self.components.get_mut(built.index) {
                        component.deployed = true;
                    }
                }
            }
        }
        refused
    }

    /// Deploys a file.
    fn deploy(
        &self,
        admin: &Admin,
        file: &Path,
        build: Option<&BuildReport>,
    ) -> Result<(), CliError> {
        let bytes =
            fs::read(file).map_err(|reason| CliError::Read { path: file.to_owned(), reason })?;
        let begun = Instant::now();
        let query =
            query(&[("force", self.force.then_some("true")), ("message", Some("thali dev"))]);
        let answer = admin.post(&format!("/services{query}"), "application/wasm", &bytes)?;
        let body = &answer.body;
        let live = Live {
            name: cell(body, "service"),
            revision: cell(body, "revision"),
            version: cell(body, "version"),
            waiting_for: body.get("waiting_for").and_then(Value::as_str).map(str::to_owned),
        };
        self.tell.live(&live, build, begun.elapsed());
        Ok(())
    }

    fn refused(&self, admin: &Admin, name: &str, error: CliError) {
        // A host that is about to end refuses as well, and everybody knows why.
        let ends = matches!(error, CliError::Unreachable { .. }) && admin.get("/health").is_err();
        if !ends && !self.changes.stopped() {
            self.tell.not_deployed(name, error, serving(admin, name).as_deref());
        }
    }
}

/// The revision that serves now.
fn serving(admin: &Admin, name: &str) -> Option<String> {
    let service = admin.get(&format!("/services/{}", segment(name))).ok()?.body;
    let revisions = service.get("revisions").and_then(Value::as_array)?;
    let live = revisions.iter().find(|one| one.get("live") == Some(&Value::Bool(true)))?;
    Some(cell(live, "number"))
}

/// Does the same with all of them, [`DEPLOYS_MAX`] at a time. Answers what came of it, in their order.
fn side_by_side<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(all.iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..DEPLOYS_MAX.min(all.len()) {
            scope.spawn(|| {
                loop {
                    let Some((index, one)) = next.lock().next() else { return };
                    let outcome = work(one);
                    done.lock().push((index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::host_file::HostFile;

    /// What the host of this command line logs, with this `thali.toml`.
    fn logs(words: &[&str], file: &str) -> String {
        let line = [&["thali", "dev"], words].concat();
        let Command::Dev(args) = Args::try_parse_from(line).unwrap().command else { panic!() };
        let (mut host, given) = host(&args).unwrap();
        host.take(&HostFile::parse("thali.toml", file, Path::new("")).unwrap(), &given);
        host.log
    }

    #[test]
    fn what_is_logged_is_said_by_flags_then_the_file_then_here() {
        let file = "[logs]\nfilter = \"debug\"\n";
        assert_eq!(logs(&[], ""), LOG);
        assert_eq!(logs(&[], file), "debug");
        assert_eq!(logs(&["--", "--log", "error"], file), "error");
    }

    #[test]
    fn what_is_done_side_by_side_is_answered_in_order() {
        let all: Vec<u64> = (0..20).collect();
        assert_eq!(
            side_by_side(&all, |one| one * 2),
            all.iter().map(|one| one * 2).collect::<Vec<_>>()
        );
        assert_eq!(side_by_side(&[0; 0], |one| *one), [0; 0]);
    }
}
