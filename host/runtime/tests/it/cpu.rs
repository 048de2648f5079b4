//! Guests that compute: for how long, and what it costs their neighbours.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{TestHost, consumer, guest, prepare, runtime};
use thali_runtime::{Fault, HostLimits, Limits, Topology};
use tokio::time::Instant;
use wasmtime::component::Val;

const LOOP: &str = r#"(func (export "run") (result i32) (loop (br 0)) unreachable)"#;
const ONE: &str = r#"(func (export "run") (result i32) (i32.const 1))"#;

/// Counts to `rounds`, one step at a time.
fn counting(rounds: u32) -> String {
    format!(
        r#"(func (export "run") (result i32) (local $n i32)
            (loop (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get $n) (i32.const {rounds}))))
            (i32.const 1))"#
    )
}

fn patient(cpu_ms: u64) -> Limits {
    let timeout = Duration::from_secs(30);
    Limits { timeout, cpu: Duration::from_millis(cpu_ms), ..Limits::default() }
}

#[tokio::test]
async fn a_loop_ends_when_its_cpu_time_is_used_up() {
    let host = TestHost::with(&[("looping", &guest("looping", LOOP))], patient(50));
    assert_eq!(host.run("looping").await, Err(Fault::CpuTime));
    assert_eq!(host.revision("looping").in_flight(), 0);
    let start = r#"(func $start (loop (br 0))) (start $start)
        (func (export "run") (result i32) (i32.const 1))"#;
    let host = TestHost::with(&[("start", &guest("start", start))], patient(50));
    assert_eq!(host.run("start").await, Err(Fault::CpuTime), "before the function is called, too");
}

#[tokio::test]
async fn what_a_callee_computes_is_not_the_callers() {
    let runtime = runtime();
    let callee = guest("callee", &counting(100_000_000));
    let caller = consumer("caller", "callee");
    let services = [
        prepare(&runtime, "callee", &callee, patient(10_000)).unwrap(),
        prepare(&runtime, "caller", &caller, patient(10)).unwrap(),
    ];
    let host = TestHost { runtime, topology: Arc::new(Topology::build(services.into())) };
    assert_eq!(host.run("caller").await, Ok(Some(Val::U32(2))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_loops_hold_up_no_neighbour_and_leave_nothing_behind() {
    let limits = Limits {
        timeout: Duration::from_secs(3),
        cpu: Duration::from_secs(3),
        ..Limits::default()
    };
    let services = [
        ("looping", guest("looping", LOOP)),
        ("one", guest("one", ONE)),
        // More than it may compute for free, so that it has to take turns with the loops.
        ("working", guest("working", &counting(60_000_000))),
    ];
    let services: Vec<_> = services.iter().map(|(name, wat)| (*name, wat.as_str())).collect();
    let busy = HostLimits { busy_max: 1, ..HostLimits::default() };
    let host = Arc::new(TestHost::on(crate::support::runtime_with(busy), &services, limits));
    let loops: Vec<_> = (0..64)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move {
                let begun = Instant::now();
                (host.run("looping").await, begun.elapsed())
            })
        })
        .collect();
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut waiting = 0;
    while begun.elapsed() < Duration::from_millis(1000) {
        let asked = Instant::now();
        // On a task of its own: what is measured is the way through the workers.
        let neighbour = tokio::spawn({
            let host = host.clone();
            async move { host.run("one").await }
        });
        assert_eq!(neighbour.await.unwrap(), Ok(Some(Val::U32(1))));
        slowest = slowest.max(asked.elapsed());
        waiting = waiting.max(host.runtime.snapshot().busy_waiting);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(waiting >= 32, "at most {waiting} loops waited for a turn");
    assert_eq!(host.run("working").await, Ok(Some(Val::U32(1))));
    let loops_left = host.revision("looping").in_flight();
    assert!(loops_left > 0, "a slice of each loop before each of its own takes it past their end");
    for outcome in loops {
        let (outcome, took) = outcome.await.unwrap();
        assert!(matches!(outcome, Err(Fault::Deadline | Fault::CpuTime)), "{outcome:?}");
        assert!(took < Duration::from_millis(4500), "ended {took:?} after it began, limit 3 s");
    }
    assert!(slowest < Duration::from_millis(250), "a neighbour waited {slowest:?}");
    let after = host.runtime.snapshot();
    assert_eq!((after.requests, after.busy, after.busy_waiting), (0, 0, 0));
    assert_eq!(host.revision("looping").in_flight(), 0);
}
