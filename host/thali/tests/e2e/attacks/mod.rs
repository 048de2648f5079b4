//! The cases of RELIABILITY.md, run against a host from outside.
//!
//! Each case is one function that attacks and says what it saw. Around it the stage asserts what holds for
//! all: the host stays alive, a neighbour does not notice, nothing stays behind, nothing was stored that
//! was refused, and the host's log has no panic. The suite runs every case briefly and with room for a
//! busy machine; `just attacks` takes its time, holds the neighbour to twice its quiet p99 (or 3 ms), and prints the
//! table.
//!
//! A family of cases is one file with its `CASES`. One that cannot hold yet has `gap`, the reason; a case
//! that is listed and has nothing to run is a failure.

mod guests;
mod neighbour;
mod sandbox;
mod stage;
mod uploads;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use stage::{Effort, Findings, Stage};

use crate::support::TestHost;

/// Attacks once and says what it saw; an error says it, too, when it should have been something else.
type Attack = fn(&Stage) -> Result<String, String>;

/// One case.
pub(crate) struct Case {
    /// As in RELIABILITY.md.
    id: &'static str,
    name: &'static str,
    expected: &'static str,
    /// None: not run.
    run: Option<Attack>,
    /// The case expects a refusal, so nothing may be stored.
    stores_nothing: bool,
    /// Why it does not hold yet.
    gap: Option<&'static str>,
}

impl Case {
    const fn new(
        id: &'static str,
        name: &'static str,
        expected: &'static str,
        run: Attack,
    ) -> Self {
        Self { id, name, expected, run: Some(run), stores_nothing: false, gap: None }
    }
}

/// The families, in the order of the table.
const FAMILIES: [(&str, &[Case]); 2] = [("uploads", uploads::CASES), ("sandbox", sandbox::CASES)];

/// A host that gives a compilation little, so that bombs go off soon.
const HOST_FILE: &str = "[limits.compile]\nmemory = \"192MiB\"\ncpu = \"3s\"\ntime = \"30s\"\n";

/// Health answers within this time during an attack; the suite gives it more.
const HEALTH_MAX: Duration = Duration::from_millis(50);

/// A neighbour's p99 of this and less is quiet, whatever it was before: three slices of a guest, of 1 ms each. Without
/// load it is a tenth of one here, and twice that is less than it takes to be behind one slice.
const UNNOTICED: Duration = Duration::from_millis(3);

/// What the suite allows a neighbour and the health check on a machine that does other things as well.
const BUSY_MACHINE_MAX: Duration = Duration::from_millis(500);

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

    /// What is wrong with how neighbours and the health check fared.
    fn complaints(self, findings: &Findings) -> Vec<String> {
        let mut wrong = findings.faults.clone();
        let Findings { quiet, attacked, health_slowest, .. } = findings;
        if attacked.failed > 0 {
            wrong.push(format!("{} answers of the neighbour failed", attacked.failed));
        }
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

fn run(case: &Case, strictness: Strictness) -> Line {
    let Some(attack) = case.run else {
        return Line { seen: "not run".into(), findings: None, holds: false };
    };
    let stage = Stage::on(TestHost::with_host_file(HOST_FILE), strictness.late_max());
    let staged =
        AssertUnwindSafe(|| stage.attack(strictness.effort(), case.stores_nothing, attack));
    match catch_unwind(staged) {
        Ok((outcome, findings)) => {
            let complaints = strictness.complaints(&findings);
            let holds = outcome.is_ok() && complaints.is_empty();
            let seen = outcome.unwrap_or_else(|wrong| wrong);
            let seen = [vec![seen], complaints].concat().join("; ");
            Line { seen, findings: Some(findings), holds }
        }
        Err(panic) => {
            let message = panic.downcast_ref::<String>().cloned();
            let message =
                message.or_else(|| panic.downcast_ref().map(|text: &&str| (*text).into()));
            Line { seen: message.unwrap_or_default(), findings: None, holds: false }
        }
    }
}

/// Runs the cases of one family as part of the suite.
fn family(name: &str) {
    let (_, cases) = FAMILIES.iter().find(|(family, _)| *family == name).unwrap();
    let mut wrong = Vec::new();
    for case in *cases {
        let line = run(case, Strictness::Suite);
        match (line.holds, case.gap) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(gap)) => wrong.push(format!("{} holds now, although: {gap}", case.id)),
            (false, None) => wrong.push(format!(
                "{} {}: expected {}, saw {}",
                case.id, case.name, case.expected, line.seen
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_sandbox_holds() {
    family("sandbox");
}

#[test]
#[ignore = "its bombs and its flood need a machine of their own: just attacks runs them"]
fn uploads_from_strangers_are_refused() {
    family("uploads");
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
        let line = run(case, Strictness::Table);
        let verdict = match (line.holds, case.gap) {
            (true, None) => "holds",
            (false, Some(_)) => "known gap",
            (true, Some(_)) => "HOLDS NOW",
            (false, None) => "FAILS",
        };
        if line.holds == case.gap.is_some() {
            failed.push(case.id);
        }
        let times = line.findings.as_ref().map_or_else(String::new, |findings| {
            let (quiet, attacked) = (findings.quiet.p99(), findings.attacked.p99());
            format!("p99 {attacked:.2?} / {quiet:.2?} quiet")
        });
        println!("{:5} {:34} {verdict:9} {times}", case.id, case.name);
        println!("      expected {}; seen {}", case.expected, line.seen);
        if let Some(gap) = case.gap {
            println!("      gap: {gap}");
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
