//! What somebody who works on services is told: a line for people, an object for programs.

use std::time::Duration;

use miette::Report;
use serde_json::{Value, json};

use crate::build::{BuildError, BuildReport};
use crate::error::CliError;
use crate::output::{Tone, note, out, tone};

/// Tells what happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tell {
    /// To programs, on standard output, an object a line.
    pub(super) json: bool,
}

/// What came of a deploy.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) name: String,
    pub(super) revision: String,
    pub(super) version: String,
    /// What it needs and nobody provides.
    pub(super) waiting_for: Option<String>,
}

impl Tell {
    pub(super) fn started(self, gateway: &str, admin: &str) {
        self.say(&json!({"event": "started", "gateway": gateway, "admin": admin}), || {
            note!("serving {gateway}/api/v1, admin API and dashboard on {admin}");
        });
    }

    pub(super) fn watching(self, names: &[&str]) {
        self.say(&json!({"event": "watching", "services": names}), || {
            let names = match names {
                [one] => (*one).to_owned(),
                many => format!("{} services", many.len()),
            };
            note!(
                "{} {names}; a save builds and swaps, Ctrl-C ends",
                tone(Tone::Plain, "watching")
            );
        });
    }

    pub(super) fn building(self, name: &str) {
        self.say(&json!({"event": "building", "service": name}), || {
            note!("{} {name}", tone(Tone::Plain, "building"));
        });
    }

    pub(super) fn unchanged(self, name: &str) {
        self.say(&json!({"event": "unchanged", "service": name}), || {
            note!("   {} {name} is what it was", tone(Tone::Plain, "same"));
        });
    }

    /// A revision serves that was built just now.
    pub(super) fn live(self, live: &Live, build: Option<&BuildReport>, deploy: Duration) {
        let Live { name, revision, version, waiting_for } = live;
        let (build_s, deploy_ms) = (build.map(|report| report.seconds), deploy.as_millis());
        let event = json!({
            "event": "live", "service": name, "revision": number(revision), "version": version,
            "waiting_for": waiting_for, "build_s": build_s, "deploy_ms": deploy_ms,
        });
        self.say(&event, || {
            let built = build_s.map(|seconds| format!("built in {seconds:.1} s, "));
            let built = built.unwrap_or_default();
            note!(
                "   {} {name} revision {revision} ({version}): {built}swapped in {deploy_ms} ms",
                tone(Tone::Good, "live")
            );
            if let Some(interface) = waiting_for {
                note!("        it waits until somebody provides {interface}");
            }
        });
    }

    /// The compiler said no; it said why itself, unless there is something else to say.
    pub(super) fn not_built(self, name: &str, error: BuildError, serving: Option<&str>) {
        let said_already = matches!(error, BuildError::Compile { .. });
        let error = CliError::Build(error);
        let event = failure("build", name, &error, serving);
        self.say(&event, || {
            if !said_already {
                note!("{:?}", Report::new(error));
            }
            note!(" {} {name} does not build; {}", tone(Tone::Bad, "failed"), stays(serving));
        });
    }

    /// The host said no, or does not answer.
    pub(super) fn not_deployed(self, name: &str, error: CliError, serving: Option<&str>) {
        let event = failure("deploy", name, &error, serving);
        self.say(&event, || {
            note!("{:?}", Report::new(error));
            note!("{} {name} is not deployed; {}", tone(Tone::Bad, "refused"), stays(serving));
        });
    }

    /// Folders cannot be watched.
    pub(super) fn not_watched(self, error: &notify::Error) {
        self.say(&json!({"event": "not_watched", "detail": error.to_string()}), || {
            note!(
                "{} some folders cannot be watched: {error}\n        raise fs.inotify.max_user_watches, \
                 or name the services that you work on: thali dev components/orders",
                tone(Tone::Bad, "failed")
            );
        });
    }

    fn say(self, event: &Value, to_people: impl FnOnce()) {
        if self.json {
            out!("{event}");
        } else {
            to_people();
        }
    }
}

fn failure(step: &str, name: &str, error: &CliError, serving: Option<&str>) -> Value {
    json!({
        "event": "failed", "service": name, "step": step,
        "error": error.to_json(), "serving": serving.and_then(number),
    })
}

fn number(revision: &str) -> Option<u64> {
    revision.parse().ok()
}

fn stays(serving: Option<&str>) -> String {
    match serving {
        Some(revision) => format!("revision {revision} still serves"),
        None => "nothing serves in its place".into(),
    }
}
