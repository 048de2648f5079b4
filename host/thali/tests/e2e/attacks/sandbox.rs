//! S: guests that take what they can get.

use std::time::{Duration, Instant};

use super::Case;
use super::guests::{FOR_EVER, service};
use super::stage::Stage;
use crate::support::Answer;

pub(super) const CASES: &[Case] = &[
    Case::new("S-01", "infinite_loop", "504 at the CPU limit + 100 ms", infinite_loop),
    Case::new("S-02", "infinite_loop_many", "64 x 504 at the limit + 100 ms", infinite_loop_many),
];

/// Beside what the machine needs to get round to it.
const LATE_MAX: Duration = Duration::from_millis(100);

/// The status and code of an answer, and how long it took.
fn timed(stage: &Stage, path: &str) -> (Answer, Duration) {
    let asked = Instant::now();
    let answer = stage.host.get(path);
    (answer, asked.elapsed())
}

fn is_cut(answer: &Answer, code: &str, took: Duration, limit: Duration) -> Result<String, String> {
    let seen = format!("{} {} after {took:.0?}", answer.status, answer.body["code"]);
    let in_time = took >= limit && took < limit + LATE_MAX;
    match answer.status == 504 && answer.body["code"] == code && in_time {
        true => Ok(seen),
        false => Err(seen),
    }
}

fn infinite_loop(stage: &Stage) -> Result<String, String> {
    stage.host.deploy(&service("looping", "", FOR_EVER, "cpu = \"400ms\"\ntimeout = \"5s\""));
    let (answer, took) = timed(stage, "/api/v1/looping");
    is_cut(&answer, "cpu_limit", took, Duration::from_millis(400))
}

fn infinite_loop_many(stage: &Stage) -> Result<String, String> {
    stage.host.deploy(&service("looping", "", FOR_EVER, "timeout = \"3s\""));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let asked = (0..64).map(|_| scope.spawn(|| timed(stage, "/api/v1/looping")));
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let limit = Duration::from_secs(3);
    let mut slowest = Duration::ZERO;
    for (answer, took) in &outcomes {
        is_cut(answer, "deadline", *took, limit)?;
        slowest = slowest.max(*took);
    }
    Ok(format!("{} x 504 deadline, the slowest after {slowest:.0?}", outcomes.len()))
}
