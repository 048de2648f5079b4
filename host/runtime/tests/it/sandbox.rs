//! Hostile guests, each with one purpose.

use std::time::Duration;

use crate::support::{TestHost, guest, prepare, prepare_with, runtime, runtime_with};
use thali_runtime::{Context, Fault, HostLimits, Limits, PrepareError, TrapKind};
use tokio::time::{Instant, timeout};
use wasmtime::component::Val;

const LOOP: &str = r#"(func (export "run") (result i32) (loop (br 0)) unreachable)"#;
const COUNT: &str = r#"(global $n (mut i32) (i32.const 0))
    (func (export "run") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))"#;

fn trap_kind(outcome: Result<Option<Val>, Fault>) -> TrapKind {
    match outcome {
        Err(Fault::Trap(trap)) => trap.kind,
        other => panic!("expected a trap, got {other:?}"),
    }
}

#[tokio::test]
async fn every_invocation_gets_a_fresh_instance() {
    let host = TestHost::new(&[("count", &guest("count", COUNT))]);
    for _ in 0..3 {
        assert_eq!(host.run("count").await, Ok(Some(Val::U32(1))));
    }
    assert_eq!(host.revision("count").in_flight(), 0);
    assert_eq!(host.revision("count").invocations(), 3);
}

#[tokio::test]
async fn an_instance_is_reused_as_often_as_its_manifest_allows() {
    let limits = Limits { reuse: 3, ..Limits::default() };
    let host = TestHost::with(&[("count", &guest("count", COUNT))], limits);
    for expected in [1, 2, 3, 1, 2, 3] {
        assert_eq!(host.run("count").await, Ok(Some(Val::U32(expected))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_infinite_loop_ends_at_its_deadline_and_neighbours_go_on() {
    let host = std::sync::Arc::new(TestHost::new(&[
        ("looping", &guest("looping", LOOP)),
        ("count", &guest("count", COUNT)),
    ]));
    let begun = Instant::now();
    let loops: Vec<_> = (0..16)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move { host.run("looping").await })
        })
        .collect();
    let mut neighbours = 0;
    while begun.elapsed() < Duration::from_millis(150) {
        assert_eq!(host.run("count").await, Ok(Some(Val::U32(1))));
        neighbours += 1;
    }
    for outcome in loops {
        assert_eq!(outcome.await.unwrap(), Err(Fault::Deadline));
    }
    assert!(neighbours > 1, "the neighbour ran while the loops did");
    assert_eq!(host.revision("looping").in_flight(), 0);
}

#[tokio::test]
async fn a_guest_that_waits_in_the_host_ends_at_its_deadline() {
    let parked = r#"(component
        (import "thali:platform/park@1.0.0" (instance $p (export "park" (func))))
        (core func $park (canon lower (func $p "park")))
        (core module $m (import "p" "park" (func $park))
            (func (export "run") (result i32) (call $park) (i32.const 1)))
        (core instance $i (instantiate $m (with "p" (instance (export "park" (func $park))))))
        (func $run (result u32) (canon lift (core func $i "run")))
        (instance $api (export "run" (func $run)))
        (export "test:parked/api@1.0.0" (instance $api)))"#;
    let host = TestHost::new(&[("parked", parked)]);
    let outcome = timeout(Duration::from_secs(5), host.run("parked")).await.unwrap();
    assert_eq!(outcome, Err(Fault::Deadline));
    assert_eq!(host.revision("parked").in_flight(), 0);
}

#[tokio::test]
async fn a_start_function_that_loops_ends_at_the_deadline() {
    let core = r#"(func $start (loop (br 0))) (start $start)
        (func (export "run") (result i32) (i32.const 1))"#;
    let host = TestHost::new(&[("start", &guest("start", core))]);
    assert_eq!(host.run("start").await, Err(Fault::Deadline));
}

#[tokio::test]
async fn memory_stops_growing_at_the_limit_and_the_guest_may_cope() {
    let core = r#"(memory 1) (func (export "run") (result i32)
        (loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
        (memory.size))"#;
    let limits = Limits { memory_bytes: 8 << 20, ..Limits::default() };
    let host = TestHost::with(&[("grow", &guest("grow", core))], limits);
    assert_eq!(host.run("grow").await, Ok(Some(Val::U32(113))), "7 MiB and one page fit into 8");
}

#[tokio::test]
async fn a_guest_that_gives_up_for_lack_of_memory_is_told_apart() {
    let core = r#"(memory 1) (func (export "run") (result i32)
        (drop (memory.grow (i32.const 1000))) unreachable)"#;
    let host = TestHost::new(&[("grow", &guest("grow", core))]);
    assert_eq!(trap_kind(host.run("grow").await), TrapKind::Memory);
}

#[tokio::test]
async fn a_table_cannot_grow_past_the_limit() {
    let core = r#"(table 1 funcref) (func (export "run") (result i32)
        (table.grow (ref.null func) (i32.const 10000000)))"#;
    let host = TestHost::new(&[("table", &guest("table", core))]);
    assert_eq!(host.run("table").await, Ok(Some(Val::U32(u32::MAX))));
}

#[tokio::test]
async fn a_stack_overflow_and_a_panic_are_traps_and_the_host_goes_on() {
    let deep = r#"(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))
        (func (export "run") (result i32) (call $deep))"#;
    let host = TestHost::new(&[
        ("deep", &guest("deep", deep)),
        ("trap", &guest("trap", r#"(func (export "run") (result i32) unreachable)"#)),
        ("count", &guest("count", COUNT)),
    ]);
    assert_eq!(trap_kind(host.run("deep").await), TrapKind::Stack);
    assert_eq!(trap_kind(host.run("trap").await), TrapKind::Guest);
    assert_eq!(host.revision("trap").traps(), 1);
    assert_eq!(host.run("count").await, Ok(Some(Val::U32(1))));
}

#[tokio::test]
async fn a_trapped_instance_is_never_reused() {
    let core = r#"(global $n (mut i32) (i32.const 0))
        (func (export "run") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (if (i32.eq (global.get $n) (i32.const 2)) (then unreachable))
            (global.get $n))"#;
    let limits = Limits { reuse: 100, ..Limits::default() };
    let host = TestHost::with(&[("second", &guest("second", core))], limits);
    assert_eq!(host.run("second").await, Ok(Some(Val::U32(1))));
    assert_eq!(trap_kind(host.run("second").await), TrapKind::Guest);
    assert_eq!(host.run("second").await, Ok(Some(Val::U32(1))));
}

#[tokio::test]
async fn the_concurrency_limit_holds() {
    let limits =
        Limits { concurrency: 1, timeout: Duration::from_millis(100), ..Limits::default() };
    let host = TestHost::with(&[("looping", &guest("looping", LOOP))], limits);
    let (first, second) = tokio::join!(host.run("looping"), host.run("looping"));
    assert_eq!(first, Err(Fault::Deadline));
    assert!(matches!(second, Err(Fault::Overloaded(_) | Fault::Deadline)), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn the_revisions_of_a_service_share_its_concurrency_and_the_stable_one_says_how_much() {
    let runtime = runtime_with(HostLimits { instances_max: 64, ..HostLimits::default() });
    let revision = |number, concurrency| {
        let change = |spec: &mut thali_runtime::RevisionSpec| {
            spec.number = number;
            spec.limits = Limits { concurrency, queue: Some(1), ..Limits::default() };
        };
        prepare_with(&runtime, "count", &guest("count", COUNT), change).unwrap()
    };
    let (first, second) = (revision(1, 2), revision(2, 3));
    let context = Context::root(Duration::from_secs(60));
    let mut admitted = Vec::new();
    for revision in [&first, &second] {
        admitted.push(runtime.admit(revision, &context).await.unwrap());
    }
    for revision in [&first, &second] {
        assert!(matches!(runtime.admit(revision, &context).await, Err(Fault::Overloaded(_))));
        assert_eq!(revision.admissions().running, 2);
    }
    let live = TestHost::of(&runtime, std::slice::from_ref(&second));
    live.topology.take_effect();
    admitted.push(runtime.admit(&first, &context).await.unwrap());
    assert!(runtime.admit(&second, &context).await.is_err(), "three, of both together");
    drop(admitted);
    assert_eq!(first.admissions().running, 0);
}

#[tokio::test]
async fn a_slow_service_that_is_full_takes_nothing_from_its_neighbours() {
    let limits =
        Limits { concurrency: 2, timeout: Duration::from_millis(300), ..Limits::default() };
    let host = HostLimits { requests_max: 4, instances_max: 64, ..HostLimits::default() };
    let services = [("looping", guest("looping", LOOP)), ("count", guest("count", COUNT))];
    let services: Vec<_> = services.iter().map(|(name, wat)| (*name, wat.as_str())).collect();
    let host = std::sync::Arc::new(TestHost::on(runtime_with(host), &services, limits));
    let crowd: Vec<_> = (0..20)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move { host.run("looping").await })
        })
        .collect();
    while host.revision("looping").admissions().waiting < 18 {
        tokio::task::yield_now().await;
    }
    assert_eq!(host.run("count").await, Ok(Some(Val::U32(1))));
    for outcome in crowd {
        assert!(matches!(outcome.await.unwrap(), Err(Fault::Deadline | Fault::Overloaded(_))));
    }
}

#[tokio::test]
async fn idle_instances_make_room_for_who_needs_a_slot() {
    let limits = Limits { reuse: 1000, timeout: Duration::from_secs(5), ..Limits::default() };
    let host = HostLimits { instances_max: 16, ..HostLimits::default() };
    let names: Vec<_> = (0..20).map(|n| format!("s{n}")).collect();
    let wats: Vec<_> = names.iter().map(|name| guest(name, COUNT)).collect();
    let services: Vec<_> =
        names.iter().map(String::as_str).zip(wats.iter().map(String::as_str)).collect();
    let host = TestHost::on(runtime_with(host), &services, limits);
    for name in &names {
        assert_eq!(host.run(name).await, Ok(Some(Val::U32(1))), "{name}");
    }
    assert_eq!(host.run("s19").await, Ok(Some(Val::U32(2))), "what still fits is still reused");
}

#[tokio::test]
async fn an_instance_that_holds_something_when_it_returns_is_not_used_again() {
    let holding = r#"(component
        (import "thali:platform/park@1.0.0" (instance $p (export "hold" (func))))
        (core func $hold (canon lower (func $p "hold")))
        (core module $m (import "p" "hold" (func $hold)) (global $n (mut i32) (i32.const 0))
            (func (export "run") (result i32) (call $hold)
                (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))
        (core instance $i (instantiate $m (with "p" (instance (export "hold" (func $hold))))))
        (func $run (result u32) (canon lift (core func $i "run")))
        (instance $api (export "run" (func $run)))
        (export "test:holding/api@1.0.0" (instance $api)))"#;
    let limits = Limits { reuse: 100, ..Limits::default() };
    let host = TestHost::with(&[("holding", holding)], limits);
    for _ in 0..3 {
        assert_eq!(host.run("holding").await, Ok(Some(Val::U32(1))));
    }
}

#[tokio::test]
async fn imports_that_are_not_granted_are_refused_by_name() {
    for interface in [
        "wasi:sockets/network@0.2.0",
        "wasi:filesystem/types@0.2.0",
        "wasi:http/types@0.2.0",
        "thali:platform/nothing@1.0.0",
    ] {
        let wat = format!(r#"(component (import "{interface}" (instance (export "f" (func)))))"#);
        let Err(PrepareError::NotGranted(named)) =
            prepare(&runtime(), "curious", &wat, Limits::default())
        else {
            panic!("{interface} was granted")
        };
        assert_eq!(named, interface);
    }
}
