//! The first invocation of a new revision, before anybody's request.
//!
//! A service that exports `thali:platform/health` is asked whether it can serve; any other is
//! instantiated once. Its migrations have run by then, and its contracts are wired as they will be.

use std::time::Duration;

use thali_contract::contract::{Contract, Function, FunctionRef, Origin};
use thali_contract::ty::Type;
use thali_runtime::{Context, Fault, NodeIndex};
use wasmtime::component::Val;

use crate::control::Control;
use crate::error::DeployError;
use crate::live::Live;

/// How long a new revision may take to show that it can serve.
const SMOKE_TIME: Duration = Duration::from_secs(5);

/// Characters of a guest's words that are passed on.
const WORDS_MAX: usize = 500;

impl Control {
    /// Tries the revision at `node` of what shall be live.
    pub(crate) async fn smoke(&self, next: &Live, node: NodeIndex) -> Result<(), DeployError> {
        let topology = &next.topology;
        let revision = topology.revision(node);
        let context = Context::root(SMOKE_TIME);
        // What waits for a provider may still be deployed, and cannot say much before that is there.
        let waits = topology.waiting_for(node).is_some();
        let tried = match check_of(revision.contract()).filter(|_| !waits) {
            Some(check) => self.runtime.invoke(topology, node, check, &[], context).await,
            None => self.runtime.probe(topology, node, context).await.map(|()| None),
        };
        match tried {
            Ok(answer) => match complaint(answer) {
                Some(words) => Err(DeployError::Smoke(format!("its health check says: {words}"))),
                None => Ok(()),
            },
            Err(Fault::Overloaded(_)) => {
                Err(DeployError::Busy("There is no room to try the new revision."))
            }
            Err(fault) => Err(DeployError::Smoke(bounded(&failure(&fault)))),
        }
    }
}

/// What a health check has to complain of.
pub(crate) fn complaint(answer: Option<Val>) -> Option<String> {
    let Some(Val::Result(Err(words))) = answer else { return None };
    Some(match words.as_deref() {
        Some(Val::String(words)) => bounded(words),
        _ => "no reason".into(),
    })
}

/// The host's part is in the log; the guest's words are for whoever wrote it.
fn failure(fault: &Fault) -> String {
    match fault {
        Fault::Deadline => format!("it did not get ready within {} s", SMOKE_TIME.as_secs()),
        Fault::Trap(trap) => format!("it trapped: {}", trap.message),
        other => other.to_string(),
    }
}

/// One line that is not too long, without anything that could confuse a terminal.
pub(crate) fn bounded(words: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    words.chars().map(clean).take(WORDS_MAX).collect()
}

/// `thali:platform/health.check`, when it is exported.
pub(crate) fn check_of(contract: &Contract) -> Option<FunctionRef> {
    let health = contract.exports.iter().enumerate().find(|(_, export)| is_health(export))?;
    let (interface, export) = health;
    let function = export.functions.iter().position(|function| function.name == "check")?;
    Some(FunctionRef {
        interface: u32::try_from(interface).ok()?,
        function: u32::try_from(function).ok()?,
    })
}

fn is_health(export: &thali_contract::contract::Interface) -> bool {
    export.name.origin() == Origin::Platform && export.name.interface == "health"
}

/// Whether an exported `thali:platform/health` is the one that will be called.
pub(crate) fn check_health(contract: &Contract) -> Result<(), DeployError> {
    let mut exports = contract.exports.iter().filter(|export| is_health(export));
    let is_right = |function: &Function| {
        let says = |ty: &Type| match ty {
            Type::Result(sides) => sides.ok.is_none() && sides.err == Some(Type::String),
            _ => false,
        };
        function.name == "check"
            && function.params.is_empty()
            && function.result.as_ref().is_some_and(says)
    };
    match exports.find(|export| !export.functions.iter().any(is_right)) {
        None => Ok(()),
        Some(wrong) => Err(DeployError::InvalidComponent(format!(
            "{} must have `check: func() -> result<_, string>`",
            wrong.name
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_guest_are_one_short_line() {
        assert_eq!(bounded("a\nb\u{1b}[31m"), "a b [31m");
        assert_eq!(bounded(&"x".repeat(10_000)).len(), WORDS_MAX);
    }
}
