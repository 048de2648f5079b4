//! The cases of RELIABILITY.md, run against a host from outside.
//!
//! Each case is one function that attacks and says what it saw. Around it the stage asserts what holds for
//! all: the host stays alive, a neighbour does not notice, nothing stays behind, nothing was stored that
//! was refused, and the host's log has no panic. The suite runs every case briefly and with room for a
//! busy machine; `just attacks` takes its time, holds the neighbour to twice its quiet p99 (or 3 ms), and prints the
//! table.
//!
//! A family of cases is one file with its `CASES`. One that cannot hold yet has `gap`, the reason. One that
//! cannot be posed from outside names the test that shows it, and fails when there is no such test; one
//! of something that is not there says so.

mod case;
mod faults;
pub(crate) mod guests;
mod http;
mod http2;
mod logs;
mod neighbour;
mod outbound;
mod raw;
mod sandbox;
mod services;
mod stage;
mod tokens;
mod uploads;
mod upstream;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use case::{Attack, Case, How};
use stage::{Effort, Findings, Stage};

/// The families, in the order of the table.
const FAMILIES: [(&str, &[Case]); 9] = [
    ("uploads", uploads::CASES),
    ("sandbox", sandbox::CASES),
    ("slow clients", http::SLOW_CASES),
    ("http", http::CASES),
    ("outbound", outbound::CASES),
    ("tokens", tokens::CASES),
    ("services", services::CASES),
    ("faults", faults::CASES),
    ("logs", logs::CASES),
];

/// Health answers within this time during an attack; the suite gives it more.
const HEALTH_MAX: Duration = Duration::from_millis(50);

/// A neighbour's p99 of this and less is quiet, whatever it was before: three slices of a guest, of 1 ms each. Without
/// load it is a tenth of one here, and twice that is less than it takes to be behind one slice.
const UNNOTICED: Duration = Duration::from_millis(3);

/// How often the table runs a case in which only the neighbour or the health check was late: a machine that did
/// something else for a moment looks like that, too. What an attack does, it does every time.
const RUNS_MAX: usize = 3;

/// What the suite allows a neighbour and the health check on a machine that does other things as well.
const BUSY_MACHINE_MAX: Duration = Duration::from_secs(2);

/// How strict a run is.
#[derive(Clone, Copy)]
enum Strictness {
    Suite,
    Table,
}

struct Line {
    seen: String,
    findings: Option<Findings>,
    holds: bool,
    /// Everything but how late the neighbour and the health check were.
    is_right: bool,
}

impl Strictness {
    /// How long after its limit something may end.
    fn late_max(self) -> Duration {
        match self {
            Self::Suite => Duration::from_secs(5),
            Self::Table => Duration::from_millis(100),
        }
    }

    fn effort(self) -> Effort {
        let (quiet, attack) = match self {
            Self::Suite => (Duration::from_millis(100), Duration::ZERO),
            Self::Table => (Duration::from_secs(2), Duration::from_secs(2)),
        };
        Effort { quiet, attack }
    }

    /// How late the neighbour and the health check were, where that is too late.
    fn delays(self, findings: &Findings) -> Vec<String> {
        let mut wrong = Vec::new();
        let Findings { quiet, attacked, health_slowest, .. } = findings;
        let (health_max, too_slow) = match self {
            Self::Suite => (BUSY_MACHINE_MAX, attacked.p99() > BUSY_MACHINE_MAX),
            Self::Table => (HEALTH_MAX, attacked.p99() > (2 * quiet.p99()).max(UNNOTICED)),
        };
        if *health_slowest > health_max {
            wrong.push(format!("/health/live took {health_slowest:?}"));
        }
        if too_slow {
            wrong.push(format!("the neighbour's p99 is {:?}", attacked.p99()));
        }
        wrong
    }
}

impl Line {
    fn of(holds: bool, seen: impl Into<String>) -> Self {
        Self { seen: seen.into(), findings: None, holds, is_right: holds }
    }
}

fn run(case: &Case, strictness: Strictness) -> Line {
    match case.how {
        How::Attack(attack) => staged(case, attack, strictness),
        How::ShownBy { file, test } => {
            Line::of(case::has_test(file, test), format!("shown by {test} in {file}"))
        }
        How::PosesNothing(why) => Line::of(true, why),
    }
}

fn staged(case: &Case, attack: Attack, strictness: Strictness) -> Line {
    let staged = AssertUnwindSafe(|| {
        let stage = Stage::on((case.host)(), strictness.late_max());
        let effort = strictness.effort();
        let attack_time = if case.once { Duration::ZERO } else { effort.attack };
        let effort = Effort { attack: attack_time, ..effort };
        stage.attack(effort, case.stores_nothing, attack)
    });
    match catch_unwind(staged) {
        Ok((outcome, findings)) => {
            let delays = strictness.delays(&findings);
            let is_right = outcome.is_ok() && findings.faults.is_empty();
            let holds = is_right && delays.is_empty();
            let seen = outcome.unwrap_or_else(|wrong| wrong);
            let seen = [vec![seen], findings.faults.clone(), delays].concat().join("; ");
            Line { seen, findings: Some(findings), holds, is_right }
        }
        Err(panic) => {
            let message = panic.downcast_ref::<String>().cloned();
            let message =
                message.or_else(|| panic.downcast_ref().map(|text: &&str| (*text).into()));
            Line::of(false, message.unwrap_or_default())
        }
    }
}

fn cases_of(name: &str) -> &'static [Case] {
    FAMILIES.iter().find(|(family, _)| *family == name).unwrap().1
}

/// What is wrong with a case in the suite.
fn complaint(case: &Case) -> Option<String> {
    let line = run(case, Strictness::Suite);
    match (line.holds, case.gap) {
        (true, None) | (false, Some(_)) => None,
        (true, Some(gap)) => Some(format!("{} holds now, although: {gap}", case.id)),
        (false, None) => Some(format!(
            "{} {}: expected {}, saw {}",
            case.id, case.name, case.expected, line.seen
        )),
    }
}

/// Runs the cases of one family as part of the suite.
fn family(name: &str) {
    let wrong: Vec<_> = cases_of(name).iter().filter_map(complaint).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same, all at once: for cases that mostly wait.
fn family_at_once(name: &str) {
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let runs = cases_of(name).iter().map(|case| scope.spawn(|| complaint(case)));
        let runs: Vec<_> = runs.collect();
        runs.into_iter().filter_map(|run| run.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_sandbox_holds() {
    family("sandbox");
}

#[test]
fn slow_clients_hold_up_nobody() {
    family_at_once("slow clients");
}

#[test]
fn ambiguous_and_oversized_http_is_refused() {
    family("http");
}

#[test]
fn services_reach_nobody_they_were_not_granted() {
    family("outbound");
}

#[test]
fn tokens_are_good_or_nothing() {
    family("tokens");
}

#[test]
fn services_and_clients_keep_apart() {
    family("services");
}

#[test]
fn faults_and_deploys_lose_nothing() {
    family("faults");
}

#[test]
fn logs_and_metrics_tell_what_they_may() {
    family("logs");
}

#[test]
fn uploads_from_strangers_are_refused() {
    family("uploads");
}

/// The line of a case, and how many runs it took.
fn run_for_the_table(case: &Case) -> (Line, usize) {
    let mut runs = 1;
    loop {
        let line = run(case, Strictness::Table);
        if line.holds || !line.is_right || runs == RUNS_MAX {
            return (line, runs);
        }
        runs += 1;
    }
}

fn verdict_of(how: &How) -> &'static str {
    match how {
        How::Attack(_) => "holds",
        How::ShownBy { .. } => "by a test",
        How::PosesNothing(_) => "nothing",
    }
}

/// `just attacks`: the whole table. It takes minutes, and a machine that does nothing else.
#[test]
#[ignore = "just attacks runs it"]
fn table() {
    let only = std::env::var("THALI_ATTACKS").unwrap_or_default();
    let mut failed = Vec::new();
    for case in FAMILIES.iter().flat_map(|(_, cases)| *cases) {
        if !case.id.starts_with(&only) {
            continue;
        }
        let (line, runs) = run_for_the_table(case);
        let is_only_late = line.is_right && !line.holds;
        let known = case.gap.or(case.late.filter(|_| is_only_late));
        let verdict = match (line.holds, known) {
            (true, None) => verdict_of(&case.how),
            (false, Some(_)) => "known gap",
            (true, Some(_)) => "HOLDS NOW",
            (false, None) => "FAILS",
        };
        if line.holds == known.is_some() {
            failed.push(case.id);
        }
        let times = line.findings.as_ref().map_or_else(String::new, |findings| {
            let (quiet, attacked) = (findings.quiet.p99(), findings.attacked.p99());
            let again = if runs > 1 { format!(", run {runs}") } else { String::new() };
            format!("p99 {attacked:.2?} / {quiet:.2?} quiet{again}")
        });
        println!("{:5} {:30} {verdict:9} {times}", case.id, case.name);
        println!("      expected {}; seen {}", case.expected, line.seen);
        if let Some(gap) = known {
            println!("      gap: {gap}");
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
