//! Circuits that open, wait and are probed.

use super::*;
use tokio::time::advance;

const EXACT: BreakerPolicy = BreakerPolicy {
    failures: 5,
    reset: Duration::from_secs(60),
    reset_max: Duration::from_secs(200),
    jitter_percent: 0,
};
const MS: Duration = Duration::from_millis(1);

/// Makes a call that ends like this.
fn call(breaker: &Breaker, verdict: Verdict) -> Option<Change> {
    let admission = breaker.admit(&EXACT).ok().unwrap();
    breaker.record(admission, verdict, &EXACT)
}

fn retry_after(breaker: &Breaker) -> Duration {
    breaker.admit(&EXACT).err().unwrap().retry_after
}

fn opened() -> Breaker {
    let breaker = Breaker::new();
    let changes: Vec<_> = (0..5).filter_map(|_| call(&breaker, Verdict::Failure)).collect();
    assert_eq!(changes, [Change::Opened { failures: 5, pause: EXACT.reset }]);
    breaker
}

#[tokio::test(start_paused = true)]
async fn breaker_states() {
    let breaker = opened();
    assert_eq!(retry_after(&breaker), Duration::from_secs(60));
    advance(Duration::from_secs(60) - MS).await;
    assert_eq!(retry_after(&breaker), MS);
    assert_eq!(breaker.view().state, BreakerState::Open);

    advance(MS).await;
    assert_eq!(breaker.view().state, BreakerState::HalfOpen);
    let probe = breaker.admit(&EXACT).ok().unwrap();
    assert!(breaker.admit(&EXACT).is_err(), "one probe, not two");
    let pause = Duration::from_secs(120);
    assert_eq!(breaker.record(probe, Verdict::Failure, &EXACT), Some(Change::StaysOpen { pause }));

    advance(pause - MS).await;
    assert_eq!(retry_after(&breaker), MS);
    advance(MS).await;
    let pause = Duration::from_secs(200);
    assert_eq!(call(&breaker, Verdict::Failure), Some(Change::StaysOpen { pause }), "the cap");
    advance(pause).await;
    assert_eq!(call(&breaker, Verdict::Success), Some(Change::Closed));

    assert_eq!(breaker.view().state, BreakerState::Closed);
    let changes: Vec<_> = (0..5).filter_map(|_| call(&breaker, Verdict::Failure)).collect();
    let pause = EXACT.reset;
    assert_eq!(changes, [Change::Opened { failures: 5, pause }], "the pause begins anew");
}

#[tokio::test(start_paused = true)]
async fn only_failures_in_a_row_open_it() {
    let breaker = Breaker::new();
    for _ in 0..100 {
        (0..4).for_each(|_| assert_eq!(call(&breaker, Verdict::Failure), None));
        assert_eq!(call(&breaker, Verdict::Success), None);
    }
    (0..4).for_each(|_| assert_eq!(call(&breaker, Verdict::Failure), None));
    (0..100).for_each(|_| assert_eq!(call(&breaker, Verdict::Nothing), None));
    assert!(call(&breaker, Verdict::Failure).is_some(), "calls that say nothing change nothing");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_in_another_state_than_it_began_in_says_nothing() {
    let breaker = Breaker::new();
    let late: Vec<_> = (0..20).map(|_| breaker.admit(&EXACT).ok().unwrap()).collect();
    let mut late = late.into_iter();
    let mut end = |verdict| breaker.record(late.next().unwrap(), verdict, &EXACT);
    let changes: Vec<_> = (0..10).filter_map(|_| end(Verdict::Failure)).collect();
    assert_eq!(changes.len(), 1, "ten failures at once open it once");
    assert_eq!(end(Verdict::Success), None);
    assert_eq!(retry_after(&breaker), EXACT.reset, "a late success closes nothing");
    advance(EXACT.reset).await;
    assert_eq!(call(&breaker, Verdict::Success), Some(Change::Closed));
    (0..4).for_each(|_| assert_eq!(call(&breaker, Verdict::Failure), None));
    assert_eq!(end(Verdict::Failure), None, "nor do failures of old count");
    assert_eq!(end(Verdict::Success), None);
    assert!(call(&breaker, Verdict::Failure).is_some(), "nor do successes of old");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_says_nothing_leaves_the_next_call_to_probe() {
    let breaker = opened();
    advance(EXACT.reset).await;
    assert_eq!(call(&breaker, Verdict::Nothing), None);
    assert_eq!(call(&breaker, Verdict::Success), Some(Change::Closed));
}

#[tokio::test(start_paused = true)]
async fn jitter_makes_a_pause_longer_and_never_by_more_than_its_part() {
    let policy = BreakerPolicy { failures: 1, jitter_percent: 50, ..EXACT };
    let pauses = (0..200).map(|_| {
        let breaker = Breaker::new();
        let admission = breaker.admit(&policy).ok().unwrap();
        match breaker.record(admission, Verdict::Failure, &policy) {
            Some(Change::Opened { pause, .. }) => pause,
            other => panic!("{other:?}"),
        }
    });
    let pauses: Vec<_> = pauses.collect();
    let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    assert!(*least >= EXACT.reset && *most <= EXACT.reset * 3 / 2, "{least:?} {most:?}");
    assert!(*most - *least > EXACT.reset / 4, "{least:?} {most:?}");
}

#[tokio::test(start_paused = true)]
async fn an_operator_has_the_last_word_until_it_is_taken_back() {
    let breaker = Breaker::new();
    assert!(breaker.force(Force::Open) && !breaker.force(Force::Open));
    advance(EXACT.reset * 10).await;
    assert!(breaker.admit(&EXACT).is_err(), "no pause ends it");
    assert_eq!((breaker.view().forced, breaker.view().probe_in), (true, None));
    assert!(breaker.force(Force::Closed));
    (0..100).for_each(|_| assert_eq!(call(&breaker, Verdict::Failure), None));
    assert!(breaker.force(Force::Auto) && !breaker.force(Force::Auto));
    (0..4).for_each(|_| assert_eq!(call(&breaker, Verdict::Failure), None));
    assert!(call(&breaker, Verdict::Failure).is_some(), "the calls decide again");
    assert!(!breaker.force(Force::Auto), "which is no way to close what opened by itself");
    assert!(breaker.admit(&EXACT).is_err());
}

/// what nobody uses has nothing that could run.
#[tokio::test(start_paused = true)]
async fn breaker_no_busy_spin() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let breaker = opened();
    assert_eq!(tasks(), before, "an open breaker has no task");
    advance(EXACT.reset).await;
    assert_eq!((breaker.view().state, tasks()), (BreakerState::HalfOpen, before));
}

#[test]
fn many_threads_that_find_the_pause_over_make_one_probe() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let policy = BreakerPolicy { reset: Duration::ZERO, ..EXACT };
    for _ in 0..100 {
        let breaker = Breaker::new();
        for _ in 0..5 {
            let admission = breaker.admit(&policy).ok().unwrap();
            breaker.record(admission, Verdict::Failure, &policy);
        }
        let probes: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| breaker.admit(&policy).is_ok())).collect();
            threads.into_iter().map(|t| usize::from(t.join().unwrap())).sum()
        });
        assert_eq!(probes, 1);
    }
}
