//! Schedules of deployed services, by the clock of this machine.

use std::time::Duration;

use thali_control::DeployError;
use thali_platform::schedules::{Outcome, RunError, ScheduleStatus};
use tokio::time::{Instant, sleep};

use crate::support::{Guest, TestHost, guest, name};

fn ticking(manifest: &str) -> Guest {
    let functions = ["tick: func()", "count: func() -> u32", "add: func(n: u32)", "sweep: func()"];
    guest("clock").exports("thali:clock/upkeep@1.0.0", &functions).manifest(manifest)
}

fn status(host: &TestHost) -> ScheduleStatus {
    host.control().schedules().status().pop().expect("a schedule")
}

async fn until(host: &TestHost, holds: impl Fn(&ScheduleStatus) -> bool) -> ScheduleStatus {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let status = status(host);
        if holds(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn run(host: &TestHost, schedule: &str) -> Result<Outcome, RunError> {
    let run = host.control().schedules().run(&name("clock"), schedule).await;
    run.map(|run| run.outcome)
}

#[tokio::test]
async fn a_function_runs_by_the_clock_and_its_record_survives_swaps_and_restarts() {
    let mut host = TestHost::new().await;
    host.deploy(ticking("[schedule]\n\"* * * * * *\" = \"upkeep.tick\"")).await;
    let ran = until(&host, |status| status.runs >= 1).await;
    assert_eq!((ran.failures, ran.name.as_str(), ran.call.as_str()), (0, "tick", "upkeep.tick"));

    // A swap to a time far away keeps what is known.
    let yearly = "[schedule.tick]\ncron = \"0 0 0 1 1 *\"\ncall = \"upkeep.tick\"\n";
    host.deploy(ticking(yearly).version("1.1.0")).await;
    let swapped = until(&host, |status| status.cron == "0 0 0 1 1 *").await;
    assert!(swapped.runs >= ran.runs);
    let settled = until(&host, |status| {
        status.last_run.as_ref().is_some_and(|run| run.outcome == Outcome::Ok)
    });
    let runs = settled.await.runs;
    assert_eq!(run(&host, "tick").await, Ok(Outcome::Ok));

    host.restart().await;
    let back = until(&host, |status| status.next_run.is_some()).await;
    assert_eq!((back.runs, back.last_run.unwrap().outcome), (runs + 1, Outcome::Ok));

    host.remove("clock").await.unwrap();
    assert!(host.control().schedules().status().is_empty());
    assert_eq!(run(&host, "tick").await, Err(RunError::Unknown));
}

#[tokio::test]
async fn a_run_that_traps_is_a_failure_with_its_reason() {
    let host = TestHost::new().await;
    let yearly = "[schedule.tick]\ncron = \"0 0 0 1 1 *\"\ncall = \"upkeep.tick\"\n";
    host.deploy(ticking(yearly).does("unreachable")).await;
    until(&host, |status| status.next_run.is_some()).await;
    assert_eq!(run(&host, "tick").await, Ok(Outcome::Failed));
    let error = status(&host).last_run.unwrap().error.unwrap();
    assert!(error.contains("unreachable"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_scheduled_is_refused_with_its_line() {
    let host = TestHost::new().await;
    let manifest = "[schedule]\n\
        \"* * * * *\" = { call = \"upkeep.tick\", name = \"a\" }\n\
        \"0 0 0 30 2 *\" = { call = \"upkeep.tick\", name = \"b\" }\n\
        \"1 * * * * *\" = { call = \"upkeep.tick\", timezone = \"Mars/Olympus\", name = \"c\" }\n\
        \"2 * * * * *\" = \"upkeep.add\"\n\
        \"3 * * * * *\" = \"upkeep.count\"\n\
        \"4 * * * * *\" = \"upkeep.tock\"\n";
    let DeployError::InvalidManifest(mistakes) = host.refuse(ticking(manifest)).await else {
        panic!("an invalid manifest")
    };
    let found: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    for (found, expected) in found.iter().zip([
        ("service.toml:5: ", "is not a time"),
        ("service.toml:6: ", "never comes"),
        ("service.toml:7: ", "is not a time zone"),
        ("service.toml:8: ", "takes parameters"),
        ("service.toml:9: ", "returns a value"),
        ("service.toml:10: ", "no upkeep.tock; it could schedule upkeep.tick, upkeep.sweep"),
    ]) {
        assert!(found.starts_with(expected.0) && found.contains(expected.1), "{found}");
    }
    assert_eq!(found.len(), 6, "{found:?}");
}
