//! What the clock does, on a clock that follows tokio's paused one.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use thali_contract::contract::FunctionRef;
use thali_contract::manifest::Missed;
use tokio::time::{Instant, sleep};

use super::clock::Clock;
use super::plan::Schedule;
use super::record::{Book, Row};
use super::runner::{Id, Runner};
use super::scheduler::{Demand, Desk, RunError, Scheduler};
use super::status::{Outcome, ScheduleStatus};
use super::timetable::Timetable;
use crate::sql::{SqlError, Unavailable};

const START: &str = "2026-11-22T12:00:00Z";

struct FakeClock(Instant);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.0.elapsed()).unwrap();
        START.parse::<Timestamp>().unwrap() + since
    }
}

/// Runs that take as long as they are told to.
#[derive(Default)]
struct FakeRunner {
    takes: Mutex<Duration>,
    fails: Mutex<Option<String>>,
    absent: Mutex<bool>,
    /// When each run began, in seconds since the start.
    began: Mutex<Vec<(String, u64)>>,
    running: Mutex<HashSet<Id>>,
    clock: Mutex<Option<Arc<FakeClock>>>,
}

impl FakeRunner {
    fn began(&self, name: &str) -> Vec<u64> {
        let began = self.began.lock();
        began.iter().filter(|(other, _)| other == name).map(|(_, second)| *second).collect()
    }
}

impl Runner for FakeRunner {
    fn serves(&self, _: &Id) -> bool {
        !*self.absent.lock()
    }

    fn run<'a>(
        &'a self,
        id: &'a Id,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        Box::pin(async move {
            let second = self.clock.lock().as_ref().unwrap().0.elapsed().as_secs();
            assert!(self.running.lock().insert(id.clone()), "two runs of {id:?} at once");
            self.began.lock().push((id.1.clone(), second));
            let takes = *self.takes.lock();
            sleep(takes).await;
            self.running.lock().remove(id);
            self.fails.lock().clone().map_or(Ok(()), Err)
        })
    }
}

#[derive(Default)]
struct FakeBook {
    rows: Mutex<HashMap<String, Row>>,
    broken: Mutex<bool>,
}

impl FakeBook {
    fn check(&self) -> Result<(), SqlError> {
        if *self.broken.lock() { Err(Unavailable::NotConfigured.into()) } else { Ok(()) }
    }
}

type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, SqlError>> + Send + 'a>>;

impl Book for FakeBook {
    fn load<'a>(&'a self, name: &'a str) -> Later<'a, Option<Row>> {
        Box::pin(async move {
            self.check()?;
            Ok(self.rows.lock().get(name).cloned())
        })
    }

    fn store<'a>(&'a self, name: &'a str, row: Row) -> Later<'a, ()> {
        Box::pin(async move {
            self.check()?;
            self.rows.lock().insert(name.to_owned(), row);
            Ok(())
        })
    }
}

struct Host {
    desk: Arc<Desk>,
    scheduler: Scheduler,
    runner: Arc<FakeRunner>,
    book: Arc<FakeBook>,
}

impl Host {
    fn new() -> Self {
        Self::on(Arc::default())
    }

    fn on(book: Arc<FakeBook>) -> Self {
        let clock = Arc::new(FakeClock(Instant::now()));
        let runner = Arc::new(FakeRunner::default());
        *runner.clock.lock() = Some(Arc::clone(&clock));
        let desk = Desk::new(clock, Arc::clone(&runner) as Arc<dyn Runner>);
        Self { scheduler: desk.scheduler(), desk, runner, book }
    }

    fn plan(&self, schedules: &[Schedule]) {
        let demand = |schedule: &Schedule| Demand {
            id: ("orders".parse().unwrap(), schedule.name.clone()),
            schedule: Arc::new(schedule.clone()),
            book: Arc::clone(&self.book) as Arc<dyn Book>,
        };
        self.desk.plan(schedules.iter().map(demand).collect());
    }

    fn row(&self, name: &str) -> Row {
        self.book.rows.lock()[name].clone()
    }

    fn status(&self) -> ScheduleStatus {
        self.scheduler.status().pop().unwrap()
    }

    async fn run(&self, name: &str) -> Result<Outcome, RunError> {
        let run = self.scheduler.run(&"orders".parse().unwrap(), name).await;
        run.map(|run| run.outcome)
    }
}

fn schedule(name: &str, cron: &str) -> Schedule {
    Schedule {
        name: name.into(),
        timetable: Timetable::parse(cron, "UTC").unwrap(),
        call: "upkeep.run".into(),
        function: FunctionRef { interface: 0, function: 0 },
        jitter: Duration::ZERO,
        missed: Missed::Skip,
    }
}

fn at(second: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}

async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn each_schedule_runs_whenever_it_is_due() {
    let host = Host::new();
    host.plan(&[schedule("often", "*/10 * * * * *"), schedule("seldom", "30 */2 * * * *")]);
    seconds(155).await;
    let expected: Vec<u64> = (1..=15).map(|n| n * 10).collect();
    assert_eq!(host.runner.began("often"), expected);
    assert_eq!(host.runner.began("seldom"), [30, 150]);
    let row = host.row("often");
    assert_eq!((row.runs, row.skipped, row.failures), (15, 0, 0));
    assert_eq!((row.due_at, row.outcome), (at(150), Some(Outcome::Ok)));
    assert_eq!(host.scheduler.status()[0].next_run, Some(at(160)));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_due_while_the_one_before_lasts_is_passed_over() {
    let host = Host::new();
    *host.runner.takes.lock() = Duration::from_secs(25);
    host.plan(&[schedule("slow", "*/10 * * * * *")]);
    seconds(69).await;
    // 20 and 30 fall into the first run, 50 and 60 into the second.
    assert_eq!(host.runner.began("slow"), [10, 40]);
    assert_eq!((host.row("slow").runs, host.row("slow").skipped), (2, 4));
    assert_eq!(host.run("slow").await, Ok(Outcome::Ok), "it is over by now");
}

#[tokio::test(start_paused = true)]
async fn a_run_by_hand_never_overlaps_and_leaves_the_clock_alone() {
    let host = Host::new();
    *host.runner.takes.lock() = Duration::from_secs(5);
    host.plan(&[schedule("a", "0 * * * * *")]);
    seconds(1).await;
    let (first, second) = tokio::join!(host.run("a"), host.run("a"));
    assert_eq!((first, second), (Ok(Outcome::Ok), Err(RunError::Running)));
    assert_eq!(host.run("b").await, Err(RunError::Unknown));
    assert_eq!(host.status().next_run, Some(at(60)));
    *host.runner.fails.lock() = Some("no stock".into());
    assert_eq!(host.run("a").await, Ok(Outcome::Failed));
    assert_eq!(host.status().last_run.unwrap().error.as_deref(), Some("no stock"));
    assert_eq!((host.status().runs, host.status().failures), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_swap_keeps_what_is_known_and_a_removed_schedule_stops() {
    let host = Host::new();
    let before = schedule("a", "*/10 * * * * *");
    host.plan(std::slice::from_ref(&before));
    seconds(25).await;
    host.plan(std::slice::from_ref(&before));
    seconds(10).await;
    assert_eq!(host.runner.began("a"), [10, 20, 30]);
    assert_eq!(host.status().runs, 3);
    host.plan(&[schedule("a", "*/20 * * * * *")]);
    seconds(10).await;
    assert_eq!(host.runner.began("a"), [10, 20, 30, 40]);
    host.plan(&[]);
    seconds(60).await;
    assert_eq!(host.runner.began("a").len(), 4);
    assert!(host.scheduler.status().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_comes_back_waits_for_its_own_last_run() {
    let host = Host::new();
    *host.runner.takes.lock() = Duration::from_secs(30);
    let long = schedule("a", "*/10 * * * * *");
    host.plan(std::slice::from_ref(&long));
    seconds(11).await;
    host.plan(&[]);
    host.plan(std::slice::from_ref(&long));
    seconds(35).await;
    assert_eq!(host.runner.began("a"), [10, 40]);
    assert_eq!(host.status().runs, 2, "it goes on with the record of the run");
}

#[tokio::test(start_paused = true)]
async fn runs_missed_while_the_host_was_down_follow_the_policy() {
    for (missed, outcome, began, skipped) in [
        (Missed::Skip, Outcome::Ok, vec![60], 10),
        (Missed::Once, Outcome::Ok, vec![0, 60], 9),
        // The last run was cut short by the end of the host.
        (Missed::Skip, Outcome::Running, vec![60], 10),
        (Missed::Once, Outcome::Running, vec![0, 60], 9),
    ] {
        let book = Arc::new(FakeBook::default());
        let last = Row { outcome: Some(outcome), runs: 5, ..Row::new(at(-600)) };
        book.rows.lock().insert("a".into(), last);
        let host = Host::on(book);
        host.plan(&[Schedule { missed, ..schedule("a", "0 * * * * *") }]);
        seconds(61).await;
        assert_eq!(host.runner.began("a"), began, "{missed:?} {outcome:?}");
        assert_eq!(host.status().skipped, skipped, "{missed:?} {outcome:?}");
        assert_eq!(host.row("a").runs, 5 + began.len() as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_cut_is_made_up_for_even_when_none_was_missed() {
    for (missed, began) in [(Missed::Skip, vec![]), (Missed::Once, vec![0])] {
        let book = Arc::new(FakeBook::default());
        let last = Row { outcome: Some(Outcome::Running), ..Row::new(at(0)) };
        book.rows.lock().insert("a".into(), last);
        let host = Host::on(book);
        host.plan(&[Schedule { missed, ..schedule("a", "0 0 * * * *") }]);
        seconds(10).await;
        assert_eq!(host.runner.began("a"), began, "{missed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_schedule_has_missed_nothing() {
    let host = Host::new();
    host.plan(&[Schedule { missed: Missed::Once, ..schedule("a", "0 * * * * *") }]);
    seconds(30).await;
    assert!(host.runner.began("a").is_empty());
    assert_eq!(host.row("a").due_at, at(0), "it is stored at once");
}

#[tokio::test(start_paused = true)]
async fn jitter_delays_each_run_by_less_than_it_may() {
    let host = Host::new();
    host.plan(&[Schedule { jitter: Duration::from_secs(20), ..schedule("a", "0 * * * * *") }]);
    seconds(60 * 60).await;
    let began = host.runner.began("a");
    assert!(began.len() >= 59, "{began:?}");
    let late: Vec<_> = began.iter().map(|second| second % 60).collect();
    assert!(late.iter().all(|late| *late < 20), "{late:?}");
    assert!(late.iter().any(|second| *second > 0), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_serve_is_passed_over() {
    let host = Host::new();
    host.plan(&[schedule("a", "*/10 * * * * *")]);
    *host.runner.absent.lock() = true;
    seconds(25).await;
    assert_eq!((host.row("a").runs, host.row("a").skipped), (0, 2));
    assert!(matches!(host.run("a").await, Err(RunError::Unavailable(_))));
    *host.runner.absent.lock() = false;
    seconds(10).await;
    assert_eq!(host.runner.began("a"), [30]);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_cannot_be_used_delays_the_schedule_and_says_so() {
    let host = Host::new();
    *host.book.broken.lock() = true;
    host.plan(&[schedule("a", "*/10 * * * * *")]);
    seconds(12).await;
    assert!(host.status().trouble.is_some() && host.status().next_run.is_none());
    assert!(matches!(host.run("a").await, Err(RunError::Unavailable(_))));
    *host.book.broken.lock() = false;
    seconds(10).await;
    assert_eq!(host.runner.began("a"), [20]);
    // A run whose beginning cannot be stored does not begin.
    *host.book.broken.lock() = true;
    seconds(10).await;
    assert_eq!(host.runner.began("a"), [20]);
    assert_eq!(host.status().last_run.unwrap().outcome, Outcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_runs_and_begins_none() {
    let host = Host::new();
    *host.runner.takes.lock() = Duration::from_secs(5);
    host.plan(&[schedule("a", "*/10 * * * * *")]);
    seconds(11).await;
    assert_eq!(host.scheduler.stop(Duration::from_secs(30)).await, 0);
    assert_eq!(host.row("a").outcome, Some(Outcome::Ok));
    seconds(60).await;
    assert_eq!(host.runner.began("a"), [10]);
    assert!(matches!(host.run("a").await, Err(RunError::Unavailable(_))));

    let host = Host::new();
    *host.runner.takes.lock() = Duration::from_secs(50);
    host.plan(&[schedule("a", "*/10 * * * * *")]);
    seconds(11).await;
    assert_eq!(host.scheduler.stop(Duration::from_secs(5)).await, 1);
    assert_eq!(host.row("a").outcome, Some(Outcome::Running), "the next start finds it cut");
}
