//! What a revision wants to be run, checked against its component.

use std::sync::Arc;
use std::time::Duration;

use thali_contract::contract::{Contract, Function, FunctionRef};
use thali_contract::manifest::{Manifest, Missed, ScheduleSpec};
use thali_contract::problem::Mistake;

use super::timetable::Timetable;

/// A function that runs by the clock.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Names it within the service.
    pub name: String,
    /// When it is due.
    pub timetable: Timetable,
    /// `interface.function`, as the manifest has it.
    pub call: String,
    /// The function.
    pub function: FunctionRef,
    /// Each run begins so much later at most, by chance.
    pub jitter: Duration,
    /// What becomes of runs that nobody could run.
    pub missed: Missed,
}

/// The schedules of a revision.
#[derive(Clone, Debug, Default)]
pub struct Schedules(Vec<Arc<Schedule>>);

impl Schedules {
    /// The schedules of a manifest, checked against the component.
    ///
    /// # Errors
    ///
    /// Every schedule whose time cannot be read or whose function cannot be run without arguments, with
    /// the manifest's line.
    pub fn check(manifest: &Manifest, contract: &Contract) -> Result<Self, Vec<Mistake>> {
        let (mut schedules, mut mistakes) = (Vec::new(), Vec::new());
        for spec in &manifest.schedules {
            match schedule(spec, contract) {
                Ok(schedule) => schedules.push(Arc::new(schedule)),
                Err(detail) => {
                    mistakes.push(Mistake::new(format!("service.toml:{}", spec.line), detail));
                }
            }
        }
        if mistakes.is_empty() { Ok(Self(schedules)) } else { Err(mistakes) }
    }

    /// The schedules, in the order of the manifest.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Schedule>> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn schedule(spec: &ScheduleSpec, contract: &Contract) -> Result<Schedule, String> {
    let timetable =
        Timetable::parse(&spec.cron, &spec.timezone).map_err(|error| error.to_string())?;
    let call = format!("{}.{}", spec.interface, spec.function);
    let at = contract.find(&spec.interface, &spec.function);
    let found = at.and_then(|at| Some((at, contract.function(at)?.1)));
    let (at, function) = found.ok_or_else(|| {
        let exported = runnable(contract).collect::<Vec<_>>().join(", ");
        match exported.as_str() {
            "" => {
                format!("the component exports no {call}, nor any function that could be scheduled")
            }
            exported => format!("the component exports no {call}; it could schedule {exported}"),
        }
    })?;
    if let Some(why) = unfit(function) {
        return Err(format!("{call} cannot be scheduled: {why}"));
    }
    Ok(Schedule {
        name: spec.name.clone(),
        timetable,
        call,
        function: at,
        jitter: spec.jitter,
        missed: spec.missed,
    })
}

fn runnable(contract: &Contract) -> impl Iterator<Item = String> {
    contract.exports.iter().flat_map(|export| {
        let fit = export.functions.iter().filter(|function| unfit(function).is_none());
        fit.map(|function| format!("{}.{}", export.name.interface, function.name))
    })
}

/// Why the clock cannot call a function.
fn unfit(function: &Function) -> Option<&'static str> {
    if !function.params.is_empty() {
        Some("it takes parameters, and there is nobody to give them")
    } else if function.success().is_some() {
        Some("it returns a value, and there is nobody to take it; return nothing or result<_, E>")
    } else {
        None
    }
}
