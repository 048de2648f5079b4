//! The steps of a deploy, told while they happen to whoever listens.
//!
//! Telling changes nothing: a deploy does not wait for its listeners, and one that is too slow loses the oldest steps.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use thali_contract::name::ServiceName;
use thiserror::Error;
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::control::DeployOptions;
use crate::error::DeployError;

/// Steps that a slow listener may be behind: several deploys.
const QUEUE: usize = 256;

/// The longest tag, in bytes.
const TAG_BYTES_MAX: usize = 64;

/// What a deploy does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The bytes have come, and are not too many.
    Upload,
    /// They are a component.
    Validate,
    /// Its manifest says what can be.
    Manifest,
    /// What it offers and needs fits what is live.
    Contracts,
    /// It is compiled.
    Compile,
    /// Its database is brought up to date.
    Migrate,
    /// It shows that it can serve.
    Smoke,
    /// It is stored.
    Persist,
    /// It takes the requests.
    Swap,
    /// What it has replaced ends what it began.
    Drain,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It has begun.
    Begun,
    /// It is done.
    Done,
    /// It has failed, and so has the deploy.
    Failed,
    /// There was nothing to do.
    Skipped,
}

/// One step, as it begins or ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepEvent {
    /// Which deploy: the id of its request, if it came by one.
    pub deploy: String,
    /// What whoever deploys wants to know it by.
    pub watch: Option<Tag>,
    /// The service, once the manifest has said it.
    pub service: Option<ServiceName>,
    /// What is done.
    pub step: Step,
    /// How far it is.
    pub state: StepState,
    /// How long it took; nothing before its end.
    pub took_ms: Option<f64>,
    /// What there is to say, or why it failed.
    pub detail: Option<String>,
}

/// What a deploy is known by to whoever makes it: up to 64 letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Tag(Box<str>);

/// A text that is no tag.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected 1 to {TAG_BYTES_MAX} letters, digits and hyphens")]
pub struct InvalidTag;

/// Tells the steps of deploys.
#[derive(Debug)]
pub(crate) struct Steps(broadcast::Sender<StepEvent>);

/// Tells the steps of one deploy, or of none.
#[derive(Clone, Default)]
pub(crate) struct Progress(Option<Arc<Deploy>>);

struct Deploy {
    id: String,
    watch: Option<Tag>,
    service: OnceLock<ServiceName>,
    to: broadcast::Sender<StepEvent>,
}

/// A step that has begun. One that is let go of has failed.
pub(crate) struct Running {
    progress: Progress,
    step: Step,
    begun: Instant,
    ended: bool,
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, InvalidTag> {
        let is_tag = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match is_tag && (1..=TAG_BYTES_MAX).contains(&text.len()) {
            true => Ok(Self(text.into())),
            false => Err(InvalidTag),
        }
    }
}

impl TryFrom<String> for Tag {
    type Error = InvalidTag;

    fn try_from(text: String) -> Result<Self, InvalidTag> {
        text.parse()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self(broadcast::Sender::new(QUEUE))
    }
}

impl Steps {
    /// The steps of all deploys from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<StepEvent> {
        self.0.subscribe()
    }

    /// Whoever wants to hear of a deploy listens before it begins.
    pub(crate) fn of(&self, options: &DeployOptions) -> Progress {
        if self.0.receiver_count() == 0 {
            return Progress::default();
        }
        let id = options.request.unwrap_or_else(Uuid::now_v7);
        Progress(Some(Arc::new(Deploy {
            id: id.to_string(),
            watch: options.watch.clone(),
            service: OnceLock::new(),
            to: self.0.clone(),
        })))
    }
}

impl Progress {
    /// Which service it is.
    pub(crate) fn is_of(&self, service: &ServiceName) {
        if let Some(deploy) = &self.0 {
            // It is said once.
            let _ = deploy.service.set(service.clone());
        }
    }

    /// Begins a step.
    pub(crate) fn begin(&self, step: Step) -> Running {
        self.tell(step, StepState::Begun, None, None);
        Running { progress: self.clone(), step, begun: Instant::now(), ended: false }
    }

    /// There is nothing to do in a step.
    pub(crate) fn skip(&self, step: Step, why: &str) {
        self.tell(step, StepState::Skipped, None, Some(why.to_owned()));
    }

    /// Tells a step that has failed after all.
    pub(crate) fn check<T>(
        &self,
        step: Step,
        result: Result<T, DeployError>,
    ) -> Result<T, DeployError> {
        result.inspect_err(|error| {
            self.tell(step, StepState::Failed, None, Some(error.problem().to_string()));
        })
    }

    fn tell(&self, step: Step, state: StepState, took_ms: Option<f64>, detail: Option<String>) {
        let Some(deploy) = &self.0 else { return };
        // The listeners may have left.
        let _ = deploy.to.send(StepEvent {
            deploy: deploy.id.clone(),
            watch: deploy.watch.clone(),
            service: deploy.service.get().cloned(),
            step,
            state,
            took_ms,
            detail,
        });
    }
}

impl Running {
    /// Ends a step the way that it went.
    pub(crate) fn end<T>(self, result: Result<T, DeployError>) -> Result<T, DeployError> {
        match &result {
            Ok(_) => self.done(None),
            Err(error) => self.failed(error.problem().to_string()),
        }
        result
    }

    /// It is done, with something to say.
    pub(crate) fn done(mut self, detail: Option<String>) {
        self.tell(StepState::Done, detail);
    }

    fn failed(mut self, why: String) {
        self.tell(StepState::Failed, Some(why));
    }

    fn tell(&mut self, state: StepState, detail: Option<String>) {
        self.ended = true;
        let took_ms = self.begun.elapsed().as_secs_f64() * 1e3;
        self.progress.tell(self.step, state, Some((took_ms * 1e3).round() / 1e3), detail);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.tell(StepState::Failed, Some("it was cut off".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_short_and_harmless() {
        assert_eq!("page-7".parse::<Tag>().unwrap().to_string(), "page-7");
        for bad in ["", "a b", "a\n", "<b>", &"x".repeat(65)] {
            assert_eq!(bad.parse::<Tag>(), Err(InvalidTag), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_step_that_is_let_go_of_has_failed() {
        let steps = Steps::default();
        drop(steps.of(&DeployOptions::default()).begin(Step::Upload));
        let mut heard = steps.listen();
        assert!(heard.try_recv().is_err(), "nobody listened");
        let options =
            DeployOptions { watch: Some("me".parse().unwrap()), ..DeployOptions::default() };
        let progress = steps.of(&options);
        progress.begin(Step::Validate).done(None);
        drop(progress.begin(Step::Compile));
        let mut states = Vec::new();
        while let Ok(event) = heard.try_recv() {
            assert_eq!(event.watch, options.watch);
            states.push((event.step, event.state, event.took_ms.is_some()));
        }
        assert_eq!(
            states,
            [
                (Step::Validate, StepState::Begun, false),
                (Step::Validate, StepState::Done, true),
                (Step::Compile, StepState::Begun, false),
                (Step::Compile, StepState::Failed, true),
            ]
        );
    }
}
