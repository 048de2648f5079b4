//! Calls to providers that fail, hang or are asked too much: breakers, retries, bulkheads, loops.
//!
//! The clock is paused: it moves when everybody waits, and to the millisecond.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{
    TestHost, consumer, degrading_consumer, fallible, guest, prepare, prepare_with, runtime,
};
use thali_runtime::{
    BreakerPolicy, BreakerState, CallPolicies, CallPolicy, CallRoom, CallSnapshot, Fault, Force,
    Limits, Revision, Runtime,
};
use tokio::time::{Instant, advance};
use wasmtime::component::Val;

const ONE: &str = r#"(func (export "run") (result i32) (i32.const 1))"#;
const TRAP: &str = r#"(func (export "run") (result i32) unreachable)"#;
/// `ok(0)`, by the [`fallible`]'s ABI: a pointer.
const FINE: &str = r#"(func (export "run") (result i32) (i32.const 0))"#;
/// `err(broken)`
const BROKEN: &str = r#"(func (export "run") (result i32)
    (i32.store8 (i32.const 0) (i32.const 1)) (i32.const 0))"#;

/// What a [`degrading_consumer`] answers when it is told `unavailable`.
const UNAVAILABLE: Result<Option<Val>, Fault> = Ok(Some(Val::U32(2)));

const RESET: Duration = Duration::from_secs(60);

/// A component whose `run` never returns.
fn hanging(name: &str) -> String {
    format!(
        r#"(component
        (import "thali:platform/park@1.0.0" (instance $p (export "park" (func))))
        (core func $park (canon lower (func $p "park")))
        (core module $m (import "p" "park" (func $park))
            (func (export "run") (result i32) (call $park) (i32.const 1)))
        (core instance $i (instantiate $m (with "p" (instance (export "park" (func $park))))))
        (func $run (result u32) (canon lift (core func $i "run")))
        (instance $api (export "run" (func $run)))
        (export "test:{name}/api@1.0.0" (instance $api)))"#
    )
}

fn policy() -> CallPolicy {
    let breaker =
        BreakerPolicy { failures: 5, reset: RESET, jitter_percent: 0, ..Default::default() };
    CallPolicy { breaker: BreakerPolicy { reset_max: RESET * 10, ..breaker }, ..Default::default() }
}

/// A revision with this policy for all its calls.
fn with_policy(runtime: &Runtime, name: &str, wat: &str, policy: CallPolicy) -> Arc<Revision> {
    prepare_with(runtime, name, wat, |spec| spec.calls = CallPolicies::new(policy, Vec::new()))
        .unwrap()
}

/// A revision all of whose functions may be called again.
fn idempotent(runtime: &Runtime, name: &str, wat: &str) -> Arc<Revision> {
    let mark = |spec: &mut thali_runtime::RevisionSpec| {
        let first = thali_contract::contract::FunctionRef { interface: 0, function: 0 };
        spec.idempotent = vec![first];
        spec.calls = CallPolicies::new(never_cut_off(), Vec::new());
    };
    prepare_with(runtime, name, wat, mark).unwrap()
}

fn plain(runtime: &Runtime, name: &str, wat: &str) -> Arc<Revision> {
    prepare(runtime, name, wat, Limits::default()).unwrap()
}

fn never_cut_off() -> CallPolicy {
    let breaker = BreakerPolicy { failures: 1_000_000, ..BreakerPolicy::default() };
    CallPolicy { breaker, ..CallPolicy::default() }
}

fn calls(host: &TestHost, service: &str) -> CallSnapshot {
    host.revision(service).upstreams().first().unwrap().snapshot()
}

#[tokio::test(start_paused = true)]
async fn five_failures_cut_a_provider_off_and_one_probe_brings_it_back() {
    let runtime = runtime();
    let b = with_policy(&runtime, "b", &degrading_consumer("b", "a"), policy());
    let broken = TestHost::of(&runtime, &[b.clone(), plain(&runtime, "a", &fallible("a", TRAP))]);
    for _ in 0..20 {
        assert_eq!(broken.run("b").await, UNAVAILABLE);
    }
    assert_eq!(broken.revision("a").invocations(), 5, "the other fifteen did not go there");
    let seen = calls(&broken, "b");
    assert_eq!((seen.breaker.state, seen.breaker.probe_in), (BreakerState::Open, Some(RESET)));
    assert_eq!((seen.calls, seen.failures, seen.cut_off, seen.opened), (20, 5, 15, 1));

    advance(RESET).await;
    for _ in 0..3 {
        assert_eq!(broken.run("b").await, UNAVAILABLE);
    }
    assert_eq!(broken.revision("a").invocations(), 6, "one probe");
    assert_eq!(calls(&broken, "b").breaker.probe_in, Some(RESET * 2));

    // A provider that works changes nothing by being deployed: calls decide.
    let mended = TestHost::of(&runtime, &[b, plain(&runtime, "a", &fallible("a", FINE))]);
    assert_eq!(mended.run("b").await, UNAVAILABLE);
    advance(RESET * 2).await;
    assert_eq!(mended.run("b").await, Ok(Some(Val::U32(0))));
    assert_eq!(calls(&mended, "b").breaker.state, BreakerState::Closed);
    assert_eq!(calls(&mended, "b").breaker.failures, 0);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_outlives_the_consumers_revision() {
    let runtime = runtime();
    let a = plain(&runtime, "a", &fallible("a", TRAP));
    let wat = degrading_consumer("b", "a");
    let first = with_policy(&runtime, "b", &wat, policy());
    let host = TestHost::of(&runtime, &[first, a.clone()]);
    for _ in 0..5 {
        host.run("b").await.unwrap();
    }
    let next = TestHost::of(&runtime, &[with_policy(&runtime, "b", &wat, policy()), a.clone()]);
    drop(host);
    assert_eq!(next.run("b").await, UNAVAILABLE);
    assert_eq!(a.invocations(), 5);
    drop(next);
    let anew = TestHost::of(&runtime, &[with_policy(&runtime, "b", &wat, policy()), a.clone()]);
    anew.run("b").await.unwrap();
    assert_eq!(a.invocations(), 6, "a service that was removed is forgotten");
}

#[tokio::test(start_paused = true)]
async fn another_consumer_of_the_same_provider_has_a_breaker_of_its_own() {
    let runtime = runtime();
    let [b, c] = ["b", "c"]
        .map(|name| with_policy(&runtime, name, &degrading_consumer(name, "a"), policy()));
    let host = TestHost::of(&runtime, &[b, c, plain(&runtime, "a", &fallible("a", TRAP))]);
    for _ in 0..10 {
        host.run("b").await.unwrap();
    }
    host.run("c").await.unwrap();
    assert_eq!(host.revision("a").invocations(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_cannot_be_told_answers_when_it_is_worth_another_try() {
    let runtime = runtime();
    let b = with_policy(&runtime, "b", &consumer("b", "a"), policy());
    let c = plain(&runtime, "c", &consumer("c", "b"));
    let host = TestHost::of(&runtime, &[c, b, plain(&runtime, "a", &guest("a", TRAP))]);
    for _ in 0..5 {
        assert!(matches!(host.run("b").await, Err(Fault::Unavailable(_))));
    }
    advance(Duration::from_secs(1)).await;
    let cut_off = Err(Fault::CutOff { retry_after: RESET - Duration::from_secs(1) });
    assert_eq!(host.run("b").await, cut_off);
    assert_eq!(host.run("c").await, cut_off, "from deep down too");
    assert_eq!(calls(&host, "c").breaker.failures, 0, "which is no failure of the one between");
}

#[tokio::test(start_paused = true)]
async fn an_error_case_is_an_answer() {
    let runtime = runtime();
    let b = with_policy(&runtime, "b", &degrading_consumer("b", "a"), policy());
    let host = TestHost::of(&runtime, &[b, idempotent(&runtime, "a", &fallible("a", BROKEN))]);
    for _ in 0..50 {
        assert_eq!(host.run("b").await, Ok(Some(Val::U32(1))));
    }
    assert_eq!(host.revision("a").invocations(), 50, "none was tried again");
    assert_eq!(calls(&host, "b").failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_is_cut_off() {
    let runtime = runtime();
    let timeout = Some(Duration::from_millis(300));
    let b = with_policy(&runtime, "b", &consumer("b", "a"), CallPolicy { timeout, ..policy() });
    let host = TestHost::of(&runtime, &[b, plain(&runtime, "a", &hanging("a"))]);
    let begun = Instant::now();
    for _ in 0..5 {
        host.run("b").await.unwrap_err();
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(1500) && took < Duration::from_millis(1600), "{took:?}");
    assert!(matches!(host.run("b").await, Err(Fault::CutOff { .. })));
    assert!(begun.elapsed() == took, "at once");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_was_late_says_nothing_about_its_provider() {
    let runtime = runtime();
    let b = with_policy(&runtime, "b", &consumer("b", "a"), policy());
    let host = TestHost::of(&runtime, &[b, plain(&runtime, "a", &hanging("a"))]);
    for _ in 0..20 {
        // A quarter of what the first call of a request to `b` has is 562 ms; this leaves 525.
        host.run_for("b", Duration::from_millis(700)).await.unwrap_err();
    }
    assert_eq!(calls(&host, "b").breaker.failures, 0);
    host.run_for("b", Duration::from_millis(800)).await.unwrap_err();
    assert_eq!(calls(&host, "b").breaker.failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_waits_for_any_more_says_nothing_and_probes_nothing() {
    let runtime = runtime();
    let policy =
        CallPolicy { breaker: BreakerPolicy { failures: 1, ..policy().breaker }, ..policy() };
    let b = with_policy(&runtime, "b", &consumer("b", "a"), policy);
    let host = TestHost::of(&runtime, &[b, plain(&runtime, "a", &hanging("a"))]);
    let leave = Duration::from_millis(100);
    tokio::time::timeout(leave, host.run("b")).await.unwrap_err();
    assert_eq!(calls(&host, "b").breaker.failures, 0);
    host.run("b").await.unwrap_err();
    assert_eq!(calls(&host, "b").breaker.state, BreakerState::Open);
    advance(RESET).await;
    tokio::time::timeout(leave, host.run("b")).await.unwrap_err();
    let seen = calls(&host, "b");
    assert_eq!(
        seen.breaker.state,
        BreakerState::HalfOpen,
        "the probe was dropped: the next one goes"
    );
    assert_eq!(seen.taken, CallRoom { concurrency: 0, queue: 0 });
}

#[tokio::test(start_paused = true)]
async fn retry_budget() {
    let runtime = runtime();
    let c = with_policy(&runtime, "c", &consumer("c", "b"), never_cut_off());
    let b = idempotent(&runtime, "b", &consumer("b", "a"));
    let host = TestHost::of(&runtime, &[c, b, plain(&runtime, "a", &guest("a", TRAP))]);
    for calls in 1..=500 {
        host.run("c").await.unwrap_err();
        let load = host.revision("b").invocations();
        assert!(load <= calls + calls / 5, "{load} for {calls}");
    }
    assert_eq!(host.revision("b").invocations(), 600, "and the budget is used");
    assert_eq!(calls(&host, "c").retries, 100);
    assert_eq!(
        calls(&host, "b").retries,
        0,
        "`a` trapped, and does not say that it may be repeated"
    );
}

#[tokio::test(start_paused = true)]
async fn only_what_is_idempotent_and_may_pass_is_tried_again() {
    let runtime = runtime();
    let timeout = Some(Duration::from_millis(100));
    let b = || {
        let policy = CallPolicy { timeout, ..never_cut_off() };
        with_policy(&runtime, "b", &consumer("b", "a"), policy)
    };
    let saved = |b: &Arc<Revision>| {
        TestHost::of(&runtime, &[b.clone(), idempotent(&runtime, "a", &guest("a", ONE))])
    };
    for (what, a, attempts) in [
        ("hangs", idempotent(&runtime, "a", &hanging("a")), 3),
        ("hangs, not idempotent", plain(&runtime, "a", &hanging("a")), 1),
        ("traps", idempotent(&runtime, "a", &guest("a", TRAP)), 1),
    ] {
        let b = b();
        let good = saved(&b);
        for _ in 0..50 {
            good.run("b").await.unwrap();
        }
        let host = TestHost::of(&runtime, &[b, a]);
        host.run("b").await.unwrap_err();
        assert_eq!(host.revision("a").invocations(), attempts, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_attempts_together_leave_the_caller_its_time() {
    let runtime = runtime();
    let timeout = Some(Duration::from_millis(1000));
    let policy = CallPolicy { timeout, retries: 5, ..never_cut_off() };
    let b = with_policy(&runtime, "b", &consumer("b", "a"), policy);
    let good = TestHost::of(&runtime, &[b.clone(), idempotent(&runtime, "a", &guest("a", ONE))]);
    for _ in 0..50 {
        good.run("b").await.unwrap();
    }
    let host = TestHost::of(&runtime, &[b, idempotent(&runtime, "a", &hanging("a"))]);
    let begun = Instant::now();
    host.run("b").await.unwrap_err();
    let took = begun.elapsed();
    let most = Duration::from_millis(2250);
    assert!(took <= most + Duration::from_millis(5), "three quarters of three seconds: {took:?}");
    assert_eq!(host.revision("a").invocations(), 3, "the third one was cut short");
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_takes_only_its_share_of_its_consumer() {
    let runtime = runtime();
    let policy = CallPolicy { concurrency: Some(2), queue: Some(1), ..never_cut_off() };
    let b = with_policy(&runtime, "b", &consumer("b", "a"), policy);
    let host = TestHost::of(&runtime, &[b, plain(&runtime, "a", &hanging("a"))]);
    let begun = Instant::now();
    let running = async { tokio::join!(host.run("b"), host.run("b"), host.run("b")) };
    let refused = async {
        tokio::task::yield_now().await;
        let seen = calls(&host, "b");
        assert_eq!(seen.taken, CallRoom { concurrency: 2, queue: 1 });
        assert!(matches!(host.run("b").await, Err(Fault::Overloaded(_))));
        assert_eq!(begun.elapsed(), Duration::ZERO, "at once");
    };
    let ((first, second, third), ()) = tokio::join!(running, refused);
    assert!([first, second, third].iter().all(Result::is_err), "none of them was answered");
    assert_eq!(calls(&host, "b").crowded_out, 2, "the one that waited, too");
    assert_eq!(host.revision("a").invocations(), 2);
    assert_eq!(calls(&host, "b").taken, CallRoom { concurrency: 0, queue: 0 });
}

/// A revision that runs one invocation at a time.
fn narrow(runtime: &Runtime, name: &str, wat: &str) -> Arc<Revision> {
    prepare(runtime, name, wat, Limits { concurrency: 1, ..Limits::default() }).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_its_place_no_longer_than_a_client_may() {
    let runtime = runtime();
    let b = with_policy(&runtime, "b", &consumer("b", "a"), policy());
    let host = TestHost::of(&runtime, &[b, narrow(&runtime, "a", &hanging("a"))]);
    let begun = Instant::now();
    let waits = async { (host.run("b").await, begun.elapsed()) };
    let (hangs, (waited, took)) = tokio::join!(host.run("b"), waits);
    assert!(hangs.is_err());
    assert!(matches!(waited, Err(Fault::Overloaded(_))), "{waited:?}");
    assert!(took <= Duration::from_millis(505), "{took:?}");
    let seen = calls(&host, "b");
    assert_eq!((seen.calls, seen.failures), (2, 1), "a provider at its limit works");
}

#[tokio::test(start_paused = true)]
async fn what_a_call_waits_for_its_place_is_not_the_providers_time() {
    let runtime = runtime();
    let b = with_policy(&runtime, "b", &consumer("b", "a"), policy());
    let host = TestHost::of(&runtime, &[b, narrow(&runtime, "a", &hanging("a"))]);
    let leaves = tokio::time::timeout(Duration::from_millis(100), host.run("b"));
    // 600 ms for the call, more than the 562 that count; 500 of them when it has its place.
    let late = host.run_for("b", Duration::from_millis(800));
    let (left, late) = tokio::join!(leaves, late);
    assert!(left.is_err() && late.is_err());
    assert_eq!(host.revision("a").invocations(), 2);
    assert_eq!(calls(&host, "b").failures, 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_host_runs_by_itself_has_its_whole_time_once_it_has_its_place() {
    let runtime = runtime();
    let host = TestHost::of(&runtime, &[narrow(&runtime, "a", &hanging("a"))]);
    let begun = Instant::now();
    let first = host.run_for("a", Duration::from_millis(200));
    let second = async { (host.run_for("a", Duration::from_millis(300)).await, begun.elapsed()) };
    let (first, (second, took)) = tokio::join!(first, second);
    assert_eq!((first, second), (Err(Fault::Deadline), Err(Fault::Deadline)));
    let expected = Duration::from_millis(500)..Duration::from_millis(510);
    assert!(expected.contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_overload_further_down_is_nobodys_failure_and_the_client_is_told() {
    let runtime = runtime();
    let c = with_policy(&runtime, "c", &consumer("c", "b"), policy());
    let b = with_policy(&runtime, "b", &consumer("b", "a"), policy());
    let host = TestHost::of(&runtime, &[c, b, narrow(&runtime, "a", &hanging("a"))]);
    let (_, outcome) = tokio::join!(host.run("a"), host.run("c"));
    assert!(matches!(outcome, Err(Fault::Overloaded(_))), "{outcome:?}");
    assert_eq!((calls(&host, "c").failures, calls(&host, "b").failures), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn clients_that_leave_a_provider_that_hangs_open_its_breaker() {
    let runtime = runtime();
    let b = with_policy(&runtime, "b", &consumer("b", "a"), policy());
    let host = TestHost::of(&runtime, &[b, plain(&runtime, "a", &hanging("a"))]);
    for _ in 0..5 {
        tokio::time::timeout(Duration::from_millis(600), host.run("b")).await.unwrap_err();
    }
    assert_eq!(calls(&host, "b").breaker.state, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn each_revision_of_a_provider_has_a_breaker_of_its_own() {
    let runtime = runtime();
    let b = with_policy(&runtime, "b", &degrading_consumer("b", "a"), policy());
    let second = |spec: &mut thali_runtime::RevisionSpec| spec.number = 2;
    let second = prepare_with(&runtime, "a", &fallible("a", TRAP), second).unwrap();
    let good = TestHost::of(&runtime, &[b.clone(), plain(&runtime, "a", &fallible("a", FINE))]);
    let canary = TestHost::of(&runtime, &[b.clone(), second.clone()]);
    for _ in 0..20 {
        assert_eq!(canary.run("b").await, UNAVAILABLE);
        assert_eq!(good.run("b").await, Ok(Some(Val::U32(0))));
    }
    assert_eq!(second.invocations(), 5, "cut off, in spite of the successes between");
    let seen = calls(&good, "b");
    assert_eq!(seen.breaker.state, BreakerState::Open, "the worse one is shown");
    let states: Vec<_> = seen.breakers.iter().map(|(at, view)| (&**at, view.state)).collect();
    assert_eq!(states, [("a/1", BreakerState::Closed), ("a/2", BreakerState::Open)]);
    assert!(b.upstreams()[0].force(Force::Open));
    assert_eq!(good.run("b").await, UNAVAILABLE, "an operator means all of them");
}

#[tokio::test(start_paused = true)]
async fn two_requests_whose_services_call_each_other_do_not_wait_for_their_deadlines() {
    let runtime = runtime();
    let [a, b] = [("a", "b"), ("b", "a")]
        .map(|(name, callee)| narrow(&runtime, name, &consumer(name, callee)));
    let host = TestHost::of(&runtime, &[a, b]);
    let begun = Instant::now();
    let both = tokio::join!(host.run("a"), host.run("b"));
    let took = begun.elapsed();
    assert!(matches!(both, (Err(_), Err(_))), "{both:?}");
    assert!(took <= Duration::from_millis(1010), "{took:?}");
    for service in ["a", "b"] {
        assert_eq!(host.revision(service).admissions().running, 0);
        assert_eq!(calls(&host, service).failures, 0, "nobody's provider failed");
    }
}

#[tokio::test(start_paused = true)]
async fn self_call_loop() {
    let runtime = runtime();
    let narrow = |name: &str, callee: &str| narrow(&runtime, name, &consumer(name, callee));
    let itself = TestHost::of(&runtime, &[narrow("a", "a")]);
    let each_other = TestHost::of(&runtime, &[narrow("a", "b"), narrow("b", "a")]);
    let begun = Instant::now();
    for host in [&itself, &each_other] {
        assert_eq!(host.run("a").await, Err(Fault::Depth));
        assert_eq!(host.revision("a").in_flight(), 0);
        assert_eq!(calls(host, "a").breaker.failures, 0, "nobody's provider failed");
        assert_eq!(host.run("a").await, Err(Fault::Depth), "every permit is back");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waited for a permit that is its own");
}

#[tokio::test(start_paused = true)]
async fn a_forced_breaker_holds_for_every_revision_until_it_is_taken_back() {
    let runtime = runtime();
    let wat = degrading_consumer("b", "a");
    let a = plain(&runtime, "a", &fallible("a", FINE));
    let first = with_policy(&runtime, "b", &wat, policy());
    let second = with_policy(&runtime, "b", &wat, policy());
    assert!(first.upstreams()[0].force(Force::Open));
    let host = TestHost::of(&runtime, &[second, a]);
    assert_eq!(host.run("b").await, UNAVAILABLE);
    advance(RESET * 100).await;
    assert_eq!(host.run("b").await, UNAVAILABLE);
    assert!(calls(&host, "b").breaker.forced);
    assert!(host.revision("b").upstreams()[0].force(Force::Auto));
    assert_eq!(host.run("b").await, Ok(Some(Val::U32(0))));
}
