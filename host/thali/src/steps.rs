//! The steps of a deploy, drawn while they happen.
//!
//! They come over `/live`, which a host does not show to everybody, and to no more than so many. Without it there is
//! a spinner, and the deploy is none the worse.

use std::io::{BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Deserialize;

use crate::client::Admin;
use crate::progress;
use crate::sse::Frame;

/// What a deploy does, in this order.
const STEPS: [&str; 10] = [
    "upload",
    "validate",
    "manifest",
    "contracts",
    "compile",
    "migrate",
    "smoke",
    "persist",
    "swap",
    "drain",
];

/// The step after which the answer comes.
const LAST: &str = "swap";

/// What is told of a deploy waits here: more than its steps can tell.
const TOLD_MAX: usize = 64;

/// How long the last step may be behind the answer.
const BEHIND_MAX: Duration = Duration::from_millis(200);

/// Random bytes of what a deploy is known by.
const TAG_BYTES: usize = 12;

/// A deploy that is drawn.
pub(crate) struct Steps {
    bar: ProgressBar,
    followed: Option<Followed>,
}

struct Followed {
    tag: String,
    told: Receiver<Step>,
}

/// How far a step is, as the host tells it.
#[derive(Debug, Deserialize)]
struct Step {
    watch: Option<String>,
    step: String,
    state: State,
    took_ms: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Begun,
    Done,
    Failed,
    Skipped,
}

impl Steps {
    /// Begins to draw the deploy of `what`. Without a terminal nothing is drawn, and the host is not asked.
    pub(crate) fn draw(admin: &Admin, what: &str) -> Self {
        let message = format!("deploying {what}");
        let bar = progress::spinner(&message);
        if bar.is_hidden() {
            return Self { bar, followed: None };
        }
        // Before the deploy: what is told before somebody listens is lost.
        let Some((tag, live)) = tag().zip(admin.follow("/live", None).ok()) else {
            return Self { bar, followed: None };
        };
        let bar = progress::steps(bar, STEPS.len());
        let (tell, told) = sync_channel(TOLD_MAX);
        let (drawn, of) = (bar.clone(), tag.clone());
        // It ends with the stream, at the latest with this process.
        thread::spawn(move || read(live, &of, &drawn, &tell));
        Self { bar, followed: Some(Followed { tag, told }) }
    }

    /// What the deploy is to be known by.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.followed.as_ref().map(|followed| followed.tag.as_str())
    }

    /// Takes it from the terminal once the host has answered. Answers what the steps took, if they were seen.
    pub(crate) fn end(self) -> Option<String> {
        let told = self.followed.map(|followed| told(&followed.told)).unwrap_or_default();
        self.bar.finish_and_clear();
        summary(&told)
    }
}

/// What nobody else knows a deploy by.
fn tag() -> Option<String> {
    let mut bytes = [0; TAG_BYTES];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Draws the steps of one deploy as they are told.
fn read(live: impl Read, tag: &str, bar: &ProgressBar, tell: &SyncSender<Step>) {
    let mut live = BufReader::new(live);
    while let Some(frame) = Frame::read(&mut live) {
        let step = (frame.event == "deploy").then(|| serde_json::from_str(&frame.data).ok());
        let Some(step) = step.flatten().filter(|step: &Step| step.watch.as_deref() == Some(tag))
        else {
            continue;
        };
        let place = STEPS.iter().position(|known| *known == step.step);
        if let Some(place) = place {
            bar.set_position(place as u64 + u64::from(step.state != State::Begun));
            bar.set_prefix(step.step.clone());
        }
        if tell.try_send(step).is_err() {
            return;
        }
    }
}

/// What was told until now, and in the moment in which the last step may still be on its way.
fn told(from: &Receiver<Step>) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Ok(step) = from.recv_timeout(BEHIND_MAX) {
        let is_last = step.is_last();
        steps.push(step);
        if is_last {
            break;
        }
    }
    steps
}

impl Step {
    /// Whether the answer comes after it.
    fn is_last(&self) -> bool {
        match self.state {
            State::Begun => false,
            State::Failed => true,
            State::Done => self.step == LAST,
            // A component that is live already.
            State::Skipped => self.step == LAST || self.step == "validate",
        }
    }
}

/// `upload 2 ms, compile 210 ms`, without what took no time.
fn summary(steps: &[Step]) -> Option<String> {
    let parts: Vec<_> = steps
        .iter()
        .filter_map(|step| match (step.state, step.took_ms) {
            (State::Failed, _) => Some(format!("{} failed", step.step)),
            (State::Done, Some(ms)) if ms >= 1.0 => Some(format!("{} {ms:.0} ms", step.step)),
            _ => None,
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(watch: &str, step: &str, state: &str, took_ms: &str) -> String {
        format!(
            "event: deploy\ndata: {{\"deploy\":\"1\",\"watch\":{watch},\"service\":null,\"step\":\"{step}\",\
             \"state\":\"{state}\",\"took_ms\":{took_ms},\"detail\":null}}\n\n"
        )
    }

    #[test]
    fn the_steps_of_ones_own_deploy_are_drawn_and_summed_up() {
        let live = [
            "event: status\ndata: {}\n\n".to_owned(),
            line("\"me\"", "upload", "done", "0.1"),
            line("\"another\"", "compile", "failed", "5.0"),
            line("null", "compile", "failed", "5.0"),
            line("\"me\"", "compile", "begun", "null"),
            line("\"me\"", "compile", "done", "210.4"),
            line("\"me\"", "swap", "done", "2.0"),
            line("\"me\"", "drain", "done", "900.0"),
        ];
        let (tell, steps) = sync_channel(TOLD_MAX);
        let bar = ProgressBar::hidden();
        read(live.concat().as_bytes(), "me", &bar, &tell);
        assert_eq!(bar.position(), STEPS.len() as u64);
        assert_eq!(summary(&told(&steps)).as_deref(), Some("compile 210 ms, swap 2 ms"));
    }

    #[test]
    fn a_refused_deploy_ends_with_the_step_that_failed() {
        let (tell, steps) = sync_channel(TOLD_MAX);
        let live =
            [line("\"me\"", "upload", "done", "3.2"), line("\"me\"", "contracts", "failed", "0.2")];
        read(live.concat().as_bytes(), "me", &ProgressBar::hidden(), &tell);
        assert_eq!(summary(&told(&steps)).as_deref(), Some("upload 3 ms, contracts failed"));
        assert_eq!(summary(&[]), None);
    }
}
